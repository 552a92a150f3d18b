// SPDX-License-Identifier: MIT
//
// The program: terminal, real USB, Ctrl-C and what else would end it in the middle of a load.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "image/streams.h"

// A signal handler has no context to be given: the one global of the program.
static volatile sig_atomic_t interrupted;

// The first Ctrl-C ends the load in an orderly way; the handler is then gone, so that a second one
// ends the program even if a device no longer answers.
static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static bool is_cancelled(void *ctx) {
    (void)ctx;
    return interrupted != 0;
}

static enum redfu_result connect_usb(void *ctx, struct redfu **redfu, struct redfu_fault *fault) {
    (void)ctx;
    // From here on a load, or a sector that is being tried, is not left half way because nobody reads the words any
    // more (`redfu write ... | head`): writing them fails, and that is told at the end.
    (void)signal(SIGPIPE, SIG_IGN);
    return redfu_new(redfu, fault);
}

// None of these calls fails for any signal but an invalid one.
static void end_in_order(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    struct sigaction old;
    (void)sigaction(SIGHUP, &action, &old); // the terminal was closed
    if (old.sa_handler == SIG_IGN) {
        (void)sigaction(SIGHUP, &old, NULL); // which is not to matter (nohup)
    }
}

int main(int argc, char **argv) {
    if (!streams_open_missing()) {
        return REDFU_INTERNAL; // and nowhere to say so
    }
    streams_survive_file_limit();
    end_in_order();
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    // One that can go back in a line (terminfo(5): dumb cannot).
    bool is_terminal = isatty(STDOUT_FILENO) == 1 && !(term && strcmp(term, "dumb") == 0);
    struct winsize window = {0};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &window); // a file has none
    const struct surroundings surroundings = {
        .out = stdout,
        .err = stderr,
        .is_terminal = is_terminal,
        .columns = window.ws_col,
        // https://no-color.org: set and not empty means none.
        .has_color = is_terminal && !(no_color && no_color[0]),
        .connect = connect_usb,
        .is_cancelled = is_cancelled,
    };
    return cli_main(argc, argv, &surroundings);
}
