// SPDX-License-Identifier: MIT
//
// What libredfu needs of a USB stack: one table of functions with a context pointer.
//
// transport_usb.c fills it with libusb; tests/host/redfu_desk.c with the bootloader's own logic
// in the same process. All functions may block up to the time they are given; none prints. None is
// called from two threads at once for one context.

#ifndef HOST_TRANSPORT_H
#define HOST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/redfu.h"
#include "spec/usb.h"

enum transport_result {
    TRANSPORT_OK = 0,
    TRANSPORT_STALL,   // the device refused the request; it is still there
    TRANSPORT_TIMEOUT, // no answer in the time given; whether the device acted is not known
    TRANSPORT_GONE,    // the device is not connected any more; only close() may follow
    TRANSPORT_DENIED,  // the system does not let this user open the device
    TRANSPORT_BUSY,    // another program or driver holds the interface
    TRANSPORT_FAILED,  // anything else: a broken transfer, a lack of memory
};

#define TRANSPORT_QUEUE_MAX       4u
// What Linux' usbfs takes in a control transfer, and libusb.
#define TRANSPORT_QUEUE_BYTES_MAX 4096u

struct transport {
    void *ctx;

    // Every DFU interface (class FE, subclass 01) of every connected device, in any order, into an
    // array from malloc() that becomes the caller's. Texts need not be filled in, but may be where
    // they are known without opening the device; `access` is left REDFU_OK. Must not send anything
    // that could change a device's state. TRANSPORT_OK or TRANSPORT_FAILED.
    enum transport_result (*list)(void *ctx, struct redfu_device **devices, size_t *count);

    // Opens the device found at that bus and address. *handle is valid until close(). Sends nothing.
    // TRANSPORT_OK, GONE, DENIED, BUSY, FAILED.
    enum transport_result (*open)(void *ctx, const struct redfu_device *device, void **handle);
    void (*close)(void *ctx, void *handle);

    // Takes the interface for this program alone; sends nothing. Needed before any class request.
    // TRANSPORT_OK, BUSY, GONE, FAILED. close() gives it back.
    enum transport_result (*claim)(void *ctx, void *handle, uint8_t interface);
    // SET_INTERFACE on the wire, always, even when that alternate setting is in force already: it
    // is also how a host says "a new session begins". As control() otherwise.
    enum transport_result (*set_alternate)(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate);

    // One control transfer on endpoint zero. setup->wLength bytes from or into `data` (NULL when
    // 0); *moved becomes the number that went over, for IN possibly fewer. timeout_ms is at least
    // 1. TRANSPORT_OK, STALL, TIMEOUT, GONE, FAILED.
    enum transport_result (*control)(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms);
    // IN transfers on endpoint zero one behind the other: each is on the wire as soon as the one before is over,
    // without this program's turn in between; there is never more than one under way. queue() hands one in, and
    // `data` is to be left alone until await() has told the end of it, oldest first, as control() would have;
    // the time counts from queue() on. drop() takes back what has not ended and waits until it has: the
    // device may have seen the last of them, or half of it. At most TRANSPORT_QUEUE_MAX at a time, of at
    // most TRANSPORT_QUEUE_BYTES_MAX each; nothing else goes to the device meanwhile. queue(): TRANSPORT_OK, GONE,
    // FAILED. All three are NULL where one transfer at a time is all there is.
    enum transport_result (*queue)(void *ctx, void *handle, const struct usb_setup *setup,
                                   uint8_t *data, uint32_t timeout_ms);
    enum transport_result (*await)(void *ctx, void *handle, uint16_t *moved);
    void (*drop)(void *ctx, void *handle);
    // Resets the port. The device may come back as another one: only present() and close() follow.
    enum transport_result (*reset)(void *ctx, void *handle);
    // Whether the device behind the handle is still connected. Sends nothing.
    bool (*present)(void *ctx, void *handle);

    // Why open() said TRANSPORT_DENIED or TRANSPORT_BUSY, and what to do, for a person: fills
    // fault->text and fault->advice.
    void (*explain)(void *ctx, const struct redfu_device *device, enum transport_result why,
                    struct redfu_fault *fault);

    // Waits until a device comes or goes, or until the time is over; may return early without either. Who
    // waits for a device lists, then waits a short time: one that came in between is not told.
    void (*wait_change)(void *ctx, uint32_t timeout_ms);

    // Time. Steady, any origin; a test moves it by its own hand.
    uint64_t (*now_us)(void *ctx);
    void (*sleep_ms)(void *ctx, uint32_t ms);

    // Ends the context.
    void (*free)(void *ctx);
};

// A context over any transport; takes the table (copied) and its context over. NULL without memory,
// and the transport is then still the caller's.
struct redfu *redfui_new(const struct transport *transport);

// transport_usb.c: fills the table. REDFU_NO_USB with the reason.
enum redfu_result redfui_transport_usb(struct transport *transport, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// device.c: takes the DFU functional descriptor from the bytes that follow interface descriptors,
// if it is among them, and decides from it what kind of device this is. Bytes may be hostile.
void redfui_take_functional(struct redfu_device *device, const uint8_t *bytes, size_t len);
void redfui_decide_kind(struct redfu_device *device, uint8_t protocol);

#endif
