// SPDX-License-Identifier: MIT
//
// One instruction of the boot stage is skipped, as a glitch of supply or clock may do it: every one executed between
// reset and the end of the boot decision and hand-off, one at a time (the processor goes on behind it, as if it had been
// a NOP; its place in an IT block is used up). redfu-boot as built, on the virtual board, in three situations:
//
//   half       the receiving record is open, and the application area holds half an image whose first words are sane
//   whole      an application that is whole; it has to start, or DFU mode comes up
//   requested  the same, with the button held: DFU mode is asked for
//
// The end is where the application starts in the run without a fault, or, on the way to DFU mode, HANDOFF instructions
// past the record of the decision (what follows copies and unpacks DFU mode: some 300,000).
//
// What may come of it: DFU mode; the application, where it is whole; or nothing (the board hangs), which the next
// reset ends, since flash must be as it was: that is looked at. A survivor is a skip after which the half image starts. redfu-boot
// makes no claim against glitches: it has no redundancy, and survivors are listed with what is skipped, not prevented.
// More of them than stand in SURVIVORS_MAX means that something became weaker.

#include "tests/board/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/settings.h"
#include "spec/boot.h"
#include "tests/board/pages.h"

#define FLASH_BYTES   0x100000u
// Until something has come up; a watchdog's bite is not waited for.
#define COMES_UP_MS   200u
#define HANDOFF       100u
#define SURVIVORS_MAX 40u

static unsigned every = 1;

enum outcome { DFU, APPLICATION_STARTS, NOTHING, OUTCOME_COUNT };

static const char *const situations[] = {"half", "whole", "requested"};
enum { HALF, WHOLE, REQUESTED, SITUATION_COUNT };

static bool in_application(uint32_t pc) {
    return pc >= APPLICATION && pc < FLASH_BASE + FLASH_BYTES;
}

// --- Skipping ------------------------------------------------------------------------------------

static uint32_t skipped_pc;

static void pass_over(void *ctx) {
    struct cpu *cpu = chip_cpu(((struct bench *)ctx)->chip);
    uint32_t pc = cpu_pc(cpu);
    uint32_t halfword = 0;
    uint32_t psr = cpu_register(cpu, 16);
    // ARM DDI 0403 A5.1: 11101, 11110 and 11111 begin 32 bits. A7.3.2: how ITSTATE goes on.
    (void)cpu_peek(cpu, pc, 2, &halfword);
    uint32_t it = (psr >> 25 & 3u) | (psr >> 8 & 0xfcu);
    it = (it & 7u) == 0 ? 0 : (it & 0xe0u) | (it << 1 & 0x1fu);
    skipped_pc = pc;
    cpu_set_register(cpu, 15, pc + (halfword >> 11 >= 0x1du ? 4u : 2u));
    cpu_set_register(cpu, 16, (psr & ~0x0600fc00u) | (it & 3u) << 25 | (it & 0xfcu) << 8);
}

static void stop(void *ctx) {
    timeline_stop(&((struct bench *)ctx)->timeline);
}

static enum outcome comes_up(struct bench *bench) {
    for (unsigned i = 0; i < COMES_UP_MS * 4; i++) {
        bench_run(bench, 250 * PS_PER_US);
        if (cable_is_attached(bench->cable)) {
            return DFU;
        }
        if (cpu_vtor(chip_cpu(bench->chip)) == APPLICATION ||
            in_application(cpu_pc(chip_cpu(bench->chip)))) {
            return APPLICATION_STARTS;
        }
    }
    return NOTHING;
}

// --- Situations ----------------------------------------------------------------------------------

static struct bench *prepare(unsigned situation) {
    struct bench *bench = bench_new(8000000);
    uint8_t *flash = chip_flash(bench->chip);
    bench_place_application(bench, "blink-0.1.bin");
    struct settings settings;
    struct settings_flash pages = pages_at(flash + PAGES_OFF);
    enum settings_result r = settings_open(&settings, &pages);
    assert_int_equal(r, SETTINGS_OK); // none yet
    r = settings_wait(&settings, settings_turnover(&settings));
    const uint8_t value[4] = {1, 2, 3, 4};
    r = settings_wait(&settings, settings_set(&settings, 1, value, sizeof value));
    if (situation == HALF) {
        r = settings_wait(&settings, settings_receiving_open(&settings));
        memset(flash + (APPLICATION - FLASH_BASE) + 512, 0, 1024);
    }
    assert_int_equal(r, SETTINGS_OK);
    chip_flash_changed(bench->chip);
    if (situation == REQUESTED) {
        chip_set_pin(bench->chip, "PA0", 1);
    }
    return bench;
}

