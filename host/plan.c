// SPDX-License-Identifier: MIT
//
// From an image and a memory layout to sectors to erase and bytes to write. Pure logic: everything
// that can be refused without a device is refused here, before anything is sent.

#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "host/redfu.h"
#include "spec/bytes.h"

// Runs begin and end on multiples of this inside erased sectors. 8: the double word STM32L4 and G4
// program at least (RM0394 3.3.7), and what STM32CubeProgrammer's log speaks of. 0xFF programs
// nothing.
#define GRANULE 8u

static uint64_t segment_end(const struct redfu_segment *segment) {
    return segment->addr + (uint64_t)segment->len;
}

// The stretch of sectors that can be used in the way `can` says, for advice; false if there is none.
static bool usable_area(const struct redfu_layout *layout, uint8_t can, uint32_t *first,
                        uint32_t *last) {
    for (unsigned i = 0; i < layout->group_count; i++) {
        if ((layout->groups[i].can & can) != can) {
            continue;
        }
        *first = layout->groups[i].addr;
        uint32_t next = *first;
        for (; i < layout->group_count && (layout->groups[i].can & can) == can &&
               layout->groups[i].addr == next;
             i++) {
            next += layout->groups[i].count * layout->groups[i].sector_bytes;
        }
        *last = next - 1;
        return true;
    }
    return false;
}

static void advise_area(const struct redfu_layout *layout, uint8_t can, const char *what,
                        struct redfu_fault *fault) {
    uint32_t first;
    uint32_t last;
    if (usable_area(layout, can, &first, &last)) {
        (void)redfui_advise(fault, "%s 0x%08X-0x%08X here (%s).", what, first, last, layout->name);
    } else {
        (void)redfui_advise(fault, "The memory \"%s\" has no such part.", layout->name);
    }
}

static enum redfu_result refuse_outside(const struct redfu_layout *layout, uint64_t addr,
                                        uint64_t end, uint8_t can, struct redfu_fault *fault) {
    (void)redfui_fail(fault, REDFU_OUTSIDE,
                      "0x%08X-0x%08X lies outside the device's memory map: nothing is at 0x%08X",
                      (uint32_t)addr, (uint32_t)(end - 1), (uint32_t)addr);
    advise_area(layout, can, can == REDFU_CAN_READ ? "Readable is" : "The application area is",
                fault);
    return redfui_at(fault, (uint32_t)addr);
}

static enum redfu_result refuse_read_only(const struct redfu_layout *layout, uint32_t addr,
                                          const struct redfu_sector *sector,
                                          struct redfu_fault *fault) {
    (void)redfui_fail(fault, REDFU_READ_ONLY,
                      "0x%08X lies in sector %u (0x%08X-0x%08X), which the device declares "
                      "read-only: the bootloader and its settings are kept there",
                      addr, sector->number, sector->addr, sector->addr + (sector->bytes - 1));
    advise_area(layout, REDFU_CAN_ERASE | REDFU_CAN_WRITE,
                "Link the image for the application area, or give an address in it: it is", fault);
    return redfui_at(fault, addr);
}

// Segment that began inside the map and runs off it at `addr`.
static enum redfu_result refuse_too_large(const struct redfu_segment *segment, uint64_t addr,
                                          struct redfu_fault *fault) {
    (void)redfui_fail(fault, REDFU_TOO_LARGE,
                      "the image is %llu bytes too large: it ends at 0x%08X, the memory at 0x%08X",
                      (unsigned long long)(segment_end(segment) - addr),
                      (uint32_t)(segment_end(segment) - 1), (uint32_t)(addr - 1));
    (void)redfui_advise(fault, "From 0x%08X there is room for %llu bytes.", segment->addr,
                        (unsigned long long)(addr - segment->addr));
    return redfui_at(fault, (uint32_t)addr);
}

// Walks the sectors a segment touches. Each must allow what `can` asks for.
static enum redfu_result check_segment(const struct redfu_layout *layout,
                                       const struct redfu_segment *segment, uint8_t can,
                                       struct redfu_fault *fault) {
    struct redfu_sector sector;
    for (uint64_t addr = segment->addr; addr < segment_end(segment);) {
        if (!redfu_layout_sector_at(layout, (uint32_t)addr, &sector)) {
            return addr == segment->addr || can != REDFU_CAN_WRITE
                       ? refuse_outside(layout, addr, segment_end(segment), can, fault)
                       : refuse_too_large(segment, addr, fault);
        }
        if ((sector.can & can) != can) {
            return can == REDFU_CAN_READ
                       ? redfui_fail(fault, REDFU_READ_ONLY,
                                     "0x%08X lies in a part the device does not let anybody read",
                                     (uint32_t)addr)
                       : refuse_read_only(layout, (uint32_t)addr, &sector, fault);
        }
        addr = (uint64_t)sector.addr + sector.bytes;
    }
    return REDFU_OK;
}

static enum redfu_result check_order(const struct redfu_segment *segments, size_t count,
                                     struct redfu_fault *fault) {
    for (size_t i = 0; i < count; i++) {
        if (segments[i].len == 0 || segment_end(&segments[i]) > UINT64_C(1) << 32 ||
            (i > 0 && segments[i].addr < segment_end(&segments[i - 1]))) {
            (void)redfui_fail(fault, REDFU_BAD_FILE,
                              "the segment at 0x%08X is empty, passes the end of the address space "
                              "or lies over the one before",
                              segments[i].addr);
            return redfui_at(fault, segments[i].addr);
        }
    }
    return REDFU_OK;
}

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

