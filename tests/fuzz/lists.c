// SPDX-License-Identifier: MIT
//
// libFuzzer: bytes as a list of settings (a backup, or what a device answers), as pages of AN3969's EEPROM emulation
// (an import's file), and as a layout string. The last byte chooses. What is taken must keep what
// host/redfu.h promises of it; what is not must be told in words.

#include <stdlib.h>
#include <string.h>

#include "host/redfu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void claim(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void check_settings(const uint8_t *bytes, size_t size) {
    struct redfu_settings settings;
    struct redfu_fault fault = {0};
    if (redfu_settings_parse(bytes, (uint32_t)size, &settings, &fault) != REDFU_OK) {
        claim(fault.result != REDFU_OK && fault.text[0] != '\0' && settings.count == 0);
        return;
    }
    for (size_t i = 0; i < settings.count; i++) {
        for (size_t j = 0; j < i; j++) {
            claim(settings.all[i].key != settings.all[j].key);
        }
    }
    redfu_settings_free(&settings);
}

static void check_pages(const uint8_t *bytes, size_t size, uint8_t choice) {
    unsigned count = 2 + (choice >> 2 & 1);
    uint32_t page_bytes = (uint32_t)(size / count) & ~3u;
    if (page_bytes < 8) {
        return;
    }
    struct redfu_an3969 found;
    struct redfu_fault fault = {0};
    if (redfu_an3969_parse(bytes, count, page_bytes, &found, &fault) == REDFU_OK) {
        claim(found.count > 0 && found.first < count && found.second < count);
        for (size_t i = 0; i < found.count; i++) {
            claim(found.all[i].len == 2 && (i == 0 || found.all[i].key > found.all[i - 1].key));
        }
    } else {
        claim(fault.text[0] != '\0');
    }
    redfu_an3969_free(&found);
}

static void check_layout(const uint8_t *bytes, size_t size) {
    char *text = malloc(size + 1);
    claim(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    struct redfu_layout layout;
    struct redfu_fault fault = {0};
    if (redfu_layout_parse(text, &layout, &fault) == REDFU_OK) {
        claim(layout.group_count <= REDFU_LAYOUT_GROUPS_MAX);
        unsigned sectors = redfu_layout_sector_count(&layout);
        const unsigned some[] = {0, sectors / 2, sectors - 1, sectors};
        for (unsigned i = 0; i < 4; i++) {
            struct redfu_sector sector;
            struct redfu_sector again;
            if (redfu_layout_sector(&layout, some[i], &sector)) {
                claim(redfu_layout_sector_at(&layout, sector.addr, &again));
                claim(again.addr == sector.addr && again.number == sector.number);
            }
        }
        uint32_t addr;
        uint32_t len;
        (void)redfu_layout_application(&layout, &addr, &len);
    } else {
        claim(fault.text[0] != '\0');
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    uint8_t choice = data[size - 1];
    size--;
    uint8_t *bytes = malloc(size); // of its own, so that one byte too far is seen
    claim(bytes != NULL);
    memcpy(bytes, data, size);
    switch (choice & 3) {
    case 0:
        check_settings(bytes, size);
        break;
    case 1:
        check_pages(bytes, size, choice);
        break;
    default:
        check_layout(bytes, size);
    }
    free(bytes);
    return 0;
}
