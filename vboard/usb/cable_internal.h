// SPDX-License-Identifier: MIT
//
// What cable.c (the bus) and cable_transfer.c (what a transaction means) share. Nobody else
// includes this.

#ifndef VBOARD_USB_CABLE_INTERNAL_H
#define VBOARD_USB_CABLE_INTERNAL_H

#include "vboard/usb/cable.h"
#include "vboard/usb/trace_dfu.h"

// The raster of retries after a NAK. About what an OHCI or xHCI controller needs to come round to
// an endpoint again in an otherwise idle frame (a NAKed IN costs 9 bytes, 6 us).
#define CABLE_RETRY_PS (10 * PS_PER_US)

enum cable_token { TOKEN_SETUP, TOKEN_OUT, TOKEN_IN };

// One transaction: what is asked, and after the device was asked, what it said.
struct cable_transaction {
    enum cable_token pid;
    uint8_t address;
    uint8_t endpoint;
    unsigned toggle;
    unsigned len; // OUT: bytes sent; IN: bytes expected, then received
    enum wire_answer answer;
    uint8_t data[WIRE_PACKET_MAX];
};

enum cable_phase {
    PHASE_IDLE,    // no transaction; step_event is when the next may begin
    PHASE_TOKEN,   // token (and OUT data) on the wire
    PHASE_DATA_IN, // the device's data and our ACK on the wire
};

struct cable {
    struct timeline *timeline;
    struct trace *trace;
    const struct wire_device *device;
    struct wire_host host;
    struct cable_listener listeners[CABLE_LISTENERS_MAX];
    unsigned listener_count;
    uint64_t transfer_cost_ps;

    bool is_plugged;
    enum usb_speed pullup;   // what the device shows
    enum usb_speed attached; // what the port has seen
    bool is_enabled;         // reset since attach: SOFs run
    bool is_resetting;
    bool is_suspended;
    bool is_resume_signalled;
    void (*reset_done)(void *ctx);
    void *reset_ctx;

    struct event frame_event, step_event, edge_event, idle_event, reset_event, resume_event;
    struct event gone_event;
    unsigned frame;
    uint64_t frame_start_ps;
    uint64_t bus_free_ps;

    struct cable_transfer *transfers; // in order of submission
    struct cable_transfer *current;   // of the transaction under way; NULL also when cancelled
    struct cable_transaction transaction;
    enum cable_phase phase;
    uint64_t serial;
    uint8_t toggle[16][2];   // by endpoint and direction: next data PID
    uint64_t poll_ps[16][2]; // periodic endpoints: not before
    struct trace_dfu dfu;
};

// Schedules the next transaction if the bus is idle.
void cable_kick(struct cable *cable);

// The next transaction of a transfer.
void cable_transfer_next(const struct cable *cable, const struct cable_transfer *transfer,
                         struct cable_transaction *transaction);
// A transaction's outcome; `transfer` is NULL if it was cancelled meanwhile.
void cable_transfer_answer(struct cable *cable, struct cable_transfer *transfer,
                           const struct cable_transaction *transaction);
// Takes the transfer off the list and reports it.
void cable_transfer_end(struct cable *cable, struct cable_transfer *transfer,
                        enum cable_status status);
// The trace lines of a transfer that ended.
void cable_transfer_trace(struct cable *cable, const struct cable_transfer *transfer);

#endif
