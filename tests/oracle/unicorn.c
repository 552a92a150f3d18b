// SPDX-License-Identifier: MIT
//
// libunicorn 2.0.1 (Debian 12) as an engine of machine.h, and how it must be handled: its traits
// here cost nothing of what is compared, those that do are in instructions.c, one by one.
//
//   - It calls functions of its own by names that are also ours (cpu_reset): the linker is told to
//     show it none of our symbols (instructions.cmake).
//   - Registers are written after an emulator context was put back: an unprivileged guest refuses
//     writes of MSP, PSP, CONTROL and the masks.
//   - Of XPSR GE is neither read nor written: APSR reads it, APSR_NZCVQG writes it.
//   - It decodes a block ahead and would keep it: the cache is told of each change of code.
//   - With a count of 1 it stops before the second instruction; in an IT block somewhere later in
//     the block, or behind it.
//   - It has ARMv8-M's CONTROL.SFPA, bit 3, without which FPCA counts for nothing.
//   - It translates the instruction behind before it stops, and complains of that one.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#include "tests/oracle/machine.h"

#define GE           0x000f0000u // of APSR
#define EPSR_T       0x01000000u
#define CONTROL_FPCA 0x4u
#define CONTROL_SFPA 0x8u
#define NOWHERE      0xfffffffeu
#define ITSTATE      0x0600fc00u // of EPSR, outside exceptions

struct engine {
    uc_engine *uc;
    uc_context *blank;
    uint8_t *ram; // page-aligned
    enum outcome outcome;
    uint32_t address;
};

// It loses a little at its end, which is not ours to find.
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libunicorn";
}

static void check(uc_err error, const char *what) {
    if (error != UC_ERR_OK) {
        fprintf(stderr, "libunicorn: %s: %s\n", what, uc_strerror(error));
        abort();
    }
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *ctx) {
    struct engine *engine = ctx;
    enum { SWI = 2, BKPT = 7, NOCP = 17 }; // QEMU's EXCP_SWI, EXCP_BKPT, EXCP_NOCP
    // Any other is EXCP_INVSTATE, of the next instruction: EPSR.T tells.
    engine->outcome = number == SWI    ? CALLED_SVC
                      : number == BKPT ? HIT_BKPT
                      : number == NOCP ? UNDEFINED
                                       : DONE;
    uc_emu_stop(uc);
}

static void on_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                      void *ctx) {
    struct engine *engine = ctx;
    (void)uc, (void)type, (void)size, (void)value;
    if (engine->address == 0) {
        engine->address = (uint32_t)address;
    }
}

static bool on_bad_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size,
                          int64_t value, void *ctx) {
    struct engine *engine = ctx;
    (void)uc, (void)size, (void)value;
    if (type != UC_MEM_FETCH_UNMAPPED && type != UC_MEM_FETCH_PROT) {
        engine->outcome = BAD_ACCESS;
        engine->address = (uint32_t)address;
    }
    return false;
}

struct engine *unicorn_engine(void) {
    struct engine *engine = calloc(1, sizeof *engine);
    uc_hook hook;
    if (!engine || !(engine->ram = aligned_alloc(4096, RAM_BYTES))) {
        abort();
    }
    memset(engine->ram, 0, RAM_BYTES);
    check(uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &engine->uc), "uc_open");
    check(uc_ctl_set_cpu_model(engine->uc, UC_CPU_ARM_CORTEX_M4), "cpu model");
    check(uc_mem_map_ptr(engine->uc, CODE_BASE, CODE_BYTES, UC_PROT_READ | UC_PROT_EXEC,
                         machine_code),
          "code");
    check(uc_mem_map_ptr(engine->uc, RAM_BASE, RAM_BYTES, UC_PROT_ALL, engine->ram), "ram");
    check(uc_hook_add(engine->uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, engine, 1, 0), "hook");
    check(uc_hook_add(engine->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_access,
                      engine, 1, 0),
          "hook");
    check(uc_hook_add(engine->uc, &hook, UC_HOOK_MEM_INVALID, (void *)on_bad_access, engine, 1, 0),
          "hook");
    check(uc_context_alloc(engine->uc, &engine->blank), "context");
    check(uc_context_save(engine->uc, engine->blank), "context");
    return engine;
}

void unicorn_free(struct engine *engine) {
    uc_context_free(engine->blank);
    uc_close(engine->uc);
    free(engine->ram);
    free(engine);
}

uint8_t *unicorn_ram(struct engine *engine) {
    return engine->ram;
}

