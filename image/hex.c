// SPDX-License-Identifier: MIT
//
// Intel HEX (Intel's "Hexadecimal Object File Format Specification", revision A, 1988): records of
// type 00 data, 01 end, 02 segment base, 03 start CS:IP, 04 linear base, 05 start EIP.
//
// Strict: a wrong checksum, length or character is an error with its line number, data after the
// end record too, and a missing end record means a truncated file.

#include <string.h>

#include "image/format.h"
#include "spec/bytes.h"

#define RECORD_BYTES_MAX (255u + 5u) // count, address (2), type, data, checksum
#define SEGMENT_OFFSET_MASK 0xffffu  // type 02 wraps offsets inside 64 KB (chapter 3)

enum record { DATA = 0, END = 1, SEGMENT_BASE = 2, START_SEGMENT = 3, LINEAR_BASE = 4, START = 5 };

struct reader {
    struct image *image;
    const struct image_file *file;
    struct image_fault *fault;
    unsigned line;
    uint32_t base;
    bool segmented; // base came from a type 02 record
    bool ended;
};

static int digit(uint8_t c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

bool hex_recognise(const struct image_file *file) {
    size_t at = 0;
    while (at < file->len && strchr(" \t\r\n", file->bytes[at]) && file->bytes[at] != 0) {
        at++;
    }
    // ":LLAAAATT": a colon and eight digits.
    if (file->len - at < 9 || file->bytes[at] != ':') {
        return false;
    }
    for (size_t i = 1; i < 9; i++) {
        if (digit(file->bytes[at + i]) < 0) {
            return false;
        }
    }
    return true;
}

static bool add_data(struct reader *reader, uint16_t offset, const uint8_t *bytes, uint32_t count) {
    uint64_t addr = (uint64_t)reader->base + offset;
    uint32_t first = count;
    if (reader->segmented && offset + count > SEGMENT_OFFSET_MASK + 1) {
        first = SEGMENT_OFFSET_MASK + 1 - offset;
    }
    struct image_fault inner;
    bool ok = addr <= UINT32_MAX &&
              image_add(reader->image, (uint32_t)addr, bytes, first, &inner) &&
              image_add(reader->image, reader->base, bytes + first, count - first, &inner);
    if (!ok) {
        return image_refuse(reader->fault, "%s:%u: %.400s", reader->file->path, reader->line,
                            addr <= UINT32_MAX ? inner.text
                                               : "address passes the end of the address space");
    }
    return true;
}

static bool wrong_length(struct reader *reader, unsigned type, unsigned count, unsigned expected) {
    return image_refuse(reader->fault, "%s:%u: a type %02X record has %u data bytes instead of %u",
                        reader->file->path, reader->line, type, count, expected);
}

static bool take_record(struct reader *reader, const uint8_t *record) {
    unsigned count = record[0];
    uint16_t offset = (uint16_t)((record[1] << 8) | record[2]);
    const uint8_t *data = record + 4;
    switch (record[3]) {
    case DATA:
        return add_data(reader, offset, data, count);
    case END:
        reader->ended = true;
        return count == 0 || wrong_length(reader, END, count, 0);
    case SEGMENT_BASE:
    case LINEAR_BASE:
        if (count != 2) {
            return wrong_length(reader, record[3], count, 2);
        }
        reader->segmented = record[3] == SEGMENT_BASE;
        reader->base = (uint32_t)((data[0] << 8) | data[1]) << (reader->segmented ? 4 : 16);
        return true;
    case START_SEGMENT:
        // CS:IP of an 8086: means nothing here.
        return count == 4 || wrong_length(reader, START_SEGMENT, count, 4);
    case START:
        if (count != 4) {
            return wrong_length(reader, START, count, 4);
        }
        reader->image->entry = ((uint32_t)data[0] << 24) | ((uint32_t)data[1] << 16) |
                               ((uint32_t)data[2] << 8) | data[3];
        return true;
    default:
        return image_refuse(reader->fault, "%s:%u: unknown record type %02X", reader->file->path,
                            reader->line, record[3]);
    }
}

static bool take_line(struct reader *reader, const uint8_t *text, size_t len) {
    while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == ' ' || text[len - 1] == '\t')) {
        len--;
    }
    if (len == 0) {
        return true;
    }
    const char *path = reader->file->path;
    unsigned line = reader->line;
    if (reader->ended) {
        return image_refuse(reader->fault, "%s:%u: data after the end record", path, line);
    }
    if (text[0] != ':') {
        return image_refuse(reader->fault, "%s:%u: a record must begin with ':'", path, line);
    }
    uint8_t record[RECORD_BYTES_MAX];
    size_t bytes = 0;
    uint8_t sum = 0;
    for (size_t at = 1; at < len; at += 2) {
        int high = digit(text[at]);
        int low = at + 1 < len ? digit(text[at + 1]) : -1;
        if (high < 0 || low < 0) {
            return image_refuse(reader->fault, "%s:%u: not a pair of hexadecimal digits", path,
                                line);
        }
        if (bytes == sizeof record) {
            return image_refuse(reader->fault, "%s:%u: the record is too long", path, line);
        }
        record[bytes] = (uint8_t)(high << 4 | low);
        sum = (uint8_t)(sum + record[bytes]);
        bytes++;
    }
    if (bytes < 5 || bytes != (size_t)record[0] + 5) {
        return image_refuse(reader->fault,
                            "%s:%u: the record holds %zu bytes, its count says %u: truncated?",
                            path, line, bytes, bytes ? record[0] + 5u : 5u);
    }
    if (sum != 0) {
        return image_refuse(reader->fault, "%s:%u: wrong checksum (%02X, expected %02X)", path,
                            line, record[bytes - 1], (uint8_t)(record[bytes - 1] - sum));
    }
    return take_record(reader, record);
}

bool hex_read(struct image *image, const struct image_file *file, struct image_fault *fault) {
    struct reader reader = {.image = image, .file = file, .fault = fault};
    size_t at = 0;
    while (at < file->len) {
        const uint8_t *text = file->bytes + at;
        const uint8_t *newline = memchr(text, '\n', file->len - at);
        size_t len = newline ? (size_t)(newline - text) : file->len - at;
        reader.line++;
        if (!take_line(&reader, text, len)) {
            return false;
        }
        at += len + 1;
    }
    if (!reader.ended) {
        return image_refuse(fault, "%s:%u: no end record (:00000001FF): the file is truncated",
                            file->path, reader.line);
    }
    if (image->segment_count == 0) {
        return image_refuse(fault, "%s: holds no data", file->path);
    }
    return true;
}
