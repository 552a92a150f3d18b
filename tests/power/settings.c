// SPDX-License-Identifier: MIT
//
// Cuts the power at every flash operation of the settings store, before, inside and after it, and
// again at every operation of the recovery, and judges what is left by what a user may rely on:
//
// - after a cut all values are the old or all are the new ones (a step changes one thing);
// - what has been read once stays so over further power-ups and further cuts;
// - the store takes new values afterwards, and nothing outside its two sectors changes;
// - a foreign page stays as it was until somebody consents to its end.
//
// The flash and its faults are those of flash_model.c. A failure prints an id; the program run with
// that id does just that case. With --expect-detection it succeeds only if the sweep fails: the
// build makes broken stores (settings_mutants.cmake) that it has to find.

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "settings/settings.h"
#include "spec/bytes.h"
#include "tests/power/flash_model.h"

// Small pages: a turnover every dozen records. Sector 0 and 3 stand for bootloader and application.
static const struct flash_run runs[] = {{1, 64}, {2, 512}, {1, 64}};
static const struct flash_map map = {
    .base = 0x08000000, .runs = runs, .run_count = 3, .settings_first = 1, .application_first = 3};

enum act { SET, DELETE, TURNOVER, PREPARE, FORMAT, RECEIVE, RECEIVED, REBOOT };

struct step {
    uint8_t act;
    uint8_t key; // index into `keys`
    uint8_t len;
    uint8_t fill;
};

#define JUST(act)                                                                                  \
    { act, 0, 0, 0 }

// The last one is the receiving record.
static const uint16_t keys[] = {
    0x0000, 0x0001, 0x5555, 0xefff, SETTINGS_KEY_BOOT_MODE, SETTINGS_KEY_RECEIVING};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))
#define RECEIVING (KEY_COUNT - 1)

struct value {
    uint8_t is_there;
    uint8_t len;
    uint8_t fill; // byte i is fill + i
};

struct view {
    struct value of[KEY_COUNT];
};

#define STEPS_MAX 96

struct scenario {
    const char *name;
    bool has_foreign; // page 1 holds variables of AN3969 at first
    unsigned count;
    struct step steps[STEPS_MAX];
};

static struct scenario first_format = {
    "format",
    false,
    5,
    {{SET, 0, 2, 7}, JUST(PREPARE), {SET, 0, 2, 8}, JUST(FORMAT), {SET, 1, 5, 9}}};

// As `redfu settings import` does it: a store beside the page, the values, and then the page goes.
static struct scenario import = {"import",
                                 true,
                                 9,
                                 {JUST(FORMAT),
                                  {SET, 0, 2, 7},
                                  {SET, 1, 0, 0},
                                  JUST(REBOOT),
                                  {SET, 2, 12, 0xff},
                                  {SET, 3, 5, 9},
                                  JUST(PREPARE),
                                  {SET, 0, 2, 8},
                                  JUST(TURNOVER)}};

// Everything the programmed scenarios leave out: some lengths, reboots anywhere.
static void make_random(struct scenario *s, const char *name, unsigned count, unsigned seed,
                        bool with_format) {
    uint32_t dice = seed * 2654435761u + 12345;
    s->name = name;
    s->count = count;
    for (unsigned i = 0; i < count; i++) {
        dice = dice * 1664525u + 1013904223u;
        unsigned roll = dice >> 24;
        struct step *step = &s->steps[i];
        *step =
            (struct step){SET, (uint8_t)(dice >> 8 & 0xff) % RECEIVING,
                          (uint8_t)((dice >> 16 & 7) * (dice >> 11 & 3)), (uint8_t)(i * 16 + 1)};
        if (roll < 30) {
            step->act = DELETE;
        } else if (roll < 55) {
            step->act = REBOOT;
        } else if (roll < 70) {
            step->act = PREPARE;
        } else if (roll < 80) {
            step->act = TURNOVER;
        } else if (roll < 95) {
            step->act = RECEIVE;
        } else if (roll < 110) {
            step->act = RECEIVED;
        } else if (roll < 113 && with_format) {
            step->act = FORMAT;
        }
    }
}

