// SPDX-License-Identifier: MIT
//
// From a command line to an exit status: the one place where faults are printed.

#include "cli/cli.h"

#include <string.h>

#include "cli/clash.h"
#include "cli/json.h"
#include "cli/trace.h"

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

void cli_print_advice(FILE *out, const char *text) {
    for (const char *line = text; *line;) {
        size_t len = line_end(line);
        (void)fprintf(out, "       %.*s\n", (int)len, line);
        line += len + (line[len] != '\0');
    }
}

// "redfu: what happened", then what to do about it, indented.
void cli_print_fault(FILE *err, const struct redfu_fault *fault) {
    (void)fprintf(err, "redfu: %s\n",
                  fault->text[0] ? fault->text : redfu_result_text(fault->result));
    cli_print_advice(err, fault->advice);
    (void)fflush(err);
}

// A device that fails an update and does not say why is what the doctor is for, and who meets that does not know
// that there is one. (redfu-boot says why; a comparison alone may be of another file.)
static void advise_doctor(struct redfu_fault *fault, enum command command) {
    bool is_update = command == COMMAND_WRITE || command == COMMAND_ERASE;
    bool is_on_the_way = fault->phase == REDFU_PHASE_PREPARE || fault->phase == REDFU_PHASE_ERASE ||
                         fault->phase == REDFU_PHASE_WRITE || fault->phase == REDFU_PHASE_VERIFY;
    bool is_unexplained = fault->result == REDFU_TRANSFER || fault->result == REDFU_DEVICE_ERROR ||
                          fault->result == REDFU_STUCK || fault->result == REDFU_MISMATCH;
    size_t len = strlen(fault->advice);
    if (is_update && is_on_the_way && is_unexplained && fault->device_says[0] == '\0') {
        (void)snprintf(fault->advice + len, sizeof fault->advice - len,
                       "%s`redfu doctor` looks for the cause.",
                       len == 0 || fault->advice[len - 1] == '\n' ? "" : "\n");
    }
}

static enum redfu_result run_traced(struct cli *cli) {
    struct trace trace;
    enum redfu_result result = clash_check(cli);
    if (result == REDFU_OK) {
        result = trace_begin(&trace, cli);
    }
    if (result != REDFU_OK) {
        return result;
    }
    cli->trace = &trace;
    result = commands_run(cli);
    struct redfu_fault fault = cli->fault;
    enum redfu_result ended = trace_end(&trace, cli);
    if (result != REDFU_OK) {
        cli->fault = fault; // what went wrong first
        return result;
    }
    return ended;
}

// Lost words undo nothing that was done, but whoever reads them has to learn that they are not all.
static int finish_words(const struct surroundings *surroundings, enum redfu_result result) {
    bool is_whole = fflush(surroundings->out) == 0 && !ferror(surroundings->out);
    if (result != REDFU_OK || is_whole) {
        return (int)result;
    }
    (void)fprintf(
        surroundings->err,
        "redfu: standard output cannot be written (is the disk full?); all else was done\n");
    return REDFU_CANNOT_SAVE;
}

int cli_main(int argc, char *const *argv, const struct surroundings *surroundings) {
    struct options options;
    struct cli cli = {.surroundings = surroundings, .options = &options};
    enum redfu_result result = options_parse(argc, argv, &options, &cli.fault);
    if (result == REDFU_OK && options.help) {
        help_print(surroundings->out, options.command);
        return finish_words(surroundings, REDFU_OK);
    }
    if (result == REDFU_OK && options.version) {
        (void)fprintf(surroundings->out, "redfu %s\n", REDFU_VERSION);
        return finish_words(surroundings, REDFU_OK);
    }
    if (result == REDFU_OK) {
        result = run_traced(&cli);
    }
    progress_break(&cli);
    cli.fault.result = result;
    advise_doctor(&cli.fault, options.command);
    json_end(&cli, result);
    if (result != REDFU_OK && !cli.is_told) {
        cli_print_fault(surroundings->err, &cli.fault);
    }
    return finish_words(surroundings, result);
}
