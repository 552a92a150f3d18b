// SPDX-License-Identifier: MIT
//
// The FLASH interface as RM0090 section 3 has it, and as firmware trips over it.

#include "tests/unit/chip_bench.h"

#define ACR       FLASH_(0x00)
#define KEYR      FLASH_(0x04)
#define OPTKEYR   FLASH_(0x08)
#define SR        FLASH_(0x0C)
#define CR        FLASH_(0x10)
#define OPTCR     FLASH_(0x14)

#define EOP       0x01u
#define OPERR     0x02u
#define WRPERR    0x10u
#define PGAERR    0x20u
#define PGPERR    0x40u
#define PGSERR    0x80u
#define BSY       0x10000u

#define PG        0x1u
#define SER       0x2u
#define MER       0x4u
#define SNB(n)    ((n) << 3)
#define X16       0x100u
#define X32       0x200u
#define X64       0x300u
#define STRT      0x10000u
#define EOPIE     0x01000000u
#define ERRIE     0x02000000u
#define LOCK      0x80000000u

#define FLASH_IRQ 4

static void unlock(struct bench *b) {
    store(b, KEYR, 0x45670123);
    store(b, KEYR, 0xCDEF89AB);
    assert_int_equal(load(b, CR) & LOCK, 0);
}

// Fills flash with zeros without programming it.
static void blacken(struct bench *b) {
    memset(chip_flash(b->chip), 0, 1024 * 1024);
    chip_flash_changed(b->chip);
}

static bool is_filled(struct bench *b, uint32_t addr, uint32_t len, uint8_t with) {
    const uint8_t *bytes = chip_flash(b->chip) + (addr - 0x08000000);
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != with) {
            return false;
        }
    }
    return true;
}

static void program_word(struct bench *b, uint32_t addr, uint32_t value) {
    store(b, addr, value);
    run_for(b, 20 * PS_PER_US);
}

static void cr_is_locked_after_reset_and_the_two_keys_unlock_it(void **state) {
    struct bench *b = *state;

    assert_int_equal(load(b, CR), LOCK);
    unlock(b);
    assert_int_equal(load(b, CR), 0);
    store(b, CR, LOCK);
    assert_int_equal(load(b, CR), LOCK);
    unlock(b);
    // The keys again while unlocked do no harm.
    unlock(b);
}

static void a_wrong_key_is_a_bus_error_and_locks_until_reset(void **state) {
    struct bench *b = *state;

    store(b, KEYR, 0x45670123);
    assert_false(fake_store(b->cpu, KEYR, 4, 0x45670123));
    assert_false(fake_store(b->cpu, KEYR, 4, 0xCDEF89AB));
    assert_false(fake_store(b->cpu, KEYR, 4, 0x45670123));
    assert_int_equal(load(b, CR), LOCK);
    assert_int_equal(trace_complaints(&b->trace, "flash-wrong-key"), 1);
    chip_reset_pin(b->chip);
    unlock(b);
}

static void writes_to_a_locked_cr_are_lost_and_erase_does_nothing(void **state) {
    struct bench *b = *state;

    blacken(b);
    store(b, CR, X32 | SER | SNB(3) | STRT);
    assert_int_equal(load(b, CR), LOCK);
    assert_int_equal(load(b, SR), 0);
    run_for(b, PS_PER_S);
    assert_true(is_filled(b, 0x0800C000, 16384, 0));
    assert_int_equal(trace_complaints(&b->trace, "flash-write-while-locked"), 1);
}

static void erase_takes_the_typical_time_of_its_sector_and_psize(void **state) {
    struct bench *b = *state;
    static const struct {
        uint32_t psize, sector, ms;
    } cases[] = {{X32, 3, 250},  {X32, 4, 550}, {X32, 11, 1000}, {X16, 3, 300}, {X16, 4, 700},
                 {X16, 5, 1300}, {0, 0, 400},   {0, 4, 1200},    {0, 6, 2000}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        store(b, SR, 0xF3);
        unlock(b);
        store(b, CR, cases[i].psize | SER | SNB(cases[i].sector) | STRT);
        assert_int_equal(load(b, SR), BSY);
        run_for(b, cases[i].ms * PS_PER_MS - PS_PER_US);
        assert_int_equal(load(b, SR), BSY);
        assert_true(load(b, CR) & STRT);
        run_for(b, 2 * PS_PER_US);
        assert_int_equal(load(b, SR), 0);
        assert_false(load(b, CR) & STRT);
    }
}

