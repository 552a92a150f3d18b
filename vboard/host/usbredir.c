// SPDX-License-Identifier: MIT
//
// usbredir packets to transfers on the cable and back. The parser (libusbredirparser) checks lengths
// and directions; what a packet means, and whether the device has what it names, is checked here.

#include "vboard/host/usbredir.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <usbredirparser.h>

#include "vboard/host/usbredir_view.h"

#define ADDRESS       1u
// USB 2.0 7.1.7.3 TATTDB: nobody resets a device sooner after it attached.
#define DEBOUNCE_PS   (100 * PS_PER_MS)
// USB 2.0 9.2.6.3: what a device may take to listen to its new address.
#define RECOVERY_PS   (2 * PS_PER_MS)
// What Linux and Windows read first, at address 0.
#define FIRST_READING 64u
#define ENDPOINTS     16u
#define NUMBER_MASK   0x0fu
// What a peer may send before the board goes on.
#define READ_A_TURN   (256u << 10)

// Which packet asked, and so which one answers.
enum request_kind {
    REQUEST_CONTROL,
    REQUEST_BULK,
    REQUEST_INTERRUPT_OUT,
    REQUEST_SET_CONFIGURATION,
    REQUEST_GET_CONFIGURATION,
    REQUEST_SET_ALTERNATE,
    REQUEST_GET_ALTERNATE,
};

struct request {
    struct cable_transfer transfer;
    struct usbredir *redir;
    struct request *next;
    enum request_kind kind;
    bool is_held; // until the device has its address
    uint64_t id;
    struct usb_redir_control_packet_header control;
    struct usb_redir_bulk_packet_header bulk;
    struct usb_redir_interrupt_packet_header interrupt;
    uint8_t interface; // of an alternate setting
    uint8_t data[];
};

// An interrupt IN endpoint that is being asked all the time.
struct stream {
    struct cable_transfer transfer;
    struct usbredir *redir;
    bool is_on;
    bool is_submitted;
    uint8_t data[WIRE_PACKET_MAX];
};

enum address_state { ADDRESS_DEFAULT, ADDRESS_UNDER_WAY, ADDRESS_GIVEN, ADDRESS_REFUSED };

struct usbredir {
    struct timeline *timeline;
    struct cable *cable;
    struct trace *trace;
    struct usbredirparser *parser; // NULL: no peer
    int fd;
    unsigned to_read; // bytes, in this turn
    bool is_closed;   // by the peer
    bool is_refused;
    bool has_hello;
    bool is_shown;     // the peer knows of the device
    bool is_unsettled; // the peer has not acknowledged the last disconnect
    bool is_resetting;
    char why[256]; // the parser's last complaint
    struct event settled_event;
    struct event addressed_event;
    enum address_state address;
    bool is_fresh; // no request since the bus reset
    struct cable_transfer addressing;
    struct request *requests; // in order
    unsigned request_count;
    struct stream streams[ENDPOINTS];
    struct usbredir_view view;
};

static void free_data(struct usbredir *redir, uint8_t *data) {
    if (data != NULL) {
        usbredirparser_free_packet_data(redir->parser, data);
    }
}

static uint8_t status_of(enum cable_status status) {
    switch (status) {
    case CABLE_OK:
        return usb_redir_success;
    case CABLE_STALL:
        return usb_redir_stall;
    case CABLE_BABBLE:
        return usb_redir_babble;
    case CABLE_CANCELLED:
        return usb_redir_cancelled;
    case CABLE_NO_ANSWER:
    case CABLE_GONE:
        break;
    }
    return usb_redir_ioerror;
}

// -- Answers

static void send_configuration_status(struct usbredir *redir, uint64_t id, uint8_t status,
                                      uint8_t configuration) {
    struct usb_redir_configuration_status_header header = {.status = status,
                                                           .configuration = configuration};
    usbredirparser_send_configuration_status(redir->parser, id, &header);
}

static void send_alternate_status(struct usbredir *redir, uint64_t id, uint8_t status,
                                  uint8_t interface, uint8_t alternate) {
    struct usb_redir_alt_setting_status_header header = {
        .status = status, .interface = interface, .alt = alternate};
    usbredirparser_send_alt_setting_status(redir->parser, id, &header);
}

