// SPDX-License-Identifier: MIT
//
// Cuts the power at every flash operation of a load over an older one, before, inside and after it,
// and again at operations of the recovery. The bootloader's logic and its settings store run on the
// flash of flash_model.c, scripted hosts (update_hosts.c) load. After each cut:
//
// - what starts at the next reset is bytewise the old image or the new one, or nothing does; what the
//   boot stage decides may differ from one power-up to the next, but never to something half;
// - the new image's first words are in flash only when all of it is;
// - DFU mode comes up, takes the next load, and starts it;
// - no setting is lost, and nothing of the bootloader changes.
//
// "fail" is no cut: the operation ends as if torn, says so, and the host gives up or goes on.
//
// A failure prints an id; the program run with that id does just that case. --full sweeps every
// operation of the recovery after every cut. With --expect-detection it succeeds only if the sweep
// fails: the build makes broken bootloaders (update_mutants.cmake) that it has to find.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/power/update_hosts.h"

static const char *failure; // why the case under way is wrong; NULL when it is not

static bool wrong(const char *why) {
    if (failure == NULL) {
        failure = why;
    }
    return false;
}

// --- What must hold after a cut ------------------------------------------------------------------

// Whether flash holds an image, every bit of it for good.
static bool is_whole(const struct bench *b, const struct image *image) {
    const struct flash_word *words = &b->m.words[(UPDATE_APPLICATION - update_map.base) / 4];
    for (uint32_t i = 0; i < image->len / 4; i++) {
        if (words[i].weak != 0 || words[i].bits != load_le32(image->bytes + 4 * i)) {
            return false;
        }
    }
    return true;
}

static bool has_first_words_of(const struct bench *b, const struct image *image) {
    const struct flash_word *words = &b->m.words[(UPDATE_APPLICATION - update_map.base) / 4];
    return words[0].bits == load_le32(image->bytes) && words[1].bits == load_le32(image->bytes + 4);
}

static bool check_flash(struct bench *b) {
    bool is_one_whole = false;
    for (unsigned i = 0; i < IMAGE_COUNT; i++) {
        if (b->expects[i]) {
            is_one_whole |= is_whole(b, &images[i]);
        }
    }
    if (desk_would_start(&b->desk) && !is_one_whole) {
        return wrong("a half image would start");
    }
    // What fwupd's first ABORT has closed has its first words while the second element is written.
    bool is_new_open = b->expects[IMAGE_NEW] && !b->expects[IMAGE_BETWEEN];
    if (!is_one_whole && ((is_new_open && has_first_words_of(b, &images[IMAGE_NEW])) ||
                          has_first_words_of(b, &images[IMAGE_NEXT]))) {
        return wrong("the first words were there before the rest");
    }
    for (unsigned i = 0; i < BOOTLOADER_BYTES / 4; i++) {
        if (b->m.words[i].bits != bootloader_word(i) || b->m.words[i].weak != 0) {
            return wrong("the bootloader changed");
        }
    }
    return true;
}

// Several power-ups: weak bits change their minds.
static bool check_after_cut(struct bench *b) {
    for (unsigned i = 0; i < 3; i++) {
        flash_model_power_on(&b->m);
        if (!check_flash(b)) {
            return false;
        }
    }
    return true;
}

// --- Running something under the power plan ------------------------------------------------------

enum end { HELD, CUT, BROKEN };

static enum end guarded(struct bench *b, bool (*run)(struct bench *b, const void *arg),
                        const void *arg) {
    int how = setjmp(b->m.exit);
    if (how == 0) {
        b->m.has_exit = true;
        bool is_right = run(b, arg);
        b->m.has_exit = false;
        return is_right ? HELD : BROKEN;
    }
    if (how == FLASH_EXIT_MISUSE) {
        (void)wrong(b->m.misuse);
        return BROKEN;
    }
    return CUT;
}

static bool run_scenario(struct bench *b, const void *arg) {
    const struct scenario *s = arg;
    uint32_t cuts = b->m.cuts;
    bench_use_settings(b, s->sets);
    if (!bench_enter_dfu(b)) {
        return wrong("the settings are wrong before the load");
    }
    b->expects[IMAGE_NEW] = true;
    s->load(b, &images[IMAGE_NEW]);
    bench_settle(b);
    if (b->m.cuts != cuts) {
        return true; // an operation failed: whether that was told well, core_dfu's tests say
    }
    if (desk_would_start(&b->desk) != s->starts || b->ran != s->runs) {
        return wrong(s->starts ? "the new image does not start" : "the new image starts unasked");
    }
    return true;
}

// DFU mode again, all settings there, the next load taken and started.
static bool run_recovery(struct bench *b, const void *arg) {
    (void)arg;
    if (!bench_enter_dfu(b)) {
        return wrong("a committed setting is lost");
    }
    if (!check_flash(b)) {
        return false;
    }
    b->expects[IMAGE_NEXT] = true;
    b->recover(b, &images[IMAGE_NEXT]);
    bench_settle(b);
    if (!b->ran || !desk_would_start(&b->desk) || !is_whole(b, &images[IMAGE_NEXT])) {
        return wrong("the next load is not taken or does not start");
    }
    return true;
}

