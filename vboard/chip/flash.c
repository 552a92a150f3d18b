// SPDX-License-Identifier: MIT
//
// FLASH: the registers of the flash interface: keys, control, status, option bytes (RM0090 section
// 3.9, STM32F405/407, revision 21). What an operation does to the memory is in flash_memory.c.

#include <inttypes.h>

#include "vboard/chip/flash_internal.h"

// Register offsets (RM0090 3.9.11).
#define ACR         0x00u
#define KEYR        0x04u
#define OPTKEYR     0x08u
#define SR          0x0Cu
#define CR          0x10u
#define OPTCR       0x14u
#define OPTCR1      0x18u // where there are two banks

#define ACR_LATENCY 0x0000000Fu
#define ACR_ICEN    (1u << 9)
#define ACR_DCEN    (1u << 10)
#define ACR_ICRST   (1u << 11)
#define ACR_DCRST   (1u << 12)
#define ACR_MASK    0x0000070Fu

#define KEY1        0x45670123u // 3.9.3
#define KEY2        0xCDEF89ABu
#define OPTKEY1     0x08192A3Bu // 3.9.4
#define OPTKEY2     0x4C5D6E7Fu

#define CR_RESET    0x80000000u

static void write_acr(struct chip *chip, uint32_t value, uint32_t mask) {
    struct flash *flash = &chip->flash;
    uint32_t writable = ACR_MASK;

    // 3.9.2: the resets can be written with their cache off only.
    writable |= flash->acr & ACR_DCEN ? 0 : ACR_DCRST;
    writable |= flash->acr & ACR_ICEN ? 0 : ACR_ICRST;
    merge(&flash->acr, value, mask & writable);
    if (value & mask & writable & ACR_DCRST) {
        art_reset_data(chip);
    }
    if (value & mask & writable & ACR_ICRST) {
        art_reset_instructions(chip);
    }
    art_configure(chip);
    rcc_check_wait_states(chip);
}

// Follows a key sequence: returns the number of keys in a row, or jams.
static unsigned follow(unsigned key, uint32_t value, uint32_t first, uint32_t second,
                       bool *is_jammed) {
    if (key == 0 && value == first) {
        return 1;
    }
    if (key == 1 && value == second) {
        return 2;
    }
    *is_jammed = true;
    return 0;
}

static void complain_wrong_key(struct chip *chip, const char *name) {
    char where[WHERE_MAX];
    trace_complaint(chip->trace, "flash-wrong-key", name,
                    "wrong %s sequence at %s: a bus error, and locked until the next reset "
                    "(RM0090 3.6.1)",
                    name, chip_where(chip, where));
}

static void write_keyr(struct chip *chip, uint32_t value) {
    struct flash *flash = &chip->flash;

    if (flash->is_jammed) {
        chip->bus_error = true;
        return;
    }
    if (!(flash->cr & CR_LOCK)) {
        return; // unlocked already: drivers such as libopencm3's write the keys regardless
    }
    flash->key = follow(flash->key, value, KEY1, KEY2, &flash->is_jammed);
    if (flash->is_jammed) {
        chip->bus_error = true;
        complain_wrong_key(chip, "FLASH_KEYR");
    } else if (flash->key == 2) {
        flash->key = 0;
        flash->cr &= ~CR_LOCK;
        art_configure(chip);
        if (chip_is_first(chip, NEWS_UNLOCK)) { // ST's drivers unlock for every word
            trace_event(chip->trace, TRACE_FLASH, "unlock", "pc=0x%08" PRIx32, cpu_pc(chip->cpu));
        }
    }
}

static void write_optkeyr(struct chip *chip, uint32_t value) {
    struct flash *flash = &chip->flash;

    if (flash->option_is_jammed) {
        chip->bus_error = true;
        return;
    }
    if (!(flash->optcr & OPTCR_OPTLOCK)) {
        return;
    }
    flash->option_key =
        follow(flash->option_key, value, OPTKEY1, OPTKEY2, &flash->option_is_jammed);
    if (flash->option_is_jammed) {
        chip->bus_error = true;
        complain_wrong_key(chip, "FLASH_OPTKEYR");
    } else if (flash->option_key == 2) {
        flash->option_key = 0;
        flash->optcr &= ~OPTCR_OPTLOCK;
        trace_event(chip->trace, TRACE_FLASH, "option-unlock", "pc=0x%08" PRIx32,
                    cpu_pc(chip->cpu));
    }
}

