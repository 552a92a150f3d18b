// SPDX-License-Identifier: MIT
//
// USART1 to 8 (UART4, 5, 7 and 8 among them): asynchronous frames at the rate BRR gives, flags, interrupts
// and DMA requests (RM0090 section 30). What ST's HAL (stm32f4xx_hal_uart.c) and libopencm3
// (usart_common_all.c) wait for decided which details are here.
//
// The line's other end (struct chip_uart_line) sends and takes bytes at this end's rate: a rate that
// is wrong is seen in the trace only. The line is there only where a pin is in this USART's
// alternate function. Not modelled, kept as bits: synchronous, LIN, smart card and IrDA modes, CTS
// and RTS, the wake-up of a muted receiver.

#include "vboard/chip/usart.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vboard/chip/chip_state.h"

// RM0090 30.6.8.
#define SR         0x00u
#define DR         0x04u
#define BRR        0x08u
#define CR1        0x0Cu
#define CR2        0x10u
#define CR3        0x14u
#define GTPR       0x18u

#define SR_PE      (1u << 0)
#define SR_FE      (1u << 1)
#define SR_NF      (1u << 2)
#define SR_ORE     (1u << 3)
#define SR_IDLE    (1u << 4)
#define SR_RXNE    (1u << 5)
#define SR_TC      (1u << 6)
#define SR_TXE     (1u << 7)
#define SR_LBD     (1u << 8)
#define SR_CTS     (1u << 9)
// Cleared by reading SR, then DR (30.6.1).
#define SR_BY_READ (SR_PE | SR_FE | SR_NF | SR_ORE | SR_IDLE)
// Cleared by writing 0 (rc_w0).
#define SR_RC_W0   (SR_RXNE | SR_TC | SR_LBD | SR_CTS)

#define CR1_SBK    (1u << 0)
#define CR1_RE     (1u << 2)
#define CR1_TE     (1u << 3)
#define CR1_IDLEIE (1u << 4)
#define CR1_RXNEIE (1u << 5)
#define CR1_TCIE   (1u << 6)
#define CR1_TXEIE  (1u << 7)
#define CR1_PEIE   (1u << 8)
#define CR1_PS     (1u << 9)
#define CR1_PCE    (1u << 10)
#define CR1_M      (1u << 12)
#define CR1_UE     (1u << 13)
#define CR1_OVER8  (1u << 15)
#define CR1_MASK   0x0000BFFFu
#define CR2_MASK   0x00007F6Fu
#define CR3_EIE    (1u << 0)
#define CR3_IREN   (1u << 1)
#define CR3_HDSEL  (1u << 3)
#define CR3_SCEN   (1u << 5)
#define CR3_DMAR   (1u << 6)
#define CR3_DMAT   (1u << 7)
#define CR3_RTSE   (1u << 8)
#define CR3_CTSE   (1u << 9)
#define CR3_MASK   0x00000FFFu
#define CR2_CLKEN  (1u << 11)

#define USART_PINS 3u
#define SMALL      0x80u

struct usart_pin {
    char port;   // 0: none
    uint8_t pin; // with SMALL: on the F401 and F411 alone
};

// Alternate functions: DS8626 table 9, DS9405 table 12, DS10314 table 9. Interrupts: RM0090 tables 61, 62.
static const struct {
    const char *name;
    uint8_t irq, alternate;
    bool is_apb2;
    struct usart_pin tx[USART_PINS], rx[USART_PINS];
} usarts[USARTS] = {
    {"USART1",
     37,
     7,
     true,
     {{'A', 9}, {'B', 6}, {'A', 15 | SMALL}},
     {{'A', 10}, {'B', 7}, {'B', 3 | SMALL}}},
    {"USART2", 38, 7, false, {{'A', 2}, {'D', 5}}, {{'A', 3}, {'D', 6}}},
    {"USART3", 39, 7, false, {{'B', 10}, {'C', 10}, {'D', 8}}, {{'B', 11}, {'C', 11}, {'D', 9}}},
    {"UART4", 52, 8, false, {{'A', 0}, {'C', 10}}, {{'A', 1}, {'C', 11}}},
    {"UART5", 53, 8, false, {{'C', 12}}, {{'D', 2}}},
    {"USART6",
     71,
     8,
     true,
     {{'C', 6}, {'G', 14}, {'A', 11 | SMALL}},
     {{'C', 7}, {'G', 9}, {'A', 12 | SMALL}}},
    {"UART7", 82, 8, false, {{'E', 8}, {'F', 7}}, {{'E', 7}, {'F', 6}}},
    {"UART8", 83, 8, false, {{'E', 1}}, {{'E', 0}}},
};

