// SPDX-License-Identifier: MIT
//
// The bus: who gets it when, and for how long. One event at a time is under way: waiting for the
// next transaction to begin, waiting for a token or data packet to end (the device is asked then),
// or waiting for the ACK of a packet from the device. What a transaction's outcome means for its
// transfer is cable_transfer.c's.

#include "vboard/usb/bus.h"

#include <assert.h>
#include <stdlib.h>

#include "vboard/usb/cable_internal.h"

// Full speed: USB 2.0 5.11.3 and table 5-9; 16 to 18 bit times without an answer are a timeout (7.1.19.1);
// about 10 us are what an OHCI or xHCI controller needs to come round to an endpoint again in an
// otherwise idle frame (a NAKed IN costs 9 bytes, 6 us).
const struct cable_pace cable_full_speed = {
    .bits_per_s = 12000000,
    .frame_ps = PS_PER_MS,
    .sof = 6,
    .token = 6,
    .data = 4,
    .handshake = 3,
    .timeout = 3,
    .retry_ps = 10 * PS_PER_US,
};

// High speed: 55 bytes a bulk transaction (USB 2.0 table 5-10: three times 4 of sync and 12 of end and
// gap, 3 PIDs, 4 of address and CRCs); 816 bit times without an answer are a timeout (7.1.19.2). A
// retry goes on a raster of 1 us, about a NAKed IN's time; that a NAKed OUT is retried by PING (8.5.1)
// and so without its data is not told apart.
const struct cable_pace cable_high_speed = {
    .bits_per_s = 480000000,
    .frame_ps = PS_PER_MS / 8,
    .sof = 19,
    .token = 19,
    .data = 19,
    .handshake = 17,
    .timeout = 102,
    .retry_ps = PS_PER_US,
};

static uint64_t byte_time(const struct bus_segment *segment, unsigned bytes) {
    return (uint64_t)bytes * 8 * PS_PER_S / segment->pace->bits_per_s;
}

static uint64_t now(const struct bus_segment *segment) {
    return timeline_now(segment->bus->timeline);
}

// Transfers of one pipe are served in order: only the first may move.
static bool is_first_of_pipe(const struct cable *cable, const struct cable_transfer *transfer) {
    for (const struct cable_transfer *t = cable->transfers; t != transfer; t = t->next) {
        if (t->endpoint == transfer->endpoint && t->address == transfer->address &&
            (t->type == USB_XFER_CONTROL || t->in == transfer->in)) {
            return false;
        }
    }
    return true;
}

static bool is_periodic(const struct cable_transfer *transfer) {
    return transfer->type == USB_XFER_INTERRUPT || transfer->type == USB_XFER_ISOCHRONOUS;
}

static uint64_t due(const struct cable *cable, const struct cable_transfer *transfer) {
    uint64_t at = transfer->at.ready_ps;
    if (is_periodic(transfer)) {
        uint64_t poll = cable->poll_ps[transfer->endpoint & 15][transfer->in];
        at = poll > at ? poll : at;
    }
    return at;
}

// USB 2.0 9.6.6 bInterval: frames for interrupt endpoints at full speed, else a power of two of frames
// or microframes.
static uint64_t interval_ps(const struct bus_segment *segment,
                            const struct cable_transfer *transfer) {
    unsigned interval = transfer->interval > 0 ? transfer->interval : 1;
    if (transfer->type == USB_XFER_ISOCHRONOUS || segment->pace == &cable_high_speed) {
        interval = 1u << ((interval < 16 ? interval : 16) - 1);
    }
    return interval * segment->pace->frame_ps;
}

static bool is_on(const struct cable *cable, const struct bus_segment *segment) {
    return cable->is_running && cable->segment == segment;
}

static bool is_any_running(const struct bus_segment *segment) {
    for (unsigned i = 0; i < segment->bus->port_count; i++) {
        if (is_on(segment->bus->ports[i], segment)) {
            return true;
        }
    }
    return false;
}

static uint64_t earliest_of(const struct cable *cable) {
    uint64_t earliest = TIME_NEVER;
    for (const struct cable_transfer *t = cable->transfers; t != NULL; t = t->next) {
        if (is_first_of_pipe(cable, t)) {
            uint64_t at = due(cable, t);
            earliest = at < earliest ? at : earliest;
        }
    }
    return earliest;
}

