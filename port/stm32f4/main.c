// SPDX-License-Identifier: MIT
//
// DFU mode: its vector table, the machine put together, and the main loop. Everything here runs
// from SRAM (startup.c has copied it), polled; no interrupt is ever taken (sleep.h).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "core/bootloader.h"
#include "port/stm32f4/clock.h"
#include "port/stm32f4/fault.h"
#include "port/stm32f4/flash.h"
#include "port/stm32f4/identity.h"
#include "port/stm32f4/map.h"
#include "port/stm32f4/option.h"
#include "port/stm32f4/otg.h"
#include "port/stm32f4/registers/crc.h"
#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/rcc.h"
#include "port/stm32f4/reset.h"
#include "port/stm32f4/sleep.h"
#include "port/stm32f4/stack_guard.h"
#include "port/stm32f4/supply.h"
#include "port/stm32f4/watchdog.h"
#include "settings/settings.h"
#include "spec/boot.h"

// Linker script: redfu-boot.ld.
extern uint32_t stack_top;

_Noreturn void dfu_start_up(void);

// PM0214 table 17, up to UsageFault; the linker script gives it the alignment VTOR needs.
__attribute__((section(".dfu_vectors"), used)) static const struct {
    uint32_t *initial_sp;
    void (*handlers[6])(void);
} dfu_vectors = {
    &stack_top,
    {dfu_start_up, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler},
};

static struct machine {
    struct clock clock;
    struct flash flash;
    struct otg otg;
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
    if (addr >= BOARD_APPLICATION) {
        start_forget(
            (struct start_record *)START_ADDRESS); // it was another application that failed
    }
    return flash_start_program(&((struct machine *)ctx)->flash, addr, data, len);
}

static enum flash_result port_flash_poll(void *ctx) {
    return flash_poll(&((struct machine *)ctx)->flash);
}

static void port_flash_read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    (void)ctx;
    __builtin_memcpy(out, (const void *)(uintptr_t)addr, len);
}

static uint32_t bits_reversed(uint32_t word) {
    __asm("rbit %0, %1" : "=r"(word) : "r"(word));
    return word;
}

// The unit takes the most significant bit first; crc32_update() the least (IEEE 802.3), and counts
// from and to the complement. A sum begun before goes on where the first word takes it in, instead of the
// unit's own beginning (RM0090 4.3: no register for it on this family). Some 12 cycles a word: the unit's 4
// (RM0090 4.2) hide behind the next one's wait states.
static uint32_t port_flash_crc(void *ctx, uint32_t crc, uint32_t addr, uint32_t len) {
    (void)ctx;
    const uint32_t *word = (const uint32_t *)(uintptr_t)addr;
    uint32_t begun = bits_reversed(~crc) ^ CRC_DR_RESET;
    RCC_AHB1ENR |= RCC_AHB1ENR_CRCEN;
    (void)RCC_AHB1ENR; // as in led_init()
    CRC_CR = CRC_CR_RESET;
    for (; len > 0; len -= 4) {
        CRC_DR = bits_reversed(*word++) ^ begun;
        begun = 0;
    }
    return ~bits_reversed(CRC_DR);
}

static uint32_t port_millis(void *ctx) {
    return clock_millis(&((struct machine *)ctx)->clock);
}

static void port_run_application(void *ctx) {
    (void)ctx;
    reset_into(MAILBOX_RUN, 0);
}

static bool port_may_unprotect(void *ctx) {
    (void)ctx;
    return flash_is_protected();
}

static void port_unprotect(void *ctx) {
    flash_unprotect(&((struct machine *)ctx)->flash);
}

// What a host reads of the option bytes (spec/boot.h).
static void note_protection(void) {
    struct protection_record *record = (struct protection_record *)PROTECTION_ADDRESS;
    record->magic = PROTECTION_MAGIC;
    record->option = option_bytes();
    record->boot_sectors = (1u << BOARD_SETTINGS_FIRST) - 1u;
    record->check = protection_check(record);
}

static bool port_protect(void *ctx, bool is_wanted) {
    bool is_so = option_protect_boot(&((struct machine *)ctx)->clock, is_wanted);
    note_protection();
    return is_so;
}

static const struct port port = {
    .ctx = &machine,
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
    .flash = (const uint8_t *)CHIP_SECTOR_ADDRESS(0),
    .flash_crc = port_flash_crc,
    .millis = port_millis,
    .run_application = port_run_application,
    .report = (const uint8_t *)BOOT_REPORT_ADDRESS,
    .protect = BOARD_PROTECT ? port_protect : NULL,
    .may_unprotect = BOARD_READ_UNPROTECT ? port_may_unprotect : NULL,
    .unprotect = BOARD_READ_UNPROTECT ? port_unprotect : NULL,
};

static void led_init(void) {
    if (!BOARD_HAS_LED) {
        return;
    }
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(BOARD_LED_PORT);
    (void)RCC_AHB1ENR; // two AHB cycles until the port answers (ES0182, delay after clock enabling)
    GPIO_MODER(BOARD_LED_PORT) |= GPIO_2BIT(BOARD_LED_PIN, GPIO_MODE_OUTPUT);
}