static void maximum_times_can_be_chosen(void **state) {
    struct bench *b = *state;

    chip_set_flash_times(b->chip, true);
    unlock(b);
    store(b, CR, X32 | SER | SNB(11) | STRT);
    run_for(b, 1999 * PS_PER_MS);
    assert_int_equal(load(b, SR), BSY);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(load(b, SR), 0);
}

static void erase_fills_its_sector_and_no_byte_beside_it(void **state) {
    struct bench *b = *state;
    static const struct {
        uint32_t addr, len;
    } sectors[12] = {{0x08000000, 0x4000},  {0x08004000, 0x4000},  {0x08008000, 0x4000},
                     {0x0800C000, 0x4000},  {0x08010000, 0x10000}, {0x08020000, 0x20000},
                     {0x08040000, 0x20000}, {0x08060000, 0x20000}, {0x08080000, 0x20000},
                     {0x080A0000, 0x20000}, {0x080C0000, 0x20000}, {0x080E0000, 0x20000}};

    unlock(b);
    for (uint32_t i = 0; i < 12; i++) {
        blacken(b);
        store(b, CR, X32 | SER | SNB(i) | STRT);
        run_for(b, 2 * PS_PER_S);
        assert_true(is_filled(b, sectors[i].addr, sectors[i].len, 0xFF));
        assert_true(is_filled(b, 0x08000000, sectors[i].addr - 0x08000000, 0));
        uint32_t end = sectors[i].addr + sectors[i].len;
        assert_true(is_filled(b, end, 0x08100000 - end, 0));
        assert_int_equal(chip_flash_erase_count(b->chip, i), 1);
    }
    assert_true(bench_traced(b, " flash erase sector=3 addr=0x0800c000 len=16384 us=250000\n"));
    store(b, CR, X32 | SER | SNB(12) | STRT);
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(trace_complaints(&b->trace, "flash-no-such-sector"), 1);
}

static void mass_erase_wins_over_sector_erase_and_takes_eight_seconds(void **state) {
    struct bench *b = *state;

    blacken(b);
    unlock(b);
    store(b, CR, X32 | SER | MER | SNB(2) | STRT);
    run_for(b, 7999 * PS_PER_MS);
    assert_int_equal(load(b, SR), BSY);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(load(b, SR), 0);
    assert_true(is_filled(b, 0x08000000, 0x100000, 0xFF));
    assert_int_equal(chip_flash_erase_count(b->chip, 11), 1);
}

static void start_with_neither_ser_nor_mer_erases_nothing(void **state) {
    struct bench *b = *state;

    unlock(b);
    store(b, CR, X32 | STRT);
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(trace_complaints(&b->trace, "flash-start-without-erase"), 1);
}

static void programming_only_clears_bits_and_takes_16_us(void **state) {
    struct bench *b = *state;

    unlock(b);
    store(b, CR, X32 | PG);
    store(b, 0x0800C000, 0xFF00FF00);
    assert_int_equal(load(b, SR), BSY);
    run_for(b, 15 * PS_PER_US);
    assert_int_equal(load(b, SR), BSY);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(load(b, 0x0800C000), 0xFF00FF00);
    assert_int_equal(trace_complaints(&b->trace, "program-over-non-blank"), 0);
    program_word(b, 0x0800C000, 0x0FF0F00F);
    assert_int_equal(load(b, 0x0800C000), 0x0F00F000);
    assert_int_equal(trace_complaints(&b->trace, "program-over-non-blank"), 1);
}

static void each_psize_takes_stores_of_its_own_size_only(void **state) {
    struct bench *b = *state;
    static const struct {
        uint32_t psize;
        unsigned size;
    } sizes[] = {{0, 1}, {X16, 2}, {X32, 4}};

    unlock(b);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t j = 0; j < COUNT_OF(sizes); j++) {
            uint32_t addr = 0x08020000 + (uint32_t)(16 * i + 4 * j);
            store(b, CR, sizes[i].psize | PG);
            assert_true(fake_store(b->cpu, addr, sizes[j].size, 0));
            run_for(b, 20 * PS_PER_US);
            if (i == j) {
                assert_int_equal(load(b, SR), 0);
                assert_true(is_filled(b, addr, sizes[j].size, 0));
                assert_true(is_filled(b, addr + sizes[j].size, 4 - sizes[j].size, 0xFF));
            } else {
                assert_int_equal(load(b, SR), PGPERR);
                assert_true(is_filled(b, addr, 4, 0xFF));
                store(b, SR, PGPERR);
                assert_int_equal(load(b, SR), 0);
            }
        }
    }
}

