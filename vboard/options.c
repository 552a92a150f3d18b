// SPDX-License-Identifier: MIT
//
// The table of `vboard run`'s and `vboard serve`'s options, and which goes where. What they mean is read here,
// for files in options_load.c, about time in options_time.c, about consoles in options_console.c, about the
// board in options_board.c; whether they go together is options_check.c's. Every refusal is one sentence that
// says what would be right.

#include "vboard/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "vboard/options_internal.h"
#include "vboard/run_files.h"
#include "vboard/timeline.h"

#define BOARD_DEFAULT        "stm32f4-discovery"
// More than any host controller and driver: dozens of such would pass hosts' time limits.
#define TRANSFER_COST_MAX_PS (100 * PS_PER_MS)

enum options_result options_wrong(struct options_fault *fault, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return OPTIONS_WRONG;
}

void *options_grow(void *array, size_t count, size_t size) {
    void *grown = realloc(array, (count + 1) * size);
    if (!grown) {
        abort(); // a few dozen bytes at start-up
    }
    return grown;
}

enum {
    OPT_BOARD = 256,
    OPT_CHIP,
    OPT_HSE,
    OPT_USB,
    OPT_LOAD,
    OPT_VERBOSE,
    OPT_VIEW,
    OPT_CONFORMANCE,
    OPT_JSON,
    OPT_OUTSIDE,
    OPT_LEAVE,
    OPT_SECTOR,
    OPT_HTML,
    OPT_APP,
    OPT_FLASH,
    OPT_PIN,
    OPT_UNPLUG,
    OPT_PACE,
    OPT_TRACE,
    OPT_LIMIT,
    OPT_CUT,
    OPT_SUPPLY,
    OPT_VBAT,
    OPT_SYMBOLS,
    OPT_WATCH,
    OPT_PCAP,
    OPT_REPORT,
    OPT_UART,
    OPT_SEMIHOSTING,
    OPT_ITM,
    OPT_VCD,
    OPT_FLASH_TIMES,
    OPT_TRANSFER_COST,
    OPT_USBREDIR,
    OPT_SOCKET,
    OPT_NEXT_BOARD,
    OPT_UID,
    OPT_GDB,
    OPT_USBIP
};

static const struct option long_options[] = {
    {"board", required_argument, NULL, OPT_BOARD},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"hse", required_argument, NULL, OPT_HSE},
    {"usb", required_argument, NULL, OPT_USB},
    {"load", required_argument, NULL, OPT_LOAD},
    {"flash", required_argument, NULL, OPT_FLASH},
    {"conformance", no_argument, NULL, OPT_CONFORMANCE},
    {"json", no_argument, NULL, OPT_JSON},
    {"outside", no_argument, NULL, OPT_OUTSIDE},
    {"leave", no_argument, NULL, OPT_LEAVE},
    {"sector", required_argument, NULL, OPT_SECTOR},
    {"html", required_argument, NULL, OPT_HTML},
    {"app", required_argument, NULL, OPT_APP},
    {"pin", required_argument, NULL, OPT_PIN},
    {"unplug", required_argument, NULL, OPT_UNPLUG},
    {"pace", required_argument, NULL, OPT_PACE},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"cut", required_argument, NULL, OPT_CUT},
    {"supply", required_argument, NULL, OPT_SUPPLY},
    {"vbat", no_argument, NULL, OPT_VBAT},
    {"symbols", required_argument, NULL, OPT_SYMBOLS},
    {"watch", required_argument, NULL, OPT_WATCH},
    {"pcap", required_argument, NULL, OPT_PCAP},
    {"report", optional_argument, NULL, OPT_REPORT},
    {"uart", required_argument, NULL, OPT_UART},
    {"semihosting", required_argument, NULL, OPT_SEMIHOSTING},
    {"itm", required_argument, NULL, OPT_ITM},
    {"vcd", required_argument, NULL, OPT_VCD},
    {"flash-times", required_argument, NULL, OPT_FLASH_TIMES},
    {"transfer-cost", required_argument, NULL, OPT_TRANSFER_COST},
    {"usbredir", required_argument, NULL, OPT_USBREDIR},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"next-board", no_argument, NULL, OPT_NEXT_BOARD},
    {"uid", required_argument, NULL, OPT_UID},
    {"gdb", required_argument, NULL, OPT_GDB},
    {"usbip", required_argument, NULL, OPT_USBIP},
    {"view", no_argument, NULL, OPT_VIEW},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

