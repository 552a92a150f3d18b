// SPDX-License-Identifier: MIT
//
// The scripted device. It decides nothing by itself but data PIDs, which follow USB 2.0 8.6.

#include "tests/unit/fake_device.h"

#include <assert.h>
#include <string.h>

static enum usb_speed bus_reset(void *ctx) {
    struct fake_device *fake = ctx;
    fake->resets++;
    fake->address = 0;
    for (unsigned ep = 0; ep < 16; ep++) {
        fake->in[ep].toggle = fake->out[ep].toggle = 0;
    }
    return fake->is_high_speed ? USB_SPEED_HIGH : USB_SPEED_FULL;
}

static enum wire_answer setup(void *ctx, uint8_t addr, uint8_t ep, const uint8_t bytes[8]) {
    struct fake_device *fake = ctx;
    if (addr != fake->address || ep != 0) {
        return WIRE_SILENCE;
    }
    if (fake->setup_silences > 0) {
        fake->setup_silences--;
        return WIRE_SILENCE;
    }
    memcpy(fake->setup, bytes, 8);
    fake->setups++;
    fake->in[0].toggle = fake->out[0].toggle = 1;
    fake->in[0].packet_count = 0;
    fake->in[0].stalls = fake->out[0].stalls = false;
    if (fake->on_setup != NULL) {
        fake->on_setup(fake);
    }
    return WIRE_ACK;
}

// True when the pipe refuses; *answer says how.
static bool refuses(struct fake_device *fake, struct fake_pipe *pipe, enum wire_answer *answer) {
    pipe->attempts++;
    pipe->last_ps = timeline_now(fake->timeline);
    if (pipe->silences > 0) {
        pipe->silences--;
        *answer = WIRE_SILENCE;
        return true;
    }
    if (pipe->naks > 0) {
        pipe->naks--;
        *answer = WIRE_NAK;
        return true;
    }
    *answer = WIRE_STALL;
    return pipe->stalls;
}

static enum wire_answer out(void *ctx, uint8_t addr, uint8_t ep, unsigned toggle,
                            const uint8_t *data, unsigned len) {
    struct fake_device *fake = ctx;
    struct fake_pipe *pipe = &fake->out[ep];
    enum wire_answer answer;
    if (addr != fake->address) {
        return WIRE_SILENCE;
    }
    if (refuses(fake, pipe, &answer)) {
        return answer;
    }
    if (toggle != pipe->toggle) {
        return WIRE_ACK;
    }
    pipe->toggle ^= 1;
    assert(pipe->received_len + len <= sizeof pipe->received);
    memcpy(pipe->received + pipe->received_len, data, len);
    pipe->received_len += len;
    pipe->empty_packets += len == 0;
    return WIRE_ACK;
}

static enum wire_answer in(void *ctx, uint8_t addr, uint8_t ep, unsigned *toggle, uint8_t *data,
                           unsigned *len) {
    struct fake_device *fake = ctx;
    struct fake_pipe *pipe = &fake->in[ep];
    enum wire_answer answer;
    if (addr != fake->address) {
        return WIRE_SILENCE;
    }
    if (refuses(fake, pipe, &answer)) {
        return answer;
    }
    *toggle = pipe->toggle;
    if (pipe->packet_count == 0) {
        if (ep != 0) {
            return WIRE_NAK;
        }
        *len = 0; // a status stage
        return WIRE_ACK;
    }
    *len = pipe->packet_len[pipe->packet_head];
    memcpy(data, pipe->packet[pipe->packet_head], *len);
    return WIRE_ACK;
}

static void in_acked(void *ctx, uint8_t ep) {
    struct fake_device *fake = ctx;
    struct fake_pipe *pipe = &fake->in[ep];
    fake->in_acks++;
    if (pipe->repeats_toggle && !pipe->is_repeated) {
        pipe->is_repeated = true; // once more, as if the ACK had been lost
        return;
    }
    pipe->is_repeated = false;
    pipe->toggle ^= 1;
    if (pipe->packet_count > 0) {
        pipe->packet_head = (pipe->packet_head + 1) % FAKE_PACKETS_MAX;
        pipe->packet_count--;
    }
    if (ep == 0 && fake->setup[0] == 0x00 && fake->setup[1] == 5) {
        fake->address = fake->setup[2]; // SET_ADDRESS, after its status stage
    }
}

static void sof(void *ctx, unsigned frame) {
    struct fake_device *fake = ctx;
    fake->last_frame = frame;
    fake->sofs++;
}

static void suspend(void *ctx) {
    ((struct fake_device *)ctx)->suspends++;
}

static void resume(void *ctx) {
    ((struct fake_device *)ctx)->resumes++;
}

static void vbus(void *ctx, bool on) {
    ((struct fake_device *)ctx)->has_vbus = on;
}

void fake_init(struct fake_device *fake, struct timeline *timeline) {
    memset(fake, 0, sizeof *fake);
    fake->timeline = timeline;
    fake->wire = (struct wire_device){
        .ctx = fake,
        .bus_reset = bus_reset,
        .setup = setup,
        .out = out,
        .in = in,
        .in_acked = in_acked,
        .sof = sof,
        .suspend = suspend,
        .resume = resume,
        .vbus = vbus,
    };
}

void fake_queue(struct fake_device *fake, unsigned ep, const uint8_t *data, unsigned len,
                unsigned mps, bool zero) {
    struct fake_pipe *pipe = &fake->in[ep];
    unsigned at = 0;
    while (at < len || zero) {
        unsigned n = len - at < mps ? len - at : mps;
        unsigned slot = (pipe->packet_head + pipe->packet_count) % FAKE_PACKETS_MAX;
        assert(pipe->packet_count < FAKE_PACKETS_MAX);
        if (n > 0) {
            memcpy(pipe->packet[slot], data + at, n);
        }
        pipe->packet_len[slot] = (uint8_t)n;
        pipe->packet_count++;
        at += n;
        if (n == 0) {
            break;
        }
    }
}
