// SPDX-License-Identifier: MIT
//
// What the parts of the suite have in common: the device's facts, requests, the way into each state, and how
// an assertion is reported. Each part is one function of parts[] in suite.c.

#ifndef DOCTOR_CONFORMANCE_SUITE_H
#define DOCTOR_CONFORMANCE_SUITE_H

#include "doctor/conformance/conformance.h"
#include "doctor/hosts/layout.h"
#include "spec/dfu.h"

#define SUITE_CONFIG_MAX 1024u
#define SUITE_TEXT_MAX   160u
#define SUITE_BLOCK_MAX  8192u
#define SUITE_TIMEOUT_MS 5000u // USB 2.0 9.2.6.4: the longest that a control transfer may take

struct suite {
    const struct device *device;
    const struct conformance_options *options;
    struct conformance_summary summary;
    bool is_over;       // the device has gone, or the caller wants no more
    bool has_left;      // and has not come back
    bool may_leave;     // it is told to: that it goes is no surprise
    bool was_kept_back; // by the operating system: what is judged next was not tried
    unsigned silences;  // requests in a row that were not answered in time
    // From the descriptors.
    uint8_t device_descriptor[18];
    uint8_t config[SUITE_CONFIG_MAX];
    uint16_t config_len;
    uint8_t interface;
    uint8_t configuration;
    unsigned alternate_count;
    const uint8_t *functional; // inside config
    uint8_t attributes;
    uint16_t transfer_bytes;
    uint16_t version;
    bool is_dfuse;
    bool has_address; // of something that can be read
    uint32_t address;
    enum device_result result; // of the last request
    // The last GETSTATUS.
    uint8_t status, state, string;
    uint32_t poll_ms;
    uint64_t status_at_us; // before it was asked
    uint8_t buffer[SUITE_BLOCK_MAX + 1];
    char id[64];
    char seen[SUITE_TEXT_MAX];
};

// Reports; the seen text is printf's.
void suite_judge(struct suite *s, const char *id, const char *clause,
                 enum conformance_verdict verdict, const char *expected, const char *seen, ...)
    __attribute__((format(printf, 6, 7)));
void suite_untried(struct suite *s, const char *id, const char *clause, const char *expected,
                   const char *why);

// One control transfer with the suite's bound. `moved` may be NULL.
enum device_result suite_control(struct suite *s, uint8_t type, uint8_t request, uint16_t value,
                                 uint16_t index, void *data, uint16_t len, uint16_t *moved);
// A class request to the DFU interface.
enum device_result suite_request(struct suite *s, enum dfu_request_code request, uint16_t value,
                                 void *data, uint16_t len, uint16_t *moved);
// GETSTATUS into the fields.
enum device_result suite_status(struct suite *s);
// GETSTATE; -1 when it was not answered.
int suite_state(struct suite *s);
// Leads the device to dfuIDLE by requests alone, at last by a bus reset. False: it cannot be led there.
bool suite_heal(struct suite *s);
// From dfuIDLE, or from wherever it is, into a state; false when this device does not come into it so. Of
// the states only those that change nothing: dfuIDLE, dfuDNLOAD-SYNC, dfuDNBUSY, dfuDNLOAD-IDLE, dfuUPLOAD-IDLE,
// dfuERROR, and DfuSe's dfuMANIFEST-SYNC, which a device leaves for good only at the GETSTATUS that never comes.
bool suite_enter(struct suite *s, enum dfu_state state);
// A DNLOAD that changes nothing: DfuSe's Set Address. Only if has_address.
enum device_result suite_harmless_dnload(struct suite *s);
// "STALL", "acknowledged", "no answer", "gone".
const char *suite_result_name(enum device_result result);

void suite_descriptors(struct suite *s);
void suite_cells(struct suite *s);
void suite_requests(struct suite *s);
void suite_dfuse(struct suite *s);
void suite_chapter9(struct suite *s);
// What some devices do not survive or leave after, behind all that would be untried then: an empty DNLOAD in each
// state, and a configuration descriptor that there is not.
void suite_empty_blocks(struct suite *s);
void suite_wrong_configuration(struct suite *s);
// Last: dfuMANIFEST and what comes behind it.
void suite_leaving(struct suite *s);

#endif
