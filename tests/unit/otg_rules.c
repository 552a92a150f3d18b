// SPDX-License-Identifier: MIT
//
// Single rules of the OTG core, register by register and transaction by transaction, without a
// host: the test is both the firmware and the wire.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vboard/chip/otg.h"

enum {
    GOTGINT = 0x004,
    GAHBCFG = 0x008,
    GRSTCTL = 0x010,
    GINTSTS = 0x014,
    GINTMSK = 0x018,
    GRXSTSR = 0x01c,
    GRXSTSP = 0x020,
    GRXFSIZ = 0x024,
    DIEPTXF0 = 0x028,
    GCCFG = 0x038,
    DIEPTXF1 = 0x104,
    DCFG = 0x800,
    DCTL = 0x804,
    DSTS = 0x808,
    DIEPMSK = 0x810,
    DOEPMSK = 0x814,
    DAINT = 0x818,
    DAINTMSK = 0x81c,
    DIEPEMPMSK = 0x834,
    DIEPCTL0 = 0x900,
    DIEPINT0 = 0x908,
    DIEPTSIZ0 = 0x910,
    DTXFSTS0 = 0x918,
    DIEPCTL1 = 0x920,
    DIEPINT1 = 0x928,
    DIEPTSIZ1 = 0x930,
    DTXFSTS1 = 0x938,
    DOEPCTL0 = 0xb00,
    DOEPINT0 = 0xb08,
    DOEPTSIZ0 = 0xb10,
    DOEPCTL1 = 0xb20,
    DOEPINT1 = 0xb28,
    DOEPTSIZ1 = 0xb30,
};
#define EPENA    (1u << 31)
#define EPDIS    (1u << 30)
#define SNAK     (1u << 27)
#define CNAK     (1u << 26)
#define STALL    (1u << 21)
#define NAKSTS   (1u << 17)
#define USBAEP   (1u << 15)
#define PKT(n)   ((uint32_t)(n) << 19)
#define RXFLVL   (1u << 4)
#define GONAKEFF (1u << 7)

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct otg *otg;
    const struct wire_device *wire;
    struct wire_host host;
    bool irq;
    enum usb_speed pullup;
    unsigned readies, wakeups;
};

static void on_irq(void *ctx, bool level) {
    ((struct bench *)ctx)->irq = level;
}

static void on_pullup(void *ctx, enum usb_speed speed) {
    ((struct bench *)ctx)->pullup = speed;
}

static void on_ready(void *ctx) {
    ((struct bench *)ctx)->readies++;
}

static void on_wakeup(void *ctx) {
    ((struct bench *)ctx)->wakeups++;
}

static uint32_t rd(struct bench *b, uint32_t off) {
    uint32_t value = 0xdeadbeef;
    assert_true(otg_read(b->otg, off, &value));
    return value;
}

static void wr(struct bench *b, uint32_t off, uint32_t value) {
    assert_true(otg_write(b->otg, off, value, 0xffffffffu));
}

static uint32_t pktsts(uint32_t status) {
    return status >> 17 & 15;
}

static int setup_with(void **state, const struct otg_config *config) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.complaints = NULL;
    b->otg = otg_new(config, &b->timeline, &b->trace, on_irq, b);
    b->wire = otg_wire(b->otg);
    b->host = (struct wire_host){b, on_pullup, on_ready, on_wakeup};
    otg_connect(b->otg, &b->host);
    *state = b;
    return 0;
}

static int setup(void **state) {
    return setup_with(state, &otg_fs_config);
}

static int setup_f446(void **state) {
    return setup_with(state, &otg_fs_config_f446);
}

static int teardown(void **state) {
    struct bench *b = *state;
    otg_free(b->otg);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

// Connected, reset and enumerated, endpoint 0 of 64 bytes, endpoint 1 bulk both ways.
static void up(struct bench *b) {
    otg_set_phy_clock(b->otg, 48000000);
    wr(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_FULL);
    timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_MS);
    wr(b, GINTSTS, 0xffffffffu);
    wr(b, GRXFSIZ, 64);
    wr(b, DIEPTXF0, 16u << 16 | 64);
    wr(b, DIEPTXF1, 32u << 16 | 80);
    wr(b, DIEPCTL1, 64 | USBAEP | 2u << 18 | 1u << 22);
    wr(b, DOEPCTL1, 64 | USBAEP | 2u << 18);
}

