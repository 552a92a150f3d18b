// SPDX-License-Identifier: MIT
//
// The ART accelerator (RM0090 3.5.2): what FLASH_ACR makes fetching cost, and caches that go stale.
//
// "Programming and caches" (RM0090 3.6.4): programming writes the data cache as well; erasing leaves
// old contents in both caches until DCRST and ICRST, which act while their cache is off. The model:
//
// - Instructions: with ICEN on, a line that was executed since the cache was last reset keeps the
//   contents it had when it was erased or programmed. The real cache has 64 lines and may have lost it
//   by then: code that goes wrong here goes wrong there if it is unlucky.
// - Data: eight lines, the least recently read one leaves, followed exactly while FLASH_CR is
//   unlocked or a line is stale; lines read before the unlock are taken as not cached. Following costs
//   the interpreter its fast path for loads from flash, so it is not done at other times.
// - A system reset empties both. Switching a cache off shows the memory; what was in it comes back when
//   it is switched on again without its reset. From memory; the manual does not say.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/chip/chip_state.h"

#define ACR_PRFTEN (1u << 8)
#define ACR_ICEN   (1u << 9)
#define ACR_DCEN   (1u << 10)
#define CR_LOCK    (1u << 31)

#define LINE       ART_LINE_BYTES

enum { NEWS_STALE_CODE = 0x40023D20, NEWS_STALE_DATA };

static bool is_on(const struct chip *chip, uint32_t bit) {
    return chip->flash.acr & bit;
}

// From an address in flash or in its image at 0; false for anything else.
static bool to_offset(const struct chip *chip, uint32_t addr, uint32_t *off) {
    *off = flash_off(chip, addr);
    if (*off >= chip->model->flash_bytes && chip->boot == BOOT_FLASH) {
        *off = flash_off(chip, addr + FLASH_BASE);
    }
    return *off < chip->model->flash_bytes;
}

static bool has_stale_data(const struct art *art) {
    for (unsigned i = 0; i < art->data_count; i++) {
        if (art->data[i].is_stale) {
            return true;
        }
    }
    return false;
}

// Watches what there is to watch.
static void update(struct chip *chip) {
    struct art *art = &chip->art;
    bool follows = is_on(chip, ACR_DCEN) && (!(chip->flash.cr & CR_LOCK) || has_stale_data(art));
    bool fetches = is_on(chip, ACR_ICEN) && art->stale_code_count > 0;
    if (!follows && is_on(chip, ACR_DCEN)) {
        art->data_count = 0;
    }
    bool is_boot = chip->boot == BOOT_FLASH;
    for (unsigned i = 0; i < chip->flash_regions; i++) {
        cpu_region_watch(chip->cpu, chip->flash_region[i], fetches, follows);
        cpu_region_watch(chip->cpu, chip->boot_region[i], fetches && is_boot, follows && is_boot);
    }
}

// --- instructions -----------------------------------------------------------------------------------

static void forget_decoded(struct chip *chip) {
    for (uint32_t off = 0; chip->art.stale_code_count && off < chip->model->flash_bytes;
         off += LINE) {
        if (chip->art.stale_code[off / LINE]) {
            cpu_code_changed(chip->cpu, flash_addr(chip, off), LINE);
            cpu_code_changed(chip->cpu, flash_addr(chip, off) - FLASH_BASE, LINE);
        }
    }
}

static void keep_old_code(struct chip *chip, uint32_t off, uint32_t len) {
    struct art *art = &chip->art;
    if (!art->old_code) {
        art->old_code = malloc(chip->model->flash_bytes);
        art->stale_code = calloc(chip->model->flash_bytes / LINE, 1);
        if (!art->old_code || !art->stale_code) {
            abort(); // as for the interpreter's own tables
        }
    }
    for (uint32_t at = off & ~(LINE - 1); at < off + len; at += LINE) {
        if (!art->stale_code[at / LINE] &&
            (cpu_code_is_decoded(chip->cpu, flash_addr(chip, at), LINE) ||
             (chip->boot == BOOT_FLASH &&
              cpu_code_is_decoded(chip->cpu, flash_addr(chip, at) - FLASH_BASE, LINE)))) {
            memcpy(art->old_code + at, chip->flash.bytes + at, LINE);
            art->stale_code[at / LINE] = 1;
            art->stale_code_count++;
        }
    }
}

