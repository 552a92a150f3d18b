// SPDX-License-Identifier: MIT

#include "vboard/bench.h"

#include <stdlib.h>
#include <string.h>

// 1024 KB in sectors of 16 KB would be 64; the STM32F407 has 12 (RM0090 table 5).
#define SECTORS_MAX 64u

static bool plug(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)argument;
    (void)reply;
    (void)why;
    cable_plug(bench->cable);
    return true;
}

static bool unplug(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)argument;
    (void)reply;
    (void)why;
    cable_unplug(bench->cable);
    return true;
}

static bool reset(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)argument;
    (void)reply;
    (void)why;
    chip_reset_pin(bench->chip);
    return true;
}

static void power_on(void *ctx) {
    struct bench *bench = ctx;
    chip_power_on(bench->chip);
}

static bool power_cycle(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)argument;
    (void)reply;
    (void)why;
    chip_power_off(bench->chip);
    bench->power_event.fire = power_on;
    bench->power_event.ctx = bench;
    timeline_schedule(bench->timeline, &bench->power_event,
                      timeline_now(bench->timeline) + BENCH_OFF_PS);
    return true;
}

// Without WHEN at once.
static bool cut(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)reply;
    struct cut_when when;
    if (*argument != '\0') {
        const char *wrong = cut_read(argument, &when);
        if (wrong) {
            (void)snprintf(why, 512, "cut %.80s: %s", argument, wrong);
            return false;
        }
        cut_arm(bench->cut, bench->chip, bench->trace, &when);
        bench->has_cut = true;
        return true;
    }
    timeline_cancel(bench->timeline, &bench->power_event);
    chip_power_off(bench->chip);
    return true;
}

// --- snapshots ---------------------------------------------------------------------------------------

static void plug_in(void *ctx) {
    struct bench *bench = ctx;
    cable_plug(bench->cable);
}

static void visit(void *ctx, const struct memory_visitor *visitor) {
    struct bench *bench = ctx;
    visitor->memory(visitor->ctx, &bench->power_event, sizeof bench->power_event);
    visitor->memory(visitor->ctx, &bench->replug_event, sizeof bench->replug_event);
    visitor->memory(visitor->ctx, &bench->has_cut, sizeof bench->has_cut);
    visitor->memory(visitor->ctx, bench->cut, sizeof *bench->cut);
    if (bench->more) {
        bench->more(bench->ctx, visitor);
    }
}

static bool is_name(const char *text) {
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return len > 0 && len <= BENCH_NAME_MAX && text[len] == '\0';
}

static struct bench_snapshot *find_snapshot(const struct bench *bench, const char *name) {
    for (size_t i = 0; i < bench->snapshot_count; i++) {
        if (strcmp(bench->snapshots[i].name, name) == 0) {
            return &bench->snapshots[i];
        }
    }
    return NULL;
}

// A place for a name, its old snapshot gone; NULL where there is no room for one more.
static struct bench_snapshot *place_for(struct bench *bench, const char *name) {
    struct bench_snapshot *found = find_snapshot(bench, name);
    if (found) {
        snapshot_free(found->snapshot);
        return found;
    }
    if (bench->snapshot_count == BENCH_SNAPSHOTS_MAX) {
        return NULL;
    }
    struct bench_snapshot *more =
        realloc(bench->snapshots, (bench->snapshot_count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    bench->snapshots = more;
    return &more[bench->snapshot_count++];
}

static bool snapshot(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)reply;
    if (!is_name(argument)) {
        (void)snprintf(why, 512,
                       "snapshot %.40s: a name is 1 to %u letters, digits, dots, dashes or "
                       "underlines; a snapshot lives in the running vboard, not in a file",
                       argument, BENCH_NAME_MAX);
        return false;
    }
    struct bench_snapshot *place = place_for(bench, argument);
    if (!place) {
        (void)snprintf(why, 512, "snapshot %s: there are %u already; take one of their names",
                       argument, BENCH_SNAPSHOTS_MAX);
        return false;
    }
    *place = (struct bench_snapshot){.was_plugged = cable_is_plugged(bench->cable),
                                     .was_attached = cable_is_attached(bench->cable)};
    (void)snprintf(place->name, sizeof place->name, "%s", argument);
    trace_event(bench->trace, TRACE_BENCH, "snapshot", "name=%s", place->name);
    place->snapshot = snapshot_take(&(struct snapshot_subject){.timeline = bench->timeline,
                                                               .trace = bench->trace,
                                                               .chips = &bench->chip,
                                                               .chip_count = 1,
                                                               .more = visit,
                                                               .ctx = bench});
    return true;
}

// The cable as it was at the snapshot, with a host behind it that knows nothing of the device.
static void put_cable_back(struct bench *bench, const struct bench_snapshot *of) {
    if (!of->was_plugged) {
        return;
    }
    cable_plug(bench->cable);
    if (of->was_attached) {
        cable_unplug(bench->cable);
        bench->replug_event.fire = plug_in;
        bench->replug_event.ctx = bench;
        timeline_schedule(bench->timeline, &bench->replug_event,
                          timeline_now(bench->timeline) + BENCH_OFF_PS);
    }
}

static bool restore(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)reply;
    const struct bench_snapshot *of = find_snapshot(bench, argument);
    if (!of) {
        (void)snprintf(why, 512,
                       "restore %.40s: there is no snapshot of that name; vboard ctl "
                       "SOCKET status lists them",
                       argument);
        return false;
    }
    cable_unplug(bench->cable);
    snapshot_restore(of->snapshot);
    cut_restored(bench->cut);
    if (bench->restored) {
        bench->restored(bench->ctx);
    }
    trace_event(bench->trace, TRACE_BENCH, "restore", "name=%s", of->name);
    put_cable_back(bench, of);
    serve_time_was_set(bench->serve);
    return true;
}

