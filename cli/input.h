// SPDX-License-Identifier: MIT
//
// The file to load: read and judged before any device is looked for.

#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "host/redfu.h"
#include "image/image.h"

struct input {
    struct image image;
    struct redfu_segment *segments;
    size_t count;
    bool needs_address; // raw binary, read to address 0: input_place() moves it
};

// `addr`: where a raw binary goes, or IMAGE_NO_ADDRESS. REDFU_NO_FILE, EMPTY_FILE, BAD_FILE;
// REDFU_USAGE for an address with a file that carries its own.
enum redfu_result input_load(struct input *input, const char *path, uint64_t addr,
                             struct redfu_fault *fault) __attribute__((warn_unused_result));
// Moves a raw binary to where the device wants it. REDFU_TOO_LARGE past the end of addresses.
enum redfu_result input_place(struct input *input, uint32_t addr, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
void input_free(struct input *input);

#endif
