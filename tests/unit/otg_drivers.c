// SPDX-License-Identifier: MIT
//
// Mini drivers, written after reading ST's HAL (stm32f4xx_hal_pcd.c, ll_usb.c), libopencm3
// (usb_dwc_common.c), TinyUSB (dcd_dwc2.c) and libusb_stm32 (usbd_stm32f429_otgfs.c, what sboot
// uses). They keep those drivers' order of register accesses, not their code.

#include "tests/unit/otg_drivers.h"

#include <assert.h>
#include <string.h>

#include "spec/usb.h"

enum {
    GAHBCFG = 0x008,
    GUSBCFG = 0x00c,
    GRSTCTL = 0x010,
    GINTSTS = 0x014,
    GINTMSK = 0x018,
    GRXSTSR = 0x01c,
    GRXSTSP = 0x020,
    GRXFSIZ = 0x024,
    DIEPTXF0 = 0x028,
    GCCFG = 0x038,
    GSNPSID = 0x040,
    DIEPTXF1 = 0x104,
    DCFG = 0x800,
    DCTL = 0x804,
    DSTS = 0x808,
    DIEPMSK = 0x810,
    DOEPMSK = 0x814,
    DAINT = 0x818,
    DAINTMSK = 0x81c,
    DIEPEMPMSK = 0x834,
    PCGCCTL = 0xe00,
};
#define DIEPCTL(n)  (0x900u + 0x20u * (n))
#define DIEPINT(n)  (0x908u + 0x20u * (n))
#define DIEPTSIZ(n) (0x910u + 0x20u * (n))
#define DTXFSTS(n)  (0x918u + 0x20u * (n))
#define DOEPCTL(n)  (0xb00u + 0x20u * (n))
#define DOEPINT(n)  (0xb08u + 0x20u * (n))
#define DOEPTSIZ(n) (0xb10u + 0x20u * (n))
#define FIFO(n)     (0x1000u + 0x1000u * (n))

#define EPENA       (1u << 31)
#define EPDIS       (1u << 30)
#define SD0PID      (1u << 28)
#define SNAK        (1u << 27)
#define CNAK        (1u << 26)
#define STALL       (1u << 21)
#define NAKSTS      (1u << 17)
#define USBAEP      (1u << 15)
#define RXFLVL      (1u << 4)
#define USBRST      (1u << 12)
#define ENUMDNE     (1u << 13)
#define USBSUSP     (1u << 11)
#define WKUPINT     (1u << 31)
#define IEPINT      (1u << 18)
#define OEPINT      (1u << 19)
#define ONE_PACKET  (1u << 19)
#define BULK        (2u << 18)
#define INTR        (3u << 18)

static uint32_t rd(struct mini *m, uint32_t off) {
    uint32_t value = 0;
    bool ok = otg_read(m->otg, off, &value);
    if (!ok) {
        __builtin_trap();
    }
    return value;
}

static void wr(struct mini *m, uint32_t off, uint32_t value) {
    if (!otg_write(m->otg, off, value, 0xffffffffu)) {
        __builtin_trap();
    }
}

static void set(struct mini *m, uint32_t off, uint32_t bits) {
    wr(m, off, rd(m, off) | bits);
}

static void clear(struct mini *m, uint32_t off, uint32_t bits) {
    wr(m, off, rd(m, off) & ~bits);
}

// A wait that real drivers write without a bound: here it must end at once.
static void expect_bits(struct mini *m, uint32_t off, uint32_t mask, uint32_t value) {
    for (unsigned i = 0; i < 100; i++) {
        if ((rd(m, off) & mask) == value) {
            return;
        }
    }
    __builtin_trap();
}

static void write_fifo(struct mini *m, unsigned ep, const uint8_t *data, unsigned len) {
    for (unsigned i = 0; i < len; i += 4) {
        uint32_t word = 0;
        memcpy(&word, data + i, len - i < 4 ? len - i : 4);
        wr(m, FIFO(ep), word);
    }
}

static void read_fifo(struct mini *m, uint8_t *data, unsigned len) {
    for (unsigned i = 0; i < len; i += 4) {
        uint32_t word = rd(m, FIFO(0));
        memcpy(data + i, &word, len - i < 4 ? len - i : 4);
    }
}

static unsigned out_mps(const struct mini *m, unsigned ep) {
    return ep == 0 ? m->driver->mps0 : 64;
}

// --- The device. ---

const uint8_t mini_device_descriptor_64[18] = {18,   1, 0x00, 0x02, 0, 0, 0, 64, 0x09,
                                               0x12, 1, 0,    0,    1, 1, 2, 3,  1};
const uint8_t mini_config_descriptor[39] = {9, 2,    39, 0,  1, 1, 0, 0x80, 50,   9,  4, 0, 0,
                                            3, 0xff, 0,  0,  0, 7, 5, 0x01, 2,    64, 0, 0, 7,
                                            5, 0x81, 2,  64, 0, 0, 7, 5,    0x82, 3,  8, 0, 4};

static unsigned string_descriptor(uint8_t *at, unsigned index) {
    static const char *const texts[] = {"", "redfu", "mini", "0123"};
    unsigned len = 2;
    if (index == 0) {
        memcpy(at, "\x04\x03\x09\x04", 4);
        return 4;
    }
    for (const char *c = texts[index & 3]; *c; c++) {
        at[len++] = (uint8_t)*c;
        at[len++] = 0;
    }
    at[0] = (uint8_t)len;
    at[1] = 3;
    return len;
}

static void send_next(struct mini *m) {
    unsigned n = m->in_left < m->driver->mps0 ? m->in_left : m->driver->mps0;
    const uint8_t *data = m->in;
    m->in += n;
    m->in_left -= n;
    m->driver->send(m, 0, data, n);
}

