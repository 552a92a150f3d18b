// SPDX-License-Identifier: MIT
//
// Files against each other and against the chip's memory map. What is in a file is image/'s.

#include "vboard/loads.h"

#include <stdio.h>
#include <stdlib.h>

#define FLASH_BASE 0x08000000u // RM0090 table 5

static uint64_t end_of(const struct image_segment *segment) {
    return (uint64_t)segment->addr + segment->len;
}

static bool refuse_overlap(const struct options *options, size_t first, size_t second,
                           const struct image_segment *a, const struct image_segment *b,
                           struct image_fault *fault) {
    uint32_t from = a->addr > b->addr ? a->addr : b->addr;
    uint64_t to = end_of(a) < end_of(b) ? end_of(a) : end_of(b);
    (void)snprintf(fault->text, sizeof fault->text, "%.180s and %.180s overlap at 0x%08X-0x%08X",
                   options->loads[first].text, options->loads[second].text, from,
                   (uint32_t)(to - 1));
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

static bool check_memory(const struct image *image, const struct options *options, const char *file,
                         const struct chip *chip, struct image_fault *fault) {
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

// A file that is only not read for want of an address.
static bool is_raw(const char *path) {
    struct image image;
    struct image_fault fault;
    image_init(&image);
    bool is_read = image_load(&image, path, FLASH_BASE, &fault);
    image_free(&image);
    return is_read;
}

// --symbols: what is in memory already has its names in this file.
static bool read_names(struct image *image, struct loads_claim *claim,
                       const struct load_option *load, struct image_fault *fault) {
    struct image_fault inner;
    bool is_read = image_load(image, load->path, IMAGE_NO_ADDRESS, &inner);
    *claim = (struct loads_claim){image->segments, image->segment_count};
    image->segments = NULL;
    image->segment_count = 0;
    if (is_read && image->symbol_count > 0) {
        return true;
    }
    if (!is_read && is_raw(load->path)) {
        (void)snprintf(inner.text, sizeof inner.text, "%.300s is a raw binary", load->path);
    } else if (is_read) {
        (void)snprintf(inner.text, sizeof inner.text, "%.300s has no names", load->path);
    }
    (void)snprintf(fault->text, sizeof fault->text,
                   "--symbols needs an ELF file that was not stripped: %.400s", inner.text);
    return false;
}

bool loads_read(struct loads *loads, const struct options *options, const struct chip *chip,
                struct image_fault *fault) {
    *loads = (struct loads){0};
    if (options->load_count == 0) {
        return true;
    }
    loads->images = calloc(options->load_count, sizeof *loads->images);
    loads->claims = calloc(options->load_count, sizeof *loads->claims);
    if (!loads->images || !loads->claims) {
        loads_free(loads);
        (void)snprintf(fault->text, sizeof fault->text, "out of memory");
        return false;
    }
    for (size_t i = 0; i < options->load_count; i++) {
        const struct load_option *load = &options->loads[i];
        image_init(&loads->images[i]);
        loads->count++;
        bool is_read = load->is_names_only
                           ? read_names(&loads->images[i], &loads->claims[i], load, fault)
                           : image_load(&loads->images[i], load->path, load->addr, fault);
        if (!is_read || !check_memory(&loads->images[i], options, load->text, chip, fault) ||
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

bool loads_differ(const struct loads *loads, size_t file, const uint8_t *flash, uint32_t size,
                  uint32_t *addr) {
    bool is_different = false;
    bool is_erased = true;
    const struct loads_claim *claim = &loads->claims[file];
    for (size_t i = 0; i < claim->count; i++) {
        const struct image_segment *segment = &claim->segments[i];
        for (uint32_t j = 0; j < segment->len; j++) {
            uint32_t at = segment->addr + j - FLASH_BASE;
            if (at >= size) {
                continue; // SRAM is the program's own
            }
            is_erased = is_erased && flash[at] == 0xff;
            if (!is_different && flash[at] != segment->bytes[j]) {
                is_different = true;
                *addr = FLASH_BASE + at;
            }
        }
    }
    return is_different && !is_erased;
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
        for (size_t j = 0; j < loads->claims[i].count; j++) {
            free(loads->claims[i].segments[j].bytes);
        }
        free(loads->claims[i].segments);
    }
    free(loads->images);
    free(loads->claims);
    *loads = (struct loads){0};
}
