// SPDX-License-Identifier: MIT
//
// The bus: who gets it when, and for how long. One event at a time is under way: waiting for the
// next transaction to begin, waiting for a token or data packet to end (the device is asked then),
// or waiting for the ACK of a packet from the device. What a transaction's outcome means for its
// transfer is cable_transfer.c's.

#include "vboard/usb/cable_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// trace_event() takes "" for an event without details.
#pragma GCC diagnostic ignored "-Wformat-zero-length"

// USB 2.0 7.1.7.3 TDDIS, TDCNN: an attach or detach shorter than this is not seen.
#define EDGE_PS         (2500 * PS_PER_NS)
// USB 2.0 7.1.7.6: a device suspends when it saw no activity for 3 ms.
#define IDLE_PS         (3 * PS_PER_MS)
// USB 2.0 7.1.7.7 TDRSMDN.
#define RESUME_PS       (20 * PS_PER_MS)
// What Linux' hub driver asks of a root hub (PORT_RESET, HUB_ROOT_RESET_TIME 60 ms in sum with its
// recovery); USB 2.0 7.1.7.5 TDRSTR.
#define RESET_PS        (50 * PS_PER_MS)
#define FRAME_PS        PS_PER_MS

// Bytes on the bus, USB 2.0 5.11.3 and table 5-9: sync, PID, CRC and the gaps between packets.
#define SOF_BYTES       6u // sync, PID, frame number and CRC, gap
#define TOKEN_BYTES     6u // sync, PID, address and CRC, gap
#define HANDSHAKE_BYTES 3u // sync, PID, gap
#define DATA_BYTES      4u // sync, PID, CRC16; beside the data
// 16 to 18 bit times without an answer are a timeout (USB 2.0 7.1.19.1).
#define TIMEOUT_BYTES   3u

static uint64_t byte_time(unsigned bytes) {
    return (uint64_t)bytes * 8 * PS_PER_S / 12000000;
}

static uint64_t now(const struct cable *cable) {
    return timeline_now(cable->timeline);
}

