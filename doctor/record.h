// SPDX-License-Identifier: MIT
//
// A device in front of another one that puts each request into a report's time line, in the words of DFU 1.1 and
// DfuSe, with what it answered and how long that took.

#ifndef DOCTOR_RECORD_H
#define DOCTOR_RECORD_H

#include "doctor/device.h"
#include "doctor/report.h"

struct record {
    struct device device; // to be used instead of `below`
    const struct device *below;
    struct report *report;
    uint64_t start_us;                             // of below's clock
    uint64_t last_us;                              // how long the last request took
    unsigned first_block, next_block, block_bytes; // of blocks that are being read; 0: none
};

// Time begins here. The record has to stay where it is.
void record_begin(struct record *record, const struct device *below, struct report *report);
// Microseconds since then.
uint64_t record_now(const struct record *record);

// The request's words, such as "DNLOAD block 0: erase 0x0800C000". `data` is all that goes out with it, and not
// looked at where it comes in; NULL: not known. Returns `out`.
const char *record_words(const struct usb_setup *setup, const uint8_t *data, char *out,
                         size_t size);

#endif
