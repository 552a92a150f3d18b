// SPDX-License-Identifier: MIT
//
// A scripted USB device for tests of the host's side: each endpoint NAKs a number of times, stalls,
// stays silent a number of times, gives queued packets and keeps what it received.

#ifndef TESTS_UNIT_FAKE_DEVICE_H
#define TESTS_UNIT_FAKE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/timeline.h"
#include "vboard/usb/wire.h"

#define FAKE_PACKETS_MAX 512

struct fake_pipe {
    unsigned naks;     // answers NAK that often first
    unsigned silences; // and before that does not answer that often
    bool stalls;
    bool repeats_toggle; // IN: sends each packet twice with the same data PID
    // IN: packets to give.
    uint8_t packet[FAKE_PACKETS_MAX][64];
    uint8_t packet_len[FAKE_PACKETS_MAX];
    unsigned packet_head, packet_count;
    bool is_repeated;
    // OUT: what came.
    uint8_t received[8192];
    unsigned received_len;
    unsigned empty_packets;
    unsigned toggle;
    unsigned attempts; // transactions seen
    uint64_t last_ps;  // when the last one came
};

struct fake_device {
    struct timeline *timeline;
    struct wire_device wire;
    const struct wire_host *host;
    uint8_t address;
    uint8_t setup[8];
    unsigned setups, sofs, resets, suspends, resumes;
    unsigned setup_silences;
    bool is_high_speed;  // comes out of a reset so
    unsigned last_frame; // of the last SOF
    bool has_vbus;
    unsigned in_acks;
    struct fake_pipe in[16], out[16];
    // Called for each SETUP after it was noted; may queue packets. May be NULL.
    void (*on_setup)(struct fake_device *fake);
};

void fake_init(struct fake_device *fake, struct timeline *timeline);
// Queues `len` bytes as packets of `mps`; an empty one at the end if `zero`.
void fake_queue(struct fake_device *fake, unsigned ep, const uint8_t *data, unsigned len,
                unsigned mps, bool zero);

#endif
