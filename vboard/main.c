// SPDX-License-Identifier: MIT
//
// vboard's first word: run, boards, --help, --version.

#include <stdio.h>
#include <string.h>

#include "vboard/host/command.h"
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
        status = run_board(&options);
        break;
    case OPTIONS_HELP:
        options_run_help(stdout);
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

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "run") == 0) {
        return run(argc - 1, argv + 1);
    }
    if (strcmp(word, "boards") == 0 && argc == 2) {
        options_board_list(stdout);
        return finish_output();
    }
    if (strcmp(word, "--version") == 0) {
        (void)printf("vboard %s\n", VBOARD_VERSION);
        return finish_output();
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        options_usage(stdout);
        return finish_output();
    }
    if (*word) {
        (void)fprintf(stderr, "vboard: no such command: %s; there are run, boards, --help, --version\n",
                      word);
    } else {
        options_usage(stderr);
    }
    return EXIT_VBOARD_FAILED;
}