void bench_free(struct bench *bench) {
    for (size_t i = 0; i < bench->snapshot_count; i++) {
        snapshot_free(bench->snapshots[i].snapshot);
    }
    free(bench->snapshots);
    bench->snapshots = NULL;
    bench->snapshot_count = 0;
}

static bool stop(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)argument;
    (void)reply;
    (void)why;
    serve_stop(bench->serve);
    return true;
}

static int rest_level(const struct board *board, const char *pin) {
    for (size_t i = 0; i < board->pin_count; i++) {
        if (strcmp(board->pins[i].pin, pin) == 0) {
            return board->pins[i].rest;
        }
    }
    return -1;
}

// PIN=LEVEL, LEVEL 0, 1 or `rest` (what the board itself does to it).
static bool pin(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)reply;
    char name[32];
    char buffer[8];
    const char *equals = strchr(argument, '=');
    if (equals == NULL || (size_t)(equals - argument) >= sizeof name) {
        (void)snprintf(why, 512, "pin %.40s: not PIN=LEVEL, as in button=1", argument);
        return false;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - argument), argument);
    const char *chip_pin_name = board_pin_find(bench->board, name, buffer);
    if (chip_pin_name == NULL) {
        (void)snprintf(why, 512,
                       "pin %.40s: %s has no pin %s (PA0 to PI11, BOOT0, or button, green, ...)",
                       argument, bench->board->name, name);
        return false;
    }
    int level;
    if (strcmp(equals + 1, "0") == 0 || strcmp(equals + 1, "1") == 0) {
        level = equals[1] - '0';
    } else if (strcmp(equals + 1, "rest") == 0) {
        level = rest_level(bench->board, chip_pin_name);
    } else {
        (void)snprintf(why, 512, "pin %.40s: the level is 0, 1 or rest, not '%.40s'", argument,
                       equals + 1);
        return false;
    }
    if (!chip_set_pin(bench->chip, chip_pin_name, level)) {
        (void)snprintf(why, 512, "pin %.40s: no such pin on the %s", argument,
                       bench->board->chip->name);
        return false;
    }
    return true;
}

// A cut that is still to come.
static void show_cut(const struct bench *bench, FILE *reply) {
    const struct cut *cut = bench->cut;
    if (cut->when.kind != CUT_NONE && !cut->has_happened) {
        (void)fprintf(reply, " cut at %s %llu, after %llu\n", cut_unit(cut),
                      (unsigned long long)cut->when.number, (unsigned long long)cut_passed(cut));
    }
}

