// SPDX-License-Identifier: MIT
//
// `vboard run` and `vboard serve`: a board from its options to its exit status.

#ifndef VBOARD_RUN_H
#define VBOARD_RUN_H

#include "vboard/options.h"

// Says what went wrong on standard error; returns what vboard exits with.
int run_board(const struct options *options);

#endif
