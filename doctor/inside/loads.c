// SPDX-License-Identifier: MIT
//
// What the programs on a PC do, twice in a row: the second load meets what the first one left, in flash and in the
// device's state.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/hosts/host.h"
#include "doctor/inside/examine.h"

#define COME_BACK_MS 4000u
// What leaves DFU mode is gone by then.
#define SETTLE_MS    500u
#define CR_STRT      (1u << 16)
#define ERASE_MAX_MS 4000u // 128 KB at x8, at most (DS8626 table 40)

static const char *const programs[] = {"cubeprogrammer", "dfuse-demo", "dfu-util", "fwupd"};

static bool holds(const struct examine *x, unsigned which, uint32_t *addr) {
    uint32_t off = x->image_addr - x->bench->flash_addr;
    for (uint32_t i = 0; i < x->image_len; i++) {
        if (x->bench->flash[off + i] != x->images[which][i]) {
            *addr = x->image_addr + i;
            return false;
        }
    }
    return true;
}

static void say_functions(const struct examine *x, struct witness_window window, char *text,
                          size_t size) {
    static const char *const erasers[] = {"MEM_If_Erase_HS", "MEM_If_Erase_FS", "Flash_If_Erase",
                                          "HAL_FLASHEx_Erase"};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof erasers / sizeof erasers[0]; i++) {
        if (x->bench->has_function(x->bench->ctx, erasers[i]) && used < size) {
            int more = snprintf(text + used, size - used, "; %s called %u times", erasers[i],
                                witness_count(window, WITNESS_CALL, erasers[i]));
            used += more > 0 ? (size_t)more : 0;
        }
    }
}

static void say_load(const struct examine *x, const struct host *host, unsigned which,
                     const struct host_outcome *outcome, struct witness_window window, bool is_held,
                     uint32_t differs_at) {
    char text[128];
    char functions[200];
    char flash[64] = "";
    say_functions(x, window, functions, sizeof functions);
    if (!is_held) {
        (void)snprintf(flash, sizeof flash, "; flash differs from 0x%08" PRIX32 " on", differs_at);
    }
    report_fact(x->report, "host", which ? "second load" : "first load",
                "%s: %s; %u erases sent, %u refused, %u lost%s; %u sectors erased%s", host->name,
                host_outcome_text(outcome, text, sizeof text), x->erases_sent, x->erases_refused,
                x->erases_lost, functions, witness_count(window, WITNESS_ERASE, NULL), flash);
}

// Dead states from the last session, as found before anything else is sent.
static void judge_state(const struct examine *x, const struct host *host, bool has_loaded_before,
                        int state, const struct host_outcome *outcome, uint64_t at_us) {
    bool is_turned_away = (outcome->end == HOST_FAILED || outcome->end == HOST_GAVE_UP) &&
                          x->erases_sent == x->erases_refused + x->erases_lost;
    bool is_stray = state > (int)DFU_STATE_ERROR;
    if (outcome->end == HOST_DONE || state < 0 || state == DFU_STATE_IDLE) {
        return;
    }
    if (is_stray) {
        report_add(x->report, "F9", REPORT_LIKELY, at_us,
                   "%s found the device in state %d, which does not exist", host->name, state);
    } else if (has_loaded_before && is_turned_away) {
        report_add(x->report, "F10", REPORT_CERTAIN, at_us,
                   "the second load by %s found the device in %s, and failed: %s", host->name,
                   dfu_state_name((unsigned)state), outcome->why ? outcome->why : "?");
    }
}

static void judge_reset(const struct examine *x, const struct host *host,
                        struct witness_window window) {
    const struct witness_event *erase = NULL;
    for (size_t i = window.from; i < window.to; i++) {
        const struct witness_event *event = &window.witness->events[i];
        erase = event->kind == WITNESS_ERASE ? event : erase;
        if (event->kind == WITNESS_RESET && strstr(event->name, "wdg")) {
            report_add(x->report, "F24", REPORT_CERTAIN, event->at_us,
                       "during a load by %s the watchdog (%s) reset the chip%s", host->name,
                       event->name, erase ? ", in the middle of an erase or a little later" : "");
            return;
        }
    }
}

