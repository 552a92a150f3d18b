// SPDX-License-Identifier: MIT
//
// Brings together the parts of a snapshot, in the order that setting back asks for: events out, memory
// back, events in.

#include "vboard/snapshot.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    uint8_t *at;
    size_t len;
    uint8_t *bytes;
};

struct snapshot {
    struct snapshot_subject subject;
    struct timeline_mark timeline;
    struct trace_mark trace;
    struct chip_snapshot **chips;
    struct piece *pieces;
    size_t piece_count;
};

static _Noreturn void give_up(void) {
    (void)fputs("vboard: out of memory for a snapshot\n", stderr);
    abort();
}

static void add_piece(void *ctx, void *at, size_t len) {
    struct snapshot *snapshot = ctx;
    struct piece *more =
        realloc(snapshot->pieces, (snapshot->piece_count + 1) * sizeof *snapshot->pieces);
    if (!more) {
        give_up();
    }
    snapshot->pieces = more;
    struct piece *piece = &more[snapshot->piece_count++];
    *piece = (struct piece){.at = at, .len = len, .bytes = malloc(len ? len : 1)};
    if (!piece->bytes) {
        give_up();
    }
    memcpy(piece->bytes, at, len);
}

struct snapshot *snapshot_take(const struct snapshot_subject *subject) {
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    struct chip_snapshot **chips = calloc(subject->chip_count + 1, sizeof *chips);
    if (!snapshot || !chips) {
        give_up();
    }
    snapshot->subject = *subject;
    snapshot->chips = chips;
    timeline_mark(subject->timeline, &snapshot->timeline);
    trace_mark(subject->trace, &snapshot->trace);
    for (size_t i = 0; i < subject->chip_count; i++) {
        chips[i] = chip_save(subject->chips[i]);
    }
    if (subject->more) {
        subject->more(subject->ctx, &(struct memory_visitor){add_piece, snapshot});
    }
    return snapshot;
}

static bool is_part(void *ctx, const struct event *event) {
    const struct snapshot *snapshot = ctx;
    for (size_t i = 0; i < snapshot->subject.chip_count; i++) {
        if (chip_has_event(snapshot->subject.chips[i], event)) {
            return true;
        }
    }
    for (size_t i = 0; i < snapshot->piece_count; i++) {
        uintptr_t at = (uintptr_t)event, first = (uintptr_t)snapshot->pieces[i].at;
        if (at >= first && at - first < snapshot->pieces[i].len) {
            return true;
        }
    }
    return false;
}

void snapshot_restore(const struct snapshot *snapshot) {
    const struct snapshot_subject *subject = &snapshot->subject;
    void *ctx = (void *)(uintptr_t)snapshot;
    timeline_return(subject->timeline, &snapshot->timeline, is_part, ctx);
    trace_return(subject->trace, &snapshot->trace);
    for (size_t i = 0; i < subject->chip_count; i++) {
        chip_restore(subject->chips[i], snapshot->chips[i]);
    }
    for (size_t i = 0; i < snapshot->piece_count; i++) {
        memcpy(snapshot->pieces[i].at, snapshot->pieces[i].bytes, snapshot->pieces[i].len);
    }
    timeline_returned(subject->timeline, &snapshot->timeline, is_part, ctx);
    for (size_t i = 0; i < subject->chip_count; i++) {
        chip_restored(subject->chips[i]);
    }
}

uint64_t snapshot_time(const struct snapshot *snapshot) {
    return snapshot->timeline.now_ps;
}

void snapshot_free(struct snapshot *snapshot) {
    if (!snapshot) {
        return;
    }
    timeline_mark_free(&snapshot->timeline);
    trace_mark_free(&snapshot->trace);
    for (size_t i = 0; i < snapshot->subject.chip_count; i++) {
        chip_snapshot_free(snapshot->chips[i]);
    }
    for (size_t i = 0; i < snapshot->piece_count; i++) {
        free(snapshot->pieces[i].bytes);
    }
    free(snapshot->chips);
    free(snapshot->pieces);
    free(snapshot);
}
