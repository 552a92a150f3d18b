// SPDX-License-Identifier: MIT
//
// Requests of the peer on their way to the device, and their answers. The peer's kernel believes that it gives
// the device an address, but QEMU keeps that to itself: so it is given here, before the first request that
// needs it.

#include <stdlib.h>

#include "vboard/host/usbredir_internal.h"

// USB 2.0 9.2.6.3: what a device may take to listen to its new address.
#define RECOVERY_PS   (2 * PS_PER_MS)
// What Linux and Windows read first, at address 0.
#define FIRST_READING 64u

uint8_t usbredir_status(enum cable_status status) {
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

void usbredir_send_configuration(struct usbredir *redir, uint64_t id, uint8_t status,
                                 uint8_t configuration) {
    struct usb_redir_configuration_status_header header = {.status = status,
                                                           .configuration = configuration};
    usbredirparser_send_configuration_status(redir->parser, id, &header);
}

void usbredir_send_alternate(struct usbredir *redir, uint64_t id, uint8_t status, uint8_t interface,
                             uint8_t alternate) {
    struct usb_redir_alt_setting_status_header header = {
        .status = status, .interface = interface, .alt = alternate};
    usbredirparser_send_alt_setting_status(redir->parser, id, &header);
}

void usbredir_send_view(struct usbredir *redir) {
    struct usb_redir_interface_info_header interfaces;
    struct usb_redir_ep_info_header endpoints;
    view_describe(&redir->view, &interfaces, &endpoints);
    usbredirparser_send_interface_info(redir->parser, &interfaces);
    usbredirparser_send_ep_info(redir->parser, &endpoints);
}

static void answer(struct usbredir_request *request, uint8_t status, uint32_t actual) {
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
        usbredir_send_configuration(redir, request->id, status, redir->view.configuration);
        return;
    case REQUEST_GET_CONFIGURATION:
        usbredir_send_configuration(redir, request->id, status, len > 0 ? request->data[0] : 0);
        return;
    case REQUEST_SET_ALTERNATE:
        usbredir_send_alternate(redir, request->id, status, request->interface,
                                request->transfer.setup[2]);
        return;
    case REQUEST_GET_ALTERNATE:
        usbredir_send_alternate(redir, request->id, status, request->interface,
                                len > 0 ? request->data[0] : 0);
        return;
    }
}

void usbredir_request_end(struct usbredir_request *request, uint8_t status, uint32_t actual) {
    struct usbredir *redir = request->redir;
    struct usbredir_request **at = &redir->requests;
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

static void control_succeeded(struct usbredir_request *request) {
    struct usbredir *redir = request->redir;
    struct usb_setup setup = usb_setup_load(request->transfer.setup);
    if (view_learn(&redir->view, &setup, request->data, request->transfer.actual)) {
        view_restart_toggles(&redir->view, &setup, redir->cable);
        if (redir->parser != NULL) {
            usbredir_send_view(redir); // before the status, as the protocol wants it
        }
    } else if (setup.bmRequestType == USB_RECIPIENT_ENDPOINT &&
               setup.bRequest == USB_CLEAR_FEATURE && setup.wValue == USB_FEATURE_ENDPOINT_HALT) {
        view_restart_toggles(&redir->view, &setup, redir->cable);
    }
}

static void request_done(struct cable_transfer *transfer, void *ctx) {
    struct usbredir_request *request = ctx;
    if (transfer->status == CABLE_OK && transfer->type == USB_XFER_CONTROL) {
        control_succeeded(request);
    }
    usbredir_request_end(request, usbredir_status(transfer->status), transfer->actual);
}

// -- Requests on their way to the device

struct usbredir_request *usbredir_request_new(struct usbredir *redir,
                                              enum usbredir_request_kind kind, uint64_t id,
                                              uint32_t len) {
    if (redir->request_count >= USBREDIR_REQUESTS_MAX || len > USBREDIR_BYTES_MAX) {
        return NULL;
    }
    struct usbredir_request *request = calloc(1, sizeof *request + len);
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
    struct usbredir_request **end = &redir->requests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = request;
    redir->request_count++;
    return request;
}

static void submit_control(struct usbredir_request *request) {
    struct usbredir *redir = request->redir;
    request->is_held = false;
    request->transfer.address = redir->address == ADDRESS_GIVEN ? USBREDIR_ADDRESS : 0;
    request->transfer.packet_bytes = redir->view.ep0_bytes;
    cable_submit(redir->cable, &request->transfer);
}

// Lets the requests that waited for the device's address go on.
static void release_held(struct usbredir *redir) {
    struct usbredir_request *next;
    for (struct usbredir_request *request = redir->requests; request != NULL; request = next) {
        next = request->next;
        if (!request->is_held) {
            continue;
        }
        if (redir->address == ADDRESS_GIVEN) {
            submit_control(request);
        } else {
            usbredir_request_end(request, usb_redir_ioerror, 0);
        }
    }
}

void usbredir_addressed(void *ctx) {
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
    struct usb_setup setup = {.bRequest = USB_SET_ADDRESS, .wValue = USBREDIR_ADDRESS};
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

// To address 0, as the first reading goes, or behind the device's address.
static void route_control(struct usbredir_request *request) {
    struct usbredir *redir = request->redir;
    struct usb_setup setup = usb_setup_load(request->transfer.setup);
    bool is_at_zero =
        redir->address == ADDRESS_DEFAULT && redir->is_fresh && is_first_reading(&setup);
    redir->is_fresh = false;
    if (redir->address == ADDRESS_GIVEN || is_at_zero) {
        submit_control(request);
        return;
    }
    request->is_held = true;
    if (redir->address == ADDRESS_DEFAULT) {
        give_address(redir);
    } else if (redir->address == ADDRESS_REFUSED) {
        usbredir_request_end(request, usb_redir_ioerror, 0);
    }
}

void usbredir_request_control(struct usbredir_request *request, const struct usb_setup *setup) {
    request->transfer.type = USB_XFER_CONTROL;
    request->transfer.in = (setup->bmRequestType & USB_DIR_IN) != 0;
    usb_setup_store(setup, request->transfer.setup);
    if (request->redir->is_recovering) {
        request->is_held = true;
    } else {
        route_control(request);
    }
}

void usbredir_recovered(void *ctx) {
    struct usbredir *redir = ctx;
    redir->is_recovering = false;
    struct usbredir_request *next;
    for (struct usbredir_request *request = redir->requests; request != NULL; request = next) {
        next = request->next;
        if (request->is_held) {
            route_control(request);
        }
    }
}

void usbredir_request_cancel_all(struct usbredir *redir) {
    for (unsigned i = 0; i < USBREDIR_ENDPOINTS; i++) {
        redir->streams[i].is_on = false;
        if (redir->streams[i].is_submitted) {
            cable_cancel(redir->cable, &redir->streams[i].transfer);
        }
    }
    while (redir->requests != NULL) {
        struct usbredir_request *request = redir->requests;
        if (request->is_held) {
            usbredir_request_end(request, usb_redir_cancelled, 0);
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
