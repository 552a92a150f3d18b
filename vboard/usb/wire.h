// SPDX-License-Identifier: MIT
//
// The plug between a USB device (the OTG core of a virtual chip) and the host on the other end of
// the cable: USB 2.0 transactions at packet level, as calls.
//
// The host side (vboard/usb/cable.h) decides when a transaction happens in virtual time; the
// device answers at once. What takes a device long shows as NAK, as on a real bus.

#ifndef VBOARD_USB_WIRE_H
#define VBOARD_USB_WIRE_H

#include <stdbool.h>
#include <stdint.h>

enum usb_speed { USB_SPEED_NONE, USB_SPEED_LOW, USB_SPEED_FULL, USB_SPEED_HIGH };

// What the device answers in a transaction's handshake (USB 2.0 8.4.5); SILENCE when it does not
// answer at all (not its address, endpoint not there, unpowered), which a host sees as a timeout.
enum wire_answer { WIRE_ACK, WIRE_NAK, WIRE_STALL, WIRE_SILENCE };

#define WIRE_PACKET_MAX 1024u

// The device's side, called by the cable. `addr` is the token's device address.
struct wire_device {
    void *ctx;
    // USB reset signalling ends (SE0 was driven for at least 10 ms). Returns the speed the device
    // came up with: HIGH also where its pull-up showed FULL (USB 2.0 7.1.7.5).
    enum usb_speed (*bus_reset)(void *ctx);
    // A SETUP transaction; ACK or SILENCE only (USB 2.0 8.4.6.4).
    enum wire_answer (*setup)(void *ctx, uint8_t addr, uint8_t ep, const uint8_t setup[8]);
    // An OUT transaction with data PID DATA0 or DATA1 (`toggle` 0 or 1). A device that sees the
    // wrong toggle ACKs and drops the packet (USB 2.0 8.6.3).
    enum wire_answer (*out)(void *ctx, uint8_t addr, uint8_t ep, unsigned toggle,
                            const uint8_t *data, unsigned len);
    // An IN transaction: on ACK the device has filled `data` (up to WIRE_PACKET_MAX), `len` and
    // the data PID's toggle. With in_acked() the packet counts as sent when that is called, at
    // the end of the packet; without it (NULL) at once.
    enum wire_answer (*in)(void *ctx, uint8_t addr, uint8_t ep, unsigned *toggle, uint8_t *data,
                           unsigned *len);
    // The host's ACK of the packet in() just gave (USB 2.0 8.4.5). May be NULL.
    void (*in_acked)(void *ctx, uint8_t ep);
    // Start of frame, every millisecond (11 bits count); at high speed every 125 us, `frame` with the
    // microframe in three more bits below.
    void (*sof)(void *ctx, unsigned frame);
    // Idle for 3 ms / resume signalling by the host.
    void (*suspend)(void *ctx);
    void (*resume)(void *ctx);
    // VBUS comes or goes with the cable.
    void (*vbus)(void *ctx, bool on);
};

// The cable's side, called by the device.
struct wire_host {
    void *ctx;
    // The device shows (FULL, HIGH, LOW) or hides (NONE) its pull-up.
    void (*pullup)(void *ctx, enum usb_speed speed);
    // The device has something new to say: the cable may retry NAKed transactions at once rather
    // than at its next retry instant. Called on every arming; cheap.
    void (*ready)(void *ctx);
    // Remote wake-up signalling.
    void (*wakeup)(void *ctx);
};

#endif
