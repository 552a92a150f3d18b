// SPDX-License-Identifier: MIT
//
// Whose memories an image is judged by: redfu-boot's default map, on each chip of the family.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "image/inspect.h"

const struct inspect_map inspect_default_map = {
    .chip = "STM32F407VG",
    .flash_addr = 0x08000000u,
    .flash_bytes = 1024u * 1024u,
    .settings_addr = 0x08004000u,
    .application_addr = 0x0800c000u,
    .sram_addr = 0x20000000u,
    .sram_bytes = 128u * 1024u,
    .ccm_addr = 0x10000000u,
    .ccm_bytes = 64u * 1024u,
    .irq_count = 82, // RM0090 table 62
};

// Datasheets, memory sizes of the largest of each line; interrupts from RM0090, RM0368, RM0383, RM0390.
static const struct family {
    uint16_t number;
    uint16_t flash_kb, sram_kb, ccm_kb;
    uint8_t irq_count;
} families[] = {
    {401, 512, 96, 0, 85},    {405, 1024, 128, 64, 82}, {407, 1024, 128, 64, 82},
    {410, 128, 32, 0, 98},    {411, 512, 128, 0, 86},   {412, 1024, 256, 0, 97},
    {413, 1536, 320, 0, 102}, {415, 1024, 128, 64, 82}, {417, 1024, 128, 64, 82},
    {423, 1536, 320, 0, 102}, {427, 2048, 192, 64, 91}, {429, 2048, 192, 64, 91},
    {437, 2048, 192, 64, 91}, {439, 2048, 192, 64, 91}, {446, 512, 128, 0, 97},
    {469, 2048, 320, 64, 93}, {479, 2048, 320, 64, 93},
};

bool inspect_chip(struct inspect_map *map, const char *name) {
    // Kilobytes by the letter of ST's ordering code.
    static const struct {
        char letter;
        uint16_t kb;
    } sizes[] = {{'8', 64},  {'B', 128},  {'C', 256},  {'D', 384}, {'E', 512},
                 {'F', 768}, {'G', 1024}, {'H', 1536}, {'I', 2048}};
    if (strncasecmp(name, "STM32F", 6) != 0 || strspn(name + 6, "0123456789") != 3 ||
        strlen(name) >= sizeof map->chip) {
        return false;
    }
    const struct family *family = NULL;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (families[i].number == strtoul(name + 6, NULL, 10)) {
            family = &families[i];
        }
    }
    if (family == NULL) {
        return false;
    }
    uint32_t flash_kb = family->flash_kb;
    if (strlen(name) >= 11) {
        flash_kb = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            flash_kb = toupper((unsigned char)name[10]) == sizes[i].letter ? sizes[i].kb : flash_kb;
        }
    }
    if (flash_kb == 0 || flash_kb > family->flash_kb || strlen(name) == 10) {
        return false;
    }
    (void)snprintf(map->chip, sizeof map->chip, "%s", name);
    for (char *at = map->chip; *at; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    map->flash_bytes = flash_kb * 1024u;
    // The F401's smaller ones have less (DS9716: 64 KB up to 256 KB of flash).
    map->sram_bytes = (family->number == 401 && flash_kb <= 256 ? 64u : family->sram_kb) * 1024u;
    map->ccm_bytes = family->ccm_kb * 1024u;
    map->irq_count = family->irq_count;
    return true;
}
