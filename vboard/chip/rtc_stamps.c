// SPDX-License-Identifier: MIT
//
// The RTC's pin, RTC_AF1 (PC13): time stamps and tamper detection 1 (RM0090 26.3.12, 26.3.13, 26.6.17). A level that
// TAMPFLT asks for is taken at once, without its samples. What else of the RTC is not modelled is told here:
// the second tamper pin, PI8 instead of PC13, alarms within a second, calibration, shifts.

#include <string.h>

#include "vboard/chip/chip_state.h"

#define DR              0x04u
#define TR              0x00u
#define CR              0x08u
#define ISR             0x0Cu
#define CALIBR          0x18u
#define SHIFTR          0x2Cu
#define TSTR            0x30u
#define TSDR            0x34u
#define TSSSR           0x38u
#define CALR            0x3Cu
#define TAFCR           0x40u
#define ALRMASSR        0x44u
#define ALRMBSSR        0x48u
#define BKP0R           0x50u
#define BACKUP_BYTES    80u

#define CR_TSEDGE       (1u << 3)
#define CR_TSE          (1u << 11)
#define CR_TSIE         (1u << 15)
#define ISR_TSF         (1u << 11)
#define ISR_TSOVF       (1u << 12)
#define ISR_TAMP1F      (1u << 13)
#define TAFCR_TAMP1E    (1u << 0)
#define TAFCR_TAMP1TRG  (1u << 1)
#define TAFCR_TAMPIE    (1u << 2)
#define TAFCR_TAMP2E    (1u << 3)
#define TAFCR_TAMPTS    (1u << 7)
#define TAFCR_TAMPFLT   (3u << 11)
#define TAFCR_ELSEWHERE (3u << 16) // TAMP1INSEL, TSINSEL
#define ALRMSSR_MASKSS  (15u << 24)

#define REG(chip, off)  ((chip)->rtc.regs[(off) / 4])
#define PIN_PORT        2u // C
#define PIN             13u

bool rtc_stamps_ring(const struct chip *chip) {
    return (REG(chip, ISR) & ISR_TSF && REG(chip, CR) & CR_TSIE) ||
           (REG(chip, ISR) & ISR_TAMP1F && REG(chip, TAFCR) & TAFCR_TAMPIE);
}

static void stamp(struct chip *chip) {
    if (REG(chip, ISR) & ISR_TSF) { // the one before was not read: it stays
        REG(chip, ISR) |= ISR_TSOVF;
        return;
    }
    REG(chip, TSTR) = REG(chip, TR);
    REG(chip, TSDR) = REG(chip, DR) & 0xFFFF; // no year
    REG(chip, TSSSR) = rtc_sub_second(chip);
    REG(chip, ISR) |= ISR_TSF;
}

static void tamper(struct chip *chip) {
    if (REG(chip, ISR) & ISR_TAMP1F) {
        return;
    }
    REG(chip, ISR) |= ISR_TAMP1F;
    memset(&REG(chip, BKP0R), 0, BACKUP_BYTES);
    if (REG(chip, TAFCR) & TAFCR_TAMPTS) {
        stamp(chip);
    }
}

// 26.3.13: edges, low first for TRG 0; with TAMPFLT the level, and TRG 0 means low.
static bool is_tampered_level(const struct chip *chip, bool level) {
    uint32_t tafcr = REG(chip, TAFCR);
    bool is_turned = tafcr & TAFCR_TAMP1TRG;
    return tafcr & TAFCR_TAMPFLT ? level == is_turned : level != is_turned;
}

void rtc_pin_changed(struct chip *chip) {
    bool level = gpio_level(chip, PIN_PORT, PIN) == 1;
    if (REG(chip, TAFCR) & TAFCR_ELSEWHERE) {
        return;
    }
    rtc_settle(chip);
    if (REG(chip, TAFCR) & TAFCR_TAMP1E && is_tampered_level(chip, level)) {
        tamper(chip);
    }
    if (REG(chip, CR) & CR_TSE && level == !(REG(chip, CR) & CR_TSEDGE)) {
        stamp(chip);
    }
    rtc_update_lines(chip);
}

static void complain(struct chip *chip, const char *what) {
    char where[WHERE_MAX];
    chip_where(chip, where);
    trace_complaint(chip->trace, "rtc-mode", where,
                    "the RTC is asked at %s for %s, which is not modelled", where, what);
}

void rtc_stamps_written(struct chip *chip, uint32_t off, uint32_t before) {
    uint32_t value = REG(chip, off), risen = value & ~before;
    switch (off) {
    case TAFCR:
        if (risen & (TAFCR_TAMP2E | TAFCR_ELSEWHERE)) {
            complain(chip, "another tamper or time stamp pin than PC13 (RTC_TAFCR)");
        }
        // 26.3.13: a pin that is at its level already when TAMP1E is set is an event, too.
        if (risen & TAFCR_TAMP1E && !(value & TAFCR_ELSEWHERE) &&
            is_tampered_level(chip, gpio_level(chip, PIN_PORT, PIN) == 1)) {
            tamper(chip);
        }
        break;
    case ALRMASSR:
    case ALRMBSSR:
        if (value & ALRMSSR_MASKSS) {
            complain(chip,
                     "an alarm within a second (RTC_ALRMxSSR.MASKSS): it comes at the second");
        }
        break;
    case CALIBR:
    case CALR:
    case SHIFTR:
        if (value != 0) {
            complain(chip, off == SHIFTR ? "a shift (RTC_SHIFTR)"
                                         : "a calibration (RTC_CALR, RTC_CALIBR)");
        }
        break;
    default:
        break;
    }
}

// Flags in ISR were cleared: a time stamp is gone with its flag (26.6.12).
void rtc_stamps_cleared(struct chip *chip) {
    if (!(REG(chip, ISR) & ISR_TSF)) {
        REG(chip, TSTR) = REG(chip, TSDR) = REG(chip, TSSSR) = 0;
    }
}

// 26.6.20: backup registers stay 0 while the flag is up.
bool rtc_stamps_hold_backup(const struct chip *chip) {
    return REG(chip, ISR) & ISR_TAMP1F;
}
