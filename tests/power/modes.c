// SPDX-License-Identifier: MIT
//
// Power goes while a boot mode is being worked off, on the image as built, in a virtual board: at every
// flash operation, before it and inside it, and again at every operation of the recovery.
//
// The story: a board with an application, a factory test (mode 16) and a value in its settings is switched
// on with a request for one start. After any cuts, with power for good,
//
// - the factory test has been started once at most, and is not started again by a later power-up;
// - after a factory reset no value is left, and nothing but the application starts;
// - the value is there otherwise, and the application starts: DFU mode never comes up.
//
// The fault model of a cut is vboard/chip/flash_fault.c's. A case that fails prints its id.

#include "tests/board/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/redfu_boot_mode.h"
#include "spec/boot.h"
#include "tests/board/pages.h"

#define FACTORY_IMAGE 0x080e0000u
#define VALUE_KEY     7u
#define SETTLE_MAX_MS 3000u
#define CUTS_MAX      2u

enum story { STORY_ONCE, STORY_ONCE_FULL, STORY_FACTORY_RESET, STORY_COUNT };
static const char *const story_names[] = {"once", "once-full", "factory-reset"};

// One case: the story, and where its cuts are, counted from each power-up (0: none).
struct point {
    enum story story;
    unsigned at[CUTS_MAX];
    bool torn;
    unsigned seed;
};

static struct {
    struct bench *bench;
    unsigned operations; // since power came
    unsigned cut_at;
    bool torn, is_cut;
} run;

static void on_operation(void *ctx, const struct chip_flash_op *op) {
    (void)ctx, (void)op;
    if (run.is_cut || ++run.operations != run.cut_at) {
        return;
    }
    run.is_cut = true;
    if (run.torn) {
        chip_power_off_inside(run.bench->chip);
    } else {
        chip_power_off(run.bench->chip);
    }
}

static void place(struct bench *bench, uint32_t addr, const char *name) {
    static struct image image;
    bench_image(&image, name);
    memcpy(chip_flash(bench->chip) + (addr - FLASH_BASE), image.bytes, image.len);
}

static void prepare_settings(struct bench *bench, enum story story) {
    struct settings settings;
    struct settings_flash flash = pages_at(chip_flash(bench->chip) + PAGES_OFF);
    const uint8_t mine[4] = {'m', 'i', 'n', 'e'};
    enum settings_result opened = settings_open(&settings, &flash);
    assert_int_equal(opened, SETTINGS_OK);
    assert_int_equal(settings_wait(&settings, settings_turnover(&settings)), SETTINGS_OK);
    assert_int_equal(settings_wait(&settings, settings_set(&settings, VALUE_KEY, mine, 4)),
                     SETTINGS_OK);
    for (unsigned i = 0; story == STORY_ONCE_FULL && settings_room(&settings) > 250; i++) {
        uint8_t value[200];
        memset(value, (int)i, sizeof value);
        assert_int_equal(
            settings_wait(&settings, settings_set(&settings, VALUE_KEY + 1, value, sizeof value)),
            SETTINGS_OK);
    }
    if (story == STORY_ONCE_FULL) { // little to copy
        assert_int_equal(settings_wait(&settings, settings_set(&settings, VALUE_KEY + 1, mine, 1)),
                         SETTINGS_OK);
    }
    uint8_t once = story == STORY_FACTORY_RESET ? BOOT_MODE_FACTORY_RESET : BOOT_MODE_USER;
    assert_int_equal(redfu_set_boot_mode(&settings, BOOT_MODE_APPLICATION, once), SETTINGS_OK);
}

static bool value_is_there(struct bench *bench) {
    static uint8_t pages[2 * PAGES_PAGE_BYTES];
    struct settings settings;
    struct settings_flash flash = pages_at(pages);
    uint8_t value[4];
    uint32_t len = 0;
    memcpy(pages, chip_flash(bench->chip) + PAGES_OFF, sizeof pages);
    enum settings_result opened = settings_open(&settings, &flash);
    if (opened == SETTINGS_TURNOVER) {
        opened = settings_wait(&settings, settings_turnover(&settings));
    }
    return opened == SETTINGS_OK &&
           settings_get(&settings, VALUE_KEY, value, sizeof value, &len) == SETTINGS_OK &&
           len == 4 && memcmp(value, "mine", 4) == 0;
}

// From power-on to an image that runs; 0 when the power was cut, or nothing came.
static uint32_t power_up(unsigned cut_at) {
    struct bench *bench = run.bench;
    run.operations = 0;
    run.cut_at = cut_at;
    run.is_cut = false;
    chip_power_on(bench->chip);
    for (unsigned i = 0; i < 20 * SETTLE_MAX_MS && !run.is_cut; i++) {
        bench_run(bench, 50 * PS_PER_US);
        uint32_t at = cpu_vtor(chip_cpu(bench->chip));
        if (!run.is_cut && (at == APPLICATION || at == FACTORY_IMAGE)) {
            return at;
        }
    }
    return 0;
}

static void power_down(void) {
    chip_power_off(run.bench->chip);
    bench_run_ms(run.bench, 1);
}

