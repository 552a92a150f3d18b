// SPDX-License-Identifier: MIT
//
// Between the two files of the FLASH interface: flash.c has the registers, flash_memory.c what
// happens to the memory behind them.

#ifndef VBOARD_CHIP_FLASH_INTERNAL_H
#define VBOARD_CHIP_FLASH_INTERNAL_H

#include "vboard/chip/chip_state.h"

#define SR_EOP         (1u << 0)
#define SR_OPERR       (1u << 1)
#define SR_WRPERR      (1u << 4)
#define SR_PGAERR      (1u << 5)
#define SR_PGPERR      (1u << 6)
#define SR_PGSERR      (1u << 7)
#define SR_BSY         (1u << 16)
#define SR_ERRORS      (SR_OPERR | SR_WRPERR | SR_PGAERR | SR_PGPERR | SR_PGSERR)

#define CR_PG          (1u << 0)
#define CR_SER         (1u << 1)
#define CR_MER         (1u << 2)
#define CR_STRT        (1u << 16)
#define CR_EOPIE       (1u << 24)
#define CR_ERRIE       (1u << 25)
#define CR_LOCK        (1u << 31)
#define OPTCR_OPTLOCK  (1u << 0)
#define OPTCR_OPTSTRT  (1u << 1)
#define OPTCR_WRITABLE 0x0FFFFFECu

enum { X8, X16, X32, X64 }; // PSIZE

// What is told once a place in the code (chip_is_news() keeps them apart by address).
enum news {
    NEWS_ERROR = 0x40023C00, // plus the flag
    NEWS_STALL = 0x40023D00, // plus the kind of access
    NEWS_STALE_ERRORS = 0x40023D10,
    NEWS_PARALLELISM,
    NEWS_NON_BLANK,
    NEWS_LOCKED,
    NEWS_UNLOCK,
    NEWS_LOCK,
    NEWS_TORN,
};

// Ends the operation under way if its time has come: the processor's clock may be ahead of the
// event that does so.
void flash_settle(struct chip *chip);
// FLASH_CR.STRT, or OPTCR.OPTSTRT with the option bytes to be.
void flash_start_erase(struct chip *chip);
void flash_start_option(struct chip *chip);
// The level of the interrupt line, from SR and CR.
void flash_update_irq(struct chip *chip);
// Writes the trace line of a run of programming, if one is open.
void flash_end_run(struct chip *chip);
// The processor is to forget what it decoded from flash, and from its image at address 0.
void flash_announce_change(struct chip *chip, uint32_t addr, uint32_t len);

// Sectors of flash (RM0090 table 5), as offsets from its start.
uint32_t flash_sector_len(unsigned sector);
uint32_t flash_sector_off(unsigned sector);
unsigned flash_sector_of(uint32_t off);

// --- flash_fault.c -------------------------------------------------------------------------------

// The operation op_* describes ends half done.
void flash_tear(struct chip *chip);
// A reset: weak bits settle anew.
void flash_draw_weak(struct chip *chip);
// True when a bit of the range is weak.
bool flash_is_weak(const struct chip *chip, uint32_t off, uint32_t len);

#endif
