// SPDX-License-Identifier: MIT
//
// What a program that writes files does first of all. Both programs, cli/ and vboard/, include image/, and neither the other.

#ifndef IMAGE_STREAMS_H
#define IMAGE_STREAMS_H

#include <stdbool.h>

// Files opened later would get the numbers of streams that the caller closed, and the program's words would go into
// them. Opens those, the wrong way round, so that writing to one fails still, and is told. False: they cannot be.
bool streams_open_missing(void) __attribute__((warn_unused_result));
// A file that may not grow (ulimit -f) makes write() fail from then on instead of ending the program.
void streams_survive_file_limit(void);

#endif
