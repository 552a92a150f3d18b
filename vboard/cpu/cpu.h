// SPDX-License-Identifier: MIT
//
// A Cortex-M4 (ARMv7E-M: ARM DDI 0403, PM0214) as a struct: instructions, exceptions, NVIC, SysTick
// and the system control space. It knows nothing of the chip around it but memory regions and a
// bus for everything else; the single-precision FPU (FPv4-SP) and the MPU.
//
// The engine is an interpreter with a cache of decoded instructions, so it can stop exactly after
// any instruction or at any bus access. It holds no pointer but its regions, its bus and the decode
// cache: cpu_state is copied by assignment for a snapshot.

#ifndef VBOARD_CPU_CPU_H
#define VBOARD_CPU_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_REGIONS_MAX 12
#define CPU_IRQS_MAX    112

// Memory the engine reaches directly, without asking the bus.
struct cpu_region {
    uint32_t base;
    uint32_t size; // bytes, a multiple of 4
    uint8_t *bytes;
    bool executable;
    bool writable; // a write to a region that is not goes to the bus
    // Guarded: every access, fetches included, first calls bus.guarded(); then goes on as usual.
    bool guarded;
};

enum cpu_access { CPU_FETCH, CPU_READ, CPU_WRITE };

// What became of a semihosting call: the program goes on behind it, nobody answers, or the processor
// stands there until a reset.
enum cpu_semihosting { CPU_SEMIHOSTING_DONE, CPU_SEMIHOSTING_REFUSED, CPU_SEMIHOSTING_PARK };

struct cpu_bus {
    void *ctx;
    // An aligned access of 1, 2 or 4 bytes that no region serves. False: bus error (BusFault).
    // Of the private peripheral bus only 0xE0042000-0xE00FEFFF (DBGMCU) comes here.
    // cpu->cycles is exact during the call. Bit-band aliases (PM0214 2.2.5) never come here: the
    // engine turns them into accesses of the word behind.
    bool (*read)(void *ctx, uint32_t addr, unsigned size, uint32_t *value);
    bool (*write)(void *ctx, uint32_t addr, unsigned size, uint32_t value);
    // An access to a guarded region is about to happen. May let time pass (cpu_stall()), and may
    // lift the guard.
    void (*guarded)(void *ctx, uint32_t addr, enum cpu_access access);
    // Caches of the chip that may hold something else than the memory behind them, in regions under
    // cpu_region_watch(). The first is asked for each halfword decoded, the second told of each load
    // (aligned, of `size` bytes, with its value): both may put another value in place. May be NULL.
    void (*watched_fetch)(void *ctx, uint32_t addr, uint16_t *halfword);
    void (*watched_load)(void *ctx, uint32_t addr, unsigned size, uint32_t *value);
    // SYSRESETREQ was written (AIRCR). cpu_reset() may be called right here: it takes effect after
    // the instruction. A lockup resets nothing (a watchdog would): it is a complaint, and
    // CPU_STOP_LOCKUP until somebody calls cpu_reset().
    void (*reset_request)(void *ctx);
    // Something a person should hear of: lockup, a fault escalated to HardFault, an undefined
    // instruction, BKPT without a debugger, a write to a read-only system register.
    void (*complaint)(void *ctx, const char *what, const char *sentence);
    // An exception was taken or left, for the trace; may be NULL.
    void (*exception)(void *ctx, unsigned number, bool enter);
    // The instruction at a marked address (cpu_mark()) is about to be executed. May read the
    // processor and mark; may be NULL.
    void (*marked)(void *ctx, uint32_t addr);
    // BKPT 0xAB, which asks a debugger to do something for the program (Arm's semihosting): what is
    // asked stands in R0 and R1, the answer goes to R0. NULL: it is a BKPT like others.
    enum cpu_semihosting (*semihosting)(void *ctx);
    // A stimulus port of the ITM was written while it was on (ARM DDI 0403 C1.7): a probe would show
    // `size` bytes of `value`. May be NULL.
    void (*stimulus)(void *ctx, unsigned port, unsigned size, uint32_t value);
    // VTOR was written, for the trace; may be NULL.
    void (*vector_table)(void *ctx, uint32_t addr);
    // SysTick reference clock: core clock / 8 on the STM32F4 (RM0090 figure 21); cycles of the core
    // clock a tick of the external reference.
    unsigned systick_reference_divider;
};

