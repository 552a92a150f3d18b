// SPDX-License-Identifier: MIT
//
// Whether options that are each understood go together.

#include <string.h>

#include "vboard/options_internal.h"
#include "vboard/timeline.h"

// What `vboard serve` has that `vboard run` has not, and the other way round.
static enum options_result check_sockets(const struct options *options, const struct raw *raw,
                                         struct options_fault *fault) {
    bool has_far_end = options->usbredir_path || options->has_usbip;
    bool has_socket = has_far_end || options->control_path;
    if ((options->shows_all || options->is_conformance || options->is_json || options->has_app ||
         options->html_path || options->is_outside || options->must_leave ||
         options->sector_count > 0) &&
        !options->is_doctor) {
        return options_wrong(fault, "%s belongs to vboard doctor",
                             options->shows_all        ? "--verbose"
                             : options->is_conformance ? "--conformance"
                             : options->is_json        ? "--json"
                             : options->has_app        ? "--app"
                             : options->html_path      ? "--html"
                             : options->is_outside     ? "--outside"
                             : options->must_leave     ? "--leave"
                                                       : "--sector");
    }
    if (options->is_conformance && (options->is_json || options->has_app || options->html_path)) {
        return options_wrong(fault, "--conformance loads nothing and speaks plainly: no %s",
                             options->is_json   ? "--json"
                             : options->has_app ? "--app"
                                                : "--html");
    }
    if (options->html_path && strcmp(options->html_path, "-") == 0) {
        return options_wrong(fault, "--html -: the findings are on standard output; name a file");
    }
    if (options->has_limit && options->is_doctor) {
        return options_wrong(fault, "--limit belongs to vboard run and vboard serve");
    }
    if (options->has_view && options->is_doctor) {
        return options_wrong(fault, "--view belongs to vboard run and vboard serve");
    }
    if (options->sector_count > 0 && !options->is_outside) {
        return options_wrong(fault,
                             "--sector goes with --outside; from inside all sectors are tried");
    }
    if (options->must_leave && !options->is_outside) {
        return options_wrong(fault, "--leave goes with --outside; from inside it is always tried");
    }
    if (options->is_outside && (options->is_conformance || options->has_app)) {
        return options_wrong(fault, "--outside loads nothing: no %s",
                             options->has_app ? "--app" : "--conformance");
    }
    if (options->is_doctor && options->next) {
        return options_wrong(fault, "doctor looks at one board: no --next-board");
    }
    if (options->is_doctor && options->load_count == 0 && !options->flash_path) {
        return options_wrong(fault, "doctor needs a firmware: vboard doctor my-bootloader.elf");
    }
    if (has_far_end && !options->is_serve) {
        return options_wrong(fault, "--usbredir and --usbip belong to vboard serve");
    }
    if (options->control_path && options->is_doctor) {
        return options_wrong(fault, "--socket belongs to vboard run and vboard serve");
    }
    if (options->control_path && options->next && !options->is_serve) {
        return options_wrong(fault, "--socket is for one board: no --next-board");
    }
    if (!options->is_serve) {
        return OPTIONS_RUN;
    }
    if (!has_socket && !options->has_gdb && !options->has_view) {
        return options_wrong(fault, "serve needs --usbredir SOCKET or --usbip PORT, --socket "
                                    "SOCKET, --gdb PORT or --view");
    }
    if (options->usbredir_path && options->has_usbip) {
        return options_wrong(fault, "--usbredir and --usbip: the cable has one other end");
    }
    if (options->usbredir_path && options->control_path &&
        strcmp(options->usbredir_path, options->control_path) == 0) {
        return options_wrong(fault, "--usbredir and --socket are two sockets, not one");
    }
    if (options->command) {
        return options_wrong(fault, "serve takes no COMMAND, and no '%s'", options->command[0]);
    }
    if (raw->has_pace && options->pace == PACE_FAST) {
        return options_wrong(
            fault, "serve goes by the wall clock: --pace real, or a number of times as fast");
    }
    return OPTIONS_RUN;
}

// Standard output takes one stream of ours, and none in another format beside COMMAND's own.
static enum options_result take_stdout(const struct options *board, const char **taken,
                                       struct options_fault *fault) {
    const struct {
        const char *name;
        const char *path;
    } outputs[] = {
        {"--pcap", board->pcap_path}, {"--vcd", board->vcd_path}, {"--report", board->report_path}};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (!outputs[i].path || strcmp(outputs[i].path, "-") != 0) {
            continue;
        }
        if (*taken) {
            return options_wrong(fault, "%s - and %s -: standard output is one stream; name a file",
                                 *taken, outputs[i].name);
        }
        *taken = outputs[i].name;
    }
    return OPTIONS_RUN;
}

// A console on standard output beside a stream that is no text of COMMAND's.
static enum options_result check_console(const char *taken, const char *option, const char *path,
                                         struct options_fault *fault) {
    if (taken && path && strcmp(path, "-") == 0) {
        return options_wrong(fault, "%s - and %s-: standard output is one stream; name a file",
                             taken, option);
    }
    return OPTIONS_RUN;
}

static enum options_result check_consoles(const struct options *board, const char *taken,
                                          struct options_fault *fault) {
    enum options_result result =
        check_console(taken, "--semihosting ", board->semihosting.out_path, fault);
    for (size_t i = 0; i < board->uart_count && result == OPTIONS_RUN; i++) {
        char option[40];
        (void)snprintf(option, sizeof option, "--uart %s=", board->uarts[i].name);
        result = check_console(taken, option, board->uarts[i].out_path, fault);
    }
    for (size_t i = 0; i < board->itm_count && result == OPTIONS_RUN; i++) {
        result = check_console(taken, "--itm ", board->itms[i].path, fault);
    }
    return result;
}