static bool bus_is_running(const struct cable *cable) {
    return cable->is_enabled && !cable->is_resetting && !cable->is_suspended &&
           timeline_is_scheduled(&cable->frame_event);
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

void cable_kick(struct cable *cable) {
    if (cable->phase != PHASE_IDLE || !bus_is_running(cable)) {
        return;
    }
    uint64_t earliest = TIME_NEVER;
    for (const struct cable_transfer *t = cable->transfers; t != NULL; t = t->next) {
        if (is_first_of_pipe(cable, t)) {
            uint64_t at = due(cable, t);
            earliest = at < earliest ? at : earliest;
        }
    }
    if (earliest == TIME_NEVER) {
        timeline_cancel(cable->timeline, &cable->step_event);
        return;
    }
    if (earliest < cable->bus_free_ps) {
        earliest = cable->bus_free_ps;
    }
    if (!timeline_is_scheduled(&cable->step_event) || cable->step_event.at_ps != earliest) {
        timeline_schedule(cable->timeline, &cable->step_event, earliest);
    }
}

// Whose turn it is: periodic before others (USB 2.0 5.11.1.3), then who waited longest.
static struct cable_transfer *choose(const struct cable *cable) {
    struct cable_transfer *best = NULL;
    uint64_t at = now(cable);
    for (struct cable_transfer *t = cable->transfers; t != NULL; t = t->next) {
        if (!is_first_of_pipe(cable, t) || due(cable, t) > at) {
            continue;
        }
        if (best == NULL || (is_periodic(t) && !is_periodic(best)) ||
            (is_periodic(t) == is_periodic(best) && t->at.served < best->at.served)) {
            best = t;
        }
    }
    return best;
}

static void begin_transaction(struct cable *cable) {
    struct cable_transfer *transfer = choose(cable);
    if (transfer == NULL) {
        cable_kick(cable);
        return;
    }
    struct cable_transaction *now_on = &cable->transaction;
    cable_transfer_next(cable, transfer, now_on);
    unsigned whole = TOKEN_BYTES + DATA_BYTES + now_on->len + HANDSHAKE_BYTES;
    if (now(cable) + byte_time(whole) > cable->frame_start_ps + FRAME_PS) {
        // It does not fit into what is left of the frame: first of the next one.
        cable->bus_free_ps = cable->frame_start_ps + FRAME_PS + byte_time(SOF_BYTES);
        cable_kick(cable);
        return;
    }
    transfer->at.served = ++cable->serial;
    if (is_periodic(transfer)) {
        unsigned interval = transfer->interval > 0 ? transfer->interval : 1;
        cable->poll_ps[transfer->endpoint & 15][transfer->in] =
            cable->frame_start_ps + interval * FRAME_PS;
    }
    cable->current = transfer;
    cable->phase = PHASE_TOKEN;
    unsigned until_device =
        now_on->pid == TOKEN_IN ? TOKEN_BYTES : TOKEN_BYTES + DATA_BYTES + now_on->len;
    timeline_schedule(cable->timeline, &cable->step_event, now(cable) + byte_time(until_device));
}

static void end_transaction(struct cable *cable, unsigned bytes_more) {
    struct cable_transfer *transfer = cable->current;
    cable->current = NULL;
    cable->phase = PHASE_IDLE;
    cable->bus_free_ps = now(cable) + byte_time(bytes_more);
    cable_transfer_answer(cable, transfer, &cable->transaction);
    cable_kick(cable);
}

// The token (and an OUT's data) is on the wire: the device answers.
static void ask_device(struct cable *cable) {
    struct cable_transaction *t = &cable->transaction;
    const struct wire_device *device = cable->device;
    if (t->pid == TOKEN_SETUP) {
        t->answer = device->setup(device->ctx, t->address, t->endpoint, t->data);
    } else if (t->pid == TOKEN_OUT) {
        t->answer = device->out(device->ctx, t->address, t->endpoint, t->toggle, t->data, t->len);
    } else {
        t->len = 0;
        t->toggle = 0;
        t->answer = device->in(device->ctx, t->address, t->endpoint, &t->toggle, t->data, &t->len);
        if (t->answer == WIRE_ACK) {
            cable->phase = PHASE_DATA_IN;
            timeline_schedule(cable->timeline, &cable->step_event,
                              now(cable) + byte_time(DATA_BYTES + t->len + HANDSHAKE_BYTES));
            return;
        }
    }
    end_transaction(cable, t->answer == WIRE_SILENCE ? TIMEOUT_BYTES : HANDSHAKE_BYTES);
}

static void step(void *ctx) {
    struct cable *cable = ctx;
    switch (cable->phase) {
    case PHASE_IDLE:
        if (bus_is_running(cable)) {
            begin_transaction(cable);
        }
        return;
    case PHASE_TOKEN:
        ask_device(cable);
        return;
    case PHASE_DATA_IN:
        if (cable->device->in_acked != NULL) {
            cable->device->in_acked(cable->device->ctx, cable->transaction.endpoint);
        }
        end_transaction(cable, 0);
        return;
    }
}

static void start_frame(void *ctx) {
    struct cable *cable = ctx;
    cable->frame = (cable->frame + 1) & 0x7ff; // 11 bits, USB 2.0 8.4.3
    cable->frame_start_ps = now(cable);
    timeline_schedule(cable->timeline, &cable->frame_event, now(cable) + FRAME_PS);
    if (cable->bus_free_ps < now(cable) + byte_time(SOF_BYTES)) {
        cable->bus_free_ps = now(cable) + byte_time(SOF_BYTES);
    }
    cable->device->sof(cable->device->ctx, cable->frame);
    cable_kick(cable);
}

// No SOFs from here on; the device notices after a while.
static void stop_frames(struct cable *cable) {
    timeline_cancel(cable->timeline, &cable->frame_event);
    timeline_cancel(cable->timeline, &cable->step_event);
    // What was on the wire is lost; the device never heard the end of it.
    cable->phase = PHASE_IDLE;
    cable->current = NULL;
}

static void idle_began(struct cable *cable) {
    timeline_schedule(cable->timeline, &cable->idle_event, now(cable) + IDLE_PS);
}

static void idle_long(void *ctx) {
    struct cable *cable = ctx;
    cable->device->suspend(cable->device->ctx);
}

static void attach(struct cable *cable) {
    cable->attached = cable->pullup;
    static const char *const speeds[] = {"none", "low", "full", "high"};
    trace_event(cable->trace, TRACE_USB, "attach", "speed=%s", speeds[cable->attached]);
    trace_dfu_forget(&cable->dfu);
    idle_began(cable); // until the first reset the port sends nothing
    for (unsigned i = 0; i < cable->listener_count; i++) {
        if (cable->listeners[i].attached != NULL) {
            cable->listeners[i].attached(cable->listeners[i].ctx, cable->attached);
        }
    }
}

static void end_all(struct cable *cable, enum cable_status status) {
    // done() may submit again: only what was there before is ended.
    struct cable_transfer *list = cable->transfers;
    cable->transfers = NULL;
    cable->current = NULL;
    while (list != NULL) {
        struct cable_transfer *transfer = list;
        list = transfer->next;
        transfer->next = NULL;
        transfer->status = status;
        cable_transfer_trace(cable, transfer);
        transfer->done(transfer, transfer->ctx);
    }
}

static void reset_over(struct cable *cable) {
    cable->is_resetting = false;
    timeline_cancel(cable->timeline, &cable->reset_event);
    void (*done)(void *) = cable->reset_done;
    cable->reset_done = NULL;
    if (done != NULL) {
        done(cable->reset_ctx);
    }
}

static void detach(struct cable *cable) {
    if (cable->attached == USB_SPEED_NONE) {
        return;
    }
    stop_frames(cable);
    timeline_cancel(cable->timeline, &cable->idle_event);
    timeline_cancel(cable->timeline, &cable->resume_event);
    cable->attached = USB_SPEED_NONE;
    cable->is_enabled = false;
    cable->is_suspended = false;
    trace_event(cable->trace, TRACE_USB, "detach", "");
    end_all(cable, CABLE_GONE);
    for (unsigned i = 0; i < cable->listener_count; i++) {
        if (cable->listeners[i].detached != NULL) {
            cable->listeners[i].detached(cable->listeners[i].ctx);
        }
    }
    if (cable->is_resetting) {
        reset_over(cable);
    }
}

static void edge_settled(void *ctx) {
    struct cable *cable = ctx;
    enum usb_speed seen = cable->is_plugged ? cable->pullup : USB_SPEED_NONE;
    if ((seen == USB_SPEED_NONE) == (cable->attached == USB_SPEED_NONE)) {
        return;
    }
    if (seen == USB_SPEED_NONE) {
        detach(cable);
    } else {
        attach(cable);
    }
}

// --- What the device calls. ---

static void on_pullup(void *ctx, enum usb_speed speed) {
    struct cable *cable = ctx;
    if (speed == cable->pullup) {
        return;
    }
    cable->pullup = speed;
    timeline_schedule(cable->timeline, &cable->edge_event, now(cable) + EDGE_PS);
}

static void on_ready(void *ctx) {
    struct cable *cable = ctx;
    if (cable->transfers == NULL || !bus_is_running(cable)) {
        return;
    }
    // The next step of the retry raster, at least one instant away from now.
    uint64_t into = now(cable) - cable->frame_start_ps;
    uint64_t at = cable->frame_start_ps + (into / CABLE_RETRY_PS + 1) * CABLE_RETRY_PS;
    bool is_earlier = false;
    for (struct cable_transfer *t = cable->transfers; t != NULL; t = t->next) {
        if (t->at.is_waiting && !is_periodic(t) && t->at.ready_ps > at) {
            t->at.ready_ps = at;
            t->at.naks = 0;
            is_earlier = true;
        }
    }
    if (is_earlier) {
        cable_kick(cable);
    }
}

static void on_wakeup(void *ctx) {
    struct cable *cable = ctx;
    if (cable->is_suspended && !timeline_is_scheduled(&cable->resume_event)) {
        cable->is_resume_signalled = false;
        timeline_schedule(cable->timeline, &cable->resume_event, now(cable));
    }
}

// --- Public. ---

static void reset_ends(void *ctx) {
    struct cable *cable = ctx;
    if (cable->attached == USB_SPEED_NONE) {
        reset_over(cable);
        return;
    }
    trace_dfu_bus_reset(&cable->dfu);
    enum usb_speed speed = cable->device->bus_reset(cable->device->ctx);
    if (speed != USB_SPEED_NONE) {
        cable->attached = speed;
    }
    cable->is_enabled = true;
    cable->is_resetting = false;
    cable->bus_free_ps = now(cable);
    start_frame(cable);
    reset_over(cable);
}

static void nobody_there(void *ctx) {
    struct cable *cable = ctx;
    if (cable->attached == USB_SPEED_NONE) {
        end_all(cable, CABLE_GONE);
    }
}

static void resume_step(void *ctx) {
    struct cable *cable = ctx;
    if (!cable->is_resume_signalled) {
        cable->is_resume_signalled = true;
        timeline_cancel(cable->timeline, &cable->idle_event);
        cable->device->resume(cable->device->ctx);
        timeline_schedule(cable->timeline, &cable->resume_event, now(cable) + RESUME_PS);
        return;
    }
    cable->is_suspended = false;
    trace_event(cable->trace, TRACE_USB, "resume", "");
    start_frame(cable);
}

static void event_init(struct event *event, void (*fire)(void *), struct cable *cable) {
    event->fire = fire;
    event->ctx = cable;
}

struct cable *cable_new(struct timeline *timeline, struct trace *trace) {
    struct cable *cable = calloc(1, sizeof *cable);
    if (cable == NULL) {
        return NULL;
    }
    cable->timeline = timeline;
    cable->trace = trace;
    cable->transfer_cost_ps = 250 * PS_PER_US;
    cable->host = (struct wire_host){
        .ctx = cable, .pullup = on_pullup, .ready = on_ready, .wakeup = on_wakeup};
    event_init(&cable->frame_event, start_frame, cable);
    event_init(&cable->step_event, step, cable);
    event_init(&cable->edge_event, edge_settled, cable);
    event_init(&cable->idle_event, idle_long, cable);
    event_init(&cable->reset_event, reset_ends, cable);
    event_init(&cable->resume_event, resume_step, cable);
    event_init(&cable->gone_event, nobody_there, cable);
    return cable;
}

void cable_free(struct cable *cable) {
    if (cable == NULL) {
        return;
    }
    struct event *events[] = {&cable->frame_event, &cable->step_event,  &cable->edge_event,
                              &cable->idle_event,  &cable->reset_event, &cable->resume_event,
                              &cable->gone_event};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        timeline_cancel(cable->timeline, events[i]);
    }
    free(cable);
}

