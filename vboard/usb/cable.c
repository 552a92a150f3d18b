// SPDX-License-Identifier: MIT
//
// A port of the bus and what is plugged into it: attach and detach, reset, suspend and resume, and the
// transfers that are asked for. When a transfer moves is bus.c's, what its transactions mean
// cable_transfer.c's.

#include "vboard/usb/cable_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// USB 2.0 7.1.7.3 TDDIS, TDCNN: an attach or detach shorter than this is not seen.
#define EDGE_PS   (2500 * PS_PER_NS)
// USB 2.0 7.1.7.6: a device suspends when it saw no activity for 3 ms.
#define IDLE_PS   (3 * PS_PER_MS)
// USB 2.0 7.1.7.7 TDRSMDN.
#define RESUME_PS (20 * PS_PER_MS)
// What Linux' hub driver asks of a root hub (PORT_RESET, HUB_ROOT_RESET_TIME 60 ms in sum with its
// recovery); USB 2.0 7.1.7.5 TDRSTR.
#define RESET_PS  (50 * PS_PER_MS)

static uint64_t now(const struct cable *cable) {
    return timeline_now(cable->timeline);
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
    if (cable->segment->port == cable) {
        cable->segment->current = NULL;
    }
    while (list != NULL) {
        struct cable_transfer *transfer = list;
        list = transfer->next;
        transfer->next = NULL;
        transfer->status = status;
        cable_transfer_tell(cable, transfer);
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
    bus_leave(cable);
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
    const struct bus_segment *segment = cable->segment;
    if (cable->transfers == NULL || !cable->is_running) {
        return;
    }
    // The next step of the retry raster, at least one instant away from now.
    uint64_t into = now(cable) - segment->frame_start_ps;
    uint64_t retry_ps = segment->pace->retry_ps;
    uint64_t at = segment->frame_start_ps + (into / retry_ps + 1) * retry_ps;
    bool is_earlier = false;
    for (struct cable_transfer *t = cable->transfers; t != NULL; t = t->next) {
        bool is_periodic = t->type == USB_XFER_INTERRUPT || t->type == USB_XFER_ISOCHRONOUS;
        if (t->at.is_waiting && !is_periodic && t->at.ready_ps > at) {
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
        cable->segment = speed == USB_SPEED_HIGH ? &cable->bus->high : &cable->bus->full;
    }
    if (speed == USB_SPEED_HIGH) {
        trace_event(cable->trace, TRACE_USB, "chirp", "speed=high");
    }
    cable->is_enabled = true;
    cable->is_resetting = false;
    bus_join(cable);
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
    bus_join(cable);
}

static void event_init(struct event *event, void (*fire)(void *), struct cable *cable) {
    event->fire = fire;
    event->ctx = cable;
}

struct cable *cable_new(struct timeline *timeline, struct trace *trace) {
    struct usb_bus *bus = usb_bus_new(timeline);
    struct cable *cable = bus != NULL ? cable_new_on(bus, trace) : NULL;
    if (cable == NULL) {
        usb_bus_free(bus);
        return NULL;
    }
    cable->owns_bus = true;
    return cable;
}

struct cable *cable_new_on(struct usb_bus *bus, struct trace *trace) {
    assert(bus->port_count < USB_BUS_PORTS_MAX);
    struct cable *cable = calloc(1, sizeof *cable);
    if (cable == NULL) {
        return NULL;
    }
    bus->ports[bus->port_count++] = cable;
    cable->bus = bus;
    cable->timeline = bus->timeline;
    cable->trace = trace;
    cable->segment = &bus->full;
    cable->transfer_cost_ps = 250 * PS_PER_US;
    cable->host = (struct wire_host){
        .ctx = cable, .pullup = on_pullup, .ready = on_ready, .wakeup = on_wakeup};
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
    struct event *events[] = {&cable->edge_event, &cable->idle_event, &cable->reset_event,
                              &cable->resume_event, &cable->gone_event};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        timeline_cancel(cable->timeline, events[i]);
    }
    bus_leave(cable);
    struct usb_bus *bus = cable->bus;
    unsigned at = 0;
    while (bus->ports[at] != cable) {
        at++;
    }
    bus->port_count--;
    memmove(&bus->ports[at], &bus->ports[at + 1], (bus->port_count - at) * sizeof(struct cable *));
    if (cable->owns_bus) {
        usb_bus_free(bus);
    }
    free(cable);
}

const struct wire_host *cable_connect_device(struct cable *cable,
                                             const struct wire_device *device) {
    assert(cable->device == NULL && !cable->is_plugged);
    cable->device = device;
    return &cable->host;
}

struct usb_bus *cable_bus(struct cable *cable) {
    return cable->bus;
}

void cable_listen(struct cable *cable, const struct cable_listener *listener) {
    assert(cable->listener_count < CABLE_LISTENERS_MAX);
    cable->listeners[cable->listener_count++] = *listener;
}

void cable_tap(struct cable *cable, const struct cable_tap *tap) {
    cable->tap = tap != NULL ? *tap : (struct cable_tap){0};
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

void cable_visit(struct cable *cable, const struct memory_visitor *visitor) {
    visitor->memory(visitor->ctx, cable->bus, sizeof *cable->bus);
    visitor->memory(visitor->ctx, cable, sizeof *cable);
    for (struct cable_transfer *t = cable->transfers; t != NULL; t = t->next) {
        visitor->memory(visitor->ctx, t, sizeof *t);
        if (t->length > 0) {
            visitor->memory(visitor->ctx, t->data, t->length);
        }
    }
}

static bool is_in_front(const struct cable_transfer *a, const struct cable_transfer *b) {
    for (unsigned i = 0; i < CABLE_LINE_LEN; i++) {
        if (a->line[i] != b->line[i]) {
            return a->line[i] < b->line[i];
        }
    }
    return false;
}

// Behind all others but those of the same instant that belong behind it.
static void line_up(struct cable *cable, struct cable_transfer *transfer) {
    struct cable_transfer **at = &cable->transfers;
    while (*at != NULL) {
        bool has_begun = (*at)->at.served != 0 || (*at)->at.submitted_ps != now(cable);
        if (!has_begun && is_in_front(transfer, *at)) {
            break;
        }
        at = &(*at)->next;
    }
    transfer->next = *at;
    *at = transfer;
}

void cable_submit(struct cable *cable, struct cable_transfer *transfer) {
    memset(&transfer->at, 0, sizeof transfer->at);
    transfer->status = CABLE_OK;
    transfer->actual = 0;
    transfer->number = ++cable->submitted;
    transfer->naks = 0;
    transfer->nak_ps = 0;
    transfer->at.submitted_ps = now(cable);
    transfer->at.ready_ps = now(cable) + cable->transfer_cost_ps;
    line_up(cable, transfer);
    if (cable->tap.submitted != NULL) {
        cable->tap.submitted(cable->tap.ctx, transfer);
    }
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
    bus_leave(cable);
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
    bus_leave(cable);
    cable->is_suspended = true;
    idle_began(cable);
}

void cable_resume(struct cable *cable) {
    on_wakeup(cable);
}
