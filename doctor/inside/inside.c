// SPDX-License-Identifier: MIT
//
// The order of the examination, and what is loaded: an image that is nothing but an endless loop behind its vectors, and
// the same with every other byte turned over.

#include "doctor/inside/inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/exam.h"
#include "doctor/inside/examine.h"

#define MADE_UP_BYTES 40000u
#define VECTOR_BYTES  512u    // 98 words, and what VTOR's alignment leaves (PM0214 4.4.4)
#define LOOP          0xe7feu // "b ." (ARM DDI 0403 A7.7.12)
#define LOOP_BYTES    2u
// A shorter image gets something behind it: several blocks have to go over.
#define IMAGE_LEAST   4096u

const char *const inside_functions[] = {"MEM_If_Init*",
                                        "MEM_If_Erase*",
                                        "MEM_If_MassErase*",
                                        "MEM_If_Write*",
                                        "MEM_If_Read*",
                                        "Flash_If_*",
                                        "HAL_FLASHEx_Erase*",
                                        "FLASH_Erase_Sector",
                                        "FLASH_MassErase",
                                        "HAL_FLASH_Unlock",
                                        "EE_*",
                                        "flash_erase*",
                                        "FLASH_EraseSector",
                                        NULL};

const char *examine_place(const struct examine *x, uint32_t addr, char text[INSIDE_PLACE_MAX]) {
    return x->bench->place(x->bench->ctx, addr, text);
}

void examine_restore(const struct examine *x) {
    memcpy(x->bench->flash, x->pristine, x->bench->flash_bytes);
    x->bench->changed(x->bench->ctx);
}

// --- what is loaded, and where ---------------------------------------------------------------------------------

// The first sector that may be written and holds nothing of the bootloader; without a map, the first behind it.
static uint32_t choose_address(const struct examine *x, uint32_t *room) {
    const struct inside_bench *bench = x->bench;
    uint32_t addr = INSIDE_NO_ADDRESS;
    for (unsigned i = 0; i < x->layout.run_count && x->has_layout && addr == INSIDE_NO_ADDRESS;
         i++) {
        const struct layout_run *run = &x->layout.runs[i];
        for (unsigned j = 0; j < run->count && addr == INSIDE_NO_ADDRESS; j++) {
            uint32_t at = run->addr + j * run->sector_bytes;
            if (run->type & LAYOUT_WRITABLE && at >= bench->firmware_end &&
                at - bench->flash_addr < bench->flash_bytes) {
                addr = at;
            }
        }
    }
    uint32_t begin;
    uint32_t len;
    for (unsigned i = 0; addr == INSIDE_NO_ADDRESS && bench->sector(bench->ctx, i, &begin, &len);
         i++) {
        addr = begin >= bench->firmware_end ? begin : addr;
    }
    *room = addr == INSIDE_NO_ADDRESS ? 0 : bench->flash_addr + bench->flash_bytes - addr;
    return addr;
}

static void make_up(const struct examine *x, uint8_t *image) {
    uint32_t random = 0x2545f491u;
    for (uint32_t i = 0; i < x->image_len; i++) {
        random ^= random << 13; // xorshift32 (Marsaglia 2003)
        random ^= random >> 17;
        random ^= random << 5;
        image[i] = (uint8_t)random;
    }
    store_le32(image, x->bench->sram_end); // the linker's default, ST's _estack
    for (uint32_t i = 4; i < VECTOR_BYTES; i += 4) {
        store_le32(image + i, (x->image_addr + VECTOR_BYTES) | 1u);
    }
    store_le16(image + VECTOR_BYTES, LOOP);
}

// An image that runs from elsewhere, or does not fit: no load would help it.
static bool check_image(const struct examine *x) {
    uint32_t entry = load_le32(x->images[0] + 4) & ~1u;
    if (entry - x->image_addr >= x->image_len) {
        report_add(x->report, "F36", REPORT_CERTAIN, REPORT_NO_TIME,
                   "the image's reset vector is 0x%08" PRIX32
                   ", and it is to be loaded to 0x%08" PRIX32 " to 0x%08" PRIX32,
                   entry, x->image_addr, x->image_addr + x->image_len - 1);
        return false;
    }
    return true;
}

