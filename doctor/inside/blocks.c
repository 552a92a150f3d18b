// SPDX-License-Identifier: MIT
//
// Blocks: two that follow each other, one where none belongs, one on the bootloader itself; and reading, as
// STM32CubeProgrammer does when it connects, and where nothing can be read.

#include <inttypes.h>
#include <string.h>

#include "doctor/inside/examine.h"
#include "doctor/lost_tail.h"

#define SR_WRPERR      (1u << 4) // RM0090 3.9.5, 3.9.6
#define SR_PGPERR      (1u << 6)
#define CR_SER         (1u << 1)
#define CR_MER         (1u << 2)
#define BLOCK_MAX      4096u
#define CONNECT_BYTES  1024u
#define SHORTEST_BLOCK 64u // a packet of endpoint 0
#define HOST_MS        5000u
// What a bootloader may keep back until the end: the application's first words.
#define KEPT_BYTES     16u
// After ABORT, what was still to be programmed is.
#define SETTLE_MS      200u

// --- why a block was not written -----------------------------------------------------------------------------

// True if it said something.
static bool judge_failure(const struct examine *x, unsigned block,
                          const struct talk_outcome *outcome) {
    char where[INSIDE_PLACE_MAX];
    char flags[WITNESS_TEXT_MAX];
    char control[WITNESS_TEXT_MAX];
    char words[96];
    const struct witness_event *failed = witness_first(outcome->window, WITNESS_FAILED, NULL);
    const struct witness_event *locked = witness_first(outcome->window, WITNESS_LOCKED, NULL);
    if (locked) {
        report_add(x->report, "F13", REPORT_LIKELY, locked->at_us,
                   "block %u: FLASH_CR <- %s at %s while LOCK is set; the device answers %s", block,
                   witness_control(locked->value, control), examine_place(x, locked->pc, where),
                   talk_words(outcome, words));
        return true;
    }
    if (!failed) {
        return false;
    }
    const char *id = failed->value & (CR_SER | CR_MER) ? "F15"
                     : failed->flags & SR_WRPERR       ? "F20"
                     : failed->flags & SR_PGPERR       ? "F22"
                                                       : "F46";
    report_add(x->report, id, REPORT_CERTAIN, failed->at_us,
               "block %u: programming 0x%08" PRIX32
               " at %s raised %s while FLASH_CR was %s%s; the device answers %s",
               block, failed->addr, examine_place(x, failed->pc, where),
               witness_flags(failed->flags, flags), witness_control(failed->value, control),
               failed->value & CR_SER ? ": the erase left SER set" : "",
               talk_words(outcome, words));
    return true;
}

static void judge_block(const struct examine *x, unsigned block,
                        const struct talk_outcome *outcome) {
    char words[96];
    if (!judge_failure(x, block, outcome) && talk_went_well(outcome) &&
        !witness_touched_flash(outcome->window) && block > DFUSE_BLOCK_FIRST_DATA) {
        report_add(x->report, "F14", REPORT_CERTAIN, outcome->at_us,
                   "block %u: no flash register was touched, and the device answers %s", block,
                   talk_words(outcome, words));
    }
}

// --- where it went -------------------------------------------------------------------------------------------

static bool holds_blocks(const struct examine *x, uint32_t len) {
    const uint8_t *bytes = x->bench->flash + (x->image_addr - x->bench->flash_addr);
    return memcmp(bytes + KEPT_BYTES, x->images[0] + KEPT_BYTES, len - KEPT_BYTES) == 0;
}

// Both were acknowledged, and flash has something else.
static void judge_places(const struct examine *x, struct witness_window window, uint32_t len) {
    if (holds_blocks(x, len) || report_has(x->report, "F14") || report_has(x->report, "F15") ||
        report_has(x->report, "F13") || report_has(x->report, "F20") ||
        report_has(x->report, "F22") || x->idle_erase[0]) {
        return;
    }
    uint32_t lost = lost_tail(x->bench->flash + (x->image_addr - x->bench->flash_addr),
                              x->images[0], x->transfer_bytes);
    for (size_t i = window.from; i < window.to; i++) {
        const struct witness_event *event = &window.witness->events[i];
        if (event->kind == WITNESS_PROGRAM &&
            (event->addr < x->image_addr || event->addr >= x->image_addr + len)) {
            report_add(x->report, "F25", REPORT_CERTAIN, event->at_us,
                       "blocks 2 and 3 of %u bytes (wTransferSize) belong to 0x%08" PRIX32
                       " to 0x%08" PRIX32 ", and 0x%08" PRIX32 " was programmed",
                       x->transfer_bytes, x->image_addr, x->image_addr + len - 1, event->addr);
            return;
        }
    }
    if (lost != 0) {
        report_add(x->report, "F47", REPORT_CERTAIN, talk_now(x),
                   "of each of two blocks of %u bytes at 0x%08" PRIX32 " the last %" PRIu32
                   " bytes were not programmed",
                   x->transfer_bytes, x->image_addr, lost);
        return;
    }
    report_add(x->report, "F46", REPORT_LIKELY, talk_now(x),
               "two blocks were acknowledged, and flash at 0x%08" PRIX32 " holds something else",
               x->image_addr);
}

