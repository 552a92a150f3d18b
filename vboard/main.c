// SPDX-License-Identifier: MIT
//
// vboard's first word: run, doctor, serve, ctl, boards, --help, --version.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/streams.h"
#include "vboard/bench.h"
#include "vboard/host/command.h"
#include "vboard/host/control.h"
#include "vboard/options.h"
#include "vboard/run.h"

static int finish_output(void) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fputs("vboard: cannot write to standard output\n", stderr);
        return EXIT_VBOARD_FAILED;
    }
    return 0;
}

static int run(int argc, char **argv) {
    struct options options;
    struct options_fault fault;
    int status = 0;
    switch (options_read(&options, argc, argv, &fault)) {
    case OPTIONS_RUN:
        status = run_boards(&options);
        break;
    case OPTIONS_HELP:
        if (options.is_doctor) {
            options_doctor_help(stdout);
        } else if (options.is_serve) {
            options_serve_help(stdout);
        } else {
            options_run_help(stdout);
        }
        status = finish_output();
        break;
    case OPTIONS_BOARDS:
        options_board_list(stdout);
        status = finish_output();
        break;
    case OPTIONS_WRONG:
        (void)fprintf(stderr, "vboard: %s\n", fault.text);
        status = EXIT_VBOARD_FAILED;
        break;
    }
    options_free(&options);
    return status;
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void ctl_help(FILE *to) {
    (void)fputs("vboard ctl SOCKET WORD [ARG]\n"
                "\n"
                "Does something to a board that vboard serve or vboard run --socket SOCKET runs:\n"
                "\n",
                to);
    bench_help(to);
    (void)fputs("\nExit status: 0 done, 125 not, with a sentence.\n", to);
}

static int ctl(int argc, char **argv) {
    if ((argc > 1 && is_help(argv[1])) || (argc > 2 && is_help(argv[2]))) {
        ctl_help(stdout);
        return finish_output();
    }
    if (argc < 3) {
        (void)fputs("vboard: ctl needs a SOCKET and a word; see vboard ctl --help\n", stderr);
        return EXIT_VBOARD_FAILED;
    }
    char why[512];
    if (!control_ask(argv[1], argv + 2, stdout, why)) {
        (void)fprintf(stderr, "vboard: %s\n", why);
        return EXIT_VBOARD_FAILED;
    }
    return finish_output();
}

int main(int argc, char **argv) {
    if (!streams_open_missing()) {
        return EXIT_VBOARD_FAILED; // and nowhere to say so
    }
    streams_survive_file_limit();
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "run") == 0 || strcmp(word, "serve") == 0 || strcmp(word, "doctor") == 0) {
        return run(argc - 1, argv + 1);
    }
    if (strcmp(word, "ctl") == 0) {
        return ctl(argc - 1, argv + 1);
    }
    if (strcmp(word, "boards") == 0) {
        if (argc > 2 && is_help(argv[2])) {
            (void)fputs(
                "vboard boards\n\nLists the boards that --board takes: NAME and what it is\n",
                stdout);
            return finish_output();
        }
        if (argc > 2) {
            (void)fprintf(stderr, "vboard: boards takes no '%s'\n", argv[2]);
            return EXIT_VBOARD_FAILED;
        }
        options_board_list(stdout);
        return finish_output();
    }
    if (strcmp(word, "--version") == 0) {
        (void)printf("vboard %s\n", VBOARD_VERSION);
        return finish_output();
    }
    if (is_help(word) || strcmp(word, "help") == 0) {
        options_usage(stdout);
        return finish_output();
    }
    if (*word) {
        (void)fprintf(
            stderr,
            "vboard: no such command: %s; there are run, doctor, serve, ctl, boards, --help, "
            "--version\n",
            word);
    } else {
        options_usage(stderr);
    }
    return EXIT_VBOARD_FAILED;
}
