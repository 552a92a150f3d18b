// SPDX-License-Identifier: MIT
//
// One board for the explorer: core/ and settings/ as they are on the flash of tests/power, what a host or an
// application may do to it, and what its users may rely on. All of it lies in one static struct, so that
// copying bytes out and in again puts the board back to any state it was in.

#ifndef TESTS_EXPLORE_WORLD_H
#define TESTS_EXPLORE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/power/flash_model.h"

// Things that can happen. A cut is no action of its own: every action is also done with the power going at
// each flash operation in it.
enum action {
    ACT_POWER_ON, // weak bits have one of WORLD_MOODS moods: the next two are the others
    ACT_POWER_ON_1,
    ACT_POWER_ON_2,
    // The application runs.
    ACT_APP_SET,
    ACT_APP_DELETE,
    ACT_APP_ASK_DFU,
    // In DFU mode: single requests ...
    ACT_GETSTATUS,
    ACT_ERASE_A,
    ACT_ERASE_B,
    ACT_ERASE_ALL,
    ACT_ADDRESS_B,
    ACT_DO_WRITE_0, // at the bootloader
    ACT_BLOCK,
    ACT_ABORT,
    ACT_CLRSTATUS,
    ACT_LEAVE,
    ACT_DETACH,
    ACT_ALTERNATE_0,
    ACT_ALTERNATE_1,
    ACT_ALTERNATE_2,
    ACT_UPLOAD,
    ACT_BUS_RESET,
    ACT_GIVE_UP_BLOCK,  // only the SETUP of a DNLOAD
    ACT_GIVE_UP_STATUS, // only the SETUP of a GETSTATUS
    // ... commands with their GETSTATUS, as programs send them ...
    ACT_DO_ERASE_A,
    ACT_DO_ERASE_B,
    ACT_DO_WRITE_A,
    ACT_DO_WRITE_B,
    ACT_DO_LEAVE,
    ACT_HOST_SET,
    ACT_HOST_DELETE,
    ACT_HOST_FORBIDDEN, // the receiving record is nobody's
    // ... and time.
    ACT_STEP,    // one turn of the main loop
    ACT_SETTLE,  // until nothing is left to do
    ACT_SILENCE, // longer than every bound that counts
    ACT_RESET,   // by the pin: SRAM starts anew
    ACT_COUNT
};

#define WORLD_MOODS 3u

extern const char *const action_names[ACT_COUNT];

// The factory's: bootloader, old application, settings with two values; power off.
void world_init(void);

// Whether the action makes sense now.
bool world_may(enum action action);

enum world_end { WORLD_HELD, WORLD_CUT, WORLD_BROKEN };

// Does it, with the power going (or an operation failing) at flash operation `at` in it; 0: not. `variant`: of
// what a torn operation leaves. *operations: how many flash operations there were. WORLD_BROKEN: a promise is
// broken, world_failure() says which.
enum world_end world_do(enum action action, uint32_t at, enum flash_cut how, unsigned variant,
                        uint32_t *operations);
const char *world_failure(void);

// From the state that the world is in, which it leaves: a bus reset is answered, and the next load is taken and starts.
bool world_recovers(void);

// A hash of what can make a difference later: times by the bounds that they are compared with, buffers only while
// somebody may look at them.
uint64_t world_hash(void);

// The state as bytes, of world_size(), and back.
size_t world_size(void);
void world_save(uint8_t *out);
void world_load(const uint8_t *in);

#endif
