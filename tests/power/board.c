// SPDX-License-Identifier: MIT
//
// Power goes at every flash operation of an update over an update, on the image of redfu-boot as
// built, in a virtual board.
//
// One process runs the story once: the old image is loaded and started, the settings page is filled
// up with values, and the application is asked for DFU mode by its button. From there on flash
// operations are counted: the settings turn over, and the new image, of 40 KB, is loaded and
// started. At each operation the bench is set aside (vboard/snapshot.h), and power goes, before the
// operation or inside it (the fault model is vboard/chip/flash_fault.c's). Power comes back, and then
//
// - an application that starts is the old image or the new one, byte for byte;
// - or DFU mode comes up within a second;
// - no byte of the bootloader's sector has changed, and no value in the settings;
// - at chosen points (each erase; in the full form also each operation outside the application's
//   sectors, the first and last words of the image, and each RECOVER_EVERY'th of the rest) the next
//   load succeeds, and runs;
// - at those points power is cut a second time, too, at every SECOND_EVERY'th flash operation of
//   what follows (boot, the settings put in order, a small load by doctor/hosts' dfu-util): the same
//   must hold after it, and the load after that succeeds. Behind a cut erase it is every operation.
//
// After each point the bench is put back, and the story goes on. (A point with a next load is a forked
// child's, because a failed assertion of the host ends its process.)
//
// A point that fails prints an id; given as the only argument it runs just that point, with the
// board's trace from the cut on.

#include "tests/board/host.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "doctor/hosts/host.h"
#include "tests/board/cable_device.h"
#include "tests/power/aftermath.h"

// Words at each end of the image that are looked at closely.
#define EDGE_BYTES         16u
// A point that hangs (seconds of real time).
#define POINT_MAX_S        300u
#define JOBS_MAX           16u
// The full form: the next load at each of these, and so many points.
#define RECOVER_EVERY      100u
#define POINTS_LEAST       2000u
// Primes: neighbouring first cuts have other second ones. Behind an erase all (with --every: fewer).
#define SECOND_EVERY       31u
#define SECOND_EVERY_SHORT 7u
// What the small load has behind blink 0.1, so that it is no beginning of the old image.
#define NEXT_TAIL_BYTES    64u

enum mode { MODE_BEFORE, MODE_TORN, MODE_COUNT };
static const char *const mode_names[] = {"before", "torn"};

enum outcome { OUTCOME_OLD, OUTCOME_NEW, OUTCOME_DFU, OUTCOME_COUNT, OUTCOME_FAILED };

struct tally {
    uint64_t operations; // in the whole story
    uint64_t points, failed, recovered, second;
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t boot_max_ps[OUTCOME_COUNT]; // power-on to what came
};

struct sweep {
    // What to do.
    uint64_t every, recover_every, seed, seeds;
    uint64_t second_every; // behind a cut erase
    bool recovers_special;
    bool recovers_never; // first cuts alone
    uint64_t only;       // a replay of this operation ...
    enum mode only_mode;
    unsigned jobs, job;
    // The story.
    struct bench *bench;
    struct image old, new, next;
    uint8_t boot[AFTERMATH_BOOT_SECTOR_BYTES];
    uint64_t number; // of the operation, since the button
    bool is_taken;
    uint64_t first_point, next_point; // of this operation and of the next one that is taken
    // The operation, while it is being cut: the bench as it was in the hook.
    struct snapshot *at_operation;
    bool recovers;
    bool is_erase;
    bool is_special;
    // The point.
    enum mode mode;
    uint64_t second, second_count; // operation of the second cut, counted from power-on; 0: none
    bool has_second;               // it has happened
    jmp_buf failed;
    struct tally *tally; // shared with the children
};

static struct sweep sweep;

static void print_id(FILE *to) {
    fprintf(to, "power.board#n=%" PRIu64 ",%s,seed=%" PRIu64, sweep.number, mode_names[sweep.mode],
            sweep.seed);
    if (sweep.second != 0) {
        fprintf(to, " and again at operation %" PRIu64 " after it", sweep.second);
    }
}

static _Noreturn void fail_point(const char *why) {
    print_id(stderr);
    fprintf(stderr, ": %s\n", why);
    longjmp(sweep.failed, 1);
}

