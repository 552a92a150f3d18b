// SPDX-License-Identifier: MIT
//
// A plan against what the device holds: what need not be written, and what has to be kept.

#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "host/plan.h"
#include "host/session.h"
#include "spec/crc.h"

#define BLANK_BYTES   256u
// Sectors larger than this are written without being asked for: no flash has them, but a device may say so,
// and a sum of 4 GB takes minutes.
#define COMPARED_MOST 0x1000000u

static uint64_t sector_end(const struct redfu_sector *sector) {
    return (uint64_t)sector->addr + sector->bytes;
}

static bool is_compared(const struct redfu_sector *sector) {
    return sector->bytes <= COMPARED_MOST && (sector->can & REDFU_CAN_READ) != 0;
}

// --- By region hash ------------------------------------------------------------------------------

static uint32_t crc_of_blank(uint32_t crc, uint64_t len) {
    uint8_t blank[BLANK_BYTES];
    memset(blank, 0xff, sizeof blank);
    for (; len > 0; len -= len < sizeof blank ? len : sizeof blank) {
        crc = crc32_update(crc, blank, len < sizeof blank ? (size_t)len : sizeof blank);
    }
    return crc;
}

// Of the sector as it will be.
static uint32_t crc_wanted(const struct redfu_plan *plan, const struct redfu_sector *sector) {
    uint32_t crc = CRC32_START;
    uint64_t at = sector->addr;
    struct redfu_segment stretch;
    while (redfui_plan_next(plan, at, sector_end(sector), &stretch)) {
        crc = crc_of_blank(crc, stretch.addr - at);
        crc = crc32_update(crc, stretch.bytes, stretch.len);
        at = segment_end(&stretch);
    }
    return crc_of_blank(crc, sector_end(sector) - at);
}

static enum redfu_result sum_up_sectors(struct redfu_session *session, struct redfu_plan *plan,
                                        bool *is_same, struct redfu_fault *fault) {
    struct redfu_segment *ranges = calloc(plan->sector_count, sizeof *ranges);
    uint32_t *crcs = calloc(plan->sector_count, sizeof *crcs);
    enum redfu_result result = REDFU_INTERNAL;
    if (ranges && crcs) {
        for (size_t i = 0; i < plan->sector_count; i++) {
            ranges[i].addr = plan->sectors[i].addr;
            ranges[i].len = is_compared(&plan->sectors[i]) ? plan->sectors[i].bytes : 0;
        }
        result = redfui_sum_up(session, ranges, plan->sector_count, crcs, fault);
    } else {
        (void)redfui_no_memory(fault);
    }
    for (size_t i = 0; i < plan->sector_count && result == REDFU_OK; i++) {
        is_same[i] =
            is_compared(&plan->sectors[i]) && crcs[i] == crc_wanted(plan, &plan->sectors[i]);
    }
    free(ranges);
    free(crcs);
    return result;
}

// With the rest of the sectors to be kept only the image itself is looked at.
static enum redfu_result sum_up_image(struct redfu_session *session, struct redfu_plan *plan,
                                      bool *is_same, struct redfu_fault *fault) {
    enum redfu_result result = REDFU_OK;
    for (size_t i = 0; i < plan->sector_count; i++) {
        const struct redfu_sector *sector = &plan->sectors[i];
        struct redfu_segment stretch;
        is_same[i] = is_compared(sector);
        for (uint64_t at = sector->addr;
             is_same[i] && redfui_plan_next(plan, at, sector_end(sector), &stretch);
             at = segment_end(&stretch)) {
            uint32_t crc = 0;
            result = redfui_sum_up(session, &stretch, 1, &crc, fault);
            if (result != REDFU_OK) {
                return result;
            }
            is_same[i] = crc == crc32_update(CRC32_START, stretch.bytes, stretch.len);
        }
    }
    return result;
}

// --- By reading ----------------------------------------------------------------------------------

struct comparison {
    const struct redfu_plan *plan;
    struct redfu_fault *fault;
};

