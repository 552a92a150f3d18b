// SPDX-License-Identifier: MIT
//
// One folder without compression: header, folder, files, then the files' bytes one behind the other in
// blocks of at most 32 KB, each with its checksum ([MS-CAB] 2.1 to 2.5, 3.1).

#include "image/cab.h"

#include <stdlib.h>
#include <string.h>

#include "spec/bytes.h"

#define HEADER_BYTES 36u
#define FOLDER_BYTES 8u
#define FILE_BYTES   16u // and the name with its end
#define DATA_BYTES   8u
#define BLOCK_BYTES  32768u // the most a block may hold
#define VERSION      0x0103u
#define ATTRIBUTES   0x20u // "archive", as every packer writes it

uint16_t cab_date(unsigned year, unsigned month, unsigned day) {
    return (uint16_t)((year - 1980) << 9 | month << 5 | day);
}

// [MS-CAB] 3.1: the exclusive-or of all words, the rest with its first byte on top.
static uint32_t checksum(const uint8_t *bytes, size_t len, uint32_t seed) {
    uint32_t sum = seed;
    for (; len >= 4; bytes += 4, len -= 4) {
        sum ^= load_le32(bytes);
    }
    for (uint32_t i = 0; i < len; i++) {
        sum ^= (uint32_t)bytes[i] << (8 * (len - 1 - i));
    }
    return sum;
}

static uint8_t *put_blocks(uint8_t *at, const uint8_t *content, size_t len) {
    for (size_t off = 0; off < len; off += BLOCK_BYTES) {
        uint16_t one = (uint16_t)(len - off < BLOCK_BYTES ? len - off : BLOCK_BYTES);
        store_le16(at + 4, one);
        store_le16(at + 6, one);
        memcpy(at + DATA_BYTES, content + off, one);
        store_le32(at, checksum(at + 4, 4, checksum(at + DATA_BYTES, one, 0)));
        at += DATA_BYTES + one;
    }
    return at;
}

static uint8_t *put_file(uint8_t *at, const struct cab_file *file, uint32_t off, uint16_t date,
                         uint16_t time) {
    store_le32(at, file->len);
    store_le32(at + 4, off);
    store_le16(at + 8, 0); // the only folder
    store_le16(at + 10, date);
    store_le16(at + 12, time);
    store_le16(at + 14, ATTRIBUTES);
    size_t name = strlen(file->name) + 1;
    memcpy(at + FILE_BYTES, file->name, name);
    return at + FILE_BYTES + name;
}

uint8_t *cab_make(const struct cab_file *files, unsigned count, uint16_t date, uint16_t time,
                  size_t *len) {
    uint64_t content_len = 0;
    uint64_t heads = HEADER_BYTES + FOLDER_BYTES;
    for (unsigned i = 0; i < count; i++) {
        content_len += files[i].len;
        heads += FILE_BYTES + strlen(files[i].name) + 1;
    }
    uint64_t blocks = (content_len + BLOCK_BYTES - 1) / BLOCK_BYTES;
    uint64_t total = heads + blocks * DATA_BYTES + content_len;
    if (total > CAB_BYTES_MAX) {
        return NULL;
    }
    uint8_t *bytes = calloc(1, total);
    uint8_t *content = malloc(content_len + 1);
    if (!bytes || !content) {
        free(bytes);
        free(content);
        return NULL;
    }
    memcpy(bytes, "MSCF", 4);
    store_le32(bytes + 8, (uint32_t)total);
    store_le32(bytes + 16, HEADER_BYTES + FOLDER_BYTES); // where the files' heads begin
    store_le16(bytes + 24, VERSION);
    store_le16(bytes + 26, 1); // folders
    store_le16(bytes + 28, (uint16_t)count);
    store_le32(bytes + HEADER_BYTES, (uint32_t)heads);
    store_le16(bytes + HEADER_BYTES + 4, (uint16_t)blocks);
    uint8_t *at = bytes + HEADER_BYTES + FOLDER_BYTES;
    uint32_t off = 0;
    for (unsigned i = 0; i < count; i++) {
        at = put_file(at, &files[i], off, date, time);
        memcpy(content + off, files[i].bytes, files[i].len);
        off += files[i].len;
    }
    (void)put_blocks(at, content, content_len);
    free(content);
    *len = total;
    return bytes;
}
