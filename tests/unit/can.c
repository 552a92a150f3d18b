// SPDX-License-Identifier: MIT
//
// bxCAN in loop-back, as self-tests use it, and on a bus where nobody acknowledges.

#include "tests/unit/chip_bench.h"

#define APB1ENR   RCC_(0x40)
#define CAN1_(o)  (0x40006400u + (o))
#define APB1RSTR  RCC_(0x20)
#define MCR       0x000
#define MSR       0x004
#define TSR       0x008
#define RF0R      0x00C
#define RF1R      0x010
#define IER       0x014
#define ESR       0x018
#define BTR       0x01C
#define TX(n, o)  (0x180 + 0x10 * (n) + (o))
#define RX(n, o)  (0x1B0 + 0x10 * (n) + (o))
#define FMR       0x200
#define FM1R      0x204
#define FS1R      0x20C
#define FFA1R     0x214
#define FA1R      0x21C
#define FR(i, n)  (0x240 + 8 * (i) + 4 * (n))
#define LOOP_BACK (1u << 30)
#define ALL_EMPTY 0x1C000000u
#define STD(id)   ((uint32_t)(id) << 21)
#define EXT(id)   ((uint32_t)(id) << 3 | 4u)
#define TXRQ      1u
#define RFOM      0x20u

// 500 kbit/s of 16 MHz: a frame of eight bytes takes 222 us.
static void open_can(struct bench *b, uint32_t btr) {
    store(b, APB1ENR, 1u << 25);
    store(b, CAN1_(MCR), 1);
    store(b, CAN1_(BTR), btr | 0x001C0001);
    store(b, CAN1_(MCR), 0);
    // Bank 0 takes everything for FIFO 0.
    store(b, CAN1_(FMR), load(b, CAN1_(FMR)) | 1);
    store(b, CAN1_(FS1R), 1);
    store(b, CAN1_(FR(0, 0)), 0);
    store(b, CAN1_(FR(0, 1)), 0);
    store(b, CAN1_(FA1R), 1);
    store(b, CAN1_(FMR), load(b, CAN1_(FMR)) & ~1u);
}

static void send(struct bench *b, unsigned box, uint32_t id) {
    store(b, CAN1_(TX(box, 4)), 8);
    store(b, CAN1_(TX(box, 8)), 0x44332211);
    store(b, CAN1_(TX(box, 12)), 0x88776655);
    store(b, CAN1_(TX(box, 0)), id | TXRQ);
}

static void a_frame_comes_in_again_in_loop_back(void **state) {
    struct bench *b = *state;

    open_can(b, LOOP_BACK);
    store(b, CAN1_(IER), 3); // TMEIE, FMPIE0
    assert_int_equal(load(b, CAN1_(TSR)), ALL_EMPTY);
    send(b, 0, STD(0x321));
    assert_int_equal(load(b, CAN1_(TSR)), 0x18000000 | 1u << 24); // the next empty one is 1
    run_for(b, 200 * PS_PER_US);
    assert_int_equal(load(b, CAN1_(RF0R)), 0);
    run_for(b, 50 * PS_PER_US);
    assert_int_equal(load(b, CAN1_(TSR)), ALL_EMPTY | 3); // RQCP0, TXOK0
    assert_true(fake_irq(b->cpu, 19));
    assert_true(fake_irq(b->cpu, 20));
    assert_int_equal(load(b, CAN1_(RF0R)), 1);
    assert_int_equal(load(b, CAN1_(RX(0, 0))), STD(0x321));
    assert_int_equal(load(b, CAN1_(RX(0, 4))), 8);
    assert_int_equal(load(b, CAN1_(RX(0, 8))), 0x44332211);
    assert_int_equal(load(b, CAN1_(RX(0, 12))), 0x88776655);
    store(b, CAN1_(RF0R), RFOM);
    assert_int_equal(load(b, CAN1_(RF0R)), 0);
    assert_false(fake_irq(b->cpu, 20));
    store(b, CAN1_(TSR), 1);
    assert_int_equal(load(b, CAN1_(TSR)), ALL_EMPTY);
    assert_false(fake_irq(b->cpu, 19));
}

static void the_lower_identifier_goes_first_and_a_fourth_frame_overruns(void **state) {
    struct bench *b = *state;

    open_can(b, LOOP_BACK);
    send(b, 0, STD(0x10)); // on its way before the others are there
    send(b, 1, STD(0x300));
    send(b, 2, EXT(0x155));
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CAN1_(RF0R)), 3 | 1u << 3); // FULL
    store(b, CAN1_(TSR), 0x010101);
    send(b, 0, STD(0x7FF));
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CAN1_(RF0R)), 3 | 3u << 3); // FOVR, and the last was overwritten
    assert_int_equal(load(b, CAN1_(RX(0, 0))), STD(0x10));
    store(b, CAN1_(RF0R), RFOM);
    assert_int_equal(load(b, CAN1_(RX(0, 0))), EXT(0x155));
    store(b, CAN1_(RF0R), RFOM);
    assert_int_equal(load(b, CAN1_(RX(0, 0))), STD(0x7FF));
}