static void update_irq(struct usart *usart) {
    uint32_t sr = usart->sr;
    uint32_t cr1 = usart->cr1;
    // RM0090 figure 319, the interrupt mapping.
    bool level = (sr & SR_TXE && cr1 & CR1_TXEIE) || (sr & SR_TC && cr1 & CR1_TCIE) ||
                 (sr & (SR_RXNE | SR_ORE) && cr1 & CR1_RXNEIE) ||
                 (sr & SR_IDLE && cr1 & CR1_IDLEIE) || (sr & SR_PE && cr1 & CR1_PEIE) ||
                 (sr & (SR_FE | SR_NF | SR_ORE) && usart->cr3 & CR3_EIE && usart->cr3 & CR3_DMAR);
    cpu_set_irq(usart->chip->cpu, usarts[usart->index].irq, level);
    dma_requests_changed(usart->chip);
}

bool usart_requests_tx(const struct chip *chip, unsigned index) {
    const struct usart *usart = &chip->usart[index];
    return usart->cr3 & CR3_DMAT && usart->sr & SR_TXE && usart->cr1 & CR1_UE &&
           usart->cr1 & CR1_TE;
}

bool usart_requests_rx(const struct chip *chip, unsigned index) {
    const struct usart *usart = &chip->usart[index];
    return usart->cr3 & CR3_DMAR && usart->sr & SR_RXNE;
}

// --- the line --------------------------------------------------------------------------------------

static bool has_pin(const struct usart *usart, struct usart_pin pin) {
    return !(pin.pin & SMALL) || !usart->chip->model->line->otg_hs;
}

static bool is_wired(const struct usart *usart, const struct usart_pin pins[USART_PINS]) {
    for (unsigned i = 0; i < USART_PINS && pins[i].port; i++) {
        if (has_pin(usart, pins[i]) &&
            gpio_is_alternate(usart->chip, (unsigned)(pins[i].port - 'A'), pins[i].pin & ~SMALL,
                              usarts[usart->index].alternate)) {
            return true;
        }
    }
    return false;
}

// 0: no clock for the line.
static uint64_t bit_ps(const struct usart *usart) {
    const struct rcc *rcc = &usart->chip->rcc;
    uint64_t clock_hz = usarts[usart->index].is_apb2 ? rcc->pclk2_hz : rcc->pclk1_hz;
    // 30.3.4: USARTDIV has four fraction bits with 16 samples a bit, three with 8; either way a bit
    // takes this many clocks.
    uint64_t divider =
        usart->cr1 & CR1_OVER8 ? (usart->brr >> 4) * 8 + (usart->brr & 7) : (uint64_t)usart->brr;
    return clock_hz ? divider * PS_PER_S / clock_hz : 0;
}

// Start bit, 8 or 9 bits (parity among them), stop bits 1, 0.5, 2, 1.5 (30.6.5 STOP).
static uint64_t frame_ps(const struct usart *usart) {
    static const uint8_t half_stop_bits[4] = {2, 1, 4, 3};
    unsigned half_bits = 2 * (usart->cr1 & CR1_M ? 10u : 9u) + half_stop_bits[usart->cr2 >> 12 & 3];
    return bit_ps(usart) * half_bits / 2;
}

static unsigned data_bits(const struct usart *usart) {
    return (usart->cr1 & CR1_M ? 9u : 8u) - (usart->cr1 & CR1_PCE ? 1u : 0);
}