static void answer(struct mini *m, const uint8_t *data, unsigned len) {
    struct usb_setup s = usb_setup_load(m->setup);
    m->state = CONTROL_DATA_IN;
    m->in = data;
    m->in_left = len < s.wLength ? len : s.wLength;
    m->is_zero_due = len < s.wLength && len % m->driver->mps0 == 0;
    send_next(m);
}

static void status_in(struct mini *m) {
    m->state = CONTROL_STATUS_IN;
    m->driver->send(m, 0, NULL, 0);
}

static void refuse(struct mini *m) {
    m->state = CONTROL_IDLE;
    m->driver->stall0(m);
}

static void control_setup(struct mini *m) {
    static uint8_t text[64], device[18];
    struct usb_setup s = usb_setup_load(m->setup);
    m->setups++;
    m->is_held = false;
    if (s.bmRequestType == 0x80 && s.bRequest == USB_GET_DESCRIPTOR) {
        switch (s.wValue >> 8) {
        case USB_DT_DEVICE:
            memcpy(device, mini_device_descriptor_64, 18);
            device[7] = (uint8_t)m->driver->mps0;
            answer(m, device, 18);
            return;
        case USB_DT_CONFIGURATION:
            answer(m, mini_config_descriptor, sizeof mini_config_descriptor);
            return;
        case USB_DT_STRING:
            answer(m, text, string_descriptor(text, s.wValue & 0xff));
            return;
        default:
            refuse(m);
            return;
        }
    }
    if (s.bmRequestType == 0x00 && s.bRequest == USB_SET_ADDRESS) {
        wr(m, DCFG, (rd(m, DCFG) & ~(0x7fu << 4)) | (uint32_t)s.wValue << 4);
        status_in(m);
    } else if (s.bmRequestType == 0x00 && s.bRequest == USB_SET_CONFIGURATION) {
        m->driver->configure(m);
        m->driver->receive(m, 1);
        m->driver->send(m, 2, m->ticks, 5);
        status_in(m);
    } else if (s.bmRequestType == 0xc0 && s.bRequest == 1) {
        answer(m, m->store, s.wLength);
    } else if (s.bmRequestType == 0x40 && s.bRequest == 1 && s.wLength <= MINI_STORE) {
        m->state = CONTROL_DATA_OUT;
        m->out_left = s.wLength;
        m->out_got = 0;
        m->driver->receive(m, 0);
    } else if (s.bmRequestType == 0x40 && s.bRequest == 2) {
        m->is_held = true;
    } else {
        refuse(m);
    }
}

void mini_release(struct mini *m) {
    assert(m->is_held);
    m->is_held = false;
    status_in(m);
}

static void sent(struct mini *m, unsigned ep) {
    if (ep == 1) {
        m->driver->receive(m, 1);
        return;
    }
    if (ep == 2) {
        m->ticks[0]++;
        m->driver->send(m, 2, m->ticks, 5);
        return;
    }
    if (m->state == CONTROL_DATA_IN) {
        if (m->in_left > 0 || m->is_zero_due) {
            m->is_zero_due = m->is_zero_due && m->in_left > 0;
            send_next(m);
            return;
        }
        m->state = CONTROL_STATUS_OUT;
        m->driver->receive(m, 0);
    } else if (m->state == CONTROL_STATUS_IN) {
        m->state = CONTROL_IDLE;
    }
}

static void received(struct mini *m, unsigned ep, const uint8_t *data, unsigned len) {
    if (ep == 1) {
        memcpy(m->echo, data, len);
        m->driver->send(m, 1, m->echo, len);
        return;
    }
    if (m->state != CONTROL_DATA_OUT) {
        if (m->state == CONTROL_STATUS_OUT) {
            m->state = CONTROL_IDLE;
        }
        return;
    }
    memcpy(m->store + m->out_got, data, len);
    m->out_got += len;
    m->out_left -= len < m->out_left ? len : m->out_left;
    if (m->out_left == 0) {
        status_in(m);
    } else {
        m->driver->receive(m, 0);
    }
}

static void was_reset(struct mini *m) {
    m->resets++;
    m->state = CONTROL_IDLE;
    memset(m->tx_left, 0, sizeof m->tx_left);
    memset(m->rx_len, 0, sizeof m->rx_len);
}

// --- As ST's HAL: interrupts, XFRC and STUP in DOEPINT, FIFO filled on TXFE. ---

static void hal_flush_tx(struct mini *m, unsigned fifo) {
    expect_bits(m, GRSTCTL, 1u << 31, 1u << 31);
    wr(m, GRSTCTL, 1u << 5 | fifo << 6);
    expect_bits(m, GRSTCTL, 1u << 5, 0);
}

static void hal_init(struct mini *m) {
    set(m, GUSBCFG, 1u << 6);
    expect_bits(m, GRSTCTL, 1u << 31, 1u << 31);
    set(m, GRSTCTL, 1);
    expect_bits(m, GRSTCTL, 1, 0);
    set(m, GCCFG, 1u << 16);
    set(m, GUSBCFG, 1u << 30);
    expect_bits(m, GINTSTS, 1, 0); // device mode
    for (unsigned i = 0; i < 15; i++) {
        wr(m, DIEPTXF1 + 4 * i, 0);
    }
    set(m, DCTL, 2);
    set(m, GCCFG, 1u << 21);
    wr(m, PCGCCTL, 0);
    set(m, DCFG, 3);
    hal_flush_tx(m, 0x10);
    wr(m, GRSTCTL, 1u << 4);
    for (unsigned i = 0; i < 4; i++) {
        wr(m, DIEPCTL(i), 0);
        wr(m, DIEPTSIZ(i), 0);
        wr(m, DIEPINT(i), 0xfb7f);
        wr(m, DOEPCTL(i), 0);
        wr(m, DOEPTSIZ(i), 0);
        wr(m, DOEPINT(i), 0xfb7f);
    }
    wr(m, GINTSTS, 0xbfffffffu);
    wr(m, GINTMSK, RXFLVL | USBSUSP | USBRST | ENUMDNE | IEPINT | OEPINT | WKUPINT);
    wr(m, GRXFSIZ, 0x80);
    wr(m, DIEPTXF0, 0x40u << 16 | 0x80);
    wr(m, DIEPTXF1, 0x40u << 16 | 0xc0);
    wr(m, DIEPTXF1 + 4, 0x20u << 16 | 0x100);
    set(m, GAHBCFG, 1);
    clear(m, DCTL, 2);
}

