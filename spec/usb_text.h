// SPDX-License-Identifier: MIT
//
// The text of a USB string descriptor (UTF-16, USB 2.0 9.6.7) as UTF-8 (RFC 3629) that a terminal can be given.

#ifndef SPEC_USB_TEXT_H
#define SPEC_USB_TEXT_H

#include <stddef.h>
#include <stdint.h>

// Room for the text of `units` units, each of which takes three bytes at most (a pair of them four), and its end.
#define USB_TEXT_ROOM(units) (3u * (units) + 1u)

// `count` units at `units`, least significant byte first, into USB_TEXT_ROOM(count) bytes, with an end; returns
// the bytes before it. What would do something to a terminal (below 0x20, 0x7F) and 0 become "?", lone surrogates
// and the control characters from 0x80 to 0x9F U+FFFD.
size_t usb_text(const uint8_t *units, size_t count, char *text);

#endif
