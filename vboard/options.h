// SPDX-License-Identifier: MIT
//
// What a person asked for on the command line of `vboard run` or `vboard serve`, as a struct; and the
// words of `--help`. Nothing is opened or started here.

#ifndef VBOARD_OPTIONS_H
#define VBOARD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vboard/boards.h"

enum pace { PACE_FAST, PACE_REAL };

struct load_option {
    const char *text; // as given, for sentences
    char *path;
    uint64_t addr; // IMAGE_NO_ADDRESS when not given
};

struct pin_option {
    char pin[8]; // "PA0"
    int level;
    uint64_t at_ps;
    uint64_t duration_ps; // 0: for good
};

// --cut: power goes at one flash operation.
struct cut_option {
    uint64_t number; // of the operation, from 1; 0: no cut
    bool is_torn;    // inside it rather than before it
    uint64_t seed;   // of what is left half done
};

// The cable is pulled, and plugged in again.
struct unplug_option {
    uint64_t at_ps;
    uint64_t duration_ps; // 0: for good
};

// --supply
struct supply_option {
    unsigned mv;
    uint64_t at_ps;
    uint64_t duration_ps; // 0: for good
};

struct options {
    const struct board *board;
    struct load_option *loads;
    size_t load_count;
    struct pin_option *pins;
    size_t pin_count;
    struct unplug_option *unplugs;
    size_t unplug_count;
    struct supply_option *supplies;
    size_t supply_count;
    const char *flash_path; // NULL: flash is not kept
    const char *trace_path; // NULL: no trace; "-": standard output
    enum pace pace;
    bool has_limit;
    uint64_t limit_ps;
    struct cut_option cut;
    char **command; // NULL-terminated; NULL without a COMMAND
    // vboard serve:
    bool is_serve;
    const char *usbredir_path; // NULL: no usbredir
    const char *control_path;  // NULL: no control socket
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_HELP,   // --help was asked for
    OPTIONS_BOARDS, // --board list
    OPTIONS_WRONG,  // `fault` has one sentence
};

struct options_fault {
    char text[512];
};

// Reads the arguments behind the command; argv[0] is "run" or "serve". Strings that options point
// to are argv's, except what options_free() gives back.
enum options_result options_read(struct options *options, int argc, char **argv,
                                 struct options_fault *fault) __attribute__((warn_unused_result));
void options_free(struct options *options);

// "250ms", "1.5s", "20us", "3ns", "2min"; a plain number is seconds. False for anything else, and for what
// does not fit in 64 bits of picoseconds.
bool options_time(const char *text, uint64_t *ps);

void options_usage(FILE *to);
void options_run_help(FILE *to);
void options_serve_help(FILE *to);
void options_board_list(FILE *to);

#endif
