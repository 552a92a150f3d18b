// SPDX-License-Identifier: MIT
//
// The updater: an application that puts another bootloader into sector 0 and then is none any more.
//
//   check itself, whole, by its stamp      nothing was changed so far
//   lift write protection, if there is any
//   exchange sector 0                      replace.h
//   settings                               migrate.h
//   protect sector 0 again
//   zero its own stack pointer             from here on there is no application to start
//   reset into DFU mode                    of the new bootloader
//
// Each step finds out whether it is done already, so whenever power went the next start takes up the
// thread: until sector 0 is whole by the net of replace.h, afterwards as the application that it still is.
//
// Everything but the first instructions runs from SRAM, with interrupts off: flash cannot be read while it
// is erased (RM0090 3.6).

#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/reset.h"
#include "port/stm32f4/updater/migrate.h"
#include "port/stm32f4/updater/replace.h"
#include "port/stm32f4/updater/unit.h"
#include "spec/crc.h"
#include "spec/stamp.h"

// Sectors that are written here: 0, and the settings.
#define WRITTEN     (1u | 3u << BOARD_SETTINGS_FIRST)
#define BOOT_SECTOR 1u

// The note behind the stamp that protection was lifted: a few words, of which the first that is
// still erased is written to, so that a torn one does not count for good.
#define NOTE_LIFTED 0x4c494654u // "TFIL" in memory order
#define ERASED      0xffffffffu

// Linker script: updater.ld.
extern uint32_t stack_top, ram_start[], ram_end[], ram_load[], bss_start[], bss_end[], note[],
    note_end[];
extern const uint32_t payload_start[], payload_end[];
extern const uint8_t image_start[], stamp_start[];

_Noreturn void updater_entry(void);
_Noreturn void updater_copy(void);
_Noreturn void updater_run(void);

// A fault: none is known. The next start goes on.
static _Noreturn void fault(void) {
    reset_into(MAILBOX_NONE, 0);
}

// PM0214 table 17. In flash for whoever starts the image; in SRAM, once copied, for faults.
struct vectors {
    uint32_t *initial_sp;
    void (*handlers[15])(void);
};
#define ALL(handler)                                                                               \
    handler, handler, handler, handler, handler, handler, 0, 0, 0, 0, handler, handler, 0,         \
        handler, handler
__attribute__((section(".vectors"), used))
const struct vectors updater_vectors = {&stack_top, {ALL(updater_entry)}};
__attribute__((section(".ram_vectors"), used))
const struct vectors updater_ram_vectors = {&stack_top, {ALL(fault)}};

// At the address that bit 16 of the new bootloader's reset vector leads to (updater.ld). Whatever was before:
// no interrupts, the main stack, privileged as an application starts (PM0214 2.1.3).
__attribute__((naked, section(".entry"), used)) _Noreturn void updater_entry(void) {
    __asm volatile("cpsid i\n"
                   "movs r0, #0\n"
                   "msr control, r0\n"
                   "msr basepri, r0\n"
                   "ldr r0, =stack_top\n"
                   "msr msp, r0\n"
                   "isb\n"
                   "b updater_copy\n"
                   ".ltorg\n");
}

__attribute__((section(".copy"), used)) _Noreturn void updater_copy(void) {
    const volatile uint32_t *from = ram_load;
    for (volatile uint32_t *to = ram_start; to < ram_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    SCB_VTOR = (uint32_t)ram_start;
    __asm volatile("dsb\n\tisb" ::: "memory"); // what was just written is fetched (PM0214 2.2.4)
    // Through a register: a call cannot reach SRAM from here.
    void (*volatile run)(void) = updater_run;
    run();
    __builtin_unreachable();
}

// Half a load of this image is to change nothing. The first word may be on its way to zero.
static bool is_whole(void) {
    uint32_t length = (uint32_t)(stamp_start - image_start);
    const uint32_t first = (uint32_t)&stack_top;
    struct stamp stamp;
    uint8_t word[4];
    if (!stamp_load(stamp_start, length, &stamp)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof word; i++) {
        word[i] = (uint8_t)(first >> 8 * i);
    }
    uint32_t crc = crc32_update(CRC32_START, word, sizeof word);
    return stamp.crc ==
           crc32_update(crc, image_start + sizeof word, length - (uint32_t)sizeof word);
}

static bool was_lifted(void) {
    bool found = false;
    for (const volatile uint32_t *at = note; at < note_end; at++) {
        found = found || *at == NOTE_LIFTED;
    }
    return found;
}

// Remembers in flash that sector 0 was protected, then unprotects what is to be written.
static bool lift_protection(void) {
    uint32_t found = unit_protected() & WRITTEN;
    if (found == 0) {
        return true;
    }
    unit_await_supply();
    const volatile uint32_t *at = note;
    while (at < note_end && *at != ERASED) {
        at++;
    }
    if ((found & BOOT_SECTOR) != 0 && at < note_end && !unit_program((uint32_t)at, NOTE_LIFTED)) {
        return false;
    }
    return unit_set_protected(found, false);
}

static bool update(void) {
    uint32_t len = (uint32_t)((const uint8_t *)payload_end - (const uint8_t *)payload_start);
    if (!is_whole() || !lift_protection()) {
        return false;
    }
    if (!replace_bootloader(payload_start, len)) {
        return false;
    }
    // What cannot be taken over stays as it is, and redfu-boot says so.
    bool is_migrated = migrate_settings();
    (void)is_migrated;
    if (was_lifted()) {
        unit_check_supply();
        (void)unit_set_protected(BOOT_SECTOR, true);
    }
    return unit_program((uint32_t)image_start, 0);
}

_Noreturn void updater_run(void) {
    unit_init();
    bool is_done = update();
    (void)
        is_done; // DFU mode either way: the new bootloader's, or the old one's if it knows the request
    reset_into(MAILBOX_DFU, 0);
}
