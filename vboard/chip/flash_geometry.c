// SPDX-License-Identifier: MIT
//
// Where flash sectors and banks lie (RM0090 tables 5 and 6; RM0368 table 5, RM0383 table 4, RM0390 table 4: the
// same sectors, fewer of them).
//
//   each bank: 4 x 16 KB, 64 KB, then 128 KB to its end
//   one bank:  sectors 0 to 11
//   two banks: sectors 0 to 11 and 12 to 23; of 512 KB each (1 MB with DB1M set) 0 to 7 and 12 to 19
//
// `bytes` is physical: bank 1 first. With SYSCFG_MEMRMP.FB_MODE the processor sees bank 2 first; that sector
// numbers and write protection stay with the physical bank then is from memory, RM0090 9.3.1 speaks of addresses.

#include "vboard/chip/flash_internal.h"

#define BANK_SECTORS 12u

unsigned flash_bank_count(const struct chip *chip) {
    const struct chip_model *model = chip->model;
    bool has_two = model->line->has_two_banks &&
                   (model->flash_bytes > 0x100000 ||
                    (model->flash_bytes == 0x100000 && chip->flash.option & OPTCR_DB1M));
    return has_two ? 2 : 1;
}

uint32_t flash_bank_bytes(const struct chip *chip) {
    return chip->model->flash_bytes / flash_bank_count(chip);
}

static uint32_t off_in_bank(unsigned number) {
    return number < 5 ? number * 0x4000 : (number - 4) * 0x20000;
}

uint32_t flash_sector_len(unsigned sector) {
    unsigned number = sector % BANK_SECTORS;
    return number < 4 ? 0x4000 : number == 4 ? 0x10000 : 0x20000;
}

bool flash_has_sector(const struct chip *chip, unsigned sector) {
    return sector / BANK_SECTORS < flash_bank_count(chip) &&
           off_in_bank(sector % BANK_SECTORS) < flash_bank_bytes(chip);
}

uint32_t flash_sector_off(const struct chip *chip, unsigned sector) {
    return sector / BANK_SECTORS * flash_bank_bytes(chip) + off_in_bank(sector % BANK_SECTORS);
}

unsigned flash_sector_of(const struct chip *chip, uint32_t off) {
    uint32_t bank = off / flash_bank_bytes(chip);
    off %= flash_bank_bytes(chip);
    return bank * BANK_SECTORS + (off < 0x10000   ? off / 0x4000
                                  : off < 0x20000 ? 4
                                                  : 4 + off / 0x20000);
}

unsigned flash_sector_by_snb(const struct chip *chip, uint32_t cr) {
    unsigned snb = cr >> 3 & (chip->model->line->has_two_banks ? 0x1F : 0xF);
    // 3.9.8 (STM32F42xxx): 0 to 11, then 12 and on are 0b10000 and on.
    unsigned sector = snb < 12 ? snb : snb < 16 ? FLASH_SECTORS : snb - 4;
    return sector < FLASH_SECTORS && flash_has_sector(chip, sector) ? sector : FLASH_SECTORS;
}

unsigned flash_banks_of(const struct chip *chip, uint32_t off, uint32_t len) {
    uint32_t bank_bytes = flash_bank_bytes(chip);
    if (flash_bank_count(chip) == 1) {
        return 3;
    }
    return (off < bank_bytes ? 1u : 0) | (off + len > bank_bytes ? 2u : 0);
}

bool flash_is_protected(const struct chip *chip, unsigned sector) {
    // What OPTCR was given takes effect when it is in the option bytes (RM0090 3.7.2).
    uint32_t option = sector < BANK_SECTORS ? chip->flash.option : chip->flash.option1;
    return !(option >> (16 + sector % BANK_SECTORS) & 1);
}

static uint32_t swapped(const struct chip *chip, uint32_t off) {
    return chip->is_bank_swapped ? off ^ chip->model->flash_bytes / 2 : off;
}

uint32_t flash_off(const struct chip *chip, uint32_t addr) {
    return swapped(chip, addr - FLASH_BASE);
}

uint32_t flash_addr(const struct chip *chip, uint32_t off) {
    return FLASH_BASE + swapped(chip, off);
}
