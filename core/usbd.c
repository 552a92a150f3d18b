// SPDX-License-Identifier: MIT
//
// The control transfer machine and chapter 9's standard requests (USB 2.0 5.5, 8.5.3, 9.4).

#include "core/usbd.h"

#include <stddef.h>

void usbd_init(struct usbd *usbd, const struct port *port, const struct usbd_handler *handler,
               void *handler_ctx) {
    *usbd = (struct usbd){.port = port, .handler = handler, .handler_ctx = handler_ctx};
}

static void refuse(struct usbd *usbd) {
    usbd->stage = USBD_STAGE_IDLE;
    usbd->port->ep0_stall(usbd->port->ctx);
}

static void send_status(struct usbd *usbd) {
    usbd->stage = USBD_STAGE_STATUS_IN;
    usbd->port->ep0_send(usbd->port->ctx, NULL, 0);
}

static void send_packet(struct usbd *usbd) {
    unsigned len = (unsigned)usbd->data.len - usbd->moved;
    if (len > PORT_EP0_BYTES) {
        len = PORT_EP0_BYTES;
    }
    usbd->in_flight = (uint8_t)len;
    usbd->port->ep0_send(usbd->port->ctx, usbd->data.send + usbd->moved, len);
}

static void start_data_in(struct usbd *usbd) {
    if (usbd->data.len > usbd->setup.wLength) {
        usbd->data.len = usbd->setup.wLength;
    }
    // A data stage shorter than asked for must end in a short packet.
    usbd->zero_packet = usbd->data.len < usbd->setup.wLength && usbd->data.len > 0 &&
                        usbd->data.len % PORT_EP0_BYTES == 0;
    usbd->moved = 0;
    usbd->stage = USBD_STAGE_DATA_IN;
    send_packet(usbd);
}

static void answer_small(struct usbd *usbd, unsigned value, unsigned len) {
    usbd->small[0] = (uint8_t)value;
    usbd->small[1] = (uint8_t)(value >> 8);
    usbd->data.send = usbd->small;
    usbd->data.len = (uint16_t)len;
}

static enum usbd_answer get_descriptor(struct usbd *usbd) {
    unsigned len = 0;
    const uint8_t *bytes = usbd->handler->descriptor(usbd->handler_ctx, usbd->setup.wValue >> 8,
                                                     usbd->setup.wValue & 0xff, &len);
    if (!bytes) {
        return USBD_STALL;
    }
    usbd->data.send = bytes;
    usbd->data.len = (uint16_t)len;
    return USBD_ACCEPT;
}

static enum usbd_answer set_configuration(struct usbd *usbd) {
    if (usbd->setup.wValue > 1 || usbd->address == 0) {
        return USBD_STALL; // one configuration, number 1; not before SET_ADDRESS (9.4.7)
    }
    usbd->configuration = (uint8_t)usbd->setup.wValue;
    usbd->alternate = 0;
    usbd->handler->reset(usbd->handler_ctx);
    return USBD_ACCEPT;
}

static enum usbd_answer device_request(struct usbd *usbd) {
    const struct usb_setup *setup = &usbd->setup;
    bool in = setup->bmRequestType & USB_DIR_IN;
    switch (setup->bRequest) {
    case USB_GET_STATUS:
        answer_small(usbd, 0, 2); // bus powered, no remote wake-up (9.4.5)
        return in ? USBD_ACCEPT : USBD_STALL;
    case USB_SET_ADDRESS:
        if (in || setup->wValue > 127 || setup->wLength != 0) {
            return USBD_STALL;
        }
        usbd->address = (uint8_t)setup->wValue;
        usbd->port->usb_address(usbd->port->ctx, usbd->address);
        return USBD_ACCEPT;
    case USB_GET_DESCRIPTOR:
        return in ? get_descriptor(usbd) : USBD_STALL;
    case USB_GET_CONFIGURATION:
        answer_small(usbd, usbd->configuration, 1);
        return in && usbd->address != 0 ? USBD_ACCEPT : USBD_STALL;
    case USB_SET_CONFIGURATION:
        return in || setup->wLength != 0 ? USBD_STALL : set_configuration(usbd);
    default:
        return USBD_STALL; // features and SET_DESCRIPTOR: none here
    }
}

