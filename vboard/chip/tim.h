// SPDX-License-Identifier: MIT
//
// State of a timer (tim.c), for struct chip.

#ifndef VBOARD_CHIP_TIM_H
#define VBOARD_CHIP_TIM_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

#define TIMS         14u
#define TIM_CHANNELS 4u

struct chip;

// What a timer tells others: a rising edge of OC1REF to OC4REF, and TRGO.
enum tim_signal { TIM_CC1, TIM_CC2, TIM_CC3, TIM_CC4, TIM_TRGO };

struct tim {
    struct chip *chip;
    unsigned index; // TIM1 is 0
    uint32_t cr1, cr2, smcr, dier, sr, ccmr[2], ccer, psc, arr, rcr, bdtr, dcr, option;
    uint32_t ccr[TIM_CHANNELS];
    // What counts: loaded from the registers above at update events (RM0090 18.3.1).
    uint32_t psc_shadow, arr_shadow, ccr_shadow[TIM_CHANNELS];
    uint32_t cnt;
    uint32_t prescaled;   // clocks into the present tick
    uint32_t repetitions; // overflows before the next update
    // Counting is worked out when somebody looks: clocks since base_ps, of which `counted` are in.
    uint64_t clock_hz, base_ps, counted;
    struct event due;            // the next flag that somebody waits for
    uint32_t requests;           // for DMA: DIER's bits whose events came and are not served
    unsigned burst;              // accesses made of a burst through DMAR
    uint32_t references;         // OC1REF to OC4REF
    uint32_t inputs;             // TI1 to TI4, levels
    uint8_t edges[TIM_CHANNELS]; // seen by the input prescaler since the last capture
    bool is_gate_open;           // in gated mode
    struct event oscillation;    // of the oscillator at an input
    bool is_sending;             // its TRGO is being told: a ring of timers ends here
};

extern const struct peripheral tim_peripherals[TIMS]; // ctx is filled in by chip.c
// APB clocks, their prescalers or enable bits changed.
void tim_clocks_changed(struct chip *chip);
void tim_free(struct chip *chip);
// Somebody waits for a signal of a timer, or does no more: before that is so (the signals until now are not for them),
// and after it.
void tim_listeners_change(struct chip *chip);
void tim_listeners_changed(struct chip *chip);
// An interrupt line that is not the timers' alone.
void tim_update_irq(struct chip *chip, unsigned irq);
// What DMA serves: whether one of these bits of DIER asks, and that it was served.
bool tim_requests(const struct chip *chip, unsigned index, uint32_t part);
void tim_served(struct chip *chip, unsigned index, uint32_t part);
// Some pins' levels, or what they are used for, changed (tim_inputs.c).
void tim_pins_changed(struct chip *chip, unsigned port, uint32_t pins);

// --- between tim.c, tim_signals.c and tim_inputs.c --------------------------------------------------------

// RM0090 18.4.1 to 18.4.9.
#define TIM_CR1_CEN    (1u << 0)
#define TIM_CR1_DIR    (1u << 4)
#define TIM_CR2_CCDS   (1u << 3)
#define TIM_CR2_TI1S   (1u << 7)
#define TIM_SMCR_SMS   7u
#define TIM_SR_TIF     (1u << 6)
#define TIM_DIER_UDE   (1u << 8)
#define TIM_DIER_CC1DE (1u << 9)
#define TIM_DIER_TDE   (1u << 14)

enum tim_slave_mode {
    TIM_INTERNAL,
    TIM_ENCODER_TI2,
    TIM_ENCODER_TI1,
    TIM_ENCODER_BOTH,
    TIM_RESET,
    TIM_GATED,
    TIM_TRIGGERED,
    TIM_EXTERNAL
};
// What TS chooses (18.4.3); below: the internal triggers.
enum tim_trigger { TIM_TI1_ED = 4, TIM_TI1FP1, TIM_TI2FP2, TIM_ETRF };

enum tim_slave_mode tim_slave_mode(const struct tim *tim);
static inline unsigned tim_trigger(const struct tim *tim) {
    return tim->smcr >> 4 & 7;
}
unsigned tim_channels(const struct tim *tim);
bool tim_is_output(const struct tim *tim, unsigned channel);
// tim.c. Brings the counter up to the present, before something changes, and plans anew afterwards.
void tim_settle(struct tim *tim);
void tim_settled(struct tim *tim);
// TRGI: a rising edge, or what the gate is from now on.
void tim_triggered(struct tim *tim);
void tim_gate(struct tim *tim, bool is_open);
// One count of an encoder.
void tim_count(struct tim *tim, bool is_down);
// An event with a flag in SR and a request in DIER, DIER's bit being `request`.
void tim_raise(struct tim *tim, uint32_t flag, uint32_t request);
// tim_signals.c. A compare match, an update event, and that CNT or the output modes are what they are now.
void tim_signal_match(struct tim *tim, unsigned channel);
void tim_signal_update(struct tim *tim, bool is_by_software);
void tim_signal_enable(struct tim *tim);
void tim_references_follow(struct tim *tim);
// SMCR is what it is now: the master has somebody to tell, and the gate stands where the master's level is.
void tim_master_chosen(struct tim *slave);
// The flags (SR) at whose time somebody else wants to be told.
uint32_t tim_listened(const struct tim *tim);
// tim_inputs.c. The input of SMCR.TS or a capture changed.
void tim_inputs_chosen(struct tim *tim);

#endif
