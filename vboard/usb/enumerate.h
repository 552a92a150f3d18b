// SPDX-License-Identifier: MIT
//
// Enumeration, as Linux' hub driver does it: debounce, reset, first descriptor bytes, reset,
// SET_ADDRESS, descriptors, strings, SET_CONFIGURATION, in virtual time over the cable. The
// result is what an operating system shows its programs.

#ifndef VBOARD_USB_ENUMERATE_H
#define VBOARD_USB_ENUMERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/usb.h"
#include "spec/usb_text.h"
#include "vboard/usb/cable.h"

#define USB_DESCRIPTORS_MAX  4096u
#define USB_DEVICE_TEXT_ROOM USB_TEXT_ROOM(USB_STRING_CHARS_MAX)

// A configured device.
struct usb_device {
    uint8_t address; // on the bus; 1 and up, another one after each enumeration
    enum usb_speed speed;
    uint8_t device_descriptor[USB_DEVICE_DESCRIPTOR_LEN];
    // Device descriptor followed by every configuration: what usbfs' device node reads as.
    uint8_t descriptors[USB_DESCRIPTORS_MAX];
    uint32_t descriptors_len;
    uint8_t bos[1024];
    uint32_t bos_len;                        // 0: none
    char manufacturer[USB_DEVICE_TEXT_ROOM]; // UTF-8 (usb_text()), empty where the device has none
    char product[USB_DEVICE_TEXT_ROOM];
    char serial[USB_DEVICE_TEXT_ROOM];
    uint8_t configuration; // bConfigurationValue in force; 0 if SET_CONFIGURATION failed
};

struct enumerator;

struct enumerate_listener {
    void *ctx;
    // A device answered and is configured; `device` is valid until gone().
    void (*ready)(void *ctx, const struct usb_device *device);
    // The device that was ready went away (unplugged, or hid its pull-up).
    void (*gone)(void *ctx);
    // Something attached and could not be enumerated after the tries Linux makes; why in words.
    void (*failed)(void *ctx, const char *why);
};

// Listens to the cable and enumerates whatever attaches.
struct enumerator *enumerator_new(struct timeline *timeline, struct cable *cable,
                                  struct trace *trace, const struct enumerate_listener *listener);
void enumerator_free(struct enumerator *enumerator);
// The device, once ready; else NULL.
const struct usb_device *enumerator_device(const struct enumerator *enumerator);
// True while an enumeration is under way.
bool enumerator_is_busy(const struct enumerator *enumerator);
// USBDEVFS_RESET: resets the port and brings the same device back to its address and
// configuration without telling anybody it was gone; if its descriptors changed, gone() and
// ready() follow. done() with whether it came back.
void enumerator_reset_device(struct enumerator *enumerator, void (*done)(void *ctx, bool ok),
                             void *ctx);

// Names its memory (vboard/snapshot.h).
void enumerator_visit(struct enumerator *enumerator, const struct memory_visitor *visitor);

#endif
