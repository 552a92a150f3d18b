// SPDX-License-Identifier: MIT
//
// The boot decision.

#include "core/boot.h"

// Where a mode starts; 0 for one of the bootloader's own. False for a mode that is not known here.
static bool find_start(const struct boot_facts *facts, uint32_t mode, uint32_t *start) {
    *start = mode == BOOT_MODE_APPLICATION ? facts->application : 0;
    if (mode <= BOOT_MODE_FACTORY_RESET) {
        return true;
    }
    for (const struct boot_entry *entry = facts->entries; entry->mode != 0; entry++) {
        if (entry->mode == mode) {
            *start = (uint32_t)entry->start;
            return true;
        }
    }
    return false;
}

// In one word, which fits a register.
#define CHOICE(mode, reason) ((uint32_t)(mode) | (uint32_t)(reason) << 8)

// The mode asked for and why, before anybody has looked whether there is something to start.
static uint32_t choose(const struct boot_facts *facts) {
    uint32_t start;
    if (facts->faults >= BOOT_FAULTS_MAX) {
        return CHOICE(BOOT_MODE_ROM, BOOT_REASON_FAULTS);
    }
    if (facts->request == MAILBOX_DFU) {
        return CHOICE(BOOT_MODE_DFU, facts->faults != 0 ? BOOT_REASON_FAULTS : BOOT_REASON_MAILBOX);
    }
    // What has been acted on must not read differently at the next start: first it is decided. Once, as
    // flash may refuse; whoever has tried resets with a request for no mode. The button asks for DFU mode,
    // which settles the same by itself.
    if (facts->is_in_doubt && facts->request == MAILBOX_NONE && !facts->button) {
        return CHOICE(BOOT_MODE_DFU, BOOT_REASON_SETTLE);
    }
    if (facts->receiving) {
        return CHOICE(BOOT_MODE_DFU, BOOT_REASON_RECEIVING);
    }
    if (facts->request == MAILBOX_RUN) {
        return CHOICE(BOOT_MODE_APPLICATION, BOOT_REASON_MAILBOX);
    }
    if (facts->request == MAILBOX_MODE && find_start(facts, facts->argument, &start)) {
        return CHOICE(facts->argument, BOOT_REASON_MAILBOX);
    }
    if (facts->button) {
        return CHOICE(BOOT_MODE_DFU, BOOT_REASON_BUTTON);
    }
    if (find_start(facts, facts->once, &start)) {
        return CHOICE(facts->once, BOOT_REASON_ONCE);
    }
    if (facts->promised != 0 && facts->failed >= facts->promised) {
        return CHOICE(BOOT_MODE_DFU, BOOT_REASON_FAILED_STARTS);
    }
    if (facts->sticky != BOOT_MODE_APPLICATION && find_start(facts, facts->sticky, &start)) {
        return CHOICE(facts->sticky, BOOT_REASON_STICKY);
    }
    return CHOICE(BOOT_MODE_APPLICATION, BOOT_REASON_DEFAULT);
}

struct boot_decision boot_decide(const struct boot_facts *facts) {
    uint32_t choice = choose(facts);
    uint32_t start;
    (void)find_start(facts, choice & 0xffu, &start);
    if (start != 0 && start % 2 == 0 && !facts->is_image(start)) {
        choice = CHOICE(BOOT_MODE_DFU, BOOT_REASON_NO_APPLICATION);
        start = 0;
    }
    return (struct boot_decision){(uint8_t)choice, (uint8_t)(choice >> 8), start};
}

uint8_t boot_failed_starts(const struct start_record *last, uint32_t cause, uint32_t request) {
    const uint32_t watchdogs = START_CAUSE_WATCHDOG | START_CAUSE_WINDOW_WATCHDOG;
    if (!start_is_valid(last) || request == MAILBOX_RUN ||
        (cause & (START_CAUSE_POWER_ON | START_CAUSE_BROWN_OUT)) != 0) {
        return 0;
    }
    bool has_failed = (cause & watchdogs) != 0 ||
                      ((cause & START_CAUSE_SOFTWARE) != 0 && request == MAILBOX_NONE);
    return (uint8_t)(last->failed + (last->is_pending && has_failed && last->failed < 255));
}

bool boot_vectors_are_sane(const struct boot_area *areas, uint32_t stack_pointer,
                           uint32_t reset_vector) {
    uint32_t off = (reset_vector & ~1u) - areas->base;
    if ((reset_vector & 1u) == 0 || off >= areas->bytes || stack_pointer % 4 != 0) {
        return false;
    }
    do {
        areas++;
        // Past the base by at least a word, up to and including the end: stacks grow down.
        off = stack_pointer - areas->base;
    } while (areas->bytes != 0 && (off < 4 || off > areas->bytes));
    return areas->bytes != 0;
}