static void x64_takes_two_neighbouring_words(void **state) {
    struct bench *b = *state;

    unlock(b);
    store(b, CR, X64 | PG);
    store(b, 0x0800C008, 0x11111111);
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(load(b, 0x0800C008), 0xFFFFFFFF);
    store(b, 0x0800C00C, 0x22222222);
    assert_int_equal(load(b, SR), BSY);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, 0x0800C008), 0x11111111);
    assert_int_equal(load(b, 0x0800C00C), 0x22222222);
    store(b, 0x0800C01C, 0);
    store(b, 0x0800C020, 0);
    assert_int_equal(load(b, SR), PGAERR);
    assert_int_equal(trace_complaints(&b->trace, "flash-parallelism"), 1);
}

static void a_store_without_pg_raises_pgserr_also_through_address_zero(void **state) {
    struct bench *b = *state;

    store(b, 0x0800C000, 0);
    assert_int_equal(load(b, SR), PGSERR);
    store(b, SR, PGSERR);
    store(b, 0x0000C000, 0);
    assert_int_equal(load(b, SR), PGSERR);
    assert_int_equal(load(b, 0x0800C000), 0xFFFFFFFF);
    assert_true(bench_traced(b, " flash error flags=PGSERR addr=0x0800c000 pc=0x08001234\n"));
}

static void a_store_with_ser_left_set_programs_nothing(void **state) {
    struct bench *b = *state;

    unlock(b);
    store(b, CR, X32 | SER | SNB(3) | PG);
    store(b, 0x0800C000, 0);
    assert_int_equal(load(b, SR), PGSERR);
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, 0x0800C000), 0xFFFFFFFF);
}

static void stale_error_flags_stay_until_written_and_do_not_stop_an_operation(void **state) {
    struct bench *b = *state;

    blacken(b);
    store(b, 0x0800C000, 0);
    unlock(b);
    store(b, CR, X32 | SER | SNB(3) | STRT);
    assert_int_equal(load(b, SR), BSY | PGSERR);
    run_for(b, 251 * PS_PER_MS);
    assert_int_equal(load(b, SR), PGSERR);
    assert_true(is_filled(b, 0x0800C000, 0x4000, 0xFF));
    assert_int_equal(trace_complaints(&b->trace, "stale-flash-errors"), 1);
    store(b, SR, 0x00);
    assert_int_equal(load(b, SR), PGSERR);
    store(b, SR, PGSERR);
    assert_int_equal(load(b, SR), 0);
}

static void eop_and_operr_come_only_with_their_enables_and_raise_the_interrupt(void **state) {
    struct bench *b = *state;

    unlock(b);
    store(b, CR, X32 | PG);
    program_word(b, 0x0800C000, 0);
    assert_int_equal(load(b, SR), 0);
    assert_false(fake_irq(b->cpu, FLASH_IRQ));
    store(b, CR, X32 | PG | EOPIE | ERRIE);
    program_word(b, 0x0800C004, 0);
    assert_int_equal(load(b, SR), EOP);
    assert_true(fake_irq(b->cpu, FLASH_IRQ));
    store(b, SR, EOP);
    assert_false(fake_irq(b->cpu, FLASH_IRQ));
    assert_true(fake_store(b->cpu, 0x0800C008, 1, 0));
    assert_int_equal(load(b, SR), PGPERR | OPERR);
    assert_true(fake_irq(b->cpu, FLASH_IRQ));
    store(b, SR, PGPERR | OPERR);
    assert_false(fake_irq(b->cpu, FLASH_IRQ));
}

static void acr_reads_back_latency_and_caches_and_guards_the_cache_resets(void **state) {
    struct bench *b = *state;

    store(b, ACR, 0x705);
    assert_int_equal(load(b, ACR), 0x705);
    store(b, ACR, 0x1F05); // resets with the caches on: not taken
    assert_int_equal(load(b, ACR), 0x705);
    store(b, ACR, 0x105);
    store(b, ACR, 0x1905);
    assert_int_equal(load(b, ACR), 0x1905);
}

