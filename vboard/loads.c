// SPDX-License-Identifier: MIT
//
// Files against each other and against the chip's memory map. What is in a file is image/'s.

#include "vboard/loads.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t end_of(const struct image_segment *segment) {
    return (uint64_t)segment->addr + segment->len;
}

static bool refuse_overlap(const struct options *options, size_t first, size_t second,
                           const struct image_segment *a, const struct image_segment *b,
                           struct image_fault *fault) {
    uint32_t from = a->addr > b->addr ? a->addr : b->addr;
    uint64_t to = end_of(a) < end_of(b) ? end_of(a) : end_of(b);
    (void)snprintf(fault->text, sizeof fault->text,
                   "%.180s and %.180s overlap at 0x%08X-0x%08X", options->loads[first].text,
                   options->loads[second].text, from, (uint32_t)(to - 1));
    return false;
}

static bool check_overlap(const struct loads *loads, const struct options *options, size_t added,
                          struct image_fault *fault) {
    const struct image *image = &loads->images[added];
    for (size_t other = 0; other < added; other++) {
        for (size_t i = 0; i < image->segment_count; i++) {
            for (size_t j = 0; j < loads->images[other].segment_count; j++) {
                const struct image_segment *a = &image->segments[i];
                const struct image_segment *b = &loads->images[other].segments[j];
                if (a->addr < end_of(b) && b->addr < end_of(a)) {
                    return refuse_overlap(options, other, added, b, a, fault);
                }
            }
        }
    }
    return true;
}

static bool check_memory(const struct image *image, const struct options *options,
                         const char *file, const struct chip *chip, struct image_fault *fault) {
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        if (!chip_has_memory(chip, segment->addr, segment->len)) {
            (void)snprintf(fault->text, sizeof fault->text,
                           "%.250s: 0x%08X-0x%08X is outside the memory of the %s (flash "
                           "0x08000000-0x%08X, SRAM 0x20000000-0x%08X)",
                           file, segment->addr, (uint32_t)(end_of(segment) - 1),
                           options->board->chip->name,
                           0x08000000u + options->board->chip->flash_bytes - 1,
                           0x20000000u + options->board->chip->sram_bytes - 1);
            return false;
        }
    }
    return true;
}

bool loads_read(struct loads *loads, const struct options *options, const struct chip *chip,
                struct image_fault *fault) {
    *loads = (struct loads){0};
    if (options->load_count == 0) {
        return true;
    }
    loads->images = calloc(options->load_count, sizeof *loads->images);
    if (!loads->images) {
        (void)snprintf(fault->text, sizeof fault->text, "out of memory");
        return false;
    }
    for (size_t i = 0; i < options->load_count; i++) {
        const struct load_option *load = &options->loads[i];
        image_init(&loads->images[i]);
        loads->count++;
        if (!image_load(&loads->images[i], load->path, load->addr, fault) ||
            !check_memory(&loads->images[i], options, load->text, chip, fault) ||
            !check_overlap(loads, options, i, fault)) {
            loads_free(loads);
            return false;
        }
    }
    return true;
}

bool loads_poke(const struct loads *loads, struct chip *chip) {
    for (size_t i = 0; i < loads->count; i++) {
        for (size_t j = 0; j < loads->images[i].segment_count; j++) {
            const struct image_segment *segment = &loads->images[i].segments[j];
            if (!chip_poke(chip, segment->addr, segment->bytes, segment->len)) {
                return false;
            }
        }
    }
    return true;
}

const char *loads_symbol(void *ctx, uint32_t addr, uint32_t *offset) {
    const struct loads *loads = ctx;
    for (size_t i = 0; i < loads->count; i++) {
        const struct image_symbol *symbol = image_symbol_at(&loads->images[i], addr);
        if (symbol) {
            *offset = addr - symbol->addr;
            return symbol->name;
        }
    }
    return NULL;
}

void loads_free(struct loads *loads) {
    for (size_t i = 0; i < loads->count; i++) {
        image_free(&loads->images[i]);
    }
    free(loads->images);
    *loads = (struct loads){0};
}
