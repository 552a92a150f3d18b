// SPDX-License-Identifier: MIT
//
// The FIFOs of the OTG core (RM0090 34.11, 34.17.6): one receive FIFO in which status words and
// data stand in one row, and one transmit FIFO an IN endpoint.
//
// Each FIFO has memory of its own here: regions that overlap in the 1.25 KB of a real core do not
// corrupt each other, they are complained about when the first SETUP arrives.

#include "vboard/chip/otg_core.h"

#include <string.h>

enum tag { TAG_DATA, TAG_STATUS, TAG_SETUP_DATA, TAG_SETUP_STATUS };

// RM0090 34.17.6 "SETUP transactions": 10 words are kept free for SETUP packets, data packets
// never use them.
#define RX_SETUP_RESERVE 10u

#define GRX_PKTSTS_POS   17
#define GRX_DPID_POS     15
#define GRX_BCNT_POS     4
#define GRX_FRMNUM_POS   21

static void complain(struct otg *otg, const char *what, const char *sentence) {
    trace_complaint(otg->trace, what, otg->config->name, "%s: %s", otg->config->name, sentence);
}

// --- Receive. ---

static bool is_status(unsigned tag) {
    return tag == TAG_STATUS || tag == TAG_SETUP_STATUS;
}

static void rx_put(struct otg *otg, uint32_t word, enum tag tag) {
    struct otg_rx_fifo *rx = &otg->rx;
    if (rx->count == OTG_FIFO_WORDS_MAX) {
        complain(otg, "otg-rx-overflow", "the receive FIFO ran over");
        return;
    }
    unsigned at = (rx->head + rx->count) % OTG_FIFO_WORDS_MAX;
    rx->word[at] = word;
    rx->tag[at] = (uint8_t)tag;
    rx->count++;
    rx->status_count += is_status(tag);
    rx->setup_count += tag == TAG_SETUP_DATA || tag == TAG_SETUP_STATUS;
}

static uint32_t rx_take(struct otg *otg, unsigned *tag) {
    struct otg_rx_fifo *rx = &otg->rx;
    uint32_t word = rx->word[rx->head];
    *tag = rx->tag[rx->head];
    rx->head = (rx->head + 1) % OTG_FIFO_WORDS_MAX;
    rx->count--;
    rx->status_count -= is_status(*tag);
    rx->setup_count -= *tag == TAG_SETUP_DATA || *tag == TAG_SETUP_STATUS;
    return word;
}

uint32_t otg_rx_peek_status(const struct otg *otg) {
    return otg->rx.count > 0 ? otg->rx.word[otg->rx.head] : 0;
}

uint32_t otg_rx_peek_data(const struct otg *otg) {
    return otg_rx_peek_status(otg);
}

// What popping a status word does (RM0090 34.17.6): the interrupt of "transfer completed" and
// "SETUP done" rises here, not when the core wrote the word. TinyUSB dcd_dwc2.c notes the same
// ("Pop this word causes the xfer complete interrupt").
//
// RM0090 also lets the pop clear EPENA. Here EPENA falls before the word is written (otg_endpoints.c):
// libusb_stm32 (so sboot) sees 3 or 4 in GRXSTSR, sets EPENA and CNAK, and pops the word only
// then; it works on silicon, so the pop cannot take that EPENA away. libopencm3, TinyUSB and
// ST's HAL set EPENA after the pop and cannot tell the difference.
static void rx_popped(struct otg *otg, uint32_t status) {
    unsigned ep = status & 0xf;
    switch ((enum rx_status)(status >> GRX_PKTSTS_POS & 0xf)) {
    case RX_GLOBAL_OUT_NAK:
        if (otg->dctl & DCTL_GONSTS) {
            otg->gint |= GINT_GONAKEFF;
        }
        break;
    case RX_OUT_DONE:
        otg->out[ep].intr |= EPINT_XFRC;
        break;
    case RX_SETUP_DONE:
        otg->out[ep].intr |= EPINT_STUP;
        break;
    case RX_OUT_DATA:
    case RX_SETUP_DATA:
        break;
    }
}

