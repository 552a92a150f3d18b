// SPDX-License-Identifier: MIT
//
// The supply voltage: detector, brown-out reset, and what flash makes of too little.

#include "tests/unit/chip_bench.h"

#define APB1ENR RCC_(0x40)
#define CSR     RCC_(0x74)
#define PWR_CR  PWR_(0x00)
#define PWR_CSR PWR_(0x04)
#define PVDE    (1u << 4)
#define PVDO    (1u << 2)
#define PR      EXTI_(0x14)
#define ACR     FLASH_(0x00)
#define KEYR    FLASH_(0x04)
#define OPTKEYR FLASH_(0x08)
#define SR      FLASH_(0x0C)
#define CR      FLASH_(0x10)
#define OPTCR   FLASH_(0x14)
#define FLASH   0x08000000u

static void detector_follows_the_threshold_with_hysteresis_and_reaches_exti(void **state) {
    struct bench *b = *state;
    store(b, APB1ENR, 1u << 28);
    store(b, EXTI_(0x00), 1u << 16);
    store(b, EXTI_(0x08), 1u << 16); // rising: the supply falls
    chip_set_supply_mv(b->chip, 2750);
    assert_int_equal(load(b, PWR_CSR) & PVDO, 0); // off
    chip_set_supply_mv(b->chip, 3300);
    store(b, PWR_CR, PVDE | 5u << 5);
    chip_set_supply_mv(b->chip, 2830);
    assert_int_equal(load(b, PWR_CSR) & PVDO, 0);
    assert_int_equal(load(b, PR), 0);
    chip_set_supply_mv(b->chip, 2810);
    assert_int_equal(load(b, PWR_CSR) & PVDO, PVDO);
    assert_int_equal(load(b, PR), 1u << 16);
    assert_true(fake_irq(b->cpu, 1));
    chip_set_supply_mv(b->chip, 2900); // within the hysteresis
    assert_int_equal(load(b, PWR_CSR) & PVDO, PVDO);
    chip_set_supply_mv(b->chip, 2940);
    assert_int_equal(load(b, PWR_CSR) & PVDO, 0);
    store(b, PWR_CR, PVDE | 7u << 5);
    assert_int_equal(load(b, PWR_CSR) & PVDO, PVDO); // another threshold, at once
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, PWR_CSR) & PVDO, 0);
}

static void unlock(struct bench *b) {
    store(b, KEYR, 0x45670123);
    store(b, KEYR, 0xCDEF89AB);
}

static void erase_sector_1(struct bench *b, unsigned psize) {
    store(b, SR, 0xF3);
    store(b, CR, psize << 8 | 1u << 3 | 2);
    store(b, CR, psize << 8 | 1u << 3 | 2 | 1u << 16);
    run_for(b, 2 * PS_PER_S);
    store(b, CR, 0);
}

static unsigned not_erased(struct bench *b) {
    unsigned count = 0;
    for (unsigned i = 0; i < 16384; i++) {
        count += chip_flash(b->chip)[16384 + i] != 0xFF;
    }
    return count;
}

static void parallelism_above_the_supply_fails_without_a_flag(void **state) {
    struct bench *b = *state;
    unlock(b);
    memset(chip_flash(b->chip) + 16384, 0, 16384);
    chip_set_supply_mv(b->chip, 2690);
    erase_sector_1(b, 2);
    assert_in_range(not_erased(b), 1000, 8000);
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(trace_complaints(&b->trace, "flash-supply"), 1);
    erase_sector_1(b, 1); // x16 is fine there
    assert_int_equal(not_erased(b), 0);
    store(b, CR, 2u << 8 | 1);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 64; i++) {
        store(b, FLASH + 16384 + 4 * i, 0);
        run_for(b, PS_PER_MS);
        wrong += load(b, FLASH + 16384 + 4 * i) != 0;
    }
    assert_in_range(wrong, 60, 64);
    assert_int_equal(load(b, SR), 0);
    store(b, CR, 0);
    chip_set_supply_mv(b->chip, 2050);
    erase_sector_1(b, 1);
    assert_true(not_erased(b) > 0);
    erase_sector_1(b, 0);
    assert_int_equal(not_erased(b), 0);
    assert_true(trace_complaints(&b->trace, "flash-wait-states") == 0);
}

