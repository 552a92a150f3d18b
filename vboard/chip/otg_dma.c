// SPDX-License-Identifier: MIT
//
// OTG_HS's internal DMA (RM0090 35.6.4 and 35.13.6, "DMA mode"): packets go between the bus and
// memory at DIEPDMAx and DOEPDMAx, and the interrupts of an OUT endpoint (XFRC, STUP) rise when the
// core is through, since no status word is there to be popped.
//
// The model moves a packet at the instant of its transaction. The real core fetches IN data ahead
// into the FIFO, so firmware that changes a buffer after enabling the endpoint sees the new bytes
// go out here and may see the old ones there.

#include "vboard/chip/otg_core.h"

#include <string.h>

bool otg_is_dma(const struct otg *otg) {
    return otg->gahbcfg & GAHBCFG_DMAEN;
}

static void complain_unreachable(struct otg *otg, uint32_t addr) {
    trace_complaint(otg->trace, "otg-dma", otg->config->name,
                    "%s: DMA at 0x%08x, where this bus master reaches no memory (RM0090 2.1: SRAM, "
                    "not flash, not CCM): nothing moves",
                    otg->config->name, (unsigned)addr);
}

void otg_dma_load(struct otg *otg, unsigned ep, uint8_t *data, unsigned len) {
    uint32_t addr = otg->in[ep].dma;
    if (len > 0 &&
        (otg->around.load == NULL || !otg->around.load(otg->around.ctx, addr, data, len))) {
        complain_unreachable(otg, addr);
        memset(data, 0, len);
    }
}

void otg_dma_store(struct otg *otg, unsigned ep, const uint8_t *data, unsigned len) {
    uint32_t addr = otg->out[ep].dma;
    if (len > 0 &&
        (otg->around.store == NULL || !otg->around.store(otg->around.ctx, addr, data, len))) {
        complain_unreachable(otg, addr);
    }
    otg->out[ep].dma += len;
}

void otg_dma_enabled(struct otg *otg, unsigned ep, bool in) {
    uint32_t addr = (in ? otg->in : otg->out)[ep].dma;
    if (otg_is_dma(otg) && addr % 4 != 0) {
        // RM0090 35.12.4 OTG_HS_DIEPDMAx: "must be DWORD-aligned"; what the core does with another
        // address is not said. Here it is used as it is.
        trace_complaint(otg->trace, "otg-dma-alignment", otg->config->name,
                        "%s: endpoint %u %s enabled with DMA address 0x%08x, which is no multiple "
                        "of 4",
                        otg->config->name, ep, in ? "IN" : "OUT", (unsigned)addr);
    }
}
