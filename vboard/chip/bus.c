// SPDX-License-Identifier: MIT
//
// The bus: which peripheral answers an address, what reaches it of a sub-word access, and what is
// said of accesses that reach nothing. Stores to flash and fetches from guarded memory pass here
// on their way to flash.c.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vboard/chip/chip_state.h"
#include "vboard/chip/flash_internal.h"

#define DBGMCU_BASE      0xE0042000u
#define MEMORY_SLOT_SIZE 0x1000u // from FSMC_BASE on
// RCC in the memory maps of RM0008, RM0091, RM0316, RM0351, RM0377, RM0440 and RM0444.
#define RCC_OF_OTHERS    0x40021000u

// --- places in the code -----------------------------------------------------------------------------

const char *chip_where(const struct chip *chip, char text[WHERE_MAX]) {
    uint32_t pc = cpu_pc(chip->cpu);
    uint32_t offset = 0;
    const char *name = chip->symbol ? chip->symbol(chip->symbol_ctx, pc, &offset) : NULL;

    if (name) {
        snprintf(text, WHERE_MAX, "0x%08" PRIx32 " (%.60s+0x%" PRIx32 ")", pc, name, offset);
    } else {
        snprintf(text, WHERE_MAX, "0x%08" PRIx32, pc);
    }
    return text;
}

const char *chip_symbol(const struct chip *chip) {
    uint32_t offset = 0;
    const char *name =
        chip->symbol ? chip->symbol(chip->symbol_ctx, cpu_pc(chip->cpu), &offset) : NULL;
    return name ? name : "?";
}

// The entry of a key, made if it is not there; NULL when there is no room.
static struct reported *remember(struct chip *chip, uint64_t key, bool *is_new) {
    size_t slot = (size_t)((key * 0x9E3779B97F4A7C15ull) >> 52) % REPORTED_MAX;

    *is_new = false;
    while (chip->reported[slot].key) {
        if (chip->reported[slot].key == key) {
            return &chip->reported[slot];
        }
        slot = (slot + 1) % REPORTED_MAX;
    }
    if (chip->reported_count >= REPORTED_MAX * 3 / 4) {
        return NULL; // a firmware that goes wrong in thousands of places has been told so
    }
    *is_new = true;
    chip->reported[slot].key = key;
    chip->reported_count++;
    return &chip->reported[slot];
}

// The complaint that followed the last news: later times count for it.
static void settle_news(struct chip *chip) {
    if (chip->news[0] && chip->trace->complaint_count > chip->complaints_before) {
        chip->news[0]->grievance = chip->trace->newest;
        if (chip->news[1]) {
            chip->news[1]->grievance = chip->trace->newest;
        }
    }
    chip->news[0] = chip->news[1] = NULL;
}

static void repeat(struct chip *chip, const struct reported *known) {
    if (known && known->grievance) {
        trace_repeat(chip->trace, known->grievance);
    }
}

// The place, and the function it is in (NULL without a symbol). False if either was there before.
static bool is_first(struct chip *chip, uint32_t addr, struct reported *found[2]) {
    uint32_t pc = cpu_pc(chip->cpu);
    uint32_t offset = 0;
    bool is_new;

    // The exact place first: it costs no look-up of a symbol. Code addresses are even, so bit 0
    // tells a symbol's start from a PC.
    found[0] = remember(chip, (uint64_t)addr << 32 | (pc & ~1u), &is_new);
    found[1] = NULL;
    if (!is_new || !chip->symbol || !chip->symbol(chip->symbol_ctx, pc, &offset)) {
        return is_new;
    }
    found[1] = remember(chip, (uint64_t)addr << 32 | (pc - offset) | 0x1u, &is_new);
    if (!is_new && found[1]) {
        found[0]->grievance = found[1]->grievance;
    }
    return is_new;
}

bool chip_is_first(struct chip *chip, uint32_t addr) {
    struct reported *found[2];
    return is_first(chip, addr, found);
}