// False: nothing can be loaded.
static bool prepare_images(struct examine *x, const struct inside_job *job) {
    uint32_t room = 0;
    x->image_addr = choose_address(x, &room);
    const struct layout_run *before = layout_run_at(&x->layout, x->image_addr - 1);
    x->is_address_sure = x->has_layout && before && !(before->type & LAYOUT_WRITABLE);
    if (job->image_addr != INSIDE_NO_ADDRESS) {
        x->is_address_sure = true;
        x->image_addr = job->image_addr;
        room = x->bench->flash_addr + x->bench->flash_bytes - x->image_addr;
    }
    x->image_len = !job->image_len                ? MADE_UP_BYTES
                   : job->image_len < IMAGE_LEAST ? IMAGE_LEAST
                                                  : job->image_len;
    if (!job->image_len && x->image_len > room) {
        x->image_len = room;
    }
    if (x->image_addr - x->bench->flash_addr >= x->bench->flash_bytes || x->image_len > room ||
        x->image_len < IMAGE_LEAST) {
        report_incomplete(x->report,
                          "there is no room for an application of %" PRIu32 " bytes at 0x%08" PRIX32
                          " (--app FILE@ADDRESS says what to load where)",
                          x->image_len, x->image_addr);
        return false;
    }
    x->images[0] = malloc(x->image_len);
    x->images[1] = malloc(x->image_len);
    if (!x->images[0] || !x->images[1]) {
        report_incomplete(x->report, "out of memory");
        return false;
    }
    make_up(x, x->images[0]);
    x->is_given = job->image_len != 0;
    if (job->image_len) {
        memcpy(x->images[0], job->image, job->image_len);
    }
    for (uint32_t i = 0; i < x->image_len; i++) {
        x->images[1][i] = x->images[0][i] ^ (i >= VECTOR_BYTES + LOOP_BYTES && i % 2 ? 0xff : 0);
    }
    report_fact(x->report, "device", "application", "%" PRIu32 " bytes %s at 0x%08" PRIX32,
                x->image_len, job->image_len ? "as given" : "made up", x->image_addr);
    return true;
}

// --- all of it ------------------------------------------------------------------------------------------------------

static bool begin(struct examine *x, const struct inside_job *job) {
    x->pristine = malloc(x->bench->flash_bytes);
    x->loaded = malloc(x->bench->flash_bytes);
    if (!x->pristine || !x->loaded) {
        report_incomplete(x->report, "out of memory");
        return false;
    }
    memcpy(x->pristine, x->bench->flash, x->bench->flash_bytes);
    if (!talk_start(x)) {
        const char *why = x->bench->enumeration_failure(x->bench->ctx);
        report_incomplete(x->report,
                          why[0] ? "the board's USB device did not enumerate: %s"
                                 : "no USB device attached within 30 s of power-on: does the "
                                   "firmware need a button held (--pin) or another --board?%s",
                          why);
        return false;
    }
    if (!x->bench->is_configured(x->bench->ctx)) {
        report_add(x->report, "F51", REPORT_CERTAIN, talk_now(x),
                   "SET_CONFIGURATION was refused when the device was enumerated");
        report_incomplete(x->report, "a device that is not configured cannot be loaded");
        return false;
    }
    if (!talk_describe(x)) {
        report_incomplete(x->report,
                          report_has(x->report, "F42")
                              ? "the device stopped answering before it could be examined"
                              : "it has no interface in DFU mode");
        return false;
    }
    examine_map(x);
    return prepare_images(x, job);
}

// Clocks that are none, a core that stood still or sent nothing.
static void judge_chip(const struct examine *x) {
    struct inside_trouble trouble = {0};
    for (unsigned i = 0; x->bench->trouble(x->bench->ctx, i, &trouble); i++) {
        bool is_first = !report_has(x->report, trouble.id);
        report_add_as(x->report, trouble.id, trouble.is_elsewhere ? FINDING_WARNING : FINDING_FAULT,
                      REPORT_CERTAIN, REPORT_NO_TIME, "%s", trouble.text);
        if (trouble.is_elsewhere && is_first) {
            report_set_aside(x->report, trouble.id);
        }
    }
}

// On the bus, and not to be made a device of, for no reason that was told already.
static void judge_enumeration(const struct examine *x) {
    const char *why = x->bench->enumeration_failure(x->bench->ctx);
    char fault[INSIDE_FAULT_MAX] = "";
    if (!why[0] || x->report->finding_count > 0) {
        return;
    }
    bool is_faulty = x->bench->is_faulty(x->bench->ctx, fault);
    report_add(x->report, strstr(why, "not answered") ? "F42" : "F45", REPORT_CERTAIN,
               REPORT_NO_TIME, "the device does not enumerate: %s%s%s", why, is_faulty ? "; " : "",
               fault);
}

// --- what the examination over USB would say --------------------------------------------------------------------

// Of the device as it is, what the single requests from inside do not look for.
static void look_outside(const struct examine *x) {
    static const char *const wanted[] = {"F5", "F9", "F39", "F43", "F45"};
    struct report outside = {0};
    struct exam_options options = {.ctx = x->bench->ctx, .is_cancelled = x->bench->is_over};
    if (!talk_start(x)) {
        return;
    }
    uint64_t began_us = talk_now(x);
    (void)exam_run(&x->device, &options, &outside);
    for (size_t i = 0; i < outside.finding_count; i++) {
        const struct report_finding *entry = &outside.findings[i];
        for (size_t j = 0; j < sizeof wanted / sizeof wanted[0]; j++) {
            if (strcmp(entry->finding->id, wanted[j]) == 0) {
                for (unsigned k = 0; k < entry->evidence_count; k++) {
                    report_add_as(x->report, wanted[j], entry->severity, entry->confidence,
                                  began_us + entry->evidence[k].at_us, "%s",
                                  entry->evidence[k].text);
                }
            }
        }
    }
    report_free(&outside);
}

