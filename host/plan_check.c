// SPDX-License-Identifier: MIT
//
// What can be refused without a device: ranges against a memory layout, and an image by its vectors.

#include <string.h>

#include "host/fault.h"
#include "host/plan.h"
#include "spec/bytes.h"

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

// An erase asks for `can` erase; what asks for write alone is an image's segment.
static enum redfu_result refuse_read_only(const struct redfu_layout *layout, uint32_t addr,
                                          const struct redfu_sector *sector, uint8_t can,
                                          struct redfu_fault *fault) {
    (void)redfui_fail(fault, REDFU_READ_ONLY,
                      "0x%08X lies in sector %u (0x%08X-0x%08X), which the device declares "
                      "read-only: the bootloader and its settings are kept there",
                      addr, sector->number, sector->addr, sector->addr + (sector->bytes - 1));
    advise_area(layout, REDFU_CAN_ERASE | REDFU_CAN_WRITE,
                (can & REDFU_CAN_ERASE)
                    ? "Give an address in the application area: it is"
                    : "Link the image for the application area, or give an address in it: it is",
                fault);
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
enum redfu_result redfui_check_segment(const struct redfu_layout *layout,
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
                       : refuse_read_only(layout, (uint32_t)addr, &sector, can, fault);
        }
        addr = (uint64_t)sector.addr + sector.bytes;
    }
    return REDFU_OK;
}

enum redfu_result redfui_check_order(const struct redfu_segment *segments, size_t count,
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

enum redfu_result redfu_check_readable(const struct redfu_layout *layout,
                                       const struct redfu_segment *segments, size_t count,
                                       struct redfu_fault *fault) {
    enum redfu_result result = redfui_check_order(segments, count, fault);
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        result = redfui_check_segment(layout, &segments[i], REDFU_CAN_READ, fault);
    }
    return result;
}

// An initial stack pointer: a word's multiple in SRAM or CCM, or at the end of one. 1 MB of SRAM at
// 0x20000000 and 64 KB of CCM at 0x10000000 hold for every STM32F4 (RM0090 2.3.1) and its cousins.
bool redfui_is_stack_pointer(uint32_t word) {
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
        if (segments[i].len - off >= 8 &&
            redfui_is_stack_pointer(load_le32(segments[i].bytes + off))) {
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

// Bits 6:0 of VTOR are zero in every Cortex-M that has one (ARMv7-M B3.2.5); the STM32F4's wants 512 (PM0214
// 4.4.4), a chip of fewer interrupts less.
#define VECTORS_ALIGN 128u

enum redfu_result redfu_check_vectors(const struct redfu_segment *segments, size_t count,
                                      struct redfu_fault *fault) {
    if (count == 0 || segments[0].len < 8 ||
        !redfui_is_stack_pointer(load_le32(segments[0].bytes))) {
        return REDFU_OK;
    }
    uint32_t vector = load_le32(segments[0].bytes + 4);
    uint32_t addr = segments[0].addr;
    if (addr % VECTORS_ALIGN != 0) {
        (void)redfui_fail(fault, REDFU_WRONG_VECTORS,
                          "the image would not run at 0x%08X: it begins with a vector table, which "
                          "must be at a multiple of %u bytes, and this is %u behind one",
                          addr, VECTORS_ALIGN, addr % VECTORS_ALIGN);
        (void)redfui_advise(fault,
                            "Give the address it was linked for (FILE@ADDRESS; 0x%08X, say). If "
                            "this is data, --force-vectors writes it; nothing was sent.",
                            addr - addr % VECTORS_ALIGN);
        return redfui_at(fault, addr);
    }
    for (size_t i = 0; i < count; i++) {
        if ((vector & 1) && (vector & ~1u) >= segments[i].addr &&
            (vector & ~1u) < segment_end(&segments[i])) {
            return REDFU_OK;
        }
    }
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
