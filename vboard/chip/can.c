// SPDX-License-Identifier: MIT
//
// bxCAN 1 and 2 without a transceiver (RM0090 section 32): the modes are entered and acknowledged, but
// initialisation is left for a bus only when RX reads recessive (a pull-up or a level from outside);
// a floating RX reads dominant. Nobody acknowledges a frame, so that one is sent again and again, and the
// transmit error counter goes to error passive (32.7.6). In loop-back a frame comes in again, by the filters.
// Not modelled: time triggered communication, and what comes of a second CAN on the same wires.

#include <string.h>

#include "vboard/chip/chip_state.h"

// 32.9.
#define MCR            0x000u
#define MSR            0x004u
#define TSR            0x008u
#define RF0R           0x00Cu
#define RF1R           0x010u
#define IER            0x014u
#define ESR            0x018u
#define BTR            0x01Cu
#define MAILBOXES      0x180u
#define FMR            0x200u
#define END            0x320u

#define MCR_INRQ       (1u << 0)
#define MCR_SLEEP      (1u << 1)
#define MCR_RESET      (1u << 15)
#define MCR_MASK       0x000100FFu
#define MSR_INAK       (1u << 0)
#define MSR_SLAK       (1u << 1)
#define MSR_ERRI       (1u << 2)
#define BTR_LBKM       (1u << 30)
#define MCR_TXFP       (1u << 2)
#define MCR_RFLM       (1u << 3)
#define MCR_NART       (1u << 4)
#define TSR_RQCP(n)    (1u << (8 * (n)))
#define TSR_TXOK(n)    (2u << (8 * (n)))
#define TSR_TERR(n)    (8u << (8 * (n)))
#define TSR_ABRQ(n)    (1u << (8 * (n) + 7))
#define TSR_RESULT     0x0000000Fu // of the first mailbox
#define TSR_TME(n)     (1u << (26 + (n)))
#define RFR_FULL       (1u << 3)
#define RFR_FOVR       (1u << 4)
#define RFR_RFOM       (1u << 5)
#define IER_TMEIE      (1u << 0)
#define IER_FMPIE(n)   (2u << (3 * (n)))
#define IER_FFIE(n)    (4u << (3 * (n)))
#define IER_FOVIE(n)   (8u << (3 * (n)))
#define IER_EWGIE      (1u << 8)
#define IER_EPVIE      (1u << 9)
#define IER_LECIE      (1u << 11)
#define IER_ERRIE      (1u << 15)
#define ESR_EWGF       (1u << 0)
#define ESR_EPVF       (1u << 1)
#define ESR_LEC_ACK    (3u << 4)
#define TIR_TXRQ       (1u << 0)
#define TIR_IDE        (1u << 2)
#define TXBOX(n)       (0x180u + 0x10u * (n))
#define RXBOX(n)       (0x1B0u + 0x10u * (n))
#define FMR_FINIT      (1u << 0)
#define FM1R           0x204u
#define FS1R           0x20Cu
#define FFA1R          0x214u
#define FA1R           0x21Cu
#define FR(bank, n)    (0x240u + 8u * (bank) + 4u * (n))
#define BANKS          28u

#define WORD(can, off) ((can)->words[(off) / 4])

// Transmit, receive 0 and 1, status: RM0090 table 62.
static const uint8_t irqs[CANS][4] = {{19, 20, 21, 22}, {63, 64, 65, 66}};

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

// --- interrupts (32.8) ---------------------------------------------------------------------------------------

static void update_irqs(struct can *can) {
    struct cpu *cpu = can->chip->cpu;
    const uint32_t rqcp = TSR_RQCP(0) | TSR_RQCP(1) | TSR_RQCP(2);
    cpu_set_irq(cpu, irqs[can->index][0], can->tsr & rqcp && can->ier & IER_TMEIE);
    for (unsigned n = 0; n < 2; n++) {
        cpu_set_irq(cpu, irqs[can->index][1 + n],
                    (can->fifo[n].count > 0 && can->ier & IER_FMPIE(n)) ||
                        (can->fifo[n].flags & RFR_FULL && can->ier & IER_FFIE(n)) ||
                        (can->fifo[n].flags & RFR_FOVR && can->ier & IER_FOVIE(n)));
    }
    cpu_set_irq(cpu, irqs[can->index][3], can->msr & MSR_ERRI && can->ier & IER_ERRIE);
}

