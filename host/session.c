// SPDX-License-Identifier: MIT
//
// Operations on an open device: what is sent in which order. How each request goes is link.c's.

#include "host/session.h"

#include <stdio.h>
#include <string.h>

#include "host/fault.h"
#include "spec/dfu.h"

// Programming 2048 bytes takes 51 ms at most on an STM32F407 (512 words, 100 us each, DS8626).
#define SETTLE_MS 60u

// --- What operations share -----------------------------------------------------------------------

void redfui_speak_of(struct redfu_session *session, enum redfu_phase phase,
                     struct redfu_fault *fault) {
    memset(fault, 0, sizeof *fault);
    session->link.fault = fault;
    session->link.phase = phase;
    session->link.has_settings = false;
    session->link.has_addr = false;
}

void redfui_speak_of_addr(struct redfu_session *session, uint32_t addr) {
    session->link.has_addr = true;
    session->link.addr = addr;
}

// What this session has set is in force: the interface is claimed. GET_INTERFACE is never asked: mboot
// (MicroPython) leaves it without an answer.
static bool is_in_force(const struct redfu_session *session, unsigned alternate) {
    return session->has_set && session->in_force == alternate;
}

static enum redfu_result set_alternate(struct redfu_session *session, unsigned alternate) {
    enum redfu_result result = redfui_set_alternate(&session->link, (uint8_t)alternate);
    session->has_set = result == REDFU_OK;
    session->in_force = (uint8_t)alternate;
    return result;
}

// For writing: SET_INTERFACE even where it is in force, so that the device knows a session begins.
// Once a session: a second one would tell redfu-boot that what it has received is not whole.
enum redfu_result redfui_begin_write(struct redfu_session *session, unsigned alternate,
                                     struct redfu_fault *fault) {
    const struct redfu_layout *layout;
    enum redfu_result result = redfu_layout(session, alternate, &layout, fault);
    if (result != REDFU_OK) {
        return result;
    }
    redfui_speak_of(session, REDFU_PHASE_PREPARE, fault);
    if (!session->has_begun || session->alternate != alternate ||
        !is_in_force(session, alternate)) {
        result = set_alternate(session, alternate);
        session->has_begun = result == REDFU_OK;
        session->alternate = (uint8_t)alternate;
    }
    return result == REDFU_OK ? redfui_make_idle(&session->link) : result;
}

enum redfu_result redfui_begin_alternate(struct redfu_session *session, unsigned alternate) {
    session->alternate = (uint8_t)alternate;
    return set_alternate(session, alternate);
}

// For reading and leaving. What a session begins with is SET_INTERFACE: a host that died before us may
// have left half an image, and redfu-boot must not take our ABORT or leave for the end of its load
// (docs/protocol.md, the gate). After a load of our own none is sent, for the same reason.
enum redfu_result redfui_begin_read(struct redfu_session *session, unsigned alternate,
                                    struct redfu_fault *fault) {
    const struct redfu_layout *layout;
    enum redfu_result result = redfu_layout(session, alternate, &layout, fault);
    if (result != REDFU_OK) {
        return result;
    }
    redfui_speak_of(session, REDFU_PHASE_PREPARE, fault);
    if (!is_in_force(session, alternate)) {
        result = set_alternate(session, alternate);
    }
    return result == REDFU_OK ? redfui_make_idle(&session->link) : result;
}

bool redfui_is_cancelled(const struct redfu_watch *watch) {
    return watch && watch->is_cancelled && watch->is_cancelled(watch->ctx);
}

