// SPDX-License-Identifier: MIT
//
// The option bytes (RM0090 3.7): what they say of protection and supply, and write protection of the
// bootloader's own sectors, set and lifted (docs/protection.md).

#ifndef PORT_STM32F4_OPTION_H
#define PORT_STM32F4_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "port/stm32f4/clock.h"

// FLASH_OPTCR as it reads, without its lock bit.
uint32_t option_bytes(void);

// Sets or lifts write protection (nWRP) of the sectors before the settings; everything else in the
// option bytes stays. Main loop only, with no flash operation under way. Waits for the option bytes'
// erase and programming, some hundred milliseconds, at most OPTION_MAX_MS, feeding the watchdog.
//
// Returns whether the option bytes now say so. False with nothing touched: the supply is too low, the
// flash unit is busy or does not unlock, protection level 2 has closed the option bytes for ever, or nWRP means
// something else (PCROP, RM0090 3.7.5). False after the wait has run out: not known.
bool option_protect_boot(struct clock *clock, bool is_wanted) __attribute__((warn_unused_result));

#endif
