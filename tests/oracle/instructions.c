// SPDX-License-Identifier: MIT
//
// Random single instructions on vboard's interpreter and on libunicorn's Cortex-M4: the same
// registers, flags, special registers and memory must come out, or the same fault. Encodings and
// what is UNPREDICTABLE are encodings.c's; where unicorn itself is wrong is known_traits[] here, one
// by one.
//
// A case is a number: seed and number give the instruction, its registers, memory and whether it
// stands in an IT block. Every row of the encodings gets its turn, one case in sixteen is any
// bits at all, so that what is UNDEFINED is seen as such.

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/oracle/encodings.h"
#include "tests/oracle/machine.h"

#define OPERATIONS_MAX 512u
#define ITSTATE        0x0600fc00u // of xPSR, outside exceptions
#define REPORTED_MAX   20u         // differences told in full

struct random_source {
    uint64_t state;
};

struct test_case {
    uint64_t seed, number;
    const struct row *row; // NULL: UNDEFINED
    struct drawn drawn;
    uint16_t code[16]; // LDREX, CLREX, IT and four long ones at most
    unsigned halfwords;
    struct run run;
    uint8_t it; // ITSTATE the instruction stands under; 0: in no block
    struct machine start;
};

// What unicorn does otherwise than the architecture, told by what can be seen of the case.
struct trait {
    const char *reason;
    bool (*applies)(const struct test_case *c, const struct machine *ours,
                    const struct machine *theirs);
    // What must come out of vboard all the same; NULL: nothing to hold it against.
    bool (*holds)(const struct test_case *c, const struct machine *ours);
};

static struct {
    uint64_t cases, differences, undefined;
    uint64_t row_hits[512], operation_hits[OPERATIONS_MAX], excluded[128], trait_hits[32];
    uint64_t excluded_should_be, excluded_coprocessor, excluded_sp_bits;
} tally;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

