// SPDX-License-Identifier: MIT
//
// STM32F407VG: its memories, once, for C and for the linker scripts alike (they run through the
// preprocessor), so plain numbers without suffixes. How the flash is divided among bootloader,
// settings and application is the board's.

#ifndef PORT_STM32F4_CHIPS_STM32F407VG_H
#define PORT_STM32F4_CHIPS_STM32F407VG_H

// RM0090 table 5: main memory of 1 Mbyte parts, in runs of equal sectors.
#define CHIP_FLASH_BASE       0x08000000
#define CHIP_FLASH_RUN0_COUNT 4
#define CHIP_FLASH_RUN0_BYTES 0x4000
#define CHIP_FLASH_RUN1_COUNT 1
#define CHIP_FLASH_RUN1_BYTES 0x10000
#define CHIP_FLASH_RUN2_COUNT 7
#define CHIP_FLASH_RUN2_BYTES 0x20000
#define CHIP_FLASH_SECTORS    (CHIP_FLASH_RUN0_COUNT + CHIP_FLASH_RUN1_COUNT + CHIP_FLASH_RUN2_COUNT)

// RM0090 2.3.1: SRAM1 (112 Kbytes) and SRAM2 (16 Kbytes) follow each other. Core-coupled memory
// (CCM) holds no code, but an application's stack may lie there.
#define CHIP_SRAM_BASE        0x20000000
#define CHIP_SRAM_BYTES       0x20000
#define CHIP_CCM_BASE         0x10000000
#define CHIP_CCM_BYTES        0x10000

// Unique device identifier, three words (RM0090 39.1).
#define CHIP_UID_BASE         0x1fff7a10

// How many of the first `n` sectors lie in a run of `count` that `before` sectors precede.
#define CHIP_RUN_PART(n, before, count)                                                            \
    ((n) <= (before) ? 0 : (n) - (before) >= (count) ? (count) : (n) - (before))

// First address of sector n; for n = CHIP_FLASH_SECTORS, the first address past flash.
#define CHIP_SECTOR_ADDRESS(n)                                                                     \
    (CHIP_FLASH_BASE + CHIP_RUN_PART(n, 0, CHIP_FLASH_RUN0_COUNT) * CHIP_FLASH_RUN0_BYTES +        \
     CHIP_RUN_PART(n, CHIP_FLASH_RUN0_COUNT, CHIP_FLASH_RUN1_COUNT) * CHIP_FLASH_RUN1_BYTES +      \
     CHIP_RUN_PART(n, CHIP_FLASH_RUN0_COUNT + CHIP_FLASH_RUN1_COUNT, CHIP_FLASH_RUN2_COUNT) *      \
         CHIP_FLASH_RUN2_BYTES)

#endif
