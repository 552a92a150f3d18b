// SPDX-License-Identifier: MIT
//
// Several boards at once: a thread each, one lock for what they print. What is done to a board, and how,
// is the command's; that erases and transfers of different boards interleave is the plan's (lead).

#include "cli/fleet.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/input.h"
#include "cli/json.h"
#include "cli/target.h"
#include "cli/write.h"

// Boards are told to erase 1, 2 or 3 sectors before they write one: see docs/redfu.md, several boards.
#define LEADS     3u
#define BAR_CHARS 24

static const char bar[BAR_CHARS + 1] = "########################";

struct fleet;

struct board {
    struct fleet *fleet;
    struct redfu_device device;
    struct options options;
    struct surroundings surroundings;
    struct cli cli;
    bool is_lost; // failed before its thread began: cli.fault
    pthread_t thread;
    bool has_thread;
    char *words; // what the command said, kept for nobody: progress is told here
    size_t words_len;
    // Below: under the fleet's lock.
    const char *stage; // NULL: it has not begun
    unsigned percent;
    uint64_t erase_total, erase_done; // bytes
    uint64_t write_total, write_done;
    uint64_t stage_start_us;
    bool is_done;
    enum redfu_result result;
    uint64_t us;
};

struct fleet {
    struct cli *cli;
    struct board *boards;
    size_t count;
    struct input input; // of commands that want a file: the same for every board
    pthread_mutex_t lock;
    bool is_drawn; // a terminal's lines are there, to be drawn over
    uint64_t start_us;
};

static uint64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail with a clock every Linux has
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// --- Lines ---------------------------------------------------------------------------------------

static const char *serial_of(const struct board *board) {
    return board->device.serial[0] ? board->device.serial : "(none)";
}

// "[#####     ]  52 %, 6 s left"
static void put_bar(char *out, size_t size, const struct board *board) {
    unsigned filled = board->percent * BAR_CHARS / 100;
    int len = snprintf(out, size, " [%-*.*s] %3u %%", BAR_CHARS, (int)filled, bar, board->percent);
    if (board->percent > 0 && board->percent < 100) {
        uint64_t spent_us = now_us() - board->stage_start_us;
        (void)snprintf(out + len, size - (size_t)len, ", %" PRIu64 " s left",
                       (spent_us * (100 - board->percent) / board->percent + 999999) / 1000000);
    }
}

// A line that is redrawn is cut where the terminal ends: the table at the end has all of it.
static void cut(char *line, size_t chars) {
    for (char *at = line; *at; at++) {
        bool begins = ((unsigned char)*at & 0xc0) != 0x80; // a character (UTF-8)
        if (begins && chars-- == 0) {
            *at = '\0';
            return;
        }
    }
}

static void print_line(const struct board *board) {
    const struct surroundings *surroundings = board->fleet->cli->surroundings;
    char line[REDFU_TEXT_MAX + 200];
    int len = snprintf(line, sizeof line, "%-8.100s %-14s ", board->device.path, serial_of(board));
    char *end = line + len;
    size_t room = sizeof line - (size_t)len;
    if (board->is_done) {
        (void)snprintf(end, room, "%s after %" PRIu64 ".%02" PRIu64 " s",
                       board->result == REDFU_OK ? "done" : "FAILED", board->us / 1000000,
                       board->us / 10000 % 100);
    } else {
        len = snprintf(end, room, "%s", board->stage ? board->stage : "opening");
        if (board->stage && surroundings->is_terminal) {
            put_bar(end + len, room - (size_t)len, board);
        }
    }
    if (surroundings->is_terminal) {
        cut(line, cli_line_room(surroundings));
    }
    (void)fputs(line, surroundings->out);
}

