// SPDX-License-Identifier: MIT

#include "tests/unit/chip_fake_cpu.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct cpu {
    struct cpu_bus bus;
    struct cpu_region regions[CPU_REGIONS_MAX];
    unsigned region_count;
    bool watches_loads[CPU_REGIONS_MAX];
    uint64_t cycles;
    uint32_t pc, changed;
    unsigned irq_count, events, resets;
    bool irqs[CPU_IRQS_MAX];
    bool is_broken;
    struct fake_step *steps;
    unsigned step, step_count;
};

static struct cpu_region *region_of(struct cpu *cpu, uint32_t addr) {
    for (unsigned i = 0; i < cpu->region_count; i++) {
        if (addr - cpu->regions[i].base < cpu->regions[i].size) {
            return &cpu->regions[i];
        }
    }
    return NULL;
}

static struct cpu_region *guard(struct cpu *cpu, uint32_t addr, enum cpu_access access) {
    struct cpu_region *region = region_of(cpu, addr);
    if (region && region->guarded) {
        cpu->bus.guarded(cpu->bus.ctx, addr, access);
    }
    return region;
}

bool fake_load(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value) {
    struct cpu_region *region = guard(cpu, addr, CPU_READ);
    *value = 0;
    if (region) {
        memcpy(value, region->bytes + (addr - region->base), size);
        if (cpu->watches_loads[region - cpu->regions]) {
            cpu->bus.watched_load(cpu->bus.ctx, addr, size, value);
        }
        return true;
    }
    return cpu->bus.read(cpu->bus.ctx, addr, size, value);
}

bool fake_store(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value) {
    struct cpu_region *region = guard(cpu, addr, CPU_WRITE);
    if (region && region->writable) {
        memcpy(region->bytes + (addr - region->base), &value, size);
        return true;
    }
    return cpu->bus.write(cpu->bus.ctx, addr, size, value);
}

static void execute(struct cpu *cpu, struct fake_step *step) {
    switch (step->kind) {
    case FAKE_WRITE:
        step->answered = fake_store(cpu, step->addr, step->size, step->value);
        break;
    case FAKE_READ:
        step->answered = fake_load(cpu, step->addr, step->size, &step->value);
        break;
    case FAKE_FETCH:
        step->answered = guard(cpu, step->addr, CPU_FETCH) != NULL;
        break;
    case FAKE_WAIT:
        cpu->cycles += step->value - 1;
        break;
    case FAKE_RESET:
        cpu->bus.reset_request(cpu->bus.ctx);
        break;
    }
    cpu->cycles++;
    step->end_cycle = cpu->cycles;
}

enum cpu_stop cpu_run(struct cpu *cpu, uint64_t until) {
    cpu->is_broken = false;
    while (cpu->cycles < until) {
        if (cpu->step == cpu->step_count) {
            return CPU_STOP_SLEEP;
        }
        execute(cpu, &cpu->steps[cpu->step++]);
        if (cpu->is_broken) {
            return CPU_STOP_BREAK;
        }
    }
    return CPU_STOP_LIMIT;
}

enum cpu_stop cpu_step(struct cpu *cpu) {
    return cpu_run(cpu, cpu->cycles + 1);
}

void fake_script(struct cpu *cpu, struct fake_step *steps, unsigned count) {
    cpu->steps = steps;
    cpu->step = 0;
    cpu->step_count = count;
}

bool fake_script_is_done(const struct cpu *cpu) {
    return cpu->step == cpu->step_count;
}

void fake_set_pc(struct cpu *cpu, uint32_t pc) {
    cpu->pc = pc;
}

bool fake_irq(const struct cpu *cpu, unsigned irq) {
    return cpu->irqs[irq];
}

unsigned fake_events(const struct cpu *cpu) {
    return cpu->events;
}

unsigned fake_resets(const struct cpu *cpu) {
    return cpu->resets;
}

uint32_t fake_changed_code(const struct cpu *cpu) {
    return cpu->changed;
}

void cpu_itm_enable(struct cpu *cpu, uint32_t ports) {
    (void)cpu;
    (void)ports;
}