struct cpu; // vboard/cpu/cpu_state.h holds the layout

// Makes a processor with `irq_count` interrupt lines and `priority_bits` implemented priority bits
// (STM32F4: 82 to 91 lines, 4 bits). Without an FPU its instructions raise NOCP. NULL when memory is
// short.
struct cpu *cpu_new(unsigned irq_count, unsigned priority_bits, uint32_t cpuid, bool has_fpu);
void cpu_free(struct cpu *cpu);

void cpu_set_bus(struct cpu *cpu, const struct cpu_bus *bus);
// Adds a region and returns its index. Regions do not overlap. Bytes stay the caller's.
unsigned cpu_add_region(struct cpu *cpu, const struct cpu_region *region);
// Points a region at other bytes (remapping address 0), or guards or unguards it.
void cpu_region_set_bytes(struct cpu *cpu, unsigned region, uint8_t *bytes, uint32_t size,
                          bool writable);
void cpu_region_guard(struct cpu *cpu, unsigned region, bool guarded);
// Watches a region's instruction fetches (at their first decoding) or loads; see struct cpu_bus.
void cpu_region_watch(struct cpu *cpu, unsigned region, bool fetches, bool loads);
// What fetching costs: none until set. fetch.c has the model.
struct cpu_fetch {
    uint8_t wait_states;
    bool prefetch, instruction_cache, data_cache;
};
void cpu_region_set_fetch(struct cpu *cpu, unsigned region, const struct cpu_fetch *fetch);
// Whether any instruction that begins in these bytes was executed since they last changed.
bool cpu_code_is_decoded(const struct cpu *cpu, uint32_t addr, uint32_t len);
// Somebody other than the processor changed bytes of a region: forget what was decoded from them.
void cpu_code_changed(struct cpu *cpu, uint32_t addr, uint32_t len);

// Has bus.marked() told each time the instruction at an address is reached. Counted: as many
// cpu_unmark() as cpu_mark(). From anywhere, bus.marked() included. Costs nothing elsewhere, and no
// cycle there. An interrupt taken first is served first; an address met again because its
// instruction faulted counts again.
void cpu_mark(struct cpu *cpu, uint32_t addr);
void cpu_unmark(struct cpu *cpu, uint32_t addr);

// System reset: registers, NVIC, SysTick and SCB to reset values, SP and PC from the vector table
// at address 0 (PM0214 2.1.3). Time (cycles) runs on.
void cpu_reset(struct cpu *cpu);

// Runs until the cycle counter reaches `until`, or cpu_break() is called, or the processor sleeps
// or is locked up, or stops for a debugger (debug.h); passes `until` by the rest of the last
// instruction at most.
enum cpu_stop { CPU_STOP_LIMIT, CPU_STOP_BREAK, CPU_STOP_SLEEP, CPU_STOP_LOCKUP, CPU_STOP_DEBUG };
enum cpu_stop cpu_run(struct cpu *cpu, uint64_t until);
// Executes one instruction (or takes one exception).
enum cpu_stop cpu_step(struct cpu *cpu);
// Makes cpu_run() return after the instruction under way. From bus callbacks.
void cpu_break(struct cpu *cpu);

