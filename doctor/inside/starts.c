// SPDX-License-Identifier: MIT
//
// From the bootloader to the application: at a start that nobody interferes with, by leaving DFU mode, and after a load
// that was cut off.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/inside/examine.h"

// Some bootloaders wait for a host, or for a button, before they start the application.
#define START_MS    6000u
#define STEP_MS     50u
#define VECTORS_MS  500u // an application is up by then
#define STK_ENABLE  1u
#define STK_TICKINT 2u
#define HOST_MS     5000u
// As far below the end of SRAM as any mask of a bootloader's test wants it.
#define LOWER_STACK 0x8000u

// Runs until the application is reached. `from`: where the log was.
static const struct witness_event *wait_for_entry(const struct examine *x, size_t from) {
    const struct witness_event *entry = NULL;
    for (uint32_t ms = 0; ms < START_MS && !entry && !x->bench->is_over(x->bench->ctx);
         ms += STEP_MS) {
        x->device.sleep(x->device.ctx, STEP_MS);
        entry = witness_first(talk_window(x, from), WITNESS_ENTRY, NULL);
    }
    return entry;
}

static void put_flash(const struct examine *x, const uint8_t *contents) {
    memcpy(x->bench->flash, contents, x->bench->flash_bytes);
    x->bench->changed(x->bench->ctx);
}

// --- flash that the firmware changes by itself ------------------------------------------------------------------

static void judge_own_changes(const struct examine *x, size_t from) {
    char where[INSIDE_PLACE_MAX];
    uint32_t end = x->image_addr + x->image_len;
    for (size_t i = from; i < x->bench->witness->count; i++) {
        const struct witness_event *event = &x->bench->witness->events[i];
        if (event->kind == WITNESS_ENTRY) {
            return;
        }
        if ((event->kind == WITNESS_ERASE || event->kind == WITNESS_PROGRAM) && event->addr < end &&
            event->addr + event->len > x->image_addr) {
            report_add(x->report, "F17", REPORT_CERTAIN, event->at_us,
                       "at a start, with no host about, %s %s flash at 0x%08" PRIX32
                       ", where the application is",
                       x->bench->place(x->bench->ctx, event->pc, where),
                       event->kind == WITNESS_ERASE ? "erases" : "programs", event->addr);
            report_touch(x->report, event->at_us, REPORT_HARMED, event->addr, event->len);
            return;
        }
    }
}

// --- what the application finds ---------------------------------------------------------------------------------

static void judge_handover(const struct examine *x, const struct witness_event *entry) {
    const struct witness_handover *found = &x->bench->witness->handover;
    char left[300] = "";
    size_t used = 0;
#define LEFT(condition, ...)                                                                       \
    if ((condition) && used < sizeof left) {                                                       \
        int more = snprintf(left + used, sizeof left - used, "%s", used ? ", " : "");              \
        used += more > 0 ? (size_t)more : 0;                                                       \
        more = snprintf(left + used, sizeof left - used, __VA_ARGS__);                             \
        used += more > 0 ? (size_t)more : 0;                                                       \
    }
    LEFT(found->ticks & STK_ENABLE && found->ticks & STK_TICKINT,
         "SysTick interrupts (STK_CTRL %u)", (unsigned)(found->ticks & 7u))
    LEFT(found->interrupts > 0, "%u interrupts enabled in the NVIC", (unsigned)found->interrupts)
    LEFT(found->exception > 0, "called from inside exception %u", (unsigned)found->exception)
    LEFT(found->are_masked, "interrupts masked")
    LEFT(found->is_unprivileged, "unprivileged, or on the process stack")
    LEFT(found->is_attached, "the USB device on the bus")
    bool has_harm = used > 0;
    bool is_only_ticks = !found->interrupts && !found->exception && !found->are_masked &&
                         !found->is_unprivileged && !found->is_attached;
    LEFT(found->is_clock_changed, "the core not on its reset clock")
    LEFT(found->vectors != x->image_addr && has_harm, "VTOR at 0x%08" PRIX32, found->vectors)
#undef LEFT
    report_fact(x->report, "start", "the application finds", "%s",
                used ? left : "all as after a reset");
    if (has_harm && !report_has(x->report, "F32")) {
        // Many an application lives with ticks: ST's own example jumps so.
        report_add_as(x->report, "F31", is_only_ticks ? FINDING_WARNING : FINDING_FAULT,
                      found->vectors == x->image_addr ? REPORT_LIKELY : REPORT_CERTAIN,
                      entry->at_us, "at the application's first instruction: %s", left);
    }
}

