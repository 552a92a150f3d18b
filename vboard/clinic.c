// SPDX-License-Identifier: MIT
//
// The host's end of the cable: attaching, waiting, the person's Ctrl-C; and the words of the conformance suite.

#include "vboard/clinic.h"

#include <signal.h>
#include <stdio.h>

#include "doctor/conformance/conformance.h"
#include "vboard/clinic_internal.h"
#include "vboard/host/command.h"

// Attaching, debouncing and enumerating, tries included.
#define ENUMERATE_PS (30 * PS_PER_S)
#define ROUND_PS     (10 * PS_PER_MS)
#define EXIT_FAULTS  1

static void ready(void *ctx, const struct usb_device *device) {
    (void)device;
    struct clinic *clinic = ctx;
    clinic->has_device = true;
    timeline_stop(clinic->board->timeline);
}

static void gone(void *ctx) {
    struct clinic *clinic = ctx;
    clinic->has_device = false;
    clinic->detached_us = timeline_now(clinic->board->timeline) / PS_PER_US;
}

static void failed(void *ctx, const char *why) {
    struct clinic *clinic = ctx;
    clinic->has_failed = true;
    (void)snprintf(clinic->why, sizeof clinic->why, "%s", why);
    timeline_stop(clinic->board->timeline);
}

// The signals that session_prepare() has blocked: a person wants the end.
static int pending_signal(void) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t pending;
    if (sigpending(&pending) == 0) {
        for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            if (sigismember(&pending, ends[i]) > 0) {
                return ends[i];
            }
        }
    }
    return 0;
}

bool clinic_is_interrupted(void) {
    return pending_signal() != 0;
}

int clinic_signal_status(void) {
    return EXIT_SIGNALLED_BASE + pending_signal();
}

void clinic_wait(struct clinic *clinic, uint64_t ps) {
    struct timeline *timeline = clinic->board->timeline;
    uint64_t until_ps = timeline_now(timeline) + ps;
    clinic->has_ended = false;
    do {
        uint64_t next_ps = timeline_now(timeline) + ROUND_PS;
        (void)timeline_run(timeline, next_ps < until_ps ? next_ps : until_ps);
    } while (!clinic->has_ended && timeline_now(timeline) < until_ps && !clinic_is_interrupted());
}

bool clinic_wait_for_device(struct clinic *clinic, uint64_t ps) {
    uint64_t until_ps = timeline_now(clinic->board->timeline) + ps;
    while (!clinic->has_device && !clinic->has_failed && !clinic_is_interrupted() &&
           timeline_now(clinic->board->timeline) < until_ps) {
        clinic_wait(clinic, ROUND_PS);
    }
    return clinic->has_device;
}

static void run(void *ctx, uint64_t ps) {
    clinic_wait(ctx, ps);
}

static bool is_over(void *ctx) {
    (void)ctx;
    return clinic_is_interrupted();
}

// -- The suite's words

static bool report(void *ctx, const struct conformance_result *result) {
    const struct clinic *clinic = ctx;
    if (result->verdict == CONFORMANCE_HELD && !clinic->board->options->shows_all) {
        return !clinic_is_interrupted();
    }
    (void)printf("%-8s %s\n", conformance_verdict_name(result->verdict), result->id);
    (void)printf("         %s: expected %s; seen: %s\n", result->clause, result->expected,
                 result->seen);
    return !clinic_is_interrupted();
}

static int put_suite(struct clinic *clinic) {
    const struct conformance_options options = {
        .report = report, .ctx = clinic, .allows_upsetting = true, .allows_leaving = true};
    struct conformance_summary summary = conformance_run(&clinic->device, &options);
    const unsigned *count = summary.count;
    unsigned all = 0;
    for (unsigned i = 0; i < CONFORMANCE_VERDICTS; i++) {
        all += count[i];
    }
    if (summary.why) {
        (void)printf("The suite did not come to its end: %s.\n", summary.why);
    }
    (void)printf("%u assertions: %u held, %u departures by name, %u failed, %u untried\n", all,
                 count[CONFORMANCE_HELD], count[CONFORMANCE_DEPARTS], count[CONFORMANCE_FAILED],
                 count[CONFORMANCE_UNTRIED]);
    if (clinic_is_interrupted()) {
        return clinic_signal_status();
    }
    return summary.why && all == 0          ? EXIT_VBOARD_FAILED
           : count[CONFORMANCE_FAILED] != 0 ? EXIT_FAULTS
                                            : 0;
}