static void write_sr(struct chip *chip, uint32_t value, uint32_t mask) {
    chip->flash.sr &= ~(value & mask & (SR_EOP | SR_ERRORS)); // rc_w1
    flash_update_irq(chip);
}

static void write_cr(struct chip *chip, uint32_t value, uint32_t mask) {
    struct flash *flash = &chip->flash;
    char where[WHERE_MAX];

    flash_wait(chip, 0x40023C00u + CR, CPU_WRITE); // 3.6.1 note
    if (flash->cr & CR_LOCK) {
        if ((value & mask & ~CR_LOCK) && chip_is_news(chip, NEWS_LOCKED)) {
            trace_complaint(chip->trace, "flash-write-while-locked", chip_where(chip, where),
                            "FLASH_CR written at %s while it is locked: the write is lost", where);
        }
        flash_tell(chip, &(struct chip_flash_news){
                             .what = CHIP_FLASH_LOCKED, .cr = value & mask, .sr = flash->sr});
        return;
    }
    merge(&flash->cr, value, mask & chip->model->line->flash_cr);
    flash->has_first_word = flash->has_first_word && (flash->cr & CR_PG);
    if (value & mask & CR_LOCK) {
        flash->cr |= CR_LOCK;
        art_configure(chip);
        if (chip_is_first(chip, NEWS_LOCK)) {
            trace_event(chip->trace, TRACE_FLASH, "lock", "pc=0x%08" PRIx32, cpu_pc(chip->cpu));
        }
    }
    if (value & mask & CR_STRT) {
        flash->cr |= CR_STRT;
        flash_start_erase(chip);
    }
    flash_update_irq(chip);
}

static void write_optcr(struct chip *chip, uint32_t value, uint32_t mask) {
    struct flash *flash = &chip->flash;

    flash_wait(chip, 0x40023C00u + OPTCR, CPU_WRITE);
    if (flash->optcr & OPTCR_OPTLOCK) {
        return;
    }
    if (flash_read_level(flash->option) == 2) {
        // 3.6.5: at level 2 the option bytes cannot be changed any more.
        trace_complaint(chip->trace, "option-bytes-for-ever", "",
                        "FLASH_OPTCR written with read protection at level 2: the option bytes of "
                        "this chip can never be changed again");
        return;
    }
    merge(&flash->optcr, value, mask & chip->model->line->optcr);
    if (value & mask & OPTCR_OPTSTRT) {
        if (flash->optcr & OPTCR_SPRMOD) {
            trace_complaint(chip->trace, "read-out-protection", "",
                            "option bytes set SPRMOD: proprietary code read-out protection is not "
                            "modelled, sectors can be read and nWRP protects as ever");
        }
        if (flash_read_level(flash->optcr) == 2) {
            trace_complaint(
                chip->trace, "read-protection-level-2", "",
                "option bytes set RDP to 0xCC: this cannot be undone on a chip, neither "
                "by a debugger nor by ST");
        }
        flash_end_run(chip);
        trace_event(chip->trace, TRACE_FLASH, "option", "value=0x%08" PRIx32,
                    flash->optcr & chip->model->line->optcr);
        flash->optcr |= OPTCR_OPTSTRT;
        flash_start_option(chip);
    }
    flash->optcr |= value & mask & OPTCR_OPTLOCK;
}

// The second bank's part of the option bytes goes with the first's when OPTSTRT is set.
static void write_optcr1(struct chip *chip, uint32_t value, uint32_t mask) {
    flash_wait(chip, 0x40023C00u + OPTCR1, CPU_WRITE);
    if (!(chip->flash.optcr & OPTCR_OPTLOCK)) {
        merge(&chip->flash.optcr1, value, mask & OPTCR1_MASK);
    }
}

