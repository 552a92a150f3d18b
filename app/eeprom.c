// SPDX-License-Identifier: MIT
//
// AN3969's three functions on the settings. They have no handle, so there is one here.

#include "app/eeprom.h"

#include <stddef.h>

#include "app/redfu_settings.h"
#include "spec/bytes.h"

static struct redfu_settings settings;
static bool is_open;

static uint16_t code_of(enum settings_result result) {
    switch (result) {
    case SETTINGS_OK:
        return EE_OK;
    case SETTINGS_FOREIGN:
        return NO_VALID_PAGE;
    case SETTINGS_FULL:
        return PAGE_FULL;
    default:
        return EE_ERROR;
    }
}

uint16_t EE_Init(void) {
    enum settings_result result = redfu_settings_open(&settings, NULL);
    is_open = result == SETTINGS_OK;
    return code_of(result);
}

uint16_t EE_ReadVariable(uint16_t VirtAddress, uint16_t *Data) {
    uint8_t bytes[2];
    uint32_t len = 0;
    if (!is_open) {
        return NO_VALID_PAGE;
    }
    enum settings_result result =
        redfu_settings_get(&settings, VirtAddress, bytes, sizeof bytes, &len);
    if (result == SETTINGS_FOREIGN) {
        return NO_VALID_PAGE;
    }
    if (result != SETTINGS_OK || len != sizeof bytes || VirtAddress >= SETTINGS_KEY_REDFU) {
        return EE_ABSENT;
    }
    *Data = load_le16(bytes);
    return EE_OK;
}

uint16_t EE_WriteVariable(uint16_t VirtAddress, uint16_t Data) {
    uint8_t bytes[2];
    if (!is_open) {
        return NO_VALID_PAGE;
    }
    if (VirtAddress >= SETTINGS_KEY_REDFU) {
        return EE_ERROR;
    }
    store_le16(bytes, Data);
    return code_of(redfu_settings_set(&settings, VirtAddress, bytes, sizeof bytes));
}