static void trace_rate(struct usart *usart) {
    uint64_t bit = bit_ps(usart);
    if (bit == usart->traced_bit_ps) {
        return;
    }
    usart->traced_bit_ps = bit;
    trace_event(usart->chip->trace, TRACE_UART, usarts[usart->index].name,
                "baud=%" PRIu64 " bits=%u parity=%s", (uint64_t)(PS_PER_S / bit), data_bits(usart),
                !(usart->cr1 & CR1_PCE) ? "none"
                : usart->cr1 & CR1_PS   ? "odd"
                                        : "even");
}

// --- transmitter (30.3.2) ----------------------------------------------------------------------------

static void receive(struct usart *usart, uint16_t frame);

static void begin_frame(struct usart *usart, enum usart_frame kind) {
    uint64_t length_ps = frame_ps(usart);
    usart->frame = kind;
    if (length_ps == 0) {
        return; // no baud rate: nothing ever moves
    }
    usart->is_shifting = true;
    trace_rate(usart);
    timeline_schedule(usart->chip->timeline, &usart->sent,
                      timeline_now(usart->chip->timeline) + length_ps);
}

// What the transmitter does next, when nothing is on the line.
static void transmit(struct usart *usart) {
    if (usart->is_shifting || !(usart->cr1 & CR1_UE) || bit_ps(usart) == 0) {
        return;
    }
    if (usart->cr1 & CR1_SBK && usart->cr1 & CR1_TE) {
        begin_frame(usart, FRAME_BREAK);
    } else if (!(usart->sr & SR_TXE) && usart->cr1 & CR1_TE) {
        usart->shift = usart->tdr;
        usart->sr |= SR_TXE;
        begin_frame(usart, FRAME_DATA);
    }
}

static void complain_not_wired(struct usart *usart) {
    const struct usart_pin *tx = usarts[usart->index].tx;
    char pins[32] = "";
    for (unsigned i = 0; i < USART_PINS && tx[i].port; i++) {
        if (!has_pin(usart, tx[i])) {
            continue;
        }
        size_t used = strlen(pins);
        snprintf(pins + used, sizeof(pins) - used, "%sP%c%u", i ? ", " : "", tx[i].port,
                 tx[i].pin & ~SMALL);
    }
    trace_complaint(usart->chip->trace, "usart-pin", usarts[usart->index].name,
                    "%s sends, but no TX pin of it (%s) is in alternate function %u with its port "
                    "clocked: nothing leaves the chip",
                    usarts[usart->index].name, pins, usarts[usart->index].alternate);
}

static void sent(void *ctx) {
    struct usart *usart = ctx;
    usart->is_shifting = false;
    if (usart->frame == FRAME_DATA) {
        uint16_t data = usart->shift & (uint16_t)((1u << data_bits(usart)) - 1);
        if (!is_wired(usart, usarts[usart->index].tx)) {
            complain_not_wired(usart);
        } else if (usart->line.sent) {
            usart->line.sent(usart->line.ctx, (uint8_t)data);
        }
        if (usart->cr3 & CR3_HDSEL && usart->cr1 & CR1_RE) {
            receive(usart, data); // one wire: the receiver hears it (30.3.10)
        }
    } else if (usart->frame == FRAME_BREAK) {
        usart->cr1 &= ~CR1_SBK; // 30.6.4: reset by hardware during the stop bit of break
    }
    transmit(usart);
    // 30.3.2: TC with the last frame. The idle frame that TE asks for is none.
    if (!usart->is_shifting && usart->frame == FRAME_DATA && usart->sr & SR_TXE) {
        usart->sr |= SR_TC;
    }
    update_irq(usart);
}

// --- receiver (30.3.3) -----------------------------------------------------------------------------

static void receive(struct usart *usart, uint16_t frame) {
    if (usart->sr & SR_RXNE) {
        usart->sr |= SR_ORE; // the new frame is lost
        return;
    }
    if (usart->cr1 & CR1_PCE) {
        // The parity bit stands where the most significant bit would (30.3.8).
        unsigned ones = (unsigned)__builtin_popcount(frame) + (usart->cr1 & CR1_PS ? 1u : 0);
        frame |= (uint16_t)((ones & 1) << data_bits(usart));
    }
    usart->rdr = frame;
    usart->sr |= SR_RXNE;
}