// Cycles of the core clock since creation. Exact inside bus callbacks.
uint64_t cpu_cycles(const struct cpu *cpu);
// Lets cycles pass without executing: a stalled bus, or sleep.
void cpu_stall(struct cpu *cpu, uint64_t cycles);
// While asleep: the cycle at which SysTick will next need attention; UINT64_MAX for never.
uint64_t cpu_next_wake(const struct cpu *cpu);
bool cpu_is_asleep(const struct cpu *cpu);
// SP is PSP (CONTROL.SPSEL in Thread mode).
bool cpu_is_on_process_stack(const struct cpu *cpu);
// Asleep with SCR.SLEEPDEEP; whether an interrupt or event that ends a sleep has come; ends it.
bool cpu_sleeps_deep(const struct cpu *cpu);
bool cpu_sleep_ends(const struct cpu *cpu);
void cpu_wake(struct cpu *cpu);
// A fault inside HardFault or NMI: nothing but a reset ends it.
bool cpu_is_locked_up(const struct cpu *cpu);
// Held by CPU_SEMIHOSTING_PARK; only a reset ends it.
bool cpu_is_parked(const struct cpu *cpu);
// As a probe sets the ITM up before the program runs: these stimulus ports on, and the ITM itself.
void cpu_itm_enable(struct cpu *cpu, uint32_t ports);
// Instructions executed since creation.
uint64_t cpu_instructions(const struct cpu *cpu);

// What would the processor do next if nothing outside it happened? It runs on, without interrupts
// (but for faults and SVC) and with this instead of its bus, while step() says so; then registers
// and memory are put back as they were. Between runs. Costs of instructions met for the first
// time count as paid afterwards, so this is for the end of a run.
struct cpu_probe {
    void *ctx;
    // Before each instruction: its address, and the exception being handled (0: none). False: enough.
    bool (*step)(void *ctx, uint32_t pc, unsigned exception);
    // A load that no memory serves.
    bool (*read)(void *ctx, uint32_t addr, unsigned size, uint32_t *value);
    // A store that no memory takes; may be missing.
    bool (*write)(void *ctx, uint32_t addr, unsigned size, uint32_t value);
    // A load from memory that may be written; may put another value in place.
    void (*loaded)(void *ctx, uint32_t addr, unsigned size, uint32_t *value);
};
// Ends also where the processor falls asleep or locks up. False when memory is short.
bool cpu_probe(struct cpu *cpu, const struct cpu_probe *probe);

// An interrupt line's level. Level-triggered: a line that is still high when its handler returns
// becomes pending again (PM0214 4.3.9). Irq numbers are RM0090 table 62's "position".
void cpu_set_irq(struct cpu *cpu, unsigned irq, bool level);
// An event for WFE (EXTI event lines).
void cpu_event(struct cpu *cpu);

// Everything a processor is, its memory aside: to be put back into the same processor when the regions
// hold again what they held then. While it does not run; but for cpu_save() inside a bus callback
// too, where the instruction under way is half done. Memory that is short ends the program.
struct cpu_snapshot;
struct cpu_snapshot *cpu_save(const struct cpu *cpu);
void cpu_restore(struct cpu *cpu, const struct cpu_snapshot *snapshot);
void cpu_snapshot_free(struct cpu_snapshot *snapshot);

// Registers, for reports and debuggers. 0-12 R0-R12, 13 SP, 14 LR, 15 PC (address of the next
// instruction), 16 xPSR, CPU_S0 + n Sn, CPU_FPSCR and the special registers by name.
enum {
    CPU_S0 = 32,
    CPU_FPSCR = 64,
    CPU_MSP,
    CPU_PSP,
    CPU_PRIMASK,
    CPU_BASEPRI,
    CPU_FAULTMASK,
    CPU_CONTROL,
};
uint32_t cpu_register(const struct cpu *cpu, unsigned n);
void cpu_set_register(struct cpu *cpu, unsigned n, uint32_t value);
// Address of the instruction being executed (inside a bus callback), else of the next one.
uint32_t cpu_pc(const struct cpu *cpu);
uint32_t cpu_vtor(const struct cpu *cpu);
// Debugger access: never has side effects on the processor; false where nothing answers.
bool cpu_peek(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value);

#endif
