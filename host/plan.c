// SPDX-License-Identifier: MIT
//
// From an image and a memory layout to sectors to erase and bytes to write. Pure logic: everything
// that can be refused without a device is refused here, before anything is sent.

#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "host/plan.h"
#include "spec/crc.h"

// Runs begin and end on multiples of this inside erased sectors. 8: the double word STM32L4 and G4
// program at least (RM0394 3.3.7), and what STM32CubeProgrammer's log speaks of. 0xFF programs
// nothing.
#define GRANULE 8u

static bool append_sector(struct redfu_plan *plan, const struct redfu_sector *sector) {
    struct redfu_sector *grown =
        realloc(plan->sectors, (plan->sector_count + 1) * sizeof *plan->sectors);
    if (!grown) {
        return false;
    }
    plan->sectors = grown;
    plan->sectors[plan->sector_count++] = *sector;
    plan->erase_bytes += sector->bytes;
    return true;
}

// Adds the erasable sectors of [addr, end) that are not in the plan yet. Ranges come in ascending
// order, so only the last one in the plan can be the same.
static bool append_sectors(const struct redfu_layout *layout, uint64_t addr, uint64_t end,
                           struct redfu_plan *plan) {
    struct redfu_sector sector;
    while (addr < end && redfu_layout_sector_at(layout, (uint32_t)addr, &sector)) {
        bool is_known =
            plan->sector_count > 0 && plan->sectors[plan->sector_count - 1].number == sector.number;
        if ((sector.can & REDFU_CAN_ERASE) && !is_known && !append_sector(plan, &sector)) {
            return false;
        }
        addr = (uint64_t)sector.addr + sector.bytes;
    }
    return true;
}

// The segment's ends moved outwards to the granule, where the sector is erased anyway.
static void widen(const struct redfu_layout *layout, const struct redfu_segment *segment,
                  uint64_t *first, uint64_t *end) {
    struct redfu_sector sector;
    *first = segment->addr;
    *end = segment_end(segment);
    if (redfu_layout_sector_at(layout, segment->addr, &sector) && (sector.can & REDFU_CAN_ERASE)) {
        uint64_t down = *first - *first % GRANULE;
        *first = down > sector.addr ? down : sector.addr;
    }
    if (redfu_layout_sector_at(layout, (uint32_t)(*end - 1), &sector) &&
        (sector.can & REDFU_CAN_ERASE)) {
        uint64_t up = (*end + GRANULE - 1) / GRANULE * GRANULE;
        uint64_t sector_end = (uint64_t)sector.addr + sector.bytes;
        *end = up < sector_end ? up : sector_end;
    }
}

static bool append_segment(struct redfu_segment **all, size_t *count,
                           const struct redfu_segment *segment) {
    struct redfu_segment *grown = realloc(*all, (*count + 1) * sizeof **all);
    if (!grown) {
        return false;
    }
    *all = grown;
    grown[(*count)++] = *segment;
    return true;
}

// Makes the plan the owner of bytes from malloc(); NULL is allowed, to be filled in.
static bool own(struct redfu_plan *plan, uint8_t *bytes) {
    uint8_t **grown = realloc(plan->store, (plan->store_count + 1) * sizeof *plan->store);
    if (!grown) {
        return false;
    }
    plan->store = grown;
    grown[plan->store_count++] = bytes;
    return true;
}

// Puts [first, end) of 0xFF and the segment's bytes on the list, into the last stretch if they touch.
// While the image is made, store[i] holds the bytes of image[i].
static bool append_image(struct redfu_plan *plan, const struct redfu_segment *segment,
                         uint64_t first, uint64_t end) {
    struct redfu_segment fresh = {.addr = (uint32_t)first};
    bool is_new =
        plan->image_count == 0 || first > segment_end(&plan->image[plan->image_count - 1]);
    if (is_new && (!own(plan, NULL) || !append_segment(&plan->image, &plan->image_count, &fresh))) {
        return false;
    }
    struct redfu_segment *last = &plan->image[plan->image_count - 1];
    uint32_t len = (uint32_t)(end - last->addr);
    uint8_t *bytes = realloc(plan->store[plan->image_count - 1], len);
    if (!bytes) {
        return false;
    }
    plan->store[plan->image_count - 1] = bytes;
    last->bytes = bytes;
    if (len > last->len) {
        memset(bytes + last->len, 0xff, len - last->len);
    }
    memcpy(bytes + (segment->addr - last->addr), segment->bytes, segment->len);
    last->len = len;
    return true;
}

