// SPDX-License-Identifier: MIT
//
// Drawings of what `script/bench load` measured, from its lines of JSON, as SVG files that need nothing else and
// can be read on a light and on a dark page:
//
//   load-time.svg    time against size, a line a program, and what flash takes by itself
//   load-split.svg   where the time of the largest full loads went, a bar a bootloader and program

#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>

extern const char plot_usage[];

// False, with a sentence on standard error, when a file cannot be read or written, or holds no load.
bool plot_write(const char *json_file, const char *folder);

#endif
