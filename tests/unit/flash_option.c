// SPDX-License-Identifier: MIT
//
// What is programmed once or rarely: read protection and its regression, the one-time programmable
// area, and the boot pins that read protection minds (RM0090 3.6.5, 3.8, 2.4). The sequences are
// those of ST's stm32f4xx_hal_flash_ex.c.

#include "tests/unit/chip_bench.h"

#define KEYR      FLASH_(0x04)
#define OPTKEYR   FLASH_(0x08)
#define SR        FLASH_(0x0C)
#define CR        FLASH_(0x10)
#define OPTCR     FLASH_(0x14)
#define WRPERR    0x10u
#define BSY       0x10000u
#define PG        0x1u
#define X8        0x000u
#define X32       0x200u

#define OPTSTRT   2u
#define RDP_0     0x0FFFAAECu
#define RDP_1     0x0FFF55ECu
#define RDP_2     0x0FFFCCECu
#define OTP       0x1FFF7800u
#define OTP_LOCKS 0x1FFF7A00u
#define CODE      0x08000000u

static void set_option(struct bench *b, uint32_t value) {
    store(b, OPTKEYR, 0x08192A3B);
    store(b, OPTKEYR, 0x4C5D6E7F);
    store(b, OPTCR, value);
    store(b, OPTCR, value | OPTSTRT);
}

static void finish(struct bench *b) {
    for (int i = 0; i < 40 && load(b, SR) & BSY; i++) {
        run_for(b, PS_PER_S);
    }
    assert_int_equal(load(b, SR) & BSY, 0);
}

static void boot_from(struct bench *b, int boot0, int boot1) {
    assert_true(chip_set_pin(b->chip, "BOOT0", boot0));
    assert_true(chip_set_pin(b->chip, "PB2", boot1));
    chip_reset_pin(b->chip);
}

static bool is_reachable(struct bench *b, uint32_t addr) {
    uint32_t value;
    return fake_load(b->cpu, addr, 4, &value);
}

static void fill_code(struct bench *b) {
    memset(chip_flash(b->chip), 0x5A, 1024 * 1024);
    chip_flash_changed(b->chip);
}

static void the_boot_pins_choose_what_is_at_zero_at_the_next_reset(void **state) {
    struct bench *b = *state;

    fill_code(b);
    assert_true(chip_set_pin(b->chip, "BOOT0", 1));
    assert_int_equal(load(b, 0), 0x5A5A5A5A); // not before a reset
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, 0), load(b, 0x1FFF0000));
    assert_int_equal(load(b, RCC_(0x74)) >> 26 & 1, 1);
    boot_from(b, 1, 1);
    store(b, 0x20000000, 0x20001000);
    assert_int_equal(load(b, 0), 0x20001000);
    boot_from(b, 0, 1);
    assert_int_equal(load(b, 0), 0x5A5A5A5A);
    assert_true(is_reachable(b, CODE));
    assert_true(bench_traced(b, "boot from=system-memory"));
    assert_true(bench_traced(b, "boot from=sram"));
}

static void level_1_shuts_flash_to_whoever_did_not_boot_from_it(void **state) {
    struct bench *b = *state;

    fill_code(b);
    set_option(b, RDP_1);
    finish(b);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, OPTCR) & 0xFF00, 0x5500);
    assert_int_equal(load(b, 0x1FFFC000) & 0xFFFF, 0x55EF);
    assert_int_equal(load(b, CODE), 0x5A5A5A5A); // booted from it
    boot_from(b, 1, 0);
    assert_false(is_reachable(b, CODE));
    assert_false(fake_store(b->cpu, CODE, 4, 0));
    // Nor by putting it at address 0.
    store(b, RCC_(0x44), 1u << 14);
    store(b, 0x40013800, 0);
    assert_false(is_reachable(b, 0));
    boot_from(b, 1, 1);
    assert_false(is_reachable(b, CODE));
    boot_from(b, 0, 0);
    assert_int_equal(load(b, CODE), 0x5A5A5A5A);
}

