// SPDX-License-Identifier: MIT
//
// Regions, the fast view of them that execute.c reads, and the cache of decoded instructions:
// which region executes, filling the cache, and forgetting what was decoded from bytes that
// changed, through whichever address they are seen.
//
// Where code may not run the default memory map says (ARM DDI 0403 B3.1), and the MPU (mpu.c).

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
    bool is_read_watched = debug_watches(cpu, region->base, region->size, CPU_WATCH_READ);
    bool is_write_watched = debug_watches(cpu, region->base, region->size, CPU_WATCH_WRITE);
    bool is_slow = region->guarded || mpu_is_on(&cpu->s);
    fast->rlimit = is_slow || cpu->code[index].watches_loads || is_read_watched ? 0 : region->size;
    fast->wlimit = is_slow || !region->writable || is_write_watched ? 0 : region->size;
}

void regions_refresh(struct cpu *cpu) {
    for (unsigned i = 0; i < cpu->region_count; i++) {
        refresh_fast(cpu, i);
    }
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

// The next page with a flag, from `page` on; `end` for none. Most of a flash has none.
static uint32_t next_flagged(const uint8_t *flags, uint32_t page, uint32_t end) {
    while (page < end && !flags[page]) {
        uint64_t eight = 1;
        if (page + 8 <= end) {
            memcpy(&eight, flags + page, sizeof eight);
        }
        page += eight ? 1 : 8;
    }
    return page;
}

static void forget_pages(struct cpu *cpu, unsigned index, uint32_t off, uint32_t len) {
    struct cpu_code *code = &cpu->code[index];
    uint8_t *flags = cpu->fast[index + 1].page_has_code;
    uint32_t after = ((off + len - 1) >> PAGE_SHIFT) + 1;
    uint32_t page = off >> PAGE_SHIFT;
    for (; (page = next_flagged(flags, page, after)) < after; page++) {
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
    if (cpu->mark_count > 0) {
        mark_decoded(cpu, addr, op);
    }
}

// Where the architecture forbids execution: Peripheral, Device and System (ARM DDI 0403 B3.1).
static bool is_execute_never(uint32_t addr) {
    return (addr >= 0x40000000 && addr < 0x60000000) || addr >= 0xa0000000;
}

// By the MPU; the second half of a long instruction may be another region's.
static bool may_fetch(struct cpu *cpu, uint32_t pc) {
    bool privileged = is_privileged(&cpu->s);
    uint32_t half = 0;
    if (!mpu_is_on(&cpu->s)) {
        return true;
    }
    return mpu_allows(cpu, pc, MPU_FETCH, privileged) &&
           (!cpu_peek(cpu, pc, 2, &half) || !is_long((uint16_t)half) ||
            mpu_allows(cpu, pc + 2, MPU_FETCH, privileged));
}

bool memory_set_code(struct cpu *cpu, bool *guarded) {
    uint32_t pc = cpu->s.pc;
    int index = region_at(cpu, pc);
    if (is_execute_never(pc) || !may_fetch(cpu, pc)) {
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
    if (region->bytes == bytes && region->size == size && region->writable == writable) {
        return; // as at each reset
    }
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
        const uint8_t *flags = cpu->fast[i + 1].page_has_code;
        uint32_t end = (cpu->regions[i].size + (1u << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
        for (uint32_t page = 0; (page = next_flagged(flags, page, end)) < end; page++) {
            flag_page(cpu, cpu->regions[i].bytes + (page << PAGE_SHIFT));
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
