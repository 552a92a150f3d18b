// SPDX-License-Identifier: MIT
//
// `--flash FILE`: the chip's flash, kept between runs. The file is the whole flash, byte for byte.

#ifndef VBOARD_FLASH_FILE_H
#define VBOARD_FLASH_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct flash_file {
    const char *path;
    int fd; // holds the lock; -1: none
    uint32_t size;
    bool is_new;
};

// Locks the file, and reads it into `flash` (size bytes). A missing file is made at once, filled
// with 0xFF as erased flash is. False with a sentence in `why` when it cannot be opened, is in use or
// has another size, or its folder takes no new file, which saving needs; then nothing is held, and
// a file that was missing is missing again.
bool flash_file_open(struct flash_file *file, const char *path, uint8_t *flash, uint32_t size,
                     char why[512]);
// Writes the flash back: a new file beside the old one, which it replaces in one step.
bool flash_file_save(const struct flash_file *file, const uint8_t *flash, char why[512]);
void flash_file_close(struct flash_file *file);

#endif
