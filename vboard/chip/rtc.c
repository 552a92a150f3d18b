// SPDX-License-Identifier: MIT
//
// The backup domain: RTC registers behind their write protection, the 20 backup registers, backup
// SRAM (RM0090 sections 26 and 5.1.2). Kept through every reset but power-on (this board's VBAT is
// tied to VDD) and RCC_BDCR.BDRST. The calendar does not count yet: reading it is a complaint.

#include <string.h>

#include "vboard/chip/chip_state.h"

#define TR             0x00u
#define DR             0x04u
#define CR             0x08u
#define ISR            0x0Cu
#define PRER           0x10u
#define WUTR           0x14u
#define WPR            0x24u
#define SSR            0x28u
#define TAFCR          0x40u
#define BKP0R          0x50u
#define BKP19R         0x9Cu

#define ISR_INIT       (1u << 7)
#define ISR_INITF      (1u << 6)
#define ISR_INITS      (1u << 4)
#define ISR_RSF        (1u << 5)
#define ISR_READY      0x7u // ALRAWF ALRBWF WUTWF: alarms and wake-up timer may be set

// RM0090 26.6.1-26.6.5: reset values.
#define DR_RESET       0x00002101u
#define PRER_RESET     0x007F00FFu
#define WUTR_RESET     0x0000FFFFu

#define REG(chip, off) ((chip)->rtc.regs[(off) / 4])

static bool rtc_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;
    char where[WHERE_MAX];

    if (off / 4 >= RTC_WORDS) {
        return false;
    }
    if ((off == TR || off == SSR) && chip_is_news(chip, 0x40002800u + off)) {
        trace_complaint(chip->trace, "rtc-does-not-count", "",
                        "RTC time read at %s: the calendar stands still here",
                        chip_where(chip, where));
    }
    *value = REG(chip, off);
    return true;
}

static void write_wpr(struct rtc *rtc, uint32_t value) {
    // RM0090 26.3.5: 0xCA then 0x53 unlocks; any other value locks again.
    if ((value & 0xFF) == 0xCA) {
        rtc->key = 1;
    } else {
        rtc->key = rtc->key == 1 && (value & 0xFF) == 0x53 ? 2 : 0;
    }
}

static bool rtc_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    if (off / 4 >= RTC_WORDS) {
        return false;
    }
    if (!pwr_backup_is_writable(chip)) {
        return true; // lost (RM0090 5.1.2)
    }
    if (off == WPR) {
        write_wpr(&chip->rtc, value & mask);
        return true;
    }
    if ((off >= BKP0R && off <= BKP19R) || off == TAFCR) {
        merge(&REG(chip, off), value, mask);
        return true;
    }
    if (chip->rtc.key != 2) {
        return true;
    }
    if (off == ISR) {
        uint32_t isr = value & mask & ISR_INIT;
        // INITS once the year is set (RM0090 26.6.4).
        REG(chip, ISR) = isr | (isr ? ISR_INITF : ISR_RSF) | ISR_READY |
                         (REG(chip, DR) >> 16 & 0xFF ? ISR_INITS : 0);
        return true;
    }
    merge(&REG(chip, off), value, mask);
    return true;
}

void rtc_backup_reset(struct chip *chip) {
    // BDRST leaves the backup SRAM alone (RM0090 7.1.3).
    memset(chip->rtc.regs, 0, sizeof(chip->rtc.regs));
    chip->rtc.key = 0;
    REG(chip, DR) = DR_RESET;
    REG(chip, PRER) = PRER_RESET;
    REG(chip, WUTR) = WUTR_RESET;
    REG(chip, ISR) = ISR_READY;
}

static void rtc_power_on(void *ctx) {
    rtc_backup_reset(ctx);
}

static void rtc_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->rtc.key = 0;
}

const struct peripheral rtc_peripheral = {
    .name = "RTC",
    .base = 0x40002800u,
    .size = 0x400,
    .read = rtc_read,
    .write = rtc_write,
    .reset = rtc_reset,
    .power_on = rtc_power_on,
};

static bool bkpsram_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;
    *value = chip->rtc.sram[off / 4 % (BKPSRAM_SIZE / 4)];
    return true;
}

static bool bkpsram_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    if (pwr_backup_is_writable(chip)) {
        merge(&chip->rtc.sram[off / 4 % (BKPSRAM_SIZE / 4)], value, mask);
    }
    return true;
}

static void bkpsram_power_on(void *ctx) {
    struct chip *chip = ctx;
    for (unsigned i = 0; i < BKPSRAM_SIZE / 4; i++) {
        chip->rtc.sram[i] = 0xB5B5B5B5u ^ i; // undefined after power-on, and not zero
    }
}

const struct peripheral bkpsram_peripheral = {
    .name = "BKPSRAM",
    .base = 0x40024000u,
    .size = BKPSRAM_SIZE,
    .read = bkpsram_read,
    .write = bkpsram_write,
    .power_on = bkpsram_power_on,
    .enable_register = RCC_AHB1ENR,
    .enable_bit = 1u << 18,
};
