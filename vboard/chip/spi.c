// SPDX-License-Identifier: MIT
//
// SPI1 to SPI6 as a master with nothing on the wires (RM0090 section 28): frames take their time, and
// what comes in is the level of MISO. Polling drivers (ST's HAL_SPI_TransmitReceive, libopencm3's
// spi_xfer) get on as on a bare board, and DMA is served. Not modelled: slave mode, which waits for ever for
// a master's clock, CRC, I2S; each of them is a complaint.

#include "vboard/chip/chip_state.h"

// 28.5.
#define CR1        0x00u
#define CR2        0x04u
#define SR         0x08u
#define DR         0x0Cu
#define CRCPR      0x10u
#define RXCRCR     0x14u
#define TXCRCR     0x18u
#define I2SCFGR    0x1Cu
#define I2SPR      0x20u

#define CR1_MSTR   (1u << 2)
#define CR1_BR_POS 3
#define CR1_SPE    (1u << 6)
#define CR1_RXONLY (1u << 10)
#define CR1_DFF    (1u << 11)
#define CR1_CRCEN  (1u << 13)
#define CR1_BIDIOE (1u << 14)
#define CR1_BIDI   (1u << 15)
#define CR2_RXDMA  (1u << 0)
#define CR2_TXDMA  (1u << 1)
#define CR2_ERRIE  (1u << 5)
#define CR2_RXNEIE (1u << 6)
#define CR2_TXEIE  (1u << 7)
#define CR2_MASK   0xF7u
#define I2S_MODE   (1u << 11)
#define SR_RXNE    (1u << 0)
#define SR_TXE     (1u << 1)
#define SR_CRCERR  (1u << 4)
#define SR_OVR     (1u << 6)
#define SR_BSY     (1u << 7)

// MISO (DS8626 table 9; SPI4 to SPI6: DS9405 table 12, DS10314 table 9); interrupts (RM0090 tables 61, 62).
static const struct {
    uint8_t irq;
    bool is_apb2;
    struct {
        char port;
        uint8_t pin, alternate;
    } miso[2]; // a port of 0: there is no other place
} spis[SPIS] = {
    {35, true, {{'A', 6, 5}, {'B', 4, 5}}},   {36, false, {{'B', 14, 5}, {'C', 2, 5}}},
    {51, false, {{'B', 4, 6}, {'C', 11, 6}}}, {84, true, {{'E', 5, 5}, {'E', 13, 5}}},
    {85, true, {{'F', 8, 5}, {'H', 7, 5}}},   {86, true, {{'G', 12, 5}}},
};

static void update_irq(struct spi *spi) {
    uint32_t sr = spi->sr;
    cpu_set_irq(spi->chip->cpu, spis[spi->index].irq,
                (sr & SR_TXE && spi->cr2 & CR2_TXEIE) || (sr & SR_RXNE && spi->cr2 & CR2_RXNEIE) ||
                    (sr & (SR_OVR | SR_CRCERR) && spi->cr2 & CR2_ERRIE));
    dma_requests_changed(spi->chip);
}

bool spi_requests_tx(const struct chip *chip, unsigned index) {
    return chip->spi[index].cr2 & CR2_TXDMA && chip->spi[index].sr & SR_TXE;
}

bool spi_requests_rx(const struct chip *chip, unsigned index) {
    return chip->spi[index].cr2 & CR2_RXDMA && chip->spi[index].sr & SR_RXNE;
}

static void complain(const struct spi *spi, const char *sentence) {
    char where[WHERE_MAX];
    chip_where(spi->chip, where);
    trace_complaint(spi->chip->trace, "spi-mode", where, "SPI%u at %s: %s", spi->index + 1, where,
                    sentence);
}

// All bits of a frame are the level of a line that nobody drives but its pull.
static uint16_t incoming(const struct spi *spi) {
    for (unsigned i = 0; i < 2; i++) {
        if (!spis[spi->index].miso[i].port) {
            continue;
        }
        unsigned port = (unsigned)(spis[spi->index].miso[i].port - 'A');
        unsigned pin = spis[spi->index].miso[i].pin;
        if (gpio_is_alternate(spi->chip, port, pin, spis[spi->index].miso[i].alternate) &&
            gpio_level(spi->chip, port, pin) == 1) {
            return spi->cr1 & CR1_DFF ? 0xFFFF : 0xFF;
        }
    }
    return 0;
}

static void transmit(struct spi *spi) {
    const struct rcc *rcc = &spi->chip->rcc;
    uint64_t pclk_hz = spis[spi->index].is_apb2 ? rcc->pclk2_hz : rcc->pclk1_hz;
    uint64_t bits = spi->cr1 & CR1_DFF ? 16 : 8;
    bool is_receiver = spi->cr1 & CR1_RXONLY || (spi->cr1 & (CR1_BIDI | CR1_BIDIOE)) == CR1_BIDI;
    bool is_wanted = !(spi->sr & SR_TXE) || is_receiver; // 28.3.4: a receiver's clock never stops

    if (spi->is_shifting || !is_wanted || !(spi->cr1 & CR1_SPE) || !(spi->cr1 & CR1_MSTR)) {
        return;
    }
    spi->sr |= SR_TXE | SR_BSY;
    spi->is_shifting = true;
    timeline_schedule(spi->chip->timeline, &spi->sent,
                      timeline_now(spi->chip->timeline) +
                          (bits << ((spi->cr1 >> CR1_BR_POS & 7) + 1)) * PS_PER_S / pclk_hz);
}

