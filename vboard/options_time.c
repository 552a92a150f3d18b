// SPDX-License-Identifier: MIT
//
// Options about time: how fast it goes (--pace), and what happens to the board in its course (--pin, --unplug,
// --supply, --cut).

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/options_internal.h"
#include "vboard/timeline.h"

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

// Ends `text` at the first `mark`, and returns what follows it; NULL if there is none.
static char *cut_off(char *text, char mark) {
    char *at = strchr(text, mark);
    if (at) {
        *at++ = '\0';
    }
    return at;
}

// TIME and DURATION of the option `name` with the value `text`; NULL where not given.
static enum options_result span(const char *name, const char *text, const char *time,
                                const char *duration, uint64_t *at_ps, uint64_t *duration_ps,
                                struct options_fault *fault) {
    if (time && !options_time(time, at_ps)) {
        return options_wrong(fault, "%s %s: '%s' is no time (250ms, 1.5s, 20us, or seconds)", name,
                             text, time);
    }
    if (duration && (!options_time(duration, duration_ps) || *duration_ps == 0)) {
        return options_wrong(fault, "%s %s: '%s' is no duration (250ms, 1.5s, 20us, or seconds)",
                             name, text, duration);
    }
    return OPTIONS_RUN;
}

#define PACE_TIMES_MAX 1000u

enum options_result options_set_pace(struct options *options, const char *value,
                                     struct options_fault *fault) {
    char *end;
    bool is_word = strcmp(value, "real") == 0 || strcmp(value, "fast") == 0;
    unsigned long times = is_word ? 1 : strtoul(value, &end, 10);
    options->pace = strcmp(value, "fast") == 0 ? PACE_FAST : PACE_REAL;
    options->pace_times = (unsigned)times;
    bool is_number = !is_word && isdigit((unsigned char)*value) && *end == '\0';
    if (!is_word && (!is_number || times < 1 || times > PACE_TIMES_MAX)) {
        return options_wrong(fault, "--pace %s: the pace is real, fast, or from 1 to %u times real",
                             value, PACE_TIMES_MAX);
    }
    return OPTIONS_RUN;
}

// PIN=LEVEL[@TIME[+DURATION]]
enum options_result options_add_pin(struct options *options, const char *text,
                                    struct options_fault *fault) {
    char copy[64];
    if (strlen(text) >= sizeof copy) {
        return options_wrong(fault, "--pin %.40s...: not PIN=LEVEL[@TIME[+DURATION]]", text);
    }
    strcpy(copy, text);
    char *duration = cut_off(copy, '+');
    char *time = cut_off(copy, '@');
    char *level = cut_off(copy, '=');
    if (!level || (duration && !time)) {
        return options_wrong(
            fault, "--pin %s: not PIN=LEVEL[@TIME[+DURATION]], as in PA0=1@0+500ms", text);
    }
    struct pin_option pin = {.level = strcmp(level, "1") == 0};
    if (strcmp(level, "0") != 0 && strcmp(level, "1") != 0) {
        return options_wrong(fault, "--pin %s: the level is 0 or 1, not '%s'", text, level);
    }
    enum options_result result =
        span("--pin", text, time, duration, &pin.at_ps, &pin.duration_ps, fault);
    if (result != OPTIONS_RUN) {
        return result;
    }
    char buffer[8];
    const char *name = board_pin_find(options->board, copy, buffer);
    if (!name) {
        return options_wrong(
            fault, "--pin %s: %s has no pin %s (PA0 to PI11, BOOT0, or button, green, ...)", text,
            options->board->name, copy);
    }
    strcpy(pin.pin, name);
    options->pins = options_grow(options->pins, options->pin_count, sizeof *options->pins);
    options->pins[options->pin_count++] = pin;
    return OPTIONS_RUN;
}

// TIME[+DURATION]
enum options_result options_add_unplug(struct options *options, const char *text,
                                       struct options_fault *fault) {
    char copy[64];
    if (strlen(text) >= sizeof copy) {
        return options_wrong(fault, "--unplug %.40s...: not TIME[+DURATION]", text);
    }
    strcpy(copy, text);
    char *duration = cut_off(copy, '+');
    struct unplug_option unplug = {0};
    enum options_result result =
        span("--unplug", text, copy, duration, &unplug.at_ps, &unplug.duration_ps, fault);
    if (result != OPTIONS_RUN) {
        return result;
    }
    options->unplugs =
        options_grow(options->unplugs, options->unplug_count, sizeof *options->unplugs);
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
enum options_result options_add_supply(struct options *options, const char *text,
                                       struct options_fault *fault) {
    char copy[64];
    (void)snprintf(copy, sizeof copy, "%s", text);
    char *duration = cut_off(copy, '+');
    char *time = cut_off(copy, '@');
    struct supply_option supply = {0};
    if (strlen(text) >= sizeof copy || !millivolts(copy, &supply.mv) || (duration && !time)) {
        return options_wrong(
            fault,
            "--supply %.40s: not VOLTAGE[@TIME[+DURATION]], as in 3.3V or 2650mV@1s+5ms; at "
            "most 3.6V",
            text);
    }
    if ((time && !options_time(time, &supply.at_ps)) ||
        (duration && (!options_time(duration, &supply.duration_ps) || supply.duration_ps == 0))) {
        return options_wrong(fault, "--supply %.40s: no such time (250ms, 1.5s, 20us, or seconds)",
                             text);
    }
    options->supplies =
        options_grow(options->supplies, options->supply_count, sizeof *options->supplies);
    options->supplies[options->supply_count++] = supply;
    return OPTIONS_RUN;
}

enum options_result options_set_cut(struct options *options, const char *text,
                                    struct options_fault *fault) {
    if (options->cut.kind != CUT_NONE) {
        return options_wrong(fault, "--cut %s: power can be cut once in a run", text);
    }
    const char *why = cut_read(text, &options->cut);
    return why ? options_wrong(fault, "--cut %s: %s", text, why) : OPTIONS_RUN;
}
