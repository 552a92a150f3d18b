// SPDX-License-Identifier: MIT
//
// What to do at reset: a pure function of what was found. docs/protocol.md draws it.

#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flash_map.h"
#include "settings/settings.h"
#include "spec/mailbox.h"

enum boot_choice { BOOT_DFU = 0, BOOT_APPLICATION };

// Why, for a person (redfu info, later).
enum boot_reason {
    BOOT_REASON_NO_APPLICATION = 0,
    BOOT_REASON_RECEIVING, // a load was begun and is not known to have ended
    BOOT_REASON_MAILBOX,
    BOOT_REASON_BUTTON,
    BOOT_REASON_DEFAULT,
};

struct boot_facts {
    enum mailbox_request request; // MAILBOX_NONE if the mailbox was empty or damaged
    bool button;                  // held at reset
    bool receiving;               // the receiving record is open (core/gate.h)
    bool application_valid;       // boot_vectors_are_sane() of its first two words
};

struct boot_decision {
    enum boot_choice choice;
    enum boot_reason reason;
};

struct boot_decision boot_decide(const struct boot_facts *facts);

// Memory a stack may lie in.
struct boot_ram {
    uint32_t base;
    uint32_t bytes;
};

// Whether the receiving record is open, in a store that settings_open() has looked at. Answers also
// when the store asks for a turnover, which the boot stage cannot make: a cut in somebody's settings
// must neither keep a good application from starting nor let a half one start.
bool boot_is_receiving(struct settings *settings);

// Whether these can be the first two words of an application of this map: the stack pointer is a
// multiple of 4 inside some RAM or at its very end, and not at its start; the reset vector is
// a Thumb address inside the application's sectors (PM0214 2.3.4).
bool boot_vectors_are_sane(const struct flash_map *map, const struct boot_ram *rams,
                           unsigned ram_count, uint32_t stack_pointer, uint32_t reset_vector);

#endif
