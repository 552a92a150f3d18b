// SPDX-License-Identifier: MIT
//
// `--report[=FILE]`: what happened on the board, for a person, at the end of the run: resets, where the
// processor is, the flash before and after, USB requests, complaints.

#ifndef VBOARD_OBSERVE_REPORT_H
#define VBOARD_OBSERVE_REPORT_H

#include <stdbool.h>

#include "vboard/chip/chip.h"
#include "vboard/loads.h"
#include "vboard/observe/usb_count.h"
#include "vboard/observe/watch.h"
#include "vboard/options.h"

struct run_report;

// Opens and empties the file; NULL with a sentence in `why`. Pointers stay the caller's.
struct run_report *run_report_new(const struct options *options, const struct loads *loads,
                                  struct chip *chip, const struct timeline *timeline,
                                  const struct trace *trace, char why[512]);
// The firmware is in flash: this is how it was before.
void run_report_start(struct run_report *report);
// From the chip's observer.
void run_report_reset(struct run_report *report, const char *cause);
void run_report_vector_table(struct run_report *report, uint32_t addr);
void run_report_exception(struct run_report *report, unsigned number);
// Writes it all. `processor` is stuck_look()'s; `watch` may be NULL. False with a sentence in `why`
// if the file could not be written.
bool run_report_end(struct run_report *report, const struct usb_count *usb,
                    const struct watch *watch, const char *processor, char why[512]);
void run_report_free(struct run_report *report);

#endif
