// SPDX-License-Identifier: MIT
//
// What `redfu info` tells of a redfu-boot's application and settings, and leaves as it is: each function
// says why it does not know rather than change the state, the gate or the alternate setting.

#include <string.h>

#include "host/fault.h"
#include "host/session.h"
#include "spec/bytes.h"
#include "spec/crc.h"
#include "spec/dfu.h"
#include "spec/stamp.h"

#define REQUEST_TIMEOUT_MS 5000u // USB 2.0 9.2.6.4
// Sums are asked for in pieces of this, or a multiple; what is not blank is read, a millisecond a KB.
#define PIECE_BYTES        4096u
#define PIECES_MAX         512u // 2 MB, the largest flash of the family (STM32F42x)

static bool is_idle(const struct redfu_session *session) {
    const struct redfu_description *description = &session->description;
    return description->has_status && description->state == DFU_STATE_IDLE &&
           description->status == DFU_STATUS_OK;
}

// --- The stamp -----------------------------------------------------------------------------------

// The application area, and what of it has been seen from its beginning on.
struct looking {
    struct redfu_stamp *stamp;
    uint32_t base, bytes;
    uint32_t piece, count; // pieces of so many bytes, the last one perhaps less
    bool is_blank[PIECES_MAX];
    uint32_t position; // bytes seen
    uint32_t crc;      // of these
};

static uint32_t piece_bytes(const struct looking *looking, uint32_t i) {
    uint32_t left = looking->bytes - i * looking->piece;
    return left < looking->piece ? left : looking->piece;
}

// REDFU_MISMATCH, which is no failure, ends the reading: the right stamp is found.
static enum redfu_result look(struct looking *looking, const uint8_t *bytes, uint32_t len) {
    struct stamp stamp;
    for (uint32_t off = 0; off + STAMP_BYTES <= len; off += STAMP_ALIGN) {
        if (stamp_load(bytes + off, looking->position, &stamp)) {
            bool is_right = stamp.crc == looking->crc;
            if (is_right || looking->stamp->seal == REDFU_SEAL_NONE) {
                looking->stamp->seal = is_right ? REDFU_SEAL_RIGHT : REDFU_SEAL_WRONG;
                looking->stamp->len = stamp.length;
                looking->stamp->crc = stamp.crc;
            }
            if (is_right) {
                return REDFU_MISMATCH;
            }
        }
        looking->crc = crc32_update(looking->crc, bytes + off, STAMP_ALIGN);
        looking->position += STAMP_ALIGN;
    }
    return REDFU_OK;
}

// Blocks are multiples of 16 long: PIECE_BYTES is, and a redfu-boot's wTransferSize.
static enum redfu_result take(void *ctx, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    struct looking *looking = ctx;
    return addr == looking->base + looking->position && len % STAMP_ALIGN == 0
               ? look(looking, bytes, len)
               : REDFU_BAD_DEVICE;
}

static enum redfu_result find_blank(struct redfu_session *session, struct looking *looking,
                                    struct redfu_fault *fault) {
    struct redfu_segment ranges[PIECES_MAX];
    uint32_t crcs[PIECES_MAX];
    uint8_t blank[PIECE_BYTES];
    uint32_t crc_of_blank = CRC32_START;
    memset(blank, 0xff, sizeof blank);
    for (uint32_t at = 0; at < looking->piece; at += PIECE_BYTES) {
        crc_of_blank = crc32_update(crc_of_blank, blank, sizeof blank);
    }
    for (uint32_t i = 0; i < looking->count; i++) {
        ranges[i] = (struct redfu_segment){.addr = looking->base + i * looking->piece,
                                           .len = piece_bytes(looking, i)};
    }
    enum redfu_result result = redfui_sum_up(session, ranges, looking->count, crcs, fault);
    for (uint32_t i = 0; i < looking->count && result == REDFU_OK; i++) {
        looking->is_blank[i] = ranges[i].len == looking->piece && crcs[i] == crc_of_blank;
    }
    return result;
}

