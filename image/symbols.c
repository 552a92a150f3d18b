// SPDX-License-Identifier: MIT
//
// Looking things up among an image's symbols: the place an address belongs to, the places a name
// stands for, and names that somebody may have meant. Reading them from a file is elf.c's.

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"

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

bool image_symbol_matches(const struct image_symbol *symbol, const char *name) {
    size_t len = strlen(name);
    return strncmp(symbol->name, name, len) == 0 &&
           (symbol->name[len] == '\0' ||
            // What gcc calls its variants of a function: name.part.0, .constprop.1, .isra.0, .cold.
            (symbol->name[len] == '.' && symbol->kind == IMAGE_FUNCTION));
}

#define NAME_MAX_COMPARED 64u

// Levenshtein's distance, letters of either case alike: as many letters to put in, take out or change.
static unsigned distance(const char *a, const char *b) {
    unsigned row[NAME_MAX_COMPARED + 1];
    size_t len = strnlen(b, NAME_MAX_COMPARED);
    for (size_t j = 0; j <= len; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 0; a[i] != '\0' && i < NAME_MAX_COMPARED; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < len; j++) {
            bool is_same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j]);
            unsigned best = diagonal + !is_same;
            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1] = row[j + 1] + 1 < best ? row[j + 1] + 1 : best;
        }
    }
    return row[len];
}

// Whether a name has all the parts of another, in whatever order: flash_erase_start, flash_start_erase.
static bool has_parts(const char *name, const char *wanted) {
    char copy[NAME_MAX_COMPARED + 1];
    (void)snprintf(copy, sizeof copy, "%s", wanted);
    char *rest = copy;
    bool has_all = strlen(wanted) >= 3;
    for (const char *part; (part = strsep(&rest, "_"));) {
        has_all = has_all && strcasestr(name, part);
    }
    return has_all;
}

static unsigned farness(const char *wanted, const char *name) {
    return has_parts(name, wanted) ? 1 : distance(wanted, name);
}

void image_symbol_near(const struct image *image, const char *name, struct image_near *near) {
    // Beyond a third of the letters a likeness is chance.
    unsigned limit = (unsigned)strlen(name) / 3 + 1;
    for (size_t i = 0; i < image->symbol_count; i++) {
        const struct image_symbol *symbol = &image->symbols[i];
        unsigned far = symbol->kind == IMAGE_OBJECT ? limit + 1 : farness(name, symbol->name);
        bool is_known = false;
        for (size_t j = 0; j < near->count; j++) {
            is_known = is_known || strcmp(near->names[j], symbol->name) == 0;
        }
        if (far > limit || is_known) {
            continue;
        }
        size_t at = near->count < IMAGE_NEAR_MAX ? near->count++ : IMAGE_NEAR_MAX - 1;
        if (at == IMAGE_NEAR_MAX - 1 && near->names[at] && near->far[at] <= far) {
            continue;
        }
        for (; at > 0 && near->far[at - 1] > far; at--) {
            near->names[at] = near->names[at - 1];
            near->far[at] = near->far[at - 1];
        }
        near->names[at] = symbol->name;
        near->far[at] = far;
    }
}
