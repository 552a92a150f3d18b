// SPDX-License-Identifier: MIT
//
// Erasing and programming: a start function begins, flash_poll() looks whether the unit is through
// and gives it the next word; it sleeps until then or until USB wants something. The unit is unlocked only from start to end of
// an operation, and asleep while it lasts. The bootloader's own sectors are refused here once more, whatever core asks for.
//
// Each erase and each word begins only while the supply is high enough (supply.h): before anything was
// touched the answer is FLASH_UNSAFE, in the middle of a block FLASH_FAILED, its rest untouched.

#include "port/stm32f4/flash.h"

#include "board.h"
#include "port/stm32f4/registers/flash.h"
#include "port/stm32f4/reset.h"
#include "port/stm32f4/sleep.h"
#include "port/stm32f4/stack_guard.h"
#include "port/stm32f4/supply.h"
#include "spec/bytes.h"

// Datasheet DS8626 table 40, x32: a 128 Kbyte sector takes 2 s at most, a word 100 us. Twice that
// and the clock's resolution; a unit that is not through by then will not be.
#define ERASE_MAX_MS 4000u
#define WORD_MAX_MS  2u
// The whole of flash at x8, which the protection's removal may use: 32 s at most (same table).
#define WIPE_MAX_MS  40000u
// Looks at BSY before flash_poll() gives up on the word under way while USB waits, which ends each sleep
// at once: some 16 us at 168 MHz, a word's typical time. A full-speed packet takes 50 us.
#define WORD_LOOKS   250u

// PSIZE for 2.7 to 3.6 V (RM0090 table 7), and that an operation's end wakes the processor up.
#define OPERATION    (FLASH_CR_PSIZE_X32 | FLASH_CR_EOPIE | FLASH_CR_ERRIE)

void flash_init(struct flash *flash, const struct flash_map *map, struct clock *clock) {
    flash->map = map;
    flash->clock = clock;
    flash->operation = FLASH_IDLE;
}

// Unlocks with a clean status register. False if the unit is busy or does not unlock (it then
// stays locked until the next reset, RM0090 3.6.1).
static bool unlock(void) {
    stack_guard_check();
    if (FLASH_SR & FLASH_SR_BSY) {
        return false;
    }
    // Flags of an earlier operation would pass for this one's, and an error flag keeps some parts
    // from starting at all; they clear by writing 1 (RM0090 3.9.5).
    FLASH_SR = FLASH_SR_EOP | FLASH_SR_ERRORS;
    if (FLASH_CR & FLASH_CR_LOCK) {
        FLASH_KEYR = FLASH_KEY1;
        FLASH_KEYR = FLASH_KEY2;
    }
    return !(FLASH_CR & FLASH_CR_LOCK);
}

// The option bytes make another division of the chip's flash than the map's (chips/stm32f42x.h).
static bool is_divided_otherwise(void) {
    return CHIP_HAS_DB1M && (FLASH_OPTCR & FLASH_OPTCR_DB1M);
}

// SNB: the sector's number; those of the second bank count on from 16 (RM0090 3.9.8).
static uint32_t number_of(unsigned sector) {
    bool is_second = CHIP_FLASH_SECTORS > CHIP_BANK_SECTORS && sector >= CHIP_BANK_SECTORS;
    return is_second ? sector - CHIP_BANK_SECTORS + 16u : sector;
}

static enum flash_result finish(struct flash *flash, enum flash_result result) {
    FLASH_SR = FLASH_SR_EOP | FLASH_SR_ERRORS;
    FLASH_CR = FLASH_CR_LOCK;
    flash->operation = FLASH_IDLE;
    return result;
}

static enum flash_result status_result(uint32_t status) {
    if (status & FLASH_SR_WRPERR) {
        return FLASH_PROTECTED;
    }
    return status & FLASH_SR_ERRORS ? FLASH_FAILED : FLASH_OK;
}

// Keeps an address in a register: the compiler would load it anew after each wait.
static volatile uint32_t *at_hand(volatile uint32_t *address) {
    __asm("" : "+r"(address));
    return address;
}

static void program_word(struct flash *flash, volatile uint32_t *at, uint32_t word) {
    *at = word;
    // BSY is to be seen by the next read of SR.
    __asm volatile("dsb" ::: "memory");
    // The word before is over with; this one takes some microseconds at least.
    FLASH_SR = FLASH_SR_EOP;
    sleep_forget_flash();
    flash->addr += 4u;
    flash->data += 4u;
    flash->left -= 4u;
    flash->started_ms = clock_millis(flash->clock);
}

