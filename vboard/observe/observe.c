// SPDX-License-Identifier: MIT
//
// Hands what the chip and the cable tell to those who asked, and lets them say it at the end. What
// is said unasked is decided here: where a processor is that nothing will get on.

#include "vboard/observe/observe.h"

#include <stdio.h>
#include <stdlib.h>

#include "vboard/observe/pcap.h"
#include "vboard/observe/report.h"
#include "vboard/observe/stack.h"
#include "vboard/observe/stuck.h"
#include "vboard/observe/vcd.h"
#include "vboard/observe/watch.h"

struct observe {
    struct observe_config config;
    struct stuck *stuck;
    struct usb_count usb;
    struct watch *watch;       // NULL without --watch
    struct pcap *pcap;         // NULL without --pcap
    struct vcd *vcd;           // NULL without --vcd
    struct run_report *report; // NULL without --report
    struct stack *stack;       // the same
    struct chip_observer also; // observe_also()
};

// --- what the chip tells --------------------------------------------------------------------------

static void marked(void *ctx, uint32_t addr) {
    const struct observe *observe = ctx;
    if (observe->watch) {
        watch_marked(observe->watch, addr);
    }
    if (observe->also.marked) {
        observe->also.marked(observe->also.ctx, addr);
    }
}

static void exception(void *ctx, unsigned number, bool enter) {
    const struct observe *observe = ctx;
    if (!enter && observe->watch) {
        watch_exception_left(observe->watch);
    }
    if (enter && observe->report) {
        run_report_exception(observe->report, number);
        stack_look(observe->stack);
    }
}

static void vector_table(void *ctx, uint32_t addr) {
    const struct observe *observe = ctx;
    if (observe->report) {
        run_report_vector_table(observe->report, addr);
    }
    if (observe->also.vector_table) {
        observe->also.vector_table(observe->also.ctx, addr);
    }
}

static void reset(void *ctx, const char *cause) {
    const struct observe *observe = ctx;
    stuck_reset(observe->stuck);
    if (observe->watch) {
        watch_reset(observe->watch);
    }
    if (observe->report) {
        run_report_reset(observe->report, cause);
    }
    if (observe->also.reset) {
        observe->also.reset(observe->also.ctx, cause);
    }
}

static void pin(void *ctx, unsigned port, unsigned number, int level) {
    const struct observe *observe = ctx;
    if (observe->vcd) {
        vcd_pin(observe->vcd, port, number, level);
    }
}

static void flash(void *ctx, const struct chip_flash_news *news) {
    const struct observe *observe = ctx;
    if (observe->also.flash) {
        observe->also.flash(observe->also.ctx, news);
    }
}

void observe_also(struct observe *observe, const struct chip_observer *also) {
    observe->also = also ? *also : (struct chip_observer){0};
}

// --- what the cable tells -------------------------------------------------------------------------

static void submitted(void *ctx, const struct cable_transfer *transfer) {
    const struct observe *observe = ctx;
    if (observe->pcap) {
        pcap_submitted(observe->pcap, transfer);
    }
}

static void ended(void *ctx, const struct cable_transfer *transfer) {
    struct observe *observe = ctx;
    usb_count_ended(&observe->usb, transfer);
    if (observe->pcap) {
        pcap_ended(observe->pcap, transfer);
    }
}

// --- a run ----------------------------------------------------------------------------------------

struct observe *observe_new(const struct observe_config *config, char why[512]) {
    struct observe *observe = calloc(1, sizeof *observe);
    if (!observe) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    observe->config = *config;
    observe->stuck = stuck_new(config->chip, config->loads, config->timeline);
    if (!observe->stuck) {
        (void)snprintf(why, 512, "out of memory");
        observe_free(observe);
        return NULL;
    }
    const struct options *options = config->options;
    if (options->watch_count > 0) {
        observe->watch = watch_new(options, config->loads, config->chip, config->timeline, why);
        if (!observe->watch) {
            observe_free(observe);
            return NULL;
        }
    }
    bool has_exceptions = observe->watch || options->has_report;
    chip_observe(config->chip, &(struct chip_observer){
                                   .ctx = observe,
                                   .marked = marked,
                                   .exception = has_exceptions ? exception : NULL,
                                   .vector_table = vector_table,
                                   .reset = reset,
                                   .pin = options->vcd_path ? pin : NULL,
                                   .flash = options->is_doctor ? flash : NULL,
                               });
    cable_tap(config->cable,
              &(struct cable_tap){.ctx = observe, .submitted = submitted, .ended = ended});
    return observe;
}

