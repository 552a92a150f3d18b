// SPDX-License-Identifier: MIT
//
// What a debugger does to a processor: breakpoints, watchpoints, single steps, and being told of faults
// and BKPT. The processor stops by cpu_run() returning CPU_STOP_DEBUG; whether time passes until the
// next cpu_run() is the caller's. Nothing here costs anything while it is not used, but for loads and
// stores in a memory with a watchpoint, which go the long way.

#ifndef VBOARD_CPU_DEBUG_H
#define VBOARD_CPU_DEBUG_H

#include "vboard/cpu/cpu.h"

#define CPU_WATCHPOINTS_MAX 32u

// With a debugger attached BKPT stops the processor and is not passed; so do HardFault, before its
// handler's first instruction, and lockup; and DHCSR shows C_DEBUGEN, as it does on the chip. Taking it
// away takes breakpoints and watchpoints away as well.
void cpu_debug_attach(struct cpu *cpu, bool is_attached);
bool cpu_debug_is_attached(const struct cpu *cpu);
// Whether HardFault stops it; it does until said otherwise.
void cpu_debug_catch(struct cpu *cpu, bool catches_hard_fault);

// Between runs. Stops before the instruction at `addr`; counted, as marks are.
void cpu_breakpoint_add(struct cpu *cpu, uint32_t addr);
// False: there is none.
bool cpu_breakpoint_remove(struct cpu *cpu, uint32_t addr);

enum cpu_watch_kind { CPU_WATCH_WRITE = 1, CPU_WATCH_READ = 2, CPU_WATCH_ACCESS = 3 };
// Between runs. Stops after the instruction that stores to (loads from) any of `len` bytes; exception
// entry and return count, bit-band aliases count for the word behind them. False: no more room.
bool cpu_watchpoint_add(struct cpu *cpu, uint32_t addr, uint32_t len, enum cpu_watch_kind kind);
bool cpu_watchpoint_remove(struct cpu *cpu, uint32_t addr, uint32_t len, enum cpu_watch_kind kind);

// The next cpu_run() stops after one instruction, or where an exception was taken. `masks_interrupts`:
// faults, SVCall and NMI only are taken (DHCSR.C_MASKINTS, ARM DDI 0403 C1.6.2).
void cpu_debug_step(struct cpu *cpu, bool masks_interrupts);
// Takes a step that was not done back.
void cpu_debug_halt(struct cpu *cpu);

enum cpu_debug_why {
    CPU_DEBUG_NONE,
    CPU_DEBUG_STEP,
    CPU_DEBUG_BREAKPOINT, // addr: PC, as for the next one
    CPU_DEBUG_BKPT,
    CPU_DEBUG_WATCHPOINT, // addr: of the access
    CPU_DEBUG_HARD_FAULT,
    CPU_DEBUG_LOCKUP,
};
// Why the last CPU_STOP_DEBUG came about.
enum cpu_debug_why cpu_debug_reason(const struct cpu *cpu, uint32_t *addr,
                                    enum cpu_watch_kind *kind);

// A store as a debugger makes it, between runs: aligned, 1, 2 or 4 bytes, privileged, with the side effects
// that a register has. Not for memory that is not simply written (flash). False: nothing answers.
bool cpu_poke(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value);

#endif
