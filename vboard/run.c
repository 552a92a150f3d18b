// SPDX-License-Identifier: MIT
//
// Puts boards together on one clock and one USB bus, runs them and puts them away. All that can be refused
// is refused before any board has power; whatever happens afterwards, flash is saved.

#include "vboard/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/bench.h"
#include "vboard/clinic.h"
#include "vboard/board_run.h"
#include "vboard/host/command.h"
#include "vboard/host/control.h"
#include "vboard/host/local_socket.h"
#include "vboard/host/serve.h"
#include "vboard/host/session.h"
#include "vboard/view/view.h"

struct run {
    const struct options *options; // the first board's
    struct timeline timeline;
    struct usb_bus *bus;
    struct board_run boards[OPTIONS_BOARDS_MAX];
    unsigned board_count;
    FILE *trace;
    char command_path[4096];
    char preload[4096];
    struct serve_config serve_config;
    struct serve *serve; // vboard serve
    int control_fd;      // vboard run --socket
    struct control *control;
    struct bench bench;
    struct view *view; // NULL without --view
    struct console_screen screens[OPTIONS_BOARDS_MAX];
    struct clinic_app app; // vboard doctor
    FILE *page;            // its --html
};

static int fail(const char *sentence) {
    (void)fprintf(stderr, "vboard: %s\n", sentence);
    return EXIT_VBOARD_FAILED;
}

static bool open_trace(struct run *run, char why[512]) {
    const char *path = run->options->trace_path;
    if (path) {
        run->trace = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
        (void)snprintf(why, 512, "%.300s: %s", path, strerror(errno));
    }
    return !path || run->trace;
}

static bool close_trace(struct run *run) {
    if (!run->trace) {
        return true;
    }
    bool ok = fflush(run->trace) == 0 && !ferror(run->trace);
    return (run->trace == stdout || fclose(run->trace) == 0) && ok;
}

// What a person does to the board, the only one.
static void prepare_bench(struct run *run) {
    struct board_run *board = &run->boards[0];
    run->bench = (struct bench){
        .board = run->options->board,
        .timeline = &run->timeline,
        .trace = &board->trace,
        .chip = board->chip,
        .cable = board->cable,
        .serve = run->serve,
        .cut = &board->cut,
        .more = board_run_visit,
        .restored = board_run_restored,
        .ctx = board,
    };
}

static bool prepare_control(struct run *run, char why[512]) {
    if (!run->options->control_path) {
        return true;
    }
    prepare_bench(run);
    run->control_fd = local_socket_listen(run->options->control_path, why);
    if (run->control_fd < 0) {
        return false;
    }
    run->control = control_new(run->control_fd, bench_do, &run->bench);
    if (!run->control) {
        (void)snprintf(why, 512, "out of memory");
    }
    return run->control != NULL;
}

// vboard serve runs one board.
static bool prepare_serve(struct run *run, char why[512]) {
    const struct options *options = run->options;
    struct board_run *board = &run->boards[0];
    run->serve_config = (struct serve_config){
        .timeline = &run->timeline,
        .trace = &board->trace,
        .cable = board->cable,
        .gdb = board->gdb,
        .usbredir_path = options->usbredir_path,
        .usbip = options->has_usbip ? &options->usbip : NULL,
        .control_path = options->control_path,
        .pace_times = options->pace_times,
        .has_limit = options->has_limit,
        .limit_ps = options->limit_ps,
        .look = run->view ? view_look : NULL,
        .look_ctx = run->view,
        .act = bench_do,
        .ctx = &run->bench,
    };
    run->serve = serve_new(&run->serve_config, why);
    prepare_bench(run);
    return run->serve != NULL;
}

// "--report FILE", which makes FILE the COMMAND.
static bool is_report_file(const struct options *first) {
    bool is_bare = false;
    for (const struct options *board = first; board; board = board->next) {
        is_bare = is_bare || board->is_report_before_command;
    }
    return is_bare;
}

static int find_command(struct run *run) {
    char why[512];
    int status = command_find(run->options->command[0], run->command_path, why);
    if (status != 0) {
        if (status == EXIT_NOT_FOUND && is_report_file(run->options)) {
            (void)snprintf(why, sizeof why,
                           "%.200s: command not found; a report goes to a file by --report=%.200s",
                           run->options->command[0], run->options->command[0]);
        }
        (void)fail(why);
        return status;
    }
    if (command_is_static(run->command_path)) {
        (void)fprintf(stderr,
                      "vboard: note: %.300s is linked statically, and cannot see the board: that "
                      "takes a library put into it (LD_PRELOAD)\n",
                      run->options->command[0]);
    }
    return command_find_preload(run->preload, why) ? 0 : fail(why);
}

static int prepare_boards(struct run *run) {
    for (unsigned i = 0; i < run->board_count; i++) {
        if (!board_run_prepare(&run->boards[i], run->bus)) {
            return EXIT_VBOARD_FAILED;
        }
    }
    return 0;
}

static bool prepare_view(struct run *run, char why[512]) {
    const struct options *options = run->options;
    run->view = view_new(run->board_count, &run->timeline,
                         options->command ? options->command[0] : NULL, why);
    for (unsigned i = 0; run->view && i < run->board_count; i++) {
        const struct board_run *board = &run->boards[i];
        view_board(run->view, i,
                   &(struct view_board){.name = board->trace.board,
                                        .board = board->options->board,
                                        .chip = board->chip,
                                        .cable = board->cable,
                                        .loads = &board->loads,
                                        .observe = board->observe,
                                        .trace = &board->trace});
        run->screens[i].output = view_console(run->view, i, true);
        run->screens[i].shown = view_console(run->view, i, false);
        if (!run->screens[i].output || !run->screens[i].shown) {
            (void)snprintf(why, 512, "out of memory");
            return false;
        }
    }
    return run->view != NULL;
}

