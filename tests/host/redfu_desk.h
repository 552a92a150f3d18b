// SPDX-License-Identifier: MIT
//
// The second transport: libredfu and the program redfu against core/ in one process, without USB. The
// cable can be pulled, a request can be refused and Ctrl-C pressed at any transfer.

#ifndef TESTS_HOST_REDFU_DESK_H
#define TESTS_HOST_REDFU_DESK_H

#include <stdbool.h>
#include <stddef.h>

#include "host/redfu.h"
#include "host/transport.h"
#include "spec/usb.h"
#include "tests/unit/desk.h"

#define BENCH_LOG_MAX     16384u
#define BENCH_DEVICES_MAX 4u

// Transfers are counted from 1, class requests and SET_INTERFACE only: 0 means never. Nothing is
// pulled, refused or pressed until bench_arm().
struct bench {
    struct desk *desk;
    struct transport transport;
    bool armed;
    unsigned transfers;
    unsigned gone_at;    // from this transfer on the device is gone
    unsigned gone_after; // this transfer is the last that it answers
    bool comes_back;     // plugged in again: the next list has it, fresh from power-up
    unsigned lose_at;    // this one transfer gets no answer; the device does not see it
    unsigned break_at;   // this one transfer breaks off; the device does not see it
    unsigned stall_at;   // this one transfer is answered STALL; the device does not see it
    unsigned cancel_at;  // Ctrl-C was pressed before this transfer
    bool never_done;     // GETSTATUS answers dfuDNBUSY for ever
    uint8_t pretend[4];  // states GETSTATE tells instead, one dropped at each CLRSTATUS; 0 ends
    unsigned poll_ms;    // bwPollTimeout told while busy, at least
    bool denied, busy, no_layout, no_upload;
    uint16_t transfer_bytes; // told instead of the desk's; 0: its own
    bool no_sums;            // no region hash
    bool lost_sums;          // there is, but a list of ranges gets no answer
    bool wrong_sums;         // or a wrong one
    bool no_settings;        // only the first alternate setting is there
    // What is on the bus: the desk first, then copies of it with other serial numbers and kinds.
    unsigned device_count;
    enum redfu_kind kinds[BENCH_DEVICES_MAX];
    bool plain_dfu;   // bcdDFUVersion 0110
    unsigned columns; // of the terminal, where there is one
    struct usb_setup log[BENCH_LOG_MAX];
    unsigned log_count;
    // Transfers handed in ahead (bench_queue()): what waits, and how many did at most since bench_arm().
    struct bench_queued {
        struct usb_setup setup;
        uint8_t *data;
    } queue[TRANSPORT_QUEUE_MAX];
    unsigned waiting, waited;
};

// A bench with a fresh desk. Freed with bench_free().
struct bench *bench_new(void);
void bench_free(struct bench *bench);
// From here on transfers can be handed in ahead.
void bench_queue(struct bench *bench);
// Counts and logs from here on.
void bench_arm(struct bench *bench);
// The board loses its power and comes back: flash is kept, everything else starts anew.
void bench_power_cycle(struct bench *bench);
// Flash from an address on.
uint8_t *bench_flash(struct bench *bench, uint32_t addr);
// Fills the bootloader's sector and the application area; the settings between them stay.
void bench_fill(struct bench *bench, uint8_t byte);
// The next flash operation of a load fails that way; the receiving record is open already, so it
// is not the one.
void bench_fail_next(struct bench *bench, enum flash_result result);
// A context over the bench; the bench outlives it.
struct redfu *bench_redfu(struct bench *bench);
bool bench_is_cancelled(void *bench);
// How often a class request was sent since `from` (an index into the log).
unsigned bench_count(const struct bench *bench, unsigned from, uint8_t request);

#endif
