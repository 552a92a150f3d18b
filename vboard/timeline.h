// SPDX-License-Identifier: MIT
//
// Virtual time: one clock and one queue of events for everything on the bench, so that a run
// depends on nothing but its inputs.
//
// Time is in picoseconds since power-on (64 bits: 213 days). Events at the same instant fire in
// the order in which they were scheduled. An event is owned by whoever embeds it and must be
// zeroed before first use.

#ifndef VBOARD_TIMELINE_H
#define VBOARD_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PS_PER_NS  1000ull
#define PS_PER_US  1000000ull
#define PS_PER_MS  1000000000ull
#define PS_PER_S   1000000000000ull
#define TIME_NEVER UINT64_MAX

struct event {
    uint64_t at_ps;
    void (*fire)(void *ctx);
    void *ctx;
    // The timeline's own.
    uint64_t order;
    size_t slot; // 1-based place in the queue; 0 when not scheduled
};

// Something that consumes time by itself: a board's processor.
struct runner {
    // Runs until `until_ps`, or stops earlier where it must; returns the time it reached. It stops
    // early when interrupt() below was called (an access scheduled an earlier event). It may
    // pass `until_ps` by the rest of one instruction.
    uint64_t (*run)(void *ctx, uint64_t until_ps);
    // Asks a run() under way to return after the current instruction.
    void (*interrupt)(void *ctx);
    // The exact time inside run(), while it runs.
    uint64_t (*now)(void *ctx);
    void *ctx;
};

#define TIMELINE_RUNNERS_MAX 16
// Two or more runners take turns of this length.
#define TIMELINE_TURN_PS     PS_PER_US

struct timeline {
    uint64_t now_ps;     // time of the last event or slice end; use timeline_now()
    uint64_t horizon_ps; // end of the slice being run
    struct event **queue;
    size_t count, capacity;
    uint64_t order;
    struct runner runners[TIMELINE_RUNNERS_MAX];
    unsigned runner_count;
    struct runner *running; // the one inside run(), or NULL
    // The timeline's own.
    uint64_t reached_ps[TIMELINE_RUNNERS_MAX]; // how far each runner is; may be ahead of now_ps
    bool inside[TIMELINE_RUNNERS_MAX];         // its run() is under way, perhaps in timeline_pass()
    uint64_t limit_ps;                         // no event later than this fires now
    bool stop;
};

void timeline_init(struct timeline *timeline);
void timeline_free(struct timeline *timeline);

// Adds a processor. Two or more share time in turns of at most 1 us.
void timeline_add_runner(struct timeline *timeline, const struct runner *runner);

// The present instant, exact also inside a runner's run().
uint64_t timeline_now(const struct timeline *timeline);

// Schedules, or moves, an event. A time already past fires as soon as possible. Ends the slice
// under way if the event comes before its end.
void timeline_schedule(struct timeline *timeline, struct event *event, uint64_t at_ps);
void timeline_cancel(struct timeline *timeline, struct event *event);
bool timeline_is_scheduled(const struct event *event);

// The instant of the earliest event; TIME_NEVER when none is scheduled.
uint64_t timeline_next(const struct timeline *timeline);

// For a runner, from inside its run(): lets time pass while its processor stands still in the
// middle of an access (a stalled bus). Events up to `until_ps`, that instant included, fire in
// their order at their time, and other runners go on; the caller advances its own clock to the
// instant returned. That is earlier than `until_ps` when timeline_stop() was called or the run
// under way ends earlier: the caller then lets its clock run ahead (to where the stall ends) and
// returns from run() after the instruction, and is not run again before that instant.
uint64_t timeline_pass(struct timeline *timeline, uint64_t until_ps);
// The latest instant the run under way (or the pass around this runner) comes to.
uint64_t timeline_limit(const struct timeline *timeline);

// Runs until the instant given (its events included), or until timeline_stop() (which any event or access
// may call; the stop takes effect after the instruction or event under way). Returns the time reached.
uint64_t timeline_run(struct timeline *timeline, uint64_t until_ps);
void timeline_stop(struct timeline *timeline);

// --- setting it back (vboard/snapshot.h is what others use) -----------------------------------------

// The clock and the queue at one instant.
struct timeline_mark {
    uint64_t now_ps, order;
    uint64_t reached_ps[TIMELINE_RUNNERS_MAX];
    struct timeline_entry {
        struct event *event;
        uint64_t at_ps, order;
    } * entries;
    size_t count;
};

// Between two timeline_run(), or inside a runner's run(). Memory that is short ends the program, as for
// the queue.
void timeline_mark(const struct timeline *timeline, struct timeline_mark *mark);
void timeline_mark_free(struct timeline_mark *mark);

// Sets the clock back (or forward) to the mark, between two timeline_run(), in two steps: the first
// takes out the events that belong to what is set back with it, the second, when their owners' memory
// holds again what it held at the mark, schedules those of the mark. Whatever else is scheduled
// stays, as far off as it was. The same runners as at the mark. `is_part` may be NULL: everything.
typedef bool (*timeline_is_part)(void *ctx, const struct event *event);
void timeline_return(struct timeline *timeline, const struct timeline_mark *mark,
                     timeline_is_part is_part, void *ctx);
void timeline_returned(struct timeline *timeline, const struct timeline_mark *mark,
                       timeline_is_part is_part, void *ctx);

#endif