static void make_sets(struct scenario *s) {
    s->name = "sets";
    s->count = 60;
    for (unsigned i = 0; i < s->count; i++) {
        s->steps[i] = (struct step){SET, (uint8_t)(i % 3), (uint8_t)(2 + i % 5), (uint8_t)(i * 3)};
    }
}

// Many rounds of open and close with a settings page nearly full, reboots between.
static void make_receiving(struct scenario *s) {
    static const uint8_t acts[] = {RECEIVE, REBOOT, RECEIVED, RECEIVE, RECEIVED, SET};
    s->name = "receiving";
    s->count = 48;
    for (unsigned i = 0; i < s->count; i++) {
        s->steps[i] = (struct step){acts[i % 6], 2, 6, (uint8_t)(i * 5)};
    }
}

// One board: flash, an open store, and what its owner may rely on.
struct board {
    struct flash_model m;
    struct settings_flash flash;
    struct settings s;
    bool is_open;
    struct view old, new; // either, until the step is over; then equal
    bool has_foreign;     // a page of AN3969 was there
    bool has_consented;   // to its end
    bool is_chained;      // many cuts: each may have taken a word of the room for closing
};

static const char *failure; // why the case under way is wrong; NULL when it is not

static bool wrong(const char *why) {
    if (failure == NULL) {
        failure = why;
    }
    return false;
}

