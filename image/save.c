// SPDX-License-Identifier: MIT
//
// Writing images.

#include "image/save.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/format.h"

// Bytes a data record, as objcopy writes them.
#define HEX_RECORD_BYTES    16u
// Record types (Intel "Hexadecimal Object File Format Specification", rev A).
#define HEX_DATA            0u
#define HEX_END             1u
#define HEX_EXTENDED_LINEAR 4u

static void hex_record(FILE *file, uint8_t type, uint16_t addr, const uint8_t *bytes, uint8_t len) {
    unsigned sum = len + (addr >> 8) + (addr & 0xffu) + type;
    (void)fprintf(file, ":%02X%04X%02X", len, addr, type);
    for (uint8_t i = 0; i < len; i++) {
        sum += bytes[i];
        (void)fprintf(file, "%02X", bytes[i]);
    }
    (void)fprintf(file, "%02X\r\n", (0u - sum) & 0xffu);
}

static void hex_write(FILE *file, const struct image *image) {
    uint32_t upper = 0; // files start as if this had been said
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        for (uint32_t off = 0; off < segment->len;) {
            uint32_t addr = segment->addr + off;
            if (addr >> 16 != upper) {
                upper = addr >> 16;
                const uint8_t bytes[2] = {(uint8_t)(upper >> 8), (uint8_t)upper};
                hex_record(file, HEX_EXTENDED_LINEAR, 0, bytes, 2);
            }
            // A record passes neither 16 bytes' alignment nor a 64 KB boundary.
            uint32_t len = HEX_RECORD_BYTES - addr % HEX_RECORD_BYTES;
            if (len > segment->len - off) {
                len = segment->len - off;
            }
            hex_record(file, HEX_DATA, (uint16_t)addr, segment->bytes + off, (uint8_t)len);
            off += len;
        }
    }
    hex_record(file, HEX_END, 0, NULL, 0);
}

static void write_all(FILE *file, const struct image *image, enum image_format format) {
    if (format == IMAGE_HEX) {
        hex_write(file, image);
    } else {
        (void)fwrite(image->segments[0].bytes, 1, image->segments[0].len, file);
    }
}

bool image_save(const struct image *image, const char *path, enum image_format format,
                struct image_fault *fault) {
    if (format == IMAGE_ELF) {
        return image_refuse(fault, "%s: ELF files are read, not written; take .bin or .hex", path);
    }
    if (format == IMAGE_BIN && image->segment_count != 1) {
        return image_refuse(fault, "%s: a raw binary holds one segment, the image has %zu", path,
                            image->segment_count);
    }
    size_t size = strlen(path) + sizeof ".XXXXXX";
    char *temporary = malloc(size);
    if (!temporary) {
        return image_refuse(fault, "out of memory");
    }
    (void)snprintf(temporary, size, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!file) {
        (void)image_refuse(fault, "%s: cannot be written: %s", path, strerror(errno));
        free(temporary);
        return false;
    }
    mode_t mask = umask(0);
    (void)umask(mask);
    write_all(file, image, format);
    bool is_written =
        !ferror(file) && fflush(file) == 0 && fsync(fd) == 0 && fchmod(fd, 0666 & ~mask) == 0;
    int error = errno;
    is_written = fclose(file) == 0 && is_written;
    if (is_written && rename(temporary, path) != 0) {
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
