// SPDX-License-Identifier: MIT
//
// One board's life: made from its options, powered, and its flash saved at the end.

#include "vboard/board_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/gdb/gdb.h"

struct pin_event {
    struct event event;
    struct board_run *run;
    const char *pin;
    int level;
};

struct supply_event {
    struct event event;
    struct board_run *run;
    unsigned mv;
};

struct cable_event {
    struct event event;
    struct board_run *run;
    void (*move)(struct cable *cable);
};

static bool fail(const struct board_run *run, const char *sentence) {
    const char *name = run->trace.board;
    (void)fprintf(stderr, "vboard: %s%s%s\n", name ? name : "", name ? ": " : "", sentence);
    return false;
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

static void schedule_pin(struct board_run *run, struct pin_event *event, const char *pin, int level,
                         uint64_t at_ps) {
    *event = (struct pin_event){
        .event = {.fire = set_pin, .ctx = event}, .run = run, .pin = pin, .level = level};
    timeline_schedule(run->timeline, &event->event, at_ps);
}

// When an option's DURATION is over; TIME_NEVER for one without.
static uint64_t end_of(uint64_t at_ps, uint64_t duration_ps) {
    return duration_ps > 0 && duration_ps < TIME_NEVER - at_ps ? at_ps + duration_ps : TIME_NEVER;
}

// Whether another --pin for it begins there: then the level passes on without a rest between.
static bool pin_begins_at(const struct options *options, const char *pin, uint64_t at_ps) {
    for (size_t i = 0; i < options->pin_count; i++) {
        if (options->pins[i].at_ps == at_ps && strcmp(options->pins[i].pin, pin) == 0) {
            return true;
        }
    }
    return false;
}

static void set_rest_levels(struct board_run *run) {
    const struct board *board = run->options->board;
    for (size_t i = 0; i < board->pin_count; i++) {
        if (board->pins[i].rest >= 0) {
            (void)chip_set_pin(run->chip, board->pins[i].pin, board->pins[i].rest);
        }
    }
}

static void rest_pins(struct board_run *run) {
    const struct options *options = run->options;
    const struct board *board = options->board;
    for (size_t i = 0; i < 2 * options->pin_count; i++) {
        timeline_cancel(run->timeline, &run->pins[i].event);
    }
    set_rest_levels(run);
    // A button that the board says nothing about is released or pressed, never neither.
    for (size_t i = 0; i < options->pin_count; i++) {
        const struct pin_option *pin = &options->pins[i];
        int rest = rest_level(board, pin->pin);
        if (pin->at_ps == 0) {
            (void)chip_set_pin(run->chip, pin->pin, rest >= 0 ? rest : !pin->level);
        }
    }
}

// `since_ps`: when power came.
static void drive_pins(struct board_run *run, uint64_t since_ps) {
    const struct options *options = run->options;
    const struct board *board = options->board;
    for (size_t i = 0; i < options->pin_count; i++) {
        const struct pin_option *pin = &options->pins[i];
        if (pin->at_ps == 0) { // before the first instruction
            (void)chip_set_pin(run->chip, pin->pin, pin->level);
        } else {
            schedule_pin(run, &run->pins[2 * i], pin->pin, pin->level, since_ps + pin->at_ps);
        }
        uint64_t end_ps = end_of(pin->at_ps, pin->duration_ps);
        if (end_ps != TIME_NEVER && !pin_begins_at(options, pin->pin, end_ps)) {
            schedule_pin(run, &run->pins[2 * i + 1], pin->pin, rest_level(board, pin->pin),
                         since_ps + end_ps);
        }
    }
}

#define SUPPLY_MV 3300u

static void set_supply(void *ctx) {
    struct supply_event *event = ctx;
    chip_set_supply_mv(event->run->chip, event->mv);
}

static void schedule_supply(struct board_run *run, struct supply_event *event, unsigned mv,
                            uint64_t at_ps) {
    *event =
        (struct supply_event){.event = {.fire = set_supply, .ctx = event}, .run = run, .mv = mv};
    timeline_schedule(run->timeline, &event->event, at_ps);
}

static bool supply_begins_at(const struct options *options, uint64_t at_ps) {
    for (size_t i = 0; i < options->supply_count; i++) {
        if (options->supplies[i].at_ps == at_ps) {
            return true;
        }
    }
    return false;
}

static void drive_supply(struct board_run *run) {
    for (size_t i = 0; i < run->options->supply_count; i++) {
        const struct supply_option *supply = &run->options->supplies[i];
        if (supply->at_ps == 0) { // before power comes up
            chip_set_supply_mv(run->chip, supply->mv);
        } else {
            schedule_supply(run, &run->supplies[2 * i], supply->mv, supply->at_ps);
        }
        uint64_t end_ps = end_of(supply->at_ps, supply->duration_ps);
        if (end_ps != TIME_NEVER && !supply_begins_at(run->options, end_ps)) {
            schedule_supply(run, &run->supplies[2 * i + 1], SUPPLY_MV, end_ps);
        }
    }
}

static void move_cable(void *ctx) {
    struct cable_event *event = ctx;
    event->move(event->run->cable);
}

static void schedule_cable(struct board_run *run, struct cable_event *event,
                           void (*move)(struct cable *cable), uint64_t at_ps) {
    *event =
        (struct cable_event){.event = {.fire = move_cable, .ctx = event}, .run = run, .move = move};
    timeline_schedule(run->timeline, &event->event, at_ps);
}

static bool unplug_begins_at(const struct options *options, uint64_t at_ps) {
    for (size_t i = 0; i < options->unplug_count; i++) {
        if (options->unplugs[i].at_ps == at_ps) {
            return true;
        }
    }
    return false;
}

// The session plugs the cable in before time begins.
static void pull_cable(struct board_run *run) {
    const struct options *options = run->options;
    for (size_t i = 0; i < options->unplug_count; i++) {
        const struct unplug_option *unplug = &options->unplugs[i];
        schedule_cable(run, &run->cable_events[2 * i], cable_unplug, unplug->at_ps);
        uint64_t end_ps = end_of(unplug->at_ps, unplug->duration_ps);
        if (end_ps != TIME_NEVER && !unplug_begins_at(options, end_ps)) {
            schedule_cable(run, &run->cable_events[2 * i + 1], cable_plug, end_ps);
        }
    }
}

// --- a life ---------------------------------------------------------------------------------------

void board_run_init(struct board_run *run, const struct options *options, unsigned port,
                    bool is_alone, struct timeline *timeline) {
    *run = (struct board_run){.options = options, .timeline = timeline, .flash.fd = -1};
    (void)snprintf(run->name, sizeof run->name, "1-%u", port);
    trace_init(&run->trace, timeline);
    run->trace.board = is_alone ? NULL : run->name;
}

static bool make(struct board_run *run, struct usb_bus *bus) {
    const struct options *options = run->options;
    struct chip_wiring wiring = options->board->wiring;
    wiring.has_battery = options->has_battery;
    run->chip = chip_new(options->board->chip, &wiring, run->timeline, &run->trace);
    run->cable = cable_new_on(bus, &run->trace);
    run->pins = calloc(2 * options->pin_count + 1, sizeof *run->pins);
    run->supplies = calloc(2 * options->supply_count + 1, sizeof *run->supplies);
    run->cable_events = calloc(2 * options->unplug_count + 1, sizeof *run->cable_events);
    return run->chip && run->cable && run->pins && run->supplies && run->cable_events;
}

static bool listen_for_gdb(struct board_run *run) {
    struct tcp_place place = run->options->gdb.place;
    char why[512], sentence[600];
    run->gdb = gdb_new(run->chip, run->timeline);
    if (!run->gdb) {
        return fail(run, "out of memory");
    }
    if (!gdb_listen(run->gdb, &place, run->options->gdb.waits, why)) {
        (void)snprintf(sentence, sizeof sentence, "--gdb: %s", why);
        return fail(run, sentence);
    }
    const char *name = run->trace.board;
    (void)fprintf(stderr, "vboard: note: %s%sgdb may come to %s port %u%s\n", name ? name : "",
                  name ? ": " : "", place.address, place.port,
                  run->options->gdb.waits ? ", and the board waits for it" : "");
    return true;
}

bool board_run_prepare(struct board_run *run, struct usb_bus *bus) {
    const struct options *options = run->options;
    char why[512];
    if (!make(run, bus)) {
        return fail(run, "out of memory");
    }
    chip_set_uid(run->chip, options->uid);
    // --pin was read with the board's port letters; the chip may have fewer pins in its package.
    for (size_t i = 0; i < options->pin_count; i++) {
        if (!chip_set_pin(run->chip, options->pins[i].pin, -1)) {
            (void)snprintf(why, sizeof why, "--pin %s: no such pin on the %s", options->pins[i].pin,
                           options->board->chip->name);
            return fail(run, why);
        }
    }
    struct image_fault fault;
    if (!loads_read(&run->loads, options, run->chip, &fault)) {
        return fail(run, fault.text);
    }
    struct observe_config observing = {
        .options = options,
        .loads = &run->loads,
        .chip = run->chip,
        .cable = run->cable,
        .timeline = run->timeline,
        .trace = &run->trace,
    };
    run->observe = observe_new(&observing, why);
    if (!run->observe) {
        return fail(run, why);
    }
    if (options->has_gdb && !listen_for_gdb(run)) {
        return false;
    }
    return !options->flash_path ||
           flash_file_open(&run->flash, options->flash_path, chip_flash(run->chip),
                           options->board->chip->flash_bytes, why) ||
           fail(run, why);
}

bool board_run_open(struct board_run *run, FILE *trace, const struct console_screen *screen) {
    char why[512];
    run->trace.file = trace;
    return (observe_open(run->observe, why) &&
            consoles_open(&run->consoles, run->options, screen, run->chip, run->timeline,
                          &run->trace, why)) ||
           fail(run, why);
}

// Nothing in it yet: a chip from the factory.
static void fill_flash(struct board_run *run) {
    if (!run->options->flash_path) {
        memset(chip_flash(run->chip), 0xff, run->options->board->chip->flash_bytes);
    }
    chip_flash_changed(run->chip);
}

// The names are all that is wrong then, so the run goes on.
static void say_differences(const struct board_run *run) {
    const struct options *options = run->options;
    const char *name = run->trace.board;
    for (size_t i = 0; i < run->loads.count; i++) {
        uint32_t addr;
        if (loads_differ(&run->loads, i, chip_flash(run->chip), options->board->chip->flash_bytes,
                         &addr)) {
            (void)fprintf(stderr,
                          "vboard: note: %s%ssymbols of %s do not match what flash holds at "
                          "0x%08X; names and calls go by address\n",
                          name ? name : "", name ? ": " : "", options->loads[i].path, addr);
        }
    }
}

bool board_run_start(struct board_run *run) {
    const struct options *options = run->options;
    run->trace.complaints = stderr;
    chip_set_symbolizer(run->chip, loads_symbol, &run->loads);
    if (options->board->usb == BOARD_OTG_HS) {
        chip_connect_otg_hs(run->chip, cable_connect_device(run->cable, chip_otg_hs(run->chip)));
    } else {
        chip_connect_otg_fs(run->chip, cable_connect_device(run->cable, chip_otg_fs(run->chip)));
    }
    chip_set_flash_times(run->chip, options->maximum_flash_times);
    if (options->has_transfer_cost) {
        cable_set_transfer_cost(run->cable, options->transfer_cost_ps);
    }
    fill_flash(run);
    set_rest_levels(run);
    drive_pins(run, 0);
    drive_supply(run);
    pull_cable(run);
    // Before power comes up, because the processor takes its vectors then; and once more, because
    // power leaves SRAM undefined, and a --load may go there.
    cut_arm(&run->cut, run->chip, &run->trace, &options->cut);
    bool is_loaded = loads_poke(&run->loads, run->chip);
    chip_power_on(run->chip);
    if (!is_loaded || !loads_poke(&run->loads, run->chip)) {
        return fail(run, "a file could not be put into memory");
    }
    say_differences(run);
    observe_start(run->observe);
    return true;
}

void board_run_power_off(struct board_run *run) {
    chip_power_off(run->chip);
}

void board_run_power_on(struct board_run *run, bool as_asked) {
    rest_pins(run);
    if (as_asked) {
        drive_pins(run, timeline_now(run->timeline));
    }
    chip_power_on(run->chip);
}

void board_run_let_go(struct board_run *run) {
    rest_pins(run);
}

// A cut that was asked for and never came would pass for one that did no harm.
bool board_run_check_cut(const struct board_run *run) {
    const struct cut_when *asked = &run->options->cut;
    const struct cut *cut = &run->cut;
    if (asked->kind == CUT_NONE || cut->has_happened) {
        return true;
    }
    char why[160];
    (void)snprintf(why, sizeof why,
                   "--cut %s:%" PRIu64 " did not happen: the run ended after %" PRIu64 " %s%s",
                   asked->kind == CUT_FLASH ? "flash" : "insn", asked->number, cut_passed(cut),
                   cut_unit(cut), cut_passed(cut) == 1 ? "" : "s");
    return fail(run, why);
}

bool board_run_end(struct board_run *run) {
    char why[512];
    bool ok = true;
    // While the trace is open and the flash is there.
    if (!observe_end(run->observe, why)) {
        ok = fail(run, why);
    }
    if (run->flash.fd >= 0 && !flash_file_save(&run->flash, chip_flash(run->chip), why)) {
        ok = fail(run, why);
    }
    if (!consoles_close(&run->consoles, why)) {
        ok = fail(run, why);
    }
    return ok;
}

// What was still to come; timeline_free() looks at each event that is in its queue.
static void cancel_events(struct board_run *run) {
    for (size_t i = 0; run->pins && i < 2 * run->options->pin_count; i++) {
        timeline_cancel(run->timeline, &run->pins[i].event);
    }
    for (size_t i = 0; run->supplies && i < 2 * run->options->supply_count; i++) {
        timeline_cancel(run->timeline, &run->supplies[i].event);
    }
    for (size_t i = 0; run->cable_events && i < 2 * run->options->unplug_count; i++) {
        timeline_cancel(run->timeline, &run->cable_events[i].event);
    }
}

void board_run_free(struct board_run *run) {
    char why[512];
    cancel_events(run);
    flash_file_close(&run->flash);
    (void)consoles_close(&run->consoles, why); // what is open still was never written to
    observe_free(run->observe);
    gdb_free(run->gdb);
    cable_free(run->cable);
    chip_free(run->chip);
    loads_free(&run->loads);
    free(run->pins);
    free(run->supplies);
    free(run->cable_events);
    trace_free(&run->trace);
}

// --- snapshots ------------------------------------------------------------------------------------

// What is still to be done to the board, as the options say, goes back in time with it.
void board_run_visit(void *ctx, const struct memory_visitor *visitor) {
    struct board_run *run = ctx;
    const struct options *options = run->options;
    visitor->memory(visitor->ctx, run->pins, 2 * options->pin_count * sizeof *run->pins);
    visitor->memory(visitor->ctx, run->supplies, 2 * options->supply_count * sizeof *run->supplies);
    visitor->memory(visitor->ctx, run->cable_events,
                    2 * options->unplug_count * sizeof *run->cable_events);
}

void board_run_restored(void *ctx) {
    const struct board_run *run = ctx;
    observe_restored(run->observe);
}
