// SPDX-License-Identifier: MIT
//
// The memory map that the device names, against the chip it is on, whose sectors are known here.

#include <inttypes.h>
#include <string.h>

#include "doctor/inside/examine.h"

static bool chip_sector(const struct examine *x, uint32_t addr, uint32_t *begin, uint32_t *len) {
    for (unsigned i = 0; x->bench->sector(x->bench->ctx, i, begin, len); i++) {
        if (addr - *begin < *len) {
            return true;
        }
    }
    return false;
}

static void name_areas(const struct examine *x) {
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        report_area(x->report, &(struct report_area){.addr = run->addr,
                                                     .sector_bytes = run->sector_bytes,
                                                     .count = run->count,
                                                     .can = run->type});
    }
}

// One wrong size moves all that lie above it: the first is told.
static void check_boundaries(const struct examine *x) {
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        for (uint32_t addr = run->addr; addr < layout_run_end(run); addr += run->sector_bytes) {
            uint32_t begin;
            uint32_t len;
            if (!chip_sector(x, addr, &begin, &len)) {
                if (addr - x->bench->flash_addr >= x->bench->flash_bytes &&
                    run->type & LAYOUT_WRITABLE) {
                    report_add(x->report, "F4", REPORT_CERTAIN, REPORT_NO_TIME,
                               "the map has a sector at 0x%08" PRIX32
                               ", and the flash of this chip ends at 0x%08" PRIX32,
                               addr, x->bench->flash_addr + x->bench->flash_bytes);
                }
                return;
            }
            if (begin != addr || len != run->sector_bytes) {
                report_add(x->report, "F3", REPORT_CERTAIN, REPORT_NO_TIME,
                           "the map has a sector of %" PRIu32 " KB at 0x%08" PRIX32
                           "; on this chip 0x%08" PRIX32 " lies in the sector of %" PRIu32
                           " KB at 0x%08" PRIX32,
                           run->sector_bytes / 1024, addr, addr, len / 1024, begin);
                return;
            }
        }
    }
}

static void check_types(const struct examine *x) {
    bool has_writable = false;
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        has_writable = has_writable || run->type & LAYOUT_WRITABLE;
        if (run->type & LAYOUT_WRITABLE && !(run->type & LAYOUT_ERASABLE)) {
            report_add(x->report, "F2", REPORT_CERTAIN, REPORT_NO_TIME,
                       "the map lets hosts write at 0x%08" PRIX32 " (type '%c'), not erase",
                       run->addr, 'a' + run->type - 1);
            return;
        }
    }
    if (!has_writable) {
        report_add(x->report, "F2", REPORT_CERTAIN, REPORT_NO_TIME,
                   "the map has no sector that may be written");
    }
}

void examine_target(const struct examine *x) {
    const struct layout_run *run = layout_run_at(&x->layout, x->image_addr);
    if (x->has_layout && (!run || !(run->type & LAYOUT_WRITABLE))) {
        report_add_as(x->report, "F2", FINDING_FAULT, REPORT_CERTAIN, REPORT_NO_TIME,
                      "the application is to go to 0x%08" PRIX32
                      ", and the map does not let hosts write there: %s",
                      x->image_addr,
                      run ? "it is marked as the bootloader's" : "it names no sector");
    }
}

void examine_map(struct examine *x) {
    report_fact(x->report, "device", "memory map", "%s", x->name[0] ? x->name : "none");
    report_fact(x->report, "device", "wTransferSize", "%u bytes", x->transfer_bytes);
    report_fact(x->report, "device", "bcdDFUVersion", "0x%04X", x->version);
    if (x->version != DFUSE_VERSION) {
        report_add(x->report, "F40", REPORT_CERTAIN, REPORT_NO_TIME,
                   "bcdDFUVersion is 0x%04X, DfuSe's is 0x%04X", x->version, DFUSE_VERSION);
        return;
    }
    if (x->name[0] != '@') {
        report_add(x->report, "F1", REPORT_CERTAIN, REPORT_NO_TIME,
                   x->name[0]
                       ? "alternate setting 0 is called \"%s\", and a memory map begins with '@'"
                       : "the string of alternate setting 0 is refused, or empty%s",
                   x->name);
        return;
    }
    if (!x->has_layout) {
        report_add(x->report, "F5", REPORT_CERTAIN, REPORT_NO_TIME,
                   "not all programs can read the memory map \"%s\"", x->name);
        return;
    }
    name_areas(x);
    check_boundaries(x);
    check_types(x);
}
