// SPDX-License-Identifier: MIT
//
// `--load` and `--symbols`: files put together into one image for a chip's memory, and the names of
// places in it.

#ifndef VBOARD_LOADS_H
#define VBOARD_LOADS_H

#include <stdbool.h>

#include "image/image.h"
#include "vboard/chip/chip.h"
#include "vboard/options.h"

// What a --symbols file says is in memory.
struct loads_claim {
    struct image_segment *segments;
    size_t count;
};

struct loads {
    struct image *images;       // one a file; of --symbols without segments
    struct loads_claim *claims; // one a file; empty but for --symbols
    size_t count;
};

// Reads all files and sees that they fit the chip and each other. False with a sentence in `fault`.
bool loads_read(struct loads *loads, const struct options *options, const struct chip *chip,
                struct image_fault *fault);
// Puts them into the chip's memory, flash without erasing what lies beside.
bool loads_poke(const struct loads *loads, struct chip *chip);
// Whether the names of a file are of something else than what flash holds: `addr` is the first difference.
// Where flash is erased throughout, what has the names is still to come.
bool loads_differ(const struct loads *loads, size_t file, const uint8_t *flash, uint32_t size,
                  uint32_t *addr);
// For chip_set_symbolizer(); ctx is the loads.
const char *loads_symbol(void *ctx, uint32_t addr, uint32_t *offset);
void loads_free(struct loads *loads);

#endif