static void write_protected_sectors_refuse_erase_program_and_mass_erase(void **state) {
    struct bench *b = *state;

    assert_int_equal(load(b, OPTCR), 0x0FFFAAED);
    store(b, OPTCR, 0x0FF7AAEC); // locked: lost
    assert_int_equal(load(b, OPTCR), 0x0FFFAAED);
    store(b, OPTKEYR, 0x08192A3B);
    store(b, OPTKEYR, 0x4C5D6E7F);
    store(b, OPTCR, 0x0FF7AAEC); // nWRP3 = 0
    unlock(b);
    store(b, CR, X32 | SER | SNB(3) | STRT);
    assert_int_equal(load(b, SR), BSY); // not in the option bytes yet
    run_for(b, PS_PER_S);
    assert_int_equal(load(b, 0x1FFFC008) & 0xFFFF, 0xFFFF);
    store(b, OPTCR, 0x0FF7AAEE); // OPTSTRT
    assert_int_equal(load(b, SR), BSY);
    run_for(b, PS_PER_S);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, OPTCR), 0x0FF7AAED);
    assert_int_equal(load(b, 0x1FFFC000) & 0xFFFF, 0xAAEF);
    assert_int_equal(load(b, 0x1FFFC008) & 0xFFFF, 0xFFF7);

    blacken(b);
    unlock(b);
    store(b, CR, X32 | SER | SNB(3) | STRT);
    assert_int_equal(load(b, SR), WRPERR);
    store(b, SR, WRPERR);
    store(b, CR, X32 | MER | STRT);
    assert_int_equal(load(b, SR), WRPERR);
    store(b, SR, WRPERR);
    memset(chip_flash(b->chip), 0xFF, 0x100000);
    store(b, CR, X32 | PG);
    program_word(b, 0x0800C000, 0);
    assert_int_equal(load(b, SR), WRPERR);
    assert_true(is_filled(b, 0x0800C000, 4, 0xFF));
    store(b, SR, WRPERR);
    program_word(b, 0x08010000, 0);
    assert_int_equal(load(b, SR), 0);
    assert_true(is_filled(b, 0x08010000, 4, 0));
}

struct frames {
    struct timeline *timeline;
    struct event event;
    unsigned count;
    uint64_t last_ps, gap_ps;
};

static void frame(void *ctx) {
    struct frames *frames = ctx;
    uint64_t now_ps = timeline_now(frames->timeline);
    frames->count++;
    frames->gap_ps = now_ps - frames->last_ps;
    frames->last_ps = now_ps;
    timeline_schedule(frames->timeline, &frames->event, now_ps + PS_PER_MS);
}

static void a_fetch_during_an_erase_stands_still_while_frames_go_on(void **state) {
    struct bench *b = *state;
    struct frames frames = {.timeline = &b->timeline};
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(3) | STRT},
        {.kind = FAKE_FETCH, .addr = 0x08001236},
        {.kind = FAKE_READ, .addr = SR, .size = 4},
    };

    frames.event.fire = frame;
    frames.event.ctx = &frames;
    timeline_schedule(&b->timeline, &frames.event, PS_PER_MS);
    unlock(b);
    fake_script(b->cpu, steps, COUNT_OF(steps));
    run_for(b, 400 * PS_PER_MS);
    assert_true(fake_script_is_done(b->cpu));
    // 16 MHz: 250 ms are 4,000,000 cycles.
    assert_in_range(steps[1].end_cycle - steps[0].end_cycle, 4000000, 4000002);
    assert_int_equal(steps[2].value, 0);
    assert_int_equal(frames.count, 400);
    assert_int_equal(frames.gap_ps, PS_PER_MS);
    assert_int_equal(chip_flash_stalls(b->chip).count, 1);
    assert_in_range(chip_flash_stalls(b->chip).ps, 249999 * PS_PER_US, 250 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, "flash-fetch-while-busy"), 1);
    assert_true(
        bench_traced(b, " flash stall access=fetch pc=0x08001234 symbol=? addr=0x08001236 us=2"));
    timeline_cancel(&b->timeline, &frames.event);
}

