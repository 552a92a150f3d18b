// SPDX-License-Identifier: MIT
//
// The OTG core's programming model for one control endpoint (RM0090 34.17.1, 34.17.3 to 34.17.6).
//
// What the core does by itself, and this file relies on: SETUP packets are accepted whatever is
// armed, and turn both directions of endpoint zero to NAK and end their STALL; address
// changes and handshakes are its own. What it reports comes through the receive FIFO in the
// order of the bus (GRXSTSP), except that an IN packet was acknowledged, which is a flag
// (DIEPINT0.XFRC). The flag is therefore looked at before each entry of the FIFO is
// passed on: an IN packet can end before a SETUP or OUT that is already waiting there, never
// after it.

#include "port/stm32f4/otg.h"

#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/otg.h"
#include "port/stm32f4/registers/rcc.h"
#include "port/stm32f4/reset.h"
#include "spec/bytes.h"

#define REG(otg, off)   REGISTER((otg)->core->base + (off))

// The core needs at most one packet's time (64 bytes: some 50 us) plus a few clocks to stop an
// endpoint or flush a FIFO.
#define CORE_STOP_MS    2u
// The same with three clocks of the transceiver more, which may have just begun to run.
#define CORE_RESET_MS   10u
// RM0090 34.16.2, FDMOD: 25 ms until device mode is in effect. ST's HAL waits up to 200 ms.
#define DEVICE_MODE_MS  200u
// Turn-around time in PHY clocks: at full speed with AHB at 32 MHz or above (RM0090 table 203), at high
// speed with 30 MHz or above (35.12.2, OTG_HS_GUSBCFG).
#define TURNAROUND_FULL 6u
#define TURNAROUND_HIGH 9u

// DS8626 table 9: AF10 on PA11 (DM) and PA12 (DP).
static const struct otg_pin fs_pins[] = {{'A', 11}, {'A', 12}};
// DS8626 table 9: AF12 on PB14 (DM) and PB15 (DP).
static const struct otg_pin hs_pins[] = {{'B', 14}, {'B', 15}};
// DS8626 table 9: AF10. CK, D0 to D7, STP, DIR, NXT.
#define ULPI_PINS                                                                                  \
    {'A', 5}, {'A', 3}, {'B', 0}, {'B', 1}, {'B', 10}, {'B', 11}, {'B', 12}, {'B', 13}, {'B', 5},  \
    {                                                                                              \
        'C', 0                                                                                     \
    }
static const struct otg_pin ulpi_pins[] = {ULPI_PINS, {'C', 2}, {'C', 3}};
static const struct otg_pin ulpi_large_pins[] = {ULPI_PINS, {'I', 11}, {'H', 4}};
#define PINS(list) .pins = (list), .pin_count = sizeof(list) / sizeof((list)[0])

const struct otg_core otg_fs = {
    .base = 0x50000000u, // RM0090 table 1
    .irq = 67,           // RM0090 table 62
    .clock_enable = &RCC_AHB2ENR,
    .clock_enable_bit = RCC_AHB2ENR_OTGFSEN,
    // RM0090 34.11: 320 words in all. Receiving needs 10 for SETUPs, 2 x (64 / 4 + 1) for packets,
    // 2 for statuses; sending needs one packet.
    .rx_fifo_words = 128,
    .tx_fifo_words = PORT_EP0_BYTES / 4,
    PINS(fs_pins),
    .alternate_function = 10,
};

// RM0090 tables 1 and 62; of 1024 words of FIFO (35.2).
#define OTG_HS                                                                                     \
    .base = 0x40040000u, .irq = 77, .clock_enable = &RCC_AHB1ENR, .rx_fifo_words = 128,            \
    .tx_fifo_words = PORT_EP0_BYTES / 4

// Its ULPI interface stays off in RCC: the transceiver inside needs none.
const struct otg_core otg_hs = {
    OTG_HS,
    .clock_enable_bit = RCC_AHB1ENR_OTGHSEN,
    PINS(hs_pins),
    .alternate_function = 12,
};

