// SPDX-License-Identifier: MIT
//
// Endpoints of the OTG core: what writing their control registers does, and how they answer the
// host's transactions (RM0090 34.16.4, 34.17.5, 34.17.6).
//
// Where RM0090's text leaves room, what several drivers rely on decided; each place says so.

#include "vboard/chip/otg_core.h"

#include <string.h>

static bool is_control(const struct otg_endpoint *endpoint) {
    return (endpoint->ctl & EPCTL_EPTYP) == EPTYP_CONTROL;
}

static bool is_iso(const struct otg_endpoint *endpoint) {
    return (endpoint->ctl & EPCTL_EPTYP) == EPTYP_ISO;
}

unsigned otg_mps(const struct otg *otg, unsigned ep, bool in) {
    // Endpoint 0 has a code of two bits, and its OUT side follows the IN side (RM0090 34.16.4
    // DIEPCTL0, DOEPCTL0).
    static const uint8_t ep0[] = {64, 32, 16, 8};
    if (ep == 0) {
        return ep0[otg->in[0].ctl & 3];
    }
    return (in ? otg->in : otg->out)[ep].ctl & EPCTL_MPSIZ;
}

static unsigned pktcnt(const struct otg_endpoint *endpoint) {
    return (endpoint->tsiz & TSIZ_PKTCNT) >> TSIZ_PKTCNT_POS;
}

uint32_t otg_ep_control(const struct otg *otg, unsigned ep, bool in) {
    const struct otg_endpoint *endpoint = &(in ? otg->in : otg->out)[ep];
    uint32_t value = endpoint->ctl;
    if (ep == 0) {
        value = (value & ~3u) | (otg->in[0].ctl & 3u) | EPCTL_USBAEP;
    } else if (endpoint->toggle) {
        value |= EPCTL_DPID; // isochronous: EONUM
    }
    return value;
}

uint32_t otg_ep_interrupts(const struct otg *otg, unsigned ep, bool in) {
    if (!in) {
        return otg->out[ep].intr;
    }
    return otg->in[ep].intr | (otg_tx_is_empty_enough(otg, ep) ? EPINT_TXFE : 0);
}

static uint32_t writable_bits(unsigned ep, bool in) {
    if (ep != 0) {
        return EPCTL_MPSIZ | EPCTL_USBAEP | EPCTL_EPTYP | (in ? EPCTL_TXFNUM : 0);
    }
    return in ? 3u | EPCTL_TXFNUM : 0; // DOEPCTL0.MPSIZ is read-only
}

static void write_stall(struct otg_endpoint *endpoint, unsigned ep, uint32_t value, uint32_t mask) {
    if (value & mask & EPCTL_STALL) {
        endpoint->ctl |= EPCTL_STALL;
    } else if (mask & EPCTL_STALL && ep != 0 && !is_control(endpoint)) {
        // On a control endpoint only the next SETUP clears it (RM0090: "rs").
        endpoint->ctl &= ~EPCTL_STALL;
    }
}

static void disable_endpoint(struct otg_endpoint *endpoint) {
    endpoint->ctl &= ~EPCTL_EPENA;
    endpoint->intr |= EPINT_EPDISD;
}

void otg_ep_write_control(struct otg *otg, unsigned ep, bool in, uint32_t value, uint32_t mask) {
    struct otg_endpoint *endpoint = &(in ? otg->in : otg->out)[ep];
    uint32_t writable = writable_bits(ep, in) & mask;
    uint32_t act = value & mask;
    bool was_enabled = endpoint->ctl & EPCTL_EPENA;
    endpoint->ctl = (endpoint->ctl & ~writable) | (act & writable);
    write_stall(endpoint, ep, value, mask);
    if (act & EPCTL_CNAK) {
        endpoint->ctl &= ~EPCTL_NAKSTS;
        if (in) {
            endpoint->intr &= ~EPINT_INEPNE; // RM0090 DIEPINT.INEPNE: cleared by CNAK too
        }
    }
    if (act & EPCTL_SNAK) {
        endpoint->ctl |= EPCTL_NAKSTS;
        if (in) {
            // Also when it was NAKing before: libopencm3's dwc_flush_txfifo() sets SNAK on an
            // endpoint that NAKs since the SETUP and waits for this bit without a bound.
            endpoint->intr |= EPINT_INEPNE;
        }
    }
    if (ep != 0 && act & (EPCTL_SD0PID | EPCTL_SD1PID)) {
        endpoint->toggle = act & EPCTL_SD1PID ? 1 : 0;
    }
    if (was_enabled && act & EPCTL_EPDIS) {
        // DOEPCTL0.EPDIS is read-only: endpoint 0 OUT cannot be disabled. Other OUT endpoints
        // should only be while global OUT NAK is in force; ST's HAL (USB_EPStopXfer) does
        // without and waits for EPENA to fall, so it is done in either case.
        if (in || ep != 0) {
            disable_endpoint(endpoint);
        }
    } else if (act & EPCTL_EPENA && !was_enabled) {
        endpoint->ctl |= EPCTL_EPENA;
        if (in && ep == 0 && otg->tx[0].is_stale && otg->tx[0].count > 0) {
            trace_complaint(otg->trace, "otg-stale-tx", otg->config->name,
                            "%s: endpoint 0 starts sending with bytes of an abandoned transfer "
                            "still in its FIFO",
                            otg->config->name);
        }
        if (in) {
            otg->tx[otg_tx_number(otg, ep)].is_stale = false;
            otg_tx_packetise(otg, ep);
        }
        otg_dma_enabled(otg, ep, in);
    }
    otg_update_irq(otg);
    otg_ready(otg);
}

