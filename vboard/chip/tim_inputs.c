// SPDX-License-Identifier: MIT
//
// Timers' input channels (RM0090 18.3.5, 18.3.6, 18.3.12, 18.3.14): levels come from pins, edges make captures, counts
// of an encoder, or the trigger of a slave mode. TIM5_OR and TIM11_OR put an oscillator where a pin was, to be
// measured. Not modelled: input filters (an edge counts at once), ETR, TRC.

#include "vboard/chip/tim.h"

#include "vboard/chip/chip_state.h"

// DS8626 table 9; a port of 0: there is no other place.
static const struct input {
    uint8_t function;
    struct {
        char port;
        uint8_t pin;
    } place[TIM_CHANNELS][3];
} inputs[TIMS] = {
    [0] = {1,
           {{{'A', 8}, {'E', 9}},
            {{'A', 9}, {'E', 11}},
            {{'A', 10}, {'E', 13}},
            {{'A', 11}, {'E', 14}}}},
    [1] = {1,
           {{{'A', 0}, {'A', 5}, {'A', 15}},
            {{'A', 1}, {'B', 3}},
            {{'A', 2}, {'B', 10}},
            {{'A', 3}, {'B', 11}}}},
    [2] = {2,
           {{{'A', 6}, {'B', 4}, {'C', 6}},
            {{'A', 7}, {'B', 5}, {'C', 7}},
            {{'B', 0}, {'C', 8}},
            {{'B', 1}, {'C', 9}}}},
    [3] = {2,
           {{{'B', 6}, {'D', 12}},
            {{'B', 7}, {'D', 13}},
            {{'B', 8}, {'D', 14}},
            {{'B', 9}, {'D', 15}}}},
    [4] = {2,
           {{{'A', 0}, {'H', 10}},
            {{'A', 1}, {'H', 11}},
            {{'A', 2}, {'H', 12}},
            {{'A', 3}, {'I', 0}}}},
    [7] =
        {3,
         {{{'C', 6}, {'I', 5}}, {{'C', 7}, {'I', 6}}, {{'C', 8}, {'I', 7}}, {{'C', 9}, {'I', 2}}}},
    [8] = {3, {{{'A', 2}, {'E', 5}}, {{'A', 3}, {'E', 6}}}},
    [9] = {3, {{{'B', 8}, {'F', 6}}}},
    [10] = {3, {{{'B', 9}, {'F', 7}}}},
    [11] = {9, {{{'B', 14}, {'H', 6}}, {{'B', 15}, {'H', 9}}}},
    [12] = {9, {{{'A', 6}, {'F', 8}}}},
    [13] = {9, {{{'A', 7}, {'F', 9}}}},
};

enum edge { RISING, FALLING = 2, BOTH = 10 }; // CCxNP and CCxP, with CCxE's bit out

static bool has_edge(const struct tim *tim, unsigned channel, bool level) {
    switch (tim->ccer >> (4 * channel) & 0xA) {
    case FALLING:
        return !level;
    case BOTH:
        return true;
    default:
        return level;
    }
}

static bool is_inverted(const struct tim *tim, unsigned channel) {
    return tim->ccer >> (4 * channel + 1) & 1; // CCxP
}

// The level at a channel's pin; -1: no pin is it.
static int pin_level(const struct tim *tim, unsigned channel) {
    if (tim->option && channel == (tim->index == 4 ? 3 : 0)) {
        return -1; // TIM5_OR, TIM11_OR
    }
    for (unsigned i = 0; i < 3 && inputs[tim->index].place[channel][i].port; i++) {
        unsigned port = (unsigned)(inputs[tim->index].place[channel][i].port - 'A');
        unsigned pin = inputs[tim->index].place[channel][i].pin;
        if (gpio_is_alternate(tim->chip, port, pin, inputs[tim->index].function)) {
            return gpio_input(tim->chip, port, pin);
        }
    }
    return -1;
}

static uint32_t levels_now(const struct tim *tim) {
    uint32_t levels = 0;
    for (unsigned channel = 0; channel < tim_channels(tim); channel++) {
        levels |= pin_level(tim, channel) == 1 ? 1u << channel : 0;
    }
    if (tim->cr2 & TIM_CR2_TI1S) { // TI1 is channels 1 to 3, exclusive or (18.4.2)
        levels = (levels & ~1u) | ((levels ^ levels >> 1 ^ levels >> 2) & 1);
    }
    return levels;
}

// --- edges -------------------------------------------------------------------------------------------------

static void capture(struct tim *tim, unsigned channel) {
    uint32_t flag = 2u << channel;
    unsigned prescaler = tim->ccmr[channel / 2] >> (8 * (channel % 2) + 2) & 3; // ICxPSC
    if (!(tim->ccer >> (4 * channel) & 1) || ++tim->edges[channel] < 1u << prescaler) {
        return;
    }
    tim->edges[channel] = 0;
    tim->ccr[channel] = tim->cnt;
    uint32_t over = tim->sr & flag ? flag << 8 : 0; // CCxOF: the one before was not read
    tim_raise(tim, flag | over, TIM_DIER_CC1DE << channel);
}

// CCxS: 1 its own input, 2 that of its neighbour.
static void capture_from(struct tim *tim, unsigned input, bool level) {
    for (unsigned channel = 0; channel < tim_channels(tim); channel++) {
        unsigned choice = tim->ccmr[channel / 2] >> (8 * (channel % 2)) & 3;
        unsigned chosen = choice == 1 ? channel : channel ^ 1;
        if ((choice == 1 || choice == 2) && chosen == input && has_edge(tim, channel, level)) {
            capture(tim, channel);
        }
    }
}

