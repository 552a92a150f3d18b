// SPDX-License-Identifier: MIT
//
// The OTG core's register map (RM0090 34.16.1, 34.16.6): which offset is what, which bits store,
// which act, which only show. Host-mode registers (0x400 to 0x7FF) are not modelled.

#include "vboard/chip/otg_core.h"

enum global_register {
    GOTGCTL = 0x000,
    GOTGINT = 0x004,
    GAHBCFG = 0x008,
    GUSBCFG = 0x00c,
    GRSTCTL = 0x010,
    GINTSTS = 0x014,
    GINTMSK = 0x018,
    GRXSTSR = 0x01c,
    GRXSTSP = 0x020,
    GRXFSIZ = 0x024,
    DIEPTXF0 = 0x028,
    HNPTXSTS = 0x02c,
    GI2CCTL = 0x030,
    GCCFG = 0x038,
    CID = 0x03c,
    GSNPSID = 0x040,
    GHWCFG1 = 0x044,
    GHWCFG4 = 0x050,
    GLPMCFG = 0x054,
    GDFIFOCFG = 0x05c,
    HPTXFSIZ = 0x100,
    DIEPTXF1 = 0x104,
    DIEPTXF15 = 0x13c,
    DCFG = 0x800,
    DCTL = 0x804,
    DSTS = 0x808,
    DIEPMSK = 0x810,
    DOEPMSK = 0x814,
    DAINT = 0x818,
    DAINTMSK = 0x81c,
    DVBUSDIS = 0x828,
    DVBUSPULSE = 0x82c,
    DTHRCTL = 0x830,
    DIEPEMPMSK = 0x834,
    DEACHINT = 0x838,
    DEACHMSK = 0x83c,
    DINEP1MSK = 0x844,
    DOUTEP1MSK = 0x884,
    ENDPOINTS_IN = 0x900,
    ENDPOINTS_OUT = 0xb00,
    ENDPOINTS_END = 0xd00,
    PCGCCTL = 0xe00,
    FIFO_WINDOWS = 0x1000,
    FIFO_WINDOWS_END = 0x11000, // 16 windows of 4 KB
};

// Within an endpoint's 32 bytes.
enum endpoint_register { EPCTL = 0x00, EPINT = 0x08, EPTSIZ = 0x10, EPDMA = 0x14, TXFSTS = 0x18 };

static bool read_endpoint(struct otg *otg, uint32_t off, uint32_t *value) {
    bool in = off < ENDPOINTS_OUT;
    unsigned ep = (off - (in ? ENDPOINTS_IN : ENDPOINTS_OUT)) >> 5;
    *value = 0;
    if (ep >= otg->config->endpoints) {
        return true; // reserved; ST's HAL (USB_StopDevice) clears interrupts of 15 endpoints
    }
    const struct otg_endpoint *endpoint = &(in ? otg->in : otg->out)[ep];
    switch (off & 0x1f) {
    case EPCTL:
        *value = otg_ep_control(otg, ep, in);
        return true;
    case EPINT:
        *value = otg_ep_interrupts(otg, ep, in);
        return true;
    case EPTSIZ:
        *value = endpoint->tsiz;
        return true;
    case EPDMA:
        *value = otg->config->has_high_speed ? endpoint->dma : 0;
        return true;
    case TXFSTS:
        *value = in ? otg_tx_space(otg, otg_tx_number(otg, ep)) : 0;
        return true;
    default:
        return true; // reserved words of the block
    }
}

static void write_endpoint(struct otg *otg, uint32_t off, uint32_t value, uint32_t mask) {
    bool in = off < ENDPOINTS_OUT;
    unsigned ep = (off - (in ? ENDPOINTS_IN : ENDPOINTS_OUT)) >> 5;
    if (ep >= otg->config->endpoints) {
        return;
    }
    switch (off & 0x1f) {
    case EPCTL:
        otg_ep_write_control(otg, ep, in, value, mask);
        return;
    case EPINT:
        (in ? otg->in : otg->out)[ep].intr &= ~(value & mask);
        otg_update_irq(otg);
        return;
    case EPTSIZ:
        otg_ep_write_size(otg, ep, in, value, mask);
        return;
    case EPDMA:
        (in ? otg->in : otg->out)[ep].dma =
            ((in ? otg->in : otg->out)[ep].dma & ~mask) | (value & mask);
        return;
    default:
        return;
    }
}

