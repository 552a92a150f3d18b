// SPDX-License-Identifier: MIT
//
// Which board a person means: --board, --chip, --hse and --usb.

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vboard/options_internal.h"

enum options_result options_set_board(struct options *options, struct raw_pins *raw,
                                      const char *name, struct options_fault *fault) {
    if (strcmp(name, "list") == 0) {
        return OPTIONS_BOARDS;
    }
    if (raw->chip) {
        return options_wrong(fault, "--board %.40s: --chip %.40s says already what runs", name,
                             raw->chip);
    }
    raw->board = name;
    const struct board *board = board_find(name);
    if (board) {
        options->board = board;
        return OPTIONS_RUN;
    }
    if (chip_model_find(name)) {
        return options_wrong(fault, "no board is called '%.40s', that is a chip: --chip %.40s",
                             name, name);
    }
    char near[BOARD_NEAR_MAX];
    board_names_near(name, near);
    return options_wrong(fault, "no board is called '%.60s'%s%s; vboard boards lists them all",
                         name, *near ? "; near it: " : "", near);
}

// A board of this run's own, that nothing else points to.
static struct board *own_board(struct options *options, const struct board *like) {
    if (!options->own_board) {
        options->own_board = malloc(sizeof *options->own_board);
        if (!options->own_board) {
            abort(); // a few dozen bytes at start-up
        }
    }
    if (like != options->own_board) {
        *options->own_board = *like;
    }
    options->board = options->own_board;
    return options->own_board;
}

enum options_result options_set_chip(struct options *options, struct raw_pins *raw,
                                     const char *name, struct options_fault *fault) {
    if (raw->board) {
        return options_wrong(fault, "--chip %.40s: --board %.40s says already what runs", name,
                             raw->board);
    }
    raw->chip = name;
    const struct chip_model *chip = chip_model_find(name);
    if (chip) {
        struct board board = board_of_chip(chip);
        (void)own_board(options, &board);
        return OPTIONS_RUN;
    }
    if (board_find(name)) {
        return options_wrong(fault, "no chip is called '%.40s', that is a board: --board %.40s",
                             name, name);
    }
    char near[BOARD_NEAR_MAX];
    chip_names_near(name, near);
    return options_wrong(fault, "no chip is called '%.60s'%s%s; vboard boards lists them all", name,
                         *near ? "; near it: " : "", near);
}

// "8MHz", "25 MHz" as "25MHz", "12000kHz", hertz, or "none".
static enum options_result set_hse(struct options *options, const char *text,
                                   struct options_fault *fault) {
    char *unit = NULL;
    unsigned long number = isdigit((unsigned char)*text) ? strtoul(text, &unit, 10) : 0;
    unsigned long scale = !unit                                   ? 0
                          : strcasecmp(unit, "MHz") == 0          ? 1000000
                          : strcasecmp(unit, "kHz") == 0          ? 1000
                          : !*unit || strcasecmp(unit, "Hz") == 0 ? 1
                                                                  : 0;
    bool is_none = strcmp(text, "none") == 0;
    // DS8626 tables 30 and 32: a crystal of 4 to 26 MHz, a clock of 1 to 50 MHz.
    bool is_right = number <= 50000000 && number * scale >= 1000000 && number * scale <= 50000000;
    if (!is_none && !is_right) {
        return options_wrong(fault,
                             "--hse %.40s: what is on HSE is 1MHz to 50MHz, as in --hse 25MHz, or "
                             "none",
                             text);
    }
    own_board(options, options->board)->wiring.hse_hz = is_none ? 0 : (uint32_t)(number * scale);
    return OPTIONS_RUN;
}

static enum options_result set_usb(struct options *options, const char *text,
                                   struct options_fault *fault) {
    bool is_fs = strcasecmp(text, "fs") == 0;
    bool is_ulpi = strcasecmp(text, "ulpi") == 0;
    if (!is_fs && !is_ulpi && strcasecmp(text, "hs") != 0) {
        return options_wrong(
            fault,
            "--usb %.40s: the connector is wired to fs (OTG_FS, PA11 and PA12), hs "
            "(OTG_HS at full speed, PB14 and PB15) or ulpi (OTG_HS, an external "
            "PHY)",
            text);
    }
    if (!is_fs && !options->board->chip->line->otg_hs) {
        return options_wrong(fault, "--usb %.10s: the %s has no OTG_HS, only fs", text,
                             options->board->chip->name);
    }
    struct board *board = own_board(options, options->board);
    board->usb = is_fs ? BOARD_OTG_FS : BOARD_OTG_HS;
    board->wiring.has_ulpi_phy = is_ulpi;
    return OPTIONS_RUN;
}

enum options_result options_wire(struct options *options, const struct raw_pins *raw,
                                 struct options_fault *fault) {
    enum options_result result = OPTIONS_RUN;
    if (raw->hse) {
        result = set_hse(options, raw->hse, fault);
    }
    if (raw->usb && result == OPTIONS_RUN) {
        result = set_usb(options, raw->usb, fault);
    }
    return result;
}

void options_uart_names(const struct chip_model *chip, char names[OPTIONS_UARTS_MAX]) {
    static const char *const all[] = {"USART1", "USART2", "USART3", "UART4",
                                      "UART5",  "USART6", "UART7",  "UART8"};
    names[0] = '\0';
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t used = strlen(names);
        if (chip_uart_name(chip, all[i])) {
            (void)snprintf(names + used, OPTIONS_UARTS_MAX - used, "%s%s", used ? ", " : "",
                           all[i]);
        }
    }
}
