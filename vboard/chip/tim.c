// SPDX-License-Identifier: MIT
//
// TIM1 to TIM14: counting from the internal clock, update events, compare flags, one pulse (RM0090
// sections 17 to 20), slave modes, DMA requests and bursts. A counter costs nothing while nobody looks: it is
// worked out when a register is read, and an event is scheduled only for a flag whose interrupt or DMA request
// is enabled, or that somebody else waits for. tim_signals.c has what goes out to ADC, DAC and other timers,
// tim_inputs.c what comes in from pins.
//
// Not modelled: outputs drive no pins; dead time and break, external trigger pins (ETR).

#include "vboard/chip/tim.h"

#include "vboard/chip/chip_state.h"

// RM0090 18.4.21.
#define CR1      0x00u
#define CR2      0x04u
#define SMCR     0x08u
#define DIER     0x0Cu
#define SR       0x10u
#define EGR      0x14u
#define CCMR1    0x18u
#define CCMR2    0x1Cu
#define CCER     0x20u
#define CNT      0x24u
#define PSC      0x28u
#define ARR      0x2Cu
#define RCR      0x30u
#define CCR1     0x34u
#define CCR4     0x40u
#define BDTR     0x44u
#define DCR      0x48u
#define DMAR     0x4Cu
#define OR       0x50u

#define CR1_CEN  TIM_CR1_CEN
#define CR1_UDIS (1u << 1)
#define CR1_URS  (1u << 2)
#define CR1_OPM  (1u << 3)
#define CR1_DIR  TIM_CR1_DIR
#define CR1_CMS  (3u << 5)
#define CR1_ARPE (1u << 7)
#define SMCR_SMS TIM_SMCR_SMS
#define SMCR_ECE (1u << 14)
#define SR_UIF   (1u << 0)
#define SR_COMIF (1u << 5)
#define SR_TIF   TIM_SR_TIF
#define SR_BIF   (1u << 7)
#define EGR_UG   (1u << 0)
#define BDTR_BKE (1u << 12)

// Shared by TIM6 and the DAC.
#define DAC_IRQ  54u

enum tim_kind { BASIC, ONE_CHANNEL, TWO_CHANNELS, GENERAL, ADVANCED };

// RM0090 tables 1 and 62. `irq`: break, update, trigger and commutation, compare.
static const struct {
    const char *name;
    enum tim_kind kind;
    bool is_apb2, is_32;
    uint8_t irq[4];
} tims[TIMS] = {
    {"TIM1", ADVANCED, true, false, {24, 25, 26, 27}},
    {"TIM2", GENERAL, false, true, {28, 28, 28, 28}},
    {"TIM3", GENERAL, false, false, {29, 29, 29, 29}},
    {"TIM4", GENERAL, false, false, {30, 30, 30, 30}},
    {"TIM5", GENERAL, false, true, {50, 50, 50, 50}},
    {"TIM6", BASIC, false, false, {54, 54, 54, 54}},
    {"TIM7", BASIC, false, false, {55, 55, 55, 55}},
    {"TIM8", ADVANCED, true, false, {43, 44, 45, 46}},
    {"TIM9", TWO_CHANNELS, true, false, {24, 24, 24, 24}},
    {"TIM10", ONE_CHANNEL, true, false, {25, 25, 25, 25}},
    {"TIM11", ONE_CHANNEL, true, false, {26, 26, 26, 26}},
    {"TIM12", TWO_CHANNELS, false, false, {43, 43, 43, 43}},
    {"TIM13", ONE_CHANNEL, false, false, {44, 44, 44, 44}},
    {"TIM14", ONE_CHANNEL, false, false, {45, 45, 45, 45}},
};

