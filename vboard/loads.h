// SPDX-License-Identifier: MIT
//
// `--load`: files put together into one image for a chip's memory.

#ifndef VBOARD_LOADS_H
#define VBOARD_LOADS_H

#include <stdbool.h>

#include "image/image.h"
#include "vboard/chip/chip.h"
#include "vboard/options.h"

struct loads {
    struct image *images; // one a file
    size_t count;
};

// Reads all files and sees that they fit the chip and each other. False with a sentence in `fault`.
bool loads_read(struct loads *loads, const struct options *options, const struct chip *chip,
                struct image_fault *fault);
// Puts them into the chip's memory, flash without erasing what lies beside.
bool loads_poke(const struct loads *loads, struct chip *chip);
// For chip_set_symbolizer(); ctx is the loads.
const char *loads_symbol(void *ctx, uint32_t addr, uint32_t *offset);
void loads_free(struct loads *loads);

#endif