// REDFU_MISMATCH ends the reading: the sector has to be written.
static enum redfu_result compare(void *ctx, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    const struct comparison *comparison = ctx;
    uint8_t wanted[TRANSFER_BYTES_MAX];
    (void)redfui_plan_fill(comparison->plan, addr, len, wanted);
    return memcmp(bytes, wanted, len) == 0 ? REDFU_OK : REDFU_MISMATCH;
}

static enum redfu_result read_sector(struct redfu_session *session, const struct redfu_plan *plan,
                                     const struct redfu_sector *sector, bool keep,
                                     struct redfui_item *item, struct redfu_fault *fault) {
    struct comparison comparison = {plan, fault};
    if (!keep) {
        return redfui_read_range(session, sector->addr, sector->bytes, item, compare, &comparison);
    }
    enum redfu_result result = REDFU_OK;
    struct redfu_segment stretch;
    for (uint64_t at = sector->addr;
         result == REDFU_OK && redfui_plan_next(plan, at, sector_end(sector), &stretch);
         at = segment_end(&stretch)) {
        result = redfui_read_range(session, stretch.addr, stretch.len, item, compare, &comparison);
    }
    return result;
}

static enum redfu_result read_sectors(struct redfu_session *session, unsigned alternate,
                                      struct redfu_plan *plan, bool keep, bool *is_same,
                                      const struct redfu_watch *watch, struct redfu_fault *fault) {
    enum redfu_result result = redfui_begin_reading(session, alternate, REDFU_PHASE_COMPARE, fault);
    struct redfui_item item = {
        .watch = watch, .progress = {.phase = REDFU_PHASE_COMPARE, .total = plan->erase_bytes}};
    for (size_t i = 0; i < plan->sector_count && result == REDFU_OK; i++) {
        const struct redfu_sector *sector = &plan->sectors[i];
        item.progress.sector = sector->number;
        if (!is_compared(sector)) {
            continue;
        }
        result = read_sector(session, plan, sector, keep, &item, fault);
        is_same[i] = result == REDFU_OK;
        if (result == REDFU_MISMATCH) { // the rest need not be read
            redfui_advance(session, &item, item.progress.len - item.progress.done);
        }
        result = result == REDFU_MISMATCH ? REDFU_OK : result;
    }
    return result == REDFU_OK ? redfui_end_reading(session, result) : result;
}

static bool can_be_read(const struct redfu_session *session) {
    return (session->description.device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD) != 0;
}

// Where a load was begun and not ended, the application's beginning is written whatever it holds: only
// so does redfu-boot know the load for a whole one (docs/protocol.md, the gate).
static void keep_beginning(const struct redfu_session *session, const struct redfu_layout *layout,
                           const struct redfu_plan *plan, bool *is_same) {
    uint32_t addr;
    uint32_t bytes;
    if (!session->is_receiving || !redfu_layout_application(layout, &addr, &bytes)) {
        return;
    }
    for (size_t i = 0; i < plan->sector_count; i++) {
        is_same[i] &= plan->sectors[i].addr != addr;
    }
}

static enum redfu_result leave_out_same(struct redfu_session *session, unsigned alternate,
                                        const struct redfu_prepare *how, struct redfu_plan *plan,
                                        const struct redfu_watch *watch,
                                        struct redfu_fault *fault) {
    const struct redfu_layout *layout;
    enum redfu_result result = redfu_layout(session, alternate, &layout, fault);
    bool *is_same = calloc(plan->sector_count + 1, sizeof *is_same);
    if (!is_same) {
        return redfui_no_memory(fault);
    }
    redfui_speak_of(session, REDFU_PHASE_COMPARE, fault);
    if (result == REDFU_OK && redfu_sums_up(session)) {
        result = how->keep ? sum_up_image(session, plan, is_same, fault)
                           : sum_up_sectors(session, plan, is_same, fault);
        keep_beginning(session, layout, plan, is_same);
    } else if (result == REDFU_OK && can_be_read(session) && !how->no_reading) {
        result = redfui_read_receiving(session, fault);
        if (result == REDFU_OK) {
            result = read_sectors(session, alternate, plan, how->keep, is_same, watch, fault);
        }
        keep_beginning(session, layout, plan, is_same);
    }
    if (result == REDFU_OK && !redfui_plan_drop(plan, is_same)) {
        result = redfui_no_memory(fault);
    }
    free(is_same);
    return result;
}