static void kick(struct bus_segment *segment) {
    struct usb_bus *bus = segment->bus;
    if (segment->phase != PHASE_IDLE || !timeline_is_scheduled(&segment->frame_event)) {
        return;
    }
    uint64_t earliest = TIME_NEVER;
    for (unsigned i = 0; i < bus->port_count; i++) {
        if (is_on(bus->ports[i], segment)) {
            uint64_t at = earliest_of(bus->ports[i]);
            earliest = at < earliest ? at : earliest;
        }
    }
    if (earliest == TIME_NEVER) {
        timeline_cancel(bus->timeline, &segment->step_event);
        return;
    }
    if (earliest < segment->free_ps) {
        earliest = segment->free_ps;
    }
    if (!timeline_is_scheduled(&segment->step_event) || segment->step_event.at_ps != earliest) {
        timeline_schedule(bus->timeline, &segment->step_event, earliest);
    }
}

void cable_kick(struct cable *cable) {
    if (cable->is_running) {
        kick(cable->segment);
    }
}

// Whose turn it is: periodic before others (USB 2.0 5.11.1.3), then who waited longest; of two that just came,
// the one at the lower port.
static struct cable_transfer *choose(const struct bus_segment *segment, struct cable **port) {
    struct cable_transfer *best = NULL;
    uint64_t at = now(segment);
    for (unsigned i = 0; i < segment->bus->port_count; i++) {
        struct cable *cable = segment->bus->ports[i];
        for (struct cable_transfer *t = is_on(cable, segment) ? cable->transfers : NULL; t != NULL;
             t = t->next) {
            if (!is_first_of_pipe(cable, t) || due(cable, t) > at) {
                continue;
            }
            if (best == NULL || (is_periodic(t) && !is_periodic(best)) ||
                (is_periodic(t) == is_periodic(best) && t->at.served < best->at.served)) {
                best = t;
                *port = cable;
            }
        }
    }
    return best;
}

static void begin_transaction(struct bus_segment *segment) {
    struct cable *port = NULL;
    struct cable_transfer *transfer = choose(segment, &port);
    const struct cable_pace *pace = segment->pace;
    if (transfer == NULL) {
        kick(segment);
        return;
    }
    struct cable_transaction *now_on = &segment->transaction;
    cable_transfer_next(port, transfer, now_on);
    unsigned whole = pace->token + pace->data + now_on->len + pace->handshake;
    uint64_t next_frame_ps = segment->frame_start_ps + pace->frame_ps;
    if (now(segment) + byte_time(segment, whole) > next_frame_ps) {
        // It does not fit into what is left of the frame: first of the next one.
        segment->free_ps = next_frame_ps + byte_time(segment, pace->sof);
        kick(segment);
        return;
    }
    transfer->at.served = ++segment->serial;
    if (is_periodic(transfer)) {
        port->poll_ps[transfer->endpoint & 15][transfer->in] =
            segment->frame_start_ps + interval_ps(segment, transfer);
    }
    segment->port = port;
    segment->current = transfer;
    segment->phase = PHASE_TOKEN;
    unsigned until_device =
        now_on->pid == TOKEN_IN ? pace->token : pace->token + pace->data + now_on->len;
    timeline_schedule(segment->bus->timeline, &segment->step_event,
                      now(segment) + byte_time(segment, until_device));
}

static void end_transaction(struct bus_segment *segment, unsigned bytes_more) {
    struct cable *port = segment->port;
    struct cable_transfer *transfer = segment->current;
    segment->port = NULL;
    segment->current = NULL;
    segment->phase = PHASE_IDLE;
    segment->free_ps = now(segment) + byte_time(segment, bytes_more);
    cable_transfer_answer(port, transfer, &segment->transaction);
    kick(segment);
}

// The token (and an OUT's data) is on the wire: the device answers.
static void ask_device(struct bus_segment *segment) {
    struct cable_transaction *t = &segment->transaction;
    const struct wire_device *device = segment->port->device;
    const struct cable_pace *pace = segment->pace;
    if (t->pid == TOKEN_SETUP) {
        t->answer = device->setup(device->ctx, t->address, t->endpoint, t->data);
    } else if (t->pid == TOKEN_OUT) {
        t->answer = device->out(device->ctx, t->address, t->endpoint, t->toggle, t->data, t->len);
    } else {
        t->len = 0;
        t->toggle = 0;
        t->answer = device->in(device->ctx, t->address, t->endpoint, &t->toggle, t->data, &t->len);
        if (t->answer == WIRE_ACK) {
            segment->phase = PHASE_DATA_IN;
            timeline_schedule(segment->bus->timeline, &segment->step_event,
                              now(segment) +
                                  byte_time(segment, pace->data + t->len + pace->handshake));
            return;
        }
    }
    end_transaction(segment, t->answer == WIRE_SILENCE ? pace->timeout : pace->handshake);
}