static void send_view(struct usbredir *redir) {
    struct usb_redir_interface_info_header interfaces;
    struct usb_redir_ep_info_header endpoints;
    view_describe(&redir->view, &interfaces, &endpoints);
    usbredirparser_send_interface_info(redir->parser, &interfaces);
    usbredirparser_send_ep_info(redir->parser, &endpoints);
}

static void answer(struct request *request, uint8_t status, uint32_t actual) {
    struct usbredir *redir = request->redir;
    bool in = request->transfer.in;
    uint8_t *data = in && actual > 0 ? request->data : NULL;
    int len = data != NULL ? (int)actual : 0;
    switch (request->kind) {
    case REQUEST_CONTROL:
        request->control.status = status;
        request->control.length = (uint16_t)actual;
        usbredirparser_send_control_packet(redir->parser, request->id, &request->control, data,
                                           len);
        return;
    case REQUEST_BULK:
        request->bulk.status = status;
        request->bulk.length = (uint16_t)actual;
        request->bulk.length_high = (uint16_t)(actual >> 16);
        usbredirparser_send_bulk_packet(redir->parser, request->id, &request->bulk, data, len);
        return;
    case REQUEST_INTERRUPT_OUT:
        request->interrupt.status = status;
        request->interrupt.length = (uint16_t)actual;
        usbredirparser_send_interrupt_packet(redir->parser, request->id, &request->interrupt, NULL,
                                             0);
        return;
    case REQUEST_SET_CONFIGURATION:
        send_configuration_status(redir, request->id, status, redir->view.configuration);
        return;
    case REQUEST_GET_CONFIGURATION:
        send_configuration_status(redir, request->id, status, len > 0 ? request->data[0] : 0);
        return;
    case REQUEST_SET_ALTERNATE:
        send_alternate_status(redir, request->id, status, request->interface,
                              request->transfer.setup[2]);
        return;
    case REQUEST_GET_ALTERNATE:
        send_alternate_status(redir, request->id, status, request->interface,
                              len > 0 ? request->data[0] : 0);
        return;
    }
}

static void end_request(struct request *request, uint8_t status, uint32_t actual) {
    struct usbredir *redir = request->redir;
    struct request **at = &redir->requests;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    redir->request_count--;
    if (redir->parser != NULL) {
        answer(request, status, actual);
    }
    free(request);
}

// The endpoints that a request leaves with DATA0 next (USB 2.0 9.1.1.5, 9.4.5, 9.4.10).
static void restart_toggles(struct usbredir *redir, const struct usb_setup *setup) {
    unsigned recipient = setup->bmRequestType & USB_RECIPIENT_MASK;
    if (recipient == USB_RECIPIENT_ENDPOINT) {
        cable_reset_toggle(redir->cable, setup->wIndex & NUMBER_MASK,
                           (setup->wIndex & USB_DIR_IN) != 0);
        return;
    }
    for (unsigned i = 0; i < VIEW_ENDPOINTS_MAX; i++) {
        const struct usbredir_endpoint *endpoint = &redir->view.endpoints[i];
        if (recipient == USB_RECIPIENT_DEVICE ||
            (endpoint->exists && endpoint->interface == setup->wIndex)) {
            cable_reset_toggle(redir->cable, i & NUMBER_MASK, i >= ENDPOINTS);
        }
    }
}

static void control_succeeded(struct request *request) {
    struct usbredir *redir = request->redir;
    struct usb_setup setup = usb_setup_load(request->transfer.setup);
    if (view_learn(&redir->view, &setup, request->data, request->transfer.actual)) {
        restart_toggles(redir, &setup);
        if (redir->parser != NULL) {
            send_view(redir); // before the status, as the protocol wants it
        }
    } else if (setup.bmRequestType == USB_RECIPIENT_ENDPOINT &&
               setup.bRequest == USB_CLEAR_FEATURE && setup.wValue == USB_FEATURE_ENDPOINT_HALT) {
        restart_toggles(redir, &setup);
    }
}