static enum options_result check_outputs(const struct options *first, struct options_fault *fault) {
    const char *taken = first->trace_path && strcmp(first->trace_path, "-") == 0 ? "--trace" : NULL;
    for (const struct options *board = first; board; board = board->next) {
        enum options_result result = take_stdout(board, &taken, fault);
        if (result != OPTIONS_RUN) {
            return result;
        }
    }
    if (first->has_view && taken) {
        return options_wrong(fault, "--view and %s -: standard output is the view's; name a file",
                             taken);
    }
    for (const struct options *board = first; board; board = board->next) {
        enum options_result result = check_consoles(board, taken, fault);
        if (result != OPTIONS_RUN) {
            return result;
        }
        const char *const streams[2][2] = {{"--pcap", board->pcap_path},
                                           {"--vcd", board->vcd_path}};
        for (size_t i = 0; i < 2; i++) {
            if (board->command && streams[i][1] && strcmp(streams[i][1], "-") == 0) {
                return options_wrong(
                    fault,
                    "%s -: COMMAND writes to standard output too; name a file or a "
                    "named pipe (mkfifo)",
                    streams[i][0]);
            }
        }
    }
    return OPTIONS_RUN;
}

// Two of a kind at once: the later on the command line would win, and nobody would know. One that
// lasts for good ends where the next one for good begins; before one that ends it is not clear what
// comes after that.
static bool overlap(uint64_t at_ps, uint64_t duration_ps, uint64_t other_at_ps,
                    uint64_t other_duration_ps) {
    if (other_at_ps < at_ps) {
        return overlap(other_at_ps, other_duration_ps, at_ps, duration_ps);
    }
    return other_at_ps == at_ps ||
           (duration_ps != 0 ? other_at_ps - at_ps < duration_ps : other_duration_ps != 0);
}

#define SECONDS(ps) ((double)(ps) / (double)PS_PER_S)

static enum options_result check_overlaps(const struct options *options, const struct raw_pins *raw,
                                          struct options_fault *fault) {
    static const char advice[] = "give the first a +DURATION that ends before the second";
    for (size_t i = 1; i < options->pin_count; i++) {
        const struct pin_option *pin = &options->pins[i];
        for (size_t j = 0; j < i; j++) {
            const struct pin_option *other = &options->pins[j];
            if (strcmp(pin->pin, other->pin) == 0 &&
                overlap(pin->at_ps, pin->duration_ps, other->at_ps, other->duration_ps)) {
                return options_wrong(fault, "--pin %s and --pin %s overlap: %s", raw->texts[j],
                                     raw->texts[i], advice);
            }
        }
    }
    for (size_t i = 1; i < options->supply_count; i++) {
        const struct supply_option *supply = &options->supplies[i];
        for (size_t j = 0; j < i; j++) {
            const struct supply_option *other = &options->supplies[j];
            if (overlap(supply->at_ps, supply->duration_ps, other->at_ps, other->duration_ps)) {
                return options_wrong(fault, "--supply from %gs and --supply from %gs overlap: %s",
                                     SECONDS(other->at_ps), SECONDS(supply->at_ps), advice);
            }
        }
    }
    for (size_t i = 1; i < options->unplug_count; i++) {
        const struct unplug_option *unplug = &options->unplugs[i];
        for (size_t j = 0; j < i; j++) {
            const struct unplug_option *other = &options->unplugs[j];
            if (overlap(unplug->at_ps, unplug->duration_ps, other->at_ps, other->duration_ps)) {
                return options_wrong(fault, "--unplug at %gs and --unplug at %gs overlap: %s",
                                     SECONDS(other->at_ps), SECONDS(unplug->at_ps), advice);
            }
        }
    }
    return OPTIONS_RUN;
}

static bool has_firmware(const struct options *board) {
    bool has_load = board->flash_path != NULL;
    for (size_t i = 0; i < board->load_count; i++) {
        has_load = has_load || !board->loads[i].is_names_only;
    }
    return has_load;
}

// Hosts tell boards apart by a serial number that firmware makes of the chip's unique id.
static enum options_result check_boards(const struct options *first, struct options_fault *fault) {
    unsigned number = 0;
    for (const struct options *board = first; board; board = board->next, number++) {
        if (first->next && !has_firmware(board)) {
            return options_wrong(fault,
                                 "board %u has neither --load nor --flash: what is given up to a "
                                 "--next-board, and behind the last, makes a board each",
                                 number + 1);
        }
        unsigned other_number = 1;
        for (const struct options *other = first; other != board; other = other->next) {
            if (memcmp(other->uid, board->uid, sizeof board->uid) == 0) {
                return options_wrong(
                    fault,
                    "boards %u and %u have the same unique id; give one of them another "
                    "--uid",
                    other_number, number + 1);
            }
            other_number++;
        }
    }
    return OPTIONS_RUN;
}

enum options_result options_check(const struct options *first, const struct raw *raw,
                                  struct options_fault *fault) {
    enum options_result result = check_sockets(first, raw, fault);
    const struct raw_pins *pins = raw->pins;
    for (const struct options *board = first; board && result == OPTIONS_RUN; board = board->next) {
        result = check_overlaps(board, pins++, fault);
    }
    if (result == OPTIONS_RUN) {
        result = check_outputs(first, fault);
    }
    if (result == OPTIONS_RUN) {
        result = check_boards(first, fault);
    }
    if (result == OPTIONS_RUN && first->pace == PACE_FAST && !first->command && !first->is_doctor &&
        !first->has_limit) {
        return options_wrong(fault, "--pace fast without a COMMAND needs a --limit");
    }
    return result;
}
