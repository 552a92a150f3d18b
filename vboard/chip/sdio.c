// SPDX-License-Identifier: MIT
//
// SDIO with no card in its slot (RM0090 section 31): a command without a response is sent, one with a response
// times out after 64 clocks (31.3.2), data time out after SDIO_DTIMER clocks (31.3.3). Drivers (ST's
// HAL_SD_Init, libopencm3's examples) find no card and go on, as on a bare board. Not modelled: cards, DMA.

#include "vboard/chip/chip_state.h"

// 31.9.
#define POWER            0x00u
#define CLKCR            0x04u
#define ARG              0x08u
#define CMD              0x0Cu
#define RESPCMD          0x10u
#define RESP4            0x20u
#define DTIMER           0x24u
#define DLEN             0x28u
#define DCTRL            0x2Cu
#define DCOUNT           0x30u
#define STA              0x34u
#define ICR              0x38u
#define MASK             0x3Cu
#define FIFOCNT          0x48u
#define FIFO             0x80u
#define FIFO_END         0x100u

#define POWER_ON         3u
#define CLKCR_CLKEN      (1u << 8)
#define CLKCR_BYPASS     (1u << 10)
#define CMD_WAITRESP     (1u << 6) // its low bit: short or long response
#define CMD_CPSMEN       (1u << 10)
#define DCTRL_DTEN       (1u << 0)
#define DCTRL_DTDIR      (1u << 1) // 1: from the card
#define STA_CTIMEOUT     (1u << 2)
#define STA_DTIMEOUT     (1u << 3)
#define STA_CMDSENT      (1u << 7)
#define STA_CMDACT       (1u << 11)
#define STA_TXACT        (1u << 12)
#define STA_RXACT        (1u << 13)
#define STA_TXFIFOHE     (1u << 14)
#define STA_TXFIFOE      (1u << 18)
#define STA_RXFIFOE      (1u << 19)
#define STA_CLEARABLE    0x00C007FFu // 31.9.12
#define DCKCFGR2         0x94u       // RM0390 6.3.28: SDIOSEL, the system clock instead of 48 MHz
#define DCKCFGR2_SDIOSEL (1u << 28)

#define SDIO_IRQ         49u // RM0090 table 62
#define COMMAND_CLOCKS   48u // 31.4.5, its token
#define RESPONSE_CLOCKS  64u // 31.3.2, what is waited for a response

static void update_irq(struct chip *chip) {
    cpu_set_irq(chip->cpu, SDIO_IRQ, chip->sdio.sta & chip->sdio.mask);
}

// What so many clocks on the card's line take; TIME_NEVER while it has none.
static uint64_t clocks_ps(const struct chip *chip, uint64_t clocks) {
    const struct sdio *sdio = &chip->sdio;
    bool is_system = chip->rcc.regs[DCKCFGR2 / 4] & DCKCFGR2_SDIOSEL;
    uint64_t hz = is_system ? chip->rcc.sysclk_hz : rcc_usb_clock_hz(chip);
    uint64_t divider = sdio->clkcr & CLKCR_BYPASS ? 1 : (sdio->clkcr & 0xFF) + 2;
    bool runs = hz > 0 && sdio->power == POWER_ON && (sdio->clkcr & CLKCR_CLKEN);
    return runs ? (uint64_t)((unsigned __int128)clocks * divider * PS_PER_S / hz) : TIME_NEVER;
}

static void start(struct chip *chip, struct event *event, uint64_t clocks) {
    char where[WHERE_MAX];
    uint64_t ps = clocks_ps(chip, clocks);
    if (ps == TIME_NEVER) {
        if (chip_is_news(chip, sdio_peripheral.base)) {
            trace_complaint(chip->trace, "sdio-clock", chip_where(chip, where),
                            "SDIO is to do something at %s without a clock (SDIO_POWER, "
                            "SDIO_CLKCR.CLKEN, 48 MHz from the PLL): it never ends",
                            where);
        }
        return;
    }
    timeline_schedule(chip->timeline, event, timeline_now(chip->timeline) + ps);
}

static void command_ends(void *ctx) {
    struct chip *chip = ctx;
    bool has_response = chip->sdio.cmd & CMD_WAITRESP;
    chip->sdio.sta = (chip->sdio.sta & ~STA_CMDACT) | (has_response ? STA_CTIMEOUT : STA_CMDSENT);
    update_irq(chip);
}

