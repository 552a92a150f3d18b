// SPDX-License-Identifier: MIT
//
// State x request, and what each cell does.

#include "core/dfu.h"

#include <stddef.h>

#include "core/descriptors.h"

// What a cell does. The zero value refuses, so an empty cell is the specification's rule: STALL and
// go to dfuERROR (DFU 1.1 A.2). docs/protocol.md explains each cell that is not in DFU 1.1.
enum action {
    REFUSE = 0,
    STALL_KEEP, // STALL, state kept
    TAKE,       // DNLOAD with data
    LEAVE,      // DNLOAD without data
    UPLOAD,
    STATUS,
    STATE,
    CLEAR,  // CLRSTATUS in dfuERROR, and where a host would turn for ever (Betaflight)
    IGNORE, // acknowledged, nothing changes
    ABORT,
};

enum column {
    COLUMN_DETACH,
    COLUMN_DNLOAD,
    COLUMN_DNLOAD_EMPTY,
    COLUMN_UPLOAD,
    COLUMN_GETSTATUS,
    COLUMN_CLRSTATUS,
    COLUMN_GETSTATE,
    COLUMN_ABORT,
    COLUMN_COUNT
};

// States 0 and 1 belong to the application's run-time interface: never entered here.
static const uint8_t cells[DFU_STATE_COUNT][COLUMN_COUNT] = {
    // detach, dnload, dnload 0, upload, getstatus, clrstatus, getstate, abort
    [DFU_STATE_IDLE] = {REFUSE, TAKE, LEAVE, UPLOAD, STATUS, IGNORE, STATE, ABORT},
    [DFU_STATE_DNLOAD_SYNC] = {REFUSE, REFUSE, REFUSE, REFUSE, STATUS, IGNORE, STATE, ABORT},
    [DFU_STATE_DNBUSY] = {REFUSE, REFUSE, REFUSE, REFUSE, STATUS, IGNORE, STATE, IGNORE},
    [DFU_STATE_DNLOAD_IDLE] = {REFUSE, TAKE, LEAVE, STALL_KEEP, STATUS, CLEAR, STATE, ABORT},
    [DFU_STATE_MANIFEST_SYNC] = {REFUSE, REFUSE, REFUSE, REFUSE, STATUS, IGNORE, STATE, ABORT},
    [DFU_STATE_MANIFEST] = {STALL_KEEP, STALL_KEEP, STALL_KEEP, STALL_KEEP, STATUS, IGNORE, STATE,
                            IGNORE},
    [DFU_STATE_MANIFEST_WAIT_RESET] = {STALL_KEEP, STALL_KEEP, STALL_KEEP, STALL_KEEP, STALL_KEEP,
                                       STALL_KEEP, STALL_KEEP, STALL_KEEP},
    [DFU_STATE_UPLOAD_IDLE] = {REFUSE, REFUSE, REFUSE, UPLOAD, STATUS, CLEAR, STATE, ABORT},
    [DFU_STATE_ERROR] = {REFUSE, REFUSE, REFUSE, REFUSE, STATUS, CLEAR, STATE, REFUSE},
};

static enum column column_of(const struct usb_setup *setup) {
    switch (setup->bRequest) {
    case DFU_DETACH:
        return COLUMN_DETACH;
    case DFU_DNLOAD:
        return setup->wLength > 0 ? COLUMN_DNLOAD : COLUMN_DNLOAD_EMPTY;
    case DFU_UPLOAD:
        return COLUMN_UPLOAD;
    case DFU_GETSTATUS:
        return COLUMN_GETSTATUS;
    case DFU_CLRSTATUS:
        return COLUMN_CLRSTATUS;
    case DFU_GETSTATE:
        return COLUMN_GETSTATE;
    case DFU_ABORT:
        return COLUMN_ABORT;
    default:
        return COLUMN_COUNT;
    }
}

static void choose(struct dfu *dfu) {
    dfu->pointer = dfu->media.chosen->start;
    dfu->block_len = 0;
}

void dfu_init(struct dfu *dfu, const struct port *port, struct usbd *usbd, bool only_flash,
              bool (*application_is_valid)(void *ctx), void *application_ctx) {
    *dfu = (struct dfu){
        .port = port,
        .usbd = usbd,
        .state = DFU_STATE_IDLE,
        .application_is_valid = application_is_valid,
        .application_ctx = application_ctx,
    };
    update_init(&dfu->update, port);
    gate_init(&dfu->gate, port, &dfu->update);
    media_init(&dfu->media, port, &dfu->update, &dfu->gate, only_flash);
    choose(dfu);
}