static void a_read_sees_what_the_operation_left(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(3) | STRT},
        {.kind = FAKE_READ, .addr = 0x0000C010, .size = 4},
    };

    blacken(b);
    unlock(b);
    run_script(b, steps, COUNT_OF(steps));
    assert_int_equal(steps[1].value, 0xFFFFFFFF);
    assert_int_equal(trace_complaints(&b->trace, "flash-read-while-busy"), 1);
}

static void stores_to_flash_and_to_cr_wait_for_the_word_before(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | PG},
        {.kind = FAKE_WRITE, .addr = 0x0800C000, .size = 4, .value = 0x11111111},
        {.kind = FAKE_WRITE, .addr = 0x0800C004, .size = 4, .value = 0x22222222},
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = LOCK},
    };

    unlock(b);
    run_script(b, steps, COUNT_OF(steps));
    assert_int_equal(load(b, 0x0800C000), 0x11111111);
    assert_int_equal(load(b, 0x0800C004), 0x22222222);
    // 16 us at 16 MHz.
    assert_in_range(steps[2].end_cycle - steps[1].end_cycle, 256, 258);
    assert_in_range(steps[3].end_cycle - steps[2].end_cycle, 256, 258);
    assert_int_equal(load(b, CR) & LOCK, LOCK);
    run_for(b, 2 * PS_PER_MS); // a run of programming is told when it has ended
    assert_true(bench_traced(b, " flash program addr=0x0800c000 len=8 stalls=2 us=32 from="));
}

static void a_stop_in_the_middle_of_a_stall_does_not_let_the_processor_out_early(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(3) | STRT},
        {.kind = FAKE_FETCH, .addr = 0x08001236},
        {.kind = FAKE_READ, .addr = SR, .size = 4},
    };

    unlock(b);
    fake_script(b->cpu, steps, COUNT_OF(steps));
    run_for(b, 100 * PS_PER_MS);
    assert_int_equal(timeline_now(&b->timeline), 100 * PS_PER_MS);
    assert_false(fake_script_is_done(b->cpu));
    run_for(b, 149 * PS_PER_MS);
    assert_false(fake_script_is_done(b->cpu));
    run_for(b, 2 * PS_PER_MS);
    assert_true(fake_script_is_done(b->cpu));
    assert_in_range(steps[1].end_cycle - steps[0].end_cycle, 4000000, 4000002);
}

static void pull_reset(void *ctx) {
    chip_reset_pin(ctx);
}

static void a_reset_ends_a_stall_and_leaves_the_sector_half_erased(void **state) {
    struct bench *b = *state;
    struct event event = {.fire = pull_reset, .ctx = b->chip};
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = X32 | SER | SNB(3) | STRT},
        {.kind = FAKE_FETCH, .addr = 0x08001236},
    };

    blacken(b);
    unlock(b);
    fake_script(b->cpu, steps, COUNT_OF(steps));
    timeline_schedule(&b->timeline, &event, 100 * PS_PER_MS);
    run_for(b, 101 * PS_PER_MS);
    assert_int_equal(fake_resets(b->cpu), 2); // power-on, and this one
    assert_int_equal(load(b, SR), 0);
    assert_int_equal(load(b, CR), LOCK);
    assert_false(is_filled(b, 0x0800C000, 0x4000, 0));
    assert_false(is_filled(b, 0x0800C000, 0x4000, 0xFF));
    assert_true(is_filled(b, 0x08010000, 0xF0000, 0));
    assert_int_equal(trace_complaints(&b->trace, "reset-during-flash-operation"), 1);
    // After the instruction under way: a cycle of 62.5 ns.
    assert_true(bench_traced(b, "100000.062 reset reset cause=pin\n"));
}

static void programming_of_ascending_words_is_one_trace_line(void **state) {
    struct bench *b = *state;

    unlock(b);
    store(b, CR, X32 | PG);
    for (uint32_t off = 0; off < 256; off += 4) {
        program_word(b, 0x0800C000 + off, off);
    }
    program_word(b, 0x08020000, 1);
    run_for(b, 5 * PS_PER_MS);
    assert_true(bench_traced(b, " flash program addr=0x0800c000 len=256 stalls=0 us=1024 from="));
    assert_true(bench_traced(b, " flash program addr=0x08020000 len=4 stalls=0 us=16 from="));
}

