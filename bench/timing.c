// SPDX-License-Identifier: MIT

#include "bench/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum what { ERASE, PROGRAM, TRANSFER, CONTROLLER, WHATS };

struct span {
    double from, to; // us
    double share;    // of it, that something is done: programming pauses between words
};

struct spans {
    struct span *at;
    size_t count, room;
};

struct reader {
    struct spans of[WHATS];
    double setup, done; // of the transfer under way; of the last one
    bool is_class;      // the transfer under way is not chapter 9's
    bool has_begun;
    double start, end;
    unsigned transfers;
    double cost_us;
};

static void add(struct spans *list, double from, double to, double share) {
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 1024;
        list->at = realloc(list->at, list->room * sizeof *list->at);
        if (!list->at) {
            abort();
        }
    }
    list->at[list->count++] = (struct span){from, to, share};
}

static double number_behind(const char *line, const char *word) {
    const char *at = strstr(line, word);
    return at ? strtod(at + strlen(word), NULL) : 0;
}

static void begin_transfer(struct reader *r, double us, const char *line) {
    const char *type = strstr(line, " type=0x");
    // Bits 6 and 5 of bmRequestType: 0 is chapter 9's.
    r->is_class = type && (strtoul(type + 6, NULL, 16) & 0x60) != 0;
    r->setup = us;
    if (r->is_class && !r->has_begun) {
        r->has_begun = true;
        r->start = us;
        r->done = us;
    }
}

static void end_transfer(struct reader *r, double us) {
    if (!r->has_begun || r->setup == 0) {
        r->setup = 0;
        return;
    }
    double cost_from = r->setup - r->cost_us < r->done ? r->done : r->setup - r->cost_us;
    add(&r->of[CONTROLLER], cost_from, r->setup, 1);
    add(&r->of[TRANSFER], r->setup, us, 1);
    r->transfers++;
    if (r->is_class) {
        r->end = us;
    }
    r->done = us;
    r->setup = 0;
}

static void take_line(struct reader *r, const char *line) {
    static const char *const no_ends[] = {"plug",      "unplug",  "attach", "detach", "reset",
                                          "enumerate", "suspend", "resume", "chirp",  "guest-"};
    char *rest;
    double us = strtod(line, &rest);
    if (strncmp(rest, " usb setup ", 11) == 0) {
        begin_transfer(r, us, rest);
    } else if (strncmp(rest, " usb ", 5) == 0) {
        for (size_t i = 0; i < sizeof no_ends / sizeof *no_ends; i++) {
            if (strncmp(rest + 5, no_ends[i], strlen(no_ends[i])) == 0) {
                return;
            }
        }
        end_transfer(r, us);
    } else if (strncmp(rest, " flash erase ", 13) == 0 ||
               strncmp(rest, " flash mass-erase ", 18) == 0) {
        add(&r->of[ERASE], us, us + number_behind(rest, " us="), 1);
    } else if (strncmp(rest, " flash program ", 15) == 0) {
        double from = number_behind(rest, " from="), to = number_behind(rest, " to=");
        if (to > from) {
            add(&r->of[PROGRAM], from, to, number_behind(rest, " us=") / (to - from));
        }
    }
}

static int by_time(const void *a, const void *b) {
    double x = ((const struct span *)a)->from, y = ((const struct span *)b)->from;
    return (x > y) - (x < y);
}

// The instants between which nothing changes, one after another; each list is sorted and has no overlaps.
static void share_out(struct reader *r, struct timing *t) {
    size_t next[WHATS] = {0};
    double now = r->start, part_us[WHATS + 1] = {0};
    while (now < r->end) {
        double until = r->end, left = 1;
        const struct span *under[WHATS] = {NULL};
        for (int what = 0; what < WHATS; what++) {
            const struct spans *list = &r->of[what];
            while (next[what] < list->count && list->at[next[what]].to <= now) {
                next[what]++;
            }
            if (next[what] < list->count) {
                const struct span *span = &list->at[next[what]];
                double edge = span->from > now ? span->from : span->to;
                under[what] = span->from > now ? NULL : span;
                until = edge < until ? edge : until;
            }
        }
        for (int what = 0; what < WHATS && left > 0; what++) {
            if (under[what]) {
                part_us[what] += left * under[what]->share * (until - now);
                left -= left * under[what]->share;
            }
        }
        part_us[WHATS] += left * (until - now);
        now = until;
    }
    t->total_ms = (r->end - r->start) / 1000;
    t->erase_ms = part_us[ERASE] / 1000;
    t->program_ms = part_us[PROGRAM] / 1000;
    t->transfer_ms = part_us[TRANSFER] / 1000;
    t->controller_ms = part_us[CONTROLLER] / 1000;
    t->sleep_ms = part_us[WHATS] / 1000;
    t->transfers = r->transfers;
}

bool timing_read(const char *trace, double cost_us, struct timing *timing) {
    FILE *file = fopen(trace, "r");
    if (!file) {
        return false;
    }
    struct reader r = {.cost_us = cost_us};
    char line[1024];
    while (fgets(line, sizeof line, file)) {
        take_line(&r, line);
    }
    (void)fclose(file);
    for (int what = 0; what < WHATS; what++) {
        if (r.of[what].at) {
            qsort(r.of[what].at, r.of[what].count, sizeof *r.of[what].at, by_time);
        }
    }
    *timing = (struct timing){0};
    if (r.end > r.start) {
        share_out(&r, timing);
    }
    for (int what = 0; what < WHATS; what++) {
        free(r.of[what].at);
    }
    return r.end > r.start;
}
