// SPDX-License-Identifier: MIT
//
// What the files of the OTG core share: its registers, FIFOs and endpoints as structs, and the
// bits by their names in RM0090 34.16. Nobody outside otg*.c includes this.
//
//   otg.c           life of the core, interrupt line, VBUS, pull-up, bus events
//   otg_registers.c the register map
//   otg_fifo.c      receive and transmit FIFOs
//   otg_endpoints.c endpoint control, and the SETUP, OUT and IN transactions
//   otg_dma.c       OTG_HS's own bus master in place of the FIFO windows

#ifndef VBOARD_CHIP_OTG_CORE_H
#define VBOARD_CHIP_OTG_CORE_H

#include "vboard/chip/otg.h"

// GOTGCTL, GOTGINT, GAHBCFG, GUSBCFG (RM0090 34.16.2).
#define GOTGCTL_BVALOEN   (1u << 6) // RM0390 31.15.1
#define GOTGCTL_BVALOVAL  (1u << 7)
#define GOTGCTL_CIDSTS    (1u << 16) // B-device: the ID pin is pulled up inside
#define GOTGCTL_BSVLD     (1u << 19)
#define GOTGINT_SEDET     (1u << 2)
#define GAHBCFG_GINT      (1u << 0)
#define GAHBCFG_DMAEN     (1u << 5)
#define GAHBCFG_TXFELVL   (1u << 7)
#define GUSBCFG_PHYSEL    (1u << 6)
#define GUSBCFG_FHMOD     (1u << 29)
#define GRSTCTL_CSRST     (1u << 0)
#define GRSTCTL_RXFFLSH   (1u << 4)
#define GRSTCTL_TXFFLSH   (1u << 5)
#define GRSTCTL_TXFNUM    (0x1fu << 6)
#define GRSTCTL_AHBIDL    (1u << 31)
#define GCCFG_PWRDWN      (1u << 16) // named so; 1 is "powered"
#define GCCFG_VBUSBSEN    (1u << 19)
#define GCCFG_NOVBUSSENS  (1u << 21)
#define GCCFG_VBDEN       (1u << 21) // config->has_vbden

// GINTSTS and GINTMSK.
#define GINT_OTGINT       (1u << 2)
#define GINT_SOF          (1u << 3)
#define GINT_RXFLVL       (1u << 4)
#define GINT_NPTXFE       (1u << 5)
#define GINT_GINAKEFF     (1u << 6)
#define GINT_GONAKEFF     (1u << 7)
#define GINT_ESUSP        (1u << 10)
#define GINT_USBSUSP      (1u << 11)
#define GINT_USBRST       (1u << 12)
#define GINT_ENUMDNE      (1u << 13)
#define GINT_ISOODRP      (1u << 14)
#define GINT_EOPF         (1u << 15)
#define GINT_IEPINT       (1u << 18)
#define GINT_OEPINT       (1u << 19)
#define GINT_IISOIXFR     (1u << 20)
#define GINT_INCOMPISOOUT (1u << 21)
#define GINT_PTXFE        (1u << 26)
#define GINT_SRQINT       (1u << 30)
#define GINT_WKUPINT      (1u << 31)
// The bits software clears by writing 1 (RM0090 34.16.2, rc_w1): MMIS, SOF, ESUSP, USBSUSP,
// USBRST, ENUMDNE, ISOODRP, EOPF, IISOIXFR, INCOMPISOOUT, CIDSCHG, DISCINT, SRQINT, WKUINT.
#define GINT_CLEARABLE    0xf030fc0au

// DCFG, DCTL, DSTS (RM0090 34.16.4).
#define DCFG_DSPD         0x3u
#define DCFG_DAD          (0x7fu << 4)
#define DCFG_PFIVL_POS    11
#define DCTL_RWUSIG       (1u << 0)
#define DCTL_SDIS         (1u << 1)
#define DCTL_GINSTS       (1u << 2)
#define DCTL_GONSTS       (1u << 3)
#define DCTL_SGINAK       (1u << 7)
#define DCTL_CGINAK       (1u << 8)
#define DCTL_SGONAK       (1u << 9)
#define DCTL_CGONAK       (1u << 10)
#define DSTS_SUSPSTS      (1u << 0)
#define DSTS_ENUMSPD      (3u << 1)
#define DSTS_ENUMSPD_HS   (0u << 1)
#define DSTS_ENUMSPD_FSH  (1u << 1) // full speed by a high-speed PHY (RM0090 35.12.4)
#define DSTS_ENUMSPD_FS   (3u << 1) // full speed, PHY clock 48 MHz
#define DSTS_FNSOF_POS    8
#define DSTS_FNSOF        (0x3fffu << DSTS_FNSOF_POS)

