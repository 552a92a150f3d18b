// SPDX-License-Identifier: MIT
//
// The table of encodings (see encodings.h) and the little that reads it.

#include "tests/oracle/encodings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX       512
#define RULES_OF_A_ROW 8

// What encodings_prepare() makes of a row.
static struct parsed {
    bool is_long;
    uint32_t fixed_mask, fixed_value, should_mask, should_value;
    uint32_t immediate_mask; // letters i and k
    const struct rule *rules[RULES_OF_A_ROW];
    bool is_elsewhere[RULES_OF_A_ROW];
} parsed_rows[ROWS_MAX];

#define MEMORY  ROW_MEMORY
#define BRANCH  ROW_BRANCH
#define IT_NOT  ROW_IT_NOT
#define IT_LAST ROW_IT_LAST
#define ALIGNED ROW_ALIGNED
#define FLOAT   ROW_FLOAT

// The same six operations behind six prefixes (A5.3.13, A5.3.14); `p` the prefix's bits.
#define PARALLEL(name, p)                                                                          \
    {name "ADD8 T1", "111110101000nnnn 1111dddd0" p "mmmm", 0, "dBad nBad mBad"},                  \
        {name "ADD16 T1", "111110101001nnnn 1111dddd0" p "mmmm", 0, "dBad nBad mBad"},             \
        {name "ASX T1", "111110101010nnnn 1111dddd0" p "mmmm", 0, "dBad nBad mBad"},               \
        {name "SUB8 T1", "111110101100nnnn 1111dddd0" p "mmmm", 0, "dBad nBad mBad"},              \
        {name "SUB16 T1", "111110101101nnnn 1111dddd0" p "mmmm", 0, "dBad nBad mBad"}, {           \
        name "SAX T1", "111110101110nnnn 1111dddd0" p "mmmm", 0, "dBad nBad mBad"                  \
    }

// A 32-bit load: `x` signed, `s` size. Rt 15 of a byte or halfword load is a hint.
#define LOADS(name, x, s)                                                                          \
    {name " (literal) T1", "1111100" x "q" s "11111 ttttiiiiiiiiiiii", 0, "@t15 t13"},             \
        {name " (immediate) T2", "1111100" x "1" s "1nnnn ttttiiiiiiiiiiii", MEMORY,               \
         "@t15 @n15 t13"},                                                                         \
        {name " (immediate) T3", "1111100" x "0" s "1nnnn tttt1pqwiiiiiiii", MEMORY,               \
         "@hint @n15 @unpriv @p0w0 tBad wn_t"},                                                    \
        {name " (register) T2", "1111100" x "0" s "1nnnn tttt000000iimmmm", MEMORY,                \
         "@t15 @n15 t13 mBad"},                                                                    \
    {                                                                                              \
        name "T T1", "1111100" x "0" s "1nnnn tttt1110iiiiiiii", MEMORY, "@n15 tBad"               \
    }

#define STORES(name, s, bad_t)                                                                     \
    {name " (immediate) T2", "111110001" s "0nnnn ttttiiiiiiiiiiii", MEMORY, "@n15 " bad_t},       \
        {name " (immediate) T3", "111110000" s "0nnnn tttt1pqwiiiiiiii", MEMORY,                   \
         "@n15 @unpriv @p0w0 wn_t " bad_t},                                                        \
        {name " (register) T2", "111110000" s "0nnnn tttt000000iimmmm", MEMORY,                    \
         "@n15 mBad " bad_t},                                                                      \
    {                                                                                              \
        name "T T1", "111110000" s "0nnnn tttt1110iiiiiiii", MEMORY, "@n15 tBad"                   \
    }

