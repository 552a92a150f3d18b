// SPDX-License-Identifier: MIT
//
// DMA1 and DMA2 (RM0090 section 10): eight streams each, direct and FIFO mode, circular and double
// buffer, memory to memory on DMA2. dma_requests.c says who asks; a stream set to the channel of a
// peripheral that is not modelled waits for ever, which is a complaint.
//
// An item takes ITEM_CLOCKS of HCLK, whatever else is on the bus; bursts are single items in a row.
// Priorities between streams do not matter at that grain.

#include "vboard/chip/dma.h"

#include <inttypes.h>
#include <string.h>

#include "vboard/chip/chip_state.h"

// RM0090 10.5.11.
#define LISR        0x00u
#define HISR        0x04u
#define LIFCR       0x08u
#define HIFCR       0x0Cu
#define STREAMS     0x10u
#define STREAM_SIZE 0x18u
#define STREAMS_END (STREAMS + DMA_STREAMS * STREAM_SIZE)

enum stream_register { CR = 0x00, NDTR = 0x04, PAR = 0x08, M0AR = 0x0C, M1AR = 0x10, FCR = 0x14 };

#define FLAG_FE     (1u << 0)
#define FLAG_DME    (1u << 2)
#define FLAG_TE     (1u << 3)
#define FLAG_HT     (1u << 4)
#define FLAG_TC     (1u << 5)
#define FLAGS       0x3Du

#define CR_EN       (1u << 0)
#define CR_DMEIE    (1u << 1)
#define CR_TEIE     (1u << 2)
#define CR_HTIE     (1u << 3)
#define CR_TCIE     (1u << 4)
#define CR_DIR      (3u << 6)
#define CR_DIR_TO_M (0u << 6)
#define CR_DIR_TO_P (1u << 6)
#define CR_DIR_M2M  (2u << 6)
#define CR_CIRC     (1u << 8)
#define CR_PINC     (1u << 9)
#define CR_MINC     (1u << 10)
#define CR_PINCOS   (1u << 15)
#define CR_DBM      (1u << 18)
#define CR_CT       (1u << 19)
#define CR_MASK     0x0FEFFFFFu
#define CR_IES      (CR_DMEIE | CR_TEIE | CR_HTIE | CR_TCIE)
#define FCR_DMDIS   (1u << 2)
#define FCR_FEIE    (1u << 7)
#define FCR_RESET   0x00000021u

// A read, a write and the arbitration between: from memory of AN4031's figures, not measured.
#define ITEM_CLOCKS 6u

// RM0090 table 62.
static const uint8_t irqs[DMAS][DMA_STREAMS] = {{11, 12, 13, 14, 15, 16, 17, 47},
                                                {56, 57, 58, 59, 60, 68, 69, 70}};
static const uint8_t flag_position[4] = {0, 6, 16, 22};

static unsigned peripheral_bytes(const struct dma_stream *stream) {
    return 1u << (stream->cr >> 11 & 3);
}

// 10.3.10: in direct mode the memory side takes the peripheral's size.
static unsigned memory_bytes(const struct dma_stream *stream) {
    return stream->fcr & FCR_DMDIS ? 1u << (stream->cr >> 13 & 3) : peripheral_bytes(stream);
}

static uint32_t direction(const struct dma_stream *stream) {
    return stream->cr & CR_DIR;
}

static void update_irq(struct dma_stream *stream) {
    uint32_t wanted = (stream->cr & CR_TCIE ? FLAG_TC : 0) | (stream->cr & CR_HTIE ? FLAG_HT : 0) |
                      (stream->cr & CR_TEIE ? FLAG_TE : 0) |
                      (stream->cr & CR_DMEIE ? FLAG_DME : 0) |
                      (stream->fcr & FCR_FEIE ? FLAG_FE : 0);
    cpu_set_irq(stream->dma->chip->cpu, irqs[stream->dma->index][stream->index],
                stream->flags & wanted);
}

// --- the two ports -----------------------------------------------------------------------------------

static bool is_peripheral(uint32_t addr) {
    return addr >= 0x40000000u && addr < 0x60000000u;
}

// DMA1's peripheral port leads to APB1 only (RM0090 figure 1).
static bool reaches(const struct dma_stream *stream, uint32_t addr, bool is_peripheral_port) {
    return !is_peripheral_port || stream->dma->index == 1 || addr - 0x40000000u < 0x10000u;
}