// Called with the lock held, when something changed that a line shows.
static void show(struct board *board) {
    struct fleet *fleet = board->fleet;
    const struct surroundings *surroundings = fleet->cli->surroundings;
    if (fleet->cli->options->quiet || fleet->cli->options->json) {
        return;
    }
    if (surroundings->is_terminal) {
        if (fleet->is_drawn) {
            (void)fprintf(surroundings->out, "\033[%zuA", fleet->count);
        }
        for (size_t i = 0; i < fleet->count; i++) {
            (void)fputs("\r", surroundings->out);
            print_line(&fleet->boards[i]);
            (void)fputs("\033[K\n", surroundings->out);
        }
        fleet->is_drawn = true;
    } else {
        print_line(board);
        (void)fputc('\n', surroundings->out);
    }
    (void)fflush(surroundings->out);
}

// --- One board -----------------------------------------------------------------------------------

// Erasing and writing take turns (the plan's lead), so they are one stage; a byte erased takes about twice
// as long as one written (STM32F407: 128 KB in 1 s and 0.53 s).
static unsigned percent_programmed(struct board *board, const struct redfu_progress *progress) {
    if (progress->phase == REDFU_PHASE_ERASE) {
        board->erase_total = progress->total;
        board->erase_done = progress->total_done;
    } else {
        board->write_total = progress->total;
        board->write_done = progress->total_done;
    }
    uint64_t write_total = board->write_total > 0 ? board->write_total : board->erase_total;
    uint64_t total = 2 * board->erase_total + write_total;
    return total > 0 ? (unsigned)((2 * board->erase_done + board->write_done) * 100 / total) : 100;
}

// On the fleet's output, with the board's path.
static void tell_json(struct board *board, const struct redfu_progress *progress) {
    struct cli teller = *board->fleet->cli;
    teller.device = &board->device;
    json_progress(&teller, progress);
}

static void on_progress(void *ctx, const struct redfu_progress *progress) {
    struct board *board = ctx;
    bool is_programming =
        progress->phase == REDFU_PHASE_ERASE || progress->phase == REDFU_PHASE_WRITE;
    bool is_erasing = board->options.command == COMMAND_ERASE;
    const char *stage =
        is_programming && !is_erasing ? "programming" : redfu_phase_text(progress->phase);
    (void)pthread_mutex_lock(&board->fleet->lock);
    if (board->fleet->cli->options->json && progress->done >= progress->len) {
        tell_json(board, progress);
    }
    unsigned percent = is_programming ? percent_programmed(board, progress)
                       : progress->total > 0
                           ? (unsigned)((uint64_t)progress->total_done * 100 / progress->total)
                           : 100;
    bool is_new = !board->stage || strcmp(board->stage, stage) != 0;
    bool has_moved = board->percent != percent;
    if (is_new) {
        board->stage_start_us = now_us();
    }
    board->stage = stage;
    board->percent = percent;
    if (is_new || (has_moved && board->fleet->cli->surroundings->is_terminal)) {
        show(board);
    }
    (void)pthread_mutex_unlock(&board->fleet->lock);
}

static enum redfu_result connect_board(void *ctx, struct redfu **redfu, struct redfu_fault *fault) {
    const struct board *board = ctx;
    const struct surroundings *surroundings = board->fleet->cli->surroundings;
    return surroundings->connect(surroundings->ctx, redfu, fault);
}

static bool is_cancelled(void *ctx) {
    const struct board *board = ctx;
    const struct surroundings *surroundings = board->fleet->cli->surroundings;
    return surroundings->is_cancelled(surroundings->ctx);
}

static void *run_board(void *ctx) {
    struct board *board = ctx;
    enum redfu_result result = commands_run(&board->cli);
    (void)pthread_mutex_lock(&board->fleet->lock);
    board->result = result;
    board->us = now_us() - board->fleet->start_us;
    board->is_done = true;
    show(board);
    (void)pthread_mutex_unlock(&board->fleet->lock);
    return NULL;
}

// The command line of one board alone.
static bool prepare(struct fleet *fleet, size_t number, const struct redfu_device *device) {
    struct board *board = &fleet->boards[number];
    board->fleet = fleet;
    board->device = *device;
    board->options = *fleet->cli->options;
    board->options.all_boards = false;
    board->options.filter = (struct redfu_filter){.path = board->device.path};
    FILE *words = open_memstream(&board->words, &board->words_len);
    board->surroundings = (struct surroundings){
        .out = words,
        .err = words,
        .ctx = board,
        .connect = connect_board,
        .is_cancelled = is_cancelled,
        .progress = on_progress,
    };
    board->cli = (struct cli){
        .surroundings = &board->surroundings,
        .options = &board->options,
        .device = &board->device,
        .trace = fleet->cli->trace,
        .input = fleet->input.count > 0 ? &fleet->input : NULL,
        .lead = (unsigned)number % LEADS + 1,
    };
    return words != NULL;
}