static uint32_t now(const struct dfu *dfu) {
    return dfu->port->millis(dfu->port->ctx);
}

// Forgets what was asked for and has not begun.
static void drop_work(struct dfu *dfu) {
    if (dfu->work == DFU_WORK_JOB && dfu->job.work == MEDIA_WRITE) {
        media_block_lost(&dfu->media, dfu->job.addr, dfu->job.len);
    }
    dfu->work = DFU_WORK_NONE;
    media_drop(&dfu->media);
}

// The first error stays until the host clears it: it is the one that explains.
static void enter_error(struct dfu *dfu, enum dfu_status status, uint8_t reason) {
    if (dfu->state != DFU_STATE_ERROR) {
        dfu->status = status;
        dfu->reason = reason ? reason : (uint8_t)DESCRIPTORS_STATUS_STRING(status);
    }
    dfu->state = DFU_STATE_ERROR;
    drop_work(dfu);
}

static void clear_error(struct dfu *dfu) {
    dfu->state = DFU_STATE_IDLE;
    dfu->status = DFU_STATUS_OK;
}

// `reason`: DESCRIPTORS_..._STRING, 0 for the state.
static enum usbd_answer refuse(struct dfu *dfu, uint8_t reason) {
    enter_error(dfu, DFU_STATUS_ERR_STALLEDPKT, reason);
    return USBD_STALL;
}

// --- DNLOAD: only takes bytes; the work is asked for by the GETSTATUS after it -------------------

// Where data block `number` lies: pointer + (wBlockNum - 2) x the length of block 2, else
// wTransferSize (AN3156 takes the length asked for, ST's class a constant; they agree for hosts
// that use wTransferSize). False when that passes the end of the medium or 2^32.
static bool block_address(struct dfu *dfu, unsigned number, uint16_t len, uint32_t *addr) {
    if (number == DFUSE_BLOCK_FIRST_DATA) {
        dfu->block_len = len;
    }
    uint32_t step = dfu->block_len ? dfu->block_len : UPDATE_BLOCK_BYTES;
    uint32_t off = (number - DFUSE_BLOCK_FIRST_DATA) * step; // below 2^16 * 2^11
    *addr = dfu->media.chosen->end;
    if (off >= *addr - dfu->pointer) {
        return false;
    }
    *addr = dfu->pointer + off;
    return true;
}

static enum usbd_answer take(struct dfu *dfu, const struct usb_setup *setup,
                             struct usbd_data *data) {
    if (setup->wValue == DFUSE_BLOCK_COMMAND) {
        data->receive = dfu->command;
        data->capacity = sizeof dfu->command;
    } else if (setup->wValue >= DFUSE_BLOCK_FIRST_DATA && setup->wLength <= UPDATE_BLOCK_BYTES) {
        // A block past the end is received and refused by status, as one before the application is.
        (void)block_address(dfu, setup->wValue, setup->wLength, &dfu->job.addr);
        data->receive = media_buffer(&dfu->media, dfu->job.addr);
        data->capacity = UPDATE_BLOCK_BYTES;
        dfu->block_due = true;
        dfu->was_silent = false;
    }
    return setup->wLength <= data->capacity       ? USBD_ACCEPT
           : setup->wValue == DFUSE_BLOCK_COMMAND ? refuse(dfu, DESCRIPTORS_COMMAND_STRING)
                                                  : refuse(dfu, DESCRIPTORS_BLOCK_STRING);
}

static bool may_unprotect(const struct dfu *dfu) {
    return dfu->port->may_unprotect && dfu->port->may_unprotect(dfu->port->ctx);
}

// What a command's first byte and length ask for.
#define COMMAND(code, len) ((unsigned)(code) << 8 | (unsigned)(len))

static enum dfu_work command_work(struct dfu *dfu, unsigned len) {
    dfu->job.addr = load_le32(dfu->command + 1);
    switch (COMMAND(dfu->command[0], len)) {
    case COMMAND(DFUSE_CMD_SET_ADDRESS, DFUSE_CMD_WITH_ADDRESS_LEN):
        return DFU_WORK_SET_ADDRESS;
    case COMMAND(DFUSE_CMD_ERASE, DFUSE_CMD_WITH_ADDRESS_LEN):
        dfu->job.work = MEDIA_ERASE;
        return DFU_WORK_JOB;
    case COMMAND(DFUSE_CMD_ERASE, 1):
        dfu->job.work = MEDIA_ERASE_ALL;
        return DFU_WORK_JOB;
    case COMMAND(DFUSE_CMD_READ_UNPROTECT, 1):
        return may_unprotect(dfu) ? DFU_WORK_UNPROTECT : DFU_WORK_NONE;
    default:
        return DFU_WORK_NONE; // unknown, or of a wrong length
    }
}

