// SPDX-License-Identifier: MIT
//
// Flash memory: what erasing and programming do to it, how long they take, what goes wrong, and who
// has to wait (RM0090 section 3.6; quotations are of revision 21).
//
// What the model holds to:
// - "Any attempt to read the flash memory while it is being written or erased causes the bus to
//   stall" (3.6): the processor stands still until the operation ends while everything else goes
//   on. Each stall is counted and reported, since it is what makes a USB device fall silent.
//   Stores to flash and to FLASH_CR wait in the same way (3.6.1).
// - Error flags stay until written with 1. They do not stop the next operation: nothing in the
//   manual says so; drivers that look at them before they start (ST's do) trip over stale ones.
// - What is written changes when the operation ends. A reset or a loss of power before that leaves
//   it half done (flash_fault.c).
// - EOP is set only with EOPIE, OPERR only with ERRIE (3.9.5).

#include <inttypes.h>
#include <string.h>

#include "vboard/chip/flash_internal.h"

#define FLASH_IRQ   4u // RM0090 table 62

// Nothing was programmed for this long: the trace line of a run of programming is written.
#define RUN_IDLE_PS PS_PER_MS

// Milliseconds to erase by PSIZE, microseconds to program (DS8626 tables 40 and 41; x64 is with
// VPP on its pin; table 41 gives no maxima, twice the typical value is taken as for x32).
struct flash_times {
    uint16_t erase_16k_ms[4], erase_64k_ms[4], erase_128k_ms[4];
    uint16_t mass_erase_ms[4];
    uint16_t program_us;
};

static const struct flash_times times[2] = {
    {
        .erase_16k_ms = {400, 300, 250, 230},
        .erase_64k_ms = {1200, 700, 550, 490},
        .erase_128k_ms = {2000, 1300, 1000, 875},
        .mass_erase_ms = {16000, 11000, 8000, 6900},
        .program_us = 16,
    },
    {
        .erase_16k_ms = {800, 600, 500, 460},
        .erase_64k_ms = {2400, 1400, 1100, 980},
        .erase_128k_ms = {4000, 2600, 2000, 1750},
        .mass_erase_ms = {32000, 22000, 16000, 13800},
        .program_us = 100,
    },
};

static unsigned psize(const struct flash *flash) {
    return flash->cr >> 8 & 3;
}

// --- trace of programming: one line for ascending addresses ------------------------------------------------

void flash_end_run(struct chip *chip) {
    struct flash *flash = &chip->flash;

    timeline_cancel(chip->timeline, &flash->run_idle);
    if (flash->run_len == 0) {
        return;
    }
    // Its line comes when the run is over: `from` and `to` say when it was, `us` how long the flash was busy.
    trace_event(chip->trace, TRACE_FLASH, "program",
                "addr=0x%08" PRIx32 " len=%" PRIu32 " stalls=%" PRIu64 " us=%llu from=%llu to=%llu",
                flash->run_addr, flash->run_len, flash->run_stalls, flash->run_busy_ps / PS_PER_US,
                flash->run_from_ps / PS_PER_US, flash->run_to_ps / PS_PER_US);
    flash->run_len = 0;
    flash->run_stalls = 0;
    flash->run_busy_ps = 0;
}

static void run_idle(void *ctx) {
    struct chip *chip = ctx;
    struct flash *flash = &chip->flash;
    uint64_t idle_at_ps = flash->run_last_ps + RUN_IDLE_PS;

    if (timeline_now(chip->timeline) < idle_at_ps) {
        timeline_schedule(chip->timeline, &flash->run_idle, idle_at_ps);
    } else {
        flash_end_run(chip);
    }
}

static void add_to_run(struct chip *chip, uint32_t addr, uint32_t len, uint64_t duration_ps) {
    struct flash *flash = &chip->flash;

    if (flash->run_len && addr != flash->run_addr + flash->run_len) {
        flash_end_run(chip);
    }
    if (flash->run_len == 0) {
        flash->run_addr = addr;
        flash->run_from_ps = timeline_now(chip->timeline);
    }
    flash->run_len += len;
    flash->run_last_ps = timeline_now(chip->timeline);
    flash->run_to_ps = flash->run_last_ps + duration_ps;
    flash->run_busy_ps += duration_ps;
    if (!timeline_is_scheduled(&flash->run_idle)) {
        flash->run_idle.fire = run_idle;
        flash->run_idle.ctx = chip;
        timeline_schedule(chip->timeline, &flash->run_idle, flash->run_last_ps + RUN_IDLE_PS);
    }
}

