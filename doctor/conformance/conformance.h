// SPDX-License-Identifier: MIT
//
// The conformance suite: named assertions on one DFU device, each with the clause of the specification it
// comes from, put to the device through doctor/device.h. DFU 1.1, DfuSe (AN2662, UM0424) and, of USB 2.0
// chapter 9, what a program on the far side of an operating system can ask.
//
// Nothing is sent that changes flash, makes the device leave DFU mode (unless allowed), or lifts read protection; of DfuSe's
// commands only Set Address, Get Commands and some that do not exist. What could be shown only by writing or leaving is
// reported as untried. The device is left in dfuIDLE with alternate setting 0, if it can be led there.
//
// Not here: why a device departs, and what to do about it (the findings), and words for people beyond the
// assertion's own.

#ifndef DOCTOR_CONFORMANCE_CONFORMANCE_H
#define DOCTOR_CONFORMANCE_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/device.h"

enum conformance_verdict {
    CONFORMANCE_HELD,
    // Not what the specification says, but what well-known hosts rely on or the field does: `seen` begins with
    // the departure's name. No fault.
    CONFORMANCE_DEPARTS,
    CONFORMANCE_FAILED,
    CONFORMANCE_UNTRIED, // it could not be brought about, or only by writing: `seen` says which
};

struct conformance_result {
    const char *id;     // stable: "dfuIDLE/DETACH", "functional/length"
    const char *clause; // "DFU 1.1 A.2.3"
    const char *expected;
    const char *seen;
    enum conformance_verdict verdict;
};

struct conformance_options {
    // Called after each assertion; false ends the run there (Ctrl-C).
    bool (*report)(void *ctx, const struct conformance_result *result);
    void *ctx;
    // Also what changes nothing, but may upset a device that is not sound: a DNLOAD longer than its buffer (ST's class
    // before 2.8.0 writes past its end), and bus resets in the middle, at which some start the application.
    bool allows_upsetting;
    // Last, dfuMANIFEST and dfuMANIFEST-WAIT-RESET: the device leaves DFU mode, once a request, and is tried as long as it
    // comes back by itself.
    bool allows_leaving;
    // An operating system lies between: what it does not send is told as untried.
    bool is_over_system;
};

#define CONFORMANCE_VERDICTS 4u

struct conformance_summary {
    unsigned count[CONFORMANCE_VERDICTS];
    // NULL: the suite came to its end. Else why it could not begin or go on.
    const char *why;
};

// Puts all assertions to a device that is in DFU mode, enumerated and configured.
struct conformance_summary conformance_run(const struct device *device,
                                           const struct conformance_options *options);

// "held", "departs", "FAILED", "untried".
const char *conformance_verdict_name(enum conformance_verdict verdict);

#endif