bool redfui_plan_runs(struct redfu_plan *plan) {
    plan->run_count = 0;
    plan->write_bytes = 0;
    for (size_t i = 0; i < plan->image_count; i++) {
        if (!append_segment(&plan->runs, &plan->run_count, &plan->image[i])) {
            return false;
        }
        plan->write_bytes += plan->image[i].len;
    }
    return true;
}

enum redfu_result redfu_plan_write(const struct redfu_layout *layout,
                                   const struct redfu_segment *segments, size_t count,
                                   struct redfu_plan *plan, struct redfu_fault *fault) {
    memset(plan, 0, sizeof *plan);
    enum redfu_result result = redfui_check_order(segments, count, fault);
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        result = redfui_check_segment(layout, &segments[i], REDFU_CAN_WRITE, fault);
    }
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        uint64_t first;
        uint64_t end;
        widen(layout, &segments[i], &first, &end);
        if (!append_sectors(layout, first, end, plan) ||
            !append_image(plan, &segments[i], first, end)) {
            result = redfui_no_memory(fault);
        }
    }
    if (result == REDFU_OK && !redfui_plan_runs(plan)) {
        result = redfui_no_memory(fault);
    }
    if (result != REDFU_OK) {
        redfu_plan_free(plan);
    }
    return result;
}

enum redfu_result redfu_plan_erase(const struct redfu_layout *layout, uint32_t addr, uint32_t len,
                                   struct redfu_plan *plan, struct redfu_fault *fault) {
    memset(plan, 0, sizeof *plan);
    struct redfu_segment range = {.addr = addr, .len = len};
    if (len == 0 || segment_end(&range) > UINT64_C(1) << 32) {
        (void)redfui_fail(fault, REDFU_OUTSIDE, "%u bytes at 0x%08X are no range", len, addr);
        return redfui_at(fault, addr);
    }
    enum redfu_result result =
        redfui_check_segment(layout, &range, REDFU_CAN_ERASE | REDFU_CAN_WRITE, fault);
    if (result == REDFU_OK && !append_sectors(layout, addr, segment_end(&range), plan)) {
        result = redfui_no_memory(fault);
    }
    if (result != REDFU_OK) {
        redfu_plan_free(plan);
    }
    return result;
}

enum redfu_result redfu_plan_erase_all(const struct redfu_layout *layout, struct redfu_plan *plan,
                                       struct redfu_fault *fault) {
    const uint8_t wanted = REDFU_CAN_ERASE | REDFU_CAN_WRITE;
    memset(plan, 0, sizeof *plan);
    struct redfu_sector sector;
    for (unsigned i = 0; redfu_layout_sector(layout, i, &sector); i++) {
        if ((sector.can & wanted) == wanted && !append_sector(plan, &sector)) {
            redfu_plan_free(plan);
            return redfui_no_memory(fault);
        }
    }
    return plan->sector_count > 0
               ? REDFU_OK
               : redfui_fail(fault, REDFU_READ_ONLY,
                             "the memory \"%s\" has no sector that can be erased", layout->name);
}

// --- Changes -------------------------------------------------------------------------------------

bool redfui_plan_fill(const struct redfu_plan *plan, uint32_t addr, uint32_t len, uint8_t *out) {
    struct redfu_segment stretch;
    uint64_t end = (uint64_t)addr + len;
    bool has_any = false;
    memset(out, 0xff, len);
    for (uint64_t at = addr; redfui_plan_next(plan, at, end, &stretch);
         at = segment_end(&stretch)) {
        memcpy(out + (stretch.addr - addr), stretch.bytes, stretch.len);
        has_any = true;
    }
    return has_any;
}

