// SPDX-License-Identifier: MIT
//
// Sectors that may be overwritten: erased, looked at, written in two blocks, looked at, twice over; and after each step
// all flash that can be read, since what goes wrong often goes wrong elsewhere. Then everything is put back, whatever
// happened and whether or not Ctrl-C was pressed. exam_judge.c says what it means.
//
// A sector is written with anything but what it holds only once an erase has blanked it, or, if it was blank, has taken
// as long as a real one does: bits that no erase sets again could not be brought back.

#include "doctor/exam_sectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/lost_tail.h"

#define ROUNDS      2u // the second one begins where the first one ended: not blank
#define RESTORE_MAX 3u // tries to put a sector back
#define BLANK       0xffu

// -- Memory

static struct exam_memory *memory_at(struct trial *t, uint32_t addr) {
    for (unsigned i = 0; i < t->count; i++) {
        if (addr >= t->before[i].addr && addr - t->before[i].addr < t->before[i].len) {
            return &t->before[i];
        }
    }
    return NULL;
}

static const uint8_t *before_at(struct trial *t, uint32_t addr) {
    const struct exam_memory *memory = memory_at(t, addr);
    return memory ? memory->bytes + (addr - memory->addr) : NULL;
}

bool trial_is_blank(const uint8_t *bytes, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != BLANK) {
            return false;
        }
    }
    return true;
}

// All flash of the layout that is readable, a run of sectors a piece.
static bool save_all(struct trial *t) {
    struct exam *x = t->x;
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        if (!(run->type & LAYOUT_READABLE) || run->addr < FLASH_BASE || run->addr >= FLASH_END) {
            continue;
        }
        struct exam_memory *memory = &t->before[t->count];
        *memory = (struct exam_memory){.addr = run->addr, .len = layout_run_end(run) - run->addr};
        memory->bytes = malloc(memory->len);
        if (!memory->bytes) {
            report_incomplete(x->report, "out of memory for %" PRIu32 " bytes", memory->len);
            return false;
        }
        t->count++;
        exam_says(x, "saving 0x%08" PRIX32 "-0x%08" PRIX32, memory->addr,
                  memory->addr + (memory->len - 1));
        for (uint32_t off = 0; off < memory->len; off += run->sector_bytes) {
            if (exam_is_cancelled(x)) {
                return false;
            }
            if (exam_read(x, memory->addr + off, memory->bytes + off, run->sector_bytes)) {
                continue;
            }
            // A sector that cannot be read cannot be erased without a trace of it either; one that may be
            // changed by the trial has to be readable.
            if (x->is_over || off == 0) {
                free(memory->bytes);
                t->count--;
            } else {
                memory->len = off;
            }
            report_fact(x->report, "sector", "not saved",
                        "from 0x%08" PRIX32 " on it cannot be read", run->addr + off);
            break;
        }
        if (x->is_over) {
            return false;
        }
    }
    return true;
}

// -- Looking

// What a sector of the map holds now against what it held; `expected` instead of that for the one under trial.
static void compare_sector(struct trial *t, uint32_t addr, uint32_t bytes,
                           struct trial_look *look) {
    struct exam *x = t->x;
    const uint8_t *before = before_at(t, addr);
    uint8_t *now = t->now;
    if (!before || before_at(t, addr + bytes - 1) == NULL) {
        return;
    }
    if (!exam_read(x, addr, now, bytes)) {
        look->unread++;
        return;
    }
    bool is_target = addr == t->sector;
    if (is_target) {
        memcpy(t->target, now, bytes);
        look->has_target = true;
        return;
    }
    if (memcmp(before, now, bytes) == 0) {
        return;
    }
    bool is_harm = false; // something that was there is blank now, or otherwise has bits set anew
    for (uint32_t i = 0; i < bytes && !is_harm; i++) {
        is_harm = (now[i] & ~before[i]) != 0;
    }
    if (!is_harm) {
        look->noted++;
        return;
    }
    if (look->harmed++ == 0) {
        look->harmed_addr = addr;
    }
    look->harmed_last = addr;
    look->is_blanked |= trial_is_blank(now, bytes);
    report_touch(x->report, exam_now(x), REPORT_HARMED, addr, bytes);
}

