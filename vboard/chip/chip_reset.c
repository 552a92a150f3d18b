// SPDX-License-Identifier: MIT
//
// Resets by their causes, power that goes and comes, and what the boot pins put at address 0.

#include <inttypes.h>
#include <string.h>

#include "spec/bytes.h"
#include "vboard/chip/chip_internal.h"
#include "vboard/chip/flash_internal.h"

#define MEMRMP_FB_MODE (1u << 8) // RM0090 9.3.1

// RM0090 9.3.1: the order of the banks of a flash that has two.
static bool swaps_banks(const struct chip *chip, uint32_t memrmp) {
    return memrmp & MEMRMP_FB_MODE && flash_bank_count(chip) == 2;
}

// Shows flash at its own address, or nothing with read protection.
static void map_flash(struct chip *chip) {
    uint32_t size = chip->is_flash_shut ? 0 : chip->model->flash_bytes / chip->flash_regions;

    for (unsigned i = 0; i < chip->flash_regions; i++) {
        cpu_region_set_bytes(chip->cpu, chip->flash_region[i],
                             chip->flash.bytes + flash_off(chip, FLASH_BASE + i * size), size,
                             false);
    }
}

void chip_remap(struct chip *chip, uint32_t memrmp) {
    // RM0090 9.2.1 MEM_MODE; FSMC (2) has nothing behind it here.
    static const struct {
        uint8_t boot;
        bool writable;
    } map[4] = {{BOOT_FLASH, false}, {BOOT_SYSTEM, false}, {BOOT_FSMC, false}, {BOOT_SRAM, true}};
    unsigned mode = memrmp & 3;
    bool is_flash = map[mode].boot == BOOT_FLASH;
    // With read protection, flash put at address 0 by software (MEM_MODE) is as shut as flash itself.
    uint32_t half = chip->is_flash_shut ? 0 : chip->model->flash_bytes / chip->flash_regions;

    if (chip->is_bank_swapped != swaps_banks(chip, memrmp)) {
        chip->is_bank_swapped = !chip->is_bank_swapped;
        // What the ART does then the manual does not say; here it starts anew.
        art_reset_instructions(chip);
        art_reset_data(chip);
        map_flash(chip);
    }
    uint8_t *const bytes[4] = {chip->flash.bytes + flash_off(chip, FLASH_BASE), chip->system,
                               chip->system, chip->sram};
    const uint32_t sizes[4] = {half, SYSTEM_SIZE, 0, chip->model->sram_bytes};
    chip->boot = map[mode].boot;
    if (chip->flash_regions == 2) { // first, as the other may reach as far
        cpu_region_set_bytes(chip->cpu, chip->boot_region[1],
                             chip->flash.bytes + flash_off(chip, FLASH_BASE + half),
                             is_flash ? half : 0, false);
    }
    cpu_region_set_bytes(chip->cpu, chip->boot_region[0], bytes[mode], sizes[mode],
                         map[mode].writable);
    chip_guard_flash(chip, chip->flash.is_busy ? chip->flash.op_banks : 0);
    art_configure(chip);
}

// AN2606, "dual bank boot": with BFB2 ST's bootloader looks into bank 2 first and shows it as the first bank
// if a stack pointer into SRAM stands there; else bank 1 is started. From memory.
static bool starts_in_bank_2(const struct chip *chip) {
    uint32_t stack;
    memcpy(&stack, chip->flash.bytes + chip->model->flash_bytes / 2, sizeof stack);
    return chip->flash.option & OPTCR_BFB2 && flash_bank_count(chip) == 2 &&
           (stack >> 20 == SRAM_BASE >> 20 || stack >> 20 == CCM_BASE >> 20);
}

// RM0090 3.7.5: with SPRMOD an nWRP bit of 1 closes its sector to reads of data. Of sector 0 that is the vector
// table: boards in the field did not start any more (STM32F429, reports in ST's community). What else can be
// read of a sector and what not is not modelled.
static bool are_vectors_closed(const struct chip *chip) {
    const uint32_t closed = OPTCR_SPRMOD | 1u << 16;
    return (chip->flash.option & chip->model->line->optcr & closed) == closed;
}

uint32_t chip_reset_vector(const struct chip *chip) {
    return load_le32(chip->flash.bytes + flash_off(chip, FLASH_BASE) + 4);
}

