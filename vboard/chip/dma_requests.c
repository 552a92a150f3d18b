// SPDX-License-Identifier: MIT
//
// Who asks which DMA stream on which channel (RM0090 tables 42 and 43, RM0383 tables 27 and 28, RM0390
// tables 28 and 29), and who is told that it was served. Where lines differ, a place that one leaves
// empty is another's, so that one table does for all; a peripheral that the chip has not never asks.

#include "vboard/chip/dma.h"

#include "vboard/chip/chip_state.h"

enum source {
    NOBODY,
    RX_OF_USART,
    TX_OF_USART,
    RX_OF_SPI,
    TX_OF_SPI,
    OF_ADC,
    OF_DAC,
    OF_TIM, // `part`: which of DIER's request bits share the place
    // They are here and never get so far: an I2C address is answered by nobody, the card slot is empty.
    SILENT
};

// TIMx_DIER, RM0090 18.4.4.
#define UDE   (1u << 8)
#define CC1DE (1u << 9)
#define CC2DE (1u << 10)
#define CC3DE (1u << 11)
#define CC4DE (1u << 12)
#define COMDE (1u << 13)
#define TDE   (1u << 14)

static const struct request {
    uint8_t dma, stream, channel, source, unit;
    uint16_t part;
} requests[] = {
    // DMA1 (dma 0); units count from 0.
    {0, 0, 0, RX_OF_SPI, 2, 0},
    {0, 2, 0, RX_OF_SPI, 2, 0},
    {0, 3, 0, RX_OF_SPI, 1, 0},
    {0, 4, 0, TX_OF_SPI, 1, 0},
    {0, 5, 0, TX_OF_SPI, 2, 0},
    {0, 7, 0, TX_OF_SPI, 2, 0},
    {0, 1, 0, SILENT, 0, 0}, // I2C1_TX of the F411 and F446
    {0, 0, 1, SILENT, 0, 0}, // I2C1_RX
    {0, 5, 1, SILENT, 0, 0},
    {0, 6, 1, SILENT, 0, 0}, // I2C1_TX
    {0, 7, 1, SILENT, 0, 0},
    {0, 1, 1, SILENT, 0, 0}, // I2C3_RX of the F411 and F446
    {0, 2, 1, OF_TIM, 6, UDE},
    {0, 4, 1, OF_TIM, 6, UDE},
    {0, 0, 2, OF_TIM, 3, CC1DE},
    {0, 3, 2, OF_TIM, 3, CC2DE},
    {0, 6, 2, OF_TIM, 3, UDE},
    {0, 7, 2, OF_TIM, 3, CC3DE},
    {0, 1, 3, OF_TIM, 1, UDE | CC3DE},
    {0, 2, 3, SILENT, 0, 0}, // I2C3_RX
    {0, 4, 3, SILENT, 0, 0}, // I2C3_TX
    {0, 5, 3, OF_TIM, 1, CC1DE},
    {0, 6, 3, OF_TIM, 1, CC2DE | CC4DE},
    {0, 7, 3, OF_TIM, 1, UDE | CC4DE},
    {0, 0, 4, RX_OF_USART, 4, 0},
    {0, 1, 4, RX_OF_USART, 2, 0},
    {0, 2, 4, RX_OF_USART, 3, 0},
    {0, 3, 4, TX_OF_USART, 2, 0},
    {0, 4, 4, TX_OF_USART, 3, 0},
    {0, 5, 4, RX_OF_USART, 1, 0},
    {0, 6, 4, TX_OF_USART, 1, 0},
    {0, 7, 4, TX_OF_USART, 4, 0},
    {0, 0, 5, TX_OF_USART, 7, 0},
    {0, 1, 5, TX_OF_USART, 6, 0},
    {0, 2, 5, OF_TIM, 2, UDE | CC4DE},
    {0, 3, 5, RX_OF_USART, 6, 0},
    {0, 4, 5, OF_TIM, 2, CC1DE | TDE},
    {0, 5, 5, OF_TIM, 2, CC2DE},
    {0, 6, 5, RX_OF_USART, 7, 0},
    {0, 7, 5, OF_TIM, 2, CC3DE},
    {0, 0, 6, OF_TIM, 4, UDE | CC3DE},
    {0, 1, 6, OF_TIM, 4, CC4DE | TDE},
    {0, 2, 6, OF_TIM, 4, CC1DE},
    {0, 3, 6, OF_TIM, 4, CC4DE | TDE},
    {0, 4, 6, OF_TIM, 4, CC2DE},
    {0, 5, 6, SILENT, 0, 0}, // I2C3_TX of the F411 and F446
    {0, 6, 6, OF_TIM, 4, UDE},
    {0, 7, 6, RX_OF_USART, 1, 0}, // of the F411
    {0, 1, 7, OF_TIM, 5, UDE},
    {0, 2, 7, SILENT, 0, 0}, // I2C2_RX
    {0, 3, 7, SILENT, 0, 0},
    {0, 4, 7, TX_OF_USART, 2, 0},
    {0, 5, 7, OF_DAC, 0, 0},
    {0, 6, 7, OF_DAC, 1, 0},
    {0, 7, 7, SILENT, 0, 0}, // I2C2_TX
    // DMA2.
    {1, 0, 0, OF_ADC, 0, 0},
    {1, 2, 0, OF_TIM, 7, CC1DE | CC2DE | CC3DE},
    {1, 4, 0, OF_ADC, 0, 0},
    {1, 6, 0, OF_TIM, 0, CC1DE | CC2DE | CC3DE},
    {1, 2, 1, OF_ADC, 1, 0},
    {1, 3, 1, OF_ADC, 1, 0},
    {1, 5, 1, TX_OF_SPI, 5, 0},
    {1, 6, 1, RX_OF_SPI, 5, 0},
    {1, 0, 2, OF_ADC, 2, 0},
    {1, 1, 2, OF_ADC, 2, 0},
    {1, 2, 2, TX_OF_SPI, 0, 0}, // of the F411 and F446
    {1, 3, 2, RX_OF_SPI, 4, 0},
    {1, 4, 2, TX_OF_SPI, 4, 0},
    {1, 0, 3, RX_OF_SPI, 0, 0},
    {1, 2, 3, RX_OF_SPI, 0, 0},
    {1, 3, 3, TX_OF_SPI, 0, 0},
    {1, 5, 3, TX_OF_SPI, 0, 0},
    {1, 0, 4, RX_OF_SPI, 3, 0},
    {1, 1, 4, TX_OF_SPI, 3, 0},
    {1, 2, 4, RX_OF_USART, 0, 0},
    {1, 3, 4, SILENT, 0, 0},    // SDIO
    {1, 4, 4, RX_OF_SPI, 3, 0}, // of the F411
    {1, 5, 4, RX_OF_USART, 0, 0},
    {1, 6, 4, SILENT, 0, 0}, // SDIO
    {1, 7, 4, TX_OF_USART, 0, 0},
    {1, 1, 5, RX_OF_USART, 5, 0},
    {1, 2, 5, RX_OF_USART, 5, 0},
    {1, 3, 5, RX_OF_SPI, 3, 0},
    {1, 4, 5, TX_OF_SPI, 3, 0},
    {1, 5, 5, TX_OF_SPI, 4, 0}, // of the F411
    {1, 6, 5, TX_OF_USART, 5, 0},
    {1, 7, 5, TX_OF_USART, 5, 0},
    {1, 0, 6, OF_TIM, 0, TDE},
    {1, 1, 6, OF_TIM, 0, CC1DE},
    {1, 2, 6, OF_TIM, 0, CC2DE},
    {1, 3, 6, OF_TIM, 0, CC1DE},
    {1, 4, 6, OF_TIM, 0, CC4DE | TDE | COMDE},
    {1, 5, 6, OF_TIM, 0, UDE},
    {1, 6, 6, OF_TIM, 0, CC3DE},
    {1, 1, 7, OF_TIM, 7, UDE},
    {1, 2, 7, OF_TIM, 7, CC1DE},
    {1, 3, 7, OF_TIM, 7, CC2DE},
    {1, 4, 7, OF_TIM, 7, CC3DE},
    {1, 5, 7, RX_OF_SPI, 4, 0},
    {1, 6, 7, TX_OF_SPI, 4, 0},
    {1, 7, 7, OF_TIM, 7, CC4DE | TDE | COMDE},
};

