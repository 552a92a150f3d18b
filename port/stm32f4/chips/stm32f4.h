// SPDX-License-Identifier: MIT
//
// What is the same on every STM32F4 of this folder: addresses, and how flash is divided into sectors.
// A line's header (stm32f40x.h ...) includes this one; a board includes a line's, with CHIP_FLASH_KB said
// before. For C and for the linker scripts alike (they run through the preprocessor), so plain
// numbers without suffixes. How flash is divided among bootloader, settings and application is the board's.

#ifndef PORT_STM32F4_CHIPS_STM32F4_H
#define PORT_STM32F4_CHIPS_STM32F4_H

// RM0090 tables 5 and 6, RM0368 table 5, RM0383 table 4: a bank is four sectors of 16 Kbytes, one of 64, then
// as many of 128 as it holds, up to 1 Mbyte. What is above 1 Mbyte is a second bank, divided likewise.
#define CHIP_FLASH_BASE       0x08000000
#define CHIP_BANK_SECTORS     12
#define CHIP_BANK_BYTES       0x100000
#define CHIP_FLASH_RUN0_COUNT 4
#define CHIP_FLASH_RUN0_BYTES 0x4000
#define CHIP_FLASH_RUN1_BYTES 0x10000
#define CHIP_FLASH_RUN2_BYTES 0x20000
#define CHIP_FLASH_RUN2_COUNT ((CHIP_FLASH_KB > 1024 ? 1024 : CHIP_FLASH_KB) / 128 - 1)
#define CHIP_FLASH_SECTORS                                                                         \
    (CHIP_FLASH_KB > 1024 ? 2 * CHIP_BANK_SECTORS : 5 + CHIP_FLASH_RUN2_COUNT)

// A bank in runs of equal sectors: count, bytes of each.
#define CHIP_BANK_RUNS                                                                             \
    {CHIP_FLASH_RUN0_COUNT, CHIP_FLASH_RUN0_BYTES}, {1, CHIP_FLASH_RUN1_BYTES}, {                  \
        CHIP_FLASH_RUN2_COUNT, CHIP_FLASH_RUN2_BYTES                                               \
    }
#if CHIP_FLASH_KB > 1024
#define CHIP_FLASH_RUNS CHIP_BANK_RUNS, CHIP_BANK_RUNS
#else
#define CHIP_FLASH_RUNS CHIP_BANK_RUNS
#endif

// First address of sector n; for n = CHIP_FLASH_SECTORS, the first address past flash. The four small
// sectors and the middle one take as much as one large one.
#define CHIP_SECTOR_IN_BANK(n)                                                                     \
    ((n) <= CHIP_FLASH_RUN0_COUNT ? (n)*CHIP_FLASH_RUN0_BYTES                                      \
                                  : ((n)-CHIP_FLASH_RUN0_COUNT) * CHIP_FLASH_RUN2_BYTES)
#define CHIP_SECTOR_ADDRESS(n)                                                                     \
    (CHIP_FLASH_BASE + (n) / CHIP_BANK_SECTORS * CHIP_BANK_BYTES +                                 \
     CHIP_SECTOR_IN_BANK((n) % CHIP_BANK_SECTORS))

// SRAM begins here, all its parts one behind the other. Core-coupled memory (CCM) holds no code, but an
// application's stack may lie there; CHIP_CCM_BYTES is 0 where there is none.
#define CHIP_SRAM_BASE     0x20000000
#define CHIP_CCM_BASE      0x10000000

// System memory with ST's bootloader (the tables above), and the unique device identifier, three words
// (RM0090 39.1, RM0368 24.1, RM0383 24.1).
#define CHIP_SYSTEM_MEMORY 0x1fff0000
#define CHIP_UID_BASE      0x1fff7a10

// The PLL, from a crystal of whole megahertz: HSE / M = 1 MHz, x N is the VCO, / P the core, / Q USB's
// 48 MHz. N, P and Q are a line's, chosen as the fastest core that leaves 48 MHz exact.
#define CHIP_VCO_HZ_MIN    100000000
#define CHIP_VCO_HZ_MAX    432000000

#endif
