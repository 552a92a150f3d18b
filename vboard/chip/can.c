// SPDX-License-Identifier: MIT
//
// bxCAN 1 and 2 without a transceiver (RM0090 section 32): the modes are entered and acknowledged, but
// initialisation is left for a bus only when RX reads recessive (a pull-up or a level from outside);
// a floating RX reads dominant. Nothing is ever sent or received, in loop-back neither.

#include "vboard/chip/chip_state.h"

// 32.9.
#define MCR       0x000u
#define MSR       0x004u
#define TSR       0x008u
#define RF0R      0x00Cu
#define RF1R      0x010u
#define IER       0x014u
#define ESR       0x018u
#define BTR       0x01Cu
#define MAILBOXES 0x180u
#define FMR       0x200u
#define END       0x320u

#define MCR_INRQ  (1u << 0)
#define MCR_SLEEP (1u << 1)
#define MCR_RESET (1u << 15)
#define MCR_MASK  0x000100FFu
#define MSR_INAK  (1u << 0)
#define MSR_SLAK  (1u << 1)
#define BTR_LBKM  (1u << 30)
#define TSR_EMPTY 0x1C000000u // all three mailboxes

// RX in alternate function 9 (DS8626 table 9).
static const struct {
    char port;
    uint8_t pin;
} rx[CANS][4] = {{{'A', 11}, {'B', 8}, {'D', 0}, {'I', 9}}, {{'B', 5}, {'B', 12}, {0, 0}, {0, 0}}};

static bool is_recessive(const struct can *can) {
    for (unsigned i = 0; i < 4 && rx[can->index][i].port; i++) {
        unsigned port = (unsigned)(rx[can->index][i].port - 'A');
        if (gpio_is_alternate(can->chip, port, rx[can->index][i].pin, 9)) {
            return gpio_level(can->chip, port, rx[can->index][i].pin) == 1;
        }
    }
    return true; // no pin chosen: the input rests high
}

// 32.4.1 to 32.4.3. The eleven recessive bits take no time here.
static uint32_t status(struct can *can) {
    if (can->mcr & MCR_INRQ) {
        can->msr |= MSR_INAK;
    } else if (can->btr & BTR_LBKM || is_recessive(can)) {
        can->msr &= ~MSR_INAK;
    }
    can->msr &= ~MSR_SLAK;
    if (can->mcr & MCR_SLEEP && !(can->mcr & MCR_INRQ)) {
        can->msr = (can->msr & ~MSR_INAK) | MSR_SLAK;
    }
    return can->msr | 0xC00u; // RX and SAMP as after reset
}

static void can_reset(void *ctx) {
    struct can *can = ctx;
    *can = (struct can){.chip = can->chip, .index = can->index};
    can->mcr = 0x00010002u;
    can->msr = MSR_SLAK;
    can->btr = 0x01230000u;
    can->words[FMR / 4] = 0x2A1C0E01u;
}

static bool can_read(void *ctx, uint32_t off, uint32_t *value) {
    struct can *can = ctx;
    switch (off) {
    case MCR:
        *value = can->mcr;
        return true;
    case MSR:
        *value = status(can);
        return true;
    case TSR:
        *value = TSR_EMPTY;
        return true;
    case RF0R:
    case RF1R:
        *value = 0;
        return true;
    case IER:
        *value = can->ier;
        return true;
    case ESR:
        *value = can->esr;
        return true;
    case BTR:
        *value = can->btr;
        return true;
    default:
        *value = off >= MAILBOXES && off < END ? can->words[off / 4] : 0;
        return off >= MAILBOXES && off < END;
    }
}

static bool can_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct can *can = ctx;
    switch (off) {
    case MCR:
        if (value & mask & MCR_RESET) {
            can_reset(can);
        } else {
            merge(&can->mcr, value, mask & MCR_MASK);
            (void)status(can);
        }
        return true;
    case BTR:
        if (can->msr & MSR_INAK) { // in initialisation only (32.9.2)
            merge(&can->btr, value, mask & 0xC37F03FFu);
        }
        return true;
    case IER:
        merge(&can->ier, value, mask & 0x38F7Fu);
        return true;
    case ESR:
        merge(&can->esr, value, mask & 0x70u);
        return true;
    case MSR:
    case TSR:
    case RF0R:
    case RF1R:
        return true;
    default:
        if (off >= MAILBOXES && off < END) {
            merge(&can->words[off / 4], value, mask);
            return true;
        }
        return false;
    }
}

#define CAN(n, b, bit)                                                                             \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = can_read, .write = can_write,             \
        .reset = can_reset, .enable_register = RCC_APB1ENR, .enable_bit = 1u << (bit)              \
    }

const struct peripheral can_peripherals[CANS] = {CAN("CAN1", 0x40006400u, 25),
                                                 CAN("CAN2", 0x40006800u, 26)};