static bool same_view(const struct view *a, const struct view *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

static const uint32_t foreign_words[] = {0xffff0000u, 0x55551234u, 0x00010203u};

static bool is_foreign_whole(const struct board *b) {
    const struct flash_word *words = &b->m.words[(64 + 512) / 4];
    for (unsigned i = 0; i < 512 / 4; i++) {
        uint32_t expected = i < 3 ? foreign_words[i] : UINT32_MAX;
        if (words[i].bits != expected || words[i].weak != 0) {
            return false;
        }
    }
    return true;
}

// What the user of a board with a foreign page consents to when nothing goes on without.
static enum settings_result consent(struct board *b) {
    if (settings_turnovers(&b->s) == 0) {
        return settings_wait(&b->s, settings_format(&b->s));
    }
    b->has_consented = true;
    return settings_wait(&b->s, settings_prepare(&b->s, SETTINGS_ERASE_FOREIGN));
}

static enum settings_result open_store(struct board *b) {
    enum settings_result r = settings_open(&b->s, &b->flash);
    for (unsigned i = 0; r == SETTINGS_TURNOVER && i < 3; i++) {
        r = settings_wait(&b->s, settings_turnover(&b->s));
        if (r == SETTINGS_FOREIGN && b->has_foreign) {
            r = consent(b);
        }
        if (r == SETTINGS_OK) {
            uint32_t len;
            r = settings_get(&b->s, SETTINGS_KEY_NONE, NULL, 0, &len);
            r = r == SETTINGS_ABSENT ? SETTINGS_OK : r;
        }
    }
    b->is_open = r == SETTINGS_OK;
    return r;
}

// Reads everything, by key and by iteration.
static bool read_view(struct board *b, struct view *view) {
    memset(view, 0, sizeof(*view));
    unsigned found = 0;
    for (unsigned k = 0; k < KEY_COUNT; k++) {
        uint8_t bytes[SETTINGS_VALUE_MAX];
        uint32_t len = 0;
        enum settings_result r = settings_get(&b->s, keys[k], bytes, sizeof(bytes), &len);
        if (r == SETTINGS_ABSENT) {
            continue;
        }
        if (r != SETTINGS_OK) {
            return wrong("get fails");
        }
        found++;
        view->of[k] = (struct value){1, (uint8_t)len, len != 0 ? bytes[0] : 0};
        for (uint32_t i = 0; i < len; i++) {
            if (bytes[i] != (uint8_t)(bytes[0] + i)) {
                return wrong("a value that nobody stored");
            }
        }
    }
    uint32_t cursor = 0;
    uint16_t key;
    uint32_t len;
    while (settings_next(&b->s, &cursor, &key, &len) == SETTINGS_OK) {
        unsigned k = 0;
        while (k < KEY_COUNT && keys[k] != key) {
            k++;
        }
        if (k == KEY_COUNT || !view->of[k].is_there || view->of[k].len != len || found-- == 0) {
            return wrong("iteration disagrees with get");
        }
    }
    return found == 0 ? true : wrong("iteration misses a key");
}

// Opens the store as after a reset and holds it against what it may say; from then on it must keep
// saying that.
static bool look(struct board *b) {
    struct view seen;
    enum settings_result r = open_store(b);
    if (b->has_foreign && !b->has_consented && !is_foreign_whole(b)) {
        return wrong("the foreign page changed");
    }
    if (r == SETTINGS_FOREIGN && b->has_foreign && settings_turnovers(&b->s) == 0) {
        memset(&seen, 0, sizeof(seen)); // no store yet
    } else if (r != SETTINGS_OK) {
        return wrong("the store does not open");
    } else if (!read_view(b, &seen)) {
        return false;
    }
    if (!same_view(&seen, &b->old) && !same_view(&seen, &b->new)) {
        return wrong("neither the old nor the new values");
    }
    b->old = seen;
    b->new = seen;
    return true;
}

static enum settings_result begin_step(struct board *b, const struct step *step) {
    uint8_t bytes[SETTINGS_VALUE_MAX];
    for (unsigned i = 0; i < step->len; i++) {
        bytes[i] = (uint8_t)(step->fill + i);
    }
    switch (step->act) {
    case SET:
        return settings_set(&b->s, keys[step->key], bytes, step->len);
    case DELETE:
        return settings_delete(&b->s, keys[step->key]);
    case TURNOVER:
        return settings_turnover(&b->s);
    case PREPARE:
        return settings_prepare(&b->s, SETTINGS_KEEP_FOREIGN);
    case FORMAT:
        return settings_format(&b->s);
    case RECEIVE:
        return settings_receiving_open(&b->s);
    case RECEIVED:
        return settings_receiving_close(&b->s);
    default:
        return SETTINGS_OK;
    }
}

static void intend(struct board *b, const struct step *step) {
    struct value *value = &b->new.of[step->key];
    switch (step->act) {
    case SET:
        *value = (struct value){1, step->len, step->len != 0 ? step->fill : 0};
        break;
    case DELETE:
        memset(value, 0, sizeof(*value));
        break;
    case FORMAT:
        memset(&b->new, 0, sizeof(b->new));
        break;
    case RECEIVE:
        b->new.of[RECEIVING] = (struct value){1, 0, 0};
        break;
    case RECEIVED:
        memset(&b->new.of[RECEIVING], 0, sizeof(*value));
        break;
    default:
        break;
    }
}

static bool do_step(struct board *b, const struct step *step) {
    if (step->act == REBOOT) {
        flash_model_power_on(&b->m);
        return look(b);
    }
    intend(b, step);
    enum settings_result r = begin_step(b, step);
    if (r == SETTINGS_TURNOVER) {
        if (step->act == RECEIVED && !b->is_chained) {
            return wrong("closing the receiving record needs a turnover");
        }
        r = settings_wait(&b->s, settings_turnover(&b->s));
        if (r != SETTINGS_OK) {
            return wrong("a turnover fails");
        }
        r = begin_step(b, step);
    }
    if (r == SETTINGS_FOREIGN && b->has_foreign) {
        r = consent(b);
        r = r == SETTINGS_OK ? begin_step(b, step) : r;
    }
    r = settings_wait(&b->s, r);
    if (r != SETTINGS_OK && !(r == SETTINGS_ABSENT && step->act == DELETE)) {
        return wrong("a step fails");
    }
    b->old = b->new;
    return true;
}

static void board_init(struct board *b, unsigned seed, bool has_foreign) {
    memset(b, 0, sizeof(*b));
    flash_model_init(&b->m, &map, seed);
    b->flash = flash_model_settings(&b->m);
    b->has_foreign = has_foreign;
    if (has_foreign) {
        uint8_t bytes[sizeof(foreign_words)];
        for (unsigned i = 0; i < 3; i++) {
            store_le32(bytes + 4 * i, foreign_words[i]);
        }
        flash_model_load(&b->m, map.base + 64 + 512, bytes, sizeof(bytes));
    }
    flash_model_power_on(&b->m);
}

static void board_copy(struct board *to, const struct board *from) {
    flash_model_copy(&to->m, &from->m);
    to->s = from->s;
    to->s.flash = &to->flash;
    to->old = from->old;
    to->new = from->new;
    to->has_foreign = from->has_foreign;
    to->has_consented = from->has_consented;
    to->is_chained = false;
}

enum { HELD, CUT, BROKEN };

// Runs one thing until it ends or the power goes.
static int guarded(struct board *b, bool (*run)(struct board *, const void *), const void *arg) {
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

static bool run_step(struct board *b, const void *arg) {
    return do_step(b, arg);
}

static bool run_look(struct board *b, const void *arg) {
    (void)arg;
    return look(b);
}

// What a board does after a cut: looks, changes something, makes a spare page, turns over.
static bool run_recovery(struct board *b, const void *arg) {
    static const struct step after[] = {{SET, 1, 3, 0xd1}, JUST(PREPARE),  JUST(RECEIVE),
                                        JUST(REBOOT),      JUST(RECEIVED), JUST(TURNOVER),
                                        {SET, 4, 9, 0xc1}};
    (void)arg;
    if (!look(b)) {
        return false;
    }
    uint32_t operations = b->m.operations;
    for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        if (after[i].act == REBOOT) {
            // The operation counter goes on, so that a second cut can be planned behind it.
            operations = b->m.operations;
            b->m.power_ups++;
            b->m.operations = operations;
            if (!look(b)) {
                return false;
            }
        } else if (!do_step(b, &after[i])) {
            return false;
        }
    }
    return true;
}

// Three quiet power-ups, then life goes on.
static bool check_for_good(struct board *b) {
    for (unsigned i = 0; i < 3; i++) {
        flash_model_power_on(&b->m);
        if (guarded(b, run_look, NULL) != HELD) {
            return false;
        }
    }
    static const struct step last[] = {
        {SET, 3, 4, 0x91}, {DELETE, 3, 0, 0}, JUST(TURNOVER), {SET, 3, 4, 0x92}};
    for (unsigned i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        if (guarded(b, run_step, &last[i]) != HELD) {
            return false;
        }
    }
    flash_model_power_on(&b->m);
    if (guarded(b, run_look, NULL) != HELD) {
        return false;
    }
    return b->m.erases[0] == 0 && b->m.erases[3] == 0 && !b->m.words[0].is_used &&
                   !b->m.words[b->m.word_count - 1].is_used
               ? true
               : wrong("flash outside the store changed");
}

struct totals {
    uint64_t first_cuts, second_cuts, chained_cuts, failures;
};

struct sweep {
    const struct scenario *scenario;
    unsigned seed;
    struct totals totals;
    // Replay: only this case; 0 for all.
    uint32_t only_cut, only_then;
    enum flash_cut only_how, only_then_how;
    bool is_replay;
};

static bool is_wanted(const struct sweep *w, uint32_t cut, enum flash_cut how) {
    return !w->is_replay || (w->only_cut == cut && w->only_how == how);
}

static void report(struct sweep *w, uint32_t cut, enum flash_cut how, uint32_t then,
                   enum flash_cut then_how) {
    w->totals.failures++;
    if (w->totals.failures <= 5) {
        printf("FAILED power.settings#scenario=%s,seed=%u,cut=%u,%s", w->scenario->name, w->seed,
               cut, flash_cut_name(how));
        if (then != 0) {
            printf(",then=%u,%s", then, flash_cut_name(then_how));
        }
        printf(": %s\n", failure);
    }
    failure = NULL;
}

// Second cuts at every operation of the recovery of one wreck.
static void sweep_recovery(struct sweep *w, const struct board *wreck, struct board *b,
                           uint32_t cut, enum flash_cut how) {
    static const enum flash_cut hows[] = {FLASH_CUT_TORN, FLASH_CUT_AFTER};
    for (uint32_t then = 0;; then++) {
        bool has_cut = false;
        for (unsigned i = 0; i < 2; i++) {
            if (w->is_replay && (then != w->only_then || (then && hows[i] != w->only_then_how))) {
                has_cut = then < w->only_then || has_cut;
                continue;
            }
            board_copy(b, wreck);
            flash_model_power_on(&b->m);
            flash_model_cut(&b->m, then, hows[i]);
            int end = guarded(b, run_recovery, NULL);
            has_cut = has_cut || end == CUT || then == 0;
            w->totals.second_cuts += end == CUT;
            if (end == BROKEN || !check_for_good(b)) {
                report(w, cut, how, then, hows[i]);
            }
            if (then == 0) {
                break;
            }
        }
        if (!has_cut) {
            return;
        }
    }
}

// Power that fails three hundred times in a row while the store tries to recover.
static void chain(struct sweep *w, const struct board *wreck, struct board *b, uint32_t cut,
                  enum flash_cut how) {
    uint32_t dice = cut * 2654435761u + w->seed;
    board_copy(b, wreck);
    b->is_chained = true;
    for (unsigned i = 0; i < 300; i++) {
        dice = dice * 1664525u + 1013904223u;
        flash_model_power_on(&b->m);
        flash_model_cut(&b->m, 1 + (dice >> 24) % 40,
                        (dice >> 20 & 3) == 0 ? FLASH_CUT_AFTER : FLASH_CUT_TORN);
        int end = guarded(b, run_recovery, NULL);
        w->totals.chained_cuts += end == CUT;
        if (end == BROKEN) {
            report(w, cut, how, 0, how);
            return;
        }
    }
    if (!check_for_good(b)) {
        report(w, cut, how, 0, how);
    }
}

static void sweep(struct sweep *w) {
    static const enum flash_cut hows[] = {FLASH_CUT_BEFORE, FLASH_CUT_TORN, FLASH_CUT_AFTER,
                                          FLASH_CUT_FAIL};
    struct board b, before, wreck, again;
    board_init(&b, w->seed, w->scenario->has_foreign);
    board_init(&before, w->seed, w->scenario->has_foreign);
    board_init(&wreck, w->seed, w->scenario->has_foreign);
    board_init(&again, w->seed, w->scenario->has_foreign);
    uint32_t done = 0;
    failure = NULL;
    if (guarded(&b, run_look, NULL) != HELD) {
        report(w, 0, FLASH_CUT_BEFORE, 0, FLASH_CUT_BEFORE);
    }
    for (unsigned i = 0; i < w->scenario->count; i++) {
        const struct step *step = &w->scenario->steps[i];
        if (step->act == REBOOT) {
            flash_model_power_on(&b.m);
        }
        board_copy(&before, &b);
        uint32_t start = b.m.operations;
        if (guarded(&b, run_step, step) != HELD) {
            report(w, done, FLASH_CUT_BEFORE, 0, FLASH_CUT_BEFORE);
            break;
        }
        uint32_t count = step->act == REBOOT ? b.m.operations : b.m.operations - start;
        for (uint32_t op = 1; op <= count && step->act != REBOOT; op++) {
            for (unsigned h = 0; h < sizeof(hows) / sizeof(hows[0]); h++) {
                if (!is_wanted(w, done + op, hows[h])) {
                    continue;
                }
                board_copy(&wreck, &before);
                flash_model_cut(&wreck.m, op, hows[h]);
                int end = guarded(&wreck, run_step, step);
                if (hows[h] == FLASH_CUT_FAIL) {
                    failure = NULL; // the step says so, as it should
                    end = wreck.m.misuse == NULL ? CUT : BROKEN;
                }
                if (end != CUT) {
                    (void)wrong("the power did not go");
                    report(w, done + op, hows[h], 0, hows[h]);
                    continue;
                }
                w->totals.first_cuts++;
                sweep_recovery(w, &wreck, &again, done + op, hows[h]);
                if ((done + op) % 8 == 0 && hows[h] == FLASH_CUT_TORN) {
                    chain(w, &wreck, &again, done + op, hows[h]);
                }
            }
        }
        done += count;
    }
    flash_model_free(&b.m);
    flash_model_free(&before.m);
    flash_model_free(&wreck.m);
    flash_model_free(&again.m);
}

static struct scenario sets, receiving, mixed[4];
static const struct scenario *const scenarios[] = {&first_format, &import,   &sets,     &receiving,
                                                   &mixed[0],     &mixed[1], &mixed[2], &mixed[3]};
#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static void make_scenarios(void) {
    static const char *const names[] = {"mixed0", "mixed1", "mixed2", "mixed3"};
    make_sets(&sets);
    make_receiving(&receiving);
    for (unsigned i = 0; i < 4; i++) {
        make_random(&mixed[i], names[i], 40, i + 1, i == 3);
    }
}

