// SPDX-License-Identifier: MIT
//
// What a sector's trial means. The order matters: what explains the rest comes first, and what it explains is not told
// again.

#include <inttypes.h>
#include <stdio.h>

#include "doctor/exam_sectors.h"

// Typical times of an erase at x32 and 25 degrees (STM32F405/407 datasheet, flash memory programming): no flash
// is as quick as a tenth of that.
static uint32_t erase_ms(uint32_t sector_bytes) {
    return sector_bytes <= 0x4000u ? 250 : sector_bytes <= 0x10000u ? 550 : 1000;
}
// 16 us a word; half of it, for words that a driver leaves out.
// A GETSTATUS that is held for so long is told of: a note, where hosts wait longer.
#define HELD_US       800000u
#define WORD_WRITE_US 8u

static void fact_round(struct trial *t, unsigned number) {
    const struct trial_round *r = &t->rounds[number];
    char name[64];
    (void)snprintf(name, sizeof name, "0x%08" PRIX32 ", round %u", t->sector, number + 1);
    report_fact(t->x->report, "sector", name,
                "erase: %s, %" PRIu64 " ms, first poll %" PRIu32 " ms, longest GETSTATUS %" PRIu64
                " ms; then %s; write: %s, %" PRIu64 " ms a block; then %s",
                r->erase.is_done ? "OK" : dfu_status_name(r->erase_status), r->erase.us / 1000,
                r->erase.first_poll_ms, r->erase.longest_us / 1000,
                r->is_blank       ? "blank"
                : r->is_unchanged ? "unchanged"
                                  : "not blank",
                !r->has_written    ? "not tried"
                : r->write.is_done ? "OK"
                                   : dfu_status_name(r->write_status),
                r->write.us / 1000,
                !r->has_written ? "-"
                : r->is_written ? "as written"
                                : "not as written");
}

// The erase was refused, or did not come to an end. True: no more is to be said of this round.
static bool judge_erase(struct trial *t, const struct trial_round *r) {
    struct report *report = t->x->report;
    uint64_t at_us = exam_now(t->x);
    if (r->erase.asked == DEVICE_GONE || r->erase.sent == DEVICE_GONE) {
        report_add(report, "F24", REPORT_LIKELY, at_us,
                   "the device went away %" PRIu64 " ms after the erase of 0x%08" PRIX32 " began",
                   r->erase.us / 1000, t->sector);
        return true;
    }
    if (r->erase.sent == DEVICE_STALL) {
        report_add(report, "F9", REPORT_LIKELY, at_us,
                   "the erase of 0x%08" PRIX32 " was stalled at once, in dfuIDLE", t->sector);
        return true;
    }
    if (r->erase.is_stuck && r->erase_state == DFU_STATE_DNBUSY) {
        report_add(report, "F8", REPORT_CERTAIN, at_us,
                   "after the erase of 0x%08" PRIX32 " dfuDNBUSY with status OK for %" PRIu64
                   " s, a GETSTATUS taking up to %" PRIu64 " ms%s",
                   t->sector, r->erase.us / 1000000, r->erase.longest_us / 1000,
                   r->is_unchanged ? "; the sector is unchanged" : "");
        return true;
    }
    if (r->erase.is_done) {
        return false;
    }
    if (r->erase.sent == DEVICE_TIMEOUT || r->erase.asked == DEVICE_TIMEOUT) {
        return true; // nothing was refused: the device has fallen silent, which is F42
    }
    if (r->was_repeated && r->second_erase.is_done) {
        report_add_as(report, "F12", FINDING_FAULT, REPORT_LIKELY, at_us,
                      "the first erase of 0x%08" PRIX32 " failed with %s, the second one worked",
                      t->sector, dfu_status_name(r->erase_status));
        return false;
    }
    if (r->erase_status == DFU_STATUS_ERR_VENDOR) {
        report_add(report, "F11", REPORT_CERTAIN, at_us,
                   "the erase of 0x%08" PRIX32
                   " ended with errVENDOR, and the same sector can be read: it is "
                   "not read protected",
                   t->sector);
    } else {
        report_add(report, "F48", REPORT_CERTAIN, at_us,
                   "the erase of 0x%08" PRIX32
                   " is refused with %s, at the second try too; the layout marks it as erasable",
                   t->sector, dfu_status_name(r->erase_status));
    }
    return true;
}

