// SPDX-License-Identifier: MIT
//
// Single commands, each on flash that was laid out for it: every sector that hosts may erase gets marks, is asked to
// be erased, and is looked at, with its neighbours. Then an erase of everything, and of the bootloader's own sector.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/inside/examine.h"

// What hosts grant a control transfer (USB 2.0 9.2.6.1; dfu-util, CubeProgrammer).
#define HOST_PATIENCE_US 5000000u
#define SR_WRPERR        (1u << 4)
#define SECTORS_MAX      32u
#define MARK             0x5a

struct sectors {
    uint32_t addr[SECTORS_MAX], len[SECTORS_MAX];
    unsigned count;
};

static void read_sectors(const struct examine *x, struct sectors *all) {
    while (all->count < SECTORS_MAX &&
           x->bench->sector(x->bench->ctx, all->count, &all->addr[all->count],
                            &all->len[all->count])) {
        all->count++;
    }
}

static unsigned sector_at(const struct sectors *all, uint32_t addr) {
    unsigned i = 0;
    while (i < all->count && addr - all->addr[i] >= all->len[i]) {
        i++;
    }
    return i;
}

// Marks at both ends of each sector from the application on.
static void mark_sectors(const struct examine *x, const struct sectors *all) {
    for (unsigned i = 0; i < all->count; i++) {
        if (all->addr[i] >= x->image_addr) {
            uint8_t *bytes = x->bench->flash + (all->addr[i] - x->bench->flash_addr);
            memset(bytes, MARK, 16);
            memset(bytes + all->len[i] - 16, MARK, 16);
        }
    }
    x->bench->changed(x->bench->ctx);
}

static bool is_marked(const struct examine *x, const struct sectors *all, unsigned i) {
    const uint8_t *bytes = x->bench->flash + (all->addr[i] - x->bench->flash_addr);
    return bytes[0] == MARK && bytes[all->len[i] - 1] == MARK;
}

// --- why nothing was erased ----------------------------------------------------------------------------------

// Where the flags came from that an operation found: the last error before it.
static const struct witness_event *who_set(const struct examine *x, size_t before) {
    for (size_t i = before; i-- > 0;) {
        const struct witness_event *event = &x->bench->witness->events[i];
        if (event->kind == WITNESS_FAILED) {
            return event;
        }
        if (event->kind == WITNESS_RESET) {
            return NULL;
        }
    }
    return NULL;
}

// Refused or failed once, and done the second time.
static void judge_retry(struct examine *x, uint32_t addr, const struct talk_outcome *first) {
    char words[96];
    char where[INSIDE_PLACE_MAX];
    char flags[WITNESS_TEXT_MAX];
    const struct witness_event *culprit = who_set(x, first->window.from);
    if (!talk_recover(x)) {
        return;
    }
    struct talk_outcome second = talk_command(x, DFUSE_CMD_ERASE, addr);
    bool is_done = talk_went_well(&second) && witness_first(second.window, WITNESS_ERASE, NULL);
    if (is_done && culprit) {
        report_add(x->report, "F12", REPORT_CERTAIN, first->at_us,
                   "the first erase failed (%s) without touching flash, the second worked",
                   talk_words(first, words));
        report_add(x->report, "F12", REPORT_CERTAIN, culprit->at_us,
                   "%s was set by the access to 0x%08" PRIX32 " at %s, and nobody cleared it",
                   witness_flags(culprit->flags, flags), culprit->addr,
                   examine_place(x, culprit->pc, where));
    } else if (is_done) {
        report_add(x->report, "F12", REPORT_POSSIBLE, first->at_us,
                   "the first erase failed (%s), the second worked", talk_words(first, words));
    }
}

static const char *eraser(struct witness_window window, char text[INSIDE_PLACE_MAX]) {
    (void)snprintf(text, INSIDE_PLACE_MAX, "no function of a name that is known was called");
    for (size_t i = window.from; i < window.to; i++) {
        const struct witness_event *event = &window.witness->events[i];
        if (event->kind == WITNESS_CALL && strstr(event->name, "rase")) {
            (void)snprintf(text, INSIDE_PLACE_MAX, "%.60s(0x%08" PRIX32 ") was called", event->name,
                           event->value);
            break;
        }
    }
    return text;
}

