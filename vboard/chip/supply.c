// SPDX-License-Identifier: MIT
//
// The supply voltage and who looks at it: the voltage detector (RM0090 5.2.3), brown-out reset by the
// option bytes (5.2.2, 3.6.5 BOR_LEV), what flash needs (table 7, program/erase parallelism) and how
// fast flash may be read (table 10).
//
// Thresholds are the datasheet's typical ones (DS8626, "embedded reset and power control block
// characteristics"), written down from memory and not checked against a copy. The supply is one
// number for the whole chip; it changes in steps, and a step is felt at once.

#include "vboard/chip/chip_state.h"

#define PVD_EXTI_LINE 16u // RM0090 12.2.5

// PVD by PLS, and BOR by BOR_LEV (3: off, so POR and PDR alone), in millivolts.
static const struct {
    uint16_t falling, rising;
} pvd[8] = {{2040, 2140}, {2190, 2300}, {2350, 2450}, {2510, 2600},
            {2660, 2760}, {2820, 2930}, {2930, 3030}, {3030, 3140}},
  bor[4] = {{2830, 2920}, {2500, 2590}, {2190, 2290}, {1680, 1720}};

#define BOR_OFF 3u

static unsigned bor_level(const struct chip *chip) {
    return chip->flash.option >> 2 & 3;
}

unsigned supply_max_psize(const struct chip *chip) {
    // RM0090 table 7: x32 from 2.7 V, x16 from 2.1 V, x8 below.
    return chip->supply.mv >= 2700 ? 2 : chip->supply.mv >= 2100 ? 1 : 0;
}

unsigned supply_wait_states(const struct chip *chip, uint64_t hclk_hz) {
    // RM0090 table 10, its four columns.
    unsigned mv = chip->supply.mv;
    unsigned column = mv >= 2700 ? 0 : mv >= 2400 ? 1 : mv >= 2100 ? 2 : 3;
    const uint8_t *limits = chip->model->line->wait_limits->mhz[column];
    unsigned needed = 0;
    while (needed + 1 < WAIT_STATES_MAX && limits[needed + 1] &&
           hclk_hz > limits[needed] * UINT64_C(1000000)) {
        needed++;
    }
    return needed;
}

bool supply_is_below_pvd(const struct chip *chip) {
    return chip->supply.is_below_pvd;
}

void supply_update_pvd(struct chip *chip) {
    struct supply *supply = &chip->supply;
    bool is_on;
    unsigned level = pwr_pvd_level(chip, &is_on);
    bool was = supply->is_below_pvd;

    supply->is_below_pvd = is_on && supply->mv < (was ? pvd[level].rising : pvd[level].falling);
    if (supply->is_below_pvd != was) {
        trace_event(chip->trace, TRACE_RESET, "pvd", "below=%d mv=%u", !was, supply->mv);
    }
    exti_set_line(chip, PVD_EXTI_LINE, supply->is_below_pvd);
}

void supply_power_on(struct chip *chip) {
    chip->supply.is_held = chip->supply.mv < bor[bor_level(chip)].rising;
}

static void hold(struct chip *chip) {
    chip->supply.is_held = true;
    chip->supply.is_power_lost = chip->supply.mv < bor[BOR_OFF].falling;
    trace_event(chip->trace, TRACE_RESET, "brown-out", "mv=%u", chip->supply.mv);
    chip_request_reset(chip, RESET_BROWN_OUT);
}

static void release(struct chip *chip) {
    chip->supply.is_held = false;
    trace_event(chip->trace, TRACE_RESET, "brown-out-end", "mv=%u", chip->supply.mv);
    if (chip->supply.is_power_lost) {
        chip->supply.is_power_lost = false;
        chip_power_on(chip); // SRAM was lost too
    }
    chip_rebase(chip);
}

void chip_set_supply_mv(struct chip *chip, unsigned mv) {
    struct supply *supply = &chip->supply;
    unsigned level = bor_level(chip);

    if (mv != supply->mv) {
        trace_event(chip->trace, TRACE_RESET, "supply", "mv=%u", mv);
    }
    supply->mv = mv;
    if (!chip->is_powered) {
        return;
    }
    if (supply->is_held) {
        supply->is_power_lost = supply->is_power_lost || mv < bor[BOR_OFF].falling;
        if (mv >= bor[level].rising) {
            release(chip);
        }
        return;
    }
    if (mv < bor[level].falling) {
        hold(chip);
        return;
    }
    flash_supply_changed(chip);
    supply_update_pvd(chip);
    rcc_check_wait_states(chip);
}
