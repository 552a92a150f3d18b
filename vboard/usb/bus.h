// SPDX-License-Identifier: MIT
//
// The USB bus that several cables end in: one host controller with a port for each.
//
// Ports of one speed share the wires' time: frames begin for all of them at once, one transaction at a time
// is under way, and whoever waited longest is next (interrupt endpoints before others). Addresses are
// given out here, and the turn to be enumerated: a device answers to address 0 between its reset and
// SET_ADDRESS, so there may be one such at a time, and Linux' hub driver does one port after the other.

#ifndef VBOARD_USB_BUS_H
#define VBOARD_USB_BUS_H

#include <stdint.h>

#include "vboard/timeline.h"

#define USB_BUS_PORTS_MAX TIMELINE_RUNNERS_MAX
// 127 by USB 2.0 9.4.6; the root hub has one of them.
#define USB_ADDRESS_MAX   126u

struct usb_bus;

// NULL when memory is short. Freed after its cables (cable_new_on()).
struct usb_bus *usb_bus_new(struct timeline *timeline);
void usb_bus_free(struct usb_bus *bus);

// The next address that no device has, as Linux numbers them: on and on, from 1 again behind the last.
uint8_t usb_bus_take_address(struct usb_bus *bus);
void usb_bus_give_address(struct usb_bus *bus, uint8_t address);

// Somebody who wants to enumerate a device. The caller's, zeroed before first use.
struct usb_bus_turn {
    void (*begin)(void *ctx);
    void *ctx;
    struct usb_bus_turn *next; // the bus' own
};

// begin() is called when it is its turn: from in here, or from usb_bus_turn_over() of the one before.
void usb_bus_await_turn(struct usb_bus *bus, struct usb_bus_turn *turn);
// It is done, or does not want any more; nothing if it did not ask.
void usb_bus_turn_over(struct usb_bus *bus, struct usb_bus_turn *turn);

#endif
