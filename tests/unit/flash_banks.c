// SPDX-License-Identifier: MIT
//
// Flash with two banks (RM0090 3.4, 3.9.8, 3.9.11, 9.3.1; STM32F42xxx and F43xxx), and fewer sectors than 12.

#include "tests/unit/chip_bench.h"

#define SR      FLASH_(0x0C)
#define CR      FLASH_(0x10)
#define OPTCR   FLASH_(0x14)
#define OPTCR1  FLASH_(0x18)
#define PG      0x1u
#define SER     0x2u
#define MER     0x4u
#define MER1    0x8000u
#define SNB(n)  ((n) << 3)
#define X32     0x200u
#define STRT    0x10000u
#define BSY     0x10000u
#define WRPERR  0x10u
#define DB1M    0x40000000u
#define BFB2    0x10u
#define OPTSTRT 0x2u
#define FB_MODE 0x100u
#define BANK_2  0x08100000u

static struct bench *bench_of(enum chip_id id) {
    void *state;
    (void)bench_set_up_of(&state, &chip_models[id], 8000000);
    struct bench *b = state;
    memset(chip_flash(b->chip), 0, chip_models[id].flash_bytes);
    chip_flash_changed(b->chip);
    store(b, FLASH_(0x04), 0x45670123);
    store(b, FLASH_(0x04), 0xCDEF89AB);
    return b;
}

static void end(struct bench *b) {
    void *state = b;
    (void)bench_tear_down(&state);
}

static bool is_filled(struct bench *b, uint32_t off, uint32_t len, uint8_t with) {
    const uint8_t *bytes = chip_flash(b->chip) + off;
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != with) {
            return false;
        }
    }
    return true;
}

static void erase(struct bench *b, uint32_t what) {
    store(b, SR, 0xF3);
    store(b, CR, X32 | what | STRT);
    run_for(b, 40 * PS_PER_S);
    assert_int_equal(load(b, SR) & BSY, 0);
}

static void set_options(struct bench *b, uint32_t optcr, uint32_t optcr1) {
    store(b, FLASH_(0x08), 0x08192A3B);
    store(b, FLASH_(0x08), 0x4C5D6E7F);
    store(b, OPTCR1, optcr1);
    store(b, OPTCR, optcr);
    store(b, OPTCR, optcr | OPTSTRT);
    run_for(b, PS_PER_S);
}