static bool load(struct dma_stream *stream, uint32_t addr, bool is_peripheral_port, uint8_t *bytes,
                 unsigned size) {
    struct chip *chip = stream->dma->chip;
    uint32_t value;
    if (!reaches(stream, addr, is_peripheral_port)) {
        return false;
    }
    if (!is_peripheral(addr)) {
        return chip_master_load(chip, addr, bytes, size);
    }
    if (!chip_bus_read(chip, addr, size, &value)) {
        return false;
    }
    memcpy(bytes, &value, size);
    return true;
}

static bool store(struct dma_stream *stream, uint32_t addr, bool is_peripheral_port,
                  const uint8_t *bytes, unsigned size) {
    struct chip *chip = stream->dma->chip;
    uint32_t value = 0;
    if (!reaches(stream, addr, is_peripheral_port)) {
        return false;
    }
    if (!is_peripheral(addr)) {
        return chip_master_store(chip, addr, bytes, size);
    }
    memcpy(&value, bytes, size);
    return chip_bus_write(chip, addr, size, value);
}

static bool read_peripheral(struct dma_stream *stream) {
    unsigned size = peripheral_bytes(stream);
    bool ok = load(stream, stream->peripheral, true, stream->fifo + stream->level, size);
    stream->level += size;
    if (stream->cr & CR_PINC) {
        stream->peripheral += stream->cr & CR_PINCOS ? 4 : size;
    }
    return ok;
}

static bool read_memory(struct dma_stream *stream) {
    unsigned size = memory_bytes(stream);
    bool ok = load(stream, stream->memory, false, stream->fifo + stream->level, size);
    stream->level += size;
    stream->memory += stream->cr & CR_MINC ? size : 0;
    return ok;
}

static void take(struct dma_stream *stream, unsigned size) {
    stream->level -= size;
    memmove(stream->fifo, stream->fifo + size, stream->level);
}

static bool write_memory(struct dma_stream *stream, unsigned size) {
    bool ok = store(stream, stream->memory, false, stream->fifo, size);
    take(stream, size);
    stream->memory += stream->cr & CR_MINC ? size : 0;
    return ok;
}

static bool write_peripheral(struct dma_stream *stream) {
    unsigned size = peripheral_bytes(stream);
    bool ok = store(stream, stream->peripheral, true, stream->fifo, size);
    take(stream, size);
    if (stream->cr & CR_PINC) {
        stream->peripheral += stream->cr & CR_PINCOS ? 4 : size;
    }
    return ok;
}

// Sends what the FIFO holds to memory; whole words of MSIZE, and at the end the odd bytes too.
static bool drain(struct dma_stream *stream) {
    bool ok = true;
    unsigned size = memory_bytes(stream);
    while (stream->level >= size) {
        ok = write_memory(stream, size) && ok;
    }
    while (stream->level > 0) {
        ok = write_memory(stream, 1) && ok;
    }
    return ok;
}

// --- a transfer --------------------------------------------------------------------------------------

static void begin_round(struct dma_stream *stream) {
    stream->ndtr = stream->items;
    stream->peripheral = stream->par;
    stream->memory = stream->cr & CR_DBM && stream->cr & CR_CT ? stream->m1ar : stream->m0ar;
    stream->level = 0;
}

static void stop(struct dma_stream *stream, uint32_t flags) {
    timeline_cancel(stream->dma->chip->timeline, &stream->step);
    stream->cr &= ~CR_EN;
    stream->flags |= flags;
    update_irq(stream);
}

static bool to_memory(struct dma_stream *stream) {
    unsigned threshold = (stream->fcr & FCR_DMDIS) ? 4 * ((stream->fcr & 3) + 1) : 1;
    bool ok = read_peripheral(stream);
    stream->ndtr--;
    if (stream->level >= threshold || stream->level + peripheral_bytes(stream) > DMA_FIFO_BYTES ||
        stream->ndtr == 0) {
        unsigned size = memory_bytes(stream);
        while (stream->level >= size) {
            ok = write_memory(stream, size) && ok;
        }
        ok = (stream->ndtr > 0 || drain(stream)) && ok;
    }
    return ok;
}

static bool to_peripheral(struct dma_stream *stream) {
    bool ok = true;
    while (stream->level < peripheral_bytes(stream)) {
        ok = read_memory(stream) && ok;
    }
    ok = write_peripheral(stream) && ok;
    stream->ndtr--;
    return ok;
}

// Memory to memory asks itself (10.3.6).
static bool is_requested(const struct dma_stream *stream, bool *is_known) {
    *is_known = true;
    return direction(stream) == CR_DIR_M2M || dma_is_requested(stream, is_known);
}

static void consider(struct dma_stream *stream);