// --- errors and interrupts -----------------------------------------------------------------------------------

void flash_tell(const struct chip *chip, const struct chip_flash_news *news) {
    if (chip->observer.flash) {
        chip->observer.flash(chip->observer.ctx, news);
    }
}

void flash_update_irq(struct chip *chip) {
    const struct flash *flash = &chip->flash;
    bool level = ((flash->sr & SR_EOP) && (flash->cr & CR_EOPIE)) ||
                 ((flash->sr & SR_OPERR) && (flash->cr & CR_ERRIE));
    cpu_set_irq(chip->cpu, FLASH_IRQ, level);
}

static void fail(struct chip *chip, uint32_t flag, uint32_t addr, const char *reason) {
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {SR_PGSERR, "PGSERR"}, {SR_PGPERR, "PGPERR"}, {SR_PGAERR, "PGAERR"}, {SR_WRPERR, "WRPERR"}};
    struct flash *flash = &chip->flash;
    char where[WHERE_MAX];
    const char *name = "";

    flash->has_first_word = false;
    flash->sr |= flag | (flash->cr & CR_ERRIE ? SR_OPERR : 0);
    flash_tell(chip,
               &(struct chip_flash_news){
                   .what = CHIP_FLASH_FAILED, .addr = addr, .cr = flash->cr, .sr = flash->sr});
    flash_update_irq(chip);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        name = names[i].flag == flag ? names[i].name : name;
    }
    if (chip_is_news(chip, NEWS_ERROR + flag)) {
        flash_end_run(chip);
        trace_event(chip->trace, TRACE_FLASH, "error",
                    "flags=%s addr=0x%08" PRIx32 " pc=0x%08" PRIx32, name, addr, cpu_pc(chip->cpu));
        trace_complaint(chip->trace, "flash-error", name,
                        "flash access to 0x%08" PRIx32 " at %s raised %s: %s", addr,
                        chip_where(chip, where), name, reason);
    }
}

// --- operations -------------------------------------------------------------------------------------------------

void flash_announce_change(struct chip *chip, uint32_t off, uint32_t len) {
    uint32_t half = chip->model->flash_bytes / FLASH_BANKS;

    flash_pages_changed(chip->flash.pages, off, len);
    while (len > 0) { // by halves: they are not neighbours where banks have changed places
        uint32_t part = half - off % half < len ? half - off % half : len;
        uint32_t addr = flash_addr(chip, off);
        cpu_code_changed(chip->cpu, addr, part);
        cpu_code_changed(chip->cpu, addr - FLASH_BASE, part); // its image at address 0
        off += part;
        len -= part;
    }
}

// RM0090 3.6.2: with a parallelism that the supply does not bear the result is unpredictable, and no
// flag tells. Here some bits stay what they were, settled by the operation's number so that a run
// repeats; the manual's other warning, that good-looking data may fade later, is not modelled.
static void fail_undersupplied(struct chip *chip, const uint8_t *before) {
    struct flash *flash = &chip->flash;
    uint8_t *bytes = flash->bytes + flash->op_off;
    uint64_t random = flash->op_count * 0x9E3779B97F4A7C15ull + 3;

    for (uint32_t i = 0; i < flash->op_len; i++) {
        random ^= random << 13; // xorshift64 (Marsaglia 2003)
        random ^= random >> 7;
        random ^= random << 17;
        if (flash->kind == CHIP_FLASH_PROGRAM) {
            bytes[i] |= before[i] & (uint8_t)random;
        } else {
            // One byte in four keeps a zero somewhere.
            bytes[i] &= (random >> 32 & 3) ? 0xFF : (uint8_t) ~(1u << (random & 7));
        }
    }
}

static bool is_otp(uint32_t addr) {
    return addr - OTP_BASE < OTP_SIZE;
}

