// SPDX-License-Identifier: MIT
//
// Parsing of `vboard run`'s and `vboard serve`'s arguments. Every refusal is one sentence that says what would be right.

#include "vboard/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "vboard/timeline.h"

#define BOARD_DEFAULT "stm32f4-discovery"

static enum options_result wrong(struct options_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum options_result wrong(struct options_fault *fault, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return OPTIONS_WRONG;
}

static const struct {
    const char *suffix;
    uint64_t ps;
} units[] = {
    {"", PS_PER_S},    {"s", PS_PER_S},   {"ms", PS_PER_MS},
    {"us", PS_PER_US}, {"ns", PS_PER_NS}, {"min", 60 * PS_PER_S},
};

bool options_time(const char *text, uint64_t *ps) {
    // Decimal digits by hand: strtod would take "inf", "0x1p3" and a locale's comma.
    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t scale = 1;
    size_t digits = 0;
    for (; *text >= '0' && *text <= '9'; text++, digits++) {
        if (whole > UINT64_MAX / 100) {
            return false;
        }
        whole = whole * 10 + (uint64_t)(*text - '0');
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, digits++) {
            // Twelve places are picoseconds of a second; further ones say nothing.
            if (scale < PS_PER_S) {
                fraction = fraction * 10 + (uint64_t)(*text - '0');
                scale *= 10;
            }
        }
    }
    if (digits == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text, units[i].suffix) == 0) {
            __extension__ typedef unsigned __int128 wide;
            wide total = (wide)whole * units[i].ps + (wide)fraction * units[i].ps / scale;
            if (total >= TIME_NEVER) {
                return false;
            }
            *ps = (uint64_t)total;
            return true;
        }
    }
    return false;
}

static void *grow(void *array, size_t count, size_t size) {
    void *grown = realloc(array, (count + 1) * size);
    if (!grown) {
        abort(); // a few dozen bytes at start-up
    }
    return grown;
}

