// SPDX-License-Identifier: MIT
//
// Callers: whoever connects asks for the list of devices, or imports the one there is.

#include "vboard/host/usbip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/host/usbfs.h"
#include "vboard/host/usbip_internal.h"

#define VERSION        0x0111u
#define OP_REQ_DEVLIST 0x8005u
#define OP_REP_DEVLIST 0x0005u
#define OP_REQ_IMPORT  0x8003u
#define OP_REP_IMPORT  0x0003u
#define CALL_HEADER    8u
#define PATH_BYTES     256u
#define BUSID_BYTES    32u
#define DEVICE_BYTES   0x138u // of the description of a device
#define BUSID          "1-1"
// Status of an import (tools/usb/usbip/src/usbip_network.h).
enum { STATUS_OK = 0, STATUS_BUSY = 2, STATUS_NO_DEVICE = 4 };
// enum usb_device_speed of Linux' include/uapi/linux/usb/ch9.h.
enum { LINUX_SPEED_LOW = 1, LINUX_SPEED_FULL = 2, LINUX_SPEED_HIGH = 3 };

uint32_t usbip_devid(const struct usbip *usbip) {
    return USBFS_BUS << 16 | usbfs_number(usbip->device);
}

static uint32_t linux_speed(enum usb_speed speed) {
    return speed == USB_SPEED_HIGH  ? LINUX_SPEED_HIGH
           : speed == USB_SPEED_LOW ? LINUX_SPEED_LOW
                                    : LINUX_SPEED_FULL;
}

// The interfaces of the configuration in force, each in its first alternate setting.
static unsigned interfaces(const struct usbip *usbip, uint8_t *four_a_piece) {
    const struct usb_device *device = usbip->device;
    unsigned count = 0;
    bool is_in_force = false;
    for (uint32_t off = 0; off + 2 <= device->descriptors_len;) {
        const uint8_t *at = device->descriptors + off;
        if (at[0] < 2 || at[0] > device->descriptors_len - off) {
            break;
        }
        if (at[1] == USB_DT_CONFIGURATION && at[0] >= USB_CONFIG_DESCRIPTOR_LEN) {
            is_in_force = at[5] == device->configuration;
        } else if (at[1] == USB_DT_INTERFACE && at[0] >= USB_INTERFACE_DESCRIPTOR_LEN &&
                   is_in_force && at[3] == 0 && count < USBFS_INTERFACES) {
            memcpy(four_a_piece + 4 * count, at + 5, 3);
            four_a_piece[4 * count++ + 3] = 0;
        }
        off += at[0];
    }
    return count;
}

static void describe(const struct usbip *usbip, unsigned interface_count,
                     uint8_t bytes[DEVICE_BYTES]) {
    const uint8_t *descriptor = usbip->device->device_descriptor;
    memset(bytes, 0, DEVICE_BYTES);
    strcpy((char *)bytes, "/sys/devices/platform/vboard/usb1/" BUSID);
    strcpy((char *)bytes + PATH_BYTES, BUSID);
    uint8_t *at = bytes + PATH_BYTES + BUSID_BYTES;
    store_be32(at, USBFS_BUS);
    store_be32(at + 4, usbfs_number(usbip->device));
    store_be32(at + 8, linux_speed(usbip->device->speed));
    store_be16(at + 12, load_le16(descriptor + 8));  // idVendor
    store_be16(at + 14, load_le16(descriptor + 10)); // idProduct
    store_be16(at + 16, load_le16(descriptor + 12)); // bcdDevice
    memcpy(at + 18, descriptor + 4, 3);              // class, subclass, protocol
    at[21] = usbip->device->configuration;
    at[22] = descriptor[17]; // bNumConfigurations
    at[23] = (uint8_t)interface_count;
}

static size_t reply_header(uint8_t *bytes, uint16_t code, uint32_t status) {
    store_be16(bytes, VERSION);
    store_be16(bytes + 2, code);
    store_be32(bytes + 4, status);
    return CALL_HEADER;
}