static void tell_short_block(const struct examine *x, uint64_t at_us, const char *what,
                             const char *came_of_it, unsigned taken) {
    report_add(x->report, "F25", REPORT_CERTAIN, at_us,
               "wTransferSize says %u bytes, and %s %u bytes %s%u", x->transfer_bytes, what,
               x->transfer_bytes, came_of_it, taken);
    report_explain(x->report, "F25", FINDING_SHORT_BLOCK_MEANING, FINDING_SHORT_BLOCK_REMEDY);
}

// A whole block was not taken: a shorter one may be.
static void judge_size(struct examine *x, uint64_t at_us, enum device_result result) {
    for (uint16_t len = x->transfer_bytes / 2u; len >= SHORTEST_BLOCK; len /= 2u) {
        examine_mark(x);
        if (!talk_start(x)) {
            return;
        }
        struct talk_outcome outcome = talk_erase_there(x);
        if (!talk_went_well(&outcome)) {
            return;
        }
        outcome = talk_download(x, DFUSE_BLOCK_FIRST_DATA, x->images[0], len);
        if (talk_went_well(&outcome)) {
            tell_short_block(x, at_us, "a block of",
                             result == DEVICE_STALL
                                 ? "is refused; the device takes "
                                 : "is waited for without end; the device takes ",
                             len);
            return;
        }
    }
}

// Less than was asked for means that memory ends there.
static void read_whole(const struct examine *x) {
    static uint8_t bytes[BLOCK_MAX];
    uint16_t moved = 0;
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_SET_ADDRESS, x->image_addr);
    uint64_t at_us = talk_now(x);
    if (talk_went_well(&outcome) &&
        talk_request(x, DFU_ABORT, 0, NULL, 0, NULL, HOST_MS) == DEVICE_OK &&
        talk_request(x, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA, bytes, x->transfer_bytes, &moved,
                     HOST_MS) == DEVICE_OK &&
        moved > 0 && moved < x->transfer_bytes) {
        tell_short_block(x, at_us, "an UPLOAD of", "gives ", moved);
    }
    const uint8_t *there = x->bench->flash + (x->image_addr - x->bench->flash_addr);
    if (moved > KEPT_BYTES && memcmp(bytes + KEPT_BYTES, there + KEPT_BYTES, moved - KEPT_BYTES)) {
        report_add_as(x->report, "F43", FINDING_FAULT, REPORT_CERTAIN, at_us,
                      "an UPLOAD from 0x%08" PRIX32
                      " gives something else than flash holds there%s",
                      x->image_addr,
                      memcmp(bytes, x->bench->flash, moved) == 0
                          ? ": what lies where flash begins, whatever the address"
                          : "");
    }
    (void)talk_recover(x);
}

static void write_two(struct examine *x) {
    uint32_t len = 2u * x->transfer_bytes;
    // Behind an erase that had something to erase.
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_ERASE, x->image_addr);
    if (!talk_went_well(&outcome)) {
        (void)talk_recover(x);
    }
    outcome = talk_command(x, DFUSE_CMD_SET_ADDRESS, x->image_addr);
    size_t from = witness_mark(x->bench->witness);
    for (unsigned block = 2; block < 4 && talk_went_well(&outcome); block++) {
        outcome = talk_download(x, (uint16_t)block,
                                x->images[0] + (block - 2) * (uint32_t)x->transfer_bytes,
                                x->transfer_bytes);
        judge_block(x, block, &outcome);
        x->has_programmed |= witness_first(outcome.window, WITNESS_PROGRAM, NULL) != NULL;
    }
    bool is_well = talk_went_well(&outcome);
    if (outcome.dnload != DEVICE_OK) {
        judge_size(x, outcome.at_us, outcome.dnload);
    }
    if (talk_recover(x) && is_well) {
        x->device.sleep(x->device.ctx, SETTLE_MS);
        judge_places(x, talk_window(x, from), len);
    }
}

// What no program sends explains no load that failed, unless it showed elsewhere, too.
static void step_back(const struct examine *x, const char *id) {
    const struct report_finding *found = report_has(x->report, id);
    if (found && found->severity == FINDING_WARNING) {
        report_set_aside(x->report, id);
    }
}

