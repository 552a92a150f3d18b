// SPDX-License-Identifier: MIT
//
// A firmware image: bytes at addresses, whatever file they came from.
//
// Segments are kept sorted by address, never overlap, and never wrap past 2^32.

#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_segment {
    uint32_t addr;
    uint32_t len; // at least 1
    uint8_t *bytes;
};

struct image_symbol {
    uint32_t addr; // function symbols without the Thumb bit
    uint32_t size;
    char *name;
};

struct image {
    struct image_segment *segments;
    size_t segment_count;
    // From an ELF only: function and object symbols sorted by address, and the entry point.
    struct image_symbol *symbols;
    size_t symbol_count;
    uint32_t entry;
};

// Why a file was refused: one clear sentence without a trailing newline.
struct image_fault {
    char text[512];
};

enum image_format { IMAGE_BIN, IMAGE_HEX, IMAGE_ELF };

void image_init(struct image *image);
void image_free(struct image *image);

// Adds bytes (copied) to the image. False, with the reason, when they overlap what is there or
// pass the end of the address space.
bool image_add(struct image *image, uint32_t addr, const uint8_t *bytes, uint32_t len,
               struct image_fault *fault) __attribute__((warn_unused_result));

// Reads a file. ELF and Intel HEX are recognised by their contents, everything else is raw binary.
// `addr`: where a raw binary goes; for the others it must be IMAGE_NO_ADDRESS. An ELF must be a
// 32-bit little-endian ARM executable; loadable segments go to their physical addresses.
#define IMAGE_NO_ADDRESS UINT64_MAX
bool image_load(struct image *image, const char *path, uint64_t addr, struct image_fault *fault)
    __attribute__((warn_unused_result));

// The symbol that holds an address, or NULL.
const struct image_symbol *image_symbol_at(const struct image *image, uint32_t addr);
// The address of a named symbol; false if there is none.
bool image_symbol_find(const struct image *image, const char *name, uint32_t *addr);

#endif
