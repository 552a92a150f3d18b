// SPDX-License-Identifier: MIT
//
// What `--uart` connects to a board's serial ports, `--semihosting` to a program that asks a debugger, and
// `--itm` to the trace unit: a file or the terminal that takes what the chip sends, and a file of bytes that
// the chip receives.

#ifndef VBOARD_CONSOLE_H
#define VBOARD_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/options.h"
#include "vboard/semihosting.h"

// With --view: what is standard output else, and what takes what is sent on serial ports that no option names.
struct console_screen {
    FILE *output, *shown;
};

struct console {
    unsigned itm_port; // plus 1; 0: another kind of console
    FILE *out;
    const char *out_path;
    FILE *in;       // NULL: nothing comes
    bool is_shared; // `out` is closed elsewhere
};

struct consoles {
    struct console *all;
    size_t count;
    const struct console_screen *screen;
    struct semihosting semihosting; // out is NULL without --semihosting
};

// Opens the files of every --uart, --semihosting and --itm and connects them to the chip; false with a
// sentence in `why`. An output file is emptied. `consoles` stays where it is. `screen` is NULL without --view.
bool consoles_open(struct consoles *consoles, const struct options *options,
                   const struct console_screen *screen, struct chip *chip,
                   struct timeline *timeline, struct trace *trace, char why[512]);
// Writes out what is still buffered and closes; false with a sentence when something was lost.
bool consoles_close(struct consoles *consoles, char why[512]);

#endif