// clang-format off
const struct row rows[] = {
    // A5.2.1: shift (immediate), add, subtract, move, compare
    {"MOV (register) T2", "0000000000mmmddd", IT_NOT, ""},
    {"LSL (immediate) T1", "00000iiiiimmmddd", 0, "@i0"},
    {"LSR (immediate) T1", "00001iiiiimmmddd", 0, ""},
    {"ASR (immediate) T1", "00010iiiiimmmddd", 0, ""},
    {"ADD (register) T1", "0001100mmmnnnddd", 0, ""},
    {"SUB (register) T1", "0001101mmmnnnddd", 0, ""},
    {"ADD (immediate) T1", "0001110iiinnnddd", 0, ""},
    {"SUB (immediate) T1", "0001111iiinnnddd", 0, ""},
    {"MOV (immediate) T1", "00100dddiiiiiiii", 0, ""},
    {"CMP (immediate) T1", "00101nnniiiiiiii", 0, ""},
    {"ADD (immediate) T2", "00110dddiiiiiiii", 0, ""},
    {"SUB (immediate) T2", "00111dddiiiiiiii", 0, ""},
    // A5.2.2: data processing
    {"AND (register) T1", "0100000000mmmddd", 0, ""},
    {"EOR (register) T1", "0100000001mmmddd", 0, ""},
    {"LSL (register) T1", "0100000010mmmddd", 0, ""},
    {"LSR (register) T1", "0100000011mmmddd", 0, ""},
    {"ASR (register) T1", "0100000100mmmddd", 0, ""},
    {"ADC (register) T1", "0100000101mmmddd", 0, ""},
    {"SBC (register) T1", "0100000110mmmddd", 0, ""},
    {"ROR (register) T1", "0100000111mmmddd", 0, ""},
    {"TST (register) T1", "0100001000mmmnnn", 0, ""},
    {"RSB (immediate) T1", "0100001001nnnddd", 0, ""},
    {"CMP (register) T1", "0100001010mmmnnn", 0, ""},
    {"CMN (register) T1", "0100001011mmmnnn", 0, ""},
    {"ORR (register) T1", "0100001100mmmddd", 0, ""},
    {"MUL T1", "0100001101nnnddd", 0, ""},
    {"BIC (register) T1", "0100001110mmmddd", 0, ""},
    {"MVN (register) T1", "0100001111mmmddd", 0, ""},
    // A5.2.3: special data, branch and exchange
    {"ADD (register) T2 to PC", "010001001mmmm111", IT_LAST | BRANCH, "m15"},
    {"ADD (register) T2", "01000100dmmmmddd", 0, "@d15"},
    {"CMP (register) T2", "01000101nmmmmnnn", 0, "n7m7 n15 m15"},
    {"MOV (register) T1 to PC", "010001101mmmm111", IT_LAST | BRANCH, ""},
    {"MOV (register) T1", "01000110dmmmmddd", 0, "@d15"},
    {"BX T1", "010001110mmmmzzz", IT_LAST | BRANCH, ""},
    {"BLX (register) T1", "010001111mmmmzzz", IT_LAST | BRANCH, "m15"},
    // A5.2.4: load and store
    {"LDR (literal) T1", "01001tttiiiiiiii", 0, ""},
    {"STR (register) T1", "0101000mmmnnnttt", MEMORY, ""},
    {"STRH (register) T1", "0101001mmmnnnttt", MEMORY, ""},
    {"STRB (register) T1", "0101010mmmnnnttt", MEMORY, ""},
    {"LDRSB (register) T1", "0101011mmmnnnttt", MEMORY, ""},
    {"LDR (register) T1", "0101100mmmnnnttt", MEMORY, ""},
    {"LDRH (register) T1", "0101101mmmnnnttt", MEMORY, ""},
    {"LDRB (register) T1", "0101110mmmnnnttt", MEMORY, ""},
    {"LDRSH (register) T1", "0101111mmmnnnttt", MEMORY, ""},
    {"STR (immediate) T1", "01100iiiiinnnttt", MEMORY, ""},
    {"LDR (immediate) T1", "01101iiiiinnnttt", MEMORY, ""},
    {"STRB (immediate) T1", "01110iiiiinnnttt", MEMORY, ""},
    {"LDRB (immediate) T1", "01111iiiiinnnttt", MEMORY, ""},
    {"STRH (immediate) T1", "10000iiiiinnnttt", MEMORY, ""},
    {"LDRH (immediate) T1", "10001iiiiinnnttt", MEMORY, ""},
    {"STR (immediate) T2 SP", "10010tttiiiiiiii", 0, ""},
    {"LDR (immediate) T2 SP", "10011tttiiiiiiii", 0, ""},
    {"ADR T1", "10100dddiiiiiiii", 0, ""},
    {"ADD (SP plus immediate) T1", "10101dddiiiiiiii", 0, ""},
    // A5.2.5: miscellaneous
    {"ADD (SP plus immediate) T2", "101100000iiiiiii", 0, ""},
    {"SUB (SP minus immediate) T1", "101100001iiiiiii", 0, ""},
    {"CBZ T1", "101100i1iiiiinnn", IT_NOT, ""},
    {"CBNZ T1", "101110i1iiiiinnn", IT_NOT, ""},
    {"SXTH T1", "1011001000mmmddd", 0, ""},
    {"SXTB T1", "1011001001mmmddd", 0, ""},
    {"UXTH T1", "1011001010mmmddd", 0, ""},
    {"UXTB T1", "1011001011mmmddd", 0, ""},
    {"PUSH T1", "1011010rrrrrrrrr", 0, "list1"},
    {"POP T1 to PC", "10111101rrrrrrrr", IT_LAST, ""},
    {"POP T1", "10111100rrrrrrrr", 0, "list1"},
    {"CPS T1", "10110110011izzjk", IT_NOT, ""},
    {"REV T1", "1011101000mmmddd", 0, ""},
    {"REV16 T1", "1011101001mmmddd", 0, ""},
    {"REVSH T1", "1011101011mmmddd", 0, ""},
    {"BKPT T1", "10111110iiiiiiii", 0, ""},
    {"NOP T1", "1011111100000000", 0, ""},
    {"YIELD T1", "1011111100010000", 0, ""},
    {"WFE T1", "1011111100100000", 0, ""},
    {"WFI T1", "1011111100110000", 0, ""},
    {"SEV T1", "1011111101000000", 0, ""},
    {"hint T1, unallocated", "10111111iiii0000", 0, "@hint0"},
    {"IT T1", "10111111cccciiii", IT_NOT, "@itMask0 itCond"},
    // A5.2.6 and behind
    {"STM T1", "11000nnnrrrrrrrr", MEMORY | ALIGNED, "list1 stmLow"},
    {"LDM T1", "11001nnnrrrrrrrr", MEMORY | ALIGNED, "list1"},
    {"UDF T1", "11011110iiiiiiii", 0, ""},
    {"SVC T1", "11011111iiiiiiii", 0, ""},
    {"B T1", "1101cccciiiiiiii", IT_NOT, "@c14"},
    {"B T2", "11100iiiiiiiiiii", IT_LAST, ""},
    // A5.3.5: load and store multiple
    {"STM T2", "1110100010w0nnnn zrzrrrrrrrrrrrrr", MEMORY | ALIGNED, "n15 list2 listWn"},
    {"LDM T2 to PC", "1110100010w1nnnn 1rzrrrrrrrrrrrrr", MEMORY | ALIGNED | IT_LAST,
     "n15 list2 listPM listWn"},
    {"LDM T2", "1110100010w1nnnn 0rzrrrrrrrrrrrrr", MEMORY | ALIGNED, "n15 list2 listWn"},
    {"STMDB T1", "1110100100w0nnnn zrzrrrrrrrrrrrrr", MEMORY | ALIGNED, "n15 list2 listWn"},
    {"LDMDB T1 to PC", "1110100100w1nnnn 1rzrrrrrrrrrrrrr", MEMORY | ALIGNED | IT_LAST,
     "n15 list2 listPM listWn"},
    {"LDMDB T1", "1110100100w1nnnn 0rzrrrrrrrrrrrrr", MEMORY | ALIGNED, "n15 list2 listWn"},
    // A5.3.6: dual, exclusive, table branch
    {"STREX T1", "111010000100nnnn ttttddddiiiiiiii", MEMORY | ALIGNED,
     "dBad tBad n15 d_n d_t"},
    {"LDREX T1", "111010000101nnnn ttttooooiiiiiiii", MEMORY | ALIGNED, "tBad n15"},
    {"STREXB T1", "111010001100nnnn ttttoooo0100dddd", MEMORY, "dBad tBad n15 d_n d_t"},
    {"STREXH T1", "111010001100nnnn ttttoooo0101dddd", MEMORY | ALIGNED,
     "dBad tBad n15 d_n d_t"},
    {"TBB T1", "111010001101nnnn oooozzzz0000mmmm", MEMORY | IT_LAST, "n13 mBad"},
    {"TBH T1", "111010001101nnnn oooozzzz0001mmmm", MEMORY | IT_LAST, "n13 mBad"},
    {"LDREXB T1", "111010001101nnnn ttttoooo0100oooo", MEMORY, "tBad n15"},
    {"LDREXH T1", "111010001101nnnn ttttoooo0101oooo", MEMORY | ALIGNED, "tBad n15"},
    {"LDRD (literal) T1", "1110100pq1w11111 ttttuuuuiiiiiiii", ALIGNED,
     "@p0w0 tBad uBad t_u literalW"},
    {"LDRD (immediate) T1", "1110100pq1w1nnnn ttttuuuuiiiiiiii", MEMORY | ALIGNED,
     "@p0w0 @n15 tBad uBad t_u wn_tu"},
    {"STRD (immediate) T1", "1110100pq1w0nnnn ttttuuuuiiiiiiii", MEMORY | ALIGNED,
     "@p0w0 n15 tBad uBad wn_tu"},
    // A5.3.11: data processing (shifted register)
    {"TST (register) T2", "111010100001nnnn ziii1111iikkmmmm", 0, "nBad mBad"},
    {"AND (register) T2", "11101010000snnnn ziiiddddiikkmmmm", 0, "@d15S1 d13 d15S0 nBad mBad"},
    {"BIC (register) T2", "11101010001snnnn ziiiddddiikkmmmm", 0, "dBad nBad mBad"},
    {"MOV (register) T3", "11101010010s1111 z000dddd0000mmmm", 0, "S1dmBad S0movBad"},
    {"shift (immediate) T2", "11101010010s1111 ziiiddddiikkmmmm", 0, "@noShift dBad mBad"},
    {"ORR (register) T2", "11101010010snnnn ziiiddddiikkmmmm", 0, "@n15 dBad n13 mBad"},
    {"MVN (register) T2", "11101010011s1111 ziiiddddiikkmmmm", 0, "dBad mBad"},
    {"ORN (register) T1", "11101010011snnnn ziiiddddiikkmmmm", 0, "@n15 dBad n13 mBad"},
    {"TEQ (register) T1", "111010101001nnnn ziii1111iikkmmmm", 0, "nBad mBad"},
    {"EOR (register) T2", "11101010100snnnn ziiiddddiikkmmmm", 0, "@d15S1 d13 d15S0 nBad mBad"},
    {"PKH T1", "111010101100nnnn ziiiddddiik0mmmm", 0, "dBad nBad mBad"},
    {"CMN (register) T2", "111010110001nnnn ziii1111iikkmmmm", 0, "n15 mBad"},
    {"ADD (SP plus register) T3 to SP", "11101011000s1101 z0001101ii00mmmm", 0, "mBad"},
    {"ADD (SP plus register) T3", "11101011000s1101 ziiiddddiikkmmmm", 0,
     "@d15S1 spShift d15S0 mBad"},
    {"ADD (register) T3", "11101011000snnnn ziiiddddiikkmmmm", 0,
     "@d15S1 @n13 d13 d15S0 n15 mBad"},
    {"ADC (register) T2", "11101011010snnnn ziiiddddiikkmmmm", 0, "dBad nBad mBad"},
    {"SBC (register) T2", "11101011011snnnn ziiiddddiikkmmmm", 0, "dBad nBad mBad"},
    {"CMP (register) T3", "111010111011nnnn ziii1111iikkmmmm", 0, "n15 mBad"},
    {"SUB (SP minus register) T1 to SP", "11101011101s1101 z0001101ii00mmmm", 0, "mBad"},
    {"SUB (SP minus register) T1", "11101011101s1101 ziiiddddiikkmmmm", 0,
     "@d15S1 spShift d15S0 mBad"},
    {"SUB (register) T2", "11101011101snnnn ziiiddddiikkmmmm", 0,
     "@d15S1 @n13 d13 d15S0 n15 mBad"},
    {"RSB (register) T1", "11101011110snnnn ziiiddddiikkmmmm", 0, "dBad nBad mBad"},
    // A5.3.1: data processing (modified immediate)
    {"TST (immediate) T1", "11110i000001nnnn 0iii1111iiiiiiii", 0, "nBad expand"},
    {"AND (immediate) T1", "11110i00000snnnn 0iiiddddiiiiiiii", 0, "@d15S1 d13 d15S0 nBad expand"},
    {"BIC (immediate) T1", "11110i00001snnnn 0iiiddddiiiiiiii", 0, "dBad nBad expand"},
    {"MOV (immediate) T2", "11110i00010s1111 0iiiddddiiiiiiii", 0, "dBad expand"},
    {"ORR (immediate) T1", "11110i00010snnnn 0iiiddddiiiiiiii", 0, "@n15 dBad n13 expand"},
    {"MVN (immediate) T1", "11110i00011s1111 0iiiddddiiiiiiii", 0, "dBad expand"},
    {"ORN (immediate) T1", "11110i00011snnnn 0iiiddddiiiiiiii", 0, "@n15 dBad n13 expand"},
    {"TEQ (immediate) T1", "11110i001001nnnn 0iii1111iiiiiiii", 0, "nBad expand"},
    {"EOR (immediate) T1", "11110i00100snnnn 0iiiddddiiiiiiii", 0, "@d15S1 d13 d15S0 nBad expand"},
    {"CMN (immediate) T1", "11110i010001nnnn 0iii1111iiiiiiii", 0, "n15 expand"},
    {"ADD (SP plus immediate) T3", "11110i01000s1101 0iiiddddiiiiiiii", 0, "@d15S1 d15S0 expand"},
    {"ADD (immediate) T3", "11110i01000snnnn 0iiiddddiiiiiiii", 0,
     "@d15S1 @n13 d13 d15S0 n15 expand"},
    {"ADC (immediate) T1", "11110i01010snnnn 0iiiddddiiiiiiii", 0, "dBad nBad expand"},
    {"SBC (immediate) T1", "11110i01011snnnn 0iiiddddiiiiiiii", 0, "dBad nBad expand"},
    {"CMP (immediate) T2", "11110i011011nnnn 0iii1111iiiiiiii", 0, "n15 expand"},
    {"SUB (SP minus immediate) T2", "11110i01101s1101 0iiiddddiiiiiiii", 0, "@d15S1 d15S0 expand"},
    {"SUB (immediate) T3", "11110i01101snnnn 0iiiddddiiiiiiii", 0,
     "@d15S1 @n13 d13 d15S0 n15 expand"},
    {"RSB (immediate) T2", "11110i01110snnnn 0iiiddddiiiiiiii", 0, "dBad nBad expand"},
    // A5.3.3: data processing (plain binary immediate)
    {"ADR T3", "11110i1000001111 0iiiddddiiiiiiii", 0, "dBad"},
    {"ADD (SP plus immediate) T4", "11110i1000001101 0iiiddddiiiiiiii", 0, "d15"},
    {"ADD (immediate) T4", "11110i100000nnnn 0iiiddddiiiiiiii", 0, "@n15 @n13 dBad"},
    {"MOV (immediate) T3", "11110i100100iiii 0iiiddddiiiiiiii", 0, "dBad"},
    {"ADR T2", "11110i1010101111 0iiiddddiiiiiiii", 0, "dBad"},
    {"SUB (SP minus immediate) T3", "11110i1010101101 0iiiddddiiiiiiii", 0, "d15"},
    {"SUB (immediate) T4", "11110i101010nnnn 0iiiddddiiiiiiii", 0, "@n15 @n13 dBad"},
    {"MOVT T1", "11110i101100iiii 0iiiddddiiiiiiii", 0, "dBad"},
    {"SSAT16 T1", "11110z110010nnnn 0000dddd00zzssss", 0, "dBad nBad"},
    {"SSAT T1", "11110z1100k0nnnn 0iiiddddiizsssss", 0, "@sat16 dBad nBad"},
    {"SBFX T1", "11110z110100nnnn 0iiiddddiizwwwww", 0, "dBad nBad bfxMsb"},
    {"BFC T1", "11110z1101101111 0iiiddddiizwwwww", 0, "dBad bfMsb"},
    {"BFI T1", "11110z110110nnnn 0iiiddddiizwwwww", 0, "@n15 dBad n13 bfMsb"},
    {"USAT16 T1", "11110z111010nnnn 0000dddd00zzssss", 0, "dBad nBad"},
    {"USAT T1", "11110z1110k0nnnn 0iiiddddiizsssss", 0, "@sat16 dBad nBad"},
    {"UBFX T1", "11110z111100nnnn 0iiiddddiizwwwww", 0, "dBad nBad bfxMsb"},
    // A5.3.4: branches, miscellaneous control
    {"MSR T1", "11110011100znnnn 10z0kkzzssssssss", 0, "nBad sysm msrMask"},
    {"NOP T2", "111100111010oooo 10z0z00000000000", 0, ""},
    {"YIELD T2", "111100111010oooo 10z0z00000000001", 0, ""},
    {"WFE T2", "111100111010oooo 10z0z00000000010", 0, ""},
    {"WFI T2", "111100111010oooo 10z0z00000000011", 0, ""},
    {"SEV T2", "111100111010oooo 10z0z00000000100", 0, ""},
    {"hint T2, unallocated, DBG", "111100111010oooo 10z0z000iiiiiiii", 0, "@hint0"},
    {"CLREX T1", "111100111011oooo 10z0oooo0010oooo", 0, ""},
    {"DSB T1", "111100111011oooo 10z0oooo0100iiii", 0, ""},
    {"DMB T1", "111100111011oooo 10z0oooo0101iiii", 0, ""},
    {"ISB T1", "111100111011oooo 10z0oooo0110iiii", 0, ""},
    {"MRS T1", "11110011111zoooo 10z0ddddssssssss", 0, "dBad sysm"},
    {"UDF T2", "111101111111iiii 1010iiiiiiiiiiii", 0, ""},
    {"B T3", "11110icccciiiiii 10i0iiiiiiiiiiii", IT_NOT, "@c14"},
    {"B T4", "11110iiiiiiiiiii 10i1iiiiiiiiiiii", IT_LAST, ""},
    {"BL T1", "11110iiiiiiiiiii 11i1iiiiiiiiiiii", IT_LAST, ""},
    // A5.3.7 to A5.3.10: load, store, hints
    LOADS("LDRB", "0", "00"),
    LOADS("LDRH", "0", "01"),
    LOADS("LDRSB", "1", "00"),
    LOADS("LDRSH", "1", "01"),
    {"LDR (literal) T2 to PC", "11111000q1011111 1111iiiiiiiiiiii", IT_LAST, ""},
    {"LDR (literal) T2", "11111000q1011111 ttttiiiiiiiiiiii", 0, "@t15"},
    {"LDR (immediate) T3 to PC", "111110001101nnnn 1111iiiiiiiiiiii", MEMORY | IT_LAST, "@n15"},
    {"LDR (immediate) T3", "111110001101nnnn ttttiiiiiiiiiiii", MEMORY, "@t15 @n15"},
    {"LDR (immediate) T4 to PC", "111110000101nnnn 11111pqwiiiiiiii", MEMORY | IT_LAST,
     "@n15 @unpriv @p0w0"},
    {"LDR (immediate) T4", "111110000101nnnn tttt1pqwiiiiiiii", MEMORY,
     "@t15 @n15 @unpriv @p0w0 wn_t"},
    {"LDR (register) T2 to PC", "111110000101nnnn 1111000000iimmmm", MEMORY | IT_LAST,
     "@n15 mBad"},
    {"LDR (register) T2", "111110000101nnnn tttt000000iimmmm", MEMORY, "@t15 @n15 mBad"},
    {"LDRT T1", "111110000101nnnn tttt1110iiiiiiii", MEMORY, "@n15 tBad"},
    {"PLD (literal) T1", "11111000q0z11111 1111iiiiiiiiiiii", 0, ""},
    {"PLD (immediate) T1", "111110001001nnnn 1111iiiiiiiiiiii", MEMORY, "@n15"},
    {"PLD (immediate) T2", "111110000001nnnn 11111100iiiiiiii", MEMORY, "@n15"},
    {"PLD (register) T1", "111110000001nnnn 1111000000iimmmm", MEMORY, "@n15 mBad"},
    {"PLI (literal) T3", "11111001q0011111 1111iiiiiiiiiiii", 0, ""},
    {"PLI (immediate) T1", "111110011001nnnn 1111iiiiiiiiiiii", MEMORY, "@n15"},
    {"PLI (immediate) T2", "111110010001nnnn 11111100iiiiiiii", MEMORY, "@n15"},
    {"PLI (register) T1", "111110010001nnnn 1111000000iimmmm", MEMORY, "@n15 mBad"},
    {"hint, unallocated (A5.3.9)", "1111100x1011nnnn 1111iiiiiiiiiiii", MEMORY, "@n15"},
    STORES("STRB", "00", "tBad"),
    STORES("STRH", "01", "tBad"),
    STORES("STR", "10", "t15"),
    // A5.3.12 to A5.3.15: data processing (register)
    {"LSL (register) T2", "11111010000snnnn 1111dddd0000mmmm", 0, "dBad nBad mBad"},
    {"LSR (register) T2", "11111010001snnnn 1111dddd0000mmmm", 0, "dBad nBad mBad"},
    {"ASR (register) T2", "11111010010snnnn 1111dddd0000mmmm", 0, "dBad nBad mBad"},
    {"ROR (register) T2", "11111010011snnnn 1111dddd0000mmmm", 0, "dBad nBad mBad"},
    {"SXTH T2", "1111101000001111 1111dddd1zrrmmmm", 0, "dBad mBad"},
    {"SXTAH T1", "111110100000nnnn 1111dddd1zrrmmmm", 0, "@n15 dBad n13 mBad"},
    {"UXTH T2", "1111101000011111 1111dddd1zrrmmmm", 0, "dBad mBad"},
    {"UXTAH T1", "111110100001nnnn 1111dddd1zrrmmmm", 0, "@n15 dBad n13 mBad"},
    {"SXTB16 T1", "1111101000101111 1111dddd1zrrmmmm", 0, "dBad mBad"},
    {"SXTAB16 T1", "111110100010nnnn 1111dddd1zrrmmmm", 0, "@n15 dBad n13 mBad"},
    {"UXTB16 T1", "1111101000111111 1111dddd1zrrmmmm", 0, "dBad mBad"},
    {"UXTAB16 T1", "111110100011nnnn 1111dddd1zrrmmmm", 0, "@n15 dBad n13 mBad"},
    {"SXTB T2", "1111101001001111 1111dddd1zrrmmmm", 0, "dBad mBad"},
    {"SXTAB T1", "111110100100nnnn 1111dddd1zrrmmmm", 0, "@n15 dBad n13 mBad"},
    {"UXTB T2", "1111101001011111 1111dddd1zrrmmmm", 0, "dBad mBad"},
    {"UXTAB T1", "111110100101nnnn 1111dddd1zrrmmmm", 0, "@n15 dBad n13 mBad"},
    PARALLEL("S", "000"),
    PARALLEL("Q", "001"),
    PARALLEL("SH", "010"),
    PARALLEL("U", "100"),
    PARALLEL("UQ", "101"),
    PARALLEL("UH", "110"),
    {"QADD T1", "111110101000nnnn 1111dddd1000mmmm", 0, "dBad nBad mBad"},
    {"QDADD T1", "111110101000nnnn 1111dddd1001mmmm", 0, "dBad nBad mBad"},
    {"QSUB T1", "111110101000nnnn 1111dddd1010mmmm", 0, "dBad nBad mBad"},
    {"QDSUB T1", "111110101000nnnn 1111dddd1011mmmm", 0, "dBad nBad mBad"},
    {"REV T2", "111110101001nnnn 1111dddd1000mmmm", 0, "dBad mBad n_m"},
    {"REV16 T2", "111110101001nnnn 1111dddd1001mmmm", 0, "dBad mBad n_m"},
    {"RBIT T1", "111110101001nnnn 1111dddd1010mmmm", 0, "dBad mBad n_m"},
    {"REVSH T2", "111110101001nnnn 1111dddd1011mmmm", 0, "dBad mBad n_m"},
    {"SEL T1", "111110101010nnnn 1111dddd1000mmmm", 0, "dBad nBad mBad"},
    {"CLZ T1", "111110101011nnnn 1111dddd1000mmmm", 0, "dBad mBad n_m"},
    // A5.3.16: multiply, accumulate
    {"MUL T2", "111110110000nnnn 1111dddd0000mmmm", 0, "dBad nBad mBad"},
    {"MLA T1", "111110110000nnnn aaaadddd0000mmmm", 0, "@a15 dBad nBad mBad a13"},
    {"MLS T1", "111110110000nnnn aaaadddd0001mmmm", 0, "dBad nBad mBad aBad"},
    {"SMUL<x><y> T1", "111110110001nnnn 1111dddd00xymmmm", 0, "dBad nBad mBad"},
    {"SMLA<x><y> T1", "111110110001nnnn aaaadddd00xymmmm", 0, "@a15 dBad nBad mBad a13"},
    {"SMUAD T1", "111110110010nnnn 1111dddd000xmmmm", 0, "dBad nBad mBad"},
    {"SMLAD T1", "111110110010nnnn aaaadddd000xmmmm", 0, "@a15 dBad nBad mBad a13"},
    {"SMULW<y> T1", "111110110011nnnn 1111dddd000ymmmm", 0, "dBad nBad mBad"},
    {"SMLAW<y> T1", "111110110011nnnn aaaadddd000ymmmm", 0, "@a15 dBad nBad mBad a13"},
    {"SMUSD T1", "111110110100nnnn 1111dddd000xmmmm", 0, "dBad nBad mBad"},
    {"SMLSD T1", "111110110100nnnn aaaadddd000xmmmm", 0, "@a15 dBad nBad mBad a13"},
    {"SMMUL T1", "111110110101nnnn 1111dddd000xmmmm", 0, "dBad nBad mBad"},
    {"SMMLA T1", "111110110101nnnn aaaadddd000xmmmm", 0, "@a15 dBad nBad mBad a13"},
    {"SMMLS T1", "111110110110nnnn aaaadddd000xmmmm", 0, "dBad nBad mBad aBad"},
    {"USAD8 T1", "111110110111nnnn 1111dddd0000mmmm", 0, "dBad nBad mBad"},
    {"USADA8 T1", "111110110111nnnn aaaadddd0000mmmm", 0, "@a15 dBad nBad mBad a13"},
    // A5.3.17: long multiply, divide
    {"SMULL T1", "111110111000nnnn llllhhhh0000mmmm", 0, "lBad hBad nBad mBad l_h"},
    {"SDIV T1", "111110111001nnnn oooodddd1111mmmm", 0, "dBad nBad mBad"},
    {"UMULL T1", "111110111010nnnn llllhhhh0000mmmm", 0, "lBad hBad nBad mBad l_h"},
    {"UDIV T1", "111110111011nnnn oooodddd1111mmmm", 0, "dBad nBad mBad"},
    {"SMLAL T1", "111110111100nnnn llllhhhh0000mmmm", 0, "lBad hBad nBad mBad l_h"},
    {"SMLAL<x><y> T1", "111110111100nnnn llllhhhh10xymmmm", 0, "lBad hBad nBad mBad l_h"},
    {"SMLALD T1", "111110111100nnnn llllhhhh110xmmmm", 0, "lBad hBad nBad mBad l_h"},
    {"SMLSLD T1", "111110111101nnnn llllhhhh110xmmmm", 0, "lBad hBad nBad mBad l_h"},
    {"UMLAL T1", "111110111110nnnn llllhhhh0000mmmm", 0, "lBad hBad nBad mBad l_h"},
    {"UMAAL T1", "111110111110nnnn llllhhhh0110mmmm", 0, "lBad hBad nBad mBad l_h"},
    // A6.4: floating-point data processing; d, n, m are S registers (the bit apart is the lowest)
    {"VMLA", "111011100d00nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VMLS", "111011100d00nnnn dddd1010n1m0mmmm", FLOAT, ""},
    {"VNMLS", "111011100d01nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VNMLA", "111011100d01nnnn dddd1010n1m0mmmm", FLOAT, ""},
    {"VMUL", "111011100d10nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VNMUL", "111011100d10nnnn dddd1010n1m0mmmm", FLOAT, ""},
    {"VADD", "111011100d11nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VSUB", "111011100d11nnnn dddd1010n1m0mmmm", FLOAT, ""},
    {"VDIV", "111011101d00nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VFNMS", "111011101d01nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VFNMA", "111011101d01nnnn dddd1010n1m0mmmm", FLOAT, ""},
    {"VFMA", "111011101d10nnnn dddd1010n0m0mmmm", FLOAT, ""},
    {"VFMS", "111011101d10nnnn dddd1010n1m0mmmm", FLOAT, ""},
    {"VMOV (immediate)", "111011101d11iiii dddd1010z0z0iiii", FLOAT, ""},
    {"VMOV (register)", "111011101d110000 dddd101001m0mmmm", FLOAT, ""},
    {"VABS", "111011101d110000 dddd101011m0mmmm", FLOAT, ""},
    {"VNEG", "111011101d110001 dddd101001m0mmmm", FLOAT, ""},
    {"VSQRT", "111011101d110001 dddd101011m0mmmm", FLOAT, ""},
    {"VCVTB, VCVTT from half", "111011101d110010 dddd101zp1m0mmmm", FLOAT, ""},
    {"VCVTB, VCVTT to half", "111011101d110011 dddd101zp1m0mmmm", FLOAT, ""},
    {"VCMP", "111011101d110100 dddd1010e1m0mmmm", FLOAT, ""},
    {"VCMP with zero", "111011101d110101 dddd1010e1z0zzzz", FLOAT, ""},
    {"VCVT from integer", "111011101d111000 dddd1010s1m0mmmm", FLOAT, ""},
    {"VCVT, VCVTR to integer", "111011101d11110s dddd1010p1m0mmmm", FLOAT, ""},
    {"VCVT from fixed-point", "111011101d11101u dddd1010s1i0iiii", FLOAT, "fixed"},
    {"VCVT to fixed-point", "111011101d11111u dddd1010s1i0iiii", FLOAT, "fixed"},
    // A6.6, A6.7: between core registers and the extension
    {"VMOV from core", "111011100000dddd tttt1010dzz1zzzz", FLOAT, "tBad"},
    {"VMOV to core", "111011100001dddd tttt1010dzz1zzzz", FLOAT, "tBad"},
    {"VMOV to a half of a doubleword", "1110111000i0dddd tttt10110001zzzz", FLOAT, "tBad"},
    {"VMOV from a half of a doubleword", "1110111000i1dddd tttt10110001zzzz", FLOAT, "tBad"},
    {"VMSR", "1110111011100001 tttt1010zzz1zzzz", FLOAT, "tBad"},
    {"VMRS", "1110111011110001 tttt1010zzz1zzzz", FLOAT, "t13"},
    {"VMOV from two core registers", "111011000100uuuu tttt101000m1mmmm", FLOAT, "tBad uBad m31"},
    {"VMOV to two core registers", "111011000101uuuu tttt101000m1mmmm", FLOAT, "tBad uBad m31 t_u"},
    {"VMOV doubleword from core", "111011000100uuuu tttt10110001mmmm", FLOAT, "tBad uBad"},
    {"VMOV doubleword to core", "111011000101uuuu tttt10110001mmmm", FLOAT, "tBad uBad t_u"},
    // A6.5: floating-point load and store
    {"VLDR", "11101101qx01nnnn vvvv1010iiiiiiii", FLOAT | MEMORY | ALIGNED, "@n15"},
    {"VLDR doubleword", "11101101q001nnnn vvvv1011iiiiiiii", FLOAT | MEMORY | ALIGNED, "@n15"},
    {"VLDR (literal)", "11101101qx011111 vvvv1010iiiiiiii", FLOAT, ""},
    {"VLDR doubleword (literal)", "11101101q0011111 vvvv1011iiiiiiii", FLOAT, ""},
    {"VSTR", "11101101qx00nnnn vvvv1010iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15"},
    {"VSTR doubleword", "11101101q000nnnn vvvv1011iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15"},
    {"VLDM IA", "111011001xw1nnnn vvvv1010iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsS"},
    {"VLDM DB", "111011010x11nnnn vvvv1010iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsS"},
    {"VLDM IA doubleword", "1110110010w1nnnn vvvv1011iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsD"},
    {"VLDM DB doubleword", "111011010011nnnn vvvv1011iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsD"},
    {"VSTM IA", "111011001xw0nnnn vvvv1010iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsS"},
    {"VSTM DB", "111011010x10nnnn vvvv1010iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsS"},
    {"VSTM IA doubleword", "1110110010w0nnnn vvvv1011iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsD"},
    {"VSTM DB doubleword", "111011010010nnnn vvvv1011iiiiiiii", FLOAT | MEMORY | ALIGNED, "n15 regsD"},
};
// clang-format on

