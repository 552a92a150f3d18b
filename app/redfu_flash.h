// SPDX-License-Identifier: MIT
//
// The flash of an STM32F4 as the settings store wants it, for code that runs from that flash.

#ifndef APP_REDFU_FLASH_H
#define APP_REDFU_FLASH_H

#include "app/redfu_settings.h"

// Functions that return when the operation is over. `place` stays.
struct settings_flash redfu_flash_functions(const struct redfu_settings_place *place);

#endif