const struct otg_core otg_hs_ulpi = {
    OTG_HS,
    .clock_enable_bit = RCC_AHB1ENR_OTGHSEN | RCC_AHB1ENR_OTGHSULPIEN,
    .is_ulpi = true,
    PINS(ulpi_pins),
    .alternate_function = 10,
};

const struct otg_core otg_hs_ulpi_large = {
    OTG_HS,
    .clock_enable_bit = RCC_AHB1ENR_OTGHSEN | RCC_AHB1ENR_OTGHSULPIEN,
    .is_ulpi = true,
    PINS(ulpi_large_pins),
    .alternate_function = 10,
};

static bool wait_bits(struct otg *otg, uint32_t off, uint32_t mask, uint32_t want,
                      uint32_t max_ms) {
    uint32_t start = clock_millis(otg->clock);
    while ((REG(otg, off) & mask) != want) {
        if (clock_millis(otg->clock) - start > max_ms) {
            return false;
        }
    }
    return true;
}

// A core that does not obey within its bounds hangs: start over with everything.
static void must(bool obeyed) {
    if (!obeyed) {
        reset_into(MAILBOX_DFU, 0);
    }
}

// `which` is OTG_GRSTCTL_RXFFLSH, or OTG_GRSTCTL_TXFFLSH: FIFO 0, as TXFNUM stays 0.
static bool flush(struct otg *otg, uint32_t which) {
    if (!wait_bits(otg, OTG_GRSTCTL, OTG_GRSTCTL_AHBIDL, OTG_GRSTCTL_AHBIDL, CORE_STOP_MS)) {
        return false;
    }
    REG(otg, OTG_GRSTCTL) = which;
    return wait_bits(otg, OTG_GRSTCTL, which, 0, CORE_STOP_MS);
}

// Acts on an endpoint's control register. EPENA is left out of what is written back: it only sets,
// and the transfer may have ended between the read and the write.
static void endpoint_act(struct otg *otg, uint32_t off, uint32_t bits) {
    REG(otg, off) = (REG(otg, off) & ~OTG_EPCTL_EPENA) | bits;
}

// Takes back a packet the host has not fetched (RM0090 34.17.6, IN endpoint disable).
static bool take_back_in(struct otg *otg) {
    otg->in_queued = false;
    if (REG(otg, OTG_DIEPCTL0) & OTG_EPCTL_EPENA) {
        endpoint_act(otg, OTG_DIEPCTL0, OTG_EPCTL_SNAK);
        if (!wait_bits(otg, OTG_DIEPINT0, OTG_DIEPINT_INEPNE, OTG_DIEPINT_INEPNE, CORE_STOP_MS)) {
            return false;
        }
    }
    // Asked again: the host may have fetched it meanwhile, and an endpoint that is not enabled
    // must not be disabled (RM0090 34.16.4, EPDIS).
    if (REG(otg, OTG_DIEPCTL0) & OTG_EPCTL_EPENA) {
        endpoint_act(otg, OTG_DIEPCTL0, OTG_EPCTL_SNAK | OTG_EPCTL_EPDIS);
        if (!wait_bits(otg, OTG_DIEPINT0, OTG_EPINT_EPDISD, OTG_EPINT_EPDISD, CORE_STOP_MS)) {
            return false;
        }
    }
    REG(otg, OTG_DIEPINT0) = OTG_EPINT_ALL;
    return flush(otg, OTG_GRSTCTL_TXFFLSH);
}

// Lets three SETUPs in a row into the FIFO (RM0090 34.17.3); only the last will count.
static void allow_setups(struct otg *otg) {
    REG(otg, OTG_DOEPTSIZ0) = OTG_DOEPTSIZ_STUPCNT_3;
}

