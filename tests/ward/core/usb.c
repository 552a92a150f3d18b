// SPDX-License-Identifier: MIT
//
// USB in interrupts: OTG_HS, its port to core/usbd.h, and what the DFU class adds.

#include "port/stm32f4/clock.h"
#include "port/stm32f4/otg.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/registers/otg.h"
#include "tests/ward/core/core.h"
#include "tests/ward/ward.h"

#define HS(off)         REGISTER(0x40040000u + (off)) // RM0090 table 1
#define DISCONNECT_SPIN 400000u // 10 ms and more: a hub sees it (USB 2.0 7.1.7.3: 2.5 us)

static struct clock ticks;
static struct otg otg;
static struct usbd usbd;

static enum usbd_answer request(void *ctx, const struct usb_setup *setup, struct usbd_data *data) {
    (void)ctx;
    return dfu_request(setup, data);
}

static enum usbd_answer received(void *ctx, const struct usb_setup *setup, unsigned len) {
    (void)ctx, (void)setup, (void)len;
    return USBD_ACCEPT; // it is looked at when GETSTATUS asks
}

static void sent(void *ctx, const struct usb_setup *setup) {
    (void)ctx;
    if (setup->bRequest == DFU_GETSTATUS) {
        dfu_work();
    }
}

static void finished(void *ctx, const struct usb_setup *setup) {
    (void)ctx;
    dfu_finished(setup);
}

static void reset(void *ctx) {
    (void)ctx;
    dfu_reset();
}

static bool set_alternate(void *ctx, unsigned alternate) {
    (void)ctx;
    return alternate < alternate_count();
}

static const struct usbd_handler handler = {
    .request = request,
    .received = received,
    .sent = sent,
    .finished = finished,
    .reset = reset,
    .set_alternate = set_alternate,
    .descriptor = descriptor,
};

static void address(void *ctx, uint8_t number) {
    otg_address(ctx, number);
}

static void send(void *ctx, const uint8_t *data, unsigned len) {
    otg_send(ctx, data, len);
}

static void receive(void *ctx) {
    otg_receive(ctx);
}

static void stall(void *ctx) {
    otg_stall(ctx);
}

static const struct port port = {.ctx = &otg,
                                 .usb_address = address,
                                 .ep0_send = send,
                                 .ep0_receive = receive,
                                 .ep0_stall = stall};

void OTG_HS_IRQHandler(void) {
    while (HS(OTG_GINTSTS) & HS(OTG_GINTMSK)) {
        otg_poll(&otg);
    }
}

void usb_init(void) {
    (void)MEM_If_Init_HS();
    usbd_init(&usbd, &port, &handler, 0);
    if (!otg_init(&otg, &otg_hs, &usbd, &ticks, false)) {
        return; // no device appears: what a person sees of it
    }
    NVIC_ISER(OTG_HS_IRQ) = NVIC_BIT(OTG_HS_IRQ);
    otg_connect(&otg, true);
}

void usb_deinit(void) {
    otg_connect(&otg, false);
    for (volatile uint32_t i = 0; i < DISCONNECT_SPIN; i++) {
    }
}