// Without a scenario in it, it is "sets".
static bool parse_id(const char *id, struct sweep *w) {
    char name[32] = "sets", how[16] = "before", then_how[16] = "torn";
    const char *at = strchr(id, '#');
    if (at == NULL || strncmp(id, "power.settings#", 15) != 0) {
        return false;
    }
    const char *p = strstr(at, "scenario=");
    if (p != NULL && sscanf(p, "scenario=%31[^,]", name) != 1) {
        return false;
    }
    p = strstr(at, "seed=");
    if (p == NULL || sscanf(p, "seed=%u", &w->seed) != 1) {
        return false;
    }
    p = strstr(at, "cut=");
    if (p == NULL || sscanf(p, "cut=%u,%15[a-z]", &w->only_cut, how) != 2) {
        return false;
    }
    p = strstr(at, "then=");
    if (p != NULL && sscanf(p, "then=%u,%15[a-z]", &w->only_then, then_how) != 2) {
        return false;
    }
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        if (strcmp(scenarios[i]->name, name) == 0) {
            w->scenario = scenarios[i];
        }
    }
    w->is_replay = true;
    return w->scenario != NULL && flash_cut_parse(how, &w->only_how) &&
           flash_cut_parse(then_how, &w->only_then_how);
}

// Half a minute's worth. `--seeds N` for more; every operation meets other shapes and moods then.
static unsigned seeds_wanted = 1;