static uint32_t gotgctl(const struct otg *otg) {
    return otg->gotgctl | GOTGCTL_CIDSTS | (otg->is_session ? GOTGCTL_BSVLD : 0);
}

static bool read_global(struct otg *otg, uint32_t off, uint32_t *value, bool is_peek) {
    switch (off) {
    case GOTGCTL:
        *value = gotgctl(otg);
        return true;
    case GOTGINT:
        *value = otg->gotgint;
        return true;
    case GAHBCFG:
        *value = otg->gahbcfg;
        return true;
    case GUSBCFG:
        *value = otg->gusbcfg;
        return true;
    case GRSTCTL:
        *value = otg->grstctl | GRSTCTL_AHBIDL;
        return true;
    case GINTSTS:
        *value = otg_gintsts(otg);
        return true;
    case GINTMSK:
        *value = otg->gintmsk;
        return true;
    case GRXSTSR:
        *value = otg_rx_peek_status(otg);
        return true;
    case GRXSTSP:
        *value = is_peek ? otg_rx_peek_status(otg) : otg_rx_pop_status(otg);
        return true;
    case GRXFSIZ:
        *value = otg->grxfsiz;
        return true;
    case DIEPTXF0:
        *value = otg->txfsiz[0];
        return true;
    case HNPTXSTS:
        *value = 8u << 16 | otg_tx_space(otg, 0); // request queue of 8, RM0090 34.16.2
        return true;
    case GCCFG:
        *value = otg->gccfg;
        return true;
    case CID:
        *value = otg->cid;
        return true;
    case GSNPSID:
        *value = otg->config->gsnpsid;
        return true;
    case HPTXFSIZ:
        *value = otg->hptxfsiz;
        return true;
    case GI2CCTL:
    case GLPMCFG:
    case GDFIFOCFG:
        *value = 0; // not in this release of the core; TinyUSB touches GDFIFOCFG all the same
        return true;
    default:
        break;
    }
    if (off >= GHWCFG1 && off <= GHWCFG4) {
        *value = otg->config->ghwcfg[(off - GHWCFG1) / 4];
        return true;
    }
    if (off >= DIEPTXF1 && off <= DIEPTXF15) {
        unsigned fifo = (off - DIEPTXF1) / 4 + 1;
        *value = fifo < otg->config->endpoints ? otg->txfsiz[fifo] : 0;
        return true;
    }
    return false;
}

static bool read_device(struct otg *otg, uint32_t off, uint32_t *value) {
    switch (off) {
    case DCFG:
        *value = otg->dcfg;
        return true;
    case DCTL:
        *value = otg->dctl;
        return true;
    case DSTS:
        *value = otg->dsts;
        return true;
    case DIEPMSK:
        *value = otg->diepmsk;
        return true;
    case DOEPMSK:
        *value = otg->doepmsk;
        return true;
    case DAINT:
        *value = otg_daint(otg);
        return true;
    case DAINTMSK:
        *value = otg->daintmsk;
        return true;
    case DVBUSDIS:
        *value = otg->dvbusdis;
        return true;
    case DVBUSPULSE:
        *value = otg->dvbuspulse;
        return true;
    case DTHRCTL:
        *value = otg->dthrctl;
        return true;
    case DIEPEMPMSK:
        *value = otg->diepempmsk;
        return true;
    case DEACHINT:
        *value = otg_deachint(otg);
        return true;
    case DEACHMSK:
        *value = otg->deachmsk;
        return true;
    case DINEP1MSK:
        *value = otg->dinep1msk;
        return true;
    case DOUTEP1MSK:
        *value = otg->doutep1msk;
        return true;
    case PCGCCTL:
        *value = otg->pcgcctl;
        return true;
    default:
        return false;
    }
}

static bool read_register(struct otg *otg, uint32_t off, uint32_t *value, bool is_peek) {
    *value = 0;
    if (off < 0x400) {
        return read_global(otg, off, value, is_peek);
    }
    if (off >= ENDPOINTS_IN && off < ENDPOINTS_END) {
        return read_endpoint(otg, off, value);
    }
    if (off >= FIFO_WINDOWS && off < FIFO_WINDOWS_END) {
        // Any window reads the one receive FIFO.
        *value = is_peek ? otg_rx_peek_data(otg) : otg_rx_pop_data(otg);
        return true;
    }
    return read_device(otg, off, value);
}

bool otg_read(void *ctx, uint32_t off, uint32_t *value) {
    return read_register(ctx, off, value, false);
}

