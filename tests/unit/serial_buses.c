// SPDX-License-Identifier: MIT
//
// SPI, I2C and CAN on a bare board: what ST's HAL and libopencm3 poll for when they start and when
// nobody answers.

#include "tests/unit/chip_bench.h"

#define AHB1ENR  RCC_(0x30)
#define APB1ENR  RCC_(0x40)
#define APB2ENR  RCC_(0x44)
#define SPI1_(o) (0x40013000u + (o))
#define I2C1_(o) (0x40005400u + (o))
#define CAN1_(o) (0x40006400u + (o))
#define RXNE     1u
#define TXE      2u
#define OVR      (1u << 6)
#define BSY      (1u << 7)

static void open_spi(struct bench *b) {
    store(b, AHB1ENR, load(b, AHB1ENR) | 1);
    store(b, APB2ENR, 1u << 12);
    store(b, GPIO_('A', 0x20), 0x55500000);
    store(b, GPIO_('A', 0x00), 0xA800A800);
    store(b, SPI1_(0), 1u << 9 | 1u << 8 | 1u << 6 | 2u << 3 | 1u << 2); // 16 MHz / 8: 4 us a byte
}

static void spi_shifts_at_its_rate_and_reads_the_level_of_miso(void **state) {
    struct bench *b = *state;

    open_spi(b);
    assert_int_equal(load(b, SPI1_(8)), TXE);
    store(b, SPI1_(0xC), 0x9F);
    assert_int_equal(load(b, SPI1_(8)), TXE | BSY);
    run_for(b, 3900 * PS_PER_NS);
    assert_int_equal(load(b, SPI1_(8)), TXE | BSY);
    run_for(b, 200 * PS_PER_NS);
    assert_int_equal(load(b, SPI1_(8)), TXE | RXNE);
    assert_int_equal(load(b, SPI1_(0xC)), 0);
    assert_int_equal(load(b, SPI1_(8)), TXE);
    assert_true(chip_set_pin(b->chip, "PA6", 1));
    store(b, SPI1_(0xC), 0x9F);
    run_for(b, 5 * PS_PER_US);
    assert_int_equal(load(b, SPI1_(0xC)), 0xFF);
}

static void an_unread_spi_frame_is_an_overrun_until_dr_and_sr_are_read(void **state) {
    struct bench *b = *state;

    open_spi(b);
    for (int i = 0; i < 2; i++) {
        store(b, SPI1_(0xC), 1);
        run_for(b, 5 * PS_PER_US);
    }
    assert_int_equal(load(b, SPI1_(8)), TXE | RXNE | OVR);
    (void)load(b, SPI1_(0xC));
    (void)load(b, SPI1_(8));
    assert_int_equal(load(b, SPI1_(8)), TXE);
}

static void an_i2c_address_is_answered_by_nobody(void **state) {
    struct bench *b = *state;

    store(b, APB1ENR, 1u << 21);
    store(b, I2C1_(0x04), 16 | 1u << 9 | 1u << 8);
    store(b, I2C1_(0x1C), 80); // 100 kHz
    store(b, I2C1_(0x00), 1);
    assert_int_equal(load(b, I2C1_(0x18)) & 2, 0); // not BUSY
    store(b, I2C1_(0x00), 1u << 8 | 1);
    assert_int_equal(load(b, I2C1_(0x14)), 0);
    run_for(b, 11 * PS_PER_US);
    assert_int_equal(load(b, I2C1_(0x14)), 1); // SB
    assert_true(fake_irq(b->cpu, 31));
    assert_int_equal(load(b, I2C1_(0x00)), 1);
    store(b, I2C1_(0x10), 0x94);
    assert_false(fake_irq(b->cpu, 31));
    run_for(b, 89 * PS_PER_US);
    assert_int_equal(load(b, I2C1_(0x14)), 0);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, I2C1_(0x14)), 1u << 10); // AF
    assert_true(fake_irq(b->cpu, 32));
    assert_int_equal(load(b, I2C1_(0x18)), 3);
    store(b, I2C1_(0x00), 1u << 9 | 1);
    store(b, I2C1_(0x14), ~(1u << 10));
    assert_int_equal(load(b, I2C1_(0x18)), 0);
    assert_int_equal(load(b, I2C1_(0x14)), 0);
}

static void can_acknowledges_its_modes_and_waits_for_a_recessive_bus(void **state) {
    struct bench *b = *state;

    store(b, APB1ENR, 1u << 25);
    store(b, AHB1ENR, load(b, AHB1ENR) | 2);
    assert_int_equal(load(b, CAN1_(4)), 0xC02); // asleep (32.9.2)
    store(b, CAN1_(0), 1);
    assert_int_equal(load(b, CAN1_(4)) & 3, 1);
    store(b, CAN1_(0x1C), 0x001C0003);
    store(b, GPIO_('B', 0x24), 9); // PB8 CAN1_RX, floating
    store(b, GPIO_('B', 0x00), 2u << 16);
    store(b, CAN1_(0), 0);
    assert_int_equal(load(b, CAN1_(4)) & 3, 1);
    assert_true(chip_set_pin(b->chip, "PB8", 1));
    assert_int_equal(load(b, CAN1_(4)) & 3, 0);
    assert_int_equal(load(b, CAN1_(8)), 0x1C000000);
    store(b, CAN1_(0x1C), 0);
    assert_int_equal(load(b, CAN1_(0x1C)), 0x001C0003); // outside initialisation: lost
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(spi_shifts_at_its_rate_and_reads_the_level_of_miso),
        TEST(an_unread_spi_frame_is_an_overrun_until_dr_and_sr_are_read),
        TEST(an_i2c_address_is_answered_by_nobody),
        TEST(can_acknowledges_its_modes_and_waits_for_a_recessive_bus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