bool chip_is_news(struct chip *chip, uint32_t addr) {
    struct reported *found[2];

    settle_news(chip);
    if (!is_first(chip, addr, found)) {
        repeat(chip, found[0]);
        return false;
    }
    memcpy(chip->news, found, sizeof(found));
    chip->complaints_before = chip->trace->complaint_count;
    return true;
}

// --- who answers ------------------------------------------------------------------------------------------

static const struct peripheral *find(const struct chip *chip, uint32_t addr) {
    uint32_t slot = (addr - 0x40000000u) / SLOT_SIZE;
    if (slot < SLOTS_A_REGION) {
        return chip->slots[0][slot];
    }
    slot = (addr - 0x50000000u) / SLOT_SIZE;
    if (slot < SLOTS_A_REGION) {
        return chip->slots[1][slot];
    }
    if (addr - FSMC_BASE < 2 * MEMORY_SLOT_SIZE) {
        return chip->memory_slots[(addr - FSMC_BASE) / MEMORY_SLOT_SIZE];
    }
    return addr - DBGMCU_BASE < SLOT_SIZE ? chip->dbgmcu_slot : NULL;
}

// Address ranges where a missing model is reported rather than answered with a bus error: the
// peripheral regions (RM0090 table 1), FSMC registers, and the private peripheral bus.
static bool is_peripheral_space(uint32_t addr) {
    return (addr >= 0x40000000u && addr < 0x60000000u) ||
           (addr >= 0xA0000000u && addr < 0xA0002000u) ||
           (addr >= 0xE0000000u && addr < 0xE0100000u);
}

// Kept out of the read path, which a polling loop goes through at every turn.
#define RARE __attribute__((noinline, cold))

RARE static void report_unmodelled(struct chip *chip, const struct peripheral *peripheral,
                                   uint32_t addr, const char *verb) {
    char where[WHERE_MAX];
    char key[WHERE_MAX + 16];

    if (!chip_is_news(chip, addr)) {
        return;
    }
    snprintf(key, sizeof(key), "%08" PRIx32 " %s", addr, chip_where(chip, where));
    if (peripheral) {
        trace_complaint(chip->trace, "unmodelled-access", key,
                        "%s of %s+0x%02" PRIx32 " (0x%08" PRIx32 ") at %s: this register is not "
                        "modelled, %s",
                        verb, peripheral->name, addr - peripheral->base, addr, where,
                        verb[0] == 'r' ? "it reads 0" : "the write is lost");
    } else {
        trace_complaint(chip->trace, "unmodelled-access", key,
                        "%s of 0x%08" PRIx32 " at %s: no register is there, %s", verb, addr, where,
                        verb[0] == 'r' ? "it reads 0" : "the write is lost");
    }
}

// A firmware for another family begins with its clocks, too.
RARE static void report_family(struct chip *chip, const struct peripheral *peripheral) {
    char where[WHERE_MAX];

    trace_complaint(chip->trace, "another-family", "",
                    "at %s the firmware reaches for 0x%08X, which is RCC on STM32F0, F1, F3, G0, "
                    "G4, L0 and L4 and %s here, before it has written anything to this chip's RCC "
                    "(0x40023800): is it for another family?",
                    chip_where(chip, where), RCC_OF_OTHERS, peripheral->name);
}

RARE static void report_unreachable(struct chip *chip, const struct peripheral *peripheral,
                                    const char *verb) {
    bool is_clocked = rcc_is_clocked(chip, peripheral);
    char where[WHERE_MAX];

    if (chip_is_news(chip, peripheral->base)) {
        trace_complaint(chip->trace, is_clocked ? "peripheral-in-reset" : "unclocked-peripheral",
                        chip_where(chip, where), "%s of %s at %s while its %s: %s", verb,
                        peripheral->name, where,
                        is_clocked ? "reset bit in RCC is set" : "clock is off in RCC",
                        verb[0] == 'r' ? "it reads 0" : "the write is lost");
        if (peripheral->base == RCC_OF_OTHERS && !chip->rcc.is_used) {
            report_family(chip, peripheral);
        }
    }
}