static bool address(const char *text, uint64_t *addr) {
    char *end;
    if (*text == '\0' || *text == '-' || *text == '+' || *text == ' ') {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (errno != 0 || *end != '\0' || value > UINT32_MAX) {
        return false;
    }
    *addr = value;
    return true;
}

static enum options_result add_load(struct options *options, const char *text,
                                    struct options_fault *fault) {
    uint64_t addr = IMAGE_NO_ADDRESS;
    const char *at = strrchr(text, '@');
    size_t path_len = strlen(text);
    if (at) {
        if (address(at + 1, &addr)) {
            path_len = (size_t)(at - text);
        } else if (at[1] >= '0' && at[1] <= '9') {
            return wrong(fault, "--load %s: '%s' is no 32-bit address", text, at + 1);
        }
        // Otherwise the @ belongs to the file's name.
    }
    if (path_len == 0) {
        return wrong(fault, "--load %s: no file name", text);
    }
    options->loads = grow(options->loads, options->load_count, sizeof *options->loads);
    options->loads[options->load_count++] = (struct load_option){
        .text = text,
        .path = strndup(text, path_len),
        .addr = addr,
    };
    return OPTIONS_RUN;
}

// TIME and DURATION of the option `name` with the value `text`; NULL where not given.
static enum options_result span(const char *name, const char *text, const char *time,
                                const char *duration, uint64_t *at_ps, uint64_t *duration_ps,
                                struct options_fault *fault) {
    if (time && !options_time(time, at_ps)) {
        return wrong(fault, "%s %s: '%s' is no time (250ms, 1.5s, 20us, or seconds)", name, text,
                     time);
    }
    if (duration && (!options_time(duration, duration_ps) || *duration_ps == 0)) {
        return wrong(fault, "%s %s: '%s' is no duration (250ms, 1.5s, 20us, or seconds)", name,
                     text, duration);
    }
    return OPTIONS_RUN;
}

// PIN=LEVEL[@TIME[+DURATION]]
static enum options_result add_pin(struct options *options, const char *text,
                                   struct options_fault *fault) {
    char copy[64];
    if (strlen(text) >= sizeof copy) {
        return wrong(fault, "--pin %.40s...: not PIN=LEVEL[@TIME[+DURATION]]", text);
    }
    strcpy(copy, text);
    char *duration = strchr(copy, '+');
    if (duration) {
        *duration++ = '\0';
    }
    char *time = strchr(copy, '@');
    if (time) {
        *time++ = '\0';
    }
    char *level = strchr(copy, '=');
    if (!level || (duration && !time)) {
        return wrong(fault, "--pin %s: not PIN=LEVEL[@TIME[+DURATION]], as in PA0=1@0+500ms", text);
    }
    *level++ = '\0';
    struct pin_option pin = {.level = strcmp(level, "1") == 0};
    if (strcmp(level, "0") != 0 && strcmp(level, "1") != 0) {
        return wrong(fault, "--pin %s: the level is 0 or 1, not '%s'", text, level);
    }
    enum options_result result =
        span("--pin", text, time, duration, &pin.at_ps, &pin.duration_ps, fault);
    if (result != OPTIONS_RUN) {
        return result;
    }
    char buffer[8];
    const char *name = board_pin_find(options->board, copy, buffer);
    if (!name) {
        return wrong(fault, "--pin %s: %s has no pin %s (PA0 to PI11, or button, green, ...)", text,
                     options->board->name, copy);
    }
    strcpy(pin.pin, name);
    options->pins = grow(options->pins, options->pin_count, sizeof *options->pins);
    options->pins[options->pin_count++] = pin;
    return OPTIONS_RUN;
}

// TIME[+DURATION]
static enum options_result add_unplug(struct options *options, const char *text,
                                      struct options_fault *fault) {
    char copy[64];
    if (strlen(text) >= sizeof copy) {
        return wrong(fault, "--unplug %.40s...: not TIME[+DURATION]", text);
    }
    strcpy(copy, text);
    char *duration = strchr(copy, '+');
    if (duration) {
        *duration++ = '\0';
    }
    struct unplug_option unplug = {0};
    enum options_result result =
        span("--unplug", text, copy, duration, &unplug.at_ps, &unplug.duration_ps, fault);
    if (result != OPTIONS_RUN) {
        return result;
    }
    options->unplugs = grow(options->unplugs, options->unplug_count, sizeof *options->unplugs);
    options->unplugs[options->unplug_count++] = unplug;
    return OPTIONS_RUN;
}

// "3.3V" or "2700mV", up to the 3.6 V that the chip bears (DS8626, general operating conditions).
#define SUPPLY_MAX_MV 3600u
static bool millivolts(const char *text, unsigned *mv) {
    unsigned whole = 0;
    unsigned fraction = 0;
    unsigned scale = 1000;
    size_t digits = 0;
    for (; *text >= '0' && *text <= '9' && whole <= SUPPLY_MAX_MV; text++, digits++) {
        whole = whole * 10 + (unsigned)(*text - '0');
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9' && scale > 1; text++, digits++) {
            scale /= 10;
            fraction += scale * (unsigned)(*text - '0');
        }
    }
    bool is_mv = strcmp(text, "mV") == 0;
    if (digits == 0 || (!is_mv && strcmp(text, "V") != 0) || (is_mv && scale < 1000)) {
        return false;
    }
    *mv = is_mv ? whole : whole * 1000 + fraction;
    return *mv <= SUPPLY_MAX_MV;
}