// --- The same with DMA (hpcd->Init.dma_enable). ---

#define DIEPDMA(ep) (0x914u + 0x20u * (ep))
#define DOEPDMA(ep) (0xb14u + 0x20u * (ep))

// A buffer of 4 KB an endpoint and direction.
static uint32_t buffer_off(unsigned ep, bool in) {
    return (ep + (in ? 4 : 0)) * 0x1000u;
}

static void hal_dma_init(struct mini *m) {
    hal_init(m);
    set(m, GAHBCFG, 1u << 5 | 7u << 1); // DMAEN, bursts of 16 words
    clear(m, GINTMSK, RXFLVL);
}

static void hal_send(struct mini *m, unsigned ep, const uint8_t *data, unsigned len) {
    unsigned packets = ep == 0 || len == 0 ? 1 : (len + 63) / 64;
    clear(m, DIEPTSIZ(ep), 0x7ffffu);
    clear(m, DIEPTSIZ(ep), 0x3ffu << 19);
    set(m, DIEPTSIZ(ep), packets << 19);
    set(m, DIEPTSIZ(ep), len);
    m->tx_data[ep] = data;
    m->tx_left[ep] = len;
    if (m->driver->is_dma) {
        memcpy(m->sram + buffer_off(ep, true), len > 0 ? data : m->sram, len);
        wr(m, DIEPDMA(ep), MINI_SRAM + buffer_off(ep, true));
    }
    set(m, DIEPCTL(ep), CNAK | EPENA);
    if (len > 0 && !m->driver->is_dma) {
        set(m, DIEPEMPMSK, 1u << ep);
    }
}

static void hal_receive(struct mini *m, unsigned ep) {
    unsigned packets = ep == 0 ? 1 : m->driver->bulk_bytes / 64;
    clear(m, DOEPTSIZ(ep), 0x7ffffu);
    clear(m, DOEPTSIZ(ep), 0x3ffu << 19);
    set(m, DOEPTSIZ(ep), packets << 19 | packets * out_mps(m, ep));
    m->rx_len[ep] = 0;
    m->armed[ep] = packets * out_mps(m, ep);
    if (m->driver->is_dma) {
        wr(m, DOEPDMA(ep), MINI_SRAM + buffer_off(ep, false));
    }
    set(m, DOEPCTL(ep), CNAK | EPENA);
}

static void hal_fill_fifo(struct mini *m, unsigned ep) {
    unsigned mps = ep == 0 ? m->driver->mps0 : 64;
    while (m->tx_left[ep] > 0) {
        unsigned n = m->tx_left[ep] < mps ? m->tx_left[ep] : mps;
        if ((rd(m, DTXFSTS(ep)) & 0xffff) < (n + 3) / 4) {
            return;
        }
        write_fifo(m, ep, m->tx_data[ep], n);
        m->tx_data[ep] += n;
        m->tx_left[ep] -= n;
    }
    clear(m, DIEPEMPMSK, 1u << ep);
}

static void hal_out_start(struct mini *m) {
    wr(m, DOEPTSIZ(0), 0);
    set(m, DOEPTSIZ(0), ONE_PACKET);
    set(m, DOEPTSIZ(0), 24);
    set(m, DOEPTSIZ(0), 3u << 29);
    if (m->driver->is_dma) {
        wr(m, DOEPDMA(0), MINI_SRAM + buffer_off(0, false));
        set(m, DOEPCTL(0), EPENA | USBAEP);
    }
}

static void hal_fetch_out(struct mini *m, unsigned ep) {
    if (m->driver->is_dma) {
        m->rx_len[ep] = m->armed[ep] - (rd(m, DOEPTSIZ(ep)) & 0x7ffffu);
        memcpy(m->rx[ep], m->sram + buffer_off(ep, false), m->rx_len[ep]);
    }
}

// ST's HAL always looks at the start of its buffer; the last of several SETUPs, or one that broke
// into a data stage, lies just below DOEPDMA0 (RM0090 35.13.6).
static void hal_fetch_setup(struct mini *m) {
    if (m->driver->is_dma) {
        memcpy(m->setup, m->sram + (rd(m, DOEPDMA(0)) - 8 - MINI_SRAM), 8);
    }
}

static void hal_out_interrupts(struct mini *m) {
    uint32_t daint = (rd(m, DAINT) & rd(m, DAINTMSK)) >> 16;
    for (unsigned ep = 0; ep < 4; ep++) {
        if (!(daint >> ep & 1)) {
            continue;
        }
        uint32_t bits = rd(m, DOEPINT(ep)) & rd(m, DOEPMSK);
        if (bits & 1) {
            wr(m, DOEPINT(ep), 1);
            hal_fetch_out(m, ep);
            if (ep == 0 && m->state == CONTROL_STATUS_OUT) {
                hal_out_start(m);
            }
            received(m, ep, m->rx[ep], m->rx_len[ep]);
        }
        if (bits & 8) {
            wr(m, DOEPINT(ep), 8);
            hal_fetch_setup(m);
            control_setup(m);
        }
        wr(m, DOEPINT(ep), bits & 0x12);
    }
}

