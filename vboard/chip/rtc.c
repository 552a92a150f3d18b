// SPDX-License-Identifier: MIT
//
// The backup domain: the RTC's calendar, alarms and wake-up timer behind their write protection, the 20
// backup registers, backup SRAM (RM0090 sections 26 and 5.1.2). Kept through every reset but power-on
// and RCC_BDCR.BDRST; with a battery on VBAT (struct chip_wiring) through power-on too, backup SRAM then
// only where PWR_CSR.BRE asked for it.
//
// The calendar is worked out when somebody looks; an event a second runs while an alarm is on. The
// registers' synchronisation takes no time. rtc_stamps.c has time stamps and the tamper pin, and tells of what is
// kept as bits only; outputs are not told of.

#include <string.h>

#include "vboard/chip/chip_state.h"

#define TR             0x00u
#define DR             0x04u
#define CR             0x08u
#define ISR            0x0Cu
#define PRER           0x10u
#define WUTR           0x14u
#define ALRMAR         0x1Cu
#define ALRMBR         0x20u
#define WPR            0x24u
#define SSR            0x28u
#define TSTR           0x30u
#define TSDR           0x34u
#define TSSSR          0x38u
#define TAFCR          0x40u
#define BKP0R          0x50u
#define BKP19R         0x9Cu

#define CR_WUCKSEL     0x7u
#define CR_FMT         (1u << 6)
#define CR_ALRAE       (1u << 8)
#define CR_ALRBE       (1u << 9)
#define CR_WUTE        (1u << 10)
#define CR_ALRAIE      (1u << 12)
#define CR_ALRBIE      (1u << 13)
#define CR_WUTIE       (1u << 14)
#define CR_ADD1H       (1u << 16)
#define CR_SUB1H       (1u << 17)
#define CR_MASK        0x00FCFF7Fu

#define ISR_ALRAWF     (1u << 0)
#define ISR_ALRBWF     (1u << 1)
#define ISR_WUTWF      (1u << 2)
#define ISR_INITS      (1u << 4)
#define ISR_RSF        (1u << 5)
#define ISR_INITF      (1u << 6)
#define ISR_INIT       (1u << 7)
#define ISR_ALRAF      (1u << 8)
#define ISR_ALRBF      (1u << 9)
#define ISR_WUTF       (1u << 10)
#define ISR_FLAGS      0x3F00u // cleared by 0, not write-protected (26.3.5)

#define PM             (1u << 22)
#define ALARM_MSK(n)   (1u << (8 * (n) + 7)) // 0 seconds, 1 minutes, 2 hours, 3 date
#define ALARM_WDSEL    (1u << 30)

// RM0090 26.6.1-26.6.5: reset values.
#define DR_RESET       0x00002101u
#define PRER_RESET     0x007F00FFu
#define WUTR_RESET     0x0000FFFFu

#define ALARM_EXTI     17u // 12.2.5
#define STAMP_EXTI     21u
#define WAKE_UP_EXTI   22u

#define REG(chip, off) ((chip)->rtc.regs[(off) / 4])

// --- the calendar (26.3.1) ------------------------------------------------------------------------------

static unsigned from_bcd(uint32_t bcd) {
    return (bcd >> 4 & 0xF) * 10 + (bcd & 0xF);
}

static uint32_t to_bcd(unsigned value) {
    return value / 10 << 4 | value % 10;
}