// Other sectors than the one meant. True: that explains the rest.
static bool judge_neighbours(struct trial *t, const struct trial_round *r) {
    const struct trial_look *look = &r->after_erase;
    struct report *report = t->x->report;
    const struct layout_run *last = &t->x->layout.runs[t->x->layout.run_count - 1];
    uint32_t top = layout_run_end(last);
    if (look->harmed == 0) {
        return false;
    }
    const struct layout_run *harmed_run = layout_run_at(&t->x->layout, look->harmed_last);
    bool is_long = r->erase.busy_us > erase_ms(t->sector_bytes) * 4500ull;
    bool is_to_end = harmed_run && look->harmed_last + harmed_run->sector_bytes == top;
    if (report_has(report, "F3")) {
        report_add(report, "F3", REPORT_CERTAIN, look->at_us,
                   "the erase of 0x%08" PRIX32 " also changed 0x%08" PRIX32, t->sector,
                   look->harmed_addr);
    } else if (r->is_blank && look->harmed_addr > t->sector &&
               (look->harmed > 1 || is_to_end || is_long)) {
        report_add(report, "F18", look->harmed > 1 || is_long ? REPORT_CERTAIN : REPORT_LIKELY,
                   look->at_us,
                   "the erase of 0x%08" PRIX32 " erased %u sector%s behind it, up to 0x%08" PRIX32,
                   t->sector, look->harmed, look->harmed == 1 ? "" : "s", look->harmed_last);
    } else if (r->is_blank && !r->was_blank && t->x->has_chip_boundaries) {
        report_add(report, "F18", REPORT_CERTAIN, look->at_us,
                   "the erase of 0x%08" PRIX32 " also erased %u other sector%s, from 0x%08" PRIX32
                   " to 0x%08" PRIX32,
                   t->sector, look->harmed, look->harmed == 1 ? "" : "s", look->harmed_addr,
                   look->harmed_last);
    } else if (r->is_blank && !r->was_blank) {
        report_add(report, "F3", REPORT_LIKELY, look->at_us,
                   "the erase of 0x%08" PRIX32 " also changed 0x%08" PRIX32
                   ": the sector is larger than the layout says",
                   t->sector, look->harmed_addr);
    } else {
        report_add(report, "F16", REPORT_CERTAIN, look->at_us,
                   "the erase of 0x%08" PRIX32 " erased 0x%08" PRIX32 " instead", t->sector,
                   look->harmed_addr);
    }
    return true;
}

// Acknowledged, and not blank.
static void judge_unerased(struct trial *t, const struct trial_round *r) {
    struct report *report = t->x->report;
    uint64_t at_us = r->after_erase.at_us;
    bool is_quick = r->erase.busy_us < TRIAL_QUICK_ERASE_US;
    uint32_t words = t->x->transfer_bytes / 4u;
    bool wrote = r->has_written && r->write.is_done && r->write.busy_us >= words * WORD_WRITE_US;
    if (!r->is_unchanged) {
        report_add(report, "F46", REPORT_CERTAIN, at_us,
                   "the erase of 0x%08" PRIX32
                   " ended with OK, and the sector is neither blank nor as it was",
                   t->sector);
        return;
    }
    if (!is_quick) {
        report_add(
            report, "F16", REPORT_LIKELY, at_us,
            "the erase of 0x%08" PRIX32 " took %" PRIu64
            " ms, as long as a real one, and the sector is unchanged: another one was erased",
            t->sector, r->erase.us / 1000);
        return;
    }
    // A protected sector is neither erased once nor written.
    bool was_erased = r != t->rounds && t->rounds[0].is_blank && !t->rounds[0].was_blank;
    bool may_be_protected = !wrote && !was_erased;
    if (may_be_protected) {
        t->unerased++;
        t->unerased_addr = t->sector;
    }
    if (r->has_written && !r->write.is_done) {
        report_add(report, "F13", REPORT_CERTAIN, at_us,
                   "the erase of 0x%08" PRIX32 " was done in %" PRIu64
                   " us and changed nothing, and writing there fails with %s",
                   t->sector, r->erase.busy_us, dfu_status_name(r->write_status));
        return;
    }
    // An Erase() that does nothing looks the same.
    report_add(report, "F13", wrote ? REPORT_LIKELY : REPORT_POSSIBLE, at_us,
               "the erase of 0x%08" PRIX32 " was done in %" PRIu64
               " us and changed nothing; writing a block takes %" PRIu64 " us%s",
               t->sector, r->erase.busy_us, r->write.busy_us,
               was_erased ? "; the erase before, of the same sector, worked" : "");
    if (!wrote) {
        report_add(report, "F14", REPORT_LIKELY, at_us,
                   "the erase of 0x%08" PRIX32 " was done in %" PRIu64
                   " us and changed nothing, and a block is \"written\" in %" PRIu64
                   " us: flash takes %u us for that",
                   t->sector, r->erase.busy_us, r->write.busy_us, 2u * WORD_WRITE_US * words);
    }
    if (may_be_protected) {
        report_add(report, "F20", REPORT_POSSIBLE, at_us,
                   "a sector that is write-protected by option bytes behaves so, too: name a "
                   "second --sector "
                   "to tell them apart");
    }
}