// Endpoint zero as after a bus reset (RM0090 34.17.3): NAK both ways, nothing under way.
static bool start_over(struct otg *otg) {
    otg->out_armed = false;
    otg->setup_arrived = false;
    endpoint_act(otg, OTG_DOEPCTL0, OTG_EPCTL_SNAK);
    REG(otg, OTG_DOEPINT0) = OTG_EPINT_ALL;
    REG(otg, OTG_DCFG) &= ~OTG_DCFG_DAD_MASK;
    bool stopped = take_back_in(otg) && flush(otg, OTG_GRSTCTL_RXFFLSH);
    allow_setups(otg);
    return stopped;
}

static void connect_pins(const struct otg_core *core) {
    for (unsigned i = 0; i < core->pin_count; i++) {
        char port = core->pins[i].port;
        unsigned pin = core->pins[i].number;
        RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(port);
        (void)
            RCC_AHB1ENR; // two AHB cycles until the port answers (ES0182, delay after clock enabling)
        GPIO_AFR(port, pin) |= GPIO_4BIT(pin, core->alternate_function);
        GPIO_OSPEEDR(port) |= GPIO_2BIT(pin, GPIO_SPEED_VERY_HIGH);
        GPIO_MODER(port) |= GPIO_2BIT(pin, GPIO_MODE_ALTERNATE);
    }
}

bool otg_init(struct otg *otg, const struct otg_core *core, struct usbd *usbd, struct clock *clock,
              bool vbus_sensing) {
    *otg = (struct otg){.core = core, .usbd = usbd, .clock = clock};
    connect_pins(core);
    *core->clock_enable |= core->clock_enable_bit;
    (void)*core->clock_enable; // as above
    if (!core->is_ulpi) {
        // Left as after a reset, OTG_HS waits in sleep for the clock of a ULPI transceiver that is not there
        // (RM0090 7.3.15; ST's example for OTG_HS at full speed clears it before WFI as well).
        RCC_AHB1LPENR &= ~RCC_AHB1LPENR_OTGHSULPILPEN;
    }

    // RM0090 34.17.1 and 34.17.2. Another transceiver than a reset chooses wants the core's own reset
    // (34.16.2, GRSTCTL.CSRST), which takes most of its registers back and needs that transceiver's clock.
    REG(otg, OTG_GUSBCFG) = core->is_ulpi ? 0 : OTG_GUSBCFG_PHYSEL;
    if (!wait_bits(otg, OTG_GRSTCTL, OTG_GRSTCTL_AHBIDL, OTG_GRSTCTL_AHBIDL, CORE_STOP_MS)) {
        return false;
    }
    REG(otg, OTG_GRSTCTL) = OTG_GRSTCTL_CSRST;
    if (!wait_bits(otg, OTG_GRSTCTL, OTG_GRSTCTL_CSRST, 0, CORE_RESET_MS)) {
        return false;
    }
    // Hidden before the transceiver is on: SDIS is 0 after a reset.
    REG(otg, OTG_DCTL) |= OTG_DCTL_SDIS;
    REG(otg, OTG_GUSBCFG) =
        (core->is_ulpi ? OTG_GUSBCFG_TRDT(TURNAROUND_HIGH)
                       : OTG_GUSBCFG_TRDT(TURNAROUND_FULL) | OTG_GUSBCFG_PHYSEL) |
        OTG_GUSBCFG_FDMOD;
    REG(otg, OTG_GCCFG) = (core->is_ulpi ? 0 : OTG_GCCFG_PWRDWN) |
                          (vbus_sensing ? OTG_GCCFG_VBUSBSEN : OTG_GCCFG_NOVBUSSENS);
    if (!wait_bits(otg, OTG_GINTSTS, OTG_GINTSTS_CMOD, 0, DEVICE_MODE_MS)) {
        return false;
    }
    REG(otg, OTG_PCGCCTL) = 0; // PHY clock runs
    // Status OUTs go to software (NZLSOHSK 0). Address 0.
    REG(otg, OTG_DCFG) = core->is_ulpi ? OTG_DCFG_DSPD_HIGH : OTG_DCFG_DSPD_FS_INTERNAL;
    REG(otg, OTG_GRXFSIZ) = core->rx_fifo_words;
    REG(otg, OTG_DIEPTXF0) = ((uint32_t)core->tx_fifo_words << 16) | core->rx_fifo_words;
    // What happened before the device was made is of no interest.
    REG(otg, OTG_GINTSTS) = 0xffffffffu;
    // What otg_poll() looks at.
    REG(otg, OTG_DIEPMSK) = OTG_EPINT_XFRC;
    REG(otg, OTG_DAINTMSK) = OTG_DAINTMSK_IEPM_0;
    REG(otg, OTG_GINTMSK) =
        OTG_GINTSTS_RXFLVL | OTG_GINTSTS_USBRST | OTG_GINTSTS_ENUMDNE | OTG_GINTSTS_IEPINT;
    REG(otg, OTG_GAHBCFG) = OTG_GAHBCFG_GINT;
    return start_over(otg);
}