static void back_to_level_0_everything_is_erased_first(void **state) {
    struct bench *b = *state;

    fill_code(b);
    store(b, RCC_(0x40), 1u << 28);
    store(b, RCC_(0x30), 1u << 18);
    store(b, PWR_(0), 1u << 8);
    store(b, 0x40024000, 0x5EC4E7);
    set_option(b, RDP_1);
    finish(b);
    assert_int_equal(load(b, CODE), 0x5A5A5A5A);
    set_option(b, RDP_0);
    run_for(b, 2 * PS_PER_S);
    assert_true(load(b, SR) & BSY); // a mass erase takes 8 s
    finish(b);
    assert_int_equal(load(b, CODE), 0xFFFFFFFF);
    assert_int_equal(load(b, CODE + 0xFFFFC), 0xFFFFFFFF);
    assert_int_equal(load(b, 0x40024000), 0);
    assert_int_equal(chip_flash_erase_count(b->chip, 11), 1);
    assert_int_equal(load(b, 0x1FFFC000) & 0xFFFF, 0xAAEF);
}

static void from_another_key_of_level_1_nothing_is_erased(void **state) {
    struct bench *b = *state;

    fill_code(b);
    set_option(b, RDP_1);
    finish(b);
    set_option(b, 0x0FFF00EC); // level 1 too
    finish(b);
    assert_int_equal(load(b, CODE), 0x5A5A5A5A);
}

static void level_2_is_for_ever_and_ignores_the_boot_pins(void **state) {
    struct bench *b = *state;

    fill_code(b);
    set_option(b, RDP_2);
    finish(b);
    assert_int_equal(trace_complaints(&b->trace, "read-protection-level-2"), 1);
    boot_from(b, 1, 0);
    assert_int_equal(load(b, 0), 0x5A5A5A5A);
    set_option(b, RDP_0);
    finish(b);
    assert_int_equal(trace_complaints(&b->trace, "option-bytes-for-ever"), 2);
    assert_int_equal(load(b, 0x1FFFC000) & 0xFF00, 0xCC00);
    assert_int_equal(load(b, CODE), 0x5A5A5A5A);
}

static void unlock(struct bench *b, uint32_t cr) {
    store(b, KEYR, 0x45670123);
    store(b, KEYR, 0xCDEF89AB);
    store(b, CR, cr);
}

static void otp_is_programmed_like_flash_until_its_block_is_locked(void **state) {
    struct bench *b = *state;
    uint32_t value;

    assert_int_equal(load(b, OTP), 0xFFFFFFFF);
    unlock(b, X32 | PG);
    store(b, OTP + 36, 0x12345678);
    assert_true(load(b, SR) & BSY);
    finish(b);
    assert_int_equal(load(b, OTP + 36), 0x12345678);
    store(b, OTP + 36, 0xFFFF0000); // zeros only
    finish(b);
    assert_int_equal(load(b, OTP + 36), 0x12340000);
    assert_int_equal(trace_complaints(&b->trace, "program-over-non-blank"), 1);

    store(b, CR, X8 | PG);
    assert_true(fake_store(b->cpu, OTP_LOCKS + 1, 1, 0)); // the second block
    finish(b);
    store(b, CR, X32 | PG);
    store(b, OTP + 40, 0);
    assert_int_equal(load(b, SR), WRPERR);
    assert_int_equal(load(b, OTP + 40), 0xFFFFFFFF);
    store(b, SR, WRPERR);
    store(b, OTP + 64, 0xAB); // the third is open
    finish(b);
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(load(b, OTP + 64), 0xAB);

    chip_power_off(b->chip);
    chip_power_on(b->chip);
    assert_int_equal(load(b, OTP + 36), 0x12340000);
    assert_true(fake_load(b->cpu, OTP_LOCKS + 1, 1, &value));
    assert_int_equal(value, 0);
}

static void otp_needs_pg_and_the_lock_off(void **state) {
    struct bench *b = *state;

    store(b, OTP, 0);
    assert_int_equal(load(b, SR) & 0x80, 0x80); // PGSERR
    assert_int_equal(load(b, OTP), 0xFFFFFFFF);
}

