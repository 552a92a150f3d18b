// SPDX-License-Identifier: MIT
//
// What the processor would do next if nothing outside it happened: it runs on with another bus and
// without interrupts, and is put back. For reports about a program that does not get on.

#include <stdlib.h>
#include <string.h>

#include "vboard/cpu/cpu_state.h"

static bool probe_write(void *ctx, uint32_t addr, unsigned size, uint32_t value) {
    (void)ctx;
    (void)addr;
    (void)size;
    (void)value;
    return true;
}

// Contents of all writable memory, one after the other; NULL without room.
static uint8_t *save_memory(const struct cpu *cpu) {
    size_t total = 1;
    for (unsigned i = 0; i < cpu->region_count; i++) {
        total += cpu->regions[i].writable ? cpu->regions[i].size : 0;
    }
    uint8_t *saved = malloc(total);
    size_t at = 0;
    for (unsigned i = 0; saved && i < cpu->region_count; i++) {
        if (cpu->regions[i].writable) {
            memcpy(saved + at, cpu->regions[i].bytes, cpu->regions[i].size);
            at += cpu->regions[i].size;
        }
    }
    return saved;
}

static void restore_memory(struct cpu *cpu, const uint8_t *saved) {
    for (unsigned i = 0; i < cpu->region_count; i++) {
        const struct cpu_region *region = &cpu->regions[i];
        if (!region->writable) {
            continue;
        }
        if (memcmp(region->bytes, saved, region->size) != 0) {
            memcpy(region->bytes, saved, region->size);
            code_forget(cpu, region->bytes, region->size);
        }
        saved += region->size;
    }
}

static void watch_loads(struct cpu *cpu, bool is_watching, bool was_watching[CPU_REGIONS_MAX]) {
    for (unsigned i = 0; i < cpu->region_count; i++) {
        bool before = cpu->code[i].watches_loads;
        cpu_region_watch(cpu, i, cpu->code[i].watches_fetches,
                         is_watching ? cpu->regions[i].writable : was_watching[i]);
        if (is_watching) {
            was_watching[i] = before;
        }
    }
}

bool cpu_probe(struct cpu *cpu, const struct cpu_probe *probe) {
    struct cpu_state state = cpu->s;
    struct cpu_bus bus = cpu->bus;
    struct cpu_debug debug = cpu->debug;
    bool was_watching[CPU_REGIONS_MAX];
    uint8_t *memory = save_memory(cpu);
    if (!memory) {
        return false;
    }
    cpu->debug = (struct cpu_debug){.passed_pc = 1};
    watch_loads(cpu, true, was_watching);
    cpu->bus = (struct cpu_bus){
        .ctx = probe->ctx,
        .read = probe->read,
        .write = probe->write ? probe->write : probe_write,
        .watched_load = probe->loaded,
        .watched_fetch = NULL,
        .systick_reference_divider = bus.systick_reference_divider,
    };
    // Faults and SVCall stay: they are the program's own.
    cpu->s.enabled[0] &= 1u << EXC_NMI | 1u << EXC_HARD_FAULT | 1u << EXC_MEM_MANAGE |
                         1u << EXC_BUS_FAULT | 1u << EXC_USAGE_FAULT | 1u << EXC_SVCALL;
    memset(cpu->s.enabled + 1, 0, sizeof cpu->s.enabled - sizeof cpu->s.enabled[0]);
    cpu->s.enabled[0] &= (1u << EXC_IRQ0) - 1;
    enum cpu_stop stop = CPU_STOP_LIMIT;
    while (stop == CPU_STOP_LIMIT && probe->step(probe->ctx, cpu->s.pc, cpu->s.ipsr)) {
        stop = cpu_step(cpu);
    }
    cpu->bus = bus;
    cpu->debug = debug;
    watch_loads(cpu, false, was_watching);
    restore_memory(cpu, memory);
    free(memory);
    cpu->s = state;
    cpu->break_requested = cpu->reset_requested = false;
    return true;
}
