// SPDX-License-Identifier: MIT
//
// Flattening an image and stamping it.

#include "image/seal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"
#include "spec/crc.h"

static uint64_t end_of(const struct image *image) {
    const struct image_segment *last = &image->segments[image->segment_count - 1];
    return (uint64_t)last->addr + last->len;
}

// The image carries its own stamp already when its last bytes are one with the right CRC.
static bool find_stamp(const uint8_t *bytes, uint32_t len, struct stamp *stamp) {
    return len > STAMP_BYTES && stamp_load(bytes + len - STAMP_BYTES, len - STAMP_BYTES, stamp) &&
           stamp->crc == crc32_update(CRC32_START, bytes, len - STAMP_BYTES);
}

bool image_seal(struct image *image, uint32_t most, struct image_seal *seal,
                struct image_fault *fault) {
    if (image->segment_count == 0) {
        return image_refuse(fault, "there is nothing to seal: the image is empty");
    }
    uint32_t base = image->segments[0].addr;
    uint64_t span = end_of(image) - base;
    uint64_t length = (span + STAMP_ALIGN - 1) / STAMP_ALIGN * STAMP_ALIGN;
    if (length + STAMP_BYTES > most) {
        return image_refuse(fault,
                            "the image spans 0x%08" PRIX32 "-0x%08" PRIX64
                            ": with its gaps and the stamp that is %" PRIu64
                            " bytes, more than %" PRIu32,
                            base, end_of(image) - 1, length + STAMP_BYTES, most);
    }
    uint8_t *bytes = malloc(length + STAMP_BYTES);
    struct image flat;
    image_init(&flat);
    if (!bytes) {
        return image_no_memory(fault, NULL);
    }
    memset(bytes, 0xff, length + STAMP_BYTES);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        memcpy(bytes + (segment->addr - base), segment->bytes, segment->len);
    }
    *seal = (struct image_seal){.base = base};
    seal->was_sealed = find_stamp(bytes, (uint32_t)span, &seal->stamp);
    if (!seal->was_sealed) {
        seal->stamp.length = (uint32_t)length;
        seal->stamp.crc = crc32_update(CRC32_START, bytes, length);
        stamp_store(&seal->stamp, bytes + length);
        span = length + STAMP_BYTES;
    }
    seal->stamp_addr = base + seal->stamp.length;
    bool ok = image_add(&flat, base, bytes, (uint32_t)span, fault);
    free(bytes);
    if (!ok) {
        image_free(&flat);
        return false;
    }
    // Symbols and entry point go over as they are.
    flat.symbols = image->symbols;
    flat.symbol_count = image->symbol_count;
    flat.entry = image->entry;
    image->symbols = NULL;
    image->symbol_count = 0;
    image_free(image);
    *image = flat;
    return true;
}
