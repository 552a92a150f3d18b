// SPDX-License-Identifier: MIT
//
// Endpoint zero on an OTG core (RM0090 34 and 35), device only, polled, no DMA, at full speed, or with an
// external transceiver at high speed, where endpoint zero has 64 bytes too (USB 2.0 5.5.3). Its
// interrupt is pending while otg_poll() has something to do, for whoever sleeps (sleep.h). Fills the USB half of core/port.h and calls core/usbd.h's four entries.
//
// Order of calls: otg_init(), then otg_poll() without pause; otg_connect() shows the device.

#ifndef PORT_STM32F4_OTG_H
#define PORT_STM32F4_OTG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port.h"
#include "core/usbd.h"
#include "port/stm32f4/clock.h"

// What differs between the cores and their wiring.
struct otg_pin {
    char port;
    uint8_t number;
};

struct otg_core {
    uint32_t base;
    uint8_t irq;
    volatile uint32_t *clock_enable; // register of RCC, and the core's bit in it
    uint32_t clock_enable_bit;
    bool is_ulpi; // an external high-speed transceiver, instead of the core's own
    uint16_t rx_fifo_words;
    uint16_t tx_fifo_words;
    const struct otg_pin *pins;
    uint8_t pin_count;
    uint8_t alternate_function;
};

// OTG_FS on PA11 and PA12; OTG_HS with its own full-speed transceiver on PB14 and PB15.
extern const struct otg_core otg_fs;
extern const struct otg_core otg_hs;
// OTG_HS with an external transceiver: CK PA5, D0 PA3, D1 PB0, D2 PB1, D3 PB10, D4 PB11, D5 PB12, D6 PB13,
// D7 PB5, STP PC0; DIR and NXT on PC2 and PC3, or (packages of 144 pins and more) on PI11 and PH4.
extern const struct otg_core otg_hs_ulpi;
extern const struct otg_core otg_hs_ulpi_large;

struct otg {
    const struct otg_core *core;
    struct usbd *usbd;
    struct clock *clock;
    bool in_queued;     // a packet was given to the core and usbd has not heard of its end
    bool out_armed;     // usbd wants the next OUT packet
    bool setup_arrived; // `setup` is new, its transaction not yet over
    uint8_t out_len;
    uint8_t setup[USB_SETUP_LEN];
    uint8_t out[PORT_EP0_BYTES];
};

// Brings the core up as a device that is not visible yet. `vbus_sensing`: the pull-up follows the
// VBUS pin. After clock_speed_up(). False when the core does not answer within its bounds.
bool otg_init(struct otg *otg, const struct otg_core *core, struct usbd *usbd, struct clock *clock,
              bool vbus_sensing) __attribute__((warn_unused_result));

// Passes on what happened since the last call. Returns quickly in every case; when the core hangs,
// resets into DFU mode.
void otg_poll(struct otg *otg);

// Of core/port.h; promises stand there.
void otg_connect(struct otg *otg, bool connected);
void otg_address(struct otg *otg, uint8_t address);
void otg_send(struct otg *otg, const uint8_t *data, unsigned len);
void otg_receive(struct otg *otg);
void otg_stall(struct otg *otg);

#endif