// All of it, or the sector under trial and those beside it: reading a megabyte takes seconds.
static struct trial_look look_at(struct trial *t, bool is_all) {
    struct exam *x = t->x;
    struct trial_look look = {.at_us = exam_now(x)};
    for (unsigned i = 0; i < x->layout.run_count && !x->is_over; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        for (uint32_t n = 0; n < run->count && !x->is_over; n++) {
            uint32_t addr = run->addr + n * run->sector_bytes;
            bool is_near =
                addr <= t->sector + t->sector_bytes && addr + run->sector_bytes >= t->sector;
            if (memory_at(t, addr) && (is_all || is_near)) {
                compare_sector(t, addr, run->sector_bytes, &look);
            }
        }
    }
    return look;
}

// -- Changing

static struct exam_work erase(struct trial *t, uint32_t addr) {
    struct exam *x = t->x;
    exam_says(x, "erasing 0x%08" PRIX32, addr);
    t->is_changed = true;
    x->must_finish = true;
    return exam_command(x, DFUSE_CMD_ERASE, addr);
}

// Block by block, each by its own address; blocks that are blank are left out unless all are wanted.
static bool write_bytes(struct trial *t, uint32_t addr, const uint8_t *bytes, uint32_t len,
                        bool all) {
    struct exam *x = t->x;
    uint32_t block = x->transfer_bytes;
    for (uint32_t off = 0; off < len; off += block) {
        uint32_t piece = len - off < block ? len - off : block;
        if (!all && trial_is_blank(bytes + off, piece)) {
            continue;
        }
        struct exam_work work = exam_command(x, DFUSE_CMD_SET_ADDRESS, addr + off);
        if (work.is_done) {
            memcpy(x->buffer, bytes + off, piece);
            work = exam_download(x, DFUSE_BLOCK_FIRST_DATA, x->buffer, (uint16_t)piece);
        }
        if (!work.is_done) {
            return false;
        }
    }
    return true;
}

// Two blocks, numbered on as hosts do.
static struct exam_work write_two(struct trial *t, const uint8_t *bytes) {
    struct exam *x = t->x;
    exam_says(x, "writing two blocks at 0x%08" PRIX32, t->sector);
    t->is_changed = true;
    x->must_finish = true;
    struct exam_work work = exam_command(x, DFUSE_CMD_SET_ADDRESS, t->sector);
    for (unsigned i = 0; i < 2 && work.is_done; i++) {
        memcpy(x->buffer, bytes + i * x->transfer_bytes, x->transfer_bytes);
        work =
            exam_download(x, (uint16_t)(DFUSE_BLOCK_FIRST_DATA + i), x->buffer, x->transfer_bytes);
    }
    return work;
}

// After erase or write: back to dfuIDLE by ABORT, as every host does it. False: it took more than that.
static bool settle(struct trial *t) {
    struct exam *x = t->x;
    (void)exam_request(x, DFU_ABORT, 0, NULL, 0, NULL);
    int state = exam_state(x);
    if (state >= 0) {
        t->state_after_abort = state;
    }
    return exam_heal(x) && state == DFU_STATE_IDLE;
}

// -- Putting back

