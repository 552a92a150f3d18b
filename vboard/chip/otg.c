// SPDX-License-Identifier: MIT
//
// The OTG core as a whole: the two cores' data, reset, the interrupt line, VBUS and the pull-up,
// and what the bus tells besides transactions (reset, SOF, suspend, resume).

#include "vboard/chip/otg_core.h"

#include <stdlib.h>
#include <string.h>

// Ids as read from STM32F4 silicon and collected by TinyUSB (dwc2_info.py). FIFO memory: RM0090
// 34.1 (1.25 KB) and 35.1 (4 KB).
const struct otg_config otg_fs_config = {
    .name = "OTG_FS",
    .endpoints = 4,
    .fifo_words = 320,
    .cid = 0x00001200u,
    .gsnpsid = 0x4f54281au,
    .ghwcfg = {0x00000000u, 0x229dcd20u, 0x020001e8u, 0x0ff08030u},
    .gusbcfg = 0x00000a00u,
    .fifo_reset = 0x200u,
    .has_high_speed = false,
};

const struct otg_config otg_hs_config = {
    .name = "OTG_HS",
    .endpoints = 6,
    .fifo_words = 1024,
    .cid = 0x00001100u,
    .gsnpsid = 0x4f54281au,
    .ghwcfg = {0x00000000u, 0x229ed590u, 0x03f403e8u, 0x17f00030u},
    .gusbcfg = 0x00000a00u,
    .fifo_reset = 0x200u,
    .has_high_speed = true,
};

// Endpoints and FIFO memory: RM0390 31.1; ids: 31.15.8 (OTG_CID). The Synopsys registers RM0390 does not
// give: those of the same cores in other chips (STM32L476 FS, F76x HS; TinyUSB's dwc2_info.py), and 3.10a as
// the release is from memory. ST's HAL looks for STPKTRX above 3.00a, which is never set here.
const struct otg_config otg_fs_config_f446 = {
    .name = "OTG_FS",
    .endpoints = 6,
    .fifo_words = 320,
    .cid = 0x00002000u,
    .gsnpsid = 0x4f54310au,
    .ghwcfg = {0x00000000u, 0x229ed520u, 0x0200d1e8u, 0x17f08030u},
    .gusbcfg = 0x00001440u,
    .fifo_reset = 0x200u,
    .has_high_speed = false,
    .has_vbden = true,
};

const struct otg_config otg_hs_config_f446 = {
    .name = "OTG_HS",
    .endpoints = 9,
    .fifo_words = 1024,
    .cid = 0x00002100u,
    .gsnpsid = 0x4f54310au,
    .ghwcfg = {0x00000000u, 0x229fe190u, 0x03eed2e8u, 0x23f00030u},
    .gusbcfg = 0x00001400u,
    .fifo_reset = 0x200u,
    .has_high_speed = true,
    .has_vbden = true,
};

// Speed enumeration after a bus reset; software sees USBRST well before ENUMDNE. The wire tells of
// the reset at its end, so both come then, this far apart.
#define ENUMERATION_PS (100 * PS_PER_US)
#define IDLE_PS        (3 * PS_PER_MS) // USB 2.0 7.1.7.6

// How long the pull-up may wait for its pins before somebody is told: drivers that set them after the
// core are fine. A hub takes as long to believe in a connection (USB 2.0 7.1.7.3, TATTDB).
#define PINS_PS        (100 * PS_PER_MS)

#define USB_CLOCK_HZ   48000000ull

static bool is_48_mhz(const struct otg *otg) {
    // USB 2.0 7.1.11: 12 Mbit/s within 0.25 %.
    uint64_t off =
        otg->phy_hz > USB_CLOCK_HZ ? otg->phy_hz - USB_CLOCK_HZ : USB_CLOCK_HZ - otg->phy_hz;
    return off * 400 <= USB_CLOCK_HZ;
}

bool otg_is_external(const struct otg *otg) {
    // OTG_FS has the embedded PHY alone, and the bit always reads 1 there.
    return otg->config->has_high_speed && !(otg->gusbcfg & GUSBCFG_PHYSEL);
}

