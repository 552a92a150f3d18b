// SPDX-License-Identifier: MIT
//
// Cutting and filling.

#include "image/edit.h"

#include <stdlib.h>
#include <string.h>

#include "image/format.h"

bool image_cut(struct image *image, uint32_t first, uint32_t last, struct image_fault *fault) {
    struct image kept;
    image_init(&kept);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        uint32_t end = segment->addr + (segment->len - 1);
        if (end < first || segment->addr > last) {
            continue;
        }
        uint32_t from = segment->addr > first ? segment->addr : first;
        uint32_t to = end < last ? end : last;
        if (!image_add(&kept, from, segment->bytes + (from - segment->addr), to - from + 1,
                       fault)) {
            image_free(&kept);
            return false;
        }
    }
    // Symbols and entry point go over as they are.
    kept.symbols = image->symbols;
    kept.symbol_count = image->symbol_count;
    kept.entry = image->entry;
    image->symbols = NULL;
    image->symbol_count = 0;
    image_free(image);
    *image = kept;
    return true;
}

static bool add_filling(struct image *image, uint64_t from, uint64_t behind, uint8_t byte,
                        struct image_fault *fault) {
    uint64_t len = behind - from;
    if (len > IMAGE_FILL_MOST) {
        return image_refuse(
            fault, "0x%08llX-0x%08llX, %llu bytes, is more to fill than any flash has",
            (unsigned long long)from, (unsigned long long)behind - 1, (unsigned long long)len);
    }
    uint8_t *bytes = malloc(len);
    if (!bytes) {
        return image_no_memory(fault, NULL);
    }
    memset(bytes, byte, len);
    bool ok = image_add(image, (uint32_t)from, bytes, (uint32_t)len, fault);
    free(bytes);
    return ok;
}

bool image_fill(struct image *image, uint32_t first, uint32_t last, uint8_t byte,
                struct image_fault *fault) {
    uint64_t at = first;
    uint64_t behind = (uint64_t)last + 1;
    // Filling joins segments, so that what comes next is always looked up anew.
    while (at < behind) {
        size_t i = 0;
        while (i < image->segment_count &&
               (uint64_t)image->segments[i].addr + image->segments[i].len <= at) {
            i++;
        }
        uint64_t next = i < image->segment_count ? image->segments[i].addr : behind;
        next = next < behind ? next : behind;
        if (next > at) {
            if (!add_filling(image, at, next, byte, fault)) {
                return false;
            }
            at = next;
        } else {
            at = (uint64_t)image->segments[i].addr + image->segments[i].len;
        }
    }
    return true;
}
