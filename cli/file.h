// SPDX-License-Identifier: MIT
//
// Whole files of bytes, in and out.

#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "cli/cli.h"
#include "image/image.h"

// What the exit status is of what image/ refuses: `otherwise`, unless it was memory that was missing.
static inline enum redfu_result file_status(const struct image_fault *why,
                                            enum redfu_result otherwise) {
    return why->no_memory ? REDFU_INTERNAL : otherwise;
}

bool file_exists(const char *path);
// Both are there, and are the same file by whatever name.
bool file_is_same(const char *one, const char *other);
// *bytes from malloc(). REDFU_NO_FILE, EMPTY_FILE; BAD_FILE beyond `most` bytes.
enum redfu_result file_load(struct cli *cli, const char *path, uint32_t most, uint8_t **bytes,
                            uint32_t *len) __attribute__((warn_unused_result));
#define FILE_PATH_BYTES 4200u

// A file to come, under another name until it is whole.
struct file_part {
    FILE *file;
    char path[FILE_PATH_BYTES], part[FILE_PATH_BYTES];
};
// Begins it, for those whose bytes take long to come by. REDFU_CANNOT_SAVE, and nothing is begun then.
enum redfu_result file_begin(struct cli *cli, const char *path, struct file_part *part)
    __attribute__((warn_unused_result));
// Ends it: whole, on the disk and under its name, or gone with its part. REDFU_CANNOT_SAVE.
enum redfu_result file_finish(struct cli *cli, struct file_part *part, const uint8_t *bytes,
                              uint32_t len) __attribute__((warn_unused_result));
// Ends it without a trace.
void file_drop(struct file_part *part);
// All at once. The file appears under its name only when it is whole and on the disk; never in place of another one.
// REDFU_CANNOT_SAVE.
enum redfu_result file_save_new(struct cli *cli, const char *path, const uint8_t *bytes,
                                uint32_t len) __attribute__((warn_unused_result));
// The same, but it may replace one.
enum redfu_result file_save(struct cli *cli, const char *path, const uint8_t *bytes, uint32_t len)
    __attribute__((warn_unused_result));

#endif