// Power goes while option bytes are erased and programmed; what they are after it comes back.
static uint32_t option_after_cut(struct bench *b, uint32_t old, uint32_t wanted, uint64_t seed) {
    set_option(b, old);
    finish(b);
    chip_set_tear_seed(b->chip, seed);
    set_option(b, wanted);
    chip_power_off(b->chip);
    chip_power_on(b->chip);
    return load(b, OPTCR) & ~1u; // OPTLOCK
}

static void a_cut_may_leave_option_bytes_erased_and_never_level_2(void **state) {
    struct bench *b = *state;
    const uint32_t old = 0x0FFFAAE0, wanted = 0x0FFEAAE0; // BOR level 3; sector 0 protected
    unsigned olds = 0, news = 0, erased = 0, others = 0;

    fill_code(b);
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint32_t found = option_after_cut(b, old, wanted, seed);
        olds += found == old;
        news += found == wanted;
        erased += found == 0x0FFFFFEC;
        others += found != old && found != wanted && found != 0x0FFFFFEC;
        assert_int_equal(found & old & wanted, old & wanted);
        assert_int_not_equal(found >> 8 & 0xFF, 0xCC);
        assert_true(is_reachable(b, CODE)); // level 1 lets the chip run
        // As it was, whatever that takes: from level 1 to 0 everything goes.
        if ((found >> 8 & 0xFF) != 0xAA) {
            set_option(b, old);
            finish(b);
        }
    }
    assert_true(olds > 5 && news > 5 && erased > 30 && others > 20);
}

static int set_up_f429(void **state) {
    return bench_set_up_of(state, &chip_models[STM32F429ZI], 8000000);
}

static void a_cut_may_close_the_vectors_of_a_chip_with_sprmod(void **state) {
    struct bench *b = *state;
    unsigned closed = 0;

    fill_code(b);
    for (uint64_t seed = 0; seed < 60; seed++) {
        uint32_t found = option_after_cut(b, 0x0FFFAAEC, 0x0FFEAAEC, seed);
        bool is_closed = (found & 0x80010000u) == 0x80010000u;
        assert_int_equal(is_reachable(b, CODE), !is_closed);
        closed += found == 0xCFFFFFFCu;
        if ((found >> 8 & 0xFF) != 0xAA) {
            set_option(b, 0x0FFFAAEC);
            finish(b);
            chip_reset_pin(b->chip);
            assert_true(is_reachable(b, CODE)); // with everything erased
        }
    }
    assert_true(closed > 10);
    assert_true(bench_traced(b, "the processor cannot read its vectors"));
}

static void a_cut_on_the_way_to_level_0_tears_the_mass_erase(void **state) {
    struct bench *b = *state;

    fill_code(b);
    assert_int_equal(option_after_cut(b, RDP_1, RDP_0, 3), RDP_1);
    unsigned same = 0;
    for (uint32_t off = 0; off < 1024 * 1024; off += 4096) {
        same += load(b, CODE + off) == 0x5A5A5A5A;
    }
    assert_true(same < 256);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_boot_pins_choose_what_is_at_zero_at_the_next_reset),
        TEST(level_1_shuts_flash_to_whoever_did_not_boot_from_it),
        TEST(back_to_level_0_everything_is_erased_first),
        TEST(from_another_key_of_level_1_nothing_is_erased),
        TEST(level_2_is_for_ever_and_ignores_the_boot_pins),
        TEST(otp_is_programmed_like_flash_until_its_block_is_locked),
        TEST(otp_needs_pg_and_the_lock_off),
        TEST(a_cut_may_leave_option_bytes_erased_and_never_level_2),
        TEST(a_cut_on_the_way_to_level_0_tears_the_mass_erase),
        cmocka_unit_test_setup_teardown(a_cut_may_close_the_vectors_of_a_chip_with_sprmod,
                                        set_up_f429, bench_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