// Blank before, and the erase came back at once: right for a bootloader that looks before it erases. Blanks were
// written, which change nothing.
static void judge_blank(struct trial *t, const struct trial_round *r) {
    struct report *report = t->x->report;
    uint64_t at_us = r->after_write.at_us;
    uint32_t words = t->x->transfer_bytes / 4u;
    if (!r->write.is_done) {
        report_add(report, "F13", REPORT_CERTAIN, at_us,
                   "the erase of 0x%08" PRIX32 ", which is blank, was done in %" PRIu64
                   " us, and writing blanks there fails with %s",
                   t->sector, r->erase.busy_us, dfu_status_name(r->write_status));
        return;
    }
    if (r->write.busy_us < words * WORD_WRITE_US) {
        report_add(report, "F14", REPORT_POSSIBLE, at_us,
                   "the erase of 0x%08" PRIX32 ", which is blank, was done in %" PRIu64
                   " us, and a block of blanks \"written\" in %" PRIu64
                   " us: flash takes %u us for that",
                   t->sector, r->erase.busy_us, r->write.busy_us, 2u * WORD_WRITE_US * words);
    }
    report_incomplete(report,
                      "0x%08" PRIX32
                      " is blank, and nothing showed that it could be erased again, so "
                      "nothing was written there: name a sector that holds data",
                      t->sector);
}

// True: no more is to be said of this sector.
static bool judge_write(struct trial *t, const struct trial_round *r, unsigned number) {
    struct report *report = t->x->report;
    uint64_t at_us = r->after_write.at_us;
    if (!r->has_written || r->is_written) {
        return false;
    }
    if (r->write.is_stuck && r->write_state == DFU_STATE_DNBUSY) {
        report_add(report, "F8", REPORT_CERTAIN, at_us,
                   "after a block at 0x%08" PRIX32 " dfuDNBUSY with status OK for %" PRIu64 " s",
                   t->sector, r->write.us / 1000000);
    } else if (!r->write.is_done && r->write_status == DFU_STATUS_ERR_VENDOR) {
        report_add(report, "F11", REPORT_CERTAIN, at_us,
                   "writing at 0x%08" PRIX32 " ended with errVENDOR, and it can be read",
                   t->sector);
    } else if (!r->write.is_done) {
        report_add(report, "F48", REPORT_CERTAIN, at_us,
                   "writing at 0x%08" PRIX32 " is refused: %s", t->sector,
                   r->write.sent == DEVICE_OK ? dfu_status_name(r->write_status)
                                              : "stalled, or no answer");
    } else if (r->is_still_blank && (!r->was_blank || number > 0)) {
        report_add(report, "F15", REPORT_LIKELY, at_us,
                   "0x%08" PRIX32 " was erased, then written with OK, and is blank%s", t->sector,
                   number > 0 ? "; a round before, on a blank sector, it worked" : "");
    } else if (r->is_still_blank) {
        report_add(report, "F14", REPORT_LIKELY, at_us,
                   "0x%08" PRIX32 " was written with OK, and is blank as before", t->sector);
    } else if (r->lost_tail != 0) {
        report_add(report, "F47", REPORT_CERTAIN, at_us,
                   "of each of two blocks of %u bytes at 0x%08" PRIX32 " the last %" PRIu32
                   " bytes are blank, the others as written",
                   t->x->transfer_bytes, t->sector, r->lost_tail);
    } else if (r->is_first_written) {
        report_add(report, "F25", REPORT_CERTAIN, at_us,
                   "of two blocks of %u bytes at 0x%08" PRIX32
                   " the first is where it should be, the second is not",
                   t->x->transfer_bytes, t->sector);
    } else {
        report_add(report, "F46", REPORT_CERTAIN, at_us,
                   "what was written at 0x%08" PRIX32 " with OK is not what is read", t->sector);
    }
    return true;
}