static enum usbd_answer interface_request(struct usbd *usbd) {
    const struct usb_setup *setup = &usbd->setup;
    bool in = setup->bmRequestType & USB_DIR_IN;
    if (usbd->configuration == 0 || setup->wIndex != 0) {
        return USBD_STALL;
    }
    switch (setup->bRequest) {
    case USB_GET_STATUS:
        answer_small(usbd, 0, 2);
        return in ? USBD_ACCEPT : USBD_STALL;
    case USB_GET_INTERFACE:
        answer_small(usbd, usbd->alternate, 1);
        return in ? USBD_ACCEPT : USBD_STALL;
    case USB_SET_INTERFACE:
        if (in || setup->wLength != 0 ||
            setup->wValue >= usbd->handler->alternate_count(usbd->handler_ctx)) {
            return USBD_STALL;
        }
        usbd->alternate = (uint8_t)setup->wValue;
        usbd->handler->set_alternate(usbd->handler_ctx, usbd->alternate);
        return USBD_ACCEPT;
    case USB_GET_DESCRIPTOR:
        return in ? get_descriptor(usbd) : USBD_STALL; // DFU 1.1 4.1.3: the functional descriptor
    default:
        return USBD_STALL;
    }
}

static enum usbd_answer endpoint_request(struct usbd *usbd) {
    const struct usb_setup *setup = &usbd->setup;
    // Only endpoint zero exists, and it is never halted (9.4.5).
    if ((setup->wIndex & 0x7fu) != 0) {
        return USBD_STALL;
    }
    switch (setup->bRequest) {
    case USB_GET_STATUS:
        answer_small(usbd, 0, 2);
        return setup->bmRequestType & USB_DIR_IN ? USBD_ACCEPT : USBD_STALL;
    case USB_CLEAR_FEATURE:
        return setup->wValue == USB_FEATURE_ENDPOINT_HALT && setup->wLength == 0 &&
                       !(setup->bmRequestType & USB_DIR_IN)
                   ? USBD_ACCEPT
                   : USBD_STALL;
    default:
        return USBD_STALL;
    }
}

static enum usbd_answer dispatch(struct usbd *usbd) {
    if ((usbd->setup.bmRequestType & USB_TYPE_MASK) != USB_TYPE_STANDARD) {
        return usbd->handler->request(usbd->handler_ctx, &usbd->setup, &usbd->data);
    }
    switch (usbd->setup.bmRequestType & USB_RECIPIENT_MASK) {
    case USB_RECIPIENT_DEVICE:
        return device_request(usbd);
    case USB_RECIPIENT_INTERFACE:
        return interface_request(usbd);
    case USB_RECIPIENT_ENDPOINT:
        return endpoint_request(usbd);
    default:
        return USBD_STALL;
    }
}

void usbd_bus_reset(struct usbd *usbd) {
    usbd->stage = USBD_STAGE_IDLE;
    usbd->address = 0;
    usbd->configuration = 0;
    usbd->alternate = 0;
    usbd->handler->reset(usbd->handler_ctx);
}