static unsigned days_of(unsigned month, unsigned year) {
    static const uint8_t days[13] = {31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    // Years are 2000 to 2099: every fourth is a leap year.
    return month == 2 && year % 4 == 0 ? 29 : days[month <= 12 ? month : 0];
}

static void add_days(struct chip *chip, uint64_t count) {
    uint32_t dr = REG(chip, DR);
    unsigned year = from_bcd(dr >> 16), month = from_bcd(dr >> 8 & 0x1F), day = from_bcd(dr & 0x3F);
    unsigned weekday = dr >> 13 & 7;
    for (; count > 0; count--) {
        weekday = weekday >= 7 ? 1 : weekday + 1;
        if (++day > days_of(month, year)) {
            day = 1;
            month = month >= 12 ? 1 : month + 1;
            year = month == 1 ? (year + 1) % 100 : year;
        }
    }
    REG(chip, DR) = to_bcd(year) << 16 | weekday << 13 | to_bcd(month) << 8 | to_bcd(day);
}

// Seconds of the day, 12-hour format included.
static uint64_t seconds_of_day(const struct chip *chip) {
    uint32_t tr = REG(chip, TR);
    unsigned hour = from_bcd(tr >> 16 & 0x3F);
    if (REG(chip, CR) & CR_FMT) {
        hour = hour % 12 + (tr & PM ? 12 : 0);
    }
    return hour * 3600u + from_bcd(tr >> 8 & 0x7F) * 60u + from_bcd(tr & 0x7F);
}

static void set_seconds_of_day(struct chip *chip, unsigned seconds) {
    unsigned hour = seconds / 3600;
    uint32_t pm = 0;
    if (REG(chip, CR) & CR_FMT) {
        pm = hour >= 12 ? PM : 0;
        hour = hour % 12 == 0 ? 12 : hour % 12;
    }
    REG(chip, TR) = pm | to_bcd(hour) << 16 | to_bcd(seconds / 60 % 60) << 8 | to_bcd(seconds % 60);
}

static void add_seconds(struct chip *chip, uint64_t count) {
    uint64_t seconds = seconds_of_day(chip) + count;
    add_days(chip, seconds / 86400);
    set_seconds_of_day(chip, (unsigned)(seconds % 86400));
}

// --- time ---------------------------------------------------------------------------------------------------

static uint64_t asynchronous(const struct chip *chip) {
    return (REG(chip, PRER) >> 16 & 0x7F) + 1;
}

static uint64_t synchronous(const struct chip *chip) {
    return (REG(chip, PRER) & 0x7FFF) + 1;
}

static uint64_t clocks_a_second(const struct chip *chip) {
    return asynchronous(chip) * synchronous(chip);
}

static bool is_counting(const struct chip *chip) {
    return chip->rtc.clock_hz != 0 && !(REG(chip, ISR) & ISR_INITF);
}

static uint64_t clocks_now(const struct chip *chip) {
    uint64_t passed_ps = timeline_now(chip->timeline) - chip->rtc.base_ps;
    return (uint64_t)((unsigned __int128)passed_ps * chip->rtc.clock_hz / PS_PER_S);
}

static uint64_t ps_of_clocks(const struct chip *chip, uint64_t clocks) {
    return (uint64_t)(((unsigned __int128)clocks * PS_PER_S + chip->rtc.clock_hz - 1) /
                      chip->rtc.clock_hz);
}

void rtc_settle(struct chip *chip) {
    if (!is_counting(chip)) {
        return;
    }
    uint64_t seconds = clocks_now(chip) / clocks_a_second(chip);
    if (seconds > chip->rtc.counted) {
        add_seconds(chip, seconds - chip->rtc.counted);
        chip->rtc.counted = seconds;
    }
}

// The sub-second counter begins anew: leaving initialisation, or another clock.
static void restart(struct chip *chip) {
    chip->rtc.base_ps = timeline_now(chip->timeline);
    chip->rtc.counted = 0;
}

uint32_t rtc_sub_second(const struct chip *chip) {
    if (!is_counting(chip)) {
        return (uint32_t)synchronous(chip) - 1;
    }
    uint64_t ticks = clocks_now(chip) / asynchronous(chip) % synchronous(chip);
    return (uint32_t)(synchronous(chip) - 1 - ticks);
}

// --- alarms and wake-up (26.3.3, 26.3.4) -----------------------------------------------------------------

void rtc_update_lines(struct chip *chip) {
    uint32_t isr = REG(chip, ISR), cr = REG(chip, CR);
    bool alarm = (isr & ISR_ALRAF && cr & CR_ALRAIE) || (isr & ISR_ALRBF && cr & CR_ALRBIE);
    bool wake_up = isr & ISR_WUTF && cr & CR_WUTIE;
    bool stamp = rtc_stamps_ring(chip);
    bool is_news = (alarm && !chip->rtc.rings[0]) || (wake_up && !chip->rtc.rings[1]) ||
                   (stamp && !chip->rtc.rings[2]);
    chip->rtc.rings[0] = alarm;
    chip->rtc.rings[1] = wake_up;
    chip->rtc.rings[2] = stamp;
    exti_set_line(chip, STAMP_EXTI, stamp);
    exti_set_line(chip, ALARM_EXTI, alarm);
    exti_set_line(chip, WAKE_UP_EXTI, wake_up);
    if (is_news && chip->is_powered) {
        pwr_rtc_event(chip); // it ends Standby (5.3.6)
    }
}

static bool matches(const struct chip *chip, uint32_t alarm) {
    uint32_t tr = REG(chip, TR), dr = REG(chip, DR);
    uint32_t time_mask = (alarm & ALARM_MSK(0) ? 0 : 0x7Fu) | (alarm & ALARM_MSK(1) ? 0 : 0x7F00u) |
                         (alarm & ALARM_MSK(2) ? 0 : 0x7F0000u);
    if ((tr ^ alarm) & time_mask) {
        return false;
    }
    if (alarm & ALARM_MSK(3)) {
        return true;
    }
    return alarm & ALARM_WDSEL ? (dr >> 13 & 7) == (alarm >> 24 & 0xF)
                               : (dr & 0x3F) == (alarm >> 24 & 0x3F);
}

static void second(void *ctx);

static void schedule_second(struct chip *chip) {
    struct rtc *rtc = &chip->rtc;
    timeline_cancel(chip->timeline, &rtc->second);
    if (!is_counting(chip) || !(REG(chip, CR) & (CR_ALRAE | CR_ALRBE))) {
        return;
    }
    rtc->second.fire = second;
    rtc->second.ctx = chip;
    timeline_schedule(chip->timeline, &rtc->second,
                      rtc->base_ps +
                          ps_of_clocks(chip, (rtc->counted + 1) * clocks_a_second(chip)));
}

static void second(void *ctx) {
    struct chip *chip = ctx;
    uint32_t cr = REG(chip, CR);
    rtc_settle(chip);
    if (cr & CR_ALRAE && matches(chip, REG(chip, ALRMAR))) {
        REG(chip, ISR) |= ISR_ALRAF;
    }
    if (cr & CR_ALRBE && matches(chip, REG(chip, ALRMBR))) {
        REG(chip, ISR) |= ISR_ALRBF;
    }
    rtc_update_lines(chip);
    schedule_second(chip);
}

static uint64_t wake_up_ps(const struct chip *chip) {
    unsigned select = REG(chip, CR) & CR_WUCKSEL;
    uint64_t count = (REG(chip, WUTR) & 0xFFFF) + 1;
    // RTCCLK / 16, 8, 4, 2; ck_spre; ck_spre with 2^16 more (26.6.3).
    uint64_t clocks = select < 4   ? count * (16u >> select)
                      : select < 6 ? count * clocks_a_second(chip)
                                   : (count + 0x10000) * clocks_a_second(chip);
    return ps_of_clocks(chip, clocks);
}

static void woken(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, ISR) |= ISR_WUTF;
    rtc_update_lines(chip);
    timeline_schedule(chip->timeline, &chip->rtc.wake_up,
                      timeline_now(chip->timeline) + wake_up_ps(chip));
}

