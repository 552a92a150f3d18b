// SPDX-License-Identifier: MIT
//
// Reading memory, and comparing it with what it should hold.

#include <string.h>

#include "host/fault.h"
#include "host/plan.h"
#include "host/session.h"
#include "spec/bytes.h"
#include "spec/dfu.h"

// A range under way.
struct range {
    uint32_t addr, len, done;
    struct redfui_item *item;
    redfui_take_fn take;
    void *ctx;
};

static enum redfu_result take_block(struct redfu_session *session, struct range *range,
                                    const uint8_t *bytes, uint32_t len) {
    enum redfu_result result = range->take(range->ctx, range->addr + range->done, bytes, len);
    if (result == REDFU_OK) {
        range->done += len;
        redfui_advance(session, range->item, len);
    }
    return result;
}

static enum redfu_result read_block(struct redfu_session *session, struct range *range,
                                    struct redfui_cursor *cursor) {
    uint8_t bytes[TRANSFER_BYTES_MAX];
    uint32_t left = range->len - range->done;
    uint32_t wanted = left < cursor->full ? left : cursor->full;
    redfui_speak_of_addr(session, range->addr + range->done);
    enum redfu_result result =
        redfui_place_block(session, cursor, range->addr + range->done, wanted, true);
    if (result == REDFU_OK) {
        result = redfui_upload(&session->link, cursor->block, bytes, (uint16_t)wanted);
    }
    return result == REDFU_OK ? take_block(session, range, bytes, wanted) : result;
}

// Whole blocks that come in order need no address, and no turn of this program in between: some are handed
// to the system ahead. What goes wrong with one leaves the rest to read_block(), from that block on and one
// at a time; it has the words for it, too. Only for redfu-boot: ST's class at high speed, behind a ULPI PHY,
// loses its place when a SETUP comes 1 us behind a status stage. It STALLs that one and answers each later
// request with the bytes of the one before, until a bus reset.
static enum redfu_result read_ahead(struct redfu_session *session, struct range *range,
                                    struct redfui_cursor *cursor) {
    uint8_t bytes[TRANSPORT_QUEUE_MAX][TRANSFER_BYTES_MAX];
    const struct link *link = &session->link;
    uint16_t full = (uint16_t)cursor->full;
    uint32_t ahead = range->done;
    unsigned waiting = 0, oldest = 0;
    enum redfu_result result = REDFU_OK;
    for (;;) {
        enum transport_result moved = TRANSPORT_OK;
        while (result == REDFU_OK && moved == TRANSPORT_OK && waiting < TRANSPORT_QUEUE_MAX &&
               range->len - ahead >= full && cursor->block + waiting < UINT16_MAX &&
               !redfui_is_cancelled(range->item->watch)) {
            uint16_t block = (uint16_t)(cursor->block + waiting + 1);
            moved = redfui_queue_upload(link, block,
                                        bytes[(oldest + waiting) % TRANSPORT_QUEUE_MAX], full);
            if (moved == TRANSPORT_OK) {
                waiting++;
                ahead += full;
            }
        }
        if (waiting == 0 && moved == TRANSPORT_OK) {
            return result;
        }
        if (moved == TRANSPORT_OK) {
            moved = redfui_await_upload(link, full);
        }
        redfui_speak_of_addr(session, range->addr + range->done);
        if (moved != TRANSPORT_OK) {
            redfui_drop_uploads(link);
            session->reads_singly = true;
            cursor->block = 0;
            return result != REDFU_OK        ? result
                   : moved == TRANSPORT_GONE ? redfui_refuse_transfer(link, moved, "UPLOAD")
                                             : REDFU_OK;
        }
        // Else those behind are waited for all the same, so that the device is through with them.
        if (result == REDFU_OK) {
            result = take_block(session, range, bytes[oldest], full);
        }
        oldest = (oldest + 1) % TRANSPORT_QUEUE_MAX;
        waiting--;
        cursor->block++;
    }
}

enum redfu_result redfui_read_range(struct redfu_session *session, uint32_t addr, uint32_t len,
                                    struct redfui_item *item, redfui_take_fn take, void *ctx) {
    struct redfui_cursor cursor = redfui_first_block(session);
    struct range range = {.addr = addr, .len = len, .item = item, .take = take, .ctx = ctx};
    enum redfu_result result = REDFU_OK;
    redfui_begin_item(session, item, addr, len);
    while (result == REDFU_OK && range.done < len) {
        if (redfui_is_cancelled(item->watch)) {
            return redfui_cancel(session, false);
        }
        result = read_block(session, &range, &cursor);
        if (result == REDFU_OK && cursor.counts && !session->reads_singly &&
            redfui_can_queue(&session->link)) {
            result = read_ahead(session, &range, &cursor);
        }
    }
    return result;
}