// An application may move VTOR by itself, and many do (SystemInit() with VECT_TAB_OFFSET). One that has not, with
// interrupts on, has the bootloader's handlers.
static void judge_vectors(const struct examine *x, uint32_t at_entry) {
    if (at_entry - x->image_addr < x->image_len) {
        return;
    }
    if (!x->is_given) {
        report_add_as(x->report, "F31", FINDING_NOTE, REPORT_POSSIBLE, REPORT_NO_TIME,
                      "VTOR is at 0x%08" PRIX32
                      " at the application's first instruction: it has to "
                      "move it to 0x%08" PRIX32 " itself (--app shows whether it does)",
                      at_entry, x->image_addr);
        return;
    }
    x->device.sleep(x->device.ctx, VECTORS_MS);
    struct witness_handover now = x->bench->look(x->bench->ctx);
    bool has_interrupts = now.interrupts > 0 || (now.ticks & STK_ENABLE && now.ticks & STK_TICKINT);
    if (has_interrupts && now.vectors == at_entry) {
        report_add_as(
            x->report, "F31", FINDING_FAULT, REPORT_CERTAIN, talk_now(x),
            "%u ms after its start the application has interrupts on, and VTOR is still at "
            "0x%08" PRIX32 ": the bootloader's handlers serve them",
            VECTORS_MS, now.vectors);
    }
}

// --- starts -------------------------------------------------------------------------------------------------------

static const struct witness_event *start_at_rest(const struct examine *x, size_t *from) {
    *from = witness_mark(x->bench->witness);
    x->bench->power_cycle(x->bench->ctx, INSIDE_AT_REST);
    return wait_for_entry(x, *from);
}

// The same image with its stack elsewhere: what the bootloader's test makes of the stack pointer.
static bool starts_with_a_lower_stack(const struct examine *x) {
    size_t from;
    uint32_t off = x->image_addr - x->bench->flash_addr;
    put_flash(x, x->loaded);
    store_le32(x->bench->flash + off, x->bench->sram_end - LOWER_STACK);
    if (load_le32(x->images[0] + 4) != load_le32(x->loaded + off + 4)) {
        return false; // the word beside is not the image's
    }
    x->bench->changed(x->bench->ctx);
    return start_at_rest(x, &from) != NULL;
}

static void judge_no_start(const struct examine *x, uint64_t at_us) {
    uint32_t off = x->image_addr - x->bench->flash_addr;
    uint32_t stack = load_le32(x->loaded + off);
    if (!x->is_address_sure) {
        report_fact(x->report, "start", "the application",
                    "was not started from 0x%08" PRIX32
                    "; --app FILE@ADDRESS says where it belongs",
                    x->image_addr);
    } else if (stack == x->bench->sram_end && starts_with_a_lower_stack(x)) {
        report_add(x->report, "F30", REPORT_CERTAIN, at_us,
                   "an application whose stack begins at 0x%08" PRIX32
                   " is not started, the same with 0x%08" PRIX32 " is",
                   stack, x->bench->sram_end - LOWER_STACK);
    } else if (x->has_pins) {
        report_add_as(
            x->report, "F34", FINDING_WARNING, REPORT_LIKELY, at_us,
            "with an application loaded and nobody touching the board it is in DFU mode again");
        report_blame(x->report, "F34", FINDING_DEVICE);
    } else {
        report_fact(x->report, "start", "the application",
                    "was not started: if a pin chooses DFU mode, --pin says which");
    }
}

