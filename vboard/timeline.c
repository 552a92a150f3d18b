// SPDX-License-Identifier: MIT
//
// Decides the order in which events fire and runners run. The queue is a binary heap ordered by
// instant, then by order of scheduling; each event knows its slot, so moving and cancelling cost
// no search. What an event or a runner does is theirs.

#include "vboard/timeline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_before(const struct event *a, const struct event *b) {
    return a->at_ps != b->at_ps ? a->at_ps < b->at_ps : a->order < b->order;
}

static void put(struct timeline *timeline, size_t index, struct event *event) {
    timeline->queue[index] = event;
    event->slot = index + 1;
}

static void sift_up(struct timeline *timeline, size_t index, struct event *event) {
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!is_before(event, timeline->queue[parent])) {
            break;
        }
        put(timeline, index, timeline->queue[parent]);
        index = parent;
    }
    put(timeline, index, event);
}

static void sift_down(struct timeline *timeline, size_t index, struct event *event) {
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= timeline->count) {
            break;
        }
        if (child + 1 < timeline->count &&
            is_before(timeline->queue[child + 1], timeline->queue[child])) {
            child++;
        }
        if (!is_before(timeline->queue[child], event)) {
            break;
        }
        put(timeline, index, timeline->queue[child]);
        index = child;
    }
    put(timeline, index, event);
}

static void take(struct timeline *timeline, struct event *event) {
    size_t index = event->slot - 1;
    struct event *last = timeline->queue[--timeline->count];

    event->slot = 0;
    if (last == event) {
        return;
    }
    if (index > 0 && is_before(last, timeline->queue[(index - 1) / 2])) {
        sift_up(timeline, index, last);
    } else {
        sift_down(timeline, index, last);
    }
}

static _Noreturn void give_up(void) {
    // An event that cannot be scheduled cannot be reported to anybody who could go on.
    fputs("vboard: out of memory for the event queue\n", stderr);
    abort();
}

static void grow(struct timeline *timeline) {
    size_t capacity = timeline->capacity ? timeline->capacity * 2 : 64;
    struct event **queue = realloc(timeline->queue, capacity * sizeof(*queue));

    if (!queue) {
        give_up();
    }
    timeline->queue = queue;
    timeline->capacity = capacity;
}

// Fires everything due at `now_ps`; stops between events when asked.
static void fire_due(struct timeline *timeline) {
    while (!timeline->stop && timeline->count > 0 &&
           timeline->queue[0]->at_ps <= timeline->now_ps) {
        struct event *event = timeline->queue[0];
        take(timeline, event);
        event->fire(event->ctx);
    }
}

static void run_one(struct timeline *timeline, unsigned index) {
    struct runner *runner = &timeline->runners[index];

    timeline->inside[index] = true;
    timeline->running = runner;
    timeline->reached_ps[index] = runner->run(runner->ctx, timeline->horizon_ps);
    timeline->running = NULL;
    timeline->inside[index] = false;
}

// One turn: every runner that is not standing in timeline_pass() comes to the horizon.
static void run_turn(struct timeline *timeline) {
    uint64_t slowest = TIME_NEVER;

    for (unsigned i = 0; i < timeline->runner_count && !timeline->stop; i++) {
        if (!timeline->inside[i] && timeline->reached_ps[i] < timeline->horizon_ps) {
            run_one(timeline, i);
        }
    }
    for (unsigned i = 0; i < timeline->runner_count; i++) {
        if (!timeline->inside[i] && timeline->reached_ps[i] < slowest) {
            slowest = timeline->reached_ps[i];
        }
    }
    // A runner may be past the horizon by the rest of an instruction, or ahead in a stall.
    uint64_t reached = slowest < timeline->horizon_ps ? slowest : timeline->horizon_ps;
    if (reached > timeline->now_ps) {
        timeline->now_ps = reached;
    }
}

static void advance(struct timeline *timeline) {
    for (;;) {
        fire_due(timeline);
        if (timeline->stop || timeline->now_ps >= timeline->limit_ps) {
            return;
        }
        uint64_t horizon = timeline->limit_ps;
        if (timeline_next(timeline) < horizon) {
            horizon = timeline_next(timeline);
        }
        if (timeline->runner_count > 1 && horizon - timeline->now_ps > TIMELINE_TURN_PS) {
            horizon = timeline->now_ps + TIMELINE_TURN_PS;
        }
        timeline->horizon_ps = horizon;
        run_turn(timeline);
    }
}

void timeline_init(struct timeline *timeline) {
    memset(timeline, 0, sizeof(*timeline));
}

void timeline_free(struct timeline *timeline) {
    for (size_t i = 0; i < timeline->count; i++) {
        timeline->queue[i]->slot = 0;
    }
    free(timeline->queue);
    memset(timeline, 0, sizeof(*timeline));
}

void timeline_add_runner(struct timeline *timeline, const struct runner *runner) {
    assert(timeline->runner_count < TIMELINE_RUNNERS_MAX && !timeline->running);
    timeline->runners[timeline->runner_count] = *runner;
    timeline->reached_ps[timeline->runner_count] = timeline->now_ps;
    timeline->inside[timeline->runner_count] = false;
    timeline->runner_count++;
}

