// SPDX-License-Identifier: MIT
//
// The flash interface as the updater wants it: one operation at a time, each waited for, everything
// from SRAM. Unlike flash.h it may change the bootloader's own sector, and it has no clock: the
// bootloader before it may have left any.
//
// A wait sleeps; SysTick ends the sleep often enough to feed the independent watchdog, which may be
// running (RM0090 21.3) and cannot be stopped.

#ifndef PORT_STM32F4_UPDATER_UNIT_H
#define PORT_STM32F4_UPDATER_UNIT_H

#include <stdbool.h>
#include <stdint.h>

// Once, before everything else: interrupts, caches off, voltage detector on.
void unit_init(void);

// False: the interface reported an error, or was not through in time.
bool unit_erase(unsigned sector);
// One word. With the supply too low for x32 byte by byte, which 1.8 V bear (RM0090 table 7).
bool unit_program(uint32_t addr, uint32_t word);

// Returns when the supply has borne x32 for a while without a break. No bound: nothing can be done
// meanwhile that would be better, and the power may go without harm.
void unit_await_supply(void);
// The same, if it is too low right now.
void unit_check_supply(void);

// Which sectors option bytes protect: bit n set, sector n (nWRP of RM0090 3.9.10, inverted). Proprietary
// code read-out protection (SPRMOD of some parts) means something else by the same bits: none then.
uint32_t unit_protected(void);
// Protects or unprotects sectors, all others as they are. Takes an erase of the option bytes.
bool unit_set_protected(uint32_t sectors, bool is_protected);

#endif