// The simulation itself failed or hangs: which point it was is all that can be told.
static void fail_process(int signal_number) {
    print_id(stderr);
    fprintf(stderr, ": signal %d (%s)\n", signal_number, strsignal(signal_number));
    fflush(NULL);
    _exit(OUTCOME_FAILED);
}

// --- a point -------------------------------------------------------------------------------------

static bool flash_is(const struct image *image) {
    return memcmp(chip_flash(sweep.bench->chip) + (APPLICATION - FLASH_BASE), image->bytes,
                  image->len) == 0;
}

// Power comes, and whatever comes up.
static enum outcome boot(struct bench *bench) {
    uint64_t took_ps;
    enum aftermath came = aftermath_boot(bench, &took_ps);
    enum outcome outcome = OUTCOME_DFU;
    if (came == AFTERMATH_NOTHING) {
        fail_point("neither an application nor DFU mode came up in time");
    } else if (came == AFTERMATH_APPLICATION) {
        outcome = flash_is(&sweep.old) ? OUTCOME_OLD : OUTCOME_NEW;
        bool is_next = sweep.second != 0 && flash_is(&sweep.next);
        if (outcome == OUTCOME_NEW && !flash_is(&sweep.new) && !is_next) {
            fail_point("an application started that is none of the images");
        }
    }
    if (took_ps > sweep.tally->boot_max_ps[outcome]) {
        sweep.tally->boot_max_ps[outcome] = took_ps;
    }
    return outcome;
}

// The next load, of an image that is neither of the two.
static void recover(struct bench *bench, enum outcome outcome) {
    static struct image next;
    bench_image(&next, "blink-0.1.bin");
    if (sweep.is_erase && sweep.second == 0) { // both sectors
        memset(next.bytes + next.len, 0xA5, sweep.old.len - next.len);
        next.len = sweep.old.len;
    }
    if (outcome != OUTCOME_DFU) {
        aftermath_press_button(bench);
    }
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &next);
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    bench_assert_flash_holds(bench, &next);
    aftermath_assert_blinks(bench);
    sweep.tally->recovered++;
}

// --- the second cut ------------------------------------------------------------------------------

static void at_second(void *ctx, const struct chip_flash_op *op) {
    (void)ctx;
    (void)op;
    if (++sweep.second_count != sweep.second) {
        return;
    }
    sweep.has_second = true;
    if (sweep.second % 2 != 0) {
        chip_power_off_inside(sweep.bench->chip);
    } else {
        chip_power_off(sweep.bench->chip);
    }
}

// Power comes, whatever comes up is led to DFU mode, and a small image is loaded: until the cut.
static void go_on_until_second(struct bench *bench) {
    for (unsigned ms = 0; ms < 1000 && !sweep.has_second && !bench->device; ms++) {
        bench_run_ms(bench, 1);
        if (cpu_vtor(chip_cpu(bench->chip)) == APPLICATION) {
            aftermath_press_button(bench);
        }
    }
    if (!sweep.has_second && bench->device) {
        const struct host_element element = {APPLICATION, sweep.next.len, sweep.next.bytes};
        const struct host_job job = {.elements = &element, .element_count = 1, .leaves = true};
        struct device device = cable_device(bench);
        (void)host_find("dfu-util")->load(&device, &job);
    }
    for (unsigned ms = 0; ms < 300 && !sweep.has_second; ms++) {
        bench_run_ms(bench, 1);
    }
}

// False when what follows the first cut has no such operation any more.
static bool cut_again(struct bench *bench) {
    sweep.second_count = 0;
    sweep.has_second = false;
    aftermath_stay_off(bench);
    chip_on_flash_op(bench->chip, at_second, NULL);
    chip_power_on(bench->chip);
    go_on_until_second(bench);
    chip_on_flash_op(bench->chip, NULL, NULL);
    if (!sweep.has_second) {
        return false;
    }
    aftermath_stay_off(bench);
    enum outcome outcome = boot(bench);
    if (!aftermath_has_values(sweep.bench)) {
        fail_point("a value in the settings is lost");
    }
    recover(bench, outcome);
    if (!aftermath_has_values(sweep.bench) ||
        memcmp(chip_flash(bench->chip), sweep.boot, sizeof sweep.boot) != 0) {
        fail_point("the load after it lost a value, or changed the bootloader's sector");
    }
    if (trace_complaints(&bench->trace, NULL) != 0) {
        fail_point("silicon would have suffered from something (complaints above)");
    }
    sweep.tally->second++;
    return true;
}

