// SPDX-License-Identifier: MIT
//
// Power goes at every flash operation of the updater (port/stm32f4/updater), over several kinds of devices in
// the field, on images as built, in a virtual board.
//
//   redfu      another redfu-boot, its settings store full of values
//   cubemx     a bootloader of 32 KB shaped like CubeMX's, AN3969's EEPROM emulation at 0x08008000
//   protected  the same, with its sectors write-protected by option bytes
//   pair       another redfu-boot's place, the emulation in 0x08004000 and 0x08008000, cut off in a transfer
//   bare       a bootloader of 32 KB and nothing else
//
// The updater lies there as a host has loaded it, and power comes. At each flash operation from then on the
// bench is set aside and power goes: before the operation, and inside it with as many seeds as asked for
// (the fault model is vboard/chip/flash_fault.c's). Power comes back, and the board has to end in the new
// bootloader's DFU mode within ALIVE_MAX_PS, with sector 0 the new bootloader to the byte, every value in the
// settings, protection as it was, and no updater left to start. Between the erase of sector 0 and the end
// of its first word it need not: that is the window, and it is measured and counted. A cut
// anywhere else that leaves the board dead, or wrong, fails.
//
// At some points power goes a second time, inside an operation of the recovery; the same is
// held against the outcome, with the same window.
//
// A cut inside the writing of the option bytes may leave read protection at level 1, which is counted; all else has
// to hold then, too.
//
// A point that fails prints an id; given as the only argument it runs just that point.

#include "tests/board/host.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "settings/settings.h"
#include "spec/bytes.h"
#include "tests/board/pages.h"

#define BOOT_BYTES   16384u
#define OLD_BYTES    32768u
#define ALIVE_MAX_PS (3 * PS_PER_S)
#define LOOK_PS      PS_PER_MS
#define OFF_PS       PS_PER_MS
#define VALUE_COUNT  40u
// Words of the emulation that are superseded by later ones.
#define OLDER_COUNT  100u
#define JOBS_MAX     16u
// A prime, so that it falls on all kinds of operations.
#define SECOND_EVERY 37u
// Inside the option bytes a cut leaves one of eight kinds of things.
#define OPTION_SEEDS 24u
#define OPTCR        0x40023c14u
#define NWRP_BOOT    (1u << 16)
#define VECTOR_WORD  0x08000004u // the reset vector

enum scenario { REDFU, CUBEMX, PROTECTED, PAIR, BARE, SCENARIO_COUNT };
static const char *const scenario_names[] = {"redfu", "cubemx", "protected", "pair", "bare"};

enum mode { BEFORE, TORN };

struct tally {
    uint64_t operations, points, lethal, lethal_first, lethal_last, second, second_lethal, failed;
    // Cuts inside the option bytes, and after how many of them read protection was on.
    uint64_t options, level_1;
    uint64_t window_ps, whole_ps;
};

static struct {
    uint64_t every, seeds, only, only_seed;
    enum scenario scenario;
    enum mode only_mode;
    unsigned jobs, job;
    struct bench *bench;
    struct image boot, updater;
    struct snapshot *at_operation;
    uint64_t number, second, second_at;
    bool in_window, second_in_window;
    bool is_option, second_is_option; // the operation at hand writes the option bytes
    uint32_t last_erased; // sector 0's erase was the last operation but one; see is_in_window()
    uint64_t window_from_ps;
    uint64_t seed;
    enum mode mode;
    struct tally *tally;
} sweep;

static void print_id(void) {
    printf("power.updater#device=%s,n=%" PRIu64 ",%s,seed=%" PRIu64, scenario_names[sweep.scenario],
           sweep.number, sweep.mode == BEFORE ? "before" : "torn", sweep.seed);
    if (sweep.second != 0) {
        printf(" and again inside operation %" PRIu64 " after it", sweep.second);
    }
}

// --- The device --------------------------------------------------------------------------------------