enum usbd_answer dfu_received(struct dfu *dfu, const struct usb_setup *setup, unsigned len) {
    enum dfu_work work = DFU_WORK_JOB;
    dfu->block_due = false;
    if (setup->wValue == DFUSE_BLOCK_COMMAND) {
        work = command_work(dfu, len);
        if (work == DFU_WORK_NONE) {
            bool is_unprotect = dfu->command[0] == DFUSE_CMD_READ_UNPROTECT;
            return refuse(dfu,
                          is_unprotect ? DESCRIPTORS_PROTECTED_STRING : DESCRIPTORS_COMMAND_STRING);
        }
    } else {
        dfu->job.work = MEDIA_WRITE;
        dfu->job.len = len;
        dfu->job.bytes = media_buffer(&dfu->media, dfu->job.addr);
    }
    dfu->work = work;
    dfu->work_started = false;
    dfu->state = DFU_STATE_DNLOAD_SYNC;
    return USBD_ACCEPT;
}

// --- GETSTATUS: reports, and sets work going -----------------------------------------------------

// What DFU state the answer names; it becomes true once the host has read it.
static enum dfu_state next_state(const struct dfu *dfu) {
    switch (dfu->state) {
    case DFU_STATE_DNLOAD_SYNC:
        return dfu->work == DFU_WORK_NONE ? DFU_STATE_DNLOAD_IDLE : DFU_STATE_DNBUSY;
    case DFU_STATE_MANIFEST_SYNC:
        return DFU_STATE_MANIFEST;
    default:
        return dfu->state;
    }
}

// bwPollTimeout of dfuDNBUSY. The first one waits in the status stage, so its poll is only a token: 1,
// since fwupd takes 0 for "as before". Where work goes on past that, patience is asked for.
static uint32_t busy_poll_ms(const struct dfu *dfu) {
    bool is_first = dfu->state == DFU_STATE_DNLOAD_SYNC;
    uint32_t ms = is_first ? 1 : DFU_BUSY_POLL_MS;
    if (dfu->work == DFU_WORK_JOB && dfu->job.work == MEDIA_ERASE_ALL) {
        uint32_t left = media_erase_all_ms(&dfu->media, dfu->work_started);
        left -= is_first && left > DFU_HOLD_MS ? DFU_HOLD_MS : 0;
        ms = left > ms ? left : ms;
    }
    return ms | 1u; // never 100, which dfu-util replaces by 35 s
}

static void make_status(struct dfu *dfu) {
    dfu->reported = next_state(dfu);
    uint32_t poll_ms = dfu->reported == DFU_STATE_DNBUSY     ? busy_poll_ms(dfu)
                       : dfu->reported == DFU_STATE_MANIFEST ? 1
                                                             : 0;
    dfu->answer[0] = (uint8_t)dfu->status;
    store_le24(dfu->answer + 1, poll_ms);
    dfu->answer[4] = (uint8_t)dfu->reported;
    dfu->answer[5] = dfu->status == DFU_STATUS_OK ? 0 : dfu->reason;
}

static void note_failure(struct dfu *dfu) {
    uint8_t reason;
    enum dfu_status failed = media_take_failure(&dfu->media, &reason);
    if (failed != DFU_STATUS_OK) {
        enter_error(dfu, failed, reason);
    }
}

// The end of a load: the image must be whole and startable. True when the answer can be given.
static bool finish_image(struct dfu *dfu) {
    if (!media_is_idle(&dfu->media)) {
        return false;
    }
    if (!dfu->application_is_valid(dfu->application_ctx)) {
        enter_error(dfu, DFU_STATUS_ERR_FIRMWARE, 0);
        return true;
    }
    switch (gate_leave(&dfu->gate)) {
    case GATE_WAIT:
        return false;
    case GATE_GO:
        return true;
    case GATE_FAILED:
        note_failure(dfu);
        enter_error(dfu, DFU_STATUS_ERR_PROG, 0); // unless the failure has said more
        return true;
    case GATE_NOT_DONE:
    case GATE_NO_RECORD:
    default:
        enter_error(dfu, DFU_STATUS_ERR_NOTDONE, 0);
        return true;
    }
}