// NULL if all went as promised. Tells how many operations the last power-up but the two at the end took.
static const char *try_point(const struct point *point, unsigned *operations) {
    struct bench *bench = bench_new(8000000);
    const char *wrong = NULL;
    run.bench = bench;
    run.torn = point->torn;
    place(bench, FLASH_BASE, "../stm32f4-factory/redfu-boot.bin");
    place(bench, APPLICATION, "blink-0.1.bin");
    place(bench, FACTORY_IMAGE, "../stm32f4-factory/factory-test.bin");
    prepare_settings(bench, point->story);
    chip_flash_changed(bench->chip);
    chip_set_tear_seed(bench->chip, point->seed);
    chip_on_flash_op(bench->chip, on_operation, NULL);

    unsigned tests_started = 0;
    for (unsigned i = 0; i < CUTS_MAX && point->at[i] != 0; i++) {
        tests_started += power_up(point->at[i]) == FACTORY_IMAGE;
        power_down();
    }
    uint32_t at = power_up(0);
    *operations = run.operations;
    tests_started += at == FACTORY_IMAGE;
    if (at == 0) {
        wrong = "neither the factory test nor the application came up";
    } else if (point->story == STORY_FACTORY_RESET && at != APPLICATION) {
        wrong = "the application did not come up after the factory reset";
    }
    if (value_is_there(bench) != (point->story != STORY_FACTORY_RESET)) {
        wrong = "the value is wrong";
    }
    power_down();
    tests_started += power_up(0) == FACTORY_IMAGE;
    if (tests_started > 1) {
        wrong = "the factory test was started twice";
    }
    if (cpu_vtor(chip_cpu(bench->chip)) != APPLICATION) {
        wrong = "the next power-up did not start the application";
    }
    if (point->at[0] == 0 && point->story != STORY_FACTORY_RESET && tests_started != 1) {
        wrong = "without a cut the factory test was not started";
    }
    chip_on_flash_op(bench->chip, NULL, NULL);
    bench_free(bench);
    return wrong;
}

static unsigned tried, failed, cuts;

static unsigned try(const struct point *point) {
    unsigned operations = 0;
    const char *wrong = try_point(point, &operations);
    tried++;
    cuts += point->at[0] != 0; // where there is a second one, the first was counted before
    if (wrong) {
        failed++;
        printf("power.modes#story=%s,cut=%u,then=%u,%s,seed=%u: %s\n", story_names[point->story],
               point->at[0], point->at[1], point->torn ? "torn" : "before", point->seed, wrong);
    }
    return operations;
}

static bool parse_id(const char *id, struct point *point) {
    char story[20], how[8];
    int end = 0;
    *point = (struct point){0};
    if (sscanf(id, "power.modes#story=%19[a-z-],cut=%u,then=%u,%7[a-z],seed=%u%n", story,
               &point->at[0], &point->at[1], how, &point->seed, &end) != 5 ||
        id[end] != '\0') {
        return false;
    }
    while (point->story < STORY_COUNT && strcmp(story_names[point->story], story) != 0) {
        point->story++;
    }
    point->torn = strcmp(how, "torn") == 0;
    return point->story < STORY_COUNT && (point->torn || strcmp(how, "before") == 0);
}

// All first cuts of a story; all second ones, or each `every`-th.
static void sweep(enum story story, unsigned seeds, unsigned every) {
    unsigned first_operations = try(&(struct point){.story = story});
    unsigned number = 0;
    assert_true(first_operations > 0);
    for (unsigned first = 1; first <= first_operations; first++) {
        for (unsigned seed = 0; seed <= seeds; seed++) {
            struct point point = {story, {first, 0}, seed != 0, seed};
            unsigned second_operations = try(&point);
            for (unsigned second = 1; second <= second_operations; second++) {
                point.at[1] = second;
                if (++number % every == 0) {
                    try(&point);
                }
            }
        }
    }
    printf("power.modes: %s: %u operations, %u cases so far\n", story_names[story],
           first_operations, tried);
}

int main(int argc, char **argv) {
    unsigned seeds = 1;
    unsigned every = 1;
    bool is_right = true;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc && is_right; i++) {
        struct point point;
        if (parse_id(argv[i], &point)) {
            try(&point);
        } else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0) {
            seeds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--every") == 0) {
            every = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            is_right = false;
        }
    }
    if (!is_right || seeds == 0 || every == 0) {
        fputs("usage: test-power-modes [--seeds N] [--every K]   every first cut with N seeds (1), "
              "and "
              "each K-th second one (1)\n"
              "       test-power-modes ID...                     these cases alone, "
              "power.modes#story=NAME,cut=N,then=N,before|torn,seed=N\n",
              stderr);
        return 2;
    }
    bool is_replay = tried != 0;
    for (enum story story = 0; story < STORY_COUNT && !is_replay; story++) {
        sweep(story, seeds, every);
    }
    printf("power.modes: %u cases, %u failed\n", tried, failed);
    printf("evidence: power sweep=modes cuts=%u failed=%u\n", cuts, failed);
    return failed != 0;
}