enum redfu_result redfui_begin_reading(struct redfu_session *session, unsigned alternate,
                                       enum redfu_phase phase, struct redfu_fault *fault) {
    if (session->description.device.kind == REDFU_KIND_DFUSE &&
        !(session->description.device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD)) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says that it cannot be read (bitCanUpload is 0)");
    }
    enum redfu_result result = redfui_begin_read(session, alternate, fault);
    session->link.phase = phase;
    session->reads_singly = session->reads_singly || result != REDFU_OK || !redfu_sums_up(session);
    return result;
}

struct comparison {
    const struct redfu_segment *segment;
    struct redfu_fault *fault;
};

static enum redfu_result compare(void *ctx, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    const struct comparison *comparison = ctx;
    const uint8_t *wanted = comparison->segment->bytes + (addr - comparison->segment->addr);
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != wanted[i]) {
            (void)redfui_fail(comparison->fault, REDFU_MISMATCH,
                              "0x%08X holds 0x%02X on the device, 0x%02X in the file: the first "
                              "difference",
                              addr + i, bytes[i], wanted[i]);
            (void)redfui_advise(comparison->fault,
                                "The device does not hold this image. Load it again; if the same "
                                "address differs again, the sector is worn or write-protected.");
            comparison->fault->phase = REDFU_PHASE_VERIFY;
            return redfui_at(comparison->fault, addr + i);
        }
    }
    return REDFU_OK;
}

// After reading, whatever it found: dfuIDLE. A failure of the transfers themselves is left alone.
enum redfu_result redfui_end_reading(struct redfu_session *session, enum redfu_result result) {
    if (result != REDFU_OK && result != REDFU_MISMATCH) {
        return result;
    }
    struct redfu_fault kept = *session->link.fault;
    enum redfu_result idle = redfui_make_idle(&session->link);
    if (result != REDFU_OK) {
        *session->link.fault = kept;
        return result;
    }
    return idle;
}

enum redfu_result redfu_verify(struct redfu_session *session, unsigned alternate,
                               const struct redfu_segment *segments, size_t count,
                               const struct redfu_watch *watch, struct redfu_fault *fault) {
    enum redfu_result result = redfui_begin_reading(session, alternate, REDFU_PHASE_VERIFY, fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfui_item item = {.watch = watch, .progress = {.phase = REDFU_PHASE_VERIFY}};
    for (size_t i = 0; i < count; i++) {
        item.progress.total += segments[i].len;
    }
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        struct comparison comparison = {&segments[i], fault};
        result = redfui_read_range(session, segments[i].addr, segments[i].len, &item, compare,
                                   &comparison);
    }
    return redfui_end_reading(session, result);
}

struct copying {
    uint32_t addr;
    uint8_t *out;
};

static enum redfu_result copy(void *ctx, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    const struct copying *copying = ctx;
    memcpy(copying->out + (addr - copying->addr), bytes, len);
    return REDFU_OK;
}

enum redfu_result redfu_read(struct redfu_session *session, unsigned alternate, uint32_t addr,
                             uint32_t len, uint8_t *out, const struct redfu_watch *watch,
                             struct redfu_fault *fault) {
    enum redfu_result result = redfui_begin_reading(session, alternate, REDFU_PHASE_READ, fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfui_item item = {.watch = watch,
                               .progress = {.phase = REDFU_PHASE_READ, .total = len}};
    struct copying copying = {addr, out};
    return redfui_end_reading(session,
                              redfui_read_range(session, addr, len, &item, copy, &copying));
}

static bool holds(const struct redfu_layout *layout, uint32_t addr) {
    struct redfu_sector sector;
    return redfu_layout_sector_at(layout, addr, &sector);
}

bool redfu_image(struct redfu_session *session, struct redfu_image *image) {
    const struct redfu_description *description = &session->description;
    const struct redfu_layout *layout;
    struct redfu_fault fault;
    struct redfui_item item = {0};
    uint8_t words[8];
    uint32_t bytes;
    memset(image, 0, sizeof *image);
    if (!description->has_status || description->state != DFU_STATE_IDLE ||
        description->status != DFU_STATUS_OK ||
        !(description->device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD) ||
        redfu_layout(session, 0, &layout, &fault) != REDFU_OK ||
        !redfu_layout_application(layout, &image->addr, &bytes)) {
        return false;
    }
    struct copying copying = {image->addr, words};
    redfui_speak_of(session, REDFU_PHASE_READ, &fault);
    // No SET_INTERFACE: to redfu-boot that is the beginning of a load. Where another one is in force, the address is
    // refused, and that must not be left behind.
    enum redfu_result result =
        redfui_read_range(session, image->addr, sizeof words, &item, copy, &copying);
    if (result == REDFU_DEVICE_ERROR) {
        (void)redfui_make_idle(&session->link);
    }
    if (redfui_end_reading(session, result) != REDFU_OK) {
        return false;
    }
    image->stack = load_le32(words);
    image->reset = load_le32(words + 4);
    image->is_blank = image->stack == UINT32_MAX && image->reset == UINT32_MAX;
    image->is_startable = redfui_is_stack_pointer(image->stack) && (image->reset & 1) != 0 &&
                          holds(layout, image->reset & ~1u);
    return true;
}
