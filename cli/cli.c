// SPDX-License-Identifier: MIT
//
// From a command line to an exit status: the one place where faults are printed.

#include "cli/cli.h"

#include <string.h>

#define ADVICE_COLUMNS 92u

// Where a line of advice ends: at its newline, or at the last blank that fits. Lines that begin with
// a blank are to be copied and stay whole.
static size_t line_end(const char *line) {
    size_t len = strcspn(line, "\n");
    if (len <= ADVICE_COLUMNS || line[0] == ' ') {
        return len;
    }
    for (size_t at = ADVICE_COLUMNS; at > 0; at--) {
        if (line[at] == ' ') {
            return at;
        }
    }
    return len;
}

// "redfu: what happened", then what to do about it, indented.
static void print_fault(FILE *err, const struct redfu_fault *fault) {
    (void)fprintf(err, "redfu: %s\n",
                  fault->text[0] ? fault->text : redfu_result_text(fault->result));
    for (const char *line = fault->advice; *line;) {
        size_t len = line_end(line);
        (void)fprintf(err, "       %.*s\n", (int)len, line);
        line += len + (line[len] != '\0');
    }
    (void)fflush(err);
}

int cli_main(int argc, char *const *argv, const struct surroundings *surroundings) {
    struct options options;
    struct cli cli = {.surroundings = surroundings, .options = &options};
    enum redfu_result result = options_parse(argc, argv, &options, &cli.fault);
    if (result == REDFU_OK && options.help) {
        help_print(surroundings->out, options.command);
        return REDFU_OK;
    }
    if (result == REDFU_OK && options.version) {
        (void)fprintf(surroundings->out, "redfu %s\n", REDFU_VERSION);
        return REDFU_OK;
    }
    if (result == REDFU_OK) {
        result = commands_run(&cli);
    }
    progress_break(&cli);
    if (result != REDFU_OK) {
        cli.fault.result = result;
        print_fault(surroundings->err, &cli.fault);
    }
    return (int)result;
}
