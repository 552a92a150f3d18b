// SPDX-License-Identifier: MIT
//
// An application without a USB stack of its own that a host can send into DFU mode: it shows a device with
// nothing but the run-time DFU interface, and blinks. USB and clocks are the bootloader's own files
// (core/usbd.h, port/stm32f4), compiled into the application.
//
// Its numbers are pid.codes' for tests (1209:0001), to be told from DFU mode's: a product has its own.
// `dfu-util -d 1209:0001,0483:df11 -e` detaches it.

#include "app/redfu_app.h"
#include "app/redfu_runtime.h"
#include "core/usbd.h"
#include "examples/blink/blink.h"
#include "examples/blink/stm32f407.h"
#include "port/stm32f4/map.h"
#include "port/stm32f4/otg.h"
#include "port/stm32f4/sleep.h"

#define BLINK_MS          250u
// Time for the hub to notice that the device went.
#define GOOD_BYE_MS       10u
#define CONFIG_TOTAL      (USB_CONFIG_DESCRIPTOR_LEN + REDFU_RUNTIME_LEN)
#define STRING_BYTES(len) (2u + 2u * (len))

__attribute__((section(".version"), used)) static const char version[] = "redfu runtime-dfu";

static const uint8_t device_descriptor[USB_DEVICE_DESCRIPTOR_LEN] = {
    USB_DEVICE_DESCRIPTOR_LEN,
    USB_DT_DEVICE,
    0x00,
    0x02,
    0,
    0,
    0,
    PORT_EP0_BYTES,
    0x09,
    0x12,
    0x01,
    0x00,
    0x00,
    0x01, // vendor, product, release
    0,
    1,
    0,
    1}; // product's name; one configuration

static const uint8_t config_descriptor[CONFIG_TOTAL] = {
    USB_CONFIG_DESCRIPTOR_LEN,    USB_DT_CONFIGURATION, CONFIG_TOTAL, 0, 1, 1, 0, 0x80, 50,
    REDFU_RUNTIME_INTERFACE(0, 1)};

static const uint8_t languages[] = {4, USB_DT_STRING, 0x09, 0x04};
static const uint8_t name[STRING_BYTES(11)] = {STRING_BYTES(11),
                                               USB_DT_STRING,
                                               'r',
                                               0,
                                               'u',
                                               0,
                                               'n',
                                               0,
                                               't',
                                               0,
                                               'i',
                                               0,
                                               'm',
                                               0,
                                               'e',
                                               0,
                                               '-',
                                               0,
                                               'd',
                                               0,
                                               'f',
                                               0,
                                               'u',
                                               0};

static struct application {
    struct clock clock;
    struct otg otg;
    struct usbd usbd;
    struct port port;
    struct redfu_runtime runtime;
} application;

// --- What the device says and does ---------------------------------------------------------------------

static const uint8_t *descriptor(void *ctx, unsigned type, unsigned index, unsigned *len) {
    (void)ctx;
    switch (type) {
    case USB_DT_DEVICE:
        *len = sizeof device_descriptor;
        return device_descriptor;
    case USB_DT_CONFIGURATION:
        *len = sizeof config_descriptor;
        return index == 0 ? config_descriptor : 0;
    case USB_DT_STRING:
        *len = index == 0 ? sizeof languages : sizeof name;
        return index == 0 ? languages : index == 1 ? name : 0;
    default:
        return 0;
    }
}

static enum usbd_answer request(void *ctx, const struct usb_setup *setup, struct usbd_data *data) {
    struct application *a = ctx;
    const uint8_t to_interface = USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE;
    if ((setup->bmRequestType & ~USB_DIR_IN) != to_interface || setup->wIndex != 0) {
        return USBD_STALL;
    }
    int len = redfu_runtime_request(&a->runtime, setup);
    data->send = a->runtime.reply;
    data->len = (uint16_t)len;
    return len >= 0 ? USBD_ACCEPT : USBD_STALL;
}

static enum usbd_answer received(void *ctx, const struct usb_setup *setup, unsigned len) {
    (void)ctx, (void)setup, (void)len;
    return USBD_STALL; // no request here has OUT data
}

static void wait(struct clock *clock, uint32_t ms) {
    uint32_t start = clock_millis(clock);
    while (clock_millis(clock) - start < ms) {
    }
}

static void finished(void *ctx, const struct usb_setup *setup) {
    struct application *a = ctx;
    (void)setup;
    if (redfu_runtime_is_detached(&a->runtime)) {
        otg_connect(&a->otg, false);
        wait(&a->clock, GOOD_BYE_MS);
        redfu_request_dfu();
    }
}

static void sent(void *ctx, const struct usb_setup *setup) {
    (void)ctx, (void)setup;
}

static void reset(void *ctx) {
    (void)ctx;
}

static bool set_alternate(void *ctx, unsigned alternate) {
    (void)ctx;
    return alternate == 0;
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

// --- The USB half of core/port.h -------------------------------------------------------------------------

static void port_usb_address(void *ctx, uint8_t address) {
    otg_address(&((struct application *)ctx)->otg, address);
}

static void port_ep0_send(void *ctx, const uint8_t *data, unsigned len) {
    otg_send(&((struct application *)ctx)->otg, data, len);
}

static void port_ep0_receive(void *ctx) {
    otg_receive(&((struct application *)ctx)->otg);
}

static void port_ep0_stall(void *ctx) {
    otg_stall(&((struct application *)ctx)->otg);
}

// --- The program -----------------------------------------------------------------------------------------

void systick_handler(void) {
    // Never taken: clock.h counts by polling, with interrupts off.
}

_Noreturn void main(void) {
    struct application *a = &application;
    sleep_init(BOARD_USB_CORE.irq);
    clock_start(&a->clock);
    a->port = (struct port){
        .ctx = a,
        .usb_address = port_usb_address,
        .ep0_send = port_ep0_send,
        .ep0_receive = port_ep0_receive,
        .ep0_stall = port_ep0_stall,
    };
    usbd_init(&a->usbd, &a->port, &handler, a);
    if (!clock_speed_up(&a->clock) ||
        !otg_init(&a->otg, &BOARD_USB_CORE, &a->usbd, &a->clock, BOARD_VBUS_SENSING)) {
        redfu_request_dfu(); // no crystal: the bootloader blinks about it
    }
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIODEN;
    (void)RCC_AHB1ENR;
    GPIOD_MODER |= GPIO_MODE(LED_GREEN, GPIO_OUTPUT);
    otg_connect(&a->otg, true);
    for (;;) {
        sleep_forget(BOARD_USB_CORE.irq);
        GPIOD_BSRR = clock_millis(&a->clock) / BLINK_MS % 2u != 0 ? GPIO_SET(LED_GREEN)
                                                                  : GPIO_RESET(LED_GREEN);
        otg_poll(&a->otg);
        sleep_now();
    }
}
