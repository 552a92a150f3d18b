// SPDX-License-Identifier: MIT
//
// What the peer's packets ask of the device. The parser (libusbredirparser) checked lengths and directions;
// whether the device has what a packet names is checked here.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/host/usbredir_internal.h"

static void free_data(struct usbredir *redir, uint8_t *data) {
    if (data != NULL) {
        usbredirparser_free_packet_data(redir->parser, data);
    }
}

// -- Control

static void on_set_configuration(void *ctx, uint64_t id,
                                 struct usb_redir_set_configuration_header *header) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct usbredir_request *request =
        usbredir_request_new(redir, REQUEST_SET_CONFIGURATION, id, 0);
    if (request == NULL) {
        usbredir_send_configuration(redir, id, usb_redir_ioerror, redir->view.configuration);
        return;
    }
    struct usb_setup setup = {.bRequest = USB_SET_CONFIGURATION, .wValue = header->configuration};
    usbredir_request_control(request, &setup);
}

static void on_get_configuration(void *ctx, uint64_t id) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct usbredir_request *request =
        usbredir_request_new(redir, REQUEST_GET_CONFIGURATION, id, 1);
    if (request == NULL) {
        usbredir_send_configuration(redir, id, usb_redir_ioerror, 0);
        return;
    }
    struct usb_setup setup = {
        .bmRequestType = USB_DIR_IN, .bRequest = USB_GET_CONFIGURATION, .wLength = 1};
    usbredir_request_control(request, &setup);
}

static void on_set_alternate(void *ctx, uint64_t id,
                             struct usb_redir_set_alt_setting_header *header) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct usbredir_request *request = usbredir_request_new(redir, REQUEST_SET_ALTERNATE, id, 0);
    if (request == NULL) {
        usbredir_send_alternate(redir, id, usb_redir_ioerror, header->interface, 0);
        return;
    }
    request->interface = header->interface;
    struct usb_setup setup = {.bmRequestType = USB_RECIPIENT_INTERFACE,
                              .bRequest = USB_SET_INTERFACE,
                              .wValue = header->alt,
                              .wIndex = header->interface};
    usbredir_request_control(request, &setup);
}

static void on_get_alternate(void *ctx, uint64_t id,
                             struct usb_redir_get_alt_setting_header *header) {
    struct usbredir *redir = ctx;
    if (!redir->is_shown) {
        return;
    }
    struct usbredir_request *request = usbredir_request_new(redir, REQUEST_GET_ALTERNATE, id, 1);
    if (request == NULL) {
        usbredir_send_alternate(redir, id, usb_redir_ioerror, header->interface, 0);
        return;
    }
    request->interface = header->interface;
    struct usb_setup setup = {.bmRequestType = USB_DIR_IN | USB_RECIPIENT_INTERFACE,
                              .bRequest = USB_GET_INTERFACE,
                              .wIndex = header->interface,
                              .wLength = 1};
    usbredir_request_control(request, &setup);
}

static void on_cancel(void *ctx, uint64_t id) {
    struct usbredir *redir = ctx;
    for (struct usbredir_request *request = redir->requests; request != NULL;
         request = request->next) {
        if (request->id == id) {
            if (request->is_held) {
                usbredir_request_end(request, usb_redir_cancelled, 0);
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
    struct usbredir_request *request =
        usbredir_request_new(redir, REQUEST_CONTROL, id, header->length);
    if (request == NULL) {
        refuse_control(redir, id, header, usb_redir_ioerror);
        return;
    }
    request->control = *header;
    if (!in && len > 0) {
        memcpy(request->data, data, (size_t)len); // the parser saw that len is wLength
    }
    usbredir_request_control(request, &setup);
}

static void on_control(void *ctx, uint64_t id, struct usb_redir_control_packet_header *header,
                       uint8_t *data, int len) {
    struct usbredir *redir = ctx;
    if (redir->is_shown) {
        take_control(redir, id, header, data, len);
    }
    free_data(redir, data);
}

// -- Bulk and interrupt OUT

// The rest of a transfer to an endpoint of the configuration in force.
static void start_data(struct usbredir_request *request, uint8_t address,
                       const struct usbredir_endpoint *endpoint, const uint8_t *data, int len) {
    struct usbredir *redir = request->redir;
    struct cable_transfer *transfer = &request->transfer;
    transfer->type = (enum usb_transfer_type)endpoint->type;
    transfer->address = USBREDIR_ADDRESS;
    transfer->endpoint = address & USBREDIR_NUMBER_MASK;
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
        struct usbredir_request *request =
            endpoint != NULL ? usbredir_request_new(redir, REQUEST_BULK, id, length) : NULL;
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
        struct usbredir_request *request =
            endpoint != NULL
                ? usbredir_request_new(redir, REQUEST_INTERRUPT_OUT, id, header->length)
                : NULL;
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
    struct usbredir_stream *stream = ctx;
    struct usbredir *redir = stream->redir;
    uint8_t address = transfer->endpoint | USB_DIR_IN;
    stream->is_submitted = false;
    if (!stream->is_on || redir->parser == NULL) {
        return;
    }
    if (transfer->status != CABLE_OK) {
        stream->is_on = false;
        if (redir->is_shown && transfer->status != CABLE_CANCELLED) {
            send_receiving_status(redir, 0, address, usbredir_status(transfer->status));
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
    struct usbredir_stream *stream = &redir->streams[header->endpoint & USBREDIR_NUMBER_MASK];
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
            .address = USBREDIR_ADDRESS,
            .endpoint = header->endpoint & USBREDIR_NUMBER_MASK,
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
    struct usbredir_stream *stream = &redir->streams[header->endpoint & USBREDIR_NUMBER_MASK];
    stream->is_on = false;
    if (stream->is_submitted) {
        cable_cancel(redir->cable, &stream->transfer);
    }
    if (redir->is_shown) {
        send_receiving_status(redir, id, header->endpoint, usb_redir_success);
    }
}

// -- What this face does not have

static void refuse_iso_stream(struct usbredir *redir, uint64_t id, uint8_t endpoint) {
    struct usb_redir_iso_stream_status_header reply = {.status = usb_redir_inval,
                                                       .endpoint = endpoint};
    if (redir->is_shown) {
        usbredirparser_send_iso_stream_status(redir->parser, id, &reply);
    }
}

static void on_start_iso(void *ctx, uint64_t id, struct usb_redir_start_iso_stream_header *header) {
    struct usbredir *redir = ctx;
    char key[8];
    (void)snprintf(key, sizeof key, "%02x", header->endpoint);
    trace_complaint(redir->trace, "isochronous", key,
                    "the usbredir client wants isochronous transfers at endpoint 0x%02X, which "
                    "vboard does not carry: they are refused; its other transfers go on",
                    header->endpoint);
    refuse_iso_stream(redir, id, header->endpoint);
}

static void on_stop_iso(void *ctx, uint64_t id, struct usb_redir_stop_iso_stream_header *header) {
    refuse_iso_stream(ctx, id, header->endpoint);
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

void usbredir_take_packets(struct usbredirparser *parser) {
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
    parser->control_packet_func = on_control;
    parser->bulk_packet_func = on_bulk;
    parser->iso_packet_func = on_iso;
    parser->interrupt_packet_func = on_interrupt;
}