static bool restore_sector(struct trial *t, uint32_t addr, uint32_t bytes, uint8_t can) {
    struct exam *x = t->x;
    const uint8_t *before = before_at(t, addr);
    bool was_blank = trial_is_blank(before, bytes);
    for (unsigned i = 0; i < RESTORE_MAX && !x->is_over; i++) {
        if (!exam_read(x, addr, t->now, bytes)) {
            continue;
        }
        if (memcmp(t->now, before, bytes) == 0) {
            return true;
        }
        if (!(can & LAYOUT_ERASABLE) || !(can & LAYOUT_WRITABLE)) {
            return false;
        }
        exam_says(x, "putting back 0x%08" PRIX32, addr);
        bool needs_erase = false;
        for (uint32_t k = 0; k < bytes && !needs_erase; k++) {
            needs_erase = (before[k] & ~t->now[k]) != 0;
        }
        bool ok = !needs_erase || i > 0 || exam_command(x, DFUSE_CMD_ERASE, addr).is_done;
        if (i > 0) { // whatever it was the last time
            ok = exam_command(x, DFUSE_CMD_ERASE, addr).is_done;
        }
        // Written whole, blanks too: redfu-boot takes an image for complete only so. Of a blank sector one block does.
        uint32_t len = was_blank && x->transfer_bytes < bytes ? x->transfer_bytes : bytes;
        ok = ok && write_bytes(t, addr, before, len, true);
        (void)settle(t);
        (void)ok; // what counts is what is read
    }
    return !x->is_over && exam_read(x, addr, t->now, bytes) && memcmp(t->now, before, bytes) == 0;
}

static bool bits_were_set(const uint8_t *before, const uint8_t *now, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) {
        if (now[i] & ~before[i]) {
            return true;
        }
    }
    return false;
}

// In ascending order: an erase that takes all behind it with it is made good by those that follow.
static void restore_all(struct trial *t) {
    struct exam *x = t->x;
    for (unsigned i = 0; i < x->layout.run_count && !x->is_over; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        for (uint32_t n = 0; n < run->count && !x->is_over; n++) {
            uint32_t addr = run->addr + n * run->sector_bytes;
            const uint8_t *before = before_at(t, addr);
            if (!before || before_at(t, addr + run->sector_bytes - 1) == NULL) {
                continue;
            }
            bool was_read = exam_read(x, addr, t->now, run->sector_bytes);
            if (was_read && memcmp(t->now, before, run->sector_bytes) == 0) {
                continue;
            }
            if (was_read && !(run->type & LAYOUT_WRITABLE) &&
                !bits_were_set(before, t->now, run->sector_bytes)) {
                report_fact(x->report, "sector", "own records",
                            "the device wrote into 0x%08" PRIX32
                            " itself (marked '%c', not to be written "
                            "by hosts): its own records",
                            addr, 'a' + run->type - 1);
                continue;
            }
            if (restore_sector(t, addr, run->sector_bytes, run->type)) {
                report_touch(x->report, exam_now(x), REPORT_RESTORED, addr, run->sector_bytes);
            } else {
                x->result.is_unrestored = true;
                report_incomplete(x->report,
                                  "0x%08" PRIX32 " could not be put back as it was: load the "
                                  "saved file again",
                                  addr);
            }
        }
    }
    if (x->is_over && t->is_changed) {
        x->result.is_unrestored = true;
    }
}

// -- The trial

static void pattern(struct trial *t, unsigned round) {
    uint32_t len = 2u * t->x->transfer_bytes;
    uint32_t seed = 0x2545f491u + round * 0x9e3779b9u;
    for (uint32_t i = 0; i < len; i++) { // xorshift32: no word twice, in no block the same
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        t->written[i] = (uint8_t)(seed >> 24);
    }
}