struct seen_ops {
    unsigned count;
    struct chip_flash_op last;
    bool was_blank;
    struct bench *b;
};

static void see_op(void *ctx, const struct chip_flash_op *op) {
    struct seen_ops *seen = ctx;
    seen->count++;
    seen->last = *op;
    seen->was_blank = is_filled(seen->b, op->addr, op->len, 0xFF);
}

static void the_hook_sees_each_operation_before_it_changes_anything(void **state) {
    struct bench *b = *state;
    struct seen_ops seen = {.b = b};

    chip_on_flash_op(b->chip, see_op, &seen);
    unlock(b);
    store(b, CR, X32 | PG);
    program_word(b, 0x0800C000, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.kind, CHIP_FLASH_PROGRAM);
    assert_int_equal(seen.last.addr, 0x0800C000);
    assert_int_equal(seen.last.len, 4);
    assert_true(seen.was_blank);
    store(b, CR, X32 | SER | SNB(3) | STRT);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.last.kind, CHIP_FLASH_ERASE);
    assert_int_equal(seen.last.len, 0x4000);
    assert_int_equal(seen.last.number, 2);
    assert_false(seen.was_blank);
}

struct cut {
    struct chip *chip;
    uint64_t at;
    bool inside;
};

static void cut_at(void *ctx, const struct chip_flash_op *op) {
    struct cut *cut = ctx;
    if (op->number == cut->at && cut->inside) {
        chip_power_off_inside(cut->chip);
    } else if (op->number == cut->at) {
        chip_power_off(cut->chip);
    }
}

// Power goes at the operation that `addr` and `value` are, programmed or (STRT in CR) erased.
static void cut_in(struct bench *b, bool inside, uint64_t seed, uint32_t cr, uint32_t addr,
                   uint32_t value) {
    struct cut cut = {b->chip, 1, inside};
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = KEYR, .size = 4, .value = 0x45670123},
        {.kind = FAKE_WRITE, .addr = KEYR, .size = 4, .value = 0xCDEF89AB},
        {.kind = FAKE_WRITE, .addr = CR, .size = 4, .value = cr},
        {.kind = FAKE_WRITE, .addr = addr, .size = 4, .value = value},
        {.kind = FAKE_WRITE, .addr = 0x20000000, .size = 4, .value = 0x600D},
    };

    chip_set_tear_seed(b->chip, seed);
    chip_on_flash_op(b->chip, cut_at, &cut);
    fake_script(b->cpu, steps, COUNT_OF(steps));
    run_for(b, PS_PER_S);
    chip_on_flash_op(b->chip, NULL, NULL);
    assert_false(fake_script_is_done(b->cpu));
    fake_script(b->cpu, NULL, 0);
    chip_power_on(b->chip);
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CR), LOCK);
    assert_int_equal(load(b, SR), 0);
}

static uint32_t word_at(struct bench *b, uint32_t addr) {
    uint32_t word;
    memcpy(&word, chip_flash(b->chip) + (addr - 0x08000000), 4);
    return word;
}

static void power_cut_before_an_operation_leaves_no_trace_of_it(void **state) {
    struct bench *b = *state;

    cut_in(b, false, 1, X32 | PG, 0x0800C000, 0x12345678);
    assert_true(is_filled(b, 0x08000000, 0x100000, 0xFF));
    assert_int_equal(chip_flash_erase_count(b->chip, 3), 0);
    assert_false(bench_traced(b, " flash program "));
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
}

static void power_cut_before_an_erase_leaves_the_sector(void **state) {
    struct bench *b = *state;

    blacken(b);
    cut_in(b, false, 1, X32 | SER | SNB(3), CR, X32 | SER | SNB(3) | STRT);
    assert_true(is_filled(b, 0x08000000, 0x100000, 0));
    assert_int_equal(chip_flash_erase_count(b->chip, 3), 0);
    assert_false(bench_traced(b, " flash erase "));
}

