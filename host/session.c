// SPDX-License-Identifier: MIT
//
// Operations on an open device: what is sent in which order. How each request goes is link.c's.

#include "host/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "spec/dfu.h"

// Linux' usbfs takes control transfers up to this (libusb's limit as well); dfu-util caps there too.
#define TRANSFER_BYTES_MAX 4096u
// Programming 2048 bytes takes 51 ms at most on an STM32F407 (512 words, 100 us each, DS8626).
#define SETTLE_MS          60u

// --- Opening and describing ----------------------------------------------------------------------

// GETSTATUS is asked only where DFU 1.1 A.2 and ST's class agree that it changes nothing: in
// dfuDNLOAD-SYNC, dfuDNBUSY and dfuMANIFEST-SYNC it sets work going.
static bool status_is_harmless(uint8_t state) {
    return state == DFU_STATE_IDLE || state == DFU_STATE_DNLOAD_IDLE ||
           state == DFU_STATE_UPLOAD_IDLE || state == DFU_STATE_ERROR;
}

static enum redfu_result find_state(struct redfu_session *session) {
    struct redfu_description *description = &session->description;
    enum redfu_result result = redfui_getstate(&session->link, &description->state);
    if (result != REDFU_OK) {
        return result == REDFU_TRANSFER ? REDFU_OK : result; // told as unknown
    }
    description->has_state = true;
    if (!status_is_harmless(description->state)) {
        return REDFU_OK;
    }
    struct dfu_answer answer;
    result = redfui_getstatus(&session->link, &answer);
    if (result != REDFU_OK) {
        return result == REDFU_TRANSFER ? REDFU_OK : result;
    }
    description->has_status = true;
    description->status = answer.status;
    if (answer.status != DFU_STATUS_OK) {
        (void)redfui_string(&session->link, answer.string, description->device_says);
    }
    return REDFU_OK;
}

static void read_alternates(struct redfu_session *session) {
    const struct redfu_device *device = &session->description.device;
    for (unsigned i = 0; i < device->alternate_count; i++) {
        struct redfu_alternate *alternate = &session->description.alternates[i];
        if (device->kind != REDFU_KIND_DFUSE) {
            (void)redfui_string(&session->link, device->alternate_strings[i], alternate->text);
        } else if (!redfui_string(&session->link, device->alternate_strings[i], alternate->text)) {
            (void)redfui_fail(&alternate->fault, REDFU_BAD_DEVICE,
                              "alternate setting %u has no name, so its memory layout is unknown "
                              "(iInterface %u gives no string)",
                              i, device->alternate_strings[i]);
            (void)redfui_advise(&alternate->fault, "Firmware made with CubeMX does that unless "
                                                   "USBD_SUPPORT_USER_STRING_DESC is 1.");
        } else {
            alternate->has_layout = redfu_layout_parse(alternate->text, &alternate->layout,
                                                       &alternate->fault) == REDFU_OK;
        }
    }
}

static enum redfu_result refuse_open(const struct transport *transport,
                                     const struct redfu_device *device, enum transport_result why,
                                     struct redfu_fault *fault) {
    switch (why) {
    case TRANSPORT_GONE:
        return redfui_fail(fault, REDFU_UNPLUGGED, "the device at %s is not connected any more",
                           device->path);
    case TRANSPORT_DENIED:
    case TRANSPORT_BUSY:
        (void)redfui_fail(fault, why == TRANSPORT_DENIED ? REDFU_DENIED : REDFU_BUSY, "%s", "");
        transport->explain(transport->ctx, device, why, fault);
        return fault->result;
    default:
        return redfui_fail(fault, REDFU_TRANSFER, "the device at %s cannot be opened",
                           device->path);
    }
}

enum redfu_result redfu_open(struct redfu *redfu, const struct redfu_device *device,
                             struct redfu_session **out, struct redfu_fault *fault) {
    *out = NULL;
    if (device->kind == REDFU_KIND_RUNTIME) {
        (void)redfui_fail(fault, REDFU_NOT_DFUSE, "%s at %s runs its application, not DFU mode",
                          device->product_name[0] ? device->product_name : "the device",
                          device->path);
        return redfui_advise(fault, "Bring it into DFU mode first: by its button, or by its "
                                    "application.");
    }
    struct redfu_session *session = calloc(1, sizeof *session);
    if (!session) {
        return redfui_no_memory(fault);
    }
    const struct transport *transport = &redfu->transport;
    session->description.device = *device;
    session->link = (struct link){
        .transport = transport,
        .interface = device->interface,
        .phase = REDFU_PHASE_OPEN,
        .fault = fault,
    };
    enum transport_result opened = transport->open(transport->ctx, device, &session->link.handle);
    if (opened != TRANSPORT_OK) {
        free(session);
        return refuse_open(transport, device, opened, fault);
    }
    opened = transport->claim(transport->ctx, session->link.handle, device->interface);
    enum redfu_result result = opened == TRANSPORT_OK
                                   ? find_state(session)
                                   : refuse_open(transport, device, opened, fault);
    if (result != REDFU_OK) {
        redfu_close(session);
        return result;
    }
    read_alternates(session);
    *out = session;
    return REDFU_OK;
}