static void hal_in_interrupts(struct mini *m) {
    uint32_t daint = rd(m, DAINT) & rd(m, DAINTMSK) & 0xffff;
    for (unsigned ep = 0; ep < 4; ep++) {
        if (!(daint >> ep & 1)) {
            continue;
        }
        uint32_t mask = rd(m, DIEPMSK) | (rd(m, DIEPEMPMSK) >> ep & 1) << 7;
        uint32_t bits = rd(m, DIEPINT(ep)) & mask;
        if (bits & 1) {
            clear(m, DIEPEMPMSK, 1u << ep);
            wr(m, DIEPINT(ep), 1);
            if (m->driver->is_dma && ep == 0 && m->state == CONTROL_STATUS_IN) {
                hal_out_start(m);
            }
            sent(m, ep);
        }
        if (bits & 2) {
            hal_flush_tx(m, ep);
            wr(m, DIEPINT(ep), 2);
        }
        if (bits & 0x80) {
            hal_fill_fifo(m, ep);
        }
    }
}

static void hal_reset(struct mini *m) {
    clear(m, DCTL, 1);
    hal_flush_tx(m, 0x10);
    for (unsigned i = 0; i < 4; i++) {
        wr(m, DIEPINT(i), 0xfb7f);
        clear(m, DIEPCTL(i), STALL);
        wr(m, DOEPINT(i), 0xfb7f);
        clear(m, DOEPCTL(i), STALL);
        set(m, DOEPCTL(i), SNAK);
    }
    set(m, DAINTMSK, 0x10001);
    set(m, DOEPMSK, 0x202b);
    set(m, DIEPMSK, 0xb);
    clear(m, DCFG, 0x7fu << 4);
    hal_out_start(m);
    wr(m, GINTSTS, rd(m, GINTSTS) & USBRST);
    was_reset(m);
}

static void hal_serve(struct mini *m) {
    if (rd(m, GINTSTS) & rd(m, GINTMSK) & RXFLVL) {
        clear(m, GINTMSK, RXFLVL);
        uint32_t status = rd(m, GRXSTSP);
        unsigned ep = status & 15, len = status >> 4 & 0x7ff;
        if ((status >> 17 & 15) == 2 && len > 0) {
            read_fifo(m, m->rx[ep] + m->rx_len[ep], len);
            m->rx_len[ep] += len;
        } else if ((status >> 17 & 15) == 6) {
            read_fifo(m, m->setup, 8);
        }
        set(m, GINTMSK, RXFLVL);
    }
    uint32_t pending = rd(m, GINTSTS) & rd(m, GINTMSK);
    if (pending & OEPINT) {
        hal_out_interrupts(m);
    }
    if (pending & IEPINT) {
        hal_in_interrupts(m);
    }
    if (pending & WKUPINT) {
        m->resumes++;
        wr(m, GINTSTS, rd(m, GINTSTS) & WKUPINT);
    }
    if (pending & USBSUSP) {
        m->suspends += rd(m, DSTS) & 1;
        wr(m, GINTSTS, rd(m, GINTSTS) & USBSUSP);
    }
    if (pending & USBRST) {
        hal_reset(m);
    }
    if (pending & ENUMDNE) {
        clear(m, DIEPCTL(0), 3);
        set(m, DCTL, 1u << 8);
        wr(m, GINTSTS, rd(m, GINTSTS) & ENUMDNE);
    }
}

static void hal_stall(struct mini *m) {
    set(m, DIEPCTL(0), STALL);
    set(m, DOEPCTL(0), STALL);
    hal_out_start(m);
}

static void hal_configure(struct mini *m) {
    set(m, DAINTMSK, 0x20006);
    if (!(rd(m, DIEPCTL(1)) & USBAEP)) {
        set(m, DIEPCTL(1), 64 | BULK | 1u << 22 | SD0PID | USBAEP);
    }
    if (!(rd(m, DIEPCTL(2)) & USBAEP)) {
        set(m, DIEPCTL(2), 8 | INTR | 2u << 22 | SD0PID | USBAEP);
    }
    if (!(rd(m, DOEPCTL(1)) & USBAEP)) {
        set(m, DOEPCTL(1), 64 | BULK | SD0PID | USBAEP);
    }
}

const struct mini_driver mini_hal = {
    "hal", 64, 256, 0, hal_init, hal_serve, hal_send, hal_receive, hal_stall, hal_configure, false};
const struct mini_driver mini_hal_dma = {"hal-dma", 64,       256,         0,         hal_dma_init,
                                         hal_serve, hal_send, hal_receive, hal_stall, hal_configure,
                                         true};

// --- As libopencm3: polled, everything from GRXSTSP, endpoints re-armed after 3 and 4. ---

static void ocm3_init(struct mini *m) {
    set(m, GUSBCFG, 1u << 6);
    set(m, GRSTCTL, 1);
    expect_bits(m, GRSTCTL, 1, 0);
    set(m, GCCFG, 1u << 19 | 1u << 16);
    clear(m, DCTL, 2);
    set(m, GUSBCFG, 1u << 30 | 0xfu << 10);
    wr(m, GINTSTS, 2);
    set(m, DCFG, 3);
    wr(m, PCGCCTL, 0);
    set(m, GAHBCFG, 1);
    wr(m, GINTMSK, RXFLVL | USBSUSP | USBRST | ENUMDNE | IEPINT | OEPINT | WKUPINT);
    wr(m, DAINTMSK, 0x000f000f);
    wr(m, DOEPMSK, 9);
    wr(m, DIEPMSK, 1);
}

