// SPDX-License-Identifier: MIT
//
// A processor with 64 KB of flash (also at 0), 64 KB of SRAM and one scripted peripheral, for the
// cpu_* tests. Programs are halfwords written by hand, their assembly beside them.

#ifndef TESTS_UNIT_CPU_BENCH_H
#define TESTS_UNIT_CPU_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vboard/cpu/cpu.h"

#define FLASH      0x08000000u
#define SRAM       0x20000000u
#define CODE       (FLASH + 0x400) // where programs start
#define STACK      (SRAM + 0x8000)
#define DEVICE     0x40000000u
// Handlers: exception n's is at HANDLER(n), 64 bytes each.
#define HANDLER(n) (FLASH + 0x1000 + (n)*64)

struct bench {
    struct cpu *cpu;
    uint8_t flash[64 << 10], sram[64 << 10];
    unsigned flash_region, sram_region;
    uint32_t device[4];
    unsigned device_reads, device_writes;
    uint64_t cycles_at_access;
    uint32_t pc_at_access;
    void (*on_write)(struct bench *bench, uint32_t addr, uint32_t value);
    unsigned guarded_fetches, guarded_reads, guarded_writes;
    unsigned resets, complaints;
    char last_complaint[32];
    // Exceptions in order, the first 64; leaving is number | 0x100.
    unsigned entered[64], entered_count;
};

void bench_make(struct bench *bench);
void bench_free(struct bench *bench);
// Halfwords at an address of flash or SRAM.
void bench_code(struct bench *bench, uint32_t addr, const uint16_t *halfwords, size_t bytes);
uint32_t bench_word(const struct bench *bench, uint32_t addr);
void bench_put(struct bench *bench, uint32_t addr, uint32_t value);
// Stores a word as the program would (one instruction at a place of its own), PC and registers
// kept. Not while an exception is pending.
void bench_store(struct bench *bench, uint32_t addr, uint32_t value);
// Runs `count` steps.
void bench_steps(struct bench *bench, unsigned count);

#define CODE_AT(bench, addr, ...)                                                                  \
    bench_code(bench, addr, (const uint16_t[]){__VA_ARGS__}, sizeof(const uint16_t[]){__VA_ARGS__})

#endif
