// SPDX-License-Identifier: MIT
//
// Regions, the fast view of them that execute.c reads, and the cache of decoded instructions:
// which region executes, filling the cache, and forgetting what was decoded from bytes that
// changed, through whichever address they are seen.
//
// There is no MPU: the default memory map (ARM DDI 0403 B3.1) alone says where code may not run.

#include <stdlib.h>
#include <string.h>

#include "vboard/cpu/cpu_state.h"

int region_at(const struct cpu *cpu, uint32_t addr) {
    unsigned likely = cpu->map[addr >> MAP_SHIFT];
    if (likely == 0) {
        return -1;
    }
    const struct cpu_region *first = &cpu->regions[likely - 1];
    if (addr - first->base < first->size) {
        return (int)likely - 1;
    }
    for (unsigned i = 0; i < cpu->region_count; i++) {
        if (addr - cpu->regions[i].base < cpu->regions[i].size) {
            return (int)i;
        }
    }
    return -1;
}

// Brings the fast view of a region in line with the region.
static void refresh_fast(struct cpu *cpu, unsigned index) {
    const struct cpu_region *region = &cpu->regions[index];
    struct cpu_fast *fast = &cpu->fast[index + 1];
    fast->base = region->base;
    fast->bytes = region->bytes;
    fast->rlimit = region->guarded || cpu->code[index].watches_loads ? 0 : region->size;
    fast->wlimit = region->guarded || !region->writable ? 0 : region->size;
}

// Of two regions in one granule the later wins: the limit check of the fast path sends addresses
// that are not its own to region_at().
static void refresh_map(struct cpu *cpu) {
    memset(cpu->map, 0, sizeof cpu->map);
    for (unsigned i = 0; i < cpu->region_count; i++) {
        const struct cpu_region *region = &cpu->regions[i];
        if (region->size == 0) {
            continue;
        }
        uint32_t first = region->base >> MAP_SHIFT;
        uint32_t last = (region->base + region->size - 1) >> MAP_SHIFT;
        for (uint32_t g = first; g <= last; g++) {
            cpu->map[g] = (uint8_t)(i + 1);
        }
    }
}

static void forget_pages(struct cpu *cpu, unsigned index, uint32_t off, uint32_t len) {
    struct cpu_code *code = &cpu->code[index];
    uint8_t *flags = cpu->fast[index + 1].page_has_code;
    uint32_t last = (off + len - 1) >> PAGE_SHIFT;
    for (uint32_t page = off >> PAGE_SHIFT; page <= last; page++) {
        if (!flags[page]) {
            continue;
        }
        flags[page] = 0;
        if (!code->ops) {
            continue;
        }
        uint32_t begin = page << PAGE_SHIFT >> 1, end = (page + 1) << PAGE_SHIFT >> 1;
        // A long instruction that began just before the page has its second half in it.
        begin -= begin > 0;
        if (end > cpu->regions[index].size / 2) {
            end = cpu->regions[index].size / 2;
        }
        // The other members stay: the one executing may be among them.
        for (uint32_t i = begin; i < end; i++) {
            code->ops[i].code = OP_DECODE;
        }
    }
}

// Forgets what was decoded from these bytes, in every region that shows them.
void code_forget(struct cpu *cpu, const uint8_t *bytes, uint32_t len) {
    for (unsigned i = 0; i < cpu->region_count; i++) {
        const struct cpu_region *region = &cpu->regions[i];
        uintptr_t begin = (uintptr_t)bytes, base = (uintptr_t)region->bytes;
        uintptr_t end = begin + len, limit = base + region->size;
        begin = begin < base ? base : begin;
        end = end > limit ? limit : end;
        if (begin < end) {
            forget_pages(cpu, i, (uint32_t)(begin - base), (uint32_t)(end - begin));
        }
    }
}

static void flag_page(struct cpu *cpu, const uint8_t *byte) {
    for (unsigned i = 0; i < cpu->region_count; i++) {
        const struct cpu_region *region = &cpu->regions[i];
        uintptr_t off = (uintptr_t)byte - (uintptr_t)region->bytes;
        if (off < region->size) {
            cpu->fast[i + 1].page_has_code[off >> PAGE_SHIFT] = 1;
        }
    }
}

void memory_decode(struct cpu *cpu, struct op *op) {
    uint32_t off = (uint32_t)(op - cpu->code_ops) * 2;
    uint32_t addr = cpu->code_base + off;
    int index = region_at(cpu, addr);
    const struct cpu_region *region = &cpu->regions[index];
    uint16_t hw1, hw2 = 0;
    bool is_watched = cpu->code[index].watches_fetches && cpu->bus.watched_fetch;
    memcpy(&hw1, region->bytes + off, 2);
    if (is_watched) {
        cpu->bus.watched_fetch(cpu->bus.ctx, addr, &hw1);
    }
    flag_page(cpu, region->bytes + off);
    if (is_long(hw1)) {
        if (off + 4 <= region->size) {
            memcpy(&hw2, region->bytes + off + 2, 2);
            if (is_watched) {
                cpu->bus.watched_fetch(cpu->bus.ctx, addr + 2, &hw2);
            }
            flag_page(cpu, region->bytes + off + 2);
        } else {
            uint32_t value;
            hw2 = cpu_peek(cpu, addr + 2, 2, &value) ? (uint16_t)value : 0;
        }
    }
    decode(op, addr, hw1, hw2, cpu->s.it);
    fetch_charge(cpu, (unsigned)index, op);
}

// Where the architecture forbids execution: Peripheral, Device and System (ARM DDI 0403 B3.1).
static bool is_execute_never(uint32_t addr) {
    return (addr >= 0x40000000 && addr < 0x60000000) || addr >= 0xa0000000;
}