// VOLTAGE[@TIME[+DURATION]]
static enum options_result add_supply(struct options *options, const char *text,
                                      struct options_fault *fault) {
    char copy[64];
    (void)snprintf(copy, sizeof copy, "%s", text);
    char *duration = strchr(copy, '+');
    if (duration) {
        *duration++ = '\0';
    }
    char *time = strchr(copy, '@');
    if (time) {
        *time++ = '\0';
    }
    struct supply_option supply = {0};
    if (strlen(text) >= sizeof copy || !millivolts(copy, &supply.mv) || (duration && !time)) {
        return wrong(
            fault,
            "--supply %.40s: not VOLTAGE[@TIME[+DURATION]], as in 3.3V or 2650mV@1s+5ms; at "
            "most 3.6V",
            text);
    }
    if ((time && !options_time(time, &supply.at_ps)) ||
        (duration && (!options_time(duration, &supply.duration_ps) || supply.duration_ps == 0))) {
        return wrong(fault, "--supply %.40s: no such time (250ms, 1.5s, 20us, or seconds)", text);
    }
    options->supplies = grow(options->supplies, options->supply_count, sizeof *options->supplies);
    options->supplies[options->supply_count++] = supply;
    return OPTIONS_RUN;
}

static enum options_result set_board(struct options *options, const char *name,
                                     struct options_fault *fault) {
    if (strcmp(name, "list") == 0) {
        return OPTIONS_BOARDS;
    }
    options->board = board_find(name);
    if (options->board) {
        return OPTIONS_RUN;
    }
    char known[256] = "";
    for (size_t i = 0; i < board_count; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", boards[i].name);
    }
    return wrong(fault, "no board is called '%s'; there is: %s", name, known);
}

#define CUT_FORM         "not flash:N[,torn[=SEED]], as in flash:100,torn"
#define CUT_SEED_DEFAULT 1u

// A number in plain digits that ends at one of `ends`; NULL if it is none.
static const char *digits(const char *text, const char *ends, uint64_t *value) {
    char *end;
    if (*text < '0' || *text > '9') {
        return NULL;
    }
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && strchr(ends, *end) ? end : NULL; // strchr finds the '\0' too
}

// flash:N[,torn[=SEED]]
static enum options_result set_cut(struct options *options, const char *text,
                                   struct options_fault *fault) {
    struct cut_option cut = {.seed = CUT_SEED_DEFAULT};
    if (options->cut.number != 0) {
        return wrong(fault, "--cut %s: power can be cut once in a run", text);
    }
    if (strncmp(text, "flash:", 6) != 0) {
        return wrong(fault, "--cut %s: " CUT_FORM, text);
    }
    const char *rest = digits(text + 6, ",", &cut.number);
    if (!rest || cut.number == 0) {
        return wrong(fault, "--cut %s: no number of a flash operation; they count from 1", text);
    }
    if (*rest == ',') {
        cut.is_torn = strncmp(rest, ",torn", 5) == 0;
        if (!cut.is_torn || (rest[5] != '\0' && rest[5] != '=')) {
            return wrong(fault, "--cut %s: " CUT_FORM, text);
        }
        if (rest[5] == '=' && !digits(rest + 6, "", &cut.seed)) {
            return wrong(fault, "--cut %s: the seed is a number", text);
        }
    }
    options->cut = cut;
    return OPTIONS_RUN;
}

enum {
    OPT_BOARD = 256,
    OPT_LOAD,
    OPT_FLASH,
    OPT_PIN,
    OPT_UNPLUG,
    OPT_PACE,
    OPT_TRACE,
    OPT_LIMIT,
    OPT_CUT,
    OPT_SUPPLY,
    OPT_USBREDIR,
    OPT_SOCKET
};

static const struct option long_options[] = {
    {"board", required_argument, NULL, OPT_BOARD},
    {"load", required_argument, NULL, OPT_LOAD},
    {"flash", required_argument, NULL, OPT_FLASH},
    {"pin", required_argument, NULL, OPT_PIN},
    {"unplug", required_argument, NULL, OPT_UNPLUG},
    {"pace", required_argument, NULL, OPT_PACE},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"cut", required_argument, NULL, OPT_CUT},
    {"supply", required_argument, NULL, OPT_SUPPLY},
    {"usbredir", required_argument, NULL, OPT_USBREDIR},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct raw_pins {
    const char **texts;
    size_t count;
    bool has_pace;
};

