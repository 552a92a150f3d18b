// SPDX-License-Identifier: MIT
//
// The files to load: read and judged before any device is looked for.

#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/options.h"
#include "host/redfu.h"
#include "image/contents.h"

struct input {
    struct image image;
    struct redfu_segment *segments;
    size_t count;
    bool needs_address; // raw binary, read to address 0: input_place() moves it
    // What the files say of the device.
    bool has_alternate;
    unsigned alternate;
    bool has_usb_id; // a DFU suffix's; IMAGE_ANY_ID is any
    uint16_t vendor, product;
    const char *usb_id_file; // which file says so
};

// Reads one operand as its options say. A raw binary without an address lies at 0 then, and
// contents->needs_address is set. REDFU_NO_FILE, EMPTY_FILE, BAD_FILE; REDFU_USAGE for an address with a
// file that carries its own, or a --format or --family that is none.
enum redfu_result input_read(struct image_contents *contents, const struct option_file *file,
                             const struct options *options, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Adds the segments of one image to another. REDFU_BAD_FILE, naming `path`, for bytes that are there twice.
enum redfu_result input_merge(struct image *image, const struct image *more, const char *path,
                              struct redfu_fault *fault) __attribute__((warn_unused_result));

// All files of the command line as one image. Beside the results of input_read(): REDFU_USAGE for a raw
// binary without an address beside other files, and for several alternates of which none was chosen.
enum redfu_result input_load(struct input *input, const struct options *options,
                             struct redfu_fault *fault) __attribute__((warn_unused_result));
// The same; a raw binary without an address lies at `addr`.
enum redfu_result input_load_at(struct input *input, const struct options *options, uint32_t addr,
                                struct redfu_fault *fault) __attribute__((warn_unused_result));
// Moves a raw binary to where the device wants it. REDFU_TOO_LARGE past the end of addresses.
enum redfu_result input_place(struct input *input, uint32_t addr, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Whether the files' DFU suffixes allow this device: REDFU_WRONG_DEVICE.
enum redfu_result input_check_device(const struct input *input, const struct redfu_device *device,
                                     struct redfu_fault *fault) __attribute__((warn_unused_result));
// The same bytes, which stay `from`'s, with addresses of its own.
enum redfu_result input_copy(struct input *input, const struct input *from,
                             struct redfu_fault *fault) __attribute__((warn_unused_result));
void input_free(struct input *input);
// The format of a file that is made, by its name; anything else is raw.
enum image_format output_format(const char *path);

#endif
