// SPDX-License-Identifier: MIT
//
// The table of boards. One row a board; what a chip does is vboard/chip's business.

#include "vboard/boards.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// UM1472 (STM32F4DISCOVERY), 6.3 LEDs and 6.4 push-buttons: the user button connects PA0 to VDD
// against a pull-down (R39); the LEDs light at level 1.
static const struct board_pin discovery_pins[] = {
    {"button", "PA0", 0, BOARD_INPUT},      {"green", "PD12", -1, BOARD_LED_AT_1},
    {"orange", "PD13", -1, BOARD_LED_AT_1}, {"red", "PD14", -1, BOARD_LED_AT_1},
    {"blue", "PD15", -1, BOARD_LED_AT_1},
};

// UM1842 (32F411EDISCOVERY), UM1669 (32F401CDISCOVERY): as the STM32F4DISCOVERY.

// UM1670 (STM32F429I-DISCO), 4.4 and 4.5: user button to VDD, LEDs light at level 1.
static const struct board_pin disco_f429_pins[] = {{"button", "PA0", 0, BOARD_INPUT},
                                                   {"green", "PG13", -1, BOARD_LED_AT_1},
                                                   {"red", "PG14", -1, BOARD_LED_AT_1}};

// WeAct's "Black Pill" (schematic of V2.0 and later): KEY connects PA0 to ground, nothing pulls it up but the
// chip; the LED at PC13 lights at level 0.
static const struct board_pin blackpill_pins[] = {{"button", "PA0", -1, BOARD_INPUT},
                                                  {"blue", "PC13", -1, BOARD_LED_AT_0}};

// UM1724 (Nucleo-64) 6.4, 6.5: B1 connects PC13 to ground against a pull-up; LD2 at PA5.
static const struct board_pin nucleo_64_pins[] = {{"button", "PC13", 1, BOARD_INPUT},
                                                  {"green", "PA5", -1, BOARD_LED_AT_1}};

// UM1974 (Nucleo-144) 6.5, 6.6: B1 connects PC13 to VDD against a pull-down.
static const struct board_pin nucleo_144_pins[] = {{"button", "PC13", 0, BOARD_INPUT},
                                                   {"green", "PB0", -1, BOARD_LED_AT_1},
                                                   {"blue", "PB7", -1, BOARD_LED_AT_1},
                                                   {"red", "PB14", -1, BOARD_LED_AT_1}};

// Adafruit's Feather STM32F405 Express: one LED, no button but reset and BOOT0.
static const struct board_pin feather_pins[] = {{"red", "PC1", -1, BOARD_LED_AT_1}};

// UM1461 (STM3240G-EVAL): the user key connects PG15 to ground against a pull-up.
static const struct board_pin eval_f407_pins[] = {{"button", "PG15", 1, BOARD_INPUT},
                                                  {"green", "PG6", -1, BOARD_LED_AT_1},
                                                  {"orange", "PG8", -1, BOARD_LED_AT_1},
                                                  {"red", "PI9", -1, BOARD_LED_AT_1},
                                                  {"blue", "PC7", -1, BOARD_LED_AT_1}};

#define PINS(table) .pins = (table), .pin_count = sizeof(table) / sizeof((table)[0])