// DEACHINT, DEACHMSK (RM0090 35.12.4).
#define DEACH_IEP1        (1u << 1)
#define DEACH_OEP1        (1u << 17)

// DIEPCTLx, DOEPCTLx.
#define EPCTL_MPSIZ       0x7ffu
#define EPCTL_USBAEP      (1u << 15)
#define EPCTL_DPID        (1u << 16)
#define EPCTL_NAKSTS      (1u << 17)
#define EPCTL_EPTYP       (3u << 18)
#define EPCTL_STALL       (1u << 21)
#define EPCTL_TXFNUM      (0xfu << 22)
#define EPCTL_CNAK        (1u << 26)
#define EPCTL_SNAK        (1u << 27)
#define EPCTL_SD0PID      (1u << 28)
#define EPCTL_SD1PID      (1u << 29)
#define EPCTL_EPDIS       (1u << 30)
#define EPCTL_EPENA       (1u << 31)
#define EPTYP_CONTROL     (0u << 18)
#define EPTYP_ISO         (1u << 18)

// DIEPINTx, DOEPINTx.
#define EPINT_XFRC        (1u << 0)
#define EPINT_EPDISD      (1u << 1)
#define EPINT_STUP        (1u << 3) // OUT
#define EPINT_OTEPDIS     (1u << 4) // OUT
#define EPINT_ITTXFE      (1u << 4) // IN
#define EPINT_INEPNE      (1u << 6) // IN
#define EPINT_TXFE        (1u << 7) // IN, a level

// DIEPTSIZx, DOEPTSIZx.
#define TSIZ_XFRSIZ       0x7ffffu
#define TSIZ_PKTCNT_POS   19
#define TSIZ_PKTCNT       (0x3ffu << TSIZ_PKTCNT_POS)
#define TSIZ_STUPCNT_POS  29
#define TSIZ_STUPCNT      (3u << TSIZ_STUPCNT_POS)

// GRXSTSP.PKTSTS in device mode.
enum rx_status {
    RX_GLOBAL_OUT_NAK = 1,
    RX_OUT_DATA = 2,
    RX_OUT_DONE = 3,
    RX_SETUP_DONE = 4,
    RX_SETUP_DATA = 6,
};

struct otg_endpoint {
    uint32_t ctl;
    uint32_t intr; // without TXFE
    uint32_t tsiz;
    uint32_t dma;    // DIEPDMA, DOEPDMA: moves on with the data
    unsigned toggle; // data PID of the next packet; isochronous: EONUM, the frames it is for
    // IN: in() gave a packet whose ACK is still to come.
    bool is_unacked;
    bool is_unacked_lost; // and the FIFO was flushed meanwhile
    unsigned unacked_len;
};

// The receive FIFO: status words and data words in one row, as in the chip's FIFO memory.
struct otg_rx_fifo {
    uint32_t word[OTG_FIFO_WORDS_MAX];
    uint8_t tag[OTG_FIFO_WORDS_MAX];
    unsigned head, count;
    unsigned status_count; // status words among them
    unsigned setup_count;  // words of SETUP entries among them
};

struct otg_tx_fifo {
    uint32_t word[OTG_FIFO_WORDS_MAX];
    unsigned head, count;
    unsigned staged;                     // words at the end that are not a whole packet yet
    uint16_t packet[OTG_FIFO_WORDS_MAX]; // lengths of the whole packets, bytes
    unsigned packet_head, packet_count;
    bool is_stale; // held something when a SETUP came (endpoint 0)
};

struct otg {
    const struct otg_config *config;
    struct timeline *timeline;
    struct trace *trace;
    void (*irq)(void *ctx, bool level);
    void *irq_ctx;
    bool irq_level;
    bool endpoint_1_level[2]; // OUT, IN
    struct otg_surroundings around;
    void (*wakeup_line)(void *ctx);
    void *wakeup_ctx;
    struct wire_device wire;
    const struct wire_host *host;

    uint64_t phy_hz;
    uint64_t complained_hz;
    bool has_vbus;
    bool is_session;      // B-session valid
    enum usb_speed shown; // by the pull-up
    enum usb_speed speed; // after the last bus reset
    bool is_layout_checked;
    bool is_told_of_pins;

    uint32_t gotgctl, gotgint, gahbcfg, gusbcfg, grstctl, gint, gintmsk;
    uint32_t grxfsiz, hptxfsiz, txfsiz[OTG_ENDPOINTS_MAX];
    uint32_t gccfg, cid;
    uint32_t dcfg, dctl, dsts, diepmsk, doepmsk, daintmsk, diepempmsk;
    uint32_t dvbusdis, dvbuspulse, dthrctl, deachmsk, dinep1msk, doutep1msk, pcgcctl;
    struct otg_endpoint in[OTG_ENDPOINTS_MAX], out[OTG_ENDPOINTS_MAX];
    struct otg_rx_fifo rx;
    struct otg_tx_fifo tx[OTG_ENDPOINTS_MAX];

