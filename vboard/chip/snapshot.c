// SPDX-License-Identifier: MIT
//
// A chip set aside and put back. Structs and SRAM are copied whole. Flash is kept by pages that
// snapshots share: a page that did not change since the last one costs nothing, neither to save nor
// to put back. When events fire again is the timeline's (vboard/snapshot.c brings both together).

#include <stdlib.h>
#include <string.h>

#include "vboard/chip/chip_state.h"
#include "vboard/chip/otg.h"

static void *allocate(size_t len) {
    void *memory = calloc(1, len);
    if (!memory) {
        abort(); // as for the chip's own memories
    }
    return memory;
}

// --- pages of flash -----------------------------------------------------------------------------------

// One page as some snapshots hold it.
struct page {
    unsigned users;
    uint64_t contents; // the number of what is in it
    uint8_t bytes[FLASH_PAGE_BYTES];
    uint8_t weak[FLASH_PAGE_BYTES];
};

struct flash_pages {
    uint64_t last;                       // contents are numbered in order of appearance
    uint64_t contents[FLASH_PAGES_MAX];  // what each page of the flash holds
    struct page *saved[FLASH_PAGES_MAX]; // the copy made or put back last, if it is still used
};

struct flash_pages *flash_pages_new(void) {
    return calloc(1, sizeof(struct flash_pages));
}

void flash_pages_changed(struct flash_pages *pages, uint32_t off, uint32_t len) {
    if (len == 0 || off >= FLASH_PAGES_MAX * FLASH_PAGE_BYTES) {
        return;
    }
    uint64_t contents = ++pages->last;
    for (uint32_t page = off / FLASH_PAGE_BYTES;
         page < FLASH_PAGES_MAX && page <= (off + len - 1) / FLASH_PAGE_BYTES; page++) {
        pages->contents[page] = contents;
    }
}

static void release(struct page *page) {
    if (page && --page->users == 0) {
        free(page);
    }
}

static void keep(struct page **at, struct page *page) {
    page->users++;
    release(*at);
    *at = page;
}

void flash_pages_free(struct flash_pages *pages) {
    for (unsigned i = 0; pages && i < FLASH_PAGES_MAX; i++) {
        release(pages->saved[i]);
    }
    free(pages);
}

static struct page *save_page(struct chip *chip, unsigned index) {
    struct flash_pages *pages = chip->flash.pages;
    struct page *page = pages->saved[index];
    if (!page || page->contents != pages->contents[index]) {
        page = malloc(sizeof *page);
        if (!page) {
            abort();
        }
        page->users = 0;
        page->contents = pages->contents[index];
        memcpy(page->bytes, chip->flash.bytes + index * FLASH_PAGE_BYTES, FLASH_PAGE_BYTES);
        memcpy(page->weak, chip->flash.weak + index * FLASH_PAGE_BYTES, FLASH_PAGE_BYTES);
        keep(&pages->saved[index], page);
    }
    return page;
}

static void restore_page(struct chip *chip, unsigned index, struct page *page) {
    struct flash_pages *pages = chip->flash.pages;
    if (pages->contents[index] != page->contents) {
        memcpy(chip->flash.bytes + index * FLASH_PAGE_BYTES, page->bytes, FLASH_PAGE_BYTES);
        memcpy(chip->flash.weak + index * FLASH_PAGE_BYTES, page->weak, FLASH_PAGE_BYTES);
        pages->contents[index] = page->contents;
        keep(&pages->saved[index], page);
    }
}

// --- the chip -------------------------------------------------------------------------------------------

struct chip_snapshot {
    struct cpu_snapshot *cpu;
    struct chip *chip; // a copy
    uint8_t *sram, *ccm, *system;
    void *otg[2];
    struct page *pages[FLASH_PAGES_MAX];
    uint8_t *old_code, *stale_code; // the ART's, while a line is stale
};

static unsigned page_count(const struct chip *chip) {
    return chip->model->flash_bytes / FLASH_PAGE_BYTES;
}

static void *copied(const void *from, size_t len) {
    void *copy = malloc(len ? len : 1);
    if (!copy) {
        abort();
    }
    return memcpy(copy, from, len);
}

static void *copied_otg(struct otg *otg) {
    size_t len;
    const void *state = otg ? otg_state(otg, &len) : NULL;
    return state ? copied(state, len) : NULL;
}

