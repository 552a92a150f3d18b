// SPDX-License-Identifier: MIT
//
// The whole program redfu on the desk, in this process.

#ifndef TESTS_HOST_REDFU_RUN_H
#define TESTS_HOST_REDFU_RUN_H

#include <stdbool.h>

#include "tests/host/redfu_desk.h"

struct outcome {
    int status;
    char *out, *err;
};

// Runs "redfu" with words separated by blanks; "%" stands for `folder`. Freed with outcome_free().
struct outcome cli_run(struct bench *bench, const char *folder, const char *words,
                       bool is_terminal);
void outcome_free(struct outcome *outcome);

// Fails the test unless it ends so, with one of redfu's sentences on standard error that has these words.
void cli_ends(struct bench *bench, const char *folder, const char *words, int status,
              const char *sentence);
void cli_says(const char *text, const char *wanted);

// Puts good.bin into the folder: 200 bytes that a board can start.
void cli_put_startable(const char *folder);

#endif
