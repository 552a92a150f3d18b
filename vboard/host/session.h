// SPDX-License-Identifier: MIT
//
// One run of a board beside a program: who may let time pass, and when.
//
// One thread, the caller's, owns the simulation. In each turn it serves what programs asked for,
// then lets virtual time pass if it may:
//
// `--pace real`: up to the wall clock.
// `--pace fast`: while COMMAND is asleep (quiet.h) and something is to come: a transfer or an
//   enumeration under way, a timed wait's deadline, an armed timer, or an untimed wait for the
//   cable. Time stops at each thing that wakes COMMAND up. An untimed wait for the cable runs fast
//   for SESSION_UNTIMED_FAST_PS of silence, then at the wall clock's pace, so that a program that
//   waits for a person to do something does not burn the processor for nothing.

#ifndef VBOARD_HOST_SESSION_H
#define VBOARD_HOST_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/cable.h"

// How long a device may take from power-on to its pull-up before COMMAND is started without it.
#define SESSION_ATTACH_PS (1 * PS_PER_S)
// And how long an enumeration that began may take.
#define SESSION_ENUMERATE_PS    (10 * PS_PER_S)
#define SESSION_RUN_ON_PS       (1 * PS_PER_S)
#define SESSION_UNTIMED_FAST_PS (10 * PS_PER_S)

struct session_config {
    struct timeline *timeline;
    struct trace *trace;
    struct cable *cable; // the device is connected; not plugged in yet
    bool is_fast;
    bool has_limit;
    uint64_t limit_ps;
    char **command;           // NULL: none
    const char *command_path; // from command_find()
    const char *preload;      // from command_find_preload()
};

// Call once, before anything starts a thread: signals are taken from here on.
bool session_prepare(void);
// Plugs the cable in, waits for the device, runs COMMAND and runs on. The board has power. Returns
// vboard's exit status; says notes and failures on standard error.
int session_run(const struct session_config *config);

#endif
