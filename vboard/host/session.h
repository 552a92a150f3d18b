// SPDX-License-Identifier: MIT
//
// One run of boards beside a program: who may let time pass, and when.
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

#include "vboard/gdb/gdb.h"
#include "vboard/host/control.h"
#include "vboard/host/umockdev.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/cable.h"

// How long a device may take from power-on to its pull-up before COMMAND is started without it.
#define SESSION_ATTACH_PS       (1 * PS_PER_S)
// And how long an enumeration that began may take.
#define SESSION_ENUMERATE_PS    (10 * PS_PER_S)
#define SESSION_PORTS_MAX       BRIDGE_PORTS_MAX
#define SESSION_RUN_ON_PS       (1 * PS_PER_S)
#define SESSION_UNTIMED_FAST_PS (10 * PS_PER_S)

// A port of the bus: the first is 1-1.
struct session_port {
    struct cable *cable;   // the device is connected; not plugged in yet
    struct trace *trace;   // names the board, if there are several
    struct gdb *gdb;       // NULL: no debugger may come
    const bool *has_ended; // the firmware has said so (and stopped the timeline); NULL: it cannot
};

struct session_config {
    struct timeline *timeline;
    const struct session_port *ports;
    unsigned port_count; // 1 to SESSION_PORTS_MAX
    bool is_fast;
    unsigned pace_times; // not fast: so many times the wall clock's pace
    bool has_limit;
    uint64_t limit_ps;
    char **command;           // NULL: none
    const char *command_path; // from command_find()
    const char *preload;      // from command_find_preload()
    struct control *control;  // takes commands while the boards run; NULL: none
    // Somebody who watches (vboard/view/view.h), called often between slices; NULL: nobody. COMMAND's output
    // goes to `command_output` then, and its input is empty: the terminal is the watcher's.
    void (*look)(void *ctx);
    void *look_ctx;
    int command_output;
};

// Call once, before anything starts a thread: signals are taken from here on.
bool session_prepare(void);
// Plugs the cables in, waits for the devices, runs COMMAND and runs on. The boards have power. Returns
// vboard's exit status; says notes and failures on standard error.
int session_run(const struct session_config *config);

#endif
