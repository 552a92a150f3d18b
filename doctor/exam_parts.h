// SPDX-License-Identifier: MIT
//
// What the parts of the examination have in common: the device's facts, requests with their time, and the way back
// to dfuIDLE. Each part is one file.

#ifndef DOCTOR_EXAM_PARTS_H
#define DOCTOR_EXAM_PARTS_H

#include "doctor/exam.h"
#include "doctor/hosts/layout.h"
#include "doctor/record.h"
#include "spec/dfu.h"
#include "spec/usb_text.h"

#define EXAM_ALTERNATES_MAX 16u
#define EXAM_CONFIG_MAX     1024u
#define EXAM_TEXT_MAX       USB_TEXT_ROOM(USB_STRING_CHARS_MAX)
#define EXAM_BLOCK_MAX      4096u // libusb's limit on Linux
// USB 2.0 9.2.6.4 allows 5 s; an erase that is held in GETSTATUS may take longer, which is to be seen.
#define EXAM_TIMEOUT_MS     5000u
#define EXAM_ERASE_MS       40000u

#define FLASH_BASE          0x08000000u // of every STM32 with USB and DfuSe
#define FLASH_END           0x08200000u

struct exam {
    struct record record;
    const struct device *device; // the record's
    const struct exam_options *options;
    struct report *report;
    struct exam_result result;
    // Something was changed that is to be put back: what was sent is waited for, Ctrl-C or not.
    bool must_finish;
    bool is_over; // no more requests: the device has gone, or does not answer
    // From the descriptors.
    uint8_t device_descriptor[USB_DEVICE_DESCRIPTOR_LEN];
    uint8_t config[EXAM_CONFIG_MAX];
    uint16_t config_len;
    uint8_t interface;
    unsigned alternate_count;
    uint8_t alternate_strings[EXAM_ALTERNATES_MAX];
    char names[EXAM_ALTERNATES_MAX][EXAM_TEXT_MAX];
    bool has_functional;
    uint8_t attributes;
    uint16_t transfer_bytes, version;
    bool is_dfuse;
    // Of options->alternate.
    bool has_layout;
    bool has_chip_boundaries; // they are those of a known chip
    struct host_layout layout;
    uint32_t stride; // from a block to the one numbered next, as far as was seen; 0: not known
    bool miscounts;  // it was seen to be something else than wTransferSize
    // The last GETSTATUS, and how long the last request took.
    uint8_t status, state, string;
    uint32_t poll_ms;
    uint64_t us;
    uint32_t longest_poll_ms; // of any dfuDNBUSY
    uint8_t buffer[EXAM_BLOCK_MAX];
};

// exam.c
bool exam_is_cancelled(struct exam *x);
void exam_says(struct exam *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t exam_now(const struct exam *x); // microseconds since the beginning
enum device_result exam_control(struct exam *x, uint8_t type, uint8_t request, uint16_t value,
                                uint16_t index, void *data, uint16_t len, uint16_t *moved,
                                uint32_t timeout_ms);
enum device_result exam_request(struct exam *x, enum dfu_request_code request, uint16_t value,
                                void *data, uint16_t len, uint16_t *moved);
// GETSTATUS into the fields. One whose answer is not 6 bytes counts as refused.
enum device_result exam_status(struct exam *x, uint32_t timeout_ms);
int exam_state(struct exam *x); // GETSTATE; -1: not answered
// By ABORT and CLRSTATUS, at last by a bus reset, to dfuIDLE. False, and is_over: it cannot be led there.
bool exam_heal(struct exam *x);
// A string descriptor as text. False: stalled, or no string descriptor; `text` is empty then.
bool exam_string(struct exam *x, uint8_t index, char text[EXAM_TEXT_MAX]);
// What became of a DNLOAD: polls until it is over. Times and states are in the time line.
struct exam_work {
    enum device_result sent;  // of the DNLOAD itself
    enum device_result asked; // of the last GETSTATUS
    uint8_t first_state;      // of the first GETSTATUS
    uint32_t first_poll_ms;   // what it announced
    uint64_t us;              // from the DNLOAD to the end
    uint64_t longest_us;      // the longest GETSTATUS
    uint64_t busy_us; // that, or from the first to the last dfuDNBUSY: it took so long at least
    unsigned busy_answers; // dfuDNBUSY
    bool is_stuck;         // dfuDNBUSY for EXAM_ERASE_MS, or as often as makes no sense
    bool is_done;          // dfuDNLOAD-IDLE without an error
};
struct exam_work exam_download(struct exam *x, uint16_t block, void *data, uint16_t len);
struct exam_work exam_command(struct exam *x, uint8_t command, uint32_t addr);

// The parts, in their order.
bool exam_descriptors(struct exam *x); // false: there is no DFU interface
void exam_found_state(struct exam *x);
void exam_layout(struct exam *x);
void exam_reading(struct exam *x);
void exam_sectors(struct exam *x);
void exam_leave(struct exam *x);
// exam_reading.c: `len` bytes from `addr`, many blocks by one address once x->stride is known; false: refused,
// and healed.
bool exam_read(struct exam *x, uint32_t addr, uint8_t *out, uint32_t len);
// Where an application goes: the first sectors that can be read and written. NULL: there are none.
const struct layout_run *exam_loadable_run(const struct exam *x);
// An image's first words: a stack pointer in SRAM or CCM, and an odd address in flash.
bool exam_is_vector_table(const uint8_t *bytes);

#endif