void otg_connect(struct otg *otg, bool connected) {
    if (connected) {
        REG(otg, OTG_DCTL) &= ~OTG_DCTL_SDIS;
    } else {
        REG(otg, OTG_DCTL) |= OTG_DCTL_SDIS;
    }
}

void otg_address(struct otg *otg, uint8_t address) {
    REG(otg, OTG_DCFG) = (REG(otg, OTG_DCFG) & ~OTG_DCFG_DAD_MASK) | OTG_DCFG_DAD(address);
}

// Whether a SETUP has come that usbd does not know of yet. An answer put off can be that late: it
// belongs to a transfer the host has given up, so it must not be armed, and nobody misses it.
static bool setup_waits(struct otg *otg) {
    return (REG(otg, OTG_GINTSTS) & OTG_GINTSTS_RXFLVL) &&
           OTG_GRXSTS_PKTSTS(REG(otg, OTG_GRXSTSR)) == OTG_PKTSTS_SETUP_DATA;
}

void otg_send(struct otg *otg, const uint8_t *data, unsigned len) {
    if (setup_waits(otg)) {
        return;
    }
    REG(otg, OTG_DIEPINT0) = OTG_EPINT_ALL;
    REG(otg, OTG_DIEPTSIZ0) = OTG_EPTSIZ_PKTCNT_1 | OTG_EPTSIZ_XFRSIZ(len);
    endpoint_act(otg, OTG_DIEPCTL0, OTG_EPCTL_CNAK | OTG_EPCTL_EPENA);
    unsigned off = 0;
    for (; off + 4u <= len; off += 4u) {
        REG(otg, OTG_FIFO0) = load_le32(data + off);
    }
    if (off < len) {
        uint32_t tail = 0;
        for (unsigned i = 0; off + i < len; i++) {
            tail |= (uint32_t)data[off + i] << (8u * i);
        }
        REG(otg, OTG_FIFO0) = tail;
    }
    otg->in_queued = true;
    // A SETUP that came between the look above and the arming found NAK lifted again. The host's
    // next token takes 3 us on the wire (35 bits at 12 Mbit/s): by then the packet is gone. (At high speed
    // it may come sooner; it takes a host that gives a transfer up in the very microsecond of its answer.)
    if (setup_waits(otg)) {
        must(take_back_in(otg));
    }
}

void otg_receive(struct otg *otg) {
    if (setup_waits(otg)) {
        return;
    }
    otg->out_armed = true;
    otg->out_len = 0;
    REG(otg, OTG_DOEPTSIZ0) =
        OTG_DOEPTSIZ_STUPCNT_3 | OTG_EPTSIZ_PKTCNT_1 | OTG_EPTSIZ_XFRSIZ(PORT_EP0_BYTES);
    endpoint_act(otg, OTG_DOEPCTL0, OTG_EPCTL_CNAK | OTG_EPCTL_EPENA);
}

void otg_stall(struct otg *otg) {
    if (setup_waits(otg)) {
        return;
    }
    endpoint_act(otg, OTG_DIEPCTL0, OTG_EPCTL_STALL);
    endpoint_act(otg, OTG_DOEPCTL0, OTG_EPCTL_STALL);
}

