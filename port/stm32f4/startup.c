// SPDX-License-Identifier: MIT
//
// The boot stage: what runs from flash at reset. It finds the facts, lets core/boot.h decide, and
// leaves for the application or for DFU mode, which it first copies to SRAM.
//
// It is linked apart from DFU mode (firmware/cross), so neither can call into the other, and has
// no variables of its own: the application finds SRAM as it left it, but for the mailbox and some
// stack at SRAM's end (80 bytes, measured).
// Clocks and peripherals stay as the reset left them.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/boot.h"
#include "port/stm32f4/button.h"
#include "port/stm32f4/handoff.h"
#include "port/stm32f4/map.h"
#include "port/stm32f4/reset.h"
#include "settings/settings.h"
#include "spec/mailbox.h"

// Linker script: redfu-boot.ld.
extern uint32_t stack_top, dfu_load, dfu_start, dfu_end, bss_start, bss_end;

_Noreturn void boot_reset(void);

// What bytes may be read by, whatever type they have.
typedef uint32_t __attribute__((may_alias)) word;

// Nothing here should fault. If something does, the application must not be the answer.
static _Noreturn void boot_fault(void) {
    reset_into(MAILBOX_DFU);
}

// PM0214 table 17, up to UsageFault: no other exception can occur before interrupts are enabled.
__attribute__((section(".vectors"), used)) const struct {
    uint32_t *initial_sp;
    void (*handlers[6])(void);
} boot_vectors = {
    &stack_top,
    {
        boot_reset,
        boot_fault, // NMI: clock security is off
        boot_fault, // HardFault
        boot_fault, // MemManage
        boot_fault, // BusFault
        boot_fault, // UsageFault
    },
};

// Reads the mailbox and clears it, so that a request is honoured once.
static enum mailbox_request mailbox_take(void) {
    volatile struct mailbox *at = (volatile struct mailbox *)MAILBOX_ADDRESS;
    struct mailbox box = {
        .magic = at->magic,
        .request = at->request,
        .argument = at->argument,
        .check = at->check,
    };
    if (!mailbox_is_valid(&box)) {
        return MAILBOX_NONE;
    }
    at->magic = 0;
    // Compared as whole words: a request this bootloader does not know is none.
    switch (box.request) {
    case MAILBOX_DFU:
        return MAILBOX_DFU;
    case MAILBOX_RUN:
        return MAILBOX_RUN;
    default:
        return MAILBOX_NONE;
    }
}

// The settings pages, to be read only: memory as it lies. ctx: where the two begin. At every reset
// some thousand words are read through this, one by one; hence no memcpy().
static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    const uint8_t *from = ((const uint8_t *const *)ctx)[page] + off;
    if ((((uintptr_t)from | (uintptr_t)out | len) & 3u) == 0) {
        for (; len > 0; len -= 4, from += 4, out += 4) {
            *(word *)out = *(const word *)from;
        }
    }
    for (; len > 0; len--) {
        *out++ = *from++;
    }
}

// Whether the application area is in the middle of being changed (core/gate.h).
static bool is_receiving(void) {
    unsigned first = board_flash_map.settings_first;
    const uint8_t *pages[2] = {
        (const uint8_t *)(uintptr_t)flash_sector_address(&board_flash_map, first),
        (const uint8_t *)(uintptr_t)flash_sector_address(&board_flash_map, first + 1),
    };
    struct settings_flash flash = {
        .ctx = pages,
        .page_bytes = flash_sector_bytes(&board_flash_map, board_flash_map.settings_first),
        .read = page_read,
    };
    struct settings settings;
    // What settings_open() says matters to a writer only: a store that is not there is empty.
    enum settings_result opened = settings_open(&settings, &flash);
    (void)opened;
    return settings_is_receiving(&settings);
}

static _Noreturn void start_dfu(void) {
    // Volatile: the compiler must not make calls of memcpy() and memset() of these loops; those
    // functions belong to what is being copied.
    const volatile uint32_t *from = &dfu_load;
    for (volatile uint32_t *to = &dfu_start; to < &dfu_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *at = &bss_start; at < &bss_end; at++) {
        *at = 0;
    }
    handoff(&dfu_start); // begins with DFU mode's vector table
}

_Noreturn void boot_reset(void) {
    enum mailbox_request request = mailbox_take();
    const uint32_t *application =
        (const uint32_t *)(uintptr_t)flash_application_address(&board_flash_map);
    struct boot_facts facts = {
        .request = request,
        .button = button_is_pressed(),
        .receiving = is_receiving(),
        .application_valid = boot_vectors_are_sane(&board_flash_map, board_rams, BOARD_RAM_COUNT,
                                                   application[0], application[1]),
    };
    if (boot_decide(&facts).choice == BOOT_APPLICATION) {
        handoff(application);
    }
    start_dfu();
}
