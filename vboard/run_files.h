// SPDX-License-Identifier: MIT
//
// Whether the files named for a run stand in each other's way: an output over an input, one file twice.

#ifndef VBOARD_RUN_FILES_H
#define VBOARD_RUN_FILES_H

#include <stdbool.h>

#include "vboard/options.h"

// Of all boards, before anything is opened. False with a sentence in `why`.
bool run_files_check(const struct options *first, char why[512]);

#endif
