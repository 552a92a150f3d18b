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
    CLEAR,  // CLRSTATUS in dfuERROR
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
    [DFU_STATE_DNLOAD_IDLE] = {REFUSE, TAKE, LEAVE, STALL_KEEP, STATUS, IGNORE, STATE, ABORT},
    [DFU_STATE_MANIFEST_SYNC] = {REFUSE, REFUSE, REFUSE, REFUSE, STATUS, IGNORE, STATE, ABORT},
    [DFU_STATE_MANIFEST] = {STALL_KEEP, STALL_KEEP, STALL_KEEP, STALL_KEEP, STATUS, IGNORE, STATE,
                            IGNORE},
    [DFU_STATE_MANIFEST_WAIT_RESET] = {STALL_KEEP, STALL_KEEP, STALL_KEEP, STALL_KEEP, STALL_KEEP,
                                       STALL_KEEP, STALL_KEEP, STALL_KEEP},
    [DFU_STATE_UPLOAD_IDLE] = {REFUSE, REFUSE, REFUSE, UPLOAD, STATUS, IGNORE, STATE, ABORT},
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

void dfu_init(struct dfu *dfu, const struct port *port, struct usbd *usbd,
              bool (*application_is_valid)(void *ctx), void *application_ctx) {
    *dfu = (struct dfu){
        .port = port,
        .usbd = usbd,
        .state = DFU_STATE_IDLE,
        .pointer = flash_application_address(port->map),
        .application_is_valid = application_is_valid,
        .application_ctx = application_ctx,
    };
    update_init(&dfu->update, port);
    gate_init(&dfu->gate, port, &dfu->update);
}

static uint32_t now(const struct dfu *dfu) {
    return dfu->port->millis(dfu->port->ctx);
}

// The first error stays until the host clears it: it is the one that explains.
static void enter_error(struct dfu *dfu, enum dfu_status status) {
    if (dfu->state != DFU_STATE_ERROR) {
        dfu->status = status;
        dfu->reason = (uint8_t)DESCRIPTORS_STATUS_STRING(status);
    }
    dfu->state = DFU_STATE_ERROR;
    dfu->work = DFU_WORK_NONE;
}

static enum usbd_answer refuse(struct dfu *dfu) {
    enter_error(dfu, DFU_STATUS_ERR_STALLEDPKT);
    return USBD_STALL;
}

// --- DNLOAD: only takes bytes; the work is asked for by the GETSTATUS after it -------------------

// Where data block `number` lies: pointer + (wBlockNum - 2) x the length of block 2, else
// wTransferSize (AN3156 takes the length asked for, ST's class a constant; they agree for hosts
// that use wTransferSize). False when that passes the end of the map or 2^32.
static bool block_address(struct dfu *dfu, unsigned number, uint16_t len, uint32_t *addr) {
    if (number == DFUSE_BLOCK_FIRST_DATA) {
        dfu->block_len = len;
    }
    uint32_t step = dfu->block_len ? dfu->block_len : UPDATE_BLOCK_BYTES;
    uint32_t off = (number - DFUSE_BLOCK_FIRST_DATA) * step; // below 2^16 * 2^11
    if (off >= flash_end(dfu->port->map) - dfu->pointer) {
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
        if (!block_address(dfu, setup->wValue, setup->wLength, &dfu->work_addr)) {
            dfu->work_addr = flash_end(dfu->port->map);
        }
        data->receive = update_buffer(&dfu->update, dfu->work_addr);
        data->capacity = UPDATE_BLOCK_BYTES;
    }
    return setup->wLength <= data->capacity ? USBD_ACCEPT : refuse(dfu);
}

static enum usbd_answer take_command(struct dfu *dfu, unsigned len) {
    dfu->work_addr = load_le32(dfu->command + 1);
    if (len == DFUSE_CMD_WITH_ADDRESS_LEN && dfu->command[0] == DFUSE_CMD_SET_ADDRESS) {
        dfu->work = DFU_WORK_SET_ADDRESS;
    } else if (len == DFUSE_CMD_WITH_ADDRESS_LEN && dfu->command[0] == DFUSE_CMD_ERASE) {
        dfu->work = DFU_WORK_ERASE;
    } else {
        return refuse(dfu); // unknown, or of a wrong length
    }
    dfu->state = DFU_STATE_DNLOAD_SYNC;
    dfu->work_started = false;
    return USBD_ACCEPT;
}