void redfu_close(struct redfu_session *session) {
    if (session) {
        session->link.transport->close(session->link.transport->ctx, session->link.handle);
        free(session);
    }
}

const struct redfu_description *redfu_describe(const struct redfu_session *session) {
    return &session->description;
}

enum redfu_result redfu_layout(const struct redfu_session *session, unsigned alternate,
                               const struct redfu_layout **layout, struct redfu_fault *fault) {
    const struct redfu_device *device = &session->description.device;
    *layout = NULL;
    if (device->kind != REDFU_KIND_DFUSE) {
        (void)redfui_fail(fault, REDFU_NOT_DFUSE,
                          "%s speaks plain DFU (bcdDFUVersion %04X), without ST's DfuSe extension: "
                          "it has no addresses and no memory layout",
                          device->product_name[0] ? device->product_name : "the device",
                          device->dfu_version);
        return redfui_advise(fault, "dfu-util can load it: dfu-util -d %04x:%04x -D FILE",
                             device->vendor, device->product);
    }
    if (alternate >= device->alternate_count) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device has no alternate setting %u, only %u of them, from 0",
                           alternate, device->alternate_count);
    }
    if (device->transfer_bytes == 0) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says it takes 0 bytes a transfer (wTransferSize)");
    }
    const struct redfu_alternate *found = &session->description.alternates[alternate];
    if (!found->has_layout) {
        *fault = found->fault;
        return fault->result;
    }
    *layout = &found->layout;
    return REDFU_OK;
}

// --- What operations share -----------------------------------------------------------------------

static void speak_of(struct redfu_session *session, enum redfu_phase phase,
                     struct redfu_fault *fault) {
    memset(fault, 0, sizeof *fault);
    session->link.fault = fault;
    session->link.phase = phase;
    session->link.has_addr = false;
}

static void speak_of_addr(struct redfu_session *session, uint32_t addr) {
    session->link.has_addr = true;
    session->link.addr = addr;
}

// For writing: SET_INTERFACE even where it is in force, so that the device knows a session begins.
// Once a session: a second one would tell redfu-boot that what it has received is not whole.
static enum redfu_result begin_write(struct redfu_session *session, unsigned alternate,
                                     struct redfu_fault *fault) {
    const struct redfu_layout *layout;
    enum redfu_result result = redfu_layout(session, alternate, &layout, fault);
    if (result != REDFU_OK) {
        return result;
    }
    speak_of(session, REDFU_PHASE_PREPARE, fault);
    if (!session->has_begun || session->alternate != alternate) {
        result = redfui_set_alternate(&session->link, (uint8_t)alternate);
        session->has_begun = result == REDFU_OK;
        session->alternate = (uint8_t)alternate;
    }
    return result == REDFU_OK ? redfui_make_idle(&session->link) : result;
}

// For reading and leaving. What a session begins with is SET_INTERFACE: a host that died before us may
// have left half an image, and redfu-boot must not take our ABORT or leave for the end of its load
// (docs/protocol.md, the gate). After a load of our own none is sent, for the same reason.
static enum redfu_result begin_read(struct redfu_session *session, unsigned alternate,
                                    struct redfu_fault *fault) {
    const struct redfu_layout *layout;
    enum redfu_result result = redfu_layout(session, alternate, &layout, fault);
    if (result != REDFU_OK) {
        return result;
    }
    speak_of(session, REDFU_PHASE_PREPARE, fault);
    uint8_t in_force = 0;
    result = redfui_get_alternate(&session->link, &in_force);
    if (result == REDFU_OK && (in_force != alternate || !session->has_begun)) {
        result = redfui_set_alternate(&session->link, (uint8_t)alternate);
    }
    return result == REDFU_OK ? redfui_make_idle(&session->link) : result;
}

static bool is_cancelled(const struct redfu_watch *watch) {
    return watch && watch->is_cancelled && watch->is_cancelled(watch->ctx);
}

