// SPDX-License-Identifier: MIT
//
// The USB on-the-go core of the STM32F4 in device mode (RM0090 section 34 OTG_FS, section 35
// OTG_HS; a Synopsys DWC2 2.81a): registers on one side, a plug (vboard/usb/wire.h) on the other.
//
// One model serves both cores; what differs is const data. What it leaves to others: the clock
// tree (the chip says what the 48 MHz domain really runs at), the NVIC (a level is reported), and host
// mode (not modelled: forcing it is a complaint). OTG_HS with an external ULPI PHY comes up at high
// speed; what is left out there: more than one isochronous packet a microframe, and NYET, which no
// register shows.

#ifndef VBOARD_CHIP_OTG_H
#define VBOARD_CHIP_OTG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/wire.h"

#define OTG_WHY_MAX        192u
#define OTG_ENDPOINTS_MAX  9u
#define OTG_FIFO_WORDS_MAX 1024u
// The register block is 256 KB: registers, 4 KB FIFO windows, and direct FIFO memory access
// (RM0090 figure 412).
#define OTG_SIZE           0x40000u

struct otg_config {
    const char *name;    // "OTG_FS"
    unsigned endpoints;  // each way, endpoint 0 included
    unsigned fifo_words; // FIFO memory
    uint32_t cid;        // reset value of OTG_CID
    uint32_t gsnpsid;    // what the Synopsys id register reads as
    uint32_t ghwcfg[4];  // hardware configuration registers
    uint32_t gusbcfg;    // reset values RM0090 gives
    uint32_t fifo_reset; // words: GRXFSIZ and DIEPTXF reset depth
    bool has_high_speed; // a ULPI interface and a dedicated DMA are there
    // The later wrapper (RM0390 31.15.2, OTG_GCCFG): VBDEN instead of VBUSBSEN and NOVBUSSENS, and a session
    // without sensing by GOTGCTL.BVALOEN and BVALOVAL.
    bool has_vbden;
};

extern const struct otg_config otg_fs_config, otg_hs_config;           // all but
extern const struct otg_config otg_fs_config_f446, otg_hs_config_f446; // the F446

struct otg;

// Makes a core in its reset state, its PHY clock off, no VBUS, no host connected. `irq` is called
// whenever the level of the global interrupt line changes (OTG_FS: IRQ 67, OTG_HS: IRQ 77). The
// timeline and trace must outlive it. NULL when memory is short.
struct otg *otg_new(const struct otg_config *config, struct timeline *timeline, struct trace *trace,
                    void (*irq)(void *ctx, bool level), void *irq_ctx);
void otg_free(struct otg *otg);

// What a core on a chip has around it; without otg_set_surroundings() there is nothing of it.
struct otg_surroundings {
    void *ctx;
    bool has_ulpi_phy; // an external PHY is soldered to the ULPI pins
    // True while the chip's clock gates stop the core although it is enabled: the processor sleeps
    // and RCC's low-power enable bits say so. Asked at each event on the bus. May be NULL.
    bool (*is_stopped)(void *ctx);
    // The PHY's 60 MHz reach the core: its enable bit in RCC and the pins. NULL: always.
    bool (*has_ulpi_clock)(void *ctx);
    // The embedded PHY reaches D+ and D-; if not, `why` (unless NULL) says what is in the way. The chip
    // calls otg_pins_changed() when it may have changed. NULL: always.
    bool (*has_full_speed_pins)(void *ctx, char why[OTG_WHY_MAX]);
    // OTG_HS only, the lines of endpoint 1 alone (RM0090 35.12.4, OTG_HS_DEACHINT). May be NULL.
    void (*endpoint_1)(void *ctx, bool in, bool level);
    // OTG_HS's bus master; false where it reaches no memory. NULL: DMA moves nothing.
    bool (*load)(void *ctx, uint32_t addr, uint8_t *data, uint32_t len);
    bool (*store)(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len);
};

void otg_set_surroundings(struct otg *otg, const struct otg_surroundings *surroundings);

// The wake-up line to EXTI (OTG_FS: EXTI line 18, OTG_HS: 20): called on resume signalling while
// the bus is suspended, for a chip in STOP mode. May be left unset.
void otg_set_wakeup_line(struct otg *otg, void (*wakeup)(void *ctx), void *ctx);

// The core as memory: a copy of it may be put back between runs. What is connected and around stays
// as it is.
void *otg_state(struct otg *otg, size_t *len);

// Register access, as struct peripheral wants it. Reading GRXSTSP or a FIFO window pops;
// otg_peek() never changes anything.
bool otg_read(void *otg, uint32_t off, uint32_t *value);
bool otg_write(void *otg, uint32_t off, uint32_t value, uint32_t mask);
bool otg_peek(void *otg, uint32_t off, uint32_t *value);
// System reset, or RCC's OTGFSRST: all registers to reset values; the pull-up goes away.
void otg_reset(void *otg);

// The plug, for cable_connect_device(), and the other way what the core calls. otg_connect() with
// NULL takes the host away. Calls of the plug come from timeline events, not from inside a
// register access.
const struct wire_device *otg_wire(struct otg *otg);
void otg_connect(struct otg *otg, const struct wire_host *host);
// D+ and D- may have come to the PHY or gone from it.
void otg_pins_changed(struct otg *otg);
// Tells the host of the pull-up as it is.
void otg_show_again(struct otg *otg);

// What the 48 MHz USB clock really runs at (0: stopped). The core answers nothing on the bus and
// raises no USB event unless it is 48 MHz within 0.25 % (USB 2.0 7.1.11: 12 Mbit/s +-0.25 %); with a wrong
// clock and the pull-up shown it complains once a value.
void otg_set_phy_clock(struct otg *otg, uint64_t hz);

#endif
