// SPDX-License-Identifier: MIT
//
// What options.c and its neighbours (one option each) and options_check.c (all together) share. Nobody else includes this.

#ifndef VBOARD_OPTIONS_INTERNAL_H
#define VBOARD_OPTIONS_INTERNAL_H

#include "vboard/options.h"

// A board's.
struct raw_pins {
    const char **texts;
    size_t count;
    const char **uarts;
    size_t uart_count;
    const char *board, *chip, *hse, *usb;
};

// What is understood at the end.
struct raw {
    struct raw_pins pins[OPTIONS_BOARDS_MAX];
    unsigned board; // the one being described, from 0
    bool has_pace;
};

// One sentence into the fault.
enum options_result options_wrong(struct options_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// One more element; memory that is short ends the program.
void *options_grow(void *array, size_t count, size_t size);

// options_load.c: one option each; and what is read already.
enum options_result options_add_load(struct options *options, const char *text,
                                     struct options_fault *fault);
enum options_result options_set_app(struct options *options, const char *text,
                                    struct options_fault *fault);
enum options_result options_add_sector(struct options *options, const char *text,
                                       struct options_fault *fault);
void options_put_load(struct options *options, const struct load_option *load);

// options_time.c: one option each. --pin is read when the board is known.
enum options_result options_set_pace(struct options *options, const char *value,
                                     struct options_fault *fault);
enum options_result options_add_pin(struct options *options, const char *text,
                                    struct options_fault *fault);
enum options_result options_add_unplug(struct options *options, const char *text,
                                       struct options_fault *fault);
enum options_result options_add_supply(struct options *options, const char *text,
                                       struct options_fault *fault);
enum options_result options_set_cut(struct options *options, const char *text,
                                    struct options_fault *fault);

// options_tools.c: one option each.
enum options_result options_set_gdb(struct options *options, const char *text,
                                    struct options_fault *fault);
enum options_result options_set_usbip(struct options *options, const char *text,
                                      struct options_fault *fault);

// options_board.c. A board has one name, its own or its chip's, and options_wire() changes what is around the chip.
enum options_result options_set_board(struct options *options, struct raw_pins *raw,
                                      const char *name, struct options_fault *fault);
enum options_result options_set_chip(struct options *options, struct raw_pins *raw,
                                     const char *name, struct options_fault *fault);
enum options_result options_wire(struct options *options, const struct raw_pins *raw,
                                 struct options_fault *fault);
#define OPTIONS_UARTS_MAX 80u
void options_uart_names(const struct chip_model *chip, char names[OPTIONS_UARTS_MAX]);

// options_console.c: one option each. --uart is read when the chip is known.
enum options_result options_add_uart(struct options *options, const char *text,
                                     struct options_fault *fault);
enum options_result options_set_semihosting(struct options *options, const char *text,
                                            struct options_fault *fault);
enum options_result options_add_itm(struct options *options, const char *text,
                                    struct options_fault *fault);

enum options_result options_check(const struct options *first, const struct raw *raw,
                                  struct options_fault *fault);

#endif