static void sectors_lie_where_the_manual_has_them(void **state) {
    static const struct {
        enum chip_id id;
        unsigned sector;
        uint32_t addr, len; // 0: there is none
    } cases[] = {
        {STM32F401CB, 4, 0x08010000, 0x10000},  {STM32F401CB, 5, 0, 0},
        {STM32F401CC, 5, 0x08020000, 0x20000},  {STM32F401CC, 6, 0, 0},
        {STM32F401CD, 6, 0x08040000, 0x20000},  {STM32F401CD, 7, 0, 0},
        {STM32F411CE, 7, 0x08060000, 0x20000},  {STM32F411CE, 8, 0, 0},
        {STM32F446RE, 7, 0x08060000, 0x20000},  {STM32F446RE, 8, 0, 0},
        {STM32F407VG, 11, 0x080E0000, 0x20000}, {STM32F407VG, 12, 0, 0},
        {STM32F429VE, 7, 0x08060000, 0x20000},  {STM32F429VE, 12, 0, 0},
        {STM32F429ZG, 11, 0x080E0000, 0x20000}, {STM32F429ZG, 12, 0, 0},
        {STM32F429ZI, 11, 0x080E0000, 0x20000}, {STM32F429ZI, 12, 0x08100000, 0x4000},
        {STM32F429ZI, 15, 0x0810C000, 0x4000},  {STM32F429ZI, 16, 0x08110000, 0x10000},
        {STM32F429ZI, 17, 0x08120000, 0x20000}, {STM32F429ZI, 23, 0x081E0000, 0x20000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bench *b = bench_of(cases[i].id);
        uint32_t addr = 0, len = 0;
        bool is_there = chip_flash_sector(b->chip, cases[i].sector, &addr, &len);
        assert_int_equal(is_there, cases[i].len > 0);
        assert_int_equal(addr, cases[i].addr);
        assert_int_equal(len, cases[i].len);
        end(b);
    }
}

static void sector_numbers_of_bank_2_begin_at_0b10000(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    (void)state;
    erase(b, SER | SNB(16));
    assert_true(is_filled(b, 0, 0x100000, 0));
    assert_true(is_filled(b, 0x100000, 0x4000, 0xFF));
    assert_true(is_filled(b, 0x104000, 0xFC000, 0));
    assert_int_equal(chip_flash_erase_count(b->chip, 12), 1);
    erase(b, SER | SNB(27));
    assert_true(is_filled(b, 0x1E0000, 0x20000, 0xFF));
    assert_int_equal(chip_flash_erase_count(b->chip, 23), 1);
    assert_true(bench_traced(b, "erase sector=12 addr=0x08100000 len=16384"));
    for (uint32_t snb = 12; snb < 16; snb++) {
        erase(b, SER | SNB(snb));
    }
    erase(b, SER | SNB(28));
    assert_int_equal(trace_complaints(&b->trace, "flash-no-such-sector"), 5);
    assert_true(is_filled(b, 0, 0x100000, 0));
    end(b);
    // One bank: four bits, so what would be 16 is 0.
    b = bench_of(STM32F411CE);
    erase(b, SER | SNB(16));
    assert_true(is_filled(b, 0, 0x4000, 0xFF));
    assert_true(is_filled(b, 0x4000, 0x7C000, 0));
    erase(b, SER | SNB(8));
    assert_int_equal(trace_complaints(&b->trace, "flash-no-such-sector"), 1);
    end(b);
}

static void mass_erase_takes_the_banks_asked_for(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    (void)state;
    erase(b, MER1);
    assert_true(is_filled(b, 0, 0x100000, 0));
    assert_true(is_filled(b, 0x100000, 0x100000, 0xFF));
    assert_int_equal(chip_flash_erase_count(b->chip, 11), 0);
    assert_int_equal(chip_flash_erase_count(b->chip, 12), 1);
    memset(chip_flash(b->chip), 0, 0x200000);
    chip_flash_changed(b->chip);
    erase(b, MER);
    assert_true(is_filled(b, 0, 0x100000, 0xFF));
    assert_true(is_filled(b, 0x100000, 0x100000, 0));
    erase(b, MER | MER1);
    assert_true(is_filled(b, 0, 0x200000, 0xFF));
    end(b);
    b = bench_of(STM32F411CE);
    erase(b, MER);
    assert_true(is_filled(b, 0, 0x80000, 0xFF));
    end(b);
}

static void a_mass_erase_takes_half_as_long_with_half_the_flash(void **state) {
    struct bench *b = bench_of(STM32F411CE);
    (void)state;
    store(b, CR, X32 | MER | STRT);
    run_for(b, 3999 * PS_PER_MS);
    assert_int_equal(load(b, SR) & BSY, BSY);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(load(b, SR) & BSY, 0);
    end(b);
}

static void code_in_one_bank_runs_on_while_the_other_erases(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    struct fake_step away[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(17) | STRT},
        {.kind = FAKE_FETCH, .addr = 0x08000400, .size = 2},
        {.kind = FAKE_READ, .addr = 0x080FFFFC, .size = 4},
        {.kind = FAKE_READ, .addr = 0x000FFFFC, .size = 4}};
    struct fake_step same[] = {{.kind = FAKE_READ, .addr = BANK_2, .size = 4}};
    (void)state;
    run_script(b, away, COUNT_OF(away));
    assert_int_equal(chip_flash_stalls(b->chip).count, 0);
    assert_true(away[3].end_cycle - away[0].end_cycle < 10);
    assert_int_equal(load(b, SR) & BSY, BSY);
    run_script(b, same, 1);
    assert_int_equal(chip_flash_stalls(b->chip).count, 1);
    assert_int_equal(load(b, SR) & BSY, 0);
    // And the other way round; a program operation stalls its bank too.
    away[0].value = X32 | SER | SNB(2) | STRT;
    away[1].addr = BANK_2 + 0x400;
    away[2].addr = BANK_2 + 0xFFFFC;
    away[3].addr = 0x001FFFFC;
    run_script(b, away, COUNT_OF(away));
    assert_int_equal(chip_flash_stalls(b->chip).count, 1);
    same[0].addr = 0x08000000;
    run_script(b, same, 1);
    assert_int_equal(chip_flash_stalls(b->chip).count, 2);
    end(b);
}

static void one_bank_stalls_wherever_it_is_read(void **state) {
    struct bench *b = bench_of(STM32F429ZG); // DB1M is 0
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(11) | STRT},
        {.kind = FAKE_READ, .addr = 0x08000000, .size = 4}};
    (void)state;
    run_script(b, steps, COUNT_OF(steps));
    assert_int_equal(chip_flash_stalls(b->chip).count, 1);
    end(b);
}

static void db1m_makes_two_banks_of_1_mb(void **state) {
    struct bench *b = bench_of(STM32F429ZG);
    uint32_t addr, len;
    (void)state;
    set_options(b, 0x0FFFAAEC | DB1M, 0x0FFF0000);
    assert_true(chip_flash_sector(b->chip, 7, &addr, &len));
    assert_false(chip_flash_sector(b->chip, 8, &addr, &len));
    assert_true(chip_flash_sector(b->chip, 12, &addr, &len));
    assert_int_equal(addr, 0x08080000);
    assert_true(chip_flash_sector(b->chip, 19, &addr, &len));
    assert_int_equal(addr, 0x080E0000);
    assert_false(chip_flash_sector(b->chip, 20, &addr, &len));
    erase(b, SER | SNB(16));
    assert_true(is_filled(b, 0x80000, 0x4000, 0xFF));
    assert_true(is_filled(b, 0, 0x80000, 0));
    assert_true(load(b, OPTCR) & DB1M);
    end(b);
}