static void read_file(const char *folder, const char *name, uint8_t *bytes, size_t size) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_true(fread(bytes, 1, size, file) > 0);
    (void)fclose(file);
}

// Each key another one, each value another.
static uint16_t key_of(unsigned i) {
    return (uint16_t)(0x5555u + 257u * i);
}

static uint16_t value_of(unsigned i) {
    return (uint16_t)(0xa000u + 31u * i);
}

static void fill_store(uint8_t *pages) {
    struct settings_flash flash = pages_at(pages);
    struct settings store;
    assert_int_equal(settings_open(&store, &flash), SETTINGS_OK);
    assert_int_equal(settings_wait(&store, settings_turnover(&store)), SETTINGS_OK);
    for (unsigned i = 0; i < VALUE_COUNT; i++) {
        uint8_t value[2];
        store_le16(value, value_of(i));
        assert_int_equal(settings_wait(&store, settings_set(&store, key_of(i), value, 2)),
                         SETTINGS_OK);
    }
}

// A page of AN3969: `from` to `to` of the variables, with older values of them before.
static void fill_emulation(uint8_t *page, uint32_t status, unsigned from, unsigned to) {
    store_le32(page, status);
    uint8_t *at = page + 4;
    for (unsigned i = 0; i < OLDER_COUNT && to - from > 1; i++, at += 4) {
        store_le32(at, (uint32_t)key_of(from + i % (to - from)) << 16 | i);
    }
    for (unsigned i = from; i < to; i++, at += 4) {
        store_le32(at, (uint32_t)key_of(i) << 16 | value_of(i));
    }
}

static void make_device(struct bench *bench) {
    uint8_t *flash = chip_flash(bench->chip);
    memset(flash, 0xff, APPLICATION - FLASH_BASE);
    switch (sweep.scenario) {
    case REDFU:
        read_file(FIRMWARE_FOLDER "/stm32f4-factory", "redfu-boot.bin", flash, BOOT_BYTES);
        fill_store(flash + PAGES_OFF);
        break;
    case CUBEMX:
    case PROTECTED:
        read_file(OLD_FOLDER, sweep.scenario == CUBEMX ? "old-boot-0.bin" : "old-boot-1.bin", flash,
                  OLD_BYTES);
        fill_emulation(flash + 0x8000, 0xffff0000u, 0, VALUE_COUNT);
        break;
    case PAIR:
        // The last variable was being written when the pages were exchanged.
        read_file(FIRMWARE_FOLDER "/stm32f4-factory", "redfu-boot.bin", flash, BOOT_BYTES);
        fill_emulation(flash + 0x4000, 0xffff0000u, 0, VALUE_COUNT);
        fill_emulation(flash + 0x8000, 0xffffeeeeu, VALUE_COUNT - 1, VALUE_COUNT);
        break;
    case BARE:
    default:
        read_file(OLD_FOLDER, "old-boot-0.bin", flash, OLD_BYTES);
        break;
    }
    memcpy(flash + (APPLICATION - FLASH_BASE), sweep.updater.bytes, sweep.updater.len);
    chip_flash_changed(bench->chip);
}

// --- What has to come of it --------------------------------------------------------------------------

static bool has_settings(const uint8_t *flash) {
    static uint8_t pages[2 * PAGES_PAGE_BYTES];
    memcpy(pages, flash + PAGES_OFF, sizeof pages);
    struct settings_flash functions = pages_at(pages);
    struct settings store;
    uint32_t len;
    if (settings_open(&store, &functions) != SETTINGS_OK || settings_foreign(&store) != 0 ||
        settings_peek(&store, SETTINGS_KEY_IMPORTING, &len) != NULL) {
        return false;
    }
    for (unsigned i = 0; i < VALUE_COUNT && sweep.scenario != BARE; i++) {
        uint8_t value[2];
        if (settings_get(&store, key_of(i), value, sizeof value, &len) != SETTINGS_OK || len != 2 ||
            load_le16(value) != value_of(i)) {
            return false;
        }
    }
    return true;
}