bool otg_has_phy(const struct otg *otg) {
    if (!otg_is_external(otg)) {
        return true;
    }
    return otg->around.has_ulpi_phy &&
           (otg->around.has_ulpi_clock == NULL || otg->around.has_ulpi_clock(otg->around.ctx));
}

// An external PHY brings a clock of its own (RM0090 35.4.2).
static bool has_phy_clock(const struct otg *otg) {
    return otg_is_external(otg) ? otg_has_phy(otg) : is_48_mhz(otg);
}

bool otg_is_clocked(const struct otg *otg) {
    return has_phy_clock(otg) &&
           (otg->around.is_stopped == NULL || !otg->around.is_stopped(otg->around.ctx));
}

static void complain_of_clock(struct otg *otg) {
    if (otg->shown == USB_SPEED_NONE || has_phy_clock(otg) || otg->complained_hz == otg->phy_hz) {
        return;
    }
    otg->complained_hz = otg->phy_hz;
    trace_complaint(otg->trace, "usb-clock", otg->config->name,
                    "%s shows its pull-up with a USB clock of %llu Hz; full speed needs 48 MHz "
                    "within 0.25 %%, so it cannot enumerate",
                    otg->config->name, (unsigned long long)otg->phy_hz);
}

// --- Interrupts (RM0090 figure 411, the interrupt hierarchy). ---

uint32_t otg_daint(const struct otg *otg) {
    uint32_t daint = 0;
    for (unsigned ep = 0; ep < otg->config->endpoints; ep++) {
        uint32_t mask = (otg->diepmsk & ~EPINT_TXFE) | (otg->diepempmsk >> ep & 1 ? EPINT_TXFE : 0);
        if (otg_ep_interrupts(otg, ep, true) & mask) {
            daint |= 1u << ep;
        }
        if (otg->out[ep].intr & otg->doepmsk) {
            daint |= 0x10000u << ep;
        }
    }
    return daint;
}

uint32_t otg_gintsts(const struct otg *otg) {
    uint32_t value = otg->gint | GINT_NPTXFE | GINT_PTXFE;
    uint32_t daint = otg_daint(otg) & otg->daintmsk;
    value |= daint & 0xffff ? GINT_IEPINT : 0;
    value |= daint >> 16 ? GINT_OEPINT : 0;
    value |= otg->rx.status_count > 0 ? GINT_RXFLVL : 0;
    value |= otg->dctl & DCTL_GINSTS ? GINT_GINAKEFF : 0;
    value |= otg->gotgint ? GINT_OTGINT : 0;
    return value;
}

uint32_t otg_deachint(const struct otg *otg) {
    if (!otg->config->has_high_speed) {
        return 0;
    }
    return (otg_ep_interrupts(otg, 1, true) & otg->dinep1msk ? DEACH_IEP1 : 0) |
           (otg->out[1].intr & otg->doutep1msk ? DEACH_OEP1 : 0);
}

// That GAHBCFG.GINT gates these lines too is from memory; RM0090 35.12.4 does not say.
static void update_endpoint_1(struct otg *otg) {
    uint32_t active = otg->gahbcfg & GAHBCFG_GINT ? otg_deachint(otg) & otg->deachmsk : 0;
    const bool levels[2] = {active & DEACH_OEP1, active & DEACH_IEP1};
    for (unsigned in = 0; in < 2; in++) {
        if (levels[in] != otg->endpoint_1_level[in]) {
            otg->endpoint_1_level[in] = levels[in];
            otg->around.endpoint_1(otg->around.ctx, in, levels[in]);
        }
    }
}

void otg_update_irq(struct otg *otg) {
    if (otg->around.endpoint_1 != NULL) {
        update_endpoint_1(otg);
    }
    bool level = otg->gahbcfg & GAHBCFG_GINT && otg_gintsts(otg) & otg->gintmsk;
    if (level != otg->irq_level) {
        otg->irq_level = level;
        otg->irq(otg->irq_ctx, level);
    }
}

static void raise(struct otg *otg, uint32_t bits) {
    otg->gint |= bits;
    otg_update_irq(otg);
}

void otg_ready(struct otg *otg) {
    if (otg->host != NULL) {
        otg->host->ready(otg->host->ctx);
    }
}

