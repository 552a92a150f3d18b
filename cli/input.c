// SPDX-License-Identifier: MIT
//
// From file names to segments.

#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"

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

// FILE@ADDRESS whose address is none is looked for as a file of that name.
static void advise_address(const char *path, struct redfu_fault *fault) {
    const char *at = strrchr(path, '@');
    char name[FILE_PATH_BYTES];
    int len = at ? snprintf(name, sizeof name, "%.*s", (int)(at - path), path) : 0;
    if (len > 0 && (size_t)len < sizeof name && file_exists(name)) {
        (void)snprintf(fault->advice, sizeof fault->advice,
                       "%.900s is there, and \"%.100s\" is no address: a number such as 0x0800C000 "
                       "is wanted.",
                       name, at + 1);
    }
}

// What image_contents_load() does not tell apart: exit statuses differ.
static enum redfu_result check_file(const char *path, struct redfu_fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        int why = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        (void)refuse(fault, REDFU_NO_FILE, "%s: %s", path, strerror(why));
        advise_address(path, fault);
        return REDFU_NO_FILE;
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

// What the options say of every file.
static enum redfu_result read_how(const struct options *options, struct image_how *how,
                                  struct redfu_fault *fault) {
    const char *format = options_given(options, "--format");
    const char *family = options_given(options, "--family");
    how->format = format ? image_format_named(format) : IMAGE_ANY;
    if (format && how->format == IMAGE_ANY) {
        return refuse(fault, REDFU_USAGE,
                      "--format wants bin, hex, srec, elf, dfuse, dfu or uf2, not \"%s\"", format);
    }
    how->has_family = family != NULL;
    if (family && !image_family_named(family, &how->family) &&
        !options_number(family, &how->family)) {
        return refuse(fault, REDFU_USAGE,
                      "--family wants a name such as STM32F4 or a number such as 0x57755A57, not "
                      "\"%s\"",
                      family);
    }
    return REDFU_OK;
}

enum redfu_result input_read(struct image_contents *contents, const struct option_file *file,
                             const struct options *options, struct redfu_fault *fault) {
    memset(contents, 0, sizeof *contents);
    struct image_how how = {.addr = file->has_addr ? file->addr : IMAGE_NO_ADDRESS,
                            .may_lack_address = true};
    enum redfu_result result = read_how(options, &how, fault);
    if (result == REDFU_OK) {
        result = check_file(file->path, fault);
    }
    struct image_fault why;
    if (result != REDFU_OK || image_contents_load(contents, file->path, &how, &why)) {
        return result;
    }
    // Is the address all that is wrong?
    struct image_fault ignored;
    how.addr = IMAGE_NO_ADDRESS;
    bool has_its_own = !why.no_memory && file->has_addr &&
                       image_contents_load(contents, file->path, &how, &ignored);
    image_contents_free(contents);
    return refuse(fault, file_status(&why, has_its_own ? REDFU_USAGE : REDFU_BAD_FILE), "%s",
                  why.text);
}

enum redfu_result input_merge(struct image *image, const struct image *more, const char *path,
                              struct redfu_fault *fault) {
    struct image_fault why;
    for (size_t i = 0; i < more->segment_count; i++) {
        const struct image_segment *segment = &more->segments[i];
        if (!image_add(image, segment->addr, segment->bytes, segment->len, &why)) {
            return refuse(fault, file_status(&why, REDFU_BAD_FILE),
                          "%s, on top of the files before it: %s", path, why.text);
        }
    }
    image->entry = image->entry ? image->entry : more->entry;
    return REDFU_OK;
}

// The one target that is meant.
static enum redfu_result choose_target(struct input *input, const struct image_contents *contents,
                                       const char *path, const struct options *options,
                                       const struct image_target **target,
                                       struct redfu_fault *fault) {
    *target = &contents->targets[0];
    if (!contents->has_alternates) {
        return REDFU_OK;
    }
    char alternates[64];
    image_contents_alternates(contents, alternates, sizeof alternates);
    if (options->has_alternate && contents->target_count > 1) {
        *target = image_contents_find(contents, options->alternate);
        if (!*target) {
            return refuse(fault, REDFU_USAGE,
                          "%s: holds nothing for alternate setting %u, but for %s", path,
                          options->alternate, alternates);
        }
    } else if (contents->target_count > 1) {
        return refuse(fault, REDFU_USAGE,
                      "%s: holds images for the alternate settings %s: choose one with --alt", path,
                      alternates);
    }
    unsigned alternate = (*target)->alternate;
    if (input->has_alternate && input->alternate != alternate) {
        return refuse(fault, REDFU_USAGE,
                      "%s: is for alternate setting %u, a file before it for %u: one at a time",
                      path, alternate, input->alternate);
    }
    input->has_alternate = true;
    input->alternate = alternate;
    return REDFU_OK;
}

static enum redfu_result take_contents(struct input *input, struct image_contents *contents,
                                       const struct option_file *file,
                                       const struct options *options, struct redfu_fault *fault) {
    const struct image_target *target;
    enum redfu_result result = choose_target(input, contents, file->path, options, &target, fault);
    if (result != REDFU_OK) {
        return result;
    }
    if (contents->needs_address && options->file_count > 1) {
        return refuse(fault, REDFU_USAGE,
                      "%s: a raw binary beside other files: say where it goes, as in "
                      "%s@0x0800C000",
                      file->path, file->path);
    }
    input->needs_address = contents->needs_address;
    if (contents->has_suffix &&
        (contents->vendor != IMAGE_ANY_ID || contents->product != IMAGE_ANY_ID)) {
        input->has_usb_id = true;
        input->vendor = contents->vendor;
        input->product = contents->product;
        input->usb_id_file = file->path;
    }
    result = input_merge(&input->image, &target->image, file->path, fault);
    // Names go with the image: the first file's that has some.
    struct image *from = &contents->targets[target - contents->targets].image;
    if (result == REDFU_OK && input->image.symbol_count == 0) {
        input->image.symbols = from->symbols;
        input->image.symbol_count = from->symbol_count;
        from->symbols = NULL;
        from->symbol_count = 0;
    }
    return result;
}

static enum redfu_result load_one(struct input *input, const struct option_file *file,
                                  const struct options *options, struct redfu_fault *fault) {
    struct image_contents contents;
    enum redfu_result result = input_read(&contents, file, options, fault);
    if (result == REDFU_OK) {
        result = take_contents(input, &contents, file, options, fault);
    }
    image_contents_free(&contents);
    return result;
}

enum redfu_result input_load(struct input *input, const struct options *options,
                             struct redfu_fault *fault) {
    memset(input, 0, sizeof *input);
    image_init(&input->image);
    enum redfu_result result = REDFU_OK;
    for (unsigned i = 0; i < options->file_count && result == REDFU_OK; i++) {
        result = load_one(input, &options->files[i], options, fault);
    }
    if (result == REDFU_OK) {
        result = take_segments(input, options->file, fault);
    }
    if (result != REDFU_OK) {
        input_free(input);
    }
    return result;
}

enum redfu_result input_load_at(struct input *input, const struct options *options, uint32_t addr,
                                struct redfu_fault *fault) {
    enum redfu_result result = input_load(input, options, fault);
    if (result != REDFU_OK || !input->needs_address) {
        return result;
    }
    struct options placed = *options;
    placed.files[0].has_addr = true;
    placed.files[0].addr = addr;
    input_free(input);
    return input_load(input, &placed, fault);
}

enum redfu_result input_check_device(const struct input *input, const struct redfu_device *device,
                                     struct redfu_fault *fault) {
    if (!input->has_usb_id ||
        ((input->vendor == IMAGE_ANY_ID || input->vendor == device->vendor) &&
         (input->product == IMAGE_ANY_ID || input->product == device->product))) {
        return REDFU_OK;
    }
    enum redfu_result result =
        refuse(fault, REDFU_WRONG_DEVICE,
               "%s: its DFU suffix says that it is for %04X:%04X, the device at %s is %04X:%04X",
               input->usb_id_file, input->vendor, input->product, device->path, device->vendor,
               device->product);
    (void)snprintf(fault->advice, sizeof fault->advice,
                   "Is it the right file, and the right device? If both are, give the file another "
                   "suffix:\n  redfu convert %.500s OUTPUT.dfu --usb-id %04X:%04X",
                   input->usb_id_file, device->vendor, device->product);
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

enum image_format output_format(const char *path) {
    enum image_format format = image_format_of_path(path);
    return format == IMAGE_ANY ? IMAGE_BIN : format;
}

enum redfu_result input_copy(struct input *input, const struct input *from,
                             struct redfu_fault *fault) {
    *input = *from;
    image_init(&input->image);
    input->segments = calloc(from->count, sizeof *input->segments);
    if (!input->segments) {
        input->count = 0;
        return refuse(fault, REDFU_INTERNAL, "out of memory");
    }
    memcpy(input->segments, from->segments, from->count * sizeof *input->segments);
    return REDFU_OK;
}

void input_free(struct input *input) {
    image_free(&input->image);
    free(input->segments);
    input->segments = NULL;
    input->count = 0;
}
