// SPDX-License-Identifier: MIT
//
// The boot stage: what runs from flash at reset. It finds the facts, lets core/boot.h decide, and
// leaves for the application or for DFU mode, which it first copies to SRAM.
//
// It is linked apart from DFU mode (firmware/cross) and calls of it only what runs wherever it lies:
// those functions are executed in flash, where the image of DFU mode is (SHARED_FUNCTIONS there). It has
// no variables of its own: the application finds SRAM as it left it, but for the records (spec/boot.h) and
// some stack at its end (660 bytes, measured by tests/board/boot.c).
// Clocks and peripherals stay as the reset left them.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "core/boot.h"
#include "port/stm32f4/button.h"
#include "port/stm32f4/fault.h"
#include "port/stm32f4/handoff.h"
#include "port/stm32f4/map.h"
#include "port/stm32f4/registers/rcc.h"
#include "port/stm32f4/registers/syscfg.h"
#include "port/stm32f4/unpack.h"
#include "port/stm32f4/watchdog.h"
#include "settings/settings.h"
#include "spec/mailbox.h"

// Linker script: redfu-boot.ld.
extern uint32_t stack_top, dfu_load[], dfu_start[], shared_end[], dfu_end[], bss_start[], bss_end[];
extern const uint8_t packed_start[];

_Noreturn void boot_reset(void);

// The product's own boot modes, and the end of their table.
BOARD_MODE_FUNCTIONS
static const struct boot_entry board_modes[] = {BOARD_MODES{0, 0}};

// PM0214 table 17, up to UsageFault: no other exception can occur before interrupts are enabled.
__attribute__((section(".vectors"), used)) const struct {
    uint32_t *initial_sp;
    void (*handlers[6])(void);
} boot_vectors = {
    &stack_top,
    {
        boot_reset,
        fault_handler, // NMI: clock security is off
        fault_handler, // HardFault
        fault_handler, // MemManage
        fault_handler, // BusFault
        fault_handler, // UsageFault
    },
};

// Reads the mailbox and clears it, so that a request is honoured once.
static void mailbox_take(struct boot_facts *facts) {
    volatile struct mailbox *at = (volatile struct mailbox *)MAILBOX_ADDRESS;
    struct mailbox box = *at;
    if (mailbox_is_valid(&box)) {
        at->magic = 0;
        facts->request = box.request;
        facts->argument = box.argument;
    }
}

// Why the chip was reset; asked for once, since the flags add up until they are cleared.
static uint32_t reset_cause(void) {
    uint32_t cause = RCC_CSR;
    RCC_CSR = cause | RCC_CSR_RMVF;
    return cause;
}

// The settings pages, to be read only: memory as it lies. ctx: where the two begin.
static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    __builtin_memcpy(out, ((const uint8_t *const *)ctx)[page] + off, len);
}

// What the settings say of this start: the receiving record (core/gate.h) and the boot modes.
static void read_settings(struct boot_facts *facts) {
    const uint8_t *pages[2] = {
        (const uint8_t *)CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST),
        (const uint8_t *)CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST + 1),
    };
    struct settings_flash flash = {
        .ctx = pages,
        .page_bytes = CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST + 1) -
                      CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST),
        .read = page_read,
        .mapped = pages,
    };
    struct settings settings;
    uint32_t len;
    // What else settings_open() says matters to a writer only: a store that is not there is empty.
    facts->is_in_doubt = settings_open(&settings, &flash) == SETTINGS_TURNOVER;
    facts->receiving = settings_peek(&settings, SETTINGS_KEY_RECEIVING, &len) != NULL;
    const uint8_t *modes = settings_peek(&settings, SETTINGS_KEY_BOOT_MODE, &len);
    facts->sticky = modes != NULL && len > BOOT_MODE_STICKY ? modes[BOOT_MODE_STICKY] : 0;
    facts->once = modes != NULL && len > BOOT_MODE_ONCE ? modes[BOOT_MODE_ONCE] : BOOT_MODE_NONE;
}

static bool is_image(uint32_t address) {
    const uint32_t *vectors = (const uint32_t *)(uintptr_t)address;
    return boot_vectors_are_sane(board_areas, vectors[0], vectors[1]);
}

static _Noreturn void start_dfu(void) {
    __builtin_memcpy(dfu_start, dfu_load, (uintptr_t)shared_end - (uintptr_t)dfu_start);
    unpack(packed_start, (uint8_t *)shared_end, (const uint8_t *)dfu_end);
    __builtin_memset(bss_start, 0, (uintptr_t)bss_end - (uintptr_t)bss_start);
    handoff(dfu_start); // begins with DFU mode's vector table
}

// ST's bootloader finds the chip as after a reset with the boot pins set (AN2606 3: system memory at
// address 0, reset values everywhere).
static _Noreturn void start_rom(void) {
    RCC_APB2ENR |= RCC_APB2ENR_SYSCFGEN;
    (void)RCC_APB2ENR;
    SYSCFG_MEMRMP = SYSCFG_MEMRMP_SYSTEM;
    handoff((const uint32_t *)CHIP_SYSTEM_MEMORY);
}

// What DFU mode and the application can read of this start.
static void record(const struct boot_facts *facts, const struct boot_decision *decision,
                   uint32_t cause) {
    struct start_record start = {
        .magic = START_MAGIC,
        .failed = facts->failed,
        .reason = decision->reason,
        .mode = decision->mode,
        .is_pending = decision->mode == BOOT_MODE_APPLICATION && facts->promised != 0,
        .cause = cause,
    };
    start.check = start_check(&start);
    *(struct start_record *)START_ADDRESS = start;
}

static _Noreturn void start(const struct boot_decision *decision) {
    // A request for one start is crossed out first, and only DFU mode can write flash.
    if (decision->mode == BOOT_MODE_ROM && decision->reason != BOOT_REASON_ONCE) {
        start_rom();
    }
    if (decision->start == 0 || decision->reason == BOOT_REASON_ONCE) {
        start_dfu();
    }
    ((struct fault_record *)FAULT_ADDRESS)->magic = 0;
    if (BOARD_WATCHDOG_MS != 0) {
        watchdog_start(BOARD_WATCHDOG_MS);
    }
    if (decision->start % 2 != 0) {
        ((void (*)(void))(uintptr_t)decision->start)();
        start_dfu();
    }
    handoff((const uint32_t *)(uintptr_t)decision->start);
}

_Noreturn void boot_reset(void) {
    struct boot_facts facts = {
        .application = BOARD_APPLICATION,
        .entries = board_modes,
        .is_image = is_image,
    };
    mailbox_take(&facts);
    uint32_t cause = reset_cause();
    const struct start_record *last = (const struct start_record *)START_ADDRESS;
    if (facts.request == MAILBOX_MODE && last->reason == BOOT_REASON_SETTLE &&
        start_is_valid(last)) {
        cause = last->cause; // the same start goes on; the reset between was the bootloader's own
    }
    const struct fault_record *fault = (const struct fault_record *)FAULT_ADDRESS;
    facts.faults = fault->magic == FAULT_MAGIC ? fault->count : 0;
    facts.button = button_is_pressed();
    facts.promised = start_promised(((const uint32_t *)BOARD_APPLICATION)[START_PROMISE_WORD]);
    facts.failed = boot_failed_starts(last, cause, facts.request);
    // Whoever asks for DFU mode gets it whatever the settings say; a fault in reading them as well.
    if (facts.request != MAILBOX_DFU) {
        read_settings(&facts);
    }
    struct boot_decision decision = boot_decide(&facts);
    record(&facts, &decision, cause);
    start(&decision);
}
