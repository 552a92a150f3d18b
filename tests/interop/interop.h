// SPDX-License-Identifier: MIT
//
// The matrix: who loads redfu-boot, and what each can do with it. A row is a host program on one board
// over one kind of bus; a column is something that people do. Rows of programs run the programs themselves;
// rows of scripts play what doctor/hosts knows of programs that cannot be had here.

#ifndef TESTS_INTEROP_INTEROP_H
#define TESTS_INTEROP_INTEROP_H

#include <stdbool.h>

enum column {
    FIRST_LOAD = 0,
    SECOND_LOAD, // another image over the first, in a session of its own
    VERIFY,
    READ_BACK,
    LEAVE, // the application starts without a reset by hand
    MASS_ERASE,
    REFUSED, // the bootloader's own sector: not written, and said so
    UNPLUG,  // half way; and again
    COLUMNS,
};

enum verdict {
    HELD = 0,
    FAILED,
    NONE,    // the program has no such thing
    NOT_RUN, // the program is not here
};

struct stand {
    const char *name; // vboard's
    const char *core;
};

extern const unsigned program_count;
const char *program_name(unsigned program);
// Whether it can be run in the guest at all.
bool program_in_vm(unsigned program);
// Runs one cell. NONE: `why` says in a few words why. FAILED: it has been told on standard error.
// `in_vm`: through Debian's kernel in QEMU instead of umockdev. `work` is a folder with one.bin and two.bin.
enum verdict program_cell(unsigned program, const struct stand *stand, bool in_vm,
                          enum column column, const char *work, const char **why);
// It does not come with Debian.
bool program_is_brought(unsigned program);
// Whether the program is here, or can be brought; if not, every cell of its row is NOT_RUN, and `why` says what is missing
// in the program's own words. May take the network's time.
bool program_is_here(unsigned program, const char **why);

extern const unsigned script_count;
const char *script_name(unsigned script);
// As program_cell, over the cable: a script needs no folder and no bus of the PC.
enum verdict script_cell(unsigned script, const struct stand *stand, enum column column,
                         const char **why);

#endif