void otg_set_address(struct otg *otg, unsigned address) {
    if (otg->is_control && address != otg->address) {
        otg->is_dad_pending = true;
        return;
    }
    otg->is_dad_pending = false;
    otg->address = address;
}

// --- VBUS and pull-up. ---

static bool has_pins(const struct otg *otg, char why[OTG_WHY_MAX]) {
    return otg_is_external(otg) || otg->around.has_full_speed_pins == NULL ||
           otg->around.has_full_speed_pins(otg->around.ctx, why);
}

static void complain_of_pins(void *ctx) {
    struct otg *otg = ctx;
    char why[OTG_WHY_MAX];
    if (otg->is_told_of_pins || has_pins(otg, why)) {
        return;
    }
    otg->is_told_of_pins = true;
    trace_complaint(otg->trace, "usb-pins", otg->config->name,
                    "%s switches its pull-up on, but nobody sees it: %s", otg->config->name, why);
}

// Whether a pull-up that is switched on gets out of the chip.
static bool gets_out(struct otg *otg) {
    if (has_pins(otg, NULL)) {
        timeline_cancel(otg->timeline, &otg->pins_event);
        return true;
    }
    if (!otg->is_told_of_pins && !timeline_is_scheduled(&otg->pins_event)) {
        timeline_schedule(otg->timeline, &otg->pins_event, timeline_now(otg->timeline) + PINS_PS);
    }
    return false;
}

void otg_update_pullup(struct otg *otg) {
    // The embedded PHY needs PWRDWN (RM0090 34.16.2 OTG_FS_GCCFG, 35.12.2 OTG_HS_GCCFG); an
    // external ULPI PHY does not. A high-speed device shows a full-speed pull-up too; its speed comes
    // with the bus reset (USB 2.0 7.1.5.1, 7.1.7.5).
    bool has_phy = otg_has_phy(otg) && (otg_is_external(otg) || otg->gccfg & GCCFG_PWRDWN);
    bool is_on = has_phy && otg->is_session && !(otg->dctl & DCTL_SDIS);
    if (!is_on) {
        timeline_cancel(otg->timeline, &otg->pins_event);
    }
    bool is_shown = is_on && gets_out(otg);
    enum usb_speed speed = is_shown ? USB_SPEED_FULL : USB_SPEED_NONE;
    if (speed == otg->shown) {
        return;
    }
    otg->shown = speed;
    complain_of_clock(otg);
    if (otg->host != NULL) {
        otg->host->pullup(otg->host->ctx, speed);
    }
}

// RM0390 31.15.1, 31.15.2. Sensing is on with VBDEN (an external PHY senses by itself); the override has the
// last word.
static bool has_session_by_vbden(const struct otg *otg, bool *is_sensed) {
    *is_sensed = otg->gccfg & GCCFG_VBDEN || otg_is_external(otg);
    if (otg->gotgctl & GOTGCTL_BVALOEN) {
        return otg->gotgctl & GOTGCTL_BVALOVAL;
    }
    return *is_sensed && otg->has_vbus;
}

static bool has_session(const struct otg *otg, bool *is_sensed_at) {
    if (otg->config->has_vbden) {
        return has_session_by_vbden(otg, is_sensed_at);
    }
    bool is_sensed = otg->gccfg & GCCFG_VBUSBSEN && !(otg->gccfg & GCCFG_NOVBUSSENS);
    // An external PHY senses VBUS itself and says so over ULPI, whatever VBUSBSEN; from memory of the
    // ULPI specification, RM0090 35.12.2 does not say.
    is_sensed = is_sensed || (otg_is_external(otg) && !(otg->gccfg & GCCFG_NOVBUSSENS));
    *is_sensed_at = is_sensed;
    return otg->gccfg & GCCFG_NOVBUSSENS || (is_sensed && otg->has_vbus);
}

void otg_update_session(struct otg *otg) {
    bool is_sensed;
    bool is_session = has_session(otg, &is_sensed);
    bool was_session = otg->is_session;
    otg->is_session = is_session;
    if (is_session && !was_session && is_sensed) {
        raise(otg, GINT_SRQINT);
    }
    if (!is_session && was_session) {
        otg->gotgint |= GOTGINT_SEDET;
        otg_update_irq(otg);
    }
    otg_update_pullup(otg);
}