static void data_end(void *ctx) {
    struct chip *chip = ctx;
    chip->sdio.sta =
        (chip->sdio.sta & ~(STA_TXACT | STA_RXACT | STA_TXFIFOHE | STA_TXFIFOE | STA_RXFIFOE)) |
        STA_DTIMEOUT;
    update_irq(chip);
}

static void write_cmd(struct chip *chip, uint32_t value) {
    struct sdio *sdio = &chip->sdio;
    sdio->cmd = value & 0x7FFFu;
    timeline_cancel(chip->timeline, &sdio->command);
    sdio->sta &= ~STA_CMDACT;
    if (value & CMD_CPSMEN) {
        sdio->sta |= STA_CMDACT;
        start(chip, &sdio->command, COMMAND_CLOCKS + (value & CMD_WAITRESP ? RESPONSE_CLOCKS : 0));
    }
}

static void write_dctrl(struct chip *chip, uint32_t value) {
    struct sdio *sdio = &chip->sdio;
    sdio->dctrl = value & 0xFFFu;
    timeline_cancel(chip->timeline, &sdio->data);
    sdio->sta &= ~(STA_TXACT | STA_RXACT | STA_TXFIFOHE | STA_TXFIFOE | STA_RXFIFOE);
    if (value & DCTRL_DTEN) {
        sdio->sta |=
            value & DCTRL_DTDIR ? STA_RXACT | STA_RXFIFOE : STA_TXACT | STA_TXFIFOHE | STA_TXFIFOE;
        start(chip, &sdio->data, sdio->dtimer);
    }
}

static bool sdio_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    const struct sdio *sdio = &chip->sdio;
    *value = 0;
    switch (off) {
    case POWER:
        *value = sdio->power;
        return true;
    case CLKCR:
        *value = sdio->clkcr;
        return true;
    case ARG:
        *value = sdio->arg;
        return true;
    case CMD:
        *value = sdio->cmd;
        return true;
    case DTIMER:
        *value = sdio->dtimer;
        return true;
    case DLEN:
    case DCOUNT: // nothing of it ever moves
        *value = sdio->dlen;
        return true;
    case DCTRL:
        *value = sdio->dctrl;
        return true;
    case STA:
        *value = sdio->sta;
        return true;
    case MASK:
        *value = sdio->mask;
        return true;
    case ICR:
    case FIFOCNT:
        return true;
    default:
        return (off >= RESPCMD && off <= RESP4) || (off >= FIFO && off < FIFO_END);
    }
}

static bool sdio_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct sdio *sdio = &chip->sdio;
    (void)mask; // all ones behind APB
    switch (off) {
    case POWER:
        sdio->power = value & 3;
        break;
    case CLKCR:
        sdio->clkcr = value & 0x7FFFu;
        break;
    case ARG:
        sdio->arg = value;
        break;
    case CMD:
        write_cmd(chip, value);
        break;
    case DTIMER:
        sdio->dtimer = value;
        break;
    case DLEN:
        sdio->dlen = value & 0x01FFFFFFu;
        break;
    case DCTRL:
        write_dctrl(chip, value);
        break;
    case ICR:
        sdio->sta &= ~(value & STA_CLEARABLE);
        break;
    case MASK:
        sdio->mask = value & 0x00FFFFFFu;
        break;
    case STA:
    case DCOUNT:
    case FIFOCNT:
        break; // read-only
    default:
        return (off >= RESPCMD && off <= RESP4) || (off >= FIFO && off < FIFO_END);
    }
    update_irq(chip);
    return true;
}

static void sdio_reset(void *ctx) {
    struct chip *chip = ctx;
    struct sdio *sdio = &chip->sdio;
    timeline_cancel(chip->timeline, &sdio->command);
    timeline_cancel(chip->timeline, &sdio->data);
    *sdio = (struct sdio){
        .command = {.fire = command_ends, .ctx = chip},
        .data = {.fire = data_end, .ctx = chip},
    };
    update_irq(chip);
}

const struct peripheral sdio_peripheral = {
    .name = "SDIO",
    .base = 0x40012C00u,
    .size = 0x400,
    .read = sdio_read,
    .write = sdio_write,
    .reset = sdio_reset,
    .enable_register = RCC_APB2ENR,
    .enable_bit = 1u << 11,
};

void sdio_free(struct chip *chip) {
    timeline_cancel(chip->timeline, &chip->sdio.command);
    timeline_cancel(chip->timeline, &chip->sdio.data);
}
