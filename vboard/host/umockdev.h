// SPDX-License-Identifier: MIT
//
// The face that unmodified programs see: a umockdev test bed with the boards' USB devices in it, and
// usbfs behind their device nodes.
//
// libumockdev has a thread of its own that talks to programs; everything it hears is put in a
// queue, and taken out on the simulation's thread by bridge_take().

#ifndef VBOARD_HOST_UMOCKDEV_H
#define VBOARD_HOST_UMOCKDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/host/clients.h"
#include "vboard/host/usbfs.h"

// As many as there can be boards.
#define BRIDGE_PORTS_MAX TIMELINE_RUNNERS_MAX

struct bridge;

// Makes the test bed of a bus with so many ports (a folder below $TMPDIR or /tmp, removed by bridge_free()). NULL with a
// sentence in `why` on failure.
struct bridge *bridge_new(unsigned port_count, char why[256]);
void bridge_free(struct bridge *bridge);
// The test bed's folder, for $UMOCKDEV_DIR, and the one in it that is vboard's own.
const char *bridge_root(const struct bridge *bridge);
const char *bridge_folder(const struct bridge *bridge);

// What is behind a port, from 1 on; for each of them, before bridge_connect().
void bridge_set_port(struct bridge *bridge, unsigned port, struct usbfs *usbfs);
// From here on calls are served. `clients` stays the caller's, until after bridge_free().
void bridge_connect(struct bridge *bridge, struct clients *clients);
void bridge_device_ready(struct bridge *bridge, unsigned port, const struct usb_device *device);
// `device` is the one given to bridge_device_ready().
void bridge_device_gone(struct bridge *bridge, unsigned port, const struct usb_device *device);
// usbfs_events.ready
void bridge_file_ready(void *ctx, struct usbfs_file *file);

// An eventfd, readable when there is something to take.
int bridge_fd(const struct bridge *bridge);
// Serves what came in. `before` is called after the queue was taken and before it is served, so that
// what happened before a call (a process' end) can be seen before it. True if there was anything.
bool bridge_take(struct bridge *bridge, void (*before)(void *ctx), void *ctx);
// The process in a slot has ended: its files are closed.
void bridge_process_gone(struct bridge *bridge, uint32_t slot);
// No call of any process is on its way in or out: all that have not returned are held.
bool bridge_is_settled(struct bridge *bridge);

#endif