bool otg_peek(void *ctx, uint32_t off, uint32_t *value) {
    return read_register(ctx, off, value, true);
}

static void merge(uint32_t *reg, uint32_t value, uint32_t mask) {
    *reg = (*reg & ~mask) | (value & mask);
}

static void write_grstctl(struct otg *otg, uint32_t value, uint32_t mask) {
    merge(&otg->grstctl, value, mask & GRSTCTL_TXFNUM);
    uint32_t act = value & mask;
    // They act at once and read 0 again: software waits for that.
    if (act & GRSTCTL_CSRST) {
        if (!otg_has_phy(otg)) {
            // Without the PHY's 60 MHz the reset never ends: drivers (ST's HAL: USB_CoreReset) give
            // up here. From memory of boards without a PHY; RM0090 35 does not say.
            otg->grstctl |= GRSTCTL_CSRST;
            trace_complaint(otg->trace, "otg-no-ulpi", otg->config->name,
                            "%s: core reset with the external ULPI PHY chosen (GUSBCFG.PHYSEL is "
                            "0), and %s: the reset never ends",
                            otg->config->name,
                            otg->around.has_ulpi_phy
                                ? "its clock does not reach the core (RCC_AHB1ENR.OTGHSULPIEN, the "
                                  "12 ULPI pins in alternate function 10)"
                                : "this board has none");
            return;
        }
        otg_core_reset(otg, true);
        return;
    }
    if (act & GRSTCTL_RXFFLSH) {
        otg_rx_flush(otg);
    }
    if (act & GRSTCTL_TXFFLSH) {
        otg_tx_flush(otg, (otg->grstctl & GRSTCTL_TXFNUM) >> 6);
    }
    otg_update_irq(otg);
    otg_ready(otg);
}

static void write_gahbcfg(struct otg *otg, uint32_t value, uint32_t mask) {
    merge(&otg->gahbcfg, value, mask);
    if (!otg->config->has_high_speed) {
        otg->gahbcfg &= ~GAHBCFG_DMAEN; // OTG_FS has no DMA (RM0090 34.2)
    }
    otg_update_irq(otg);
}

static void write_gusbcfg(struct otg *otg, uint32_t value, uint32_t mask) {
    merge(&otg->gusbcfg, value, mask);
    if (otg->gusbcfg & GUSBCFG_FHMOD) {
        trace_complaint(otg->trace, "otg-host-mode", otg->config->name,
                        "%s: host mode is not modelled", otg->config->name);
    }
    otg_update_session(otg);
}

static bool write_global(struct otg *otg, uint32_t off, uint32_t value, uint32_t mask) {
    switch (off) {
    case GOTGCTL:
        merge(&otg->gotgctl, value, mask & 0xffeu);
        otg_update_session(otg);
        return true;
    case GOTGINT:
        otg->gotgint &= ~(value & mask);
        otg_update_irq(otg);
        return true;
    case GAHBCFG:
        write_gahbcfg(otg, value, mask);
        return true;
    case GUSBCFG:
        write_gusbcfg(otg, value, mask);
        return true;
    case GRSTCTL:
        write_grstctl(otg, value, mask);
        return true;
    case GINTSTS:
        otg->gint &= ~(value & mask & GINT_CLEARABLE);
        otg_update_irq(otg);
        return true;
    case GINTMSK:
        merge(&otg->gintmsk, value, mask);
        otg_update_irq(otg);
        return true;
    case GRXFSIZ:
        merge(&otg->grxfsiz, value, mask & 0xffff);
        otg_ready(otg);
        return true;
    case DIEPTXF0:
        merge(&otg->txfsiz[0], value, mask);
        otg_update_irq(otg);
        return true;
    case GCCFG:
        merge(&otg->gccfg, value, mask);
        otg_update_session(otg);
        return true;
    case CID:
        merge(&otg->cid, value, mask); // a free word for the product, RM0090 34.16.2
        return true;
    case HPTXFSIZ:
        merge(&otg->hptxfsiz, value, mask);
        return true;
    case GRXSTSR:
    case GRXSTSP:
    case HNPTXSTS:
    case GI2CCTL:
    case GLPMCFG:
    case GDFIFOCFG:
    case GSNPSID:
        return true;
    default:
        break;
    }
    if (off >= GHWCFG1 && off <= GHWCFG4) {
        return true;
    }
    if (off >= DIEPTXF1 && off <= DIEPTXF15) {
        // ST's HAL writes all 15 although the part has fewer.
        unsigned fifo = (off - DIEPTXF1) / 4 + 1;
        if (fifo < otg->config->endpoints) {
            merge(&otg->txfsiz[fifo], value, mask);
            otg_update_irq(otg);
        }
        return true;
    }
    return false;
}

