// SPDX-License-Identifier: MIT
//
// See cpu_bench.h.

#include "tests/unit/cpu_bench.h"

static bool device_read(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct bench *bench = ctx;
    bench->cycles_at_access = cpu_cycles(bench->cpu);
    bench->pc_at_access = cpu_pc(bench->cpu);
    bench->device_reads++;
    if (addr == DBGMCU_IDCODE) {
        *value = 0x10016413;
        return true;
    }
    if (addr < DEVICE || addr >= DEVICE + sizeof bench->device) {
        return false;
    }
    *value = 0;
    memcpy(value, (uint8_t *)bench->device + (addr - DEVICE), size);
    return true;
}

static bool device_write(void *ctx, uint32_t addr, unsigned size, uint32_t value) {
    struct bench *bench = ctx;
    bench->cycles_at_access = cpu_cycles(bench->cpu);
    bench->pc_at_access = cpu_pc(bench->cpu);
    bench->device_writes++;
    if (addr < DEVICE || addr >= DEVICE + sizeof bench->device) {
        return false;
    }
    memcpy((uint8_t *)bench->device + (addr - DEVICE), &value, size);
    if (bench->on_write) {
        bench->on_write(bench, addr, value);
    }
    return true;
}

static void guarded(void *ctx, uint32_t addr, enum cpu_access access) {
    struct bench *bench = ctx;
    (void)addr;
    ++*(access == CPU_FETCH  ? &bench->guarded_fetches
        : access == CPU_READ ? &bench->guarded_reads
                             : &bench->guarded_writes);
}

static void reset_request(void *ctx) {
    struct bench *bench = ctx;
    bench->resets++;
    cpu_reset(bench->cpu);
}

static void complaint(void *ctx, const char *what, const char *sentence) {
    struct bench *bench = ctx;
    (void)sentence;
    bench->complaints++;
    snprintf(bench->last_complaint, sizeof bench->last_complaint, "%s", what);
}

static void exception(void *ctx, unsigned number, bool enter) {
    struct bench *bench = ctx;
    if (bench->entered_count < 64) {
        bench->entered[bench->entered_count] = number | (enter ? 0 : 0x100);
    }
    bench->entered_count++;
}

void bench_make(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    bench->cpu = cpu_new(82, 4, 0x410fc241, true);
    assert_non_null(bench->cpu);
    const struct cpu_bus bus = {.ctx = bench,
                                .read = device_read,
                                .write = device_write,
                                .guarded = guarded,
                                .reset_request = reset_request,
                                .complaint = complaint,
                                .exception = exception,
                                .systick_reference_divider = 8};
    cpu_set_bus(bench->cpu, &bus);
    struct cpu_region region = {
        .size = sizeof bench->flash, .bytes = bench->flash, .executable = true};
    cpu_add_region(bench->cpu, &region);
    region.base = FLASH;
    bench->flash_region = cpu_add_region(bench->cpu, &region);
    region = (struct cpu_region){.base = SRAM,
                                 .size = sizeof bench->sram,
                                 .bytes = bench->sram,
                                 .executable = true,
                                 .writable = true};
    bench->sram_region = cpu_add_region(bench->cpu, &region);
    for (unsigned i = 0; i < 98; i++) {
        bench_put(bench, FLASH + i * 4, i == 0 ? STACK : i == 1 ? CODE | 1 : HANDLER(i) | 1);
        if (i > 1) {
            CODE_AT(bench, HANDLER(i), 0x4770); // bx lr
        }
    }
    cpu_reset(bench->cpu);
}

void bench_free(struct bench *bench) {
    cpu_free(bench->cpu);
}

static uint8_t *memory(struct bench *bench, uint32_t addr) {
    return addr >= SRAM ? bench->sram + (addr - SRAM) : bench->flash + (addr - FLASH);
}

void bench_code(struct bench *bench, uint32_t addr, const uint16_t *halfwords, size_t bytes) {
    memcpy(memory(bench, addr), halfwords, bytes);
    cpu_code_changed(bench->cpu, addr, (uint32_t)bytes);
}

uint32_t bench_word(const struct bench *bench, uint32_t addr) {
    uint32_t value = 0;
    assert_true(cpu_peek(bench->cpu, addr, 4, &value));
    return value;
}

void bench_put(struct bench *bench, uint32_t addr, uint32_t value) {
    memcpy(memory(bench, addr), &value, 4);
    cpu_code_changed(bench->cpu, addr, 4);
}

void bench_store(struct bench *bench, uint32_t addr, uint32_t value) {
    struct cpu *cpu = bench->cpu;
    uint32_t r0 = cpu_register(cpu, 0), r1 = cpu_register(cpu, 1), pc = cpu_pc(cpu);
    CODE_AT(bench, FLASH + 0x3f0, 0x6001); // str r1,[r0]
    cpu_set_register(cpu, 0, addr);
    cpu_set_register(cpu, 1, value);
    cpu_set_register(cpu, 15, FLASH + 0x3f0);
    cpu_step(cpu);
    cpu_set_register(cpu, 0, r0);
    cpu_set_register(cpu, 1, r1);
    cpu_set_register(cpu, 15, pc);
}

void bench_steps(struct bench *bench, unsigned count) {
    while (count--) {
        cpu_step(bench->cpu);
    }
}