// Instructions from reset to the end of the boot stage.
static uint64_t length_of(struct bench *bench, uint64_t from) {
    struct cpu *cpu = chip_cpu(bench->chip);
    uint64_t decided_at = 0;
    for (uint64_t number = from + 1;; number++) {
        chip_on_instruction(bench->chip, number, stop, bench);
        timeline_run(&bench->timeline, timeline_now(&bench->timeline) + PS_PER_MS);
        uint32_t pc = cpu_pc(cpu);
        uint32_t magic = 0;
        (void)cpu_peek(cpu, START_ADDRESS, 4, &magic);
        decided_at = decided_at == 0 && magic == START_MAGIC ? number : decided_at;
        bool is_starting = decided_at != 0 && number - decided_at > HANDOFF;
        if (in_application(pc) || is_starting) {
            return number - from - 1;
        }
    }
}

static void every_instruction_can_be_skipped(void **state) {
    const unsigned situation = *(const unsigned *)*state;
    static uint8_t before[FLASH_BYTES];
    static uint32_t survivors[1024];
    unsigned survivor_count = 0;
    uint64_t outcomes[OUTCOME_COUNT] = {0};
    struct bench *bench = prepare(situation);
    struct cpu *cpu = chip_cpu(bench->chip);
    bench->trace.complaints = NULL; // what goes wrong is what this is about
    memcpy(before, chip_flash(bench->chip), sizeof before);
    chip_power_on(bench->chip);
    uint64_t from = cpu_instructions(cpu);
    struct snapshot *start = bench_take(bench);
    uint64_t length = length_of(bench, from);
    printf("skip: %s: %" PRIu64 " instructions\n", situations[situation], length);
    assert_true(length > 300);
    uint64_t points = 0;
    for (uint64_t number = 1; number <= length; number += every) {
        snapshot_restore(start);
        chip_on_instruction(bench->chip, from + number, pass_over, bench);
        enum outcome outcome = comes_up(bench);
        outcomes[outcome]++;
        points++;
        if (outcome == APPLICATION_STARTS && situation == HALF && survivor_count < 1024) {
            survivors[survivor_count++] = skipped_pc;
        }
        assert_memory_equal(chip_flash(bench->chip), before, sizeof before);
    }
    printf("skip: %s: DFU mode %" PRIu64 ", application %" PRIu64
           ", nothing until the next reset %" PRIu64 "\n",
           situations[situation], outcomes[DFU], outcomes[APPLICATION_STARTS], outcomes[NOTHING]);
    for (unsigned i = 0; i < survivor_count; i++) {
        printf("skip: survivor 0x%08" PRIx32 "\n", survivors[i]);
    }
    printf("evidence: skip situation=%s points=%" PRIu64 " dfu=%" PRIu64 " application=%" PRIu64
           " nothing=%" PRIu64 " survivors=%u\n",
           situations[situation], points, outcomes[DFU], outcomes[APPLICATION_STARTS],
           outcomes[NOTHING], survivor_count);
    snapshot_restore(start); // a skip may have done what silicon would suffer from
    snapshot_free(start);
    bench_free(bench);
    assert_true(survivor_count <= SURVIVORS_MAX);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--every") == 0) {
        every = (unsigned)strtoul(argv[2], NULL, 10);
    }
    if (argc != 1 && (argc != 3 || every == 0)) {
        fputs("usage: test-board-skip [--every N]   only each N-th instruction (1)\n", stderr);
        return 2;
    }
    static const unsigned numbers[] = {HALF, WHOLE, REQUESTED};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_instruction_can_be_skipped, (void *)&numbers[0]),
        cmocka_unit_test_prestate(every_instruction_can_be_skipped, (void *)&numbers[1]),
        cmocka_unit_test_prestate(every_instruction_can_be_skipped, (void *)&numbers[2]),
    };
    return cmocka_run_group_tests_name("board/skip", tests, NULL, NULL);
}