static void release(struct board *board) {
    if (board->surroundings.out) {
        (void)fclose(board->surroundings.out);
    }
    free(board->words);
}

// --- All of them ---------------------------------------------------------------------------------

// Cameras and Bluetooth adapters have run-time DFU interfaces, too: one that does not say DfuSe has to be named.
static bool is_detachable(const struct fleet *fleet, const struct redfu_device *device) {
    const struct redfu_filter *filter = &fleet->cli->options->filter;
    bool is_named = filter->serial || filter->path || filter->has_usb_id;
    return fleet->cli->options->command == COMMAND_WRITE && device->kind == REDFU_KIND_RUNTIME &&
           (is_named || device->dfu_version == TARGET_DFUSE_VERSION);
}

static bool is_meant(const struct fleet *fleet, const struct redfu_device *device) {
    return (device->kind == REDFU_KIND_DFUSE || is_detachable(fleet, device)) &&
           redfu_matches(device, &fleet->cli->options->filter);
}

// One after the other, and all of them before the first load: a board that is at work answers late.
static void detach_boards(struct fleet *fleet, struct redfu *redfu) {
    for (size_t i = 0; i < fleet->count; i++) {
        struct board *board = &fleet->boards[i];
        struct redfu_device found;
        if (board->device.kind != REDFU_KIND_RUNTIME) {
            continue;
        }
        cli_say(fleet->cli, "%-8s %-14s runs its application: detaching\n", board->device.path,
                serial_of(board));
        board->result = redfu_detach(redfu, &board->device, &found, &board->cli.fault);
        board->is_lost = board->result != REDFU_OK;
        if (!board->is_lost) {
            board->device = found;
        }
    }
}

static enum redfu_result refuse_none(struct fleet *fleet, const struct redfu_device *devices,
                                     size_t count) {
    struct cli *cli = fleet->cli;
    size_t ignored;
    enum redfu_result result =
        redfu_choose(devices, count, &cli->options->filter, &ignored, &cli->fault);
    return result == REDFU_NO_DEVICE
               ? result
               : cli_refuse(cli, REDFU_NOT_DFUSE, "no matching device speaks DfuSe");
}

static enum redfu_result find_boards(struct fleet *fleet) {
    struct cli *cli = fleet->cli;
    struct redfu *redfu;
    enum redfu_result result = cli_connect(cli, &redfu);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfu_device *devices;
    size_t count;
    result = redfu_list(redfu, &devices, &count, &cli->fault);
    if (result == REDFU_OK) {
        fleet->boards = calloc(count + 1, sizeof *fleet->boards);
        bool has_memory = fleet->boards != NULL;
        for (size_t i = 0; i < count && has_memory; i++) {
            if (is_meant(fleet, &devices[i])) {
                has_memory = prepare(fleet, fleet->count, &devices[i]);
                fleet->count++;
            }
        }
        result = !has_memory
                     ? cli_refuse(cli, REDFU_INTERNAL, "out of memory for %zu boards", count)
                 : fleet->count == 0 ? refuse_none(fleet, devices, count)
                                     : REDFU_OK;
        redfu_list_free(devices);
    }
    if (result == REDFU_OK) {
        detach_boards(fleet, redfu);
    }
    redfu_free(redfu);
    return result;
}

static void run_all(struct fleet *fleet) {
    fleet->start_us = now_us();
    for (size_t i = 0; i < fleet->count; i++) {
        struct board *board = &fleet->boards[i];
        board->has_thread =
            !board->is_lost && pthread_create(&board->thread, NULL, run_board, board) == 0;
        if (!board->has_thread && !board->is_lost) {
            board->result = cli_refuse(&board->cli, REDFU_INTERNAL, "no thread for this board");
        }
    }
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->boards[i].has_thread) {
            (void)pthread_join(fleet->boards[i].thread, NULL);
        }
    }
}