static struct totals sweep_all(unsigned seeds, uint64_t stop_after) {
    struct totals all = {0};
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        for (unsigned seed = 1; seed <= seeds; seed++) {
            struct sweep w = {.scenario = scenarios[i], .seed = seed};
            sweep(&w);
            all.first_cuts += w.totals.first_cuts;
            all.second_cuts += w.totals.second_cuts;
            all.chained_cuts += w.totals.chained_cuts;
            all.failures += w.totals.failures;
            if (all.failures >= stop_after) {
                return all;
            }
        }
    }
    return all;
}

static void no_cut_loses_or_changes_a_committed_value(void **state) {
    (void)state;
    struct totals all = sweep_all(seeds_wanted, UINT64_MAX);
    printf("power.settings: %llu cut points, %llu second cuts, %llu chained cuts\n",
           (unsigned long long)all.first_cuts, (unsigned long long)all.second_cuts,
           (unsigned long long)all.chained_cuts);
    assert_int_equal(all.failures, 0);
    // It did cut: fewer would mean that the scenarios shrank, not that the store got better.
    assert_true(all.first_cuts > 5000);
    assert_true(all.second_cuts > 20 * all.first_cuts);
    assert_true(all.chained_cuts > 20000);
}

int main(int argc, char **argv) {
    make_scenarios();
    if (argc > 1 && strcmp(argv[1], "--expect-detection") == 0) {
        struct totals all = sweep_all(3, 1);
        printf("%s\n", all.failures != 0 ? "detected" : "NOT DETECTED");
        return all.failures != 0 ? 0 : 1;
    }
    if (argc > 2 && strcmp(argv[1], "--seeds") == 0) {
        seeds_wanted = (unsigned)strtoul(argv[2], NULL, 10);
    } else if (argc > 1) {
        struct sweep w = {0};
        if (!parse_id(argv[1], &w)) {
            fprintf(stderr,
                    "usage: %s [--seeds N | --expect-detection | "
                    "power.settings#scenario=NAME,seed=N,cut=N,HOW[,then=N,HOW]]\n",
                    argv[0]);
            return 2;
        }
        sweep(&w);
        printf("%llu cut(s), %s\n", (unsigned long long)w.totals.first_cuts,
               w.totals.failures == 0 ? "passed" : "failed");
        return w.totals.first_cuts != 0 && w.totals.failures == 0 ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cut_loses_or_changes_a_committed_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
