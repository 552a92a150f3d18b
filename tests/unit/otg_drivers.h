// SPDX-License-Identifier: MIT
//
// Four small device drivers for the OTG core, each with the register sequences of a real one, and
// one small device above them: what unknown firmware will do to the model.

#ifndef TESTS_UNIT_OTG_DRIVERS_H
#define TESTS_UNIT_OTG_DRIVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/chip/otg.h"

#define MINI_STORE 4096u
#define MINI_VID   0x1209u
#define MINI_PID   0x0001u
#define MINI_SRAM  0x20000000u

struct mini;

// The register sequences, named after whose they are.
struct mini_driver {
    const char *name;
    unsigned mps0;
    unsigned bulk_bytes; // one bulk OUT transfer, a multiple of 64
    uint64_t poll_ps;    // polled that often; 0: by interrupt
    void (*init)(struct mini *m);
    void (*serve)(struct mini *m); // interrupt handler or poll function
    void (*send)(struct mini *m, unsigned ep, const uint8_t *data, unsigned len);
    void (*receive)(struct mini *m, unsigned ep);
    void (*stall0)(struct mini *m);
    void (*configure)(struct mini *m); // opens EP1 bulk both ways and EP2 interrupt IN
    bool is_dma;                       // needs OTG_HS
};

extern const struct mini_driver mini_hal, mini_hal_dma, mini_libopencm3, mini_tinyusb,
    mini_libusb_stm32;

enum control_state {
    CONTROL_IDLE,
    CONTROL_DATA_IN,
    CONTROL_DATA_OUT,
    CONTROL_STATUS_IN,
    CONTROL_STATUS_OUT
};

struct mini {
    const struct mini_driver *driver;
    struct timeline *timeline;
    struct otg *otg;
    bool irq;
    struct event cpu;
    // Endpoint 0.
    enum control_state state;
    uint8_t setup[8];
    const uint8_t *in;
    unsigned in_left;
    bool is_zero_due;
    unsigned out_left, out_got;
    bool is_held; // vendor request 2 does not finish
    // The driver's.
    const uint8_t *tx_data[4];
    unsigned tx_left[4];
    uint8_t rx[4][1024];
    unsigned rx_len[4];
    // What DMA reaches, at MINI_SRAM; and how much each OUT endpoint was armed for.
    uint8_t sram[0x8000];
    unsigned armed[4];
    // The device.
    uint8_t store[MINI_STORE];
    uint8_t echo[1024];
    uint8_t ticks[8];
    unsigned resets, suspends, resumes, setups;
};

void mini_start(struct mini *m, const struct mini_driver *driver, struct timeline *timeline);
// The interrupt line of the core.
void mini_irq(void *ctx, bool level);
// Lets go what vendor request 2 held.
void mini_release(struct mini *m);

extern const uint8_t mini_device_descriptor_64[18];
extern const uint8_t mini_config_descriptor[39];

#endif