static enum wire_answer send_setup(struct bench *b, uint8_t addr) {
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    return b->wire->setup(b->otg, addr, 0, bytes);
}

static enum wire_answer send_out(struct bench *b, unsigned ep, unsigned toggle, unsigned len) {
    static uint8_t bytes[64] = {0x11, 0x22, 0x33, 0x44, 0x55};
    return b->wire->out(b->otg, 0, (uint8_t)ep, toggle, bytes, len);
}

static enum wire_answer ask_in(struct bench *b, unsigned ep, unsigned *len, unsigned *toggle) {
    uint8_t data[WIRE_PACKET_MAX];
    *len = 999;
    enum wire_answer answer = b->wire->in(b->otg, 0, (uint8_t)ep, toggle, data, len);
    if (answer == WIRE_ACK) {
        b->wire->in_acked(b->otg, (uint8_t)ep);
    }
    return answer;
}

static enum wire_answer poll_in(struct bench *b, unsigned ep) {
    unsigned len, toggle;
    return ask_in(b, ep, &len, &toggle);
}

// --- Identity, connection, bus events. ---

static void identity_is_an_f4_fs_core(void **state) {
    struct bench *b = *state;
    assert_int_equal(rd(b, 0x03c), 0x1200);
    assert_int_equal(rd(b, 0x040), 0x4f54281a);
    assert_int_equal(rd(b, 0x048), 0x229dcd20);
    assert_int_equal(rd(b, GRSTCTL), 0x80000000);
    assert_int_equal(rd(b, DIEPCTL0), USBAEP);
    assert_int_equal(rd(b, DIEPTXF1), 0x02000400);
    uint32_t value;
    assert_false(otg_read(b->otg, 0x400, &value)); // host mode
}

// RM0390 31.15.1, 31.15.2: bit 21 of GCCFG is VBDEN there, bit 19 is nothing.
static void the_f446_senses_vbus_with_vbden_or_takes_the_override(void **state) {
    struct bench *b = *state;
    otg_set_phy_clock(b->otg, 48000000);
    assert_int_equal(rd(b, 0x03c), 0x2000);
    wr(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
    b->wire->vbus(b->otg, true);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    wr(b, GCCFG, 1u << 16 | 1u << 19);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
    wr(b, 0x000, 3u << 6); // BVALOEN, BVALOVAL
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    b->wire->vbus(b->otg, false);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    wr(b, 0x000, 1u << 6); // overridden to "none"
    b->wire->vbus(b->otg, true);
    wr(b, GCCFG, 1u << 16 | 1u << 21);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
}

static void pullup_needs_phy_power_session_and_no_soft_disconnect(void **state) {
    struct bench *b = *state;
    otg_set_phy_clock(b->otg, 48000000);
    wr(b, GCCFG, 1u << 16);
    assert_int_equal(b->pullup, USB_SPEED_NONE); // neither sensed nor told
    wr(b, GCCFG, 1u << 16 | 1u << 19);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
    b->wire->vbus(b->otg, true);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    assert_true(rd(b, GINTSTS) & 1u << 30);
    assert_true(rd(b, 0x000) & 1u << 19); // BSVLD
    wr(b, DCTL, 2);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
    wr(b, DCTL, 0);
    b->wire->vbus(b->otg, false);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
    assert_true(rd(b, GOTGINT) & 4);
    wr(b, GCCFG, 1u << 16 | 1u << 21); // sensing off: always there
    assert_int_equal(b->pullup, USB_SPEED_FULL);
    otg_reset(b->otg);
    assert_int_equal(b->pullup, USB_SPEED_NONE);
}

static void a_wrong_usb_clock_is_silent_and_complained_of_once(void **state) {
    struct bench *b = *state;
    up(b);
    assert_int_equal(send_setup(b, 0), WIRE_ACK);
    unsigned long before = b->trace.complaint_count;
    otg_set_phy_clock(b->otg, 48100000); // within 0.25 %
    assert_int_equal(send_setup(b, 0), WIRE_ACK);
    assert_int_equal(b->trace.complaint_count, before);
    otg_set_phy_clock(b->otg, 47800000);
    assert_int_equal(send_setup(b, 0), WIRE_SILENCE);
    otg_set_phy_clock(b->otg, 42000000);
    otg_set_phy_clock(b->otg, 42000000);
    assert_int_equal(b->trace.complaint_count, before + 2);
    assert_int_equal(send_setup(b, 0), WIRE_SILENCE);
    assert_int_equal(b->wire->bus_reset(b->otg), USB_SPEED_NONE);
}

static void bus_reset_raises_usbrst_then_enumdne_and_forgets_the_address(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DCFG, rd(b, DCFG) | 5u << 4);
    wr(b, GINTMSK, 1u << 12);
    wr(b, GAHBCFG, 1);
    assert_false(b->irq);
    b->wire->bus_reset(b->otg);
    assert_true(b->irq);
    assert_int_equal(rd(b, GINTSTS) & 3u << 12, 1u << 12);
    assert_int_equal(rd(b, DCFG) >> 4 & 0x7f, 0);
    timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_MS);
    assert_int_equal(rd(b, GINTSTS) & 3u << 12, 3u << 12);
    assert_int_equal(rd(b, DSTS) & 6, 6);
    assert_false(rd(b, DIEPCTL1) & USBAEP);
    wr(b, GINTSTS, 1u << 12);
    assert_false(b->irq);
}

