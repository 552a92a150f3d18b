// SPDX-License-Identifier: MIT
//
// The clauses of ARM DDI 0403 A7.7 by which an encoding is UNPREDICTABLE (or its result UNKNOWN), and
// those by which it belongs to another instruction ("SEE"). BadReg() is A5.1.2: SP or PC.

#include <stddef.h>

#include "tests/oracle/encodings.h"

#define F(letter) (d->field[(letter) - 'a'])
#define BAD(r)    ((r) == 13 || (r) == 15)

static unsigned list_of(const struct drawn *d) {
    return d->is_long ? d->halfword[1] : d->halfword[0] & 0xff;
}

static unsigned count_of(const struct drawn *d) {
    return (unsigned)__builtin_popcount(d->is_long ? d->halfword[1] : d->field['r' - 'a']);
}

// SYSm as B5.2.2 lists it.
static bool is_special_register(uint32_t sysm) {
    return sysm <= 3 || (sysm >= 5 && sysm <= 9) || (sysm >= 16 && sysm <= 20);
}

// name, clause, condition. Letters as in the table; w, p, u: write back, P, U.
#define RULES(X)                                                                                   \
    X(d13, "d == 13", F('d') == 13)                                                                \
    X(d15, "d == 15", F('d') == 15)                                                                \
    X(dBad, "BadReg(d)", BAD(F('d')))                                                              \
    X(n13, "n == 13", F('n') == 13)                                                                \
    X(n15, "n == 15", F('n') == 15)                                                                \
    X(nBad, "BadReg(n)", BAD(F('n')))                                                              \
    X(m13, "m == 13", F('m') == 13)                                                                \
    X(m15, "m == 15", F('m') == 15)                                                                \
    X(mBad, "BadReg(m)", BAD(F('m')))                                                              \
    X(t13, "t == 13", F('t') == 13)                                                                \
    X(t15, "t == 15", F('t') == 15)                                                                \
    X(tBad, "BadReg(t)", BAD(F('t')))                                                              \
    X(uBad, "BadReg(t2)", BAD(F('u')))                                                             \
    X(a13, "a == 13", F('a') == 13)                                                                \
    X(a15, "a == 15", F('a') == 15)                                                                \
    X(aBad, "BadReg(a)", BAD(F('a')))                                                              \
    X(lBad, "BadReg(dLo)", BAD(F('l')))                                                            \
    X(hBad, "BadReg(dHi)", BAD(F('h')))                                                            \
    X(l_h, "dHi == dLo", F('l') == F('h'))                                                         \
    X(d15S0, "d == 15 && S == '0'", F('d') == 15 && !F('s'))                                       \
    X(d15S1, "Rd == '1111' && S == '1'", F('d') == 15 && F('s'))                                   \
    X(S1dmBad, "setflags && (BadReg(d) || BadReg(m))", F('s') && (BAD(F('d')) || BAD(F('m'))))     \
    X(S0movBad, "!setflags && (d == 15 || m == 15 || (d == 13 && m == 13))",                       \
      !F('s') && (F('d') == 15 || F('m') == 15 || (F('d') == 13 && F('m') == 13)))                 \
    X(noShift, "imm3:imm2:type == '0000000'", F('i') == 0 && F('k') == 0)                          \
    X(spShift, "d == 13 && (shift_t != SRType_LSL || shift_n > 3)",                                \
      F('d') == 13 && (F('k') != 0 || F('i') > 3))                                                 \
    X(i0, "imm5 == '00000'", F('i') == 0)                                                          \
    X(expand, "ThumbExpandImm: a repeated imm8 of 0 (A5.3.2)",                                     \
      (F('i') >> 10) == 0 && (F('i') >> 8 & 3) != 0 && (F('i') & 0xff) == 0)                       \
    X(n15m15, "n == 15 && m == 15", F('d') == 15 && F('m') == 15)                                  \
    X(n7m7, "n < 8 && m < 8", F('n') < 8 && F('m') < 8)                                            \
    X(n_m, "!Consistent(Rm)", F('n') != F('m'))                                                    \
    X(c14, "cond == '111x'", F('c') >= 14)                                                         \
    X(list1, "BitCount(registers) < 1", count_of(d) < 1)                                           \
    X(list2, "BitCount(registers) < 2", count_of(d) < 2)                                           \
    X(listPM, "P == '1' && M == '1'", (list_of(d) >> 14) == 3)                                     \
    X(listWn, "wback && registers<n> == '1'", F('w') && (list_of(d) >> F('n') & 1))                \
    X(stmLow, "stores UNKNOWN: wback, Rn listed and not the lowest",                               \
      (list_of(d) >> F('n') & 1) && (list_of(d) & ((1u << F('n')) - 1)))                           \
    X(wn_t, "wback && n == t", F('w') && F('n') == F('t'))                                         \
    X(wn_tu, "wback && (n == t || n == t2)", F('w') && (F('n') == F('t') || F('n') == F('u')))     \
    X(literalW, "n == 15 && wback", F('w'))                                                        \
    X(t_u, "t == t2", F('t') == F('u'))                                                            \
    X(p0w0, "P == '0' && W == '0'", !F('p') && !F('w'))                                            \
    X(unpriv, "P == '1' && U == '1' && W == '0'", F('p') && F('q') && !F('w'))                     \
    X(hint, "Rt == '1111' && P == '1' && U == '0' && W == '0'",                                    \
      F('t') == 15 && F('p') && !F('q') && !F('w'))                                                \
    X(d_n, "d == n", F('d') == F('n'))                                                             \
    X(d_t, "d == t", F('d') == F('t'))                                                             \
    X(sat16, "sh == '1' && imm3:imm2 == '00000'", F('k') && F('i') == 0)                           \
    X(bfMsb, "msbit < lsbit", F('w') < F('i'))                                                     \
    X(bfxMsb, "lsbit + widthminus1 > 31", F('w') + F('i') > 31)                                    \
    X(sysm, "SYSm names no special register (B5.2.2)", !is_special_register(F('s')))               \
    X(msrMask, "mask == '00' || (mask != '10' && !(UInt(SYSm) IN {0..3}))",                        \
      F('k') == 0 || (F('k') != 2 && F('s') > 3))                                                  \
    X(itMask0, "mask == '0000'", F('i') == 0)                                                      \
    X(itCond, "firstcond == '1111' || (firstcond == '1110' && BitCount(mask) != 1)",               \
      F('c') == 15 || (F('c') == 14 && __builtin_popcount(F('i')) != 1))                           \
    X(fixed, "frac_bits < 0", !F('s') && ((F('i') & 15) << 1 | F('i') >> 4) > 16)                  \
    X(m31, "m == 31", F('m') == 31)                                                                \
    X(regsS, "regs == 0 || (d+regs) > 32", F('i') == 0 || (F('v') << 1 | F('x')) + F('i') > 32)    \
    X(regsD, "regs == 0 || regs > 16 || (d+regs) > 16", F('i') < 2 || F('v') + F('i') / 2 > 16)    \
    X(hint0, "hint: NOP, YIELD, WFE, WFI, SEV have rows of their own", F('i') <= 4)

#define X(name, clause, condition)                                                                 \
    static bool holds_##name(const struct drawn *d) {                                              \
        return condition;                                                                          \
    }
RULES(X)
#undef X

const struct rule rules[] = {
#define X(name, clause, condition) {#name, clause, holds_##name},
    RULES(X)
#undef X
};
const unsigned rule_count = sizeof rules / sizeof rules[0];