static void request_done(struct cable_transfer *transfer, void *ctx) {
    struct request *request = ctx;
    if (transfer->status == CABLE_OK && transfer->type == USB_XFER_CONTROL) {
        control_succeeded(request);
    }
    end_request(request, status_of(transfer->status), transfer->actual);
}

// -- Requests on their way to the device

// NULL, and nothing allocated, when there are too many or memory is out.
static struct request *new_request(struct usbredir *redir, enum request_kind kind, uint64_t id,
                                   uint32_t len) {
    if (redir->request_count >= USBREDIR_REQUESTS_MAX || len > USBREDIR_BYTES_MAX) {
        return NULL;
    }
    struct request *request = calloc(1, sizeof *request + len);
    if (request == NULL) {
        return NULL;
    }
    request->redir = redir;
    request->kind = kind;
    request->id = id;
    request->transfer.data = request->data;
    request->transfer.length = len;
    request->transfer.done = request_done;
    request->transfer.ctx = request;
    struct request **end = &redir->requests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = request;
    redir->request_count++;
    return request;
}

static void submit_control(struct request *request) {
    struct usbredir *redir = request->redir;
    request->is_held = false;
    request->transfer.address = redir->address == ADDRESS_GIVEN ? ADDRESS : 0;
    request->transfer.packet_bytes = redir->view.ep0_bytes;
    cable_submit(redir->cable, &request->transfer);
}

// Lets the requests that waited for the device's address go on.
static void release_held(struct usbredir *redir) {
    struct request *next;
    for (struct request *request = redir->requests; request != NULL; request = next) {
        next = request->next;
        if (!request->is_held) {
            continue;
        }
        if (redir->address == ADDRESS_GIVEN) {
            submit_control(request);
        } else {
            end_request(request, usb_redir_ioerror, 0);
        }
    }
}

static void addressed(void *ctx) {
    struct usbredir *redir = ctx;
    redir->address = ADDRESS_GIVEN;
    release_held(redir);
}

static void addressing_done(struct cable_transfer *transfer, void *ctx) {
    struct usbredir *redir = ctx;
    if (redir->address != ADDRESS_UNDER_WAY) {
        return; // a bus reset came between
    }
    if (transfer->status == CABLE_OK) {
        timeline_schedule(redir->timeline, &redir->addressed_event,
                          timeline_now(redir->timeline) + RECOVERY_PS);
        return;
    }
    redir->address = ADDRESS_REFUSED;
    release_held(redir);
}

static void give_address(struct usbredir *redir) {
    struct usb_setup setup = {.bRequest = USB_SET_ADDRESS, .wValue = ADDRESS};
    redir->address = ADDRESS_UNDER_WAY;
    redir->addressing = (struct cable_transfer){
        .type = USB_XFER_CONTROL,
        .packet_bytes = redir->view.ep0_bytes,
        .done = addressing_done,
        .ctx = redir,
    };
    usb_setup_store(&setup, redir->addressing.setup);
    cable_submit(redir->cable, &redir->addressing);
}

static bool is_first_reading(const struct usb_setup *setup) {
    return setup->bmRequestType == USB_DIR_IN && setup->bRequest == USB_GET_DESCRIPTOR &&
           setup->wValue == USB_DT_DEVICE << 8 && setup->wLength == FIRST_READING;
}

static void start_control(struct request *request, const struct usb_setup *setup) {
    struct usbredir *redir = request->redir;
    request->transfer.type = USB_XFER_CONTROL;
    request->transfer.in = (setup->bmRequestType & USB_DIR_IN) != 0;
    usb_setup_store(setup, request->transfer.setup);
    bool is_at_zero =
        redir->address == ADDRESS_DEFAULT && redir->is_fresh && is_first_reading(setup);
    redir->is_fresh = false;
    if (redir->address == ADDRESS_GIVEN || is_at_zero) {
        submit_control(request);
        return;
    }
    request->is_held = true;
    if (redir->address == ADDRESS_DEFAULT) {
        give_address(redir);
    } else if (redir->address == ADDRESS_REFUSED) {
        end_request(request, usb_redir_ioerror, 0);
    }
}

