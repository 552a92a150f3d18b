// SPDX-License-Identifier: MIT
//
// What the scripts of this folder have in common: the DFU requests, the descriptors a program reads
// before it begins, and how a script ends. A script makes a session on its stack, opens it, and
// returns its outcome.
//
// Nothing here allocates: a test may leave a script in the middle (longjmp at a power cut).

#ifndef DOCTOR_HOSTS_WIRE_H
#define DOCTOR_HOSTS_WIRE_H

#include <stddef.h>

#include "doctor/hosts/host.h"
#include "spec/dfu.h"

// The largest wTransferSize that a session takes: libusb's on Linux (dfu-util caps there, too).
#define WIRE_BLOCK_MAX 4096u
#define WIRE_NAME_MAX  (USB_STRING_CHARS_MAX + 1)
#define WIRE_ALTS_MAX  8u

struct wire {
    const struct device *device;
    const struct host_job *job;
    uint32_t timeout_ms; // of each transfer, if not said otherwise
    struct host_outcome outcome;
    // The last GETSTATUS.
    uint8_t status, state, string;
    uint32_t poll_ms;
    // From the descriptors.
    uint8_t attributes;
    uint16_t block_bytes;
    unsigned alternate_count;
    char names[WIRE_ALTS_MAX][WIRE_NAME_MAX]; // of the alternate settings, "" where there is none
    struct host_layout layout;
    uint8_t buffer[WIRE_BLOCK_MAX];
};

// Reads configuration and functional descriptors, the names of the alternate settings, and the
// layout of the job's. False when the session is over already.
bool wire_open(struct wire *w, const struct device *device, const struct host_job *job,
               uint32_t timeout_ms);

// Requests. Each false when the transfer failed, and then the outcome says so.
bool wire_set_interface(struct wire *w, unsigned alternate);
bool wire_set_configuration(struct wire *w);
bool wire_dnload(struct wire *w, unsigned block, const void *bytes, uint32_t len);
bool wire_upload(struct wire *w, unsigned block, uint32_t len, uint32_t *got); // into w->buffer
bool wire_simple(struct wire *w, enum dfu_request_code request);               // CLRSTATUS, ABORT
bool wire_status(struct wire *w);
bool wire_status_within(struct wire *w, uint32_t timeout_ms);
// A DfuSe command with an address.
bool wire_command(struct wire *w, uint8_t command, uint32_t addr);

// The same where the program does not mind a failure: the outcome stays.
enum device_result wire_try_status(struct wire *w, uint32_t timeout_ms);
enum device_result wire_try_upload(struct wire *w, unsigned block, uint32_t len, uint32_t *got);

void wire_sleep(struct wire *w, uint32_t ms);
uint64_t wire_now_ms(const struct wire *w);

// Ends of a script; each returns false but for the stubborn.
bool wire_gives_up(struct wire *w, const char *why, uint32_t addr);
// An error status. A stubborn host clears it away and goes on: true.
bool wire_refused(struct wire *w, const char *why, uint32_t addr);
bool wire_differs(struct wire *w, uint32_t addr);
// True if the job has the host die here.
bool wire_dies(struct wire *w);

// What was read into w->buffer is what the element has at `off`; if not, the script is over.
bool wire_is_same(struct wire *w, const struct host_element *element, uint32_t off, uint32_t len);

// UPLOADs from block 2 on, sequentially, a block at a time, from an address that has been set.
bool wire_read_blocks(struct wire *w, uint32_t addr, uint8_t *out, uint32_t len);
bool wire_verify_blocks(struct wire *w, const struct host_element *element);
void wire_copy(const struct wire *w, uint8_t *out, uint32_t len); // from w->buffer
void wire_read_string(struct wire *w, uint8_t index);

// Bytes of the block at `off` of `len`.
static inline uint32_t wire_piece(const struct wire *w, uint32_t len, uint32_t off) {
    return len - off < w->block_bytes ? len - off : w->block_bytes;
}

#endif
