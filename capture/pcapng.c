// SPDX-License-Identifier: MIT
//
// The blocks of a pcapng file (draft-ietf-opsawg-pcapng section 4), little-endian: type, length,
// body padded to 32 bits, length again.

#include "capture/pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/bytes.h"

// Section 4: block types; section 4.1: byte-order magic.
#define BLOCK_SECTION      0x0A0D0D0Au
#define BLOCK_INTERFACE    1u
#define BLOCK_PACKET       6u
#define BYTE_ORDER_MAGIC   0x1A2B3C4Du
// Options: section 3.5 (end), 4.1 (application), 4.2 (name, resolution).
#define OPTION_END         0u
#define OPTION_APPLICATION 4u
#define OPTION_NAME        2u
#define OPTION_RESOLUTION  9u
#define NANOSECONDS        9u // 10^-9

static size_t padded(size_t len) {
    return (len + 3) & ~(size_t)3;
}

static void fail(struct pcapng *pcapng, int error) {
    if (pcapng->error == 0) {
        pcapng->error = error;
    }
}

// Room for a block with `body` bytes between its two lengths; NULL once something failed.
static uint8_t *start_block(struct pcapng *pcapng, uint32_t type, size_t body) {
    size_t len = 12 + body;
    if (pcapng->error == 0 && len > pcapng->capacity) {
        uint8_t *grown = realloc(pcapng->block, len);
        if (grown) {
            pcapng->block = grown;
            pcapng->capacity = len;
        } else {
            fail(pcapng, ENOMEM);
        }
    }
    if (pcapng->error != 0) {
        return NULL;
    }
    memset(pcapng->block, 0, len);
    store_le32(pcapng->block, type);
    store_le32(pcapng->block + 4, (uint32_t)len);
    store_le32(pcapng->block + len - 4, (uint32_t)len);
    return pcapng->block + 8;
}

static void write_block(struct pcapng *pcapng) {
    size_t len = load_le32(pcapng->block + 4);
    for (size_t at = 0; at < len;) {
        ssize_t got = write(pcapng->fd, pcapng->block + at, len - at);
        if (got < 0 && errno != EINTR) {
            fail(pcapng, errno);
            return;
        }
        at += got > 0 ? (size_t)got : 0;
    }
}

static size_t option_bytes(size_t len) {
    return 4 + padded(len);
}

static uint8_t *put_option(uint8_t *at, unsigned code, const void *value, size_t len) {
    store_le16(at, (uint16_t)code);
    store_le16(at + 2, (uint16_t)len);
    memcpy(at + 4, value, len);
    return at + option_bytes(len);
}

// An option's length has 16 bits; a name has a few dozen.
#define NAME_BYTES_MAX 255u

void pcapng_begin(struct pcapng *pcapng, int fd, uint16_t link_type, const char *application,
                  const char *interface) {
    size_t application_len = strnlen(application, NAME_BYTES_MAX);
    size_t interface_len = strnlen(interface, NAME_BYTES_MAX);
    const uint8_t resolution = NANOSECONDS;
    *pcapng = (struct pcapng){.fd = fd};

    uint8_t *at =
        start_block(pcapng, BLOCK_SECTION, 16 + option_bytes(application_len) + option_bytes(0));
    if (at) {
        store_le32(at, BYTE_ORDER_MAGIC);
        store_le16(at + 4, 1);   // version 1.0
        memset(at + 8, 0xff, 8); // section length: not known beforehand
        put_option(at + 16, OPTION_APPLICATION, application, application_len);
        write_block(pcapng);
    }
    at = start_block(pcapng, BLOCK_INTERFACE,
                     8 + option_bytes(interface_len) + option_bytes(1) + option_bytes(0));
    if (at) {
        store_le16(at, link_type);
        at = put_option(at + 8, OPTION_NAME, interface, interface_len); // snap length 0: no limit
        at = put_option(at, OPTION_RESOLUTION, &resolution, 1);
        put_option(at, OPTION_END, "", 0);
        write_block(pcapng);
    }
}

void pcapng_packet(struct pcapng *pcapng, uint64_t ns, const uint8_t *head, size_t head_len,
                   const uint8_t *body, size_t body_len) {
    size_t len = head_len + body_len;
    uint8_t *at = start_block(pcapng, BLOCK_PACKET, 20 + padded(len));
    if (!at) {
        return;
    }
    store_le32(at + 4, (uint32_t)(ns >> 32)); // interface 0
    store_le32(at + 8, (uint32_t)ns);
    store_le32(at + 12, (uint32_t)len);
    store_le32(at + 16, (uint32_t)len);
    if (head_len > 0) {
        memcpy(at + 20, head, head_len);
    }
    if (body_len > 0) {
        memcpy(at + 20 + head_len, body, body_len);
    }
    write_block(pcapng);
}

bool pcapng_end(struct pcapng *pcapng) {
    free(pcapng->block);
    pcapng->block = NULL;
    pcapng->capacity = 0;
    return pcapng->error == 0;
}