// The device said how it failed, or went on saying dfuDNBUSY.
static void judge_refusal(struct examine *x, uint32_t addr, const struct talk_outcome *outcome) {
    char words[96];
    char called[INSIDE_PLACE_MAX];
    char where[INSIDE_PLACE_MAX];
    char flags[WITNESS_TEXT_MAX];
    const struct witness_event *culprit = who_set(x, outcome->window.from);
    bool is_hals = witness_first(outcome->window, WITNESS_CALL, "HAL_FLASHEx_Erase") != NULL;
    bool has_given_up = !witness_touched_flash(outcome->window);
    if (outcome->is_forever) {
        report_add(x->report, "F8", REPORT_CERTAIN, outcome->at_us,
                   "erase of 0x%08" PRIX32 ": dfuDNBUSY without end and no error (%u times), %s %u "
                   "times",
                   addr, outcome->busy, eraser(outcome->window, called),
                   witness_count(outcome->window, WITNESS_CALL, "MEM_If_Erase_HS") +
                       witness_count(outcome->window, WITNESS_CALL, "MEM_If_Erase_FS"));
        return;
    }
    if (outcome->status == DFU_STATUS_ERR_VENDOR) {
        report_add(x->report, "F11", REPORT_CERTAIN, outcome->at_us,
                   "erase of 0x%08" PRIX32 " failed with errVENDOR, and no read protection is on: "
                   "hosts will offer to lift it; %s%s",
                   addr, eraser(outcome->window, called),
                   witness_touched_flash(outcome->window) ? "" : ", and touched no flash register");
    }
    // Without the HAL's names: a stray store, where nobody programs.
    bool is_stray = culprit && (is_hals || culprit->addr < x->bench->firmware_end);
    if (has_given_up && is_stray) {
        report_add_as(x->report, "F12", FINDING_FAULT, REPORT_LIKELY, outcome->at_us,
                      "erase of 0x%08" PRIX32 ": %s and nothing was begun; %s was set before, by "
                      "the access to 0x%08" PRIX32 " at %s; the device answers %s",
                      addr, is_hals ? "HAL_FLASHEx_Erase was called" : "it was taken",
                      witness_flags(culprit->flags, flags), culprit->addr,
                      examine_place(x, culprit->pc, where), talk_words(outcome, words));
    } else if (!report_has(x->report, "F12") && has_given_up && is_hals) {
        report_add(x->report, "F21", REPORT_LIKELY, outcome->at_us,
                   "erase of 0x%08" PRIX32
                   ": HAL_FLASHEx_Erase was called, touched no flash register and gave "
                   "up; the device answers %s",
                   addr, talk_words(outcome, words));
    } else if (!report_has(x->report, "F12") && !report_has(x->report, "F3") &&
               !report_has(x->report, "F4") && x->has_layout && outcome->dnload == DEVICE_OK &&
               !witness_touched_flash(outcome->window)) {
        report_add(x->report, "F48", REPORT_LIKELY, outcome->at_us,
                   "the map has 0x%08" PRIX32 " erasable, and the device refuses: %s", addr,
                   talk_words(outcome, words));
    }
}

static void judge_no_erase(struct examine *x, uint32_t addr, const struct talk_outcome *outcome) {
    char where[INSIDE_PLACE_MAX];
    char text[WITNESS_TEXT_MAX];
    char words[96];
    char called[INSIDE_PLACE_MAX];
    const struct witness_event *locked = witness_first(outcome->window, WITNESS_LOCKED, NULL);
    const struct witness_event *failed = witness_first(outcome->window, WITNESS_FAILED, NULL);
    const struct witness_event *nowhere = witness_first(outcome->window, WITNESS_NO_SECTOR, NULL);
    bool is_well = talk_went_well(outcome);
    if (locked) {
        report_add(x->report, "F13", REPORT_CERTAIN, locked->at_us,
                   "erase of 0x%08" PRIX32
                   ": %s; FLASH_CR <- %s at %s while LOCK is set, so nothing "
                   "happens; the device answers %s",
                   addr, eraser(outcome->window, called), witness_control(locked->value, text),
                   examine_place(x, locked->pc, where), talk_words(outcome, words));
    } else if (failed && failed->flags & SR_WRPERR) {
        report_add(x->report, "F20", REPORT_CERTAIN, failed->at_us,
                   "erase of 0x%08" PRIX32
                   " at %s: WRPERR, the option bytes protect the sector; the "
                   "device answers %s",
                   addr, examine_place(x, failed->pc, where), talk_words(outcome, words));
    } else if (nowhere) {
        report_add(x->report, "F16", REPORT_LIKELY, nowhere->at_us,
                   "erase of 0x%08" PRIX32
                   ": FLASH_CR <- %s at %s, and there is no such sector; the device "
                   "answers %s",
                   addr, witness_control(nowhere->value, text),
                   examine_place(x, nowhere->pc, where), talk_words(outcome, words));
    } else if (is_well && !witness_touched_flash(outcome->window)) {
        // A stub alone, or one of several: what writing does will tell.
        if (!x->idle_erase[0]) {
            x->idle_erase_at_us = outcome->at_us;
            (void)snprintf(x->idle_erase, sizeof x->idle_erase,
                           "erase of 0x%08" PRIX32
                           ": %s, no flash register was touched, and the device answers %s",
                           addr, eraser(outcome->window, called), talk_words(outcome, words));
        }
        return;
    }
    if (is_well && !locked && !failed && !nowhere) {
        report_add(x->report, "F46", REPORT_LIKELY, outcome->at_us,
                   "erase of 0x%08" PRIX32 ": no erase was started, and the device answers %s",
                   addr, talk_words(outcome, words));
    }
    if (!is_well) {
        if (!locked && !failed) {
            judge_retry(x, addr, outcome);
        }
        judge_refusal(x, addr, outcome);
    }
}

