// SPDX-License-Identifier: MIT
//
// Files out: what a format cannot hold is refused, then the whole file appears at once or not at all.

#include "image/save.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/format.h"

#define PLAIN_VERSION    0x0100u // bcdDFU of a plain suffix (DFU 1.1 appendix B)
// bTargetsNumber of UM0391 is a byte, bAlternateSetting too.
#define TARGETS_MAX      255u
// DfuSe files and ELF count in 32 bits; nothing for a microcontroller comes near.
#define OUTPUT_BYTES_MAX (1u << 30)

static bool check_one_piece(const struct image_contents *contents, const char *path,
                            struct image_fault *fault) {
    const struct image *image = &contents->targets[0].image;
    if (image->segment_count == 1) {
        return true;
    }
    uint64_t end = (uint64_t)image->segments[0].addr + image->segments[0].len;
    return image_refuse(fault,
                        "%s: %s holds one piece, the image has %zu; the first gap is "
                        "0x%08" PRIX64 "-0x%08" PRIX32 ", %" PRIu64 " bytes",
                        path, image_format_text(contents->format), image->segment_count, end,
                        image->segments[1].addr - 1, image->segments[1].addr - end);
}

bool image_contents_check(const struct image_contents *contents, const char *path,
                          struct image_fault *fault) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < contents->target_count; i++) {
        for (size_t j = 0; j < contents->targets[i].image.segment_count; j++) {
            bytes += contents->targets[i].image.segments[j].len;
        }
    }
    if (bytes == 0 || bytes > OUTPUT_BYTES_MAX) {
        return image_refuse(fault,
                            bytes == 0 ? "%s: there is nothing to write"
                                       : "%s: more bytes than any firmware has",
                            path);
    }
    if (contents->format != IMAGE_DFUSE && contents->target_count > 1) {
        char alternates[64];
        image_contents_alternates(contents, alternates, sizeof alternates);
        return image_refuse(fault,
                            "%s: %s holds one image; here are some for the alternate settings %s",
                            path, image_format_text(contents->format), alternates);
    }
    if (contents->format == IMAGE_DFUSE &&
        (contents->target_count > TARGETS_MAX ||
         contents->targets[contents->target_count - 1].alternate > TARGETS_MAX)) {
        return image_refuse(fault, "%s: a DfuSe file counts alternate settings up to %u", path,
                            TARGETS_MAX);
    }
    return (contents->format != IMAGE_BIN && contents->format != IMAGE_DFU) ||
           check_one_piece(contents, path, fault);
}

static bool write_dfu(FILE *out, const struct image_contents *contents) {
    const struct image_segment *segment = &contents->targets[0].image.segments[0];
    uint8_t suffix[DFU_SUFFIX_BYTES];
    dfu_suffix(contents, PLAIN_VERSION, segment->bytes, segment->len, suffix);
    bin_write(out, &contents->targets[0].image);
    (void)fwrite(suffix, 1, sizeof suffix, out);
    return true;
}

static bool write_all(FILE *out, const struct image_contents *contents) {
    const struct image *image = &contents->targets[0].image;
    switch (contents->format) {
    case IMAGE_HEX:
        hex_write(out, image);
        return true;
    case IMAGE_SREC:
        srec_write(out, image);
        return true;
    case IMAGE_ELF:
        return elf_write(out, image);
    case IMAGE_DFUSE:
        return dfuse_write(out, contents);
    case IMAGE_DFU:
        return write_dfu(out, contents);
    case IMAGE_UF2:
        uf2_write(out, contents);
        return true;
    case IMAGE_BIN:
    case IMAGE_ANY:
    default:
        bin_write(out, image);
        return true;
    }
}

static bool finish(FILE *file, int fd) {
    mode_t mask = umask(0);
    (void)umask(mask);
    return !ferror(file) && fflush(file) == 0 && fsync(fd) == 0 && fchmod(fd, 0666 & ~mask) == 0;
}

char *image_save_path(const char *path, struct image_fault *fault) {
    char *real = realpath(path, NULL);
    if (!real) {
        real = strdup(path); // nothing is there yet, or a link to nothing
    }
    if (!real) {
        (void)image_no_memory(fault, NULL);
        return NULL;
    }
    struct stat there;
    if (lstat(real, &there) == 0 && !S_ISREG(there.st_mode)) {
        (void)image_refuse(fault, "%s: cannot be written: %s", path,
                           S_ISDIR(there.st_mode) ? strerror(EISDIR)
                                                  : "what is there is not a regular file");
        free(real);
        return NULL;
    }
    return real;
}

static bool save_as(const struct image_contents *contents, const char *path, const char *real,
                    struct image_fault *fault) {
    size_t size = strlen(real) + sizeof ".XXXXXX";
    char *temporary = malloc(size);
    if (!temporary) {
        return image_no_memory(fault, NULL);
    }
    (void)snprintf(temporary, size, "%s.XXXXXX", real);
    int fd = mkstemp(temporary);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!file) {
        (void)image_refuse(fault, "%s: cannot be written: %s", path, strerror(errno));
        free(temporary);
        return false;
    }
    errno = ENOMEM; // what a writer fails for that did not come as far as its stream
    bool is_written = write_all(file, contents) && finish(file, fd);
    int error = errno;
    is_written = fclose(file) == 0 && is_written;
    if (is_written && rename(temporary, real) != 0) {
        error = errno;
        is_written = false;
    }
    if (!is_written) {
        (void)unlink(temporary);
        (void)image_refuse(fault, "%s: cannot be written: %s", path, strerror(error));
    }
    free(temporary);
    return is_written;
}

bool image_contents_save(const struct image_contents *contents, const char *path,
                         struct image_fault *fault) {
    if (!image_contents_check(contents, path, fault)) {
        return false;
    }
    char *real = image_save_path(path, fault);
    bool is_saved = real && save_as(contents, path, real, fault);
    free(real);
    return is_saved;
}

uint8_t *image_contents_bytes(const struct image_contents *contents, size_t *len,
                              struct image_fault *fault) {
    if (!image_contents_check(contents, "the output", fault)) {
        return NULL;
    }
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, len);
    bool is_written = out && write_all(out, contents) && !ferror(out);
    if (!out || fclose(out) != 0 || !is_written) {
        (void)image_no_memory(fault, NULL);
        free(bytes);
        return NULL;
    }
    return (uint8_t *)bytes;
}

bool image_save(const struct image *image, const char *path, enum image_format format,
                struct image_fault *fault) {
    struct image_target target = {.image = *image};
    const struct image_contents contents = {
        .format = format, .targets = &target, .target_count = 1};
    return image_contents_save(&contents, path, fault);
}