// --- Reset. ---

void otg_core_reset(struct otg *otg, bool keep_wrapper) {
    const struct otg_config *config = otg->config;
    uint32_t gccfg = otg->gccfg, cid = otg->cid, pcgcctl = otg->pcgcctl;
    uint32_t dspd = otg->dcfg & DCFG_DSPD, physel = otg->gusbcfg & GUSBCFG_PHYSEL;
    timeline_cancel(otg->timeline, &otg->enumerated_event);
    timeline_cancel(otg->timeline, &otg->idle_event);
    timeline_cancel(otg->timeline, &otg->period_event);
    otg->gotgctl = otg->gotgint = otg->gahbcfg = otg->grstctl = otg->gint = otg->gintmsk = 0;
    otg->gusbcfg = config->gusbcfg;
    otg->grxfsiz = config->fifo_reset;
    otg->hptxfsiz = 0x02000600u; // RM0090 34.16.3
    for (unsigned i = 0; i < OTG_ENDPOINTS_MAX; i++) {
        // RM0090 34.16.2: depth 0x200, each starting where the one before ends.
        otg->txfsiz[i] = config->fifo_reset << 16 | config->fifo_reset * (i + 1);
    }
    otg->gccfg = 0;
    otg->cid = config->cid;
    otg->dcfg = 0x02200000u; // RM0090 34.16.4
    otg->dctl = 0;
    otg->dsts = 0x10u;
    otg->diepmsk = otg->doepmsk = otg->daintmsk = otg->diepempmsk = 0;
    otg->dvbusdis = 0x17d7u;
    otg->dvbuspulse = 0x5b8u;
    otg->dthrctl = otg->deachmsk = otg->dinep1msk = otg->doutep1msk = otg->pcgcctl = 0;
    memset(otg->in, 0, sizeof otg->in);
    memset(otg->out, 0, sizeof otg->out);
    otg_rx_flush(otg);
    otg_tx_flush(otg, 0x10);
    otg->is_setup_open = otg->is_control = otg->is_dad_pending = false;
    otg->address = 0;
    if (keep_wrapper) {
        // GRSTCTL.CSRST spares DCFG.DSPD and the clock gates (RM0090 34.16.2), and it does not
        // reach ST's own registers around the Synopsys core.
        otg->gccfg = gccfg;
        otg->cid = cid;
        otg->pcgcctl = pcgcctl;
        otg->dcfg |= dspd;
        // Nor does the choice of the PHY: ST's HAL (USB_CoreInit), libopencm3 and Linux' dwc2 set
        // PHYSEL, reset, and go on without setting it again.
        otg->gusbcfg |= physel;
        otg_update_session(otg);
    } else {
        otg->is_session = false;
        otg_update_pullup(otg);
    }
    otg_update_irq(otg);
}

void otg_reset(void *ctx) {
    otg_core_reset(ctx, false);
}

// --- Bus events, called by the cable. ---

static void enumerated(void *ctx) {
    struct otg *otg = ctx;
    raise(otg, GINT_ENUMDNE);
}