// --- filters (32.7.4) ------------------------------------------------------------------------------------------

// CAN2 has those of CAN1 from CAN2SB on.
static bool is_own_bank(const struct can *can, unsigned bank) {
    unsigned second = WORD(&can->chip->can[0], FMR) >> 8 & 63;
    return can->index == 0 ? bank < second : bank >= second;
}

// A 16-bit filter's view of an identifier: STID, RTR, IDE, EXID[17:15].
static uint32_t short_form(uint32_t ir) {
    return (ir >> 21 & 0x7FF) << 5 | (ir >> 1 & 1) << 4 | (ir >> 2 & 1) << 3 | (ir >> 18 & 7);
}

// The place in a bank that takes it, of its `count` filters; -1: none.
static int match_in(const struct can *filters, unsigned bank, uint32_t ir, unsigned *count) {
    bool is_list = WORD(filters, FM1R) >> bank & 1, is_wide = WORD(filters, FS1R) >> bank & 1;
    uint32_t value[2] = {WORD(filters, FR(bank, 0)), WORD(filters, FR(bank, 1))};
    uint32_t wide = ir & ~TIR_TXRQ, narrow = short_form(ir);
    int found = -1;
    *count = (is_list ? 2u : 1u) * (is_wide ? 1u : 2u);
    for (unsigned i = *count; i-- > 0;) {
        uint32_t wanted, mask;
        if (is_wide) {
            wanted = value[is_list ? i : 0];
            mask = is_list ? ~TIR_TXRQ : value[1] & ~TIR_TXRQ;
            found = (wide & mask) == (wanted & mask) ? (int)i : found;
        } else {
            wanted = is_list ? value[i / 2] >> 16 * (i % 2) & 0xFFFF : value[i] & 0xFFFF;
            mask = is_list ? 0xFFFF : value[i] >> 16;
            found = (narrow & mask) == (wanted & mask) ? (int)i : found;
        }
    }
    return found;
}

// The FIFO that a frame goes to, and the index of the filter among those of its FIFO (inactive banks count);
// false: none takes it. A wider filter goes first, then a list, then the lower number.
static bool filter(const struct can *can, uint32_t ir, unsigned *fifo, unsigned *index) {
    const struct can *filters = &can->chip->can[0];
    unsigned numbers[2] = {0, 0}, best = 0;
    for (unsigned bank = 0; bank < BANKS; bank++) {
        unsigned count, to = WORD(filters, FFA1R) >> bank & 1;
        if (!is_own_bank(can, bank)) {
            continue;
        }
        int place = match_in(filters, bank, ir, &count);
        unsigned rank =
            1 + 2 * (WORD(filters, FS1R) >> bank & 1) + (WORD(filters, FM1R) >> bank & 1);
        if (place >= 0 && WORD(filters, FA1R) >> bank & 1 && rank > best) {
            best = rank;
            *fifo = to;
            *index = numbers[to] + (unsigned)place;
        }
        numbers[to] += count;
    }
    return best > 0 && !(WORD(filters, FMR) & FMR_FINIT);
}

// --- frames ----------------------------------------------------------------------------------------------------

static void receive(struct can *can, const uint32_t frame[4]) {
    unsigned number, index;
    if (!filter(can, frame[0], &number, &index)) {
        return;
    }
    struct can_fifo *fifo = &can->fifo[number];
    if (fifo->count == CAN_FIFO) { // 32.7.3: the last is overwritten, or with RFLM the new one lost
        fifo->flags |= RFR_FOVR;
        if (can->mcr & MCR_RFLM) {
            return;
        }
        fifo->count--;
    }
    uint32_t *box = fifo->box[fifo->count++];
    box[0] = frame[0] & ~TIR_TXRQ;
    box[1] = (frame[1] & 0xF) | (index & 0xFF) << 8;
    box[2] = frame[2];
    box[3] = frame[3];
    fifo->flags |= fifo->count == CAN_FIFO ? RFR_FULL : 0;
}

