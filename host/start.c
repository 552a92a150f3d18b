// SPDX-License-Identifier: MIT
//
// What a redfu-boot would start after a write.

#include <string.h>

#include "host/fault.h"
#include "host/plan.h"
#include "host/session.h"
#include "spec/bytes.h"
#include "spec/crc.h"

#define VECTORS_BYTES 8u // stack pointer and reset vector

static bool begins_with_vectors(const struct redfu_segment *segment) {
    return segment->len >= VECTORS_BYTES && redfui_is_stack_pointer(load_le32(segment->bytes)) &&
           (load_le32(segment->bytes + 4) & 1u);
}

// The beginning lies in a sector that is erased for something else.
static bool is_beginning_erased(const struct redfu_layout *layout,
                                const struct redfu_segment *segments, size_t count,
                                uint32_t application) {
    struct redfu_sector sector;
    bool is_known = redfu_layout_sector_at(layout, application, &sector);
    for (size_t i = 0; i < count && is_known; i++) {
        if (segments[i].addr - sector.addr < sector.bytes) {
            return true;
        }
    }
    return false;
}

enum redfu_result redfu_check_start(struct redfu_session *session,
                                    const struct redfu_layout *layout,
                                    const struct redfu_segment *segments, size_t count,
                                    uint32_t application, bool keep, struct redfu_fault *fault) {
    static const uint8_t blank[VECTORS_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct redfu_segment there = {.addr = application, .len = VECTORS_BYTES};
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        if (application - segments[i].addr < segments[i].len) {
            return REDFU_OK;
        }
    }
    if (count == 0 || !redfu_sums_up(session)) {
        return REDFU_OK;
    }
    if (begins_with_vectors(&segments[0])) {
        (void)redfui_fail(fault, REDFU_WRONG_VECTORS,
                          "the image at 0x%08X would not be started: it begins with a vector "
                          "table, and redfu-boot starts what begins at 0x%08X, and nothing else",
                          segments[0].addr, application);
        (void)redfui_advise(fault,
                            "Link it for 0x%08X. If something else starts it, --no-run "
                            "writes it; nothing was sent.",
                            application);
        return redfui_at(fault, segments[0].addr);
    }
    redfui_speak_of(session, REDFU_PHASE_PREPARE, fault);
    enum redfu_result result = redfui_sum_up(session, &there, 1, &crc, fault);
    if (result == REDFU_TRANSFER) {
        // Not known, which is no reason to refuse: there are ways without.
        memset(fault, 0, sizeof *fault);
        return REDFU_OK;
    }
    if (result != REDFU_OK) {
        return result;
    }
    bool is_blank = crc == crc32_update(CRC32_START, blank, sizeof blank);
    bool is_erased = !keep && is_beginning_erased(layout, segments, count, application);
    bool is_whole = true;
    if (!is_blank && !is_erased && session->is_receiving) {
        // One that has just ended is taken for whole after a silence: dfu-util && redfu.
        result = redfu_await_whole(session, &is_whole, fault);
    }
    if (result != REDFU_OK || (!is_blank && !is_erased && is_whole)) {
        return result;
    }
    (void)redfui_fail(fault, REDFU_WRONG_VECTORS,
                      "the board would have nothing to start: %s, and the image at 0x%08X does not "
                      "bring the beginning",
                      is_blank    ? "no application is on it"
                      : is_erased ? "the sector that its application begins in is erased"
                                  : "a load of its application is not whole",
                      segments[0].addr);
    (void)redfui_advise(fault,
                        !is_blank && is_erased
                            ? "--keep writes back what else its sectors hold; or write the "
                              "application, at 0x%08X, with it. Nothing was sent."
                            : "Write the application, at 0x%08X, with it or first; or --no-run, "
                              "which leaves the board in DFU mode. Nothing was sent.",
                        application);
    return redfui_at(fault, segments[0].addr);
}
