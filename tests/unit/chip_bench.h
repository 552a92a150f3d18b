// SPDX-License-Identifier: MIT
//
// One chip on a bench for tests: an 8 MHz crystal, a trace to read back, power on.

#ifndef TESTS_UNIT_CHIP_BENCH_H
#define TESTS_UNIT_CHIP_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/chip_fake_cpu.h"
#include "vboard/chip/chip.h"

#define RCC_(off)     (0x40023800u + (off))
#define FLASH_(off)   (0x40023C00u + (off))
#define PWR_(off)     (0x40007000u + (off))
#define GPIO_(p, off) (0x40020000u + 0x400u * (unsigned)((p) - 'A') + (off))
#define EXTI_(off)    (0x40013C00u + (off))
#define SYSCFG_(off)  (0x40013800u + (off))
#define COUNT_OF(a)   (sizeof(a) / sizeof((a)[0]))

struct bench {
    struct timeline timeline;
    struct trace trace;
    char *text;
    size_t text_len;
    struct chip *chip;
    struct cpu *cpu;
};

static inline int bench_set_up_of(void **state, const struct chip_model *model, uint32_t hse_hz) {
    struct bench *b = calloc(1, sizeof(*b));
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.file = open_memstream(&b->text, &b->text_len);
    b->chip = chip_new(model, &(struct chip_wiring){.hse_hz = hse_hz, .lse_hz = 32768},
                       &b->timeline, &b->trace);
    assert_non_null(b->chip);
    b->cpu = chip_cpu(b->chip);
    fake_set_pc(b->cpu, 0x08001234);
    chip_power_on(b->chip);
    *state = b;
    return 0;
}

static inline int bench_set_up_with(void **state, uint32_t hse_hz) {
    return bench_set_up_of(state, &chip_models[STM32F407VG], hse_hz);
}

static inline int bench_set_up(void **state) {
    return bench_set_up_with(state, 8000000);
}

static inline int bench_tear_down(void **state) {
    struct bench *b = *state;
    chip_free(b->chip);
    fclose(b->trace.file);
    free(b->text);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static inline const char *bench_trace(struct bench *b) {
    fflush(b->trace.file);
    return b->text;
}

static inline bool bench_traced(struct bench *b, const char *text) {
    return strstr(bench_trace(b), text) != NULL;
}

static inline uint32_t load(struct bench *b, uint32_t addr) {
    uint32_t value = 0xDEADBEEF;
    assert_true(fake_load(b->cpu, addr, 4, &value));
    return value;
}

static inline void store(struct bench *b, uint32_t addr, uint32_t value) {
    assert_true(fake_store(b->cpu, addr, 4, value));
}

static inline void run_for(struct bench *b, uint64_t ps) {
    timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

// Executes accesses one after the other; fails when they are not done in a minute of virtual time.
static inline void run_script(struct bench *b, struct fake_step *steps, unsigned count) {
    fake_script(b->cpu, steps, count);
    for (int ms = 0; ms < 60000 && !fake_script_is_done(b->cpu); ms++) {
        run_for(b, PS_PER_MS);
    }
    assert_true(fake_script_is_done(b->cpu));
}

#endif
