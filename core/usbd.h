// SPDX-License-Identifier: MIT
//
// Endpoint zero of a USB device: the control transfer's stages and the standard requests of USB 2.0
// chapter 9. What class and vendor requests mean is a handler's (core/dfu.h); which descriptors
// exist is core/descriptors.h's.
//
// The port brings packets in (usbd_bus_reset, usbd_setup, usbd_out, usbd_in_done) and this file
// answers through struct port. A handler may put off two things while the host is kept
// waiting by NAKs: the data stage of an IN request (USBD_LATER, then usbd_send) and the
// status stage of an IN request (hold_status, then usbd_release_status).

#ifndef CORE_USBD_H
#define CORE_USBD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port.h"
#include "spec/usb.h"

enum usbd_answer {
    USBD_STALL = 0, // refuse: the zero value
    USBD_ACCEPT,
    USBD_LATER, // IN only: the handler calls usbd_send() or usbd_stall() when it knows
};

// What a request moves. For OUT the handler fills in `receive` and `capacity`; for IN `send` and
// `len`, which stay valid until the transfer ends.
struct usbd_data {
    const uint8_t *send;
    uint8_t *receive;
    uint16_t len;      // IN: bytes to send (cut to wLength)
    uint16_t capacity; // OUT: room; a longer wLength is refused
    bool hold_status;  // IN: keep the status stage waiting until usbd_release_status()
};

// Class and vendor requests, and what happens to the device. `ctx` is usbd.handler_ctx.
struct usbd_handler {
    // A SETUP packet that is no standard request for usbd itself. Nothing of `data` is preset
    // but zeros.
    enum usbd_answer (*request)(void *ctx, const struct usb_setup *setup, struct usbd_data *data);
    // The whole OUT data stage has arrived: USBD_ACCEPT goes on to the status stage.
    enum usbd_answer (*received)(void *ctx, const struct usb_setup *setup, unsigned len);
    // The host has acknowledged the last packet of the IN data stage.
    void (*sent)(void *ctx, const struct usb_setup *setup);
    // The status stage is over: the host knows that the request succeeded.
    void (*finished)(void *ctx, const struct usb_setup *setup);
    // Bus reset or SET_CONFIGURATION: what was under way is over; alternate setting 0 is chosen.
    void (*reset)(void *ctx);
    // SET_INTERFACE: a host opens (or reopens) interface 0. False, with nothing changed: there is no
    // such alternate setting.
    bool (*set_alternate)(void *ctx, unsigned alternate);
    // GET_DESCRIPTOR: the bytes, or NULL (STALL). `index` is wValue's low byte.
    const uint8_t *(*descriptor)(void *ctx, unsigned type, unsigned index, unsigned *len);
};

enum usbd_stage {
    USBD_STAGE_IDLE = 0,   // waiting for a SETUP
    USBD_STAGE_DATA_OUT,   // receiving
    USBD_STAGE_DATA_LATER, // IN data not known yet
    USBD_STAGE_DATA_IN,    // sending
    USBD_STAGE_HELD,       // IN data acknowledged, status stage held back
    USBD_STAGE_STATUS_OUT, // waiting for the host's empty packet
    USBD_STAGE_STATUS_IN,  // our empty packet is queued
};

struct usbd {
    // Bytes first: Thumb reaches the first 32 with short instructions.
    enum usbd_stage stage;
    uint8_t in_flight; // bytes of the packet queued
    bool zero_packet;  // an empty packet must end the data stage (USB 2.0 5.5.3)
    uint8_t address;
    uint8_t configuration; // 0: not configured
    uint8_t alternate;
    uint8_t small[2]; // answers of the standard requests
    uint16_t moved;   // bytes of the data stage done
    struct usb_setup setup;
    struct usbd_data data;
    const struct port *port;
    const struct usbd_handler *handler;
    void *handler_ctx;
};

void usbd_init(struct usbd *usbd, const struct port *port, const struct usbd_handler *handler,
               void *handler_ctx);

// From the port's poll function.
void usbd_bus_reset(struct usbd *usbd);
void usbd_setup(struct usbd *usbd, const uint8_t packet[USB_SETUP_LEN]);
void usbd_out(struct usbd *usbd, const uint8_t *data, unsigned len);
void usbd_in_done(struct usbd *usbd);

// From the handler, later. Without effect when the host has given the transfer up meanwhile.
void usbd_send(struct usbd *usbd, const uint8_t *data, unsigned len);
void usbd_stall(struct usbd *usbd);
void usbd_release_status(struct usbd *usbd);
bool usbd_is_waiting_for_data(const struct usbd *usbd);

#endif