static bool status(struct bench *bench, const char *argument, FILE *reply, char why[512]) {
    (void)argument;
    (void)why;
    static const char *const speeds[] = {"no device", "low speed", "full speed", "high speed"};
    uint64_t ps = timeline_now(bench->timeline);
    (void)fprintf(reply, " board %s\n", bench->board->name);
    (void)fprintf(reply, " time %llu.%06llu\n", (unsigned long long)(ps / PS_PER_S),
                  (unsigned long long)(ps % PS_PER_S / PS_PER_US));
    (void)fprintf(reply, " cable %s\n", cable_is_plugged(bench->cable) ? "plugged" : "unplugged");
    (void)fprintf(reply, " usb %s\n", speeds[cable_speed(bench->cable)]);
    if (bench->serve) {
        (void)fprintf(reply, " guest %s\n", serve_has_guest(bench->serve) ? "connected" : "none");
    }
    uint64_t erases = 0;
    for (unsigned i = 0; i < SECTORS_MAX; i++) {
        erases += chip_flash_erase_count(bench->chip, i);
    }
    (void)fprintf(reply, " erases %llu\n", (unsigned long long)erases);
    (void)fprintf(reply, " power %s\n", chip_is_powered(bench->chip) ? "on" : "off");
    show_cut(bench, reply);
    for (size_t i = 0; i < bench->snapshot_count; i++) {
        const struct bench_snapshot *of = &bench->snapshots[i];
        uint64_t at = snapshot_time(of->snapshot);
        (void)fprintf(reply, " snapshot %s %llu.%06llu\n", of->name,
                      (unsigned long long)(at / PS_PER_S),
                      (unsigned long long)(at % PS_PER_S / PS_PER_US));
    }
    for (size_t i = 0; i < bench->board->pin_count; i++) {
        const struct board_pin *at = &bench->board->pins[i];
        (void)fprintf(reply, " pin %s=%d\n", at->name, chip_pin(bench->chip, at->pin));
    }
    return true;
}

static const struct {
    const char *word;
    const char *argument; // NULL: none; in brackets: may be left out
    bool is_for_serve;    // a COMMAND cannot be set back, and is what ends a run
    bool (*act)(struct bench *bench, const char *argument, FILE *reply, char why[512]);
    const char *help;
} words[] = {
    {"plug", NULL, false, plug, "put the USB cable in"},
    {"unplug", NULL, false, unplug, "pull it; the board keeps its power"},
    {"reset", NULL, false, reset, "press the reset button"},
    {"power-cycle", NULL, false, power_cycle, "take the power away and give it back after 100 ms"},
    {"cut", "[WHEN]", false, cut,
     "take the power away, for good; WHEN, counted from now: " CUT_FORM},
    {"pin", "PIN=LEVEL", false, pin, "drive a pin from outside: 0, 1, or rest as the board has it"},
    {"snapshot", "NAME", true, snapshot,
     "set the board aside as it is, to be put back later (vboard serve)"},
    {"restore", "NAME", true, restore,
     "put it back, its clock too; a host sees it unplugged and plugged (vboard serve)"},
    {"status", NULL, false, status, "time, cable, guest, erases so far, snapshots, pins"},
    {"stop", NULL, true, stop, "end vboard serve; --flash is saved"},
};

#define WORD_COUNT (sizeof words / sizeof words[0])

bool bench_do(void *ctx, const char *line, FILE *reply, char why[512]) {
    const char *blank = strchr(line, ' ');
    size_t len = blank != NULL ? (size_t)(blank - line) : strlen(line);
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strlen(words[i].word) != len || strncmp(words[i].word, line, len) != 0) {
            continue;
        }
        if (words[i].argument == NULL && blank != NULL) {
            (void)snprintf(why, 512, "%s takes no '%.40s'", words[i].word, blank + 1);
            return false;
        }
        if (words[i].argument != NULL && words[i].argument[0] != '[' && blank == NULL) {
            (void)snprintf(why, 512, "%s needs %s", words[i].word, words[i].argument);
            return false;
        }
        if (words[i].is_for_serve && !((const struct bench *)ctx)->serve) {
            (void)snprintf(why, 512, "%s: only vboard serve has that", words[i].word);
            return false;
        }
        return words[i].act(ctx, blank != NULL ? blank + 1 : "", reply, why);
    }
    (void)snprintf(why, 512, "no such command: %.*s; there are", len < 40 ? (int)len : 40, line);
    for (size_t i = 0; i < WORD_COUNT; i++) {
        size_t used = strlen(why);
        (void)snprintf(why + used, 512 - used, " %s", words[i].word);
    }
    return false;
}

void bench_help(FILE *to) {
    for (size_t i = 0; i < WORD_COUNT; i++) {
        char left[32];
        (void)snprintf(left, sizeof left, "%s%s%s", words[i].word,
                       words[i].argument != NULL ? " " : "",
                       words[i].argument != NULL ? words[i].argument : "");
        (void)fprintf(to, "  %-16s %s\n", left, words[i].help);
    }
}
