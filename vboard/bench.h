// SPDX-License-Identifier: MIT
//
// What a person does to a board on the desk, by word: `vboard ctl SOCKET WORD...`.
//
// Snapshots (vboard/snapshot.h) live in the running vboard, by name. The host at the far end of the
// cable cannot be set back with the board, so restoring one means for it: the cable is pulled before;
// if the board was attached at the snapshot it is put in again BENCH_OFF_PS after that instant, which
// the board sees too, and the device enumerates afresh. A board that was not attached then goes on to
// the byte as it went on before.

#ifndef VBOARD_BENCH_H
#define VBOARD_BENCH_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/boards.h"
#include "vboard/chip/chip.h"
#include "vboard/cut.h"
#include "vboard/host/serve.h"
#include "vboard/snapshot.h"
#include "vboard/timeline.h"
#include "vboard/usb/cable.h"

#define BENCH_SNAPSHOTS_MAX 64u
#define BENCH_NAME_MAX      32u

struct bench_snapshot {
    char name[BENCH_NAME_MAX + 1];
    struct snapshot *snapshot;
    bool was_plugged, was_attached;
};

struct bench {
    const struct board *board;
    struct timeline *timeline;
    struct trace *trace;
    struct chip *chip;
    struct cable *cable;
    struct serve *serve; // NULL: vboard run
    struct cut *cut;
    // What else goes back in time with the board (struct snapshot_subject); may be NULL.
    void (*more)(void *ctx, const struct memory_visitor *visitor);
    void *ctx;
    // After a restore, with the same ctx; may be NULL.
    void (*restored)(void *ctx);
    // The bench's own.
    struct event power_event;  // power comes back
    struct event replug_event; // the cable comes back after a restore
    bool has_cut;              // `cut` is from the bench
    struct bench_snapshot *snapshots;
    size_t snapshot_count;
};

// How long power-cycle leaves the board without power, and restore without its cable: long enough for a
// host to see the device go.
#define BENCH_OFF_PS (100 * PS_PER_MS)

// Does what one line says (a control_do; ctx is the bench). While the board does not run, that is,
// between two timeline_run(). False with a sentence in `why`; nothing has happened then.
bool bench_do(void *ctx, const char *line, FILE *reply, char why[512]);
// Gives back the snapshots.
void bench_free(struct bench *bench);
// The words there are, one a line with what each does.
void bench_help(FILE *to);

#endif