static void program_otp(struct chip *chip) {
    const struct flash *flash = &chip->flash;
    uint8_t *bytes = chip->system + (flash->op_addr - SYSTEM_BASE);
    for (uint32_t i = 0; i < flash->op_len; i++) {
        bytes[i] &= (uint8_t)(flash->op_value >> (8 * i));
    }
    cpu_code_changed(chip->cpu, flash->op_addr, flash->op_len);
}

// RM0090 3.6.5, "Read protection": level 1 back to 0 erases the flash and the backup SRAM first. OTP
// stays. That write protection does not stop it is taken for granted here.
static void forget_secrets(struct chip *chip) {
    struct flash *flash = &chip->flash;
    uint32_t len = chip->model->flash_bytes;
    art_before_change(chip, 0, len, true);
    memset(flash->bytes, 0xFF, len);
    flash_forget_weak(chip, 0, len);
    flash_announce_change(chip, 0, len);
    for (unsigned sector = 0; sector < FLASH_SECTORS; sector++) {
        flash->erase_count[sector] += flash_has_sector(chip, sector);
    }
    memset(chip->rtc.sram, 0, sizeof(chip->rtc.sram));
}

// What is reserved keeps what it came with.
void flash_set_option(struct chip *chip, uint32_t option, uint32_t option1) {
    merge(&chip->flash.option, option, chip->model->line->optcr);
    merge(&chip->flash.option1, option1, OPTCR1_MASK);
    system_memory_show_option(chip);
}

static void apply_option(struct chip *chip) {
    struct flash *flash = &chip->flash;
    if (flash_read_level(flash->option) == 1 && flash_read_level(flash->optcr) == 0) {
        forget_secrets(chip);
    }
    flash_set_option(chip, flash->optcr, flash->optcr1);
}

static void apply(struct chip *chip) {
    struct flash *flash = &chip->flash;

    if (flash->kind == CHIP_FLASH_OPTION) {
        apply_option(chip);
        return;
    }
    if (flash->kind == CHIP_FLASH_OTP) {
        program_otp(chip);
        return;
    }
    uint8_t *bytes = flash->bytes + flash->op_off;
    uint8_t *weak = flash->weak + flash->op_off;
    uint8_t before[8] = {0};
    art_before_change(chip, flash->op_off, flash->op_len, flash->kind != CHIP_FLASH_PROGRAM);
    switch (flash->kind) {
    case CHIP_FLASH_ERASE:
    case CHIP_FLASH_MASS_ERASE:
        memset(bytes, 0xFF, flash->op_len);
        flash_forget_weak(chip, flash->op_off, flash->op_len);
        break;
    case CHIP_FLASH_PROGRAM:
        memcpy(before, bytes, flash->op_len);
        for (uint32_t i = 0; i < flash->op_len; i++) {
            bytes[i] &= (uint8_t)(flash->op_value >> (8 * i));
            weak[i] &= (uint8_t)(flash->op_value >> (8 * i));
        }
        break;
    case CHIP_FLASH_OPTION:
    case CHIP_FLASH_OTP:
        break;
    }
    if (flash->is_undersupplied) {
        fail_undersupplied(chip, before);
    }
    if (flash->kind == CHIP_FLASH_PROGRAM) {
        art_programmed(chip, flash->op_off, flash->op_len);
    }
    flash_announce_change(chip, flash->op_off, flash->op_len);
}

static void finish(struct chip *chip) {
    struct flash *flash = &chip->flash;

    timeline_cancel(chip->timeline, &flash->done);
    apply(chip);
    flash->is_busy = false;
    flash->sr &= ~SR_BSY;
    flash->cr &= ~CR_STRT;
    flash->optcr &= ~OPTCR_OPTSTRT;
    if (flash->cr & CR_EOPIE) {
        flash->sr |= SR_EOP;
    }
    chip_guard_flash(chip, 0);
    flash_update_irq(chip);
}

static void done(void *ctx) {
    finish(ctx);
}

void flash_settle(struct chip *chip) {
    if (chip->flash.is_busy && timeline_now(chip->timeline) >= chip->flash.busy_until_ps) {
        finish(chip);
    }
}

