// SPDX-License-Identifier: MIT
//
// What operating systems and browsers want to know of a device beyond USB 2.0: the BOS descriptor
// (USB 3.2 9.6.2), Microsoft's OS descriptors 2.0 and 1.0, by which Windows binds WinUSB without an
// INF, and WebUSB's landing page. Of a device with one interface; who it is, core/descriptors.h says.
//
// Each function builds into `out`, DESCRIPTORS_BYTES of it, and returns the length; 0: there is none.

#ifndef CORE_PLATFORM_H
#define CORE_PLATFORM_H

#include <stdint.h>

#include "core/descriptors.h"

// String DESCRIPTORS_OS_STRING: its last character is DESCRIPTORS_MS_REQUEST (MS OS 1.0).
#define PLATFORM_OS_STRING "MSFT100M"

unsigned platform_bos(uint8_t *out, const struct identity *identity);
// For vendor requests with data to the host; 0: refuse.
unsigned platform_request(uint8_t *out, const struct identity *identity,
                          const struct usb_setup *setup);

// Writes ASCII as UTF-16 without an end, USB_STRING_CHARS_MAX characters at most, and returns the place
// behind it.
uint8_t *platform_utf16(uint8_t *at, const char *text);

#endif