static void led_set(bool on) {
    if (BOARD_HAS_LED) {
        GPIO_BSRR(BOARD_LED_PORT) =
            on == BOARD_LED_ACTIVE ? GPIO_BSRR_SET(BOARD_LED_PIN) : GPIO_BSRR_RESET(BOARD_LED_PIN);
    }
}

// No crystal, no PLL, or no USB core: nothing can be loaded. The LED blinks fast for three
// seconds, then the chip starts over as if switched on: into the application if there is
// one and the button is not held, else here again. A request for no mode, so that settings that show
// traces of a cut do not lead here for ever (core/boot.c).
#define TROUBLE_BLINK_MS 50u
#define TROUBLE_BLINKS   60u
static _Noreturn void trouble(struct clock *clock) {
    for (unsigned i = 0; i < TROUBLE_BLINKS; i++) {
        led_set(i % 2u == 0);
        uint32_t start = clock_millis(clock);
        while (clock_millis(clock) - start < TROUBLE_BLINK_MS) {
            sleep_forget(BOARD_USB_CORE.irq);
            sleep_now();
        }
        watchdog_feed();
    }
    reset_into(MAILBOX_MODE, BOOT_MODE_NONE);
}

static enum settings_result wait_for_settings(struct machine *m, enum settings_result result) {
    while (result == SETTINGS_BUSY) {
        result = settings_poll(&m->bootloader.dfu.gate.settings);
        (void)clock_millis(&m->clock);
        watchdog_feed();
    }
    return result;
}

static enum settings_result cross_out(struct settings *settings) {
    uint8_t value[BOOT_MODE_VALUE_LEN] = {BOOT_MODE_APPLICATION};
    uint32_t len = 0;
    // A turnover may just have decided that the request was never completed: then it is gone.
    enum settings_result result =
        settings_get(settings, SETTINGS_KEY_BOOT_MODE, value, sizeof value, &len);
    return result == SETTINGS_ABSENT ? SETTINGS_OK
                                     : settings_set(settings, SETTINGS_KEY_BOOT_MODE, value, 1);
}

// What a start for which the boot stage had to write flash still wants. Traces of a cut in the settings go
// (gate_init() has begun that), so that what is read is the same at every start from now on; whether flash
// let that happen or not, the decision is made anew, and that request keeps it from coming here twice.
// The request for one start is
// crossed out before the mode begins, so that it begins once at most; a factory reset makes an empty
// store in one step, the request gone with the rest. Where that cannot be done the board stays in DFU
// mode, and the start record says what was asked for.
static void finish_start(struct machine *m) {
    const struct start_record *start = (const struct start_record *)START_ADDRESS;
    struct gate *gate = &m->bootloader.dfu.gate;
    bool is_factory_reset = start->mode == BOOT_MODE_FACTORY_RESET;
    bool is_settling = start->reason == BOOT_REASON_SETTLE;
    if (start->reason != BOOT_REASON_ONCE && !is_factory_reset && !is_settling) {
        return;
    }
    while (gate_is_busy(gate)) {
        bootloader_poll(&m->bootloader);
        watchdog_feed();
    }
    if (is_settling) {
        reset_into(MAILBOX_MODE, BOOT_MODE_NONE);
    }
    enum settings_result result = gate->store;
    if (is_factory_reset) {
        result = result == SETTINGS_FOREIGN ? result : settings_format(&gate->settings);
        result = wait_for_settings(m, result);
    } else if (result == SETTINGS_OK) {
        result = cross_out(&gate->settings);
        if (result == SETTINGS_TURNOVER) {
            result = wait_for_settings(m, settings_turnover(&gate->settings));
            result = result == SETTINGS_OK ? cross_out(&gate->settings) : result;
        }
        result = wait_for_settings(m, result);
    }
    if (result == SETTINGS_OK && start->mode != BOOT_MODE_DFU) {
        reset_into(is_factory_reset ? MAILBOX_NONE : MAILBOX_MODE, start->mode);
    }
}

_Noreturn void dfu_start_up(void) {
    struct machine *m = &machine;
    watchdog_feed();
    stack_guard_set();
    sleep_init(BOARD_USB_CORE.irq);
    clock_start(&m->clock);
    led_init();
    supply_init();
    if (!clock_speed_up(&m->clock) ||
        !otg_init(&m->otg, &BOARD_USB_CORE, &m->bootloader.usbd, &m->clock, BOARD_VBUS_SENSING)) {
        trouble(&m->clock);
    }
    flash_init(&m->flash, &board_flash_map, &m->clock);
    note_protection();
    identity_init(&m->identity, m->serial);
    bootloader_init(&m->bootloader, &port, &m->identity, board_areas);
    finish_start(m);

    led_set(true);
    otg_connect(&m->otg, true);
    for (;;) {
        watchdog_feed();
        stack_guard_check();
        sleep_forget(BOARD_USB_CORE.irq);
        // Each millisecond must be looked at, whoever else does or does not (clock.h).
        (void)clock_millis(&m->clock);
        otg_poll(&m->otg);
        if (!bootloader_poll(&m->bootloader)) {
            sleep_now();
        }
    }
}
