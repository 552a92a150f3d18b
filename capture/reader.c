// SPDX-License-Identifier: MIT
//
// Which format a file has, and the blocks of pcapng and pcap. What is in a packet is packets.c's.

#include "capture/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture/assemble.h"
#include "spec/bytes.h"

// draft-ietf-opsawg-pcapng section 4, draft-ietf-opsawg-pcap section 4.
#define PCAPNG_SECTION    0x0A0D0D0Au
#define PCAPNG_ORDER      0x1A2B3C4Du
#define PCAPNG_INTERFACE  1u
#define PCAPNG_SIMPLE     3u
#define PCAPNG_PACKET     6u
#define OPTION_RESOLUTION 9u
#define PCAP_MICROSECONDS 0xA1B2C3D4u
#define PCAP_NANOSECONDS  0xA1B23C4Du
#define PCAP_HEADER       24u
#define PCAP_PACKET       16u
#define INTERFACES_MAX    32u

static uint32_t load32(const uint8_t *at, bool is_big) {
    uint32_t value = load_le32(at);
    return is_big ? __builtin_bswap32(value) : value;
}

static uint16_t load16(const uint8_t *at, bool is_big) {
    uint16_t value = load_le16(at);
    return is_big ? __builtin_bswap16(value) : value;
}

// -- pcapng

struct interface {
    uint16_t link_type;
    uint8_t resolution; // if_tsresol: 10^-n, or with bit 7 2^-n
};

static uint64_t microseconds(uint64_t ticks, uint8_t resolution) {
    if (resolution & 0x80u) {
        unsigned shift = resolution & 0x7fu;
        return shift < 64 ? (uint64_t)((double)ticks * 1e6 / (double)(1ull << shift)) : 0;
    }
    for (unsigned i = 6; i < resolution && ticks != 0; i++) {
        ticks /= 10;
    }
    for (unsigned i = resolution; i < 6; i++) {
        ticks = ticks < UINT64_MAX / 10 ? ticks * 10 : UINT64_MAX;
    }
    return ticks;
}

static uint8_t resolution_of(const uint8_t *options, size_t len, bool is_big) {
    for (size_t at = 0; at + 4 <= len;) {
        unsigned code = load16(options + at, is_big);
        size_t size = load16(options + at + 2, is_big);
        if (code == 0 || at + 4 + size > len) {
            break;
        }
        if (code == OPTION_RESOLUTION && size == 1) {
            return options[at + 4];
        }
        at += 4 + ((size + 3) & ~(size_t)3);
    }
    return 6; // section 4.2: microseconds
}

static bool broken(struct assemble *assemble, const char *what, size_t at) {
    (void)snprintf(assemble->fault, CAPTURE_FAULT_MAX, "%s at byte %zu", what, at);
    return false;
}

static bool no_usb(struct assemble *assemble, unsigned link_type) {
    (void)snprintf(assemble->fault, CAPTURE_FAULT_MAX,
                   "its packets are of link type %u, which is not USB: usbmon's (189, 220) and "
                   "USBPcap's (249) are read",
                   link_type);
    return false;
}

bool read_pcapng(struct assemble *assemble, const uint8_t *bytes, size_t len) {
    struct interface interfaces[INTERFACES_MAX];
    unsigned count = 0;
    bool is_big = false;
    for (size_t at = 0; at < len;) {
        if (len - at < 12) {
            return broken(assemble, "it ends in the middle of a block", at);
        }
        uint32_t type = load32(bytes + at, is_big);
        if (type == PCAPNG_SECTION) {
            is_big = load_le32(bytes + at + 8) != PCAPNG_ORDER;
            if (load32(bytes + at + 8, is_big) != PCAPNG_ORDER) {
                return broken(assemble, "a section of unknown byte order begins", at);
            }
            count = 0;
        }
        uint32_t size = load32(bytes + at + 4, is_big);
        if (size < 12 || size % 4 != 0) {
            return broken(assemble, "a block has an impossible length", at);
        }
        if (size > len - at) {
            return broken(assemble, "it ends in the middle of a block", at);
        }
        const uint8_t *body = bytes + at + 8;
        size_t body_len = size - 12;
        if (type == PCAPNG_INTERFACE && body_len >= 8) {
            if (count == INTERFACES_MAX) {
                return broken(assemble, "there are more interfaces than 32", at);
            }
            interfaces[count++] = (struct interface){load16(body, is_big),
                                                     resolution_of(body + 8, body_len - 8, is_big)};
        } else if (type == PCAPNG_PACKET && body_len >= 20) {
            uint32_t interface = load32(body, is_big);
            uint64_t ticks = (uint64_t)load32(body + 4, is_big) << 32 | load32(body + 8, is_big);
            uint32_t captured = load32(body + 12, is_big);
            if (interface >= count || captured > body_len - 20) {
                return broken(assemble, "a packet contradicts its block", at);
            }
            if (!assemble_packet(assemble, interfaces[interface].link_type, is_big,
                                 microseconds(ticks, interfaces[interface].resolution), body + 20,
                                 captured)) {
                return no_usb(assemble, interfaces[interface].link_type);
            }
        } else if (type == PCAPNG_SIMPLE) {
            assemble->number++; // it has no time, and nobody writes USB so
        }
        at += size;
    }
    return true;
}

