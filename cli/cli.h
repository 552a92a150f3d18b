// SPDX-License-Identifier: MIT
//
// The program redfu without its surroundings, so that tests can run it whole: where it prints, how it
// reaches USB and how it learns of Ctrl-C are given.

#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "host/redfu.h"

struct surroundings {
    FILE *out;        // results and progress
    FILE *err;        // errors
    bool is_terminal; // `out` is one: progress is redrawn in place
    void *ctx;
    enum redfu_result (*connect)(void *ctx, struct redfu **redfu, struct redfu_fault *fault);
    bool (*is_cancelled)(void *ctx);
};

// Returns the exit status: an enum redfu_result.
int cli_main(int argc, char *const *argv, const struct surroundings *surroundings);

// --- For commands.c and its helpers --------------------------------------------------------------

struct cli {
    const struct surroundings *surroundings;
    const struct options *options;
    struct redfu_fault fault;
    bool line_is_open; // progress was printed without its newline
    unsigned percent;  // shown last
};

// help.c
void help_print(FILE *out, enum command command);

// commands.c
enum redfu_result commands_run(struct cli *cli);

// seal.c: `redfu seal`, which needs no device.
enum redfu_result seal_file(struct cli *cli);

// describe.c: list's and info's words.
void describe_device(FILE *out, const struct redfu_device *device);
void describe_session(FILE *out, const struct redfu_description *description);

// progress.c: what operations are told to call; NULL-free, silent with --quiet.
struct redfu_watch progress_watch(struct cli *cli);
// Ends a line that was left open by a failure.
void progress_break(struct cli *cli);
// "16 KB", "1000 bytes".
const char *words_size(uint64_t bytes, char *out, size_t size);
// "251 ms", "1.25 s".
const char *words_time(uint64_t us, char *out, size_t size);

#endif
