// SPDX-License-Identifier: MIT
//
// The region hash (spec/region_hash.h): what a redfu-boot's flash holds, without reading it.

#include <string.h>

#include "host/fault.h"
#include "host/session.h"
#include "spec/bytes.h"
#include "spec/crc.h"
#include "spec/dfu.h"
#include "spec/region_hash.h"

// What a control transfer may take (USB 2.0 9.2.6.4); a redfu-boot needs 0.3 s for sixteen megabytes.
#define REQUEST_TIMEOUT_MS 5000u
// Bytes summed up as one, so that a difference is soon found: 64 KB take a redfu-boot 1 ms.
#define PIECE_BYTES        0x10000u
// ST's ROM is never asked: it has no such thing, and what it does about requests it does not know is written
// nowhere.
#define ROM_VENDOR         0x0483u
#define ROM_PRODUCT        0xdf11u
#define ROM_RELEASE        0x2200u

static enum transport_result request(const struct redfu_session *session, uint8_t direction,
                                     uint8_t *bytes, uint16_t len, uint16_t *moved) {
    const struct transport *transport = session->link.transport;
    const struct usb_setup setup = {
        .bmRequestType = direction | USB_TYPE_VENDOR,
        .bRequest = REGION_HASH_REQUEST,
        .wLength = len,
    };
    *moved = 0;
    return transport->control(transport->ctx, session->link.handle, &setup, bytes, moved,
                              REQUEST_TIMEOUT_MS);
}

static bool is_rom(const struct redfu_device *device) {
    return device->vendor == ROM_VENDOR && device->product == ROM_PRODUCT &&
           device->release == ROM_RELEASE;
}

// Header alone, which it answers even while there are ranges.
static enum transport_result ask_header(struct redfu_session *session) {
    uint8_t bytes[REGION_HASH_HEADER_LEN];
    uint16_t moved;
    enum transport_result result = request(session, USB_DIR_IN, bytes, sizeof bytes, &moved);
    if (result == TRANSPORT_OK && (moved != sizeof bytes || load_le32(bytes) != REGION_HASH_MARK)) {
        result = TRANSPORT_FAILED;
    }
    if (result == TRANSPORT_OK) {
        session->is_receiving = (load_le32(bytes + 4) & REGION_HASH_IS_RECEIVING) != 0;
    }
    return result;
}

static bool ask(struct redfu_session *session) {
    return ask_header(session) == TRANSPORT_OK;
}

bool redfu_sums_up(struct redfu_session *session) {
    const struct redfu_device *device = &session->description.device;
    if (!session->was_asked) {
        session->was_asked = true;
        session->sums_up = device->kind == REDFU_KIND_DFUSE &&
                           device->dfu_version == DFUSE_VERSION && !is_rom(device) && ask(session);
    }
    return session->sums_up;
}

bool redfu_is_receiving(struct redfu_session *session) {
    return redfu_sums_up(session) && ask(session) && session->is_receiving;
}

enum transport_result redfui_ask_receiving(struct redfu_session *session) {
    return ask_header(session);
}

static enum redfu_result refuse(struct redfu_session *session, enum transport_result why,
                                struct redfu_fault *fault) {
    if (why == TRANSPORT_GONE) {
        return redfui_refuse_transfer(&session->link, why, "the region hash");
    }
    (void)redfui_fail(fault, REDFU_TRANSFER, "%s: the device did not answer the region hash",
                      redfu_phase_text(session->link.phase));
    fault->phase = session->link.phase;
    return redfui_advise(fault, "Give the command again with --verify=read, and write with --full "
                                "besides, which does without.");
}

static enum redfu_result sum_up_some(struct redfu_session *session,
                                     const struct redfu_segment *ranges, size_t count,
                                     uint32_t *crcs, struct redfu_fault *fault) {
    uint8_t asked[REGION_HASH_RANGES_MAX * REGION_HASH_RANGE_LEN];
    uint8_t answer[REGION_HASH_HEADER_LEN + REGION_HASH_RANGES_MAX * REGION_HASH_CRC_LEN];
    uint16_t asked_len = (uint16_t)(count * REGION_HASH_RANGE_LEN);
    uint16_t answer_len = (uint16_t)(REGION_HASH_HEADER_LEN + count * REGION_HASH_CRC_LEN);
    uint16_t moved;
    for (size_t i = 0; i < count; i++) {
        store_le32(asked + i * REGION_HASH_RANGE_LEN, ranges[i].addr);
        store_le32(asked + i * REGION_HASH_RANGE_LEN + 4, ranges[i].len);
    }
    enum transport_result result = request(session, 0, asked, asked_len, &moved);
    if (result == TRANSPORT_OK) {
        result = request(session, USB_DIR_IN, answer, answer_len, &moved);
    }
    if (result == TRANSPORT_OK && (moved != answer_len || load_le32(answer) != REGION_HASH_MARK)) {
        result = TRANSPORT_FAILED;
    }
    if (result != TRANSPORT_OK) {
        return refuse(session, result, fault);
    }
    session->is_receiving = (load_le32(answer + 4) & REGION_HASH_IS_RECEIVING) != 0;
    for (size_t i = 0; i < count; i++) {
        crcs[i] = load_le32(answer + REGION_HASH_HEADER_LEN + i * REGION_HASH_CRC_LEN);
    }
    return REDFU_OK;
}