static void check_supply(struct chip *chip) {
    struct flash *flash = &chip->flash;
    char where[WHERE_MAX];

    if (psize(flash) == X64 || psize(flash) <= supply_max_psize(chip) || flash->is_undersupplied) {
        return; // x64 is complained of whatever the supply
    }
    flash->is_undersupplied = true;
    if (chip_is_news(chip, NEWS_SUPPLY)) {
        trace_complaint(chip->trace, "flash-supply", chip_where(chip, where),
                        "flash operation with x%u at %s while the supply is %u mV: x32 needs 2.7 V "
                        "and x16 2.1 V (RM0090 table 7); some bits do not change",
                        8u << psize(flash), where, chip->supply.mv);
    }
}

void flash_supply_changed(struct chip *chip) {
    if (chip->flash.is_busy) {
        check_supply(chip);
    }
}

// What the operation is about, by its place in the flash's bytes.
static void choose_flash(struct chip *chip, uint32_t off, uint32_t len) {
    chip->flash.op_off = off;
    chip->flash.op_banks = flash_banks_of(chip, off, len);
}

// Option bytes and OTP belong to neither bank: all flash waits.
static void choose_no_flash(struct chip *chip) {
    chip->flash.op_off = 0;
    chip->flash.op_banks = 3;
}

// False when power goes with it, before it or inside it.
static bool start(struct chip *chip, enum chip_flash_kind kind, uint32_t addr, uint32_t len,
                  uint64_t duration_ps) {
    struct flash *flash = &chip->flash;
    char where[WHERE_MAX];

    if ((flash->sr & SR_ERRORS) && chip_is_news(chip, NEWS_STALE_ERRORS)) {
        trace_complaint(chip->trace, "stale-flash-errors", chip_where(chip, where),
                        "flash operation started at %s with error flags of an earlier one in "
                        "FLASH_SR (0x%02" PRIx32 "): drivers take them for its own",
                        where, flash->sr);
    }
    if (psize(flash) == X64 && chip_is_news(chip, NEWS_PARALLELISM)) {
        trace_complaint(chip->trace, "flash-parallelism", chip_where(chip, where),
                        "x64 programming or erasing at %s needs 8-9 V on VPP, which this board "
                        "has not (RM0090 table 13)",
                        where);
    }
    flash->is_undersupplied = false;
    check_supply(chip);
    flash->op_count++;
    flash->kind = kind;
    flash->op_addr = addr;
    flash->op_len = len;
    flash_tell(chip, &(struct chip_flash_news){.what = CHIP_FLASH_STARTED,
                                               .addr = addr,
                                               .len = len,
                                               .is_erase = kind == CHIP_FLASH_ERASE ||
                                                           kind == CHIP_FLASH_MASS_ERASE,
                                               .cr = flash->cr,
                                               .sr = flash->sr});
    if (flash->hook) {
        flash->hook(flash->hook_ctx, &(struct chip_flash_op){kind, addr, len, flash->op_count});
    }
    if (!chip_has_power(chip)) {
        if (flash->is_cut_inside) {
            flash_tear(chip);
        }
        return false;
    }
    flash->is_busy = true;
    flash->sr |= SR_BSY;
    flash->busy_until_ps = timeline_now(chip->timeline) + duration_ps;
    flash->done.fire = done;
    flash->done.ctx = chip;
    timeline_schedule(chip->timeline, &flash->done, flash->busy_until_ps);
    chip_guard_flash(chip, flash->op_banks);
    return true;
}