// splitmix64 (Steele, Lea, Flood 2014): any seed is a good one.
static uint64_t next(void *ctx) {
    struct random_source *source = ctx;
    uint64_t z = source->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool one_in(struct random_source *source, unsigned n) {
    return next(source) % n == 0;
}

static uint32_t code_address(struct random_source *source) {
    return CODE_BASE + (uint32_t)(next(source) % (CODE_BYTES / 2)) * 2;
}

// --- drawing a case ------------------------------------------------------------------------------

static uint32_t operand(struct random_source *source) {
    static const uint32_t edges[] = {0,          1,          0xffffffff, 0x7fffffff, 0x80000000,
                                     0x80000001, 0xffff8000, 0x00007fff, 0x80008000, 0x7fff7fff,
                                     31,         32,         33,         0xff,       0xffff};
    uint64_t value = next(source);
    switch (value >> 61) {
    case 0:
    case 1:
        return edges[(uint32_t)value % (sizeof edges / sizeof edges[0])];
    case 2:
        return (uint32_t)value & 0xff;
    default:
        return (uint32_t)value;
    }
}

// Zeros, denormals, the ends of the range, infinities, NaNs; numbers near one another, so that sums
// cancel; halves and integers for conversions.
static uint32_t float_operand(struct random_source *source, uint32_t exponent) {
    static const uint32_t edges[] = {
        0x00000000, 0x00000001, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff,
        0x3f000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40200000, 0x4b000001,
        0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x46fffe00, 0x47000000, 0x477fe000,
        0x477ff000, 0x47800000, 0x38800000, 0x387fe000, 0x33800000, 0x33000001, 0x7f7fffff,
        0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fc12345, 0x7fffffff};
    uint64_t value = next(source);
    uint32_t sign = (uint32_t)value & 0x80000000, fraction = (uint32_t)value & 0x7fffff;
    if (value & 0x4000000) { // short, or long with a tail
        fraction &= ~((1u << (value >> 32 & 15)) - 1) << 8;
    }
    switch (value >> 61) {
    case 0:
    case 1:
        return sign | edges[(uint32_t)(value >> 32 & 0xffff) % (sizeof edges / sizeof edges[0])];
    case 2: // an integer's or two halves' bits
        return operand(source);
    case 3:
        return (uint32_t)value;
    case 4: // within the range of integers and halves
        return sign | (uint32_t)(100 + (value >> 40) % 64) << 23 | fraction;
    default:
        return sign | ((exponent + (uint32_t)(value >> 40) % 4) & 0xff) << 23 | fraction;
    }
}

static void draw_float_registers(struct test_case *c, struct random_source *source) {
    struct machine *m = &c->start;
    uint32_t exponent = (uint32_t)next(source) & 0xff;
    for (unsigned i = 0; i < 32; i++) {
        m->s[i] = float_operand(source, exponent);
    }
    m->fpscr = (uint32_t)next(source) & 0xf7c0009f; // A2.5.3
    if (one_in(source, 2)) {
        m->fpscr &= 0xf0c00000; // plain: rounding, no flags yet
    }
    if (!one_in(source, 8)) {
        m->control |= 4; // FPCA
    }
}

// Aligned as a rule, with room for any offset on both sides.
static uint32_t ram_address(struct random_source *source) {
    uint64_t value = next(source);
    uint32_t addr = RAM_BASE + RAM_BYTES / 2 + (uint32_t)(value & 0x3fc);
    return (value >> 62) == 0 ? addr + (uint32_t)(value >> 32 & 3) : addr;
}

static void draw_registers(struct test_case *c, struct random_source *source) {
    struct machine *m = &c->start;
    unsigned kind = c->row ? c->row->kind : 0;
    unsigned n = c->drawn.field['n' - 'a'], rm = c->drawn.field['m' - 'a'];
    for (unsigned i = 0; i < 15; i++) {
        m->r[i] = operand(source);
    }
    if ((kind & ROW_MEMORY) && rm < 13) {
        m->r[rm] = (uint32_t)(next(source) & 0xff) - (one_in(source, 4) ? 0x100u : 0);
    }
    if ((kind & ROW_MEMORY) && n < 15) {
        m->r[n] = ram_address(source);
    }
    if ((kind & ROW_BRANCH) && rm < 15 && rm != 13) {
        m->r[rm] = code_address(source) | !one_in(source, 8);
    }
    m->r[13] = RAM_BASE + RAM_BYTES / 2 + (uint32_t)(next(source) & 0x3fc);
    m->msp = m->psp = m->r[13];
    if (one_in(source, 8)) {
        m->control = 2; // SPSEL
        m->msp = RAM_BASE + (uint32_t)(next(source) & 0x3ffc);
    } else {
        m->psp = RAM_BASE + (uint32_t)(next(source) & 0x3ffc);
    }
    m->xpsr = (uint32_t)(next(source) & 0xf80f0000) | 1u << 24;
    if (kind & ROW_FLOAT) {
        draw_float_registers(c, source);
    }
    if (c->row && strchr("MC", c->row->title[0])) { // MRS, MSR, CPS among them
        m->primask = next(source) & 1;
        m->basepri = (uint8_t)next(source);
        m->faultmask = next(source) & 1;
    }
}

static bool is_row(const struct test_case *c, const char *title) {
    return c->row && strncmp(c->row->title, title, strlen(title)) == 0;
}

static void put_halfwords(struct test_case *c, uint16_t hw1, uint16_t hw2) {
    c->code[c->halfwords++] = hw1;
    if (hw1 >= 0xe800) {
        c->code[c->halfwords++] = hw2;
    }
}

static void put_nops(struct test_case *c, unsigned count) {
    while (count--) {
        put_halfwords(c, 0xbf00, 0);
    }
}

// STREX succeeds behind a LDREX of the same size and place, unless CLREX comes between.
static void put_reservation(struct test_case *c, struct random_source *source) {
    uint32_t n = c->drawn.field['n' - 'a'], t = c->drawn.field['t' - 'a'], free = 0;
    if (!c->row || strncmp(c->row->title, "STREX", 5) != 0 || one_in(source, 4)) {
        return;
    }
    while (free == n || free == t) {
        free++;
    }
    // STREX{B,H} and their loads differ in bit 4 of the first halfword and where Rd is.
    uint16_t hw1 = c->drawn.halfword[0], hw2 = c->drawn.halfword[1];
    hw2 = hw1 >> 4 == 0xe84 ? (hw2 & 0xff) | 0xf00 : (hw2 & 0xf0) | 0xf0f;
    put_halfwords(c, hw1 | 0x10, (uint16_t)(hw2 | free << 12));
    c->run.single++;
    if (one_in(source, 4)) {
        put_halfwords(c, 0xf3bf, 0x8f2f); // CLREX
        c->run.single++;
    }
}

// ITAdvance() of A7.3.3, `count` times.
static uint8_t it_advanced(uint8_t it, unsigned count) {
    while (count--) {
        it = (it & 7) == 0 ? 0 : (uint8_t)((it & 0xe0) | (it << 1 & 0x1f));
    }
    return it;
}

// An IT instruction with the drawn one somewhere behind it, NOPs in the other places.
static void put_block(struct test_case *c, struct random_source *source) {
    unsigned cond = (unsigned)(next(source) % 15);
    unsigned length = cond == 14 ? 1 : 1 + (unsigned)(next(source) % 4); // AL has no ELSE
    unsigned place = (unsigned)(next(source) % length);
    unsigned mask = (unsigned)next(source) << (5 - length) & 15;
    mask |= 1u << (4 - length);
    if (c->row && (c->row->kind & ROW_IT_LAST)) {
        place = length - 1;
    }
    put_halfwords(c, (uint16_t)(0xbf00 | cond << 4 | mask), 0);
    put_nops(c, place);
    put_halfwords(c, c->drawn.halfword[0], c->drawn.halfword[1]);
    put_nops(c, length - 1 - place);
    c->it = it_advanced((uint8_t)(cond << 4 | mask), place);
    c->run.block = 1 + length;
}

static void put_instruction(struct test_case *c, struct random_source *source) {
    put_reservation(c, source);
    if (is_row(c, "IT T1")) {
        unsigned length = 4 - (unsigned)__builtin_ctz(c->drawn.field['i' - 'a']);
        put_halfwords(c, c->drawn.halfword[0], 0);
        put_nops(c, length);
        c->run.block = 1 + length;
    } else if ((c->row && (c->row->kind & ROW_IT_NOT)) || !one_in(source, 4)) {
        put_halfwords(c, c->drawn.halfword[0], c->drawn.halfword[1]);
        c->run.single++;
    } else {
        put_block(c, source);
    }
    c->run.bytes = c->halfwords * 2;
    // For unicorn to look ahead.
    put_nops(c, 2);
    put_halfwords(c, 0xe7fe, 0); // B .
}

// False: UNPREDICTABLE, or not for us; counted.
static bool draw_instruction(struct test_case *c, struct random_source *source) {
    bool is_elsewhere;
    const struct rule *rule;
    if (c->number % 16 == 15) {
        uint32_t bits = (uint32_t)next(source);
        uint16_t hw1 = (uint16_t)(bits >> 16) | (one_in(source, 4) ? 0 : 0xe800);
        c->row = row_of(hw1, (uint16_t)bits, &c->drawn);
        if ((hw1 & 0xec00) == 0xec00 && (bits >> 8 & 14) != 10) {
            tally.excluded_coprocessor++;
            return false;
        }
        if (!c->row) {
            c->drawn = (struct drawn){{hw1, (uint16_t)bits}, hw1 >= 0xe800, {0}};
            return true;
        }
        if (!row_should_bits_hold(c->row, &c->drawn)) {
            tally.excluded_should_be++;
            return false;
        }
    } else {
        c->row = &rows[c->number % row_count];
        row_draw(c->row, next, source, &c->drawn);
    }
    rule = row_verdict(c->row, &c->drawn, &is_elsewhere);
    if (rule) {
        tally.excluded[rule - rules]++;
        return false;
    }
    return true;
}

static void draw(struct test_case *c, uint64_t seed, uint64_t number) {
    struct random_source source = {seed * 0xd1342543de82ef95 ^ number};
    *c = (struct test_case){.seed = seed, .number = number};
    while (!draw_instruction(c, &source)) {
    }
    put_instruction(c, &source);
    draw_registers(c, &source);
    c->start.pc = CODE_BASE + CODE_BYTES / 4 + (uint32_t)(next(&source) % (CODE_BYTES / 4)) * 2;
    // Not across a kilobyte, unicorn's page of code: there it runs on behind IT blocks.
    if (c->start.pc % 1024 > 1024 - sizeof c->code) {
        c->start.pc -= sizeof c->code;
    }
}

// --- what unicorn has wrong ----------------------------------------------------------------------

// Every address of these is Rn and a multiple of the size.
static bool is_misaligned(const struct test_case *c) {
    unsigned size = is_row(c, "LDREXH") || is_row(c, "STREXH") ? 2 : 4;
    return c->row && (c->row->kind & ROW_ALIGNED) && (c->row->kind & ROW_MEMORY) &&
           (c->start.r[c->drawn.field['n' - 'a']] & (size - 1));
}

static bool misses_alignment(const struct test_case *c, const struct machine *ours,
                             const struct machine *theirs) {
    (void)ours;
    return is_misaligned(c) && theirs->outcome != UNALIGNED;
}

static bool is_unaligned(const struct test_case *c, const struct machine *ours) {
    (void)c;
    return ours->outcome == UNALIGNED;
}

static bool refuses_wfe(const struct test_case *c, const struct machine *ours,
                        const struct machine *theirs) {
    (void)ours;
    return is_row(c, "WFE") && theirs->outcome == UNDEFINED;
}

static bool refuses_yield(const struct test_case *c, const struct machine *ours,
                          const struct machine *theirs) {
    (void)ours;
    return is_row(c, "YIELD") && theirs->outcome == UNDEFINED;
}

static bool is_done(const struct test_case *c, const struct machine *ours) {
    (void)c;
    return ours->outcome == DONE;
}

static bool loses_itstate(const struct test_case *c, const struct machine *ours,
                          const struct machine *theirs) {
    return c->it && theirs->outcome == ours->outcome && ours->outcome == BAD_ACCESS &&
           theirs->xpsr == (ours->xpsr & ~ITSTATE);
}

static bool is_faulted_in_block(const struct test_case *c, const struct machine *ours) {
    return (ours->xpsr & ITSTATE) == ((uint32_t)(c->it & 3) << 25 | (uint32_t)(c->it >> 2) << 10);
}

static bool executes_neon(const struct test_case *c, const struct machine *ours,
                          const struct machine *theirs) {
    (void)ours, (void)theirs;
    return !c->row && (c->drawn.halfword[0] & 0xff10) == 0xf900;
}

// ARMv8-M's, with nothing but Rn and the direction left free. P == U, W == 1 is UNDEFINED here (A7.7.236, VLDM).
static bool executes_lazy_stacking(const struct test_case *c, const struct machine *ours,
                                   const struct machine *theirs) {
    (void)ours;
    return !c->row && (c->drawn.halfword[0] & 0xffe0) == 0xec20 && c->drawn.halfword[1] == 0x0a00 &&
           theirs->outcome == DONE;
}

static bool is_undefined(const struct test_case *c, const struct machine *ours) {
    (void)c;
    return ours->outcome == UNDEFINED;
}

static bool knows_no_device_memory(const struct test_case *c, const struct machine *ours,
                                   const struct machine *theirs) {
    (void)c, (void)ours;
    uint32_t at = theirs->address;
    return theirs->outcome == BAD_ACCESS && (at & 3) &&
           (at >= 0xa0000000 || (at >= 0x40000000 && at < 0x60000000));
}

static bool forgets_block_at_isb(const struct test_case *c, const struct machine *ours,
                                 const struct machine *theirs) {
    (void)ours;
    return c->it && is_row(c, "ISB") && theirs->outcome == DONE && !(theirs->xpsr & ITSTATE);
}

static bool is_behind_block(const struct test_case *c, const struct machine *ours) {
    return ours->outcome == DONE && ours->pc == c->start.pc + c->run.bytes;
}

static bool stores_relative_to_pc(const struct test_case *c, const struct machine *ours,
                                  const struct machine *theirs) {
    (void)ours, (void)theirs;
    return !c->row && (c->drawn.halfword[0] & 0xff1f) == 0xf80f;
}

static bool executes_exclusive_pair(const struct test_case *c, const struct machine *ours,
                                    const struct machine *theirs) {
    (void)ours, (void)theirs;
    return !c->row && (c->drawn.halfword[0] & 0xffe0) == 0xe8c0 &&
           (c->drawn.halfword[1] & 0xf0) == 0x70;
}

static bool executes_acquire_release(const struct test_case *c, const struct machine *ours,
                                     const struct machine *theirs) {
    (void)ours, (void)theirs;
    return !c->row && (c->drawn.halfword[0] & 0xffe0) == 0xe8c0 &&
           (c->drawn.halfword[1] & 0x80) == 0x80;
}

static bool saturates_sum_of_products(const struct test_case *c, const struct machine *ours,
                                      const struct machine *theirs) {
    const uint32_t *r = c->start.r, *field = c->drawn.field;
    return is_row(c, "SMLAD") && theirs->xpsr == (ours->xpsr | 1u << 27) && // Q
           r[field['n' - 'a']] == 0x80008000 && r[field['m' - 'a']] == 0x80008000;
}

static bool executes_setend(const struct test_case *c, const struct machine *ours,
                            const struct machine *theirs) {
    (void)ours, (void)theirs;
    return !c->row && (c->drawn.halfword[0] & 0xfff7) == 0xb650;
}

static bool executes_blx(const struct test_case *c, const struct machine *ours,
                         const struct machine *theirs) {
    (void)ours;
    return !c->row && (c->drawn.halfword[0] & 0xf800) == 0xf000 &&
           (c->drawn.halfword[1] & 0xd001) == 0xc000 && theirs->outcome == TO_ARM;
}

// The S register of a field of five bits, the lowest first.
static unsigned s_register(uint32_t field) {
    return (field & 15) << 1 | field >> 4;
}

static bool rounds_fixed_as_told(const struct test_case *c, const struct machine *ours,
                                 const struct machine *theirs) {
    unsigned d = s_register(c->drawn.field['d' - 'a']);
    struct machine alike = *theirs;
    alike.s[d] = ours->s[d];
    return is_row(c, "VCVT from fixed-point") && (c->start.fpscr >> 22 & 3) != 0 && // RMode
           memcmp(&alike, ours, offsetof(struct machine, outcome)) == 0;
}

// Exact as a double, then rounded to the nearest float by the host.
static bool is_rounded_to_nearest(const struct test_case *c, const struct machine *ours) {
    const uint32_t *field = c->drawn.field;
    unsigned d = s_register(field['d' - 'a']), bits = field['s' - 'a'] ? 32 : 16;
    unsigned fraction_bits = bits - s_register(field['i' - 'a']);
    uint32_t raw = c->start.s[d];
    double number = bits == 16 ? (field['u' - 'a'] ? (uint16_t)raw : (int16_t)raw)
                               : (field['u' - 'a'] ? (double)raw : (double)(int32_t)raw);
    float nearest = (float)(number / (double)(1ull << fraction_bits));
    return memcmp(&ours->s[d], &nearest, sizeof nearest) == 0;
}

static bool executes_armv8_floats(const struct test_case *c, const struct machine *ours,
                                  const struct machine *theirs) {
    (void)ours, (void)theirs;
    unsigned hw1 = c->drawn.halfword[0];
    return !c->row && ((hw1 & 0xff00) == 0xfe00 || (hw1 & 0xffbe) == 0xeeb6);
}

static bool knows_no_bit_band(const struct test_case *c, const struct machine *ours,
                              const struct machine *theirs) {
    (void)c, (void)ours;
    return theirs->outcome == BAD_ACCESS && ((theirs->address & 0xfe000000) == 0x22000000 ||
                                             (theirs->address & 0xfe000000) == 0x42000000);
}

// A load to PC of a word without bit 0 included.
static bool is_answered(const struct test_case *c, const struct machine *ours) {
    (void)c;
    return ours->outcome == DONE || ours->outcome == TO_ARM;
}

static bool knows_no_private_bus(const struct test_case *c, const struct machine *ours,
                                 const struct machine *theirs) {
    (void)c, (void)ours;
    return theirs->outcome == BAD_ACCESS && theirs->address >> 20 == 0xe00;
}

// VMSR and VMRS of another register than FPSCR.
static bool has_more_float_registers(const struct test_case *c, const struct machine *ours,
                                     const struct machine *theirs) {
    (void)ours;
    return !c->row && (c->drawn.halfword[0] & 0xffe0) == 0xeee0 &&
           (c->drawn.halfword[0] & 15) != 1 && (c->drawn.halfword[1] & 0x0f10) == 0x0a10 &&
           theirs->outcome == DONE;
}

static const struct trait known_traits[] = {
    {"LDM, STM, LDRD, STRD, LDREX, STREX at an unaligned address must fault (A3.2.1), and do not",
     misses_alignment, is_unaligned},
    {"ITSTATE is lost when a load or store in an IT block faults", loses_itstate,
     is_faulted_in_block},
    {"Advanced SIMD loads and stores (0xF9x0) are executed, though no Cortex-M4 has them",
     executes_neon, is_undefined},
    {"no memory types: unaligned access to Device memory is a UsageFault (A3.2.1), said as any bad "
     "one",
     knows_no_device_memory, is_unaligned},
    {"VCVT from fixed-point rounds as FPSCR says, not to nearest (A7.7.228)", rounds_fixed_as_told,
     is_rounded_to_nearest},
    {"ARMv8's floating point (0xFExx, 0xEEB6, 0xEEB7: VSEL, VMAXNM, VRINT: UNDEFINED) is executed",
     executes_armv8_floats, is_undefined},
    {"ARMv8-M's VLLDM and VLSTM (0xEC2n, 0xEC3n, 0x0A00: UNDEFINED) are executed",
     executes_lazy_stacking, is_undefined},
    {"no bit-band aliases (PM0214 2.2.5)", knows_no_bit_band, is_answered},
    {"nothing at all on the private peripheral bus (B3.1)", knows_no_private_bus, is_answered},
    {"VMSR, VMRS of FPSID, FPEXC and others (A7.7.253: UNDEFINED) are executed",
     has_more_float_registers, is_undefined},
    {"ITSTATE is lost at an ISB in an IT block", forgets_block_at_isb, is_behind_block},
    {"stores relative to PC (Rn 15: UNDEFINED) are executed", stores_relative_to_pc, is_undefined},
    {"STREXD, LDREXD (op 0111 of A5.3.6: UNDEFINED) are executed", executes_exclusive_pair,
     is_undefined},
    {"ARMv8's acquiring and releasing accesses (op 1xxx of A5.3.6: UNDEFINED) are executed",
     executes_acquire_release, is_undefined},
    {"SMLAD sets Q for a sum of products of 2^31 that the accumulator brings back into range "
     "(QEMU's, mended there in 7.1)",
     saturates_sum_of_products, is_done},
    {"SETEND, which ARMv7-M does not have, is executed", executes_setend, is_undefined},
    {"BLX (immediate), which would leave Thumb state, is executed", executes_blx, is_undefined},
    {"WFE is refused as an invalid instruction", refuses_wfe, is_done},
    {"YIELD is refused as an invalid instruction", refuses_yield, is_done},
};
enum { TRAITS = sizeof known_traits / sizeof known_traits[0] };

// --- running and comparing -----------------------------------------------------------------------

struct bench {
    struct engine *ours, *theirs;
    uint8_t ram[RAM_BYTES];   // as each case finds it
    uint8_t code[CODE_BYTES]; // likewise
};

static void bench_make(struct bench *b) {
    struct random_source source = {1};
    encodings_prepare();
    b->ours = vboard_engine();
    b->theirs = unicorn_engine();
    for (unsigned i = 0; i < RAM_BYTES; i += 4) {
        uint32_t word = one_in(&source, 4) ? code_address(&source) | 1 : operand(&source);
        memcpy(b->ram + i, &word, 4);
    }
    for (unsigned i = 0; i < CODE_BYTES; i += 4) {
        uint32_t word = one_in(&source, 4) ? code_address(&source) | 1 : (uint32_t)next(&source);
        memcpy(b->code + i, &word, 4);
    }
    memcpy(machine_code, b->code, CODE_BYTES);
}

static const char *outcome_name(enum outcome outcome) {
    static const char *const names[] = {
        "done", "on in ARM state", "undefined", "unaligned", "bad access", "SVC", "BKPT"};
    return names[outcome];
}

// Appends "what: ours, theirs" for two values that differ.
static void differ(char *text, size_t size, const char *what, uint32_t ours, uint32_t theirs) {
    size_t used = strlen(text);
    if (ours != theirs) {
        snprintf(text + used, size - used, "\n    %-9s vboard 0x%08x unicorn 0x%08x", what, ours,
                 theirs);
    }
}

static void compare(const struct bench *b, const struct machine *ours, const struct machine *theirs,
                    char *text, size_t size) {
    text[0] = '\0';
    if (ours->outcome != theirs->outcome) {
        snprintf(text, size, "\n    outcome   vboard %s, unicorn %s", outcome_name(ours->outcome),
                 outcome_name(theirs->outcome));
    }
    for (unsigned i = 0; i < 15; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%u", i);
        differ(text, size, name, ours->r[i], theirs->r[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%u", i);
        differ(text, size, name, ours->s[i], theirs->s[i]);
    }
    differ(text, size, "fpscr", ours->fpscr, theirs->fpscr);
    differ(text, size, "pc", ours->pc, theirs->pc);
    differ(text, size, "xpsr", ours->xpsr, theirs->xpsr);
    differ(text, size, "control", ours->control, theirs->control);
    if (!(ours->control & 1)) { // unicorn shows the rest to privileged code only
        differ(text, size, "msp", ours->msp, theirs->msp);
        differ(text, size, "psp", ours->psp, theirs->psp);
        differ(text, size, "primask", ours->primask, theirs->primask);
        differ(text, size, "basepri", ours->basepri, theirs->basepri);
        differ(text, size, "faultmask", ours->faultmask, theirs->faultmask);
    }
    const uint8_t *mine = vboard_ram(b->ours), *other = unicorn_ram(b->theirs);
    bool same = ours->outcome != DONE || memcmp(mine, other, RAM_BYTES) == 0;
    for (unsigned i = 0; i < RAM_BYTES && !same; i += 4) {
        uint32_t a, c;
        memcpy(&a, mine + i, 4);
        memcpy(&c, other + i, 4);
        if (a != c) {
            char name[16];
            snprintf(name, sizeof name, "%08x", RAM_BASE + i);
            differ(text, size, name, a, c);
        }
    }
}

static void print_case(const struct test_case *c, const char *text) {
    printf("cpu#seed=%llu,case=%llu  %s%s:", (unsigned long long)c->seed,
           (unsigned long long)c->number, c->row ? c->row->title : "UNDEFINED",
           c->it ? ", in an IT block" : "");
    for (unsigned i = 0; i < c->halfwords; i++) {
        printf(" %04x", c->code[i]);
    }
    printf(" at 0x%08x\n    from", c->start.pc);
    for (unsigned i = 0; i < 15; i++) {
        printf(" r%u=%08x%s", i, c->start.r[i], i == 7 ? "\n        " : "");
    }
    for (unsigned i = 0; i < 32 && c->row && (c->row->kind & ROW_FLOAT); i++) {
        printf("%ss%u=%08x", i % 8 ? " " : "\n         ", i, c->start.s[i]);
    }
    printf(" xpsr=%08x fpscr=%08x control=%x%s\n", c->start.xpsr, c->start.fpscr, c->start.control,
           text);
}

// A5.1.3: to write anything but 0 to SP<1:0> is UNPREDICTABLE.
static bool writes_sp_bits(const struct machine *m) {
    return (m->r[13] | m->msp | m->psp) & 3;
}

// True: the engines agree, or unicorn is known to be wrong here.
static bool run_case(struct bench *b, uint64_t seed, uint64_t number, bool verbose) {
    struct test_case c;
    char text[2048];
    draw(&c, seed, number);
    uint32_t off = c.start.pc - CODE_BASE;
    memcpy(machine_code + off, c.code, c.halfwords * 2);
    memcpy(vboard_ram(b->ours), b->ram, RAM_BYTES);
    memcpy(unicorn_ram(b->theirs), b->ram, RAM_BYTES);
    struct machine ours = c.start, theirs = c.start;
    vboard_execute(b->ours, &ours, &c.run);
    unicorn_execute(b->theirs, &theirs, &c.run);
    memcpy(machine_code + off, b->code + off, c.halfwords * 2);

    if (writes_sp_bits(&ours) || writes_sp_bits(&theirs)) {
        tally.excluded_sp_bits++;
        return true;
    }
    tally.cases++;
    if (c.row) {
        tally.row_hits[c.row - rows]++;
    } else {
        tally.undefined++;
    }
    tally.operation_hits[vboard_operation(c.drawn.halfword[0], c.drawn.halfword[1], 0)]++;
    compare(b, &ours, &theirs, text, sizeof text);
    if (verbose) {
        print_case(&c, text[0] ? text : "\n    no difference");
    }
    if (text[0] == '\0') {
        return true;
    }
    for (unsigned i = 0; i < TRAITS; i++) {
        if (known_traits[i].applies(&c, &ours, &theirs) && known_traits[i].holds(&c, &ours)) {
            tally.trait_hits[i]++;
            if (verbose) {
                printf("    unicorn: %s\n", known_traits[i].reason);
            }
            return true;
        }
    }
    if (!verbose && tally.differences < REPORTED_MAX) {
        print_case(&c, text);
    }
    tally.differences++;
    return false;
}

// --- telling -------------------------------------------------------------------------------------

static void print_excluded(void) {
    printf("drawn again, as UNPREDICTABLE by ARM DDI 0403:\n");
    for (unsigned i = 0; i < rule_count; i++) {
        if (tally.excluded[i]) {
            printf("  %8llu  %s\n", (unsigned long long)tally.excluded[i], rules[i].clause);
        }
    }
    printf("  %8llu  a bit in brackets is not what it should be (A5.1.1)\n",
           (unsigned long long)tally.excluded_should_be);
    printf("  %8llu  SP<1:0> written with other than 0 (A5.1.3)\n",
           (unsigned long long)tally.excluded_sp_bits);
    printf("drawn again, as not for us:\n"
           "  %8llu  a coprocessor that is not there (NOCP: tests/unit)\n",
           (unsigned long long)tally.excluded_coprocessor);
    printf("unicorn 2.0.1 is known to be otherwise:\n");
    for (unsigned i = 0; i < TRAITS; i++) {
        printf("  %8llu  %s\n", (unsigned long long)tally.trait_hits[i], known_traits[i].reason);
    }
}

// Whether everything there is had its turn; says how often at least.
static bool print_coverage(void) {
    const char *row_name = NULL, *operation_name = NULL;
    uint64_t row_least = UINT64_MAX, operation_least = UINT64_MAX;
    unsigned operations = 0;
    for (unsigned i = 0; i < row_count; i++) {
        if (tally.row_hits[i] < row_least) {
            row_least = tally.row_hits[i];
            row_name = rows[i].title;
        }
    }
    for (unsigned i = 0; i < vboard_operation_count(); i++) {
        const char *name = vboard_operation_name(i);
        operations += name != NULL;
        if (name && tally.operation_hits[i] < operation_least) {
            operation_least = tally.operation_hits[i];
            operation_name = name;
        }
    }
    printf("encodings: %u rows, the least hit one %llu times (%s); %llu UNDEFINED\n", row_count,
           (unsigned long long)row_least, row_name, (unsigned long long)tally.undefined);
    printf("vboard's operations: %u, the least hit one %llu times (%s)\n", operations,
           (unsigned long long)operation_least, operation_name);
    return row_least > 0 && operation_least > 0 && tally.undefined > 0;
}

static void usage(FILE *to) {
    fputs("usage: oracle-instructions [--seed S] [--count N | --time SECONDS]\n"
          "       oracle-instructions 'cpu#seed=S,case=N'\n"
          "\n"
          "Random single instructions on vboard's processor and on libunicorn's Cortex-M4. Prints "
          "what\n"
          "differed, with the ID that runs just that case again, then what was covered and left "
          "out.\n"
          "Without arguments seed 1 and 60000 cases. Ctrl-C ends it with the summary.\n"
          "Exit status: 0 no difference and everything covered, 1 otherwise, 2 bad arguments,\n"
          "130 interrupted.\n",
          to);
}

static uint64_t number_or_exit(const char *option, const char *text) {
    char *end;
    uint64_t value = text ? strtoull(text, &end, 0) : 0;
    if (!text || text[0] < '0' || text[0] > '9' || *end) {
        fprintf(stderr, "oracle-instructions: %s wants a number, not '%s'.\n", option,
                text ? text : "");
        exit(2);
    }
    return value;
}

static int replay(struct bench *b, const char *id) {
    unsigned long long seed, number;
    int length = 0;
    if (sscanf(id, "cpu#seed=%llu,case=%llu%n", &seed, &number, &length) != 2 || id[length]) {
        fprintf(stderr, "oracle-instructions: '%s' is no ID; they look like cpu#seed=1,case=42.\n",
                id);
        return 2;
    }
    bench_make(b);
    return run_case(b, seed, number, true) ? 0 : 1;
}

// libunicorn 2.0.1 crashes somewhere behind its fifth million of blocks: a new one each million. A case
// begins with registers and memory of its own, so its ID runs it again all the same. A multiple of the
// 256 cases between two looks at the clock.
#define ENGINE_CASES (256u * 4000u)

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    static struct bench b;
    uint64_t seed = 1, count = 60000, seconds = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = number_or_exit(argv[i], argv[i + 1]);
            i++;
        } else if (strcmp(argv[i], "--count") == 0) {
            count = number_or_exit(argv[i], argv[i + 1]);
            i++;
        } else if (strcmp(argv[i], "--time") == 0) {
            seconds = number_or_exit(argv[i], argv[i + 1]);
            i++;
        } else if (argc == 2 && argv[1][0] != '-') {
            return replay(&b, argv[1]);
        } else {
            usage(stderr);
            return 2;
        }
    }
    bench_make(&b);
    (void)signal(SIGINT, on_interrupt);
    double end = now() + (double)seconds;
    uint64_t number = 0;
    while (!interrupted && (seconds ? now() < end : number < count)) {
        if (number % ENGINE_CASES == 0 && number > 0) {
            unicorn_free(b.theirs);
            b.theirs = unicorn_engine();
        }
        for (unsigned i = 0; i < 256 && (seconds || number < count); i++) {
            (void)run_case(&b, seed, number++, false);
        }
    }
    print_excluded();
    bool covered = print_coverage();
    printf("seed %llu: %llu instructions, %llu differences\n", (unsigned long long)seed,
           (unsigned long long)tally.cases, (unsigned long long)tally.differences);
    vboard_free(b.ours);
    unicorn_free(b.theirs);
    if (tally.differences) {
        return 1;
    }
    if (interrupted) {
        return 130;
    }
    if (!covered) {
        printf("too few: something was never hit\n");
    }
    return covered ? 0 : 1;
}