uint32_t otg_rx_pop_status(struct otg *otg) {
    if (otg->rx.count == 0) {
        return 0;
    }
    unsigned tag;
    uint32_t word = rx_take(otg, &tag);
    if (is_status(tag)) {
        rx_popped(otg, word);
    } else {
        complain(otg, "otg-rx-order",
                 "GRXSTSP was read before the packet announced by the last one was taken out of "
                 "the FIFO");
    }
    otg_update_irq(otg);
    otg_ready(otg);
    return word;
}

uint32_t otg_rx_pop_data(struct otg *otg) {
    if (otg->rx.count == 0) {
        complain(otg, "otg-rx-empty", "the receive FIFO was read while it was empty");
        return 0;
    }
    unsigned tag;
    uint32_t word = rx_take(otg, &tag);
    if (is_status(tag)) {
        complain(otg, "otg-rx-order", "more was read from the receive FIFO than the packet holds");
    }
    otg_update_irq(otg);
    otg_ready(otg);
    return word;
}

bool otg_rx_has_room(const struct otg *otg, unsigned len) {
    // Status, data, and the "transfer completed" word after it (RM0090 34.11.1).
    unsigned needed = 1 + (len + 3) / 4 + 1;
    unsigned used = otg->rx.count - otg->rx.setup_count;
    return used + needed + RX_SETUP_RESERVE <= otg->grxfsiz;
}

bool otg_rx_has_setup_room(const struct otg *otg) {
    // 3 words, and one for "SETUP done".
    return otg->rx.count + 4 <= otg->grxfsiz;
}

void otg_rx_push(struct otg *otg, enum rx_status status, unsigned ep, unsigned toggle,
                 const uint8_t *data, unsigned len) {
    bool is_setup = status == RX_SETUP_DATA || status == RX_SETUP_DONE;
    uint32_t frame = otg->dsts >> 8 & 0xf;
    rx_put(otg,
           ep | len << GRX_BCNT_POS | (toggle ? 2u : 0u) << GRX_DPID_POS |
               (uint32_t)status << GRX_PKTSTS_POS | frame << GRX_FRMNUM_POS,
           is_setup ? TAG_SETUP_STATUS : TAG_STATUS);
    for (unsigned i = 0; i < len; i += 4) {
        uint32_t word = 0;
        for (unsigned lane = 0; lane < 4 && i + lane < len; lane++) {
            word |= (uint32_t)data[i + lane] << (8 * lane);
        }
        rx_put(otg, word, is_setup ? TAG_SETUP_DATA : TAG_DATA);
    }
}

void otg_rx_flush(struct otg *otg) {
    otg->rx.head = 0;
    otg->rx.count = 0;
    otg->rx.status_count = 0;
    otg->rx.setup_count = 0;
}

// --- Transmit. ---

unsigned otg_tx_number(const struct otg *otg, unsigned ep) {
    unsigned fifo = (otg->in[ep].ctl & EPCTL_TXFNUM) >> 22;
    return fifo < otg->config->endpoints ? fifo : 0;
}

unsigned otg_tx_depth(const struct otg *otg, unsigned fifo) {
    unsigned depth = otg->txfsiz[fifo] >> 16;
    return depth < OTG_FIFO_WORDS_MAX ? depth : OTG_FIFO_WORDS_MAX;
}

unsigned otg_tx_space(const struct otg *otg, unsigned fifo) {
    unsigned depth = otg_tx_depth(otg, fifo);
    unsigned used = otg->tx[fifo].count;
    return used < depth ? depth - used : 0;
}

// DIEPINT.TXFE: half empty, or completely empty with GAHBCFG.TXFELVL (RM0090 34.16.2).
bool otg_tx_is_empty_enough(const struct otg *otg, unsigned ep) {
    unsigned fifo = otg_tx_number(otg, ep);
    unsigned limit = otg->gahbcfg & GAHBCFG_TXFELVL ? 0 : otg_tx_depth(otg, fifo) / 2;
    return otg->tx[fifo].count <= limit;
}