// 3.9.8: MER is bank 1 where there are two, MER1 bank 2; both go at the same time.
static void start_mass_erase(struct chip *chip) {
    struct flash *flash = &chip->flash;
    uint32_t bank_bytes = flash_bank_bytes(chip);
    bool has_second = flash_bank_count(chip) == 2 && flash->cr & CR_MER1;
    bool has_first = flash->cr & CR_MER || !has_second;
    uint32_t off = has_first ? 0 : bank_bytes;
    uint32_t len = has_first && has_second ? 2 * bank_bytes : bank_bytes;
    // The tables are for 1 MB.
    uint64_t ms =
        (uint64_t)times[flash->maximum_times].mass_erase_ms[psize(flash)] * bank_bytes / 0x100000;

    for (unsigned sector = 0; sector < FLASH_SECTORS; sector++) {
        if (flash_has_sector(chip, sector) && flash_sector_off(chip, sector) - off < len &&
            flash_is_protected(chip, sector)) {
            // 3.7.4: with a protected sector a mass erase is not done.
            fail(chip, SR_WRPERR, flash_addr(chip, flash_sector_off(chip, sector)),
                 "the sector is write-protected");
            return;
        }
    }
    flash_end_run(chip);
    choose_flash(chip, off, len);
    uint32_t addr = has_first && has_second ? FLASH_BASE : flash_addr(chip, off);
    if (!start(chip, CHIP_FLASH_MASS_ERASE, addr, len, ms * PS_PER_MS)) {
        return;
    }
    trace_event(chip->trace, TRACE_FLASH, "mass-erase",
                "addr=0x%08" PRIx32 " len=%" PRIu32 " us=%" PRIu64, addr, len, ms * 1000);
    for (unsigned sector = 0; sector < FLASH_SECTORS; sector++) {
        if (flash_has_sector(chip, sector) && flash_sector_off(chip, sector) - off < len) {
            flash->erase_count[sector]++;
        }
    }
}

static void start_sector_erase(struct chip *chip) {
    struct flash *flash = &chip->flash;
    const struct flash_times *set = &times[flash->maximum_times];
    unsigned sector = flash_sector_by_snb(chip, flash->cr);
    char where[WHERE_MAX];

    if (sector >= FLASH_SECTORS) {
        flash_tell(chip, &(struct chip_flash_news){.what = CHIP_FLASH_NO_SECTOR,
                                                   .is_erase = true,
                                                   .cr = flash->cr,
                                                   .sr = flash->sr});
        trace_complaint(chip->trace, "flash-no-such-sector", chip_where(chip, where),
                        "erase with SNB %" PRIu32
                        " at %s: the %s has no such sector, nothing happens",
                        flash->cr >> 3 & (chip->model->line->has_two_banks ? 0x1F : 0xF), where,
                        chip->model->name);
        return;
    }
    uint32_t addr = flash_addr(chip, flash_sector_off(chip, sector));
    uint32_t len = flash_sector_len(sector);
    if (flash_is_protected(chip, sector)) {
        fail(chip, SR_WRPERR, addr, "the sector is write-protected");
        return;
    }
    uint64_t ms = len == 16384   ? set->erase_16k_ms[psize(flash)]
                  : len == 65536 ? set->erase_64k_ms[psize(flash)]
                                 : set->erase_128k_ms[psize(flash)];
    flash_end_run(chip);
    choose_flash(chip, flash_sector_off(chip, sector), len);
    if (start(chip, CHIP_FLASH_ERASE, addr, len, ms * PS_PER_MS)) {
        trace_event(chip->trace, TRACE_FLASH, "erase",
                    "sector=%u addr=0x%08" PRIx32 " len=%" PRIu32 " us=%" PRIu64, sector, addr, len,
                    ms * 1000);
        flash->erase_count[sector]++;
    }
}

void flash_start_erase(struct chip *chip) {
    char where[WHERE_MAX];

    // 3.6.3: "If MERx and SER bits are both set, mass erase is performed."
    if (chip->flash.cr & (CR_MER | CR_MER1)) {
        start_mass_erase(chip);
    } else if (chip->flash.cr & CR_SER) {
        start_sector_erase(chip);
    } else {
        flash_tell(chip, &(struct chip_flash_news){.what = CHIP_FLASH_NO_SECTOR,
                                                   .is_erase = true,
                                                   .cr = chip->flash.cr,
                                                   .sr = chip->flash.sr});
        trace_complaint(chip->trace, "flash-start-without-erase", chip_where(chip, where),
                        "FLASH_CR.STRT set at %s with neither SER nor MER: unpredictable on the "
                        "chip (RM0090 3.6.3), nothing happens here",
                        where);
    }
    if (!chip->flash.is_busy) {
        chip->flash.cr &= ~CR_STRT;
    }
}

