// SPDX-License-Identifier: MIT
//
// `vboard doctor`: a host in vboard itself, at the other end of the cable, which lets doctor/ examine whatever firmware
// the board runs, and says what came of it on standard output.

#ifndef VBOARD_CLINIC_H
#define VBOARD_CLINIC_H

#include <stdbool.h>
#include <stdio.h>

#include "image/image.h"
#include "vboard/board_run.h"

// --app as bytes without a gap; zeroed: there is none.
struct clinic_app {
    uint8_t *bytes;
    uint32_t len, addr;
};

// Reads --app. False with a sentence in `fault`. Give `bytes` back with free().
bool clinic_read_app(const struct options *options, struct clinic_app *app,
                     struct image_fault *fault) __attribute__((warn_unused_result));

// Opens and empties --html's file; NULL without one, or with a sentence in `why`.
bool clinic_open_page(const struct options *options, FILE **page, char why[512])
    __attribute__((warn_unused_result));

// The board has power (board_run_start()), the cable is not plugged yet. Returns what vboard exits with: 0 nothing is
// wrong, 1 something is, 125 the questions could not be put. `page` is closed.
int clinic_run(struct board_run *board, const struct clinic_app *app, FILE *page);

#endif
