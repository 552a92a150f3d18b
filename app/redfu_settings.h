// SPDX-License-Identifier: MIT
//
// Settings for an application that redfu-boot starts: the same values that `redfu settings` shows over USB
// and that outlive every load. For STM32F4 parts with one flash bank.
//
// Link redfu_settings.c, redfu_flash.c, settings/settings.c and spec/crc.c (C11, memcpy and memset,
// no other libc, no HAL, 4 KB of code); eeprom.c besides for ST's EE_ReadVariable and EE_WriteVariable. What
// is stored, and why a power cut at any instant does no harm, is docs/settings.md's.
//
//     static struct redfu_settings settings;
//     if (redfu_settings_open(&settings, NULL) != SETTINGS_OK) ...
//     redfu_settings_set(&settings, 0x0001, &brightness, sizeof brightness);
//
// Time. Flash is not readable while it is erased or programmed, so the processor stands still then,
// interrupt handlers included, unless they run from SRAM: 16 us a word typically (100 at most), 250 ms a
// page (500 at most; DS8626 table 40). A value takes its words and 3 more, 3 more than that the first time
// after redfu_settings_open(). An erase comes when a page is full, one in hundreds of
// changes; redfu_settings_prepare() has it at a moment of the application's choosing. A watchdog must
// be longer than an erase.
//
// Supply. 2.7 V at least: programming is by words (RM0090 table 7).
//
// One handle, one thread: not from interrupt handlers, and not while other code uses the flash
// interface. Keys are the application's from 0x0000 to 0xEFFF.

#ifndef APP_REDFU_SETTINGS_H
#define APP_REDFU_SETTINGS_H

#include "settings/settings.h"

// Where the pages lie: two equal neighbouring sectors.
struct redfu_settings_place {
    uint32_t address;
    uint32_t page_bytes;
    uint8_t sector; // number of the first, as SNB of FLASH_CR has it (RM0090 3.9.7)
};

// redfu-boot's default map: sectors 1 and 2, 16 KB each (docs/design.md).
extern const struct redfu_settings_place redfu_settings_default_place;

// The caller's to place, zeroed or not; some 350 bytes.
struct redfu_settings {
    struct settings store; // what redfu_set_boot_mode() takes (redfu_boot_mode.h)
    struct settings_flash flash;
    const struct redfu_settings_place *place;
    const uint8_t *pages[2];
};

// Once after each reset, before anything else. NULL is the default place, else `place` stays. Clears up
// behind a power cut, which may take an erase.
//
// SETTINGS_OK; SETTINGS_FOREIGN when a page holds somebody else's data, or an import of such is
// not finished: `redfu settings import` on the PC; SETTINGS_FAILED.
enum settings_result redfu_settings_open(struct redfu_settings *settings,
                                         const struct redfu_settings_place *place)
    __attribute__((warn_unused_result));

// SETTINGS_OK with *len bytes in `out`; SETTINGS_ABSENT; SETTINGS_REFUSED when it is longer than `size`
// (*len then tells). Takes microseconds.
enum settings_result redfu_settings_get(struct redfu_settings *settings, uint16_t key, void *out,
                                        uint32_t size, uint32_t *len)
    __attribute__((warn_unused_result));

// Stores 0 to 255 bytes; committed on return. Nothing is written when it is there already.
// SETTINGS_REFUSED for a key of redfu's other than SETTINGS_KEY_BOOT_MODE, or a value too long;
// SETTINGS_FULL; SETTINGS_FAILED: the value is the old or the new one.
enum settings_result redfu_settings_set(struct redfu_settings *settings, uint16_t key,
                                        const void *value, uint32_t len)
    __attribute__((warn_unused_result));

// SETTINGS_ABSENT when there is nothing to remove; else as redfu_settings_set().
enum settings_result redfu_settings_delete(struct redfu_settings *settings, uint16_t key)
    __attribute__((warn_unused_result));

// The keys in use, redfu's own among them: start with *cursor = 0; SETTINGS_ABSENT after the last.
// Any change ends an iteration.
enum settings_result redfu_settings_next(struct redfu_settings *settings, uint32_t *cursor,
                                         uint16_t *key, uint32_t *len)
    __attribute__((warn_unused_result));

// The erase that the next full page needs, now; nothing if it is done already. Worth calling where 0.25 s
// do not matter.
enum settings_result redfu_settings_prepare(struct redfu_settings *settings)
    __attribute__((warn_unused_result));

#endif