void flash_start_option(struct chip *chip) {
    // The option sector is erased and programmed; the datasheet gives no time for it, a 16 KB
    // sector's is taken.
    const struct flash *flash = &chip->flash;
    const struct flash_times *set = &times[flash->maximum_times];
    uint64_t ms = set->erase_16k_ms[X32];
    if (flash_read_level(flash->option) == 1 && flash_read_level(flash->optcr) == 0) {
        ms += (uint64_t)set->mass_erase_ms[X32] * flash_bank_bytes(chip) / 0x100000;
    }
    choose_no_flash(chip);
    (void)start(chip, CHIP_FLASH_OPTION, 0x1FFFC000u, 16, ms * PS_PER_MS);
}

static void complain_over_non_blank(struct chip *chip, uint32_t addr, uint32_t len,
                                    uint64_t value) {
    const uint8_t *bytes = is_otp(addr) ? chip->system + (addr - SYSTEM_BASE)
                                        : chip->flash.bytes + flash_off(chip, addr);
    char where[WHERE_MAX];

    for (uint32_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        if ((bytes[i] & byte) != byte && chip_is_news(chip, NEWS_NON_BLANK)) {
            trace_complaint(chip->trace, "program-over-non-blank", chip_where(chip, where),
                            "programming 0x%02x at 0x%08" PRIx32 ", which holds 0x%02x, at %s: "
                            "bits only go from 1 to 0 without an erase",
                            byte, addr + i, bytes[i], where);
            return;
        }
    }
}

// Programming a weak bit to 0 makes it last, so zero, or once more what was cut off, needs nothing to be
// known about the cells; anything else may not last.
static void complain_over_torn(struct chip *chip, uint32_t addr, uint32_t len, uint64_t value) {
    uint32_t off = flash_off(chip, addr);
    bool is_half_erased = chip->flash.is_half_erased[flash_sector_of(chip, off)];
    char where[WHERE_MAX];

    if (value != 0 && (is_half_erased || flash_stays_weak(chip, off, len, value)) &&
        chip_is_news(chip, NEWS_TORN)) {
        trace_complaint(chip->trace, "program-over-torn", chip_where(chip, where),
                        "programming at 0x%08" PRIx32 " at %s, %s: what is read back now may read "
                        "otherwise tomorrow",
                        addr, where,
                        is_half_erased ? "in a sector whose erase was cut off"
                                       : "over a word whose programming was cut off");
    }
}

static void start_otp(struct chip *chip, uint32_t addr, uint32_t len, uint64_t value) {
    struct flash *flash = &chip->flash;
    uint32_t off = addr - OTP_BASE;
    const uint8_t *locks = chip->system + (OTP_BASE + OTP_LOCKS - SYSTEM_BASE);

    if (off < OTP_LOCKS && locks[off / OTP_BLOCK_BYTES] == 0) {
        fail(chip, SR_WRPERR, addr, "the OTP block is locked");
        return;
    }
    complain_over_non_blank(chip, addr, len, value);
    flash->op_value = value;
    flash_end_run(chip);
    choose_no_flash(chip);
    if (start(chip, CHIP_FLASH_OTP, addr, len,
              times[flash->maximum_times].program_us * PS_PER_US)) {
        trace_event(chip->trace, TRACE_FLASH, "otp", "addr=0x%08" PRIx32 " len=%" PRIu32, addr,
                    len);
    }
}

static void program(struct chip *chip, uint32_t addr, uint32_t len, uint64_t value) {
    struct flash *flash = &chip->flash;

    if (is_otp(addr)) {
        start_otp(chip, addr, len, value);
        return;
    }
    unsigned sector = flash_sector_of(chip, flash_off(chip, addr));
    if (flash_is_protected(chip, sector)) {
        fail(chip, SR_WRPERR, addr, "the sector is write-protected");
        return;
    }
    complain_over_non_blank(chip, addr, len, value);
    complain_over_torn(chip, addr, len, value);
    flash->op_value = value;
    choose_flash(chip, flash_off(chip, addr), len);
    uint64_t duration_ps = times[flash->maximum_times].program_us * PS_PER_US;
    if (start(chip, CHIP_FLASH_PROGRAM, addr, len, duration_ps)) {
        flash->programmed_bytes[sector] += len;
        add_to_run(chip, addr, len, duration_ps);
    }
}

