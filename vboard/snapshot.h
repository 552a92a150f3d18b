// SPDX-License-Identifier: MIT
//
// A whole bench set aside at one instant, and put back later: the clock with its queue, every chip,
// what was complained of, and whatever memory the caller names besides. What runs on from a restored
// snapshot is, to the byte of its trace, what ran on from it the first time.
//
// The clock goes back with it, so everything on the timeline that has to agree with a chip must be
// named; what is not named stays as it is, and its events stay as far off as they were. Programs on
// the far side of a cable cannot be set back: with them, leave the cable out, pull it before the
// restore and put it in again afterwards. A host in this process can be named like the rest.

#ifndef VBOARD_SNAPSHOT_H
#define VBOARD_SNAPSHOT_H

#include <stddef.h>

#include "vboard/chip/chip.h"
#include "vboard/memory.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"

struct snapshot_subject {
    struct timeline *timeline;
    struct trace *trace;
    struct chip *const *chips; // all that run on this timeline
    size_t chip_count;
    // Names more memory, at each take: plain bytes that stay where they are until the last restore.
    // Events in it are taken along. NULL: none.
    void (*more)(void *ctx, const struct memory_visitor *visitor);
    void *ctx;
};

struct snapshot;

// Between two timeline_run(), or from the hook of a chip whose power goes right after the restore (the
// instruction under way is half done). The subject stays the caller's, and valid. Memory that is short ends
// the program.
struct snapshot *snapshot_take(const struct snapshot_subject *subject);
// Between two timeline_run(), as often as wanted. Pull-ups are told to hosts anew at the end.
void snapshot_restore(const struct snapshot *snapshot);
// The instant it is of.
uint64_t snapshot_time(const struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

#endif