static void write_dcfg(struct otg *otg, uint32_t value, uint32_t mask) {
    merge(&otg->dcfg, value, mask);
    if (mask & DCFG_DAD) {
        otg_set_address(otg, (otg->dcfg & DCFG_DAD) >> 4);
    }
}

static void write_dctl(struct otg *otg, uint32_t value, uint32_t mask) {
    uint32_t act = value & mask;
    // RWUSIG, SDIS, TCTL and POPRGDNE store; GINSTS and GONSTS show.
    bool was_signalling = otg->dctl & DCTL_RWUSIG;
    merge(&otg->dctl, value, mask & (DCTL_RWUSIG | DCTL_SDIS | 0x70u | 0x800u));
    if (act & DCTL_SGINAK) {
        otg->dctl |= DCTL_GINSTS;
    }
    if (act & DCTL_CGINAK) {
        otg->dctl &= ~DCTL_GINSTS;
    }
    if (act & DCTL_SGONAK && !(otg->dctl & DCTL_GONSTS)) {
        // RM0090 34.17.6 "Setting the global OUT NAK": a word goes into the receive FIFO, and
        // GONAKEFF rises when software pops it. Linux' dwc2 (dwc2_hsotg_ep_stop_xfr) waits for
        // RXFLVL and pops; TinyUSB pops it in its interrupt.
        otg->dctl |= DCTL_GONSTS;
        otg_rx_push(otg, RX_GLOBAL_OUT_NAK, 0, 0, NULL, 0);
    }
    if (act & DCTL_CGONAK) {
        otg->dctl &= ~DCTL_GONSTS;
        otg->gint &= ~GINT_GONAKEFF;
    }
    if (otg->dctl & DCTL_RWUSIG && !was_signalling) {
        otg_remote_wakeup(otg);
    }
    otg_update_pullup(otg);
    otg_update_irq(otg);
    otg_ready(otg);
}

static bool write_device(struct otg *otg, uint32_t off, uint32_t value, uint32_t mask) {
    switch (off) {
    case DCFG:
        write_dcfg(otg, value, mask);
        return true;
    case DCTL:
        write_dctl(otg, value, mask);
        return true;
    case DIEPMSK:
        merge(&otg->diepmsk, value, mask);
        break;
    case DOEPMSK:
        merge(&otg->doepmsk, value, mask);
        break;
    case DAINTMSK:
        merge(&otg->daintmsk, value, mask);
        break;
    case DIEPEMPMSK:
        merge(&otg->diepempmsk, value, mask & 0xffff);
        break;
    case DVBUSDIS:
        merge(&otg->dvbusdis, value, mask);
        break;
    case DVBUSPULSE:
        merge(&otg->dvbuspulse, value, mask);
        break;
    case DTHRCTL:
        merge(&otg->dthrctl, value, mask);
        break;
    case DEACHMSK:
        merge(&otg->deachmsk, value, mask);
        break;
    case DINEP1MSK:
        merge(&otg->dinep1msk, value, mask);
        break;
    case DOUTEP1MSK:
        merge(&otg->doutep1msk, value, mask);
        break;
    case PCGCCTL:
        merge(&otg->pcgcctl, value, mask & 0x3u); // STPPCLK, GATEHCLK; they change nothing here
        break;
    case DSTS:
    case DAINT:
    case DEACHINT:
        break;
    default:
        return false;
    }
    otg_update_irq(otg);
    return true;
}

bool otg_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct otg *otg = ctx;
    if (off < 0x400) {
        return write_global(otg, off, value, mask);
    }
    if (off >= ENDPOINTS_IN && off < ENDPOINTS_END) {
        write_endpoint(otg, off, value, mask);
        return true;
    }
    if (off >= FIFO_WINDOWS && off < FIFO_WINDOWS_END) {
        unsigned ep = (off - FIFO_WINDOWS) >> 12;
        if (ep >= otg->config->endpoints) {
            return false;
        }
        otg_tx_push(otg, ep, value);
        return true;
    }
    return write_device(otg, off, value, mask);
}