void usbd_setup(struct usbd *usbd, const uint8_t packet[USB_SETUP_LEN]) {
    // A new SETUP ends whatever was under way (USB 2.0 8.5.3).
    usbd->setup = usb_setup_load(packet);
    usbd->data = (struct usbd_data){0};
    usbd->moved = 0;
    usbd->stage = USBD_STAGE_IDLE;

    enum usbd_answer answer = dispatch(usbd);
    bool in = usbd->setup.bmRequestType & USB_DIR_IN;
    if (answer == USBD_LATER && in && usbd->setup.wLength > 0) {
        usbd->stage = USBD_STAGE_DATA_LATER;
    } else if (answer != USBD_ACCEPT) {
        refuse(usbd);
    } else if (usbd->setup.wLength == 0) {
        send_status(usbd); // a request without a data stage ends in an IN status stage (8.5.3)
    } else if (in) {
        start_data_in(usbd);
    } else if (usbd->setup.wLength > usbd->data.capacity) {
        refuse(usbd);
    } else {
        usbd->stage = USBD_STAGE_DATA_OUT;
        usbd->port->ep0_receive(usbd->port->ctx);
    }
}

void usbd_out(struct usbd *usbd, const uint8_t *data, unsigned len) {
    if (usbd->stage == USBD_STAGE_STATUS_OUT) {
        usbd->stage = USBD_STAGE_IDLE;
        if ((usbd->setup.bmRequestType & USB_TYPE_MASK) != USB_TYPE_STANDARD) {
            usbd->handler->finished(usbd->handler_ctx, &usbd->setup);
        }
        return;
    }
    if (usbd->stage != USBD_STAGE_DATA_OUT) {
        return; // a packet of a transfer that is over
    }
    if (len > (unsigned)usbd->setup.wLength - usbd->moved) {
        refuse(usbd); // more than wLength promised
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        usbd->data.receive[usbd->moved + i] = data[i];
    }
    usbd->moved = (uint16_t)(usbd->moved + len);
    if (usbd->moved < usbd->setup.wLength && len == PORT_EP0_BYTES) {
        usbd->port->ep0_receive(usbd->port->ctx);
        return;
    }
    if (usbd->moved < usbd->setup.wLength ||
        usbd->handler->received(usbd->handler_ctx, &usbd->setup, usbd->moved) != USBD_ACCEPT) {
        refuse(usbd); // a short data stage, or refused for what it says
        return;
    }
    send_status(usbd);
}

void usbd_in_done(struct usbd *usbd) {
    bool for_handler = (usbd->setup.bmRequestType & USB_TYPE_MASK) != USB_TYPE_STANDARD;
    if (usbd->stage == USBD_STAGE_STATUS_IN) {
        usbd->stage = USBD_STAGE_IDLE;
        if (for_handler) {
            usbd->handler->finished(usbd->handler_ctx, &usbd->setup);
        }
        return;
    }
    if (usbd->stage != USBD_STAGE_DATA_IN) {
        return;
    }
    usbd->moved = (uint16_t)(usbd->moved + usbd->in_flight);
    if (usbd->moved < usbd->data.len || usbd->zero_packet) {
        if (usbd->moved == usbd->data.len) {
            usbd->zero_packet = false;
        }
        send_packet(usbd);
        return;
    }
    usbd->stage = USBD_STAGE_HELD;
    if (for_handler) {
        usbd->handler->sent(usbd->handler_ctx, &usbd->setup);
    }
    if (!usbd->data.hold_status) {
        usbd_release_status(usbd);
    }
}

void usbd_send(struct usbd *usbd, const uint8_t *data, unsigned len) {
    if (usbd->stage == USBD_STAGE_DATA_LATER) {
        usbd->data.send = data;
        usbd->data.len = (uint16_t)len;
        start_data_in(usbd);
    }
}

void usbd_stall(struct usbd *usbd) {
    if (usbd->stage == USBD_STAGE_DATA_LATER) {
        refuse(usbd);
    }
}

void usbd_release_status(struct usbd *usbd) {
    if (usbd->stage == USBD_STAGE_HELD) {
        usbd->stage = USBD_STAGE_STATUS_OUT;
        usbd->port->ep0_receive(usbd->port->ctx);
    }
}

bool usbd_is_held(const struct usbd *usbd) {
    return usbd->stage == USBD_STAGE_HELD;
}

bool usbd_is_waiting_for_data(const struct usbd *usbd) {
    return usbd->stage == USBD_STAGE_DATA_LATER;
}