// Leaves the device in dfuIDLE, ready for the next load. After a write SET_INTERFACE goes first, so
// that redfu-boot does not take ABORT for the end of a whole image.
static enum redfu_result cancel(struct redfu_session *session, bool is_write) {
    struct redfu_fault *fault = session->link.fault;
    struct redfu_fault healing;
    enum redfu_phase phase = session->link.phase;
    bool has_addr = session->link.has_addr;
    session->link.fault = &healing;
    enum redfu_result healed = REDFU_OK;
    if (is_write) {
        healed = redfui_set_alternate(&session->link, session->alternate);
        if (healed == REDFU_OK) {
            healed = redfui_abort(&session->link);
        }
    }
    if (healed == REDFU_OK) {
        healed = redfui_make_idle(&session->link);
    }
    session->link.fault = fault;
    (void)redfui_fail(fault, REDFU_CANCELLED, "interrupted while %s", redfu_phase_text(phase));
    if (has_addr) {
        (void)redfui_fail(fault, REDFU_CANCELLED, "interrupted while %s 0x%08X",
                          redfu_phase_text(phase), session->link.addr);
        (void)redfui_at(fault, session->link.addr);
    }
    (void)redfui_advise(fault, "%s%s", is_write ? "The image on the device is incomplete. " : "",
                        healed == REDFU_OK ? "The device is in DFU mode and takes the next load."
                                           : "The device could not be brought back to dfuIDLE: "
                                             "unplug and plug it in before the next load.");
    fault->phase = phase;
    return REDFU_CANCELLED;
}

// One sector or run under way, for the watcher.
struct item {
    const struct redfu_watch *watch;
    struct redfu_progress progress;
    uint64_t start_us;
};

static uint64_t now_us(const struct redfu_session *session) {
    return session->link.transport->now_us(session->link.transport->ctx);
}

static void tell(const struct redfu_session *session, struct item *item) {
    if (item->watch && item->watch->progress) {
        item->progress.elapsed_us = now_us(session) - item->start_us;
        item->watch->progress(item->watch->ctx, &item->progress);
    }
}

static void begin_item(struct redfu_session *session, struct item *item, uint32_t addr,
                       uint32_t len) {
    speak_of_addr(session, addr);
    item->start_us = now_us(session);
    item->progress.addr = addr;
    item->progress.len = len;
    item->progress.done = 0;
    tell(session, item);
}

static void advance(struct redfu_session *session, struct item *item, uint32_t len) {
    item->progress.done += len;
    item->progress.total_done += len;
    tell(session, item);
}

// --- Blocks --------------------------------------------------------------------------------------

// Where the next block goes: block numbers count on from 2 while blocks are of full length.
struct cursor {
    uint16_t block; // 0: the address has to be set first
    uint32_t full;  // bytes of a full block
    bool counts;    // the device multiplies block numbers by `full`
};

static struct cursor cursor_for(const struct redfu_session *session) {
    uint32_t size = session->description.device.transfer_bytes;
    return (struct cursor){
        .full = size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX,
        .counts = size <= TRANSFER_BYTES_MAX,
    };
}

// Prepares the next block at addr and sets cursor->block. A short block gets an address of its own:
// AN2662 multiplies the block number by the length asked for, ST's class by wTransferSize, and at
// block 2 both are the address itself.
static enum redfu_result place_block(struct redfu_session *session, struct cursor *cursor,
                                     uint32_t addr, uint32_t len, bool is_read) {
    if (cursor->block != 0 && cursor->block < UINT16_MAX && cursor->counts && len == cursor->full) {
        cursor->block++;
        return REDFU_OK;
    }
    cursor->block = DFUSE_BLOCK_FIRST_DATA;
    if (is_read) { // from dfuUPLOAD-IDLE a command is refused
        enum redfu_result result = redfui_make_idle(&session->link);
        if (result != REDFU_OK) {
            return result;
        }
    }
    enum redfu_result result = redfui_set_address(&session->link, addr);
    // And from dfuDNLOAD-IDLE an upload is.
    return result == REDFU_OK && is_read ? redfui_abort(&session->link) : result;
}

static enum redfu_result write_run(struct redfu_session *session, const struct redfu_segment *run,
                                   struct item *item) {
    struct cursor cursor = cursor_for(session);
    begin_item(session, item, run->addr, run->len);
    for (uint32_t done = 0; done < run->len;) {
        if (is_cancelled(item->watch)) {
            return cancel(session, true);
        }
        uint32_t len = run->len - done < cursor.full ? run->len - done : cursor.full;
        speak_of_addr(session, run->addr + done);
        enum redfu_result result = place_block(session, &cursor, run->addr + done, len, false);
        if (result == REDFU_OK) {
            result =
                redfui_download(&session->link, cursor.block, run->bytes + done, (uint16_t)len);
        }
        if (result != REDFU_OK) {
            return result;
        }
        done += len;
        advance(session, item, len);
    }
    return REDFU_OK;
}