static void suspend_resume_and_remote_wakeup(void **state) {
    struct bench *b = *state;
    up(b);
    b->wire->vbus(b->otg, true);
    b->wire->suspend(b->otg);
    assert_int_equal(rd(b, DSTS) & 1, 1);
    assert_true(rd(b, GINTSTS) & 1u << 11);
    wr(b, DCTL, 1);
    assert_int_equal(b->wakeups, 1);
    b->wire->resume(b->otg);
    assert_int_equal(rd(b, DSTS) & 1, 0);
    assert_true(rd(b, GINTSTS) & 1u << 31);
    b->wire->sof(b->otg, 0x123);
    assert_int_equal(rd(b, DSTS) >> 8 & 0x3fff, 0x123);
    assert_true(rd(b, GINTSTS) & 8);
}

// --- SETUP. ---

static void setup_is_taken_whatever_nak_stall_and_stupcnt_say(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPCTL0, SNAK | STALL);
    wr(b, DIEPCTL0, STALL);
    wr(b, DOEPTSIZ0, 1u << 29);
    assert_int_equal(send_setup(b, 0), WIRE_ACK);
    assert_int_equal(rd(b, DOEPTSIZ0) >> 29, 0);
    assert_int_equal(send_setup(b, 0), WIRE_ACK); // STUPCNT stays 0
    assert_int_equal(rd(b, DOEPTSIZ0) >> 29, 0);
    assert_false(rd(b, DOEPCTL0) & STALL);
    assert_false(rd(b, DIEPCTL0) & STALL);
    assert_true(rd(b, DOEPCTL0) & NAKSTS);
    assert_true(rd(b, DIEPCTL0) & NAKSTS);
    assert_int_equal(send_setup(b, 1), WIRE_SILENCE); // another address
}

