// SPDX-License-Identifier: MIT
//
// The memory layout: whether each program can read it, whether there is something to load, and whether its sector
// boundaries are those of a chip that exists.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/exam_parts.h"
#include "doctor/grammar.h"

// Sectors at the beginning of a bank that are not of the size that follows. RM0090 3.3 (STM32F4, also F2),
// RM0385 3.3 (F7).
struct chip_bank {
    const char *chips;
    struct {
        uint32_t bytes;
        unsigned count;
    } sizes[3];          // the last one up to the end of the bank
    uint32_t bank_bytes; // where the pattern begins again, on chips with two banks
};
static const struct chip_bank banks[] = {
    {"STM32F2 and F4", {{0x4000, 4}, {0x10000, 1}, {0x20000, 0}}, 0x100000},
    {"STM32F7", {{0x8000, 4}, {0x20000, 1}, {0x40000, 0}}, 0x200000},
};

// The sector of `bank` that holds an offset in flash.
static void chip_sector(const struct chip_bank *bank, uint32_t off, uint32_t *first,
                        uint32_t *bytes) {
    uint32_t start = off / bank->bank_bytes * bank->bank_bytes;
    for (unsigned i = 0;; i++) {
        uint32_t all = bank->sizes[i].bytes * bank->sizes[i].count;
        *bytes = bank->sizes[i].bytes;
        if (bank->sizes[i].count == 0 || off < start + all) {
            *first = start + (off - start) / *bytes * *bytes;
            return;
        }
        start += all;
    }
}

struct fit {
    unsigned right, wrong;
    uint32_t addr, bytes; // the first sector that is wrong
    uint32_t chip_addr, chip_bytes;
};

static struct fit fit_of(const struct host_layout *layout, const struct chip_bank *bank) {
    struct fit fit = {0};
    for (unsigned i = 0; i < layout->run_count; i++) {
        const struct layout_run *run = &layout->runs[i];
        for (uint32_t n = 0; n < run->count; n++) {
            uint32_t addr = run->addr + n * run->sector_bytes;
            if (addr < FLASH_BASE || addr >= FLASH_END) {
                continue;
            }
            uint32_t first;
            uint32_t bytes;
            chip_sector(bank, addr - FLASH_BASE, &first, &bytes);
            if (first == addr - FLASH_BASE && bytes == run->sector_bytes) {
                fit.right++;
            } else if (fit.wrong++ == 0) {
                fit.addr = addr;
                fit.bytes = run->sector_bytes;
                fit.chip_addr = FLASH_BASE + first;
                fit.chip_bytes = bytes;
            }
        }
    }
    return fit;
}

// All sectors of flash of one size, a power of two: F0, F1, F3, L4, G0, G4, H7 and others, each with its own size.
static bool is_uniform(const struct host_layout *layout) {
    uint32_t bytes = 0;
    for (unsigned i = 0; i < layout->run_count; i++) {
        const struct layout_run *run = &layout->runs[i];
        if (run->addr >= FLASH_BASE && run->addr < FLASH_END) {
            if (bytes != 0 && run->sector_bytes != bytes) {
                return false;
            }
            bytes = run->sector_bytes;
        }
    }
    return (bytes & (bytes - 1)) == 0;
}

static void judge_boundaries(struct exam *x) {
    if (is_uniform(&x->layout)) {
        return;
    }
    struct fit best = {0};
    const struct chip_bank *bank = NULL;
    for (unsigned i = 0; i < sizeof banks / sizeof banks[0]; i++) {
        struct fit fit = fit_of(&x->layout, &banks[i]);
        if (!bank || fit.wrong < best.wrong ||
            (fit.wrong == best.wrong && fit.right > best.right)) {
            best = fit;
            bank = &banks[i];
        }
    }
    if (best.wrong == 0) {
        report_fact(x->report, "layout", "boundaries", "those of %s", bank->chips);
        x->has_chip_boundaries = true;
        return;
    }
    report_add(x->report, "F3", best.right > 0 ? REPORT_LIKELY : REPORT_POSSIBLE, exam_now(x),
               "the layout has a sector of %" PRIu32 " KB at 0x%08" PRIX32
               "; on %s the sector there begins at 0x%08" PRIX32 " and has %" PRIu32
               " KB (%u sectors fit, %u do not)",
               best.bytes / 1024, best.addr, bank->chips, best.chip_addr, best.chip_bytes / 1024,
               best.right, best.wrong);
}