// Block 1 does not exist: (1 - 2) times the block size lies below the address that was set.
static void write_below(const struct examine *x) {
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_SET_ADDRESS, x->image_addr);
    if (!talk_went_well(&outcome)) {
        (void)talk_recover(x);
        return;
    }
    outcome = talk_download(x, 1, x->images[0], x->transfer_bytes);
    const struct witness_event *program = witness_first(outcome.window, WITNESS_PROGRAM, NULL);
    if (program && program->addr < x->image_addr) {
        report_add_as(x->report, "F25", FINDING_WARNING, REPORT_CERTAIN, program->at_us,
                      "block 1 after Set Address 0x%08" PRIX32 " was written to 0x%08" PRIX32
                      ", below it",
                      x->image_addr, program->addr);
        step_back(x, "F25");
    }
    (void)talk_recover(x);
}

static void write_itself(const struct examine *x) {
    char where[INSIDE_PLACE_MAX];
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_SET_ADDRESS, x->bench->firmware_addr);
    if (!talk_went_well(&outcome)) {
        return;
    }
    outcome = talk_download(x, DFUSE_BLOCK_FIRST_DATA, x->images[0], x->transfer_bytes);
    const struct witness_event *program = witness_first(outcome.window, WITNESS_PROGRAM, NULL);
    if (program && program->addr - x->bench->firmware_addr <
                       x->bench->firmware_end - x->bench->firmware_addr) {
        report_add(x->report, "F19", REPORT_CERTAIN, program->at_us,
                   "a block for 0x%08" PRIX32
                   ", where the bootloader itself is, was written, at %s",
                   program->addr, examine_place(x, program->pc, where));
    }
}

// --- reading -------------------------------------------------------------------------------------------------

static void judge_stray(const struct examine *x, const char *what, enum finding_severity severity,
                        uint64_t at_us) {
    int state = talk_state(x);
    if (state > (int)DFU_STATE_ERROR) {
        report_add_as(x->report, "F9", severity, REPORT_CERTAIN, at_us,
                      "%s leaves the device in state %d, which does not exist%s", what, state,
                      state == DFU_STATUS_ERR_STALLEDPKT ? ": 15 is the status errSTALLEDPKT" : "");
    }
}

static void read_start(const struct examine *x) {
    uint8_t bytes[CONNECT_BYTES];
    uint16_t moved = 0;
    uint16_t len = x->transfer_bytes < CONNECT_BYTES ? x->transfer_bytes : CONNECT_BYTES;
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_SET_ADDRESS, x->bench->flash_addr);
    uint64_t at_us = talk_now(x);
    if (!talk_went_well(&outcome)) {
        (void)talk_recover(x);
        return;
    }
    (void)talk_request(x, DFU_ABORT, 0, NULL, 0, NULL, HOST_MS);
    enum device_result result = talk_request(x, DFU_UPLOAD, 2, bytes, len, &moved, HOST_MS);
    report_fact(x->report, "device", "reads 0x08000000 (CubeProgrammer does so to connect)", "%s",
                result == DEVICE_OK ? "yes" : "no: STM32CubeProgrammer says \"Data read failed\"");
    judge_stray(x, "a refused UPLOAD", FINDING_FAULT, at_us);
    (void)talk_recover(x);
}

// Get Commands, and a block that does not exist: an answer or a refusal, either will do.
static void read_oddities(const struct examine *x) {
    uint8_t bytes[CONNECT_BYTES];
    uint16_t moved = 0;
    uint16_t len = x->transfer_bytes < CONNECT_BYTES ? x->transfer_bytes : CONNECT_BYTES;
    uint64_t at_us = talk_now(x);
    if (talk_request(x, DFU_UPLOAD, 0, bytes, len, &moved, HOST_MS) == DEVICE_TIMEOUT) {
        report_add_as(x->report, "F42", FINDING_WARNING, REPORT_CERTAIN, at_us,
                      "UPLOAD of block 0 (Get Commands) is neither answered nor refused in %u ms",
                      HOST_MS);
        step_back(x, "F42");
    }
    if (!talk_recover(x)) {
        return;
    }
    at_us = talk_now(x);
    (void)talk_request(x, DFU_UPLOAD, 1, bytes, len, &moved, HOST_MS);
    judge_stray(x, "UPLOAD of block 1, which does not exist,", FINDING_WARNING, at_us);
    step_back(x, "F9");
    (void)talk_recover(x);
}

void examine_blocks(struct examine *x) {
    if (x->version != DFUSE_VERSION || x->transfer_bytes < KEPT_BYTES ||
        x->transfer_bytes > BLOCK_MAX || 2u * x->transfer_bytes > x->image_len) {
        return;
    }
    examine_mark(x);
    if (talk_start(x)) {
        write_two(x);
        read_start(x);
        read_whole(x);
        read_oddities(x);
        write_below(x);
    }
    examine_restore(x);
    if (talk_start(x)) {
        x->may_fall_silent = true;
        write_itself(x);
        x->may_fall_silent = false;
    }
}