static enum usb_speed bus_reset(void *ctx) {
    struct otg *otg = ctx;
    timeline_cancel(otg->timeline, &otg->idle_event);
    if (!otg_is_clocked(otg) || otg->shown == USB_SPEED_NONE) {
        return USB_SPEED_NONE;
    }
    otg->dcfg &= ~DCFG_DAD;
    otg->address = 0;
    otg->is_setup_open = otg->is_control = otg->is_dad_pending = false;
    timeline_cancel(otg->timeline, &otg->period_event);
    // DCFG.DSPD 0 asks for high speed (RM0090 35.12.4): the chirp of 7.1.7.5, and the hosts here know it.
    bool is_high = otg_is_external(otg) && (otg->dcfg & DCFG_DSPD) == 0;
    otg->speed = is_high ? USB_SPEED_HIGH : USB_SPEED_FULL;
    otg->dsts =
        (otg->dsts & ~(DSTS_SUSPSTS | DSTS_ENUMSPD)) | (is_high                ? DSTS_ENUMSPD_HS
                                                        : otg_is_external(otg) ? DSTS_ENUMSPD_FSH
                                                                               : DSTS_ENUMSPD_FS);
    for (unsigned ep = 0; ep < otg->config->endpoints; ep++) {
        // RM0090 34.16.4 USBAEP: cleared for all endpoints but 0. Nothing that was armed answers
        // after a reset; EPENA itself is left for software to clear, as TinyUSB, libopencm3
        // (dwc_endpoints_reset) and ST's HAL do.
        otg->in[ep].ctl = (otg->in[ep].ctl & ~EPCTL_USBAEP) | EPCTL_NAKSTS;
        otg->out[ep].ctl = (otg->out[ep].ctl & ~EPCTL_USBAEP) | EPCTL_NAKSTS;
        otg->in[ep].is_unacked = false;
        otg->in[ep].toggle = otg->out[ep].toggle = 0;
    }
    otg->is_layout_checked = false;
    timeline_schedule(otg->timeline, &otg->enumerated_event,
                      timeline_now(otg->timeline) + ENUMERATION_PS);
    raise(otg, GINT_USBRST);
    return otg->speed;
}

bool otg_is_its_frame(const struct otg *otg, const struct otg_endpoint *endpoint) {
    return (otg->dsts >> DSTS_FNSOF_POS & 1) == endpoint->toggle;
}

static bool is_iso_waiting(const struct otg *otg, const struct otg_endpoint *endpoint) {
    return endpoint->ctl & EPCTL_EPENA && (endpoint->ctl & EPCTL_EPTYP) == EPTYP_ISO &&
           otg_is_its_frame(otg, endpoint);
}

// The end of the time for periodic transfers in a frame (DCFG.PFIVL). RM0090 34.17.6 "Incomplete
// isochronous IN (OUT) data transfers": an endpoint that was meant for this frame and is still enabled.
static void period_ends(void *ctx) {
    struct otg *otg = ctx;
    uint32_t bits = GINT_EOPF;
    for (unsigned ep = 1; ep < otg->config->endpoints; ep++) {
        bits |= is_iso_waiting(otg, &otg->in[ep]) ? GINT_IISOIXFR : 0;
        bits |= is_iso_waiting(otg, &otg->out[ep]) ? GINT_INCOMPISOOUT : 0;
    }
    raise(otg, bits);
}

static bool has_iso(const struct otg *otg) {
    for (unsigned ep = 1; ep < otg->config->endpoints; ep++) {
        if (((otg->in[ep].ctl & EPCTL_EPTYP) == EPTYP_ISO && otg->in[ep].ctl & EPCTL_USBAEP) ||
            ((otg->out[ep].ctl & EPCTL_EPTYP) == EPTYP_ISO && otg->out[ep].ctl & EPCTL_USBAEP)) {
            return true;
        }
    }
    return false;
}

static void sof(void *ctx, unsigned frame) {
    struct otg *otg = ctx;
    // 80, 85, 90, 95 % of a frame or microframe (RM0090 34.16.4 DCFG.PFIVL).
    uint64_t frame_ps = otg->speed == USB_SPEED_HIGH ? PS_PER_MS / 8 : PS_PER_MS;
    uint64_t period_ps = frame_ps / 100 * (80 + 5 * (otg->dcfg >> DCFG_PFIVL_POS & 3));
    if (!otg_is_clocked(otg) || otg->shown == USB_SPEED_NONE) {
        return;
    }
    otg->dsts = (otg->dsts & ~(DSTS_FNSOF | DSTS_SUSPSTS)) | (frame << DSTS_FNSOF_POS & DSTS_FNSOF);
    if (has_iso(otg) || otg->gintmsk & GINT_EOPF) {
        timeline_schedule(otg->timeline, &otg->period_event,
                          timeline_now(otg->timeline) + period_ps);
        raise(otg, GINT_SOF);
    } else {
        raise(otg, GINT_SOF | GINT_EOPF); // of the frame before: nobody looks
    }
}

