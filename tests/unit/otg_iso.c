// SPDX-License-Identifier: MIT
//
// Isochronous endpoints of the OTG core, frame by frame, and high speed over a ULPI PHY: the test is
// both the firmware and the wire. What drivers do about frames (TinyUSB's handle_incomplete_iso_in,
// ST's USB_EPStartXfer) is what is done here.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vboard/chip/otg.h"

enum {
    GUSBCFG = 0x00c,
    GRSTCTL = 0x010,
    GINTSTS = 0x014,
    GRXSTSP = 0x020,
    GRXFSIZ = 0x024,
    DIEPTXF0 = 0x028,
    GCCFG = 0x038,
    DIEPTXF1 = 0x104,
    DCFG = 0x800,
    DSTS = 0x808,
    DIEPCTL1 = 0x920,
    DIEPINT1 = 0x928,
    DIEPTSIZ1 = 0x930,
    DOEPCTL1 = 0xb20,
    DOEPINT1 = 0xb28,
    DOEPTSIZ1 = 0xb30,
    FIFO1 = 0x2000,
};
#define EPENA        (1u << 31)
#define EPDIS        (1u << 30)
#define SODDFRM      (1u << 29)
#define SEVNFRM      (1u << 28)
#define CNAK         (1u << 26)
#define ISO          (1u << 18)
#define EONUM        (1u << 16)
#define USBAEP       (1u << 15)
#define PKT(n)       ((uint32_t)(n) << 19)
#define SOF          (1u << 3)
#define ISOODRP      (1u << 14)
#define EOPF         (1u << 15)
#define IISOIXFR     (1u << 20)
#define INCOMPISOOUT (1u << 21)
#define XFRC         1u
#define PHYSEL       (1u << 6)

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct otg *otg;
    const struct wire_device *wire;
    struct wire_host host;
    enum usb_speed pullup;
    bool has_ulpi_clock;
};

static void on_irq(void *ctx, bool level) {
    (void)ctx, (void)level;
}

static void on_pullup(void *ctx, enum usb_speed speed) {
    ((struct bench *)ctx)->pullup = speed;
}

static void on_nothing(void *ctx) {
    (void)ctx;
}

static bool has_ulpi_clock(void *ctx) {
    return ((struct bench *)ctx)->has_ulpi_clock;
}

static uint32_t rd(struct bench *b, uint32_t off) {
    uint32_t value = 0xdeadbeef;
    assert_true(otg_read(b->otg, off, &value));
    return value;
}

static void wr(struct bench *b, uint32_t off, uint32_t value) {
    assert_true(otg_write(b->otg, off, value, 0xffffffffu));
}

static void run_for(struct bench *b, uint64_t ps) {
    timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

static int setup_with(void **state, const struct otg_config *config) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.complaints = NULL;
    b->otg = otg_new(config, &b->timeline, &b->trace, on_irq, b);
    b->wire = otg_wire(b->otg);
    b->host = (struct wire_host){b, on_pullup, on_nothing, on_nothing};
    otg_connect(b->otg, &b->host);
    *state = b;
    return 0;
}

static int setup_fs(void **state) {
    return setup_with(state, &otg_fs_config);
}

static int setup_hs(void **state) {
    (void)setup_with(state, &otg_hs_config);
    struct bench *b = *state;
    b->has_ulpi_clock = true;
    otg_set_surroundings(b->otg, &(struct otg_surroundings){.ctx = b,
                                                            .has_ulpi_phy = true,
                                                            .has_ulpi_clock = has_ulpi_clock});
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    otg_free(b->otg);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

// Endpoint 1 isochronous both ways, 128 bytes.
static void up(struct bench *b) {
    otg_set_phy_clock(b->otg, 48000000);
    wr(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_FULL);
    run_for(b, PS_PER_MS);
    wr(b, GINTSTS, 0xffffffffu);
    wr(b, GRXFSIZ, 128);
    wr(b, DIEPTXF0, 16u << 16 | 128);
    wr(b, DIEPTXF1, 64u << 16 | 144);
    wr(b, DIEPCTL1, 128 | USBAEP | ISO | 1u << 22);
    wr(b, DOEPCTL1, 128 | USBAEP | ISO);
}

static void frame(struct bench *b, unsigned number) {
    b->wire->sof(b->otg, number);
}

// One packet for the next frame of a parity.
static void arm_in(struct bench *b, uint32_t parity, unsigned words) {
    wr(b, DIEPTSIZ1, 1u << 29 | PKT(1) | 4 * words);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK | parity);
    for (unsigned i = 0; i < words; i++) {
        wr(b, FIFO1, 0x01010101u * (i + 1));
    }
}