// Whether a processor gets its first instruction from there: Thumb (PM0214 2.1.3), and in a memory: at its address, at 0
// as the boot pins map it, or system memory.
static bool is_start(const struct chip *chip, uint32_t vector) {
    uint32_t addr = vector & ~1u;
    return (vector & 1) && (chip_has_memory(chip, addr, 2) || addr < chip->model->flash_bytes ||
                            addr >> 16 == SYSTEM_BASE >> 16);
}

// RM0090 2.4 table 2 and 3.6.5: the boot pins choose what is at address 0; protected flash is out of
// reach unless the chip boots from it, and at level 2 it always does.
static void boot(struct chip *chip) {
    unsigned port = 0, pin = 0;
    unsigned level = flash_read_level(chip->flash.option);
    unsigned mode = BOOT_FLASH;

    if (chip->boot0 && level < 2) {
        (void)gpio_find_pin(chip, "PB2", &port, &pin); // BOOT1
        mode = chip->gpio[port].outside[pin] == 1 ? BOOT_SRAM : BOOT_SYSTEM;
        trace_event(chip->trace, TRACE_RESET, "boot", "from=%s",
                    mode == BOOT_SRAM ? "sram" : "system-memory");
    }
    chip->is_system_boot = mode == BOOT_SYSTEM;
    chip->syscfg.memrmp = mode; // 9.2.1: as the pins say
    if (mode == BOOT_FLASH && starts_in_bank_2(chip)) {
        chip->syscfg.memrmp |= MEMRMP_FB_MODE;
        trace_event(chip->trace, TRACE_RESET, "boot", "from=bank-2");
    }
    chip->is_flash_shut = level > 0 && mode != BOOT_FLASH;
    if (mode == BOOT_FLASH && are_vectors_closed(chip)) {
        trace_complaint(
            chip->trace, "read-out-protection", "",
            "option bytes 0x%08" PRIx32 " close sector 0 to reads of data (SPRMOD, nWRP "
            "bits of 1): the processor cannot read its vectors, and nothing starts until "
            "read protection is taken away, which erases all",
            chip->flash.option);
        chip->is_flash_shut = true;
    }
    map_flash(chip);
    chip_remap(chip, chip->syscfg.memrmp);
}

void chip_guard_flash(struct chip *chip, unsigned banks) {
    for (unsigned i = 0; i < chip->flash_regions; i++) {
        // Halves in the order of addresses, banks in the order of bytes.
        bool is_guarded = banks >> (i ^ chip->is_bank_swapped) & 1;
        cpu_region_guard(chip->cpu, chip->flash_region[i], is_guarded);
        cpu_region_guard(chip->cpu, chip->boot_region[i],
                         (chip->boot == BOOT_SYSTEM && i == 0) ||
                             (chip->boot == BOOT_FLASH && is_guarded));
    }
}

