// SPDX-License-Identifier: MIT
//
// OTG_HS on the chip: where it is, what clocks it, its four interrupts, its DMA's way to memory, its
// sleep; and both cores' pins.

#include "tests/unit/chip_bench.h"
#include "vboard/chip/otg.h"

#define HS(off)     (0x40040000u + (off))
#define AHB1RSTR    RCC_(0x10)
#define AHB1ENR     RCC_(0x30)
#define AHB1LPENR   RCC_(0x50)
#define OTGHSEN     (1u << 29)
#define OTGHSULPI   (1u << 30)

#define GAHBCFG     HS(0x008)
#define GUSBCFG     HS(0x00c)
#define GRSTCTL     HS(0x010)
#define GINTSTS     HS(0x014)
#define GINTMSK     HS(0x018)
#define GCCFG       HS(0x038)
#define CID         HS(0x03c)
#define GHWCFG2     HS(0x048)
#define DOEPMSK     HS(0x814)
#define DAINTMSK    HS(0x81c)
#define DEACHINT    HS(0x838)
#define DEACHMSK    HS(0x83c)
#define DINEP1MSK   HS(0x844)
#define DOUTEP1MSK  HS(0x884)
#define DIEPCTL(ep) HS(0x900 + 0x20 * (ep))
#define DIEPTSIZ1   HS(0x930)
#define DIEPDMA1    HS(0x934)
#define DOEPCTL1    HS(0xb20)
#define DOEPINT1    HS(0xb28)
#define DOEPTSIZ1   HS(0xb30)
#define DOEPDMA1    HS(0xb34)

#define PHYSEL      (1u << 6)
#define DMAEN       (1u << 5)
#define EPENA       (1u << 31)
#define CNAK        (1u << 26)
#define BULK        (2u << 18)
#define USBAEP      (1u << 15)

static enum usb_speed shown;

static void on_pullup(void *ctx, enum usb_speed speed) {
    (void)ctx;
    shown = speed;
}

static void on_nothing(void *ctx) {
    (void)ctx;
}

// PB14 and PB15 in this function, the embedded PHY's being 12.
static void set_pins(struct bench *b, uint32_t function) {
    store(b, AHB1ENR, load(b, AHB1ENR) | 1u << 1);
    store(b, GPIO_('B', 0x24), function << 24 | function << 28);
    store(b, GPIO_('B', 0x00), 2u << 28 | 2u << 30);
}

static void start_usb_clock(struct bench *b) {
    store(b, FLASH_(0), 5);
    store(b, RCC_(0x00), 0x00010083);
    run_for(b, 3 * PS_PER_MS);
    store(b, RCC_(0x04), 0x07405408);
    store(b, RCC_(0x00), 0x01010083);
    run_for(b, PS_PER_MS);
}