// --- what comes first ----------------------------------------------------------------------------------------------

static bool is_among(const char *id, const char *const list[]) {
    unsigned i = 0;
    while (list[i] && strcmp(list[i], id) != 0) {
        i++;
    }
    return list[i] != NULL;
}

// A person is here because an update fails. What only an unusual command brings to light, or only the start after the
// load, did not stop it, and steps behind what may have; so does errVENDOR, the manner in which ST's class puts
// any failure, behind that failure's cause if more of it is known than that the device refuses.
static void weigh(const struct examine *x) {
    static const char *const unusual[] = {"F6", "F19", "F35", NULL};
    static const char *const starting[] = {"F30", "F31", NULL};
    static const char *const manners[] = {"F11", "F48", NULL};
    struct report *report = x->report;
    bool has_failed = x->unexplained[0] != '\0';
    bool has_cause = false; // a fault that a load may have failed of
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct report_finding *entry = &report->findings[i];
        const char *id = entry->finding->id;
        has_cause = has_cause || (entry->severity == FINDING_FAULT && !is_among(id, unusual) &&
                                  !is_among(id, starting) && !is_among(id, manners));
    }
    bool has_refused = report_has(report, "F11") || report_has(report, "F48");
    for (size_t i = 0; i < report->finding_count; i++) {
        struct report_finding *entry = &report->findings[i];
        const char *id = entry->finding->id;
        if (is_among(id, unusual) || (is_among(id, starting) && (has_failed || has_cause)) ||
            (strcmp(id, "F11") == 0 && has_cause)) {
            entry->is_aside = true;
        } else if (entry->severity == FINDING_WARNING && !entry->is_aside && has_failed &&
                   !has_cause && !has_refused) {
            entry->severity = FINDING_FAULT; // with some programs, or some day: here and now
        }
    }
}

static bool is_explained(const struct report *report) {
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct report_finding *entry = &report->findings[i];
        if (entry->severity != FINDING_NOTE &&
            (!entry->is_aside || strcmp(entry->finding->id, "F11") == 0)) {
            return true;
        }
    }
    return false;
}

// A load that failed is a fault, whether or not its cause was found.
static void judge_rest(const struct examine *x) {
    judge_chip(x);
    if (x->locked[0] && !report_has(x->report, "F13")) {
        report_add(x->report, "F13", REPORT_CERTAIN, x->locked_at_us, "%s", x->locked);
    }
    if (x->idle_erase[0]) {
        report_add(x->report, x->has_programmed ? "F13" : "F14", REPORT_LIKELY, x->idle_erase_at_us,
                   "%s%s", x->idle_erase, x->has_programmed ? "; blocks are programmed" : "");
    }
    if (x->longest_wait_ms != 0) {
        report_add_as(x->report, "F23", FINDING_FAULT, REPORT_CERTAIN, REPORT_NO_TIME,
                      "the device asks to be left alone for %" PRIu32
                      " s (bwPollTimeout 0x%06" PRIX32 "), and is ready at once: hosts wait as "
                      "long as they are told, which looks like a hang",
                      x->longest_wait_ms / 1000, x->longest_wait_ms);
    }
    weigh(x);
    if (x->unexplained[0] && !is_explained(x->report) && !x->bench->is_over(x->bench->ctx)) {
        report_add(x->report, x->is_unexplained_busy ? "F49" : "F46", REPORT_POSSIBLE,
                   REPORT_NO_TIME, "%s%s", x->unexplained,
                   x->is_unexplained_busy ? ", which saw dfuDNBUSY twice in a row" : "");
    }
}

bool inside_examine(const struct inside_bench *bench, const struct inside_job *job,
                    struct report *report) {
    struct examine x = {.bench = bench, .report = report, .has_pins = bench->has_pins};
    talk_begin(&x);
    bool is_there = begin(&x, job);
    if (is_there && check_image(&x)) {
        examine_target(&x);
        look_outside(&x);
        examine_loads(&x);
        examine_erases(&x);
        examine_blocks(&x);
        examine_starts(&x);
        judge_rest(&x);
    }
    if (!is_there) {
        judge_chip(&x);
        judge_enumeration(&x);
    }
    if (bench->is_over(bench->ctx)) {
        report_incomplete(report, "it was interrupted");
    }
    if (x.pristine) {
        examine_restore(&x);
        bench->power_cycle(bench->ctx, INSIDE_AS_ASKED);
    }
    free(x.pristine);
    free(x.loaded);
    free(x.images[0]);
    free(x.images[1]);
    return is_there;
}
