// SPDX-License-Identifier: MIT
//
// The examination of a device in DFU mode, over doctor/device.h. What changes nothing comes first: descriptors,
// strings, the memory layout, the state as it was found, reading, time. Then, only for sectors named by whoever
// consents: erasing, writing and looking at all that can be read, after which everything is put back. Last, and only
// if that is wanted by name, the device is told to leave DFU mode: whether it comes back nobody can know before.
//
// Never sent: mass erase, read unprotect, an erase or a write outside of the sectors consented to (but to put back
// what the device itself destroyed elsewhere), an address outside of the device's own map, UPLOAD of block 1, and,
// unless wanted, what makes a device leave DFU mode. Requests that would set going what an earlier session left half done are not sent
// before that is aborted.
//
// Not here: the PC (cli/), the conformance suite, files.

#ifndef DOCTOR_EXAM_H
#define DOCTOR_EXAM_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/device.h"
#include "doctor/report.h"

#define EXAM_SECTORS_MAX 4u

struct exam_memory {
    uint32_t addr, len;
    uint8_t *bytes;
};

struct exam_options {
    void *ctx;
    // Asked between requests; true ends the examination in an orderly way. NULL: never.
    bool (*is_cancelled)(void *ctx);
    // What is being done now, for a person. NULL: nobody wants to know.
    void (*progress)(void *ctx, const char *words);
    unsigned alternate; // whose memory is looked at
    // Sectors that may be overwritten; each is the first address of one.
    uint32_t sectors[EXAM_SECTORS_MAX];
    unsigned sector_count;
    // Called with all readable flash before anything is changed. False: it could not be saved, and nothing is
    // changed. Has to be there if sector_count is not 0.
    bool (*save)(void *ctx, const struct exam_memory *memory, unsigned count);
    // At the end, with flash as it was: the device is told to leave DFU mode, if an application stands there that
    // can be started.
    bool must_leave;
};

struct exam_result {
    bool is_cancelled;
    bool is_refused;       // sectors were named that cannot be taken: report->incomplete says why
    bool is_unrestored;    // flash is not as it was; findings and report->incomplete say where
    bool is_told_to_leave; // and took it; what came of it is in the report
    bool has_left;         // no device in DFU mode is there any more
    bool is_idle;          // the device was left in dfuIDLE
};

// Puts what is found into the report. The device is enumerated and configured.
struct exam_result exam_run(const struct device *device, const struct exam_options *options,
                            struct report *report);

#endif