// What an IN token brings; -1 for no answer.
static int in(struct bench *b, uint8_t data[128]) {
    unsigned toggle = 7;
    unsigned len = 0;
    if (b->wire->in(b->otg, 0, 1, &toggle, data, &len) != WIRE_ACK) {
        return -1;
    }
    assert_int_equal(toggle, 0); // DATA0 always (USB 2.0 5.6.4: one packet a frame)
    b->wire->in_acked(b->otg, 1);
    return (int)len;
}

static enum wire_answer out(struct bench *b, const char *text) {
    return b->wire->out(b->otg, 0, 1, 0, (const uint8_t *)text, (unsigned)strlen(text));
}

static void an_iso_in_packet_goes_in_a_frame_of_its_parity(void **state) {
    struct bench *b = *state;
    uint8_t data[128];
    up(b);
    frame(b, 10);
    arm_in(b, SODDFRM, 8);
    assert_true(rd(b, DIEPCTL1) & EONUM);
    assert_int_equal(in(b, data), 0); // an even frame: an empty packet
    assert_false(rd(b, DIEPINT1) & XFRC);
    frame(b, 11);
    assert_int_equal(in(b, data), 32);
    assert_int_equal(data[4], 2);
    assert_true(rd(b, DIEPINT1) & XFRC);
    assert_false(rd(b, DIEPCTL1) & EPENA);
    assert_true(rd(b, DIEPCTL1) & EONUM); // parity does not flip by itself
}

static void iso_in_without_its_data_is_an_empty_packet(void **state) {
    struct bench *b = *state;
    uint8_t data[128];
    up(b);
    frame(b, 10);
    assert_int_equal(in(b, data), 0);
    wr(b, DIEPTSIZ1, PKT(1) | 32);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK | SEVNFRM);
    wr(b, FIFO1, 1);
    assert_int_equal(in(b, data), 0);
    assert_true(rd(b, DIEPINT1) & 1u << 4); // ITTXFE
    assert_true(rd(b, DIEPCTL1) & EPENA);
}

static void a_packet_not_fetched_is_incomplete_at_the_end_of_its_own_frame_only(void **state) {
    struct bench *b = *state;
    up(b);
    frame(b, 20);
    arm_in(b, SODDFRM, 4);
    run_for(b, PS_PER_MS - PS_PER_US);
    assert_false(rd(b, GINTSTS) & IISOIXFR);
    assert_true(rd(b, GINTSTS) & EOPF);
    wr(b, GINTSTS, 0xffffffffu);
    frame(b, 21);
    run_for(b, 799 * PS_PER_US);
    assert_false(rd(b, GINTSTS) & (IISOIXFR | EOPF));
    run_for(b, 2 * PS_PER_US); // 80 % of the frame
    assert_true(rd(b, GINTSTS) & IISOIXFR);
    // The driver sees the frame it happened in, and turns the packet to the next one.
    assert_int_equal(rd(b, DSTS) >> 8 & 1, 1);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPDIS);
    assert_true(rd(b, DIEPINT1) & 1u << 1);
}

