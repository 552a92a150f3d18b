// SPDX-License-Identifier: MIT
//
// Joins the OTG core to the chip: OTG_FS at 0x50000000 (RM0090 table 1), clocked by
// RCC_AHB2ENR.OTGFSEN, interrupt 67, wake-up through EXTI line 18 (RM0090 12.2.5, table 62), its
// 48 MHz from the PLL's Q output (RM0090 7.2.3).

#include "vboard/chip/otg_wiring.h"

#include "vboard/chip/chip_state.h"
#include "vboard/chip/otg.h"

#define OTG_FS_IRQ          67u
#define OTG_FS_EXTI_LINE    18u
#define RCC_AHB2ENR_OTGFSEN (1u << 7)

static void fs_irq(void *ctx, bool level) {
    struct chip *chip = ctx;
    cpu_set_irq(chip->cpu, OTG_FS_IRQ, level);
}

// The core signals an instant; EXTI sees a rising edge.
static void fs_wakeup(void *ctx) {
    struct chip *chip = ctx;
    exti_set_line(chip, OTG_FS_EXTI_LINE, true);
    exti_set_line(chip, OTG_FS_EXTI_LINE, false);
}

static const struct peripheral otg_fs_peripheral = {
    .name = "OTG_FS",
    .base = 0x50000000u,
    .size = OTG_SIZE,
    .read = otg_read,
    .write = otg_write,
    .peek = otg_peek,
    .reset = otg_reset,
    .enable_register = RCC_AHB2ENR,
    .enable_bit = RCC_AHB2ENR_OTGFSEN,
};

bool otg_wiring_add(struct chip *chip) {
    chip->otg_fs = otg_new(&otg_fs_config, chip->timeline, chip->trace, fs_irq, chip);
    if (!chip->otg_fs) {
        return false;
    }
    otg_set_wakeup_line(chip->otg_fs, fs_wakeup, chip);
    chip_add_peripheral(chip, &otg_fs_peripheral, chip->otg_fs);
    return true;
}

void otg_wiring_free(struct chip *chip) {
    if (chip->otg_fs) {
        otg_free(chip->otg_fs);
    }
}

// The core hears of its clock when PLL48CK changes, and when its RCC enable bit does: without it
// the core is as stopped as without the PLL.
void chip_usb_clock_changed(struct chip *chip) {
    if (chip->otg_fs) {
        bool is_clocked = rcc_is_clocked(chip, &otg_fs_peripheral);
        otg_set_phy_clock(chip->otg_fs, is_clocked ? rcc_usb_clock_hz(chip) : 0);
    }
}

const struct wire_device *chip_otg_fs(struct chip *chip) {
    return otg_wire(chip->otg_fs);
}

void chip_connect_otg_fs(struct chip *chip, const struct wire_host *host) {
    otg_connect(chip->otg_fs, host);
}
