// SPDX-License-Identifier: MIT
//
// Sealing: puts the stamp of spec/stamp.h behind an image, so that redfu-boot can tell it whole.

#ifndef IMAGE_SEAL_H
#define IMAGE_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "spec/stamp.h"

// What sealing found or made.
struct image_seal {
    uint32_t base;       // the image's first address
    uint32_t stamp_addr; // where the stamp lies
    struct stamp stamp;
    bool was_sealed; // the image carried this very stamp already; nothing was changed
};

// Makes the image one segment from its lowest to its highest address, gaps filled with 0xFF (what
// erased flash reads), pads it to STAMP_ALIGN and adds the stamp. The lowest address must be the
// application's base, where the bootloader begins to count. False, with the reason, when the image
// is empty, would be larger than `most` bytes with its gaps, or memory is short; the image is
// then unchanged.
bool image_seal(struct image *image, uint32_t most, struct image_seal *seal,
                struct image_fault *fault) __attribute__((warn_unused_result));

#endif
