// SPDX-License-Identifier: MIT
//
// What an instruction starts from and what it leaves, in words that suit both engines: vboard's
// interpreter and libunicorn (Cortex-M4). Each engine has a memory of its own to write to, and reads the same code.

#ifndef TESTS_ORACLE_MACHINE_H
#define TESTS_ORACLE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define CODE_BASE  0x08000000u // read and execute
#define CODE_BYTES 0x10000u
#define RAM_BASE   0x20000000u // everything
#define RAM_BYTES  0x4000u

enum outcome {
    DONE,
    TO_ARM, // gone on in ARM state: the next instruction is an INVSTATE fault
    UNDEFINED,
    UNALIGNED, // UsageFault of an access that must be aligned
    BAD_ACCESS,
    CALLED_SVC,
    HIT_BKPT,
};

struct machine {
    uint32_t r[15]; // SP is the one in use
    uint32_t pc, xpsr;
    uint32_t msp, psp;
    uint8_t primask, basepri, faultmask, control;
    uint32_t s[32], fpscr;
    enum outcome outcome;
    uint32_t address; // the access that failed, or else the first one; 0: none
};

struct engine; // vboard.c, unicorn.c

extern uint8_t machine_code[CODE_BYTES];

// One each; both abort when there is no memory or no such engine.
struct engine *vboard_engine(void);
void vboard_free(struct engine *engine);
// What to execute from m->pc on: `single` instructions, then (if any) an IT instruction and its
// block. Ends before if something else than DONE comes out.
struct run {
    unsigned single, block; // `block` counts IT itself
    uint32_t bytes;         // of machine_code from m->pc on, changed since the last run
};
void vboard_execute(struct engine *engine, struct machine *m, const struct run *run);
uint8_t *vboard_ram(struct engine *engine);
// Which of the interpreter's operations (enum op_code, and behind OP_COUNT enum dsp_op, fpu_op, vmove) the
// bytes at `addr` decode to.
unsigned vboard_operation(uint16_t hw1, uint16_t hw2, uint32_t addr);
unsigned vboard_operation_count(void);
// NULL: no instruction decodes to it (it is the interpreter's own).
const char *vboard_operation_name(unsigned operation);

// The same by libunicorn.
struct engine *unicorn_engine(void);
void unicorn_free(struct engine *engine);
void unicorn_execute(struct engine *engine, struct machine *m, const struct run *run);
uint8_t *unicorn_ram(struct engine *engine);

#endif