static enum options_result take(struct options *options, int option, const char *value,
                                struct raw_pins *raw, struct options_fault *fault) {
    switch (option) {
    case OPT_BOARD:
        return set_board(options, value, fault);
    case OPT_LOAD:
        return add_load(options, value, fault);
    case OPT_FLASH:
        options->flash_path = value;
        return OPTIONS_RUN;
    case OPT_PIN:
        // Understood when the board is known, which may be named later.
        raw->texts = grow(raw->texts, raw->count, sizeof *raw->texts);
        raw->texts[raw->count++] = value;
        return OPTIONS_RUN;
    case OPT_UNPLUG:
        return add_unplug(options, value, fault);
    case OPT_PACE:
        raw->has_pace = true;
        options->pace = strcmp(value, "real") == 0 ? PACE_REAL : PACE_FAST;
        if (options->pace == PACE_FAST && strcmp(value, "fast") != 0) {
            return wrong(fault, "--pace %s: the pace is real or fast", value);
        }
        return OPTIONS_RUN;
    case OPT_TRACE:
        options->trace_path = value;
        return OPTIONS_RUN;
    case OPT_SUPPLY:
        return add_supply(options, value, fault);
    case OPT_LIMIT:
        options->has_limit = true;
        if (!options_time(value, &options->limit_ps)) {
            return wrong(fault, "--limit %s: no time (250ms, 1.5s, 20us, or seconds)", value);
        }
        return OPTIONS_RUN;
    case OPT_CUT:
        return set_cut(options, value, fault);
    case OPT_USBREDIR:
        options->usbredir_path = value;
        return OPTIONS_RUN;
    case OPT_SOCKET:
        options->control_path = value;
        return OPTIONS_RUN;
    default:
        return OPTIONS_HELP;
    }
}

// What `vboard serve` has that `vboard run` has not, and the other way round.
static enum options_result check_sockets(const struct options *options, const struct raw_pins *raw,
                                         struct options_fault *fault) {
    bool has_socket = options->usbredir_path || options->control_path;
    if (!options->is_serve) {
        return has_socket ? wrong(fault, "--usbredir and --socket belong to vboard serve")
                          : OPTIONS_RUN;
    }
    if (!has_socket) {
        return wrong(fault, "serve needs --usbredir SOCKET, --socket SOCKET or both");
    }
    if (options->usbredir_path && options->control_path &&
        strcmp(options->usbredir_path, options->control_path) == 0) {
        return wrong(fault, "--usbredir and --socket are two sockets, not one");
    }
    if (options->command) {
        return wrong(fault, "serve takes no COMMAND, and no '%s'", options->command[0]);
    }
    if (raw->has_pace && options->pace == PACE_FAST) {
        return wrong(fault, "serve runs at the pace of the wall clock: no --pace fast");
    }
    return OPTIONS_RUN;
}

static enum options_result finish(struct options *options, int argc, char **argv,
                                  const struct raw_pins *raw, struct options_fault *fault) {
    for (size_t i = 0; i < raw->count; i++) {
        enum options_result result = add_pin(options, raw->texts[i], fault);
        if (result != OPTIONS_RUN) {
            return result;
        }
    }
    bool dashes = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    if (optind < argc) {
        options->command = argv + optind;
    } else if (dashes) {
        return wrong(fault, "no COMMAND after '--'");
    }
    enum options_result result = check_sockets(options, raw, fault);
    if (result != OPTIONS_RUN) {
        return result;
    }
    if (!raw->has_pace) {
        bool has_end = options->command || options->has_limit;
        options->pace = has_end && !options->is_serve ? PACE_FAST : PACE_REAL;
    }
    if (options->pace == PACE_FAST && !options->command && !options->has_limit) {
        return wrong(fault, "--pace fast without a COMMAND needs a --limit");
    }
    return OPTIONS_RUN;
}