static const struct request *find(const struct dma_stream *stream) {
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].dma == stream->dma->index && requests[i].stream == stream->index &&
            requests[i].channel == (stream->cr >> 25 & 7)) {
            return &requests[i];
        }
    }
    return NULL;
}

bool dma_is_requested(const struct dma_stream *stream, bool *is_known) {
    const struct chip *chip = stream->dma->chip;
    const struct request *request = find(stream);
    *is_known = request != NULL;
    switch (request ? request->source : NOBODY) {
    case RX_OF_USART:
        return usart_requests_rx(chip, request->unit);
    case TX_OF_USART:
        return usart_requests_tx(chip, request->unit);
    case RX_OF_SPI:
        return spi_requests_rx(chip, request->unit);
    case TX_OF_SPI:
        return spi_requests_tx(chip, request->unit);
    case OF_ADC:
        return adc_requests(chip, request->unit);
    case OF_DAC:
        return dac_requests(chip, request->unit);
    case OF_TIM:
        return tim_requests(chip, request->unit, request->part);
    default:
        return false;
    }
}

void dma_tell_served(const struct dma_stream *stream, bool is_last) {
    struct chip *chip = stream->dma->chip;
    const struct request *request = find(stream);
    switch (request ? request->source : NOBODY) {
    case OF_ADC:
        adc_served(chip, request->unit, is_last);
        break;
    case OF_DAC:
        dac_served(chip, request->unit);
        break;
    case OF_TIM:
        tim_served(chip, request->unit, request->part);
        break;
    default: // the access to DR was the answer
        break;
    }
}