// Ends everything; each is answered `cancelled` while there is a peer.
static void cancel_all(struct usbredir *redir) {
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        redir->streams[i].is_on = false;
        if (redir->streams[i].is_submitted) {
            cable_cancel(redir->cable, &redir->streams[i].transfer);
        }
    }
    while (redir->requests != NULL) {
        struct request *request = redir->requests;
        if (request->is_held) {
            end_request(request, usb_redir_cancelled, 0);
        } else {
            cable_cancel(redir->cable, &request->transfer);
        }
    }
    if (redir->address == ADDRESS_UNDER_WAY) {
        redir->address = ADDRESS_DEFAULT;
        timeline_cancel(redir->timeline, &redir->addressed_event);
        cable_cancel(redir->cable, &redir->addressing);
    }
}

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
    send_view(redir);
    usbredirparser_send_device_connect(redir->parser, &header);
    redir->is_shown = true;
    trace_event(redir->trace, TRACE_USB, "guest-connect", "");
}

static void bus_is_reset(void *ctx) {
    struct usbredir *redir = ctx;
    redir->is_resetting = false;
    if (redir->parser == NULL) {
        cable_suspend(redir->cable);
    } else if (redir->has_hello && !redir->is_shown && !redir->is_unsettled &&
               cable_is_attached(redir->cable)) {
        announce(redir); // the reset told the device's speed
    }
}

static void reset_bus(struct usbredir *redir) {
    cancel_all(redir);
    redir->address = ADDRESS_DEFAULT;
    redir->is_fresh = true;
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
    cancel_all(redir); // what the cable had is ended; this is what was held
    redir->address = ADDRESS_DEFAULT;
    if (redir->parser != NULL && redir->is_shown) {
        usbredirparser_send_device_disconnect(redir->parser);
        redir->is_unsettled =
            usbredirparser_peer_has_cap(redir->parser, usb_redir_cap_device_disconnect_ack) != 0;
        trace_event(redir->trace, TRACE_USB, "guest-disconnect", "");
    }
    redir->is_shown = false;
}

// -- Packets from the peer

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

static void on_set_configuration(void *ctx, uint64_t id,
                                 struct usb_redir_set_configuration_header *header) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct request *request = new_request(redir, REQUEST_SET_CONFIGURATION, id, 0);
    if (request == NULL) {
        send_configuration_status(redir, id, usb_redir_ioerror, redir->view.configuration);
        return;
    }
    struct usb_setup setup = {.bRequest = USB_SET_CONFIGURATION, .wValue = header->configuration};
    start_control(request, &setup);
}

static void on_get_configuration(void *ctx, uint64_t id) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct request *request = new_request(redir, REQUEST_GET_CONFIGURATION, id, 1);
    if (request == NULL) {
        send_configuration_status(redir, id, usb_redir_ioerror, 0);
        return;
    }
    struct usb_setup setup = {
        .bmRequestType = USB_DIR_IN, .bRequest = USB_GET_CONFIGURATION, .wLength = 1};
    start_control(request, &setup);
}

static void on_set_alternate(void *ctx, uint64_t id,
                             struct usb_redir_set_alt_setting_header *header) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct request *request = new_request(redir, REQUEST_SET_ALTERNATE, id, 0);
    if (request == NULL) {
        send_alternate_status(redir, id, usb_redir_ioerror, header->interface, 0);
        return;
    }
    request->interface = header->interface;
    struct usb_setup setup = {.bmRequestType = USB_RECIPIENT_INTERFACE,
                              .bRequest = USB_SET_INTERFACE,
                              .wValue = header->alt,
                              .wIndex = header->interface};
    start_control(request, &setup);
}

