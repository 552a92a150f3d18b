// SPDX-License-Identifier: MIT
//
// How fast vboard's processor interprets, in millions of instructions a second of processor time: three
// loops, each at least half a second, best of three, cycles counted with the
// flash's wait states. The goal is above the core clock of an STM32F4 (168 MHz) with one instruction a
// cycle, which real code does not reach.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vboard/cpu/cpu.h"

#define FLASH_BASE 0x08000000u
#define SRAM_BASE  0x20000000u
#define GOAL_MIPS  200.0

// Bitwise CRC-32 over the registers only.
static const uint16_t alu_loop[] = {
    0x2000, // movs r0, #0
    0x4904, // ldr r1, [pc, #16]   polynomial
    0x2208, // outer: movs r2, #8
    0x3301, // adds r3, #1
    0x4058, // eors r0, r3
    0x0840, // inner: lsrs r0, r0, #1
    0xbf28, // it cs
    0x4048, // eorcs r0, r1
    0x3a01, // subs r2, #1
    0xd1fa, // bne inner
    0xe7f6, // b outer
    0x0000, 0x8320, 0xedb8,
};

// Word copy, 1 KB a time.
static const uint16_t memory_loop[] = {
    0x4905,                 // outer: ldr r1, [pc, #20]  from
    0x4a06,                 // ldr r2, [pc, #24]         to
    0xf44f, 0x7380,         // mov.w r3, #256
    0x6808,                 // inner: ldr r0, [r1]
    0x3104,                 // adds r1, #4
    0x6010,                 // str r0, [r2]
    0x3204,                 // adds r2, #4
    0x3b01,                 // subs r3, #1
    0xd1f9,                 // bne inner
    0xe7f4,                 // b outer
    0x0000, 0x0000, 0x2000, // 0x20000000
    0x4000, 0x2000,         // 0x20004000
};

// Waiting for a peripheral's status bit, as drivers do.
static const uint16_t poll_loop[] = {
    0x4903,                         // ldr r1, [pc, #12]
    0x6808,                         // wait: ldr r0, [r1]
    0x3201,                         // adds r2, #1
    0x0780,                         // lsls r0, r0, #30
    0xd5fb,                         // bpl wait
    0xe7fa,                         // b wait
    0x0000, 0x0000, 0x0000, 0x4000, // 0x40000000
};

static bool peripheral_read(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    unsigned *reads = ctx;
    (void)size;
    *value = addr == 0x40000000 && (++*reads & 1023) == 0 ? 2 : 0;
    return true;
}

static bool peripheral_write(void *ctx, uint32_t addr, unsigned size, uint32_t value) {
    (void)ctx, (void)addr, (void)size, (void)value;
    return false;
}

// Processor time of this program: a busy machine does not count.
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// False when the processor did not just run.
static bool measure(const char *name, const uint16_t *code, size_t code_bytes) {
    static uint8_t flash[64 << 10], sram[64 << 10];
    static unsigned reads;
    const uint32_t vectors[2] = {SRAM_BASE + sizeof sram, FLASH_BASE + 0x101};
    memcpy(flash, vectors, sizeof vectors);
    memcpy(flash + 0x100, code, code_bytes);
    struct cpu *cpu = cpu_new(82, 4, 0x410fc241);
    if (!cpu) {
        return false;
    }
    cpu_set_bus(
        cpu, &(struct cpu_bus){.ctx = &reads, .read = peripheral_read, .write = peripheral_write});
    cpu_add_region(cpu, &(struct cpu_region){0, sizeof flash, flash, true, false, false});
    unsigned region = cpu_add_region(
        cpu, &(struct cpu_region){FLASH_BASE, sizeof flash, flash, true, false, false});
    // As drivers set FLASH_ACR for 168 MHz (RM0090 table 10): cycles are counted with wait states.
    cpu_region_set_fetch(cpu, region, &(struct cpu_fetch){5, true, true, true});
    cpu_add_region(cpu, &(struct cpu_region){SRAM_BASE, sizeof sram, sram, true, true, false});
    cpu_reset(cpu);
    double best = 0;
    bool ran = true;
    for (int i = 0; i < 3; i++) {
        uint64_t first = cpu_instructions(cpu);
        double begin = seconds(), end = begin;
        while (end - begin < 0.5 && ran) {
            // A slice as the timeline makes them: 168,000 cycles are a USB frame.
            ran = cpu_run(cpu, cpu_cycles(cpu) + 168000) == CPU_STOP_LIMIT;
            end = seconds();
        }
        double mips = (double)(cpu_instructions(cpu) - first) / (end - begin) / 1e6;
        best = mips > best ? mips : best;
    }
    cpu_free(cpu);
    printf("%s\t%.1f\tMIPS\t%.0f\t%s\n", name, best, GOAL_MIPS,
           best >= GOAL_MIPS ? "met" : "missed");
    return ran;
}

int main(void) {
    bool ran = measure("cpu_alu", alu_loop, sizeof alu_loop);
    ran &= measure("cpu_memory", memory_loop, sizeof memory_loop);
    ran &= measure("cpu_poll", poll_loop, sizeof poll_loop);
    return ran ? EXIT_SUCCESS : EXIT_FAILURE;
}