static void filters_choose_the_fifo_and_tell_their_index(void **state) {
    struct bench *b = *state;

    open_can(b, LOOP_BACK);
    store(b, CAN1_(FMR), load(b, CAN1_(FMR)) | 1);
    store(b, CAN1_(FA1R), 6);
    store(b, CAN1_(FS1R), 4); // bank 2 is 32 bits wide, bank 1 two of 16
    store(b, CAN1_(FM1R), 2 | 4);
    store(b, CAN1_(FFA1R), 4);
    store(b, CAN1_(FR(1, 0)), 0x100u << 5 | 0x101u << 21); // a list of four
    store(b, CAN1_(FR(1, 1)), 0x102u << 5 | 0x103u << 21);
    store(b, CAN1_(FR(2, 0)), EXT(0x1234567));
    store(b, CAN1_(FR(2, 1)), STD(0x55));
    store(b, CAN1_(FMR), load(b, CAN1_(FMR)) & ~1u);
    send(b, 0, STD(0x102));
    send(b, 1, STD(0x55));
    send(b, 2, STD(0x104)); // nobody's
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(load(b, CAN1_(RF0R)), 1);
    assert_int_equal(load(b, CAN1_(RX(0, 4))) >> 8, 2 + 2); // behind the two of bank 0
    assert_int_equal(load(b, CAN1_(RF1R)), 1);
    assert_int_equal(load(b, CAN1_(RX(1, 4))) >> 8, 1);
    assert_int_equal(load(b, CAN1_(TSR)) & 0x020202, 0x020202);
}

static void nobody_acknowledges_on_a_bare_bus(void **state) {
    struct bench *b = *state;

    open_can(b, 0);
    send(b, 0, STD(0x321));
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CAN1_(TSR)) & 0xF, 0); // tried, and tried again
    run_for(b, 20 * PS_PER_MS);
    assert_int_equal(load(b, CAN1_(ESR)), 128u << 16 | 3u << 4 | 3); // ACK errors, error passive
    store(b, CAN1_(TSR), 1u << 7);                                   // ABRQ0
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CAN1_(TSR)) & (ALL_EMPTY | 3), ALL_EMPTY | 1); // no TXOK
    store(b, CAN1_(TSR), 1);
    store(b, CAN1_(MCR), 1u << 4); // NART: once
    send(b, 1, STD(1));
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CAN1_(TSR)), ALL_EMPTY | 9u << 8); // RQCP1, TERR1
}

// As ST's and ChibiOS' handlers have it: what does not say ERRI is not theirs, and writing it ends the interrupt.
static void an_error_interrupt_ends_when_its_flag_is_written(void **state) {
    struct bench *b = *state;

    open_can(b, 0);
    store(b, CAN1_(IER), 1u << 15 | 1u << 9 | 1u << 8); // ERRIE, EPVIE, EWGIE
    send(b, 0, STD(0x321));
    run_for(b, PS_PER_MS);
    assert_false(fake_irq(b->cpu, 22)); // errors, and not the warning's 96 yet
    run_for(b, 20 * PS_PER_MS);
    assert_int_equal(load(b, CAN1_(MSR)) & 7, 4);
    assert_true(fake_irq(b->cpu, 22));
    store(b, CAN1_(MSR), 4);
    assert_int_equal(load(b, CAN1_(MSR)) & 7, 0);
    assert_false(fake_irq(b->cpu, 22));
    run_for(b, 20 * PS_PER_MS);
    assert_false(fake_irq(b->cpu, 22));        // error passive as before: nothing new
    store(b, CAN1_(IER), 1u << 15 | 1u << 11); // LECIE: each error
    run_for(b, PS_PER_MS);
    assert_true(fake_irq(b->cpu, 22));
}

static void a_reset_takes_the_interrupts_with_it(void **state) {
    struct bench *b = *state;

    for (unsigned way = 0; way < 2; way++) {
        open_can(b, LOOP_BACK);
        store(b, CAN1_(IER), 3); // TMEIE, FMPIE0
        send(b, 0, STD(0x321));
        run_for(b, PS_PER_MS);
        assert_true(fake_irq(b->cpu, 19));
        assert_true(fake_irq(b->cpu, 20));
        if (way == 0) {
            store(b, CAN1_(MCR), 1u << 15);
        } else {
            store(b, APB1RSTR, 1u << 25);
            store(b, APB1RSTR, 0);
        }
        assert_false(fake_irq(b->cpu, 19));
        assert_false(fake_irq(b->cpu, 20));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_frame_comes_in_again_in_loop_back),
        TEST(the_lower_identifier_goes_first_and_a_fourth_frame_overruns),
        TEST(filters_choose_the_fifo_and_tell_their_index),
        TEST(nobody_acknowledges_on_a_bare_bus),
        TEST(an_error_interrupt_ends_when_its_flag_is_written),
        TEST(a_reset_takes_the_interrupts_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
