// SPDX-License-Identifier: MIT
//
// The terminal: taken, drawn on, and given back whatever happens. What stands where is screen.c's.

#include "vboard/view/view.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vboard/view/kept.h"
#include "vboard/view/screen.h"
#include "vboard/view/terminal.h"

#define DRAW_NS         100000000u
#define DRAINED_AT_ONCE 65536u // a COMMAND that never stops writing does not stop the board

struct console_stream {
    struct view *view;
    unsigned board;
    bool is_kept;
    FILE *file;
};

struct shown_board {
    struct view_board about;
    struct map map;
    struct pane console;
    struct console_stream streams[2];
    unsigned stream_count;
};

struct view {
    const struct timeline *timeline;
    const char *command_name;
    SCREEN *terminal; // NULL: not taken
    bool has_colours;
    struct kept output;
    int old_stderr;      // a terminal; -1: standard error stays where it is
    struct kept notes;   // what goes to standard error instead
    uint64_t notes_read; // of it, into the pane
    int command_master, command_slave;
    struct pane command_pane, notes_pane;
    uint64_t drawn_ns;
    unsigned current;
    unsigned board_count;
    struct shown_board boards[];
};

// --- giving the terminal back from a signal ----------------------------------------------------------

// What a handler needs, since it may call little (signal-safety(7)): ncurses' own endwin() is not among it.
static struct {
    struct view *view; // that has the terminal
    struct termios modes;
    char leave[TERMINAL_LEAVE_MAX];
    struct sigaction old[NSIG];
} rescue;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGTRAP, SIGSYS};
#define FATAL_COUNT (sizeof fatal / sizeof fatal[0])

static void write_kept(struct view *view) {
    kept_write(&view->output, STDOUT_FILENO);
    if (view->old_stderr >= 0) {
        (void)dup2(view->old_stderr, STDERR_FILENO);
        kept_write(&view->notes, STDERR_FILENO);
    }
}

static void give_back_and_die(int number) {
    (void)!write(STDOUT_FILENO, rescue.leave, strlen(rescue.leave));
    (void)tcsetattr(STDOUT_FILENO, TCSANOW, &rescue.modes);
    write_kept(rescue.view);
    // As without a view: the fault happens again, or the signal comes again.
    (void)sigaction(number, &rescue.old[number], NULL);
    (void)raise(number);
}

static void guard(struct view *view) {
    rescue.view = view;
    terminal_leave(rescue.leave);
    struct sigaction action = {.sa_handler = give_back_and_die};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        (void)sigaction(fatal[i], &action, &rescue.old[fatal[i]]);
    }
}

static void unguard(void) {
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        (void)sigaction(fatal[i], &rescue.old[fatal[i]], NULL);
    }
    rescue.view = NULL;
}

// --- a life -------------------------------------------------------------------------------------------

struct view *view_new(unsigned count, const struct timeline *timeline, const char *command,
                      char why[512]) {
    if (!isatty(STDOUT_FILENO)) {
        (void)snprintf(
            why, 512,
            "--view: standard output is no terminal, and a view needs one; without --view "
            "there are --trace, --report and --uart");
        return NULL;
    }
    const char *name = getenv("TERM");
    if (!terminal_is_known()) {
        (void)snprintf(why, 512,
                       "--view: %s%.40s%s; set TERM to what the terminal is, as xterm or vt100",
                       name ? "no terminal of the kind '" : "TERM is not set", name ? name : "",
                       name ? "' is known" : "");
        return NULL;
    }
    if (!terminal_can_draw()) {
        (void)snprintf(why, 512,
                       "--view: a terminal of the kind '%.40s' cannot move its cursor; set TERM to "
                       "what the terminal is, as xterm or vt100",
                       name);
        return NULL;
    }
    struct view *view = calloc(1, sizeof *view + count * sizeof view->boards[0]);
    if (!view) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    view->timeline = timeline;
    view->command_name = command;
    view->board_count = count;
    view->output.fd = view->notes.fd = view->old_stderr = -1;
    view->command_master = view->command_slave = -1;
    if (!kept_open(&view->output) || !kept_open(&view->notes)) {
        (void)snprintf(why, 512, "--view: %s", strerror(errno));
        view_free(view);
        return NULL;
    }
    return view;
}

static ssize_t console_write(void *cookie, const char *bytes, size_t len) {
    const struct console_stream *stream = cookie;
    pane_add(&stream->view->boards[stream->board].console, bytes, len);
    if (stream->is_kept) {
        kept_add(&stream->view->output, bytes, len);
    }
    return (ssize_t)len;
}

FILE *view_console(struct view *view, unsigned board, bool is_kept) {
    struct shown_board *shown = &view->boards[board];
    struct console_stream *stream = &shown->streams[shown->stream_count];
    *stream = (struct console_stream){.view = view, .board = board, .is_kept = is_kept};
    stream->file = fopencookie(stream, "w", (cookie_io_functions_t){.write = console_write});
    if (stream->file) {
        (void)setvbuf(stream->file, NULL, _IONBF, 0);
        shown->stream_count++;
    }
    return stream->file;
}

void view_board(struct view *view, unsigned board, const struct view_board *about) {
    view->boards[board].about = *about;
}