bool redfui_plan_next(const struct redfu_plan *plan, uint64_t addr, uint64_t end,
                      struct redfu_segment *stretch) {
    for (size_t i = 0; i < plan->image_count; i++) {
        const struct redfu_segment *segment = &plan->image[i];
        uint64_t first = segment->addr > addr ? segment->addr : addr;
        uint64_t last = segment_end(segment) < end ? segment_end(segment) : end;
        if (first < last) {
            *stretch = (struct redfu_segment){
                .addr = (uint32_t)first,
                .len = (uint32_t)(last - first),
                .bytes = segment->bytes + (first - segment->addr),
            };
            return true;
        }
    }
    return false;
}

// The image without [first, end).
static bool cut_out(struct redfu_plan *plan, uint64_t first, uint64_t end) {
    struct redfu_segment *left = NULL;
    size_t count = 0;
    struct redfu_segment stretch;
    bool ok = true;
    for (uint64_t at = 0; ok && redfui_plan_next(plan, at, first, &stretch);
         at = segment_end(&stretch)) {
        ok = append_segment(&left, &count, &stretch);
    }
    for (uint64_t at = end; ok && redfui_plan_next(plan, at, UINT64_C(1) << 32, &stretch);
         at = segment_end(&stretch)) {
        ok = append_segment(&left, &count, &stretch);
    }
    if (!ok) {
        free(left);
        return false;
    }
    free(plan->image);
    plan->image = left;
    plan->image_count = count;
    return true;
}

static uint64_t sector_end(const struct redfu_sector *sector) {
    return (uint64_t)sector->addr + sector->bytes;
}

bool redfui_plan_drop(struct redfu_plan *plan, const bool *is_same) {
    size_t left = 0;
    for (size_t i = 0; i < plan->sector_count; i++) {
        struct redfu_sector sector = plan->sectors[i];
        if (!is_same[i]) {
            plan->sectors[left++] = sector;
            continue;
        }
        struct redfu_segment stretch;
        for (uint64_t at = sector.addr; redfui_plan_next(plan, at, sector_end(&sector), &stretch);
             at = segment_end(&stretch)) {
            plan->same_bytes += stretch.len;
        }
        plan->same_count++;
        plan->erase_bytes -= sector.bytes;
        if (!cut_out(plan, sector.addr, sector_end(&sector))) {
            return false;
        }
    }
    plan->sector_count = left;
    return redfui_plan_runs(plan);
}

bool redfui_plan_replace(struct redfu_plan *plan, const struct redfu_sector *sector,
                         uint8_t *bytes) {
    const struct redfu_segment whole = {sector->addr, sector->bytes, bytes};
    size_t at = 0;
    if (!cut_out(plan, sector->addr, sector_end(sector)) ||
        !append_segment(&plan->image, &plan->image_count, &whole)) {
        return false;
    }
    while (at < plan->image_count - 1 && plan->image[at].addr < whole.addr) {
        at++;
    }
    memmove(&plan->image[at + 1], &plan->image[at],
            (plan->image_count - 1 - at) * sizeof *plan->image);
    plan->image[at] = whole;
    return redfui_plan_runs(plan) && own(plan, bytes);
}

bool redfui_plan_keep(struct redfu_plan *plan, uint32_t addr, uint32_t len, const uint8_t *bytes) {
    return append_segment(&plan->kept, &plan->kept_count,
                          &(struct redfu_segment){addr, len, bytes});
}

void redfu_plan_free(struct redfu_plan *plan) {
    for (size_t i = 0; i < plan->store_count; i++) {
        free(plan->store[i]);
    }
    free(plan->store);
    free(plan->kept);
    free(plan->image);
    free(plan->runs);
    free(plan->sectors);
    memset(plan, 0, sizeof *plan);
}

uint32_t redfu_crc32(uint32_t crc, const uint8_t *bytes, uint32_t len) {
    return crc32_update(crc, bytes, len);
}