static bool is_reachable(const struct chip *chip, const struct peripheral *peripheral) {
    return !peripheral->enable_register ||
           (rcc_is_clocked(chip, peripheral) && !rcc_is_in_reset(chip, peripheral));
}

static uint32_t lanes(uint32_t addr, unsigned size) {
    return size == 4 ? 0xFFFFFFFFu : ((1u << (8 * size)) - 1) << (8 * (addr & 3));
}

bool chip_bus_read(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct chip *chip = ctx;
    const struct peripheral *peripheral = find(chip, addr);
    uint32_t word = 0;

    *value = 0;
    if (!peripheral) {
        if (!is_peripheral_space(addr)) {
            return false;
        }
        report_unmodelled(chip, NULL, addr, "read");
        return true;
    }
    if (!peripheral->read) {
        report_unmodelled(chip, peripheral, addr, "read");
        return true;
    }
    if (!is_reachable(chip, peripheral)) {
        report_unreachable(chip, peripheral, "read");
        return true;
    }
    if (!peripheral->read(peripheral->ctx, (addr - peripheral->base) & ~3u, &word)) {
        report_unmodelled(chip, peripheral, addr, "read");
        return true;
    }
    if ((addr & ~3u) == chip->stuck_addr) {
        word = (word & ~chip->stuck_mask) | (chip->stuck_value & chip->stuck_mask);
    }
    *value = size == 4 ? word : (word & lanes(addr, size)) >> (8 * (addr & 3));
    return true;
}

static bool write_peripheral(struct chip *chip, const struct peripheral *peripheral, uint32_t addr,
                             unsigned size, uint32_t value) {
    uint32_t mask = lanes(addr, size);

    if (size == 1) {
        value = (value & 0xFF) * 0x01010101u;
    } else if (size == 2) {
        value = (value & 0xFFFF) * 0x00010001u;
    }
    if (addr < 0x40020000u) {
        mask = 0xFFFFFFFFu; // behind an APB bridge (RM0090 2.1.6, table 1)
    }
    chip->bus_error = false;
    if (!peripheral->write(peripheral->ctx, (addr - peripheral->base) & ~3u, value, mask)) {
        report_unmodelled(chip, peripheral, addr, "write");
    }
    return !chip->bus_error;
}

// A store to memory that is not simply written: flash, system memory, their images at 0.
static bool write_memory(struct chip *chip, uint32_t addr, unsigned size, uint32_t value) {
    char where[WHERE_MAX];

    if (addr < chip->model->flash_bytes && chip->boot == BOOT_FLASH) {
        addr += FLASH_BASE;
    }
    if (chip->is_flash_shut && addr - FLASH_BASE < chip->model->flash_bytes) {
        return false;
    }
    if (addr - FLASH_BASE < chip->model->flash_bytes || addr - OTP_BASE < OTP_SIZE) {
        flash_store(chip, addr, size, value);
        return true;
    }
    if (addr - SYSTEM_BASE < SYSTEM_SIZE) {
        if (chip_is_news(chip, addr)) {
            trace_complaint(chip->trace, "write-to-rom", chip_where(chip, where),
                            "write to 0x%08" PRIx32
                            " at %s: system memory and option bytes are not "
                            "written this way",
                            addr, where);
        }
        return true;
    }
    return false;
}

