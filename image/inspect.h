// SPDX-License-Identifier: MIT
//
// What is wrong with an application before it is loaded: judged from its file alone, for a bootloader that
// starts it at a fixed address. Nothing here prints; a program shows the findings in its own way.
//
//     struct inspect_map map = inspect_default_map;
//     inspect_chip(&map, "STM32F411CE");       or leave it
//     inspect(&image, &map, &report);
//
// An image that was raw has to be placed first (image_load() with an address).

#ifndef IMAGE_INSPECT_H
#define IMAGE_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

// Memories as the bootloader and the application share them (docs/design.md). Lengths of 0: none.
struct inspect_map {
    char chip[24]; // for a person
    uint32_t flash_addr, flash_bytes;
    uint32_t settings_addr; // from flash_addr to here the bootloader, from here on the settings
    uint32_t application_addr;
    uint32_t sram_addr, sram_bytes;
    uint32_t ccm_addr, ccm_bytes;
    unsigned irq_count;
};

// redfu-boot's default map on an STM32F407VG.
extern const struct inspect_map inspect_default_map;

// Sizes of another STM32F4, by its name: family (STM32F411), package letter, and the letter for flash (E:
// 512 KB). Without letters, the largest. False for a name that is none; the map is then untouched.
bool inspect_chip(struct inspect_map *map, const char *name) __attribute__((warn_unused_result));

enum inspect_severity {
    INSPECT_NOTE,    // nothing is wrong; worth knowing
    INSPECT_WARNING, // is accepted, and may not run as meant, here or with another bootloader
    INSPECT_ERROR,   // would not be accepted, or not run
};

// name, word for programs, severity
#define INSPECT_FINDINGS(X)                                                                        \
    X(INSPECT_IN_RAM, "in-ram", INSPECT_ERROR)                                                     \
    X(INSPECT_WRONG_BASE, "wrong-base", INSPECT_ERROR)                                             \
    X(INSPECT_IN_SETTINGS, "in-settings", INSPECT_ERROR)                                           \
    X(INSPECT_OUTSIDE, "outside", INSPECT_ERROR)                                                   \
    X(INSPECT_NO_START, "no-start", INSPECT_ERROR)                                                 \
    X(INSPECT_NO_VECTORS, "no-vectors", INSPECT_ERROR)                                             \
    X(INSPECT_STACK, "stack-pointer", INSPECT_ERROR)                                               \
    X(INSPECT_STACK_MASK, "stack-mask", INSPECT_WARNING)                                           \
    X(INSPECT_RESET, "reset-vector", INSPECT_ERROR)                                                \
    X(INSPECT_HANDLER, "handler", INSPECT_ERROR)                                                   \
    X(INSPECT_VTOR, "vtor", INSPECT_WARNING)                                                       \
    X(INSPECT_RECORDS, "records", INSPECT_WARNING)                                                 \
    X(INSPECT_GAP, "gap", INSPECT_NOTE)                                                            \
    X(INSPECT_UNSEALED, "unsealed", INSPECT_NOTE)                                                  \
    X(INSPECT_STALE_STAMP, "stale-stamp", INSPECT_ERROR)

enum inspect_id {
#define X(name, word, severity) name,
    INSPECT_FINDINGS(X)
#undef X
        INSPECT_IDS
};

const char *inspect_word(enum inspect_id id);
enum inspect_severity inspect_severity(enum inspect_id id);

struct inspect_finding {
    enum inspect_id id;
    uint32_t addr;    // where
    char text[400];   // what is there, and why that is wrong; without a newline at the end
    char advice[500]; // what to do; lines that begin with a blank are to be copied
};

#define INSPECT_FINDINGS_MAX 24u

struct inspect_report {
    struct inspect_finding findings[INSPECT_FINDINGS_MAX]; // gravest first
    size_t count;
    size_t errors; // all of them, also such as found no room
    // What was seen, where there is a vector table.
    bool has_vectors;
    uint32_t stack_pointer, reset_vector;
    unsigned vector_count;     // words of the table, the first included
    bool is_vector_count_sure; // from a symbol, not from where plausible words end
    unsigned promised; // failed starts after which DFU mode is to stay (spec/boot.h); 0: no promise
    bool has_stamp;
};

// Judges an image of at least one segment.
void inspect(const struct image *image, const struct inspect_map *map,
             struct inspect_report *report);

#endif