void otg_ep_write_size(struct otg *otg, unsigned ep, bool in, uint32_t value, uint32_t mask) {
    // Endpoint 0: XFRSIZ 7 bits, PKTCNT 2 bits IN and 1 bit OUT, STUPCNT OUT (RM0090 34.16.4).
    uint32_t bits = TSIZ_XFRSIZ | TSIZ_PKTCNT | TSIZ_STUPCNT;
    if (ep == 0) {
        bits = 0x7fu | (in ? 3u << TSIZ_PKTCNT_POS : 1u << TSIZ_PKTCNT_POS | TSIZ_STUPCNT);
    }
    struct otg_endpoint *endpoint = &(in ? otg->in : otg->out)[ep];
    endpoint->tsiz = ((endpoint->tsiz & ~mask) | (value & mask)) & bits;
}

// --- Transactions. ---

// Whether the core hears this token at all.
static bool hears(const struct otg *otg, uint8_t addr, unsigned ep) {
    return otg_is_clocked(otg) && otg->shown != USB_SPEED_NONE && addr == otg->address &&
           ep < otg->config->endpoints;
}

// RM0090 34.17.6 "SETUP transactions": the "SETUP done" word is written when the SETUP stage turns
// into a data or status stage, that is at the first IN or OUT token, so that it also tells which
// of several SETUP packets was the last. EPENA of the OUT side has fallen before (otg_wire_setup()).
static void close_setup(struct otg *otg, unsigned ep) {
    if (ep == 0 && otg->is_setup_open) {
        otg->is_setup_open = false;
        if (otg_is_dma(otg)) {
            otg->out[0].intr |= EPINT_STUP;
        } else {
            otg_rx_push(otg, RX_SETUP_DONE, 0, 0, NULL, 0);
        }
        otg_update_irq(otg);
    }
}

// The core takes a SETUP whatever NAK, STALL and EPENA say, and with STUPCNT at 0 too (RM0090
// 34.17.6 "SETUP transactions").
//
// RM0090 (DOEPCTL0.EPENA) clears EPENA "before" it sets "SETUP phase done", and leaves the instant open. It is
// here, with the packet: libusb_stm32's OTG_FS driver sets EPENA as soon as it has read the SETUP data, polling, and
// not again after "SETUP done"; it takes the status stage of control reads on silicon (STM32F405, F429), so neither that
// word nor its pop can take away an EPENA that came after the SETUP. Drivers that set EPENA after the pop
// (libopencm3, TinyUSB, ST's HAL) cannot tell the difference.
enum wire_answer otg_wire_setup(void *ctx, uint8_t addr, uint8_t ep, const uint8_t setup[8]) {
    struct otg *otg = ctx;
    if (!hears(otg, addr, ep) || ep != 0) {
        return WIRE_SILENCE;
    }
    if (!otg->is_layout_checked) {
        otg->is_layout_checked = true;
        otg_check_layout(otg);
    }
    if (otg_is_dma(otg)) {
        otg_dma_store(otg, 0, setup, 8);
    } else if (!otg_rx_has_setup_room(otg)) {
        trace_complaint(otg->trace, "otg-rx-overflow", otg->config->name,
                        "%s: a SETUP packet found no room in the receive FIFO (GRXFSIZ %u words, "
                        "%u in use)",
                        otg->config->name, (unsigned)otg->grxfsiz, otg->rx.count);
        return WIRE_SILENCE;
    } else {
        otg_rx_push(otg, RX_SETUP_DATA, 0, 0, setup, 8);
    }
    uint32_t stupcnt = (otg->out[0].tsiz & TSIZ_STUPCNT) >> TSIZ_STUPCNT_POS;
    if (stupcnt > 0) {
        otg->out[0].tsiz -= 1u << TSIZ_STUPCNT_POS;
    }
    otg->out[0].ctl = (otg->out[0].ctl | EPCTL_NAKSTS) & ~(EPCTL_STALL | EPCTL_EPENA);
    otg->in[0].ctl = (otg->in[0].ctl | EPCTL_NAKSTS) & ~EPCTL_STALL;
    otg->out[0].toggle = 1; // data and status stages begin with DATA1 (USB 2.0 8.5.3)
    otg->in[0].toggle = 1;
    otg->tx[0].is_stale = otg->tx[0].count > 0;
    otg->is_setup_open = true;
    otg->is_control = true;
    otg_update_irq(otg);
    return WIRE_ACK;
}

