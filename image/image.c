// SPDX-License-Identifier: MIT
//
// Segments and symbols of an image, and the choice of a reader for a file.
//
// What a format means is left to bin.c, hex.c and elf.c.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/format.h"
#include "image/image.h"

// Larger than any image for a 32-bit microcontroller, small enough to read without harm.
#define FILE_BYTES_MAX (256u << 20)

bool image_refuse(struct image_fault *fault, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return false;
}

void image_init(struct image *image) {
    memset(image, 0, sizeof *image);
}

void image_free(struct image *image) {
    for (size_t i = 0; i < image->segment_count; i++) {
        free(image->segments[i].bytes);
    }
    for (size_t i = 0; i < image->symbol_count; i++) {
        free(image->symbols[i].name);
    }
    free(image->segments);
    free(image->symbols);
    image_init(image);
}

static uint64_t segment_end(const struct image_segment *segment) {
    return (uint64_t)segment->addr + segment->len;
}

// Joins segment `i` with its successor where they touch.
static bool join_next(struct image *image, size_t i) {
    if (i + 1 >= image->segment_count) {
        return true;
    }
    struct image_segment *first = &image->segments[i];
    struct image_segment *second = &image->segments[i + 1];
    if (segment_end(first) != second->addr) {
        return true;
    }
    uint8_t *grown = realloc(first->bytes, (size_t)first->len + second->len);
    if (!grown) {
        return false;
    }
    memcpy(grown + first->len, second->bytes, second->len);
    first->bytes = grown;
    first->len += second->len;
    free(second->bytes);
    image->segment_count--;
    memmove(second, second + 1, (image->segment_count - i - 1) * sizeof *second);
    return true;
}

bool image_add(struct image *image, uint32_t addr, const uint8_t *bytes, uint32_t len,
               struct image_fault *fault) {
    if (len == 0) {
        return true;
    }
    uint64_t end = (uint64_t)addr + len;
    if (end > (uint64_t)UINT32_MAX + 1) {
        return image_refuse(fault, "%u bytes at 0x%08X pass the end of the address space", len,
                            addr);
    }
    size_t place = 0;
    while (place < image->segment_count && image->segments[place].addr < addr) {
        place++;
    }
    if (place > 0 && segment_end(&image->segments[place - 1]) > addr) {
        uint64_t other = segment_end(&image->segments[place - 1]);
        return image_refuse(fault, "0x%08X-0x%08X is given twice", addr,
                            (uint32_t)((other < end ? other : end) - 1));
    }
    if (place < image->segment_count && image->segments[place].addr < end) {
        uint64_t other = segment_end(&image->segments[place]);
        return image_refuse(fault, "0x%08X-0x%08X is given twice", image->segments[place].addr,
                            (uint32_t)((other < end ? other : end) - 1));
    }

    struct image_segment *grown =
        realloc(image->segments, (image->segment_count + 1) * sizeof *image->segments);
    if (!grown) {
        return image_refuse(fault, "out of memory");
    }
    image->segments = grown;
    uint8_t *copy = malloc(len);
    if (!copy) {
        return image_refuse(fault, "out of memory");
    }
    memcpy(copy, bytes, len);
    memmove(grown + place + 1, grown + place, (image->segment_count - place) * sizeof *grown);
    grown[place] = (struct image_segment){.addr = addr, .len = len, .bytes = copy};
    image->segment_count++;
    if (!join_next(image, place) || (place > 0 && !join_next(image, place - 1))) {
        return image_refuse(fault, "out of memory");
    }
    return true;
}

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

static bool open_file(struct image_file *file, uint8_t **bytes, struct image_fault *fault) {
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return image_refuse(fault, "%s: %s", file->path, strerror(errno));
    }
    bool ok = false;
    struct stat about;
    if (fstat(fd, &about) != 0) {
        (void)image_refuse(fault, "%s: %s", file->path, strerror(errno));
    } else if (!S_ISREG(about.st_mode)) {
        (void)image_refuse(fault, "%s: not a regular file", file->path);
    } else if (about.st_size == 0) {
        (void)image_refuse(fault, "%s: the file is empty", file->path);
    } else if (about.st_size > FILE_BYTES_MAX) {
        (void)image_refuse(fault, "%s: too large for a firmware image (%lld bytes)", file->path,
                           (long long)about.st_size);
    } else if (!(*bytes = malloc((size_t)about.st_size))) {
        (void)image_refuse(fault, "%s: out of memory", file->path);
    } else if (!read_whole(fd, *bytes, (size_t)about.st_size)) {
        (void)image_refuse(fault, "%s: %s", file->path, strerror(errno));
    } else {
        file->bytes = *bytes;
        file->len = (size_t)about.st_size;
        ok = true;
    }
    (void)close(fd);
    return ok;
}

static bool read_format(struct image *image, const struct image_file *file, uint64_t addr,
                        struct image_fault *fault) {
    bool elf = elf_recognise(file);
    bool hex = !elf && hex_recognise(file);
    if ((elf || hex) && addr != IMAGE_NO_ADDRESS) {
        return image_refuse(fault, "%s: an %s file carries its own addresses; leave out @0x%llX",
                            file->path, elf ? "ELF" : "Intel HEX", (unsigned long long)addr);
    }
    if (elf) {
        return elf_read(image, file, fault);
    }
    if (hex) {
        return hex_read(image, file, fault);
    }
    return bin_read(image, file, addr, fault);
}

bool image_load(struct image *image, const char *path, uint64_t addr, struct image_fault *fault) {
    struct image_file file = {.path = path};
    uint8_t *bytes = NULL;
    bool ok = open_file(&file, &bytes, fault) && read_format(image, &file, addr, fault);
    free(bytes);
    return ok;
}

const struct image_symbol *image_symbol_at(const struct image *image, uint32_t addr) {
    size_t low = 0;
    size_t high = image->symbol_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->symbols[middle].addr <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    // Symbols may nest or have no size (assembly labels): the nearest one below that reaches here.
    // More than a handful of aliases at one place do not happen.
    for (size_t tries = 0; tries < 8 && low > tries; tries++) {
        const struct image_symbol *symbol = &image->symbols[low - 1 - tries];
        if (symbol->size == 0 ? symbol->addr == addr : addr - symbol->addr < symbol->size) {
            return symbol;
        }
    }
    return NULL;
}

bool image_symbol_find(const struct image *image, const char *name, uint32_t *addr) {
    for (size_t i = 0; i < image->symbol_count; i++) {
        if (strcmp(image->symbols[i].name, name) == 0) {
            *addr = image->symbols[i].addr;
            return true;
        }
    }
    return false;
}
