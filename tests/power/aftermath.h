// SPDX-License-Identifier: MIT
//
// What the sweeps of power cuts on a virtual board do around a cut: values in the settings that have to
// survive it, power that comes back, what comes up, and the way back to DFU mode.

#ifndef TESTS_POWER_AFTERMATH_H
#define TESTS_POWER_AFTERMATH_H

#include "tests/board/host.h"

#define AFTERMATH_BOOT_SECTOR_BYTES 16384u

enum aftermath { AFTERMATH_NOTHING, AFTERMATH_APPLICATION, AFTERMATH_DFU };

// Values that have to survive; `fills`: and one more, rewritten until less is left in the page than
// a bootloader wants to begin a load with. Between runs.
void aftermath_put_values(struct bench *bench, bool fills);
// Looked at in a copy, because what a cut left must be put in order before it can be read.
bool aftermath_has_values(struct bench *bench);

// A millisecond without power: the cable notices after 2.5 us.
void aftermath_stay_off(struct bench *bench);
// From power-on to whatever comes up, within a second of the board's time; *took_ps: after which time.
enum aftermath aftermath_boot(struct bench *bench, uint64_t *took_ps);
// The application has run for a while and seen the button released; it is pressed for DFU mode.
void aftermath_press_button(struct bench *bench);
// Asserts that the application starts within a second.
void aftermath_await_application(struct bench *bench);
// Asserts that blink 0.1's LED changes.
void aftermath_assert_blinks(struct bench *bench);

#endif