static void out_received(struct otg *otg, unsigned ep, unsigned toggle, const uint8_t *data,
                         unsigned len) {
    struct otg_endpoint *out = &otg->out[ep];
    bool is_dma = otg_is_dma(otg);
    if (is_dma) {
        otg_dma_store(otg, ep, data, len);
    } else {
        otg_rx_push(otg, RX_OUT_DATA, ep, toggle, data, len);
    }
    unsigned left = out->tsiz & TSIZ_XFRSIZ;
    out->tsiz -= left < len ? left : len;
    // An endpoint enabled with PKTCNT 0 receives: libusb_stm32 (so sboot) writes DOEPTSIZ once,
    // or for bulk endpoints never, and only sets EPENA and CNAK again after each packet.
    if (pktcnt(out) > 0) {
        out->tsiz -= 1u << TSIZ_PKTCNT_POS;
    }
    if (pktcnt(out) == 0 || len < otg_mps(otg, ep, false)) {
        // RM0090 34.17.6 "Generic non-isochronous OUT data transfers", internal data flow 3 and 6.
        out->ctl |= EPCTL_NAKSTS;
        out->ctl &= ~EPCTL_EPENA;
        if (is_dma) {
            out->intr |= EPINT_XFRC;
        } else {
            otg_rx_push(otg, RX_OUT_DONE, ep, toggle, NULL, 0);
        }
    }
    if (ep == 0 && len == 0) {
        otg->is_control = false; // the status stage of a control read
    }
    otg_update_irq(otg);
}

enum wire_answer otg_wire_out(void *ctx, uint8_t addr, uint8_t ep, unsigned toggle,
                              const uint8_t *data, unsigned len) {
    struct otg *otg = ctx;
    if (!hears(otg, addr, ep) || (ep != 0 && !(otg->out[ep].ctl & EPCTL_USBAEP))) {
        return WIRE_SILENCE;
    }
    struct otg_endpoint *out = &otg->out[ep];
    close_setup(otg, ep);
    enum wire_answer refusal = is_iso(out) ? WIRE_SILENCE : WIRE_NAK;
    if (out->ctl & EPCTL_STALL && !is_iso(out)) {
        return WIRE_STALL; // before NAK (RM0090 DOEPCTLx.STALL)
    }
    if (!(out->ctl & EPCTL_EPENA)) {
        if (is_control(out)) {
            out->intr |= EPINT_OTEPDIS;
            otg_update_irq(otg);
        }
        return refusal;
    }
    bool has_room = otg_is_dma(otg) || otg_rx_has_room(otg, len);
    if (is_iso(out) && !has_room) {
        otg->gint |= GINT_ISOODRP; // RM0090 34.16.2
        otg_update_irq(otg);
    }
    if (out->ctl & EPCTL_NAKSTS || otg->dctl & DCTL_GONSTS || !has_room) {
        return refusal;
    }
    if (len > otg_mps(otg, ep, false)) {
        return WIRE_SILENCE; // babble: the packet is dropped without a handshake
    }
    if (is_iso(out) && !otg_is_its_frame(otg, out)) {
        return WIRE_SILENCE; // it is for the other frames (RM0090 DOEPCTLx.EONUM)
    }
    if (!is_iso(out)) {
        if (toggle != out->toggle) {
            return WIRE_ACK; // a repetition, dropped (RM0090 34.17.6; USB 2.0 8.6.3)
        }
        out->toggle ^= 1;
    }
    out_received(otg, ep, toggle, data, len);
    return WIRE_ACK;
}