    bool is_setup_open;  // SETUP received, "SETUP done" not yet written
    bool is_control;     // between a SETUP and its status stage
    bool is_dad_pending; // a new address waits for the status stage
    unsigned address;    // answered to
    struct event enumerated_event, idle_event, period_event, pins_event;
};

// otg.c
bool otg_is_clocked(const struct otg *otg);
uint32_t otg_gintsts(const struct otg *otg);
uint32_t otg_daint(const struct otg *otg);
// Something changed: the interrupt line follows.
void otg_update_irq(struct otg *otg);
// The core may answer differently from now on.
void otg_ready(struct otg *otg);
void otg_update_session(struct otg *otg);
void otg_update_pullup(struct otg *otg);
// The external high-speed PHY is chosen (GUSBCFG.PHYSEL is 0), on a core that can.
bool otg_is_external(const struct otg *otg);
// An isochronous endpoint's turn: it is meant for frames of this parity (EONUM).
bool otg_is_its_frame(const struct otg *otg, const struct otg_endpoint *endpoint);
// Whether the transceiver chosen by GUSBCFG.PHYSEL is there and clocked.
bool otg_has_phy(const struct otg *otg);
// OTG_HS_DEACHINT (RM0090 35.12.4).
uint32_t otg_deachint(const struct otg *otg);
void otg_core_reset(struct otg *otg, bool keep_wrapper);
void otg_remote_wakeup(struct otg *otg);
void otg_set_address(struct otg *otg, unsigned address);

// otg_fifo.c
uint32_t otg_rx_peek_status(const struct otg *otg);
uint32_t otg_rx_pop_status(struct otg *otg);
uint32_t otg_rx_pop_data(struct otg *otg);
uint32_t otg_rx_peek_data(const struct otg *otg);
bool otg_rx_has_room(const struct otg *otg, unsigned len);
bool otg_rx_has_setup_room(const struct otg *otg);
void otg_rx_push(struct otg *otg, enum rx_status status, unsigned ep, unsigned toggle,
                 const uint8_t *data, unsigned len);
void otg_rx_flush(struct otg *otg);
unsigned otg_tx_number(const struct otg *otg, unsigned ep);
unsigned otg_tx_depth(const struct otg *otg, unsigned fifo);
unsigned otg_tx_space(const struct otg *otg, unsigned fifo);
bool otg_tx_is_empty_enough(const struct otg *otg, unsigned ep);
void otg_tx_push(struct otg *otg, unsigned ep, uint32_t word);
// Makes packets of the words waiting in the endpoint's FIFO as far as DIEPTSIZ asks for them.
void otg_tx_packetise(struct otg *otg, unsigned ep);
void otg_tx_copy_packet(const struct otg *otg, unsigned fifo, uint8_t *data, unsigned len);
void otg_tx_drop_packet(struct otg *otg, unsigned fifo);
// fifo 0x10: all.
void otg_tx_flush(struct otg *otg, unsigned fifo);
void otg_check_layout(struct otg *otg);

// otg_dma.c
bool otg_is_dma(const struct otg *otg);
// Moves `len` bytes at the endpoint's DMA address, which an IN's ACK or an OUT moves on.
void otg_dma_load(struct otg *otg, unsigned ep, uint8_t *data, unsigned len);
void otg_dma_store(struct otg *otg, unsigned ep, const uint8_t *data, unsigned len);
void otg_dma_enabled(struct otg *otg, unsigned ep, bool in);

// otg_endpoints.c
unsigned otg_mps(const struct otg *otg, unsigned ep, bool in);
uint32_t otg_ep_control(const struct otg *otg, unsigned ep, bool in);
void otg_ep_write_control(struct otg *otg, unsigned ep, bool in, uint32_t value, uint32_t mask);
void otg_ep_write_size(struct otg *otg, unsigned ep, bool in, uint32_t value, uint32_t mask);
uint32_t otg_ep_interrupts(const struct otg *otg, unsigned ep, bool in);
enum wire_answer otg_wire_setup(void *ctx, uint8_t addr, uint8_t ep, const uint8_t setup[8]);
enum wire_answer otg_wire_out(void *ctx, uint8_t addr, uint8_t ep, unsigned toggle,
                              const uint8_t *data, unsigned len);
enum wire_answer otg_wire_in(void *ctx, uint8_t addr, uint8_t ep, unsigned *toggle, uint8_t *data,
                             unsigned *len);
void otg_wire_in_acked(void *ctx, uint8_t ep);

#endif