// What each kind has: channels, and the writable bits of CR1, DIER, CCMR1, CCER (RM0090 17.4, 18.4,
// 19.4, 19.5, 20.4).
static const struct {
    unsigned channels;
    uint32_t cr1, dier, ccmr, ccer, sr;
} kinds[] = {
    [BASIC] = {0, 0x08F, 0x0101, 0, 0, 0x0001},
    [ONE_CHANNEL] = {1, 0x387, 0x0003, 0x00FF, 0x000B, 0x0203},
    [TWO_CHANNELS] = {2, 0x38F, 0x0047, 0xFFFF, 0x00BB, 0x0647},
    [GENERAL] = {4, 0x3FF, 0x5F5F, 0xFFFF, 0xBBBB, 0x1E5F},
    [ADVANCED] = {4, 0x3FF, 0x7FFF, 0xFFFF, 0x3FFF, 0x1EFF},
};

static enum tim_kind kind(const struct tim *tim) {
    return tims[tim->index].kind;
}

static uint32_t count_max(const struct tim *tim) {
    return tims[tim->index].is_32 ? UINT32_MAX : 0xFFFFu;
}

static uint32_t compare_flag(unsigned channel) {
    return 2u << channel;
}

// --- interrupts ---------------------------------------------------------------------------------------

static bool line_level(const struct chip *chip, unsigned irq) {
    static const uint32_t sources[4] = {SR_BIF, SR_UIF, SR_TIF | SR_COMIF, 0x1E};
    for (unsigned i = 0; i < TIMS; i++) {
        uint32_t active = chip->tim[i].sr & chip->tim[i].dier;
        for (unsigned source = 0; active && source < 4; source++) {
            if (tims[i].irq[source] == irq && active & sources[source]) {
                return true;
            }
        }
    }
    return irq == DAC_IRQ && dac_wants_interrupt(chip);
}

void tim_update_irq(struct chip *chip, unsigned irq) {
    cpu_set_irq(chip->cpu, irq, line_level(chip, irq));
}

static void update_irq(struct tim *tim) {
    unsigned last = 0;
    for (unsigned source = 0; source < 4; source++) {
        unsigned irq = tims[tim->index].irq[source];
        if (irq != last) {
            last = irq;
            cpu_set_irq(tim->chip->cpu, irq, line_level(tim->chip, irq));
        }
    }
}

// --- counting (RM0090 18.3.2) ----------------------------------------------------------------------

static bool is_center(const struct tim *tim) {
    return tim->cr1 & CR1_CMS;
}

static bool is_down(const struct tim *tim) {
    return tim->cr1 & CR1_DIR;
}

static bool is_counting(const struct tim *tim) {
    enum tim_slave_mode mode = tim_slave_mode(tim);
    // 18.3.1: "the counter is blocked while the auto-reload value is null". Reset mode and trigger
    // mode count from the internal clock too (18.4.3).
    return tim->cr1 & CR1_CEN && tim->arr_shadow != 0 &&
           (mode == TIM_INTERNAL || mode == TIM_RESET || mode == TIM_TRIGGERED ||
            (mode == TIM_GATED && tim->is_gate_open));
}

enum tim_slave_mode tim_slave_mode(const struct tim *tim) {
    return (enum tim_slave_mode)(tim->smcr & SMCR_SMS);
}

unsigned tim_channels(const struct tim *tim) {
    return kinds[kind(tim)].channels;
}

bool tim_is_output(const struct tim *tim, unsigned channel) {
    return (tim->ccmr[channel / 2] >> (8 * (channel % 2)) & 3) == 0; // CCxS
}

static bool is_preloaded(const struct tim *tim, unsigned channel) {
    return tim->ccmr[channel / 2] >> (8 * (channel % 2) + 3) & 1; // OCxPE
}

// Ticks to the next over- or underflow.
static uint64_t ticks_to_overflow(const struct tim *tim) {
    uint64_t cnt = tim->cnt;
    if (is_center(tim)) {
        if (is_down(tim)) {
            return cnt > 0 ? cnt : 1;
        }
        return cnt < tim->arr_shadow ? tim->arr_shadow - cnt : 1;
    }
    if (is_down(tim)) {
        return cnt + 1;
    }
    // Beyond ARR it counts on to its last value.
    return (cnt <= tim->arr_shadow ? tim->arr_shadow : count_max(tim)) - cnt + 1;
}

