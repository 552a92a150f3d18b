// SPDX-License-Identifier: MIT
//
// Images written to files.

#ifndef IMAGE_SAVE_H
#define IMAGE_SAVE_H

#include <stdbool.h>

#include "image/contents.h"

// Writes the contents in contents->format. The whole file or nothing: a temporary file beside it is
// renamed over `path` once it is complete.
//
// IMAGE_BIN and IMAGE_DFU need a target of one segment and forget its address. Only IMAGE_DFUSE
// has several targets; only it and IMAGE_DFU have vendor, product and release; only IMAGE_UF2 has a family
// (IMAGE_FAMILY_STM32F4 if none is given). What would be lost by that is refused where it is bytes, and
// the caller's to tell where it is not. False, with the reason.
// It begins with image_contents_check(), which looks at the contents alone.
bool image_contents_check(const struct image_contents *contents, const char *path,
                          struct image_fault *fault) __attribute__((warn_unused_result));
bool image_contents_save(const struct image_contents *contents, const char *path,
                         struct image_fault *fault) __attribute__((warn_unused_result));
// Where a file that is to replace `path` has to go, from malloc(): where links lead, so that they stay.
// NULL, with the reason, where something other than a regular file is there, which renaming over it
// would destroy: a device, a pipe, a folder, a link that leads nowhere.
char *image_save_path(const char *path, struct image_fault *fault)
    __attribute__((warn_unused_result));
// The file's bytes instead, from malloc(); NULL, with the reason.
uint8_t *image_contents_bytes(const struct image_contents *contents, size_t *len,
                              struct image_fault *fault) __attribute__((warn_unused_result));
// One image, for alternate 0 and any device.
bool image_save(const struct image *image, const char *path, enum image_format format,
                struct image_fault *fault) __attribute__((warn_unused_result));

#endif
