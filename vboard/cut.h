// SPDX-License-Identifier: MIT
//
// The instant at which power goes, in words: `flash:N[,torn[=SEED]]` or `insn:N`, for --cut and for
// vboard ctl; and the cut itself.

#ifndef VBOARD_CUT_H
#define VBOARD_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/chip/chip.h"
#include "vboard/trace.h"

#define CUT_FORM "flash:N[,torn[=SEED]] or insn:N, as in flash:100,torn"

enum cut_kind {
    CUT_NONE,
    CUT_FLASH,       // before the N-th flash operation
    CUT_INSTRUCTION, // before the N-th instruction
};

struct cut_when {
    enum cut_kind kind;
    uint64_t number; // from 1
    bool is_torn;    // inside the flash operation rather than before it
    uint64_t seed;   // of what is left half done
};

// NULL when understood; else what is wrong, as the end of a sentence.
const char *cut_read(const char *text, struct cut_when *when) __attribute__((warn_unused_result));

// A cut to come. Plain memory: it may be set aside with its chip (vboard/snapshot.h), and
// cut_restored() called when both were put back.
struct cut {
    struct chip *chip;
    struct trace *trace;
    struct cut_when when;
    uint64_t flash_ops;         // since cut_arm()
    uint64_t first_instruction; // number of the next one at cut_arm()
    bool has_happened;
};

// Counts from now on, and takes the place of a cut that `cut` (zeroed before first use) was. It stays the
// caller's until power went or cut_disarm().
void cut_arm(struct cut *cut, struct chip *chip, struct trace *trace, const struct cut_when *when);
void cut_disarm(struct cut *cut);
void cut_restored(struct cut *cut);
// Operations, or instructions, that came since cut_arm(): what --cut says of one that never came.
uint64_t cut_passed(const struct cut *cut);
// "flash operation", "instruction".
const char *cut_unit(const struct cut *cut);

#endif