struct cpu *cpu_new(unsigned irq_count, unsigned priority_bits, uint32_t cpuid, bool has_fpu) {
    struct cpu *cpu = calloc(1, sizeof(*cpu));
    (void)priority_bits;
    (void)cpuid;
    (void)has_fpu;
    if (cpu) {
        cpu->irq_count = irq_count;
    }
    return cpu;
}

void cpu_free(struct cpu *cpu) {
    free(cpu);
}

void cpu_set_bus(struct cpu *cpu, const struct cpu_bus *bus) {
    cpu->bus = *bus;
}

unsigned cpu_add_region(struct cpu *cpu, const struct cpu_region *region) {
    assert(cpu->region_count < CPU_REGIONS_MAX);
    cpu->regions[cpu->region_count] = *region;
    return cpu->region_count++;
}

void cpu_region_set_bytes(struct cpu *cpu, unsigned region, uint8_t *bytes, uint32_t size,
                          bool writable) {
    cpu->regions[region].bytes = bytes;
    cpu->regions[region].size = size;
    cpu->regions[region].writable = writable;
}

void cpu_region_guard(struct cpu *cpu, unsigned region, bool guarded) {
    cpu->regions[region].guarded = guarded;
}

void cpu_region_watch(struct cpu *cpu, unsigned region, bool fetches, bool loads) {
    cpu->watches_loads[region] = loads;
    (void)fetches;
}

void cpu_region_set_fetch(struct cpu *cpu, unsigned region, const struct cpu_fetch *fetch) {
    (void)cpu, (void)region, (void)fetch;
}

bool cpu_code_is_decoded(const struct cpu *cpu, uint32_t addr, uint32_t len) {
    (void)cpu, (void)addr, (void)len;
    return false; // it has no instructions
}

void cpu_code_changed(struct cpu *cpu, uint32_t addr, uint32_t len) {
    (void)addr;
    cpu->changed += len;
}

void cpu_reset(struct cpu *cpu) {
    cpu->resets++;
    cpu->step = cpu->step_count;
}

void cpu_break(struct cpu *cpu) {
    cpu->is_broken = true;
}

uint64_t cpu_cycles(const struct cpu *cpu) {
    return cpu->cycles;
}

void cpu_stall(struct cpu *cpu, uint64_t cycles) {
    cpu->cycles += cycles;
}

uint64_t cpu_next_wake(const struct cpu *cpu) {
    return cpu_is_asleep(cpu) ? UINT64_MAX : cpu->cycles;
}

bool cpu_is_asleep(const struct cpu *cpu) {
    return cpu->step == cpu->step_count;
}

bool cpu_sleeps_deep(const struct cpu *cpu) {
    (void)cpu;
    return false;
}

bool cpu_sleep_ends(const struct cpu *cpu) {
    return !cpu_is_asleep(cpu);
}

void cpu_wake(struct cpu *cpu) {
    (void)cpu;
}

uint64_t cpu_instructions(const struct cpu *cpu) {
    return cpu->cycles;
}

void cpu_set_irq(struct cpu *cpu, unsigned irq, bool level) {
    assert(irq < cpu->irq_count);
    cpu->irqs[irq] = level;
}

void cpu_event(struct cpu *cpu) {
    cpu->events++;
}

uint32_t cpu_register(const struct cpu *cpu, unsigned n) {
    return n == 15 ? cpu->pc : 0;
}

void cpu_set_register(struct cpu *cpu, unsigned n, uint32_t value) {
    if (n == 15) {
        cpu->pc = value;
    }
}

uint32_t cpu_pc(const struct cpu *cpu) {
    return cpu->pc;
}

uint32_t cpu_vtor(const struct cpu *cpu) {
    (void)cpu;
    return 0;
}

bool cpu_peek(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value) {
    struct cpu_region *region = region_of(cpu, addr);
    if (!region) {
        return false;
    }
    *value = 0;
    memcpy(value, region->bytes + (addr - region->base), size);
    return true;
}

// No snapshots of a scripted processor.
struct cpu_snapshot *cpu_save(const struct cpu *cpu) {
    (void)cpu;
    abort();
}

void cpu_restore(struct cpu *cpu, const struct cpu_snapshot *snapshot) {
    (void)cpu;
    (void)snapshot;
    abort();
}

void cpu_snapshot_free(struct cpu_snapshot *snapshot) {
    (void)snapshot;
}