static void an_iso_out_packet_of_the_other_parity_is_dropped(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPTSIZ1, PKT(1) | 128);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK | SODDFRM);
    frame(b, 30);
    assert_int_equal(out(b, "even"), WIRE_SILENCE);
    frame(b, 31);
    assert_int_equal(out(b, "odd!"), WIRE_ACK);
    uint32_t status = rd(b, GRXSTSP);
    assert_int_equal(status >> 4 & 0x7ff, 4);
    assert_int_equal(status >> 21 & 0xf, 31 & 0xf); // FRMNUM
    assert_int_equal(rd(b, 0x1000), 0x2164646f);
    assert_int_equal(rd(b, GRXSTSP) >> 17 & 0xf, 3);
    assert_true(rd(b, DOEPINT1) & XFRC);
    assert_int_equal(rd(b, DOEPTSIZ1) >> 29, 0); // RXDPID DATA0
}

static void an_iso_out_packet_that_did_not_come_is_incomplete(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPTSIZ1, PKT(1) | 128);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK | SODDFRM);
    frame(b, 40);
    run_for(b, 900 * PS_PER_US);
    assert_false(rd(b, GINTSTS) & INCOMPISOOUT);
    frame(b, 41);
    run_for(b, 900 * PS_PER_US);
    assert_true(rd(b, GINTSTS) & INCOMPISOOUT);
}

static void without_room_an_iso_out_packet_is_gone_and_told(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, GRXFSIZ, 16);
    wr(b, DOEPTSIZ1, PKT(1) | 128);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK | SEVNFRM);
    frame(b, 50);
    assert_int_equal(out(b, "0123456789abcdef0123456789abcdef"), WIRE_SILENCE);
    assert_true(rd(b, GINTSTS) & ISOODRP);
}

static void with_a_ulpi_phy_a_bus_reset_ends_at_high_speed(void **state) {
    struct bench *b = *state;
    // No 48 MHz: the PHY has its own clock.
    wr(b, GCCFG, 1u << 21);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_HIGH);
    run_for(b, PS_PER_MS);
    assert_int_equal(rd(b, DSTS) >> 1 & 3, 0);
    frame(b, 0x2aab); // frame 0x555, microframe 3
    assert_int_equal(rd(b, DSTS) >> 8 & 0x3fff, 0x2aab);
    assert_true(rd(b, GINTSTS) & SOF);
    // DCFG.DSPD asks for full speed.
    wr(b, DCFG, 1);
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_FULL);
    assert_int_equal(rd(b, DSTS) >> 1 & 3, 1);
}

static void without_the_ulpi_clock_there_is_no_phy(void **state) {
    struct bench *b = *state;
    b->has_ulpi_clock = false;
    wr(b, GCCFG, 1u << 21);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
    wr(b, GRSTCTL, 1);
    assert_true(rd(b, GRSTCTL) & 1);
    assert_int_equal(trace_complaints(&b->trace, "otg-no-ulpi"), 1);
    b->has_ulpi_clock = true;
    wr(b, GRSTCTL, 1);
    assert_false(rd(b, GRSTCTL) & 1);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    b->has_ulpi_clock = false;
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_NONE);
}

static void the_embedded_phy_of_otg_hs_stays_at_full_speed(void **state) {
    struct bench *b = *state;
    otg_set_phy_clock(b->otg, 48000000);
    wr(b, GUSBCFG, PHYSEL);
    wr(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_FULL);
    assert_int_equal(rd(b, DSTS) >> 1 & 3, 3);
}

int main(void) {
#define FS(name) cmocka_unit_test_setup_teardown(name, setup_fs, teardown)
#define HS(name) cmocka_unit_test_setup_teardown(name, setup_hs, teardown)
    const struct CMUnitTest tests[] = {
        FS(an_iso_in_packet_goes_in_a_frame_of_its_parity),
        FS(iso_in_without_its_data_is_an_empty_packet),
        FS(a_packet_not_fetched_is_incomplete_at_the_end_of_its_own_frame_only),
        FS(an_iso_out_packet_of_the_other_parity_is_dropped),
        FS(an_iso_out_packet_that_did_not_come_is_incomplete),
        FS(without_room_an_iso_out_packet_is_gone_and_told),
        HS(with_a_ulpi_phy_a_bus_reset_ends_at_high_speed),
        HS(without_the_ulpi_clock_there_is_no_phy),
        HS(the_embedded_phy_of_otg_hs_stays_at_full_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
