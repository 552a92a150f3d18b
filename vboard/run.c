// SPDX-License-Identifier: MIT
//
// Puts a board together, runs it and puts it away. All that can be refused is refused before the
// board has power; whatever happens afterwards, the flash is saved.

#include "vboard/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vboard/bench.h"
#include "vboard/flash_file.h"
#include "vboard/host/command.h"
#include "vboard/host/serve.h"
#include "vboard/host/session.h"
#include "vboard/loads.h"
#include "vboard/usb/cable.h"

struct pin_event {
    struct event event;
    struct run *run;
    const char *pin;
    int level;
};

struct supply_event {
    struct event event;
    struct run *run;
    unsigned mv;
};

struct cable_event {
    struct event event;
    struct run *run;
    void (*move)(struct cable *cable);
};

struct run {
    const struct options *options;
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct cable *cable;
    struct loads loads;
    struct flash_file flash;
    struct pin_event *pins;
    struct supply_event *supplies;
    uint64_t flash_ops; // since power-on
    struct cable_event *cable_events;
    char command_path[4096];
    char preload[4096];
    struct serve_config serve_config;
    struct serve *serve; // vboard serve
    struct bench bench;
};

static int fail(const char *sentence) {
    (void)fprintf(stderr, "vboard: %s\n", sentence);
    return EXIT_VBOARD_FAILED;
}

static int rest_level(const struct board *board, const char *pin) {
    for (size_t i = 0; i < board->pin_count; i++) {
        if (strcmp(board->pins[i].pin, pin) == 0) {
            return board->pins[i].rest;
        }
    }
    return -1;
}

static void set_pin(void *ctx) {
    struct pin_event *event = ctx;
    (void)chip_set_pin(event->run->chip, event->pin, event->level);
}

static void schedule_pin(struct run *run, struct pin_event *event, const char *pin, int level,
                         uint64_t at_ps) {
    *event = (struct pin_event){
        .event = {.fire = set_pin, .ctx = event}, .run = run, .pin = pin, .level = level};
    timeline_schedule(&run->timeline, &event->event, at_ps);
}

static void drive_pins(struct run *run) {
    const struct options *options = run->options;
    const struct board *board = options->board;
    for (size_t i = 0; i < board->pin_count; i++) {
        if (board->pins[i].rest >= 0) {
            (void)chip_set_pin(run->chip, board->pins[i].pin, board->pins[i].rest);
        }
    }
    for (size_t i = 0; i < options->pin_count; i++) {
        const struct pin_option *pin = &options->pins[i];
        if (pin->at_ps == 0) { // before the first instruction
            (void)chip_set_pin(run->chip, pin->pin, pin->level);
        } else {
            schedule_pin(run, &run->pins[2 * i], pin->pin, pin->level, pin->at_ps);
        }
        if (pin->duration_ps > 0 && pin->duration_ps < TIME_NEVER - pin->at_ps) {
            schedule_pin(run, &run->pins[2 * i + 1], pin->pin, rest_level(board, pin->pin),
                         pin->at_ps + pin->duration_ps);
        }
    }
}

#define SUPPLY_MV 3300u

static void set_supply(void *ctx) {
    struct supply_event *event = ctx;
    chip_set_supply_mv(event->run->chip, event->mv);
}

static void schedule_supply(struct run *run, struct supply_event *event, unsigned mv,
                            uint64_t at_ps) {
    *event =
        (struct supply_event){.event = {.fire = set_supply, .ctx = event}, .run = run, .mv = mv};
    timeline_schedule(&run->timeline, &event->event, at_ps);
}

static void drive_supply(struct run *run) {
    for (size_t i = 0; i < run->options->supply_count; i++) {
        const struct supply_option *supply = &run->options->supplies[i];
        if (supply->at_ps == 0) { // before power comes up
            chip_set_supply_mv(run->chip, supply->mv);
        } else {
            schedule_supply(run, &run->supplies[2 * i], supply->mv, supply->at_ps);
        }
        if (supply->duration_ps > 0 && supply->duration_ps < TIME_NEVER - supply->at_ps) {
            schedule_supply(run, &run->supplies[2 * i + 1], SUPPLY_MV,
                            supply->at_ps + supply->duration_ps);
        }
    }
}