// Clocked, shown, reset by the host; endpoint 1 bulk both ways.
static const struct wire_device *up(struct bench *b) {
    static const struct wire_host host = {NULL, on_pullup, on_nothing, on_nothing};
    chip_connect_otg_hs(b->chip, &host);
    start_usb_clock(b);
    set_pins(b, 12);
    store(b, AHB1ENR, OTGHSEN);
    store(b, AHB1LPENR, load(b, AHB1LPENR) & ~OTGHSULPI); // the processor here sleeps all the time
    store(b, GUSBCFG, PHYSEL | 1u << 30);
    store(b, HS(0x024), 128); // FIFOs one behind the other
    store(b, HS(0x028), 16u << 16 | 128);
    store(b, HS(0x104), 16u << 16 | 144);
    store(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(shown, USB_SPEED_FULL);
    const struct wire_device *wire = chip_otg_hs(b->chip);
    assert_int_equal(wire->bus_reset(wire->ctx), USB_SPEED_FULL);
    run_for(b, PS_PER_MS);
    store(b, GINTSTS, 0xffffffffu);
    store(b, DIEPCTL(1), 64 | USBAEP | BULK | 1u << 22);
    store(b, DOEPCTL1, 64 | USBAEP | BULK);
    return wire;
}

static void answers_when_clocked_with_the_ids_of_silicon(void **state) {
    struct bench *b = *state;
    assert_int_equal(load(b, CID), 0);
    assert_int_equal(trace_complaints(&b->trace, "unclocked-peripheral"), 1);
    store(b, AHB1ENR, OTGHSEN);
    assert_int_equal(load(b, CID), 0x1100);
    assert_int_equal(load(b, GHWCFG2), 0x229ed590);
    // Six endpoints: the sixth stores, a seventh is not there.
    store(b, DIEPCTL(5), 64);
    store(b, DIEPCTL(6), 64);
    assert_int_equal(load(b, DIEPCTL(5)), 64);
    assert_int_equal(load(b, DIEPCTL(6)), 0);
    store(b, AHB1RSTR, OTGHSEN);
    store(b, AHB1RSTR, 0);
    assert_int_equal(load(b, DIEPCTL(5)), 0);
}

static void without_the_embedded_phy_chosen_its_reset_never_ends(void **state) {
    struct bench *b = *state;
    store(b, AHB1ENR, OTGHSEN);
    store(b, GUSBCFG, PHYSEL);
    store(b, GRSTCTL, 1);
    assert_int_equal(load(b, GRSTCTL) & 1, 0);
    store(b, GUSBCFG, 0);
    store(b, GRSTCTL, 1);
    assert_int_equal(load(b, GRSTCTL) & 1, 1);
    assert_int_equal(trace_complaints(&b->trace, "otg-no-ulpi"), 1);
}

// Whether the core reset ends with ULPI's pins in alternate function 10, D4 at this pin of port B.
static bool has_ulpi(enum chip_id id, unsigned d4) {
    struct timeline timeline;
    struct trace trace;
    timeline_init(&timeline);
    trace_init(&trace, &timeline);
    struct bench b = {0};
    b.chip =
        chip_new(&chip_models[id], &(struct chip_wiring){.hse_hz = 8000000, .has_ulpi_phy = true},
                 &timeline, &trace);
    b.cpu = chip_cpu(b.chip);
    chip_power_on(b.chip);
    store(&b, AHB1ENR, OTGHSEN | OTGHSULPI | 7);
    const struct {
        char port;
        uint8_t pin;
    } pins[] = {{'A', 3},           {'A', 5},  {'B', 0},  {'B', 1}, {'B', 5}, {'B', 10},
                {'B', (uint8_t)d4}, {'B', 12}, {'B', 13}, {'C', 0}, {'C', 2}, {'C', 3}};
    for (size_t i = 0; i < COUNT_OF(pins); i++) {
        uint32_t moder = GPIO_(pins[i].port, 0),
                 afr = GPIO_(pins[i].port, 0x20 + pins[i].pin / 8 * 4);
        store(&b, moder, load(&b, moder) | 2u << 2 * pins[i].pin);
        store(&b, afr, load(&b, afr) | 10u << 4 * (pins[i].pin % 8));
    }
    store(&b, GUSBCFG, 0);
    store(&b, GRSTCTL, 1);
    bool ends = (load(&b, GRSTCTL) & 1) == 0;
    chip_free(b.chip);
    trace_free(&trace);
    timeline_free(&timeline);
    return ends;
}

static void ulpi_d4_is_at_pb11_and_on_the_f446_at_pb2_too(void **state) {
    (void)state;
    assert_true(has_ulpi(STM32F407VG, 11));
    assert_false(has_ulpi(STM32F407VG, 2));
    assert_true(has_ulpi(STM32F446ZE, 2));
    assert_true(has_ulpi(STM32F446ZE, 11));
    assert_false(has_ulpi(STM32F446ZE, 3));
}

static void endpoint_1_has_lines_of_its_own(void **state) {
    struct bench *b = *state;
    const struct wire_device *wire = up(b);
    store(b, GAHBCFG, 1);
    store(b, DEACHMSK, 1u << 17 | 1u << 1);
    store(b, DOUTEP1MSK, 1);
    store(b, DOEPTSIZ1, 1u << 19 | 64);
    store(b, DOEPCTL1, load(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(wire->out(wire->ctx, 0, 1, 0, (const uint8_t *)"abc", 3), WIRE_ACK);
    assert_false(fake_irq(b->cpu, 74));
    for (unsigned i = 0; i < 2; i++) {
        uint32_t status = load(b, HS(0x020));
        if (status >> 4 & 0x7ff) {
            assert_int_equal(load(b, HS(0x1000)) & 0xffffff, 0x636261);
        }
    }
    assert_int_equal(load(b, DEACHINT), 1u << 17);
    assert_true(fake_irq(b->cpu, 74));
    assert_false(fake_irq(b->cpu, 75));
    assert_false(fake_irq(b->cpu, 77)); // nothing is unmasked there
    store(b, DAINTMSK, 1u << 17);
    store(b, DOEPMSK, 1);
    store(b, GINTMSK, 1u << 19);
    assert_true(fake_irq(b->cpu, 77));
    store(b, DOEPINT1, 1);
    assert_false(fake_irq(b->cpu, 74));
    assert_false(fake_irq(b->cpu, 77));
}

static void dma_moves_between_bus_and_sram_and_not_ccm(void **state) {
    struct bench *b = *state;
    const struct wire_device *wire = up(b);
    uint8_t data[64];
    unsigned len = 0, toggle = 0;
    store(b, GAHBCFG, DMAEN | 1);
    // Two packets in, the second short.
    for (unsigned i = 0; i < 70; i++) {
        assert_true(fake_store(b->cpu, 0x20001000 + i, 1, i));
    }
    store(b, DIEPTSIZ1, 2u << 19 | 70);
    store(b, DIEPDMA1, 0x20001000);
    store(b, DIEPCTL(1), load(b, DIEPCTL(1)) | EPENA | CNAK);
    assert_int_equal(wire->in(wire->ctx, 0, 1, &toggle, data, &len), WIRE_ACK);
    assert_int_equal(len, 64);
    assert_int_equal(data[63], 63);
    // Not acknowledged: the same again.
    assert_int_equal(wire->in(wire->ctx, 0, 1, &toggle, data, &len), WIRE_ACK);
    assert_int_equal(data[63], 63);
    wire->in_acked(wire->ctx, 1);
    assert_int_equal(wire->in(wire->ctx, 0, 1, &toggle, data, &len), WIRE_ACK);
    assert_int_equal(len, 6);
    assert_int_equal(data[5], 69);
    wire->in_acked(wire->ctx, 1);
    assert_int_equal(load(b, DIEPDMA1), 0x20001000 + 70);
    assert_int_equal(load(b, DIEPCTL(1)) & EPENA, 0);
    // Out: XFRC without any pop.
    store(b, DOEPTSIZ1, 1u << 19 | 64);
    store(b, DOEPDMA1, 0x20002000);
    store(b, DOEPCTL1, load(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(wire->out(wire->ctx, 0, 1, 0, (const uint8_t *)"wxyz", 4), WIRE_ACK);
    assert_int_equal(load(b, 0x20002000), 0x7a797877);
    assert_int_equal(load(b, DOEPINT1) & 1, 1);
    assert_int_equal(load(b, DOEPTSIZ1) & 0x7f, 60);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
    // CCM is for the processor alone, and addresses are of words.
    store(b, 0x10000000, 0x11111111);
    store(b, DOEPTSIZ1, 1u << 19 | 64);
    store(b, DOEPDMA1, 0x10000000);
    store(b, DOEPCTL1, load(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(wire->out(wire->ctx, 0, 1, 1, (const uint8_t *)"wxyz", 4), WIRE_ACK);
    assert_int_equal(load(b, 0x10000000), 0x11111111);
    assert_int_equal(trace_complaints(&b->trace, "otg-dma"), 1);
    store(b, DOEPDMA1, 0x20002002);
    store(b, DOEPCTL1, load(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(trace_complaints(&b->trace, "otg-dma-alignment"), 1);
}

// The fake processor sleeps whenever its script is done.
static void with_the_ulpi_clock_enabled_in_sleep_it_is_deaf_in_sleep(void **state) {
    struct bench *b = *state;
    const struct wire_device *wire = up(b);
    const uint8_t setup[8] = {0x80, 6, 0, 1, 0, 0, 18, 0};
    assert_int_equal(wire->setup(wire->ctx, 0, 0, setup), WIRE_ACK);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
    store(b, AHB1LPENR, load(b, AHB1LPENR) | OTGHSULPI); // as after a reset
    assert_int_equal(wire->setup(wire->ctx, 0, 0, setup), WIRE_SILENCE);
    assert_int_equal(trace_complaints(&b->trace, "usb-stopped-in-sleep"), 1);
    // Awake it hears.
    struct fake_step awake[] = {{.kind = FAKE_WAIT, .value = 1000}};
    fake_script(b->cpu, awake, 1);
    assert_int_equal(wire->setup(wire->ctx, 0, 0, setup), WIRE_ACK);
}

// The pull-up is on and waits for its pins: they may come late, but not never.
static void without_its_pins_the_embedded_phy_is_not_seen(void **state) {
    struct bench *b = *state;
    static const struct wire_host host = {NULL, on_pullup, on_nothing, on_nothing};
    shown = USB_SPEED_NONE;
    chip_connect_otg_hs(b->chip, &host);
    start_usb_clock(b);
    store(b, AHB1ENR, OTGHSEN | 1u << 1);
    store(b, GUSBCFG, PHYSEL | 1u << 30);
    store(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(shown, USB_SPEED_NONE);
    run_for(b, 90 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
    set_pins(b, 12);
    assert_int_equal(shown, USB_SPEED_FULL);
    run_for(b, 200 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
    store(b, AHB1ENR, OTGHSEN); // GPIOB without a clock keeps what it was told
    assert_int_equal(shown, USB_SPEED_FULL);
    set_pins(b, 10); // which is OTG_FS's and ULPI's function
    assert_int_equal(shown, USB_SPEED_NONE);
    run_for(b, 200 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, "usb-pins"), 1);
    assert_true(bench_traced(b, "PB14 is in alternate function 10"));
    set_pins(b, 12);
    set_pins(b, 0);
    run_for(b, 200 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, "usb-pins"), 1);
}

#define OTG_FS_(off) (0x50000000u + (off))

static void without_pa11_and_pa12_otg_fs_is_not_seen(void **state) {
    struct bench *b = *state;
    static const struct wire_host host = {NULL, on_pullup, on_nothing, on_nothing};
    shown = USB_SPEED_NONE;
    chip_connect_otg_fs(b->chip, &host);
    start_usb_clock(b);
    store(b, AHB1ENR, 1);
    store(b, RCC_(0x34), 1u << 7);
    store(b, GPIO_('A', 0x24), 10u << 12 | 10u << 16); // the function, not the mode
    store(b, OTG_FS_(0x038), 1u << 16 | 1u << 21);
    assert_int_equal(shown, USB_SPEED_NONE);
    // Hidden and shown again meanwhile: the time counts afresh.
    run_for(b, 90 * PS_PER_MS);
    store(b, OTG_FS_(0x804), 2);
    store(b, OTG_FS_(0x804), 0);
    run_for(b, 90 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
    run_for(b, 20 * PS_PER_MS);
    assert_int_equal(trace_complaints(&b->trace, "usb-pins"), 1);
    assert_true(bench_traced(b, "PA11 is an input"));
    store(b, GPIO_('A', 0x00), 0xA8000000 | 2u << 22); // PA11 alone
    assert_int_equal(shown, USB_SPEED_NONE);
    store(b, GPIO_('A', 0x00), 0xA8000000 | 2u << 22 | 2u << 24);
    assert_int_equal(shown, USB_SPEED_FULL);
    store(b, GPIO_('A', 0x00), 0xA8000000 | 2u << 22 | 1u << 24); // D+ is driven by hand
    assert_int_equal(shown, USB_SPEED_NONE);
    assert_int_equal(trace_complaints(&b->trace, NULL), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ulpi_d4_is_at_pb11_and_on_the_f446_at_pb2_too),
        TEST(answers_when_clocked_with_the_ids_of_silicon),
        TEST(without_the_embedded_phy_chosen_its_reset_never_ends),
        TEST(without_its_pins_the_embedded_phy_is_not_seen),
        TEST(without_pa11_and_pa12_otg_fs_is_not_seen),
        TEST(endpoint_1_has_lines_of_its_own),
        TEST(dma_moves_between_bus_and_sram_and_not_ccm),
        TEST(with_the_ulpi_clock_enabled_in_sleep_it_is_deaf_in_sleep),
    };
    return cmocka_run_group_tests_name("otg_hs", tests, NULL, NULL);
}
