// SPDX-License-Identifier: MIT
//
// What timers tell the ADCs, the DAC and each other: OCxREF and TRGO (RM0090 17.3.8, 18.3.15). The references are
// followed where somebody waits for them; tim.c says when an event comes, tim_listened() which it must not miss.

#include "vboard/chip/tim.h"

#include "vboard/chip/chip_state.h"

#define SR_UIF     (1u << 0)
#define SR_CC1IF   (1u << 1)
#define NO_CHANNEL TIM_CHANNELS
#define NOBODY     0xFFu

// 18.4.2 MMS.
enum master_mode { BY_RESET, BY_ENABLE, BY_UPDATE, BY_COMPARE, BY_REFERENCE };

static enum master_mode master_mode(const struct tim *tim) {
    unsigned mms = tim->cr2 >> 4 & 7;
    return mms < BY_REFERENCE ? (enum master_mode)mms : BY_REFERENCE;
}

// The one whose reference TRGO is.
static unsigned master_channel(const struct tim *tim) {
    return master_mode(tim) == BY_REFERENCE ? (tim->cr2 >> 4 & 7) - BY_REFERENCE : NO_CHANNEL;
}

// Masters of the internal triggers 0 to 3: RM0090 tables 93, 97 and 100. Those of TIM9's and TIM12's that are
// outputs of one-channel timers have no TRGO and never come.
static const uint8_t masters[TIMS][4] = {
    [0] = {4, 1, 2, 3},           [1] = {0, 7, 2, 3},
    [2] = {0, 1, 4, 3},           [3] = {0, 1, 2, 7},
    [4] = {1, 2, 3, 7},           [7] = {0, 1, 3, 4},
    [8] = {1, 2, NOBODY, NOBODY}, [11] = {3, 4, NOBODY, NOBODY},
};

static bool has_internal_triggers(unsigned index) {
    return masters[index][0] != masters[index][1];
}

static bool is_slave_of(const struct tim *slave, unsigned master) {
    return slave->chip && has_internal_triggers(slave->index) &&
           tim_slave_mode(slave) != TIM_INTERNAL && tim_trigger(slave) < 4 &&
           masters[slave->index][tim_trigger(slave)] == master;
}

static bool is_listened(const struct tim *tim, enum tim_signal signal) {
    const struct chip *chip = tim->chip;
    if (adc_listens(chip, tim->index, signal) || dac_listens(chip, tim->index, signal)) {
        return true;
    }
    for (unsigned i = 0; signal == TIM_TRGO && i < TIMS; i++) {
        if (is_slave_of(&chip->tim[i], tim->index)) {
            return true;
        }
    }
    return false;
}

static void send(struct tim *tim, enum tim_signal signal) {
    struct chip *chip = tim->chip;
    if (tim->is_sending) {
        return;
    }
    tim->is_sending = true;
    adc_timer_signal(chip, tim->index, signal);
    dac_timer_signal(chip, tim->index, signal);
    for (unsigned i = 0; signal == TIM_TRGO && i < TIMS; i++) {
        if (is_slave_of(&chip->tim[i], tim->index)) {
            tim_triggered(&chip->tim[i]);
        }
    }
    tim->is_sending = false;
}

// TRGO is a level where it follows CEN or a reference: that is what a gate follows.
static void show_level(struct tim *tim, bool level) {
    struct chip *chip = tim->chip;
    for (unsigned i = 0; i < TIMS; i++) {
        if (is_slave_of(&chip->tim[i], tim->index)) {
            tim_gate(&chip->tim[i], level);
        }
    }
}

static unsigned output_mode(const struct tim *tim, unsigned channel) {
    return tim->ccmr[channel / 2] >> (8 * (channel % 2) + 4) & 7; // OCxM
}

static void set_reference(struct tim *tim, unsigned channel, bool level) {
    if ((tim->references >> channel & 1) == level) {
        return;
    }
    tim->references ^= 1u << channel;
    if (level) {
        send(tim, (enum tim_signal)channel);
    }
    if (channel == master_channel(tim)) {
        show_level(tim, level);
        if (level) {
            send(tim, TIM_TRGO);
        }
    }
}

void tim_signal_match(struct tim *tim, unsigned channel) {
    unsigned mode = output_mode(tim, channel);
    if (mode >= 1 && mode <= 3) { // active, inactive, toggle
        set_reference(tim, channel, mode == 3 ? !(tim->references >> channel & 1) : mode == 1);
    }
    if (channel == 0 && master_mode(tim) == BY_COMPARE) {
        send(tim, TIM_TRGO);
    }
}

void tim_signal_update(struct tim *tim, bool is_by_software) {
    if (master_mode(tim) == BY_UPDATE || (is_by_software && master_mode(tim) == BY_RESET)) {
        send(tim, TIM_TRGO);
    }
}

void tim_signal_enable(struct tim *tim) {
    if (master_mode(tim) == BY_ENABLE) {
        send(tim, TIM_TRGO);
    }
}

// PWM mode 1 (17.3.10): active while CNT < CCR going up, while CNT <= CCR going down; mode 2 is its opposite.
static bool pwm_level(const struct tim *tim, unsigned channel) {
    uint32_t ccr = tim->ccr_shadow[channel];
    return tim->cr1 & TIM_CR1_DIR ? tim->cnt <= ccr : tim->cnt < ccr;
}

void tim_references_follow(struct tim *tim) {
    for (unsigned channel = 0; channel < tim_channels(tim); channel++) {
        unsigned mode = output_mode(tim, channel);
        if (tim_is_output(tim, channel) && mode >= 4) {
            set_reference(tim, channel,
                          mode < 6 ? mode == 5 : pwm_level(tim, channel) == (mode == 6));
        }
    }
    if (master_mode(tim) == BY_ENABLE) {
        show_level(tim, tim->cr1 & TIM_CR1_CEN);
    }
}

void tim_master_chosen(struct tim *slave) {
    struct chip *chip = slave->chip;
    tim_listeners_changed(chip);
    for (unsigned i = 0; i < TIMS; i++) {
        const struct tim *master = &chip->tim[i];
        if (is_slave_of(slave, i)) {
            tim_gate(slave, master_mode(master) == BY_ENABLE ? master->cr1 & TIM_CR1_CEN
                            : master_mode(master) == BY_REFERENCE
                                ? master->references >> master_channel(master) & 1
                                : false);
        }
    }
}

uint32_t tim_listened(const struct tim *tim) {
    uint32_t flags = 0;
    for (unsigned channel = 0; channel < tim_channels(tim); channel++) {
        if (is_listened(tim, (enum tim_signal)channel)) {
            flags |= SR_UIF | SR_CC1IF << channel;
        }
    }
    if (master_mode(tim) >= BY_UPDATE && is_listened(tim, TIM_TRGO)) {
        flags |= SR_UIF;
        flags |= master_mode(tim) == BY_COMPARE     ? SR_CC1IF
                 : master_mode(tim) == BY_REFERENCE ? SR_CC1IF << master_channel(tim)
                                                    : 0;
    }
    return flags;
}