enum usbd_answer dfu_received(struct dfu *dfu, const struct usb_setup *setup, unsigned len) {
    if (setup->wValue == DFUSE_BLOCK_COMMAND) {
        return take_command(dfu, len);
    }
    dfu->work = DFU_WORK_BLOCK;
    dfu->work_len = len;
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

static void make_status(struct dfu *dfu) {
    dfu->reported = next_state(dfu);
    // A first dfuDNBUSY waits in the status stage, so its poll is only a token: 1, since fwupd
    // takes 0 for "as before". One in the middle of work (held too long) asks for patience.
    uint32_t poll_ms = 0;
    if (dfu->reported == DFU_STATE_DNBUSY) {
        poll_ms = dfu->state == DFU_STATE_DNBUSY ? DFU_BUSY_POLL_MS : 1;
    } else if (dfu->reported == DFU_STATE_MANIFEST) {
        poll_ms = 1;
    }
    dfu->answer[0] = (uint8_t)dfu->status;
    store_le24(dfu->answer + 1, poll_ms);
    dfu->answer[4] = (uint8_t)dfu->reported;
    dfu->answer[5] = dfu->status == DFU_STATUS_OK ? 0 : dfu->reason;
}

static void note_failure(struct dfu *dfu) {
    enum dfu_status failed = update_take_failure(&dfu->update);
    if (failed != DFU_STATUS_OK) {
        gate_failed(&dfu->gate);
        enter_error(dfu, failed);
    }
}

// Whether flash can be read: nothing is being written to it.
static bool flash_is_free(const struct dfu *dfu) {
    return update_is_idle(&dfu->update) && !gate_is_busy(&dfu->gate);
}

// The end of a load: the image must be whole and startable. True when the answer can be given.
static bool finish_image(struct dfu *dfu) {
    if (!flash_is_free(dfu)) {
        return false;
    }
    if (!dfu->application_is_valid(dfu->application_ctx)) {
        enter_error(dfu, DFU_STATUS_ERR_FIRMWARE);
        return true;
    }
    switch (gate_leave(&dfu->gate)) {
    case GATE_WAIT:
        return false;
    case GATE_GO:
        return true;
    case GATE_FAILED:
        note_failure(dfu);
        enter_error(dfu, DFU_STATUS_ERR_PROG); // unless the failure has said more
        return true;
    case GATE_NOT_DONE:
    case GATE_NO_RECORD:
    default:
        enter_error(dfu, DFU_STATUS_ERR_NOTDONE);
        return true;
    }
}

static enum usbd_answer give_status(struct dfu *dfu, struct usbd_data *data) {
    note_failure(dfu);
    if (dfu->state == DFU_STATE_MANIFEST_SYNC && !finish_image(dfu)) {
        return USBD_LATER; // the last block is still being programmed, or the gate works
    }
    make_status(dfu);
    data->hold_status = dfu->state == DFU_STATE_DNLOAD_SYNC && dfu->reported == DFU_STATE_DNBUSY;
    data->send = dfu->answer;
    data->len = DFU_STATUS_LEN;
    return USBD_ACCEPT;
}

// --- The work ------------------------------------------------------------------------------------

// Tries to begin; true when nothing is left to wait for before the host may go on.
static bool start_work(struct dfu *dfu) {
    switch (dfu->work) {
    case DFU_WORK_SET_ADDRESS:
        // Accepted wherever reading is; writing is checked block by block.
        if (!flash_holds(dfu->port->map, dfu->work_addr, 1)) {
            enter_error(dfu, DFU_STATUS_ERR_ADDRESS);
        } else {
            dfu->pointer = dfu->work_addr;
            dfu->block_len = 0;
        }
        return true;
    case DFU_WORK_ERASE:
    case DFU_WORK_BLOCK: {
        bool is_erase = dfu->work == DFU_WORK_ERASE;
        uint32_t len = is_erase ? 1 : dfu->work_len;
        enum dfu_status status = update_check(&dfu->update, dfu->work_addr, len);
        if (status != DFU_STATUS_OK) {
            enter_error(dfu, status);
            return true;
        }
        enum gate_answer answer = gate_open(&dfu->gate);
        if (answer == GATE_WAIT) {
            return false;
        }
        if (answer != GATE_GO) {
            enter_error(dfu, DFU_STATUS_ERR_WRITE);
            dfu->reason = DESCRIPTORS_NO_RECORD_STRING;
            return true;
        }
        if (is_erase) {
            gate_erased(&dfu->gate, dfu->work_addr);
            dfu->work_started = update_erase(&dfu->update, dfu->work_addr);
        } else {
            gate_block(&dfu->gate, dfu->work_addr, len);
            dfu->work_started = update_program(&dfu->update, dfu->work_addr, len);
        }
        // A block that has been accepted is programmed while the next one comes in.
        return dfu->work_started && !is_erase;
    }
    case DFU_WORK_NONE:
    default:
        return true;
    }
}

static void finish_work(struct dfu *dfu) {
    dfu->was_block = dfu->work == DFU_WORK_BLOCK;
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
    if (update_is_idle(&dfu->update)) {
        note_failure(dfu);
    }
    bool is_over = dfu->state == DFU_STATE_ERROR ||
                   (dfu->work_started ? update_is_idle(&dfu->update) : start_work(dfu));
    if (is_over) {
        finish_work(dfu);
    } else if (usbd_is_held(dfu->usbd) && now(dfu) - dfu->held_since >= DFU_HOLD_MS) {
        usbd_release_status(dfu->usbd);
    }
}

// --- UPLOAD --------------------------------------------------------------------------------------

static unsigned read_block(struct dfu *dfu, unsigned number, uint16_t wanted, uint8_t *out) {
    if (wanted == 0) {
        return 0; // DFU 1.1 A.2.3 takes it: nothing is read, the state moves on
    }
    if (number == DFUSE_BLOCK_COMMAND) {
        static const uint8_t commands[] = {DFUSE_CMD_GET_COMMANDS, DFUSE_CMD_SET_ADDRESS,
                                           DFUSE_CMD_ERASE};
        unsigned len = wanted < sizeof commands ? wanted : sizeof commands;
        for (unsigned i = 0; i < len; i++) {
            out[i] = commands[i];
        }
        return len;
    }
    uint32_t addr;
    if (!block_address(dfu, number, wanted, &addr)) {
        return 0; // past the end: an empty frame ends the upload
    }
    uint32_t left = flash_end(dfu->port->map) - addr;
    uint32_t len = wanted < left ? wanted : left;
    update_read(&dfu->update, addr, out, len);
    return len;
}

static enum usbd_answer upload(struct dfu *dfu, const struct usb_setup *setup,
                               struct usbd_data *data) {
    bool is_reserved =
        setup->wValue > DFUSE_BLOCK_COMMAND && setup->wValue < DFUSE_BLOCK_FIRST_DATA;
    if (is_reserved || setup->wLength > UPDATE_BLOCK_BYTES) {
        return refuse(dfu);
    }
    if (setup->wLength > 0 && !flash_is_free(dfu)) {
        return USBD_LATER; // flash cannot be read while it is written
    }
    uint8_t *out = update_buffer(&dfu->update, 0);
    data->send = out;
    data->len = (uint16_t)read_block(dfu, setup->wValue, setup->wLength, out);
    // A short frame ends the upload (DFU 1.1 A.2.10).
    dfu->state = data->len < setup->wLength ? DFU_STATE_IDLE : DFU_STATE_UPLOAD_IDLE;
    return USBD_ACCEPT;
}

// --- The entry points ----------------------------------------------------------------------------

static enum usbd_answer act(struct dfu *dfu, enum action action, const struct usb_setup *setup,
                            struct usbd_data *data) {
    switch (action) {
    case TAKE:
        return take(dfu, setup, data);
    case LEAVE:
        dfu->state = DFU_STATE_MANIFEST_SYNC;
        gate_leave_begin(&dfu->gate);
        return USBD_ACCEPT;
    case UPLOAD:
        return upload(dfu, setup, data);
    case STATUS:
        return give_status(dfu, data);
    case STATE:
        dfu->answer[0] = (uint8_t)dfu->state;
        data->send = dfu->answer;
        data->len = 1;
        return USBD_ACCEPT;
    case CLEAR:
        dfu->state = DFU_STATE_IDLE;
        dfu->status = DFU_STATUS_OK;
        return USBD_ACCEPT;
    case ABORT:
        // Only an ABORT that ends a load counts, not one that drops what was just sent.
        if (dfu->state == DFU_STATE_DNLOAD_IDLE) {
            gate_aborted(&dfu->gate);
        }
        dfu->state = DFU_STATE_IDLE;
        dfu->work = DFU_WORK_NONE;
        return USBD_ACCEPT;
    case IGNORE:
        return USBD_ACCEPT;
    case STALL_KEEP:
        return USBD_STALL;
    case REFUSE:
    default:
        return refuse(dfu);
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
                   : refuse(dfu);
    }
    return act(dfu, (enum action)cells[dfu->state][column], setup, data);
}

void dfu_sent(struct dfu *dfu, const struct usb_setup *setup) {
    if (setup->bRequest != DFU_GETSTATUS) {
        return;
    }
    dfu->state = dfu->reported;
    if (dfu->state == DFU_STATE_DNLOAD_IDLE && dfu->was_block) {
        gate_block_told(&dfu->gate);
    }
    dfu->held_since = now(dfu);
    poll_work(dfu);
}

void dfu_finished(struct dfu *dfu, const struct usb_setup *setup) {
    if (setup->bRequest == DFU_GETSTATUS && dfu->state == DFU_STATE_MANIFEST && !dfu->leaving) {
        dfu->leaving = true;
        dfu->leave_since = now(dfu);
    }
}

// What the host asked for but has not started is dropped; a job under way runs to its end.
static void drop_transfer(struct dfu *dfu) {
    gate_restarted(&dfu->gate);
    if (dfu->state == DFU_STATE_MANIFEST || dfu->state == DFU_STATE_MANIFEST_WAIT_RESET ||
        dfu->state == DFU_STATE_ERROR) {
        return;
    }
    dfu->state = DFU_STATE_IDLE;
    dfu->work = DFU_WORK_NONE;
}

void dfu_reset(struct dfu *dfu) {
    drop_transfer(dfu);
    if (dfu->state == DFU_STATE_ERROR) {
        dfu->state = DFU_STATE_IDLE;
        dfu->status = DFU_STATUS_OK;
    }
    dfu->pointer = flash_application_address(dfu->port->map);
    dfu->block_len = 0;
}

void dfu_set_alternate(struct dfu *dfu, unsigned alternate) {
    (void)alternate;
    drop_transfer(dfu);
}

// An answer that had to wait until flash was free.
static void poll_late_answer(struct dfu *dfu) {
    if (!usbd_is_waiting_for_data(dfu->usbd) || !flash_is_free(dfu)) {
        return;
    }
    struct usbd_data data = {0};
    const struct usb_setup *setup = &dfu->usbd->setup;
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
    uint32_t elapsed = now(dfu) - dfu->leave_since;
    if (!dfu->disconnected && elapsed >= DFU_LEAVE_GRACE_MS) {
        dfu->disconnected = true;
        dfu->state = DFU_STATE_MANIFEST_WAIT_RESET;
        dfu->port->usb_connect(dfu->port->ctx, false);
    }
    if (elapsed >= DFU_LEAVE_GRACE_MS + DFU_LEAVE_DISCONNECT_MS) {
        dfu->port->run_application(dfu->port->ctx);
    }
}

void dfu_poll(struct dfu *dfu) {
    update_poll(&dfu->update);
    gate_poll(&dfu->gate);
    poll_work(dfu);
    poll_late_answer(dfu);
    poll_leave(dfu);
}
