// SPDX-License-Identifier: MIT
//
// Changes to an image as a whole: cutting out a range, filling gaps.

#ifndef IMAGE_EDIT_H
#define IMAGE_EDIT_H

#include "image/image.h"

// Leaves only the bytes from `first` to `last`, which may be none. False when memory is short; the image is
// then unchanged.
bool image_cut(struct image *image, uint32_t first, uint32_t last, struct image_fault *fault)
    __attribute__((warn_unused_result));

// Fills every gap from `first` to `last` with `byte`. False, with the reason, when that would be more than
// IMAGE_FILL_MOST bytes, or memory is short; some gaps may be filled then.
#define IMAGE_FILL_MOST                                                                            \
    (16u << 20) // larger than any flash; two segments farther apart are a mistake
bool image_fill(struct image *image, uint32_t first, uint32_t last, uint8_t byte,
                struct image_fault *fault) __attribute__((warn_unused_result));

#endif
