// SPDX-License-Identifier: MIT
//
// What the readers of image/ share: a whole file in memory, and one function a format. Each reader
// adds to an image and, on failure, says why in a sentence that names the file.

#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include "image/image.h"

struct image_file {
    const char *path;
    const uint8_t *bytes;
    size_t len;
};

// Fills the fault's sentence; returns false, so that a reader can return it at once.
bool image_refuse(struct image_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool bin_read(struct image *image, const struct image_file *file, uint64_t addr,
              struct image_fault *fault);
// A first record `:LLAAAATT` in hexadecimal digits makes it Intel HEX.
bool hex_recognise(const struct image_file *file);
bool hex_read(struct image *image, const struct image_file *file, struct image_fault *fault);
bool elf_recognise(const struct image_file *file);
bool elf_read(struct image *image, const struct image_file *file, struct image_fault *fault);

#endif
