// SPDX-License-Identifier: MIT
//
// What bus.c (who gets the bus when), cable.c (a port and what is plugged into it) and cable_transfer.c
// (what a transaction means) share. Nobody else includes this.

#ifndef VBOARD_USB_CABLE_INTERNAL_H
#define VBOARD_USB_CABLE_INTERNAL_H

#include "vboard/usb/cable.h"
#include "vboard/usb/trace_dfu.h"

// What differs between the speeds of a bus. Low-speed devices are none of ours.
struct cable_pace {
    uint64_t bits_per_s;
    uint64_t frame_ps; // of a frame, or of a microframe
    // Bytes on the bus beside the data, with sync, PID, CRC, end of packet and the gap that follows.
    unsigned sof, token, data, handshake, timeout;
    // The raster of retries after a NAK.
    uint64_t retry_ps;
};

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

// What shares the time on the wires: all devices of one speed (those of the other are behind a transaction
// translator, or another controller's). One event at a time is under way, see cable_phase.
struct bus_segment {
    struct usb_bus *bus;
    const struct cable_pace *pace;
    struct event frame_event; // scheduled while any port runs
    struct event step_event;
    unsigned frame;
    unsigned microframe; // high speed: 0 to 7
    uint64_t frame_start_ps;
    uint64_t free_ps;
    uint64_t serial;
    enum cable_phase phase;
    struct cable *port;             // of the transaction under way
    struct cable_transfer *current; // NULL also when cancelled
    struct cable_transaction transaction;
};

struct usb_bus {
    struct timeline *timeline;
    struct cable *ports[USB_BUS_PORTS_MAX];
    unsigned port_count;
    struct bus_segment full, high;
    bool is_taken[USB_ADDRESS_MAX + 1];
    uint8_t last_address;
    struct usb_bus_turn *turns; // the first has it, the others wait
};

struct cable {
    struct usb_bus *bus;
    bool owns_bus;
    struct timeline *timeline;
    struct trace *trace;
    const struct wire_device *device;
    struct wire_host host;
    struct cable_listener listeners[CABLE_LISTENERS_MAX];
    unsigned listener_count;
    struct cable_tap tap;
    uint64_t submitted;
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

    struct bus_segment *segment; // of the speed after the last reset
    bool is_running;             // it gets SOFs: not in a reset, not suspended
    struct event edge_event, idle_event, reset_event, resume_event, gone_event;

    struct cable_transfer *transfers; // in order of submission
    uint8_t toggle[16][2];            // by endpoint and direction: next data PID
    uint64_t poll_ps[16][2];          // periodic endpoints: not before
    struct trace_dfu dfu;
};

extern const struct cable_pace cable_full_speed;
extern const struct cable_pace cable_high_speed;

// Schedules the next transaction if the bus is idle.
void cable_kick(struct cable *cable);
// The port takes part in frames; alone, it begins one.
void bus_join(struct cable *cable);
// No SOFs from here on; the device notices after a while.
void bus_leave(struct cable *cable);

// The next transaction of a transfer.
void cable_transfer_next(const struct cable *cable, const struct cable_transfer *transfer,
                         struct cable_transaction *transaction);
// A transaction's outcome; `transfer` is NULL if it was cancelled meanwhile.
void cable_transfer_answer(struct cable *cable, struct cable_transfer *transfer,
                           const struct cable_transaction *transaction);
// Takes the transfer off the list and reports it.
void cable_transfer_end(struct cable *cable, struct cable_transfer *transfer,
                        enum cable_status status);
// Tells those who watch that a transfer, off the list already, has ended.
void cable_transfer_tell(struct cable *cable, struct cable_transfer *transfer);

#endif
