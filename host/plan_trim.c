// SPDX-License-Identifier: MIT
//
// Which blocks of an image need not be written, since erased flash reads so.

#include <stdlib.h>

#include "host/fault.h"
#include "host/plan.h"

// What is left of a blank block that has to be written all the same: plan.c's granule.
#define LEAST_BYTES 8u

struct trimmer {
    struct redfu_plan *plan;
    uint32_t block_bytes;
    struct redfu_segment *runs;
    size_t run_count, capacity;
    const struct redfu_sector *sector; // of the block before; NULL: memory that needs no erasing
    bool has_block;                    // something in that sector is written
    struct redfu_segment blank;        // the last block left out since the last one written
    uint32_t written;
};

static bool append(struct trimmer *t, const struct redfu_segment *block) {
    struct redfu_segment *last = t->run_count > 0 ? &t->runs[t->run_count - 1] : NULL;
    t->written += block->len;
    t->has_block = true;
    t->blank.len = 0;
    if (last && segment_end(last) == block->addr && last->bytes + last->len == block->bytes) {
        last->len += block->len;
        return true;
    }
    if (t->run_count == t->capacity) {
        size_t capacity = t->capacity * 2 + 16;
        struct redfu_segment *grown = realloc(t->runs, capacity * sizeof *grown);
        if (!grown) {
            return false;
        }
        t->runs = grown;
        t->capacity = capacity;
    }
    t->runs[t->run_count++] = *block;
    return true;
}

// The end of what was left out last, where the device must see something written.
static bool append_blank(struct trimmer *t) {
    struct redfu_segment end = t->blank;
    if (end.len > LEAST_BYTES) {
        end.addr += end.len - LEAST_BYTES;
        end.bytes += end.len - LEAST_BYTES;
        end.len = LEAST_BYTES;
    }
    return end.len == 0 || append(t, &end);
}

static bool is_blank(const struct redfu_segment *block) {
    for (uint32_t i = 0; i < block->len; i++) {
        if (block->bytes[i] != 0xff) {
            return false;
        }
    }
    return true;
}

static const struct redfu_sector *sector_of(const struct redfu_plan *plan, uint64_t addr) {
    for (size_t i = 0; i < plan->sector_count; i++) {
        if (addr - plan->sectors[i].addr < plan->sectors[i].bytes) {
            return &plan->sectors[i];
        }
    }
    return NULL;
}

// The block's end: on the sector's grid, no further than the segment. Memory that is not erased is not
// looked at: up to the next sector that is.
static uint64_t block_end(const struct trimmer *t, const struct redfu_sector *sector, uint64_t addr,
                          uint64_t end) {
    uint64_t next;
    if (sector) {
        uint64_t off = addr - sector->addr;
        next = sector->addr + (off / t->block_bytes + 1) * t->block_bytes;
        uint64_t last = (uint64_t)sector->addr + sector->bytes;
        next = next < last ? next : last;
    } else {
        next = end;
        for (size_t i = 0; i < t->plan->sector_count; i++) {
            uint64_t first = t->plan->sectors[i].addr;
            next = first > addr && first < next ? first : next;
        }
    }
    return next < end ? next : end;
}

static bool take(struct trimmer *t, const struct redfu_segment *segment) {
    for (uint64_t at = segment->addr; at < segment_end(segment);) {
        const struct redfu_sector *sector = sector_of(t->plan, at);
        if (sector != t->sector) {
            if (!t->has_block && !append_blank(t)) {
                return false;
            }
            t->sector = sector;
            t->has_block = false;
            t->blank.len = 0;
        }
        uint64_t end = block_end(t, sector, at, segment_end(segment));
        const struct redfu_segment block = {(uint32_t)at, (uint32_t)(end - at),
                                            segment->bytes + (at - segment->addr)};
        if (sector && is_blank(&block)) {
            t->blank = block;
        } else if (!append(t, &block)) {
            return false;
        }
        at = end;
    }
    return true;
}

enum redfu_result redfu_plan_trim(struct redfu_plan *plan, uint32_t block_bytes,
                                  struct redfu_fault *fault) {
    struct trimmer t = {.plan = plan, .block_bytes = block_bytes};
    bool ok = true;
    for (size_t i = 0; i < plan->image_count && ok; i++) {
        ok = take(&t, &plan->image[i]);
    }
    if (!ok || !append_blank(&t)) {
        free(t.runs);
        return redfui_no_memory(fault);
    }
    plan->blank_bytes = plan->write_bytes - t.written;
    plan->write_bytes = t.written;
    free(plan->runs);
    plan->runs = t.runs;
    plan->run_count = t.run_count;
    return REDFU_OK;
}
