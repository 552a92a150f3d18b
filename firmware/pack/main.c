// SPDX-License-Identifier: MIT
//
// pack-image PREFIX IMAGE PACKED: packs IMAGE, which will lie in SRAM right behind PREFIX, and checks that
// unpack() gives it back.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/pack/pack.h"
#include "port/stm32f4/unpack.h"

// Far more than SRAM holds.
#define ROOM (1u << 20)

static size_t read_file(const char *path, uint8_t *to, size_t room) {
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(to, 1, room, file) : 0;
    if (!file || ferror(file) || len == room) {
        (void)fprintf(
            stderr, "pack-image: %s cannot be read, or is too long for a microcontroller\n", path);
        exit(1);
    }
    (void)fclose(file);
    return len;
}

static void write_file(const char *path, const uint8_t *data, size_t len) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, len, file) != len || fclose(file) != 0) {
        (void)fprintf(stderr, "pack-image: %s cannot be written\n", path);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        (void)fputs("usage: pack-image PREFIX IMAGE PACKED\n", stderr);
        return 2;
    }
    uint8_t *data = malloc(2 * ROOM);
    if (!data) {
        (void)fputs("pack-image: out of memory\n", stderr);
        return 1;
    }
    size_t begin = read_file(argv[1], data, ROOM);
    size_t len = begin + read_file(argv[2], data + begin, ROOM);
    size_t packed_len = 0;
    uint8_t *packed = pack(data, begin, len, &packed_len);
    uint8_t *back = malloc(len);
    if (!packed || !back) {
        (void)fputs("pack-image: out of memory\n", stderr);
        return 1;
    }
    memcpy(back, data, begin);
    unpack(packed, back + begin, back + len);
    if (memcmp(back, data, len) != 0) {
        (void)fprintf(stderr, "pack-image: %s does not come out as it went in\n", argv[2]);
        return 1;
    }
    write_file(argv[3], packed, packed_len);
    printf("pack-image: %zu bytes packed into %zu\n", len - begin, packed_len);
    free(back);
    free(packed);
    free(data);
    return 0;
}
