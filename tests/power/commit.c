// SPDX-License-Identifier: MIT
//
// Power goes before every single instruction of the gate's commit, on the image of redfu-boot as built, in a virtual
// board.
//
// The commit is what a host's "leave" sets off when a new image has been written over an old one: the first words
// are programmed, the receiving record is closed, the bootloader resets itself, the boot decision finds the application
// whole and starts it. Run once as it goes, that gives the window: from LEAD instructions before the first flash
// operation (the host's request is being answered) to the write of VTOR that ends the bootloader. Then it is run again,
// a stretch at a time: the bench is set aside (vboard/snapshot.h), and for each instruction of the stretch put back and run
// until that one would be next, where power goes. A flash operation under way is left half done, each time in another
// way (the fault model is vboard/chip/flash_fault.c's; its seed is the instruction's number).
//
// Power comes back, and then
//
// - DFU mode comes up if power went before the first operation, the new image if it went behind the reset, one of
//   the two, in time, if between; the old image never;
// - an application that starts is the new image, byte for byte;
// - no byte of the bootloader's sector has changed, and no value in the settings;
// - at each SECOND_EVERY'th point power goes again in what follows, before an instruction drawn by lot, and all that holds
//   once more;
// - at each RECOVER_EVERY'th point the next load succeeds, and runs.
//
// A point that fails prints an id; given as the only argument it runs just that point, with the board's trace from the
// cut on.

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
#include <unistd.h>

#include "tests/power/aftermath.h"
#include "vboard/cut.h"

// A GETSTATUS over full-speed USB, and what the gate does before it writes.
#define LEAD          4000u
#define STRETCH       500u
// Primes: they fall on all kinds of instructions.
#define SECOND_EVERY  7u
#define RECOVER_EVERY 997u
// What follows a cut until DFU mode is up: some 300,000 instructions, flash operations at the end among them.
#define SECOND_MAX    400000u
#define CUT_MAX_MS    200u
#define OPS_MAX       64u
// The first words, which wait for the commit.
#define VECTOR_BYTES  8u
// A point that hangs (seconds of real time).
#define POINT_MAX_S   300u
#define JOBS_MAX      16u
#define POINTS_LEAST  20000u
#define NEXT_TAIL     64u

struct tally {
    uint64_t points, failed, recovered, second, inside, dfu, new;
};

static struct {
    // What to do.
    uint64_t every, only, only_second;
    unsigned jobs, job;
    // The story.
    struct bench *bench;
    struct image old, new, next;
    uint8_t boot[AFTERMATH_BOOT_SECTOR_BYTES];
    // The window, in numbers of instructions.
    bool is_recording, has_stopped;
    uint64_t ops[OPS_MAX];
    unsigned op_count;
    uint64_t first, reset_at, end;
    uint64_t next_stretch;
    // The point.
    uint64_t number, second;
    jmp_buf failed;
    struct tally *tally; // shared with the children
} sweep;