const unsigned row_count = sizeof rows / sizeof rows[0];

static void fail_row(const struct row *row, const char *why, const char *what) {
    fprintf(stderr, "tests/oracle/encodings.c: %s: %s%s\n", row->title, why, what);
    abort();
}

static void prepare_bits(const struct row *row, struct parsed *parsed) {
    unsigned length = 0;
    for (const char *at = row->bits; *at; at++) {
        if (*at == ' ') {
            continue;
        }
        bool fixed = *at == '0' || *at == '1', should = *at == 'z' || *at == 'o';
        parsed->fixed_mask = parsed->fixed_mask << 1 | fixed;
        parsed->fixed_value = parsed->fixed_value << 1 | (*at == '1');
        parsed->should_mask = parsed->should_mask << 1 | should;
        parsed->immediate_mask = parsed->immediate_mask << 1 | (*at == 'i' || *at == 'k');
        parsed->should_value = parsed->should_value << 1 | (*at == 'o');
        length++;
    }
    if (length != 16 && length != 32) {
        fail_row(row, "has neither 16 nor 32 bits", "");
    }
    parsed->is_long = length == 32;
}

static void prepare_rules(const struct row *row, struct parsed *parsed) {
    char names[128];
    unsigned count = 0;
    snprintf(names, sizeof names, "%s", row->rule_names);
    for (char *rest = NULL, *name = strtok_r(names, " ", &rest); name;
         name = strtok_r(NULL, " ", &rest)) {
        const struct rule *found = NULL;
        for (unsigned i = 0; i < rule_count; i++) {
            if (strcmp(rules[i].name, name + (name[0] == '@')) == 0) {
                found = &rules[i];
            }
        }
        if (!found || count == RULES_OF_A_ROW) {
            fail_row(row, "no such rule, or one too many: ", name);
        }
        parsed->is_elsewhere[count] = name[0] == '@';
        parsed->rules[count++] = found;
    }
}