// --- Keeping -------------------------------------------------------------------------------------

static enum redfu_result copy(void *ctx, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    const struct redfu_segment *sector = ctx;
    memcpy((uint8_t *)sector->bytes + (addr - sector->addr), bytes, len);
    return REDFU_OK;
}

static bool is_blank(const uint8_t *bytes, uint32_t len) {
    while (len > 0 && *bytes == 0xff) {
        bytes++;
        len--;
    }
    return len == 0;
}

// Reads what [first, end) holds beside the image into the sector's bytes.
static enum redfu_result keep_gap(struct redfu_session *session, struct redfu_plan *plan,
                                  struct redfu_segment *sector, uint64_t first, uint64_t end,
                                  struct redfui_item *item, struct redfu_fault *fault) {
    if (first >= end) {
        return REDFU_OK;
    }
    uint32_t len = (uint32_t)(end - first);
    const uint8_t *bytes = sector->bytes + (first - sector->addr);
    enum redfu_result result = redfui_read_range(session, (uint32_t)first, len, item, copy, sector);
    if (result == REDFU_OK && !is_blank(bytes, len) &&
        !redfui_plan_keep(plan, (uint32_t)first, len, bytes)) {
        result = redfui_no_memory(fault);
    }
    return result;
}

static enum redfu_result keep_sector(struct redfu_session *session, struct redfu_plan *plan,
                                     const struct redfu_sector *sector, struct redfui_item *item,
                                     struct redfu_fault *fault) {
    uint8_t *bytes = malloc(sector->bytes);
    if (!bytes) {
        return redfui_no_memory(fault);
    }
    (void)redfui_plan_fill(plan, sector->addr, sector->bytes, bytes);
    struct redfu_segment whole = {sector->addr, sector->bytes, bytes};
    enum redfu_result result = REDFU_OK;
    uint64_t at = sector->addr;
    size_t kept = plan->kept_count;
    struct redfu_segment stretch;
    while (result == REDFU_OK && redfui_plan_next(plan, at, sector_end(sector), &stretch)) {
        result = keep_gap(session, plan, &whole, at, stretch.addr, item, fault);
        at = segment_end(&stretch);
    }
    if (result == REDFU_OK) {
        result = keep_gap(session, plan, &whole, at, sector_end(sector), item, fault);
    }
    if (result == REDFU_OK && plan->kept_count > kept) {
        if (redfui_plan_replace(plan, sector, bytes)) {
            return REDFU_OK;
        }
        result = redfui_no_memory(fault);
    }
    plan->kept_count = kept;
    free(bytes);
    return result;
}

static enum redfu_result keep_rest(struct redfu_session *session, unsigned alternate,
                                   struct redfu_plan *plan, const struct redfu_watch *watch,
                                   struct redfu_fault *fault) {
    for (size_t i = 0; i < plan->sector_count; i++) {
        if (!can_be_read(session) || !is_compared(&plan->sectors[i])) {
            (void)redfui_fail(fault, REDFU_BAD_DEVICE,
                              "the rest of sector %u (0x%08X) cannot be kept: it cannot be read",
                              plan->sectors[i].number, plan->sectors[i].addr);
            return redfui_advise(fault,
                                 "Nothing was sent. Without --keep the rest of the sector is "
                                 "erased.");
        }
    }
    enum redfu_result result = redfui_begin_reading(session, alternate, REDFU_PHASE_READ, fault);
    struct redfui_item item = {.watch = watch,
                               .progress = {.phase = REDFU_PHASE_READ, .total = plan->erase_bytes}};
    for (size_t i = 0; i < plan->sector_count && result == REDFU_OK; i++) {
        struct redfu_sector sector = plan->sectors[i];
        result = keep_sector(session, plan, &sector, &item, fault);
    }
    return redfui_end_reading(session, result);
}