bool chip_bus_write(void *ctx, uint32_t addr, unsigned size, uint32_t value) {
    struct chip *chip = ctx;
    const struct peripheral *peripheral = find(chip, addr);

    if (chip->pending_reset == RESET_POWER_OFF) {
        return true; // the rest of an instruction whose power is gone
    }
    if (!peripheral && !is_peripheral_space(addr)) {
        return write_memory(chip, addr, size, value);
    }
    // IPSR is 0 in no handler. A watchdog is fed wherever a program waits.
    if (!(cpu_register(chip->cpu, 16) & 0x1ff) && (!peripheral || peripheral->base != IWDG_BASE)) {
        chip->program_writes++;
    }
    if (!peripheral) {
        report_unmodelled(chip, NULL, addr, "write");
        return true;
    }
    if (!peripheral->write) {
        report_unmodelled(chip, peripheral, addr, "write");
        return true;
    }
    if (!is_reachable(chip, peripheral)) {
        report_unreachable(chip, peripheral, "write");
        return true;
    }
    return write_peripheral(chip, peripheral, addr, size, value);
}

void chip_bus_guarded(void *ctx, uint32_t addr, enum cpu_access access) {
    struct chip *chip = ctx;
    char where[WHERE_MAX];
    bool is_system =
        addr - SYSTEM_BASE < SYSTEM_SIZE || (addr < SYSTEM_SIZE && chip->boot == BOOT_SYSTEM);

    if (!is_system) {
        flash_wait(chip, addr, access);
        return;
    }
    if (access == CPU_FETCH && chip_is_news(chip, SYSTEM_BASE)) {
        trace_complaint(chip->trace, "rom-bootloader", "",
                        "%s ST's ROM bootloader (system memory, at %s), which "
                        "is not modelled here: the chip waits there for ever",
                        chip->is_system_boot ? "BOOT0 is high, so the chip started"
                                             : "the firmware jumped to",
                        chip_where(chip, where));
    }
}

void chip_stick(struct chip *chip, uint32_t addr, uint32_t mask, uint32_t value) {
    chip->stuck_addr = addr;
    chip->stuck_mask = mask;
    chip->stuck_value = value;
}

uint32_t chip_program_writes(const struct chip *chip) {
    return chip->program_writes;
}

uint32_t chip_peek_register(const struct chip *chip, uint32_t addr) {
    const struct peripheral *peripheral = find(chip, addr);
    uint32_t word = 0;

    if (!peripheral || !peripheral->read || !is_reachable(chip, peripheral)) {
        return 0;
    }
    uint32_t off = (addr - peripheral->base) & ~3u;
    bool is_there = peripheral->peek ? peripheral->peek(peripheral->ctx, off, &word)
                                     : peripheral->read(peripheral->ctx, off, &word);
    return is_there ? word : 0;
}

const char *chip_peripheral_at(const struct chip *chip, uint32_t addr, uint32_t *base) {
    const struct peripheral *peripheral = find(chip, addr);

    if (!peripheral) {
        return NULL;
    }
    *base = peripheral->base;
    return peripheral->name;
}

// --- who is there --------------------------------------------------------------------------------

void chip_place(struct chip *chip, const struct peripheral *peripheral) {
    if (peripheral->base == DBGMCU_BASE) {
        chip->dbgmcu_slot = peripheral;
    }
    if (peripheral->base - FSMC_BASE < 2 * MEMORY_SLOT_SIZE) {
        chip->memory_slots[(peripheral->base - FSMC_BASE) / MEMORY_SLOT_SIZE] = peripheral;
    }
    for (unsigned region = 0; region < 2; region++) {
        uint32_t first = peripheral->base - (region ? 0x50000000u : 0x40000000u);
        if (first / SLOT_SIZE >= SLOTS_A_REGION) {
            continue;
        }
        for (uint32_t off = 0; off < peripheral->size; off += SLOT_SIZE) {
            chip->slots[region][(first + off) / SLOT_SIZE] = peripheral;
        }
    }
}

// A modelled peripheral takes the place of its name in the table of unmodelled ones.
void chip_add_peripheral(struct chip *chip, const struct peripheral *peripheral, void *ctx) {
    if (!rcc_has(chip->model->line, peripheral)) {
        return;
    }
    struct peripheral *own = &chip->peripherals[chip->peripheral_count++];

    *own = *peripheral;
    own->ctx = ctx;
    chip_place(chip, own);
}