void chip_reset_peripherals(struct chip *chip, uint32_t enable_register, uint32_t bits) {
    for (size_t i = 0; i < chip->peripheral_count; i++) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (peripheral->enable_register == enable_register && (peripheral->enable_bit & bits) &&
            peripheral->reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
}

// SRAM after power-on holds anything but what a program hopes for, each time something else.
static void fill_undefined(uint8_t *bytes, uint32_t len, uint32_t power_ups) {
    uint64_t word = 0x5EEDF00D5EEDF00Du + power_ups * 0x3C6EF3723C6EF372u; // odd whatever is added

    for (uint32_t off = 0; off + 8 <= len; off += 8) {
        word ^= word << 13; // xorshift64 (Marsaglia 2003): never zero
        word ^= word >> 7;
        word ^= word << 17;
        memcpy(bytes + off, &word, 8);
    }
}

static void lose_sram(struct chip *chip) {
    fill_undefined(chip->sram, chip->model->sram_bytes, chip->power_ups);
    fill_undefined(chip->ccm, chip->model->ccm_bytes, chip->power_ups);
    chip->power_ups++;
    cpu_code_changed(chip->cpu, SRAM_BASE, chip->model->sram_bytes);
}

// RM0090 7.1.1: each internal source holds NRST for 20 us at least (DS8626, TNRST_OUT); somebody who
// presses a button holds it longer. A power-on's own delay (DS8626, TRSTTEMPO, 1.5 ms typical) is not
// here: time zero is when it is over.
#define RESET_PULSE_PS (20 * PS_PER_US)

static void tell_reset(struct chip *chip, const char *cause) {
    if (chip->observer.reset) {
        chip->observer.reset(chip->observer.ctx, cause);
    }
}

void chip_perform_reset(struct chip *chip, enum reset_cause cause) {
    // RM0090 7.1: which flags each source leaves in RCC_CSR. A software reset pulls NRST as well.
    static const struct {
        const char *name;
        uint32_t flags;
    } causes[] = {
        [RESET_POWER_ON] = {"power-on", RCC_CSR_PORRSTF | RCC_CSR_BORRSTF | RCC_CSR_PINRSTF},
        [RESET_PIN] = {"pin", RCC_CSR_PINRSTF},
        [RESET_SOFTWARE] = {"software", RCC_CSR_SFTRSTF | RCC_CSR_PINRSTF},
        [RESET_BROWN_OUT] = {"brown-out", RCC_CSR_BORRSTF | RCC_CSR_PINRSTF},
        [RESET_IWDG] = {"iwdg", RCC_CSR_IWDGRSTF | RCC_CSR_PINRSTF},
        [RESET_WWDG] = {"wwdg", RCC_CSR_WWDGRSTF | RCC_CSR_PINRSTF},
        [RESET_LOW_POWER] = {"low-power", RCC_CSR_LPWRRSTF | RCC_CSR_PINRSTF},
        [RESET_STANDBY] = {"standby", 0},
    };

    chip->pending_reset = RESET_NONE;
    if (chip->low_power.mode == LOW_POWER_STANDBY) {
        lose_sram(chip);
    }
    trace_event(chip->trace, TRACE_RESET, "reset", "cause=%s", causes[cause].name);
    tell_reset(chip, causes[cause].name);
    // RCC, the first, comes last: a peripheral is not to see its clock fail before its own reset.
    for (size_t i = chip->peripheral_count; i-- > 0;) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (cause == RESET_POWER_ON && peripheral->power_on) {
            peripheral->power_on(peripheral->ctx);
        }
        if (peripheral->reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
    rcc_set_reset_flags(chip, causes[cause].flags);
    low_power_reset(chip);
    boot(chip);
    chip->is_empty = memcmp(chip->flash.bytes + flash_off(chip, FLASH_BASE),
                            "\xff\xff\xff\xff\xff\xff\xff\xff", 8) == 0;
    chip->has_no_start = !chip->is_empty && chip->boot == BOOT_FLASH && !chip->is_flash_shut &&
                         !is_start(chip, chip_reset_vector(chip));
    cpu_reset(chip->cpu);
    if (cause != RESET_POWER_ON && cause != RESET_STANDBY) {
        chip_take_time(chip, RESET_PULSE_PS);
    }
}

void chip_lose_registers(struct chip *chip) {
    for (size_t i = chip->peripheral_count; i-- > 0;) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (peripheral->reset && peripheral->reset != iwdg_peripheral.reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
}

void chip_perform_power_off(struct chip *chip) {
    chip->pending_reset = RESET_NONE;
    low_power_reset(chip);
    chip->is_powered = false;
    tell_reset(chip, "power-off");
    // The last first: none is to find its clock gone before it.
    for (size_t i = chip->peripheral_count; i-- > 0;) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (peripheral->power_on) {
            peripheral->power_on(peripheral->ctx);
        }
        if (peripheral->reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
    chip->flash.is_cut_inside = false;
}

void chip_request_reset(struct chip *chip, enum reset_cause cause) {
    if (!chip_has_power(chip) && cause != RESET_POWER_ON) {
        return;
    }
    if (chip->is_running) {
        chip->pending_reset = cause;
        cpu_break(chip->cpu);
    } else {
        chip_perform_reset(chip, cause);
    }
}

void chip_power_on(struct chip *chip) {
    lose_sram(chip);
    if (!chip->is_powered) {
        chip->is_powered = true;
        chip_rebase(chip);
    }
    chip_request_reset(chip, RESET_POWER_ON);
    supply_power_on(chip);
}

bool chip_has_power(const struct chip *chip) {
    return chip->is_powered && chip->pending_reset != RESET_POWER_OFF;
}

void chip_power_off(struct chip *chip) {
    if (!chip_has_power(chip)) {
        return;
    }
    flash_end_run(chip);
    trace_event(chip->trace, TRACE_RESET, "power-off", "");
    if (chip->is_running) {
        chip->pending_reset = RESET_POWER_OFF;
        cpu_break(chip->cpu);
    } else {
        chip_perform_power_off(chip);
    }
}

bool chip_is_powered(const struct chip *chip) {
    return chip_has_power(chip);
}

void chip_reset_pin(struct chip *chip) {
    chip_request_reset(chip, RESET_PIN);
}
