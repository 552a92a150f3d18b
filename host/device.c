// SPDX-License-Identifier: MIT
//
// Which device is meant: what its descriptors say, lists of devices, and the choice of one.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/fault.h"
#include "host/link.h"
#include "host/session.h"
#include "host/transport.h"
#include "spec/dfu.h"

// DfuSe is told by bcdDFUVersion: DfuSe Demo takes 0x011A up to 0x011F.
#define DFUSE_VERSION_END  0x0120u
// ST's own identity. Some of ST's firmware reports another version there; fwupd overrides it too.
#define VENDOR_ST          0x0483u
#define PRODUCT_ST_DFU     0xdf11u
// A functional descriptor of DFU 1.0 ends before bcdDFUVersion.
#define FUNCTIONAL_LEN_1_0 7u

void redfui_take_functional(struct redfu_device *device, const uint8_t *bytes, size_t len) {
    for (size_t at = 0; at + 2 <= len && bytes[at] >= 2 && bytes[at] <= len - at; at += bytes[at]) {
        const uint8_t *one = bytes + at;
        if (one[1] != DFU_DT_FUNCTIONAL || one[0] < FUNCTIONAL_LEN_1_0) {
            continue;
        }
        device->attributes = one[2];
        device->detach_timeout_ms = load_le16(one + 3);
        device->transfer_bytes = load_le16(one + 5);
        device->dfu_version = one[0] >= DFU_FUNCTIONAL_LEN ? load_le16(one + 7) : 0x0100;
        return;
    }
}

static bool says_dfuse(const struct redfu_device *device) {
    return device->dfu_version >= DFUSE_VERSION && device->dfu_version < DFUSE_VERSION_END;
}

void redfui_decide_kind(struct redfu_device *device, uint8_t protocol) {
    bool is_st = device->vendor == VENDOR_ST && device->product == PRODUCT_ST_DFU;
    if (protocol == DFU_PROTOCOL_RUNTIME) {
        device->kind = REDFU_KIND_RUNTIME;
    } else {
        device->kind = says_dfuse(device) || is_st ? REDFU_KIND_DFUSE : REDFU_KIND_DFU;
    }
}

struct redfu *redfui_new(const struct transport *transport) {
    struct redfu *redfu = malloc(sizeof *redfu);
    if (redfu) {
        redfui_tap(&redfu->tap, transport, &redfu->transport);
    }
    return redfu;
}

enum redfu_result redfu_new(struct redfu **redfu, struct redfu_fault *fault) {
    *redfu = NULL;
    struct transport transport;
    enum redfu_result result = redfui_transport_usb(&transport, fault);
    if (result != REDFU_OK) {
        return result;
    }
    *redfu = redfui_new(&transport);
    if (!*redfu) {
        transport.free(transport.ctx);
        return redfui_no_memory(fault);
    }
    return REDFU_OK;
}

void redfu_listen(struct redfu *redfu,
                  void (*tell)(void *ctx, const struct redfu_transfer *transfer), void *ctx) {
    redfu->tap.tell = tell;
    redfu->tap.ctx = ctx;
}

void redfu_free(struct redfu *redfu) {
    if (redfu) {
        redfu->transport.free(redfu->transport.ctx);
        free(redfu);
    }
}

// Strings of the device descriptor. What cannot be read stays as it was: a list is not refused for
// one device that cannot be opened.
static void read_texts(const struct transport *transport, struct redfu_device *device) {
    void *handle;
    enum transport_result opened = transport->open(transport->ctx, device, &handle);
    if (opened != TRANSPORT_OK) {
        device->access = opened == TRANSPORT_DENIED ? REDFU_DENIED
                         : opened == TRANSPORT_BUSY ? REDFU_BUSY
                         : opened == TRANSPORT_GONE ? REDFU_UNPLUGGED
                                                    : REDFU_TRANSFER;
        return;
    }
    struct link link = {.transport = transport, .handle = handle};
    (void)redfui_string(&link, device->manufacturer_string, device->manufacturer);
    (void)redfui_string(&link, device->product_string, device->product_name);
    (void)redfui_string(&link, device->serial_string, device->serial);
    // ST's identity without DfuSe's version: others take it for plain DFU (sboot), and then no layout is there.
    char layout[REDFU_TEXT_MAX];
    if (device->kind == REDFU_KIND_DFUSE && !says_dfuse(device) &&
        redfui_string(&link, device->alternate_strings[0], layout) && layout[0] != '@') {
        device->kind = REDFU_KIND_DFU;
    }
    transport->close(transport->ctx, handle);
}

static int by_path(const void *a, const void *b) {
    const struct redfu_device *left = a;
    const struct redfu_device *right = b;
    int order = strcmp(left->path, right->path);
    return order != 0 ? order : left->interface - right->interface;
}

enum redfu_result redfu_list(struct redfu *redfu, struct redfu_device **devices, size_t *count,
                             struct redfu_fault *fault) {
    const struct transport *transport = &redfu->transport;
    *devices = NULL;
    *count = 0;
    if (transport->list(transport->ctx, devices, count) != TRANSPORT_OK) {
        return redfui_fail(fault, REDFU_TRANSFER, "the USB devices could not be listed");
    }
    for (size_t i = 0; i < *count; i++) {
        read_texts(transport, &(*devices)[i]);
    }
    if (*count > 1) {
        qsort(*devices, *count, sizeof **devices, by_path);
    }
    return REDFU_OK;
}

void redfu_list_free(struct redfu_device *devices) {
    free(devices);
}

