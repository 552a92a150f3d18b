// SPDX-License-Identifier: MIT
//
// Virtual time: order of events, ends of slices, turns of runners, time passing inside an access.

#include "vboard/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOG_MAX 4096

struct log {
    struct timeline *timeline;
    size_t count;
    struct {
        uint64_t at_ps;
        int id;
    } lines[LOG_MAX];
};

struct noted {
    struct event event;
    struct log *log;
    int id;
    bool stops;
};

static void note(void *ctx) {
    struct noted *noted = ctx;
    struct log *log = noted->log;
    assert_true(log->count < LOG_MAX);
    log->lines[log->count].at_ps = timeline_now(log->timeline);
    log->lines[log->count++].id = noted->id;
    if (noted->stops) {
        timeline_stop(log->timeline);
    }
}

static void prepare(struct noted *noted, struct log *log, int id) {
    memset(noted, 0, sizeof(*noted));
    noted->event.fire = note;
    noted->event.ctx = noted;
    noted->log = log;
    noted->id = id;
}

// A processor of 10 ns an instruction. At `act_at_ps` its instruction does something.
struct machine {
    struct timeline *timeline;
    uint64_t now_ps;
    bool interrupted;
    uint64_t act_at_ps;
    void (*act)(struct machine *machine);
    struct noted *schedule;
    uint64_t schedule_at_ps, stall_until_ps, stall_reached_ps;
    size_t slices;
    uint64_t longest_ps, act_end_ps;
    int64_t *lead; // how far it gets ahead of the other
    struct machine *other;
};

static uint64_t machine_run(void *ctx, uint64_t until_ps) {
    struct machine *machine = ctx;
    uint64_t start_ps = machine->now_ps;

    machine->interrupted = false;
    machine->slices++;
    while (machine->now_ps < until_ps && !machine->interrupted) {
        machine->now_ps += 10 * PS_PER_NS;
        if (machine->act && machine->now_ps >= machine->act_at_ps) {
            void (*act)(struct machine *) = machine->act;
            machine->act = NULL;
            act(machine);
            machine->act_end_ps = machine->now_ps;
        }
        if (machine->other && machine->lead) {
            int64_t lead = (int64_t)(machine->now_ps - machine->other->now_ps);
            *machine->lead = lead > *machine->lead ? lead : *machine->lead;
        }
    }
    if (machine->now_ps - start_ps > machine->longest_ps) {
        machine->longest_ps = machine->now_ps - start_ps;
    }
    return machine->now_ps;
}

static void machine_interrupt(void *ctx) {
    ((struct machine *)ctx)->interrupted = true;
}

static uint64_t machine_now(void *ctx) {
    return ((struct machine *)ctx)->now_ps;
}

static void add_machine(struct timeline *timeline, struct machine *machine) {
    machine->timeline = timeline;
    timeline_add_runner(timeline,
                        &(struct runner){machine_run, machine_interrupt, machine_now, machine});
}

static void events_at_the_same_instant_fire_in_the_order_scheduled(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted noted[20];
    (void)state;

    timeline_init(&timeline);
    for (int i = 0; i < 20; i++) {
        prepare(&noted[i], &log, i);
        timeline_schedule(&timeline, &noted[i].event, 5 * PS_PER_US);
    }
    // Scheduled again, the first goes to the end of its instant.
    timeline_schedule(&timeline, &noted[0].event, 5 * PS_PER_US);
    assert_int_equal(timeline_run(&timeline, PS_PER_MS), PS_PER_MS);
    assert_int_equal(log.count, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(log.lines[i].id, (i + 1) % 20);
        assert_int_equal(log.lines[i].at_ps, 5 * PS_PER_US);
    }
    timeline_free(&timeline);
}

