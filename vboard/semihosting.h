// SPDX-License-Identifier: MIT
//
// `--semihosting`: what a debugger does for a program that asks with BKPT 0xAB ("Semihosting for AArch32 and
// AArch64", Arm): its console, the time, its end. Files of the host are not opened. A call takes no virtual
// time; a debugger's takes milliseconds.

#ifndef VBOARD_SEMIHOSTING_H
#define VBOARD_SEMIHOSTING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vboard/chip/chip.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"

#define SEMIHOSTING_FEATURES_LEN 5u

struct semihosting {
    struct chip *chip;
    struct timeline *timeline;
    struct trace *trace;
    FILE *out;
    FILE *in; // NULL: the console says "end of file"
    unsigned features_read;
    bool has_ended; // SYS_EXIT: the processor stands, the timeline was stopped
    int status;     // of the program: 0 if all went well
};

// Answers from now on. Before power comes up; everything stays the caller's.
void semihosting_start(struct semihosting *semihosting, struct chip *chip,
                       struct timeline *timeline, struct trace *trace, FILE *out, FILE *in);

#endif
