// SPDX-License-Identifier: MIT
//
// State of SPI, I2C and CAN (spi.c, i2c.c, can.c), for struct chip: buses with nobody on them.

#ifndef VBOARD_CHIP_SERIAL_BUSES_H
#define VBOARD_CHIP_SERIAL_BUSES_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

#define SPIS 6u
#define I2CS 3u
#define CANS 2u

struct chip;

struct spi {
    struct chip *chip;
    unsigned index;
    uint32_t cr1, cr2, sr, crcpr, i2scfgr, i2spr;
    uint16_t tdr, rdr;
    bool is_shifting, has_read_dr; // DR was read since an overrun
    struct event sent;
};

struct i2c {
    struct chip *chip;
    unsigned index;
    uint32_t cr1, cr2, oar1, oar2, dr, sr1, sr2, ccr, trise, fltr;
    enum { I2C_NOTHING, I2C_START, I2C_ADDRESS } doing;
    struct event done;
};

#define CAN_BOXES 3u
#define CAN_FIFO  3u

struct can_fifo {
    uint32_t box[CAN_FIFO][4]; // RIR, RDTR, RDLR, RDHR; the oldest first
    unsigned count;
    uint32_t flags; // FULL, FOVR
};

struct can {
    struct chip *chip;
    unsigned index;
    uint32_t mcr, msr, tsr, ier, esr, btr;
    uint32_t words[0x400 / 4]; // transmit mailboxes and filters
    struct can_fifo fifo[2];
    uint64_t requests, order[CAN_BOXES]; // which mailbox was asked for first
    unsigned sending;
    struct event sent;
};

extern const struct peripheral spi_peripherals[SPIS], i2c_peripherals[I2CS], can_peripherals[CANS];
// What DMA serves: the levels of an SPI's requests.
bool spi_requests_tx(const struct chip *chip, unsigned index);
bool spi_requests_rx(const struct chip *chip, unsigned index);
void spi_free(struct chip *chip);
void i2c_free(struct chip *chip);
void can_free(struct chip *chip);

#endif