// Ticks to a compare match before the next overflow; 0: there is none. That at the overflow itself
// is match_at_overflow()'s.
static uint64_t ticks_to_match(const struct tim *tim, unsigned channel) {
    uint32_t ccr = tim->ccr_shadow[channel];
    unsigned cms = (tim->cr1 & CR1_CMS) >> 5;
    if (!tim_is_output(tim, channel)) {
        return 0;
    }
    if (is_down(tim)) {
        return cms != 2 && ccr < tim->cnt ? tim->cnt - ccr : 0; // mode 2: flags upwards only
    }
    return cms != 1 && ccr > tim->cnt && ccr <= tim->arr_shadow ? ccr - tim->cnt : 0;
}

static void matched(struct tim *tim, unsigned channel) {
    uint32_t request = tim->cr2 & TIM_CR2_CCDS ? 0 : TIM_DIER_CC1DE << channel;
    tim_raise(tim, compare_flag(channel), request);
    tim_signal_match(tim, channel);
}

static void match_within(struct tim *tim, uint64_t ticks) {
    for (unsigned channel = 0; channel < kinds[kind(tim)].channels; channel++) {
        uint64_t match = ticks_to_match(tim, channel);
        if (match != 0 && match <= ticks) {
            matched(tim, channel);
        }
    }
}

static void match_at_overflow(struct tim *tim) {
    for (unsigned channel = 0; channel < kinds[kind(tim)].channels; channel++) {
        // 18.4.5 CC1IF: CCR above ARR sets the flag at the overflow of an up-counter.
        bool is_beyond =
            !is_down(tim) && !is_center(tim) && tim->ccr_shadow[channel] > tim->arr_shadow;
        if (tim_is_output(tim, channel) && (tim->ccr_shadow[channel] == tim->cnt || is_beyond)) {
            matched(tim, channel);
        }
    }
}

static void load_shadows(struct tim *tim) {
    tim->psc_shadow = tim->psc;
    tim->arr_shadow = tim->arr;
    for (unsigned channel = 0; channel < TIM_CHANNELS; channel++) {
        tim->ccr_shadow[channel] = tim->ccr[channel];
    }
    tim->repetitions = tim->rcr;
}

// An update event. With CCDS compare channels ask for DMA then (18.4.2).
static void updated(struct tim *tim, bool is_told, bool is_by_software) {
    uint32_t compare = tim->cr2 & TIM_CR2_CCDS ? 0xFu * TIM_DIER_CC1DE : 0;
    tim_raise(tim, is_told ? SR_UIF : 0, (is_told ? TIM_DIER_UDE : 0) | compare);
    tim_signal_update(tim, is_by_software);
}

// `count` over- or underflows: an update event after each RCR + 1 of them.
static void overflow(struct tim *tim, uint64_t count) {
    if (count <= tim->repetitions) {
        tim->repetitions -= (uint32_t)count;
        return;
    }
    uint64_t beyond = count - tim->repetitions - 1;
    if (tim->cr1 & CR1_UDIS) {
        tim->repetitions = tim->rcr - (uint32_t)(beyond % (tim->rcr + 1));
        return;
    }
    load_shadows(tim);
    tim->repetitions = tim->rcr - (uint32_t)(beyond % (tim->rcr + 1));
    updated(tim, true, false);
    if (tim->cr1 & CR1_OPM) {
        tim->cr1 &= ~CR1_CEN;
    }
}

// The tick at which the counter turns over.
static void turn_over(struct tim *tim) {
    bool was_beyond = !is_center(tim) && !is_down(tim) && tim->cnt > tim->arr_shadow;
    if (is_center(tim)) {
        tim->cnt = is_down(tim) ? 0 : tim->arr_shadow;
        tim->cr1 ^= CR1_DIR;
    } else {
        tim->cnt = is_down(tim) ? tim->arr_shadow : 0;
    }
    match_at_overflow(tim);
    if (!was_beyond) { // that rolling over the last value is no update is taken for granted here
        overflow(tim, 1);
    }
    // With the new ARR: a down-counter starts from it.
    if (!is_center(tim) && is_down(tim)) {
        tim->cnt = tim->arr_shadow;
    }
}

