// SPDX-License-Identifier: MIT
//
// Everything a firmware file holds: one image, or, in a DfuSe file, one for each alternate setting of
// the device, and what the file says of the device it is for.

#ifndef IMAGE_CONTENTS_H
#define IMAGE_CONTENTS_H

#include "image/image.h"

#define IMAGE_TARGET_NAME_MAX 255u    // szTargetName of UM0391, with its end
#define IMAGE_ANY_ID          0xffffu // in a DFU suffix: not said (DFU 1.1 appendix B)

struct image_target {
    unsigned alternate;               // 0 where the format has none
    char name[IMAGE_TARGET_NAME_MAX]; // empty where there is none
    struct image image;
};

struct image_contents {
    enum image_format format;
    struct image_target *targets; // ascending by alternate, each one once, none empty
    size_t target_count;
    bool has_alternates; // the file itself says for which alternate its targets are
    bool needs_address;  // raw, and nobody said where to: its one segment lies at 0
    // Of a DFU suffix.
    bool has_suffix;
    uint16_t vendor, product, release; // IMAGE_ANY_ID where not said
    // Of UF2: which chips the blocks are for, and blocks that are not for flash, left out.
    bool has_family;
    uint32_t family;
    uint32_t skipped_blocks;
};

// How to read a file. Zero, but for `addr`, is: find it out.
struct image_how {
    enum image_format format; // IMAGE_ANY: by contents, then by extension
    uint64_t addr;            // where a raw binary goes, or IMAGE_NO_ADDRESS
    bool may_lack_address;    // then it goes to 0, and needs_address says so
    bool has_family;          // UF2 with several families: this one
    uint32_t family;
};

// False, with the reason; the contents are then empty.
bool image_contents_load(struct image_contents *contents, const char *path,
                         const struct image_how *how, struct image_fault *fault)
    __attribute__((warn_unused_result));
// The same, of bytes in memory; `path` is for its sentences and its extension.
bool image_contents_parse(struct image_contents *contents, const char *path, const uint8_t *bytes,
                          size_t len, const struct image_how *how, struct image_fault *fault)
    __attribute__((warn_unused_result));
void image_contents_free(struct image_contents *contents);

// The target for an alternate, made if there is none; NULL when memory is short.
struct image_target *image_contents_target(struct image_contents *contents, unsigned alternate);
// The same, but NULL if there is none.
struct image_target *image_contents_find(const struct image_contents *contents, unsigned alternate);
// "0, 2": the alternates of the targets, for sentences.
void image_contents_alternates(const struct image_contents *contents, char *out, size_t size);

// From a word such as "hex", or a file name's extension; IMAGE_ANY if it is none. ".dfu" is IMAGE_DFUSE.
enum image_format image_format_named(const char *word);
enum image_format image_format_of_path(const char *path);
// "an Intel HEX file".
const char *image_format_text(enum image_format format);

// UF2's families: a name such as "STM32F4" to its number and back. False, NULL if not known.
bool image_family_named(const char *name, uint32_t *family);
const char *image_family_text(uint32_t family);
#define IMAGE_FAMILY_STM32F4 0x57755a57u

#endif
