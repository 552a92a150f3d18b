// SPDX-License-Identifier: MIT
//
// State of a DMA controller (dma.c), for struct chip.

#ifndef VBOARD_CHIP_DMA_H
#define VBOARD_CHIP_DMA_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

#define DMAS           2u
#define DMA_STREAMS    8u
#define DMA_FIFO_BYTES 16u

struct chip;
struct dma;

struct dma_stream {
    struct dma *dma;
    unsigned index;
    uint32_t cr, ndtr, par, m0ar, m1ar, fcr;
    uint32_t flags; // as in LISR's lowest six bits
    // Under way.
    uint32_t items; // NDTR at the start
    uint32_t peripheral, memory;
    uint8_t fifo[DMA_FIFO_BYTES];
    unsigned level;
    struct event step;
};

struct dma {
    struct chip *chip;
    unsigned index; // 0: DMA1
    struct dma_stream stream[DMA_STREAMS];
};

extern const struct peripheral dma_peripherals[DMAS]; // ctx is filled in by chip.c
// A peripheral's request may have risen.
void dma_requests_changed(struct chip *chip);
void dma_free(struct chip *chip);

// Between dma.c and dma_requests.c. Whether the peripheral of the stream's channel asks now; is_known is false
// where nobody that is modelled is at that place.
bool dma_is_requested(const struct dma_stream *stream, bool *is_known);
// One item went over; `is_last` where NDTR became 0, circular or not.
void dma_tell_served(const struct dma_stream *stream, bool is_last);

#endif