// Pops `len` bytes of the entry just read; what does not fit in `size` is dropped.
static void pop_bytes(struct otg *otg, uint8_t *out, unsigned size, unsigned len) {
    for (unsigned off = 0; off < len; off += 4u) {
        uint32_t word = REG(otg, OTG_FIFO0);
        for (unsigned i = off; i < off + 4u && i < len && i < size; i++) {
            out[i] = (uint8_t)(word >> (8u * (i - off)));
        }
    }
}

static void report_in_done(struct otg *otg) {
    if (otg->in_queued && (REG(otg, OTG_DIEPINT0) & OTG_EPINT_XFRC)) {
        REG(otg, OTG_DIEPINT0) = OTG_EPINT_XFRC;
        otg->in_queued = false;
        usbd_in_done(otg->usbd);
    }
}

static void report_received(struct otg *otg) {
    uint32_t status = REG(otg, OTG_GRXSTSP);
    unsigned len = OTG_GRXSTS_BCNT(status);
    switch (OTG_GRXSTS_PKTSTS(status)) {
    case OTG_PKTSTS_SETUP_DATA:
        pop_bytes(otg, otg->setup, sizeof otg->setup, len);
        otg->setup_arrived = true;
        otg->out_armed = false;
        // Whatever the old transfer still had to send, the host must not get now.
        must(take_back_in(otg));
        break;
    case OTG_PKTSTS_SETUP_COMPLETE:
        // Only now is it certain which SETUP was the last (RM0090 34.17.4).
        if (otg->setup_arrived) {
            otg->setup_arrived = false;
            REG(otg, OTG_DOEPINT0) = OTG_EPINT_ALL;
            allow_setups(otg);
            usbd_setup(otg->usbd, otg->setup);
        }
        break;
    case OTG_PKTSTS_OUT_DATA:
        pop_bytes(otg, otg->out, sizeof otg->out, len);
        otg->out_len = (uint8_t)(len < sizeof otg->out ? len : sizeof otg->out);
        break;
    case OTG_PKTSTS_OUT_COMPLETE:
        // The endpoint is disabled again, so usbd may arm it from its answer.
        if (otg->out_armed) {
            otg->out_armed = false;
            REG(otg, OTG_DOEPINT0) = OTG_EPINT_ALL;
            usbd_out(otg->usbd, otg->out, otg->out_len);
        }
        break;
    default:
        break; // global OUT NAK: never asked for
    }
}

void otg_poll(struct otg *otg) {
    uint32_t events = REG(otg, OTG_GINTSTS);
    if (events & OTG_GINTSTS_USBRST) {
        REG(otg, OTG_GINTSTS) = OTG_GINTSTS_USBRST;
        must(start_over(otg));
        usbd_bus_reset(otg->usbd);
        return;
    }
    if (events & OTG_GINTSTS_ENUMDNE) {
        // RM0090 34.17.3: the speed is known; 64 bytes is MPSIZ 0 at either. Only the turn-around time
        // depends on it: a high-speed device behind a full-speed hub runs at full speed.
        REG(otg, OTG_GINTSTS) = OTG_GINTSTS_ENUMDNE;
        if (otg->core->is_ulpi) {
            bool is_high = (REG(otg, OTG_DSTS) & OTG_DSTS_ENUMSPD_MASK) == OTG_DSTS_ENUMSPD_HIGH;
            REG(otg, OTG_GUSBCFG) =
                OTG_GUSBCFG_TRDT(is_high ? TURNAROUND_HIGH : TURNAROUND_FULL) | OTG_GUSBCFG_FDMOD;
        }
    }
    // Read after RXFLVL was: see the top of this file.
    report_in_done(otg);
    // One entry a call is enough: the main loop comes back at once, and looks for a bus reset
    // before the next.
    if (events & OTG_GINTSTS_RXFLVL) {
        report_received(otg);
    }
}
