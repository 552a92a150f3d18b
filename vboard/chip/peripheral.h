// SPDX-License-Identifier: MIT
//
// The seam between the chip's bus and its peripherals: one table of functions each.
//
// Registers are 32-bit words at multiples of 4. Sub-word accesses are turned into word accesses by
// the bus (a read takes the lanes it needs; a write merges them the way the AHB/APB bridge does:
// see chip.c), so a peripheral sees aligned words only, unless it says it handles lanes itself.

#ifndef VBOARD_CHIP_PERIPHERAL_H
#define VBOARD_CHIP_PERIPHERAL_H

#include <stdbool.h>
#include <stdint.h>

struct peripheral {
    const char *name; // as in RM0090 table 1 "register boundary addresses": "RCC", "GPIOA" ...
    uint32_t base;
    uint32_t size;
    void *ctx;
    // NULL for a peripheral that exists but is not modelled.
    // off is the register's offset from base, a multiple of 4. Returns false for an offset at
    // which nothing is modelled: the chip reports it once with PC and symbol, reads 0.
    bool (*read)(void *ctx, uint32_t off, uint32_t *value);
    // `mask` has ones in the bytes written. On AHB peripherals a sub-word write reaches its byte
    // lanes only; the APB bridges duplicate a byte or half-word over the whole word instead, so
    // behind them the mask is always all ones (RM0090 2.1.6).
    bool (*write)(void *ctx, uint32_t off, uint32_t value, uint32_t mask);
    // Debugger's read, without side effects (NULL: same as read).
    bool (*peek)(void *ctx, uint32_t off, uint32_t *value);
    // System reset (every cause). Power-on reset calls power_on first where given.
    void (*reset)(void *ctx);
    void (*power_on)(void *ctx);
    // The clocks of the 1.2 V domain stop (Stop mode, RM0090 5.3.5), or run again: whatever counts them
    // stands still meanwhile. NULL: nothing does.
    void (*halt)(void *ctx, bool is_halted);
    // The enable bit in RCC that clocks it: register offset in RCC and bit; 0 register: always on.
    // While it is off reads give 0, writes are lost, and the chip complains once.
    uint32_t enable_register;
    uint32_t enable_bit; // as a mask
};

#endif
