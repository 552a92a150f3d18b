// SPDX-License-Identifier: MIT
//
// Joins the OTG cores to the chip: register windows (RM0090 table 1), enable bits, interrupts (table
// 62), wake-up lines (12.2.5), 48 MHz from the PLL's Q output (7.2.3), the clock gates of sleep
// (7.3.15), and OTG_HS's way to memory.

#include "vboard/chip/otg_wiring.h"

#include "vboard/chip/chip_state.h"
#include "vboard/chip/otg.h"

#define OTG_FS_IRQ         67u
#define OTG_HS_EP1_OUT_IRQ 74u
#define OTG_HS_EP1_IN_IRQ  75u
#define OTG_HS_IRQ         77u
#define OTG_FS_EXTI_LINE   18u
#define OTG_HS_EXTI_LINE   20u

#define AHB2_OTGFS         (1u << 7)  // RM0090 7.3.11, 7.3.16
#define AHB1_OTGHS         (1u << 29) // RM0090 7.3.10, 7.3.15
#define AHB1_OTGHSULPI     (1u << 30)
// GUSBCFG.PHYSEL (RM0090 35.12.2).
#define GUSBCFG_OFF        0x00cu
#define GUSBCFG_PHYSEL     (1u << 6)

static void fs_irq(void *ctx, bool level) {
    struct chip *chip = ctx;
    cpu_set_irq(chip->cpu, OTG_FS_IRQ, level);
}

static void hs_irq(void *ctx, bool level) {
    struct chip *chip = ctx;
    cpu_set_irq(chip->cpu, OTG_HS_IRQ, level);
}

static void hs_endpoint_1(void *ctx, bool in, bool level) {
    struct chip *chip = ctx;
    cpu_set_irq(chip->cpu, in ? OTG_HS_EP1_IN_IRQ : OTG_HS_EP1_OUT_IRQ, level);
}

// The core signals an instant; EXTI sees a rising edge.
static void wakeup(struct chip *chip, unsigned line) {
    exti_set_line(chip, line, true);
    exti_set_line(chip, line, false);
}

static void fs_wakeup(void *ctx) {
    wakeup(ctx, OTG_FS_EXTI_LINE);
}

static void hs_wakeup(void *ctx) {
    wakeup(ctx, OTG_HS_EXTI_LINE);
}

// A sleeping processor (WFI, WFE) leaves clocks to the LPENR registers (RM0090 7.3.15, 7.3.16).
static bool is_gated(struct chip *chip, unsigned core, bool is_off, const char *why) {
    if (!is_off || !cpu_is_asleep(chip->cpu)) {
        return false;
    }
    if (!chip->was_stopped_asleep[core]) {
        chip->was_stopped_asleep[core] = true;
        trace_complaint(chip->trace, "usb-stopped-in-sleep", core ? "OTG_HS" : "OTG_FS",
                        "%s does not answer while the processor sleeps: %s",
                        core ? "OTG_HS" : "OTG_FS", why);
    }
    return true;
}

static bool fs_is_stopped(void *ctx) {
    struct chip *chip = ctx;
    return is_gated(chip, 0, !(chip->rcc.regs[RCC_AHB2LPENR / 4] & AHB2_OTGFS),
                    "RCC_AHB2LPENR.OTGFSLPEN is 0");
}

// OTGHSULPILPEN is 1 after a reset. With the embedded PHY in use and no ULPI clock, the core stands
// still in sleep until firmware clears it: seen on silicon by TinyUSB (pull request 2408) and Zephyr
// (97789); RM0090 7.3.15 does not say so.
static bool hs_is_stopped(void *ctx) {
    struct chip *chip = ctx;
    uint32_t enabled = chip->rcc.regs[RCC_AHB1LPENR / 4];
    uint32_t gusbcfg = 0;
    if (!(enabled & AHB1_OTGHS)) {
        return is_gated(chip, 1, true, "RCC_AHB1LPENR.OTGHSLPEN is 0");
    }
    (void)otg_peek(chip->otg_hs, GUSBCFG_OFF, &gusbcfg);
    return is_gated(chip, 1, (enabled & AHB1_OTGHSULPI) && (gusbcfg & GUSBCFG_PHYSEL),
                    "RCC_AHB1LPENR.OTGHSULPILPEN is 1 (its reset value) and the embedded PHY is in "
                    "use; firmware has to clear it");
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
    .enable_bit = AHB2_OTGFS,
};

static const struct peripheral otg_hs_peripheral = {
    .name = "OTG_HS",
    .base = 0x40040000u,
    .size = OTG_SIZE,
    .read = otg_read,
    .write = otg_write,
    .peek = otg_peek,
    .reset = otg_reset,
    .enable_register = RCC_AHB1ENR,
    .enable_bit = AHB1_OTGHS,
};

static bool add_fs(struct chip *chip) {
    chip->otg_fs = otg_new(&otg_fs_config, chip->timeline, chip->trace, fs_irq, chip);
    if (!chip->otg_fs) {
        return false;
    }
    otg_set_wakeup_line(chip->otg_fs, fs_wakeup, chip);
    otg_set_surroundings(chip->otg_fs,
                         &(struct otg_surroundings){.ctx = chip, .is_stopped = fs_is_stopped});
    chip_add_peripheral(chip, &otg_fs_peripheral, chip->otg_fs);
    return true;
}

static bool add_hs(struct chip *chip) {
    chip->otg_hs = otg_new(&otg_hs_config, chip->timeline, chip->trace, hs_irq, chip);
    if (!chip->otg_hs) {
        return false;
    }
    otg_set_wakeup_line(chip->otg_hs, hs_wakeup, chip);
    otg_set_surroundings(chip->otg_hs, &(struct otg_surroundings){
                                           .ctx = chip,
                                           .has_ulpi_phy = chip->wiring.has_ulpi_phy,
                                           .is_stopped = hs_is_stopped,
                                           .endpoint_1 = hs_endpoint_1,
                                           .load = chip_master_load,
                                           .store = chip_master_store,
                                       });
    chip_add_peripheral(chip, &otg_hs_peripheral, chip->otg_hs);
    return true;
}

bool otg_wiring_add(struct chip *chip) {
    return add_fs(chip) && (!chip->model->has_otg_hs || add_hs(chip));
}

void otg_wiring_free(struct chip *chip) {
    otg_free(chip->otg_fs);
    otg_free(chip->otg_hs);
}

// A core hears of its clock when PLL48CK changes, and when its RCC enable bit does: without it the
// core is as stopped as without the PLL.
void chip_usb_clock_changed(struct chip *chip) {
    uint64_t hz = rcc_usb_clock_hz(chip);
    if (chip->otg_fs) {
        otg_set_phy_clock(chip->otg_fs, rcc_is_clocked(chip, &otg_fs_peripheral) ? hz : 0);
    }
    if (chip->otg_hs) {
        otg_set_phy_clock(chip->otg_hs, rcc_is_clocked(chip, &otg_hs_peripheral) ? hz : 0);
    }
}

const struct wire_device *chip_otg_fs(struct chip *chip) {
    return otg_wire(chip->otg_fs);
}

void chip_connect_otg_fs(struct chip *chip, const struct wire_host *host) {
    otg_connect(chip->otg_fs, host);
}

const struct wire_device *chip_otg_hs(struct chip *chip) {
    return chip->otg_hs ? otg_wire(chip->otg_hs) : NULL;
}

void chip_connect_otg_hs(struct chip *chip, const struct wire_host *host) {
    if (chip->otg_hs) {
        otg_connect(chip->otg_hs, host);
    }
}
