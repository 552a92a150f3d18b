// SPDX-License-Identifier: MIT
//
// The peer: its connection, the parser (libusbredirparser), and when it is shown the device.

#include "vboard/host/usbredir.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/host/usbredir_internal.h"

// USB 2.0 7.1.7.3 TATTDB: nobody resets a device sooner after it attached.
#define DEBOUNCE_PS (100 * PS_PER_MS)
// USB 2.0 7.1.7.5 TRSTRCY: nobody speaks to a device sooner after a bus reset.
#define RESET_PS    (10 * PS_PER_MS)
// What a peer may send before the board goes on.
#define READ_A_TURN (256u << 10)

// -- Showing the device, and taking it away

static void announce(struct usbredir *redir) {
    static const uint8_t speeds[] = {
        [USB_SPEED_NONE] = usb_redir_speed_unknown,
        [USB_SPEED_LOW] = usb_redir_speed_low,
        [USB_SPEED_FULL] = usb_redir_speed_full,
        [USB_SPEED_HIGH] = usb_redir_speed_high,
    };
    struct usb_redir_device_connect_header header = {.speed = speeds[cable_speed(redir->cable)]};
    view_clear(&redir->view);
    usbredir_send_view(redir);
    usbredirparser_send_device_connect(redir->parser, &header);
    redir->is_shown = true;
    trace_event(redir->trace, TRACE_USB, "guest-connect", "");
}

static void bus_is_reset(void *ctx) {
    struct usbredir *redir = ctx;
    redir->is_resetting = false;
    timeline_schedule(redir->timeline, &redir->recovered_event,
                      timeline_now(redir->timeline) + RESET_PS);
    if (redir->parser == NULL) {
        cable_suspend(redir->cable);
    } else if (redir->has_hello && !redir->is_shown && !redir->is_unsettled &&
               cable_is_attached(redir->cable)) {
        announce(redir); // the reset told the device's speed
    }
}

static void reset_bus(struct usbredir *redir) {
    usbredir_request_cancel_all(redir);
    redir->address = ADDRESS_DEFAULT;
    redir->is_fresh = true;
    redir->is_recovering = true;
    timeline_cancel(redir->timeline, &redir->recovered_event);
    view_bus_reset(&redir->view);
    if (!redir->is_resetting) {
        redir->is_resetting = true;
        cable_bus_reset(redir->cable, bus_is_reset, redir);
    }
}

static void settled(void *ctx) {
    reset_bus(ctx);
}

// Shows the device as soon as there is one and a peer that may be told.
static void consider(struct usbredir *redir) {
    if (redir->parser != NULL && redir->has_hello && !redir->is_shown && !redir->is_unsettled &&
        cable_is_attached(redir->cable)) {
        timeline_schedule(redir->timeline, &redir->settled_event,
                          timeline_now(redir->timeline) + DEBOUNCE_PS);
    }
}

static void attached(void *ctx, enum usb_speed speed) {
    (void)speed;
    consider(ctx);
}

static void detached(void *ctx) {
    struct usbredir *redir = ctx;
    timeline_cancel(redir->timeline, &redir->settled_event);
    timeline_cancel(redir->timeline, &redir->recovered_event);
    redir->is_recovering = false;
    usbredir_request_cancel_all(redir); // what the cable had is ended; this is what was held
    redir->address = ADDRESS_DEFAULT;
    if (redir->parser != NULL && redir->is_shown) {
        usbredirparser_send_device_disconnect(redir->parser);
        redir->is_unsettled =
            usbredirparser_peer_has_cap(redir->parser, usb_redir_cap_device_disconnect_ack) != 0;
        trace_event(redir->trace, TRACE_USB, "guest-disconnect", "");
    }
    redir->is_shown = false;
}

// -- Packets of the connection itself

static void on_hello(void *ctx, struct usb_redir_hello_header *hello) {
    struct usbredir *redir = ctx;
    (void)hello;
    redir->has_hello = true;
    consider(redir);
}

static void on_reset(void *ctx) {
    struct usbredir *redir = ctx;
    if (redir->is_shown) {
        reset_bus(redir);
    }
}

static void on_disconnect_ack(void *ctx) {
    struct usbredir *redir = ctx;
    redir->is_unsettled = false;
    consider(redir);
}

static void on_filter_reject(void *ctx) {
    struct usbredir *redir = ctx;
    redir->is_refused = true;
}

static void on_filter_filter(void *ctx, struct usbredirfilter_rule *rules, int count) {
    (void)ctx; // what the peer would refuse; it refuses by itself
    (void)count;
    free(rules);
}

// -- The connection

static void on_log(void *ctx, int level, const char *msg) {
    struct usbredir *redir = ctx;
    if (level == usbredirparser_error) {
        (void)snprintf(redir->why, sizeof redir->why, "%s", msg);
    }
}

static bool may_read(const struct usbredir *redir) {
    return usbredirparser_has_data_to_write(redir->parser) < USBREDIR_UNSENT_PACKETS_MAX &&
           usbredirparser_get_bufferered_output_size(redir->parser) < USBREDIR_UNSENT_BYTES_MAX;
}

static int on_read(void *ctx, uint8_t *data, int count) {
    struct usbredir *redir = ctx;
    if (redir->to_read == 0 || !may_read(redir)) {
        return 0;
    }
    if ((unsigned)count > redir->to_read) {
        count = (int)redir->to_read;
    }
    ssize_t got = recv(redir->fd, data, (size_t)count, MSG_DONTWAIT);
    if (got > 0) {
        redir->to_read -= (unsigned)got;
        return (int)got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return 0;
    }
    redir->is_closed = true;
    return -1;
}