static void judge_time(struct trial *t, const struct trial_round *r) {
    struct report *report = t->x->report;
    uint64_t typical_us = erase_ms(t->sector_bytes) * 1000ull;
    if (!r->erase.is_done) {
        return;
    }
    bool was_announced = r->erase.first_poll_ms * 2000ull > r->erase.longest_us;
    if (r->erase.busy_answers > 1) {
        report_add_as(report, "F49", FINDING_NOTE, REPORT_CERTAIN, r->after_erase.at_us,
                      "the erase of 0x%08" PRIX32
                      " said dfuDNBUSY %u times, first with bwPollTimeout %" PRIu32 " ms",
                      t->sector, r->erase.busy_answers, r->erase.first_poll_ms);
    }
    if (r->erase.longest_us > HELD_US) {
        report_add_as(report, "F23",
                      r->erase.longest_us > 5000000u && !was_announced ? FINDING_WARNING
                                                                       : FINDING_NOTE,
                      REPORT_CERTAIN, r->after_erase.at_us,
                      "during the erase of 0x%08" PRIX32 " a GETSTATUS was held for %" PRIu64
                      " ms (announced: %" PRIu32 " ms); hosts give it 5 s or more",
                      t->sector, r->erase.longest_us / 1000, r->erase.first_poll_ms);
    }
    if (r->erase.busy_us > typical_us * 9 / 2 && !report_has(report, "F18")) {
        report_add(report, "F18", REPORT_LIKELY, r->after_erase.at_us,
                   "the erase of %" PRIu32 " KB at 0x%08" PRIX32 " took %" PRIu64
                   " ms, longer than at the slowest setting (%" PRIu64
                   " ms): more was erased, though nothing "
                   "that held data",
                   t->sector_bytes / 1024, t->sector, r->erase.busy_us / 1000,
                   typical_us * 4 / 1000);
    }
    bool is_large = t->sector_bytes == 0x10000u || t->sector_bytes == 0x20000u;
    uint64_t took_us = r->erase.busy_us;
    if (is_large && r->is_blank && !r->was_blank && took_us > typical_us * 17 / 10 &&
        took_us < typical_us * 3) {
        report_add(report, "F22", REPORT_POSSIBLE, r->after_erase.at_us,
                   "the erase of %" PRIu32 " KB at 0x%08" PRIX32 " took %" PRIu64
                   " ms; x32 takes %" PRIu64 " ms as a rule, x8 twice that",
                   t->sector_bytes / 1024, t->sector, took_us / 1000, typical_us / 1000);
    }
}

void trial_judge(struct trial *t) {
    struct exam *x = t->x;
    for (unsigned i = 0; i < 2; i++) {
        const struct trial_round *r = &t->rounds[i];
        if (!r->has_begun) {
            break;
        }
        if (x->result.is_cancelled && !r->is_whole) {
            break; // what was not waited for is no evidence
        }
        fact_round(t, i);
        bool is_explained = judge_erase(t, r);
        if (is_explained || !r->after_erase.has_target) {
            break;
        }
        is_explained = judge_neighbours(t, r);
        if (!is_explained && r->was_blank && r->is_blank && !r->is_proven) {
            judge_blank(t, r);
            break;
        }
        if (!r->is_blank && !is_explained) {
            judge_unerased(t, r);
            break;
        }
        t->erased += r->is_blank && !r->was_blank;
        judge_time(t, r);
        is_explained = is_explained || (r->is_whole && judge_write(t, r, i));
        if (r->has_written && !r->is_write_settled && t->state_after_abort >= 0 &&
            t->state_after_abort != DFU_STATE_IDLE) {
            report_add_as(x->report, t->state_after_abort > DFU_STATE_ERROR ? "F9" : "F10",
                          FINDING_FAULT, REPORT_CERTAIN, r->after_write.at_us,
                          "after two blocks ABORT leads to %s instead of dfuIDLE: the next session "
                          "is refused",
                          dfu_state_name((unsigned)t->state_after_abort));
        }
        if (is_explained) {
            break;
        }
    }
}

void trial_judge_together(struct trial *t) {
    if (t->unerased != 0 && t->erased != 0) {
        report_add(t->x->report, "F20", REPORT_CERTAIN, exam_now(t->x),
                   "0x%08" PRIX32
                   " stays unchanged with status OK while another sector can be erased",
                   t->unerased_addr);
    }
}