// 24 hexadecimal digits.
static enum options_result set_uid(struct options *options, const char *text,
                                   struct options_fault *fault) {
    options->has_uid = strlen(text) == 2 * sizeof options->uid &&
                       strspn(text, "0123456789abcdefABCDEF") == 2 * sizeof options->uid;
    if (!options->has_uid) {
        return options_wrong(fault,
                             "--uid %.40s: a unique id is 24 hexadecimal digits, the 12 bytes from "
                             "0x1FFF7A10 on",
                             text);
    }
    for (size_t i = 0; i < sizeof options->uid; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        options->uid[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return OPTIONS_RUN;
}

static enum options_result add_board(struct options *options, struct raw *raw,
                                     struct options_fault *fault) {
    if (options->is_serve) {
        return options_wrong(fault,
                             "serve runs one board; start another vboard serve for the next one");
    }
    if (raw->board + 1 == OPTIONS_BOARDS_MAX) {
        return options_wrong(fault, "--next-board: there is room for %u boards",
                             OPTIONS_BOARDS_MAX);
    }
    struct options *last = options;
    while (last->next) {
        last = last->next;
    }
    last->next = calloc(1, sizeof *last->next);
    if (!last->next) {
        abort(); // a few hundred bytes at start-up
    }
    last->next->board = board_find(BOARD_DEFAULT);
    raw->board++;
    return OPTIONS_RUN;
}

// What watches the board and changes nothing.
static void take_observing(struct options *options, int option, const char *value) {
    switch (option) {
    case OPT_SYMBOLS:
        options_put_load(options, &(struct load_option){.text = value,
                                                        .path = strdup(value),
                                                        .addr = IMAGE_NO_ADDRESS,
                                                        .is_names_only = true});
        return;
    case OPT_WATCH:
        options->watches =
            options_grow(options->watches, options->watch_count, sizeof *options->watches);
        options->watches[options->watch_count++] = value;
        return;
    case OPT_PCAP:
        options->pcap_path = value;
        return;
    case OPT_VCD:
        options->vcd_path = value;
        return;
    default:
        options->has_report = true;
        options->report_path = value;
        return;
    }
}

// An option of one board: the last so far.
static enum options_result take(struct options *options, int option, const char *value,
                                struct raw_pins *raw, struct options_fault *fault) {
    switch (option) {
    case OPT_BOARD:
        return options_set_board(options, raw, value, fault);
    case OPT_CHIP:
        return options_set_chip(options, raw, value, fault);
    case OPT_HSE:
        raw->hse = value;
        return OPTIONS_RUN;
    case OPT_USB:
        raw->usb = value;
        return OPTIONS_RUN;
    case OPT_VERBOSE:
        options->shows_all = true;
        return OPTIONS_RUN;
    case OPT_CONFORMANCE:
        options->is_conformance = true;
        return OPTIONS_RUN;
    case OPT_JSON:
        options->is_json = true;
        return OPTIONS_RUN;
    case OPT_OUTSIDE:
        options->is_outside = true;
        return OPTIONS_RUN;
    case OPT_LEAVE:
        options->must_leave = true;
        return OPTIONS_RUN;
    case OPT_SECTOR:
        return options_add_sector(options, value, fault);
    case OPT_HTML:
        options->html_path = value;
        return OPTIONS_RUN;
    case OPT_APP:
        return options_set_app(options, value, fault);
    case OPT_LOAD:
        return options_add_load(options, value, fault);
    case OPT_FLASH:
        if (options->flash_path) {
            return options_wrong(fault, "--flash %s: this board's flash is kept in %s already",
                                 value, options->flash_path);
        }
        options->flash_path = value;
        return OPTIONS_RUN;
    case OPT_PIN:
        // Understood when the board is known, which may be named later.
        raw->texts = options_grow(raw->texts, raw->count, sizeof *raw->texts);
        raw->texts[raw->count++] = value;
        return OPTIONS_RUN;
    case OPT_UNPLUG:
        return options_add_unplug(options, value, fault);
    case OPT_SYMBOLS:
    case OPT_WATCH:
    case OPT_PCAP:
    case OPT_VCD:
    case OPT_REPORT:
        take_observing(options, option, value);
        return OPTIONS_RUN;
    case OPT_SUPPLY:
        return options_add_supply(options, value, fault);
    case OPT_VBAT:
        options->has_battery = true;
        return OPTIONS_RUN;
    case OPT_UART: // as for --pin
        raw->uarts = options_grow(raw->uarts, raw->uart_count, sizeof *raw->uarts);
        raw->uarts[raw->uart_count++] = value;
        return OPTIONS_RUN;
    case OPT_SEMIHOSTING:
        return options_set_semihosting(options, value, fault);
    case OPT_ITM:
        return options_add_itm(options, value, fault);
    case OPT_UID:
        return set_uid(options, value, fault);
    case OPT_GDB:
        return options_set_gdb(options, value, fault);
    case OPT_CUT:
        return options_set_cut(options, value, fault);
    case OPT_FLASH_TIMES:
        options->maximum_flash_times = strcmp(value, "maximum") == 0;
        if (!options->maximum_flash_times && strcmp(value, "typical") != 0) {
            return options_wrong(fault, "--flash-times %s: the times are typical or maximum",
                                 value);
        }
        return OPTIONS_RUN;
    default:
        return OPTIONS_HELP;
    }
}

// An option of the whole run, or of the last board so far.
static enum options_result take_any(struct options *options, int option, const char *value,
                                    struct raw *raw, struct options_fault *fault) {
    struct options *last = options;
    while (last->next) {
        last = last->next;
    }
    switch (option) {
    case OPT_NEXT_BOARD:
        return add_board(options, raw, fault);
    case OPT_PACE:
        raw->has_pace = true;
        return options_set_pace(options, value, fault);
    case OPT_TRACE:
        options->trace_path = value;
        return OPTIONS_RUN;
    case OPT_LIMIT:
        if (options->has_limit) {
            return options_wrong(fault, "--limit %s: a run has one limit, and it is given already",
                                 value);
        }
        options->has_limit = true;
        if (!options_time(value, &options->limit_ps)) {
            return options_wrong(fault, "--limit %s: no time (250ms, 1.5s, 20us, or seconds)",
                                 value);
        }
        return OPTIONS_RUN;
    case OPT_TRANSFER_COST:
        options->has_transfer_cost = true;
        if (!options_time(value, &options->transfer_cost_ps) ||
            options->transfer_cost_ps > TRANSFER_COST_MAX_PS) {
            return options_wrong(
                fault, "--transfer-cost %s: no time up to 100 ms (100us, 0.25ms, or seconds)",
                value);
        }
        return OPTIONS_RUN;
    case OPT_USBREDIR:
        options->usbredir_path = value;
        return OPTIONS_RUN;
    case OPT_USBIP:
        return options_set_usbip(options, value, fault);
    case OPT_SOCKET:
        options->control_path = value;
        return OPTIONS_RUN;
    case OPT_VIEW:
        options->has_view = true;
        return OPTIONS_RUN;
    default:
        return take(last, option, value, &raw->pins[raw->board], fault);
    }
}

// What was said for the whole run goes for each board; wires and pins are understood now that boards are known.
static enum options_result finish_board(struct options *board, const struct options *first,
                                        const struct raw_pins *raw, struct options_fault *fault) {
    enum options_result result = options_wire(board, raw, fault);
    for (size_t i = 0; result == OPTIONS_RUN && i < raw->count; i++) {
        result = options_add_pin(board, raw->texts[i], fault);
    }
    for (size_t i = 0; result == OPTIONS_RUN && i < raw->uart_count; i++) {
        result = options_add_uart(board, raw->uarts[i], fault);
    }
    if (result != OPTIONS_RUN) {
        return result;
    }
    if (board != first) {
        board->trace_path = first->trace_path;
        board->has_transfer_cost = first->has_transfer_cost;
        board->transfer_cost_ps = first->transfer_cost_ps;
        board->pace = first->pace;
        board->pace_times = first->pace_times;
        board->has_limit = first->has_limit;
        board->limit_ps = first->limit_ps;
        board->command = first->command;
    }
    return OPTIONS_RUN;
}

static void number_boards(struct options *first) {
    unsigned number = 0;
    for (struct options *board = first; board; board = board->next, number++) {
        if (!board->has_uid) {
            chip_uid_of(number, board->uid);
        }
    }
}

static enum options_result finish(struct options *options, int argc, char **argv,
                                  const struct raw *raw, struct options_fault *fault) {
    bool dashes = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    if (options->is_doctor && optind < argc) {
        enum options_result loaded = options_add_load(options, argv[optind++], fault);
        if (loaded != OPTIONS_RUN) {
            return loaded;
        }
        if (optind < argc) {
            return options_wrong(fault, "doctor takes one firmware, and no '%s'", argv[optind]);
        }
    } else if (optind < argc) {
        options->command = argv + optind;
        struct options *last = options;
        while (last->next) {
            last = last->next;
        }
        last->is_report_before_command =
            last->has_report && strcmp(argv[optind - 1], "--report") == 0;
    } else if (dashes) {
        return options_wrong(fault, "no COMMAND after '--'");
    }
    if (!raw->has_pace) {
        bool has_end = options->command || options->has_limit || options->is_doctor;
        // Somebody looks on with --view.
        bool is_fast = has_end && !options->is_serve && !options->has_view;
        options->pace = is_fast ? PACE_FAST : PACE_REAL;
        options->pace_times = 1;
    }
    const struct raw_pins *pins = raw->pins;
    for (struct options *board = options; board; board = board->next, pins++) {
        enum options_result result = finish_board(board, options, pins, fault);
        if (result != OPTIONS_RUN) {
            return result;
        }
    }
    number_boards(options);
    enum options_result result = options_check(options, raw, fault);
    if (result == OPTIONS_RUN && !run_files_check(options, fault->text)) {
        result = OPTIONS_WRONG;
    }
    return result;
}

// getopt says which of several things was wrong by returning '?' or ':'.
static enum options_result refuse_option(int code, int argc, char **argv,
                                         struct options_fault *fault) {
    const char *given = optind - 1 < argc ? argv[optind - 1] : "";
    if (code == ':') {
        return options_wrong(fault, "%s needs a value; see vboard %s --help", given, argv[0]);
    }
    if (strncmp(given, "--", 2) == 0 && strchr(given, '=')) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)(strchr(given, '=') - given - 2), given + 2);
        for (const struct option *known = long_options; known->name; known++) {
            if (strcmp(known->name, name) == 0) {
                return options_wrong(fault, "--%s takes no value; see vboard %s --help", name,
                                     argv[0]);
            }
        }
    }
    return options_wrong(
        fault,
        "no such option: %s; there are --board --chip --hse --usb --load --flash "
        "--pin --unplug --pace "
        "--trace --limit --cut --supply --symbols --watch --pcap --report "
        "--uart --semihosting --itm --vcd --vbat --flash-times --transfer-cost "
        "--uid --gdb --view %s--help",
        given, strcmp(argv[0], "serve") == 0 ? "--usbredir --usbip --socket " : "--next-board ");
}

