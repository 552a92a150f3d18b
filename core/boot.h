// SPDX-License-Identifier: MIT
//
// What to do at reset: a pure function of what was found. docs/boot.md draws it.

#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/boot.h"
#include "spec/mailbox.h"

// A product's own boot mode: a row of its board's table (board.h, BOARD_MODES).
struct boot_entry {
    uint32_t mode; // BOOT_MODE_USER and up; 0 ends the table
    // An image: the address of its vector table, a multiple of 512 (its reset vector lies in the
    // application's sectors). Or code in redfu-boot's own sectors: a function's address, which is odd.
    uintptr_t start;
};

// After so many faults of the bootloader in a row ST's gets its turn: ours may not reach USB any more.
#define BOOT_FAULTS_MAX 3u

struct boot_facts {
    uint32_t request;  // enum mailbox_request; MAILBOX_NONE if the mailbox was empty or damaged
    uint32_t argument; // its argument
    bool button;       // held at reset
    bool receiving;    // the receiving record is open (core/gate.h)
    // The settings show traces of a cut (SETTINGS_TURNOVER): they may read otherwise next time.
    bool is_in_doubt;
    uint8_t once; // boot modes set in the settings; BOOT_MODE_NONE, BOOT_MODE_APPLICATION if not
    uint8_t sticky;
    uint8_t failed; // boot_failed_starts()
    // Failed starts after which to stay in DFU mode; 0: the application promised nothing.
    uint8_t promised;
    uint32_t faults;      // of the bootloader, in a row
    uint32_t application; // its address
    const struct boot_entry *entries;
    // Whether a sane vector table lies at this address (boot_vectors_are_sane()).
    bool (*is_image)(uint32_t address);
};

struct boot_decision {
    uint8_t mode;   // enum boot_mode
    uint8_t reason; // enum boot_reason
    uint32_t start; // image or function to start; 0 for the modes that are the bootloader's
};

struct boot_decision boot_decide(const struct boot_facts *facts);

// How many starts have failed, this reset included: the last start's record, as it lies in RAM, says
// that the application had yet to confirm, and a watchdog or the application itself (by a reset without
// any request) has ended it. A valid request to start it counts from 0 again.
uint8_t boot_failed_starts(const struct start_record *last, uint32_t cause, uint32_t request);

// Memory that an image may name.
struct boot_area {
    uint32_t base;
    uint32_t bytes;
};

// Whether these can be the first two words of an application: the stack pointer is a multiple of 4
// inside some RAM or at its very end, and not at its start; the reset vector is a Thumb address inside
// the application's sectors (PM0214 2.3.4). `areas`: those sectors, then each RAM, then one of 0 bytes.
bool boot_vectors_are_sane(const struct boot_area *areas, uint32_t stack_pointer,
                           uint32_t reset_vector);

#endif