// --- what was erased -----------------------------------------------------------------------------------------

static void judge_parallelism(struct examine *x, const struct witness_event *erase) {
    char where[INSIDE_PLACE_MAX];
    char text[WITNESS_TEXT_MAX];
    unsigned psize = erase->value >> 8 & 3;
    if (psize != 2) {
        report_add(x->report, "F22", REPORT_CERTAIN, erase->at_us,
                   "erase at %s with FLASH_CR %s; at 2.7-3.6 V it is x32 (VOLTAGE_RANGE_3)",
                   examine_place(x, erase->pc, where), witness_control(erase->value, text));
    }
}

static void judge_extent(struct examine *x, const struct sectors *all, uint32_t addr,
                         unsigned wanted, const struct talk_outcome *outcome) {
    char where[INSIDE_PLACE_MAX];
    const struct witness_event *other = NULL;
    unsigned above = 0;
    unsigned others = 0;
    bool has_hit = false;
    for (size_t i = outcome->window.from; i < outcome->window.to; i++) {
        const struct witness_event *event = &outcome->window.witness->events[i];
        if (event->kind == WITNESS_ERASE) {
            unsigned sector = sector_at(all, event->addr);
            has_hit = has_hit || sector == wanted || event->len > all->len[wanted];
            above += sector > wanted;
            if (sector != wanted) {
                other = event;
                others++;
            }
        }
    }
    if (!other || report_has(x->report, "F3")) {
        return;
    }
    if (!has_hit) {
        report_add(x->report, "F16", REPORT_CERTAIN, other->at_us,
                   "erase of 0x%08" PRIX32 " (sector %u): sector %u at 0x%08" PRIX32
                   " was erased instead, at %s",
                   addr, wanted, sector_at(all, other->addr), other->addr,
                   examine_place(x, other->pc, where));
    } else {
        report_add(x->report, "F18", REPORT_CERTAIN, other->at_us,
                   "erase of 0x%08" PRIX32 " erased %u other sectors too%s, up to 0x%08" PRIX32
                   ", at %s",
                   addr, others, above == others ? " above it" : "", other->addr,
                   examine_place(x, other->pc, where));
    }
}

static void judge_watchdog(struct examine *x, uint32_t addr, const struct talk_outcome *outcome) {
    for (size_t i = outcome->window.from; i < outcome->window.to; i++) {
        const struct witness_event *event = &outcome->window.witness->events[i];
        if (event->kind == WITNESS_RESET && strstr(event->name, "wdg")) {
            report_add(x->report, "F24", REPORT_CERTAIN, event->at_us,
                       "erase of 0x%08" PRIX32
                       ": the watchdog (%s) reset the chip in the middle of "
                       "it, %" PRIu64 " ms after the command",
                       addr, event->name, (event->at_us - outcome->at_us) / 1000);
        }
    }
}

static void judge_hold(struct examine *x, const char *what, const struct talk_outcome *outcome) {
    if (outcome->held_us > HOST_PATIENCE_US && outcome->last == DEVICE_OK) {
        report_add(x->report, "F23", REPORT_CERTAIN, outcome->at_us,
                   "%s held one GETSTATUS for %" PRIu64
                   " ms (hosts give it 5000), and bwPollTimeout "
                   "was %" PRIu32 " ms",
                   what, outcome->held_us / 1000, outcome->poll_ms);
    }
}

