// SPDX-License-Identifier: MIT
//
// The boards vboard knows: which chip, what is soldered around it, and what its pins are called.

#ifndef VBOARD_BOARDS_H
#define VBOARD_BOARDS_H

#include <stddef.h>

#include "vboard/chip/chip.h"

// What is at a pin: something that drives it, or an LED that lights at that level.
enum board_part { BOARD_INPUT, BOARD_LED_AT_0, BOARD_LED_AT_1 };

struct board_pin {
    const char *name; // as printed on the board
    const char *pin;  // as chip_set_pin() takes it
    int rest;         // what the board drives when nobody touches it: 0, 1, or -1 for nothing
    enum board_part part;
};

enum board_usb { BOARD_OTG_FS, BOARD_OTG_HS };

struct board {
    const char *name;
    const char *description;
    const struct chip_model *chip;
    enum board_usb usb; // the core behind the USB connector
    struct chip_wiring wiring;
    const struct board_pin *pins;
    size_t pin_count;
};

extern const struct board boards[];
extern const size_t board_count;

// NULL when there is none of that name.
const struct board *board_find(const char *name);
// A chip by itself, its pins by their own names: 8 MHz on HSE, USB on OTG_FS.
struct board board_of_chip(const struct chip_model *chip);

// For a name that is none: up to four that look like it, nearest first, as "a, b or c"; "" where none does.
#define BOARD_NEAR_MAX 128u
void board_names_near(const char *name, char near[BOARD_NEAR_MAX]);
void chip_names_near(const char *name, char near[BOARD_NEAR_MAX]);
// The chip's pin for a name given by a person ("PA0", "pd12" or a board's own word like "button",
// whatever the case); NULL for what this board does not have. `buffer` holds a copy where one is needed.
const char *board_pin_find(const struct board *board, const char *name, char buffer[8]);

#endif