static void print_table(const struct fleet *fleet, size_t ok_count) {
    bool is_quiet = fleet->cli->options->quiet;
    FILE *out = is_quiet ? fleet->cli->surroundings->err : fleet->cli->surroundings->out;
    if (!is_quiet) {
        (void)fprintf(out, "\n%-14s %-8s %-7s %8s  %s\n", "Serial", "Path", "Result", "Seconds",
                      "Why");
    }
    for (size_t i = 0; i < fleet->count; i++) {
        const struct board *board = &fleet->boards[i];
        bool is_ok = board->result == REDFU_OK;
        if (is_ok && is_quiet) {
            continue;
        }
        (void)fprintf(out, "%-14s %-8s %-7s %5" PRIu64 ".%02" PRIu64, serial_of(board),
                      board->device.path, is_ok ? "ok" : "FAILED", board->us / 1000000,
                      board->us / 10000 % 100);
        if (!is_ok) {
            (void)fprintf(out, "  %s (%d)", board->cli.fault.text, (int)board->result);
        }
        (void)fputc('\n', out);
    }
    if (!is_quiet) {
        (void)fprintf(out, "%zu board%s: %zu ok, %zu failed\n", fleet->count,
                      fleet->count == 1 ? "" : "s", ok_count, fleet->count - ok_count);
    }
    (void)fflush(out);
}

// What each board would have said alone.
static void print_plans(const struct fleet *fleet) {
    FILE *out = fleet->cli->surroundings->out;
    for (size_t i = 0; i < fleet->count; i++) {
        const struct board *board = &fleet->boards[i];
        if (board->result == REDFU_OK && fflush(board->surroundings.out) == 0) {
            (void)fprintf(out, "\n%s", board->words);
        }
    }
}

static enum redfu_result judge(struct fleet *fleet) {
    size_t ok_count = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        ok_count += fleet->boards[i].result == REDFU_OK;
    }
    if (fleet->cli->options->dry_run && !fleet->cli->options->quiet && !fleet->cli->options->json) {
        print_plans(fleet);
    }
    if (!fleet->cli->options->json) {
        print_table(fleet, ok_count);
    }
    for (size_t i = 0; i < fleet->count; i++) {
        struct board *board = &fleet->boards[i];
        board->cli.fault.result = board->result;
        json_board(fleet->cli, &board->device, board->us,
                   board->result == REDFU_OK ? NULL : &board->cli.fault);
    }
    if (ok_count == fleet->count) {
        return REDFU_OK;
    }
    struct cli *cli = fleet->cli;
    if (cli->surroundings->is_cancelled(cli->surroundings->ctx)) {
        return cli_refuse(cli, REDFU_CANCELLED, "interrupted: %zu of %zu boards were done",
                          ok_count, fleet->count);
    }
    (void)cli_refuse(cli, REDFU_SOME_FAILED, "%zu of %zu boards failed, for the reasons above",
                     fleet->count - ok_count, fleet->count);
    return cli_advise(cli, "The same command with --path PATH in place of --all repeats it for one "
                           "board, with what to do about it.");
}

enum redfu_result fleet_run(struct cli *cli) {
    struct fleet fleet = {.cli = cli};
    (void)pthread_mutex_init(&fleet.lock, NULL); // default attributes: cannot fail
    enum redfu_result result = REDFU_OK;
    if (cli->options->command == COMMAND_WRITE || cli->options->command == COMMAND_VERIFY) {
        result = write_load(cli, &fleet.input);
    }
    if (result == REDFU_OK) {
        result = find_boards(&fleet);
    }
    if (result == REDFU_OK) {
        run_all(&fleet);
        result = judge(&fleet);
    }
    for (size_t i = 0; i < fleet.count; i++) {
        release(&fleet.boards[i]);
    }
    free(fleet.boards);
    input_free(&fleet.input);
    (void)pthread_mutex_destroy(&fleet.lock);
    return result;
}