// RM0090 table 98: which way an edge counts depends on the other input's level.
static void count_from(struct tim *tim, unsigned input) {
    enum tim_slave_mode mode = tim_slave_mode(tim);
    bool first = (tim->inputs & 1) != is_inverted(tim, 0);
    bool second = (tim->inputs >> 1 & 1) != is_inverted(tim, 1);
    if (input == 0 && (mode == TIM_ENCODER_TI1 || mode == TIM_ENCODER_BOTH)) {
        tim_count(tim, first == second);
    } else if (input == 1 && (mode == TIM_ENCODER_TI2 || mode == TIM_ENCODER_BOTH)) {
        tim_count(tim, first != second);
    }
}

static void trigger_from(struct tim *tim, unsigned input, bool level) {
    unsigned trigger = tim_trigger(tim);
    if (tim_slave_mode(tim) < TIM_RESET || trigger != (input == 0 ? TIM_TI1FP1 : TIM_TI2FP2)) {
        if (tim_slave_mode(tim) >= TIM_RESET && trigger == TIM_TI1_ED && input == 0) {
            tim_triggered(tim);
        }
        return;
    }
    if (tim_slave_mode(tim) == TIM_GATED) {
        tim_gate(tim, level != is_inverted(tim, input));
    } else if (has_edge(tim, input, level)) {
        tim_triggered(tim);
    }
}

static void follow(struct tim *tim) {
    uint32_t levels = levels_now(tim);
    uint32_t changed = levels ^ tim->inputs;
    if (!changed) {
        return;
    }
    tim_settle(tim);
    for (unsigned input = 0; input < tim_channels(tim); input++) {
        if (changed >> input & 1) {
            bool level = levels >> input & 1;
            tim->inputs ^= 1u << input;
            capture_from(tim, input, level);
            if (input < 2) {
                count_from(tim, input);
                // Captures first: PWM input reads the period and starts again (18.3.7).
                trigger_from(tim, input, level);
            }
        }
    }
    tim_settled(tim);
}

// --- oscillators (18.4.21, 19.5.11) --------------------------------------------------------------------------

// What stands at a channel in a pin's stead: rising edges at that rate; 0: nothing, or an oscillator that is off.
static uint64_t oscillator_hz(const struct tim *tim, unsigned *channel) {
    *channel = tim->index == 4 ? 3 : 0;
    unsigned choice = tim->index == 4 ? tim->option >> 6 : tim->option;
    unsigned rtcsel = tim->index == 4 ? (choice == 1   ? 2
                                         : choice == 2 ? 1
                                                       : 0)
                                      : (choice == 2 ? 3 : 0);
    return tim->index == 4 || tim->index == 10 ? rcc_slow_clock_hz(tim->chip, rtcsel) : 0;
}

static void oscillated(void *ctx) {
    struct tim *tim = ctx;
    unsigned channel;
    uint64_t hz = oscillator_hz(tim, &channel);
    tim_settle(tim);
    capture_from(tim, channel, true);
    capture_from(tim, channel, false);
    tim_settled(tim);
    if (hz != 0 && tim->cr1 & TIM_CR1_CEN) {
        timeline_schedule(tim->chip->timeline, &tim->oscillation,
                          timeline_now(tim->chip->timeline) + PS_PER_S / hz);
    }
}

// Edges come while somebody captures them.
static void follow_oscillator(struct tim *tim) {
    unsigned channel;
    uint64_t hz = oscillator_hz(tim, &channel);
    bool is_wanted = hz != 0 && tim->cr1 & TIM_CR1_CEN && tim->ccer >> (4 * channel) & 1;
    if (!is_wanted) {
        timeline_cancel(tim->chip->timeline, &tim->oscillation);
    } else if (!timeline_is_scheduled(&tim->oscillation)) {
        tim->oscillation.fire = oscillated;
        tim->oscillation.ctx = tim;
        timeline_schedule(tim->chip->timeline, &tim->oscillation,
                          timeline_now(tim->chip->timeline) + PS_PER_S / hz);
    }
}

void tim_inputs_chosen(struct tim *tim) {
    tim->inputs = levels_now(tim);
    follow_oscillator(tim);
    unsigned trigger = tim_trigger(tim);
    if (trigger == TIM_TI1FP1 || trigger == TIM_TI2FP2) {
        unsigned input = trigger - TIM_TI1FP1;
        tim_gate(tim, (tim->inputs >> input & 1) != is_inverted(tim, input));
    }
}

void tim_pins_changed(struct chip *chip, unsigned port, uint32_t pins) {
    for (unsigned i = 0; i < TIMS; i++) {
        struct tim *tim = &chip->tim[i];
        bool is_near = false;
        if (!tim->chip || !rcc_is_clocked(chip, &tim_peripherals[i])) {
            continue;
        }
        for (unsigned channel = 0; channel < TIM_CHANNELS; channel++) {
            for (unsigned place = 0; place < 3; place++) {
                is_near = is_near || (inputs[i].place[channel][place].port == (int)('A' + port) &&
                                      pins >> inputs[i].place[channel][place].pin & 1);
            }
        }
        if (is_near) {
            follow(tim);
        }
    }
}