static void setup_done_is_written_at_the_next_token_and_stup_rises_at_its_pop(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPCTL0, EPENA);
    send_setup(b, 0);
    send_setup(b, 0);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t status = rd(b, GRXSTSP);
        assert_int_equal(pktsts(status), 6);
        assert_int_equal(status >> 4 & 0x7ff, 8);
        assert_int_equal(rd(b, 0x1000), 0x04030201);
        assert_int_equal(rd(b, 0x1ffc), 0x08070605); // any address in the window
    }
    assert_false(rd(b, GINTSTS) & RXFLVL);
    assert_int_equal(poll_in(b, 0), WIRE_NAK);
    assert_true(rd(b, GINTSTS) & RXFLVL);
    assert_false(rd(b, DOEPCTL0) & EPENA);
    assert_int_equal(pktsts(rd(b, GRXSTSR)), 4);
    uint32_t value;
    assert_true(otg_peek(b->otg, GRXSTSP, &value)); // a debugger does not pop
    assert_int_equal(pktsts(value), 4);
    assert_false(rd(b, DOEPINT0) & 8);
    assert_int_equal(pktsts(rd(b, GRXSTSP)), 4);
    assert_true(rd(b, DOEPINT0) & 8);
    assert_false(rd(b, GINTSTS) & RXFLVL);
    wr(b, DOEPINT0, 8);
    assert_false(rd(b, DOEPINT0) & 8);
}

// --- OUT. ---

// A driver that polls sets EPENA when it has read the SETUP data, before the first token after it.
static void out_enabled_after_the_setup_stays_enabled_for_the_status_stage(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPCTL0, EPENA | CNAK);
    send_setup(b, 0);
    assert_false(rd(b, DOEPCTL0) & EPENA);
    (void)rd(b, GRXSTSP);
    (void)rd(b, 0x1000);
    (void)rd(b, 0x1000);
    wr(b, DOEPCTL0, EPENA | CNAK);
    assert_int_equal(poll_in(b, 0), WIRE_NAK); // no data there yet
    (void)rd(b, GRXSTSP);                      // "SETUP done"
    assert_true(rd(b, DOEPCTL0) & EPENA);
    assert_int_equal(b->wire->out(b->wire->ctx, 0, 0, 1, NULL, 0), WIRE_ACK);
}

static void out_completion_sets_nak_at_once_and_xfrc_at_the_pop(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPTSIZ1, PKT(2) | 128);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_NAK); // not enabled
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(send_out(b, 1, 0, 5), WIRE_ACK); // short: ends it
    assert_int_equal(rd(b, DOEPTSIZ1), PKT(1) | 123);
    assert_true(rd(b, DOEPCTL1) & NAKSTS);
    assert_int_equal(send_out(b, 1, 1, 64), WIRE_NAK);
    uint32_t status = rd(b, GRXSTSP);
    assert_int_equal(pktsts(status), 2);
    assert_int_equal(status & 0xf, 1);
    assert_int_equal(status >> 4 & 0x7ff, 5);
    assert_int_equal(rd(b, 0x1000), 0x44332211);
    assert_int_equal(rd(b, 0x1000), 0x00000055);
    assert_false(rd(b, DOEPINT1) & 1);
    assert_int_equal(pktsts(rd(b, GRXSTSP)), 3);
    assert_true(rd(b, DOEPINT1) & 1);
}

static void out_goes_on_until_the_packet_count_is_zero(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPTSIZ1, PKT(2) | 128);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_ACK);
    assert_false(rd(b, DOEPCTL1) & NAKSTS);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_ACK); // a repetition: acknowledged, dropped
    assert_int_equal(rd(b, DOEPTSIZ1), PKT(1) | 64);
    assert_int_equal(send_out(b, 1, 1, 64), WIRE_ACK);
    assert_int_equal(rd(b, DOEPTSIZ1), 0);
    assert_true(rd(b, DOEPCTL1) & NAKSTS);
    assert_false(rd(b, DOEPCTL1) & EPENA);
}

static void an_endpoint_enabled_with_packet_count_zero_takes_packet_after_packet(void **state) {
    struct bench *b = *state;
    up(b);
    for (unsigned i = 0; i < 3; i++) {
        wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
        assert_int_equal(send_out(b, 1, i & 1, 64), WIRE_ACK);
        assert_int_equal(rd(b, DOEPTSIZ1), 0);
        assert_int_equal(pktsts(rd(b, GRXSTSP)), 2);
        for (unsigned k = 0; k < 16; k++) {
            (void)rd(b, 0x1000);
        }
        assert_int_equal(pktsts(rd(b, GRXSTSP)), 3);
    }
}