// Only a cut inside the option bytes may do that (docs/protection.md); what has to hold otherwise holds then, too.
static bool is_read_protected(const struct bench *bench) {
    return (chip_peek_register(bench->chip, OPTCR) >> 8 & 0xffu) != 0xaa;
}

// NULL: all is as it is to be.
static const char *judge(const struct bench *bench) {
    static uint8_t erased[BOOT_BYTES];
    const uint8_t *flash = chip_flash(bench->chip);
    memset(erased, 0xff, sizeof erased);
    if (!cable_is_attached(bench->cable)) {
        return "no DFU mode";
    }
    if (memcmp(flash, sweep.boot.bytes, sweep.boot.len) != 0 ||
        memcmp(flash + sweep.boot.len, erased, BOOT_BYTES - sweep.boot.len) != 0) {
        return "sector 0 is not the new bootloader";
    }
    if (!has_settings(flash)) {
        return "the settings are not what they were";
    }
    // Where that word was cut off on its way to zero, anything that no bootloader takes for a stack pointer.
    if (load_le32(flash + (APPLICATION - FLASH_BASE)) == load_le32(sweep.updater.bytes)) {
        return "the updater would be started again";
    }
    bool is_protected = (chip_peek_register(bench->chip, OPTCR) & NWRP_BOOT) == 0;
    if (is_protected != (sweep.scenario == PROTECTED)) {
        return "sector 0's protection is not what it was";
    }
    return trace_complaints(&bench->trace, NULL) != 0 ? "complaints" : NULL;
}

// --- A point -----------------------------------------------------------------------------------------

static void pass(struct bench *bench, uint64_t ps) {
    uint64_t until_ps = timeline_now(&bench->timeline) + ps;
    while (timeline_now(&bench->timeline) < until_ps) {
        bench_run(bench, until_ps - timeline_now(&bench->timeline));
    }
}

static void run_on(struct bench *bench) {
    uint64_t until_ps = timeline_now(&bench->timeline) + ALIVE_MAX_PS;
    while (!cable_is_attached(bench->cable) && timeline_now(&bench->timeline) < until_ps &&
           (sweep.second == 0 || chip_is_powered(bench->chip))) {
        bench_run(bench, LOOK_PS);
    }
    // What DFU mode does first (a store that is not there yet is made) is not cut, and awaited.
    if (cable_is_attached(bench->cable)) {
        bench_run(bench, PS_PER_S);
    }
}

// The window of sector 0: from its erase to the end of the first word that is programmed after it. `open`
// is carried from one operation to the next.
static bool is_in_window(const struct chip_flash_op *op, uint32_t *open) {
    bool is_erase = op->kind == CHIP_FLASH_ERASE && op->addr == FLASH_BASE;
    bool is_inside =
        is_erase || (*open != 0 && op->kind == CHIP_FLASH_PROGRAM && op->addr - VECTOR_WORD < 4);
    *open = is_erase;
    return is_inside;
}

static void at_second(void *ctx, const struct chip_flash_op *op) {
    uint32_t *open = ctx;
    bool is_inside = is_in_window(op, open);
    if (++sweep.second_at == sweep.second) {
        sweep.second_in_window = is_inside;
        sweep.second_is_option = op->kind == CHIP_FLASH_OPTION;
        chip_power_off_inside(sweep.bench->chip);
    }
}

static void power_again(struct bench *bench) {
    pass(bench, OFF_PS);
    chip_power_on(bench->chip);
}

static void fail_point(const char *why) {
    print_id();
    printf(": %s\n", why);
    sweep.tally->failed++;
}

