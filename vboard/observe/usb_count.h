// SPDX-License-Identifier: MIT
//
// For the report: USB transfers by request and endpoint, how they ended, and how long the device let
// the host wait with NAKs.

#ifndef VBOARD_OBSERVE_USB_COUNT_H
#define VBOARD_OBSERVE_USB_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vboard/usb/cable.h"

#define USB_COUNT_ROWS_MAX 64u

struct usb_count_row {
    uint8_t type; // bmRequestType; for other endpoints their address
    uint8_t request;
    uint8_t descriptor; // of GET_DESCRIPTOR, else 0
    bool is_control;
    bool is_dfu;
    uint64_t done, stalled, lost; // lost: no answer, babble, cancelled, gone
    uint64_t bytes, nak_ps, longest_nak_ps;
};

// Zero it before use.
struct usb_count {
    struct usb_count_row
        rows[USB_COUNT_ROWS_MAX]; // by first appearance; more are added to the last
    unsigned row_count;
    bool is_dfu[256];         // by bInterfaceNumber, from configuration descriptors
    uint16_t vendor, product; // as the last device descriptor said; 0 before
    bool has_dfu_state;       // since the last detach
    uint8_t dfu_state;        // as the last GETSTATUS or GETSTATE said
    bool is_configured;       // a SET_CONFIGURATION was accepted since the last detach
    uint64_t configurations;
};

void usb_count_ended(struct usb_count *count, const struct cable_transfer *transfer);
void usb_count_say(const struct usb_count *count, FILE *to, const char *prefix);

#endif