static bool is_listening(const struct usart *usart) {
    return (usart->cr1 & (CR1_UE | CR1_RE)) == (CR1_UE | CR1_RE) && bit_ps(usart) != 0 &&
           !(usart->cr3 & CR3_HDSEL) && is_wired(usart, usarts[usart->index].rx);
}

// The next frame from outside begins, if there is one.
static bool listen(struct usart *usart) {
    if (usart->is_line_busy || !usart->line.next || !is_listening(usart) ||
        !usart->line.next(usart->line.ctx, &usart->incoming)) {
        return false;
    }
    usart->is_line_busy = true;
    timeline_schedule(usart->chip->timeline, &usart->received,
                      timeline_now(usart->chip->timeline) + frame_ps(usart));
    return true;
}

static void received(void *ctx) {
    struct usart *usart = ctx;
    if (!usart->is_line_busy) {
        usart->sr |= SR_IDLE; // a whole frame of silence after the last one (30.3.3)
    } else {
        usart->is_line_busy = false;
        if (is_listening(usart)) {
            receive(usart, usart->incoming & (uint16_t)((1u << data_bits(usart)) - 1));
            if (!listen(usart)) {
                timeline_schedule(usart->chip->timeline, &usart->received,
                                  timeline_now(usart->chip->timeline) + frame_ps(usart));
            }
        }
    }
    update_irq(usart);
}

// --- registers -------------------------------------------------------------------------------------------

static uint32_t read_dr(struct usart *usart) {
    uint32_t cleared = usart->seen & SR_BY_READ;
    usart->sr &= ~(cleared | SR_RXNE);
    usart->seen = 0;
    update_irq(usart);
    return usart->rdr;
}

static bool usart_peek(void *ctx, uint32_t off, uint32_t *value) {
    struct usart *usart = ctx;
    switch (off) {
    case SR:
        *value = usart->sr;
        return true;
    case DR:
        *value = usart->rdr;
        return true;
    case BRR:
        *value = usart->brr;
        return true;
    case CR1:
        *value = usart->cr1;
        return true;
    case CR2:
        *value = usart->cr2;
        return true;
    case CR3:
        *value = usart->cr3;
        return true;
    case GTPR:
        *value = usart->gtpr;
        return true;
    default:
        return false;
    }
}

static bool usart_read(void *ctx, uint32_t off, uint32_t *value) {
    struct usart *usart = ctx;
    if (off == DR) {
        *value = read_dr(usart);
        return true;
    }
    if (off == SR) {
        usart->seen = usart->sr;
        // A byte may have come to the other end since it was asked last, and the pins change
        // without this file hearing of it.
        (void)listen(usart);
    }
    return usart_peek(ctx, off, value);
}

static void write_dr(struct usart *usart, uint32_t value) {
    usart->tdr = value & 0x1FF;
    if (usart->seen & SR_TC) {
        usart->sr &= ~SR_TC; // SR read, then DR written (30.6.1)
    }
    usart->seen = 0;
    if (usart->cr1 & CR1_UE && usart->cr1 & CR1_TE) {
        usart->sr &= ~SR_TXE;
        transmit(usart);
    }
}

static void write_cr1(struct usart *usart, uint32_t value) {
    uint32_t old = usart->cr1;
    usart->cr1 = value & CR1_MASK;
    uint32_t both = CR1_UE | CR1_TE;
    if (old & CR1_UE && !(usart->cr1 & CR1_UE)) {
        // 30.6.4: prescalers and outputs stop at the end of the byte; here at once.
        timeline_cancel(usart->chip->timeline, &usart->sent);
        timeline_cancel(usart->chip->timeline, &usart->received);
        usart->is_shifting = usart->is_line_busy = false;
        usart->sr |= SR_TXE | SR_TC;
    }
    if ((usart->cr1 & both) == both && (old & both) != both && !usart->is_shifting) {
        begin_frame(usart, FRAME_IDLE); // 30.3.2: an idle frame first
    }
    transmit(usart);
    (void)listen(usart);
}