// Looks for the operation of --cut.
static void count_flash_op(void *ctx, const struct chip_flash_op *op) {
    static const char *const kinds[] = {
        [CHIP_FLASH_ERASE] = "erase",
        [CHIP_FLASH_MASS_ERASE] = "mass-erase",
        [CHIP_FLASH_PROGRAM] = "program",
        [CHIP_FLASH_OPTION] = "option",
    };
    struct run *run = ctx;
    const struct cut_option *cut = &run->options->cut;
    if (++run->flash_ops != cut->number) {
        return;
    }
    if (cut->is_torn) {
        chip_power_off_inside(run->chip);
    } else {
        chip_power_off(run->chip);
    }
    trace_event(&run->trace, TRACE_FLASH, "cut",
                "number=%" PRIu64 " kind=%s addr=0x%08" PRIx32 " len=%" PRIu32 " mode=%s",
                run->flash_ops, kinds[op->kind], op->addr, op->len,
                cut->is_torn ? "torn" : "before");
}

// A cut that was asked for and never came would pass for one that did no harm.
static int check_cut(const struct run *run, int status) {
    uint64_t number = run->options->cut.number;
    if (run->flash_ops >= number || status == EXIT_VBOARD_FAILED) {
        return status;
    }
    char why[128];
    (void)snprintf(why, sizeof why,
                   "--cut flash:%" PRIu64 " did not happen: the run ended after %" PRIu64
                   " flash operation%s",
                   number, run->flash_ops, run->flash_ops == 1 ? "" : "s");
    return fail(why);
}

static void move_cable(void *ctx) {
    struct cable_event *event = ctx;
    event->move(event->run->cable);
}

static void schedule_cable(struct run *run, struct cable_event *event,
                           void (*move)(struct cable *cable), uint64_t at_ps) {
    *event =
        (struct cable_event){.event = {.fire = move_cable, .ctx = event}, .run = run, .move = move};
    timeline_schedule(&run->timeline, &event->event, at_ps);
}

// The session plugs the cable in before time begins.
static void pull_cable(struct run *run) {
    const struct options *options = run->options;
    for (size_t i = 0; i < options->unplug_count; i++) {
        const struct unplug_option *unplug = &options->unplugs[i];
        schedule_cable(run, &run->cable_events[2 * i], cable_unplug, unplug->at_ps);
        if (unplug->duration_ps > 0 && unplug->duration_ps < TIME_NEVER - unplug->at_ps) {
            schedule_cable(run, &run->cable_events[2 * i + 1], cable_plug,
                           unplug->at_ps + unplug->duration_ps);
        }
    }
}

static bool is_same_file(const char *one, const char *other) {
    struct stat a;
    struct stat b;
    return one && other && stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino && S_ISREG(a.st_mode);
}

// Whether the trace would be written over something this run reads or keeps.
static bool is_input(const struct options *options, const char *path) {
    bool is_one = is_same_file(path, options->flash_path);
    for (size_t i = 0; i < options->load_count; i++) {
        is_one = is_one || is_same_file(path, options->loads[i].path);
    }
    return is_one;
}

static int open_trace(struct run *run) {
    const char *path = run->options->trace_path;
    if (!path) {
        return 0;
    }
    if (is_input(run->options, path)) {
        char why[512];
        (void)snprintf(why, sizeof why,
                       "--trace %.300s: this file is given to --load or --flash too, and the trace "
                       "would be written over it",
                       path);
        return fail(why);
    }
    run->trace.file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (run->trace.file) {
        return 0;
    }
    char why[512];
    (void)snprintf(why, sizeof why, "%.300s: %s", path, strerror(errno));
    return fail(why);
}

static bool prepare_serve(struct run *run, char why[512]) {
    const struct options *options = run->options;
    run->serve_config = (struct serve_config){
        .timeline = &run->timeline,
        .trace = &run->trace,
        .cable = run->cable,
        .usbredir_path = options->usbredir_path,
        .control_path = options->control_path,
        .has_limit = options->has_limit,
        .limit_ps = options->limit_ps,
        .act = bench_do,
        .ctx = &run->bench,
    };
    run->serve = serve_new(&run->serve_config, why);
    run->bench = (struct bench){
        .board = options->board,
        .timeline = &run->timeline,
        .chip = run->chip,
        .cable = run->cable,
        .serve = run->serve,
    };
    return run->serve != NULL;
}