static bool held_long_enough(const struct dfu *dfu) {
    return now(dfu) - dfu->held_since >= DFU_HOLD_MS;
}

static enum usbd_answer give_status(struct dfu *dfu, struct usbd_data *data) {
    note_failure(dfu);
    if (dfu->state == DFU_STATE_MANIFEST_SYNC && !finish_image(dfu)) {
        return USBD_LATER; // the last block is still being programmed, or the gate works
    }
    if (dfu->state == DFU_STATE_DNBUSY && !held_long_enough(dfu)) {
        return USBD_LATER;
    }
    make_status(dfu);
    data->hold_status = dfu->state == DFU_STATE_DNLOAD_SYNC && dfu->reported == DFU_STATE_DNBUSY;
    data->send = dfu->answer;
    data->len = DFU_STATUS_LEN;
    return USBD_ACCEPT;
}

// --- The work ------------------------------------------------------------------------------------

static void start_leaving(struct dfu *dfu) {
    if (!dfu->leaving) {
        dfu->leaving = true;
        dfu->leave_since = now(dfu);
    }
}

static bool set_address(struct dfu *dfu) {
    const struct medium *medium = dfu->media.chosen;
    // Accepted wherever reading is; writing is checked block by block.
    if (dfu->job.addr < medium->first || dfu->job.addr >= medium->end) {
        enter_error(dfu, DFU_STATUS_ERR_ADDRESS, 0);
    } else {
        dfu->pointer = dfu->job.addr;
        dfu->block_len = 0;
    }
    return true;
}

// Tries to begin; true when nothing is left to wait for before the host may go on.
static bool start_work(struct dfu *dfu) {
    switch (dfu->work) {
    case DFU_WORK_SET_ADDRESS:
        return set_address(dfu);
    case DFU_WORK_UNPROTECT: // never over: see poll_leave()
        start_leaving(dfu);
        usbd_release_status(dfu->usbd);
        return false;
    case DFU_WORK_JOB:
        switch (media_begin(&dfu->media, &dfu->job)) {
        case MEDIA_WAIT:
            return false;
        case MEDIA_BEGUN:
            dfu->work_started = true;
            return false;
        case MEDIA_REFUSED:
            note_failure(dfu);
            return true;
        case MEDIA_TAKEN:
        default:
            return true;
        }
    case DFU_WORK_NONE:
    default:
        return true;
    }
}

static void finish_work(struct dfu *dfu) {
    dfu->was_block = dfu->work == DFU_WORK_JOB && dfu->job.work == MEDIA_WRITE;
    dfu->work = DFU_WORK_NONE;
    if (dfu->state == DFU_STATE_DNBUSY) {
        dfu->state = DFU_STATE_DNLOAD_SYNC;
    }
    usbd_release_status(dfu->usbd);
}

static void poll_work(struct dfu *dfu) {
    if (dfu->state != DFU_STATE_DNBUSY) {
        return;
    }
    // A job's failure belongs to the block before, or to this erase: nothing more is written.
    bool is_idle = media_is_idle(&dfu->media);
    if (update_is_idle(&dfu->update)) {
        note_failure(dfu);
    }
    bool is_over = dfu->state == DFU_STATE_ERROR || (dfu->work_started ? is_idle : start_work(dfu));
    if (is_over) {
        finish_work(dfu);
    } else if (held_long_enough(dfu)) {
        usbd_release_status(dfu->usbd);
    }
}

// --- UPLOAD --------------------------------------------------------------------------------------

// What can be done in the chosen medium now.
static unsigned list_commands(const struct dfu *dfu, uint16_t wanted, uint8_t *out) {
    static const uint8_t commands[] = {DFUSE_CMD_GET_COMMANDS, DFUSE_CMD_SET_ADDRESS,
                                       DFUSE_CMD_ERASE, DFUSE_CMD_READ_UNPROTECT};
    unsigned count = 2u + dfu->media.chosen->driver->can_erase;
    count += count == 3 && may_unprotect(dfu);
    unsigned len = wanted < count ? wanted : count;
    __builtin_memcpy(out, commands, len);
    return len;
}

static unsigned read_block(struct dfu *dfu, unsigned number, uint16_t wanted, uint8_t *out) {
    uint32_t addr;
    if (wanted == 0) {
        return 0; // DFU 1.1 A.2.3 takes it: nothing is read, the state moves on
    }
    if (number == DFUSE_BLOCK_COMMAND) {
        return list_commands(dfu, wanted, out);
    }
    if (!block_address(dfu, number, wanted, &addr)) {
        return 0; // past the end: an empty frame ends the upload
    }
    return media_read(&dfu->media, addr, out, wanted);
}