static void take_point(struct bench *bench) {
    snapshot_restore(sweep.at_operation);
    chip_set_tear_seed(bench->chip, sweep.seed);
    if (sweep.mode == TORN) {
        chip_power_off_inside(bench->chip);
    } else {
        chip_power_off(bench->chip);
    }
    sweep.tally->points += sweep.second == 0; // else it was one already
    // Before the erase nothing has happened yet.
    bool may_die = sweep.in_window && (sweep.mode == TORN || sweep.last_erased == 0);
    uint32_t open = 0;
    sweep.second_at = 0;
    sweep.second_is_option = false;
    if (sweep.second != 0) {
        chip_on_flash_op(bench->chip, at_second, &open);
        power_again(bench);
        run_on(bench);
        chip_on_flash_op(bench->chip, NULL, NULL);
        if (chip_is_powered(bench->chip)) {
            return; // the recovery had fewer operations, or there was none
        }
        sweep.tally->second++;
        may_die = may_die || sweep.second_in_window;
    }
    uint64_t second = sweep.second;
    sweep.second = 0;
    power_again(bench);
    run_on(bench);
    sweep.second = second;
    bool is_torn_option = (sweep.is_option && sweep.mode == TORN) || sweep.second_is_option;
    bool is_level_1 = is_read_protected(bench);
    sweep.tally->options += is_torn_option;
    sweep.tally->level_1 += is_torn_option && is_level_1;
    const char *why = is_level_1 && !is_torn_option ? "read protection is on" : judge(bench);
    if (why != NULL && may_die && !cable_is_attached(bench->cable)) {
        if (second != 0) {
            sweep.tally->second_lethal++;
            return;
        }
        sweep.tally->lethal++;
        if (sweep.tally->lethal_first == 0) {
            sweep.tally->lethal_first = sweep.number;
        }
        sweep.tally->lethal_last = sweep.number;
    } else if (why != NULL) {
        fail_point(why);
    }
}

static bool is_chosen(const struct chip_flash_op *op) {
    if (sweep.only != 0) {
        return sweep.number == sweep.only;
    }
    // The words of sector 0 are all alike but for the first ones, and so are a page's records.
    uint32_t off = op->addr - FLASH_BASE;
    uint64_t every = 1;
    if (op->kind == CHIP_FLASH_PROGRAM && off < PAGES_OFF + 2 * PAGES_PAGE_BYTES) {
        uint32_t in_sector = off % PAGES_PAGE_BYTES;
        every = in_sector < SETTINGS_PAGE_HEAD ? 1
                : off < PAGES_OFF              ? sweep.every
                                               : sweep.every / 30 + 1;
    }
    return sweep.number % every == 0 && sweep.number / every % sweep.jobs == sweep.job;
}

static void at_operation(void *ctx, const struct chip_flash_op *op) {
    static uint32_t open;
    (void)ctx;
    uint64_t now_ps = timeline_now(&sweep.bench->timeline);
    sweep.number++;
    if (sweep.number == 1) {
        open = 0;
    }
    bool was_inside = sweep.in_window;
    sweep.in_window = is_in_window(op, &open);
    sweep.is_option = op->kind == CHIP_FLASH_OPTION;
    sweep.last_erased = open;
    if (sweep.in_window && !was_inside) {
        sweep.window_from_ps = now_ps;
    } else if (!sweep.in_window && was_inside) {
        sweep.tally->window_ps = now_ps - sweep.window_from_ps;
    }
    if (is_chosen(op)) {
        sweep.at_operation = bench_take(sweep.bench);
        timeline_stop(&sweep.bench->timeline);
    }
}