// Everything that may be refused.
static int prepare(struct run *run) {
    const struct options *options = run->options;
    char why[512];
    if (options->command) {
        int status = command_find(options->command[0], run->command_path, why);
        if (status != 0) {
            (void)fail(why);
            return status;
        }
        if (!command_find_preload(run->preload, why)) {
            return fail(why);
        }
    }
    run->chip =
        chip_new(options->board->chip, &options->board->wiring, &run->timeline, &run->trace);
    run->cable = cable_new(&run->timeline, &run->trace);
    run->pins = calloc(2 * options->pin_count + 1, sizeof *run->pins);
    run->supplies = calloc(2 * options->supply_count + 1, sizeof *run->supplies);
    run->cable_events = calloc(2 * options->unplug_count + 1, sizeof *run->cable_events);
    if (!run->chip || !run->cable || !run->pins || !run->supplies || !run->cable_events) {
        return fail("out of memory");
    }
    // --pin was read with the board's port letters; the chip may have fewer pins in its package.
    for (size_t i = 0; i < options->pin_count; i++) {
        if (!chip_set_pin(run->chip, options->pins[i].pin, -1)) {
            (void)snprintf(why, sizeof why, "--pin %s: no such pin on the %s", options->pins[i].pin,
                           options->board->chip->name);
            return fail(why);
        }
    }
    struct image_fault fault;
    if (!loads_read(&run->loads, options, run->chip, &fault)) {
        return fail(fault.text);
    }
    if (options->flash_path &&
        !flash_file_open(&run->flash, options->flash_path, chip_flash(run->chip),
                         options->board->chip->flash_bytes, why)) {
        return fail(why);
    }
    // Last of the files, since opening it empties it.
    int status = open_trace(run);
    if (status != 0) {
        return status;
    }
    if (options->is_serve) {
        return prepare_serve(run, why) ? 0 : fail(why);
    }
    if (!session_prepare()) {
        return fail("cannot watch for signals");
    }
    return 0;
}

// Nothing in it yet: a chip from the factory.
static void fill_flash(struct run *run) {
    if (!run->options->flash_path) {
        memset(chip_flash(run->chip), 0xff, run->options->board->chip->flash_bytes);
    }
    chip_flash_changed(run->chip);
}

static int go(struct run *run) {
    const struct options *options = run->options;
    run->trace.complaints = stderr;
    chip_set_symbolizer(run->chip, loads_symbol, &run->loads);
    if (options->board->usb == BOARD_OTG_HS) {
        chip_connect_otg_hs(run->chip, cable_connect_device(run->cable, chip_otg_hs(run->chip)));
    } else {
        chip_connect_otg_fs(run->chip, cable_connect_device(run->cable, chip_otg_fs(run->chip)));
    }
    fill_flash(run);
    drive_pins(run);
    drive_supply(run);
    pull_cable(run);
    // Before power comes up, because the processor takes its vectors then; and once more, because
    // power leaves SRAM undefined, and a --load may go there.
    chip_set_tear_seed(run->chip, options->cut.seed);
    chip_on_flash_op(run->chip, options->cut.number ? count_flash_op : NULL, run);
    bool is_loaded = loads_poke(&run->loads, run->chip);
    chip_power_on(run->chip);
    if (!is_loaded || !loads_poke(&run->loads, run->chip)) {
        return fail("a file could not be put into memory");
    }
    if (run->serve) {
        return serve_run(run->serve);
    }
    struct session_config config = {
        .timeline = &run->timeline,
        .trace = &run->trace,
        .cable = run->cable,
        .is_fast = options->pace == PACE_FAST,
        .has_limit = options->has_limit,
        .limit_ps = options->limit_ps,
        .command = options->command,
        .command_path = run->command_path,
        .preload = run->preload,
    };
    return session_run(&config);
}

static int put_away(struct run *run, int status) {
    char why[512];
    if (run->flash.fd >= 0) {
        if (!flash_file_save(&run->flash, chip_flash(run->chip), why)) {
            status = fail(why);
        }
        flash_file_close(&run->flash);
    }
    if (run->trace.file) {
        bool ok = fflush(run->trace.file) == 0 && !ferror(run->trace.file);
        ok = (run->trace.file == stdout || fclose(run->trace.file) == 0) && ok;
        run->trace.file = NULL;
        if (!ok) {
            (void)snprintf(why, sizeof why, "%.300s: the trace could not be written",
                           run->options->trace_path);
            status = fail(why);
        }
    }
    return status;
}

int run_board(const struct options *options) {
    struct run *run = calloc(1, sizeof *run);
    if (!run) {
        return fail("out of memory");
    }
    run->options = options;
    run->flash.fd = -1;
    timeline_init(&run->timeline);
    trace_init(&run->trace, &run->timeline);
    int status = prepare(run);
    if (status == 0) {
        status = check_cut(run, go(run));
        status = put_away(run, status);
    } else {
        flash_file_close(&run->flash);
        if (run->trace.file && run->trace.file != stdout) {
            (void)fclose(run->trace.file);
        }
    }
    serve_free(run->serve);
    cable_free(run->cable);
    chip_free(run->chip);
    loads_free(&run->loads);
    free(run->pins);
    free(run->supplies);
    free(run->cable_events);
    trace_free(&run->trace);
    timeline_free(&run->timeline);
    free(run);
    return status;
}