static void ocm3_flush(struct mini *m, unsigned ep) {
    set(m, DIEPCTL(ep), SNAK);
    expect_bits(m, DIEPINT(ep), 1u << 6, 1u << 6);
    unsigned fifo = rd(m, DIEPCTL(ep)) >> 22 & 15;
    wr(m, GRSTCTL, fifo << 6 | 1u << 5);
    expect_bits(m, GRSTCTL, 1u << 5, 0);
    wr(m, DIEPTSIZ(ep), 0);
}

static void ocm3_send(struct mini *m, unsigned ep, const uint8_t *data, unsigned len) {
    if ((rd(m, DIEPCTL(ep)) & (EPENA | EPDIS | NAKSTS)) == EPENA) {
        __builtin_trap(); // busy: the core still thinks it is sending
    }
    if (rd(m, DIEPCTL(ep)) & EPENA) {
        ocm3_flush(m, ep);
        set(m, DIEPCTL(ep), EPDIS);
        expect_bits(m, DIEPINT(ep), 2, 2);
        wr(m, DIEPINT(ep), 2);
    }
    wr(m, DIEPTSIZ(ep), ONE_PACKET | len);
    set(m, DIEPCTL(ep), EPENA | CNAK);
    write_fifo(m, ep, data, len);
}

static void ocm3_receive(struct mini *m, unsigned ep) {
    (void)m;
    (void)ep; // re-armed by the poll function
}

static void ocm3_stall(struct mini *m) {
    set(m, DIEPCTL(0), STALL);
}

static void ocm3_configure(struct mini *m) {
    wr(m, DOEPTSIZ(1), ONE_PACKET | 64);
    wr(m, DOEPCTL(1), EPENA | CNAK | USBAEP | SD0PID | BULK | 64);
    wr(m, DIEPTXF1, 16u << 16 | (38 + 16));
    wr(m, DIEPTSIZ(1), 0);
    wr(m, DIEPCTL(1), SNAK | USBAEP | SD0PID | 1u << 22 | BULK | 64);
    wr(m, DIEPTXF1 + 4, 2u << 16 | (38 + 32));
    wr(m, DIEPTSIZ(2), 0);
    wr(m, DIEPCTL(2), SNAK | USBAEP | SD0PID | 2u << 22 | INTR | 8);
}

static void ocm3_reset(struct mini *m) {
    for (unsigned i = 1; i < 4; i++) {
        if (rd(m, DOEPCTL(i)) & EPENA) {
            set(m, DOEPCTL(i), SNAK | EPDIS);
        }
        if (rd(m, DIEPCTL(i)) & EPENA) {
            set(m, DIEPCTL(i), SNAK | EPDIS);
        }
    }
    wr(m, GRSTCTL, 0x10u << 6 | 1u << 5 | 1u << 4);
    expect_bits(m, GRSTCTL, 3u << 4, 0);
    clear(m, GRSTCTL, 0x1fu << 6);
    for (unsigned i = 1; i < 4; i++) {
        wr(m, DOEPINT(i), 2);
        wr(m, DIEPINT(i), 2);
    }
    wr(m, GRXFSIZ, 38);
    wr(m, DIEPTXF0, 16u << 16 | 38);
    wr(m, DIEPCTL(0), 0);
    set(m, DIEPCTL(0), SNAK | USBAEP);
    wr(m, DOEPTSIZ(0), 1u << 29 | ONE_PACKET | 64);
    wr(m, DOEPCTL(0), EPENA | SNAK | USBAEP);
    clear(m, DCFG, 0x7fu << 4);
    was_reset(m);
    wr(m, GINTSTS, USBRST);
}

static void ocm3_receive_fifo(struct mini *m) {
    uint32_t status = rd(m, GRXSTSP);
    unsigned kind = status >> 17 & 15, ep = status & 15, len = status >> 4 & 0x7ff;
    if (kind == 4) {
        control_setup(m);
    } else if (kind == 6) {
        if (rd(m, DIEPTSIZ(0)) & 3u << 19) {
            ocm3_flush(m, 0);
        }
        read_fifo(m, m->setup, 8);
    } else if (kind == 2) {
        read_fifo(m, m->rx[ep], len);
        received(m, ep, m->rx[ep], len);
    }
    if (kind == 3 || kind == 4) {
        wr(m, DOEPTSIZ(ep), ONE_PACKET | 64 | (ep == 0 ? 1u << 29 : 0));
        set(m, DOEPCTL(ep), EPENA | CNAK);
    }
}

static void ocm3_serve(struct mini *m) {
    uint32_t status = rd(m, GINTSTS) & rd(m, GINTMSK);
    if (status & USBRST) {
        ocm3_reset(m);
        return;
    }
    if (status & ENUMDNE) {
        wr(m, GINTSTS, ENUMDNE);
        return;
    }
    if (status & IEPINT) {
        for (unsigned ep = 0; ep < 4; ep++) {
            if (rd(m, DIEPINT(ep)) & 1) {
                set(m, DIEPCTL(ep), SNAK);
                // libopencm3 clears after the callback; the bit raised by SNAK goes with it.
                sent(m, ep);
            }
            wr(m, DIEPINT(ep), rd(m, DIEPINT(ep)));
        }
    }
    while (rd(m, GINTSTS) & RXFLVL) {
        ocm3_receive_fifo(m);
    }
    if (status & OEPINT) {
        for (unsigned ep = 0; ep < 4; ep++) {
            wr(m, DOEPINT(ep), rd(m, DOEPINT(ep)));
        }
    }
    m->suspends += (status & USBSUSP) != 0;
    m->resumes += (status & WKUPINT) != 0;
    wr(m, GINTSTS, status & (USBSUSP | WKUPINT));
}