uint64_t timeline_now(const struct timeline *timeline) {
    const struct runner *running = timeline->running;
    return running ? running->now(running->ctx) : timeline->now_ps;
}

static void insert(struct timeline *timeline, struct event *event, uint64_t at_ps, uint64_t order) {
    if (timeline->count == timeline->capacity) {
        grow(timeline);
    }
    event->at_ps = at_ps;
    event->order = order;
    sift_up(timeline, timeline->count++, event);
}

void timeline_schedule(struct timeline *timeline, struct event *event, uint64_t at_ps) {
    if (event->slot) {
        take(timeline, event);
    }
    insert(timeline, event, at_ps, timeline->order++);

    if (timeline->running && at_ps < timeline->horizon_ps) {
        timeline->horizon_ps = at_ps;
        timeline->running->interrupt(timeline->running->ctx);
    }
}

void timeline_cancel(struct timeline *timeline, struct event *event) {
    if (event->slot) {
        take(timeline, event);
    }
}

bool timeline_is_scheduled(const struct event *event) {
    return event->slot != 0;
}

uint64_t timeline_next(const struct timeline *timeline) {
    return timeline->count ? timeline->queue[0]->at_ps : TIME_NEVER;
}

uint64_t timeline_pass(struct timeline *timeline, uint64_t until_ps) {
    struct runner *running = timeline->running;
    uint64_t limit_ps = timeline->limit_ps;
    uint64_t horizon_ps = timeline->horizon_ps;
    uint64_t now_ps = timeline_now(timeline);

    assert(running);
    // The runner may have gone to `until_ps` already, give or take an instruction.
    now_ps = now_ps < until_ps ? now_ps : until_ps;
    timeline->now_ps = now_ps > timeline->now_ps ? now_ps : timeline->now_ps;
    timeline->running = NULL;
    if (until_ps < limit_ps) {
        timeline->limit_ps = until_ps;
    }
    advance(timeline);
    timeline->limit_ps = limit_ps;
    timeline->horizon_ps = horizon_ps;
    timeline->running = running;
    // The slice's end was worked out before: what was scheduled meanwhile may come earlier.
    running->interrupt(running->ctx);
    return timeline->now_ps;
}

uint64_t timeline_limit(const struct timeline *timeline) {
    return timeline->limit_ps;
}

uint64_t timeline_run(struct timeline *timeline, uint64_t until_ps) {
    assert(!timeline->running);
    timeline->stop = false;
    timeline->limit_ps = until_ps;
    advance(timeline);
    return timeline->now_ps;
}

void timeline_stop(struct timeline *timeline) {
    timeline->stop = true;
    if (timeline->running) {
        timeline->running->interrupt(timeline->running->ctx);
    }
}

// --- setting it back --------------------------------------------------------------------------------

void timeline_mark(const struct timeline *timeline, struct timeline_mark *mark) {
    *mark = (struct timeline_mark){
        .now_ps = timeline_now(timeline), .order = timeline->order, .count = timeline->count};
    memcpy(mark->reached_ps, timeline->reached_ps, sizeof mark->reached_ps);
    mark->entries = calloc(timeline->count + 1, sizeof *mark->entries);
    if (!mark->entries) {
        give_up();
    }
    for (size_t i = 0; i < timeline->count; i++) {
        struct event *event = timeline->queue[i];
        mark->entries[i] = (struct timeline_entry){event, event->at_ps, event->order};
    }
}

void timeline_mark_free(struct timeline_mark *mark) {
    free(mark->entries);
    *mark = (struct timeline_mark){0};
}

static bool is_any(void *ctx, const struct event *event) {
    (void)ctx;
    (void)event;
    return true;
}

void timeline_return(struct timeline *timeline, const struct timeline_mark *mark,
                     timeline_is_part is_part, void *ctx) {
    assert(!timeline->running);
    is_part = is_part ? is_part : is_any;
    size_t kept = 0;
    for (size_t i = 0; i < timeline->count; i++) {
        struct event *event = timeline->queue[i];
        event->slot = 0;
        if (!is_part(ctx, event)) {
            timeline->queue[kept++] = event;
        }
    }
    timeline->count = 0;
    for (size_t i = 0; i < kept; i++) { // slots below `i` only are written
        struct event *event = timeline->queue[i];
        uint64_t left_ps = event->at_ps > timeline->now_ps ? event->at_ps - timeline->now_ps : 0;
        insert(timeline, event,
               left_ps < TIME_NEVER - mark->now_ps ? mark->now_ps + left_ps : TIME_NEVER,
               event->order);
    }
    timeline->now_ps = mark->now_ps;
    // Nothing new comes before what is there in its instant.
    timeline->order = kept && timeline->order > mark->order ? timeline->order : mark->order;
    memcpy(timeline->reached_ps, mark->reached_ps, sizeof mark->reached_ps);
}

void timeline_returned(struct timeline *timeline, const struct timeline_mark *mark,
                       timeline_is_part is_part, void *ctx) {
    is_part = is_part ? is_part : is_any;
    for (size_t i = 0; i < mark->count; i++) {
        const struct timeline_entry *entry = &mark->entries[i];
        if (is_part(ctx, entry->event)) {
            insert(timeline, entry->event, entry->at_ps, entry->order);
        }
    }
}