static bool is_clocked_from_outside(const struct tim *tim) {
    return tim->cr1 & CR1_CEN && tim->arr_shadow != 0 && tim_slave_mode(tim) == TIM_EXTERNAL;
}

// Whole periods in one go, none of them the first after a change.
static uint64_t skip_periods(struct tim *tim, uint64_t clocks) {
    uint64_t period =
        is_center(tim) ? 2 * (uint64_t)tim->arr_shadow : (uint64_t)tim->arr_shadow + 1;
    uint64_t clocks_each = period * ((uint64_t)tim->psc_shadow + 1);
    uint64_t periods = clocks / clocks_each;
    if (periods < 2 || tim->cr1 & CR1_OPM || tim->cnt > tim->arr_shadow) {
        return 0;
    }
    for (unsigned channel = 0; channel < kinds[kind(tim)].channels; channel++) {
        // One way up or down passes every value; which way sets flags does not matter over periods.
        if (tim_is_output(tim, channel) && tim->ccr_shadow[channel] <= tim->arr_shadow) {
            tim->sr |= compare_flag(channel);
        }
    }
    overflow(tim, (is_center(tim) ? 2 : 1) * (periods - 1));
    return (periods - 1) * clocks_each;
}

// By internal clocks, or by one of the external clock.
static void advance(struct tim *tim, uint64_t clocks) {
    bool is_settled = false; // a first update has loaded the shadows
    while (clocks > 0 && (is_counting(tim) || is_clocked_from_outside(tim))) {
        uint64_t scale = (uint64_t)tim->psc_shadow + 1;
        uint64_t to_overflow = ticks_to_overflow(tim) * scale - tim->prescaled;
        if (clocks < to_overflow) {
            uint64_t ticks = (tim->prescaled + clocks) / scale;
            match_within(tim, ticks);
            tim->cnt = is_down(tim) ? tim->cnt - (uint32_t)ticks : tim->cnt + (uint32_t)ticks;
            tim->prescaled = (uint32_t)((tim->prescaled + clocks) % scale);
            return;
        }
        match_within(tim, ticks_to_overflow(tim));
        clocks -= to_overflow;
        tim->prescaled = 0;
        turn_over(tim);
        if (is_settled) {
            clocks -= skip_periods(tim, clocks);
        }
        is_settled = true;
    }
}

// --- time ---------------------------------------------------------------------------------------------------

static uint64_t clocks_now(const struct tim *tim) {
    uint64_t passed_ps = timeline_now(tim->chip->timeline) - tim->base_ps;
    return (uint64_t)((unsigned __int128)passed_ps * tim->clock_hz / PS_PER_S);
}

// Brings the counter up to the present.
static void settle(struct tim *tim) {
    if (!is_counting(tim)) {
        return;
    }
    uint64_t clocks = clocks_now(tim);
    uint64_t fresh = clocks - tim->counted;
    tim->counted = clocks;
    advance(tim, fresh);
}

void tim_settle(struct tim *tim) {
    settle(tim);
}

static void restart_time(struct tim *tim) {
    tim->base_ps = timeline_now(tim->chip->timeline);
    tim->counted = 0;
}

static void due(void *ctx);

