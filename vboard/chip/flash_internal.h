// SPDX-License-Identifier: MIT
//
// Between the files of the FLASH interface: flash.c has the registers, flash_memory.c what happens to
// the memory behind them, flash_geometry.c where its sectors lie, flash_fault.c what a cut leaves.

#ifndef VBOARD_CHIP_FLASH_INTERNAL_H
#define VBOARD_CHIP_FLASH_INTERNAL_H

#include "vboard/chip/chip_state.h"

#define SR_EOP        (1u << 0)
#define SR_OPERR      (1u << 1)
#define SR_WRPERR     (1u << 4)
#define SR_PGAERR     (1u << 5)
#define SR_PGPERR     (1u << 6)
#define SR_PGSERR     (1u << 7)
#define SR_BSY        (1u << 16)
#define SR_ERRORS     (SR_OPERR | SR_WRPERR | SR_PGAERR | SR_PGPERR | SR_PGSERR)

#define CR_PG         (1u << 0)
#define CR_SER        (1u << 1)
#define CR_MER        (1u << 2)
#define CR_MER1       (1u << 15) // of bank 2
#define CR_STRT       (1u << 16)
#define CR_EOPIE      (1u << 24)
#define CR_ERRIE      (1u << 25)
#define CR_LOCK       (1u << 31)
#define OPTCR_OPTLOCK (1u << 0)
#define OPTCR_OPTSTRT (1u << 1)
#define OPTCR_BFB2    (1u << 4)
#define OPTCR_DB1M    (1u << 30)
#define OPTCR_SPRMOD  (1u << 31)
#define OPTCR1_MASK   0x0FFF0000u

enum { X8, X16, X32, X64 }; // PSIZE

// The one-time programmable area: 16 blocks of 32 bytes, then a lock byte each (RM0090 3.8).
#define OTP_BASE        0x1FFF7800u
#define OTP_BLOCK_BYTES 32u
#define OTP_LOCKS       0x200u
#define OTP_SIZE        0x210u

// What is told once a place in the code (chip_is_news() keeps them apart by address).
enum news {
    NEWS_ERROR = 0x40023C00, // plus the flag
    NEWS_STALL = 0x40023D00, // plus the kind of access
    NEWS_STALE_ERRORS = 0x40023D10,
    NEWS_PARALLELISM,
    NEWS_SUPPLY,
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
// What the option bytes hold from now on; reserved bits stay.
void flash_set_option(struct chip *chip, uint32_t option, uint32_t option1);
// The level of the interrupt line, from SR and CR.
void flash_update_irq(struct chip *chip);
// Tells the observer, if there is one.
void flash_tell(const struct chip *chip, const struct chip_flash_news *news);
// Writes the trace line of a run of programming, if one is open.
void flash_end_run(struct chip *chip);
// The processor is to forget what it decoded from flash, and from its image at address 0.
void flash_announce_change(struct chip *chip, uint32_t off, uint32_t len);

// --- flash_geometry.c: sectors by number, and where they lie in the flash's bytes ----------------

bool flash_has_sector(const struct chip *chip, unsigned sector);
uint32_t flash_sector_len(unsigned sector);
uint32_t flash_sector_off(const struct chip *chip, unsigned sector);
unsigned flash_sector_of(const struct chip *chip, uint32_t off);
// By the bits of FLASH_CR; FLASH_SECTORS where there is none.
unsigned flash_sector_by_snb(const struct chip *chip, uint32_t cr);
uint32_t flash_bank_bytes(const struct chip *chip);
// The banks a range lies in, a bit each; all of them where there is one.
unsigned flash_banks_of(const struct chip *chip, uint32_t off, uint32_t len);
bool flash_is_protected(const struct chip *chip, unsigned sector);

// --- flash_fault.c -------------------------------------------------------------------------------

// The operation op_* describes ends half done.
void flash_tear(struct chip *chip);
// A reset: weak bits settle anew.
void flash_draw_weak(struct chip *chip);
// True when a bit of the range is weak and programming this value there, least significant byte
// first, leaves it so.
bool flash_stays_weak(const struct chip *chip, uint32_t off, uint32_t len, uint64_t value);

#endif
