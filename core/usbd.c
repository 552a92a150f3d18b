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

static enum usbd_answer answer_small(struct usbd *usbd, uint8_t value, uint16_t len) {
    usbd->small[0] = value;
    usbd->small[1] = 0;
    usbd->data.send = usbd->small;
    usbd->data.len = len;
    return USBD_ACCEPT;
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

static enum usbd_answer set_interface(struct usbd *usbd) {
    if (!usbd->handler->set_alternate(usbd->handler_ctx, usbd->setup.wValue)) {
        return USBD_STALL;
    }
    usbd->alternate = (uint8_t)usbd->setup.wValue;
    return USBD_ACCEPT;
}

// bmRequestType and bRequest together: what comes in the wrong direction or to the wrong recipient is
// another request, and refused as one that does not exist.
#define KEY(type, request) ((unsigned)(type) << 8 | (unsigned)(request))
#define TO_INTERFACE       USB_RECIPIENT_INTERFACE
#define TO_ENDPOINT        USB_RECIPIENT_ENDPOINT

static enum usbd_answer standard_request(struct usbd *usbd) {
    const struct usb_setup *setup = &usbd->setup;
    unsigned recipient = setup->bmRequestType & USB_RECIPIENT_MASK;
    if (recipient == TO_INTERFACE && (usbd->configuration == 0 || setup->wIndex != 0)) {
        return USBD_STALL;
    }
    // Only endpoint zero exists, and it is never halted (9.4.5).
    if (recipient == TO_ENDPOINT && (setup->wIndex & 0x7fu) != 0) {
        return USBD_STALL;
    }
    // None that is taken here brings data.
    if (!(setup->bmRequestType & USB_DIR_IN) && setup->wLength != 0) {
        return USBD_STALL;
    }
    switch (KEY(setup->bmRequestType, setup->bRequest)) {
    case KEY(USB_DIR_IN, USB_GET_STATUS): // bus powered, no remote wake-up (9.4.5)
    case KEY(USB_DIR_IN | TO_INTERFACE, USB_GET_STATUS):
    case KEY(USB_DIR_IN | TO_ENDPOINT, USB_GET_STATUS):
        return answer_small(usbd, 0, 2);
    case KEY(0, USB_SET_ADDRESS):
        if (setup->wValue > 127) {
            return USBD_STALL;
        }
        usbd->address = (uint8_t)setup->wValue;
        usbd->port->usb_address(usbd->port->ctx, usbd->address);
        return USBD_ACCEPT;
    case KEY(USB_DIR_IN | TO_INTERFACE, USB_GET_DESCRIPTOR):
        // Of an interface only a class's (DFU 1.1 4.1.3: the functional one); type codes have their
        // kind where bmRequestType has it (USB 2.0 9.4.3, table 9-2).
        if ((setup->wValue >> 8 & USB_TYPE_MASK) != USB_TYPE_CLASS) {
            return USBD_STALL;
        }
        return get_descriptor(usbd);
    case KEY(USB_DIR_IN, USB_GET_DESCRIPTOR):
        return get_descriptor(usbd);
    case KEY(USB_DIR_IN, USB_GET_CONFIGURATION):
        return usbd->address != 0 ? answer_small(usbd, usbd->configuration, 1) : USBD_STALL;
    case KEY(0, USB_SET_CONFIGURATION):
        return set_configuration(usbd);
    case KEY(USB_DIR_IN | TO_INTERFACE, USB_GET_INTERFACE):
        return answer_small(usbd, usbd->alternate, 1);
    case KEY(TO_INTERFACE, USB_SET_INTERFACE):
        return set_interface(usbd);
    case KEY(TO_ENDPOINT, USB_CLEAR_FEATURE):
        return setup->wValue == USB_FEATURE_ENDPOINT_HALT ? USBD_ACCEPT : USBD_STALL;
    default:
        return USBD_STALL; // other features, SET_DESCRIPTOR: none here
    }
}

static bool is_standard(const struct usbd *usbd) {
    return (usbd->setup.bmRequestType & USB_TYPE_MASK) == USB_TYPE_STANDARD;
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

    enum usbd_answer answer =
        is_standard(usbd) ? standard_request(usbd)
                          : usbd->handler->request(usbd->handler_ctx, &usbd->setup, &usbd->data);
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
        if (!is_standard(usbd)) {
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
    if (usbd->stage == USBD_STAGE_STATUS_IN) {
        usbd->stage = USBD_STAGE_IDLE;
        if (!is_standard(usbd)) {
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
    if (!is_standard(usbd)) {
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

bool usbd_is_waiting_for_data(const struct usbd *usbd) {
    return usbd->stage == USBD_STAGE_DATA_LATER;
}
