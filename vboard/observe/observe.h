// SPDX-License-Identifier: MIT
//
// Everything that watches a board for `vboard run` and `vboard serve` and changes nothing: what was
// asked for with --watch, --pcap, --vcd and --report. A run with them takes the same virtual time and
// writes the same trace as one without, but for their own lines.

#ifndef VBOARD_OBSERVE_OBSERVE_H
#define VBOARD_OBSERVE_OBSERVE_H

#include <stdbool.h>

#include "vboard/chip/chip.h"
#include "vboard/loads.h"
#include "vboard/observe/usb_count.h"
#include "vboard/options.h"
#include "vboard/trace.h"
#include "vboard/usb/cable.h"

struct observe_config {
    const struct options *options;
    const struct loads *loads;
    struct chip *chip;
    struct cable *cable;
    struct timeline *timeline;
    struct trace *trace;
};

struct observe;

// Refuses what cannot be done: NULL with a sentence in `why`, nothing opened. Everything in the
// config stays the caller's and valid. Before chip_power_on(); flash need not be filled yet.
struct observe *observe_new(const struct observe_config *config, char why[512]);
// Somebody else who wants to hear what the chip tells, beside what the options asked for; NULL: nobody. Before
// chip_power_on(), and it stays valid.
void observe_also(struct observe *observe, const struct chip_observer *also);
// Opens (and empties) the files asked for; the last thing that may be refused.
bool observe_open(struct observe *observe, char why[512]) __attribute__((warn_unused_result));
// The firmware is in memory.
void observe_start(struct observe *observe);
// The board was set back to a snapshot: calls that were open are given up. Counts go on, since what
// they count did happen.
void observe_restored(struct observe *observe);
// The run is over, for good: says what was seen. False with a sentence where a file could not be written.
bool observe_end(struct observe *observe, char why[512]) __attribute__((warn_unused_result));
// What passed on the cable so far.
const struct usb_count *observe_usb(const struct observe *observe);
// Before chip_free() and cable_free().
void observe_free(struct observe *observe);

#endif
