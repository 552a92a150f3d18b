// SPDX-License-Identifier: MIT
//
// Waits for a board, programs and verifies it, writes its settings, starts it, says PASS or FAIL, logs a line;
// again. What happens to one board is `redfu write`'s, with the board's row of settings before the start.

#include "cli/station.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/input.h"
#include "cli/json.h"
#include "cli/station_table.h"
#include "cli/target.h"
#include "cli/write.h"

#define LOOK_MS 200u

struct station {
    struct cli *cli;
    struct input input;
    uint32_t hash; // CRC-32 of the image's bytes, in the order of their addresses
    bool has_table;
    struct station_table table;
    const char *log_path;
    int log_fd;
    uint32_t count; // boards to do; 0: until stopped
    unsigned passed, failed;
    bool has_last; // the board before, which is not done twice in a row,
    struct redfu_device last;
    bool is_away; // unless it was unplugged meanwhile, and --again
    bool has_told;
    bool has_told_plain; // that a device of plain DFU is there
};

static bool is_cancelled(const struct station *station) {
    const struct surroundings *surroundings = station->cli->surroundings;
    return surroundings->is_cancelled(surroundings->ctx);
}

static uint64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail with a clock every Linux has
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// --- The log -------------------------------------------------------------------------------------

// Quotes where CSV wants them.
static void put_cell(FILE *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        (void)fputs(text, out);
        return;
    }
    (void)fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') {
            (void)fputc('"', out);
        }
        (void)fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
    }
    (void)fputc('"', out);
}

static enum redfu_result refuse_log(struct station *station) {
    return cli_refuse(station->cli, REDFU_CANNOT_SAVE, "--log %s: %s", station->log_path,
                      strerror(errno));
}

static enum redfu_result write_log(struct station *station, const char *text, size_t len) {
    bool ok = write(station->log_fd, text, len) == (ssize_t)len && fsync(station->log_fd) == 0;
    return ok ? REDFU_OK : refuse_log(station);
}

