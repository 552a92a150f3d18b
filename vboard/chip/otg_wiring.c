// SPDX-License-Identifier: MIT
//
// Joins the OTG cores to the chip: register windows (RM0090 table 1), enable bits, interrupts (table
// 62), wake-up lines (12.2.5), pins (DS8626 table 9), 48 MHz from the PLL's Q output (7.2.3), the clock gates of sleep
// (7.3.15), and OTG_HS's way to memory.

#include "vboard/chip/otg_wiring.h"

#include <stdio.h>

#include "vboard/chip/chip_internal.h"
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

// What the DMA sends. RM0090 2.1 names the SRAMs and external memory as what OTG_HS's bus reaches, unlike the DMA
// controllers': no flash, from which dma_enable = 0 in ST's projects for OTG_HS.
static bool hs_load(void *ctx, uint32_t addr, uint8_t *data, uint32_t len) {
    struct chip *chip = ctx;
    bool is_there = addr >= SRAM_BASE && chip_master_load(ctx, addr, data, len);
    if (!is_there) {
        chip->has_dma_missed = true;
        chip->dma_missed = addr;
    }
    return is_there;
}

struct chip_usb_trouble chip_usb_trouble(const struct chip *chip) {
    return (struct chip_usb_trouble){.was_stopped_asleep = chip->was_stopped_asleep[1],
                                     .has_dma_missed = chip->has_dma_missed,
                                     .dma_missed = chip->dma_missed};
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
    if (!(gusbcfg & GUSBCFG_PHYSEL)) {
        return is_gated(chip, 1, !(enabled & AHB1_OTGHSULPI),
                        "RCC_AHB1LPENR.OTGHSULPILPEN is 0 and the external PHY is in use");
    }
    return is_gated(chip, 1, enabled & AHB1_OTGHSULPI,
                    "RCC_AHB1LPENR.OTGHSULPILPEN is 1 (its reset value) and the embedded PHY is in "
                    "use; firmware has to clear it");
}

// Where ULPI may be connected (DS8626 table 9, alternate function 10): CK, D0 to D7, STP, and DIR and
// NXT with two places each. D4 is at PB11, on the F446 at PB2 as well (DS10693 table 11).
static bool has_ulpi_pins(const struct chip *chip) {
    static const struct {
        char port;
        uint8_t pin;
        char other_port; // 0: there is no other place
        uint8_t other_pin;
    } pins[] = {
        {'A', 5, 0, 0},  {'A', 3, 0, 0},  {'B', 0, 0, 0},    {'B', 1, 0, 0},
        {'B', 10, 0, 0}, {'B', 11, 0, 0}, {'B', 12, 0, 0},   {'B', 13, 0, 0},
        {'B', 5, 0, 0},  {'C', 0, 0, 0},  {'C', 2, 'I', 11}, {'C', 3, 'H', 4},
    };
    bool has_d4 =
        chip->model->line->otg_hs == &otg_hs_config_f446 && gpio_is_alternate(chip, 1, 2, 10);
    for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        if (has_d4 && pins[i].port == 'B' && pins[i].pin == 11) {
            continue;
        }
        bool is_set =
            gpio_is_alternate(chip, (unsigned)(pins[i].port - 'A'), pins[i].pin, 10) ||
            (pins[i].other_port &&
             gpio_is_alternate(chip, (unsigned)(pins[i].other_port - 'A'), pins[i].other_pin, 10));
        if (!is_set) {
            return false;
        }
    }
    return true;
}

static bool hs_has_ulpi_clock(void *ctx) {
    const struct chip *chip = ctx;
    uint32_t wanted = AHB1_OTGHS | AHB1_OTGHSULPI;
    return (chip->rcc.regs[RCC_AHB1ENR / 4] & wanted) == wanted && has_ulpi_pins(chip);
}

// The pins of the embedded PHYs (DS8626 table 9).
struct full_speed_pins {
    char port;
    uint8_t dm, dp;
    uint8_t function;
};

static const struct full_speed_pins fs_pins = {'A', 11, 12, 10};
static const struct full_speed_pins hs_pins = {'B', 14, 15, 12};

// A port that has lost its clock keeps its pins as they are.
static bool has_pins(const struct chip *chip, const struct full_speed_pins *pins, char *why) {
    const uint8_t pair[2] = {pins->dm, pins->dp};
    for (unsigned i = 0; i < 2; i++) {
        char mode[GPIO_MODE_MAX];
        if (!gpio_is_set_to(chip, (unsigned)(pins->port - 'A'), pair[i], pins->function, mode)) {
            if (why != NULL) {
                (void)snprintf(why, OTG_WHY_MAX,
                               "P%c%u is %s, and D- (P%c%u) and D+ (P%c%u) have to be in alternate "
                               "function %u",
                               pins->port, pair[i], mode, pins->port, pins->dm, pins->port,
                               pins->dp, pins->function);
            }
            return false;
        }
    }
    return true;
}

static bool has_fs_pins(void *ctx, char *why) {
    return has_pins(ctx, &fs_pins, why);
}

static bool has_hs_pins(void *ctx, char *why) {
    return has_pins(ctx, &hs_pins, why);
}

void chip_usb_pins_changed(struct chip *chip, unsigned port) {
    if (chip->otg_fs && port == (unsigned)(fs_pins.port - 'A')) {
        otg_pins_changed(chip->otg_fs);
    }
    if (chip->otg_hs && port == (unsigned)(hs_pins.port - 'A')) {
        otg_pins_changed(chip->otg_hs);
    }
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
    chip->otg_fs = otg_new(chip->model->line->otg_fs, chip->timeline, chip->trace, fs_irq, chip);
    if (!chip->otg_fs) {
        return false;
    }
    otg_set_wakeup_line(chip->otg_fs, fs_wakeup, chip);
    otg_set_surroundings(chip->otg_fs,
                         &(struct otg_surroundings){.ctx = chip,
                                                    .is_stopped = fs_is_stopped,
                                                    .has_full_speed_pins = has_fs_pins});
    chip_add_peripheral(chip, &otg_fs_peripheral, chip->otg_fs);
    return true;
}

static bool add_hs(struct chip *chip) {
    chip->otg_hs = otg_new(chip->model->line->otg_hs, chip->timeline, chip->trace, hs_irq, chip);
    if (!chip->otg_hs) {
        return false;
    }
    otg_set_wakeup_line(chip->otg_hs, hs_wakeup, chip);
    otg_set_surroundings(chip->otg_hs, &(struct otg_surroundings){
                                           .ctx = chip,
                                           .has_ulpi_phy = chip->wiring.has_ulpi_phy,
                                           .is_stopped = hs_is_stopped,
                                           .has_ulpi_clock = hs_has_ulpi_clock,
                                           .has_full_speed_pins = has_hs_pins,
                                           .endpoint_1 = hs_endpoint_1,
                                           .load = hs_load,
                                           .store = chip_master_store,
                                       });
    chip_add_peripheral(chip, &otg_hs_peripheral, chip->otg_hs);
    return true;
}

bool otg_wiring_add(struct chip *chip) {
    return add_fs(chip) && (!chip->model->line->otg_hs || add_hs(chip));
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