static void run_points(struct bench *bench) {
    if (sweep.at_operation == NULL) {
        return;
    }
    struct snapshot *here = bench_take(bench);
    bench->after_run = NULL;
    chip_on_flash_op(bench->chip, NULL, NULL);
    uint64_t seeds = sweep.is_option && sweep.seeds < OPTION_SEEDS ? OPTION_SEEDS : sweep.seeds;
    for (uint64_t seed = 0; seed <= seeds; seed++) {
        sweep.mode = seed == 0 ? BEFORE : TORN;
        sweep.seed = seed == 0 ? 1 : seed;
        if (sweep.only != 0 && (sweep.mode != sweep.only_mode || sweep.seed != sweep.only_seed)) {
            continue;
        }
        take_point(bench);
        if (sweep.only == 0 && sweep.number % SECOND_EVERY == 0) {
            // Early operations of the recovery (erase, net, words), and late ones (settings).
            static const uint16_t seconds[] = {1, 2, 3, 20, 3520, 3540, 3600, 3640};
            for (unsigned i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
                sweep.second = seconds[i] + sweep.number % 3;
                take_point(bench);
            }
            sweep.second = 0;
        }
    }
    snapshot_restore(here);
    snapshot_free(here);
    snapshot_free(sweep.at_operation);
    sweep.at_operation = NULL;
    bench->after_run = run_points;
    chip_on_flash_op(bench->chip, at_operation, NULL);
}

static void tell_story(void) {
    struct bench *bench = bench_new(8000000);
    sweep.bench = bench;
    // judge() counts them, where the board is alive.
    bench->trace.complaints = sweep.only != 0 ? stderr : NULL;
    sweep.number = 0;
    sweep.in_window = false;
    bench_image(&sweep.boot, "redfu-boot.bin");
    bench_image(&sweep.updater, "updater.bin");
    make_device(bench);
    chip_on_flash_op(bench->chip, at_operation, NULL);
    bench->after_run = run_points;
    chip_power_on(bench->chip);
    uint64_t start_ps = timeline_now(&bench->timeline);
    while (!cable_is_attached(bench->cable) &&
           timeline_now(&bench->timeline) - start_ps < ALIVE_MAX_PS) {
        bench_run(bench, LOOK_PS);
    }
    sweep.tally->whole_ps = timeline_now(&bench->timeline) - start_ps;
    chip_on_flash_op(bench->chip, NULL, NULL);
    bench->after_run = NULL;
    sweep.tally->operations = sweep.number;
    bench_run(bench, PS_PER_S);
    const char *why = judge(bench);
    if (why != NULL) {
        sweep.mode = BEFORE;
        sweep.seed = 0;
        fail_point(why);
    }
    bench_free(bench);
}

static void run_jobs(struct tally *tallies) {
    (void)fflush(NULL);
    for (unsigned job = 0; job < sweep.jobs; job++) {
        pid_t pid = fork();
        if (pid == 0) {
            sweep.job = job;
            sweep.tally = &tallies[job];
            tell_story();
            (void)fflush(NULL);
            _exit(0);
        }
    }
    int status;
    while (wait(&status) > 0) {
        tallies[0].failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
}

static struct tally sum_of(const struct tally *tallies) {
    struct tally sum = tallies[0];
    for (unsigned job = 1; job < sweep.jobs; job++) {
        const struct tally *tally = &tallies[job];
        sum.points += tally->points;
        sum.lethal += tally->lethal;
        sum.second += tally->second;
        sum.second_lethal += tally->second_lethal;
        sum.failed += tally->failed;
        sum.options += tally->options;
        sum.level_1 += tally->level_1;
        if (tally->lethal > 0 &&
            (sum.lethal_first == 0 || tally->lethal_first < sum.lethal_first)) {
            sum.lethal_first = tally->lethal_first;
        }
        sum.lethal_last =
            tally->lethal_last > sum.lethal_last ? tally->lethal_last : sum.lethal_last;
    }
    return sum;
}

static double ms(uint64_t ps) {
    return (double)ps / (double)PS_PER_MS;
}

static void print_sum(const struct tally *sum) {
    printf("power.updater: %-9s %" PRIu64 " cut points over %" PRIu64 " flash operations, %" PRIu64
           " second cuts, %" PRIu64 " failed; %.0f ms in all\n",
           scenario_names[sweep.scenario], sum->points, sum->operations, sum->second, sum->failed,
           ms(sum->whole_ps));
    if (sum->lethal == 0) {
        printf("power.updater: %-9s no cut was lethal", scenario_names[sweep.scenario]);
    } else {
        printf("power.updater: %-9s lethal: %" PRIu64 ", at operations %" PRIu64 " to %" PRIu64,
               scenario_names[sweep.scenario], sum->lethal, sum->lethal_first, sum->lethal_last);
    }
    if (sum->options != 0) {
        printf("; read protection at level 1 after %" PRIu64 " of %" PRIu64
               " cuts inside the option bytes",
               sum->level_1, sum->options);
    }
    printf(" (and %" PRIu64
           " second ones); the window from the erase of sector 0 to its first word: "
           "%.3f ms\n",
           sum->second_lethal, ms(sum->window_ps));
}

static int usage(FILE *to, int status) {
    fputs("usage: test-power-updater [OPTION]... [ID]\n"
          "\n"
          "Cuts power at flash operations of the updater, over several kinds of devices.\n"
          "\n"
          "  --every K   of sector 0's words every K-th only (1)\n"
          "  --seeds N   inside each operation N times, with seeds from 1 (3)\n"
          "  --jobs J    processes (one a core)\n"
          "  ID          a point that failed, as printed: "
          "power.updater#device=bare,n=7,torn,seed=1\n",
          to);
    return status;
}

static bool read_id(const char *text) {
    char name[16];
    char mode[8];
    int end = 0;
    if (sscanf(text, "power.updater#device=%15[a-z],n=%" SCNu64 ",%7[a-z],seed=%" SCNu64 "%n", name,
               &sweep.only, mode, &sweep.only_seed, &end) != 4 ||
        text[end] != '\0' || sweep.only == 0) {
        return false;
    }
    sweep.only_mode = strcmp(mode, "before") == 0 ? BEFORE : TORN;
    sweep.seeds = sweep.only_seed;
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        if (strcmp(name, scenario_names[i]) == 0) {
            sweep.scenario = (enum scenario)i;
            return true;
        }
    }
    return false;
}