static void step(void *ctx) {
    struct dma_stream *stream = ctx;
    bool is_known;
    if (!(stream->cr & CR_EN) || !is_requested(stream, &is_known)) {
        return;
    }
    bool ok = direction(stream) == CR_DIR_TO_P ? to_peripheral(stream) : to_memory(stream);
    if (direction(stream) != CR_DIR_M2M) {
        dma_tell_served(stream, stream->ndtr == 0);
    }
    if (!(stream->cr & CR_EN)) {
        return;
    }
    if (!ok) {
        stop(stream, FLAG_TE); // 10.3.19
        return;
    }
    if (stream->ndtr == stream->items / 2) {
        stream->flags |= FLAG_HT;
    }
    if (stream->ndtr == 0) {
        stream->flags |= FLAG_TC;
        if (stream->cr & (CR_CIRC | CR_DBM)) {
            stream->cr ^= stream->cr & CR_DBM ? CR_CT : 0;
            begin_round(stream);
        } else {
            stop(stream, 0);
            return;
        }
    }
    update_irq(stream);
    consider(stream);
}

// The next item, if the stream is on and somebody asks for it.
static void consider(struct dma_stream *stream) {
    struct chip *chip = stream->dma->chip;
    bool is_known;
    if (!chip || !(stream->cr & CR_EN) || timeline_is_scheduled(&stream->step) ||
        !is_requested(stream, &is_known)) {
        return;
    }
    timeline_schedule(chip->timeline, &stream->step,
                      timeline_now(chip->timeline) + ITEM_CLOCKS * PS_PER_S / chip->rcc.hclk_hz);
}

void dma_requests_changed(struct chip *chip) {
    for (unsigned i = 0; i < DMAS * DMA_STREAMS; i++) {
        consider(&chip->dma[i / DMA_STREAMS].stream[i % DMA_STREAMS]);
    }
}

// --- starting and stopping (10.3.17) -----------------------------------------------------------------

static void complain(struct dma_stream *stream, const char *what, const char *sentence) {
    char where[WHERE_MAX];
    chip_where(stream->dma->chip, where);
    trace_complaint(stream->dma->chip->trace, what, where, "DMA%u stream %u enabled at %s: %s",
                    stream->dma->index + 1, stream->index, where, sentence);
}

// RM0090 table 48: the FIFO's threshold holds a whole number of memory bursts.
static bool is_threshold_allowed(const struct dma_stream *stream) {
    static const uint8_t beats[4] = {1, 4, 8, 16};
    unsigned burst = beats[stream->cr >> 23 & 3] * memory_bytes(stream);
    unsigned threshold = 4 * ((stream->fcr & 3) + 1);
    return !(stream->fcr & FCR_DMDIS) || threshold % burst == 0;
}

static void enable(struct dma_stream *stream) {
    bool is_known;
    uint32_t way = direction(stream);
    if (way == CR_DIR) {
        complain(stream, "dma-configuration", "direction 3 is reserved, nothing moves");
        return;
    }
    if (way == CR_DIR_M2M) {
        if (stream->dma->index == 0) {
            complain(stream, "dma-configuration",
                     "only DMA2 goes from memory to memory (RM0090 10.3.6), nothing moves");
            return;
        }
        stream->fcr |= FCR_DMDIS; // 10.3.6: direct mode is not allowed, set by hardware
        stream->cr &= ~CR_CIRC;
    }
    if (stream->flags) {
        // 10.3.17: to be cleared before; what the chip does otherwise is not said.
        complain(stream, "dma-stale-flags", "flags of its last transfer are still up");
    }
    if (!is_threshold_allowed(stream)) {
        stream->flags |= FLAG_FE; // and the stream stays off (10.3.12)
        update_irq(stream);
        return;
    }
    stream->cr |= CR_EN;
    if (stream->cr & CR_DBM) {
        stream->cr |= CR_CIRC; // 10.3.9
    }
    stream->items = stream->ndtr;
    if (stream->items == 0) {
        return; // 10.5.6: no transaction
    }
    begin_round(stream);
    if (!is_requested(stream, &is_known) && !is_known) {
        complain(stream, "dma-request",
                 "the peripheral of this channel makes no DMA requests here, it waits for ever");
    }
    consider(stream);
}

static void disable(struct dma_stream *stream) {
    if (direction(stream) != CR_DIR_TO_P && stream->items > 0) {
        (void)drain(stream); // 10.3.12, "FIFO flush"
    }
    stop(stream, FLAG_TC);
}

// --- registers ---------------------------------------------------------------------------------------

static uint32_t fifo_status(const struct dma_stream *stream) {
    // 10.5.10 FS: quarters begun, 4 empty, 5 full.
    unsigned level = stream->level;
    return level == 0 ? 4 : level == DMA_FIFO_BYTES ? 5 : level / 4;
}

