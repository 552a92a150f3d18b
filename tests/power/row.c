// SPDX-License-Identifier: MIT
//
// Power cuts in a row on one board, which is never put back: what one cut leaves is what the next one finds. The
// image of redfu-boot as built, in a virtual board, with values in its settings.
//
// Each round power comes, and goes again at a moment drawn by lot: before an instruction, before a flash operation, or
// inside one (the fault model is vboard/chip/flash_fault.c's, with another seed each round). Until then, whatever has come up is led to
// DFU mode by the button, and a host of doctor/hosts loads an image of random length and contents; where the whole load
// is over before the cut would come, power goes at that point. After the cut the bench is set aside, power comes
// for good, and
//
// - either an application starts that is byte for byte one of the images that were ever loaded, or DFU mode comes up,
//   within a second;
// - no byte of the bootloader's sector has changed, and no value in the settings.
//
// The bench is put back to the moment after the cut for the next round, so that the board itself is never shown
// mercy. At the end power comes for good, a load has to succeed, and what it loaded runs.
//
// A failure prints an id; given as the only argument it does the same once more, with the board's trace of the last round.

#include "tests/board/host.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/hosts/host.h"
#include "tests/board/cable_device.h"
#include "tests/power/aftermath.h"
#include "vboard/cut.h"

#define CUTS       1000u
#define IMAGES     5u
#define TAIL_MIN   64u
#define TAIL_MAX   6000u
#define SETTLE_MS  1000u
// The way to DFU mode is some 300,000 instructions; a load many millions.
#define BOOT_INSNS 400000u
#define LOAD_INSNS 25000000u
// The settings put in order, an erase, and most of an image.s words (at most 2,000).
#define OPERATIONS 1000u

enum where { BEFORE_INSTRUCTION, BEFORE_OPERATION, INSIDE_OPERATION, TOO_LATE, WHERE_COUNT };
static const char *const where_names[] = {"before an instruction", "before a flash operation",
                                          "inside a flash operation", "after a whole load"};

static struct {
    struct bench *bench;
    uint64_t seed, noise;
    unsigned cuts, cut;
    struct image images[IMAGES];
    uint8_t boot[AFTERMATH_BOOT_SECTOR_BYTES];
    unsigned by_where[WHERE_COUNT], in_application, in_dfu, loads_begun, loads_done;
} row;

static uint32_t draw(uint32_t below) {
    row.noise = row.noise * 6364136223846793005u + 1442695040888963407u; // Knuth's MMIX
    return (uint32_t)((row.noise >> 33) % below);
}

static _Noreturn void fail_row(const char *why) {
    fflush(NULL);
    printf("power.row#seed=%" PRIu64 ",cut=%u: %s\n", row.seed, row.cut, why);
    printf("evidence: power sweep=row cuts=%u failed=1\n", row.cut);
    fflush(NULL);
    _Exit(1);
}

static void on_signal(int number) {
    (void)number;
    fail_row("an assertion failed (above), or the simulation itself did");
}

// The examples, and behind each what never runs: no image is the beginning of another one.
static void make_images(void) {
    for (unsigned i = 0; i < IMAGES; i++) {
        struct image *image = &row.images[i];
        bench_image(image, i == 0 ? "blink-0.2.bin" : "blink-0.1.bin");
        for (uint32_t tail = TAIL_MIN + draw(TAIL_MAX - TAIL_MIN); tail > 0; tail--) {
            image->bytes[image->len++] = (uint8_t)draw(256);
        }
        image->bytes[image->len - 1] = (uint8_t)i; // blank ends are not told from none
    }
}

static bool flash_is(const struct image *image) {
    return memcmp(chip_flash(row.bench->chip) + (APPLICATION - FLASH_BASE), image->bytes,
                  image->len) == 0;
}

// --- a round -------------------------------------------------------------------------------------

static struct cut_when draw_cut(void) {
    struct cut_when when = {.kind = CUT_FLASH, .seed = 1 + draw(1u << 30)};
    switch (draw(6)) {
    case 0: // most of them while power comes up
        when.kind = CUT_INSTRUCTION;
        when.number = 1 + draw(BOOT_INSNS);
        break;
    case 1:
        when.kind = CUT_INSTRUCTION;
        when.number = 1 + draw(LOAD_INSNS);
        break;
    case 2: // the settings, the erases
        when.number = 1 + draw(20);
        when.is_torn = draw(4) != 0;
        break;
    default:
        when.number = 1 + draw(OPERATIONS);
        when.is_torn = draw(2) != 0;
        break;
    }
    return when;
}

static void lead_to_dfu(struct bench *bench, const struct cut *cut) {
    for (unsigned ms = 0; ms < SETTLE_MS && !cut->has_happened && !bench->device; ms++) {
        bench_run_ms(bench, 1);
        if (cpu_vtor(chip_cpu(bench->chip)) == APPLICATION) {
            aftermath_press_button(bench);
        }
    }
}

static enum host_end load(struct bench *bench) {
    const struct image *image = &row.images[draw(IMAGES)];
    const struct host *host = host_at(draw(host_count));
    const struct host_element element = {APPLICATION, image->len, image->bytes};
    const struct host_job job = {
        .elements = &element, .element_count = 1, .leaves = draw(4) != 0, .verifies = draw(4) == 0};
    struct device device = cable_device(bench);
    row.loads_begun++;
    struct host_outcome outcome = host->load(&device, &job);
    row.loads_done += outcome.end == HOST_DONE;
    return outcome.end;
}