static void schedule_wake_up(struct chip *chip) {
    struct rtc *rtc = &chip->rtc;
    timeline_cancel(chip->timeline, &rtc->wake_up);
    if (rtc->clock_hz != 0 && REG(chip, CR) & CR_WUTE) {
        rtc->wake_up.fire = woken;
        rtc->wake_up.ctx = chip;
        timeline_schedule(chip->timeline, &rtc->wake_up,
                          timeline_now(chip->timeline) + wake_up_ps(chip));
    }
}

void rtc_clock_changed(struct chip *chip) {
    uint64_t hz = rcc_rtc_clock_hz(chip);
    if (hz == chip->rtc.clock_hz) {
        return;
    }
    rtc_settle(chip);
    chip->rtc.clock_hz = hz;
    restart(chip);
    schedule_second(chip);
    schedule_wake_up(chip);
}

// --- registers -------------------------------------------------------------------------------------------

static uint32_t status(const struct chip *chip) {
    uint32_t isr = REG(chip, ISR), cr = REG(chip, CR);
    isr |= cr & CR_ALRAE ? 0 : ISR_ALRAWF;
    isr |= cr & CR_ALRBE ? 0 : ISR_ALRBWF;
    isr |= cr & CR_WUTE ? 0 : ISR_WUTWF;
    isr |= REG(chip, DR) >> 16 & 0xFF ? ISR_INITS : 0; // once the year is set (26.6.4)
    // The shadow registers are copied every two RTCCLK (26.3.6).
    bool is_synchronous = is_counting(chip) && timeline_now(chip->timeline) >= chip->rtc.shadow_ps;
    return isr | (is_synchronous ? ISR_RSF : 0);
}

static bool rtc_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;

    if (off / 4 >= RTC_WORDS) {
        return false;
    }
    rtc_settle(chip);
    *value = off == ISR   ? status(chip)
             : off == SSR ? rtc_sub_second(chip)
             : off == WPR ? 0
                          : REG(chip, off);
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