// Last of the files, since opening them empties them. That none of them is another one, options_read()
// has seen to.
static int open_outputs(struct run *run) {
    char why[512];
    if (!clinic_open_page(run->options, &run->page, why)) {
        return fail(why);
    }
    if (!open_trace(run, why)) {
        return fail(why);
    }
    for (unsigned i = 0; i < run->board_count; i++) {
        const struct console_screen *screen = run->view ? &run->screens[i] : NULL;
        if (!board_run_open(&run->boards[i], run->trace, screen)) {
            return EXIT_VBOARD_FAILED;
        }
    }
    return 0;
}

// Everything that may be refused.
static int prepare(struct run *run) {
    run->bus = usb_bus_new(&run->timeline);
    if (!run->bus) {
        return fail("out of memory");
    }
    int status = run->options->command ? find_command(run) : 0;
    if (status == 0) {
        status = prepare_boards(run);
    }
    char why[512];
    if (status == 0 && run->options->has_view && !prepare_view(run, why)) {
        status = fail(why);
    }
    struct image_fault fault;
    if (status == 0 && !clinic_read_app(run->options, &run->app, &fault)) {
        status = fail(fault.text);
    }
    if (status == 0) {
        status = open_outputs(run);
    }
    if (status != 0) {
        return status;
    }
    if (run->options->is_serve) {
        return prepare_serve(run, why) ? 0 : fail(why);
    }
    if (!prepare_control(run, why)) {
        return fail(why);
    }
    return session_prepare() ? 0 : fail("cannot watch for signals");
}

// Without a COMMAND the exit status is the program's own, if it gave one by semihosting.
static int program_status(const struct run *run, int status) {
    for (unsigned i = 0; i < run->board_count && status == 0 && !run->options->command; i++) {
        status = run->boards[i].consoles.semihosting.status;
    }
    return status;
}

static int go(struct run *run) {
    const struct options *options = run->options;
    struct session_port ports[OPTIONS_BOARDS_MAX];
    for (unsigned i = 0; i < run->board_count; i++) {
        struct board_run *board = &run->boards[i];
        if (!board_run_start(board)) {
            return EXIT_VBOARD_FAILED;
        }
        ports[i] = (struct session_port){.cable = board->cable,
                                         .trace = &board->trace,
                                         .gdb = board->gdb,
                                         .has_ended = &board->consoles.semihosting.has_ended};
    }
    char why[512];
    if (run->view && !view_start(run->view, why)) {
        return fail(why);
    }
    if (run->serve) {
        return serve_run(run->serve);
    }
    if (options->is_doctor) {
        FILE *page = run->page;
        run->page = NULL;
        return clinic_run(&run->boards[0], &run->app, page);
    }
    struct session_config config = {
        .timeline = &run->timeline,
        .ports = ports,
        .port_count = run->board_count,
        .is_fast = options->pace == PACE_FAST,
        .pace_times = options->pace_times,
        .has_limit = options->has_limit,
        .limit_ps = options->limit_ps,
        .command = options->command,
        .command_path = run->command_path,
        .preload = run->preload,
        .control = run->control,
        .look = run->view ? view_look : NULL,
        .look_ctx = run->view,
        .command_output = run->view ? view_command_output(run->view) : -1,
    };
    return program_status(run, session_run(&config));
}

static int put_away(struct run *run, int status) {
    char why[512];
    // A cut that vboard ctl asked for took the option's place.
    bool is_cut_due = status != EXIT_VBOARD_FAILED && !run->bench.has_cut;
    for (unsigned i = 0; i < run->board_count; i++) {
        if (is_cut_due && !board_run_check_cut(&run->boards[i])) {
            status = EXIT_VBOARD_FAILED;
        }
    }
    for (unsigned i = 0; i < run->board_count; i++) {
        if (!board_run_end(&run->boards[i])) {
            status = EXIT_VBOARD_FAILED;
        }
    }
    if (!close_trace(run)) {
        (void)snprintf(why, sizeof why, "%.300s: the trace could not be written",
                       run->options->trace_path);
        status = fail(why);
    }
    return status;
}

int run_boards(const struct options *options) {
    struct run *run = calloc(1, sizeof *run);
    if (!run) {
        return fail("out of memory");
    }
    run->options = options;
    run->control_fd = -1;
    timeline_init(&run->timeline);
    for (const struct options *board = options; board; board = board->next) {
        unsigned at = run->board_count++;
        board_run_init(&run->boards[at], board, at + 1, !options->next, &run->timeline);
    }
    int status = prepare(run);
    if (status == 0) {
        status = go(run);
        // A guest that is still there is parted from now, which the trace tells.
        serve_free(run->serve);
        run->serve = NULL;
        view_end(run->view);
        status = put_away(run, status);
    } else {
        (void)close_trace(run);
    }
    control_free(run->control);
    local_socket_close(run->control_fd, options->control_path);
    bench_free(&run->bench);
    free(run->app.bytes);
    if (run->page) {
        (void)fclose(run->page); // empty: nothing came of it
    }
    serve_free(run->serve);
    for (unsigned i = 0; i < run->board_count; i++) {
        board_run_free(&run->boards[i]);
    }
    view_free(run->view);
    usb_bus_free(run->bus);
    timeline_free(&run->timeline);
    free(run);
    return status;
}