// The board has just lost its power; it is put back to that.
static void cut_again_at_all(struct bench *bench) {
    struct snapshot *wreck = bench_take(bench);
    uint64_t every = sweep.is_erase ? sweep.second_every : SECOND_EVERY;
    bool is_left = true;
    for (sweep.second = 1 + sweep.number % every; is_left; sweep.second += every) {
        is_left = cut_again(bench);
        snapshot_restore(wreck);
    }
    sweep.second = 0;
    snapshot_free(wreck);
}

// What comes of the board when it has lost its power.
static enum outcome after_cut(struct bench *bench) {
    if (sweep.recovers) {
        cut_again_at_all(bench);
    }
    aftermath_stay_off(bench);
    if (cable_is_attached(bench->cable)) {
        fail_point("the pull-up is there without power");
    }
    enum outcome outcome = boot(bench);
    if (!aftermath_has_values(sweep.bench)) {
        fail_point("a value in the settings is lost");
    }
    if (sweep.recovers) {
        recover(bench, outcome);
        if (!aftermath_has_values(sweep.bench)) {
            fail_point("a value in the settings was lost by the next load");
        }
    }
    if (memcmp(chip_flash(bench->chip), sweep.boot, sizeof sweep.boot) != 0) {
        fail_point("the bootloader's sector has changed");
    }
    if (trace_complaints(&bench->trace, NULL) != 0 || chip_flash_stalls(bench->chip).count != 0) {
        fail_point("silicon would have suffered from something (complaints above), or stood still");
    }
    return outcome;
}

static enum outcome run_point(void) {
    struct bench *bench = sweep.bench;
    if (setjmp(sweep.failed)) {
        return OUTCOME_FAILED;
    }
    alarm(POINT_MAX_S);
    chip_set_tear_seed(bench->chip, sweep.seed);
    if (sweep.only != 0) {
        bench->trace.file = stdout;
    }
    if (sweep.mode == MODE_TORN) {
        chip_power_off_inside(bench->chip);
    } else {
        chip_power_off(bench->chip);
    }
    return after_cut(bench);
}

static enum outcome run_point_in_child(void) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        enum outcome outcome = run_point();
        fflush(NULL);
        _exit((int)outcome);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("power.board");
        exit(1);
    }
    bool is_outcome = WIFEXITED(status) && WEXITSTATUS(status) <= OUTCOME_FAILED;
    return is_outcome ? (enum outcome)WEXITSTATUS(status) : OUTCOME_FAILED;
}

static void take_point(void) {
    snapshot_restore(sweep.at_operation);
    enum outcome outcome = sweep.recovers ? run_point_in_child() : run_point();
    alarm(0);
    sweep.bench->trace.file = NULL;
    sweep.tally->points++;
    if (outcome < OUTCOME_COUNT) {
        sweep.tally->outcomes[outcome]++;
        return;
    }
    sweep.tally->failed++;
    print_id(stdout);
    printf(": failed\n");
}

static bool is_special(const struct chip_flash_op *op) {
    uint32_t off = op->addr - APPLICATION;
    return op->kind != CHIP_FLASH_PROGRAM || op->addr < APPLICATION || off < EDGE_BYTES ||
           off + EDGE_BYTES >= sweep.new.len;
}

// The points of one operation: before it, and inside it with one seed after another.
static bool is_chosen(uint64_t point) {
    if (sweep.only != 0) {
        enum mode mode = point == 0 ? MODE_BEFORE : MODE_TORN;
        return sweep.number == sweep.only && mode == sweep.only_mode &&
               (point == 0 || point == sweep.seeds);
    }
    return sweep.is_taken && (sweep.first_point + point) % sweep.jobs == sweep.job;
}