void encodings_prepare(void) {
    if (row_count > ROWS_MAX) {
        abort();
    }
    for (unsigned i = 0; i < row_count; i++) {
        prepare_bits(&rows[i], &parsed_rows[i]);
        prepare_rules(&rows[i], &parsed_rows[i]);
    }
}

// Takes the row's fields out of an instruction's bits.
static void take_fields(const struct row *row, uint32_t bits, struct drawn *drawn) {
    const struct parsed *parsed = &parsed_rows[row - rows];
    unsigned at = parsed->is_long ? 32 : 16;
    *drawn = (struct drawn){.is_long = parsed->is_long};
    drawn->halfword[0] = (uint16_t)(parsed->is_long ? bits >> 16 : bits);
    drawn->halfword[1] = (uint16_t)(parsed->is_long ? bits : 0);
    for (const char *c = row->bits; *c; c++) {
        if (*c == ' ') {
            continue;
        }
        at--;
        if (*c >= 'a' && *c < 'z' && *c != 'o') {
            uint32_t *field = &drawn->field[*c - 'a'];
            *field = *field << 1 | (bits >> at & 1);
        }
    }
}

static uint32_t bits_of(const struct drawn *drawn) {
    return drawn->is_long ? (uint32_t)drawn->halfword[0] << 16 | drawn->halfword[1]
                          : drawn->halfword[0];
}