static enum usbd_answer upload(struct dfu *dfu, const struct usb_setup *setup,
                               struct usbd_data *data) {
    bool is_reserved =
        setup->wValue > DFUSE_BLOCK_COMMAND && setup->wValue < DFUSE_BLOCK_FIRST_DATA;
    if (is_reserved || setup->wLength > UPDATE_BLOCK_BYTES) {
        return refuse(dfu, DESCRIPTORS_BLOCK_STRING);
    }
    if (setup->wLength > 0 && !media_is_idle(&dfu->media)) {
        return USBD_LATER; // flash cannot be read while it is written
    }
    gate_data_moved(&dfu->gate);
    uint8_t *out = media_buffer(&dfu->media, 0);
    data->send = out;
    data->len = (uint16_t)read_block(dfu, setup->wValue, setup->wLength, out);
    // A short frame ends the upload (DFU 1.1 A.2.10).
    dfu->state = data->len < setup->wLength ? DFU_STATE_IDLE : DFU_STATE_UPLOAD_IDLE;
    return USBD_ACCEPT;
}

// --- The entry points ----------------------------------------------------------------------------

// A tool that sends no SET_INTERFACE (browsers) and finds somebody else's load in the middle.
static void notice_stranger(struct dfu *dfu) {
    if (dfu->state == DFU_STATE_DNLOAD_IDLE && dfu->was_silent) {
        gate_taken_over(&dfu->gate);
    }
}

static enum usbd_answer act(struct dfu *dfu, enum action action, const struct usb_setup *setup,
                            struct usbd_data *data) {
    switch (action) {
    case TAKE:
        gate_data_moved(&dfu->gate);
        return take(dfu, setup, data);
    case LEAVE:
        dfu->state = DFU_STATE_MANIFEST_SYNC;
        gate_leave_begin(&dfu->gate);
        return USBD_ACCEPT;
    case UPLOAD:
        return upload(dfu, setup, data);
    case STATUS:
        dfu->held_since = now(dfu);
        return give_status(dfu, data);
    case STATE:
        dfu->answer[0] = (uint8_t)dfu->state;
        data->send = dfu->answer;
        data->len = 1;
        return USBD_ACCEPT;
    case CLEAR:
        notice_stranger(dfu);
        clear_error(dfu);
        return USBD_ACCEPT;
    case ABORT:
        notice_stranger(dfu);
        // Only an ABORT that ends a load counts, not one that drops what was just sent.
        if (dfu->state == DFU_STATE_DNLOAD_IDLE) {
            gate_aborted(&dfu->gate);
        }
        dfu->state = DFU_STATE_IDLE;
        drop_work(dfu);
        return USBD_ACCEPT;
    case IGNORE:
        return USBD_ACCEPT;
    case STALL_KEEP:
        return USBD_STALL;
    case REFUSE:
    default:
        return refuse(dfu, 0);
    }
}

// bmRequestType each request must carry (DFU 1.1 table 3.2).
static bool direction_is_right(const struct usb_setup *setup) {
    bool wants_in = setup->bRequest == DFU_UPLOAD || setup->bRequest == DFU_GETSTATUS ||
                    setup->bRequest == DFU_GETSTATE;
    return setup->bmRequestType ==
           ((wants_in ? USB_DIR_IN : 0u) | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE);
}

enum usbd_answer dfu_request(struct dfu *dfu, const struct usb_setup *setup,
                             struct usbd_data *data) {
    if ((setup->bmRequestType & (USB_TYPE_MASK | USB_RECIPIENT_MASK)) !=
            (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) ||
        setup->wIndex != 0 || dfu->usbd->configuration == 0) {
        return USBD_STALL; // not addressed to the DFU interface: no business of its state
    }
    enum column column = column_of(setup);
    if (column == COLUMN_COUNT || !direction_is_right(setup)) {
        return dfu->state == DFU_STATE_MANIFEST || dfu->state == DFU_STATE_MANIFEST_WAIT_RESET
                   ? USBD_STALL
                   : refuse(dfu, 0);
    }
    dfu->was_silent |= now(dfu) - dfu->heard_at > DFU_SILENCE_MS;
    dfu->heard_at = now(dfu);
    // A host that has given up the data stage of a block (a time-out) goes on with something else.
    bool is_lost = dfu->block_due;
    dfu->block_due = false;
    enum usbd_answer answer = act(dfu, (enum action)cells[dfu->state][column], setup, data);
    is_lost |=
        answer == USBD_STALL && column == COLUMN_DNLOAD && setup->wValue != DFUSE_BLOCK_COMMAND;
    if (is_lost) {
        media_block_lost(&dfu->media, 0, 1);
    }
    return answer;
}