// Over seeds: only bits that were to change do; whole, nothing and parts of it occur; some words
// read differently after another power-on, and none outside the word torn.
static void a_torn_word_has_some_of_its_bits_done(void **state) {
    struct bench *b = *state;
    const uint32_t old = 0xFF00FFFF;
    const uint32_t value = 0x0F00AAAA;
    unsigned untouched = 0, done = 0, partly = 0, unsteady = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        void *own;
        bench_set_up(&own);
        struct bench *one = own;
        uint8_t *flash = chip_flash(one->chip);
        memcpy(flash + 0xC000, &old, 4);
        chip_flash_changed(one->chip);
        cut_in(one, true, seed, X32 | PG, 0x0800C000, value);
        uint32_t first = word_at(one, 0x0800C000);
        uint32_t now = first;
        for (int i = 0; i < 20 && now == first; i++) {
            chip_reset_pin(one->chip);
            now = word_at(one, 0x0800C000);
            assert_int_equal(now & ~old, 0);
            assert_int_equal(~now & (old & value), 0);
        }
        untouched += first == old;
        done += first == (old & value);
        partly += first != old && first != (old & value);
        unsteady += now != first;
        assert_true(is_filled(one, 0x0800C004, 0x100, 0xFF));
        assert_true(is_filled(one, 0x0800BF00, 0x100, 0xFF));
        bench_tear_down(&own);
    }
    (void)b;
    assert_in_range(untouched, 20, 120);
    assert_in_range(done, 20, 120);
    assert_in_range(partly, 40, 160);
    assert_in_range(unsteady, 60, 180);
}

// Once more what was cut off makes all of it last; something with more bits set leaves some open, and is told.
static void a_torn_word_programmed_again_lasts(void **state) {
    (void)state;
    const uint32_t value = 0x0F00AAAA;
    unsigned told = 0;

    for (uint64_t seed = 0; seed < 40; seed++) {
        for (int again = 0; again < 2; again++) {
            void *own;
            bench_set_up(&own);
            struct bench *one = own;
            cut_in(one, true, seed, X32 | PG, 0x0800C000, value);
            chip_power_off(one->chip);
            chip_power_on(one->chip);
            unlock(one);
            store(one, CR, X32 | PG);
            program_word(one, 0x0800C000, again ? value : value | 0xF0F0F0F0);
            if (again) {
                assert_int_equal(trace_complaints(&one->trace, "program-over-torn"), 0);
                for (int i = 0; i < 20; i++) {
                    chip_reset_pin(one->chip);
                    assert_int_equal(word_at(one, 0x0800C000), value);
                }
            } else {
                told += trace_complaints(&one->trace, "program-over-torn") != 0;
            }
            bench_tear_down(&own);
        }
    }
    assert_in_range(told, 10, 40);
}

// Copies what the sector holds after the cut, and after another power-on.
static void half_erased(uint64_t seed, uint8_t *first, uint8_t *second) {
    void *own;
    bench_set_up(&own);
    struct bench *b = own;

    memset(chip_flash(b->chip), 0x5A, 1024 * 1024);
    chip_flash_changed(b->chip);
    cut_in(b, true, seed, X32 | SER | SNB(3), CR, X32 | SER | SNB(3) | STRT);
    assert_true(is_filled(b, 0x08000000, 0xC000, 0x5A));
    assert_true(is_filled(b, 0x08010000, 0xF0000, 0x5A));
    memcpy(first, chip_flash(b->chip) + 0xC000, 0x4000);
    chip_power_off(b->chip);
    chip_power_on(b->chip);
    memcpy(second, chip_flash(b->chip) + 0xC000, 0x4000);
    // Programming there is told; after a whole erase it is as good as ever.
    unlock(b);
    store(b, CR, X32 | PG);
    program_word(b, 0x0800C000, 0x12345678);
    assert_int_equal(trace_complaints(&b->trace, "program-over-torn"), 1);
    store(b, CR, X32 | SER | SNB(3) | STRT);
    run_for(b, PS_PER_S);
    for (int i = 0; i < 5; i++) {
        chip_reset_pin(b->chip);
        assert_true(is_filled(b, 0x0800C000, 0x4000, 0xFF));
    }
    fake_set_pc(b->cpu, 0x08004321); // another place: complaints come anew
    unlock(b);
    store(b, CR, X32 | PG);
    program_word(b, 0x0800C000, 0x12345678);
    assert_int_equal(trace_complaints(&b->trace, "program-over-torn"), 1);
    bench_tear_down(&own);
}