static void on_get_alternate(void *ctx, uint64_t id,
                             struct usb_redir_get_alt_setting_header *header) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct request *request = new_request(redir, REQUEST_GET_ALTERNATE, id, 1);
    if (request == NULL) {
        send_alternate_status(redir, id, usb_redir_ioerror, header->interface, 0);
        return;
    }
    request->interface = header->interface;
    struct usb_setup setup = {.bmRequestType = USB_DIR_IN | USB_RECIPIENT_INTERFACE,
                              .bRequest = USB_GET_INTERFACE,
                              .wIndex = header->interface,
                              .wLength = 1};
    start_control(request, &setup);
}

static void on_cancel(void *ctx, uint64_t id) {
    struct usbredir *redir = ctx;
    for (struct request *request = redir->requests; request != NULL; request = request->next) {
        if (request->id == id) {
            if (request->is_held) {
                end_request(request, usb_redir_cancelled, 0);
            } else {
                cable_cancel(redir->cable, &request->transfer);
            }
            return;
        }
    }
    // It was answered already: the two crossed.
}

static void refuse_control(struct usbredir *redir, uint64_t id,
                           const struct usb_redir_control_packet_header *header, uint8_t status) {
    struct usb_redir_control_packet_header reply = *header;
    reply.status = status;
    reply.length = 0;
    usbredirparser_send_control_packet(redir->parser, id, &reply, NULL, 0);
}

static void take_control(struct usbredir *redir, uint64_t id,
                         const struct usb_redir_control_packet_header *header, const uint8_t *data,
                         int len) {
    struct usb_setup setup = {.bmRequestType = header->requesttype,
                              .bRequest = header->request,
                              .wValue = header->value,
                              .wIndex = header->index,
                              .wLength = header->length};
    bool in = (setup.bmRequestType & USB_DIR_IN) != 0;
    bool is_set_address =
        setup.bmRequestType == USB_RECIPIENT_DEVICE && setup.bRequest == USB_SET_ADDRESS;
    // Addresses on the cable are ours; and endpoint zero is the only control endpoint.
    if (header->endpoint != (in ? USB_DIR_IN : 0) || is_set_address) {
        refuse_control(redir, id, header, usb_redir_inval);
        return;
    }
    struct request *request = new_request(redir, REQUEST_CONTROL, id, header->length);
    if (request == NULL) {
        refuse_control(redir, id, header, usb_redir_ioerror);
        return;
    }
    request->control = *header;
    if (!in && len > 0) {
        memcpy(request->data, data, (size_t)len); // the parser saw that len is wLength
    }
    start_control(request, &setup);
}

static void on_control(void *ctx, uint64_t id, struct usb_redir_control_packet_header *header,
                       uint8_t *data, int len) {
    struct usbredir *redir = ctx;
    if (redir->is_shown) {
        take_control(redir, id, header, data, len);
    }
    free_data(redir, data);
}

// The rest of a transfer to an endpoint of the configuration in force.
static void start_data(struct request *request, uint8_t address,
                       const struct usbredir_endpoint *endpoint, const uint8_t *data, int len) {
    struct usbredir *redir = request->redir;
    struct cable_transfer *transfer = &request->transfer;
    transfer->type = (enum usb_transfer_type)endpoint->type;
    transfer->address = ADDRESS;
    transfer->endpoint = address & NUMBER_MASK;
    transfer->in = (address & USB_DIR_IN) != 0;
    transfer->packet_bytes = endpoint->packet_bytes;
    transfer->interval = endpoint->interval;
    if (!transfer->in && len > 0) {
        memcpy(request->data, data, (size_t)len);
    }
    cable_submit(redir->cable, transfer);
}

// An endpoint of that type, while the device has an address; else NULL.
static const struct usbredir_endpoint *find_endpoint(const struct usbredir *redir, uint8_t address,
                                                     enum usb_transfer_type type) {
    const struct usbredir_endpoint *endpoint = view_endpoint(&redir->view, address);
    return redir->address == ADDRESS_GIVEN && endpoint != NULL && endpoint->type == type &&
                   endpoint->packet_bytes > 0
               ? endpoint
               : NULL;
}