static void drop(struct usbip_caller *caller) {
    (void)close(caller->fd);
    caller->fd = -1;
}

// A few hundred bytes into an empty socket; a caller that does not even take those gets no more.
static void reply(const struct usbip_caller *caller, const uint8_t *bytes, size_t len) {
    (void)send(caller->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_list(const struct usbip *usbip, struct usbip_caller *caller) {
    uint8_t bytes[CALL_HEADER + 4 + DEVICE_BYTES + 4 * USBFS_INTERFACES];
    size_t len = reply_header(bytes, OP_REP_DEVLIST, STATUS_OK);
    store_be32(bytes + len, usbip->device != NULL);
    len += 4;
    if (usbip->device != NULL) {
        unsigned count = interfaces(usbip, bytes + len + DEVICE_BYTES);
        describe(usbip, count, bytes + len);
        len += DEVICE_BYTES + (size_t)4 * count;
    }
    reply(caller, bytes, len);
    drop(caller);
}

static void import(struct usbip *usbip, struct usbip_caller *caller) {
    uint8_t bytes[CALL_HEADER + DEVICE_BYTES];
    const char *busid = (const char *)caller->call + CALL_HEADER;
    bool is_ours = usbip->device != NULL && strncmp(busid, BUSID, BUSID_BYTES) == 0;
    uint32_t status = !is_ours ? STATUS_NO_DEVICE : usbip->client.fd >= 0 ? STATUS_BUSY : STATUS_OK;
    size_t len = reply_header(bytes, OP_REP_IMPORT, status);
    if (status != STATUS_OK) {
        reply(caller, bytes, len);
        drop(caller);
        return;
    }
    uint8_t four_a_piece[4 * USBFS_INTERFACES];
    describe(usbip, interfaces(usbip, four_a_piece), bytes + len);
    usbip_attach(usbip, caller->fd);
    usbip_put(&usbip->client, bytes, sizeof bytes);
    caller->fd = -1;
    trace_event(usbip->trace, TRACE_USB, "guest-connect", "");
}

// False: it is no USB/IP.
static bool take_call(struct usbip *usbip, struct usbip_caller *caller) {
    uint16_t code = load_be16(caller->call + 2);
    if (load_be16(caller->call) >> 8 != VERSION >> 8) {
        return false;
    }
    if (code == OP_REQ_DEVLIST) {
        send_list(usbip, caller);
        return true;
    }
    if (code == OP_REQ_IMPORT && caller->got == USBIP_CALL) {
        import(usbip, caller);
        return true;
    }
    return code == OP_REQ_IMPORT;
}

static bool read_caller(struct usbip *usbip, struct usbip_caller *caller) {
    // No more than its call: what follows is the client's.
    size_t want = caller->got < CALL_HEADER ? CALL_HEADER : USBIP_CALL;
    while (caller->fd >= 0 && caller->got < want) {
        ssize_t n = recv(caller->fd, caller->call + caller->got, want - caller->got, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (n <= 0) {
            drop(caller);
            return true;
        }
        caller->got += (size_t)n;
        if (caller->got < want) {
            continue;
        }
        if (!take_call(usbip, caller)) {
            drop(caller);
            return false;
        }
        want = USBIP_CALL;
    }
    return true;
}

// --- the device ---------------------------------------------------------------------------------------

static void device_ready(void *ctx, const struct usb_device *device) {
    struct usbip *usbip = ctx;
    usbip->device = device;
    usbip_learn_device(usbip);
}

static void device_gone(void *ctx) {
    struct usbip *usbip = ctx;
    usbip_leave(usbip);
    usbip->device = NULL;
}

static void device_failed(void *ctx, const char *why) {
    (void)ctx;
    (void)fprintf(stderr, "vboard: note: the board's USB device did not enumerate: %s\n", why);
}

// --- the face -----------------------------------------------------------------------------------------

struct usbip *usbip_new(struct timeline *timeline, struct cable *cable, struct trace *trace) {
    struct usbip *usbip = calloc(1, sizeof *usbip);
    if (usbip == NULL) {
        return NULL;
    }
    usbip->timeline = timeline;
    usbip->cable = cable;
    usbip->trace = trace;
    usbip->listening = usbip->client.fd = -1;
    for (unsigned i = 0; i < USBIP_CALLERS_MAX; i++) {
        usbip->callers[i].fd = -1;
    }
    struct enumerate_listener listener = {
        .ctx = usbip, .ready = device_ready, .gone = device_gone, .failed = device_failed};
    usbip->enumerator = enumerator_new(timeline, cable, trace, &listener);
    if (usbip->enumerator == NULL) {
        free(usbip);
        return NULL;
    }
    return usbip;
}

void usbip_free(struct usbip *usbip) {
    if (usbip == NULL) {
        return;
    }
    usbip_leave(usbip);
    for (unsigned i = 0; i < USBIP_CALLERS_MAX; i++) {
        if (usbip->callers[i].fd >= 0) {
            drop(&usbip->callers[i]);
        }
    }
    if (usbip->listening >= 0) {
        (void)close(usbip->listening);
    }
    enumerator_free(usbip->enumerator);
    free(usbip);
}

bool usbip_listen(struct usbip *usbip, struct tcp_place *place, char why[512]) {
    usbip->listening = tcp_listen(place, why);
    return usbip->listening >= 0;
}

void usbip_open(struct usbip *usbip, int fd) {
    for (unsigned i = 0; i < USBIP_CALLERS_MAX; i++) {
        if (usbip->callers[i].fd < 0) {
            usbip->callers[i] = (struct usbip_caller){.fd = fd};
            return;
        }
    }
    (void)close(fd);
}

unsigned usbip_poll(const struct usbip *usbip, struct pollfd on[USBIP_FDS_MAX]) {
    const struct usbip_client *client = &usbip->client;
    unsigned count = 0;
    if (usbip->listening >= 0) {
        on[count++] = (struct pollfd){.fd = usbip->listening, .events = POLLIN};
    }
    if (client->fd >= 0) {
        int events =
            (client->out_len < USBIP_UNSENT_MAX ? POLLIN : 0) | (client->out_len > 0 ? POLLOUT : 0);
        on[count++] = (struct pollfd){.fd = client->fd, .events = (short)events};
    }
    for (unsigned i = 0; i < USBIP_CALLERS_MAX; i++) {
        if (usbip->callers[i].fd >= 0) {
            on[count++] = (struct pollfd){.fd = usbip->callers[i].fd, .events = POLLIN};
        }
    }
    return count;
}

bool usbip_serve(struct usbip *usbip, char why[256]) {
    bool is_good = true;
    int fd = usbip->listening >= 0 ? tcp_accept(usbip->listening) : -1;
    if (fd >= 0) {
        usbip_open(usbip, fd);
    }
    for (unsigned i = 0; i < USBIP_CALLERS_MAX; i++) {
        if (usbip->callers[i].fd >= 0 && !read_caller(usbip, &usbip->callers[i])) {
            (void)snprintf(why, 256, "a USB/IP client sent what is not USB/IP 1.x");
            is_good = false;
        }
    }
    if (usbip->client.fd >= 0 && !usbip_exchange(usbip)) {
        if (usbip->client.fault != NULL) {
            (void)snprintf(why, 256, "the USB/IP client sent what is not USB/IP (%s)",
                           usbip->client.fault);
            is_good = false;
        }
        usbip_leave(usbip);
    }
    return is_good;
}

bool usbip_is_imported(const struct usbip *usbip) {
    return usbip->client.fd >= 0;
}

bool usbip_is_busy(const struct usbip *usbip) {
    return usbip->requests != NULL || usbip->is_reset_awaited;
}