static void sent(void *ctx) {
    struct spi *spi = ctx;
    spi->is_shifting = false;
    spi->sr &= ~SR_BSY;
    if (spi->cr1 & CR1_BIDI && spi->cr1 & CR1_BIDIOE) {
        // Sends on the one line: nothing is received (28.3.4).
    } else if (spi->sr & SR_RXNE) {
        spi->sr |= SR_OVR;
    } else {
        spi->sr |= SR_RXNE;
        spi->rdr = incoming(spi);
    }
    transmit(spi);
    update_irq(spi);
}

static bool spi_peek(void *ctx, uint32_t off, uint32_t *value) {
    const struct spi *spi = ctx;
    switch (off) {
    case CR1:
        *value = spi->cr1;
        return true;
    case CR2:
        *value = spi->cr2;
        return true;
    case SR:
        *value = spi->sr;
        return true;
    case DR:
        *value = spi->rdr;
        return true;
    case CRCPR:
        *value = spi->crcpr;
        return true;
    case I2SCFGR:
        *value = spi->i2scfgr;
        return true;
    case I2SPR:
        *value = spi->i2spr;
        return true;
    case RXCRCR:
    case TXCRCR:
        *value = 0;
        return true;
    default:
        return false;
    }
}

static bool spi_read(void *ctx, uint32_t off, uint32_t *value) {
    struct spi *spi = ctx;
    bool is_there = spi_peek(ctx, off, value);
    if (off == DR) {
        spi->sr &= ~SR_RXNE;
        spi->has_read_dr = true;
    } else if (off == SR && spi->has_read_dr) {
        spi->sr &= ~SR_OVR; // DR read, then SR (28.3.10)
        spi->has_read_dr = false;
    }
    update_irq(spi);
    return is_there;
}

static void write_cr1(struct spi *spi, uint32_t value) {
    uint32_t risen = value & ~spi->cr1;
    spi->cr1 = value;
    if (risen & CR1_SPE && !(value & CR1_MSTR)) {
        complain(spi, "switched on as a slave: no master is there, it waits for ever for a clock");
    }
    if (risen & CR1_CRCEN) {
        complain(spi, "CRC (SPI_CR1.CRCEN) is not modelled: none is sent, none is checked");
    }
    transmit(spi);
}

static bool spi_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct spi *spi = ctx;
    value &= mask & 0xFFFF;
    switch (off) {
    case CR1:
        write_cr1(spi, value);
        break;
    case CR2:
        spi->cr2 = value & CR2_MASK;
        break;
    case SR:
        spi->sr &= value | ~SR_CRCERR; // rc_w0
        break;
    case DR:
        spi->tdr = (uint16_t)value;
        spi->sr &= ~SR_TXE;
        transmit(spi);
        break;
    case CRCPR:
        spi->crcpr = value;
        break;
    case I2SCFGR:
        spi->i2scfgr = value & 0xFBFu;
        if (value & I2S_MODE) {
            complain(spi, "I2S (SPI_I2SCFGR.I2SMOD) is not modelled, nothing moves");
        }
        break;
    case I2SPR:
        spi->i2spr = value & 0x3FFu;
        break;
    case RXCRCR:
    case TXCRCR:
        break;
    default:
        return false;
    }
    update_irq(spi);
    return true;
}

static void spi_reset(void *ctx) {
    struct spi *spi = ctx;
    timeline_cancel(spi->chip->timeline, &spi->sent);
    *spi = (struct spi){
        .chip = spi->chip,
        .index = spi->index,
        .sr = SR_TXE,
        .crcpr = 7,
        .i2spr = 2,
        .sent = {.fire = sent, .ctx = spi},
    };
    update_irq(spi);
}

#define SPI(n, b, reg, bit)                                                                        \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = spi_read, .write = spi_write,             \
        .peek = spi_peek, .reset = spi_reset, .enable_register = (reg), .enable_bit = 1u << (bit)  \
    }

const struct peripheral spi_peripherals[SPIS] = {
    SPI("SPI1", 0x40013000u, RCC_APB2ENR, 12), SPI("SPI2", 0x40003800u, RCC_APB1ENR, 14),
    SPI("SPI3", 0x40003C00u, RCC_APB1ENR, 15), SPI("SPI4", 0x40013400u, RCC_APB2ENR, 13),
    SPI("SPI5", 0x40015000u, RCC_APB2ENR, 20), SPI("SPI6", 0x40015400u, RCC_APB2ENR, 21),
};

void spi_free(struct chip *chip) {
    for (unsigned i = 0; i < SPIS; i++) {
        timeline_cancel(chip->timeline, &chip->spi[i].sent);
    }
}