static void complain_unmodelled(const struct usart *usart, uint32_t bits, const char *what) {
    if (bits) {
        char where[WHERE_MAX];
        chip_where(usart->chip, where);
        trace_complaint(usart->chip->trace, "usart-mode", where,
                        "%s at %s asks for %s, which is not modelled", usarts[usart->index].name,
                        where, what);
    }
}

static bool usart_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct usart *usart = ctx;
    value &= mask;
    switch (off) {
    case SR:
        usart->sr &= value | ~SR_RC_W0;
        break;
    case DR:
        write_dr(usart, value);
        break;
    case BRR:
        usart->brr = value & 0xFFFF;
        transmit(usart);
        (void)listen(usart);
        break;
    case CR1:
        write_cr1(usart, value);
        break;
    case CR2:
        complain_unmodelled(usart, value & ~usart->cr2 & CR2_CLKEN,
                            "a clock pin (USART_CR2.CLKEN): frames go as without");
        usart->cr2 = value & CR2_MASK;
        break;
    case CR3: {
        uint32_t risen = value & ~usart->cr3;
        complain_unmodelled(usart, risen & (CR3_RTSE | CR3_CTSE),
                            "flow control (USART_CR3.RTSE, CTSE): it sends whatever CTS says");
        complain_unmodelled(usart, risen & (CR3_IREN | CR3_SCEN),
                            "IrDA or a smart card (USART_CR3.IREN, SCEN): frames go as without");
        usart->cr3 = value & CR3_MASK;
        break;
    }
    case GTPR:
        usart->gtpr = value & 0xFFFF;
        break;
    default:
        return false;
    }
    update_irq(usart);
    return true;
}

static void usart_reset(void *ctx) {
    struct usart *usart = ctx;
    timeline_cancel(usart->chip->timeline, &usart->sent);
    timeline_cancel(usart->chip->timeline, &usart->received);
    *usart = (struct usart){
        .chip = usart->chip,
        .index = usart->index,
        .sr = SR_TXE | SR_TC, // 30.6.1
        .sent = {.fire = sent, .ctx = usart},
        .received = {.fire = received, .ctx = usart},
        .line = usart->line,
    };
    update_irq(usart);
}

#define USART(n, b, reg, bit)                                                                      \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = usart_read, .write = usart_write,         \
        .peek = usart_peek, .reset = usart_reset, .enable_register = (reg),                        \
        .enable_bit = 1u << (bit)                                                                  \
    }

// In the order of `usarts`.
const struct peripheral usart_peripherals[USARTS] = {
    USART("USART1", 0x40011000u, RCC_APB2ENR, 4),  USART("USART2", 0x40004400u, RCC_APB1ENR, 17),
    USART("USART3", 0x40004800u, RCC_APB1ENR, 18), USART("UART4", 0x40004C00u, RCC_APB1ENR, 19),
    USART("UART5", 0x40005000u, RCC_APB1ENR, 20),  USART("USART6", 0x40011400u, RCC_APB2ENR, 5),
    USART("UART7", 0x40007800u, RCC_APB1ENR, 30),  USART("UART8", 0x40007C00u, RCC_APB1ENR, 31),
};

void usart_free(struct chip *chip) {
    for (unsigned i = 0; i < USARTS; i++) {
        timeline_cancel(chip->timeline, &chip->usart[i].sent);
        timeline_cancel(chip->timeline, &chip->usart[i].received);
    }
}

const char *chip_uart_name(const struct chip_model *model, const char *name) {
    for (unsigned i = 0; i < USARTS; i++) {
        if (strcasecmp(usarts[i].name, name) == 0 && rcc_has(model->line, &usart_peripherals[i])) {
            return usarts[i].name;
        }
    }
    return NULL;
}

bool chip_connect_uart(struct chip *chip, const char *name, const struct chip_uart_line *line) {
    const char *known = chip_uart_name(chip->model, name);
    for (unsigned i = 0; i < USARTS; i++) {
        if (known == usarts[i].name) {
            chip->usart[i].line = line ? *line : (struct chip_uart_line){0};
            return true;
        }
    }
    return false;
}