static bool number(const char *text, uint64_t max, uint64_t *value) {
    char *end;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *value > 0 && *value <= max;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"every", required_argument, NULL, 'e'},
                                            {"seeds", required_argument, NULL, 's'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t jobs = cores < 1 ? 1 : cores > (long)JOBS_MAX ? JOBS_MAX : (uint64_t)cores;
    bool ok = true;
    int option;
    sweep.every = 1;
    sweep.seeds = 3;
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        ok = option == 'e'   ? number(optarg, UINT32_MAX, &sweep.every)
             : option == 's' ? number(optarg, UINT32_MAX, &sweep.seeds)
             : option == 'j' ? number(optarg, JOBS_MAX, &jobs)
                             : option == 'h';
        if (option == 'h') {
            return usage(stdout, 0);
        }
    }
    if (!ok || optind + 1 < argc || (optind + 1 == argc && !read_id(argv[optind]))) {
        return usage(stderr, 2);
    }
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    sweep.jobs = sweep.only != 0 ? 1 : (unsigned)jobs;
    struct tally *tallies = mmap(NULL, JOBS_MAX * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) {
        perror("power.updater");
        return 1;
    }
    uint64_t lethal = 0, cuts = 0, failed = 0;
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        if (sweep.only != 0 && sweep.scenario != (enum scenario)i) {
            continue;
        }
        sweep.scenario = (enum scenario)i;
        memset(tallies, 0, JOBS_MAX * sizeof *tallies);
        run_jobs(tallies);
        struct tally sum = sum_of(tallies);
        print_sum(&sum);
        ok = ok && sum.failed == 0 && sum.points > 0;
        lethal += sum.lethal;
        cuts += sum.points + sum.second;
        failed += sum.failed;
    }
    printf("evidence: power sweep=updater cuts=%" PRIu64 " failed=%" PRIu64 "\n", cuts, failed);
    // A sweep that never meets the window looks at the wrong thing.
    if (sweep.only == 0 && lethal == 0) {
        printf("power.updater: no cut in the window was lethal\n");
        ok = false;
    }
    return ok ? 0 : 1;
}