static void write_isr(struct chip *chip, uint32_t value) {
    uint32_t *isr = &REG(chip, ISR);
    *isr &= value | ~ISR_FLAGS;
    rtc_stamps_cleared(chip);
    if (chip->rtc.key == 2) {
        bool was_initialising = *isr & ISR_INITF;
        // INITF needs RTCCLK (26.3.5): without, a driver waits in vain, as on the chip.
        *isr &= ~(ISR_INIT | ISR_INITF);
        *isr |= value & ISR_INIT ? ISR_INIT | (chip->rtc.clock_hz ? ISR_INITF : 0) : 0;
        if (was_initialising && !(*isr & ISR_INITF)) {
            restart(chip);
        }
        if (!(value & ISR_RSF) && chip->rtc.clock_hz) {
            chip->rtc.shadow_ps = timeline_now(chip->timeline) + ps_of_clocks(chip, 2);
        }
        schedule_second(chip);
    }
    rtc_update_lines(chip);
}

static void write_cr(struct chip *chip, uint32_t value) {
    uint32_t changed = REG(chip, CR) ^ value;
    REG(chip, CR) = value & CR_MASK & ~(CR_ADD1H | CR_SUB1H);
    if (value & CR_ADD1H) {
        add_seconds(chip, 3600);
    } else if (value & CR_SUB1H && seconds_of_day(chip) >= 3600) {
        set_seconds_of_day(chip,
                           (unsigned)seconds_of_day(chip) - 3600); // not past midnight (26.6.3)
    }
    schedule_second(chip);
    if (changed & (CR_WUTE | CR_WUCKSEL)) {
        schedule_wake_up(chip);
    }
    rtc_update_lines(chip);
}

// Behind the write protection.
static void write_protected(struct chip *chip, uint32_t off, uint32_t value) {
    bool is_initialising = REG(chip, ISR) & ISR_INITF;
    switch (off) {
    case TR:
    case DR:
    case PRER:
        if (is_initialising) { // 26.3.5
            REG(chip, off) = value;
        }
        return;
    case CR:
        write_cr(chip, value);
        return;
    case SSR:
        return; // read-only
    case TSTR:
    case TSDR:
    case TSSSR:
        return; // read-only
    default: {
        uint32_t before = REG(chip, off);
        REG(chip, off) = value;
        rtc_stamps_written(chip, off, before);
        return;
    }
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
    rtc_settle(chip);
    value &= mask;
    if (off == WPR) {
        write_wpr(&chip->rtc, value);
    } else if (off >= BKP0R && off <= BKP19R) {
        REG(chip, off) = rtc_stamps_hold_backup(chip) ? 0 : value;
    } else if (off == TAFCR) {
        uint32_t before = REG(chip, off);
        REG(chip, off) = value;
        rtc_stamps_written(chip, off, before);
        rtc_update_lines(chip);
    } else if (off == ISR) {
        write_isr(chip, value);
    } else if (chip->rtc.key == 2) {
        write_protected(chip, off, value);
    }
    return true;
}

void rtc_backup_reset(struct chip *chip) {
    // BDRST leaves the backup SRAM alone (RM0090 7.1.3).
    timeline_cancel(chip->timeline, &chip->rtc.second);
    timeline_cancel(chip->timeline, &chip->rtc.wake_up);
    memset(chip->rtc.regs, 0, sizeof(chip->rtc.regs));
    chip->rtc.key = 0;
    chip->rtc.is_alive = true;
    REG(chip, DR) = DR_RESET;
    REG(chip, PRER) = PRER_RESET;
    REG(chip, WUTR) = WUTR_RESET;
    restart(chip);
    rtc_update_lines(chip);
}

static void rtc_power_on(void *ctx) {
    struct chip *chip = ctx;
    if (!chip->wiring.has_battery || !chip->rtc.is_alive) {
        rtc_backup_reset(chip);
    }
}

static void rtc_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->rtc.key = 0;
    if (chip->rtc.clock_hz) { // the shadow registers begin empty
        chip->rtc.shadow_ps = timeline_now(chip->timeline) + ps_of_clocks(chip, 2);
    }
    rtc_update_lines(chip);
}

void rtc_free(struct chip *chip) {
    timeline_cancel(chip->timeline, &chip->rtc.second);
    timeline_cancel(chip->timeline, &chip->rtc.wake_up);
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

// --- backup SRAM ----------------------------------------------------------------------------------------

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
    if (chip->wiring.has_battery && pwr_has_backup_regulator(chip)) {
        return;
    }
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
