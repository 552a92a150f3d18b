// SPDX-License-Identifier: MIT
//
// What usbip.c (callers, the list, who has the device) and usbip_urbs.c (the device's URBs) share.
// Nobody else includes this.

#ifndef VBOARD_HOST_USBIP_INTERNAL_H
#define VBOARD_HOST_USBIP_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "vboard/host/usbip.h"
#include "vboard/host/usbredir_view.h"
#include "vboard/usb/enumerate.h"

#define USBIP_HEADER 48u
// A caller's whole request: OP_REQ_IMPORT.
#define USBIP_CALL   40u

static inline uint32_t load_be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void store_be32(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static inline uint16_t load_be16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void store_be16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

struct usbip_caller {
    int fd; // -1: free
    size_t got;
    uint8_t call[USBIP_CALL];
};

struct usbip_request;

// The client that has the device.
struct usbip_client {
    int fd; // -1: none
    bool is_broken;
    uint8_t *out;
    size_t out_len, out_room;
    // What is being read: a header, then the payload of `incoming`, or bytes that nobody wants.
    uint8_t header[USBIP_HEADER];
    size_t header_got;
    struct usbip_request *incoming;
    uint32_t payload_got;
    uint32_t to_skip;
    const char *fault; // what it sent that is no USB/IP
};

struct usbip {
    struct timeline *timeline;
    struct cable *cable;
    struct trace *trace;
    struct enumerator *enumerator;
    const struct usb_device *device; // NULL: none is there
    struct usbredir_view view;       // its endpoints
    int listening;
    struct usbip_caller callers[USBIP_CALLERS_MAX];
    struct usbip_client client;
    struct usbip_request *requests;
    unsigned request_count;
    // A bus reset that the client asked for (SET_FEATURE PORT_RESET), and who asked.
    bool is_resetting, is_reset_awaited;
    uint32_t reset_seqnum;
};

uint32_t usbip_devid(const struct usbip *usbip);

// usbip_urbs.c. The device is another one; the client takes it over (`fd` is owned from there on), and
// is left; reading and writing. False: the client is to be left; `fault` says why if it was wrong.
void usbip_learn_device(struct usbip *usbip);
void usbip_attach(struct usbip *usbip, int fd);
void usbip_leave(struct usbip *usbip);
bool usbip_exchange(struct usbip *usbip);
void usbip_put(struct usbip_client *client, const uint8_t *bytes, size_t len);

#endif