static void print_id(FILE *to) {
    fprintf(to, "power.commit#insn=%" PRIu64, sweep.number);
    if (sweep.second != 0) {
        fprintf(to, ",then=%" PRIu64, sweep.second);
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
    _exit(1);
}

static uint64_t instructions(void) {
    return cpu_instructions(chip_cpu(sweep.bench->chip));
}

// --- a point -------------------------------------------------------------------------------------

static void cut_before(uint64_t number) {
    struct bench *bench = sweep.bench;
    struct cut cut = {0};
    const struct cut_when when = {.kind = CUT_INSTRUCTION, .number = number - instructions()};
    chip_set_tear_seed(bench->chip, number);
    cut_arm(&cut, bench->chip, &bench->trace, &when);
    for (unsigned ms = 0; ms < CUT_MAX_MS && !cut.has_happened; ms++) {
        bench_run_ms(bench, 1);
    }
    bool has_happened = cut.has_happened;
    cut_disarm(&cut);
    if (!has_happened) {
        fail_point("power did not go: that instruction never came");
    }
}

static bool flash_is(const struct image *image) {
    return memcmp(chip_flash(sweep.bench->chip) + (APPLICATION - FLASH_BASE), image->bytes,
                  image->len) == 0;
}

static void look(struct bench *bench) {
    if (!aftermath_has_values(bench)) {
        fail_point("a value in the settings is lost");
    }
    if (memcmp(chip_flash(bench->chip), sweep.boot, sizeof sweep.boot) != 0) {
        fail_point("the bootloader's sector has changed");
    }
    if (trace_complaints(&bench->trace, NULL) != 0 || chip_flash_stalls(bench->chip).count != 0) {
        fail_point("silicon would have suffered from something (complaints above), or stood still");
    }
}

static enum aftermath boot(struct bench *bench) {
    uint64_t took_ps;
    enum aftermath came = aftermath_boot(bench, &took_ps);
    if (came == AFTERMATH_NOTHING) {
        fail_point("neither the application nor DFU mode came up in time");
    }
    if (came == AFTERMATH_APPLICATION && !flash_is(&sweep.new)) {
        fail_point("an application started that is not the new image");
    }
    look(bench);
    return came;
}

// In a child, because a failed assertion of the host ends its process.
static void recover(struct bench *bench, enum aftermath came) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (setjmp(sweep.failed)) {
            fflush(NULL);
            _exit(1);
        }
        if (came == AFTERMATH_APPLICATION) {
            aftermath_press_button(bench);
        }
        bench_wait_for_device(bench);
        bench_dfu_load(bench, &sweep.next);
        bench_dfu_leave(bench);
        aftermath_await_application(bench);
        bench_assert_flash_holds(bench, &sweep.next);
        aftermath_assert_blinks(bench);
        look(bench);
        fflush(NULL);
        _exit(0);
    }
    int status = 1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fail_point("the next load did not succeed");
    }
    sweep.tally->recovered++;
}

// Power goes once more, in what follows; it comes too late where the application starts first.
static void cut_again(struct bench *bench) {
    struct snapshot *wreck = bench_take(bench);
    uint64_t mixed = (sweep.number + 1) * 6364136223846793005u;
    sweep.second = sweep.only != 0 ? sweep.only_second : 1 + (mixed >> 33) % SECOND_MAX;
    chip_power_on(bench->chip);
    struct cut cut = {0};
    const struct cut_when when = {.kind = CUT_INSTRUCTION, .number = sweep.second};
    chip_set_tear_seed(bench->chip, mixed);
    cut_arm(&cut, bench->chip, &bench->trace, &when);
    for (unsigned ms = 0; ms < CUT_MAX_MS && !cut.has_happened; ms++) {
        bench_run_ms(bench, 1);
        if (cpu_vtor(chip_cpu(bench->chip)) == APPLICATION) {
            break;
        }
    }
    bool has_happened = cut.has_happened;
    cut_disarm(&cut);
    if (has_happened) {
        aftermath_stay_off(bench);
        (void)boot(bench);
        sweep.tally->second++;
    }
    sweep.second = 0;
    snapshot_restore(wreck);
    snapshot_free(wreck);
}

static bool run_point(struct bench *bench) {
    if (setjmp(sweep.failed)) {
        return false;
    }
    alarm(POINT_MAX_S);
    if (sweep.only != 0) {
        bench->trace.file = stdout;
    }
    cut_before(sweep.number);
    aftermath_stay_off(bench);
    if (sweep.only != 0 ? sweep.only_second != 0 : sweep.number % SECOND_EVERY == 0) {
        cut_again(bench);
    }
    enum aftermath came = boot(bench);
    sweep.tally->dfu += came == AFTERMATH_DFU;
    sweep.tally->new += came == AFTERMATH_APPLICATION;
    if (sweep.number <= sweep.ops[0] && came != AFTERMATH_DFU) {
        fail_point("the image started that had not been committed");
    }
    if (sweep.number > sweep.reset_at && came != AFTERMATH_APPLICATION) {
        fail_point("the image that had been committed did not start");
    }
    if (sweep.only != 0 || sweep.number % RECOVER_EVERY == 0) {
        recover(bench, came);
    }
    return true;
}

static void take_point(const struct snapshot *base, uint64_t number) {
    sweep.number = number;
    snapshot_restore(base);
    bool is_right = run_point(sweep.bench);
    alarm(0);
    sweep.bench->trace.file = NULL;
    sweep.second = 0;
    sweep.tally->points++;
    sweep.tally->inside += number > sweep.ops[0] && number <= sweep.ops[sweep.op_count - 1];
    if (!is_right) {
        sweep.tally->failed++;
    }
}

