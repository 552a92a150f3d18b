// SPDX-License-Identifier: MIT
//
// Linux' usbfs over the virtual cable: what ioctls on /dev/bus/usb/BBB/DDD mean, as the kernel's
// drivers/usb/core/devio.c does it (claims, implicit claims, URBs, reaping, disconnect).
//
// How a program's ioctl gets here and how its memory is reached is left to the caller (umockdev.c).
// All functions run on the simulation's thread.

#ifndef VBOARD_HOST_USBFS_H
#define VBOARD_HOST_USBFS_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/timeline.h"
#include "vboard/usb/cable.h"
#include "vboard/usb/enumerate.h"

#define USBFS_BUS        1u
#define USBFS_INTERFACES 32u

// The number a device has in /dev/bus/usb: 1 is the root hub's, so a bus address, 126 at most, comes one
// higher.
static inline unsigned usbfs_number(const struct usb_device *device) {
    return device->address + 1u;
}

struct usbfs;
struct usbfs_file; // one open device node
struct usbfs_urb;

struct usbfs_events {
    void *ctx;
    // A file's poll readiness may have changed, a held call ended, a URB completed: something that
    // a program may be waiting for happened.
    void (*activity)(void *ctx);
    // See usbfs_file_ready().
    void (*ready)(void *ctx, struct usbfs_file *file);
};

// A call that cannot be answered at once. `finish` is called exactly once, with the return value
// or -errno.
struct usbfs_call {
    void (*finish)(struct usbfs_call *call, long result);
};

struct usbfs *usbfs_new(struct timeline *timeline, struct cable *cable, struct trace *trace,
                        const struct usbfs_events *events);
void usbfs_free(struct usbfs *usbfs);
// The device that files opened from now on belong to; NULL when it goes: every open file then
// answers ENODEV. From the enumerator's ready() and gone().
void usbfs_set_enumerator(struct usbfs *usbfs, struct enumerator *enumerator);
void usbfs_device_ready(struct usbfs *usbfs, const struct usb_device *device);
void usbfs_device_gone(struct usbfs *usbfs);

// Whether that is the present device's number.
bool usbfs_has(const struct usbfs *usbfs, unsigned devnum);
// Opens the device with this number; a number that is not the present device gives a file that
// answers ENODEV (the node was opened just before it went).
struct usbfs_file *usbfs_open(struct usbfs *usbfs, unsigned devnum);
// Ends all URBs, releases interfaces (which puts them back to alternate setting 0 on the wire, as
// Linux does when a driver lets go) and frees the file. Held calls finish with -ENODEV.
void usbfs_close(struct usbfs_file *file);
// Where whoever opened it stands in line (cable_transfer.line); zeros until set.
void usbfs_file_set_line(struct usbfs_file *file, const uint32_t line[CABLE_LINE_LEN]);
void usbfs_file_set_ctx(struct usbfs_file *file, void *ctx);
void *usbfs_file_ctx(const struct usbfs_file *file);
// What poll() would say: a URB can be reaped; the device is gone.
void usbfs_file_ready(const struct usbfs_file *file, bool *urb, bool *gone);

// Calls. Answered at once with 0 or -errno, or USBFS_LATER: then `call` is finished later.
#define USBFS_LATER INT32_MIN
bool usbfs_is_connected(const struct usbfs_file *file);
int usbfs_claim(struct usbfs_file *file, unsigned interface);
int usbfs_release(struct usbfs_file *file, unsigned interface, struct usbfs_call *call);
int usbfs_set_interface(struct usbfs_file *file, unsigned interface, unsigned alternate,
                        struct usbfs_call *call);
int usbfs_set_configuration(struct usbfs_file *file, int value, struct usbfs_call *call);
int usbfs_clear_halt(struct usbfs_file *file, unsigned endpoint, struct usbfs_call *call);
int usbfs_reset_endpoint(struct usbfs_file *file, unsigned endpoint);
int usbfs_reset(struct usbfs_file *file, struct usbfs_call *call);
// Whether a kernel driver is bound to an interface: never, so 0 or -errno for GETDRIVER's cases.
int usbfs_get_driver(struct usbfs_file *file, unsigned interface);
enum usb_speed usbfs_speed(const struct usbfs_file *file);
unsigned usbfs_devnum(const struct usbfs_file *file);

// A synchronous transfer (USBDEVFS_CONTROL, USBDEVFS_BULK). `data` stays the caller's until
// finish(), whose result is the bytes moved. timeout_ms 0: none.
int usbfs_control(struct usbfs_file *file, const uint8_t setup[8], uint8_t *data,
                  unsigned timeout_ms, struct usbfs_call *call);
int usbfs_bulk(struct usbfs_file *file, unsigned endpoint, uint8_t *data, unsigned len,
               unsigned timeout_ms, struct usbfs_call *call);

// URBs. The caller owns the struct and keeps it and its data untouched until usbfs_reap() gives
// it back or drop() is called for it (the file was closed).
struct usbfs_urb {
    uint8_t type; // USBDEVFS_URB_TYPE_*
    uint8_t endpoint;
    unsigned flags;
    uint8_t *buffer; // control: setup first
    uint32_t length;
    uint64_t key; // the program's address of it, which DISCARDURB names
    void (*drop)(struct usbfs_urb *urb);
    // Results.
    int status;
    uint32_t actual;
    // usbfs' own.
    struct usbfs_file *file;
    struct usbfs_urb *next;
    struct cable_transfer transfer;
    bool done;
    bool discarded;
};
int usbfs_submit(struct usbfs_file *file, struct usbfs_urb *urb);
int usbfs_discard(struct usbfs_file *file, uint64_t key);
// The oldest completed URB; NULL if there is none.
struct usbfs_urb *usbfs_reap(struct usbfs_file *file);
// Waits for the next one: finish(0) when usbfs_reap() will give one, or -ENODEV. One at a time.
int usbfs_reap_wait(struct usbfs_file *file, struct usbfs_call *call);
// True while any file has a URB or a synchronous call outstanding.
bool usbfs_is_busy(const struct usbfs *usbfs);

#endif