static bool recovers(struct bench *b) {
    flash_model_power_on(&b->m);
    return guarded(b, run_recovery, NULL) == HELD && check_after_cut(b);
}

// --- The sweep -----------------------------------------------------------------------------------

struct point {
    uint32_t at; // operation; 0 for none
    enum flash_cut how;
};

struct sweep {
    const struct scenario *scenario;
    unsigned seed;
    bool is_full;
    unsigned sample; // every so many-th second cut, if not full
    bool is_replay;
    struct point first, second;
    uint64_t operations, first_cuts, second_cuts, fails, failures, cases;
};

static void print_id(const struct sweep *w, struct point first, struct point second) {
    printf("power.update#%s,cut=%u,%s,seed=%u", w->scenario->name, first.at,
           flash_cut_name(first.how), w->seed);
    if (second.at != 0) {
        printf(",then=%u,%s", second.at, flash_cut_name(second.how));
    }
}

static void report(struct sweep *w, struct point first, struct point second) {
    if (w->failures++ < 5) {
        printf("FAILED ");
        print_id(w, first, second);
        printf(": %s\n", failure ? failure : "?");
        fflush(stdout);
    }
    failure = NULL;
}

// One second cut; false when the recovery has no such operation any more.
static bool try_second(struct sweep *w, const struct bench *wreck, struct bench *b,
                       struct point first, struct point second) {
    bench_copy(b, wreck);
    flash_model_power_on(&b->m);
    flash_model_cut(&b->m, second.at, second.how);
    enum end end = guarded(b, run_recovery, NULL);
    w->cases++;
    if (end == HELD) {
        return false;
    }
    w->second_cuts += end == CUT;
    if (end == BROKEN || b->m.cuts != wreck->m.cuts + 1 || !check_after_cut(b) || !recovers(b)) {
        report(w, first, second);
    }
    return true;
}

static void sweep_recovery(struct sweep *w, const struct bench *wreck, struct bench *b,
                           struct point first) {
    static const enum flash_cut hows[] = {FLASH_CUT_TORN, FLASH_CUT_AFTER};
    if (w->is_replay) {
        if (w->second.at != 0 && !try_second(w, wreck, b, first, w->second)) {
            (void)wrong("the recovery has no such operation");
            report(w, first, w->second);
        }
        return;
    }
    unsigned step = w->is_full ? 1 : w->sample;
    uint32_t at = w->is_full ? 1 : 1 + (first.at * 7 + first.how) % step;
    for (bool is_left = true; is_left; at += step) {
        enum flash_cut how = hows[(at + first.at) % 2];
        is_left = try_second(w, wreck, b, first, (struct point){at, how});
        if (w->is_full && is_left) {
            (void)try_second(w, wreck, b, first, (struct point){at, hows[(at + first.at + 1) % 2]});
        }
    }
}

// One first cut and what follows from it; false when the scenario has no such operation.
static bool try_first(struct sweep *w, const struct bench *start, struct bench *b,
                      struct bench *again, struct point first) {
    bench_copy(b, start);
    flash_model_power_on(&b->m);
    flash_model_cut(&b->m, first.at, first.how);
    b->is_stubborn = first.at % 2 == 0; // what a host does about an error
    b->recover = first.at % 3 == 0 ? load_on_demand : load_leave;
    enum end end = guarded(b, run_scenario, w->scenario);
    w->cases++;
    bool is_fail = first.how == FLASH_CUT_FAIL;
    if (b->m.cuts == start->m.cuts) {
        if (end == BROKEN) {
            report(w, first, (struct point){0});
        }
        return false;
    }
    w->first_cuts += !is_fail;
    w->fails += is_fail;
    if (is_fail && end == HELD && desk_would_start(&b->desk) && !check_flash(b)) {
        end = BROKEN;
    }
    if (end == BROKEN || !check_after_cut(b)) {
        report(w, first, (struct point){0});
        return true;
    }
    bench_copy(again, b);
    if (!recovers(again)) {
        report(w, first, (struct point){0});
        return true;
    }
    sweep_recovery(w, b, again, first);
    return true;
}

static void sweep(struct sweep *w) {
    static const enum flash_cut hows[] = {FLASH_CUT_BEFORE, FLASH_CUT_TORN, FLASH_CUT_AFTER,
                                          FLASH_CUT_FAIL};
    static struct bench start, b, again; // jmp_buf inside: they must stay where they are
    bench_init(&start, w->seed);
    bench_init(&b, w->seed);
    bench_init(&again, w->seed);
    failure = NULL;
    bench_make_old(&start, w->scenario->filled);
    if (w->is_replay) {
        if (!try_first(w, &start, &b, &again, w->first)) {
            printf("no such operation: %s\n", failure ? failure : "the scenario is shorter");
        }
    } else {
        bool is_left = true;
        for (uint32_t at = 1; is_left; at++) {
            is_left = false;
            for (unsigned h = 0; h < sizeof hows / sizeof hows[0]; h++) {
                is_left |= try_first(w, &start, &b, &again, (struct point){at, hows[h]});
            }
            w->operations += is_left;
        }
    }
    bench_free(&start);
    bench_free(&b);
    bench_free(&again);
}