// RM0090 34.17.6 "Generic periodic IN data transfers", internal data flow: without the whole packet in
// the FIFO an isochronous endpoint sends an empty one, others NAK.
static enum wire_answer nothing_to_send(struct otg *otg, unsigned ep, unsigned *toggle,
                                        unsigned *len) {
    otg->in[ep].intr |= EPINT_ITTXFE;
    otg_update_irq(otg);
    *len = 0;
    *toggle = 0;
    return is_iso(&otg->in[ep]) ? WIRE_ACK : WIRE_NAK;
}

enum wire_answer otg_wire_in(void *ctx, uint8_t addr, uint8_t ep, unsigned *toggle, uint8_t *data,
                             unsigned *len) {
    struct otg *otg = ctx;
    if (!hears(otg, addr, ep) || (ep != 0 && !(otg->in[ep].ctl & EPCTL_USBAEP))) {
        return WIRE_SILENCE;
    }
    struct otg_endpoint *in = &otg->in[ep];
    close_setup(otg, ep);
    if (in->ctl & EPCTL_STALL && !is_iso(in)) {
        return WIRE_STALL;
    }
    if (!is_iso(in) && (in->ctl & EPCTL_NAKSTS || otg->dctl & DCTL_GINSTS)) {
        return WIRE_NAK;
    }
    // RM0090 34.16.4 DIEPCTLx.NAKSTS: an isochronous endpoint then sends an empty packet.
    if (!(in->ctl & EPCTL_EPENA) || pktcnt(in) == 0 || (is_iso(in) && !otg_is_its_frame(otg, in))) {
        return nothing_to_send(otg, ep, toggle, len);
    }
    unsigned fifo = otg_tx_number(otg, ep);
    uint32_t left = in->tsiz & TSIZ_XFRSIZ;
    if (otg_is_dma(otg)) {
        unsigned mps = otg_mps(otg, ep, true);
        in->unacked_len = left < mps ? left : mps;
        otg_dma_load(otg, ep, data, in->unacked_len);
    } else if (otg->tx[fifo].packet_count > 0) {
        in->unacked_len = otg->tx[fifo].packet[otg->tx[fifo].packet_head];
        otg_tx_copy_packet(otg, fifo, data, in->unacked_len);
    } else if (left == 0) {
        in->unacked_len = 0;
    } else {
        return nothing_to_send(otg, ep, toggle, len); // the packet is not whole in the FIFO yet
    }
    *len = in->unacked_len;
    *toggle = is_iso(in) ? 0 : in->toggle;
    in->is_unacked = true;
    in->is_unacked_lost = false;
    return WIRE_ACK;
}

void otg_wire_in_acked(void *ctx, uint8_t ep) {
    struct otg *otg = ctx;
    struct otg_endpoint *in = &otg->in[ep];
    if (!in->is_unacked) {
        return;
    }
    in->is_unacked = false;
    in->toggle ^= is_iso(in) ? 0 : 1;
    if (otg_is_dma(otg)) {
        in->dma += in->unacked_len;
        in->tsiz -= in->unacked_len;
    } else if (in->unacked_len > 0 && !in->is_unacked_lost) {
        otg_tx_drop_packet(otg, otg_tx_number(otg, ep));
    }
    if (in->ctl & EPCTL_EPENA && pktcnt(in) > 0) {
        in->tsiz -= 1u << TSIZ_PKTCNT_POS;
        if (pktcnt(in) == 0) {
            in->ctl &= ~EPCTL_EPENA;
            in->intr |= EPINT_XFRC;
        }
    }
    if (ep == 0 && in->unacked_len == 0) {
        // The status stage of a control write. ST's HAL, libopencm3 on this core, TinyUSB and
        // libusb_stm32 all write DCFG.DAD before it, so the core must still have answered to the
        // old address; RM0090 34.17.3 asks for that order too.
        otg->is_control = false;
        if (otg->is_dad_pending) {
            otg->is_dad_pending = false;
            otg->address = (otg->dcfg & DCFG_DAD) >> 4;
        }
    }
    otg_update_irq(otg);
}