struct chip_snapshot *chip_save(struct chip *chip) {
    const struct chip_model *model = chip->model;
    struct chip_snapshot *snapshot = allocate(sizeof *snapshot);
    snapshot->cpu = cpu_save(chip->cpu);
    snapshot->chip = copied(chip, sizeof *chip);
    snapshot->sram = copied(chip->sram, model->sram_bytes);
    snapshot->ccm = copied(chip->ccm, model->ccm_bytes);
    snapshot->system = copied(chip->system, SYSTEM_SIZE);
    snapshot->otg[0] = copied_otg(chip->otg_fs);
    snapshot->otg[1] = copied_otg(chip->otg_hs);
    for (unsigned i = 0; i < page_count(chip); i++) {
        keep(&snapshot->pages[i], save_page(chip, i));
    }
    if (chip->art.stale_code_count) {
        snapshot->old_code = copied(chip->art.old_code, model->flash_bytes);
        snapshot->stale_code = copied(chip->art.stale_code, model->flash_bytes / ART_LINE_BYTES);
    }
    return snapshot;
}

static void restore_otg(struct otg *otg, const void *from) {
    size_t len;
    void *state = otg ? otg_state(otg, &len) : NULL;
    if (state) {
        memcpy(state, from, len);
    }
}

// Both arrays are made at the first stale line, which may have come after the snapshot.
static void restore_art(struct chip *chip, const struct chip_snapshot *snapshot, uint8_t *old_code,
                        uint8_t *stale_code) {
    const struct chip_model *model = chip->model;
    chip->art.old_code = old_code;
    chip->art.stale_code = stale_code;
    if (!stale_code) {
        return;
    }
    if (snapshot->stale_code) {
        memcpy(old_code, snapshot->old_code, model->flash_bytes);
        memcpy(stale_code, snapshot->stale_code, model->flash_bytes / ART_LINE_BYTES);
    } else {
        memset(stale_code, 0, model->flash_bytes / ART_LINE_BYTES);
    }
}

void chip_restore(struct chip *chip, const struct chip_snapshot *snapshot) {
    // What is not state: see the comment at struct chip.
    chip_flash_hook hook = chip->flash.hook;
    void *hook_ctx = chip->flash.hook_ctx;
    chip_symbolizer symbol = chip->symbol;
    void *symbol_ctx = chip->symbol_ctx;
    struct chip_observer observer = chip->observer;
    uint64_t hook_number = chip->hook_number;
    chip_instruction_hook instruction_hook = chip->instruction_hook;
    void *instruction_ctx = chip->instruction_ctx;
    uint8_t *old_code = chip->art.old_code;
    uint8_t *stale_code = chip->art.stale_code;

    memcpy(chip, snapshot->chip, sizeof *chip);
    chip->is_running = false; // it was, if the snapshot is from the flash hook
    chip->flash.hook = hook;
    chip->flash.hook_ctx = hook_ctx;
    chip->observer = observer;
    chip->hook_number = hook_number;
    chip->instruction_hook = instruction_hook;
    chip->instruction_ctx = instruction_ctx;
    chip->symbol = symbol;
    chip->symbol_ctx = symbol_ctx;
    chip->observer = observer;
    restore_art(chip, snapshot, old_code, stale_code);
    memcpy(chip->sram, snapshot->sram, chip->model->sram_bytes);
    memcpy(chip->ccm, snapshot->ccm, chip->model->ccm_bytes);
    memcpy(chip->system, snapshot->system, SYSTEM_SIZE);
    restore_otg(chip->otg_fs, snapshot->otg[0]);
    restore_otg(chip->otg_hs, snapshot->otg[1]);
    for (unsigned i = 0; i < page_count(chip); i++) {
        restore_page(chip, i, snapshot->pages[i]);
    }
    cpu_restore(chip->cpu, snapshot->cpu);
}

void chip_snapshot_free(struct chip_snapshot *snapshot) {
    if (!snapshot) {
        return;
    }
    for (unsigned i = 0; i < FLASH_PAGES_MAX; i++) {
        release(snapshot->pages[i]);
    }
    cpu_snapshot_free(snapshot->cpu);
    free(snapshot->chip);
    free(snapshot->sram);
    free(snapshot->ccm);
    free(snapshot->system);
    free(snapshot->otg[0]);
    free(snapshot->otg[1]);
    free(snapshot->old_code);
    free(snapshot->stale_code);
    free(snapshot);
}

void chip_restored(struct chip *chip) {
    if (chip->otg_fs) {
        otg_show_again(chip->otg_fs);
    }
    if (chip->otg_hs) {
        otg_show_again(chip->otg_hs);
    }
}

static bool is_inside(const void *event, const void *base, size_t len) {
    uintptr_t at = (uintptr_t)event, first = (uintptr_t)base;
    return at >= first && at - first < len;
}

bool chip_has_event(const struct chip *chip, const struct event *event) {
    struct otg *const cores[2] = {chip->otg_fs, chip->otg_hs};
    bool is_own = is_inside(event, chip, sizeof *chip);
    for (unsigned i = 0; i < 2 && cores[i]; i++) {
        size_t len;
        const void *state = otg_state(cores[i], &len);
        is_own = is_own || is_inside(event, state, len);
    }
    return is_own;
}