void art_watched_fetch(void *ctx, uint32_t addr, uint16_t *halfword) {
    struct chip *chip = ctx;
    struct art *art = &chip->art;
    char where[WHERE_MAX];
    uint32_t off;
    if (!is_on(chip, ACR_ICEN) || !to_offset(chip, addr, &off) || !art->stale_code_count ||
        !art->stale_code[off / LINE]) {
        return;
    }
    uint16_t now = *halfword;
    memcpy(halfword, art->old_code + off, 2);
    if (*halfword != now && chip_is_news(chip, NEWS_STALE_CODE)) {
        trace_complaint(chip->trace, "stale-instruction-cache", chip_where(chip, where),
                        "the instruction at 0x%08" PRIx32
                        " comes from the instruction cache: flash "
                        "was erased or programmed there since, and FLASH_ACR.ICRST was not set "
                        "(RM0090 3.6.4)",
                        addr);
    }
}

// --- data ---------------------------------------------------------------------------------------------

// The line of `off` to the front, filled where it was not there.
static struct art_line *touch(struct chip *chip, uint32_t off) {
    struct art *art = &chip->art;
    struct art_line line = {.off = off & ~(LINE - 1)};
    unsigned at = 0;
    while (at < art->data_count && art->data[at].off != line.off) {
        at++;
    }
    if (at < art->data_count) {
        line = art->data[at];
    } else {
        memcpy(line.bytes, chip->flash.bytes + line.off, LINE);
        if (art->data_count < ART_DATA_LINES) {
            art->data_count++;
        } else {
            at = ART_DATA_LINES - 1;
        }
    }
    memmove(&art->data[1], &art->data[0], at * sizeof(art->data[0]));
    art->data[0] = line;
    return &art->data[0];
}

void art_watched_load(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct chip *chip = ctx;
    char where[WHERE_MAX];
    uint32_t off;
    if (!is_on(chip, ACR_DCEN) || !to_offset(chip, addr, &off)) {
        return;
    }
    const struct art_line *line = touch(chip, off);
    if (line->is_stale) {
        uint32_t now = *value;
        *value = 0;
        memcpy(value, line->bytes + off % LINE, size);
        if (*value != now && chip_is_news(chip, NEWS_STALE_DATA)) {
            trace_complaint(
                chip->trace, "stale-data-cache", chip_where(chip, where),
                "read of 0x%08" PRIx32 " at %s gives 0x%" PRIx32 " from the data cache; "
                "flash was erased since and holds 0x%" PRIx32 ", FLASH_ACR.DCRST was not "
                "set (RM0090 3.6.4)",
                addr, chip_where(chip, where), *value, now);
        }
    } else if (chip->flash.cr & CR_LOCK) {
        update(chip); // the last stale line may just have left
    }
}

// --- what happens to the flash and its registers ---------------------------------------------------------

void art_before_change(struct chip *chip, uint32_t off, uint32_t len, bool is_erase) {
    if (is_on(chip, ACR_ICEN)) {
        keep_old_code(chip, off, len);
    }
    for (unsigned i = 0; is_erase && i < chip->art.data_count; i++) {
        chip->art.data[i].is_stale =
            chip->art.data[i].is_stale || chip->art.data[i].off - off < len;
    }
    update(chip);
}

void art_programmed(struct chip *chip, uint32_t off, uint32_t len) {
    for (unsigned i = 0; i < chip->art.data_count; i++) {
        struct art_line *line = &chip->art.data[i];
        if (off - line->off < LINE && len <= LINE - (off - line->off)) {
            memcpy(line->bytes + (off - line->off), chip->flash.bytes + off, len);
        }
    }
}

void art_reset_instructions(struct chip *chip) {
    if (chip->art.stale_code_count) {
        forget_decoded(chip);
        memset(chip->art.stale_code, 0, chip->model->flash_bytes / LINE);
        chip->art.stale_code_count = 0;
    }
    update(chip);
}

void art_reset_data(struct chip *chip) {
    chip->art.data_count = 0;
    update(chip);
}

void art_configure(struct chip *chip) {
    struct cpu_fetch fetch = {
        .wait_states = (uint8_t)flash_wait_states(chip),
        .prefetch = is_on(chip, ACR_PRFTEN),
        .instruction_cache = is_on(chip, ACR_ICEN),
        .data_cache = is_on(chip, ACR_DCEN),
    };
    forget_decoded(chip); // from the cache or from the memory, whichever it is now
    update(chip);
    for (unsigned i = 0; i < chip->flash_regions; i++) {
        cpu_region_set_fetch(chip->cpu, chip->flash_region[i], &fetch);
        cpu_region_set_fetch(chip->cpu, chip->boot_region[i],
                             chip->boot == BOOT_FLASH ? &fetch : &(struct cpu_fetch){0});
    }
}

void art_free(struct chip *chip) {
    free(chip->art.old_code);
    free(chip->art.stale_code);
}