static void judge_letters(struct exam *x) {
    bool has_loadable = false;
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        bool is_flash = run->addr >= FLASH_BASE && run->addr < FLASH_END;
        has_loadable |= (run->type & LAYOUT_ERASABLE) && (run->type & LAYOUT_WRITABLE);
        if (is_flash && (run->type & LAYOUT_WRITABLE) && !(run->type & LAYOUT_ERASABLE)) {
            report_add_as(
                x->report, "F2", FINDING_FAULT, REPORT_CERTAIN, exam_now(x),
                "%" PRIu32 " sectors from 0x%08" PRIX32
                " are marked '%c': writable, not erasable; they are written without an erase",
                run->count, run->addr, 'a' + run->type - 1);
        }
    }
    if (!has_loadable) {
        report_add_as(x->report, "F2", FINDING_FAULT, REPORT_CERTAIN, exam_now(x),
                      "no sector of \"%s\" is marked both erasable and writable ('g' or 'f')",
                      x->names[x->options->alternate]);
    }
}

static void try_grammars(struct exam *x, unsigned alternate) {
    for (unsigned i = 0; i < grammar_count; i++) {
        const struct grammar *grammar = grammar_at(i);
        char why[160] = "";
        bool takes = grammar->takes(x->names[alternate], why, sizeof why);
        char name[64];
        (void)snprintf(name, sizeof name, "alternate %u, %s", alternate, grammar->tool);
        report_fact(x->report, "layout", name, "%s%s%s", takes ? "reads it" : "does not: ", why,
                    grammar->is_inferred ? " (from logs)" : "");
        if (!takes) {
            report_add(x->report, "F5", grammar->is_inferred ? REPORT_POSSIBLE : REPORT_CERTAIN,
                       exam_now(x), "alternate setting %u: %s does not read its layout: %s",
                       alternate, grammar->tool, why);
        }
    }
}

// What every other program makes of the string is in try_grammars(); this is the map to go on with, so a tail that
// belongs to no map is cut off.
static bool take_layout(struct exam *x) {
    char text[EXAM_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%s", x->names[x->options->alternate]);
    for (size_t len = strlen(text); len > 0; len--) {
        text[len] = '\0';
        if (layout_parse(text, &x->layout)) {
            return true;
        }
    }
    return false;
}

void exam_layout(struct exam *x) {
    if (!x->is_dfuse) {
        return;
    }
    exam_says(x, "the memory layout");
    for (unsigned i = 0; i < x->alternate_count; i++) {
        if (x->names[i][0] == '@') {
            try_grammars(x, i);
            continue;
        }
        report_add(x->report, i == 0 ? "F1" : "F5", REPORT_CERTAIN, exam_now(x),
                   "alternate setting %u: iInterface %u %s%.120s%s", i, x->alternate_strings[i],
                   x->names[i][0] ? "is \"" : "gives no string", x->names[i],
                   x->names[i][0] ? "\", which is no layout" : "");
    }
    if (x->options->alternate >= x->alternate_count) {
        report_incomplete(x->report, "there is no alternate setting %u, only %u of them, from 0",
                          x->options->alternate, x->alternate_count);
        return;
    }
    x->has_layout = x->names[x->options->alternate][0] == '@' && take_layout(x);
    if (!x->has_layout) {
        memset(&x->layout, 0, sizeof x->layout);
        if (x->names[x->options->alternate][0] == '@') {
            report_add(x->report, "F1", REPORT_CERTAIN, exam_now(x),
                       "alternate setting %u: \"%.200s\" is no layout that could be read",
                       x->options->alternate, x->names[x->options->alternate]);
        }
        return;
    }
    judge_letters(x);
    judge_boundaries(x);
}