// --- Running all, or one -------------------------------------------------------------------------

static bool is_full, expects_detection;
static unsigned seeds = 1;
static const char *only; // scenario

static void sweep_all(struct sweep *all) {
    for (unsigned i = 0; i < scenario_count; i++) {
        for (unsigned seed = 1; (!only || strcmp(only, scenarios[i].name) == 0) && seed <= seeds;
             seed++) {
            // 61: a prime, so that samples of neighbouring cuts differ.
            struct sweep w = {
                .scenario = &scenarios[i], .seed = seed, .is_full = is_full, .sample = 61};
            sweep(&w);
            printf("  %-12s %4llu operations, %6llu cuts, %8llu second cuts\n", w.scenario->name,
                   (unsigned long long)w.operations, (unsigned long long)w.first_cuts,
                   (unsigned long long)w.second_cuts);
            fflush(stdout);
            all->operations += w.operations;
            all->first_cuts += w.first_cuts;
            all->second_cuts += w.second_cuts;
            all->fails += w.fails;
            all->failures += w.failures;
            all->cases += w.cases;
            if (all->failures > 0 && expects_detection) {
                return;
            }
        }
    }
}

static void no_cut_starts_a_half_image_or_stops_the_next_load(void **state) {
    (void)state;
    struct sweep all = {0};
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    sweep_all(&all);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("power.update: %llu cut points, %llu failed operations, %llu second cuts; %.0f cuts/s\n",
           (unsigned long long)all.first_cuts, (unsigned long long)all.fails,
           (unsigned long long)all.second_cuts,
           (double)(all.first_cuts + all.second_cuts) / seconds);
    assert_int_equal(all.failures, 0);
    // It did cut: three times at each operation, and often again afterwards. Fewer would mean that
    // the scenarios shrank.
    assert_int_equal(all.first_cuts, 3 * all.operations);
    assert_int_equal(all.fails, all.operations);
    assert_true(all.operations > 300ull * seeds * (only ? 1 : scenario_count));
    assert_true(all.second_cuts > 4 * all.first_cuts);
}

static bool parse_point(const char *id, const char *name, struct point *point) {
    char how[16];
    const char *at = strstr(id, name);
    return at != NULL && sscanf(at + strlen(name), "=%u,%15[a-z]", &point->at, how) == 2 &&
           flash_cut_parse(how, &point->how);
}

static bool parse_id(const char *id, struct sweep *w) {
    char name[32];
    const char *seed = strstr(id, "seed=");
    if (sscanf(id, "power.update#%31[^,]", name) != 1 || seed == NULL ||
        sscanf(seed, "seed=%u", &w->seed) != 1 || !parse_point(id, "cut", &w->first)) {
        return false;
    }
    for (unsigned i = 0; i < scenario_count; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            w->scenario = &scenarios[i];
        }
    }
    w->is_replay = true;
    return w->scenario != NULL &&
           (strstr(id, ",then=") == NULL || parse_point(id, "then", &w->second));
}

static int replay(const char *id) {
    struct sweep w = {0};
    if (!parse_id(id, &w)) {
        fprintf(
            stderr,
            "usage: power-update [--full] [--only SCENARIO] [--seeds N] [--expect-detection] |\n"
            "       power.update#SCENARIO,cut=N,HOW,seed=N[,then=N,HOW]\n"
            "HOW: before, torn, after, fail. SCENARIO:");
        for (unsigned i = 0; i < scenario_count; i++) {
            fprintf(stderr, " %s", scenarios[i].name);
        }
        fprintf(stderr, "\n");
        return 2;
    }
    sweep(&w);
    uint64_t happened = w.first_cuts + w.fails;
    printf("%s: %llu cut(s), %s\n", id, (unsigned long long)(happened + w.second_cuts),
           w.failures == 0 && happened != 0 ? "passed" : "failed");
    return w.failures == 0 && happened != 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    update_hosts_init();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0) {
            is_full = true;
        } else if (strcmp(argv[i], "--expect-detection") == 0) {
            expects_detection = true;
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            seeds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else {
            return replay(argv[i]);
        }
    }
    if (expects_detection) {
        struct sweep all = {0};
        sweep_all(&all);
        printf("%s\n", all.failures != 0 ? "detected" : "NOT DETECTED");
        return all.failures != 0 ? 0 : 1;
    }
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cut_starts_a_half_image_or_stops_the_next_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