// The clock at which somebody wants to be told: an enabled flag that is not up yet.
static void schedule(struct tim *tim) {
    // A request, or a signal, comes with each event; an interrupt only while its flag is down.
    uint32_t wanted = (tim->dier & ~tim->sr & 0x1F) | (tim->dier >> 8 & 0x1F) | tim_listened(tim);
    timeline_cancel(tim->chip->timeline, &tim->due);
    if (!wanted || !is_counting(tim) || tim->clock_hz == 0) {
        return;
    }
    uint64_t ticks = ticks_to_overflow(tim);
    for (unsigned channel = 0; channel < kinds[kind(tim)].channels; channel++) {
        uint64_t match = ticks_to_match(tim, channel);
        if (wanted & compare_flag(channel) && match != 0 && match < ticks) {
            ticks = match;
        }
    }
    uint64_t clocks = tim->counted + ticks * ((uint64_t)tim->psc_shadow + 1) - tim->prescaled;
    unsigned __int128 ps =
        ((unsigned __int128)clocks * PS_PER_S + tim->clock_hz - 1) / tim->clock_hz;
    tim->due.fire = due;
    tim->due.ctx = tim;
    timeline_schedule(tim->chip->timeline, &tim->due, tim->base_ps + (uint64_t)ps);
}

static void due(void *ctx) {
    struct tim *tim = ctx;
    settle(tim);
    tim_settled(tim);
}

// After whatever may have changed flags, the counter, or what is waited for.
void tim_settled(struct tim *tim) {
    tim_references_follow(tim);
    update_irq(tim);
    schedule(tim);
    dma_requests_changed(tim->chip);
}

void tim_listeners_change(struct chip *chip) {
    for (unsigned i = 0; i < TIMS; i++) {
        if (chip->tim[i].chip && chip->tim[i].cr1 & CR1_CEN) {
            settle(&chip->tim[i]);
        }
    }
}

void tim_listeners_changed(struct chip *chip) {
    for (unsigned i = 0; i < TIMS; i++) {
        if (chip->tim[i].chip && chip->tim[i].cr1 & CR1_CEN) {
            settle(&chip->tim[i]);
            tim_settled(&chip->tim[i]);
        }
    }
}

static uint64_t timer_hz(const struct tim *tim) {
    if (!rcc_is_clocked(tim->chip, &tim_peripherals[tim->index]) ||
        tim->chip->low_power.mode != LOW_POWER_NONE) {
        return 0;
    }
    return rcc_timer_hz(tim->chip, tims[tim->index].is_apb2);
}

void tim_clocks_changed(struct chip *chip) {
    for (unsigned i = 0; i < TIMS; i++) {
        struct tim *tim = &chip->tim[i];
        uint64_t hz = tim->chip ? timer_hz(tim) : 0;
        if (hz != tim->clock_hz) {
            settle(tim);
            tim->clock_hz = hz;
            restart_time(tim);
            schedule(tim);
        }
    }
}

static void complain_unmodelled(struct tim *tim, const char *what) {
    char where[WHERE_MAX];
    chip_where(tim->chip, where);
    trace_complaint(tim->chip->trace, "timer-mode", where,
                    "%s at %s asks for %s, which is not modelled", tims[tim->index].name, where,
                    what);
}

// UG, or the trigger in reset mode.
static void begin_again(struct tim *tim, bool is_by_software) {
    tim->cnt = !is_center(tim) && is_down(tim) ? tim->arr : 0;
    tim->prescaled = 0;
    restart_time(tim);
    if (!(tim->cr1 & CR1_UDIS)) {
        load_shadows(tim);
        updated(tim, !(tim->cr1 & CR1_URS), is_by_software);
    }
}

static void generate(struct tim *tim, uint32_t value) {
    // Compare, commutation, trigger and break events raise their flags as if they had happened.
    uint32_t flags = value & kinds[kind(tim)].sr & ~SR_UIF & 0xFF;
    tim_raise(tim, flags, flags << 8);
    for (unsigned channel = 0; channel < tim_channels(tim); channel++) {
        if (flags & compare_flag(channel) && tim_is_output(tim, channel)) {
            tim_signal_match(tim, channel);
        }
    }
    if (value & EGR_UG) {
        begin_again(tim, true);
    }
}

// --- slave modes (18.4.3), DMA (18.3.17) --------------------------------------------------------------------

