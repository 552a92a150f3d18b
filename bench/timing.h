// SPDX-License-Identifier: MIT
//
// Where the time of one load went, read from a trace of vboard.
//
// The load is from the first request that is not chapter 9's (what the program asks of the DFU interface, or of
// redfu-boot by a vendor's request) to the end of the last one. Each instant of it belongs to one thing: while
// flash erases or programs, to flash, whatever the host does meanwhile; else to the transfer under way (the wire, or a device
// that makes the host wait); else to what the host's controller takes before a transfer; else to the host's own
// sleep. So the parts add up to the whole.

#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stdbool.h>

struct timing {
    double total_ms;
    double erase_ms, program_ms, transfer_ms, controller_ms, sleep_ms;
    unsigned transfers;
};

// False when the trace cannot be read, or has no such request on it. cost_us: of a transfer, `--transfer-cost`.
bool timing_read(const char *trace, double cost_us, struct timing *timing);

#endif