// RM0090 7.3.10, 7.3.11.
#define RCC_AHB1ENR  0x40023830u
#define RCC_AHB2ENR  0x40023834u
#define AHB1_OTGHSEN (1u << 29)
#define AHB2_OTGFSEN (1u << 7)

// Often the firmware uses the other core.
static void say_nothing_came(const struct board_run *board) {
    bool is_hs = board->options->board->usb == BOARD_OTG_HS;
    bool uses_hs = chip_peek_register(board->chip, RCC_AHB1ENR) & AHB1_OTGHSEN;
    bool uses_fs = chip_peek_register(board->chip, RCC_AHB2ENR) & AHB2_OTGFSEN;
    const char *hint = "does the firmware need a button held (--pin) or another --board?";
    if (is_hs != uses_hs && uses_hs != uses_fs) {
        hint = uses_hs
                   ? "the firmware has switched OTG_HS on, and this board's connector is on OTG_FS "
                     "(--board stm32f407-hs, stm32f407-ulpi)"
                   : "the firmware has switched OTG_FS on, and this board's connector is on OTG_HS "
                     "(--board stm32f4-discovery)";
    }
    (void)fprintf(stderr, "vboard: no USB device attached within 30 s of power-on: %s\n", hint);
}

// The USB core itself came to grief.
static bool has_trouble(const struct clinic *clinic) {
    struct chip_usb_trouble trouble = chip_usb_trouble(clinic->board->chip);
    return trouble.was_stopped_asleep || trouble.has_dma_missed;
}

int clinic_run(struct board_run *board, const struct clinic_app *app, FILE *page) {
    struct clinic clinic = {.board = board, .app = app, .page = page};
    const struct enumerate_listener listener = {
        .ctx = &clinic, .ready = ready, .gone = gone, .failed = failed};
    clinic.enumerator = enumerator_new(board->timeline, board->cable, &board->trace, &listener);
    if (!clinic.enumerator) {
        (void)fputs("vboard: out of memory\n", stderr);
        return EXIT_VBOARD_FAILED;
    }
    clinic.host = (struct cable_device){.ctx = &clinic,
                                        .timeline = board->timeline,
                                        .cable = board->cable,
                                        .enumerator = clinic.enumerator,
                                        .has_ended = &clinic.has_ended,
                                        .run = run,
                                        .is_over = is_over};
    clinic.device = cable_device_of(&clinic.host);
    if (!board->options->is_conformance && !board->options->shows_all) {
        board->trace.complaints = NULL; // the findings say what matters of it
    }
    cable_plug(board->cable);
    int status = EXIT_VBOARD_FAILED;
    if (clinic_wait_for_device(&clinic, ENUMERATE_PS)) {
        status = board->options->is_conformance ? put_suite(&clinic)
                 : board->options->is_outside   ? clinic_look_outside(&clinic)
                                                : clinic_look_inside(&clinic);
    } else if (clinic_is_interrupted()) {
        status = clinic_signal_status();
    } else if (!board->options->is_conformance && !board->options->is_outside &&
               (clinic.has_failed || has_trouble(&clinic))) {
        status = clinic_look_inside(&clinic); // which says what it is
    } else if (clinic.has_failed) {
        (void)fprintf(stderr, "vboard: the board's USB device did not enumerate: %s\n", clinic.why);
    } else {
        say_nothing_came(board);
    }
    bool is_written = !page || (fflush(page) == 0 && !ferror(page));
    is_written = (!page || fclose(page) == 0) && is_written;
    if (!is_written) {
        (void)fprintf(stderr, "vboard: %.300s: the page could not be written\n",
                      board->options->html_path);
        status = EXIT_VBOARD_FAILED;
    }
    enumerator_free(clinic.enumerator);
    return status;
}