static void any_mix_of_scheduling_moving_and_cancelling_fires_in_order_of_time(void **state) {
    enum { COUNT = 1000 };
    struct timeline timeline;
    static struct log log;
    static struct noted noted[COUNT];
    uint32_t random = 12345;
    size_t expected = 0;
    (void)state;

    timeline_init(&timeline);
    memset(&log, 0, sizeof(log));
    log.timeline = &timeline;
    for (int i = 0; i < COUNT; i++) {
        prepare(&noted[i], &log, i);
    }
    for (int i = 0; i < 20 * COUNT; i++) {
        random = random * 1664525 + 1013904223;
        struct event *event = &noted[(random >> 8 & 0x3FF) % COUNT].event;
        if (random >> 28 < 3) {
            timeline_cancel(&timeline, event);
            assert_false(timeline_is_scheduled(event));
        } else {
            timeline_schedule(&timeline, event, (random >> 18 & 0x1FF) * PS_PER_NS);
            assert_true(timeline_is_scheduled(event));
        }
    }
    for (int i = 0; i < COUNT; i++) {
        expected += timeline_is_scheduled(&noted[i].event);
    }
    timeline_run(&timeline, PS_PER_US);
    assert_int_equal(log.count, expected);
    assert_true(expected > COUNT / 2);
    for (size_t i = 1; i < log.count; i++) {
        const struct event *before = &noted[log.lines[i - 1].id].event;
        const struct event *after = &noted[log.lines[i].id].event;
        assert_true(before->at_ps < after->at_ps ||
                    (before->at_ps == after->at_ps && before->order < after->order));
    }
    timeline_free(&timeline);
}

static void an_event_in_the_past_fires_now_and_time_never_goes_back(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted late;
    (void)state;

    timeline_init(&timeline);
    timeline_run(&timeline, 10 * PS_PER_US);
    prepare(&late, &log, 1);
    timeline_schedule(&timeline, &late.event, 3 * PS_PER_US);
    timeline_run(&timeline, 10 * PS_PER_US);
    assert_int_equal(log.count, 1);
    assert_int_equal(log.lines[0].at_ps, 10 * PS_PER_US);
    timeline_free(&timeline);
}

static void schedule_from_instruction(struct machine *machine) {
    timeline_schedule(machine->timeline, &machine->schedule->event, machine->schedule_at_ps);
}

static void an_earlier_event_scheduled_by_an_instruction_ends_the_slice(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted noted;
    struct machine machine = {.act_at_ps = 100 * PS_PER_US,
                              .act = schedule_from_instruction,
                              .schedule = &noted,
                              .schedule_at_ps = 150 * PS_PER_US};
    (void)state;

    timeline_init(&timeline);
    prepare(&noted, &log, 1);
    add_machine(&timeline, &machine);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(log.count, 1);
    assert_int_equal(log.lines[0].at_ps, 150 * PS_PER_US);
    assert_int_equal(machine.now_ps, PS_PER_MS);
    timeline_free(&timeline);
}

static void two_runners_never_get_further_apart_than_a_turn(void **state) {
    struct timeline timeline;
    int64_t lead = 0;
    struct machine a = {.lead = &lead}, b = {.lead = &lead};
    (void)state;

    timeline_init(&timeline);
    a.other = &b;
    b.other = &a;
    add_machine(&timeline, &a);
    add_machine(&timeline, &b);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(a.now_ps, PS_PER_MS);
    assert_int_equal(b.now_ps, PS_PER_MS);
    assert_true(lead > 0 && (uint64_t)lead <= TIMELINE_TURN_PS + 10 * PS_PER_NS);
    timeline_free(&timeline);
}

static void one_runner_alone_runs_to_the_next_event_in_one_slice(void **state) {
    struct timeline timeline;
    struct machine machine = {0};
    (void)state;

    timeline_init(&timeline);
    add_machine(&timeline, &machine);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(machine.slices, 1);
    timeline_free(&timeline);
}

static void stall(struct machine *machine) {
    machine->stall_reached_ps = timeline_pass(machine->timeline, machine->stall_until_ps);
    if (machine->stall_until_ps > machine->now_ps) {
        machine->now_ps = machine->stall_until_ps;
    }
}

