// SPDX-License-Identifier: MIT
//
// The table of boards. One row a board; what a chip does is vboard/chip's business.

#include "vboard/boards.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

// UM1472 (STM32F4DISCOVERY), 6.3 LEDs and 6.4 push-buttons: the user button connects PA0 to VDD
// against a pull-down (R39); the LEDs light at level 1.
static const struct board_pin discovery_pins[] = {
    {"button", "PA0", 0}, {"green", "PD12", -1}, {"orange", "PD13", -1},
    {"red", "PD14", -1},  {"blue", "PD15", -1},
};

const struct board boards[] = {
    {
        .name = "stm32f4-discovery",
        .description = "STM32F407VG, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_FS",
        .chip = &chip_stm32f407vg,
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 0}, // X2 8 MHz; X3 is not fitted (UM1472 6.10)
        .pins = discovery_pins,
        .pin_count = sizeof discovery_pins / sizeof discovery_pins[0],
    },
    {
        // No product: the discovery's pins with a USB connector wired to the other core.
        .name = "stm32f407-hs",
        .description = "STM32F407VG, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_HS at "
                       "full speed (PB14, PB15)",
        .chip = &chip_stm32f407vg,
        .usb = BOARD_OTG_HS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 0},
        .pins = discovery_pins,
        .pin_count = sizeof discovery_pins / sizeof discovery_pins[0],
    },
};

const size_t board_count = sizeof boards / sizeof boards[0];

const struct board *board_find(const char *name) {
    for (size_t i = 0; i < board_count; i++) {
        if (strcmp(boards[i].name, name) == 0) {
            return &boards[i];
        }
    }
    return NULL;
}

const char *board_pin_find(const struct board *board, const char *name, char buffer[8]) {
    for (size_t i = 0; i < board->pin_count; i++) {
        if (strcasecmp(board->pins[i].name, name) == 0) {
            return board->pins[i].pin;
        }
    }
    // "PA0" to "PI15": port letter and one or two digits (RM0090 8.1).
    size_t len = strlen(name);
    if (len < 3 || len > 4 || toupper((unsigned char)name[0]) != 'P') {
        return NULL;
    }
    buffer[0] = 'P';
    buffer[1] = (char)toupper((unsigned char)name[1]);
    if (buffer[1] < 'A' || buffer[1] > 'I') {
        return NULL;
    }
    unsigned number = 0;
    for (size_t i = 2; i < len; i++) {
        if (!isdigit((unsigned char)name[i])) {
            return NULL;
        }
        number = number * 10 + (unsigned)(name[i] - '0');
        buffer[i] = name[i];
    }
    buffer[len] = '\0';
    return number <= 15 && (len == 3 || name[2] != '0') ? buffer : NULL;
}