// -- pcap

bool read_pcap(struct assemble *assemble, const uint8_t *bytes, size_t len) {
    uint32_t magic = load_le32(bytes);
    bool is_big = magic != PCAP_MICROSECONDS && magic != PCAP_NANOSECONDS;
    bool is_nano = load32(bytes, is_big) == PCAP_NANOSECONDS;
    if (len < PCAP_HEADER) {
        return broken(assemble, "it ends in its header", len);
    }
    unsigned link_type = load32(bytes + 20, is_big) & 0xffffu;
    for (size_t at = PCAP_HEADER; at < len;) {
        if (len - at < PCAP_PACKET) {
            return broken(assemble, "it ends in the middle of a packet", at);
        }
        uint32_t captured = load32(bytes + at + 8, is_big);
        if (captured > len - at - PCAP_PACKET) {
            return broken(assemble, "it ends in the middle of a packet", at);
        }
        uint64_t at_us = load32(bytes + at, is_big) * 1000000ull +
                         load32(bytes + at + 4, is_big) / (is_nano ? 1000u : 1u);
        if (!assemble_packet(assemble, link_type, is_big, at_us, bytes + at + PCAP_PACKET,
                             captured)) {
            return no_usb(assemble, link_type);
        }
        at += PCAP_PACKET + captured;
    }
    return true;
}

// -- Which

enum capture_kind capture_kind(const uint8_t *bytes, size_t len) {
    uint32_t magic = len >= 4 ? load_le32(bytes) : 0;
    uint32_t turned = __builtin_bswap32(magic);
    if (magic == PCAPNG_SECTION && len >= 12) {
        return CAPTURE_PCAPNG;
    }
    if (magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS || turned == PCAP_MICROSECONDS ||
        turned == PCAP_NANOSECONDS) {
        return CAPTURE_PCAP;
    }
    // One of the first lines: a shell's prompt or a comment may stand before.
    for (size_t at = 0, line = 0; at < len && line < 20; line++) {
        const uint8_t *end = memchr(bytes + at, '\n', len - at);
        size_t line_len = end ? (size_t)(end - bytes) - at : len - at;
        if (is_usbmon_line((const char *)bytes + at, line_len)) {
            return CAPTURE_USBMON_TEXT;
        }
        at += line_len + 1;
    }
    return CAPTURE_NONE;
}

const char *capture_kind_name(enum capture_kind kind) {
    static const char *const names[] = {NULL, "pcapng", "pcap", "usbmon's text"};
    return names[kind];
}

bool capture_read(const uint8_t *bytes, size_t len,
                  void (*tell)(void *ctx, const struct capture_transfer *transfer), void *ctx,
                  char fault[CAPTURE_FAULT_MAX]) {
    struct assemble assemble = {.tell = tell, .ctx = ctx, .fault = fault};
    bool is_well = false;
    fault[0] = '\0';
    switch (capture_kind(bytes, len)) {
    case CAPTURE_PCAPNG:
        is_well = read_pcapng(&assemble, bytes, len);
        break;
    case CAPTURE_PCAP:
        is_well = read_pcap(&assemble, bytes, len);
        break;
    case CAPTURE_USBMON_TEXT:
        is_well = read_usbmon_text(&assemble, bytes, len);
        break;
    default:
        (void)snprintf(fault, CAPTURE_FAULT_MAX, "it is no capture");
    }
    assemble_finish(&assemble);
    return is_well;
}