bool memory_set_code(struct cpu *cpu, bool *guarded) {
    uint32_t pc = cpu->s.pc;
    int index = region_at(cpu, pc);
    if (is_execute_never(pc)) {
        fault_raise(cpu, EXC_MEM_MANAGE, CFSR_IACCVIOL);
        return false;
    }
    if (index < 0 || !cpu->code[index].ops || !cpu->regions[index].executable) {
        fault_raise(cpu, EXC_BUS_FAULT, CFSR_IBUSERR);
        return false;
    }
    cpu->code_base = cpu->regions[index].base;
    cpu->code_size = cpu->regions[index].size;
    cpu->code_ops = cpu->code[index].ops;
    *guarded = cpu->regions[index].guarded;
    return true;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        abort(); // a few megabytes at the start of a run: nobody could go on without them
    }
    return memory;
}

// Room for `size` bytes of the region, nothing decoded.
static void make_cache(struct cpu *cpu, unsigned index, uint32_t size) {
    struct cpu_code *code = &cpu->code[index];
    struct cpu_fast *fast = &cpu->fast[index + 1];
    free(fast->page_has_code);
    fast->page_has_code = allocate((size >> PAGE_SHIFT) + 2, 1);
    if (cpu->regions[index].executable) {
        if (cpu->executing && code->ops == cpu->code_ops) {
            cpu->retired = code->ops; // execute() is in the middle of it
        } else {
            free(code->ops);
        }
        code->ops = allocate(size / 2 + 2, sizeof *code->ops);
    }
    code->capacity = size;
}

static void put_edge(struct cpu *cpu, unsigned index, enum op_code code) {
    struct op *end = cpu->code[index].ops;
    if (end) {
        end += cpu->regions[index].size / 2;
        end[0] = end[1] = (struct op){.code = (uint16_t)code};
    }
}

unsigned cpu_add_region(struct cpu *cpu, const struct cpu_region *region) {
    unsigned index = cpu->region_count;
    if (index >= CPU_REGIONS_MAX) {
        abort(); // a chip model with more memories than this was built for
    }
    cpu->regions[index] = *region;
    make_cache(cpu, index, region->size);
    put_edge(cpu, index, OP_EDGE);
    cpu->region_count++;
    refresh_fast(cpu, index);
    refresh_map(cpu);
    return index;
}

void cpu_region_set_bytes(struct cpu *cpu, unsigned index, uint8_t *bytes, uint32_t size,
                          bool writable) {
    struct cpu_region *region = &cpu->regions[index];
    if (region->size) {
        forget_pages(cpu, index, 0, region->size);
    }
    put_edge(cpu, index, OP_DECODE);
    if (size > cpu->code[index].capacity) {
        make_cache(cpu, index, size);
    }
    region->bytes = bytes;
    region->size = size;
    region->writable = writable;
    put_edge(cpu, index, OP_EDGE);
    refresh_fast(cpu, index);
    refresh_map(cpu);
    // What other regions decoded from these very bytes must be noticed when written here.
    for (unsigned i = 0; i < cpu->region_count; i++) {
        for (uint32_t off = 0; off < cpu->regions[i].size; off += 1u << PAGE_SHIFT) {
            if (cpu->fast[i + 1].page_has_code[off >> PAGE_SHIFT]) {
                flag_page(cpu, cpu->regions[i].bytes + off);
            }
        }
    }
    cpu_attention(cpu);
}

void cpu_region_guard(struct cpu *cpu, unsigned region, bool guarded) {
    if (cpu->regions[region].guarded != guarded) {
        cpu->regions[region].guarded = guarded;
        refresh_fast(cpu, region);
        cpu_attention(cpu);
    }
}

void cpu_region_watch(struct cpu *cpu, unsigned region, bool fetches, bool loads) {
    struct cpu_code *code = &cpu->code[region];
    code->watches_fetches = fetches;
    if (code->watches_loads != loads) {
        code->watches_loads = loads;
        refresh_fast(cpu, region);
    }
}

bool cpu_code_is_decoded(const struct cpu *cpu, uint32_t addr, uint32_t len) {
    int index = region_at(cpu, addr);
    if (index < 0 || !cpu->code[index].ops) {
        return false;
    }
    uint32_t off = addr - cpu->regions[index].base;
    const uint8_t *flags = cpu->fast[index + 1].page_has_code;
    for (uint32_t at = off; at < off + len && at < cpu->regions[index].size; at += 2) {
        if (flags[at >> PAGE_SHIFT] && cpu->code[index].ops[at / 2].code != OP_DECODE) {
            return true;
        }
    }
    return false;
}

void cpu_region_set_fetch(struct cpu *cpu, unsigned region, const struct cpu_fetch *fetch) {
    struct cpu_fetch *own = &cpu->code[region].fetch;
    if (own->wait_states != fetch->wait_states || own->prefetch != fetch->prefetch ||
        own->instruction_cache != fetch->instruction_cache ||
        own->data_cache != fetch->data_cache) {
        *own = *fetch;
        forget_pages(cpu, region, 0, cpu->regions[region].size); // costs stand in what is decoded
    }
}

void cpu_code_changed(struct cpu *cpu, uint32_t addr, uint32_t len) {
    int index = region_at(cpu, addr);
    if (index >= 0 && len > 0) {
        const struct cpu_region *region = &cpu->regions[index];
        uint32_t off = addr - region->base;
        code_forget(cpu, region->bytes + off, len < region->size - off ? len : region->size - off);
    }
}