const struct wire_host *cable_connect_device(struct cable *cable,
                                             const struct wire_device *device) {
    assert(cable->device == NULL && !cable->is_plugged);
    cable->device = device;
    return &cable->host;
}

void cable_listen(struct cable *cable, const struct cable_listener *listener) {
    assert(cable->listener_count < CABLE_LISTENERS_MAX);
    cable->listeners[cable->listener_count++] = *listener;
}

void cable_set_transfer_cost(struct cable *cable, uint64_t ps) {
    cable->transfer_cost_ps = ps;
}

void cable_plug(struct cable *cable) {
    assert(cable->device != NULL);
    if (cable->is_plugged) {
        return;
    }
    cable->is_plugged = true;
    trace_event(cable->trace, TRACE_USB, "plug", "");
    cable->device->vbus(cable->device->ctx, true);
    timeline_schedule(cable->timeline, &cable->edge_event, now(cable) + EDGE_PS);
}

void cable_unplug(struct cable *cable) {
    if (!cable->is_plugged) {
        return;
    }
    cable->is_plugged = false;
    trace_event(cable->trace, TRACE_USB, "unplug", "");
    timeline_cancel(cable->timeline, &cable->edge_event);
    detach(cable);
    cable->device->vbus(cable->device->ctx, false);
}