static void arming_before_the_pop_survives_it(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(send_out(b, 1, 0, 0), WIRE_ACK);
    assert_int_equal(pktsts(rd(b, GRXSTSP)), 2);
    assert_int_equal(pktsts(rd(b, GRXSTSR)), 3);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
    (void)rd(b, GRXSTSP);
    assert_true(rd(b, DOEPCTL1) & EPENA);
    assert_int_equal(send_out(b, 1, 1, 4), WIRE_ACK);
}

static void a_full_receive_fifo_naks_but_keeps_room_for_setup(void **state) {
    struct bench *b = *state;
    up(b);
    // Two packets of 17 words; a third would leave 9 of the 10 words kept for SETUP.
    wr(b, GRXFSIZ, 2 * 17 + 18 + 9);
    wr(b, DOEPTSIZ1, PKT(100) | 6400);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_ACK);
    assert_int_equal(send_out(b, 1, 1, 64), WIRE_ACK);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_NAK);
    assert_int_equal(send_setup(b, 0), WIRE_ACK);
    unsigned readies = b->readies;
    (void)rd(b, GRXSTSP);
    for (unsigned i = 0; i < 16; i++) {
        (void)rd(b, 0x1000);
    }
    assert_true(b->readies > readies);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_ACK);
    assert_int_equal(b->trace.complaint_count, 0);
}

static void global_out_nak_takes_effect_when_its_word_is_popped(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPTSIZ1, PKT(1) | 64);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPENA | CNAK);
    wr(b, DCTL, 1u << 9);
    assert_int_equal(send_out(b, 1, 0, 64), WIRE_NAK);
    assert_false(rd(b, GINTSTS) & GONAKEFF);
    assert_int_equal(pktsts(rd(b, GRXSTSP)), 1);
    assert_true(rd(b, GINTSTS) & GONAKEFF);
    wr(b, GINTSTS, 0xffffffffu);
    assert_true(rd(b, GINTSTS) & GONAKEFF);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | EPDIS | SNAK);
    assert_false(rd(b, DOEPCTL1) & EPENA);
    assert_true(rd(b, DOEPINT1) & 2);
    wr(b, DCTL, 1u << 10);
    assert_false(rd(b, GINTSTS) & GONAKEFF);
}

static void endpoint_0_out_cannot_be_disabled(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DOEPCTL0, EPENA | CNAK);
    wr(b, DOEPCTL0, EPDIS);
    assert_true(rd(b, DOEPCTL0) & EPENA);
}

// --- IN. ---

static void in_waits_for_enable_nak_and_a_whole_packet_in_the_fifo(void **state) {
    struct bench *b = *state;
    up(b);
    unsigned len, toggle;
    assert_int_equal(poll_in(b, 1), WIRE_NAK);
    wr(b, DIEPTSIZ1, PKT(1) | 6);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK);
    assert_int_equal(poll_in(b, 1), WIRE_NAK);
    assert_true(rd(b, DIEPINT1) & 16); // ITTXFE
    wr(b, 0x2000, 0x04030201);
    assert_int_equal(poll_in(b, 1), WIRE_NAK); // 4 of 6 bytes
    assert_int_equal(rd(b, DIEPTSIZ1), PKT(1) | 6);
    wr(b, 0x2000, 0x0605);
    assert_int_equal(rd(b, DIEPTSIZ1), PKT(1)); // written, not sent
    assert_int_equal(rd(b, DTXFSTS1), 30);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | SNAK);
    assert_int_equal(poll_in(b, 1), WIRE_NAK);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | CNAK);
    assert_false(rd(b, DIEPINT1) & 1);
    assert_int_equal(ask_in(b, 1, &len, &toggle), WIRE_ACK);
    assert_int_equal(len, 6);
    assert_int_equal(toggle, 0);
    assert_true(rd(b, DIEPINT1) & 1);
    assert_false(rd(b, DIEPCTL1) & EPENA);
    assert_int_equal(rd(b, DTXFSTS1), 32);
    assert_true(rd(b, DIEPCTL1) & 1u << 16); // DATA1 is next
}