static enum where go_on_until_cut(struct bench *bench) {
    const struct cut_when when = draw_cut();
    struct cut cut = {0};
    chip_set_tear_seed(bench->chip, when.seed);
    chip_power_on(bench->chip);
    cut_arm(&cut, bench->chip, &bench->trace, &when);
    lead_to_dfu(bench, &cut);
    if (!cut.has_happened && bench->device) {
        (void)load(bench);
    }
    for (unsigned ms = 0; ms < SETTLE_MS && !cut.has_happened; ms++) {
        bench_run_ms(bench, 1);
    }
    bool has_happened = cut.has_happened;
    cut_disarm(&cut);
    if (!has_happened) {
        chip_power_off(bench->chip);
        return TOO_LATE;
    }
    return when.kind == CUT_INSTRUCTION ? BEFORE_INSTRUCTION
           : when.is_torn               ? INSIDE_OPERATION
                                        : BEFORE_OPERATION;
}

// Power for good, once.
static void look(struct bench *bench) {
    uint64_t took_ps;
    bool is_one = false;
    switch (aftermath_boot(bench, &took_ps)) {
    case AFTERMATH_APPLICATION:
        for (unsigned i = 0; i < IMAGES; i++) {
            is_one = is_one || flash_is(&row.images[i]);
        }
        if (!is_one) {
            fail_row("an application started that is none of the images");
        }
        row.in_application++;
        break;
    case AFTERMATH_DFU:
        row.in_dfu++;
        break;
    case AFTERMATH_NOTHING:
    default:
        fail_row("neither an application nor DFU mode came up in time");
    }
    if (!aftermath_has_values(bench)) {
        fail_row("a value in the settings is lost");
    }
    if (memcmp(chip_flash(bench->chip), row.boot, sizeof row.boot) != 0) {
        fail_row("the bootloader's sector has changed");
    }
    if (trace_complaints(&bench->trace, NULL) != 0 || chip_flash_stalls(bench->chip).count != 0) {
        fail_row("silicon would have suffered from something (complaints above), or stood still");
    }
}

static void take_cut(struct bench *bench) {
    row.by_where[go_on_until_cut(bench)]++;
    aftermath_stay_off(bench);
    struct snapshot *wreck = bench_take(bench);
    look(bench);
    snapshot_restore(wreck);
    snapshot_free(wreck);
}

static void last_load(struct bench *bench) {
    const struct cut none = {0};
    chip_power_on(bench->chip);
    lead_to_dfu(bench, &none);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &row.images[1]);
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    bench_assert_flash_holds(bench, &row.images[1]);
    aftermath_assert_blinks(bench);
    assert_true(aftermath_has_values(bench));
}

static void run_row(bool is_replay) {
    struct bench *bench = bench_new(8000000);
    row.bench = bench;
    row.noise = row.seed;
    make_images();
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &row.images[1]);
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    aftermath_put_values(bench, true);
    memcpy(row.boot, chip_flash(bench->chip), sizeof row.boot);
    chip_power_off(bench->chip);
    aftermath_stay_off(bench);
    for (row.cut = 1; row.cut <= row.cuts; row.cut++) {
        bench->trace.file = is_replay && row.cut == row.cuts ? stdout : NULL;
        take_cut(bench);
    }
    row.cut = row.cuts;
    bench->trace.file = NULL;
    last_load(bench);
    bench_free(bench);
}

int main(int argc, char **argv) {
    bool is_right = true, is_replay = false;
    row.seed = 1;
    row.cuts = CUTS;
    for (int i = 1; i < argc && is_right; i++) {
        static char wrong[] = "?";
        char *end = wrong;
        if (sscanf(argv[i], "power.row#seed=%" SCNu64 ",cut=%u", &row.seed, &row.cuts) == 2) {
            is_replay = true;
            end = wrong + 1;
        } else if (i + 1 < argc && strcmp(argv[i], "--cuts") == 0) {
            row.cuts = (unsigned)strtoul(argv[++i], &end, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            row.seed = strtoull(argv[++i], &end, 10);
        }
        is_right = *end == '\0';
    }
    if (!is_right || row.cuts == 0) {
        fputs("usage: test-power-row [--cuts N] [--seed S]   N cuts in a row (1000), with dice of "
              "seed S (1)\n"
              "       test-power-row ID                      the same once more up to a failure, "
              "power.row#seed=S,cut=N\n",
              stderr);
        return 2;
    }
    // Makes a failed assertion say what it is and abort, in a process that is no cmocka test.
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    (void)signal(SIGABRT, on_signal);
    (void)signal(SIGSEGV, on_signal);
    run_row(is_replay);
    unsigned total = 0;
    for (unsigned i = 0; i < WHERE_COUNT; i++) {
        printf("power.row: %4u %s\n", row.by_where[i], where_names[i]);
        total += row.by_where[i];
    }
    printf("power.row: %u cut points in a row; then the application came up %u times, DFU mode %u "
           "times; %u of %u "
           "loads were over first; the last load succeeded; 0 failed\n",
           total, row.in_application, row.in_dfu, row.loads_done, row.loads_begun);
    printf("evidence: power sweep=row cuts=%u failed=0\n", total);
    if (total != row.cuts || row.in_application + row.in_dfu != row.cuts) {
        printf("power.row: not each cut was looked at\n");
        return 1;
    }
    return 0;
}
