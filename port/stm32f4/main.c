// SPDX-License-Identifier: MIT
//
// DFU mode: its vector table, the machine put together, and the main loop. Everything here runs
// from SRAM (startup.c has copied it), polled; no interrupt is ever enabled.

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "core/bootloader.h"
#include "port/stm32f4/clock.h"
#include "port/stm32f4/flash.h"
#include "port/stm32f4/identity.h"
#include "port/stm32f4/map.h"
#include "port/stm32f4/otg.h"
#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/rcc.h"
#include "port/stm32f4/reset.h"
#include "port/stm32f4/supply.h"

// Linker script: redfu-boot.ld.
extern uint32_t stack_top;

_Noreturn void dfu_start_up(void);

// A fault is our own bug. Start over, in DFU mode, never in the application: a host that
// wants to load something must still find us.
static _Noreturn void dfu_fault(void) {
    reset_into(MAILBOX_DFU);
}

// PM0214 table 17, up to UsageFault; the linker script gives it the alignment VTOR needs.
__attribute__((section(".dfu_vectors"), used)) static const struct {
    uint32_t *initial_sp;
    void (*handlers[6])(void);
} dfu_vectors = {
    &stack_top,
    {dfu_start_up, dfu_fault, dfu_fault, dfu_fault, dfu_fault, dfu_fault},
};

static struct machine {
    struct clock clock;
    struct flash flash;
    struct otg otg;
    struct port port;
    struct identity identity;
    char serial[IDENTITY_SERIAL_CHARS + 1u];
    struct bootloader bootloader;
} machine;

static void port_usb_connect(void *ctx, bool connected) {
    otg_connect(&((struct machine *)ctx)->otg, connected);
}

static void port_usb_address(void *ctx, uint8_t address) {
    otg_address(&((struct machine *)ctx)->otg, address);
}

static void port_ep0_send(void *ctx, const uint8_t *data, unsigned len) {
    otg_send(&((struct machine *)ctx)->otg, data, len);
}

static void port_ep0_receive(void *ctx) {
    otg_receive(&((struct machine *)ctx)->otg);
}

static void port_ep0_stall(void *ctx) {
    otg_stall(&((struct machine *)ctx)->otg);
}

static enum flash_result port_flash_erase(void *ctx, unsigned sector) {
    return flash_start_erase(&((struct machine *)ctx)->flash, sector);
}

static enum flash_result port_flash_program(void *ctx, uint32_t addr, const uint8_t *data,
                                            uint32_t len) {
    return flash_start_program(&((struct machine *)ctx)->flash, addr, data, len);
}

static enum flash_result port_flash_poll(void *ctx) {
    return flash_poll(&((struct machine *)ctx)->flash);
}

static void port_flash_read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    (void)ctx;
    __builtin_memcpy(out, (const void *)(uintptr_t)addr, len);
}

static uint32_t port_millis(void *ctx) {
    return clock_millis(&((struct machine *)ctx)->clock);
}

static void port_run_application(void *ctx) {
    (void)ctx;
    reset_into(MAILBOX_RUN);
}

static void led_init(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(BOARD_LED_PORT);
    (void)RCC_AHB1ENR; // two AHB cycles until the port answers (ES0182, delay after clock enabling)
    GPIO_MODER(BOARD_LED_PORT) |= GPIO_2BIT(BOARD_LED_PIN, GPIO_MODE_OUTPUT);
}

static void led_set(bool on) {
    GPIO_BSRR(BOARD_LED_PORT) = 1u << (on ? BOARD_LED_PIN : BOARD_LED_PIN + 16);
}

// No crystal, no PLL, or no USB core: nothing can be loaded. The LED blinks fast for three
// seconds, then the chip starts over as if switched on: into the application if there is
// one and the button is not held, else here again.
#define TROUBLE_BLINK_MS 50u
#define TROUBLE_BLINKS   60u
static _Noreturn void trouble(struct clock *clock) {
    for (unsigned i = 0; i < TROUBLE_BLINKS; i++) {
        led_set(i % 2u == 0);
        uint32_t start = clock_millis(clock);
        while (clock_millis(clock) - start < TROUBLE_BLINK_MS) {
        }
    }
    reset_into(MAILBOX_NONE);
}

_Noreturn void dfu_start_up(void) {
    struct machine *m = &machine;
    clock_start(&m->clock);
    led_init();
    supply_init();
    if (!clock_to_168_mhz(&m->clock) ||
        !otg_init(&m->otg, &BOARD_USB_CORE, &m->bootloader.usbd, &m->clock, BOARD_VBUS_SENSING)) {
        trouble(&m->clock);
    }
    flash_init(&m->flash, &board_flash_map, &m->clock);
    identity_init(&m->identity, m->serial);
    m->port = (struct port){
        .ctx = m,
        .map = &board_flash_map,
        .usb_connect = port_usb_connect,
        .usb_address = port_usb_address,
        .ep0_send = port_ep0_send,
        .ep0_receive = port_ep0_receive,
        .ep0_stall = port_ep0_stall,
        .flash_erase = port_flash_erase,
        .flash_program = port_flash_program,
        .flash_poll = port_flash_poll,
        .flash_read = port_flash_read,
        .millis = port_millis,
        .run_application = port_run_application,
    };
    bootloader_init(&m->bootloader, &m->port, &m->identity, board_rams, BOARD_RAM_COUNT);

    led_set(true);
    otg_connect(&m->otg, true);
    for (;;) {
        otg_poll(&m->otg);
        bootloader_poll(&m->bootloader);
        // SysTick must be looked at before it wraps, whoever else does or does not (clock.h).
        (void)clock_millis(&m->clock);
    }
}
