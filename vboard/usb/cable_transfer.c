// SPDX-License-Identifier: MIT
//
// Transfers as sequences of transactions (USB 2.0 8.5): which one comes next, what its answer
// means, when the transfer is over. When the bus is free for it is bus.c's.

#include "vboard/usb/cable_internal.h"

#include <string.h>

enum stage { STAGE_SETUP, STAGE_DATA, STAGE_STATUS };

// USB 2.0 8.7: a host controller gives up after three transaction errors in a row.
#define ERRORS_MAX        3
// A NAK doubles the pause up to this many times, at full speed 10 us, 20 us ... 1.28 ms, cut at the
// next frame or microframe.
#define BACKOFF_SHIFT_MAX 7u

static bool is_control(const struct cable_transfer *transfer) {
    return transfer->type == USB_XFER_CONTROL;
}

// USB 2.0 8.5.3: the status stage runs against the data stage; without data it is IN.
static bool status_is_in(const struct cable_transfer *transfer) {
    return !transfer->in || transfer->length == 0;
}

void cable_transfer_next(const struct cable *cable, const struct cable_transfer *transfer,
                         struct cable_transaction *t) {
    t->address = transfer->address;
    t->endpoint = transfer->endpoint;
    t->answer = WIRE_SILENCE;
    if (is_control(transfer) && transfer->at.stage == STAGE_SETUP) {
        t->pid = TOKEN_SETUP;
        t->toggle = 0;
        t->len = USB_SETUP_LEN;
        memcpy(t->data, transfer->setup, USB_SETUP_LEN);
        return;
    }
    if (is_control(transfer) && transfer->at.stage == STAGE_STATUS) {
        t->pid = status_is_in(transfer) ? TOKEN_IN : TOKEN_OUT;
        t->toggle = 1; // USB 2.0 8.5.3: always DATA1
        t->len = 0;
        return;
    }
    uint32_t left = transfer->length - transfer->actual;
    unsigned room =
        transfer->packet_bytes < WIRE_PACKET_MAX ? transfer->packet_bytes : WIRE_PACKET_MAX;
    t->len = left < room ? left : room;
    t->pid = transfer->in ? TOKEN_IN : TOKEN_OUT;
    t->toggle = is_control(transfer) ? transfer->at.toggle
                                     : cable->toggle[transfer->endpoint & 15][transfer->in];
    if (!transfer->in && t->len > 0) {
        memcpy(t->data, transfer->data + transfer->actual, t->len);
    }
}

static void trace_end(struct cable *cable, const struct cable_transfer *transfer) {
    static const char *const words[] = {
        [CABLE_OK] = "done",       [CABLE_STALL] = "stall",         [CABLE_NO_ANSWER] = "no-answer",
        [CABLE_BABBLE] = "babble", [CABLE_CANCELLED] = "cancelled", [CABLE_GONE] = "gone",
    };
    const char *word = words[transfer->status];
    if (!is_control(transfer)) {
        trace_event(cable->trace, TRACE_USB, word, "ep=0x%02x len=%u",
                    transfer->endpoint | (transfer->in ? USB_DIR_IN : 0), transfer->actual);
        return;
    }
    struct usb_setup setup = usb_setup_load(transfer->setup);
    if (transfer->status == CABLE_OK || transfer->status == CABLE_STALL) {
        if (trace_dfu_transfer(&cable->dfu, cable->trace, &setup, transfer->data, transfer->actual,
                               transfer->status == CABLE_STALL)) {
            return;
        }
    }
    trace_event(cable->trace, TRACE_USB, word, "type=0x%02x req=%u len=%u", setup.bmRequestType,
                setup.bRequest, transfer->actual);
}

static void end_naks(const struct cable *cable, struct cable_transfer *transfer) {
    if (transfer->at.nak_since_ps != 0) {
        transfer->nak_ps += timeline_now(cable->timeline) - transfer->at.nak_since_ps;
        transfer->at.nak_since_ps = 0;
    }
}

void cable_transfer_tell(struct cable *cable, struct cable_transfer *transfer) {
    end_naks(cable, transfer);
    trace_end(cable, transfer);
    if (cable->tap.ended != NULL) {
        cable->tap.ended(cable->tap.ctx, transfer);
    }
}

void cable_transfer_end(struct cable *cable, struct cable_transfer *transfer,
                        enum cable_status status) {
    struct cable_transfer **at = &cable->transfers;
    while (*at != transfer) {
        at = &(*at)->next;
    }
    *at = transfer->next;
    transfer->next = NULL;
    if (cable->segment->current == transfer) {
        cable->segment->current = NULL;
    }
    transfer->status = status;
    cable_transfer_tell(cable, transfer);
    transfer->done(transfer, transfer->ctx);
}