void tim_raise(struct tim *tim, uint32_t flag, uint32_t request) {
    tim->sr |= flag;
    tim->requests |= request & tim->dier;
}

void tim_triggered(struct tim *tim) {
    enum tim_slave_mode mode = tim_slave_mode(tim);
    settle(tim);
    tim_raise(tim, SR_TIF, TIM_DIER_TDE);
    if (mode == TIM_RESET) {
        begin_again(tim, false);
    } else if (mode == TIM_TRIGGERED && !(tim->cr1 & CR1_CEN)) {
        tim->cr1 |= CR1_CEN;
        restart_time(tim);
    } else if (mode == TIM_EXTERNAL) {
        advance(tim, 1);
    }
    tim_settled(tim);
}

void tim_gate(struct tim *tim, bool is_open) {
    if (tim_slave_mode(tim) == TIM_GATED && is_open != tim->is_gate_open) {
        settle(tim);
        tim->is_gate_open = is_open;
        restart_time(tim);
        tim_raise(tim, SR_TIF, TIM_DIER_TDE); // at both (18.4.5 TIF)
        tim_settled(tim);
    }
}

void tim_count(struct tim *tim, bool is_down_count) {
    merge(&tim->cr1, is_down_count ? CR1_DIR : 0, CR1_DIR);
    if (!(tim->cr1 & CR1_CEN) || tim->arr_shadow == 0) {
        return;
    }
    if (tim->prescaled++ < tim->psc_shadow) {
        return;
    }
    tim->prescaled = 0;
    match_within(tim, 1);
    if (is_down_count ? tim->cnt == 0 : tim->cnt == tim->arr_shadow) {
        turn_over(tim);
    } else {
        tim->cnt += is_down_count ? UINT32_MAX : 1;
    }
}

bool tim_requests(const struct chip *chip, unsigned index, uint32_t part) {
    return chip->tim[index].requests & chip->tim[index].dier & part;
}

// A burst asks until it is over (18.3.17).
void tim_served(struct chip *chip, unsigned index, uint32_t part) {
    if (chip->tim[index].burst == 0) {
        chip->tim[index].requests &= ~part;
    }
}

// The register that an access to DMAR is for.
static uint32_t burst_register(struct tim *tim) {
    uint32_t off = 4 * ((tim->dcr & 31) + tim->burst);
    tim->burst = tim->burst < (tim->dcr >> 8 & 31) ? tim->burst + 1 : 0;
    return off;
}

// --- registers -------------------------------------------------------------------------------------------

static void write_cr1(struct tim *tim, uint32_t value) {
    bool was_counting = is_counting(tim), was_on = tim->cr1 & CR1_CEN;
    uint32_t mask = kinds[kind(tim)].cr1;
    // DIR is read-only in center-aligned mode (18.4.1).
    if (value & CR1_CMS & mask && is_center(tim)) {
        mask &= ~CR1_DIR;
    }
    merge(&tim->cr1, value, mask);
    if (!(tim->cr1 & CR1_ARPE)) {
        tim->arr_shadow = tim->arr;
    }
    if (!was_counting) {
        restart_time(tim);
    }
    if (!was_on && tim->cr1 & CR1_CEN) {
        tim_signal_enable(tim);
    }
    tim_inputs_chosen(tim);
}