const struct board boards[] = {
    {
        .name = "stm32f4-discovery",
        .description = "STM32F407VG, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_FS",
        .chip = &chip_models[STM32F407VG],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 0}, // X2 8 MHz; X3 is not fitted (UM1472 6.10)
        PINS(discovery_pins),
    },
    {
        // No product: the discovery's pins with a USB connector wired to the other core.
        .name = "stm32f407-hs",
        .description = "STM32F407VG, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_HS at "
                       "full speed (PB14, PB15)",
        .chip = &chip_models[STM32F407VG],
        .usb = BOARD_OTG_HS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 0},
        PINS(discovery_pins),
    },
    {
        // No product: the discovery's pins and a high-speed PHY (of the kind of the USB3300) on ULPI.
        .name = "stm32f407-ulpi",
        .description = "STM32F407VG, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_HS at "
                       "high speed (ULPI PHY on PA3, PA5, PB, PC)",
        .chip = &chip_models[STM32F407VG],
        .usb = BOARD_OTG_HS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 0, .has_ulpi_phy = true},
        PINS(discovery_pins),
    },
    {
        .name = "stm32f429-discovery",
        .description = "STM32F429ZI, 8 MHz crystal, button PA0, LEDs PG13, PG14, USB on OTG_HS at "
                       "full speed (PB14, PB15)",
        .chip = &chip_models[STM32F429ZI],
        .usb = BOARD_OTG_HS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 0}, // UM1670 4.12: X2 (LSE) is not fitted
        PINS(disco_f429_pins),
    },
    {
        .name = "stm32f411-discovery",
        .description = "STM32F411VE, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_FS",
        .chip = &chip_models[STM32F411VE],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(discovery_pins),
    },
    {
        .name = "stm32f401-discovery",
        .description = "STM32F401VC, 8 MHz crystal, button PA0, LEDs PD12-PD15, USB on OTG_FS",
        .chip = &chip_models[STM32F401VC],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(discovery_pins),
    },
    {
        .name = "blackpill-f411",
        .description =
            "STM32F411CE, 25 MHz crystal, button PA0 (to ground), LED PC13, USB on OTG_FS",
        .chip = &chip_models[STM32F411CE],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 25000000, .lse_hz = 32768},
        PINS(blackpill_pins),
    },
    {
        .name = "blackpill-f401",
        .description =
            "STM32F401CC, 25 MHz crystal, button PA0 (to ground), LED PC13, USB on OTG_FS",
        .chip = &chip_models[STM32F401CC],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 25000000, .lse_hz = 32768},
        PINS(blackpill_pins),
    },
    {
        .name = "feather-f405",
        .description = "STM32F405RG, 12 MHz crystal, LED PC1, USB on OTG_FS",
        .chip = &chip_models[STM32F405RG],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 12000000, .lse_hz = 32768},
        PINS(feather_pins),
    },
    // Nucleo boards of 64 pins have no USB connector for the chip: the one meant is wired to PA11 and PA12. HSE is
    // the debug probe's 8 MHz (HSEBYP).
    {
        .name = "nucleo-f401re",
        .description = "STM32F401RE, 8 MHz on HSE, button PC13 (to ground), LED PA5, USB on OTG_FS",
        .chip = &chip_models[STM32F401RE],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(nucleo_64_pins),
    },
    {
        .name = "nucleo-f411re",
        .description = "STM32F411RE, 8 MHz on HSE, button PC13 (to ground), LED PA5, USB on OTG_FS",
        .chip = &chip_models[STM32F411RE],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(nucleo_64_pins),
    },
    {
        .name = "nucleo-f446re",
        .description = "STM32F446RE, 8 MHz on HSE, button PC13 (to ground), LED PA5, USB on OTG_FS",
        .chip = &chip_models[STM32F446RE],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(nucleo_64_pins),
    },
    {
        .name = "nucleo-f446ze",
        .description = "STM32F446ZE, 8 MHz on HSE, button PC13, LEDs PB0, PB7, PB14, USB on OTG_FS",
        .chip = &chip_models[STM32F446ZE],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(nucleo_144_pins),
    },
    {
        .name = "nucleo-f429zi",
        .description = "STM32F429ZI, 8 MHz on HSE, button PC13, LEDs PB0, PB7, PB14, USB on OTG_FS",
        .chip = &chip_models[STM32F429ZI],
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
        PINS(nucleo_144_pins),
    },
    {
        .name = "stm3240g-eval",
        .description =
            "STM32F407IG, 25 MHz crystal, button PG15 (to ground), LEDs PG6, PG8, PI9, "
            "PC7, USB on OTG_HS at high speed (ULPI PHY on PA3, PA5, PB, PC0, PI11, PH4)",
        .chip = &chip_models[STM32F407IG],
        .usb = BOARD_OTG_HS,
        .wiring = {.hse_hz = 25000000, .lse_hz = 32768, .has_ulpi_phy = true},
        PINS(eval_f407_pins),
    },
    {
        .name = "stm32446e-eval",
        .description = "STM32F446ZE, 8 MHz crystal, USB on OTG_HS at high speed (ULPI PHY on PA3, "
                       "PA5, PB with PB2, PC)",
        .chip = &chip_models[STM32F446ZE],
        .usb = BOARD_OTG_HS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768, .has_ulpi_phy = true},
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