bool cable_is_plugged(const struct cable *cable) {
    return cable->is_plugged;
}

bool cable_is_attached(const struct cable *cable) {
    return cable->attached != USB_SPEED_NONE;
}

enum usb_speed cable_speed(const struct cable *cable) {
    return cable->attached;
}

void cable_submit(struct cable *cable, struct cable_transfer *transfer) {
    memset(&transfer->at, 0, sizeof transfer->at);
    transfer->next = NULL;
    transfer->status = CABLE_OK;
    transfer->actual = 0;
    transfer->at.ready_ps = now(cable) + cable->transfer_cost_ps;
    struct cable_transfer **end = &cable->transfers;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = transfer;
    if (cable->attached == USB_SPEED_NONE) {
        // Nobody there: it ends soon, but not in here.
        timeline_schedule(cable->timeline, &cable->gone_event, transfer->at.ready_ps);
        return;
    }
    cable_kick(cable);
}

void cable_cancel(struct cable *cable, struct cable_transfer *transfer) {
    for (struct cable_transfer **at = &cable->transfers; *at != NULL; at = &(*at)->next) {
        if (*at == transfer) {
            cable_transfer_end(cable, transfer, CABLE_CANCELLED);
            cable_kick(cable);
            return;
        }
    }
}

bool cable_is_busy(const struct cable *cable) {
    return cable->transfers != NULL;
}

void cable_bus_reset(struct cable *cable, void (*done)(void *ctx), void *ctx) {
    assert(!cable->is_resetting);
    trace_event(cable->trace, TRACE_USB, "reset", "");
    stop_frames(cable);
    timeline_cancel(cable->timeline, &cable->idle_event);
    timeline_cancel(cable->timeline, &cable->resume_event);
    cable->is_resetting = true;
    cable->is_enabled = false;
    cable->is_suspended = false;
    cable->reset_done = done;
    cable->reset_ctx = ctx;
    memset(cable->toggle, 0, sizeof cable->toggle);
    memset(cable->poll_ps, 0, sizeof cable->poll_ps);
    end_all(cable, CABLE_CANCELLED);
    timeline_schedule(cable->timeline, &cable->reset_event, now(cable) + RESET_PS);
}

void cable_reset_toggle(struct cable *cable, uint8_t endpoint, bool in) {
    cable->toggle[endpoint & 15][in] = 0;
}

void cable_suspend(struct cable *cable) {
    if (!cable->is_enabled || cable->is_suspended) {
        return;
    }
    trace_event(cable->trace, TRACE_USB, "suspend", "");
    stop_frames(cable);
    cable->is_suspended = true;
    idle_began(cable);
}

void cable_resume(struct cable *cable) {
    on_wakeup(cable);
}