static void in_sends_an_empty_packet_for_a_size_of_zero(void **state) {
    struct bench *b = *state;
    up(b);
    unsigned len, toggle;
    wr(b, DIEPTSIZ1, PKT(1));
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK | 1u << 29);
    assert_int_equal(ask_in(b, 1, &len, &toggle), WIRE_ACK);
    assert_int_equal(len, 0);
    assert_int_equal(toggle, 1); // SD1PID
    assert_true(rd(b, DIEPINT1) & 1);
    assert_int_equal(poll_in(b, 1), WIRE_NAK);
}

static void in_moves_several_packets_and_completes_after_the_last_ack(void **state) {
    struct bench *b = *state;
    up(b);
    unsigned len, toggle;
    wr(b, DIEPTSIZ1, PKT(3) | 130);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK);
    for (unsigned i = 0; i < 32; i++) {
        wr(b, 0x2000, i);
    }
    assert_int_equal(rd(b, DIEPTSIZ1), PKT(3) | 2);
    assert_int_equal(rd(b, DTXFSTS1), 0);
    assert_int_equal(ask_in(b, 1, &len, &toggle), WIRE_ACK);
    assert_int_equal(len, 64);
    assert_int_equal(rd(b, DIEPTSIZ1), PKT(2) | 2);
    wr(b, 0x2000, 32);
    assert_int_equal(ask_in(b, 1, &len, &toggle), WIRE_ACK);
    assert_false(rd(b, DIEPINT1) & 1);
    assert_int_equal(ask_in(b, 1, &len, &toggle), WIRE_ACK);
    assert_int_equal(len, 2);
    assert_int_equal(toggle, 0);
    assert_true(rd(b, DIEPINT1) & 1);
}

static void a_packet_without_its_ack_is_sent_again(void **state) {
    struct bench *b = *state;
    up(b);
    uint8_t data[64];
    unsigned len, toggle;
    wr(b, DIEPTSIZ1, PKT(1) | 4);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK);
    wr(b, 0x2000, 0x12345678);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(b->wire->in(b->otg, 0, 1, &toggle, data, &len), WIRE_ACK);
        assert_int_equal(toggle, 0);
        assert_memory_equal(data, "\x78\x56\x34\x12", 4);
    }
    assert_false(rd(b, DIEPINT1) & 1);
    b->wire->in_acked(b->otg, 1);
    assert_true(rd(b, DIEPINT1) & 1);
}

static void txfe_is_a_level_at_half_or_completely_empty(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DIEPMSK, 0);
    wr(b, DAINTMSK, 2);
    wr(b, GINTMSK, 1u << 18);
    wr(b, GAHBCFG, 1);
    assert_true(rd(b, DIEPINT1) & 0x80);
    assert_false(b->irq);
    wr(b, DIEPEMPMSK, 2);
    assert_true(b->irq);
    wr(b, DIEPINT1, 0xff); // cannot be cleared
    assert_true(b->irq);
    wr(b, DIEPTSIZ1, PKT(2) | 128);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA | CNAK);
    for (unsigned i = 0; i < 16; i++) {
        wr(b, 0x2000, i);
    }
    assert_true(b->irq); // 16 of 32 words: half
    wr(b, GAHBCFG, 1 | 1u << 7);
    assert_false(b->irq); // TXFELVL: completely empty
    wr(b, GAHBCFG, 1);
    wr(b, 0x2000, 16);
    assert_false(b->irq);
    wr(b, GRSTCTL, 1u << 5 | 1u << 6);
    assert_true(b->irq); // flushed
    assert_int_equal(rd(b, GRSTCTL) & 1u << 5, 0);
}

