// SPDX-License-Identifier: MIT
//
// Boot modes that stay, power cycle or not: a value in the settings that the bootloader looks at on each
// start (docs/boot.md). For one start without flash wear there is redfu_request_mode().

#ifndef APP_REDFU_BOOT_MODE_H
#define APP_REDFU_BOOT_MODE_H

#include "settings/settings.h"
#include "spec/boot.h"

// Sets the mode of every start (BOOT_MODE_APPLICATION: the normal one) and of the next one alone
// (BOOT_MODE_NONE: none; it is crossed out before it begins, so it begins once at most). The store is
// open (of a struct redfu_settings: its `store`); where it asks for a turnover that is made, and all of it is waited for. A cut leaves the old
// value or the new one. Anything but SETTINGS_OK: the old one.
enum settings_result redfu_set_boot_mode(struct settings *settings, uint8_t sticky, uint8_t once)
    __attribute__((warn_unused_result));

#endif