struct board board_of_chip(const struct chip_model *chip) {
    return (struct board){
        .name = chip->name,
        .description = "a chip by itself",
        .chip = chip,
        .usb = BOARD_OTG_FS,
        .wiring = {.hse_hz = 8000000, .lse_hz = 32768},
    };
}

// --- names that are nearly right -------------------------------------------------------------------

#define NAME_MAX_LEN 31u
#define NEAR_COUNT   4u

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

// Levenshtein's distance, whatever the case; '_' is as good as '-'.
static size_t distance(const char *a, const char *b) {
    size_t row[NAME_MAX_LEN + 1];
    size_t len = strlen(b) < NAME_MAX_LEN ? strlen(b) : NAME_MAX_LEN;

    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            int one = a[i] == '_' ? '-' : tolower((unsigned char)a[i]);
            int other = b[j] == '_' ? '-' : tolower((unsigned char)b[j]);
            size_t above = row[j + 1];
            row[j + 1] = smallest(above + 1, row[j] + 1, diagonal + (one != other));
            diagonal = above;
        }
    }
    return row[len];
}

static bool holds(const char *text, const char *part) {
    size_t len = strlen(part);
    for (; *text; text++) {
        if (strncasecmp(text, part, len) == 0) {
            return true;
        }
    }
    return false;
}

// The nearest of those that are not too far: half the letters may be wrong, or one holds the other.
struct nearest {
    const char *name[NEAR_COUNT];
    size_t distance[NEAR_COUNT];
    size_t count;
};

static void consider(struct nearest *nearest, const char *candidate, const char *name) {
    size_t away = distance(name, candidate);
    size_t at = nearest->count;

    if (holds(candidate, name) || holds(name, candidate)) {
        away = away > 3 ? 3 : away;
    } else if (2 * away > strlen(candidate)) {
        return;
    }
    while (at > 0 && nearest->distance[at - 1] > away) {
        at--;
    }
    if (at == NEAR_COUNT) {
        return;
    }
    nearest->count += nearest->count < NEAR_COUNT;
    for (size_t i = nearest->count - 1; i > at; i--) {
        nearest->name[i] = nearest->name[i - 1];
        nearest->distance[i] = nearest->distance[i - 1];
    }
    nearest->name[at] = candidate;
    nearest->distance[at] = away;
}

static void say(const struct nearest *nearest, char near[BOARD_NEAR_MAX]) {
    near[0] = '\0';
    for (size_t i = 0; i < nearest->count; i++) {
        size_t used = strlen(near);
        const char *before = i == 0 ? "" : i + 1 == nearest->count ? " or " : ", ";
        (void)snprintf(near + used, BOARD_NEAR_MAX - used, "%s%s", before, nearest->name[i]);
    }
}

void board_names_near(const char *name, char near[BOARD_NEAR_MAX]) {
    struct nearest nearest = {0};
    for (size_t i = 0; *name && i < board_count; i++) {
        consider(&nearest, boards[i].name, name);
    }
    say(&nearest, near);
}

void chip_names_near(const char *name, char near[BOARD_NEAR_MAX]) {
    struct nearest nearest = {0};
    for (size_t i = 0; *name && i < CHIP_MODEL_COUNT; i++) {
        consider(&nearest, chip_models[i].name, name);
    }
    say(&nearest, near);
}

// --- pins -----------------------------------------------------------------------------------------

const char *board_pin_find(const struct board *board, const char *name, char buffer[8]) {
    for (size_t i = 0; i < board->pin_count; i++) {
        if (strcasecmp(board->pins[i].name, name) == 0) {
            return board->pins[i].pin;
        }
    }
    // Every board has the two boot pins (RM0090 2.4); BOOT1 is PB2.
    if (strcasecmp(name, "boot0") == 0) {
        return "BOOT0";
    }
    if (strcasecmp(name, "boot1") == 0) {
        return "PB2";
    }
    // "PA0" to "PK15": port letter and one or two digits (RM0090 8.1).
    size_t len = strlen(name);
    if (len < 3 || len > 4 || toupper((unsigned char)name[0]) != 'P') {
        return NULL;
    }
    buffer[0] = 'P';
    buffer[1] = (char)toupper((unsigned char)name[1]);
    if (buffer[1] < 'A' || buffer[1] > 'K') {
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
