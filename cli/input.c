// SPDX-License-Identifier: MIT
//
// From a file name to segments.

#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum redfu_result refuse(struct redfu_fault *fault, enum redfu_result result,
                                const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum redfu_result refuse(struct redfu_fault *fault, enum redfu_result result,
                                const char *format, ...) {
    memset(fault, 0, sizeof *fault);
    fault->result = result;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return result;
}

// What image_load() does not tell apart: exit statuses differ.
static enum redfu_result check_file(const char *path, struct redfu_fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        int why = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return refuse(fault, REDFU_NO_FILE, "%s: %s", path, strerror(why));
    }
    (void)close(fd);
    if (!S_ISREG(about.st_mode)) {
        return refuse(fault, REDFU_NO_FILE, "%s: not a regular file", path);
    }
    return about.st_size > 0 ? REDFU_OK
                             : refuse(fault, REDFU_EMPTY_FILE,
                                      "%s: the file is empty, there is nothing to load", path);
}

static enum redfu_result take_segments(struct input *input, const char *path,
                                       struct redfu_fault *fault) {
    if (input->image.segment_count == 0) {
        return refuse(fault, REDFU_EMPTY_FILE, "%s: holds no bytes to load", path);
    }
    input->count = input->image.segment_count;
    input->segments = calloc(input->count, sizeof *input->segments);
    if (!input->segments) {
        return refuse(fault, REDFU_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < input->count; i++) {
        const struct image_segment *segment = &input->image.segments[i];
        input->segments[i] = (struct redfu_segment){segment->addr, segment->len, segment->bytes};
    }
    return REDFU_OK;
}

// Whether the file loads at that address. A failed try leaves nothing behind.
static bool try_load(struct input *input, const char *path, uint64_t addr,
                     struct image_fault *why) {
    image_init(&input->image);
    if (image_load(&input->image, path, addr, why)) {
        return true;
    }
    image_free(&input->image);
    return false;
}

static enum redfu_result load_image(struct input *input, const char *path, uint64_t addr,
                                    struct redfu_fault *fault) {
    struct image_fault why;
    struct image_fault ignored;
    if (try_load(input, path, addr, &why)) {
        return REDFU_OK;
    }
    if (addr == IMAGE_NO_ADDRESS) {
        // A file that loads at 0 is raw: only that needed an address.
        input->needs_address = try_load(input, path, 0, &ignored);
        return input->needs_address ? REDFU_OK : refuse(fault, REDFU_BAD_FILE, "%s", why.text);
    }
    bool has_its_own = try_load(input, path, IMAGE_NO_ADDRESS, &ignored);
    image_free(&input->image);
    return refuse(fault, has_its_own ? REDFU_USAGE : REDFU_BAD_FILE, "%s", why.text);
}

enum redfu_result input_load(struct input *input, const char *path, uint64_t addr,
                             struct redfu_fault *fault) {
    memset(input, 0, sizeof *input);
    image_init(&input->image);
    enum redfu_result result = check_file(path, fault);
    if (result == REDFU_OK) {
        result = load_image(input, path, addr, fault);
    }
    if (result == REDFU_OK) {
        result = take_segments(input, path, fault);
    }
    if (result != REDFU_OK) {
        input_free(input);
    }
    return result;
}

enum redfu_result input_place(struct input *input, uint32_t addr, struct redfu_fault *fault) {
    uint64_t left = (UINT64_C(1) << 32) - addr;
    if (input->segments[0].len > left) {
        return refuse(fault, REDFU_TOO_LARGE, "%u bytes do not fit behind 0x%08X",
                      input->segments[0].len, addr);
    }
    input->segments[0].addr = addr;
    return REDFU_OK;
}

void input_free(struct input *input) {
    image_free(&input->image);
    free(input->segments);
    input->segments = NULL;
    input->count = 0;
}
