// SPDX-License-Identifier: MIT
//
// Stop and Standby (RM0090 5.3.5, 5.3.6): what a WFI or WFE with SLEEPDEEP does, and what ends it.
// PWR_CR says which of the two; plain sleep is chip.c's.
//
// - Stop: HSI, HSE and PLL stop, and with them the processor, SysTick, USB and whatever peripheral
//   follows `halt`; a USART's frame and a DMA transfer under way still end here. IWDG, RTC and EXTI go on. An interrupt or event by EXTI ends it; then HSI is the
//   system clock, and the way back takes its time. With a bit set in EXTI_PR the mode is not entered.
// - Standby: the 1.2 V domain loses its power, SRAM and registers with it; the backup domain and IWDG
//   stay. It ends by WKUP (PA0, rising, with PWR_CSR.EWUP), the RTC, NRST or IWDG, and the chip
//   starts from its vector table, PWR_CSR.SBF set. No flag in RCC_CSR tells of it (an observation on
//   an STM32F437 in ST's forum, thread 45404; the manual does not say).
//
// Not modelled: what is saved by either, and PWR_CR.LPDS and FPDS but for the time they cost.

#include "vboard/chip/chip_state.h"

// USER in the option bytes: 0 turns the entry into a reset (RM0090 3.6.5 nRST_STOP, nRST_STDBY).
#define OPTION_NRST_STOP  (1u << 6)
#define OPTION_NRST_STDBY (1u << 7)

// DS8626, "low-power mode wakeup timings", typical; written down from memory. Stop by PWR_CR.LPDS and
// FPDS.
#define STOP_RUN_PS       (13 * PS_PER_US)
#define STOP_LOW_POWER_PS (17 * PS_PER_US)
#define STOP_FLASH_OFF_PS (110 * PS_PER_US)
#define STANDBY_PS        (375 * PS_PER_US)

// After the mode has changed, which the timers ask for.
static void halt(struct chip *chip, bool is_halted) {
    tim_clocks_changed(chip);
    for (size_t i = 0; i < chip->peripheral_count; i++) {
        if (chip->peripherals[i].halt) {
            chip->peripherals[i].halt(chip->peripherals[i].ctx, is_halted);
        }
    }
}

static void enter_stop(struct chip *chip) {
    char where[WHERE_MAX];
    if (chip->exti.pr != 0) {
        if (chip_is_news(chip, PWR_NEWS_STOP)) {
            trace_complaint(chip->trace, "stop-not-entered", chip_where(chip, where),
                            "Stop mode asked for at %s with EXTI_PR 0x%06x: it is not entered "
                            "while a line is pending (RM0090 5.3.5)",
                            where, (unsigned)chip->exti.pr);
        }
        cpu_wake(chip->cpu);
        return;
    }
    trace_event(chip->trace, TRACE_CPU, "stop", "");
    chip->low_power.mode = LOW_POWER_STOP;
    rcc_stop_clocks(chip);
    halt(chip, true);
}

static void enter_standby(struct chip *chip) {
    trace_event(chip->trace, TRACE_CPU, "standby", "");
    chip->low_power.mode = LOW_POWER_STANDBY;
    chip_lose_registers(chip);
    pwr_set_standby_flag(chip);
    if (pwr_wakeup_flag(chip)) { // it has to be cleared before (RM0090 5.3.6)
        low_power_end_standby(chip);
    }
}

void low_power_enter(struct chip *chip) {
    bool is_standby = pwr_is_standby(chip);
    uint32_t option = is_standby ? OPTION_NRST_STDBY : OPTION_NRST_STOP;
    if (!(chip->flash.option & option)) {
        chip_request_reset(chip, RESET_LOW_POWER);
    } else if (is_standby) {
        enter_standby(chip);
    } else {
        enter_stop(chip);
    }
}

static void end_stop(struct chip *chip) {
    unsigned depth = pwr_stop_depth(chip);
    chip->low_power.mode = LOW_POWER_NONE;
    chip_rebase(chip);
    chip_take_time(chip, depth == 0   ? STOP_RUN_PS
                         : depth == 1 ? STOP_LOW_POWER_PS
                                      : STOP_FLASH_OFF_PS);
    halt(chip, false);
    trace_event(chip->trace, TRACE_CPU, "stop-end", "");
}

void low_power_end_standby(struct chip *chip) {
    if (chip->low_power.mode == LOW_POWER_STANDBY) {
        chip_request_reset(chip, RESET_STANDBY);
        chip_take_time(chip, STANDBY_PS);
    }
}

bool low_power_is_off(struct chip *chip) {
    if (chip->low_power.mode == LOW_POWER_STOP && cpu_sleep_ends(chip->cpu)) {
        end_stop(chip);
    }
    return chip->low_power.mode != LOW_POWER_NONE;
}

void low_power_reset(struct chip *chip) {
    if (chip->low_power.mode != LOW_POWER_NONE) {
        chip->low_power.mode = LOW_POWER_NONE;
        halt(chip, false);
        if (!chip->is_running) { // it had no time; else it is still in the slice it fell asleep in
            chip_rebase(chip);
        }
    }
}