static bool flash_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;
    const struct flash *flash = &chip->flash;

    flash_settle(chip);
    switch (off) {
    case ACR:
        *value = flash->acr;
        return true;
    case KEYR:
    case OPTKEYR:
        *value = 0; // write-only
        return true;
    case SR:
        *value = flash->sr;
        return true;
    case CR:
        *value = flash->cr;
        return true;
    case OPTCR:
        *value = flash->optcr;
        return true;
    case OPTCR1:
        *value = flash->optcr1;
        return chip->model->line->has_two_banks;
    default:
        return false;
    }
}

static bool flash_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    flash_settle(chip);
    switch (off) {
    case ACR:
        write_acr(chip, value, mask);
        return true;
    case KEYR:
        write_keyr(chip, value & mask); // word access only: part of a key is a wrong one
        return true;
    case OPTKEYR:
        write_optkeyr(chip, value & mask);
        return true;
    case SR:
        write_sr(chip, value, mask);
        return true;
    case CR:
        write_cr(chip, value, mask);
        return true;
    case OPTCR:
        write_optcr(chip, value, mask);
        return true;
    case OPTCR1:
        write_optcr1(chip, value, mask);
        return chip->model->line->has_two_banks;
    default:
        return false;
    }
}

static void flash_reset(void *ctx) {
    struct chip *chip = ctx;
    struct flash *flash = &chip->flash;

    flash_settle(chip);
    flash_end_run(chip);
    if (flash->is_busy) {
        if (chip->is_powered) {
            trace_complaint(chip->trace, "reset-during-flash-operation", "",
                            "reset while flash was busy at 0x%08" PRIx32
                            ": its contents are not guaranteed (RM0090 3.6)",
                            flash->op_addr);
        }
        flash_tear(chip);
        timeline_cancel(chip->timeline, &flash->done);
        flash->is_busy = false;
        chip_guard_flash(chip, 0);
    }
    flash->acr = 0;
    flash->sr = 0;
    flash->cr = CR_RESET;
    flash->optcr = flash->option | OPTCR_OPTLOCK;
    flash->optcr1 = flash->option1;
    flash->key = 0;
    flash->option_key = 0;
    flash->is_jammed = false;
    flash->option_is_jammed = false;
    flash->has_first_word = false;
    art_reset_data(chip);
    art_reset_instructions(chip);
    art_configure(chip);
    flash_update_irq(chip);
    flash_draw_weak(chip);
}

unsigned flash_wait_states(const struct chip *chip) {
    return chip->flash.acr & ACR_LATENCY;
}

void flash_free(struct chip *chip) {
    if (chip->flash.bytes) {
        flash_end_run(chip);
        timeline_cancel(chip->timeline, &chip->flash.done);
    }
}

const struct peripheral flash_peripheral = {
    .name = "FLASH",
    .base = 0x40023C00u,
    .size = 0x400,
    .read = flash_read,
    .write = flash_write,
    .reset = flash_reset,
};

void chip_set_flash_times(struct chip *chip, bool maximum) {
    chip->flash.maximum_times = maximum;
}

void chip_set_tear_seed(struct chip *chip, uint64_t seed) {
    chip->flash.tear_seed = seed;
}

void chip_power_off_inside(struct chip *chip) {
    chip->flash.is_cut_inside = chip->is_running; // start() goes on then
    if (!chip->is_running) {
        flash_tear(chip);
    }
    chip_power_off(chip);
}

void chip_on_flash_op(struct chip *chip, chip_flash_hook hook, void *ctx) {
    chip->flash.hook = hook;
    chip->flash.hook_ctx = ctx;
}

uint32_t chip_flash_erase_count(const struct chip *chip, unsigned sector) {
    return sector < FLASH_SECTORS ? chip->flash.erase_count[sector] : 0;
}

uint64_t chip_flash_programmed_bytes(const struct chip *chip, unsigned sector) {
    return sector < FLASH_SECTORS ? chip->flash.programmed_bytes[sector] : 0;
}

bool chip_flash_sector(const struct chip *chip, unsigned sector, uint32_t *addr, uint32_t *len) {
    if (!flash_has_sector(chip, sector)) {
        return false;
    }
    *addr = flash_addr(chip, flash_sector_off(chip, sector));
    *len = flash_sector_len(sector);
    return true;
}

struct chip_flash_stalls chip_flash_stalls(const struct chip *chip) {
    return chip->flash.stalls;
}