// Unlocked for the first load, and no longer for the second: an erase that was begun while FLASH_CR was locked.
static void note_lock(struct examine *x, const struct host *host, struct witness_window window) {
    char where[INSIDE_PLACE_MAX];
    char control[WITNESS_TEXT_MAX];
    for (size_t i = window.from; i < window.to; i++) {
        const struct witness_event *event = &window.witness->events[i];
        if (event->kind == WITNESS_LOCKED && event->value & CR_STRT) {
            x->locked_at_us = event->at_us;
            (void)snprintf(x->locked, sizeof x->locked,
                           "the second load by %s: FLASH_CR <- %s at %s while LOCK is set, so "
                           "nothing is erased",
                           host->name, witness_control(event->value, control),
                           examine_place(x, event->pc, where));
            return;
        }
    }
}

static const struct witness_event *last_erase(struct witness_window window) {
    const struct witness_event *last = NULL;
    for (size_t i = window.from; i < window.to; i++) {
        const struct witness_event *event = &window.witness->events[i];
        last = event->kind == WITNESS_ERASE ? event : last;
    }
    return last;
}

// Before the last time-out something was answered that ended behind it, so that it was over.
static bool is_answered_since(const struct examine *x, uint64_t at_us) {
    size_t i = x->report->request_count;
    while (i > 0 && x->report->requests[i - 1].result != REPORT_TIMED_OUT) {
        i--;
    }
    while (i-- > 0) {
        const struct report_request *request = &x->report->requests[i];
        if (request->at_us + request->duration_us <= at_us) {
            return false;
        }
        if (request->result == REPORT_OK) {
            return true;
        }
    }
    return false;
}

// A host lost patience while the flash was at work.
static void judge_patience(const struct examine *x, const struct host *host,
                           const struct host_outcome *outcome, struct witness_window window) {
    const struct witness_event *erase = last_erase(window);
    if (outcome->end == HOST_FAILED && erase && outcome->why && strstr(outcome->why, "timed out") &&
        !is_answered_since(x, erase->at_us)) {
        x->device.sleep(x->device.ctx, ERASE_MAX_MS);
        if (talk_state(x) < 0) {
            if (!report_has(x->report, "F42")) {
                report_add(x->report, "F42", REPORT_LIKELY, erase->at_us,
                           "since the erase that began then, and is long over, nothing is answered "
                           "(%s: %s)",
                           host->name, outcome->why);
            }
            return;
        }
        report_add(x->report, "F23", REPORT_CERTAIN, erase->at_us,
                   "%s gave up: %s; flash was being erased since then", host->name, outcome->why);
    }
}

// fwupd 2.0.20 takes a sector to hold its own end address, too: read-only sectors right before the application stop it.
static bool judge_fwupd(const struct examine *x, const struct host *host,
                        const struct host_outcome *outcome, uint64_t at_us) {
    const struct layout_run *run = layout_run_at(&x->layout, x->image_addr - 1);
    bool is_fwupds = x->has_layout && strcmp(host->name, "fwupd") == 0 &&
                     outcome->end == HOST_GAVE_UP && run && !(run->type & LAYOUT_WRITABLE);
    if (is_fwupds) {
        report_add_as(x->report, "F26", FINDING_NOTE, REPORT_LIKELY, at_us,
                      "fwupd %s: %s at 0x%08" PRIX32 ", which is writable: it looked at the sector "
                      "before; an alternate setting that begins there helps",
                      host->version, outcome->why, outcome->addr);
    }
    return is_fwupds;
}

// fwupd's users are told of an alternate setting that begins with the application, where there is one.
static unsigned alternate_for(const struct examine *x, const struct host *host) {
    for (unsigned i = 1; i < EXAMINE_ALTS_MAX && strcmp(host->name, "fwupd") == 0; i++) {
        if (x->alternates[i] == x->image_addr) {
            return i;
        }
    }
    return 0;
}

