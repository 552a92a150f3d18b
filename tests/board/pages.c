// SPDX-License-Identifier: MIT
//
// Settings pages in memory.

#include "tests/board/pages.h"

#include <string.h>

static uint8_t *page_at(void *ctx, unsigned page, uint32_t off) {
    return (uint8_t *)ctx + page * PAGES_PAGE_BYTES + off;
}

static enum settings_flash_result page_erase(void *ctx, unsigned page) {
    memset(page_at(ctx, page, 0), 0xFF, PAGES_PAGE_BYTES);
    return SETTINGS_FLASH_DONE;
}

static enum settings_flash_result page_program(void *ctx, unsigned page, uint32_t off,
                                               const uint8_t *data, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        *page_at(ctx, page, off + i) &= data[i];
    }
    return SETTINGS_FLASH_DONE;
}

static enum settings_flash_result page_poll(void *ctx) {
    (void)ctx;
    return SETTINGS_FLASH_DONE;
}

static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    memcpy(out, page_at(ctx, page, off), len);
}

struct settings_flash pages_at(uint8_t *pages) {
    return (struct settings_flash){
        .ctx = pages,
        .page_bytes = PAGES_PAGE_BYTES,
        .erase = page_erase,
        .program = page_program,
        .poll = page_poll,
        .read = page_read,
    };
}