// By identifier, which a standard one compares with its upper bits; with TXFP in the order of requests (32.7.1).
static unsigned next_box(const struct can *can) {
    unsigned best = CAN_BOXES;
    for (unsigned n = 0; n < CAN_BOXES; n++) {
        if (can->tsr & TSR_TME(n)) {
            continue;
        }
        bool is_earlier = can->mcr & MCR_TXFP
                              ? best < CAN_BOXES && can->order[n] < can->order[best]
                              : best < CAN_BOXES && WORD(can, TXBOX(n)) < WORD(can, TXBOX(best));
        best = best == CAN_BOXES || is_earlier ? n : best;
    }
    return best;
}

// Overhead, bits of data, no stuffing; a bit from BTR (32.7.7).
static uint64_t frame_ps(const struct can *can, unsigned n) {
    uint32_t btr = can->btr;
    uint64_t quanta = 3 + (btr >> 16 & 15) + (btr >> 20 & 7);
    uint64_t length = WORD(can, TXBOX(n) + 4) & 15;
    uint64_t bits = (WORD(can, TXBOX(n)) & TIR_IDE ? 67u : 47u) + 8 * (length < 8 ? length : 8);
    return bits * quanta * ((btr & 0x3FF) + 1) * PS_PER_S / can->chip->rcc.pclk1_hz;
}

static void transmit(struct can *can) {
    unsigned n = next_box(can);
    if (n < CAN_BOXES && !timeline_is_scheduled(&can->sent) &&
        !(status(can) & (MSR_INAK | MSR_SLAK))) {
        can->sending = n;
        timeline_schedule(can->chip->timeline, &can->sent,
                          timeline_now(can->chip->timeline) + frame_ps(can, n));
    }
}

static void release(struct can *can, unsigned n, uint32_t result) {
    can->tsr = (can->tsr & ~(TSR_RESULT << 8 * n)) | TSR_TME(n) | TSR_RQCP(n) | result;
    WORD(can, TXBOX(n)) &= ~TIR_TXRQ;
}

// Nobody acknowledges: the counter takes 8 more each time, and stays at 128 (32.7.6, ISO 11898). ERRI is set as a bit
// of ESR is, where IER has that one's bit, and stays until it is written (32.9.2).
static void count_error(struct can *can) {
    uint32_t tec = can->esr >> 16 & 0xFF, before = can->esr;
    tec = tec + 8 < 128 ? tec + 8 : 128;
    can->esr = (can->esr & ~0x00FF0077u) | tec << 16 | ESR_LEC_ACK | (tec >= 96 ? ESR_EWGF : 0) |
               (tec >= 128 ? ESR_EPVF : 0);
    uint32_t risen = can->esr & ~before;
    if (can->ier & IER_LECIE || (risen & ESR_EWGF && can->ier & IER_EWGIE) ||
        (risen & ESR_EPVF && can->ier & IER_EPVIE)) {
        can->msr |= MSR_ERRI;
    }
}

static void sent(void *ctx) {
    struct can *can = ctx;
    unsigned n = can->sending;
    if (can->btr & BTR_LBKM) {
        receive(can, &WORD(can, TXBOX(n)));
        release(can, n, TSR_TXOK(n));
    } else {
        count_error(can);
        if (can->mcr & MCR_NART || can->tsr & TSR_ABRQ(n)) {
            release(can, n, TSR_TERR(n));
        }
    }
    transmit(can);
    update_irqs(can);
}

static void request(struct can *can, unsigned n) {
    can->tsr &= ~(TSR_TME(n) | TSR_RESULT << 8 * n);
    can->order[n] = can->requests++;
    transmit(can);
}

