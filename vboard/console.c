// SPDX-License-Identifier: MIT
//
// Files on the other end of a serial port, of semihosting and of the ITM. What comes in was there from the beginning and is sent as
// fast as the line allows, so that a run depends on its inputs alone.

#include "vboard/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONSOLE_UARTS_MAX 8u

static void sent(void *ctx, uint8_t byte) {
    struct console *console = ctx;
    (void)fputc(byte, console->out);
    if (byte == '\n') {
        (void)fflush(console->out); // somebody may be watching; put_away() finds errors
    }
}

static bool next(void *ctx, uint8_t *byte) {
    struct console *console = ctx;
    int got = console->in ? fgetc(console->in) : EOF;
    *byte = (uint8_t)got;
    return got != EOF;
}

// `option` for sentences: "--uart USART2".
static bool open_one(const struct consoles *consoles, struct console *console, const char *option,
                     const char *out_path, const char *in_path, char why[512]) {
    if (in_path) {
        console->in = fopen(in_path, "re");
        struct stat about;
        bool is_folder =
            console->in && fstat(fileno(console->in), &about) == 0 && S_ISDIR(about.st_mode);
        if (!console->in || is_folder) {
            (void)snprintf(why, 512, "%s: cannot read %.300s: %s", option, in_path,
                           strerror(is_folder ? EISDIR : errno));
            return false;
        }
    }
    console->out_path = out_path;
    console->is_shared = strcmp(out_path, "-") == 0;
    FILE *standard = consoles->screen ? consoles->screen->output : stdout;
    console->out = console->is_shared ? standard : fopen(out_path, "we");
    if (!console->out) {
        (void)snprintf(why, 512, "%s: cannot write %.300s: %s", option, out_path, strerror(errno));
        return false;
    }
    return true;
}

static bool open_uarts(struct consoles *consoles, const struct options *options, struct chip *chip,
                       char why[512]) {
    for (size_t i = 0; i < options->uart_count; i++) {
        const struct uart_option *uart = &options->uarts[i];
        struct console *console = &consoles->all[consoles->count++];
        char option[40];
        (void)snprintf(option, sizeof option, "--uart %s", uart->name);
        if (!open_one(consoles, console, option, uart->out_path, uart->in_path, why)) {
            return false;
        }
        (void)chip_connect_uart(chip, uart->name, &(struct chip_uart_line){console, sent, next});
    }
    return true;
}

static bool is_named(const struct options *options, const char *uart) {
    for (size_t i = 0; i < options->uart_count; i++) {
        if (strcmp(options->uarts[i].name, uart) == 0) {
            return true;
        }
    }
    return false;
}

// The serial ports that no option names, for somebody who looks.
static void show_others(struct consoles *consoles, const struct options *options,
                        struct chip *chip) {
    static const char *const names[CONSOLE_UARTS_MAX] = {"USART1", "USART2", "USART3", "UART4",
                                                         "UART5",  "USART6", "UART7",  "UART8"};
    for (size_t i = 0; i < CONSOLE_UARTS_MAX; i++) {
        struct console *console = &consoles->all[consoles->count];
        if (!is_named(options, names[i]) &&
            chip_connect_uart(chip, names[i], &(struct chip_uart_line){console, sent, NULL})) {
            *console = (struct console){
                .out = consoles->screen->shown, .out_path = names[i], .is_shared = true};
            consoles->count++;
        }
    }
}

// As a probe shows it: the bytes, low ones first.
static void stimulus(void *ctx, unsigned port, unsigned size, uint32_t value) {
    struct consoles *consoles = ctx;
    for (size_t i = 0; i < consoles->count; i++) {
        struct console *console = &consoles->all[i];
        for (unsigned byte = 0; console->itm_port == port + 1 && byte < size; byte++) {
            sent(console, (uint8_t)(value >> 8 * byte));
        }
    }
}

static bool open_itms(struct consoles *consoles, const struct options *options, struct chip *chip,
                      char why[512]) {
    uint32_t ports = 0;
    for (size_t i = 0; i < options->itm_count; i++) {
        struct console *console = &consoles->all[consoles->count++];
        if (!open_one(consoles, console, "--itm", options->itms[i].path, NULL, why)) {
            return false;
        }
        console->itm_port = options->itms[i].port + 1;
        ports |= 1u << options->itms[i].port;
    }
    if (ports) {
        chip_on_stimulus(chip, ports, stimulus, consoles);
    }
    return true;
}

bool consoles_open(struct consoles *consoles, const struct options *options,
                   const struct console_screen *screen, struct chip *chip,
                   struct timeline *timeline, struct trace *trace, char why[512]) {
    consoles->screen = screen;
    consoles->all = calloc(options->uart_count + options->itm_count + CONSOLE_UARTS_MAX + 2,
                           sizeof *consoles->all);
    if (!consoles->all) {
        (void)snprintf(why, 512, "out of memory");
        return false;
    }
    if (!open_uarts(consoles, options, chip, why) || !open_itms(consoles, options, chip, why)) {
        return false;
    }
    if (options->has_semihosting) {
        struct console *console = &consoles->all[consoles->count++];
        if (!open_one(consoles, console, "--semihosting", options->semihosting.out_path,
                      options->semihosting.in_path, why)) {
            return false;
        }
        semihosting_start(&consoles->semihosting, chip, timeline, trace, console->out, console->in);
    }
    if (screen) {
        show_others(consoles, options, chip);
    }
    return true;
}

static bool close_one(struct console *console) {
    if (console->in) {
        (void)fclose(console->in);
    }
    if (!console->out) {
        return true;
    }
    bool ok = fflush(console->out) == 0 && !ferror(console->out);
    return (console->is_shared || fclose(console->out) == 0) && ok;
}

bool consoles_close(struct consoles *consoles, char why[512]) {
    bool ok = true;
    for (size_t i = 0; i < consoles->count; i++) {
        if (!close_one(&consoles->all[i])) {
            (void)snprintf(why, 512, "%.300s: what the chip sent could not be written",
                           consoles->all[i].out_path);
            ok = false;
        }
    }
    free(consoles->all);
    *consoles = (struct consoles){0};
    return ok;
}
