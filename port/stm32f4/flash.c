// SPDX-License-Identifier: MIT
//
// Erasing and programming: a start function begins, flash_poll() looks whether the unit is through
// and gives it the next word. Nothing waits longer than a word takes. The unit is unlocked only from start to end of
// an operation. The bootloader's own sectors are refused here once more, whatever core asks for.
//
// A supply too low for x32 is not looked for yet: FLASH_UNSAFE is never reported.

#include "port/stm32f4/flash.h"

#include "port/stm32f4/registers/flash.h"
#include "spec/bytes.h"

// Datasheet DS8626 table 40, x32: a 128 Kbyte sector takes 2 s at most, a word 100 us. Twice that
// and the clock's resolution; a unit that is not through by then will not be.
#define ERASE_MAX_MS 4000u
#define WORD_MAX_MS  2u
// Looks at BSY before flash_poll() gives up on the word under way: some 16 us at 168 MHz, a word's
// typical time. A full-speed packet takes 50 us, so USB does not miss the main loop.
#define WORD_SPINS   400u

void flash_init(struct flash *flash, const struct flash_map *map, struct clock *clock) {
    flash->map = map;
    flash->clock = clock;
    flash->operation = FLASH_IDLE;
}

// Unlocks with a clean status register. False if the unit is busy or does not unlock (it then
// stays locked until the next reset, RM0090 3.6.1).
static bool unlock(void) {
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

static void program_word(struct flash *flash) {
    *(volatile uint32_t *)(uintptr_t)flash->addr = load_le32(flash->data);
    // BSY is to be seen by the next read of SR.
    __asm volatile("dsb" ::: "memory");
    flash->addr += 4u;
    flash->data += 4u;
    flash->left -= 4u;
    flash->started_ms = clock_millis(flash->clock);
}

enum flash_result flash_start_erase(struct flash *flash, unsigned sector) {
    if (flash->operation != FLASH_IDLE || sector >= flash_sector_count(flash->map)) {
        return FLASH_FAILED;
    }
    if (sector < flash->map->settings_first) {
        return FLASH_PROTECTED;
    }
    if (!unlock()) {
        return finish(flash, FLASH_FAILED);
    }
    // RM0090 3.6.3: SER and SNB first, then STRT. SNB is the sector's number up to 11; the second
    // bank of larger parts counts on from 16.
    FLASH_CR = FLASH_CR_PSIZE_X32 | FLASH_CR_SER | FLASH_CR_SNB(sector);
    FLASH_CR = FLASH_CR_PSIZE_X32 | FLASH_CR_SER | FLASH_CR_SNB(sector) | FLASH_CR_STRT;
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
    if (addr < flash_sector_address(flash->map, flash->map->settings_first)) {
        return FLASH_PROTECTED;
    }
    if (len == 0) {
        return FLASH_OK;
    }
    if (!unlock()) {
        return finish(flash, FLASH_FAILED);
    }
    FLASH_CR = FLASH_CR_PSIZE_X32 | FLASH_CR_PG;
    flash->operation = FLASH_PROGRAMMING;
    flash->addr = addr;
    flash->data = data;
    flash->left = len;
    program_word(flash);
    return FLASH_OK;
}

enum flash_result flash_poll(struct flash *flash) {
    if (flash->operation == FLASH_IDLE) {
        return FLASH_OK;
    }
    uint32_t status = FLASH_SR;
    // Waiting out the word under way and starting the next one here lets the rest of the main loop
    // run while flash works: no time is lost between words.
    for (unsigned spins = WORD_SPINS;
         flash->operation == FLASH_PROGRAMMING && (status & FLASH_SR_BSY) && spins > 0; spins--) {
        status = FLASH_SR;
    }
    if (status & FLASH_SR_BSY) {
        uint32_t max_ms = flash->operation == FLASH_ERASING ? ERASE_MAX_MS : WORD_MAX_MS;
        if (clock_millis(flash->clock) - flash->started_ms > max_ms) {
            return finish(flash, FLASH_FAILED);
        }
        return FLASH_BUSY;
    }
    enum flash_result result = status_result(status);
    if (result == FLASH_OK && flash->operation == FLASH_PROGRAMMING && flash->left > 0) {
        program_word(flash);
        return FLASH_BUSY;
    }
    return finish(flash, result);
}