// Lines are put behind what is there, so that has to be a log.
static enum redfu_result open_log(struct station *station) {
    static const char header[] = "time,serial,path,file,hash,row,result,exit_status,seconds,why\n";
    char first[sizeof header] = "";
    struct stat about;
    station->log_fd = open(station->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (station->log_fd < 0 || fstat(station->log_fd, &about) != 0) {
        return refuse_log(station);
    }
    if (S_ISREG(about.st_mode) && about.st_size > 0 &&
        (pread(station->log_fd, first, sizeof header - 1, 0) != (ssize_t)(sizeof header - 1) ||
         strcmp(first, header) != 0)) {
        return cli_refuse(station->cli, REDFU_CANNOT_SAVE,
                          "--log %s: this is a file already, and no log of a station (its first "
                          "line would be \"time,serial,path,...\")",
                          station->log_path);
    }
    return about.st_size == 0 ? write_log(station, header, sizeof header - 1) : REDFU_OK;
}

static enum redfu_result log_board(struct station *station, const struct redfu_device *device,
                                   const struct station_row *row, uint64_t us,
                                   const struct redfu_fault *fault) {
    char *line = NULL;
    size_t len;
    FILE *out = open_memstream(&line, &len);
    if (!out) {
        return cli_refuse(station->cli, REDFU_INTERNAL, "out of memory");
    }
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    (void)fprintf(out, "%s,", when);
    put_cell(out, device->serial);
    (void)fprintf(out, ",%s,", device->path);
    put_cell(out, station->cli->options->file);
    (void)fprintf(out, ",%08" PRIx32 ",", station->hash);
    if (row) {
        (void)fprintf(out, "%u", row->line);
    }
    (void)fprintf(out, ",%s,%d,%" PRIu64 ".%02" PRIu64 ",", fault ? "FAIL" : "PASS",
                  fault ? (int)fault->result : 0, us / 1000000, us / 10000 % 100);
    put_cell(out, fault ? fault->text : "");
    (void)fputc('\n', out);
    enum redfu_result result = fclose(out) == 0
                                   ? write_log(station, line, len)
                                   : cli_refuse(station->cli, REDFU_INTERNAL, "out of memory");
    free(line);
    return result;
}

// --- What is seen from the other side of the bench -----------------------------------------------

static void print_large(const struct station *station, bool is_pass) {
    static const char *const pass[] = {"PPPP    AAA    SSSS   SSSS", "P   P  A   A  S      S    ",
                                       "PPPP   AAAAA   SSS    SSS ", "P      A   A      S      S",
                                       "P      A   A  SSSS   SSSS "};
    static const char *const fail[] = {"FFFFF   AAA   IIIII  L    ", "F      A   A    I    L    ",
                                       "FFF    AAAAA    I    L    ", "F      A   A    I    L    ",
                                       "F      A   A  IIIII  LLLLL"};
    const struct surroundings *surroundings = station->cli->surroundings;
    const char *color = !surroundings->has_color ? "" : is_pass ? "\033[1;32m" : "\033[1;31m";
    cli_say(station->cli, "\n");
    for (unsigned i = 0; i < 5; i++) {
        cli_say(station->cli, "%s    %s%s\n", color, is_pass ? pass[i] : fail[i],
                surroundings->has_color ? "\033[0m" : "");
    }
    cli_say(station->cli, "    %s\n\n", is_pass ? "PASS" : "FAIL");
}

// --- One board -----------------------------------------------------------------------------------

static bool is_same_board(const struct redfu_device *a, const struct redfu_device *b) {
    return a->serial[0] || b->serial[0] ? strcmp(a->serial, b->serial) == 0
                                        : strcmp(a->path, b->path) == 0;
}

// The board to do next, if it is there.
static enum redfu_result look(struct station *station, bool *is_found,
                              struct redfu_device *device) {
    struct cli *cli = station->cli;
    struct redfu *redfu;
    struct redfu_device *devices = NULL;
    size_t count = 0;
    enum redfu_result result = cli_connect(cli, &redfu);
    if (result != REDFU_OK) {
        return result;
    }
    bool is_last_there = false;
    result = redfu_list(redfu, &devices, &count, &cli->fault);
    *is_found = false;
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        bool is_meant = devices[i].kind == REDFU_KIND_DFUSE &&
                        redfu_matches(&devices[i], &cli->options->filter);
        if (devices[i].kind == REDFU_KIND_DFU && !station->has_told_plain &&
            redfu_matches(&devices[i], &cli->options->filter)) {
            station->has_told_plain = true;
            cli_say(cli,
                    "%s at %s is in DFU mode, but does not say DfuSe: a station does not do it "
                    "(`redfu write --path %s` does)\n",
                    devices[i].serial[0] ? devices[i].serial : "A device", devices[i].path,
                    devices[i].path);
        }
        bool is_last = station->has_last && is_same_board(&devices[i], &station->last);
        is_last_there |= is_last;
        if (!is_meant || *is_found) {
            continue;
        }
        if (!is_last || (cli->options->again && station->is_away)) {
            *is_found = true;
            *device = devices[i];
        } else if (station->is_away && !station->has_told) {
            station->has_told = true;
            cli_say(cli,
                    "%s at %s was done just now: the next board, please (--again does it "
                    "again)\n",
                    devices[i].serial[0] ? devices[i].serial : "The board", devices[i].path);
        }
    }
    station->is_away |= !is_last_there;
    redfu_list_free(devices);
    redfu_free(redfu);
    return result;
}

static enum redfu_result write_settings(struct cli *cli, const struct station_row *row) {
    struct target target;
    enum redfu_result result = target_open_memory(cli, &target);
    if (result != REDFU_OK) {
        return result;
    }
    cli_say(cli, "Settings          line %u, %zu of them ... ", row->line, row->count);
    result = redfu_settings_change(target.session, row->settings, row->count, &cli->fault);
    uint32_t addr;
    if (result == REDFU_OK) {
        cli_say(cli, "read back so\n");
        result = target_application(cli, target.layout, &addr);
    }
    if (result == REDFU_OK) {
        result = write_start(cli, target.session, addr);
    }
    target_close(&target);
    return result;
}

static enum redfu_result program(struct cli *cli, const struct station_row *row) {
    enum redfu_result result = write_command(cli);
    return result == REDFU_OK && row ? write_settings(cli, row) : result;
}

