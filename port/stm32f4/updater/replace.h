// SPDX-License-Identifier: MIT
//
// Sector 0, from the bootloader that is there to the new one. When power may go is this file's matter:
//
//   erase sector 0                          a cut from here ...
//   word 1, the reset vector: T             ... to here leaves nothing that starts
//   words 2 to the end, then word 0
//   compare
//   word 1 again: F, one bit less than T
//
// F is the new bootloader's reset vector. T is F with bit 16 set: an address in sector 4, where the
// updater's linker script puts its own entry. So from the first word on a reset starts the updater, whatever
// else is there, and it goes on; only the erase and one word are without a net. The step from T to F
// changes a single bit, 1 to 0, so a cut in the middle of it leaves T, F, or a bit that reads as either,
// and all three start. (The entry sets its own stack pointer: word 0 does not matter to it.)
//
// A word may be programmed twice with the same value, or with one that only has bits less: the
// flash of the STM32F4 has no ECC, and AN3969 goes 0xFFFF, 0xEEEE, 0x0000 on one halfword.

#ifndef PORT_STM32F4_UPDATER_REPLACE_H
#define PORT_STM32F4_UPDATER_REPLACE_H

#include <stdbool.h>
#include <stdint.h>

// Bit 16 of an address: between sectors 0 and 4.
#define REPLACE_NET 0x10000u

// Whether the new bootloader is there, to the last byte of the sector.
bool replace_is_done(const uint32_t *payload, uint32_t payload_len);

// Returns when it is there. False if flash will not have it: then the net is in place, or the old
// bootloader untouched, or neither, and no more can be done. A length that is no multiple of 4 counts
// up to the next.
bool replace_bootloader(const uint32_t *payload, uint32_t payload_len);

#endif