// In the hook the bench cannot be run: it is set aside, and stops as soon as it can.
static void at_operation(void *ctx, const struct chip_flash_op *op) {
    (void)ctx;
    sweep.number++;
    sweep.is_erase = op->kind != CHIP_FLASH_PROGRAM;
    sweep.is_special = is_special(op);
    sweep.recovers =
        !sweep.recovers_never &&
        (sweep.is_erase || sweep.only != 0 || (sweep.recovers_special && sweep.is_special) ||
         (sweep.recover_every != 0 && sweep.number % sweep.recover_every == 0));
    sweep.is_taken = sweep.is_special || sweep.number % sweep.every == 0;
    sweep.first_point = sweep.next_point;
    sweep.next_point += sweep.is_taken ? sweep.seeds + 1 : 0;
    bool is_any = false;
    for (uint64_t point = 0; point <= sweep.seeds; point++) {
        is_any = is_any || is_chosen(point);
    }
    if (is_any) {
        assert_null(sweep.at_operation); // two operations of one instruction
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
    for (uint64_t point = 0; point <= sweep.seeds; point++) {
        if (is_chosen(point)) {
            sweep.mode = point == 0 ? MODE_BEFORE : MODE_TORN;
            sweep.seed = point == 0 ? 1 : point;
            take_point();
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
    (void)signal(SIGALRM, fail_process);
    (void)signal(SIGABRT, fail_process);
    (void)signal(SIGSEGV, fail_process);
    bench_image(&sweep.old, "blink-0.1.bin");
    bench_image(&sweep.new, "blink-0.2.bin");
    bench_image(&sweep.next, "blink-0.1.bin");
    memset(sweep.next.bytes + sweep.next.len, 0xA5, NEXT_TAIL_BYTES);
    sweep.next.len += NEXT_TAIL_BYTES;
    // As large as the new one, and different from it in every sector.
    for (uint32_t seed = 1; sweep.old.len < sweep.new.len; sweep.old.len++) {
        seed = seed * 1664525u + 1013904223u; // Numerical Recipes' generator
        sweep.old.bytes[sweep.old.len] = (uint8_t)(seed >> 24);
    }
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &sweep.old);
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    bench_assert_flash_holds(bench, &sweep.old);
    aftermath_put_values(bench, true);
    memcpy(sweep.boot, chip_flash(bench->chip), sizeof sweep.boot);

    chip_on_flash_op(bench->chip, at_operation, NULL);
    bench->after_run = run_points;
    aftermath_press_button(bench);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &sweep.new);
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    chip_on_flash_op(bench->chip, NULL, NULL);
    bench->after_run = NULL;
    bench_assert_flash_holds(bench, &sweep.new);
    assert_true(aftermath_has_values(sweep.bench));
    sweep.tally->operations = sweep.number;
    bench_free(bench);
}

static double seconds_of(const struct timeval *time) {
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
}

// One process a job; each tells the whole story and takes its share of the points.
static bool run_jobs(struct tally *tallies) {
    bool ok = true;
    fflush(NULL);
    for (unsigned job = 0; job < sweep.jobs; job++) {
        pid_t pid = fork();
        if (pid == 0) {
            sweep.job = job;
            sweep.tally = &tallies[job];
            tell_story();
            fflush(NULL);
            _exit(0);
        }
        ok = ok && pid > 0;
    }
    int status;
    while (wait(&status) > 0) {
        ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return ok;
}

static struct tally sum_of(const struct tally *tallies) {
    struct tally sum = {0};
    for (unsigned job = 0; job < sweep.jobs; job++) {
        const struct tally *tally = &tallies[job];
        sum.operations = tally->operations;
        sum.points += tally->points;
        sum.failed += tally->failed;
        sum.recovered += tally->recovered;
        sum.second += tally->second;
        for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
            sum.outcomes[i] += tally->outcomes[i];
            if (tally->boot_max_ps[i] > sum.boot_max_ps[i]) {
                sum.boot_max_ps[i] = tally->boot_max_ps[i];
            }
        }
    }
    return sum;
}

static void print_sum(const struct tally *sum) {
    static const char *const names[] = {"old image", "new image", "DFU mode"};
    double cpu = cpu_seconds();
    printf("power.board: %" PRIu64 " cut points over %" PRIu64 " flash operations, %" PRIu64
           " next loads, %" PRIu64 " second cuts, %" PRIu64 " failed\n",
           sum->points, sum->operations, sum->recovered, sum->second, sum->failed);
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        printf("power.board: %-9s %7" PRIu64 " times, at most %.1f ms after power-on\n", names[i],
               sum->outcomes[i], (double)sum->boot_max_ps[i] / (double)PS_PER_MS);
    }
    printf("power.board: %.1f s of processor time, %.0f cut points a second a core\n", cpu,
           (double)sum->points / cpu);
    printf("evidence: power sweep=board cuts=%" PRIu64 " failed=%" PRIu64 "\n",
           sum->points + sum->second, sum->failed);
}