static void suspend(void *ctx) {
    struct otg *otg = ctx;
    if (!otg_is_clocked(otg) || otg->shown == USB_SPEED_NONE || otg->dsts & DSTS_SUSPSTS) {
        return;
    }
    otg->dsts |= DSTS_SUSPSTS;
    raise(otg, GINT_ESUSP | GINT_USBSUSP);
}

static void resume(void *ctx) {
    struct otg *otg = ctx;
    if (!(otg->dsts & DSTS_SUSPSTS)) {
        return;
    }
    otg->dsts &= ~DSTS_SUSPSTS;
    raise(otg, GINT_WKUPINT);
    if (otg->wakeup_line != NULL) {
        otg->wakeup_line(otg->wakeup_ctx);
    }
}

static void vbus(void *ctx, bool on) {
    struct otg *otg = ctx;
    otg->has_vbus = on;
    otg_update_session(otg);
    timeline_cancel(otg->timeline, &otg->idle_event);
    if (!on && otg->shown != USB_SPEED_NONE) {
        // Without VBUS sensing an unplugged device just sees a bus on which nothing happens.
        timeline_schedule(otg->timeline, &otg->idle_event, timeline_now(otg->timeline) + IDLE_PS);
    }
}

void otg_remote_wakeup(struct otg *otg) {
    if (otg->dsts & DSTS_SUSPSTS && otg->host != NULL && otg->has_vbus) {
        otg->host->wakeup(otg->host->ctx);
    }
}

// --- Public. ---

struct otg *otg_new(const struct otg_config *config, struct timeline *timeline, struct trace *trace,
                    void (*irq)(void *ctx, bool level), void *irq_ctx) {
    struct otg *otg = calloc(1, sizeof *otg);
    if (otg == NULL) {
        return NULL;
    }
    otg->config = config;
    otg->timeline = timeline;
    otg->trace = trace;
    otg->irq = irq;
    otg->irq_ctx = irq_ctx;
    otg->complained_hz = UINT64_MAX;
    otg->enumerated_event = (struct event){.fire = enumerated, .ctx = otg};
    otg->idle_event = (struct event){.fire = suspend, .ctx = otg};
    otg->pins_event = (struct event){.fire = complain_of_pins, .ctx = otg};
    otg->period_event = (struct event){.fire = period_ends, .ctx = otg};
    otg->wire = (struct wire_device){
        .ctx = otg,
        .bus_reset = bus_reset,
        .setup = otg_wire_setup,
        .out = otg_wire_out,
        .in = otg_wire_in,
        .in_acked = otg_wire_in_acked,
        .sof = sof,
        .suspend = suspend,
        .resume = resume,
        .vbus = vbus,
    };
    otg_core_reset(otg, false);
    return otg;
}

void otg_free(struct otg *otg) {
    if (otg == NULL) {
        return;
    }
    timeline_cancel(otg->timeline, &otg->enumerated_event);
    timeline_cancel(otg->timeline, &otg->idle_event);
    timeline_cancel(otg->timeline, &otg->period_event);
    timeline_cancel(otg->timeline, &otg->pins_event);
    free(otg);
}

void otg_set_surroundings(struct otg *otg, const struct otg_surroundings *surroundings) {
    otg->around = *surroundings;
}

void otg_set_wakeup_line(struct otg *otg, void (*wakeup)(void *ctx), void *ctx) {
    otg->wakeup_line = wakeup;
    otg->wakeup_ctx = ctx;
}

void otg_pins_changed(struct otg *otg) {
    otg_update_pullup(otg);
}

const struct wire_device *otg_wire(struct otg *otg) {
    return &otg->wire;
}

void otg_show_again(struct otg *otg) {
    if (otg->host != NULL) {
        otg->host->pullup(otg->host->ctx, otg->shown);
    }
}

void otg_connect(struct otg *otg, const struct wire_host *host) {
    otg->host = host;
    otg_show_again(otg);
}

void *otg_state(struct otg *otg, size_t *len) {
    *len = sizeof *otg;
    return otg;
}

void otg_set_phy_clock(struct otg *otg, uint64_t hz) {
    otg->phy_hz = hz;
    otg_update_session(otg); // an external PHY's clock may have come or gone too
    complain_of_clock(otg);
    otg_ready(otg);
}