static bool open_command(struct view *view) {
    struct winsize size = {.ws_row = (unsigned short)LINES, .ws_col = (unsigned short)COLS};
    return openpty(&view->command_master, &view->command_slave, NULL, NULL, &size) == 0 &&
           fcntl(view->command_master, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(view->command_master, F_SETFD, FD_CLOEXEC) == 0 &&
           fcntl(view->command_slave, F_SETFD, FD_CLOEXEC) == 0;
}

// Our own words would spoil the screen, if they go to a terminal.
static bool take_stderr(struct view *view) {
    if (!isatty(STDERR_FILENO)) {
        return true;
    }
    (void)fflush(stderr);
    view->old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    return view->old_stderr >= 0 && dup2(view->notes.fd, STDERR_FILENO) >= 0;
}

bool view_start(struct view *view, char why[512]) {
    (void)fflush(stdout);
    if (tcgetattr(STDOUT_FILENO, &rescue.modes) != 0) {
        (void)snprintf(why, 512, "--view: %s", strerror(errno));
        return false;
    }
    view->terminal = newterm(NULL, stdout, stdin);
    if (!view->terminal) {
        (void)snprintf(why, 512, "--view: this terminal cannot show one");
        return false;
    }
    guard(view);
    if (!take_stderr(view) || (view->command_name && !open_command(view))) {
        (void)snprintf(why, 512, "--view: %s", strerror(errno));
        return false;
    }
    (void)cbreak();
    (void)noecho();
    (void)nodelay(stdscr, TRUE);
    (void)keypad(stdscr, TRUE);
    (void)curs_set(0);
    const char *no_colour = getenv("NO_COLOR");
    view->has_colours = has_colors() && !(no_colour && *no_colour);
    if (view->has_colours) {
        screen_start_colours();
    }
    view_look(view);
    return true;
}

int view_command_output(const struct view *view) {
    return view->command_slave;
}

// --- looks --------------------------------------------------------------------------------------------

static void read_command(struct view *view) {
    char bytes[4096];
    ssize_t len;
    size_t taken = 0;
    while (view->command_master >= 0 && taken < DRAINED_AT_ONCE &&
           (len = read(view->command_master, bytes, sizeof bytes)) > 0) {
        pane_add(&view->command_pane, bytes, (size_t)len);
        kept_add(&view->output, bytes, (size_t)len);
        taken += (size_t)len;
    }
}

static void read_notes(struct view *view) {
    char bytes[4096];
    ssize_t len;
    (void)fflush(stderr);
    while (view->old_stderr >= 0 &&
           (len = pread(view->notes.fd, bytes, sizeof bytes, (off_t)view->notes_read)) > 0) {
        pane_add(&view->notes_pane, bytes, (size_t)len);
        view->notes_read += (uint64_t)len;
    }
}

static void draw(struct view *view) {
    struct shown_board *shown = &view->boards[view->current];
    map_look(&shown->map, shown->about.chip, shown->about.board->chip->flash_bytes);
    screen_draw(&(struct screen){
        .board = &shown->about,
        .number = view->current,
        .count = view->board_count,
        .now_ps = timeline_now(view->timeline),
        .map = &shown->map,
        .console = &shown->console,
        .command = &view->command_pane,
        .notes = &view->notes_pane,
        .command_name = view->command_name,
        .has_colours = view->has_colours,
    });
}

static void take_keys(struct view *view) {
    int key;
    while ((key = getch()) != ERR) {
        if (key == 'q' || key == 'Q') {
            (void)kill(getpid(), SIGINT); // as Ctrl-C
        } else if (key == '\t') {
            view->current = (view->current + 1) % view->board_count;
            view->boards[view->current].map.is_known = false;
        } else if (key == 'L' - '@' || key == KEY_RESIZE) {
            (void)clearok(curscr, TRUE); // Ctrl-L, and after a change of size: all of it, again
        }
    }
}

static uint64_t wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void view_look(void *ctx) {
    struct view *view = ctx;
    uint64_t now_ns = wall_ns();
    read_command(view);
    if (view->drawn_ns != 0 && now_ns - view->drawn_ns < DRAW_NS) {
        return;
    }
    view->drawn_ns = now_ns;
    read_notes(view);
    take_keys(view); // a new size is one of them
    draw(view);
}

static void close_streams(struct view *view) {
    for (unsigned i = 0; i < view->board_count; i++) {
        for (unsigned j = 0; j < view->boards[i].stream_count; j++) {
            (void)fclose(view->boards[i].streams[j].file);
        }
    }
}

void view_end(struct view *view) {
    if (!view || !view->terminal) {
        return;
    }
    read_command(view);
    (void)endwin();
    unguard();
    (void)fflush(stderr);
    write_kept(view);
    if (view->output.left_out > 0) {
        (void)fprintf(stderr, "vboard: note: %llu more bytes were shown and are not kept\n",
                      (unsigned long long)view->output.left_out);
    }
    delscreen(view->terminal);
    view->terminal = NULL;
}

void view_free(struct view *view) {
    if (!view) {
        return;
    }
    view_end(view);
    close_streams(view);
    kept_close(&view->output);
    kept_close(&view->notes);
    const int fds[] = {view->command_master, view->command_slave, view->old_stderr};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    free(view);
}