static bool has_reset(struct witness_window window) {
    return witness_first(window, WITNESS_RESET, NULL) != NULL;
}

// True: go on with the next sector.
static bool erase_sector(struct examine *x, const struct sectors *all, uint32_t addr) {
    char what[64];
    unsigned wanted = sector_at(all, addr);
    mark_sectors(x, all);
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_ERASE, addr);
    const struct witness_event *erase = witness_first(outcome.window, WITNESS_ERASE, NULL);
    (void)snprintf(what, sizeof what, "erase of 0x%08" PRIX32, addr);
    if (wanted == all->count) {
        return talk_recover(x); // beyond the chip: examine_map() has told
    }
    judge_hold(x, what, &outcome);
    if (has_reset(outcome.window) || outcome.last == DEVICE_GONE) {
        judge_watchdog(x, addr, &outcome);
        return talk_start(x);
    }
    if (erase) {
        judge_parallelism(x, erase);
        judge_extent(x, all, addr, wanted, &outcome);
        x->is_erase_working = x->is_erase_working || !is_marked(x, all, wanted);
        if (outcome.is_forever) {
            judge_refusal(x, addr, &outcome);
        }
        report_touch(x->report, erase->at_us, REPORT_ERASED, erase->addr, erase->len);
    } else {
        judge_no_erase(x, addr, &outcome);
        report_touch(x->report, outcome.at_us, REPORT_UNCHANGED, addr, all->len[wanted]);
    }
    // Deaf after an erase, it is so after each: what it takes is known.
    return talk_recover(x) && outcome.last != DEVICE_TIMEOUT;
}

static void erase_sectors(struct examine *x, const struct sectors *all) {
    for (unsigned i = 0; i < x->layout.run_count && x->has_layout; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        for (uint32_t addr = run->addr; addr < layout_run_end(run); addr += run->sector_bytes) {
            bool is_own =
                addr < x->bench->firmware_end && addr + run->sector_bytes > x->bench->firmware_addr;
            if (run->type & LAYOUT_ERASABLE && !is_own &&
                (x->bench->is_over(x->bench->ctx) || !erase_sector(x, all, addr))) {
                return;
            }
        }
    }
    if (!x->has_layout) {
        (void)erase_sector(x, all, x->image_addr);
    }
}

// --- everything, and itself ----------------------------------------------------------------------------------

static void erase_all(struct examine *x) {
    static const uint8_t command[] = {DFUSE_CMD_ERASE};
    char called[INSIDE_PLACE_MAX];
    struct talk_outcome outcome = talk_download(x, DFUSE_BLOCK_COMMAND, command, sizeof command);
    if (talk_went_well(&outcome) && !witness_touched_flash(outcome.window)) {
        report_add(
            x->report, "F6", REPORT_CERTAIN, outcome.at_us,
            "erase without an address (the whole chip): %s, no flash register was touched, and "
            "the device answers OK",
            eraser(outcome.window, called));
    }
    judge_hold(x, "erase without an address (the whole chip)", &outcome);
}

// Erasing the sector the bootloader itself is in: what a board of one's own is never asked.
static void erase_itself(struct examine *x, const struct sectors *all) {
    char where[INSIDE_PLACE_MAX];
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_ERASE, x->bench->firmware_addr);
    const struct witness_event *erase = witness_first(outcome.window, WITNESS_ERASE, NULL);
    if (erase && sector_at(all, erase->addr) == sector_at(all, x->bench->firmware_addr)) {
        report_add(x->report, "F19", REPORT_CERTAIN, erase->at_us,
                   "erase of 0x%08" PRIX32 ", where the bootloader itself is, was done, at %s",
                   x->bench->firmware_addr, examine_place(x, erase->pc, where));
    }
}

void examine_mark(const struct examine *x) {
    struct sectors all = {.count = 0};
    read_sectors(x, &all);
    examine_restore(x);
    mark_sectors(x, &all);
}

void examine_erases(struct examine *x) {
    struct sectors all = {.count = 0};
    talk_begin_load(x);
    read_sectors(x, &all);
    examine_restore(x);
    if (x->version != DFUSE_VERSION || !talk_start(x)) {
        return;
    }
    erase_sectors(x, &all);
    examine_mark(x);
    if (talk_start(x)) {
        erase_all(x);
    }
    examine_restore(x);
    if (talk_start(x)) {
        x->may_fall_silent = true;
        erase_itself(x, &all);
        x->may_fall_silent = false;
    }
}
