// SPDX-License-Identifier: MIT
//
// A processor set aside and put back. Registers are a struct; what was decoded goes with them, because
// what a line costs depends on whether it was fetched before (fetch.c). The memory behind the regions
// is the caller's, and holds again what it held before cpu_restore().

#include <stdlib.h>
#include <string.h>

#include "vboard/cpu/cpu_state.h"

#define PAGE_OPS (1u << (PAGE_SHIFT - 1))

// The decoded instructions of one page of 64 bytes.
struct page {
    uint32_t index;
    struct op ops[PAGE_OPS];
};

struct saved_region {
    uint8_t *bytes;
    uint32_t size;
    bool writable, guarded, watches_fetches, watches_loads;
    struct cpu_fetch fetch;
    size_t flag_count, page_count; // of this region, in the rows below
};

struct cpu_snapshot {
    struct cpu_state s;
    bool break_requested, reset_requested;
    unsigned region_count;
    struct saved_region regions[CPU_REGIONS_MAX];
    uint32_t *flagged; // pages with page_has_code, by region
    struct page *pages;
};

static uint32_t pages_of(const struct cpu *cpu, unsigned region) {
    return (cpu->regions[region].size + (1u << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
}

static uint32_t ops_in(const struct cpu *cpu, unsigned region, uint32_t page) {
    uint32_t left = cpu->regions[region].size / 2 - page * PAGE_OPS;
    return left < PAGE_OPS ? left : PAGE_OPS;
}

// The next flagged page from `page` on; the number of pages for none.
static uint32_t next_flagged(const struct cpu *cpu, unsigned region, uint32_t page) {
    const uint8_t *flags = cpu->fast[region + 1].page_has_code;
    uint32_t count = pages_of(cpu, region);
    while (page < count) {
        uint64_t eight;
        if (page % 8 == 0 && count - page >= 8) { // most pages of a flash never are
            memcpy(&eight, flags + page, 8);
            if (eight == 0) {
                page += 8;
                continue;
            }
        }
        if (flags[page]) {
            return page;
        }
        page++;
    }
    return count;
}

// Of the regions that show the same bytes most decoded in one only.
static bool has_ops(const struct cpu *cpu, unsigned region, uint32_t page) {
    const struct op *ops = cpu->code[region].ops;
    for (uint32_t i = 0; ops && i < ops_in(cpu, region, page); i++) {
        if (ops[page * PAGE_OPS + i].code != OP_DECODE) {
            return true;
        }
    }
    return false;
}

static void *grown(void *array, size_t count, size_t size) {
    if (count & (count - 1)) { // room is doubled at powers of two
        return array;
    }
    void *more = realloc(array, (count ? 2 * count : 1) * size);
    if (!more) {
        abort(); // as for the caches themselves
    }
    return more;
}

static void save_region(const struct cpu *cpu, unsigned index, struct cpu_snapshot *snapshot,
                        size_t *flag_count, size_t *page_count) {
    const struct cpu_region *region = &cpu->regions[index];
    struct saved_region *saved = &snapshot->regions[index];
    size_t first_flag = *flag_count, first_page = *page_count;
    *saved = (struct saved_region){
        .bytes = region->bytes,
        .size = region->size,
        .writable = region->writable,
        .guarded = region->guarded,
        .watches_fetches = cpu->code[index].watches_fetches,
        .watches_loads = cpu->code[index].watches_loads,
        .fetch = cpu->code[index].fetch,
    };
    uint32_t end = pages_of(cpu, index);
    for (uint32_t page = 0; (page = next_flagged(cpu, index, page)) < end; page++) {
        snapshot->flagged = grown(snapshot->flagged, *flag_count, sizeof *snapshot->flagged);
        snapshot->flagged[(*flag_count)++] = page;
        if (has_ops(cpu, index, page)) {
            snapshot->pages = grown(snapshot->pages, *page_count, sizeof *snapshot->pages);
            struct page *to = &snapshot->pages[(*page_count)++];
            to->index = page;
            memcpy(to->ops, &cpu->code[index].ops[page * PAGE_OPS],
                   ops_in(cpu, index, page) * sizeof(struct op));
            marks_take_out(cpu, region->base + (page << PAGE_SHIFT), to->ops,
                           ops_in(cpu, index, page));
        }
    }
    saved->flag_count = *flag_count - first_flag;
    saved->page_count = *page_count - first_page;
}

struct cpu_snapshot *cpu_save(const struct cpu *cpu) {
    struct cpu_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot) {
        abort();
    }
    snapshot->s = cpu->s;
    snapshot->break_requested = cpu->break_requested;
    snapshot->reset_requested = cpu->reset_requested;
    snapshot->region_count = cpu->region_count;
    size_t flag_count = 0, page_count = 0;
    for (unsigned i = 0; i < cpu->region_count; i++) {
        save_region(cpu, i, snapshot, &flag_count, &page_count);
    }
    return snapshot;
}

// Nothing decoded, no page flagged.
static void forget_region(struct cpu *cpu, unsigned index) {
    uint8_t *flags = cpu->fast[index + 1].page_has_code;
    struct op *ops = cpu->code[index].ops;
    uint32_t end = pages_of(cpu, index);
    for (uint32_t page = 0; (page = next_flagged(cpu, index, page)) < end; page++) {
        flags[page] = 0;
        for (uint32_t i = 0; ops && i < ops_in(cpu, index, page); i++) {
            ops[page * PAGE_OPS + i].code = OP_DECODE;
        }
    }
}

void cpu_restore(struct cpu *cpu, const struct cpu_snapshot *snapshot) {
    const uint32_t *flagged = snapshot->flagged;
    const struct page *pages = snapshot->pages;
    for (unsigned i = 0; i < cpu->region_count; i++) {
        forget_region(cpu, i);
    }
    for (unsigned i = 0; i < snapshot->region_count; i++) {
        const struct saved_region *saved = &snapshot->regions[i];
        if (cpu->regions[i].bytes != saved->bytes || cpu->regions[i].size != saved->size ||
            cpu->regions[i].writable != saved->writable) {
            cpu_region_set_bytes(cpu, i, saved->bytes, saved->size, saved->writable);
        }
        cpu->code[i].fetch = saved->fetch;
        cpu_region_guard(cpu, i, saved->guarded);
        cpu_region_watch(cpu, i, saved->watches_fetches, saved->watches_loads);
        for (size_t k = 0; k < saved->flag_count; k++) {
            cpu->fast[i + 1].page_has_code[*flagged++] = 1;
        }
        for (size_t k = 0; k < saved->page_count; k++, pages++) {
            memcpy(&cpu->code[i].ops[pages->index * PAGE_OPS], pages->ops,
                   ops_in(cpu, i, pages->index) * sizeof(struct op));
        }
    }
    marks_put_back(cpu);
    cpu->s = snapshot->s;
    regions_refresh(cpu); // with the MPU on or off
    cpu->break_requested = snapshot->break_requested;
    cpu->reset_requested = snapshot->reset_requested;
}

void cpu_snapshot_free(struct cpu_snapshot *snapshot) {
    if (snapshot) {
        free(snapshot->flagged);
        free(snapshot->pages);
        free(snapshot);
    }
}