static void on_bulk(void *ctx, uint64_t id, struct usb_redir_bulk_packet_header *header,
                    uint8_t *data, int len) {
    struct usbredir *redir = ctx;
    struct usbredirparser *parser = redir->parser;
    uint32_t length = header->length;
    if (usbredirparser_have_cap(parser, usb_redir_cap_32bits_bulk_length) &&
        usbredirparser_peer_has_cap(parser, usb_redir_cap_32bits_bulk_length)) {
        length |= (uint32_t)header->length_high << 16;
    }
    if (redir->is_shown) {
        const struct usbredir_endpoint *endpoint =
            header->stream_id == 0 ? find_endpoint(redir, header->endpoint, USB_XFER_BULK) : NULL;
        struct request *request =
            endpoint != NULL ? new_request(redir, REQUEST_BULK, id, length) : NULL;
        if (request != NULL) {
            request->bulk = *header;
            start_data(request, header->endpoint, endpoint, data, len);
        } else {
            struct usb_redir_bulk_packet_header reply = *header;
            reply.status = endpoint != NULL ? usb_redir_ioerror : usb_redir_inval;
            reply.length = 0;
            reply.length_high = 0;
            usbredirparser_send_bulk_packet(parser, id, &reply, NULL, 0);
        }
    }
    free_data(redir, data);
}

static void on_interrupt(void *ctx, uint64_t id, struct usb_redir_interrupt_packet_header *header,
                         uint8_t *data, int len) {
    struct usbredir *redir = ctx;
    if (redir->is_shown) {
        const struct usbredir_endpoint *endpoint =
            find_endpoint(redir, header->endpoint, USB_XFER_INTERRUPT);
        struct request *request =
            endpoint != NULL ? new_request(redir, REQUEST_INTERRUPT_OUT, id, header->length) : NULL;
        if (request != NULL) {
            request->interrupt = *header;
            start_data(request, header->endpoint, endpoint, data, len);
        } else {
            struct usb_redir_interrupt_packet_header reply = *header;
            reply.status = endpoint != NULL ? usb_redir_ioerror : usb_redir_inval;
            reply.length = 0;
            usbredirparser_send_interrupt_packet(redir->parser, id, &reply, NULL, 0);
        }
    }
    free_data(redir, data);
}

// -- Interrupt IN: asked here, sent when something came

static void send_receiving_status(struct usbredir *redir, uint64_t id, uint8_t endpoint,
                                  uint8_t status) {
    struct usb_redir_interrupt_receiving_status_header header = {.status = status,
                                                                 .endpoint = endpoint};
    usbredirparser_send_interrupt_receiving_status(redir->parser, id, &header);
}

static void stream_done(struct cable_transfer *transfer, void *ctx) {
    struct stream *stream = ctx;
    struct usbredir *redir = stream->redir;
    uint8_t address = transfer->endpoint | USB_DIR_IN;
    stream->is_submitted = false;
    if (!stream->is_on || redir->parser == NULL) {
        return;
    }
    if (transfer->status != CABLE_OK) {
        stream->is_on = false;
        if (redir->is_shown && transfer->status != CABLE_CANCELLED) {
            send_receiving_status(redir, 0, address, status_of(transfer->status));
        }
        return;
    }
    struct usb_redir_interrupt_packet_header header = {
        .endpoint = address, .status = usb_redir_success, .length = (uint16_t)transfer->actual};
    usbredirparser_send_interrupt_packet(redir->parser, 0, &header,
                                         transfer->actual > 0 ? stream->data : NULL,
                                         (int)transfer->actual);
    stream->is_submitted = true;
    cable_submit(redir->cable, transfer);
}