static uint32_t *simple_register(struct tim *tim, uint32_t off, uint32_t *mask) {
    enum tim_kind which = kind(tim);
    *mask = 0xFFFFu;
    switch (off) {
    case CR2:
        *mask = which == ADVANCED  ? 0x7FFDu
                : which == GENERAL ? 0x00F8u
                : which == BASIC   ? 0x70u
                                   : 0;
        return &tim->cr2;
    case SMCR:
        *mask = which >= GENERAL ? 0xFFF7u : which == TWO_CHANNELS ? 0x00F7u : 0;
        return &tim->smcr;
    case DIER:
        *mask = kinds[which].dier;
        return &tim->dier;
    case CCMR1:
        *mask = kinds[which].ccmr;
        return &tim->ccmr[0];
    case CCMR2:
        *mask = which >= GENERAL ? 0xFFFFu : 0;
        return &tim->ccmr[1];
    case CCER:
        *mask = kinds[which].ccer;
        return &tim->ccer;
    case PSC:
        return &tim->psc;
    case RCR:
        *mask = which == ADVANCED ? 0xFFu : 0;
        return &tim->rcr;
    case BDTR:
        *mask = which == ADVANCED ? 0xFFFFu : 0;
        return &tim->bdtr;
    case DCR:
        *mask = which >= GENERAL ? 0x1F1Fu : 0;
        return &tim->dcr;
    case OR:
        // ITR1_RMP of TIM2, TI4_RMP of TIM5, TI1_RMP of TIM11 (18.4.20, 18.4.21, 19.5.11).
        *mask = tim->index == 1 ? 0x0C00u : tim->index == 4 ? 0x00C0u : tim->index == 10 ? 3u : 0;
        return &tim->option;
    default:
        return NULL;
    }
}

static bool tim_peek(void *ctx, uint32_t off, uint32_t *value) {
    struct tim *tim = ctx;
    uint32_t mask;
    uint32_t sr = tim->sr;
    settle(tim);
    if (tim->sr != sr) {
        tim_settled(tim);
    }
    switch (off) {
    case CR1:
        *value = tim->cr1;
        return true;
    case SR:
        *value = tim->sr;
        return true;
    case EGR:
    case DMAR:
        *value = 0;
        return true;
    case CNT:
        *value = tim->cnt;
        return true;
    case ARR:
        *value = tim->arr;
        return true;
    default:
        break;
    }
    if (off >= CCR1 && off <= CCR4) {
        *value = tim->ccr[(off - CCR1) / 4];
        return true;
    }
    const uint32_t *reg = simple_register(tim, off, &mask);
    *value = reg ? *reg : 0;
    return reg != NULL;
}

static bool tim_read(void *ctx, uint32_t off, uint32_t *value) {
    struct tim *tim = ctx;
    if (off == DMAR) {
        off = burst_register(tim);
    }
    bool is_there = tim_peek(ctx, off, value);
    if (off >= CCR1 && off <= CCR4) {
        unsigned channel = (off - CCR1) / 4;
        if (!tim_is_output(tim, channel) && tim->sr & compare_flag(channel)) {
            tim->sr &= ~compare_flag(channel); // 18.4.5 CC1IF: reading a captured value clears it
            update_irq(tim);
        }
    }
    return is_there;
}

static void write_ccr(struct tim *tim, unsigned channel, uint32_t value) {
    if (channel >= kinds[kind(tim)].channels || !tim_is_output(tim, channel)) {
        return; // read-only where it captures (18.4.13)
    }
    tim->ccr[channel] = value & count_max(tim);
    if (!is_preloaded(tim, channel)) {
        tim->ccr_shadow[channel] = tim->ccr[channel];
    }
}