static void snak_raises_inepne_each_time_and_epdis_ends_the_transfer(void **state) {
    struct bench *b = *state;
    up(b);
    for (unsigned i = 0; i < 2; i++) {
        wr(b, DIEPCTL1, rd(b, DIEPCTL1) | SNAK);
        assert_true(rd(b, DIEPINT1) & 1u << 6);
        wr(b, DIEPINT1, 1u << 6);
        assert_false(rd(b, DIEPINT1) & 1u << 6);
    }
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPDIS); // not enabled: nothing
    assert_false(rd(b, DIEPINT1) & 2);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPENA);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | EPDIS);
    assert_true(rd(b, DIEPINT1) & 2);
    assert_false(rd(b, DIEPCTL1) & (EPENA | EPDIS | SNAK | CNAK));
}

static void stall_wins_over_nak_and_stays_on_a_bulk_endpoint(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) | STALL | SNAK);
    wr(b, DOEPCTL1, rd(b, DOEPCTL1) | STALL | SNAK);
    assert_int_equal(poll_in(b, 1), WIRE_STALL);
    assert_int_equal(send_out(b, 1, 0, 8), WIRE_STALL);
    send_setup(b, 0);
    assert_int_equal(poll_in(b, 1), WIRE_STALL);
    wr(b, DIEPCTL1, rd(b, DIEPCTL1) & ~STALL);
    assert_int_equal(poll_in(b, 1), WIRE_NAK);
    wr(b, DIEPCTL0, STALL);
    wr(b, DIEPCTL0, 0); // endpoint 0: only a SETUP clears it
    assert_int_equal(poll_in(b, 0), WIRE_STALL);
    send_setup(b, 0);
    assert_int_equal(poll_in(b, 0), WIRE_NAK);
}

static void inactive_and_absent_endpoints_are_silent(void **state) {
    struct bench *b = *state;
    up(b);
    assert_int_equal(poll_in(b, 2), WIRE_SILENCE);
    assert_int_equal(send_out(b, 2, 0, 1), WIRE_SILENCE);
    assert_int_equal(poll_in(b, 7), WIRE_SILENCE);
}

static void endpoint_0_fields_have_their_own_widths(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DIEPTSIZ0, 0xffffffffu);
    assert_int_equal(rd(b, DIEPTSIZ0), 3u << 19 | 0x7f);
    wr(b, DOEPTSIZ0, 0xffffffffu);
    assert_int_equal(rd(b, DOEPTSIZ0), 3u << 29 | 1u << 19 | 0x7f);
    wr(b, DOEPTSIZ1, 0xffffffffu);
    assert_int_equal(rd(b, DOEPTSIZ1), 0x7fffffffu);
    static const unsigned sizes[] = {64, 32, 16, 8};
    for (unsigned code = 0; code < 4; code++) {
        unsigned len, toggle;
        wr(b, DIEPCTL0, SNAK | code);
        assert_int_equal(rd(b, DOEPCTL0) & 3, code); // OUT follows IN
        wr(b, GRSTCTL, 1u << 5);
        wr(b, DIEPTSIZ0, PKT(2) | 64);
        wr(b, DIEPCTL0, EPENA | CNAK | code);
        for (unsigned i = 0; i < 16; i++) {
            wr(b, 0x1000, i);
        }
        assert_int_equal(ask_in(b, 0, &len, &toggle), WIRE_ACK);
        assert_int_equal(len, sizes[code]);
        wr(b, DIEPCTL0, EPDIS | SNAK | code);
    }
}

static void the_new_address_counts_after_the_status_stage(void **state) {
    struct bench *b = *state;
    up(b);
    send_setup(b, 0);
    wr(b, DCFG, rd(b, DCFG) | 9u << 4);
    assert_int_equal(poll_in(b, 0), WIRE_NAK); // at the old address
    wr(b, DIEPTSIZ0, PKT(1));
    wr(b, DIEPCTL0, EPENA | CNAK);
    assert_int_equal(poll_in(b, 0), WIRE_ACK);
    assert_int_equal(send_setup(b, 0), WIRE_SILENCE);
    assert_int_equal(send_setup(b, 9), WIRE_ACK);
}