static void write_register(struct engine *engine, int id, uint32_t value) {
    check(uc_reg_write(engine->uc, id, &value), "register");
}

static uint32_t read_register(struct engine *engine, int id) {
    uint32_t value = 0;
    check(uc_reg_read(engine->uc, id, &value), "register");
    return value;
}

static int register_id(unsigned n) {
    return n < 13 ? UC_ARM_REG_R0 + (int)n : n == 13 ? UC_ARM_REG_SP : UC_ARM_REG_LR;
}

static void put(struct engine *engine, const struct machine *m) {
    check(uc_context_restore(engine->uc, engine->blank), "context");
    write_register(engine, UC_ARM_REG_MSP, m->msp);
    write_register(engine, UC_ARM_REG_PSP, m->psp);
    write_register(engine, UC_ARM_REG_PRIMASK, m->primask);
    write_register(engine, UC_ARM_REG_BASEPRI, m->basepri);
    write_register(engine, UC_ARM_REG_FAULTMASK, m->faultmask);
    write_register(engine, UC_ARM_REG_CONTROL,
                   m->control | ((m->control & CONTROL_FPCA) ? CONTROL_SFPA : 0));
    for (unsigned i = 0; i < 15; i++) {
        write_register(engine, register_id(i), m->r[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        write_register(engine, UC_ARM_REG_S0 + (int)i, m->s[i]);
    }
    write_register(engine, UC_ARM_REG_FPSCR, m->fpscr);
    write_register(engine, UC_ARM_REG_XPSR, m->xpsr);
    write_register(engine, UC_ARM_REG_APSR_NZCVQG, m->xpsr & 0xf80f0000);
}

static void get(struct engine *engine, struct machine *m) {
    for (unsigned i = 0; i < 15; i++) {
        m->r[i] = read_register(engine, register_id(i));
    }
    for (unsigned i = 0; i < 32; i++) {
        m->s[i] = read_register(engine, UC_ARM_REG_S0 + (int)i);
    }
    m->fpscr = read_register(engine, UC_ARM_REG_FPSCR);
    m->pc = read_register(engine, UC_ARM_REG_PC) & ~1u;
    m->xpsr = (read_register(engine, UC_ARM_REG_XPSR) & ~GE) |
              (read_register(engine, UC_ARM_REG_APSR) & GE);
    m->msp = read_register(engine, UC_ARM_REG_MSP);
    m->psp = read_register(engine, UC_ARM_REG_PSP);
    m->control = (uint8_t)(read_register(engine, UC_ARM_REG_CONTROL) & ~CONTROL_SFPA);
    m->primask = (uint8_t)read_register(engine, UC_ARM_REG_PRIMASK);
    m->basepri = (uint8_t)read_register(engine, UC_ARM_REG_BASEPRI);
    m->faultmask = (uint8_t)read_register(engine, UC_ARM_REG_FAULTMASK);
}

// Executes one instruction or, from an IT instruction on, some of its block at least.
static void step(struct engine *engine, struct machine *m, uint32_t until) {
    uint32_t from = m->pc;
    engine->outcome = DONE;
    uc_err error = uc_emu_start(engine->uc, m->pc | 1, until, 0, 1);
    get(engine, m);
    m->outcome = engine->outcome;
    m->address = engine->address;
    if (!(m->xpsr & EPSR_T)) {
        m->outcome = TO_ARM;
    } else if (m->outcome == DONE && error == UC_ERR_INSN_INVALID) {
        // It may be the next instruction that it could not translate.
        bool in_block = m->xpsr & ITSTATE;
        m->outcome = m->pc == from || in_block ? UNDEFINED : DONE;
    } else if (m->outcome == DONE && error != UC_ERR_OK && error != UC_ERR_FETCH_UNMAPPED &&
               error != UC_ERR_FETCH_PROT) {
        m->outcome = BAD_ACCESS;
    }
}

void unicorn_execute(struct engine *engine, struct machine *m, const struct run *run) {
    (void)uc_ctl_remove_cache(engine->uc, (uint64_t)m->pc, (uint64_t)m->pc + run->bytes);
    uint32_t end = m->pc + run->bytes;
    put(engine, m);
    engine->address = 0;
    m->outcome = DONE;
    for (unsigned i = 0; i < run->single && m->outcome == DONE; i++) {
        step(engine, m, NOWHERE);
    }
    if (run->block && m->outcome == DONE) {
        unsigned tries = 0;
        do {
            step(engine, m, end);
        } while (m->outcome == DONE && (m->xpsr & ITSTATE) && ++tries < run->block);
    }
}
