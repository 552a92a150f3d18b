// SPDX-License-Identifier: MIT
//
// Images written to files: raw binary and Intel HEX.

#ifndef IMAGE_SAVE_H
#define IMAGE_SAVE_H

#include <stdbool.h>

#include "image/image.h"

// Writes the whole file or nothing: a temporary file beside it is renamed over `path` once it is
// complete. IMAGE_BIN needs an image of one segment and forgets its address; IMAGE_HEX keeps
// addresses; IMAGE_ELF is not written. False, with the reason.
bool image_save(const struct image *image, const char *path, enum image_format format,
                struct image_fault *fault) __attribute__((warn_unused_result));

#endif
