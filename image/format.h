// SPDX-License-Identifier: MIT
//
// What the readers and writers of image/ share: a whole file in memory, and one function a format. Each
// reader adds to contents and, on failure, says why in a sentence that names the file, with the
// line, block or element. A writer prints to a stream whose errors its caller looks at.

#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include <stdio.h>

#include "image/contents.h"
#include "image/save.h"

struct image_file {
    const char *path;
    const uint8_t *bytes;
    size_t len;
};

// Fills the fault's sentence; returns false, so that a reader can return it at once.
bool image_refuse(struct image_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// The same, for want of memory; `path` is the file that was worked on, or NULL.
bool image_no_memory(struct image_fault *fault, const char *path);
// Behind image_refuse(), where its sentence has that of `inner` in it: false.
bool image_because(struct image_fault *fault, const struct image_fault *inner);

// The value of a hexadecimal digit, or -1.
int image_digit(uint8_t c);

// Text formats write numbers with the most significant digit first.
static inline uint32_t load_be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void store_be32(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

// One line of a text file, without the blanks and line ends around it. False at the end of the file.
struct image_lines {
    const struct image_file *file;
    size_t at;
    unsigned number; // of the line given last, from 1
};
bool image_next_line(struct image_lines *lines, const uint8_t **text, size_t *len);

// The image of alternate 0, made if need be: what formats without alternates read into.
struct image *image_only(struct image_contents *contents, struct image_fault *fault);

bool bin_read(struct image_contents *contents, const struct image_file *file,
              const struct image_how *how, struct image_fault *fault);
void bin_write(FILE *out, const struct image *image);

// A first record `:LLAAAATT` in hexadecimal digits makes it Intel HEX.
bool hex_recognise(const struct image_file *file);
bool hex_read(struct image_contents *contents, const struct image_file *file,
              struct image_fault *fault);
void hex_write(FILE *out, const struct image *image);

// A first line `Sn` with a count that fits the line makes it S-records.
bool srec_recognise(const struct image_file *file);
bool srec_read(struct image_contents *contents, const struct image_file *file,
               struct image_fault *fault);
void srec_write(FILE *out, const struct image *image);

bool elf_recognise(const struct image_file *file);
bool elf_read(struct image_contents *contents, const struct image_file *file,
              struct image_fault *fault);
// False when memory is short.
bool elf_write(FILE *out, const struct image *image);

// "DfuSe" at the start.
bool dfuse_recognise(const struct image_file *file);
bool dfuse_read(struct image_contents *contents, const struct image_file *file,
                struct image_fault *fault);
bool dfuse_write(FILE *out, const struct image_contents *contents);

// "UFD" and a length of 16 at the end.
bool dfu_recognise(const struct image_file *file);
// Reads what the suffix says, checks its CRC, and takes it off the file.
bool dfu_take_suffix(struct image_contents *contents, struct image_file *file,
                     struct image_fault *fault);
// Takes off what dfu-prefix puts before raw bytes, if it is there.
void dfu_take_prefix(struct image_file *file);
// 16 bytes behind `len` bytes.
#define DFU_SUFFIX_BYTES 16u
void dfu_suffix(const struct image_contents *contents, uint16_t dfu_version, const uint8_t *bytes,
                size_t len, uint8_t suffix[DFU_SUFFIX_BYTES]);

// Its two magic numbers at the start.
bool uf2_recognise(const struct image_file *file);
bool uf2_read(struct image_contents *contents, const struct image_file *file,
              const struct image_how *how, struct image_fault *fault);
void uf2_write(FILE *out, const struct image_contents *contents);

#endif