// Puts [first, end) of 0xFF and the segment's bytes on the list, into the last run if they touch.
static bool append_run(struct redfu_plan *plan, const struct redfu_segment *segment, uint64_t first,
                       uint64_t end) {
    struct redfu_segment *run = plan->run_count > 0 ? &plan->runs[plan->run_count - 1] : NULL;
    if (!run || first > segment_end(run)) {
        struct redfu_segment *grown =
            realloc(plan->runs, (plan->run_count + 1) * sizeof *plan->runs);
        if (!grown) {
            return false;
        }
        plan->runs = grown;
        run = &plan->runs[plan->run_count++];
        *run = (struct redfu_segment){.addr = (uint32_t)first};
    }
    uint32_t len = (uint32_t)(end - run->addr);
    uint8_t *bytes = realloc((void *)run->bytes, len);
    if (!bytes) {
        return false;
    }
    if (len > run->len) {
        memset(bytes + run->len, 0xff, len - run->len);
    }
    memcpy(bytes + (segment->addr - run->addr), segment->bytes, segment->len);
    plan->write_bytes += len - run->len;
    run->bytes = bytes;
    run->len = len;
    return true;
}

enum redfu_result redfu_plan_write(const struct redfu_layout *layout,
                                   const struct redfu_segment *segments, size_t count,
                                   struct redfu_plan *plan, struct redfu_fault *fault) {
    memset(plan, 0, sizeof *plan);
    enum redfu_result result = check_order(segments, count, fault);
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        result = check_segment(layout, &segments[i], REDFU_CAN_WRITE, fault);
    }
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        uint64_t first;
        uint64_t end;
        widen(layout, &segments[i], &first, &end);
        if (!append_sectors(layout, first, end, plan) ||
            !append_run(plan, &segments[i], first, end)) {
            result = redfui_no_memory(fault);
        }
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
        check_segment(layout, &range, REDFU_CAN_ERASE | REDFU_CAN_WRITE, fault);
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

enum redfu_result redfu_check_readable(const struct redfu_layout *layout,
                                       const struct redfu_segment *segments, size_t count,
                                       struct redfu_fault *fault) {
    enum redfu_result result = check_order(segments, count, fault);
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        result = check_segment(layout, &segments[i], REDFU_CAN_READ, fault);
    }
    return result;
}

void redfu_plan_free(struct redfu_plan *plan) {
    for (size_t i = 0; i < plan->run_count; i++) {
        free((void *)plan->runs[i].bytes);
    }
    free(plan->runs);
    free(plan->sectors);
    memset(plan, 0, sizeof *plan);
}

// An initial stack pointer: a word's multiple in SRAM or CCM, or at the end of one. 1 MB of SRAM at
// 0x20000000 and 64 KB of CCM at 0x10000000 hold for every STM32F4 (RM0090 2.3.1) and its cousins.
static bool is_stack_pointer(uint32_t word) {
    return word % 4 == 0 && ((word > 0x20000000u && word <= 0x20100000u) ||
                             (word > 0x10000000u && word <= 0x10010000u));
}

enum redfu_result redfu_check_startable(const struct redfu_segment *segments, size_t count,
                                        uint32_t application, struct redfu_fault *fault) {
    for (size_t i = 0; i < count; i++) {
        uint32_t off = application - segments[i].addr;
        if (off >= segments[i].len) {
            continue;
        }
        if (segments[i].len - off >= 8 && is_stack_pointer(load_le32(segments[i].bytes + off))) {
            return REDFU_OK;
        }
        (void)redfui_fail(
            fault, REDFU_WRONG_VECTORS,
            "the image cannot be started: at 0x%08X, where the application begins, it "
            "has no vector table",
            application);
        (void)redfui_advise(fault,
                            "The first word of an application is its stack pointer, in RAM. If "
                            "this is data, give its address (FILE@ADDRESS) and --no-run; "
                            "nothing was sent.");
        return redfui_at(fault, application);
    }
    return REDFU_OK;
}

enum redfu_result redfu_check_vectors(const struct redfu_segment *segments, size_t count,
                                      struct redfu_fault *fault) {
    if (count == 0 || segments[0].len < 8 || !is_stack_pointer(load_le32(segments[0].bytes))) {
        return REDFU_OK;
    }
    uint32_t vector = load_le32(segments[0].bytes + 4);
    for (size_t i = 0; i < count; i++) {
        if ((vector & 1) && (vector & ~1u) >= segments[i].addr &&
            (vector & ~1u) < segment_end(&segments[i])) {
            return REDFU_OK;
        }
    }
    uint32_t addr = segments[0].addr;
    if (!(vector & 1)) {
        (void)redfui_fail(
            fault, REDFU_WRONG_VECTORS,
            "the image would not run at 0x%08X: its reset vector is 0x%08X, which is no "
            "Thumb address (bit 0 is 0)",
            addr, vector);
        return redfui_at(fault, addr);
    }
    (void)redfui_fail(fault, REDFU_WRONG_VECTORS,
                      "the image would not run at 0x%08X: its reset vector is 0x%08X, outside the "
                      "image, which takes 0x%08X-0x%08X",
                      addr, vector, addr, (uint32_t)(segment_end(&segments[count - 1]) - 1));
    (void)redfui_advise(
        fault,
        "It was probably linked for 0x%08X. Link it for 0x%08X: the origin of FLASH "
        "in the linker script, and the vector table's address (VTOR; "
        "VECT_TAB_OFFSET in ST's system files).",
        vector & 0xffffc000u, addr);
    return redfui_at(fault, addr);
}