static enum redfu_result look_at_blank(struct looking *looking) {
    uint8_t blank[PIECE_BYTES];
    enum redfu_result result = REDFU_OK;
    memset(blank, 0xff, sizeof blank);
    for (uint32_t at = 0; at < looking->piece && result == REDFU_OK; at += PIECE_BYTES) {
        result = look(looking, blank, sizeof blank);
    }
    return result;
}

static enum redfu_result look_through(struct redfu_session *session, struct looking *looking) {
    struct redfui_item item = {0};
    enum redfu_result result = REDFU_OK;
    for (uint32_t i = 0; i < looking->count && result == REDFU_OK;) {
        uint32_t len = 0;
        uint32_t addr = looking->base + i * looking->piece;
        for (; i < looking->count && !looking->is_blank[i]; i++) {
            len += piece_bytes(looking, i);
        }
        if (len > 0) {
            result = redfui_read_range(session, addr, len, &item, take, looking);
        } else {
            result = look_at_blank(looking);
            i++;
        }
    }
    return result;
}

const char *redfu_stamp(struct redfu_session *session, struct redfu_stamp *stamp) {
    const struct redfu_layout *layout;
    struct redfu_fault fault;
    struct looking looking = {.stamp = stamp, .crc = CRC32_START};
    memset(stamp, 0, sizeof *stamp);
    if (!redfu_sums_up(session)) {
        return "only redfu-boot's region hash tells it soon; `redfu verify FILE` compares";
    }
    if (!is_idle(session)) {
        return "looking would change the state the device is in";
    }
    if (redfu_layout(session, 0, &layout, &fault) != REDFU_OK ||
        !redfu_layout_application(layout, &looking.base, &looking.bytes)) {
        return "the device has no memory for an application";
    }
    looking.piece = PIECE_BYTES * (1 + (looking.bytes - 1) / (PIECE_BYTES * PIECES_MAX));
    looking.count = (looking.bytes - 1) / looking.piece + 1;
    redfui_speak_of(session, REDFU_PHASE_READ, &fault);
    enum redfu_result result = find_blank(session, &looking, &fault);
    if (result == REDFU_OK) {
        result = look_through(session, &looking);
        if (result == REDFU_DEVICE_ERROR) { // as redfu_image()
            (void)redfui_make_idle(&session->link);
        }
        result = redfui_end_reading(session, result);
    }
    return result == REDFU_OK || result == REDFU_MISMATCH ? NULL : "it could not be read";
}

// --- Settings ------------------------------------------------------------------------------------

static bool ask_alternate(const struct redfu_session *session, uint8_t *alternate) {
    const struct link *link = &session->link;
    const struct usb_setup setup = {
        .bmRequestType = USB_DIR_IN | USB_RECIPIENT_INTERFACE,
        .bRequest = USB_GET_INTERFACE,
        .wIndex = link->interface,
        .wLength = 1,
    };
    uint16_t moved = 0;
    return link->transport->control(link->transport->ctx, link->handle, &setup, alternate, &moved,
                                    REQUEST_TIMEOUT_MS) == TRANSPORT_OK &&
           moved == 1;
}

// GET_INTERFACE is only asked of a redfu-boot: MicroPython's mboot leaves it without an answer.
const char *redfu_settings_look(struct redfu_session *session, struct redfu_settings *settings) {
    struct redfu_fault fault;
    uint8_t found;
    memset(settings, 0, sizeof *settings);
    if (!redfui_has_settings(session)) {
        return "the device offers none over USB";
    }
    if (!is_idle(session)) {
        return "reading them would change the state the device is in";
    }
    if (!redfu_sums_up(session) || !ask_alternate(session, &found)) {
        return "reading them might end a load; `redfu settings list` does";
    }
    if (redfu_is_receiving(session)) {
        return "a load was begun and has not ended, and reading them would be another session to "
               "the device; `redfu settings list` does";
    }
    enum redfu_result result = redfu_settings_read(session, settings, &fault);
    if (session->has_set && session->in_force != found) {
        struct redfu_fault ignored;
        redfui_speak_of(session, REDFU_PHASE_READ, &ignored);
        (void)redfui_begin_alternate(session, found);
    }
    return result == REDFU_OK ? NULL : "they could not be read; `redfu settings list` says why";
}