// --- The choice ----------------------------------------------------------------------------------

bool redfu_matches(const struct redfu_device *device, const struct redfu_filter *filter) {
    if (filter->serial && strcasecmp(filter->serial, device->serial) != 0) {
        return false;
    }
    if (filter->path && strcmp(filter->path, device->path) != 0) {
        return false;
    }
    return !filter->has_usb_id ||
           (filter->vendor == device->vendor && filter->product == device->product);
}

static bool is_open_choice(const struct redfu_filter *filter) {
    return !filter->serial && !filter->path && !filter->has_usb_id;
}

static void append(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...) {
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out + len, size - len, format, args);
    va_end(args);
}

static const char *kind_text(enum redfu_kind kind) {
    return kind == REDFU_KIND_DFUSE     ? "DFU mode"
           : kind == REDFU_KIND_DFU     ? "DFU mode, without DfuSe"
           : kind == REDFU_KIND_RUNTIME ? "running an application"
                                        : "not configured, cannot be used";
}

static void append_device(struct redfu_fault *fault, const struct redfu_device *device) {
    append(fault->advice, sizeof fault->advice, "\n  %04X:%04X  --serial %s  --path %s  %s (%s)",
           device->vendor, device->product,
           device->serial[0]                ? device->serial
           : device->access == REDFU_DENIED ? "(no permission)"
                                            : "(none)",
           device->path, device->product_name[0] ? device->product_name : "?",
           kind_text(device->kind));
}

static enum redfu_result refuse_none(const struct redfu_device *devices, size_t count,
                                     const struct redfu_filter *filter, struct redfu_fault *fault) {
    (void)redfui_fail(fault, REDFU_NO_DEVICE, "no device in DFU mode%s",
                      is_open_choice(filter) ? " is connected" : " matches");
    if (!is_open_choice(filter)) {
        append(fault->text, sizeof fault->text, "%s%s%s%s", filter->serial ? " --serial " : "",
               filter->serial ? filter->serial : "", filter->path ? " --path " : "",
               filter->path ? filter->path : "");
        if (filter->has_usb_id) {
            append(fault->text, sizeof fault->text, " --usb-id %04X:%04X", filter->vendor,
                   filter->product);
        }
    }
    append(fault->advice, sizeof fault->advice,
           "Put the board into DFU mode: hold its DFU button (BOOT0 for ST's ROM) while it resets, "
           "or let its application ask for it. Check that the cable carries data and not only "
           "power; lsusb must show the board.");
    if (count > 0) {
        append(fault->advice, sizeof fault->advice, "\nConnected DFU interfaces:");
    }
    bool has_runtime = false;
    bool has_unconfigured = false;
    for (size_t i = 0; i < count; i++) {
        append_device(fault, &devices[i]);
        has_runtime |= devices[i].kind == REDFU_KIND_RUNTIME;
        has_unconfigured |= devices[i].kind == REDFU_KIND_UNCONFIGURED;
    }
    if (has_unconfigured) {
        append(fault->advice, sizeof fault->advice,
               "\nOne that is not configured refused SET_CONFIGURATION, is just coming, or was not "
               "authorised by the system (`redfu doctor` says more).");
    }
    if (has_runtime) {
        append(fault->advice, sizeof fault->advice,
               "\n`redfu write` leads one that runs an application into DFU mode, if --path (or "
               "--serial, --usb-id) names it; a DFU button does it as well.");
    }
    return fault->result;
}

bool redfui_is_programmable(const struct redfu_device *device) {
    return device->kind == REDFU_KIND_DFUSE || device->kind == REDFU_KIND_DFU;
}

// Who has to say which one is meant sees all that `list` shows.
static bool is_candidate(const struct redfu_device *device, const struct redfu_filter *filter) {
    return redfui_is_programmable(device) && redfu_matches(device, filter);
}

static enum redfu_result refuse_many(const struct redfu_device *devices, size_t count,
                                     const struct redfu_filter *filter, struct redfu_fault *fault) {
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        matches += is_candidate(&devices[i], filter);
    }
    (void)redfui_fail(fault, REDFU_MANY_DEVICES,
                      "%zu devices in DFU mode are connected: which one is meant?", matches);
    append(fault->advice, sizeof fault->advice, "Say it with --serial, --path or --usb-id:");
    for (size_t i = 0; i < count; i++) {
        if (is_candidate(&devices[i], filter)) {
            append_device(fault, &devices[i]);
        }
    }
    return fault->result;
}

static size_t count_matches(const struct redfu_device *devices, size_t count,
                            const struct redfu_filter *filter, enum redfu_kind kind,
                            size_t *first) {
    size_t matches = 0;
    for (size_t i = count; i > 0; i--) {
        if (devices[i - 1].kind == kind && redfu_matches(&devices[i - 1], filter)) {
            *first = i - 1;
            matches++;
        }
    }
    return matches;
}

enum redfu_result redfu_choose(const struct redfu_device *devices, size_t count,
                               const struct redfu_filter *filter, size_t *chosen,
                               struct redfu_fault *fault) {
    enum redfu_kind kind = REDFU_KIND_DFUSE;
    size_t matches = count_matches(devices, count, filter, kind, chosen);
    if (matches == 0) {
        kind = REDFU_KIND_DFU;
        matches = count_matches(devices, count, filter, kind, chosen);
    }
    if (matches == 0) {
        return refuse_none(devices, count, filter, fault);
    }
    return matches == 1 ? REDFU_OK : refuse_many(devices, count, filter, fault);
}