static int usage(FILE *to, int status) {
    fputs(
        "usage: test-power-board [OPTION]... [ID]\n"
        "\n"
        "Cuts power at flash operations of an update over an update, in a virtual board.\n"
        "\n"
        "  --every K     every K-th operation only, besides those that are special, and the next\n"
        "                load only after erases (default: all, with the next load after each\n"
        "                special one and each 100th of the others, and at least 2000 points).\n"
        "                Where there is a next load, power is cut a second time before it, too\n"
        "  --first       cuts alone, each looked at: no next loads, no second cuts\n"
        "  --seeds N     inside each operation N times, with seeds from 1 (1)\n"
        "  --jobs J      processes (one a core)\n"
        "  ID            a point that failed, as printed: power.board#n=137,torn,seed=1\n",
        to);
    return status;
}

static bool read_id(const char *text) {
    char mode[8];
    int end = 0;
    if (sscanf(text, "power.board#n=%" SCNu64 ",%7[a-z],seed=%" SCNu64 "%n", &sweep.only, mode,
               &sweep.seeds, &end) != 3 ||
        text[end] != '\0' || sweep.only == 0) {
        return false;
    }
    for (sweep.only_mode = 0; sweep.only_mode < MODE_COUNT; sweep.only_mode++) {
        if (strcmp(mode, mode_names[sweep.only_mode]) == 0) {
            return true;
        }
    }
    return false;
}

static bool number(const char *text, uint64_t max, uint64_t *value) {
    char *end;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *value <= max;
}

// False for what is not understood.
static bool read_arguments(int argc, char **argv) {
    static const struct option options[] = {
        {"every", required_argument, NULL, 'e'}, {"first", no_argument, NULL, 'f'},
        {"seeds", required_argument, NULL, 's'}, {"jobs", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t jobs = cores < 1 ? 1 : cores > (long)JOBS_MAX ? JOBS_MAX : (uint64_t)cores;
    bool ok = true;
    int option;
    sweep.every = 1;
    sweep.recover_every = RECOVER_EVERY;
    sweep.recovers_special = true;
    sweep.second_every = 1;
    sweep.seeds = 1;
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'e':
            ok = number(optarg, UINT32_MAX, &sweep.every) && sweep.every != 0;
            sweep.recover_every = 0;
            sweep.recovers_special = false;
            sweep.second_every = SECOND_EVERY_SHORT;
            break;
        case 'f':
            sweep.recovers_never = true;
            break;
        case 's':
            ok = number(optarg, UINT32_MAX, &sweep.seeds) && sweep.seeds != 0;
            break;
        case 'j':
            ok = number(optarg, JOBS_MAX, &jobs) && jobs != 0;
            break;
        case 'h':
            exit(usage(stdout, 0));
        default:
            ok = false;
            break;
        }
    }
    ok = ok && (optind == argc || (optind + 1 == argc && read_id(argv[optind])));
    sweep.jobs = sweep.only != 0 ? 1 : (unsigned)jobs;
    return ok;
}

int main(int argc, char **argv) {
    if (!read_arguments(argc, argv)) {
        return usage(stderr, 2);
    }
    // Makes a failed assertion say what it is and abort, in a process that is no cmocka test.
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct tally *tallies = mmap(NULL, JOBS_MAX * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) {
        perror("power.board");
        return 1;
    }
    bool ok = run_jobs(tallies);
    struct tally sum = sum_of(tallies);
    print_sum(&sum);
    uint64_t least = sweep.every == 1 && sweep.only == 0 ? POINTS_LEAST : 1;
    if (sum.points < least) {
        printf("power.board: fewer than %" PRIu64 " points\n", least);
        ok = false;
    }
    if (sum.second == 0 && sweep.only == 0 && !sweep.recovers_never) {
        printf("power.board: power was never cut a second time\n");
        ok = false;
    }
    return ok && sum.failed == 0 ? 0 : 1;
}