static void step(void *ctx) {
    struct bus_segment *segment = ctx;
    switch (segment->phase) {
    case PHASE_IDLE:
        begin_transaction(segment);
        return;
    case PHASE_TOKEN:
        ask_device(segment);
        return;
    case PHASE_DATA_IN: {
        const struct wire_device *device = segment->port->device;
        if (device->in_acked != NULL) {
            device->in_acked(device->ctx, segment->transaction.endpoint);
        }
        end_transaction(segment, 0);
        return;
    }
    }
}

static void start_frame(void *ctx) {
    struct bus_segment *segment = ctx;
    bool is_high = segment->pace == &cable_high_speed;
    segment->microframe = is_high ? (segment->microframe + 1) & 7 : 0;
    if (segment->microframe == 0) {
        segment->frame = (segment->frame + 1) & 0x7ff; // 11 bits, USB 2.0 8.4.3
    }
    segment->frame_start_ps = now(segment);
    timeline_schedule(segment->bus->timeline, &segment->frame_event,
                      now(segment) + segment->pace->frame_ps);
    uint64_t after_sof_ps = now(segment) + byte_time(segment, segment->pace->sof);
    if (segment->free_ps < after_sof_ps) {
        segment->free_ps = after_sof_ps;
    }
    unsigned number = is_high ? segment->frame << 3 | segment->microframe : segment->frame;
    for (unsigned i = 0; i < segment->bus->port_count; i++) {
        const struct cable *port = segment->bus->ports[i];
        if (is_on(port, segment)) {
            port->device->sof(port->device->ctx, number);
        }
    }
    kick(segment);
}

void bus_join(struct cable *cable) {
    struct bus_segment *segment = cable->segment;
    cable->is_running = true;
    if (timeline_is_scheduled(&segment->frame_event)) {
        kick(segment); // it hears the next start of frame
        return;
    }
    segment->free_ps = now(segment);
    start_frame(segment);
}

void bus_leave(struct cable *cable) {
    struct bus_segment *segment = cable->segment;
    if (!cable->is_running) {
        return;
    }
    cable->is_running = false;
    if (segment->port == cable) {
        // What was on the wire is lost; the device never heard the end of it.
        segment->phase = PHASE_IDLE;
        segment->port = NULL;
        segment->current = NULL;
        segment->free_ps = now(segment);
        timeline_cancel(segment->bus->timeline, &segment->step_event);
    }
    if (is_any_running(segment)) {
        kick(segment);
    } else {
        timeline_cancel(segment->bus->timeline, &segment->frame_event);
        timeline_cancel(segment->bus->timeline, &segment->step_event);
    }
}

static void segment_init(struct bus_segment *segment, struct usb_bus *bus,
                         const struct cable_pace *pace) {
    segment->bus = bus;
    segment->pace = pace;
    segment->frame_event = (struct event){.fire = start_frame, .ctx = segment};
    segment->step_event = (struct event){.fire = step, .ctx = segment};
}

struct usb_bus *usb_bus_new(struct timeline *timeline) {
    struct usb_bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL) {
        return NULL;
    }
    bus->timeline = timeline;
    segment_init(&bus->full, bus, &cable_full_speed);
    segment_init(&bus->high, bus, &cable_high_speed);
    return bus;
}

void usb_bus_free(struct usb_bus *bus) {
    if (bus == NULL) {
        return;
    }
    assert(bus->port_count == 0);
    free(bus);
}

// --- enumeration ----------------------------------------------------------------------------------

uint8_t usb_bus_take_address(struct usb_bus *bus) {
    do { // there are more addresses than ports
        bus->last_address = (uint8_t)(bus->last_address % USB_ADDRESS_MAX + 1);
    } while (bus->is_taken[bus->last_address]);
    bus->is_taken[bus->last_address] = true;
    return bus->last_address;
}

void usb_bus_give_address(struct usb_bus *bus, uint8_t address) {
    bus->is_taken[address] = false;
}

void usb_bus_await_turn(struct usb_bus *bus, struct usb_bus_turn *turn) {
    struct usb_bus_turn **at = &bus->turns;
    while (*at != NULL) {
        assert(*at != turn);
        at = &(*at)->next;
    }
    turn->next = NULL;
    *at = turn;
    if (bus->turns == turn) {
        turn->begin(turn->ctx);
    }
}

void usb_bus_turn_over(struct usb_bus *bus, struct usb_bus_turn *turn) {
    bool was_first = bus->turns == turn;
    for (struct usb_bus_turn **at = &bus->turns; *at != NULL; at = &(*at)->next) {
        if (*at == turn) {
            *at = turn->next;
            break;
        }
    }
    if (was_first && bus->turns != NULL) {
        bus->turns->begin(bus->turns->ctx);
    }
}
