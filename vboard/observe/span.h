// SPDX-License-Identifier: MIT
//
// Virtual times in words for a person: "250.1 ms", "1.204 s".

#ifndef VBOARD_OBSERVE_SPAN_H
#define VBOARD_OBSERVE_SPAN_H

#include <stdint.h>

#define SPAN_MAX 32u

// Four digits, truncated; nanoseconds at the finest. Returns `text`.
const char *span_text(uint64_t ps, char text[SPAN_MAX]);

#endif