// RQCP takes its mailbox's results with it; ABRQ ends a request at its next end (32.9.2).
static void write_tsr(struct can *can, uint32_t value) {
    for (unsigned n = 0; n < CAN_BOXES; n++) {
        if (value & TSR_RQCP(n)) {
            can->tsr &= ~(TSR_RESULT << 8 * n);
        }
        if (value & TSR_ABRQ(n) && !(can->tsr & TSR_TME(n))) {
            if (timeline_is_scheduled(&can->sent) && can->sending == n) {
                can->tsr |= TSR_ABRQ(n);
            } else {
                release(can, n, 0);
            }
        }
        can->tsr &= can->tsr & TSR_TME(n) ? ~TSR_ABRQ(n) : ~0u;
    }
}

static void write_rfr(struct can *can, unsigned number, uint32_t value) {
    struct can_fifo *fifo = &can->fifo[number];
    fifo->flags &= ~(value & (RFR_FULL | RFR_FOVR));
    if (value & RFR_RFOM && fifo->count > 0) {
        memmove(fifo->box[0], fifo->box[1], sizeof(fifo->box) - sizeof(fifo->box[0]));
        fifo->count--;
        fifo->flags &= ~RFR_FULL;
    }
}

// CODE is the first empty mailbox, or the one to be sent next (32.9.2).
static uint32_t read_tsr(const struct can *can) {
    unsigned code = next_box(can);
    for (unsigned n = CAN_BOXES; n-- > 0;) {
        code = can->tsr & TSR_TME(n) ? n : code;
    }
    return can->tsr | code << 24;
}

void can_free(struct chip *chip) {
    for (unsigned i = 0; i < CANS; i++) {
        timeline_cancel(chip->timeline, &chip->can[i].sent);
    }
}

static void can_reset(void *ctx) {
    struct can *can = ctx;
    timeline_cancel(can->chip->timeline, &can->sent);
    *can = (struct can){.chip = can->chip,
                        .index = can->index,
                        .tsr = TSR_TME(0) | TSR_TME(1) | TSR_TME(2),
                        .sent = {.fire = sent, .ctx = can}};
    can->mcr = 0x00010002u;
    can->msr = MSR_SLAK;
    can->btr = 0x01230000u;
    can->words[FMR / 4] = 0x2A1C0E01u;
    update_irqs(can);
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
        *value = read_tsr(can);
        return true;
    case RF0R:
    case RF1R:
        *value = can->fifo[off == RF1R].count | can->fifo[off == RF1R].flags;
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
        if (off >= RXBOX(0) && off < RXBOX(2)) {
            *value = can->fifo[(off - RXBOX(0)) / 0x10].box[0][off % 0x10 / 4];
            return true;
        }
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
            transmit(can);
        }
        return true;
    case BTR:
        if (can->msr & MSR_INAK) { // in initialisation only (32.9.2)
            merge(&can->btr, value, mask & 0xC37F03FFu);
        }
        return true;
    case IER:
        merge(&can->ier, value, mask & 0x38F7Fu);
        update_irqs(can);
        return true;
    case ESR:
        merge(&can->esr, value, mask & 0x70u);
        return true;
    case MSR:
        can->msr &= ~(value & mask & MSR_ERRI); // rc_w1
        update_irqs(can);
        return true;
    case TSR:
        write_tsr(can, value & mask);
        update_irqs(can);
        return true;
    case RF0R:
    case RF1R:
        write_rfr(can, off == RF1R, value & mask);
        update_irqs(can);
        return true;
    default:
        if (off < MAILBOXES || off >= END) {
            return false;
        }
        if (off >= RXBOX(0) && off < RXBOX(2)) {
            return true; // read-only
        }
        merge(&can->words[off / 4], value, mask);
        if (off < RXBOX(0) && off % 0x10 == 0 && value & mask & TIR_TXRQ) {
            request(can, (off - TXBOX(0)) / 0x10);
        }
        return true;
    }
}

#define CAN(n, b, bit)                                                                             \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = can_read, .write = can_write,             \
        .reset = can_reset, .enable_register = RCC_APB1ENR, .enable_bit = 1u << (bit)              \
    }

const struct peripheral can_peripherals[CANS] = {CAN("CAN1", 0x40006400u, 25),
                                                 CAN("CAN2", 0x40006800u, 26)};
