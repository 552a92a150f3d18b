// SPDX-License-Identifier: MIT
//
// The usbredir face: the board's cable ends in another machine, QEMU's usb-redir device as a rule,
// over a stream socket. That machine's kernel enumerates and drives the device; nothing is asked of
// it here but what that kernel asks, with one exception.
//
// The exception is SET_ADDRESS, which QEMU keeps to itself (each side of a usbredir connection has
// addresses of its own). After each bus reset the device is given address 1 before the first request, except
// a reading of 64 bytes of device descriptor, which Windows and Linux do at address 0 (Linux:
// hub_port_init(), the "new scheme").
//
// The device's ids in usbredir's device_connect are zero: they are for filters, and are not known
// before somebody asked.
//
// Control, bulk and interrupt endpoints; no isochronous ones, no bulk streams: those are refused
// with `inval`. A transfer of more than USBREDIR_BYTES_MAX, or more than USBREDIR_REQUESTS_MAX at a time,
// ends with `ioerror`.

#ifndef VBOARD_HOST_USBREDIR_H
#define VBOARD_HOST_USBREDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/cable.h"

#define USBREDIR_BYTES_MAX          (1u << 20)
#define USBREDIR_REQUESTS_MAX       64u
// A peer that does not take its answers is not read from while this much waits for it.
#define USBREDIR_UNSENT_BYTES_MAX   (4u << 20)
#define USBREDIR_UNSENT_PACKETS_MAX 1024

struct usbredir;

enum usbredir_result {
    USBREDIR_OK,
    USBREDIR_LEFT,      // the peer closed the connection, or it broke
    USBREDIR_MALFORMED, // what it sent is not usbredir
    USBREDIR_REFUSED,   // it sent usbredir's filter_reject: it does not want the device
};

// Listens to the cable from now on, so it is freed after the cable's last run, before cable_free().
struct usbredir *usbredir_new(struct timeline *timeline, struct cable *cable, struct trace *trace);
void usbredir_free(struct usbredir *redir);

// A peer connected: a stream socket, non-blocking, owned from here on. One at a time. False when
// memory is out (the socket is closed).
bool usbredir_open(struct usbredir *redir, int fd) __attribute__((warn_unused_result));
// The device's transfers end, and its bus falls idle (it suspends after 3 ms).
void usbredir_close(struct usbredir *redir);
// -1 without a peer.
int usbredir_fd(const struct usbredir *redir);
// What to poll() for.
short usbredir_wants(const struct usbredir *redir);
// Reads and writes what can be without waiting. After anything but USBREDIR_OK and
// USBREDIR_REFUSED the connection is closed; `why` has a sentence then. Not from inside
// timeline_run().
enum usbredir_result usbredir_serve(struct usbredir *redir, char why[256])
    __attribute__((warn_unused_result));
// True while the peer waits for a transfer.
bool usbredir_is_busy(const struct usbredir *redir);

#endif