void dfu_sent(struct dfu *dfu, const struct usb_setup *setup) {
    if (setup->bRequest != DFU_GETSTATUS) {
        return;
    }
    dfu->state = dfu->reported;
    if (dfu->state == DFU_STATE_DNLOAD_IDLE && dfu->was_block) {
        gate_block_told(&dfu->gate);
    }
    if (dfu->state == DFU_STATE_MANIFEST) {
        start_leaving(dfu);
    }
    dfu->held_since = now(dfu);
    poll_work(dfu);
}

void dfu_finished(struct dfu *dfu, const struct usb_setup *setup) {
    dfu->heard_at = now(dfu);
    if (setup->bRequest == DFU_GETSTATUS && dfu->leaving && !dfu->told_to_end) {
        dfu->told_to_end = true;
        dfu->leave_since = now(dfu);
    }
}

// What the host asked for but has not started is dropped, and what is under way ends with its sector or record.
// The gate need not know what that was: what comes next has to begin at the start of the application.
static void drop_transfer(struct dfu *dfu) {
    gate_restarted(&dfu->gate, dfu->block_due || dfu->work != DFU_WORK_NONE);
    dfu->block_due = false;
    media_drop(&dfu->media);
    choose(dfu);
    if (dfu->leaving || dfu->state == DFU_STATE_ERROR) {
        return;
    }
    dfu->state = DFU_STATE_IDLE;
    dfu->work = DFU_WORK_NONE;
}

void dfu_reset(struct dfu *dfu) {
    (void)media_choose(&dfu->media, 0);
    drop_transfer(dfu);
    if (dfu->state == DFU_STATE_ERROR) {
        clear_error(dfu);
    }
}

bool dfu_set_alternate(struct dfu *dfu, unsigned alternate) {
    if (!media_choose(&dfu->media, alternate)) {
        return false;
    }
    drop_transfer(dfu);
    return true;
}

// An answer that had to wait until flash was free.
static void poll_late_answer(struct dfu *dfu) {
    const struct usb_setup *setup = &dfu->usbd->setup;
    if (!usbd_is_waiting_for_data(dfu->usbd) ||
        (setup->bmRequestType & USB_TYPE_MASK) != USB_TYPE_CLASS || // somebody else's
        (dfu->state != DFU_STATE_DNBUSY && !media_is_idle(&dfu->media))) {
        return;
    }
    struct usbd_data data = {0};
    enum usbd_answer answer =
        setup->bRequest == DFU_UPLOAD ? upload(dfu, setup, &data) : give_status(dfu, &data);
    if (answer == USBD_ACCEPT) {
        usbd_send(dfu->usbd, data.send, data.len);
    } else if (answer == USBD_STALL) {
        usbd_stall(dfu->usbd);
    }
}

static void poll_leave(struct dfu *dfu) {
    if (!dfu->leaving) {
        return;
    }
    const struct port *port = dfu->port;
    uint32_t elapsed = now(dfu) - dfu->leave_since;
    if (!dfu->disconnected &&
        elapsed >= (dfu->told_to_end ? DFU_LEAVE_GRACE_MS : DFU_LEAVE_BOUND_MS)) {
        dfu->disconnected = true;
        dfu->leave_since = now(dfu);
        dfu->state = DFU_STATE_MANIFEST_WAIT_RESET;
        port->usb_connect(port->ctx, false);
    } else if (dfu->disconnected && elapsed >= DFU_LEAVE_DISCONNECT_MS) {
        if (dfu->work == DFU_WORK_UNPROTECT) {
            port->unprotect(port->ctx);
        } else {
            port->run_application(port->ctx);
        }
    }
}

bool dfu_poll(struct dfu *dfu) {
    media_poll(&dfu->media);
    poll_work(dfu);
    poll_late_answer(dfu);
    poll_leave(dfu);
    return dfu->state == DFU_STATE_DNBUSY || !media_is_idle(&dfu->media) ||
           !gate_is_at_rest(&dfu->gate);
}
