// SPDX-License-Identifier: MIT
//
// The kernel of rtos_firmware.c on a whole virtual chip, several times: each time with slices of time of
// another length, which must change nothing. After each run its own results have to be right, and the
// trace (every exception taken and left, with the number of the instruction) and the whole of SRAM the
// same as the first time's.
//
// usage: rtos IMAGE.bin [INSTRUCTIONS]. Exit status: 0 all right, 1 not, 2 it could not run.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vboard/chip/chip.h"

#define DEFAULT_INSTRUCTIONS 10000000ull
#define SRAM                 0x20000000u
#define SRAM_WORDS           (64u << 8) // of the firmware's linker script
#define MAGIC                0x52544f53u
#define TASKS                4u

struct outcome {
    uint64_t trace, exceptions, cycles;
    uint64_t memory;
    uint32_t words[12]; // struct results
};

struct watcher {
    struct cpu *cpu;
    struct outcome outcome;
};

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static void on_exception(void *ctx, unsigned number, bool enter) {
    struct watcher *w = ctx;
    w->outcome.exceptions++;
    w->outcome.trace = mix(w->outcome.trace, cpu_instructions(w->cpu) << 10 | number << 1 | enter);
}

static void stop(void *ctx) {
    timeline_stop(ctx);
}

static uint64_t slice_of(unsigned run, uint64_t *noise) {
    static const uint64_t slices[] = {PS_PER_S, PS_PER_MS, 777 * PS_PER_NS};
    if (run < 3) {
        return slices[run];
    }
    *noise = *noise * 6364136223846793005u + 1442695040888963407u;
    return PS_PER_NS * (1 + (*noise >> 44)); // up to 1 ms
}

static void run_once(const uint8_t *image, uint32_t len, uint64_t instructions, unsigned run,
                     struct outcome *outcome) {
    struct timeline timeline;
    struct trace trace;
    timeline_init(&timeline);
    trace_init(&trace, &timeline);
    struct chip *chip =
        chip_new(&chip_models[STM32F407VG], &(struct chip_wiring){0}, &timeline, &trace);
    if (!chip) {
        exit(2);
    }
    struct watcher watcher = {.cpu = chip_cpu(chip)};
    chip_observe(chip, &(struct chip_observer){.ctx = &watcher, .exception = on_exception});
    memcpy(chip_flash(chip), image, len);
    chip_flash_changed(chip);
    chip_power_on(chip);
    chip_on_instruction(chip, instructions + 1, stop, &timeline);
    uint64_t noise = 1;
    while (cpu_instructions(watcher.cpu) < instructions) {
        (void)timeline_run(&timeline, timeline_now(&timeline) + slice_of(run, &noise));
    }
    *outcome = watcher.outcome;
    outcome->cycles = cpu_cycles(watcher.cpu);
    for (uint32_t i = 0; i < SRAM_WORDS; i++) {
        uint32_t word = 0;
        (void)cpu_peek(watcher.cpu, SRAM + 4 * i, 4, &word);
        outcome->memory = mix(outcome->memory, word);
        if (i < sizeof outcome->words / 4) {
            outcome->words[i] = word;
        }
    }
    for (unsigned n = 0; n <= CPU_CONTROL; n++) {
        outcome->memory = mix(outcome->memory, cpu_register(watcher.cpu, n));
    }
    chip_free(chip);
    trace_free(&trace);
    timeline_free(&timeline);
}

// struct results of rtos_firmware.c: magic, ticks, switches, errors, rounds of four tasks, counted.
static bool is_right(const struct outcome *o) {
    const uint32_t *rounds = o->words + 4;
    uint32_t sum = rounds[0] + rounds[1] + rounds[2] + rounds[3], counted = o->words[8];
    bool has_run = o->words[0] == MAGIC && o->words[1] > 10 && o->words[2] >= o->words[1] / 2 &&
                   rounds[0] && rounds[1] && rounds[2] && rounds[3];
    // Tasks may stand between the one count and the other.
    return has_run && o->words[3] == 0 && counted - sum <= TASKS;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    static uint8_t image[64 << 10];
    static struct outcome first, other;
    uint64_t instructions = argc > 2 ? strtoull(argv[2], NULL, 10) : DEFAULT_INSTRUCTIONS;
    FILE *file = argc > 1 ? fopen(argv[1], "rbe") : NULL;
    size_t len = file ? fread(image, 1, sizeof image, file) : 0;
    if (len == 0 || instructions == 0) {
        fputs("usage: rtos IMAGE.bin [INSTRUCTIONS]\n", stderr);
        return 2;
    }
    fclose(file);
    bool is_good = true;
    for (unsigned run = 0; run < 4; run++) {
        struct outcome *o = run == 0 ? &first : &other;
        double begin = now();
        run_once(image, (uint32_t)len, instructions, run, o);
        double seconds = now() - begin;
        bool is_same = memcmp(&first, o, sizeof first) == 0;
        printf("run %u: %" PRIu64 " instructions, %" PRIu64 " cycles, %" PRIu32 " ticks, %" PRIu32
               " switches, %" PRIu64 " exceptions, rounds %" PRIu32 " %" PRIu32 " %" PRIu32
               " %" PRIu32 ", %" PRIu32 " errors, trace %016" PRIx64 ", memory %016" PRIx64
               ", %.0f MIPS: %s\n",
               run, instructions, o->cycles, o->words[1], o->words[2], o->exceptions, o->words[4],
               o->words[5], o->words[6], o->words[7], o->words[3], o->trace, o->memory,
               (double)instructions / seconds / 1e6,
               !is_right(o) ? "WRONG"
               : is_same    ? "right"
                            : "NOT AS THE FIRST TIME");
        is_good = is_good && is_right(o) && is_same;
    }
    return is_good ? 0 : 1;
}
