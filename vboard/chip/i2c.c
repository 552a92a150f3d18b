// SPDX-License-Identifier: MIT
//
// I2C1 to I2C3 as a master on a bus with pull-ups and nobody else (RM0090 section 27): START works,
// every address is answered by nobody (AF), STOP ends it. So ST's HAL says HAL_I2C_ERROR_AF at once,
// as with a part that is not fitted. Slave mode waits for ever; SMBus, DMA and 10-bit addresses are bits.

#include "vboard/chip/chip_state.h"

// 27.6.
#define CR1        0x00u
#define CR2        0x04u
#define OAR1       0x08u
#define OAR2       0x0Cu
#define DR         0x10u
#define SR1        0x14u
#define SR2        0x18u
#define CCR        0x1Cu
#define TRISE      0x20u
#define FLTR       0x24u

#define CR1_PE     (1u << 0)
#define CR1_START  (1u << 8)
#define CR1_STOP   (1u << 9)
#define CR1_SWRST  (1u << 15)
#define CR2_ITERR  (1u << 8)
#define CR2_ITEVT  (1u << 9)
#define SR1_SB     (1u << 0)
#define SR1_AF     (1u << 10)
#define SR1_ERRORS 0xDF00u // rc_w0
#define SR2_MSL    (1u << 0)
#define SR2_BUSY   (1u << 1)

// Event and error interrupts, RM0090 table 62.
static const uint8_t irqs[I2CS][2] = {{31, 32}, {33, 34}, {72, 73}};

static void update_irq(struct i2c *i2c) {
    cpu_set_irq(i2c->chip->cpu, irqs[i2c->index][0], i2c->sr1 & SR1_SB && i2c->cr2 & CR2_ITEVT);
    cpu_set_irq(i2c->chip->cpu, irqs[i2c->index][1], i2c->sr1 & SR1_ERRORS && i2c->cr2 & CR2_ITERR);
}

static uint64_t bit_ps(const struct i2c *i2c) {
    // 27.6.8: standard 2 x CCR, fast 3 x CCR, fast with DUTY 25 x CCR clocks.
    unsigned clocks = !(i2c->ccr & 1u << 15) ? 2 : i2c->ccr & 1u << 14 ? 25 : 3;
    uint64_t ccr = i2c->ccr & 0xFFF;
    return (ccr ? ccr : 1) * clocks * PS_PER_S / i2c->chip->rcc.pclk1_hz;
}

static void later(struct i2c *i2c, int what, unsigned bits) {
    i2c->doing = what == I2C_START ? I2C_START : I2C_ADDRESS;
    timeline_schedule(i2c->chip->timeline, &i2c->done,
                      timeline_now(i2c->chip->timeline) + bits * bit_ps(i2c));
}

static void done(void *ctx) {
    struct i2c *i2c = ctx;
    if (i2c->doing == I2C_START) {
        i2c->cr1 &= ~CR1_START;
        i2c->sr1 |= SR1_SB;
        i2c->sr2 |= SR2_MSL | SR2_BUSY;
    } else {
        i2c->sr1 |= SR1_AF; // the ninth bit stayed high
    }
    i2c->doing = I2C_NOTHING;
    update_irq(i2c);
}

static uint32_t *simple_register(struct i2c *i2c, uint32_t off) {
    switch (off) {
    case CR1:
        return &i2c->cr1;
    case CR2:
        return &i2c->cr2;
    case OAR1:
        return &i2c->oar1;
    case OAR2:
        return &i2c->oar2;
    case DR:
        return &i2c->dr;
    case SR1:
        return &i2c->sr1;
    case SR2:
        return &i2c->sr2;
    case CCR:
        return &i2c->ccr;
    case TRISE:
        return &i2c->trise;
    case FLTR:
        return &i2c->fltr;
    default:
        return NULL;
    }
}

static bool i2c_read(void *ctx, uint32_t off, uint32_t *value) {
    const uint32_t *reg = simple_register(ctx, off);
    *value = reg ? *reg : 0;
    return reg != NULL;
}

static void i2c_reset(void *ctx) {
    struct i2c *i2c = ctx;
    timeline_cancel(i2c->chip->timeline, &i2c->done);
    *i2c = (struct i2c){
        .chip = i2c->chip,
        .index = i2c->index,
        .trise = 2,
        .done = {.fire = done, .ctx = i2c},
    };
    update_irq(i2c);
}

static void write_cr1(struct i2c *i2c, uint32_t value) {
    if (value & CR1_SWRST) {
        i2c_reset(i2c);
        i2c->cr1 = CR1_SWRST; // in reset while it is set (27.6.1)
        return;
    }
    i2c->cr1 = value & 0xFFFB;
    if (!(value & CR1_PE)) {
        i2c->sr1 = i2c->sr2 = 0;
        i2c->cr1 &= ~(CR1_START | CR1_STOP);
        timeline_cancel(i2c->chip->timeline, &i2c->done);
        i2c->doing = I2C_NOTHING;
    } else if (value & CR1_STOP) {
        i2c->cr1 &= ~CR1_STOP;
        i2c->sr2 &= ~(SR2_MSL | SR2_BUSY);
    } else if (value & CR1_START && i2c->doing == I2C_NOTHING) {
        later(i2c, I2C_START, 1);
    }
}

static bool i2c_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct i2c *i2c = ctx;
    uint32_t *reg = simple_register(i2c, off);
    value &= mask & 0xFFFF;
    if (!reg) {
        return false;
    }
    switch (off) {
    case CR1:
        write_cr1(i2c, value);
        break;
    case SR1:
        i2c->sr1 &= value | ~SR1_ERRORS;
        break;
    case SR2:
        break; // read-only
    case DR:
        i2c->dr = value & 0xFF;
        if (i2c->sr1 & SR1_SB) {
            i2c->sr1 &= ~SR1_SB; // SR1 read, DR written (27.6.6)
            later(i2c, I2C_ADDRESS, 9);
        }
        break;
    default:
        *reg = value;
        break;
    }
    update_irq(i2c);
    return true;
}

#define I2C(n, b, bit)                                                                             \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = i2c_read, .write = i2c_write,             \
        .reset = i2c_reset, .enable_register = RCC_APB1ENR, .enable_bit = 1u << (bit)              \
    }

const struct peripheral i2c_peripherals[I2CS] = {
    I2C("I2C1", 0x40005400u, 21), I2C("I2C2", 0x40005800u, 22), I2C("I2C3", 0x40005C00u, 23)};

void i2c_free(struct chip *chip) {
    for (unsigned i = 0; i < I2CS; i++) {
        timeline_cancel(chip->timeline, &chip->i2c[i].done);
    }
}
