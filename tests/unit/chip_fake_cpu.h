// SPDX-License-Identifier: MIT
//
// A processor for tests of the chip around it: the second implementation of vboard/cpu/cpu.h. It
// executes a script of bus accesses instead of instructions, one cycle each, and sleeps when the
// script is done. What it does not have (registers, exceptions) answers 0.

#ifndef TESTS_UNIT_CHIP_FAKE_CPU_H
#define TESTS_UNIT_CHIP_FAKE_CPU_H

#include "vboard/cpu/cpu.h"

enum fake_kind { FAKE_WRITE, FAKE_READ, FAKE_FETCH, FAKE_WAIT, FAKE_RESET };

struct fake_step {
    enum fake_kind kind;
    uint32_t addr;
    unsigned size;
    uint32_t value; // to write; cycles to wait; filled in by a read
    // Filled in: whether the bus answered, and the cycle after the access.
    bool answered;
    uint64_t end_cycle;
};

// Steps stay the caller's and are filled in as they execute. Wakes the processor.
void fake_script(struct cpu *cpu, struct fake_step *steps, unsigned count);
bool fake_script_is_done(const struct cpu *cpu);
// The program counter it shows.
void fake_set_pc(struct cpu *cpu, uint32_t pc);
bool fake_irq(const struct cpu *cpu, unsigned irq);
unsigned fake_events(const struct cpu *cpu);
unsigned fake_resets(const struct cpu *cpu);
// Bytes told to have changed, in all.
uint32_t fake_changed_code(const struct cpu *cpu);
// As an access of the processor: regions first, guards included, then the bus.
bool fake_load(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value);
bool fake_store(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value);

#endif
