// SPDX-License-Identifier: MIT
//
// State of a USART or UART (usart.c), for struct chip.

#ifndef VBOARD_CHIP_USART_H
#define VBOARD_CHIP_USART_H

#include "vboard/chip/chip.h"
#include "vboard/chip/peripheral.h"

#define USARTS 8u

struct chip;

enum usart_frame { FRAME_DATA, FRAME_IDLE, FRAME_BREAK };

struct usart {
    struct chip *chip;
    unsigned index; // into the table in usart.c
    uint32_t sr, brr, cr1, cr2, cr3, gtpr;
    uint16_t tdr, shift, rdr;
    bool is_shifting; // a frame is on the line
    enum usart_frame frame;
    // SR was read since: a DR access then clears the flags of the sequence (RM0090 30.6.1).
    uint32_t seen;
    uint64_t traced_bit_ps; // the bit time last told in the trace
    struct event sent;
    struct event received;
    uint8_t incoming;  // arrives with `received`
    bool is_line_busy; // a frame comes in; else `received` is the end of an idle frame
    struct chip_uart_line line;
};

extern const struct peripheral usart_peripherals[USARTS]; // ctx is filled in by chip.c
void usart_free(struct chip *chip);
// What DMA serves: the levels of a USART's requests.
bool usart_requests_tx(const struct chip *chip, unsigned index);
bool usart_requests_rx(const struct chip *chip, unsigned index);

#endif
