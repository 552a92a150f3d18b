// SPDX-License-Identifier: MIT
//
// Files in: which format a file has, and the contents that its reader fills. What a format means is left
// to bin.c, hex.c, srec.c, elf.c, dfuse.c, dfu.c and uf2.c.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/contents.h"
#include "image/format.h"

// Larger than any image for a 32-bit microcontroller, small enough to read without harm.
#define FILE_BYTES_MAX (256u << 20)

bool image_refuse(struct image_fault *fault, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    fault->no_memory = false;
    return false;
}

bool image_no_memory(struct image_fault *fault, const char *path) {
    (void)image_refuse(fault, "%s%sout of memory", path ? path : "", path ? ": " : "");
    fault->no_memory = true;
    return false;
}

bool image_because(struct image_fault *fault, const struct image_fault *inner) {
    fault->no_memory = inner->no_memory;
    return false;
}

int image_digit(uint8_t c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r';
}

bool image_next_line(struct image_lines *lines, const uint8_t **text, size_t *len) {
    const struct image_file *file = lines->file;
    if (lines->at >= file->len) {
        return false;
    }
    const uint8_t *start = file->bytes + lines->at;
    const uint8_t *newline = memchr(start, '\n', file->len - lines->at);
    size_t all = newline ? (size_t)(newline - start) : file->len - lines->at;
    lines->at += all + 1;
    lines->number++;
    while (all > 0 && is_blank(start[all - 1])) {
        all--;
    }
    while (all > 0 && is_blank(start[0])) {
        start++;
        all--;
    }
    *text = start;
    *len = all;
    return true;
}

struct image *image_only(struct image_contents *contents, struct image_fault *fault) {
    struct image_target *target = image_contents_target(contents, 0);
    if (!target) {
        (void)image_no_memory(fault, NULL);
        return NULL;
    }
    return &target->image;
}

// -- Which format

static const struct {
    enum image_format format;
    const char *word, *extensions, *text;
} formats[] = {
#define X(name, word, extensions, text) {name, word, extensions, text},
    IMAGE_FORMATS(X)
#undef X
};

#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

enum image_format image_format_named(const char *word) {
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (strcasecmp(formats[i].word, word) == 0) {
            return formats[i].format;
        }
    }
    return IMAGE_ANY;
}

enum image_format image_format_of_path(const char *path) {
    const char *dot = strrchr(path, '.');
    if (!dot || strchr(dot, '/')) {
        return IMAGE_ANY;
    }
    size_t len = strlen(dot);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        for (const char *at = formats[i].extensions; *at;) {
            size_t one = strcspn(at, " ");
            if (one == len && strncasecmp(at, dot, len) == 0) {
                return formats[i].format;
            }
            at += one + (at[one] != '\0');
        }
    }
    return IMAGE_ANY;
}

const char *image_format_text(enum image_format format) {
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (formats[i].format == format) {
            return formats[i].text;
        }
    }
    return "any file";
}

static enum image_format recognise(const struct image_file *file) {
    return elf_recognise(file)     ? IMAGE_ELF
           : dfuse_recognise(file) ? IMAGE_DFUSE
           : uf2_recognise(file)   ? IMAGE_UF2
           : hex_recognise(file)   ? IMAGE_HEX
           : srec_recognise(file)  ? IMAGE_SREC
                                   : IMAGE_BIN;
}

// The contents' word counts first; a name that promises a format which the contents are not means that
// something went wrong on the way, and raw bytes of that are no firmware.
static bool find_format(const struct image_file *file, bool has_suffix, enum image_format *format,
                        struct image_fault *fault) {
    *format = recognise(file);
    enum image_format named = image_format_of_path(file->path);
    if (*format != IMAGE_BIN || named == IMAGE_ANY || named == IMAGE_BIN ||
        (has_suffix && named == IMAGE_DFUSE)) {
        return true;
    }
    if (named == IMAGE_DFUSE) {
        return image_refuse(fault,
                            "%s: named like a DFU file, but neither a DFU suffix at its end nor "
                            "\"DfuSe\" at its start: cut off? (--format bin takes it as raw bytes)",
                            file->path);
    }
    return image_refuse(fault,
                        "%s: named like %s, but its first bytes are not (--format bin takes it as "
                        "raw bytes)",
                        file->path, image_format_text(named));
}

static bool read_by(struct image_contents *contents, struct image_file *file,
                    const struct image_how *how, struct image_fault *fault) {
    switch (contents->format) {
    case IMAGE_HEX:
        return hex_read(contents, file, fault);
    case IMAGE_SREC:
        return srec_read(contents, file, fault);
    case IMAGE_ELF:
        return elf_read(contents, file, fault);
    case IMAGE_DFUSE:
        return dfuse_read(contents, file, fault);
    case IMAGE_UF2:
        return uf2_read(contents, file, how, fault);
    case IMAGE_DFU:
        dfu_take_prefix(file);
        return bin_read(contents, file, how, fault);
    case IMAGE_BIN:
    case IMAGE_ANY:
    default:
        return bin_read(contents, file, how, fault);
    }
}