// The part of a block that the image ends with is all that is missing.
static void judge_last_block(const struct examine *x, uint32_t differs_at, uint64_t at_us) {
    uint32_t rest = x->transfer_bytes ? x->image_len % x->transfer_bytes : 0;
    const uint8_t *end = x->bench->flash + (x->image_addr + x->image_len - x->bench->flash_addr);
    bool is_blank = rest != 0 && differs_at == x->image_addr + x->image_len - rest;
    for (uint32_t i = 1; i <= rest && is_blank; i++) {
        is_blank = end[-(ptrdiff_t)i] == 0xff;
    }
    if (is_blank) {
        report_add(x->report, "F47", REPORT_CERTAIN, at_us,
                   "the last block, of %" PRIu32 " bytes at 0x%08" PRIX32
                   " where a whole one has %u, was acknowledged and not programmed",
                   rest, differs_at, x->transfer_bytes);
    }
}

// True if it went well, or flash holds the image all the same.
static bool load(struct examine *x, const struct host *host, unsigned which,
                 bool has_loaded_before) {
    const struct host_element element = {x->image_addr, x->image_len, x->images[which]};
    const struct host_job job = {.elements = &element,
                                 .element_count = 1,
                                 .alternate = alternate_for(x, host),
                                 .leaves = strcmp(host->name, "dfu-util") == 0,
                                 .verifies = true};
    talk_begin_load(x);
    x->may_fall_silent = job.leaves || host->always_leaves; // the application may be anything
    size_t from = witness_mark(x->bench->witness);
    uint64_t at_us = talk_now(x);
    int state = talk_state(x);
    struct host_outcome outcome = host->load(&x->device, &job);
    bool is_endless = x->busy.is_cut_short;
    uint64_t busy_us = talk_now(x) - x->busy.since_us;
    x->busy.is_cut_short = false;
    x->device.sleep(x->device.ctx, SETTLE_MS);
    (void)x->bench->wait_for_device(x->bench->ctx, COME_BACK_MS);
    struct witness_window window = talk_window(x, from);
    uint32_t differs_at = 0;
    bool is_held = holds(x, which, &differs_at);
    say_load(x, host, which, &outcome, window, is_held, differs_at);
    judge_state(x, host, has_loaded_before, state, &outcome, at_us);
    if (!is_held && outcome.end == HOST_DONE) {
        judge_last_block(x, differs_at, at_us);
    }
    if (is_endless) {
        report_add(x->report, "F8", REPORT_LIKELY, at_us,
                   "%s polls without end: dfuDNBUSY %u times in %u ms, with no error and no flash "
                   "operation "
                   "that would explain it",
                   host->name, x->busy.count, (unsigned)(busy_us / 1000));
    }
    judge_reset(x, host, window);
    if (has_loaded_before && !is_held && !x->locked[0]) {
        note_lock(x, host, window);
    }
    bool is_fwupds = judge_fwupd(x, host, &outcome, at_us);
    if (!is_fwupds && strcmp(host->name, "fwupd") != 0 && !x->unexplained[0] &&
        (!is_held || (outcome.end != HOST_DONE && !job.leaves))) {
        char text[128];
        x->is_unexplained_busy = x->busy.most > 1;
        (void)snprintf(x->unexplained, sizeof x->unexplained, "the %s load by %s: %s%s",
                       which ? "second" : "first", host->name,
                       host_outcome_text(&outcome, text, sizeof text),
                       is_held ? "" : "; flash does not hold the image");
    }
    judge_patience(x, host, &outcome, window);
    if (is_held) {
        memcpy(x->loaded, x->bench->flash, x->bench->flash_bytes);
        x->has_loaded = true;
    }
    return outcome.end == HOST_DONE || is_held;
}

void examine_loads(struct examine *x) {
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        const struct host *host = host_find(programs[i]);
        examine_restore(x);
        if (!host || x->bench->is_over(x->bench->ctx) || !talk_start(x)) {
            return;
        }
        bool has_loaded = load(x, host, 0, false);
        if (x->bench->wait_for_device(x->bench->ctx, 0) || talk_start(x)) {
            (void)load(x, host, 1, has_loaded);
        }
        x->may_fall_silent = false;
        if (report_has(x->report, "F42")) {
            return; // each of its time-outs takes long, and the next program meets the same
        }
    }
}
