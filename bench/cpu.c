// SPDX-License-Identifier: MIT
//
// How fast vboard's processor interprets, in millions of instructions a second of processor time: five
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

// A filter's inner loop with single-precision numbers, rounded and fused products.
static const uint16_t fpu_loop[] = {
    0xf64e, 0x5088, // movw r0, #0xed88
    0xf2ce, 0x0000, // movt r0, #0xe000
    0xf44f, 0x0170, // mov.w r1, #0xf00000
    0x6001,         // str r1, [r0]             CPACR
    0xf3bf, 0x8f6f, // isb
    0xeeb6, 0x4a00, // vmov.f32 s8, #0.5
    0xf04f, 0x5400, // mov.w r4, #0x20000000
    0x4621,         // outer: mov r1, r4
    0xf504, 0x6280, // add.w r2, r4, #1024
    0x2340,         // movs r3, #64
    0xeeb7, 0x0a00, // vmov.f32 s0, #1.0
    0xee30, 0x0a40, // vsub.f32 s0, s0, s0
    0xecf1, 0x0a01, // inner: vldmia r1!, {s1}
    0xecb2, 0x1a01, // vldmia r2!, {s2}
    0xee60, 0x1a81, // vmul.f32 s3, s1, s2
    0xee30, 0x0a21, // vadd.f32 s0, s0, s3
    0xeea1, 0x2a84, // vfma.f32 s4, s3, s8
    0xee32, 0x2a61, // vsub.f32 s4, s4, s3
    0x3b01,         // subs r3, #1
    0xd1f1,         // bne inner
    0xe7e8,         // b outer
};

// The same with packed halfwords.
static const uint16_t dsp_loop[] = {
    0xf04f, 0x5400, // mov.w r4, #0x20000000
    0x4621,         // outer: mov r1, r4
    0xf504, 0x6280, // add.w r2, r4, #1024
    0x2340,         // movs r3, #64
    0x2000,         // movs r0, #0
    0xf851, 0x5b04, // inner: ldr.w r5, [r1], #4
    0xf852, 0x6b04, // ldr.w r6, [r2], #4
    0xfb25, 0x0006, // smlad r0, r5, r6, r0
    0xfa85, 0xf746, // uadd8 r7, r5, r6
    0xfaa5, 0xf787, // sel r7, r5, r7
    0xfa97, 0xf516, // qadd16 r5, r7, r6
    0xeac5, 0x4607, // pkhbt r6, r5, r7, lsl #16
    0xfbc5, 0x89c6, // smlald r8, r9, r5, r6
    0x3b01,         // subs r3, #1
    0xd1ed,         // bne inner
    0xe7e7,         // b outer
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
    for (unsigned i = 0; i < sizeof sram / sizeof(float); i++) {
        float number = 0.37f * (float)(i % 1000) - 100.0f;
        memcpy(sram + i * sizeof number, &number, sizeof number);
    }
    struct cpu *cpu = cpu_new(82, 4, 0x410fc241, true);
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

// One name as an argument runs just that loop: for a profiler.
int main(int argc, char **argv) {
    static const struct {
        const char *name;
        const uint16_t *code;
        size_t bytes;
    } loops[] = {
        {"cpu_alu", alu_loop, sizeof alu_loop},    {"cpu_memory", memory_loop, sizeof memory_loop},
        {"cpu_poll", poll_loop, sizeof poll_loop}, {"cpu_fpu", fpu_loop, sizeof fpu_loop},
        {"cpu_dsp", dsp_loop, sizeof dsp_loop},
    };
    bool ran = true;
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        if (argc < 2 || strcmp(argv[1], loops[i].name) == 0) {
            ran &= measure(loops[i].name, loops[i].code, loops[i].bytes);
        }
    }
    return ran ? EXIT_SUCCESS : EXIT_FAILURE;
}
