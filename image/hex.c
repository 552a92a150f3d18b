// SPDX-License-Identifier: MIT
//
// Intel HEX (Intel's "Hexadecimal Object File Format Specification", revision A, 1988): records of
// type 00 data, 01 end, 02 segment base, 03 start CS:IP, 04 linear base, 05 start EIP.
//
// Strict: a wrong checksum, length or character is an error with its line number, data after the
// end record too, and a missing end record means a truncated file.

#include <stdio.h>
#include <string.h>

#include "image/format.h"
#include "spec/bytes.h"

#define RECORD_BYTES_MAX    (255u + 5u) // count, address (2), type, data, checksum
#define SEGMENT_OFFSET_MASK 0xffffu     // type 02 wraps offsets inside 64 KB (chapter 3)

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
        if (image_digit(file->bytes[at + i]) < 0) {
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
    inner.no_memory = false;
    bool ok = addr <= UINT32_MAX &&
              image_add(reader->image, (uint32_t)addr, bytes, first, &inner) &&
              image_add(reader->image, reader->base, bytes + first, count - first, &inner);
    if (!ok) {
        (void)image_refuse(reader->fault, "%s:%u: %.400s", reader->file->path, reader->line,
                           addr <= UINT32_MAX ? inner.text
                                              : "address passes the end of the address space");
        return image_because(reader->fault, &inner);
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
        reader->image->entry = load_be32(data);
        return true;
    default:
        return image_refuse(reader->fault, "%s:%u: unknown record type %02X", reader->file->path,
                            reader->line, record[3]);
    }
}

static bool take_line(struct reader *reader, const uint8_t *text, size_t len) {
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
        int high = image_digit(text[at]);
        int low = at + 1 < len ? image_digit(text[at + 1]) : -1;
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

bool hex_read(struct image_contents *contents, const struct image_file *file,
              struct image_fault *fault) {
    struct reader reader = {.image = image_only(contents, fault), .file = file, .fault = fault};
    if (!reader.image) {
        return false;
    }
    struct image_lines lines = {.file = file};
    const uint8_t *text;
    size_t len;
    while (image_next_line(&lines, &text, &len)) {
        reader.line = lines.number;
        if (len > 0 && !take_line(&reader, text, len)) {
            return false;
        }
    }
    if (!reader.ended) {
        return image_refuse(fault, "%s:%u: no end record (:00000001FF): the file is truncated",
                            file->path, lines.number);
    }
    if (reader.image->segment_count == 0) {
        return image_refuse(fault, "%s: holds no data", file->path);
    }
    return true;
}

// -- Writing

// Bytes a data record, as objcopy writes them.
#define HEX_RECORD_BYTES 16u

static void write_record(FILE *out, uint8_t type, uint16_t addr, const uint8_t *bytes,
                         uint8_t len) {
    unsigned sum = len + (addr >> 8) + (addr & 0xffu) + type;
    (void)fprintf(out, ":%02X%04X%02X", len, addr, type);
    for (uint8_t i = 0; i < len; i++) {
        sum += bytes[i];
        (void)fprintf(out, "%02X", bytes[i]);
    }
    (void)fprintf(out, "%02X\r\n", (0u - sum) & 0xffu);
}

void hex_write(FILE *out, const struct image *image) {
    uint32_t upper = 0; // files start as if this had been said
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        for (uint32_t off = 0; off < segment->len;) {
            uint32_t addr = segment->addr + off;
            if (addr >> 16 != upper) {
                upper = addr >> 16;
                const uint8_t bytes[2] = {(uint8_t)(upper >> 8), (uint8_t)upper};
                write_record(out, LINEAR_BASE, 0, bytes, 2);
            }
            // A record passes neither 16 bytes' alignment nor a 64 KB boundary.
            uint32_t len = HEX_RECORD_BYTES - addr % HEX_RECORD_BYTES;
            if (len > segment->len - off) {
                len = segment->len - off;
            }
            write_record(out, DATA, (uint16_t)addr, segment->bytes + off, (uint8_t)len);
            off += len;
        }
    }
    if (image->entry != 0) {
        uint8_t entry[4];
        store_be32(entry, image->entry);
        write_record(out, START, 0, entry, sizeof entry);
    }
    write_record(out, END, 0, NULL, 0);
}