static void a_dip_in_the_middle_spoils_the_operation_under_way(void **state) {
    struct bench *b = *state;
    unlock(b);
    memset(chip_flash(b->chip) + 16384, 0, 16384);
    store(b, CR, 2u << 8 | 1u << 3 | 2);
    store(b, CR, 2u << 8 | 1u << 3 | 2 | 1u << 16);
    run_for(b, 100 * PS_PER_MS);
    chip_set_supply_mv(b->chip, 2600);
    run_for(b, PS_PER_MS);
    chip_set_supply_mv(b->chip, 3300);
    run_for(b, PS_PER_S);
    assert_true(not_erased(b) > 1000);
    assert_int_equal(trace_complaints(&b->trace, "flash-supply"), 1);
}

static void a_lower_supply_needs_more_wait_states(void **state) {
    struct bench *b = *state;
    store(b, ACR, 0); // 16 MHz
    chip_set_supply_mv(b->chip, 1800);
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 0);
    chip_set_supply_mv(b->chip, 3300);
    store(b, ACR, 5);
    store(b, RCC_(0x00), 0x00010083);
    run_for(b, 3 * PS_PER_MS);
    store(b, RCC_(0x04), 0x07405408);
    store(b, RCC_(0x00), 0x01010083);
    run_for(b, PS_PER_MS);
    store(b, RCC_(0x08), 0x00009402);
    assert_int_equal(chip_core_hz(b->chip), 168000000);
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 0);
    chip_set_supply_mv(b->chip, 2600); // 24 MHz a step: 6
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 1);
}

static void brown_out_holds_the_chip_in_reset_and_says_so(void **state) {
    struct bench *b = *state;
    store(b, CSR, 1u << 24); // RMVF
    store(b, 0x20000000, 0x12345678);
    chip_set_supply_mv(b->chip, 1700); // BOR off: PDR only, below
    assert_int_equal(fake_resets(b->cpu), 1);
    chip_set_supply_mv(b->chip, 3300);
    // BOR level 3 by option bytes.
    store(b, OPTKEYR, 0x08192A3B);
    store(b, OPTKEYR, 0x4C5D6E7F);
    store(b, OPTCR, 0x0FFFAAE0);
    store(b, OPTCR, 0x0FFFAAE2);
    run_for(b, PS_PER_S);
    unsigned resets = fake_resets(b->cpu);
    chip_set_supply_mv(b->chip, 2800);
    assert_int_equal(fake_resets(b->cpu), resets + 1);
    // Held: a script does not run.
    struct fake_step step[] = {{.kind = FAKE_READ, .addr = CSR, .size = 4}};
    fake_script(b->cpu, step, 1);
    run_for(b, PS_PER_S);
    assert_false(fake_script_is_done(b->cpu));
    chip_set_supply_mv(b->chip, 2900); // hysteresis
    run_for(b, PS_PER_S);
    assert_false(fake_script_is_done(b->cpu));
    chip_set_supply_mv(b->chip, 2930);
    run_for(b, PS_PER_MS);
    assert_true(fake_script_is_done(b->cpu));
    assert_int_equal(step[0].value >> 25, 3);          // BORRSTF, PINRSTF
    assert_int_equal(load(b, 0x20000000), 0x12345678); // kept
    // Below PDR power is lost.
    chip_set_supply_mv(b->chip, 1000);
    run_for(b, PS_PER_MS);
    chip_set_supply_mv(b->chip, 3300);
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CSR) >> 25, 7);
    assert_int_not_equal(load(b, 0x20000000), 0x12345678);
    // What ran in the meantime took no time of the processor: its clock is the board's again.
    fake_script(b->cpu, step, 1);
    uint64_t now = timeline_now(&b->timeline);
    run_for(b, PS_PER_MS);
    assert_true(fake_script_is_done(b->cpu));
    assert_int_equal(timeline_now(&b->timeline), now + PS_PER_MS);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(detector_follows_the_threshold_with_hysteresis_and_reaches_exti),
        TEST(parallelism_above_the_supply_fails_without_a_flag),
        TEST(a_dip_in_the_middle_spoils_the_operation_under_way),
        TEST(a_lower_supply_needs_more_wait_states),
        TEST(brown_out_holds_the_chip_in_reset_and_says_so),
    };
    return cmocka_run_group_tests_name("supply", tests, NULL, NULL);
}