static enum redfu_result do_board(struct station *station, const struct redfu_device *device) {
    struct cli *cli = station->cli;
    const struct station_row *row = NULL;
    if (station->has_table) {
        enum redfu_result result = station_table_take(cli, &station->table, device->serial, &row);
        if (result != REDFU_OK) {
            return result;
        }
    }
    cli_say(cli, "Board %u: %s at %s\n", station->passed + station->failed + 1,
            device->serial[0] ? device->serial : "(no serial number)", device->path);
    struct options options = *cli->options;
    options.command = COMMAND_WRITE;
    options.no_run = row != NULL;
    struct cli board = *cli;
    board.options = &options;
    board.device = device;
    board.input = &station->input;
    uint64_t start_us = now_us();
    enum redfu_result result = program(&board, row);
    uint64_t us = now_us() - start_us;
    progress_break(&board);
    board.fault.result = result;
    const struct redfu_fault *fault = result == REDFU_OK ? NULL : &board.fault;
    station->passed += !fault;
    station->failed += fault != NULL;
    if (fault) {
        cli_print_fault(cli->surroundings->err, fault);
    }
    print_large(station, !fault);
    json_board(cli, device, us, fault);
    return station->log_path ? log_board(station, device, row, us, fault) : REDFU_OK;
}

// --- The station ---------------------------------------------------------------------------------

static enum redfu_result begin(struct station *station) {
    struct cli *cli = station->cli;
    const char *table = options_given(cli->options, "--settings");
    const char *count = options_given(cli->options, "--count");
    station->log_path = options_given(cli->options, "--log");
    if (count && (!options_number(count, &station->count) || station->count == 0)) {
        return cli_refuse(cli, REDFU_USAGE, "--count wants a number of boards, not \"%s\"", count);
    }
    enum redfu_result result = write_load(cli, &station->input);
    for (size_t i = 0; i < station->input.count && result == REDFU_OK; i++) {
        station->hash = redfu_crc32(i == 0 ? 0 : station->hash, station->input.segments[i].bytes,
                                    station->input.segments[i].len);
    }
    if (result == REDFU_OK && table) {
        result = station_table_load(cli, table, &station->table);
        station->has_table = true;
    }
    if (result == REDFU_OK && station->log_path) {
        result = open_log(station);
    }
    return result;
}

static void wait_a_little(void) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    (void)nanosleep(&pause, NULL); // interrupted by Ctrl-C: as good
}

static enum redfu_result work(struct station *station) {
    struct cli *cli = station->cli;
    bool is_waiting = false;
    while (!is_cancelled(station) &&
           (station->count == 0 || station->passed + station->failed < station->count)) {
        struct redfu_device device;
        bool is_found;
        enum redfu_result result = look(station, &is_found, &device);
        if (result != REDFU_OK) {
            return result;
        }
        if (!is_found) {
            if (!is_waiting) {
                cli_say(cli, "Waiting for a board in DFU mode (Ctrl-C ends)\n");
            }
            is_waiting = true;
            wait_a_little();
            continue;
        }
        is_waiting = false;
        result = do_board(station, &device);
        station->has_last = true;
        station->last = device;
        station->is_away = station->has_told = false;
        if (result != REDFU_OK) {
            return result;
        }
    }
    return REDFU_OK;
}

enum redfu_result station_run(struct cli *cli) {
    struct station station = {.cli = cli, .log_fd = -1, .table = {.used_fd = -1}};
    enum redfu_result result = begin(&station);
    if (result == REDFU_OK) {
        result = work(&station);
        cli_say(cli, "%u board%s: %u passed, %u failed\n", station.passed + station.failed,
                station.passed + station.failed == 1 ? "" : "s", station.passed, station.failed);
    }
    if (result == REDFU_OK && station.failed > 0) {
        result = cli_refuse(cli, REDFU_SOME_FAILED, "%u of %u boards failed", station.failed,
                            station.passed + station.failed);
    }
    if (station.log_fd >= 0) {
        (void)close(station.log_fd); // each line is on the disk
    }
    station_table_free(&station.table);
    input_free(&station.input);
    return result;
}