void otg_tx_packetise(struct otg *otg, unsigned ep) {
    struct otg_endpoint *in = &otg->in[ep];
    struct otg_tx_fifo *tx = &otg->tx[otg_tx_number(otg, ep)];
    if (!(in->ctl & EPCTL_EPENA)) {
        return;
    }
    // RM0090 34.17.6 "Generic non-periodic IN data transfers": XFRSIZ falls with every packet
    // written to the FIFO, PKTCNT with every packet the host took. TinyUSB computes what is
    // left to write from XFRSIZ.
    for (;;) {
        unsigned left = in->tsiz & TSIZ_XFRSIZ;
        unsigned mps = otg_mps(otg, ep, true);
        unsigned len = left < mps ? left : mps;
        if (len == 0 || tx->staged < (len + 3) / 4 || tx->packet_count == OTG_FIFO_WORDS_MAX) {
            return;
        }
        tx->staged -= (len + 3) / 4;
        tx->packet[(tx->packet_head + tx->packet_count) % OTG_FIFO_WORDS_MAX] = (uint16_t)len;
        tx->packet_count++;
        in->tsiz -= len;
        otg_ready(otg);
    }
}

void otg_tx_push(struct otg *otg, unsigned ep, uint32_t word) {
    unsigned fifo = otg_tx_number(otg, ep);
    struct otg_tx_fifo *tx = &otg->tx[fifo];
    if (otg_tx_space(otg, fifo) == 0) {
        complain(otg, "otg-tx-overflow", "a transmit FIFO was written while it was full");
        return;
    }
    tx->word[(tx->head + tx->count) % OTG_FIFO_WORDS_MAX] = word;
    tx->count++;
    tx->staged++;
    otg_tx_packetise(otg, ep);
    otg_update_irq(otg);
}

void otg_tx_copy_packet(const struct otg *otg, unsigned fifo, uint8_t *data, unsigned len) {
    const struct otg_tx_fifo *tx = &otg->tx[fifo];
    for (unsigned i = 0; i < len; i++) {
        data[i] = (uint8_t)(tx->word[(tx->head + i / 4) % OTG_FIFO_WORDS_MAX] >> (8 * (i % 4)));
    }
}

void otg_tx_drop_packet(struct otg *otg, unsigned fifo) {
    struct otg_tx_fifo *tx = &otg->tx[fifo];
    unsigned words = (tx->packet[tx->packet_head] + 3u) / 4;
    tx->packet_head = (tx->packet_head + 1) % OTG_FIFO_WORDS_MAX;
    tx->packet_count--;
    tx->head = (tx->head + words) % OTG_FIFO_WORDS_MAX;
    tx->count -= words;
}

void otg_tx_flush(struct otg *otg, unsigned fifo) {
    for (unsigned i = 0; i < otg->config->endpoints; i++) {
        if (i != fifo && fifo != 0x10) {
            continue;
        }
        struct otg_tx_fifo *tx = &otg->tx[i];
        tx->head = tx->count = tx->staged = 0;
        tx->packet_head = tx->packet_count = 0;
        tx->is_stale = false;
    }
    for (unsigned ep = 0; ep < otg->config->endpoints; ep++) {
        unsigned number = otg_tx_number(otg, ep);
        if (fifo == 0x10 || number == fifo) {
            otg->in[ep].is_unacked_lost = otg->in[ep].is_unacked;
        }
    }
}

// --- Where the FIFOs lie. ---

void otg_check_layout(struct otg *otg) {
    struct region {
        unsigned start, depth;
        int fifo; // -1: receive
    } regions[OTG_ENDPOINTS_MAX + 1] = {{0, otg->grxfsiz, -1}};
    unsigned count = 1;
    for (unsigned ep = 0; ep < otg->config->endpoints; ep++) {
        if (ep == 0 || otg->in[ep].ctl & EPCTL_USBAEP) {
            unsigned fifo = otg_tx_number(otg, ep);
            regions[count++] =
                (struct region){otg->txfsiz[fifo] & 0xffff, otg->txfsiz[fifo] >> 16, (int)fifo};
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (regions[i].start + regions[i].depth > otg->config->fifo_words) {
            trace_complaint(otg->trace, "otg-fifo-layout", otg->config->name,
                            "%s: a FIFO ends at word %u of %u", otg->config->name,
                            regions[i].start + regions[i].depth, otg->config->fifo_words);
        }
        for (unsigned k = 0; k < i; k++) {
            if (regions[k].fifo != regions[i].fifo &&
                regions[i].start < regions[k].start + regions[k].depth &&
                regions[k].start < regions[i].start + regions[i].depth) {
                trace_complaint(otg->trace, "otg-fifo-layout", "overlap",
                                "%s: two FIFOs overlap at word %u", otg->config->name,
                                regions[i].start);
            }
        }
    }
}