static bool dma_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct dma *dma = ctx;
    *value = 0;
    if (off == LISR || off == HISR) {
        for (unsigned i = 0; i < 4; i++) {
            *value |= dma->stream[i + off].flags << flag_position[i]; // HISR is 4 on
        }
        return true;
    }
    if (off < STREAMS || off >= STREAMS_END) {
        return off == LIFCR || off == HIFCR;
    }
    const struct dma_stream *stream = &dma->stream[(off - STREAMS) / STREAM_SIZE];
    switch ((off - STREAMS) % STREAM_SIZE) {
    case CR:
        *value = stream->cr;
        break;
    case NDTR:
        *value = stream->ndtr;
        break;
    case PAR:
        *value = stream->par;
        break;
    case M0AR:
        *value = stream->m0ar;
        break;
    case M1AR:
        *value = stream->m1ar;
        break;
    default:
        *value = stream->fcr | fifo_status(stream) << 3;
        break;
    }
    return true;
}

static void write_cr(struct dma_stream *stream, uint32_t value, uint32_t mask) {
    bool was_on = stream->cr & CR_EN;
    uint32_t wanted = stream->cr;
    merge(&wanted, value, mask & CR_MASK);
    if (was_on) {
        // While it is on, only these (10.5.5).
        merge(&stream->cr, wanted, CR_IES);
        if (!(wanted & CR_EN)) {
            disable(stream);
        }
    } else {
        stream->cr = wanted & ~CR_EN;
        if (wanted & CR_EN) {
            enable(stream);
        }
    }
    update_irq(stream);
}

static void write_stream(struct dma_stream *stream, uint32_t off, uint32_t value, uint32_t mask) {
    bool is_on = stream->cr & CR_EN;
    bool is_second = stream->cr & CR_CT;
    bool is_double = stream->cr & CR_DBM;
    switch (off) {
    case CR:
        write_cr(stream, value, mask);
        break;
    case NDTR:
        if (!is_on) {
            merge(&stream->ndtr, value, mask & 0xFFFF);
        }
        break;
    case PAR:
        if (!is_on) {
            merge(&stream->par, value, mask);
        }
        break;
    case M0AR: // of the two buffers, that not in use may be set (10.3.9)
        if (!is_on || (is_double && is_second)) {
            merge(&stream->m0ar, value, mask);
        }
        break;
    case M1AR:
        if (!is_on || (is_double && !is_second)) {
            merge(&stream->m1ar, value, mask);
        }
        break;
    default:
        merge(&stream->fcr, value, mask & (is_on ? FCR_FEIE : FCR_FEIE | FCR_DMDIS | 3));
        update_irq(stream);
        break;
    }
}

static bool dma_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct dma *dma = ctx;
    if (off == LIFCR || off == HIFCR) {
        for (unsigned i = 0; i < 4; i++) {
            struct dma_stream *stream = &dma->stream[i + off - LIFCR];
            stream->flags &= ~((value & mask) >> flag_position[i] & FLAGS);
            update_irq(stream);
        }
        return true;
    }
    if (off < STREAMS || off >= STREAMS_END) {
        return off == LISR || off == HISR;
    }
    write_stream(&dma->stream[(off - STREAMS) / STREAM_SIZE], (off - STREAMS) % STREAM_SIZE, value,
                 mask);
    return true;
}

static void dma_reset(void *ctx) {
    struct dma *dma = ctx;
    for (unsigned i = 0; i < DMA_STREAMS; i++) {
        struct dma_stream *stream = &dma->stream[i];
        timeline_cancel(dma->chip->timeline, &stream->step);
        *stream = (struct dma_stream){
            .dma = dma,
            .index = i,
            .fcr = FCR_RESET & 7,
            .step = {.fire = step, .ctx = stream},
        };
        update_irq(stream);
    }
}

#define DMA(n, b, bit)                                                                             \
    {                                                                                              \
        .name = (n), .base = (b), .size = 0x400, .read = dma_read, .write = dma_write,             \
        .reset = dma_reset, .enable_register = RCC_AHB1ENR, .enable_bit = 1u << (bit)              \
    }

const struct peripheral dma_peripherals[DMAS] = {DMA("DMA1", 0x40026000u, 21),
                                                 DMA("DMA2", 0x40026400u, 22)};

void dma_free(struct chip *chip) {
    for (unsigned i = 0; i < DMAS * DMA_STREAMS; i++) {
        timeline_cancel(chip->timeline, &chip->dma[i / DMA_STREAMS].stream[i % DMA_STREAMS].step);
    }
}
