// SPDX-License-Identifier: MIT
//
// A memory layout string as each host program reads it: whether that program takes it, and if not, what it stumbles
// over. doctor/hosts/layout.h is the strict form that all of them take.

#ifndef DOCTOR_GRAMMAR_H
#define DOCTOR_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

struct grammar {
    const char *tool;
    bool is_inferred; // from published logs, not from source
    // True if the program takes the text; else `why` says what it stumbles over, in half a sentence.
    bool (*takes)(const char *text, char *why, size_t size);
};

extern const unsigned grammar_count;
const struct grammar *grammar_at(unsigned index); // NULL: no more

#endif