enum redfu_result redfui_sum_up(struct redfu_session *session, const struct redfu_segment *ranges,
                                size_t count, uint32_t *crcs, struct redfu_fault *fault) {
    enum redfu_result result = REDFU_OK;
    for (size_t done = 0; done < count && result == REDFU_OK; done += REGION_HASH_RANGES_MAX) {
        size_t some = count - done < REGION_HASH_RANGES_MAX ? count - done : REGION_HASH_RANGES_MAX;
        result = sum_up_some(session, ranges + done, some, crcs + done, fault);
    }
    return result;
}

// --- Verifying -----------------------------------------------------------------------------------

struct pieces {
    struct redfu_segment all[REGION_HASH_RANGES_MAX];
    size_t count;
};

static enum redfu_result compare_pieces(struct redfu_session *session, unsigned alternate,
                                        struct pieces *pieces, struct redfui_item *item,
                                        struct redfu_fault *fault) {
    uint32_t crcs[REGION_HASH_RANGES_MAX];
    enum redfu_result result = redfui_sum_up(session, pieces->all, pieces->count, crcs, fault);
    // A block counts as accepted when its programming begins: how that ended is told now.
    if (result == REDFU_OK) {
        result = redfui_check(&session->link);
    }
    for (size_t i = 0; i < pieces->count && result == REDFU_OK; i++) {
        const struct redfu_segment *piece = &pieces->all[i];
        if (crcs[i] != crc32_update(CRC32_START, piece->bytes, piece->len)) {
            // Which byte, only reading tells.
            result = redfu_verify(session, alternate, piece, 1, NULL, fault);
            if (result == REDFU_OK) {
                (void)redfui_fail(
                    fault, REDFU_MISMATCH,
                    "0x%08X-0x%08X: the device's CRC-32 is 0x%08X, the file's is not, "
                    "though what can be read is the same",
                    piece->addr, piece->addr + (piece->len - 1), crcs[i]);
                fault->phase = REDFU_PHASE_VERIFY;
                result = redfui_at(fault, piece->addr);
            }
        }
    }
    for (size_t i = 0; i < pieces->count && result == REDFU_OK; i++) {
        redfui_advance(session, item, pieces->all[i].len);
    }
    pieces->count = 0;
    return result;
}

enum redfu_result redfu_verify_sums(struct redfu_session *session, unsigned alternate,
                                    const struct redfu_segment *segments, size_t count,
                                    const struct redfu_watch *watch, struct redfu_fault *fault) {
    struct pieces pieces = {.count = 0};
    struct redfui_item item = {.watch = watch, .progress = {.phase = REDFU_PHASE_VERIFY}};
    enum redfu_result result = REDFU_OK;
    redfui_speak_of(session, REDFU_PHASE_VERIFY, fault);
    if (!redfu_sums_up(session)) {
        return redfui_fail(fault, REDFU_BAD_DEVICE, "the device has no region hash");
    }
    // After a load its failures are told below; what an earlier program left is none of them.
    if (!session->has_begun) {
        result = redfui_begin_read(session, alternate, fault);
        if (result != REDFU_OK) {
            return result;
        }
        redfui_speak_of(session, REDFU_PHASE_VERIFY, fault);
    }
    for (size_t i = 0; i < count; i++) {
        item.progress.total += segments[i].len;
    }
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        redfui_begin_item(session, &item, segments[i].addr, segments[i].len);
        for (uint32_t done = 0; done < segments[i].len && result == REDFU_OK;) {
            uint32_t left = segments[i].len - done;
            uint32_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
            pieces.all[pieces.count++] =
                (struct redfu_segment){segments[i].addr + done, len, segments[i].bytes + done};
            done += len;
            if (pieces.count == REGION_HASH_RANGES_MAX || done == segments[i].len) {
                result = redfui_is_cancelled(watch)
                             ? redfui_cancel(session, false)
                             : compare_pieces(session, alternate, &pieces, &item, fault);
            }
        }
    }
    return result;
}