static void run_round(struct trial *t, unsigned round) {
    struct exam *x = t->x;
    struct trial_round *r = &t->rounds[round];
    r->has_begun = true;
    r->was_blank = trial_is_blank(t->target, t->sector_bytes);
    memcpy(t->previous, t->target, t->sector_bytes);
    r->erase = erase(t, t->sector);
    r->erase_state = x->state;
    r->erase_status = x->status;
    if (!r->erase.is_done && r->erase.asked == DEVICE_OK && !r->erase.is_stuck && exam_heal(x)) {
        r->second_erase = erase(t, t->sector);
        r->was_repeated = true;
    }
    r->is_erase_settled = !x->is_over && settle(t);
    if (x->is_over || exam_is_cancelled(x)) {
        return;
    }
    r->after_erase = look_at(t, round == 0);
    if (!r->after_erase.has_target || exam_is_cancelled(x)) {
        return;
    }
    r->is_blank = trial_is_blank(t->target, t->sector_bytes);
    r->is_unchanged = memcmp(t->target, t->previous, t->sector_bytes) == 0;
    report_touch(x->report, exam_now(x), r->is_blank ? REPORT_ERASED : REPORT_UNCHANGED, t->sector,
                 t->sector_bytes);
    r->is_proven =
        r->is_blank && r->after_erase.harmed == 0 &&
        (!r->was_blank || (r->erase.is_done && r->erase.busy_us >= TRIAL_QUICK_ERASE_US));
    if (r->is_proven) {
        pattern(t, round);
    } else {
        memcpy(t->written, t->target, 2u * x->transfer_bytes);
    }
    r->write = write_two(t, t->written);
    r->write_state = x->state;
    r->write_status = x->status;
    r->has_written = true;
    r->is_write_settled = !x->is_over && settle(t);
    if (x->is_over || exam_is_cancelled(x)) {
        return;
    }
    r->after_write = look_at(t, false);
    if (r->after_write.has_target) {
        uint32_t len = 2u * x->transfer_bytes;
        r->is_written = memcmp(t->target, t->written, len) == 0 &&
                        (!r->is_proven || trial_is_blank(t->target + len, t->sector_bytes - len));
        r->is_first_written = memcmp(t->target, t->written, x->transfer_bytes) == 0;
        r->lost_tail = r->is_proven ? lost_tail(t->target, t->written, x->transfer_bytes) : 0;
        r->is_still_blank = trial_is_blank(t->target, t->sector_bytes);
        report_touch(x->report, exam_now(x), r->is_written ? REPORT_WRITTEN : REPORT_UNCHANGED,
                     t->sector, len);
    }
    r->is_whole = r->after_write.has_target;
}

static void free_trial(struct trial *t) {
    for (unsigned i = 0; i < t->count; i++) {
        free(t->before[i].bytes);
    }
    free(t->now);
    free(t->target);
    free(t->previous);
    free(t->written);
    free(t);
}

// Whether the sector may be taken at all; the reason goes to the report.
static const struct layout_run *check_sector(struct exam *x, uint32_t sector) {
    const struct layout_run *run = layout_run_at(&x->layout, sector);
    if (!run) {
        report_incomplete(x->report, "--sector 0x%08" PRIX32 " lies outside of the device's map",
                          sector);
    } else if (layout_sector(run, sector) != sector) {
        report_incomplete(x->report,
                          "--sector 0x%08" PRIX32
                          " is no sector's beginning: that one begins at 0x%08" PRIX32,
                          sector, layout_sector(run, sector));
    } else if (sector < FLASH_BASE || sector >= FLASH_END) {
        report_incomplete(x->report, "--sector 0x%08" PRIX32 " is not in flash", sector);
    } else if (sector == FLASH_BASE) {
        report_incomplete(x->report,
                          "--sector 0x%08" PRIX32 " is the flash's first sector, where the "
                          "bootloader lies as a rule: name another one",
                          sector);
    } else if (!(run->type & LAYOUT_ERASABLE) || !(run->type & LAYOUT_WRITABLE) ||
               !(run->type & LAYOUT_READABLE)) {
        report_incomplete(x->report,
                          "--sector 0x%08" PRIX32 " is marked '%c': not to be read, erased and "
                          "written all three",
                          sector, 'a' + run->type - 1);
    } else if (run->sector_bytes < 2u * x->transfer_bytes) {
        report_incomplete(x->report, "--sector 0x%08" PRIX32 " is smaller than two blocks", sector);
    } else {
        return run;
    }
    x->result.is_refused = true;
    return NULL;
}