static void write_protection_of_bank_2_is_in_optcr1(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    (void)state;
    set_options(b, 0x0FFFAAEC, 0x0FFE0000); // sector 12
    assert_int_equal(load(b, OPTCR1), 0x0FFE0000);
    erase(b, SER | SNB(16));
    assert_int_equal(load(b, SR), WRPERR);
    assert_true(is_filled(b, 0x100000, 0x4000, 0));
    erase(b, SER | SNB(0));
    assert_int_equal(load(b, SR), 0);
    assert_true(is_filled(b, 0, 0x4000, 0xFF));
    erase(b, MER1);
    assert_int_equal(load(b, SR), WRPERR);
    erase(b, MER);
    assert_int_equal(load(b, SR), 0);
    store(b, CR, X32 | PG);
    store(b, BANK_2, 0);
    assert_int_equal(load(b, SR), WRPERR);
    end(b);
}

static void programming_reaches_bank_2(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    (void)state;
    erase(b, SER | SNB(16));
    store(b, CR, X32 | PG);
    store(b, BANK_2 + 8, 0x12345678);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, BANK_2 + 8), 0x12345678);
    assert_int_equal(load(b, 0x00100008), 0x12345678);
    assert_int_equal(chip_flash_programmed_bytes(b->chip, 12), 4);
    end(b);
}

static void fb_mode_lets_the_banks_change_places(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    uint32_t addr, len;
    (void)state;
    memset(chip_flash(b->chip), 0x11, 0x100000);
    memset(chip_flash(b->chip) + 0x100000, 0x22, 0x100000);
    chip_flash_changed(b->chip);
    store(b, RCC_(0x44), 1u << 14);
    store(b, SYSCFG_(0), FB_MODE);
    assert_int_equal(load(b, SYSCFG_(0)), FB_MODE);
    assert_int_equal(load(b, 0x08000000), 0x22222222);
    assert_int_equal(load(b, 0x00000000), 0x22222222);
    assert_int_equal(load(b, BANK_2), 0x11111111);
    assert_int_equal(load(b, 0x00100000), 0x11111111);
    // Sectors stay with their bank, and so do stalls.
    assert_true(chip_flash_sector(b->chip, 12, &addr, &len));
    assert_int_equal(addr, 0x08000000);
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(0) | STRT},
        {.kind = FAKE_READ, .addr = 0x08000000, .size = 4},
        {.kind = FAKE_READ, .addr = BANK_2, .size = 4}};
    run_script(b, steps, 2);
    assert_int_equal(chip_flash_stalls(b->chip).count, 0);
    run_script(b, steps + 2, 1);
    assert_int_equal(chip_flash_stalls(b->chip).count, 1);
    assert_int_equal(load(b, BANK_2), 0xFFFFFFFF);
    store(b, CR, X32 | PG);
    store(b, BANK_2, 0xAABBCCDD);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, BANK_2), 0xAABBCCDD);
    assert_true(is_filled(b, 0, 1, 0xDD));
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, 0x08000000), 0xAABBCCDD);
    end(b);
}

static void bfb2_starts_bank_2_if_a_program_is_there(void **state) {
    struct bench *b = bench_of(STM32F429ZI);
    static const uint8_t stack[4] = {0x00, 0x10, 0x00, 0x20};
    (void)state;
    set_options(b, 0x0FFFAAEC | BFB2, 0x0FFF0000);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, 0x08000000), 0);
    assert_true(chip_poke(b->chip, BANK_2, stack, sizeof stack));
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, 0x08000000), 0x20001000);
    assert_int_equal(load(b, 0), 0x20001000);
    end(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_lie_where_the_manual_has_them),
        cmocka_unit_test(sector_numbers_of_bank_2_begin_at_0b10000),
        cmocka_unit_test(mass_erase_takes_the_banks_asked_for),
        cmocka_unit_test(a_mass_erase_takes_half_as_long_with_half_the_flash),
        cmocka_unit_test(code_in_one_bank_runs_on_while_the_other_erases),
        cmocka_unit_test(one_bank_stalls_wherever_it_is_read),
        cmocka_unit_test(db1m_makes_two_banks_of_1_mb),
        cmocka_unit_test(write_protection_of_bank_2_is_in_optcr1),
        cmocka_unit_test(programming_reaches_bank_2),
        cmocka_unit_test(fb_mode_lets_the_banks_change_places),
        cmocka_unit_test(bfb2_starts_bank_2_if_a_program_is_there),
    };
    return cmocka_run_group_tests_name("flash_banks", tests, NULL, NULL);
}