static void an_address_written_after_the_status_stage_counts_at_once(void **state) {
    struct bench *b = *state;
    up(b);
    send_setup(b, 0);
    wr(b, DIEPTSIZ0, PKT(1));
    wr(b, DIEPCTL0, EPENA | CNAK);
    assert_int_equal(poll_in(b, 0), WIRE_ACK);
    wr(b, DCFG, rd(b, DCFG) | 9u << 4);
    assert_int_equal(send_setup(b, 9), WIRE_ACK);
}

static void bytes_of_an_abandoned_transfer_are_complained_of(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DIEPTSIZ0, PKT(1) | 8);
    wr(b, DIEPCTL0, EPENA | CNAK);
    wr(b, 0x1000, 1);
    wr(b, 0x1000, 2);
    send_setup(b, 0);
    wr(b, DIEPCTL0, EPDIS | SNAK);
    wr(b, DIEPTSIZ0, PKT(1) | 4);
    wr(b, DIEPCTL0, EPENA | CNAK);
    assert_int_equal(trace_complaints(&b->trace, "otg-stale-tx"), 1);
}

static void overlapping_fifos_are_complained_of(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, DIEPTXF0, 16u << 16 | 60); // starts inside the receive FIFO
    send_setup(b, 0);
    assert_int_equal(trace_complaints(&b->trace, "otg-fifo-layout"), 1);
}

static void core_soft_reset_keeps_the_phy_power(void **state) {
    struct bench *b = *state;
    up(b);
    wr(b, GINTMSK, 0xff);
    wr(b, GRSTCTL, 1);
    assert_int_equal(rd(b, GRSTCTL), 0x80000000);
    assert_int_equal(rd(b, GINTMSK), 0);
    assert_int_equal(rd(b, GCCFG), 1u << 16 | 1u << 21);
    assert_int_equal(b->pullup, USB_SPEED_FULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(identity_is_an_f4_fs_core),
        TEST(pullup_needs_phy_power_session_and_no_soft_disconnect),
        cmocka_unit_test_setup_teardown(the_f446_senses_vbus_with_vbden_or_takes_the_override,
                                        setup_f446, teardown),
        TEST(a_wrong_usb_clock_is_silent_and_complained_of_once),
        TEST(bus_reset_raises_usbrst_then_enumdne_and_forgets_the_address),
        TEST(suspend_resume_and_remote_wakeup),
        TEST(setup_is_taken_whatever_nak_stall_and_stupcnt_say),
        TEST(setup_done_is_written_at_the_next_token_and_stup_rises_at_its_pop),
        TEST(out_enabled_after_the_setup_stays_enabled_for_the_status_stage),
        TEST(out_completion_sets_nak_at_once_and_xfrc_at_the_pop),
        TEST(out_goes_on_until_the_packet_count_is_zero),
        TEST(an_endpoint_enabled_with_packet_count_zero_takes_packet_after_packet),
        TEST(arming_before_the_pop_survives_it),
        TEST(a_full_receive_fifo_naks_but_keeps_room_for_setup),
        TEST(global_out_nak_takes_effect_when_its_word_is_popped),
        TEST(endpoint_0_out_cannot_be_disabled),
        TEST(in_waits_for_enable_nak_and_a_whole_packet_in_the_fifo),
        TEST(in_sends_an_empty_packet_for_a_size_of_zero),
        TEST(in_moves_several_packets_and_completes_after_the_last_ack),
        TEST(a_packet_without_its_ack_is_sent_again),
        TEST(txfe_is_a_level_at_half_or_completely_empty),
        TEST(snak_raises_inepne_each_time_and_epdis_ends_the_transfer),
        TEST(stall_wins_over_nak_and_stays_on_a_bulk_endpoint),
        TEST(inactive_and_absent_endpoints_are_silent),
        TEST(endpoint_0_fields_have_their_own_widths),
        TEST(the_new_address_counts_after_the_status_stage),
        TEST(an_address_written_after_the_status_stage_counts_at_once),
        TEST(bytes_of_an_abandoned_transfer_are_complained_of),
        TEST(overlapping_fifos_are_complained_of),
        TEST(core_soft_reset_keeps_the_phy_power),
    };
    return cmocka_run_group_tests_name("otg_rules", tests, NULL, NULL);
}