static bool check_all(struct exam *x) {
    if (!x->is_dfuse || !x->has_layout || x->transfer_bytes == 0 ||
        x->transfer_bytes > EXAM_BLOCK_MAX || !(x->attributes & DFU_ATTR_CAN_UPLOAD)) {
        x->result.is_refused = true;
        report_incomplete(x->report, "no sector was tried: without %s nothing could be put back",
                          !x->is_dfuse     ? "DfuSe"
                          : !x->has_layout ? "a memory layout"
                                           : "reading back");
        return false;
    }
    for (unsigned i = 0; i < x->options->sector_count; i++) {
        if (!check_sector(x, x->options->sectors[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t largest_sector(const struct exam *x) {
    uint32_t bytes = 0;
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        bytes = x->layout.runs[i].sector_bytes > bytes ? x->layout.runs[i].sector_bytes : bytes;
    }
    return bytes;
}

void exam_sectors(struct exam *x) {
    if (x->is_over || !check_all(x)) {
        return;
    }
    // What was saved by such reading would be written over what is there.
    const struct report_finding *reading = report_has(x->report, "F43");
    if (reading && reading->severity == FINDING_FAULT) {
        report_incomplete(x->report, "what is read is not what is there, so nothing could be put "
                                     "back; nothing was changed");
        return;
    }
    struct trial *t = calloc(1, sizeof *t);
    if (!t) {
        report_incomplete(x->report, "out of memory");
        return;
    }
    t->x = x;
    uint32_t room = largest_sector(x);
    t->now = malloc(room);
    t->target = malloc(room);
    t->previous = malloc(room);
    t->written = malloc(2u * EXAM_BLOCK_MAX);
    bool is_ready = t->now && t->target && t->previous && t->written && save_all(t);
    if (!is_ready && !x->is_over && !x->result.is_cancelled) {
        report_incomplete(x->report, "flash could not be read to save it; nothing was changed");
    }
    is_ready = is_ready && !exam_is_cancelled(x); // or not all was saved
    for (unsigned i = 0; i < x->options->sector_count && is_ready; i++) {
        const uint8_t *before = before_at(t, x->options->sectors[i]);
        const struct layout_run *run = layout_run_at(&x->layout, x->options->sectors[i]);
        if (!before || !before_at(t, x->options->sectors[i] + run->sector_bytes - 1)) {
            x->result.is_refused = true;
            report_incomplete(x->report,
                              "--sector 0x%08" PRIX32 " cannot be read, so not put back; nothing "
                              "was changed",
                              x->options->sectors[i]);
            is_ready = false;
        }
    }
    is_ready = is_ready && !exam_is_cancelled(x);
    if (is_ready && !x->options->save(x->options->ctx, t->before, t->count)) {
        report_incomplete(x->report, "flash could not be saved to a file; nothing was changed");
        is_ready = false;
    }
    for (unsigned i = 0; i < x->options->sector_count && is_ready; i++) {
        t->sector = x->options->sectors[i];
        t->sector_bytes = layout_run_at(&x->layout, t->sector)->sector_bytes;
        memset(t->rounds, 0, sizeof t->rounds);
        t->state_after_abort = -1;
        memcpy(t->target, before_at(t, t->sector), t->sector_bytes);
        for (unsigned round = 0; round < ROUNDS && !x->is_over && !exam_is_cancelled(x); round++) {
            run_round(t, round);
            if (!t->rounds[round].is_whole || !t->rounds[round].is_proven) {
                break;
            }
        }
        trial_judge(t);
        // Only what is put back before the next one begins can be told apart from its doing.
        restore_all(t);
        x->must_finish = false;
        is_ready = !x->is_over && !x->result.is_unrestored && !exam_is_cancelled(x);
    }
    trial_judge_together(t);
    free_trial(t);
}