bool row_should_bits_hold(const struct row *row, const struct drawn *drawn) {
    const struct parsed *parsed = &parsed_rows[row - rows];
    return (bits_of(drawn) & parsed->should_mask) == parsed->should_value;
}

const struct rule *row_verdict(const struct row *row, const struct drawn *drawn,
                               bool *is_elsewhere) {
    const struct parsed *parsed = &parsed_rows[row - rows];
    *is_elsewhere = false;
    for (unsigned i = 0; i < RULES_OF_A_ROW && parsed->rules[i]; i++) {
        if (parsed->rules[i]->holds(drawn)) {
            *is_elsewhere = parsed->is_elsewhere[i];
            return parsed->rules[i];
        }
    }
    return NULL;
}

void row_draw(const struct row *row, uint64_t (*random)(void *ctx), void *ctx,
              struct drawn *drawn) {
    const struct parsed *parsed = &parsed_rows[row - rows];
    const struct rule *rule;
    bool is_elsewhere;
    do {
        // Now and then a stretch of zeros or ones: shift amounts, immediates, register lists.
        uint64_t value = random(ctx);
        uint32_t bits = (uint32_t)value, stretch = (uint32_t)(value >> 32);
        stretch = (0xffffffffu >> (stretch & 31)) << (stretch >> 5 & 31);
        bits = (value >> 61) == 0 ? bits | stretch : (value >> 61) == 1 ? bits & ~stretch : bits;
        bits = (value >> 61) == 2 ? bits & ~parsed->immediate_mask : bits; // no shift, offset 0
        bits = (bits & ~(parsed->fixed_mask | parsed->should_mask)) | parsed->fixed_value |
               parsed->should_value;
        take_fields(row, bits, drawn);
        rule = row_verdict(row, drawn, &is_elsewhere);
    } while (rule && is_elsewhere);
}

const struct row *row_of(uint16_t hw1, uint16_t hw2, struct drawn *drawn) {
    bool is_long = hw1 >= 0xe800, is_elsewhere;
    uint32_t bits = is_long ? (uint32_t)hw1 << 16 | hw2 : hw1;
    for (unsigned i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        const struct parsed *parsed = &parsed_rows[i];
        if (parsed->is_long == is_long && (bits & parsed->fixed_mask) == parsed->fixed_value) {
            take_fields(row, bits, drawn);
            if (!row_verdict(row, drawn, &is_elsewhere) || !is_elsewhere) {
                return row;
            }
        }
    }
    return NULL;
}