// --- The public side -----------------------------------------------------------------------------

// How long the device wants to be left alone after a command, for the plan's time: of one that was not read. The
// load begins with this command anyway.
static enum redfu_result ask_poll(struct redfu_session *session, unsigned alternate,
                                  const struct redfu_plan *plan, struct redfu_fault *fault) {
    enum redfu_result result = redfui_begin_read(session, alternate, fault);
    if (result == REDFU_OK) {
        redfui_speak_of_addr(session, plan->runs[0].addr);
        result = redfui_set_address(&session->link, plan->runs[0].addr);
    }
    return result == REDFU_OK ? redfui_abort(&session->link) : result;
}

enum redfu_result redfu_prepare(struct redfu_session *session, unsigned alternate,
                                const struct redfu_prepare *how, struct redfu_plan *plan,
                                const struct redfu_watch *watch, struct redfu_fault *fault) {
    enum redfu_result result = REDFU_OK;
    if (!how->full && plan->sector_count > 0) {
        result = leave_out_same(session, alternate, how, plan, watch, fault);
    }
    if (result == REDFU_OK && how->keep && plan->sector_count > 0) {
        result = keep_rest(session, alternate, plan, watch, fault);
    }
    uint32_t block = redfui_first_block(session).full;
    if (result == REDFU_OK && !how->full && block > 0) {
        result = redfu_plan_trim(plan, block, fault);
    }
    if (result == REDFU_OK && plan->run_count > 0 && !redfu_sums_up(session) &&
        session->link.command_ms == 0) {
        result = ask_poll(session, alternate, plan, fault);
    }
    return result;
}

// --- Time ----------------------------------------------------------------------------------------

// The model (docs/redfu.md): DS8626 table 40, typical, x32; a full-speed bus; the region hash's 25 us a KB.
#define ERASE_US(bytes)   (150000u + (uint64_t)(bytes)*1000u / 154u)
#define PROGRAM_US(bytes) ((uint64_t)(bytes)*4u)
#define BLOCK_US                                                                                   \
    3000u // a block's bytes and its two GETSTATUS, where they do not overlap programming
#define READ_US(bytes) ((uint64_t)(bytes)*1000u / 1024u)
#define SUM_US(bytes)  ((uint64_t)(bytes)*25u / 1024u)

uint64_t redfu_plan_time_us(struct redfu_session *session, const struct redfu_plan *plan,
                            bool verify) {
    bool sums_up = redfu_sums_up(session);
    uint32_t block = redfui_first_block(session).full;
    // What the device asks for after a command it asks for after a block as well: ST's class and its ROM do not
    // tell them apart. redfu-boot holds its answer back instead.
    uint64_t poll_us = sums_up ? 0 : (uint64_t)session->link.command_ms * 1000u;
    uint64_t us = PROGRAM_US(plan->write_bytes);
    for (size_t i = 0; i < plan->sector_count; i++) {
        uint64_t erase_us = ERASE_US(plan->sectors[i].bytes);
        us += erase_us > poll_us ? erase_us : poll_us;
    }
    if (!sums_up && block > 0) { // redfu-boot programs a block while the next one comes in
        uint64_t program_us = PROGRAM_US(block);
        uint64_t blocks = plan->write_bytes / block + plan->run_count;
        us += blocks * (BLOCK_US + (poll_us > program_us ? poll_us - program_us : 0));
        us += plan->run_count * poll_us; // its address
    }
    for (size_t i = 0; i < plan->image_count && verify; i++) {
        us += sums_up ? SUM_US(plan->image[i].len) : READ_US(plan->image[i].len) + poll_us;
    }
    return us;
}