static void events_fire_at_their_time_while_a_runner_stands_in_an_access(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted before, within, at_end, after;
    struct machine machine = {
        .act_at_ps = 100 * PS_PER_US, .act = stall, .stall_until_ps = 500 * PS_PER_US};
    (void)state;

    timeline_init(&timeline);
    prepare(&before, &log, 1);
    prepare(&within, &log, 2);
    prepare(&at_end, &log, 3);
    prepare(&after, &log, 4);
    timeline_schedule(&timeline, &after.event, 600 * PS_PER_US);
    timeline_schedule(&timeline, &at_end.event, 500 * PS_PER_US);
    timeline_schedule(&timeline, &within.event, 300 * PS_PER_US);
    timeline_schedule(&timeline, &before.event, 50 * PS_PER_US);
    add_machine(&timeline, &machine);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(machine.stall_reached_ps, 500 * PS_PER_US);
    // All but the last had fired when the access completed.
    assert_int_equal(machine.act_end_ps, 500 * PS_PER_US);
    assert_int_equal(log.count, 4);
    static const uint64_t at_us[] = {50, 300, 500, 600};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(log.lines[i].id, i + 1);
        assert_int_equal(log.lines[i].at_ps, at_us[i] * PS_PER_US);
    }
    timeline_free(&timeline);
}

static void another_runner_goes_on_while_one_stands_in_an_access(void **state) {
    struct timeline timeline;
    struct machine standing = {
        .act_at_ps = 100 * PS_PER_US, .act = stall, .stall_until_ps = 500 * PS_PER_US};
    struct machine going = {0};
    (void)state;

    timeline_init(&timeline);
    add_machine(&timeline, &standing);
    add_machine(&timeline, &going);
    timeline_run(&timeline, 400 * PS_PER_US);
    assert_true(going.now_ps >= 400 * PS_PER_US && going.now_ps < 401 * PS_PER_US);
    // At most the rest of the turn in which the other came to stand, and one more.
    assert_true(going.longest_ps <= 2 * TIMELINE_TURN_PS);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(going.now_ps, PS_PER_MS);
    assert_int_equal(standing.now_ps, PS_PER_MS);
    timeline_free(&timeline);
}

static void two_runners_standing_at_once_each_come_out_at_their_own_time(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted noted;
    struct machine a = {
        .act_at_ps = 100 * PS_PER_US, .act = stall, .stall_until_ps = 300 * PS_PER_US};
    struct machine b = {
        .act_at_ps = 200 * PS_PER_US, .act = stall, .stall_until_ps = 600 * PS_PER_US};
    (void)state;

    timeline_init(&timeline);
    prepare(&noted, &log, 1);
    timeline_schedule(&timeline, &noted.event, 450 * PS_PER_US);
    add_machine(&timeline, &a);
    add_machine(&timeline, &b);
    timeline_run(&timeline, 400 * PS_PER_US);
    // a stood to 300 and went on; b still stands: its clock waits at 600 for the others.
    assert_int_equal(a.act_end_ps, 300 * PS_PER_US);
    assert_true(a.now_ps >= 400 * PS_PER_US && a.now_ps < 401 * PS_PER_US);
    assert_int_equal(b.now_ps, 600 * PS_PER_US);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(log.lines[0].at_ps, 450 * PS_PER_US);
    assert_int_equal(a.now_ps, PS_PER_MS);
    assert_int_equal(b.now_ps, PS_PER_MS);
    timeline_free(&timeline);
}

static void a_stop_in_a_stall_leaves_the_runner_ahead_until_time_comes_up_to_it(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted stopper, later;
    struct machine machine = {
        .act_at_ps = 100 * PS_PER_US, .act = stall, .stall_until_ps = 500 * PS_PER_US};
    (void)state;

    timeline_init(&timeline);
    prepare(&stopper, &log, 1);
    prepare(&later, &log, 2);
    stopper.stops = true;
    timeline_schedule(&timeline, &stopper.event, 200 * PS_PER_US);
    timeline_schedule(&timeline, &later.event, 300 * PS_PER_US);
    add_machine(&timeline, &machine);
    assert_int_equal(timeline_run(&timeline, PS_PER_MS), 200 * PS_PER_US);
    assert_int_equal(log.count, 1);
    assert_int_equal(timeline_now(&timeline), 200 * PS_PER_US);
    uint64_t ahead_ps = machine.now_ps;
    assert_true(ahead_ps >= 500 * PS_PER_US);
    assert_int_equal(timeline_run(&timeline, 400 * PS_PER_US), 400 * PS_PER_US);
    assert_int_equal(log.lines[1].at_ps, 300 * PS_PER_US);
    assert_int_equal(machine.now_ps, ahead_ps);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(machine.now_ps, PS_PER_MS);
    timeline_free(&timeline);
}