const struct mini_driver mini_libopencm3 = {
    "libopencm3", 64,           64,         20 * PS_PER_US, ocm3_init, ocm3_serve,
    ocm3_send,    ocm3_receive, ocm3_stall, ocm3_configure, false};

// --- As TinyUSB: interrupts, completion by popping 3, FIFO filled right after EPENA. ---

static void tiny_init(struct mini *m) {
    if (rd(m, GSNPSID) >> 16 != 0x4f54) {
        __builtin_trap();
    }
    clear(m, GAHBCFG, 1);
    set(m, GUSBCFG, 1u << 6);
    set(m, GRSTCTL, 1);
    expect_bits(m, GRSTCTL, 1, 0);
    hal_flush_tx(m, 0x10);
    wr(m, GRSTCTL, 1u << 4);
    wr(m, GINTSTS, 0xffffffffu);
    wr(m, 0x004, 0xffffffffu);
    wr(m, GINTMSK, RXFLVL);
    wr(m, DCFG, (rd(m, DCFG) & ~3u) | 3 | 1u << 2);
    set(m, DCTL, 2);
    wr(m, GUSBCFG, (rd(m, GUSBCFG) & ~(1u << 29)) | 1u << 30);
    set(m, GCCFG, 1u << 16 | 1u << 21);
    set(m, GINTMSK, USBRST | ENUMDNE | WKUPINT | 1u << 2);
    set(m, GAHBCFG, 1);
    clear(m, DCTL, 2);
}

static void tiny_disable_in0(struct mini *m) {
    set(m, DIEPCTL(0), SNAK);
    expect_bits(m, DIEPINT(0), 1u << 6, 1u << 6);
    set(m, DIEPCTL(0), EPDIS);
    expect_bits(m, DIEPINT(0), 2, 2);
    wr(m, DIEPINT(0), 2);
    hal_flush_tx(m, 0);
}

// Only whole packets, as far as they fit; what is left to write is read back from XFRSIZ.
static void tiny_fill(struct mini *m, unsigned ep) {
    unsigned packets = rd(m, DIEPTSIZ(ep)) >> 19 & 0x3ff;
    unsigned mps = ep == 0 ? m->driver->mps0 : ep == 2 ? 8 : 64;
    for (unsigned i = 0; i < packets; i++) {
        unsigned left = rd(m, DIEPTSIZ(ep)) & 0x7ffff;
        unsigned n = left < mps ? left : mps;
        if (n > (rd(m, DTXFSTS(ep)) & 0xffff) << 2) {
            break;
        }
        write_fifo(m, ep, m->tx_data[ep], n);
        m->tx_data[ep] += n;
        m->tx_left[ep] -= n;
    }
}

static void tiny_send(struct mini *m, unsigned ep, const uint8_t *data, unsigned len) {
    unsigned packets = len == 0 || ep == 0 ? 1 : (len + 63) / 64;
    m->tx_data[ep] = data;
    m->tx_left[ep] = len;
    wr(m, DIEPTSIZ(ep), packets << 19 | len);
    set(m, DIEPCTL(ep), EPENA | CNAK);
    if (len > 0) {
        tiny_fill(m, ep);
        if (ep != 0 && m->tx_left[ep] > 0) {
            set(m, DIEPEMPMSK, 1u << ep);
        }
    }
}

static void tiny_receive(struct mini *m, unsigned ep) {
    unsigned total =
        ep == 0 ? m->out_left < out_mps(m, 0) ? m->out_left : out_mps(m, 0) : m->driver->bulk_bytes;
    if (ep == 0 && m->state != CONTROL_DATA_OUT) {
        total = 0;
    }
    unsigned packets = total == 0 ? 1 : (total + 63) / 64;
    m->rx_len[ep] = 0;
    wr(m, DOEPTSIZ(ep), packets << 19 | total);
    set(m, DOEPCTL(ep), EPENA | CNAK);
}

static void tiny_stall(struct mini *m) {
    set(m, DIEPCTL(0), SNAK | STALL);
    hal_flush_tx(m, 0);
    set(m, DOEPCTL(0), STALL);
}

static void tiny_configure(struct mini *m) {
    wr(m, DIEPTXF1, 16u << 16 | (320 - 32));
    wr(m, DIEPCTL(1), 64 | USBAEP | BULK | SD0PID | 1u << 22);
    wr(m, DIEPTXF1 + 4, 2u << 16 | (320 - 34));
    wr(m, DIEPCTL(2), 8 | USBAEP | INTR | SD0PID | 2u << 22);
    wr(m, DOEPCTL(1), 64 | USBAEP | BULK | SD0PID);
    set(m, DAINTMSK, 0x20006);
}

static void tiny_reset(struct mini *m) {
    for (unsigned n = 0; n < 4; n++) {
        set(m, DOEPCTL(n), SNAK);
    }
    for (unsigned n = 0; n < 4; n++) {
        if (rd(m, DIEPCTL(n)) & EPENA) {
            set(m, DIEPCTL(n), SNAK | EPDIS);
        }
    }
    wr(m, DAINTMSK, 0x10001);
    wr(m, DOEPMSK, 9);
    wr(m, DIEPMSK, 9);
    hal_flush_tx(m, 0x10);
    wr(m, GRSTCTL, 1u << 4);
    wr(m, GRXFSIZ, 13 + 1 + 2 * 17 + 2 * 4);
    wr(m, DIEPTXF0, 16u << 16 | (320 - 16));
    clear(m, DCFG, 0x7fu << 4);
    clear(m, DIEPCTL(0), 3);
    clear(m, DOEPCTL(0), 3);
    set(m, DOEPTSIZ(0), 3u << 29);
    set(m, GINTMSK, IEPINT);
    was_reset(m);
}

