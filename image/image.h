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

enum image_symbol_kind { IMAGE_FUNCTION, IMAGE_OBJECT, IMAGE_LABEL };

struct image_symbol {
    // Where the program finds it when it runs (an ELF symbol's value): for code that is copied to
    // RAM first, the address there. Function symbols without the Thumb bit.
    uint32_t addr;
    uint32_t size;
    enum image_symbol_kind kind;
    char *name;
    bool is_weak; // another of the same place is its proper name
};

struct image {
    struct image_segment *segments;
    size_t segment_count;
    // From an ELF only: function and object symbols sorted by address.
    struct image_symbol *symbols;
    size_t symbol_count;
    uint32_t entry; // of ELF, Intel HEX and S-records; 0 where the file has none
};

// Why a file was refused: one clear sentence without a trailing newline.
struct image_fault {
    char text[512];
    bool no_memory; // the file is not to blame
};

// Name on the command line; extensions, the first one the usual; in words.
#define IMAGE_FORMATS(X)                                                                           \
    X(IMAGE_BIN, "bin", ".bin .img .raw", "a raw binary")                                          \
    X(IMAGE_HEX, "hex", ".hex .ihex .ihx", "an Intel HEX file")                                    \
    X(IMAGE_ELF, "elf", ".elf .axf .out", "an ELF file")                                           \
    X(IMAGE_SREC, "srec", ".srec .s19 .s28 .s37 .mot .sx", "a file of S-records")                  \
    X(IMAGE_DFUSE, "dfuse", ".dfu", "a DfuSe file")                                                \
    X(IMAGE_DFU, "dfu", ".dfu", "a raw binary with a DFU suffix")                                  \
    X(IMAGE_UF2, "uf2", ".uf2", "a UF2 file")

enum image_format {
    IMAGE_ANY = 0, // reading: by contents, then by extension
#define X(name, word, extensions, text) name,
    IMAGE_FORMATS(X)
#undef X
};

void image_init(struct image *image);
void image_free(struct image *image);

// Adds bytes (copied) to the image. False, with the reason, when they overlap what is there, with the
// same bytes or others, pass the end of the address space, or make more pieces than any firmware has.
bool image_add(struct image *image, uint32_t addr, const uint8_t *bytes, uint32_t len,
               struct image_fault *fault) __attribute__((warn_unused_result));

// Reads a file of one image, by contents, then by extension (image/contents.h has more ways). `addr`:
// where a raw binary goes; for files that carry addresses it must be IMAGE_NO_ADDRESS. An ELF must be
// a 32-bit little-endian ARM executable; loadable segments go to their physical addresses.
#define IMAGE_NO_ADDRESS UINT64_MAX
bool image_load(struct image *image, const char *path, uint64_t addr, struct image_fault *fault)
    __attribute__((warn_unused_result));

// The symbol that holds an address, or NULL.
const struct image_symbol *image_symbol_at(const struct image *image, uint32_t addr);
// The address of a named symbol; false if there is none.
bool image_symbol_find(const struct image *image, const char *name, uint32_t *addr);
// Whether a symbol is the one of that name, or a function the compiler made of it ("name.part.0").
bool image_symbol_matches(const struct image_symbol *symbol, const char *name);

// The names nearest to one that is not there, functions and labels, the best first; may be asked of
// several images in turn. Zero it first; the names stay the images'.
#define IMAGE_NEAR_MAX 3u
struct image_near {
    const char *names[IMAGE_NEAR_MAX];
    unsigned far[IMAGE_NEAR_MAX];
    size_t count;
};
void image_symbol_near(const struct image *image, const char *name, struct image_near *near);

#endif
