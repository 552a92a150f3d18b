// SPDX-License-Identifier: MIT
//
// IWDG and WWDG (RM0090 21 and 22): counters that reset the chip unless they are fed.
//
// IWDG counts LSI, taken as 32 kHz exactly (DS8626 table 35, typical; 17 to 47 kHz on silicon). Its
// update flags PVU and RVU read 0: an update is there at once. WWDG's tick is worked out when one of its
// registers is written; a change of PCLK1 counts from the next write. Neither is frozen by a debugger.

#include "vboard/chip/chip_state.h"

// --- IWDG (RM0090 21.4) ------------------------------------------------------------------------------

#define IWDG_KR       0x00u
#define IWDG_PR       0x04u
#define IWDG_RLR      0x08u
#define IWDG_SR       0x0Cu
#define KEY_RELOAD    0xAAAAu
#define KEY_ACCESS    0x5555u
#define KEY_START     0xCCCCu
#define IWDG_FULL     0xFFFu
// Option bytes, USER.WDG_SW: 0 starts it with every reset (RM0090 3.6.5).
#define OPTION_WDG_SW (1u << 5)

static void iwdg_bites(void *ctx) {
    chip_request_reset(ctx, RESET_IWDG);
}

static void iwdg_count(struct chip *chip, uint32_t from) {
    struct iwdg *iwdg = &chip->iwdg;
    // PR 0 divides by 4, each step by twice as much, 256 at most (21.4.2).
    unsigned shift = iwdg->pr + 2 < 8 ? iwdg->pr + 2 : 8;
    uint64_t ticks = (uint64_t)(from + 1) << shift;

    iwdg->bite.fire = iwdg_bites;
    iwdg->bite.ctx = chip;
    timeline_schedule(chip->timeline, &iwdg->bite,
                      timeline_now(chip->timeline) + ticks * PS_PER_S / LSI_HZ);
}

static bool iwdg_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    switch (off) {
    case IWDG_KR:
    case IWDG_SR:
        *value = 0;
        return true;
    case IWDG_PR:
        *value = chip->iwdg.pr;
        return true;
    case IWDG_RLR:
        *value = chip->iwdg.rlr;
        return true;
    default:
        return false;
    }
}

static bool iwdg_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct iwdg *iwdg = &chip->iwdg;
    uint32_t key = value & mask & 0xFFFF;
    switch (off) {
    case IWDG_KR:
        iwdg->is_open = key == KEY_ACCESS; // any other value protects again (21.3.2)
        if (key == KEY_START && !iwdg->is_running) {
            iwdg->is_running = true;
            iwdg_count(chip, IWDG_FULL); // from its reset value (21.3)
        } else if (key == KEY_RELOAD && iwdg->is_running) {
            iwdg_count(chip, iwdg->rlr);
        }
        return true;
    case IWDG_PR:
        if (iwdg->is_open) {
            merge(&iwdg->pr, value, mask & 7);
        }
        return true;
    case IWDG_RLR:
        if (iwdg->is_open) {
            merge(&iwdg->rlr, value, mask & IWDG_FULL);
        }
        return true;
    case IWDG_SR:
        return true;
    default:
        return false;
    }
}

static void iwdg_reset(void *ctx) {
    struct chip *chip = ctx;
    timeline_cancel(chip->timeline, &chip->iwdg.bite);
    chip->iwdg = (struct iwdg){.rlr = IWDG_FULL};
    if (!(chip->flash.option & OPTION_WDG_SW) && chip->is_powered) {
        chip->iwdg.is_running = true;
        iwdg_count(chip, IWDG_FULL);
    }
}

const struct peripheral iwdg_peripheral = {
    .name = "IWDG",
    .base = IWDG_BASE,
    .size = 0x400,
    .read = iwdg_read,
    .write = iwdg_write,
    .reset = iwdg_reset,
};

// --- WWDG (RM0090 22.6) -----------------------------------------------------------------------------

#define WWDG_CR  0x00u
#define WWDG_CFR 0x04u
#define WWDG_SR  0x08u
#define CR_WDGA  (1u << 7)
#define CR_T     0x7Fu
#define CR_T6    0x40u
#define CFR_EWI  (1u << 9)
#define CFR_W    0x7Fu
#define WWDG_IRQ 0u // RM0090 table 62

static void wwdg_update_irq(struct chip *chip) {
    cpu_set_irq(chip->cpu, WWDG_IRQ, chip->wwdg.ewif && (chip->wwdg.cfr & CFR_EWI));
}

static uint32_t wwdg_now(const struct chip *chip) {
    const struct wwdg *wwdg = &chip->wwdg;
    if (!(wwdg->cr & CR_WDGA)) {
        return wwdg->cr & CR_T; // it runs free, and nobody minds
    }
    uint64_t passed = (timeline_now(chip->timeline) - wwdg->since_ps) / wwdg->tick_ps;
    return ((wwdg->cr & CR_T) - (uint32_t)passed) & CR_T;
}

