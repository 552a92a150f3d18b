// SPDX-License-Identifier: MIT
//
// What a person does to a board on the desk, by word: `vboard ctl SOCKET WORD...`.

#ifndef VBOARD_BENCH_H
#define VBOARD_BENCH_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/boards.h"
#include "vboard/chip/chip.h"
#include "vboard/host/serve.h"
#include "vboard/timeline.h"
#include "vboard/usb/cable.h"

struct bench {
    const struct board *board;
    struct timeline *timeline;
    struct chip *chip;
    struct cable *cable;
    struct serve *serve;
    // The bench's own.
    struct event power_event; // power comes back
};

// How long power-cycle leaves the board without power: long enough for a host to see the device go.
#define BENCH_OFF_PS (100 * PS_PER_MS)

// Does what one line says (a control_do; ctx is the bench). While the board does not run, that is,
// between two timeline_run(). False with a sentence in `why`; nothing has happened then.
bool bench_do(void *ctx, const char *line, FILE *reply, char why[512]);
// The words there are, one a line with what each does.
void bench_help(FILE *to);

#endif