// --- the commit ----------------------------------------------------------------------------------

static bool is_chosen(uint64_t number) {
    if (sweep.only != 0) {
        return number == sweep.only;
    }
    return number % sweep.every == 0 && number / sweep.every % sweep.jobs == sweep.job;
}

static void at_stretch(void *ctx) {
    sweep.has_stopped = true;
    timeline_stop(&((struct bench *)ctx)->timeline);
}

static void take_stretch(struct bench *bench) {
    if (!sweep.has_stopped) {
        return;
    }
    sweep.has_stopped = false;
    struct snapshot *base = bench_take(bench);
    bench->after_run = NULL;
    uint64_t end =
        sweep.next_stretch + STRETCH < sweep.end ? sweep.next_stretch + STRETCH : sweep.end;
    for (uint64_t number = sweep.next_stretch; number < end; number++) {
        if (is_chosen(number)) {
            take_point(base, number);
        }
    }
    snapshot_restore(base);
    snapshot_free(base);
    sweep.next_stretch = end;
    bench->after_run = take_stretch;
    if (end < sweep.end) {
        chip_on_instruction(bench->chip, end, at_stretch, bench);
    }
}

static void at_operation(void *ctx, const struct chip_flash_op *op) {
    (void)ctx;
    // The last block is still being programmed when the host has its status.
    if (sweep.op_count == 0 && op->addr - APPLICATION >= VECTOR_BYTES) {
        return;
    }
    assert_true(sweep.op_count < OPS_MAX);
    sweep.ops[sweep.op_count++] = instructions();
}

static void at_vector_table(void *ctx, uint32_t addr) {
    (void)ctx;
    if (sweep.is_recording && addr == APPLICATION) {
        sweep.end = instructions();
    }
}

static void at_reset(void *ctx, const char *cause) {
    (void)ctx;
    if (sweep.is_recording && strcmp(cause, "software") == 0) {
        sweep.reset_at = instructions();
    }
}

static void leave(struct bench *bench) {
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    bench_assert_flash_holds(bench, &sweep.new);
}

static void tell_story(void) {
    static const struct chip_observer observer = {.vector_table = at_vector_table,
                                                  .reset = at_reset};
    struct bench *bench = bench_new(8000000);
    sweep.bench = bench;
    (void)signal(SIGALRM, fail_process);
    (void)signal(SIGABRT, fail_process);
    (void)signal(SIGSEGV, fail_process);
    bench_image(&sweep.old, "blink-0.1.bin");
    bench_image(&sweep.new, "blink-0.2.bin");
    bench_image(&sweep.next, "blink-0.1.bin");
    memset(sweep.next.bytes + sweep.next.len, 0xA5, NEXT_TAIL);
    sweep.next.len += NEXT_TAIL;
    chip_observe(bench->chip, &observer);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &sweep.old);
    bench_dfu_leave(bench);
    aftermath_await_application(bench);
    aftermath_put_values(bench, false);
    memcpy(sweep.boot, chip_flash(bench->chip), sizeof sweep.boot);
    aftermath_press_button(bench);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &sweep.new);

    struct snapshot *loaded = bench_take(bench);
    sweep.is_recording = true;
    chip_on_flash_op(bench->chip, at_operation, NULL);
    leave(bench);
    chip_on_flash_op(bench->chip, NULL, NULL);
    sweep.is_recording = false;
    // The first words, and the record.
    assert_true(sweep.op_count >= 3);
    assert_true(sweep.ops[sweep.op_count - 1] < sweep.reset_at && sweep.reset_at < sweep.end);
    snapshot_restore(loaded);
    snapshot_free(loaded);
    sweep.first = sweep.ops[0] - LEAD;
    assert_true(sweep.first > instructions());
    sweep.next_stretch = sweep.first;
    chip_on_instruction(bench->chip, sweep.first, at_stretch, bench);
    bench->after_run = take_stretch;
    leave(bench);
    bench->after_run = NULL;
    assert_int_equal(sweep.next_stretch, sweep.end);
    if (sweep.job == 0) {
        printf("power.commit: %" PRIu64 " instructions, of which %" PRIu64
               " from the first to the last of %u flash operations, %" PRIu64
               " of waiting, and %" PRIu64 " from reset to application\n",
               sweep.end - sweep.first, sweep.ops[sweep.op_count - 1] - sweep.ops[0],
               sweep.op_count, sweep.reset_at - sweep.ops[sweep.op_count - 1],
               sweep.end - sweep.reset_at);
    }
    bench_free(bench);
}

