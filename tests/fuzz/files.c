// SPDX-License-Identifier: MIT
//
// libFuzzer: bytes as every file that redfu takes. The last byte chooses what they are taken for: a format by word
// or none, with an address or not, a name's extension; an input that is taken is then converted into one
// of the formats, cut and filled, and what is written must read as what went in. Checksums are put right first
// where another bit says so: behind a wrong one there would be nothing to find.
//
//   tests/fuzz-files FOLDER...         more runs, over those files
//   tests/fuzz-files FILE              one again

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/redfu.h"
#include "image/contents.h"
#include "image/edit.h"
#include "image/format.h"
#include "image/save.h"
#include "spec/bytes.h"
#include "spec/crc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"f",     "f.bin", "f.hex", "f.elf",
                                    "f.s19", "f.dfu", "f.uf2", "f@0.x"};

// A claim that every image keeps, and this program is there to break.
static void claim(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void check_image(const struct image *image) {
    uint64_t end = 0;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        claim(segment->len > 0 && (i == 0 || segment->addr > end));
        end = (uint64_t)segment->addr + segment->len;
        claim(end <= UINT64_C(1) << 32);
    }
}

static void check_same(const struct image *a, const struct image *b) {
    claim(a->segment_count == b->segment_count);
    for (size_t i = 0; i < a->segment_count; i++) {
        claim(a->segments[i].addr == b->segments[i].addr);
        claim(a->segments[i].len == b->segments[i].len);
        claim(memcmp(a->segments[i].bytes, b->segments[i].bytes, a->segments[i].len) == 0);
    }
}

static void convert(struct image_contents *contents, uint8_t choice) {
    static const enum image_format formats[] = {IMAGE_BIN, IMAGE_HEX,   IMAGE_ELF, IMAGE_SREC,
                                                IMAGE_UF2, IMAGE_DFUSE, IMAGE_DFU, IMAGE_DFUSE};
    struct image_fault fault;
    enum image_format read_as = contents->format;
    contents->format = formats[choice % 8];
    size_t len;
    uint8_t *bytes = image_contents_bytes(contents, &len, &fault);
    if (bytes) {
        bool is_flat = contents->format == IMAGE_BIN || contents->format == IMAGE_DFU;
        const struct image *image = &contents->targets[0].image;
        // By word: raw bytes may look like anything.
        const struct image_how how = {.format = contents->format,
                                      .addr = is_flat ? image->segments[0].addr : IMAGE_NO_ADDRESS};
        struct image_contents again;
        bool is_read = image_contents_parse(&again, "again", bytes, len, &how, &fault);
        if (contents->format != IMAGE_DFU) { // raw bytes may begin like dfu-prefix's
            claim(is_read && again.target_count == contents->target_count);
            for (size_t i = 0; i < again.target_count; i++) {
                claim(is_flat || contents->format != IMAGE_DFUSE ||
                      again.targets[i].alternate == contents->targets[i].alternate);
                check_same(&again.targets[i].image, &contents->targets[i].image);
            }
        }
        image_contents_free(&again);
        free(bytes);
    } else {
        claim(fault.text[0] != '\0');
    }
    contents->format = read_as;
}

static void edit(struct image_contents *contents, uint8_t byte) {
    struct image_fault fault;
    struct image *image = &contents->targets[0].image;
    uint32_t first = image->segments[0].addr;
    uint32_t last = first + byte * 16u;
    claim(image_cut(image, first, last < first ? UINT32_MAX : last, &fault));
    check_image(image);
    if (last >= first && image_fill(image, first, last, byte, &fault)) {
        claim(image->segment_count == 1 && image->segments[0].len == last - first + 1);
    }
    check_image(image);
}

static uint8_t hex_of(unsigned value) {
    return (uint8_t) "0123456789ABCDEF"[value & 15];
}

// The last two digits of each line that is records, and the suffix's CRC.
static void put_checksums_right(uint8_t *bytes, size_t len) {
    for (size_t at = 0; at < len;) {
        uint8_t *line = bytes + at;
        uint8_t *newline = memchr(line, '\n', len - at);
        size_t all = newline ? (size_t)(newline - line) : len - at;
        at += all + 1;
        size_t first = all > 0 && line[0] == ':' ? 1 : all > 1 && line[0] == 'S' ? 2 : 0;
        while (all > 0 && image_digit(line[all - 1]) < 0) {
            all--;
        }
        if (first == 0 || all < first + 4 || (all - first) % 2 != 0) {
            continue;
        }
        unsigned sum = 0;
        for (size_t i = first; i + 2 < all; i += 2) {
            sum += (unsigned)image_digit(line[i]) * 16 + (unsigned)image_digit(line[i + 1]);
        }
        sum = first == 1 ? 0u - sum : ~sum;
        line[all - 2] = hex_of(sum >> 4);
        line[all - 1] = hex_of(sum);
    }
    if (len >= DFU_SUFFIX_BYTES) {
        memcpy(bytes + len - 8, "UFD\x10", 4);
        store_le32(bytes + len - 4, ~crc32_update(CRC32_START, bytes, len - 4));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) {
        return 0;
    }
    uint8_t choice = data[size - 1];
    uint8_t second = data[size - 2];
    size -= 2;
    uint8_t *bytes = malloc(size); // of its own, so that one byte too far is seen
    claim(bytes != NULL);
    memcpy(bytes, data, size);
    if (choice & 0x80) {
        put_checksums_right(bytes, size);
    }
    struct image_how how = {
        .format = choice & 0x40 ? (enum image_format)(second & 7) : IMAGE_ANY,
        .addr = choice & 0x20 ? 0x08000000u + second : IMAGE_NO_ADDRESS,
        .may_lack_address = (choice & 0x10) != 0,
        .has_family = second == 0xff,
        .family = IMAGE_FAMILY_STM32F4,
    };
    struct image_contents contents;
    struct image_fault fault = {.text = ""};
    if (image_contents_parse(&contents, names[choice & 7], bytes, size, &how, &fault)) {
        claim(contents.target_count > 0);
        for (size_t i = 0; i < contents.target_count; i++) {
            claim(contents.targets[i].image.segment_count > 0);
            check_image(&contents.targets[i].image);
        }
        convert(&contents, second);
        edit(&contents, second);
        image_contents_free(&contents);
    } else {
        // One sentence that names the file.
        claim(strstr(fault.text, names[choice & 7]) != NULL ||
              strcmp(fault.text, "out of memory") == 0);
        claim(strchr(fault.text, '\n') == NULL);
    }
    free(bytes);
    return 0;
}