static bool write_register(struct tim *tim, uint32_t off, uint32_t value) {
    uint32_t mask;
    switch (off) {
    case CR1:
        write_cr1(tim, value);
        return true;
    case SR:
        tim->sr &= value; // rc_w0
        return true;
    case EGR:
        generate(tim, value);
        return true;
    case DMAR: {
        uint32_t target = burst_register(tim);
        return target != DMAR && write_register(tim, target, value);
    }
    case CNT:
        tim->cnt = value & count_max(tim);
        return true;
    case ARR: {
        bool was_counting = is_counting(tim);
        tim->arr = value & count_max(tim);
        if (!(tim->cr1 & CR1_ARPE)) {
            tim->arr_shadow = tim->arr;
        }
        if (!was_counting) {
            restart_time(tim);
        }
        return true;
    }
    default:
        break;
    }
    if (off >= CCR1 && off <= CCR4) {
        write_ccr(tim, (off - CCR1) / 4, value);
        return true;
    }
    uint32_t *reg = simple_register(tim, off, &mask);
    if (!reg) {
        return false;
    }
    if (off == SMCR) {
        tim_listeners_change(tim->chip);
    }
    *reg = value & mask;
    if (off == SMCR) {
        restart_time(tim);
        if (value & SMCR_ECE || (*reg & SMCR_SMS && tim_trigger(tim) == TIM_ETRF)) {
            complain_unmodelled(tim, "an external trigger pin (ETR)");
        }
    } else if (off == DIER) {
        tim->requests &= tim->dier;
    } else if (off == BDTR && value & BDTR_BKE) {
        complain_unmodelled(tim, "a break input (BDTR.BKE)");
    }
    for (unsigned channel = 0; (off == CCMR1 || off == CCMR2) && channel < 2; channel++) {
        if ((*reg >> (8 * channel) & 3) == 3) {
            complain_unmodelled(tim, "a capture by the trigger (CCMR.CCxS 3, TRC)");
        }
    }
    if (off == OR && tim->index == 4 && *reg == 0x00C0u) {
        complain_unmodelled(tim, "captures of the RTC's wake-up (TIM5_OR.TI4_RMP 3)");
    }
    if (off == SMCR || off == CCMR1 || off == CCMR2 || off == CCER || off == CR2 || off == OR) {
        tim_inputs_chosen(tim);
    }
    if (off == SMCR) {
        tim_master_chosen(tim);
    }
    return true;
}

static bool tim_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct tim *tim = ctx;
    settle(tim);
    if (!write_register(tim, off, value & mask)) {
        return false;
    }
    tim_settled(tim);
    return true;
}

static void tim_reset(void *ctx) {
    struct tim *tim = ctx;
    timeline_cancel(tim->chip->timeline, &tim->due);
    timeline_cancel(tim->chip->timeline, &tim->oscillation);
    *tim = (struct tim){.chip = tim->chip, .index = tim->index};
    tim->arr = count_max(tim); // 18.4.12; 0xFFFF for the others
    tim->arr_shadow = tim->arr;
    tim->clock_hz = timer_hz(tim);
    restart_time(tim);
    update_irq(tim);
}

#define TIM(n, b, reg, bit)                                                                        \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = tim_read, .write = tim_write,             \
        .peek = tim_peek, .reset = tim_reset, .enable_register = (reg), .enable_bit = 1u << (bit)  \
    }

// In the order of `tims`.
const struct peripheral tim_peripherals[TIMS] = {
    TIM("TIM1", 0x40010000u, RCC_APB2ENR, 0),   TIM("TIM2", 0x40000000u, RCC_APB1ENR, 0),
    TIM("TIM3", 0x40000400u, RCC_APB1ENR, 1),   TIM("TIM4", 0x40000800u, RCC_APB1ENR, 2),
    TIM("TIM5", 0x40000C00u, RCC_APB1ENR, 3),   TIM("TIM6", 0x40001000u, RCC_APB1ENR, 4),
    TIM("TIM7", 0x40001400u, RCC_APB1ENR, 5),   TIM("TIM8", 0x40010400u, RCC_APB2ENR, 1),
    TIM("TIM9", 0x40014000u, RCC_APB2ENR, 16),  TIM("TIM10", 0x40014400u, RCC_APB2ENR, 17),
    TIM("TIM11", 0x40014800u, RCC_APB2ENR, 18), TIM("TIM12", 0x40001800u, RCC_APB1ENR, 6),
    TIM("TIM13", 0x40001C00u, RCC_APB1ENR, 7),  TIM("TIM14", 0x40002000u, RCC_APB1ENR, 8),
};

void tim_free(struct chip *chip) {
    for (unsigned i = 0; i < TIMS; i++) {
        timeline_cancel(chip->timeline, &chip->tim[i].due);
        timeline_cancel(chip->timeline, &chip->tim[i].oscillation);
    }
}