static void wait_for_device(struct cable *cable, struct cable_transfer *transfer) {
    transfer->at.is_waiting = true;
    transfer->naks++;
    if (transfer->at.nak_since_ps == 0) {
        transfer->at.nak_since_ps = timeline_now(cable->timeline);
    }
    if (transfer->type == USB_XFER_INTERRUPT) {
        return; // its next poll is due at its own time
    }
    unsigned shift = transfer->at.naks < BACKOFF_SHIFT_MAX ? transfer->at.naks : BACKOFF_SHIFT_MAX;
    transfer->at.naks++;
    const struct bus_segment *segment = cable->segment;
    uint64_t at = timeline_now(cable->timeline) + (segment->pace->retry_ps << shift);
    uint64_t next_frame = segment->frame_start_ps + segment->pace->frame_ps;
    transfer->at.ready_ps = at < next_frame ? at : next_frame;
}

static void setup_taken(struct cable *cable, struct cable_transfer *transfer) {
    struct usb_setup setup = usb_setup_load(transfer->setup);
    trace_event(cable->trace, TRACE_USB, "setup", "type=0x%02x req=%u value=0x%04x index=%u len=%u",
                setup.bmRequestType, setup.bRequest, setup.wValue, setup.wIndex, setup.wLength);
    transfer->at.toggle = 1; // the data stage begins with DATA1
    transfer->at.stage = transfer->length > 0 ? STAGE_DATA : STAGE_STATUS;
}

// The data stage, or the payload, is complete.
static void data_done(struct cable *cable, struct cable_transfer *transfer) {
    if (is_control(transfer)) {
        transfer->at.stage = STAGE_STATUS;
    } else {
        cable_transfer_end(cable, transfer, CABLE_OK);
    }
}

static void flip_toggle(struct cable *cable, struct cable_transfer *transfer) {
    if (is_control(transfer)) {
        transfer->at.toggle ^= 1;
    } else {
        cable->toggle[transfer->endpoint & 15][transfer->in] ^= 1;
    }
}

static void data_in(struct cable *cable, struct cable_transfer *transfer,
                    const struct cable_transaction *t) {
    unsigned expected = is_control(transfer) ? transfer->at.toggle
                                             : cable->toggle[transfer->endpoint & 15][transfer->in];
    if (transfer->type != USB_XFER_ISOCHRONOUS && t->toggle != expected) {
        return; // a repetition: ACKed and dropped (USB 2.0 8.6.4)
    }
    uint32_t left = transfer->length - transfer->actual;
    if (t->len > transfer->packet_bytes || t->len > left) {
        cable_transfer_end(cable, transfer, CABLE_BABBLE);
        return;
    }
    flip_toggle(cable, transfer);
    memcpy(transfer->data + transfer->actual, t->data, t->len);
    transfer->actual += t->len;
    if (t->len < transfer->packet_bytes || transfer->actual == transfer->length) {
        data_done(cable, transfer);
    }
}

static void data_out(struct cable *cable, struct cable_transfer *transfer,
                     const struct cable_transaction *t) {
    flip_toggle(cable, transfer);
    transfer->actual += t->len;
    if (transfer->actual < transfer->length) {
        return;
    }
    if (!is_control(transfer) && transfer->zero_packet && t->len > 0 &&
        t->len == transfer->packet_bytes) {
        return; // the next transaction carries nothing and ends it
    }
    data_done(cable, transfer);
}

static void acked(struct cable *cable, struct cable_transfer *transfer,
                  const struct cable_transaction *t) {
    if (is_control(transfer) && transfer->at.stage == STAGE_SETUP) {
        setup_taken(cable, transfer);
    } else if (is_control(transfer) && transfer->at.stage == STAGE_STATUS) {
        // A status stage carries nothing (USB 2.0 8.5.3.1).
        cable_transfer_end(cable, transfer, t->len == 0 ? CABLE_OK : CABLE_BABBLE);
    } else if (transfer->in) {
        data_in(cable, transfer, t);
    } else {
        data_out(cable, transfer, t);
    }
}

void cable_transfer_answer(struct cable *cable, struct cable_transfer *transfer,
                           const struct cable_transaction *t) {
    if (transfer == NULL) {
        // Cancelled in the middle; the ACK was on its way. Keep the pipe's toggle in step.
        if (t->answer == WIRE_ACK && t->endpoint != 0) {
            cable->toggle[t->endpoint & 15][t->pid == TOKEN_IN] ^= 1;
        }
        return;
    }
    switch (t->answer) {
    case WIRE_ACK:
        transfer->at.errors = 0;
        transfer->at.naks = 0;
        transfer->at.is_waiting = false;
        end_naks(cable, transfer);
        acked(cable, transfer, t);
        return;
    case WIRE_NAK:
        transfer->at.errors = 0;
        if (is_control(transfer) && transfer->at.stage == STAGE_SETUP) {
            cable_transfer_end(cable, transfer, CABLE_NO_ANSWER); // a device must not (8.4.6.4)
            return;
        }
        wait_for_device(cable, transfer);
        return;
    case WIRE_STALL:
        cable_transfer_end(cable, transfer, CABLE_STALL);
        return;
    case WIRE_SILENCE:
        if (transfer->type == USB_XFER_ISOCHRONOUS) {
            // No handshake is expected; nothing came (IN), or the packet is gone (OUT).
            cable_transfer_end(cable, transfer, CABLE_OK);
            return;
        }
        if (++transfer->at.errors >= ERRORS_MAX) {
            cable_transfer_end(cable, transfer, CABLE_NO_ANSWER);
        }
        return;
    }
}
