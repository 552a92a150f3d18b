// SPDX-License-Identifier: MIT
//
// Writes the boot mode's value.

#include "app/redfu_boot_mode.h"

enum settings_result redfu_set_boot_mode(struct settings *settings, uint8_t sticky, uint8_t once) {
    const uint8_t value[BOOT_MODE_VALUE_LEN] = {
        [BOOT_MODE_STICKY] = sticky,
        [BOOT_MODE_ONCE] = once,
    };
    uint32_t len = once == BOOT_MODE_NONE ? BOOT_MODE_ONCE : BOOT_MODE_VALUE_LEN;
    enum settings_result result =
        settings_wait(settings, settings_set(settings, SETTINGS_KEY_BOOT_MODE, value, len));
    if (result == SETTINGS_TURNOVER) {
        result = settings_wait(settings, settings_turnover(settings));
        if (result == SETTINGS_OK) {
            result =
                settings_wait(settings, settings_set(settings, SETTINGS_KEY_BOOT_MODE, value, len));
        }
    }
    return result;
}
