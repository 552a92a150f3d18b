// SPDX-License-Identifier: MIT
//
// Segments of an image: sorted, joined, never twice. Files are load.c's and save.c's.

#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "image/format.h"

// Firmware has tens of pieces. A file with more than so many is something else, and would take
// minutes to sort in.
#define SEGMENTS_MAX 16384u

void image_init(struct image *image) {
    memset(image, 0, sizeof *image);
}

void image_free(struct image *image) {
    for (size_t i = 0; i < image->segment_count; i++) {
        free(image->segments[i].bytes);
    }
    for (size_t i = 0; i < image->symbol_count; i++) {
        free(image->symbols[i].name);
    }
    free(image->segments);
    free(image->symbols);
    image_init(image);
}

static uint64_t segment_end(const struct image_segment *segment) {
    return (uint64_t)segment->addr + segment->len;
}

// Joins segment `i` with its successor where they touch.
static bool join_next(struct image *image, size_t i) {
    if (i + 1 >= image->segment_count) {
        return true;
    }
    struct image_segment *first = &image->segments[i];
    struct image_segment *second = &image->segments[i + 1];
    if (segment_end(first) != second->addr) {
        return true;
    }
    uint8_t *grown = realloc(first->bytes, (size_t)first->len + second->len);
    if (!grown) {
        return false;
    }
    memcpy(grown + first->len, second->bytes, second->len);
    first->bytes = grown;
    first->len += second->len;
    free(second->bytes);
    image->segment_count--;
    memmove(second, second + 1, (image->segment_count - i - 1) * sizeof *second);
    return true;
}

// The first segment that does not begin below an address.
static size_t place_of(const struct image *image, uint32_t addr) {
    size_t low = 0;
    size_t high = image->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->segments[middle].addr < addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Names the part that is in both, and whether that could be a harmless repetition.
static bool is_twice(const struct image_segment *segment, uint32_t addr, const uint8_t *bytes,
                     uint64_t end, struct image_fault *fault) {
    uint32_t first = segment->addr > addr ? segment->addr : addr;
    uint64_t behind = segment_end(segment) < end ? segment_end(segment) : end;
    for (uint64_t at = first; at < behind; at++) {
        uint8_t old = segment->bytes[at - segment->addr];
        uint8_t new = bytes[at - addr];
        if (old != new) {
            return image_refuse(fault,
                                "0x%08X-0x%08X is given twice, and differently: 0x%08X is 0x%02X "
                                "first, then 0x%02X",
                                first, (uint32_t)(behind - 1), (uint32_t)at, old, new);
        }
    }
    return image_refuse(fault, "0x%08X-0x%08X is given twice, with the same bytes", first,
                        (uint32_t)(behind - 1));
}

bool image_add(struct image *image, uint32_t addr, const uint8_t *bytes, uint32_t len,
               struct image_fault *fault) {
    if (len == 0) {
        return true;
    }
    uint64_t end = (uint64_t)addr + len;
    if (end > (uint64_t)UINT32_MAX + 1) {
        return image_refuse(fault, "%u bytes at 0x%08X pass the end of the address space", len,
                            addr);
    }
    size_t place = place_of(image, addr);
    if (place > 0 && segment_end(&image->segments[place - 1]) > addr) {
        return is_twice(&image->segments[place - 1], addr, bytes, end, fault);
    }
    if (place < image->segment_count && image->segments[place].addr < end) {
        return is_twice(&image->segments[place], addr, bytes, end, fault);
    }
    if (image->segment_count == SEGMENTS_MAX) {
        return image_refuse(fault, "more than %u separate pieces: this is no firmware image",
                            SEGMENTS_MAX);
    }

    struct image_segment *grown =
        realloc(image->segments, (image->segment_count + 1) * sizeof *image->segments);
    if (!grown) {
        return image_no_memory(fault, NULL);
    }
    image->segments = grown;
    uint8_t *copy = malloc(len);
    if (!copy) {
        return image_no_memory(fault, NULL);
    }
    memcpy(copy, bytes, len);
    memmove(grown + place + 1, grown + place, (image->segment_count - place) * sizeof *grown);
    grown[place] = (struct image_segment){.addr = addr, .len = len, .bytes = copy};
    image->segment_count++;
    if (!join_next(image, place) || (place > 0 && !join_next(image, place - 1))) {
        return image_no_memory(fault, NULL);
    }
    return true;
}
