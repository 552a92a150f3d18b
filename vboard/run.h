// SPDX-License-Identifier: MIT
//
// `vboard run` and `vboard serve`: boards from their options to an exit status.

#ifndef VBOARD_RUN_H
#define VBOARD_RUN_H

#include "vboard/options.h"

// Says what went wrong on standard error; returns what vboard exits with.
// `options` is the first board's.
int run_boards(const struct options *options);

#endif