static void examine_start(const struct examine *x) {
    size_t from;
    put_flash(x, x->loaded);
    uint64_t at_us = talk_now(x);
    const struct witness_event *entry = start_at_rest(x, &from);
    judge_own_changes(x, from);
    if (entry) {
        uint32_t vectors = x->bench->witness->handover.vectors;
        judge_handover(x, entry);
        judge_vectors(x, vectors);
    } else if (!report_has(x->report, "F17") && !x->bench->is_over(x->bench->ctx)) {
        judge_no_start(x, at_us);
    }
}

// --- leaving --------------------------------------------------------------------------------------------------------

static void examine_leave(const struct examine *x) {
    put_flash(x, x->loaded);
    if (!talk_start(x)) {
        return;
    }
    x->bench->let_go(x->bench->ctx);
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_SET_ADDRESS, x->image_addr);
    if (!talk_went_well(&outcome)) {
        return;
    }
    size_t from = witness_mark(x->bench->witness);
    uint64_t at_us = talk_now(x);
    uint8_t bytes[DFU_STATUS_LEN] = {0};
    uint16_t moved = 0;
    if (talk_request(x, DFU_DNLOAD, 2, NULL, 0, NULL, HOST_MS) != DEVICE_OK) {
        return;
    }
    enum device_result result =
        talk_request(x, DFU_GETSTATUS, 0, bytes, sizeof bytes, &moved, HOST_MS);
    bool was_reset = witness_first(talk_window(x, from), WITNESS_RESET, NULL) != NULL;
    if (result == DEVICE_GONE || (result != DEVICE_OK && was_reset)) {
        report_add(x->report, "F33", REPORT_CERTAIN, at_us,
                   "leave: the device was gone before its GETSTATUS was answered%s",
                   was_reset ? ", by a reset" : "");
    }
    const struct witness_event *entry = wait_for_entry(x, from);
    if (!entry && result != DEVICE_GONE && x->bench->last_detach_us(x->bench->ctx) < at_us) {
        report_add_as(x->report, "F34", FINDING_WARNING, REPORT_CERTAIN, at_us,
                      "told to leave (Set Address, an empty DNLOAD, GETSTATUS) the device stays "
                      "where it is, for %u s",
                      START_MS / 1000);
        report_blame(x->report, "F34", FINDING_DEVICE);
    }
    if (entry && x->bench->last_detach_us(x->bench->ctx) < at_us) {
        report_add(
            x->report, "F32", REPORT_CERTAIN, entry->at_us,
            "leave: the application was jumped to with the device still on the bus; the host "
            "was never told that it went");
    }
    if (entry && witness_first(talk_window(x, from), WITNESS_RESET, NULL) == NULL) {
        judge_handover(x, entry);
    }
}

// --- a load that is cut off -------------------------------------------------------------------------------------------

static void examine_cut(const struct examine *x) {
    size_t from;
    examine_restore(x);
    if (!talk_start(x)) {
        return;
    }
    struct talk_outcome outcome = talk_erase_there(x);
    if (!talk_went_well(&outcome)) {
        return;
    }
    uint16_t len = x->transfer_bytes < x->image_len ? x->transfer_bytes : (uint16_t)x->image_len;
    outcome = talk_download(x, DFUSE_BLOCK_FIRST_DATA, x->images[0], len);
    if (!talk_went_well(&outcome) || len == x->image_len) {
        return;
    }
    const struct witness_event *entry = start_at_rest(x, &from);
    if (entry) {
        report_add(
            x->report, "F35", REPORT_CERTAIN, entry->at_us,
            "after the first %u of %u bytes power went; at the next start the application was "
            "jumped to all the same",
            len, (unsigned)x->image_len);
    }
}

void examine_starts(struct examine *x) {
    x->may_fall_silent = true;
    x->bench->watch_entry(x->bench->ctx, load_le32(x->images[0] + 4) & ~1u);
    if (x->has_loaded && x->version == DFUSE_VERSION) {
        examine_leave(x);
        examine_start(x);
        examine_cut(x);
    } else if (x->has_loaded) {
        examine_start(x);
    } else {
        report_fact(x->report, "start", "the application", "was not examined: no load went well");
    }
    x->bench->watch_entry(x->bench->ctx, 0);
}