static bool open_report(struct observe *observe, char why[512]) {
    const struct observe_config *config = &observe->config;
    observe->stack = stack_new(config->chip, config->loads, config->timeline, config->trace);
    if (!observe->stack) {
        (void)snprintf(why, 512, "out of memory");
        return false;
    }
    observe->report = run_report_new(config->options, config->loads, config->chip, config->timeline,
                                     config->trace, why);
    return observe->report != NULL;
}

bool observe_open(struct observe *observe, char why[512]) {
    const struct options *options = observe->config.options;
    if (options->pcap_path) {
        observe->pcap =
            pcap_new(options->pcap_path, options->board->name, observe->config.timeline, why);
        if (!observe->pcap) {
            return false;
        }
    }
    if (options->vcd_path) {
        observe->vcd = vcd_new(options->vcd_path, options->board, observe->config.chip,
                               observe->config.timeline, why);
        if (!observe->vcd) {
            return false;
        }
    }
    return !options->has_report || open_report(observe, why);
}

void observe_start(struct observe *observe) {
    if (observe->report) {
        run_report_start(observe->report);
    }
}

void observe_restored(struct observe *observe) {
    stuck_reset(observe->stuck);
    if (observe->watch) {
        watch_restored(observe->watch);
    }
}

static bool has_device(const struct observe *observe) {
    return observe->usb.is_configured && cable_is_attached(observe->config.cable);
}

// A healthy firmware may well wait for something, but not for ever for a register while a host
// waits for its device.
static bool is_worth_a_note(const struct observe *observe, enum stuck_kind kind) {
    switch (kind) {
    case STUCK_FAULT:
    case STUCK_LOCKED_UP:
        return true;
    case STUCK_WAITING_LONG:
        return !has_device(observe);
    case STUCK_WAITING:
    case STUCK_SPINNING:
        return observe->config.options->command && observe->usb.configurations == 0;
    default:
        return false;
    }
}

static bool is_report_on_stderr(const struct observe *observe) {
    return observe->report && !observe->config.options->report_path;
}

// For the report, and by itself if it is worth a note.
// What a line to a person begins with: "vboard: note: ", with the board's name among several.
#define PREFIX_MAX 40u
static const char *prefix(const struct observe *observe, const char *word, char text[PREFIX_MAX]) {
    const char *name = observe->config.trace->board;
    (void)snprintf(text, PREFIX_MAX, "vboard: %s: %s%s", word, name ? name : "", name ? ": " : "");
    return text;
}

static void say_where(struct observe *observe, char text[STUCK_TEXT_MAX]) {
    text[0] = '\0';
    if (!observe->report && has_device(observe) && !stuck_is_faulty(observe->stuck)) {
        return; // nothing would be said
    }
    enum stuck_kind kind = stuck_look(observe->stuck, text);
    if (kind == STUCK_LOCKED_UP && trace_complaints(observe->config.trace, "empty-flash") > 0) {
        (void)snprintf(text, STUCK_TEXT_MAX, "has nothing to run: flash is empty at its start");
        return; // the complaint said so
    }
    if (kind == STUCK_LOCKED_UP && trace_complaints(observe->config.trace, "no-vector-table") > 0) {
        (void)snprintf(text, STUCK_TEXT_MAX,
                       "has nothing to run: flash begins with no vector table");
        return;
    }
    if (is_worth_a_note(observe, kind) && !is_report_on_stderr(observe)) {
        char start[PREFIX_MAX];
        (void)fprintf(stderr, "%sthe processor %s\n", prefix(observe, "note", start), text);
    }
}

bool observe_end(struct observe *observe, char why[512]) {
    char text[STUCK_TEXT_MAX];
    bool is_written = true;
    if (observe->watch) {
        char start[PREFIX_MAX];
        watch_say(observe->watch, is_report_on_stderr(observe) ? NULL : stderr,
                  prefix(observe, "watch", start), observe->config.trace);
    }
    say_where(observe, text);
    if (observe->report) {
        is_written = run_report_end(observe->report, &observe->usb, observe->watch, text, why);
    }
    if (observe->pcap) {
        is_written = pcap_end(observe->pcap, why) && is_written;
    }
    if (observe->vcd) {
        is_written = vcd_end(observe->vcd, why) && is_written;
    }
    return is_written;
}

const struct usb_count *observe_usb(const struct observe *observe) {
    return &observe->usb;
}

void observe_free(struct observe *observe) {
    if (!observe) {
        return;
    }
    chip_observe(observe->config.chip, NULL);
    cable_tap(observe->config.cable, NULL);
    watch_free(observe->watch);
    pcap_free(observe->pcap);
    vcd_free(observe->vcd);
    run_report_free(observe->report);
    stack_free(observe->stack);
    stuck_free(observe->stuck);
    free(observe);
}
