// SPDX-License-Identifier: MIT
//
// The Thumb encodings of ARMv7E-M with FPv4-SP, as ARM DDI 0403 A7.7 draws them, and for each what
// makes it UNPREDICTABLE. Written from the manual, not from vboard's decoder: what the two make of
// one another is what the tests here find out.

#ifndef TESTS_ORACLE_ENCODINGS_H
#define TESTS_ORACLE_ENCODINGS_H

#include <stdbool.h>
#include <stdint.h>

enum row_kind {
    ROW_PLAIN = 0,
    ROW_MEMORY = 1 << 0,  // Rn is an address, Rm (if any) an index
    ROW_BRANCH = 1 << 1,  // Rm is an address to go to
    ROW_IT_NOT = 1 << 2,  // UNPREDICTABLE in an IT block
    ROW_IT_LAST = 1 << 3, // UNPREDICTABLE in an IT block, but as its last instruction
    ROW_ALIGNED = 1 << 4, // faults on an address not aligned to its size whatever CCR says (A3.2.1)
    ROW_FLOAT = 1 << 5,
};

// A drawn instruction: the row's letters' values.
struct drawn {
    uint16_t halfword[2];
    bool is_long;
    uint32_t field[26]; // by letter
};

struct rule {
    const char *name;   // as the table names it
    const char *clause; // as the manual says it
    bool (*holds)(const struct drawn *drawn);
};

struct row {
    const char *title; // instruction (a section of A7.7) and encoding
    // 16 or 32 characters, blanks aside: 0 and 1; z and o for "should be" 0 and 1; a letter for each
    // bit of a field: d n m t Rd Rn Rm Rt, u Rt2, a Ra, l h RdLo RdHi, v x Vd D; the rest is the row's own.
    const char *bits;
    unsigned kind;
    const char *rule_names; // UNPREDICTABLE if one holds; with @ in front: another row's
};

extern const struct row rows[];
extern const unsigned row_count;
extern const struct rule rules[];
extern const unsigned rule_count;

// Before anything else; aborts on a table that contradicts itself.
void encodings_prepare(void);
// Draws an instruction of the row, UNPREDICTABLE ones among them; 64 bits from `random` a try.
void row_draw(const struct row *row, uint64_t (*random)(void *ctx), void *ctx, struct drawn *drawn);
// The row an instruction belongs to; NULL: UNDEFINED. "Should be" bits may be any.
const struct row *row_of(uint16_t hw1, uint16_t hw2, struct drawn *drawn);
// Whether the bits the manual writes in brackets, (0) and (1), are what they should be.
bool row_should_bits_hold(const struct row *row, const struct drawn *drawn);
// The first of the row's rules that holds; NULL: none does.
const struct rule *row_verdict(const struct row *row, const struct drawn *drawn,
                               bool *is_elsewhere);

#endif