// x64: two words, the lower first, both in one double word; a double word that leaves its 128-bit
// row cannot occur then, but two words that are not neighbours can.
static void store_half_of_double_word(struct chip *chip, uint32_t addr, uint32_t value) {
    struct flash *flash = &chip->flash;

    if (!flash->has_first_word) {
        flash->has_first_word = true;
        flash->first_addr = addr;
        flash->first_value = value;
        return;
    }
    flash->has_first_word = false;
    if ((addr ^ flash->first_addr) & ~15u) {
        fail(chip, SR_PGAERR, addr, "the double word would cross a 128-bit row");
    } else if (addr != flash->first_addr + 4) {
        fail(chip, SR_PGSERR, addr, "the second word of a double word is not the next one");
    } else {
        program(chip, flash->first_addr, 8, (uint64_t)value << 32 | flash->first_value);
    }
}

void flash_store(struct chip *chip, uint32_t addr, unsigned size, uint32_t value) {
    struct flash *flash = &chip->flash;

    flash_wait(chip, addr, CPU_WRITE);
    if (!(flash->cr & CR_PG) || (flash->cr & (CR_SER | CR_MER | CR_MER1))) {
        fail(chip, SR_PGSERR, addr,
             flash->cr & CR_PG ? "SER or MER is still set beside PG, so nothing is programmed"
                               : "PG is not set, so nothing is programmed");
        return;
    }
    if (psize(flash) == X64 && size == 4) {
        store_half_of_double_word(chip, addr, value);
        return;
    }
    if (size != 1u << psize(flash)) {
        fail(chip, SR_PGPERR, addr, "the size of the access is not PSIZE");
        return;
    }
    program(chip, addr, size, value);
}

// --- stalls ---------------------------------------------------------------------------------------------------

static void report_stall(struct chip *chip, uint32_t addr, enum cpu_access access) {
    static const char *const what[] = {"flash-fetch-while-busy", "flash-read-while-busy",
                                       "flash-write-while-busy"};
    static const char *const verbs[] = {"fetch from", "read of", "write to"};
    struct flash *flash = &chip->flash;
    char where[WHERE_MAX];
    bool is_programming = flash->kind == CHIP_FLASH_PROGRAM;
    uint64_t left_ns = (flash->busy_until_ps - timeline_now(chip->timeline)) / PS_PER_NS;

    // One stall a programmed word is too much for the trace: the program line counts them.
    bool is_news = chip_is_news(chip, NEWS_STALL + (uint32_t)access);
    if (!is_news && is_programming) {
        return;
    }
    chip_where(chip, where);
    trace_event(chip->trace, TRACE_FLASH, "stall",
                "access=%s pc=0x%08" PRIx32 " symbol=%s addr=0x%08" PRIx32 " us=%" PRIu64 ".%03u",
                access == CPU_FETCH  ? "fetch"
                : access == CPU_READ ? "read"
                                     : "write",
                cpu_pc(chip->cpu), chip_symbol(chip), addr, left_ns / 1000,
                (unsigned)(left_ns % 1000));
    if (is_news) {
        trace_complaint(chip->trace, what[access], where,
                        "%s 0x%08" PRIx32 " at %s while flash %s: the processor stands still for "
                        "%" PRIu64 " us",
                        verbs[access], addr, where, is_programming ? "programs" : "erases",
                        left_ns / 1000);
    }
}

void flash_wait(struct chip *chip, uint32_t addr, enum cpu_access access) {
    struct flash *flash = &chip->flash;

    flash_settle(chip);
    if (!flash->is_busy) {
        return;
    }
    report_stall(chip, addr, access);
    flash->stalls.count++;
    flash->stalls.ps += flash->busy_until_ps - timeline_now(chip->timeline);
    if (flash->kind == CHIP_FLASH_PROGRAM) {
        flash->run_stalls++;
    }
    chip_stand_still(chip, flash->busy_until_ps);
    flash_settle(chip);
    // Only a reset ends the wait earlier; it happens after this instruction.
}