// At 0x40, and one tick later at 0x3F.
static void wwdg_event(void *ctx) {
    struct chip *chip = ctx;
    struct wwdg *wwdg = &chip->wwdg;
    if (wwdg_now(chip) & CR_T6) {
        wwdg->ewif = true;
        wwdg_update_irq(chip);
        timeline_schedule(chip->timeline, &wwdg->event,
                          timeline_now(chip->timeline) + wwdg->tick_ps);
    } else {
        chip_request_reset(chip, RESET_WWDG);
    }
}

static void wwdg_count(struct chip *chip, uint32_t from) {
    struct wwdg *wwdg = &chip->wwdg;
    // PCLK1 / 4096 / 2^WDGTB (22.4).
    wwdg->tick_ps = (PS_PER_S * 4096 << (wwdg->cfr >> 7 & 3)) / chip->rcc.pclk1_hz;
    wwdg->since_ps = timeline_now(chip->timeline);
    merge(&wwdg->cr, from, CR_T);
    timeline_cancel(chip->timeline, &wwdg->event);
    wwdg->event.fire = wwdg_event;
    wwdg->event.ctx = chip;
    timeline_schedule(chip->timeline, &wwdg->event,
                      wwdg->since_ps + (from - CR_T6) * wwdg->tick_ps);
}

// PCLK1 stops with the other clocks; IWDG has its own.
static void wwdg_halt(void *ctx, bool is_halted) {
    struct chip *chip = ctx;
    struct wwdg *wwdg = &chip->wwdg;
    uint64_t now_ps = timeline_now(chip->timeline);

    if (is_halted && timeline_is_scheduled(&wwdg->event)) {
        wwdg->is_halted = true;
        wwdg->halted_ps = now_ps;
        wwdg->left_ps = wwdg->event.at_ps > now_ps ? wwdg->event.at_ps - now_ps : 0;
        timeline_cancel(chip->timeline, &wwdg->event);
    } else if (!is_halted && wwdg->is_halted) {
        wwdg->is_halted = false;
        wwdg->since_ps += now_ps - wwdg->halted_ps;
        timeline_schedule(chip->timeline, &wwdg->event, now_ps + wwdg->left_ps);
    }
}

static void write_wwdg_cr(struct chip *chip, uint32_t value) {
    struct wwdg *wwdg = &chip->wwdg;
    bool was_on = wwdg->cr & CR_WDGA;
    bool is_early = was_on && wwdg_now(chip) > (wwdg->cfr & CFR_W);

    wwdg->cr |= value & CR_WDGA; // only a reset clears it (22.6.1)
    if (!(wwdg->cr & CR_WDGA)) {
        merge(&wwdg->cr, value, CR_T);
    } else if (is_early || !(value & CR_T6)) {
        chip_request_reset(chip, RESET_WWDG); // fed too early, or set below 0x40 (22.3)
    } else {
        wwdg_count(chip, value & CR_T);
    }
}

static bool wwdg_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    switch (off) {
    case WWDG_CR:
        *value = (chip->wwdg.cr & CR_WDGA) | wwdg_now(chip);
        return true;
    case WWDG_CFR:
        *value = chip->wwdg.cfr;
        return true;
    case WWDG_SR:
        *value = chip->wwdg.ewif;
        return true;
    default:
        return false;
    }
}

static bool wwdg_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct wwdg *wwdg = &chip->wwdg;
    switch (off) {
    case WWDG_CR:
        write_wwdg_cr(chip, value & mask);
        return true;
    case WWDG_CFR: {
        uint32_t now = wwdg_now(chip);
        uint32_t ewi = wwdg->cfr & CFR_EWI; // only a reset clears it (22.6.2)
        merge(&wwdg->cfr, value, mask & 0x3FF);
        wwdg->cfr |= ewi;
        if ((wwdg->cr & CR_WDGA) && now & CR_T6) {
            wwdg_count(chip, now);
        }
        break;
    }
    case WWDG_SR:
        wwdg->ewif = wwdg->ewif && (value & mask & 1); // rc_w0
        break;
    default:
        return false;
    }
    wwdg_update_irq(chip);
    return true;
}

static void wwdg_reset(void *ctx) {
    struct chip *chip = ctx;
    timeline_cancel(chip->timeline, &chip->wwdg.event);
    chip->wwdg = (struct wwdg){.cr = 0x7F, .cfr = 0x7F, .tick_ps = 1};
    wwdg_update_irq(chip);
}

const struct peripheral wwdg_peripheral = {
    .name = "WWDG",
    .base = 0x40002C00u,
    .size = 0x400,
    .read = wwdg_read,
    .write = wwdg_write,
    .reset = wwdg_reset,
    .halt = wwdg_halt,
    .enable_register = RCC_APB1ENR,
    .enable_bit = 1u << 11,
};

void watchdogs_free(struct chip *chip) {
    timeline_cancel(chip->timeline, &chip->iwdg.bite);
    timeline_cancel(chip->timeline, &chip->wwdg.event);
}
