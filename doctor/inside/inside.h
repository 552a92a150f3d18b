// SPDX-License-Identifier: MIT
//
// The diagnosis from inside: a bootloader on a virtual board gets what programs on a PC would send, twice in a row, and
// more that no one would do to a board of his own; what the chip does about it is watched. Findings go into a report.
//
// Nothing here knows any firmware. The board is reached through struct inside_bench, whose owner decides nothing;
// functions are named by the firmware's own symbols where it has them.

#ifndef DOCTOR_INSIDE_INSIDE_H
#define DOCTOR_INSIDE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/device.h"
#include "doctor/inside/witness.h"
#include "doctor/report.h"

// How an interval on the pins is chosen for a start.
enum inside_start {
    INSIDE_AS_ASKED, // as the person said (a button held): DFU mode
    INSIDE_AT_REST,  // nobody touches the board: the application
};

#define INSIDE_PLACE_MAX 96u
#define INSIDE_FAULT_MAX 256u

// What is wrong with the chip, in words that name register and place.
struct inside_trouble {
    const char *id;    // the finding
    bool is_elsewhere; // it holds no update up
    char text[INSIDE_FAULT_MAX];
};

struct inside_bench {
    void *ctx;
    const struct device *device; // the host's end of the cable
    struct witness *witness;
    // Flash, as bytes that may be changed between runs; call changed() then.
    uint8_t *flash;
    uint32_t flash_addr, flash_bytes;
    void (*changed)(void *ctx);
    // Sectors in the order of their addresses; false: no more.
    bool (*sector)(void *ctx, unsigned index, uint32_t *addr, uint32_t *len);
    // Power off and on again, the cable plugged in. Returns at once.
    void (*power_cycle)(void *ctx, enum inside_start start);
    // From now on nobody touches the board.
    void (*let_go)(void *ctx);
    // A device is enumerated, at the latest after so long.
    bool (*wait_for_device)(void *ctx, uint32_t ms);
    // When a device was last seen to leave the bus, in device->now_us()'s time; 0: never.
    uint64_t (*last_detach_us)(void *ctx);
    // How the processor is set up now, in the same terms as at the application's first instruction.
    struct witness_handover (*look)(void *ctx);
    // Where the application's first instruction is (WITNESS_ENTRY); 0: nowhere.
    void (*watch_entry)(void *ctx, uint32_t addr);
    // "MEM_If_Erase_HS+0x12", or the bare address. Returns `text`.
    const char *(*place)(void *ctx, uint32_t addr, char text[INSIDE_PLACE_MAX]);
    // Whether the processor is in the handler of a fault, or worse, or deaf to interrupts; `text` says what brought it
    // there.
    bool (*is_faulty)(void *ctx, char text[INSIDE_FAULT_MAX]);
    // What ails the chip without any request: its clocks, its USB core. By `index` from 0 on; false: no more.
    bool (*trouble)(void *ctx, unsigned index, struct inside_trouble *trouble);
    // Whether SET_CONFIGURATION was accepted when the device was enumerated last.
    bool (*is_configured)(void *ctx);
    // Why no device could be enumerated; "": none attached.
    const char *(*enumeration_failure)(void *ctx);
    // Whether the firmware has a function of that name that is watched (WITNESS_CALL).
    bool (*has_function)(void *ctx, const char *name);
    // The person has had enough.
    bool (*is_over)(void *ctx);
    bool has_pins;          // a start as asked is another one than at rest
    uint32_t sram_end;      // first address behind the SRAM that a linker puts the stack into
    uint32_t firmware_addr; // of the bootloader under examination
    uint32_t firmware_end;  // behind its last byte
};

// What to load: an application's image; len 0: one is made up.
struct inside_job {
    const uint8_t *image;
    uint32_t image_len;
    uint32_t image_addr; // INSIDE_NO_ADDRESS: what the memory map says
};
#define INSIDE_NO_ADDRESS 0xffffffffu

// Functions that are worth naming in a witness, by their usual names (a trailing '*' stands for any rest); NULL ends.
extern const char *const inside_functions[];

// Examines. The flash is left as it was found, and power on. False: there is no DFU device to examine, and the report says
// why not (report->incomplete).
bool inside_examine(const struct inside_bench *bench, const struct inside_job *job,
                    struct report *report) __attribute__((warn_unused_result));

#endif