// Windows editors begin a text with U+FEFF in UTF-8, which is no part of the records.
static void skip_mark(struct image_file *file) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    if (file->len < sizeof mark || memcmp(file->bytes, mark, sizeof mark) != 0) {
        return;
    }
    struct image_file text = *file;
    text.bytes += sizeof mark;
    text.len -= sizeof mark;
    if (hex_recognise(&text) || srec_recognise(&text)) {
        *file = text;
    }
}

static bool parse(struct image_contents *contents, struct image_file file,
                  const struct image_how *how, struct image_fault *fault) {
    // "bin" by word is every byte of the file, a suffix included.
    bool has_suffix = how->format != IMAGE_BIN && dfu_recognise(&file);
    if (has_suffix && !dfu_take_suffix(contents, &file, fault)) {
        return false;
    }
    enum image_format format = how->format;
    if (format != IMAGE_BIN && format != IMAGE_DFU) {
        skip_mark(&file);
    }
    if (format == IMAGE_ANY && !find_format(&file, has_suffix, &format, fault)) {
        return false;
    }
    if (how->format == IMAGE_ANY && format == IMAGE_BIN && has_suffix) {
        format = IMAGE_DFU;
    }
    if (format == IMAGE_DFU && !has_suffix) {
        return image_refuse(fault, "%s: has no DFU suffix at its end", file.path);
    }
    if (how->format != IMAGE_ANY && format != IMAGE_BIN && format != IMAGE_DFU &&
        recognise(&file) != format) {
        return image_refuse(fault, "%s: is not %s: its first bytes are other ones", file.path,
                            image_format_text(format));
    }
    contents->format = format;
    if (how->addr != IMAGE_NO_ADDRESS && format != IMAGE_BIN && format != IMAGE_DFU) {
        return image_refuse(fault, "%s: %s carries its own addresses; leave out @0x%08llX",
                            file.path, image_format_text(format), (unsigned long long)how->addr);
    }
    return read_by(contents, &file, how, fault);
}

bool image_contents_parse(struct image_contents *contents, const char *path, const uint8_t *bytes,
                          size_t len, const struct image_how *how, struct image_fault *fault) {
    memset(contents, 0, sizeof *contents);
    struct image_file file = {.path = path, .bytes = bytes, .len = len};
    bool ok = len > 0 ? parse(contents, file, how, fault)
                      : image_refuse(fault, "%s: the file is empty", path);
    if (!ok) {
        image_contents_free(contents);
    }
    return ok;
}

// -- Files

static bool read_whole(int fd, uint8_t *bytes, size_t len) {
    size_t at = 0;
    while (at < len) {
        ssize_t got = read(fd, bytes + at, len - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

static bool open_file(const char *path, uint8_t **bytes, size_t *len, struct image_fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return image_refuse(fault, "%s: %s", path, strerror(errno));
    }
    bool ok = false;
    struct stat about;
    if (fstat(fd, &about) != 0) {
        (void)image_refuse(fault, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(about.st_mode)) {
        (void)image_refuse(fault, "%s: not a regular file", path);
    } else if (about.st_size == 0) {
        (void)image_refuse(fault, "%s: the file is empty", path);
    } else if (about.st_size > FILE_BYTES_MAX) {
        (void)image_refuse(fault, "%s: too large for a firmware image (%lld bytes)", path,
                           (long long)about.st_size);
    } else if (!(*bytes = malloc((size_t)about.st_size))) {
        (void)image_no_memory(fault, path);
    } else if (!read_whole(fd, *bytes, (size_t)about.st_size)) {
        (void)image_refuse(fault, "%s: %s", path, strerror(errno));
    } else {
        *len = (size_t)about.st_size;
        ok = true;
    }
    (void)close(fd);
    return ok;
}

bool image_contents_load(struct image_contents *contents, const char *path,
                         const struct image_how *how, struct image_fault *fault) {
    memset(contents, 0, sizeof *contents);
    uint8_t *bytes = NULL;
    size_t len = 0;
    bool ok = open_file(path, &bytes, &len, fault) &&
              image_contents_parse(contents, path, bytes, len, how, fault);
    free(bytes);
    return ok;
}

bool image_load(struct image *image, const char *path, uint64_t addr, struct image_fault *fault) {
    struct image_contents contents;
    const struct image_how how = {.addr = addr};
    if (!image_contents_load(&contents, path, &how, fault)) {
        return false;
    }
    bool ok = contents.target_count == 1;
    if (ok) {
        image_free(image);
        *image = contents.targets[0].image;
        image_init(&contents.targets[0].image);
    } else {
        char alternates[64];
        image_contents_alternates(&contents, alternates, sizeof alternates);
        (void)image_refuse(fault,
                           "%s: holds images for several alternate settings (%s); `redfu convert "
                           "--from-alt N` takes one out",
                           path, alternates);
    }
    image_contents_free(&contents);
    return ok;
}
