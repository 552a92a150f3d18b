// SPDX-License-Identifier: MIT
//
// Options of consoles: --uart, --semihosting and --itm.

#include <stdlib.h>
#include <string.h>

#include "vboard/options_internal.h"

#define SEMIHOSTING_FORM "not FILE[,in=FILE], as in --semihosting - or --semihosting out.txt"
#define ITM_PORTS        32u // ARM DDI 0403 C1.7

// FILE[,in=FILE]
enum options_result options_set_semihosting(struct options *options, const char *text,
                                            struct options_fault *fault) {
    const char *in = strstr(text, ",in=");
    size_t out_len = in ? (size_t)(in - text) : strlen(text);
    if (options->has_semihosting) {
        return options_wrong(fault, "--semihosting %.60s: it is given already", text);
    }
    if (out_len == 0 || (in && in[4] == '\0')) {
        return options_wrong(fault, "--semihosting %.60s: " SEMIHOSTING_FORM, text);
    }
    if (in && strstr(in + 1, ",in=")) {
        return options_wrong(fault, "--semihosting %.60s: in= is given twice", text);
    }
    options->has_semihosting = true;
    options->semihosting = (struct uart_option){
        .name = "semihosting",
        .out_path = strndup(text, out_len),
        .in_path = in ? strdup(in + 4) : NULL,
    };
    return OPTIONS_RUN;
}

// [PORT=]FILE
enum options_result options_add_itm(struct options *options, const char *text,
                                    struct options_fault *fault) {
    struct itm_option itm = {.port = 0};
    const char *path = text;
    size_t sign = strspn(text, "+-");
    size_t digits = strspn(text + sign, "0123456789");
    const char *assigned = strchr(text, '=');
    // "-" after '=' can mean standard output only, so that what is before it was meant for a port.
    if (text[sign + digits] == '=' || (assigned && strcmp(assigned, "=-") == 0)) {
        unsigned long port = strtoul(text + sign, NULL, 10);
        if (sign > 0 || digits == 0 || digits > 2 || text[digits] != '=' || port >= ITM_PORTS) {
            return options_wrong(fault, "--itm %.60s: the stimulus ports are 0 to 31", text);
        }
        itm.port = (unsigned)port;
        path = text + digits + 1;
    }
    if (*path == '\0') {
        return options_wrong(fault, "--itm %.60s: not [PORT=]FILE, as in --itm - or --itm 1=x.bin",
                             text);
    }
    for (size_t i = 0; i < options->itm_count; i++) {
        if (options->itms[i].port == itm.port) {
            return options_wrong(fault, "--itm %.60s: port %u is given twice", text, itm.port);
        }
    }
    itm.path = path;
    options->itms = reallocarray(options->itms, options->itm_count + 1, sizeof *options->itms);
    if (!options->itms) {
        abort(); // a few dozen bytes at start-up
    }
    options->itms[options->itm_count++] = itm;
    return OPTIONS_RUN;
}

#define UART_FORM "not NAME=FILE[,in=FILE], as in usart2=console.txt or usart2=-"

// NAME=FILE[,in=FILE]; the chip's ports are looked up when the board is known.
enum options_result options_add_uart(struct options *options, const char *text,
                                     struct options_fault *fault) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals - text > 15) {
        return options_wrong(fault, "--uart %.60s: " UART_FORM, text);
    }
    char name[16] = "";
    memcpy(name, text, (size_t)(equals - text));
    struct uart_option uart = {.name = chip_uart_name(options->board->chip, name)};
    if (!uart.name) {
        char known[OPTIONS_UARTS_MAX];
        options_uart_names(options->board->chip, known);
        return options_wrong(fault, "--uart %.60s: the %s has no %s; it has %s", text,
                             options->board->chip->name, name, known);
    }
    const char *in = strstr(equals, ",in=");
    const char *comma = strchr(equals, ',');
    if (comma && strchr(comma, '=') && comma != in) {
        return options_wrong(fault, "--uart %.60s: no such setting as '%.40s'; " UART_FORM, text,
                             comma + 1);
    }
    if (in && strstr(in + 1, ",in=")) {
        return options_wrong(fault, "--uart %.60s: in= is given twice", text);
    }
    size_t out_len = in ? (size_t)(in - equals - 1) : strlen(equals + 1);
    if (out_len == 0 || (in && in[4] == '\0')) {
        return options_wrong(fault, "--uart %.60s: " UART_FORM, text);
    }
    for (size_t i = 0; i < options->uart_count; i++) {
        if (options->uarts[i].name == uart.name) {
            return options_wrong(fault, "--uart %.60s: %s is given twice", text, uart.name);
        }
    }
    uart.out_path = strndup(equals + 1, out_len);
    uart.in_path = in ? strdup(in + 4) : NULL;
    options->uarts = options_grow(options->uarts, options->uart_count, sizeof *options->uarts);
    options->uarts[options->uart_count++] = uart;
    return OPTIONS_RUN;
}