static void tiny_receive_fifo(struct mini *m) {
    uint32_t status = rd(m, GRXSTSP);
    unsigned ep = status & 15, len = status >> 4 & 0x7ff;
    switch (status >> 17 & 15) {
    case 6:
        read_fifo(m, m->setup, 8);
        break;
    case 4:
        if (!(rd(m, DOEPINT(0)) & 8)) {
            __builtin_trap(); // popping 4 raises STUP
        }
        set(m, DOEPTSIZ(0), 3u << 29);
        wr(m, DOEPINT(0), 8 | 1u << 15);
        if (rd(m, DIEPCTL(0)) & EPENA) {
            tiny_disable_in0(m);
        }
        control_setup(m);
        break;
    case 2:
        read_fifo(m, m->rx[ep] + m->rx_len[ep], len);
        m->rx_len[ep] += len;
        if (ep == 1 && len < 64 &&
            (rd(m, DOEPTSIZ(1)) & 0x7ffff) != m->driver->bulk_bytes - m->rx_len[1]) {
            __builtin_trap(); // what is left over must be in XFRSIZ by now
        }
        break;
    case 3:
        if (!(rd(m, DOEPINT(ep)) & 1)) {
            __builtin_trap(); // popping 3 raises XFRC
        }
        wr(m, DOEPINT(ep), 1);
        received(m, ep, m->rx[ep], m->rx_len[ep]);
        break;
    default:
        break;
    }
}

static void tiny_serve(struct mini *m) {
    uint32_t pending = rd(m, GINTSTS) & rd(m, GINTMSK);
    if (pending & USBRST) {
        wr(m, GINTSTS, USBRST);
        tiny_reset(m);
    }
    if (pending & ENUMDNE) {
        wr(m, GINTSTS, ENUMDNE);
        wr(m, GINTSTS, USBSUSP);
        set(m, GINTMSK, USBSUSP);
    }
    if (pending & USBSUSP) {
        wr(m, GINTSTS, USBSUSP);
        clear(m, GINTMSK, USBSUSP);
        m->suspends++;
    }
    if (pending & WKUPINT) {
        wr(m, GINTSTS, WKUPINT);
        set(m, GINTMSK, USBSUSP);
        m->resumes++;
    }
    if (pending & 4) {
        wr(m, 0x004, rd(m, 0x004));
    }
    if (pending & RXFLVL) {
        clear(m, GINTMSK, RXFLVL);
        do {
            tiny_receive_fifo(m);
        } while (rd(m, GINTSTS) & RXFLVL);
        set(m, GINTMSK, RXFLVL);
    }
    if (rd(m, GINTSTS) & IEPINT) {
        for (unsigned ep = 0; ep < 4; ep++) {
            if (!(rd(m, DAINT) >> ep & 1)) {
                continue;
            }
            uint32_t bits = rd(m, DIEPINT(ep));
            wr(m, DIEPINT(ep), bits);
            if (bits & 1) {
                sent(m, ep);
            }
            if (bits & 0x80 && rd(m, DIEPEMPMSK) >> ep & 1) {
                tiny_fill(m, ep);
                if ((rd(m, DIEPTSIZ(ep)) & 0x7ffff) == 0) {
                    clear(m, DIEPEMPMSK, 1u << ep);
                }
            }
        }
    }
}

const struct mini_driver mini_tinyusb = {
    "tinyusb",      64,   256, 0, tiny_init, tiny_serve, tiny_send, tiny_receive, tiny_stall,
    tiny_configure, false};

// --- As libusb_stm32 (sboot): SETUP served at 6, re-armed before 3 and 4 are popped, DOEPTSIZ
// --- written once, endpoint 0 of 8 bytes. ---

static void lusb_init(struct mini *m) {
    expect_bits(m, GRSTCTL, 1u << 31, 1u << 31);
    wr(m, GUSBCFG, (rd(m, GUSBCFG) & ~(1u << 8 | 0xfu << 10)) | 1u << 30 | 6u << 10);
    wr(m, GCCFG, 1u << 21);
    wr(m, PCGCCTL, 0);
    set(m, DCTL, 2);
    set(m, DCFG, 3);
    wr(m, GRXFSIZ, 0x34);
    wr(m, DIEPTXF0, 0x10u << 16 | 0x34);
    wr(m, DIEPMSK, 1);
    wr(m, GINTMSK, USBRST | ENUMDNE | USBSUSP | WKUPINT | IEPINT | RXFLVL);
    wr(m, GINTSTS, 0xffffffffu);
    set(m, GAHBCFG, 1);
    set(m, GCCFG, 1u << 16);
    clear(m, DCTL, 2);
}

static void lusb_send(struct mini *m, unsigned ep, const uint8_t *data, unsigned len) {
    if ((len + 3) / 4 > rd(m, DTXFSTS(ep)) || (ep != 0 && rd(m, DIEPCTL(ep)) & EPENA)) {
        __builtin_trap();
    }
    wr(m, DIEPTSIZ(ep), 0);
    wr(m, DIEPTSIZ(ep), ONE_PACKET + len);
    wr(m, DIEPCTL(ep), (rd(m, DIEPCTL(ep)) & ~STALL) | EPENA | CNAK);
    write_fifo(m, ep, data, len);
}

static void lusb_receive(struct mini *m, unsigned ep) {
    (void)m;
    (void)ep; // always armed
}

static void lusb_stall(struct mini *m) {
    wr(m, DIEPCTL(0), rd(m, DIEPCTL(0)) | STALL);
    wr(m, DOEPCTL(0), rd(m, DOEPCTL(0)) | STALL);
}

