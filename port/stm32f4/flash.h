// SPDX-License-Identifier: MIT
//
// The flash operations of core/port.h on the chip's flash interface, at x32 (2.7 to 3.6 V,
// RM0090 table 7). Promises are port.h's. All of it runs from SRAM.

#ifndef PORT_STM32F4_FLASH_H
#define PORT_STM32F4_FLASH_H

#include "core/port.h"
#include "port/stm32f4/clock.h"

enum flash_operation {
    FLASH_IDLE = 0,
    FLASH_ERASING,
    FLASH_PROGRAMMING,
};

struct flash {
    const struct flash_map *map;
    struct clock *clock;
    enum flash_operation operation;
    uint32_t started_ms; // the erase, or the last word
    uint32_t addr;       // next word to program, its source, and how many bytes remain
    const uint8_t *data;
    uint32_t left;
};

void flash_init(struct flash *flash, const struct flash_map *map, struct clock *clock);

enum flash_result flash_start_erase(struct flash *flash, unsigned sector);
enum flash_result flash_start_program(struct flash *flash, uint32_t addr, const uint8_t *data,
                                      uint32_t len);
enum flash_result flash_poll(struct flash *flash);

// Read protection, of core/port.h. flash_unprotect() erases the whole chip and resets; with nothing
// under way.
bool flash_is_protected(void);
_Noreturn void flash_unprotect(struct flash *flash);

#endif
