// SPDX-License-Identifier: MIT
//
// Between clinic.c (the host's end, the conformance suite) and clinic_inside.c (the board's inside). Nobody else
// includes this.

#ifndef VBOARD_CLINIC_INTERNAL_H
#define VBOARD_CLINIC_INTERNAL_H

#include "doctor/report.h"
#include "vboard/clinic.h"
#include "vboard/usb/cable_device.h"
#include "vboard/usb/enumerate.h"

struct clinic {
    struct board_run *board;
    const struct clinic_app *app;
    FILE *page; // NULL: nobody wants one
    struct enumerator *enumerator;
    struct cable_device host;
    struct device device;
    bool has_device;
    bool has_failed;
    char why[256];
    bool has_ended; // what is waited for
    uint64_t detached_us;
};

// For so long, or until what is waited for has ended, or the person has had enough.
void clinic_wait(struct clinic *clinic, uint64_t ps);
// Until there is a device, at most so long; whether there is one.
bool clinic_wait_for_device(struct clinic *clinic, uint64_t ps);
bool clinic_is_interrupted(void);
// What to exit with because of that; only if it is so.
int clinic_signal_status(void);

// clinic_inside.c: the examination from inside, with its words. What to exit with.
int clinic_look_inside(struct clinic *clinic);
// clinic_outside.c: what `redfu doctor` would see of it. The same.
int clinic_look_outside(struct clinic *clinic);
// Says the report as the options want it. What to exit with.
int clinic_say(const struct clinic *clinic, struct report *report);

#endif
