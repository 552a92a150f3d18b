// SPDX-License-Identifier: MIT
//
// A reader as strict as a test wants it.

#include "tests/unit/pcap_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/bytes.h"

static uint8_t *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    (void)fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*len + 1);
    if (bytes && fread(bytes, 1, *len, file) != *len) {
        free(bytes);
        bytes = NULL;
    }
    (void)fclose(file);
    return bytes;
}

static uint64_t load_le64(const uint8_t *at) {
    return load_le32(at) | (uint64_t)load_le32(at + 4) << 32;
}

// The value of an option in [at, end), or NULL; NULL also where the options do not end properly.
static const uint8_t *option(const uint8_t *at, const uint8_t *end, unsigned code, size_t *len) {
    const uint8_t *found = NULL;
    while (at + 4 <= end) {
        *len = found ? *len : load_le16(at + 2);
        if (load_le16(at) == 0) {
            return at + 4 == end ? found : NULL;
        }
        if (load_le16(at) == code && !found) {
            found = at + 4;
        }
        at += 4 + ((load_le16(at + 2) + 3u) & ~3u);
    }
    return NULL;
}

static const char *read_section(const uint8_t *body, const uint8_t *end) {
    if (end - body < 16 || load_le32(body) != 0x1A2B3C4D || load_le16(body + 4) != 1 ||
        load_le16(body + 6) != 0) {
        return "the section header";
    }
    return NULL;
}

static const char *read_interface(struct pcap_capture *capture, const uint8_t *body,
                                  const uint8_t *end) {
    size_t len;
    const uint8_t *value = option(body + 8, end, 9, &len);
    if (!value || len != 1 || *value != 9) {
        return "the interface's time resolution";
    }
    value = option(body + 8, end, 2, &len);
    if (!value || len >= sizeof capture->interface) {
        return "the interface's name";
    }
    memcpy(capture->interface, value, len);
    capture->interface[len] = '\0';
    capture->link_type = load_le16(body);
    return NULL;
}

static const char *read_packet(struct pcap_capture *capture, const uint8_t *body,
                               const uint8_t *end) {
    uint32_t captured = load_le32(body + 12);
    const uint8_t *at = body + 20;
    if (end - body < 20 + 64 || captured < 64 || at + ((captured + 3) & ~3u) != end ||
        load_le32(body + 16) != captured || load_le32(body) != 0) {
        return "a packet's lengths";
    }
    struct pcap_packet *grown =
        realloc(capture->packets, (capture->count + 1) * sizeof *capture->packets);
    if (!grown) {
        return "no memory";
    }
    capture->packets = grown;
    struct pcap_packet *packet = &grown[capture->count++];
    *packet = (struct pcap_packet){
        .ns = (uint64_t)load_le32(body + 4) << 32 | load_le32(body + 8),
        .id = load_le64(at),
        .event = (char)at[8],
        .xfer_type = at[9],
        .epnum = at[10],
        .devnum = at[11],
        .busnum = load_le16(at + 12),
        .flag_setup = at[14],
        .flag_data = at[15],
        .header_us = load_le64(at + 16) * 1000000 + load_le32(at + 24),
        .status = (int)load_le32(at + 28),
        .length = load_le32(at + 32),
        .captured = load_le32(at + 36),
        .isochronous_descriptors = load_le32(at + 60),
        .data = at + 64,
        .data_len = captured - 64,
    };
    memcpy(packet->setup, at + 40, 8);
    return packet->captured == packet->data_len && packet->ns / 1000 == packet->header_us
               ? NULL
               : "a packet that disagrees with itself";
}

bool pcap_read(struct pcap_capture *capture, const char *path, const char **reason) {
    size_t len = 0;
    *capture = (struct pcap_capture){.bytes = read_file(path, &len)};
    *reason = capture->bytes ? NULL : "it cannot be read";
    unsigned blocks = 0;
    for (size_t at = 0; !*reason && at < len; blocks++) {
        const uint8_t *block = capture->bytes + at;
        uint32_t size = len - at >= 12 ? load_le32(block + 4) : 0;
        if (size < 12 || size % 4 != 0 || size > len - at || load_le32(block + size - 4) != size) {
            *reason = "a block's length";
            break;
        }
        const uint8_t *body = block + 8;
        const uint8_t *end = block + size - 4;
        uint32_t type = load_le32(block);
        if ((blocks == 0) != (type == 0x0A0D0D0A) || (blocks == 1) != (type == 1)) {
            *reason = "the order of blocks";
        } else if (type == 0x0A0D0D0A) {
            *reason = read_section(body, end);
        } else if (type == 1) {
            *reason = read_interface(capture, body, end);
        } else {
            *reason = type == 6 ? read_packet(capture, body, end) : "a block of another type";
        }
        at += size;
    }
    if (!*reason && blocks < 2) {
        *reason = "no interface";
    }
    return !*reason;
}

void pcap_forget(struct pcap_capture *capture) {
    free(capture->bytes);
    free(capture->packets);
    *capture = (struct pcap_capture){0};
}