enum redfu_result redfu_write(struct redfu_session *session, unsigned alternate,
                              const struct redfu_plan *plan, const struct redfu_watch *watch,
                              struct redfu_fault *fault) {
    enum redfu_result result = begin_write(session, alternate, fault);
    if (result != REDFU_OK) {
        return result;
    }
    session->link.phase = REDFU_PHASE_ERASE;
    struct item item = {.watch = watch,
                        .progress = {.phase = REDFU_PHASE_ERASE, .total = plan->erase_bytes}};
    for (size_t i = 0; i < plan->sector_count; i++) {
        const struct redfu_sector *sector = &plan->sectors[i];
        if (is_cancelled(watch)) {
            return cancel(session, true);
        }
        item.progress.sector = sector->number;
        begin_item(session, &item, sector->addr, sector->bytes);
        result = redfui_erase(&session->link, sector->addr);
        if (result != REDFU_OK) {
            return result;
        }
        advance(session, &item, sector->bytes);
    }
    session->link.phase = REDFU_PHASE_WRITE;
    item = (struct item){.watch = watch,
                         .progress = {.phase = REDFU_PHASE_WRITE, .total = plan->write_bytes}};
    for (size_t i = 0; i < plan->run_count; i++) {
        result = write_run(session, &plan->runs[i], &item);
        if (result != REDFU_OK) {
            return result;
        }
    }
    return REDFU_OK;
}

enum redfu_result redfu_settle(struct redfu_session *session, struct redfu_fault *fault) {
    session->link.fault = fault;
    session->link.phase = REDFU_PHASE_WRITE; // the address is still the last block's
    session->link.transport->sleep_ms(session->link.transport->ctx, SETTLE_MS);
    enum redfu_result result = redfui_check(&session->link);
    return result == REDFU_OK ? redfui_abort(&session->link) : result;
}

// --- Reading -------------------------------------------------------------------------------------

// What to do with bytes read; any other result than REDFU_OK ends the reading.
typedef enum redfu_result (*take_fn)(void *ctx, uint32_t addr, const uint8_t *bytes, uint32_t len);

static enum redfu_result read_range(struct redfu_session *session, uint32_t addr, uint32_t len,
                                    struct item *item, take_fn take, void *ctx) {
    uint8_t bytes[TRANSFER_BYTES_MAX];
    struct cursor cursor = cursor_for(session);
    begin_item(session, item, addr, len);
    for (uint32_t done = 0; done < len;) {
        if (is_cancelled(item->watch)) {
            return cancel(session, false);
        }
        uint32_t wanted = len - done < cursor.full ? len - done : cursor.full;
        speak_of_addr(session, addr + done);
        enum redfu_result result = place_block(session, &cursor, addr + done, wanted, true);
        if (result == REDFU_OK) {
            result = redfui_upload(&session->link, cursor.block, bytes, (uint16_t)wanted);
        }
        if (result == REDFU_OK) {
            result = take(ctx, addr + done, bytes, wanted);
        }
        if (result != REDFU_OK) {
            return result;
        }
        done += wanted;
        advance(session, item, wanted);
    }
    return REDFU_OK;
}

static enum redfu_result begin_reading(struct redfu_session *session, unsigned alternate,
                                       enum redfu_phase phase, struct redfu_fault *fault) {
    if (session->description.device.kind == REDFU_KIND_DFUSE &&
        !(session->description.device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD)) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says that it cannot be read (bitCanUpload is 0)");
    }
    enum redfu_result result = begin_read(session, alternate, fault);
    session->link.phase = phase;
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
static enum redfu_result end_reading(struct redfu_session *session, enum redfu_result result) {
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
    enum redfu_result result = begin_reading(session, alternate, REDFU_PHASE_VERIFY, fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct item item = {.watch = watch, .progress = {.phase = REDFU_PHASE_VERIFY}};
    for (size_t i = 0; i < count; i++) {
        item.progress.total += segments[i].len;
    }
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        struct comparison comparison = {&segments[i], fault};
        result =
            read_range(session, segments[i].addr, segments[i].len, &item, compare, &comparison);
    }
    return end_reading(session, result);
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
    enum redfu_result result = begin_reading(session, alternate, REDFU_PHASE_READ, fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct item item = {.watch = watch, .progress = {.phase = REDFU_PHASE_READ, .total = len}};
    struct copying copying = {addr, out};
    return end_reading(session, read_range(session, addr, len, &item, copy, &copying));
}

enum redfu_result redfu_run(struct redfu_session *session, unsigned alternate, uint32_t addr,
                            struct redfu_fault *fault) {
    enum redfu_result result = begin_read(session, alternate, fault);
    if (result != REDFU_OK) {
        return result;
    }
    session->link.phase = REDFU_PHASE_RUN;
    speak_of_addr(session, addr);
    result = redfui_set_address(&session->link, addr);
    return result == REDFU_OK ? redfui_leave(&session->link) : result;
}