static void lusb_configure(struct mini *m) {
    wr(m, DIEPTXF1, 16u << 16 | 0x44);
    wr(m, DIEPTXF1 + 4, 16u << 16 | 0x54);
    set(m, DAINTMSK, 6);
    wr(m, DIEPCTL(1), SNAK | USBAEP | BULK | SD0PID | 1u << 22 | 64);
    wr(m, DIEPCTL(2), SNAK | USBAEP | INTR | SD0PID | 2u << 22 | 8);
    wr(m, DOEPCTL(1), SD0PID | CNAK | EPENA | USBAEP | BULK | 64);
}

static void lusb_reset(struct mini *m) {
    wr(m, GINTSTS, USBRST);
    for (unsigned ep = 0; ep < 4; ep++) {
        clear(m, DAINTMSK, 0x10001u << ep);
        clear(m, DIEPCTL(ep), USBAEP);
        wr(m, GRSTCTL, (rd(m, GRSTCTL) & ~(0x1fu << 6)) | ep << 6 | 1u << 5);
        expect_bits(m, GRSTCTL, 1u << 5, 0);
        if (rd(m, DIEPCTL(ep)) & EPENA && ep != 0) {
            wr(m, DIEPCTL(ep), EPDIS);
        }
        wr(m, DIEPINT(ep), 0xff);
        clear(m, DOEPCTL(ep), USBAEP);
        if (rd(m, DOEPCTL(ep)) & EPENA && ep != 0) {
            wr(m, DOEPCTL(ep), EPDIS);
        }
        wr(m, DOEPINT(ep), 0xff);
    }
    set(m, GRSTCTL, 1u << 4);
    expect_bits(m, GRSTCTL, 1u << 4, 0);
}

static void lusb_enumerated(struct mini *m) {
    wr(m, GINTSTS, ENUMDNE);
    clear(m, DCFG, 0x7fu << 4);
    set(m, DAINTMSK, 0x10001);
    wr(m, DIEPCTL(0), 3 | SNAK);
    wr(m, DOEPTSIZ(0), 8 | 1u << 29 | ONE_PACKET);
    wr(m, DOEPCTL(0), 3 | EPENA | CNAK);
    was_reset(m);
}

static void lusb_receive_fifo(struct mini *m) {
    uint32_t status = rd(m, GRXSTSR);
    unsigned ep = status & 15, kind = status >> 17 & 15;
    if (kind == 2) {
        unsigned len = rd(m, GRXSTSP) >> 4 & 0x7ff;
        read_fifo(m, m->rx[ep], len);
        received(m, ep, m->rx[ep], len);
    } else if (kind == 6) {
        if (rd(m, DIEPTSIZ(0)) & 3u << 19) {
            wr(m, GRSTCTL, 1u << 5);
            expect_bits(m, GRSTCTL, 1u << 5, 0);
        }
        (void)rd(m, GRXSTSP);
        read_fifo(m, m->setup, 8);
        control_setup(m);
    } else {
        if (kind == 3 || kind == 4) {
            set(m, DOEPCTL(ep), CNAK | EPENA);
        }
        (void)rd(m, GRXSTSP);
    }
}

static void lusb_serve(struct mini *m) {
    for (;;) {
        uint32_t bits = rd(m, GINTSTS);
        if (bits & USBRST) {
            lusb_reset(m);
        } else if (bits & ENUMDNE) {
            lusb_enumerated(m);
        } else if (bits & IEPINT) {
            for (unsigned ep = 0; ep < 4; ep++) {
                if (rd(m, DIEPINT(ep)) & 1) {
                    wr(m, DIEPINT(ep), 1);
                    sent(m, ep);
                    break;
                }
            }
        } else if (bits & RXFLVL) {
            lusb_receive_fifo(m);
        } else if (bits & USBSUSP) {
            wr(m, GINTSTS, USBSUSP);
            m->suspends++;
        } else if (bits & WKUPINT) {
            wr(m, GINTSTS, WKUPINT);
            m->resumes++;
        } else {
            return;
        }
    }
}

const struct mini_driver mini_libusb_stm32 = {
    "libusb_stm32", 8,         64,           20 * PS_PER_US, lusb_init,
    lusb_serve,     lusb_send, lusb_receive, lusb_stall,     lusb_configure,
    false};

// --- When the driver gets the processor. ---

// What an interrupt costs before its handler has done anything of use.
#define LATENCY_PS (2 * PS_PER_US)

static void cpu_turn(void *ctx) {
    struct mini *m = ctx;
    m->driver->serve(m);
    if (m->driver->poll_ps > 0) {
        timeline_schedule(m->timeline, &m->cpu, timeline_now(m->timeline) + m->driver->poll_ps);
    } else if (m->irq) {
        timeline_schedule(m->timeline, &m->cpu, timeline_now(m->timeline) + LATENCY_PS);
    }
}

void mini_irq(void *ctx, bool level) {
    struct mini *m = ctx;
    m->irq = level;
    if (level && m->driver != NULL && m->driver->poll_ps == 0 && !timeline_is_scheduled(&m->cpu)) {
        timeline_schedule(m->timeline, &m->cpu, timeline_now(m->timeline) + LATENCY_PS);
    }
}

void mini_start(struct mini *m, const struct mini_driver *driver, struct timeline *timeline) {
    m->driver = driver;
    m->timeline = timeline;
    m->cpu = (struct event){.fire = cpu_turn, .ctx = m};
    driver->init(m);
    if (driver->poll_ps > 0) {
        timeline_schedule(timeline, &m->cpu, timeline_now(timeline) + driver->poll_ps);
    }
}
