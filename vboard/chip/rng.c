// SPDX-License-Identifier: MIT
//
// RNG (RM0090 section 24): a number every 40 periods of PLL48CK, a clock error without that clock.
// The numbers are a fixed sequence from the chip's unique id and the count of power-ups, so that a run
// repeats; nobody may take them for secrets. A seed error never comes by itself.

#include "vboard/chip/rng.h"

#include <string.h>

#include "vboard/chip/chip_state.h"

#define CR       0x00u
#define SR       0x04u
#define DR       0x08u

#define CR_RNGEN (1u << 2)
#define CR_IE    (1u << 3)
#define SR_DRDY  (1u << 0)
#define SR_CECS  (1u << 1)
#define SR_CEIS  (1u << 5)
#define SR_SEIS  (1u << 6)

#define PERIODS  40u // 24.4.3: at most so many of RNG_CLK from a read to the next value
#define RNG_IRQ  80u // RM0090 table 62, HASH_RNG

static void update_irq(struct chip *chip) {
    cpu_set_irq(chip->cpu, RNG_IRQ,
                chip->rng.cr & CR_IE && chip->rng.sr & (SR_DRDY | SR_CEIS | SR_SEIS));
}

static uint64_t next(uint64_t *seed) {
    uint64_t z = *seed += 0x9E3779B97F4A7C15ull; // splitmix64 (Steele, Lea, Flood 2014)
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static bool has_clock(const struct chip *chip) {
    return rcc_usb_clock_hz(chip) * 16 >= chip->rcc.hclk_hz; // 24.4.2 CECS
}

static void ready(void *ctx) {
    struct chip *chip = ctx;
    uint32_t value = (uint32_t)next(&chip->rng.seed);
    // 24.3: the value is not the same as the one before (FIPS 140-2, continuous test).
    chip->rng.dr = value != chip->rng.dr ? value : value + 1;
    chip->rng.sr |= SR_DRDY;
    update_irq(chip);
}

static void generate(struct chip *chip) {
    struct rng *rng = &chip->rng;
    if (!(rng->cr & CR_RNGEN) || rng->sr & (SR_DRDY | SR_CECS) ||
        timeline_is_scheduled(&rng->ready)) {
        return;
    }
    rng->ready.fire = ready;
    rng->ready.ctx = chip;
    timeline_schedule(chip->timeline, &rng->ready,
                      timeline_now(chip->timeline) + PERIODS * PS_PER_S / rcc_usb_clock_hz(chip));
}

void rng_clock_changed(struct chip *chip) {
    struct rng *rng = &chip->rng;
    bool is_wrong = rng->cr & CR_RNGEN && !has_clock(chip);
    if (is_wrong && !(rng->sr & SR_CECS)) {
        rng->sr |= SR_CECS | SR_CEIS;
        timeline_cancel(chip->timeline, &rng->ready);
    } else if (!is_wrong) {
        rng->sr &= ~SR_CECS;
        generate(chip);
    }
    update_irq(chip);
}

static bool rng_peek(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    switch (off) {
    case CR:
        *value = chip->rng.cr;
        return true;
    case SR:
        *value = chip->rng.sr;
        return true;
    case DR:
        *value = chip->rng.sr & SR_DRDY ? chip->rng.dr : 0;
        return true;
    default:
        return false;
    }
}

static bool rng_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;
    bool is_there = rng_peek(ctx, off, value);
    if (off == DR && chip->rng.sr & SR_DRDY) {
        chip->rng.sr &= ~SR_DRDY;
        generate(chip);
        update_irq(chip);
    }
    return is_there;
}

static bool rng_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct rng *rng = &chip->rng;
    switch (off) {
    case CR:
        merge(&rng->cr, value, mask & (CR_RNGEN | CR_IE));
        if (!(rng->cr & CR_RNGEN)) {
            timeline_cancel(chip->timeline, &rng->ready);
        }
        rng_clock_changed(chip);
        return true;
    case SR:
        rng->sr &= ~(~value & mask & (SR_CEIS | SR_SEIS)); // rc_w0
        update_irq(chip);
        return true;
    case DR:
        return true; // read-only
    default:
        return false;
    }
}

static void rng_reset(void *ctx) {
    struct chip *chip = ctx;
    timeline_cancel(chip->timeline, &chip->rng.ready);
    chip->rng.cr = chip->rng.sr = chip->rng.dr = 0;
    update_irq(chip);
}

static void rng_power_on(void *ctx) {
    struct chip *chip = ctx;
    uint64_t id[2];
    memcpy(id, chip->system + 0x7A10, sizeof(id)); // the unique id's first words (39.1)
    chip->rng.seed = id[0] ^ id[1] << 1 ^ (uint64_t)chip->power_ups * 0xD1B54A32D192ED03ull;
}

const struct peripheral rng_peripheral = {
    .name = "RNG",
    .base = 0x50060800u,
    .size = 0x400,
    .read = rng_read,
    .write = rng_write,
    .peek = rng_peek,
    .reset = rng_reset,
    .power_on = rng_power_on,
    .enable_register = RCC_AHB2ENR,
    .enable_bit = 1u << 6,
};

void rng_free(struct chip *chip) {
    timeline_cancel(chip->timeline, &chip->rng.ready);
}
