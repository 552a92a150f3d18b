// SPDX-License-Identifier: MIT
//
// S-records (Motorola's M68000 Family Programmer's Reference Manual, appendix C): S0 a header, S1, S2, S3
// data with addresses of 2, 3, 4 bytes, S5 and S6 the number of data records so far, S9, S8, S7 the end with
// a start address of 2, 3, 4 bytes. S4 is reserved.
//
// As strict as hex.c: wrong checksums, counts, characters, data after the end, a missing end.

#include <stdio.h>
#include <string.h>

#include "image/format.h"

#define RECORD_BYTES_MAX 256u // the count, and what it can count
// Bytes a data record, as objcopy writes them.
#define DATA_BYTES       16u
#define ADDRESS_BYTES    4u

struct reader {
    struct image *image;
    const struct image_file *file;
    struct image_fault *fault;
    unsigned line;
    uint32_t data_records;
    bool ended;
};

// Address bytes of each type; 0 for the reserved one.
static const uint8_t address_bytes[10] = {2, 2, 3, 4, 0, 2, 3, 4, 3, 2};

bool srec_recognise(const struct image_file *file) {
    struct image_lines lines = {.file = file};
    const uint8_t *text;
    size_t len = 0;
    while (len == 0 && image_next_line(&lines, &text, &len)) {
    }
    // "S0" and a count of all that follows: no raw binary begins so by chance.
    return len >= 4 && text[0] == 'S' && text[1] >= '0' && text[1] <= '9' &&
           image_digit(text[2]) >= 0 && image_digit(text[3]) >= 0 &&
           (len == 4 || image_digit(text[4]) >= 0);
}

static bool take_record(struct reader *reader, unsigned type, const uint8_t *record) {
    const char *path = reader->file->path;
    unsigned line = reader->line;
    unsigned wide = address_bytes[type];
    unsigned count = record[0]; // address, data, checksum
    if (wide == 0) {
        return image_refuse(reader->fault, "%s:%u: S4 records are reserved", path, line);
    }
    if (count < wide + 1) {
        return image_refuse(reader->fault,
                            "%s:%u: an S%u record of %u bytes has no room for its "
                            "address",
                            path, line, type, count);
    }
    uint32_t addr = 0;
    for (unsigned i = 0; i < wide; i++) {
        addr = addr << 8 | record[1 + i];
    }
    unsigned data_len = count - wide - 1;
    if (type >= 5 && data_len != 0) {
        return image_refuse(reader->fault, "%s:%u: an S%u record has %u data bytes; it has none",
                            path, line, type, data_len);
    }
    struct image_fault inner;
    switch (type) {
    case 0:
        return true; // a name, for people
    case 5:
    case 6:
        return addr == reader->data_records ||
               image_refuse(reader->fault,
                            "%s:%u: %u data records were read, this record counts %u: lines are "
                            "missing or double",
                            path, line, reader->data_records, addr);
    case 7:
    case 8:
    case 9:
        reader->ended = true;
        reader->image->entry = addr;
        return true;
    default:
        reader->data_records++;
        return image_add(reader->image, addr, record + 1 + wide, data_len, &inner) ||
               image_refuse(reader->fault, "%s:%u: %.400s", path, line, inner.text) ||
               image_because(reader->fault, &inner);
    }
}

static bool take_line(struct reader *reader, const uint8_t *text, size_t len) {
    const char *path = reader->file->path;
    unsigned line = reader->line;
    if (reader->ended) {
        return image_refuse(reader->fault, "%s:%u: data after the end record", path, line);
    }
    if (len < 2 || text[0] != 'S' || text[1] < '0' || text[1] > '9') {
        return image_refuse(reader->fault, "%s:%u: a record must begin with 'S' and a digit", path,
                            line);
    }
    uint8_t record[RECORD_BYTES_MAX];
    size_t bytes = 0;
    uint8_t sum = 0;
    for (size_t at = 2; at < len; at += 2) {
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
    if (bytes < 1 || bytes != (size_t)record[0] + 1) {
        return image_refuse(reader->fault,
                            "%s:%u: the record holds %zu bytes, its count says %u: truncated?",
                            path, line, bytes, bytes ? record[0] + 1u : 1u);
    }
    // The checksum is the ones' complement of the sum of the others.
    if (sum != 0xff) {
        return image_refuse(reader->fault, "%s:%u: wrong checksum (%02X, expected %02X)", path,
                            line, record[bytes - 1], (uint8_t)(record[bytes - 1] + 0xff - sum));
    }
    return take_record(reader, text[1] - (unsigned)'0', record);
}

bool srec_read(struct image_contents *contents, const struct image_file *file,
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
        return image_refuse(fault, "%s:%u: no end record (S7, S8 or S9): the file is truncated",
                            file->path, lines.number);
    }
    if (reader.image->segment_count == 0) {
        return image_refuse(fault, "%s: holds no data", file->path);
    }
    return true;
}

// -- Writing

static void write_record(FILE *out, char type, uint32_t addr, unsigned wide, const uint8_t *bytes,
                         unsigned len) {
    unsigned count = wide + len + 1;
    unsigned sum = count;
    (void)fprintf(out, "S%c%02X", type, count);
    for (unsigned i = 0; i < wide; i++) {
        unsigned byte = addr >> (8 * (wide - 1 - i)) & 0xff;
        sum += byte;
        (void)fprintf(out, "%02X", byte);
    }
    for (unsigned i = 0; i < len; i++) {
        sum += bytes[i];
        (void)fprintf(out, "%02X", bytes[i]);
    }
    (void)fprintf(out, "%02X\r\n", ~sum & 0xff);
}

void srec_write(FILE *out, const struct image *image) {
    static const uint8_t name[] = {'r', 'e', 'd', 'f', 'u'};
    write_record(out, '0', 0, 2, name, sizeof name);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        for (uint32_t off = 0; off < segment->len;) {
            uint32_t addr = segment->addr + off;
            uint32_t len = DATA_BYTES - addr % DATA_BYTES;
            if (len > segment->len - off) {
                len = segment->len - off;
            }
            write_record(out, '3', addr, ADDRESS_BYTES, segment->bytes + off, len);
            off += len;
        }
    }
    write_record(out, '7', image->entry, ADDRESS_BYTES, NULL, 0);
}