enum flash_result flash_start_erase(struct flash *flash, unsigned sector) {
    if (flash->operation != FLASH_IDLE || sector >= flash_sector_count(flash->map)) {
        return FLASH_FAILED;
    }
    if (sector < flash->map->settings_first || is_divided_otherwise()) {
        return FLASH_PROTECTED;
    }
    if (!supply_is_safe()) {
        return FLASH_UNSAFE;
    }
    if (!unlock()) {
        return finish(flash, FLASH_FAILED);
    }
    // RM0090 3.6.3: SER and SNB first, then STRT.
    uint32_t erase = OPERATION | FLASH_CR_SER | FLASH_CR_SNB(number_of(sector));
    FLASH_CR = erase;
    FLASH_CR = erase | FLASH_CR_STRT;
    __asm volatile("dsb" ::: "memory");
    flash->operation = FLASH_ERASING;
    flash->started_ms = clock_millis(flash->clock);
    return FLASH_OK;
}

enum flash_result flash_start_program(struct flash *flash, uint32_t addr, const uint8_t *data,
                                      uint32_t len) {
    if (flash->operation != FLASH_IDLE || addr % 4u != 0 || len % 4u != 0 ||
        !flash_holds(flash->map, addr, len)) {
        return FLASH_FAILED;
    }
    if (addr < flash_sector_address(flash->map, flash->map->settings_first) ||
        is_divided_otherwise()) {
        return FLASH_PROTECTED;
    }
    if (len == 0) {
        return FLASH_OK;
    }
    if (!supply_is_safe()) {
        return FLASH_UNSAFE;
    }
    if (!unlock()) {
        return finish(flash, FLASH_FAILED);
    }
    FLASH_CR = OPERATION | FLASH_CR_PG;
    flash->operation = FLASH_PROGRAMMING;
    flash->addr = addr;
    flash->data = data;
    flash->left = len;
    program_word(flash, (volatile uint32_t *)(uintptr_t)addr, load_le32(data));
    return FLASH_OK;
}

enum flash_result flash_poll(struct flash *flash) {
    if (flash->operation == FLASH_IDLE) {
        return FLASH_OK;
    }
    // Waiting out the word under way and starting the next one here lets the rest of the main loop
    // run while flash works: no time is lost between words. What the next one takes is at hand before the unit is
    // through: a whole load loses a millisecond and a half with every cycle. An erase makes way for USB at once.
    bool is_programming = flash->operation == FLASH_PROGRAMMING;
    bool has_word = is_programming && flash->left > 0;
    volatile uint32_t *to = (volatile uint32_t *)(uintptr_t)flash->addr;
    uint32_t word = has_word ? load_le32(flash->data) : 0;
    volatile uint32_t *sr = at_hand(&FLASH_SR);
    volatile uint32_t *supply = at_hand(&SUPPLY_REGISTER);
    unsigned looks = is_programming ? WORD_LOOKS : 1;
    uint32_t status = *sr;
    if (status & FLASH_SR_BSY) {
        do {
            sleep_now();
            status = *sr;
        } while ((status & FLASH_SR_BSY) && --looks > 0);
    }
    if (has_word && !(status & FLASH_SR_BSY) && !(status & FLASH_SR_ERRORS) &&
        supply_says_safe(*supply)) {
        program_word(flash, to, word);
        return FLASH_BUSY;
    }
    if (status & FLASH_SR_BSY) {
        uint32_t max_ms = flash->operation == FLASH_ERASING ? ERASE_MAX_MS : WORD_MAX_MS;
        if (clock_millis(flash->clock) - flash->started_ms > max_ms) {
            return finish(flash, FLASH_FAILED);
        }
        return FLASH_BUSY;
    }
    enum flash_result result = status_result(status);
    // Words are left: the supply sags.
    return finish(flash, has_word && result == FLASH_OK ? FLASH_FAILED : result);
}

bool flash_is_protected(void) {
    uint32_t level = FLASH_OPTCR & FLASH_OPTCR_RDP_MASK;
    return level != FLASH_OPTCR_RDP(FLASH_RDP_LEVEL_0) &&
           level != FLASH_OPTCR_RDP(FLASH_RDP_LEVEL_2);
}

// RM0090 3.7.2 and 3.7.3: from level 1 to level 0 the hardware erases all of flash.
_Noreturn void flash_unprotect(struct flash *flash) {
    FLASH_OPTKEYR = FLASH_OPTKEY1;
    FLASH_OPTKEYR = FLASH_OPTKEY2;
    FLASH_OPTCR = (FLASH_OPTCR & ~FLASH_OPTCR_RDP_MASK) | FLASH_OPTCR_RDP(FLASH_RDP_LEVEL_0);
    FLASH_OPTCR |= FLASH_OPTCR_OPTSTRT;
    __asm volatile("dsb" ::: "memory");
    uint32_t start = clock_millis(flash->clock);
    while ((FLASH_SR & FLASH_SR_BSY) && clock_millis(flash->clock) - start < WIPE_MAX_MS) {
    }
    reset_into(MAILBOX_NONE, 0);
}