static void on_start_interrupt(void *ctx, uint64_t id,
                               struct usb_redir_start_interrupt_receiving_header *header) {
    struct usbredir *redir = ctx;
    const struct usbredir_endpoint *endpoint =
        find_endpoint(redir, header->endpoint, USB_XFER_INTERRUPT);
    struct stream *stream = &redir->streams[header->endpoint & NUMBER_MASK];
    if (!redir->is_shown) {
        return;
    }
    if (endpoint == NULL || endpoint->packet_bytes > sizeof stream->data) {
        send_receiving_status(redir, id, header->endpoint, usb_redir_inval);
        return;
    }
    stream->is_on = true;
    if (!stream->is_submitted) {
        stream->redir = redir;
        stream->is_submitted = true;
        stream->transfer = (struct cable_transfer){
            .type = USB_XFER_INTERRUPT,
            .address = ADDRESS,
            .endpoint = header->endpoint & NUMBER_MASK,
            .in = true,
            .packet_bytes = endpoint->packet_bytes,
            .interval = endpoint->interval,
            .data = stream->data,
            .length = endpoint->packet_bytes,
            .done = stream_done,
            .ctx = stream,
        };
        cable_submit(redir->cable, &stream->transfer);
    }
    send_receiving_status(redir, id, header->endpoint, usb_redir_success);
}

static void on_stop_interrupt(void *ctx, uint64_t id,
                              struct usb_redir_stop_interrupt_receiving_header *header) {
    struct usbredir *redir = ctx;
    struct stream *stream = &redir->streams[header->endpoint & NUMBER_MASK];
    stream->is_on = false;
    if (stream->is_submitted) {
        cable_cancel(redir->cable, &stream->transfer);
    }
    if (redir->is_shown) {
        send_receiving_status(redir, id, header->endpoint, usb_redir_success);
    }
}

// -- What this face does not have

static void on_start_iso(void *ctx, uint64_t id, struct usb_redir_start_iso_stream_header *header) {
    struct usbredir *redir = ctx;
    struct usb_redir_iso_stream_status_header reply = {.status = usb_redir_inval,
                                                       .endpoint = header->endpoint};
    if (redir->is_shown) {
        usbredirparser_send_iso_stream_status(redir->parser, id, &reply);
    }
}

static void on_stop_iso(void *ctx, uint64_t id, struct usb_redir_stop_iso_stream_header *header) {
    struct usb_redir_start_iso_stream_header same = {.endpoint = header->endpoint};
    on_start_iso(ctx, id, &same);
}

static void on_iso(void *ctx, uint64_t id, struct usb_redir_iso_packet_header *header,
                   uint8_t *data, int len) {
    (void)id; // no stream was granted, so nobody waits for an answer
    (void)header;
    (void)len;
    free_data(ctx, data);
}

static void refuse_bulk_streams(struct usbredir *redir, uint64_t id, uint32_t endpoints) {
    struct usb_redir_bulk_streams_status_header reply = {.endpoints = endpoints,
                                                         .status = usb_redir_inval};
    if (redir->is_shown) {
        usbredirparser_send_bulk_streams_status(redir->parser, id, &reply);
    }
}

static void on_alloc_streams(void *ctx, uint64_t id,
                             struct usb_redir_alloc_bulk_streams_header *header) {
    refuse_bulk_streams(ctx, id, header->endpoints);
}

static void on_free_streams(void *ctx, uint64_t id,
                            struct usb_redir_free_bulk_streams_header *header) {
    refuse_bulk_streams(ctx, id, header->endpoints);
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
    parser->set_configuration_func = on_set_configuration;
    parser->get_configuration_func = on_get_configuration;
    parser->set_alt_setting_func = on_set_alternate;
    parser->get_alt_setting_func = on_get_alternate;
    parser->start_iso_stream_func = on_start_iso;
    parser->stop_iso_stream_func = on_stop_iso;
    parser->start_interrupt_receiving_func = on_start_interrupt;
    parser->stop_interrupt_receiving_func = on_stop_interrupt;
    parser->alloc_bulk_streams_func = on_alloc_streams;
    parser->free_bulk_streams_func = on_free_streams;
    parser->cancel_data_packet_func = on_cancel;
    parser->filter_reject_func = on_filter_reject;
    parser->filter_filter_func = on_filter_filter;
    parser->device_disconnect_ack_func = on_disconnect_ack;
    parser->control_packet_func = on_control;
    parser->bulk_packet_func = on_bulk;
    parser->iso_packet_func = on_iso;
    parser->interrupt_packet_func = on_interrupt;
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
    redir->addressed_event = (struct event){.fire = addressed, .ctx = redir};
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
    cancel_all(redir);
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