static void a_stop_takes_effect_after_the_event_and_a_run_goes_on_from_there(void **state) {
    struct timeline timeline;
    struct log log = {&timeline, 0, {{0, 0}}};
    struct noted first, second;
    (void)state;

    timeline_init(&timeline);
    prepare(&first, &log, 1);
    prepare(&second, &log, 2);
    first.stops = true;
    timeline_schedule(&timeline, &first.event, PS_PER_US);
    timeline_schedule(&timeline, &second.event, PS_PER_US);
    assert_int_equal(timeline_run(&timeline, PS_PER_MS), PS_PER_US);
    assert_int_equal(log.count, 1);
    timeline_run(&timeline, PS_PER_MS);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.lines[1].at_ps, PS_PER_US);
    timeline_free(&timeline);
}

static bool is_not_last(void *ctx, const struct event *event) {
    return event != ctx;
}

// What belongs to the mark comes again as it came; what does not is as far off as it was.
static void what_is_set_back_comes_again_and_the_rest_as_late_as_ever(void **state) {
    (void)state;
    struct timeline timeline;
    struct timeline_mark mark;
    struct log log = {.timeline = &timeline};
    struct noted parts[50], saved[50], guest;
    timeline_init(&timeline);
    for (int i = 0; i < 50; i++) {
        prepare(&parts[i], &log, i);
        timeline_schedule(&timeline, &parts[i].event, (uint64_t)(100 + i * 37 % 50) * PS_PER_US);
    }
    prepare(&guest, &log, 1000);
    timeline_run(&timeline, 110 * PS_PER_US);
    timeline_mark(&timeline, &mark);
    memcpy(saved, parts, sizeof parts);
    size_t first = log.count;
    timeline_schedule(&timeline, &parts[0].event, 115 * PS_PER_US); // of a life that is forgotten
    timeline_run(&timeline, 130 * PS_PER_US);
    size_t second = log.count;
    assert_int_equal(second - first, 21);
    timeline_schedule(&timeline, &guest.event, 134500 * PS_PER_NS); // in 4.5 us

    timeline_return(&timeline, &mark, is_not_last, &guest.event);
    memcpy(parts, saved, sizeof parts);
    timeline_returned(&timeline, &mark, is_not_last, &guest.event);
    assert_int_equal(timeline_now(&timeline), 110 * PS_PER_US);
    timeline_run(&timeline, PS_PER_MS);
    uint64_t before_ps = 0;
    unsigned guests = 0;
    for (size_t i = second; i < log.count; i++) {
        assert_true(log.lines[i].at_ps >= before_ps);
        before_ps = log.lines[i].at_ps;
        if (log.lines[i].id == 1000) {
            guests++;
            assert_int_equal(before_ps, 114500 * PS_PER_NS);
        } else {
            assert_int_equal(before_ps, (100 + log.lines[i].id * 37 % 50) * PS_PER_US);
        }
    }
    assert_int_equal(guests, 1);
    assert_int_equal(log.count - second, 50 - first + 1);
    timeline_mark_free(&mark);
    timeline_free(&timeline);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_at_the_same_instant_fire_in_the_order_scheduled),
        cmocka_unit_test(any_mix_of_scheduling_moving_and_cancelling_fires_in_order_of_time),
        cmocka_unit_test(an_event_in_the_past_fires_now_and_time_never_goes_back),
        cmocka_unit_test(an_earlier_event_scheduled_by_an_instruction_ends_the_slice),
        cmocka_unit_test(two_runners_never_get_further_apart_than_a_turn),
        cmocka_unit_test(one_runner_alone_runs_to_the_next_event_in_one_slice),
        cmocka_unit_test(events_fire_at_their_time_while_a_runner_stands_in_an_access),
        cmocka_unit_test(another_runner_goes_on_while_one_stands_in_an_access),
        cmocka_unit_test(two_runners_standing_at_once_each_come_out_at_their_own_time),
        cmocka_unit_test(a_stop_in_a_stall_leaves_the_runner_ahead_until_time_comes_up_to_it),
        cmocka_unit_test(what_is_set_back_comes_again_and_the_rest_as_late_as_ever),
        cmocka_unit_test(a_stop_takes_effect_after_the_event_and_a_run_goes_on_from_there),
    };
    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