// --- running it ----------------------------------------------------------------------------------

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
        sum.points += tally->points;
        sum.failed += tally->failed;
        sum.recovered += tally->recovered;
        sum.second += tally->second;
        sum.inside += tally->inside;
        sum.dfu += tally->dfu;
        sum.new += tally->new;
    }
    return sum;
}

static int usage(FILE *to, int status) {
    fputs("usage: test-power-commit [--every K] [--jobs J] [ID]\n"
          "\n"
          "Cuts power before every instruction of a load's commit, in a virtual board.\n"
          "\n"
          "  --every K     before every K-th only (1)\n"
          "  --jobs J      processes (one a core)\n"
          "  ID            a point that failed, as printed: power.commit#insn=12345,then=678\n",
          to);
    return status;
}

static bool read_id(const char *text) {
    int end = 0;
    if (sscanf(text, "power.commit#insn=%" SCNu64 "%n", &sweep.only, &end) != 1) {
        return false;
    }
    if (text[end] != '\0' && sscanf(text, "power.commit#insn=%" SCNu64 ",then=%" SCNu64 "%n",
                                    &sweep.only, &sweep.only_second, &end) != 2) {
        return false;
    }
    return text[end] == '\0' && sweep.only != 0;
}

static bool number(const char *text, uint64_t max, uint64_t *value) {
    char *end;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *value != 0 && *value <= max;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"every", required_argument, NULL, 'e'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t jobs = cores < 1 ? 1 : cores > (long)JOBS_MAX ? JOBS_MAX : (uint64_t)cores;
    bool ok = true;
    int option;
    sweep.every = 1;
    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        ok = option == 'e'   ? number(optarg, UINT32_MAX, &sweep.every)
             : option == 'j' ? number(optarg, JOBS_MAX, &jobs)
                             : option == 'h';
        if (option == 'h') {
            return usage(stdout, 0);
        }
    }
    if (!ok || optind + 1 < argc || (optind + 1 == argc && !read_id(argv[optind]))) {
        return usage(stderr, 2);
    }
    sweep.jobs = sweep.only != 0 ? 1 : (unsigned)jobs;
    // Makes a failed assertion say what it is and abort, in a process that is no cmocka test.
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct tally *tallies = mmap(NULL, JOBS_MAX * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) {
        perror("power.commit");
        return 1;
    }
    ok = run_jobs(tallies);
    struct tally sum = sum_of(tallies);
    printf("power.commit: %" PRIu64 " cut points, %" PRIu64
           " of them between the first and the last flash operation, %" PRIu64
           " second cuts, %" PRIu64 " next loads, %" PRIu64 " failed\n",
           sum.points, sum.inside, sum.second, sum.recovered, sum.failed);
    printf("power.commit: DFU mode %" PRIu64 " times, the new image %" PRIu64
           " times; %.0f cut points a second a core\n",
           sum.dfu, sum.new, (double)(sum.points + sum.second) / cpu_seconds());
    printf("evidence: power sweep=commit cuts=%" PRIu64 " failed=%" PRIu64 "\n",
           sum.points + sum.second, sum.failed);
    uint64_t least = sweep.only != 0 ? 1 : POINTS_LEAST / sweep.every;
    if (sum.points < least) {
        printf("power.commit: fewer than %" PRIu64 " points\n", least);
        ok = false;
    }
    // A sweep that meets one outcome only looks at the wrong thing.
    if (sweep.only == 0 && (sum.dfu == 0 || sum.new == 0 || sum.second == 0)) {
        printf("power.commit: not every outcome came about\n");
        ok = false;
    }
    return ok && sum.failed == 0 ? 0 : 1;
}