enum options_result options_read(struct options *options, int argc, char **argv,
                                 struct options_fault *fault) {
    memset(options, 0, sizeof *options);
    options->board = board_find(BOARD_DEFAULT);
    options->is_serve = argc > 0 && strcmp(argv[0], "serve") == 0;
    options->is_doctor = argc > 0 && strcmp(argv[0], "doctor") == 0;
    struct raw raw = {0};
    enum options_result result = OPTIONS_RUN;
    optind = 0; // GNU: start afresh, tests call this often
    opterr = 0;
    // '+': COMMAND's own options are none of ours; a doctor has none, so options may stand behind FIRMWARE.
    // ':' tells a missing value from an unknown option.
    const char *letters = options->is_doctor ? ":h" : "+:h";
    int option;
    while (result == OPTIONS_RUN &&
           (option = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        result = option == '?' || option == ':' ? refuse_option(option, argc, argv, fault)
                                                : take_any(options, option, optarg, &raw, fault);
    }
    if (result == OPTIONS_RUN) {
        result = finish(options, argc, argv, &raw, fault);
    }
    for (unsigned i = 0; i < OPTIONS_BOARDS_MAX; i++) {
        free(raw.pins[i].texts);
        free(raw.pins[i].uarts);
    }
    return result;
}

void options_free(struct options *options) {
    free(options->app.path);
    if (options->next) {
        options_free(options->next);
        free(options->next);
    }
    for (size_t i = 0; i < options->load_count; i++) {
        free(options->loads[i].path);
    }
    free(options->loads);
    free(options->pins);
    free(options->unplugs);
    free(options->supplies);
    for (size_t i = 0; i < options->uart_count; i++) {
        free(options->uarts[i].out_path);
        free(options->uarts[i].in_path);
    }
    free(options->uarts);
    free(options->watches);
    free(options->own_board);
    free(options->semihosting.out_path);
    free(options->semihosting.in_path);
    free(options->itms);
    memset(options, 0, sizeof *options);
}