// getopt says which of several things was wrong by returning '?' or ':'.
static enum options_result refuse_option(int code, int argc, char **argv,
                                         struct options_fault *fault) {
    const char *given = optind - 1 < argc ? argv[optind - 1] : "";
    if (code == ':') {
        return wrong(fault, "%s needs a value; see vboard %s --help", given, argv[0]);
    }
    if (strncmp(given, "--", 2) == 0 && strchr(given, '=')) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)(strchr(given, '=') - given - 2), given + 2);
        for (const struct option *known = long_options; known->name; known++) {
            if (strcmp(known->name, name) == 0) {
                return wrong(fault, "--%s takes no value; see vboard %s --help", name, argv[0]);
            }
        }
    }
    return wrong(fault,
                 "no such option: %s; there are --board --load --flash --pin --unplug --pace "
                 "--trace --limit --cut --supply %s--help",
                 given, strcmp(argv[0], "serve") == 0 ? "--usbredir --socket " : "");
}

enum options_result options_read(struct options *options, int argc, char **argv,
                                 struct options_fault *fault) {
    memset(options, 0, sizeof *options);
    options->board = board_find(BOARD_DEFAULT);
    options->is_serve = argc > 0 && strcmp(argv[0], "serve") == 0;
    struct raw_pins raw = {0};
    enum options_result result = OPTIONS_RUN;
    optind = 0; // GNU: start afresh, tests call this often
    opterr = 0;
    // '+': COMMAND's own options are none of ours. ':' tells a missing value from an unknown option.
    int option;
    while (result == OPTIONS_RUN &&
           (option = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1) {
        result = option == '?' || option == ':' ? refuse_option(option, argc, argv, fault)
                                                : take(options, option, optarg, &raw, fault);
    }
    if (result == OPTIONS_RUN) {
        result = finish(options, argc, argv, &raw, fault);
    }
    free(raw.texts);
    return result;
}

void options_free(struct options *options) {
    for (size_t i = 0; i < options->load_count; i++) {
        free(options->loads[i].path);
    }
    free(options->loads);
    free(options->pins);
    free(options->unplugs);
    free(options->supplies);
    memset(options, 0, sizeof *options);
}

void options_board_list(FILE *to) {
    for (size_t i = 0; i < board_count; i++) {
        (void)fprintf(to, "%-20s %s\n", boards[i].name, boards[i].description);
    }
}

void options_usage(FILE *to) {
    (void)fputs(
        "vboard: a virtual STM32F4 board whose USB port is plugged into real host software\n"
        "\n"
        "    vboard run [OPTION]... [-- COMMAND ARG...]   run firmware, and COMMAND beside it\n"
        "    vboard run --help                            the options, with examples\n"
        "    vboard serve OPTION...                       a board that runs until it is stopped,\n"
        "                                                 its USB port in another machine (QEMU)\n"
        "    vboard ctl SOCKET WORD [ARG]                 do something to that board: unplug, "
        "reset ...\n"
        "    vboard boards                                the boards there are\n"
        "    vboard --version\n",
        to);
}

void options_run_help(FILE *to) {
    (void)fputs(
        "vboard run [OPTION]... [-- COMMAND ARG...]\n"
        "\n"
        "Powers up a virtual board, plugs its USB port in, waits until the device is enumerated\n"
        "and starts COMMAND, which finds the board as an ordinary USB device. Nothing is emulated\n"
        "in COMMAND: any program that uses libusb or /dev/bus/usb works. No root is needed.\n"
        "\n"
        "  --load FILE[@ADDR]    put an ELF, Intel HEX or raw binary (with @ADDR) into memory;\n"
        "                        may be given several times\n"
        "  --flash FILE          keep the flash in FILE between runs (made if missing)\n"
        "  --board NAME          which board (vboard boards lists them)\n"
        "  --pin PIN=LEVEL[@TIME[+DURATION]]\n"
        "                        drive a pin from outside, from TIME on, for DURATION\n"
        "  --unplug TIME[+DURATION]\n"
        "                        pull the USB cable at TIME, plug it in again after DURATION; the\n"
        "                        board keeps its power. May be given several times\n"
        "  --pace real|fast      real: virtual time follows the wall clock. fast: time passes "
        "only\n"
        "                        for transfers and for COMMAND's own waiting, so a run takes the\n"
        "                        same virtual time on every machine. Default: fast with a COMMAND\n"
        "                        or a --limit, else real\n"
        "  --supply VOLTAGE[@TIME[+DURATION]]\n"
        "                        the chip's supply from TIME on, for DURATION (3.3V before and\n"
        "                        after); 2.6V is too low for x32 flash, less resets the chip\n"
        "  --limit TIME          with COMMAND: how long the board runs on after it (default 1s);\n"
        "                        without: how long it runs at all (default: until Ctrl-C)\n"
        "  --trace FILE          a line an event; - is standard output\n"
        "  --cut flash:N[,torn[=SEED]]\n"
        "                        power goes for good at the N-th flash operation since power-on "
        "(a\n"
        "                        word programmed, a sector erased), before it; with torn inside "
        "it:\n"
        "                        SEED (1 if not given) chooses what is left half done. If the run\n"
        "                        has fewer operations, vboard says how many and exits with 125\n"
        "  --help\n"
        "\n"
        "TIME is 250ms, 1.5s, 20us or a plain number of seconds; zero is when power comes up.\n"
        "\n"
        "Examples\n"
        "  See what dfu-util sees:\n"
        "    vboard run --load redfu-boot.elf -- dfu-util -l\n"
        "  Load an application, keep the flash, then run what was loaded for two seconds:\n"
        "    vboard run --load redfu-boot.elf --flash board.bin -- \\\n"
        "        dfu-util -a 0 -s 0x0800C000:leave -D blink.bin\n"
        "    vboard run --flash board.bin --limit 2s --trace -\n"
        "  Hold the button for half a second while power comes up:\n"
        "    vboard run --flash board.bin --pin button=1@0+500ms -- dfu-util -l\n"
        "  Lose power half way through a load, and see what comes up afterwards:\n"
        "    vboard run --flash board.bin --cut flash:5000,torn -- \\\n"
        "        dfu-util -a 0 -s 0x0800C000:leave -D blink.bin\n"
        "    vboard run --flash board.bin -- dfu-util -l\n"
        "  Pull the cable in the middle of a load:\n"
        "    vboard run --flash board.bin --unplug 1s -- dfu-util -a 0 -s 0x0800C000 -D blink.bin\n"
        "  Several tools in a row:\n"
        "    vboard run --flash board.bin -- sh -c 'dfu-util -l; lsusb -v'\n"
        "\n"
        "Exit status: COMMAND's own; 128+n if signal n ended it; 127 if it is not found, 126 if\n"
        "it cannot run, 125 if vboard itself failed.\n",
        to);
}

void options_serve_help(FILE *to) {
    (void)fputs(
        "vboard serve OPTION...\n"
        "\n"
        "Powers up a virtual board, plugs its USB cable in and runs at the wall clock's pace "
        "until\n"
        "Ctrl-C, vboard ctl SOCKET stop, or --limit.\n"
        "\n"
        "  --usbredir SOCKET     the cable's other end is a usbredir client of this Unix socket:\n"
        "                        QEMU's usb-redir, where a real kernel enumerates the device.\n"
        "                        One client at a time; it may go and come again\n"
        "  --socket SOCKET       take commands there; vboard ctl --help lists them\n"
        "  --load --flash --board --pin --trace --limit --cut   as vboard run has them\n"
        "  --help\n"
        "\n"
        "Example: a Linux in QEMU (full speed needs a controller that has it: qemu-xhci)\n"
        "    vboard serve --load redfu-boot.elf --flash board.bin --usbredir usb.sock \\\n"
        "        --socket ctl.sock &\n"
        "    qemu-system-x86_64 ... -device qemu-xhci \\\n"
        "        -chardev socket,id=board,path=usb.sock,reconnect=1 \\\n"
        "        -device usb-redir,chardev=board\n"
        "    vboard ctl ctl.sock unplug\n"
        "\n"
        "Exit status: 0 when stopped by Ctrl-C, by vboard ctl or by --limit; 125 if vboard itself\n"
        "failed or a client sent what is no usbredir; 128+n after another signal n.\n",
        to);
}