static int on_write(void *ctx, uint8_t *data, int count) {
    struct usbredir *redir = ctx;
    ssize_t put = send(redir->fd, data, (size_t)count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) {
        return (int)put;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return 0;
    }
    redir->is_closed = true;
    return -1;
}

static void set_callbacks(struct usbredirparser *parser, struct usbredir *redir) {
    parser->priv = redir;
    parser->log_func = on_log;
    parser->read_func = on_read;
    parser->write_func = on_write;
    parser->hello_func = on_hello;
    parser->reset_func = on_reset;
    parser->filter_reject_func = on_filter_reject;
    parser->filter_filter_func = on_filter_filter;
    parser->device_disconnect_ack_func = on_disconnect_ack;
    usbredir_take_packets(parser);
}

struct usbredir *usbredir_new(struct timeline *timeline, struct cable *cable, struct trace *trace) {
    struct usbredir *redir = calloc(1, sizeof *redir);
    if (redir == NULL) {
        return NULL;
    }
    redir->timeline = timeline;
    redir->cable = cable;
    redir->trace = trace;
    redir->fd = -1;
    redir->settled_event = (struct event){.fire = settled, .ctx = redir};
    redir->recovered_event = (struct event){.fire = usbredir_recovered, .ctx = redir};
    redir->addressed_event = (struct event){.fire = usbredir_addressed, .ctx = redir};
    view_clear(&redir->view);
    struct cable_listener listener = {.ctx = redir, .attached = attached, .detached = detached};
    cable_listen(cable, &listener);
    return redir;
}

void usbredir_free(struct usbredir *redir) {
    if (redir == NULL) {
        return;
    }
    usbredir_close(redir);
    timeline_cancel(redir->timeline, &redir->recovered_event);
    free(redir);
}

bool usbredir_open(struct usbredir *redir, int fd) {
    uint32_t caps[USB_REDIR_CAPS_SIZE] = {0};
    redir->parser = usbredirparser_create();
    if (redir->parser == NULL) {
        (void)close(fd);
        return false;
    }
    redir->fd = fd;
    redir->is_closed = false;
    redir->is_refused = false;
    redir->has_hello = false;
    redir->is_shown = false;
    redir->is_unsettled = false;
    redir->why[0] = '\0';
    set_callbacks(redir->parser, redir);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_connect_device_version);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_filter);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_device_disconnect_ack);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_ep_info_max_packet_size);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_64bits_ids);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_32bits_bulk_length);
    usbredirparser_init(redir->parser, "vboard", caps, USB_REDIR_CAPS_SIZE,
                        usbredirparser_fl_usb_host);
    return true;
}

void usbredir_close(struct usbredir *redir) {
    if (redir->parser == NULL) {
        return;
    }
    struct usbredirparser *parser = redir->parser;
    redir->parser = NULL; // nobody to answer to
    timeline_cancel(redir->timeline, &redir->settled_event);
    usbredir_request_cancel_all(redir);
    if (redir->is_shown) {
        trace_event(redir->trace, TRACE_USB, "guest-gone", "");
    }
    redir->is_shown = false;
    usbredirparser_destroy(parser);
    (void)close(redir->fd);
    redir->fd = -1;
    if (!redir->is_resetting) {
        cable_suspend(redir->cable);
    }
}

int usbredir_fd(const struct usbredir *redir) {
    return redir->fd;
}

short usbredir_wants(const struct usbredir *redir) {
    if (redir->parser == NULL) {
        return 0;
    }
    int wants = may_read(redir) ? POLLIN : 0;
    if (usbredirparser_has_data_to_write(redir->parser) > 0) {
        wants |= POLLOUT;
    }
    return (short)wants;
}

bool usbredir_is_busy(const struct usbredir *redir) {
    return redir->requests != NULL;
}

enum usbredir_result usbredir_serve(struct usbredir *redir, char why[256]) {
    if (redir->parser == NULL) {
        return USBREDIR_OK;
    }
    enum usbredir_result result = USBREDIR_OK;
    redir->to_read = READ_A_TURN;
    // Takes all there is, packet by packet, until on_read() gives less than it was asked for.
    if (usbredirparser_do_read(redir->parser) == usbredirparser_read_parse_error) {
        result = USBREDIR_MALFORMED;
    } else if (redir->is_closed) {
        result = USBREDIR_LEFT;
    }
    if (result == USBREDIR_OK && usbredirparser_has_data_to_write(redir->parser) > 0) {
        (void)usbredirparser_do_write(redir->parser);
        result = redir->is_closed ? USBREDIR_LEFT : USBREDIR_OK;
    }
    if (result == USBREDIR_MALFORMED) {
        (void)snprintf(why, 256, "the usbredir client sent what is not usbredir (%.180s)",
                       redir->why);
    } else if (result == USBREDIR_LEFT) {
        (void)snprintf(why, 256, "the usbredir client has gone");
    }
    if (result != USBREDIR_OK) {
        usbredir_close(redir);
    } else if (redir->is_refused) {
        redir->is_refused = false;
        (void)snprintf(why, 256,
                       "the usbredir client does not want the device: its USB controller "
                       "has no port of that speed, or a filter refuses it");
        return USBREDIR_REFUSED;
    }
    return result;
}
