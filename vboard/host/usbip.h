// SPDX-License-Identifier: MIT
//
// The USB/IP face: a Linux' vhci_hcd (`usbip attach`) has the board's device, over TCP. What is spoken is the
// kernel's Documentation/usb/usbip_protocol.rst, version 1.1.1.
//
// As on a server that is a Linux, the device is enumerated here (enumerate.h) and has its address and its
// configuration before anybody imports it; the client's kernel then asks for descriptors and sets the
// configuration again, but its SET_ADDRESS and its bus resets do not come here: vhci keeps them to itself. The
// device may be asked for by one client at a time, the list by others besides. When the device
// goes, so does the connection; the client has to attach again, as with any USB/IP server.
//
// Control, bulk and interrupt endpoints; isochronous URBs are answered -EINVAL. An URB of more than
// USBIP_BYTES_MAX, or more than USBIP_REQUESTS_MAX at a time, -ENOMEM.

#ifndef VBOARD_HOST_USBIP_H
#define VBOARD_HOST_USBIP_H

#include <poll.h>
#include <stdbool.h>

#include "vboard/host/tcp_socket.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/cable.h"

#define USBIP_BYTES_MAX    (1u << 20)
#define USBIP_REQUESTS_MAX 256u
// A client that does not take its answers is not read from while this much waits for it.
#define USBIP_UNSENT_MAX   (4u << 20)
// Who asks for the list, or has not asked yet.
#define USBIP_CALLERS_MAX  4u

struct usbip;

// Listens to the cable from now on, so it is freed after the cable's last run, before cable_free(). NULL:
// out of memory.
struct usbip *usbip_new(struct timeline *timeline, struct cable *cable, struct trace *trace);
void usbip_free(struct usbip *usbip);

// Takes clients there; `place` gets the port. False with a sentence in `why`.
bool usbip_listen(struct usbip *usbip, struct tcp_place *place, char why[512]);
// Somebody called: a stream socket, non-blocking, owned from here on; closed if there are too many.
void usbip_open(struct usbip *usbip, int fd);

#define USBIP_FDS_MAX (2u + USBIP_CALLERS_MAX)
unsigned usbip_poll(const struct usbip *usbip, struct pollfd on[USBIP_FDS_MAX]);
// Reads and writes what can be without waiting. Not from inside timeline_run(). False, with a sentence in
// `why`: a client sent what is not USB/IP, and was disconnected.
bool usbip_serve(struct usbip *usbip, char why[256]) __attribute__((warn_unused_result));
// A client has the device; it waits for a transfer.
bool usbip_is_imported(const struct usbip *usbip);
bool usbip_is_busy(const struct usbip *usbip);

#endif