static void a_half_erased_sector_is_a_mixture_that_does_not_hold_still(void **state) {
    (void)state;
    static uint8_t first[0x4000], second[0x4000], again[0x4000];
    unsigned mixed = 0, unsteady = 0;
    const unsigned seeds = 60;

    for (uint64_t seed = 0; seed < seeds; seed++) {
        size_t old = 0, erased = 0;
        half_erased(seed, first, second);
        for (size_t i = 0; i < sizeof first; i++) {
            old += first[i] == 0x5A;
            erased += first[i] == 0xFF;
        }
        mixed += old != sizeof first && erased != sizeof first;
        unsteady += memcmp(first, second, sizeof first) != 0;
    }
    assert_in_range(mixed, seeds / 2, seeds);
    assert_in_range(unsteady, seeds / 4, seeds);
    // The same seed, the same damage.
    half_erased(3, first, second);
    half_erased(3, again, second);
    assert_memory_equal(first, again, sizeof first);
}

static void bits_a_loader_writes_are_weak_no_more(void **state) {
    struct bench *b = *state;
    const uint8_t zeros[4] = {0};
    uint8_t ones[4] = {0xFF, 0xFF, 0xFF, 0xFF};

    for (uint64_t seed = 0; seed < 50; seed++) {
        chip_set_tear_seed(b->chip, seed);
        assert_true(chip_poke(b->chip, 0x0800C000, ones, 4));
        unlock(b);
        store(b, CR, X32 | PG);
        store(b, 0x0800C000, 0);
        chip_reset_pin(b->chip);
        assert_true(chip_poke(b->chip, 0x0800C000, zeros, 4));
        for (int i = 0; i < 4; i++) {
            chip_reset_pin(b->chip);
            assert_int_equal(word_at(b, 0x0800C000), 0);
        }
    }
}

static void the_processor_is_told_of_code_that_changed(void **state) {
    struct bench *b = *state;
    uint32_t before;

    unlock(b);
    store(b, CR, X32 | PG);
    before = fake_changed_code(b->cpu);
    store(b, 0x0800C000, 0);
    assert_int_equal(fake_changed_code(b->cpu), before);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(fake_changed_code(b->cpu), before + 8); // there and at address 0
}

#define T(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(cr_is_locked_after_reset_and_the_two_keys_unlock_it),
        T(a_wrong_key_is_a_bus_error_and_locks_until_reset),
        T(writes_to_a_locked_cr_are_lost_and_erase_does_nothing),
        T(erase_takes_the_typical_time_of_its_sector_and_psize),
        T(maximum_times_can_be_chosen),
        T(erase_fills_its_sector_and_no_byte_beside_it),
        T(mass_erase_wins_over_sector_erase_and_takes_eight_seconds),
        T(start_with_neither_ser_nor_mer_erases_nothing),
        T(programming_only_clears_bits_and_takes_16_us),
        T(each_psize_takes_stores_of_its_own_size_only),
        T(x64_takes_two_neighbouring_words),
        T(a_store_without_pg_raises_pgserr_also_through_address_zero),
        T(a_store_with_ser_left_set_programs_nothing),
        T(stale_error_flags_stay_until_written_and_do_not_stop_an_operation),
        T(eop_and_operr_come_only_with_their_enables_and_raise_the_interrupt),
        T(acr_reads_back_latency_and_caches_and_guards_the_cache_resets),
        T(write_protected_sectors_refuse_erase_program_and_mass_erase),
        T(a_fetch_during_an_erase_stands_still_while_frames_go_on),
        T(a_read_sees_what_the_operation_left),
        T(stores_to_flash_and_to_cr_wait_for_the_word_before),
        T(a_stop_in_the_middle_of_a_stall_does_not_let_the_processor_out_early),
        T(a_reset_ends_a_stall_and_leaves_the_sector_half_erased),
        T(programming_of_ascending_words_is_one_trace_line),
        T(the_hook_sees_each_operation_before_it_changes_anything),
        T(power_cut_before_an_operation_leaves_no_trace_of_it),
        T(power_cut_before_an_erase_leaves_the_sector),
        T(a_torn_word_has_some_of_its_bits_done),
        T(a_torn_word_programmed_again_lasts),
        T(a_half_erased_sector_is_a_mixture_that_does_not_hold_still),
        T(bits_a_loader_writes_are_weak_no_more),
        T(the_processor_is_told_of_code_that_changed),
    };
    return cmocka_run_group_tests_name("flash_ctl", tests, NULL, NULL);
}
