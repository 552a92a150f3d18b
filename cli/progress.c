// SPDX-License-Identifier: MIT
//
// Progress in words a person can check: one line for each sector erased and each run written or
// read, redrawn in place on a terminal, finished once elsewhere.

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"

const char *words_size(uint64_t bytes, char *out, size_t size) {
    if (bytes >= 1024 && bytes % 1024 == 0) {
        (void)snprintf(out, size, "%" PRIu64 " KB", bytes / 1024);
    } else if (bytes >= 10 * 1024) {
        (void)snprintf(out, size, "%" PRIu64 ".%" PRIu64 " KB", bytes / 1024,
                       bytes % 1024 * 10 / 1024);
    } else {
        (void)snprintf(out, size, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
    }
    return out;
}

const char *words_time(uint64_t us, char *out, size_t size) {
    if (us < 10000000) {
        (void)snprintf(out, size, "%" PRIu64 " ms", us / 1000);
    } else {
        (void)snprintf(out, size, "%" PRIu64 ".%" PRIu64 " s", us / 1000000, us / 100000 % 10);
    }
    return out;
}

static const char *verb(enum redfu_phase phase) {
    switch (phase) {
    case REDFU_PHASE_ERASE:
        return "Erasing";
    case REDFU_PHASE_WRITE:
        return "Writing";
    case REDFU_PHASE_VERIFY:
        return "Verifying";
    case REDFU_PHASE_COMPARE:
        return "Comparing";
    case REDFU_PHASE_READ:
    default:
        return "Reading";
    }
}

#define LINE_BYTES    160u
#define BAR_CHARS_MIN 6u
#define PERCENT_CHARS 5u // "100 %"

static const char *start_of(const struct redfu_progress *progress, char line[LINE_BYTES]) {
    char what[32];
    char size[32];
    if (progress->phase == REDFU_PHASE_ERASE) {
        (void)snprintf(what, sizeof what, "Erasing sector %u", progress->sector);
    } else {
        (void)snprintf(what, sizeof what, "%s", verb(progress->phase));
    }
    (void)snprintf(line, LINE_BYTES, "%-17s 0x%08" PRIX32 "  %s ... ", what, progress->addr,
                   words_size(progress->len, size, sizeof size));
    return line;
}

static void print_end(FILE *out, const struct redfu_progress *progress) {
    char time[32];
    (void)fprintf(out, "%s", words_time(progress->elapsed_us, time, sizeof time));
    if (progress->phase != REDFU_PHASE_ERASE && progress->phase != REDFU_PHASE_COMPARE &&
        progress->elapsed_us >= 1000) {
        (void)fprintf(out, " (%" PRIu64 " KB/s)",
                      (uint64_t)progress->len * 1000000 / 1024 / progress->elapsed_us);
    }
}

unsigned cli_line_room(const struct surroundings *surroundings) {
    return (surroundings->columns ? surroundings->columns : 80u) - 1u;
}

// "40 % [##########              ] 227 KB/s, 3 s left", or what of it fits: the bar gives way, then rate and time.
static void print_middle(FILE *out, const struct redfu_progress *progress, unsigned percent,
                         size_t room) {
    static const char bar[] = "########################";
    char rate[64] = "";
    char number[16];
    uint64_t us = progress->elapsed_us;
    if (us >= 1000 && progress->done > 0) {
        (void)snprintf(rate, sizeof rate, " %" PRIu64 " KB/s, %" PRIu64 " s left",
                       (uint64_t)progress->done * 1000000 / 1024 / us,
                       (us * (progress->len - progress->done) / progress->done + 999999) / 1000000);
    }
    size_t used = (size_t)snprintf(number, sizeof number, "%u %%", percent) + strlen(rate);
    size_t bar_chars = room > used + sizeof " []" - 1 ? room - used - (sizeof " []" - 1) : 0;
    bar_chars = bar_chars < sizeof bar - 1 ? bar_chars : sizeof bar - 1;
    (void)fputs(number, out);
    if (bar_chars >= BAR_CHARS_MIN) {
        (void)fprintf(out, " [%-*.*s]", (int)bar_chars, (int)(percent * bar_chars / 100), bar);
    }
    if (used <= room) {
        (void)fputs(rate, out);
    }
    (void)fputs("\033[K", out);
}

static void show(void *ctx, const struct redfu_progress *progress) {
    struct cli *cli = ctx;
    FILE *out = cli->surroundings->out;
    bool is_over = progress->done >= progress->len;
    if (cli->surroundings->progress) {
        cli->surroundings->progress(cli->surroundings->ctx, progress);
        return;
    }
    if (cli->options->json) {
        if (is_over) {
            json_progress(cli, progress);
        }
        return;
    }
    char line[LINE_BYTES];
    size_t len = strlen(start_of(progress, line));
    size_t room = cli_line_room(cli->surroundings);
    bool is_redrawn = cli->surroundings->is_terminal && len + PERCENT_CHARS <= room;
    unsigned percent =
        progress->len > 0 ? (unsigned)((uint64_t)progress->done * 100 / progress->len) : 100;
    if (progress->done == 0 && !is_over) {
        (void)fputs(line, out);
        cli->line_is_open = true;
        cli->percent = 0;
    } else if (is_over || (is_redrawn && percent != cli->percent)) {
        cli->percent = percent;
        if (is_redrawn) {
            (void)fprintf(out, "\r%s", line);
        }
        if (is_over) {
            print_end(out, progress);
            (void)fputs(is_redrawn ? "\033[K\n" : "\n", out);
            cli->line_is_open = false;
        } else {
            print_middle(out, progress, percent, room - len);
        }
    }
    (void)fflush(out);
}

static bool is_cancelled(void *ctx) {
    const struct cli *cli = ctx;
    return cli->surroundings->is_cancelled(cli->surroundings->ctx);
}

struct redfu_watch progress_watch(struct cli *cli) {
    return (struct redfu_watch){
        .ctx = cli,
        .progress = cli->options->quiet ? NULL : show,
        .is_cancelled = is_cancelled,
    };
}

void progress_break(struct cli *cli) {
    if (cli->line_is_open) {
        (void)fputs("\n", cli->surroundings->out);
        cli->line_is_open = false;
    }
    (void)fflush(cli->surroundings->out); // an error comes behind what was said before
}