// Leaves the device in dfuIDLE, ready for the next load. After a write SET_INTERFACE goes first, so
// that redfu-boot does not take ABORT for the end of a whole image.
enum redfu_result redfui_cancel(struct redfu_session *session, bool is_write) {
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

static uint64_t now_us(const struct redfu_session *session) {
    return session->link.transport->now_us(session->link.transport->ctx);
}

static void tell(const struct redfu_session *session, struct redfui_item *item) {
    if (item->watch && item->watch->progress) {
        item->progress.elapsed_us = now_us(session) - item->start_us;
        item->watch->progress(item->watch->ctx, &item->progress);
    }
}

void redfui_begin_item(struct redfu_session *session, struct redfui_item *item, uint32_t addr,
                       uint32_t len) {
    redfui_speak_of_addr(session, addr);
    item->start_us = now_us(session);
    item->progress.addr = addr;
    item->progress.len = len;
    item->progress.done = 0;
    tell(session, item);
}

void redfui_advance(struct redfu_session *session, struct redfui_item *item, uint32_t len) {
    item->progress.done += len;
    item->progress.total_done += len;
    tell(session, item);
}

// --- Blocks --------------------------------------------------------------------------------------

struct redfui_cursor redfui_first_block(const struct redfu_session *session) {
    uint32_t size = session->description.device.transfer_bytes;
    return (struct redfui_cursor){
        .full = size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX,
        .counts = size <= TRANSFER_BYTES_MAX,
    };
}

// Prepares the next block at addr and sets cursor->block. A short block gets an address of its own:
// AN2662 multiplies the block number by the length asked for, ST's class by wTransferSize, and at
// block 2 both are the address itself.
enum redfu_result redfui_place_block(struct redfu_session *session, struct redfui_cursor *cursor,
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

// A write under way: what comes next of each kind.
struct writing {
    const struct redfu_plan *plan;
    struct redfui_item erase, write;
    size_t erased;     // sectors
    size_t run;        // the run to go on with,
    uint32_t run_done; // from here on
};

static enum redfu_result erase_next(struct redfu_session *session, struct writing *writing) {
    const struct redfu_sector *sector = &writing->plan->sectors[writing->erased];
    if (redfui_is_cancelled(writing->erase.watch)) {
        return redfui_cancel(session, true);
    }
    session->link.phase = REDFU_PHASE_ERASE;
    writing->erase.progress.sector = sector->number;
    redfui_begin_item(session, &writing->erase, sector->addr, sector->bytes);
    enum redfu_result result = redfui_erase(&session->link, sector->addr);
    if (result == REDFU_OK) {
        writing->erased++;
        redfui_advance(session, &writing->erase, sector->bytes);
    }
    return result;
}

// One piece of a run. It gets an address of its own: an erase before it moves ST's class's pointer.
static enum redfu_result write_piece(struct redfu_session *session, uint32_t addr,
                                     const uint8_t *bytes, uint32_t piece,
                                     struct redfui_item *item) {
    struct redfui_cursor cursor = redfui_first_block(session);
    session->link.phase = REDFU_PHASE_WRITE;
    redfui_begin_item(session, item, addr, piece);
    for (uint32_t done = 0; done < piece;) {
        if (redfui_is_cancelled(item->watch)) {
            return redfui_cancel(session, true);
        }
        uint32_t len = piece - done < cursor.full ? piece - done : cursor.full;
        redfui_speak_of_addr(session, addr + done);
        enum redfu_result result = redfui_place_block(session, &cursor, addr + done, len, false);
        if (result == REDFU_OK) {
            result = redfui_download(&session->link, cursor.block, bytes + done, (uint16_t)len);
        }
        if (result != REDFU_OK) {
            return result;
        }
        done += len;
        redfui_advance(session, item, len);
    }
    return REDFU_OK;
}

// What lies below `end` and is not written yet.
static enum redfu_result write_until(struct redfu_session *session, struct writing *writing,
                                     uint64_t end) {
    enum redfu_result result = REDFU_OK;
    while (result == REDFU_OK && writing->run < writing->plan->run_count) {
        const struct redfu_segment *run = &writing->plan->runs[writing->run];
        uint64_t addr = (uint64_t)run->addr + writing->run_done;
        if (addr >= end) {
            break;
        }
        uint32_t left = run->len - writing->run_done;
        uint32_t piece = end - addr < left ? (uint32_t)(end - addr) : left;
        result = write_piece(session, (uint32_t)addr, run->bytes + writing->run_done, piece,
                             &writing->write);
        writing->run_done += piece;
        if (writing->run_done == run->len) {
            writing->run++;
            writing->run_done = 0;
        }
    }
    return result;
}

enum redfu_result redfu_write(struct redfu_session *session, unsigned alternate,
                              const struct redfu_plan *plan, const struct redfu_watch *watch,
                              struct redfu_fault *fault) {
    enum redfu_result result = redfui_begin_write(session, alternate, fault);
    struct writing writing = {
        .plan = plan,
        .erase = {.watch = watch,
                  .progress = {.phase = REDFU_PHASE_ERASE, .total = plan->erase_bytes}},
        .write = {.watch = watch,
                  .progress = {.phase = REDFU_PHASE_WRITE, .total = plan->write_bytes}},
    };
    size_t lead = plan->lead > 0 ? plan->lead : plan->sector_count;
    for (size_t i = 0; result == REDFU_OK && writing.erased < plan->sector_count; i++) {
        while (result == REDFU_OK && writing.erased < plan->sector_count &&
               writing.erased - i < lead) {
            result = erase_next(session, &writing);
        }
        if (result == REDFU_OK && writing.erased < plan->sector_count) {
            const struct redfu_sector *sector = &plan->sectors[i];
            result = write_until(session, &writing, (uint64_t)sector->addr + sector->bytes);
        }
    }
    return result == REDFU_OK ? write_until(session, &writing, UINT64_C(1) << 32) : result;
}

enum redfu_result redfu_settle(struct redfu_session *session, struct redfu_fault *fault) {
    session->link.fault = fault;
    session->link.phase = REDFU_PHASE_WRITE; // the address is still the last block's
    session->link.transport->sleep_ms(session->link.transport->ctx, SETTLE_MS);
    enum redfu_result result = redfui_check(&session->link);
    return result == REDFU_OK ? redfui_abort(&session->link) : result;
}

enum redfu_result redfu_run(struct redfu_session *session, unsigned alternate, uint32_t addr,
                            struct redfu_fault *fault) {
    enum redfu_result result = redfui_begin_read(session, alternate, fault);
    if (result != REDFU_OK) {
        return result;
    }
    session->link.phase = REDFU_PHASE_RUN;
    redfui_speak_of_addr(session, addr);
    result = redfui_set_address(&session->link, addr);
    return result == REDFU_OK ? redfui_leave(&session->link) : result;
}
