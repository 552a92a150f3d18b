// SPDX-License-Identifier: MIT
//
// The cable and the host controller at its end: takes transfers, cuts them into transactions on a
// 1 ms frame clock, retries NAKs, and reports how each transfer ended. One device a cable; several
// cables may end in one bus (bus.h), whose time they share.
//
// What it leaves to others: enumeration (vboard/usb/enumerate.h), and everything an operating
// system adds (vboard/host).
//
// The model of the host controller: a transfer begins `transfer_cost_ps` after it was
// submitted (0.25 ms by default: interrupt, scheduling and driver latency of an ordinary PC).
// Transactions then follow each other within frames; each takes the bus for its bytes at
// 12 Mbit/s with USB 2.0 5.5-5.8's protocol overhead, at most 19 full-speed packets of 64 bytes
// a frame. A NAKed control or bulk transaction is tried again 10 us later, then after 20, 40 ... us
// and at least at each start of frame: a device that holds a stage for seconds costs about one
// event a millisecond. As soon as the device arms anything (wire_host.ready) the retry comes on
// the next 10 us step of the frame. A real controller would have spent the time between on NAKs;
// nothing depends on when those came. Interrupt endpoints are asked once per bInterval.
//
// A device that hides its pull-up for less than 2.5 us was never away (USB 2.0 7.1.7.3).

#ifndef VBOARD_USB_CABLE_H
#define VBOARD_USB_CABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/usb.h"
#include "vboard/memory.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/bus.h"
#include "vboard/usb/wire.h"

enum cable_status {
    CABLE_OK,        // all bytes, or a short packet
    CABLE_STALL,     // the device answered STALL
    CABLE_NO_ANSWER, // three transactions in a row went unanswered (USB 2.0 8.7: "transaction error")
    CABLE_BABBLE,    // the device sent more than was asked
    CABLE_CANCELLED, // cable_cancel(), or a bus reset
    CABLE_GONE,      // unplugged, or the device hid its pull-up
};

#define CABLE_LINE_LEN 6u

// One transfer. The caller owns it and keeps it untouched from submit to done.
struct cable_transfer {
    enum usb_transfer_type type;
    uint8_t address;              // device address (0 before SET_ADDRESS)
    uint8_t endpoint;             // number, without direction bit
    bool in;                      // control: direction of the data stage, from bmRequestType
    uint16_t packet_bytes;        // wMaxPacketSize of the endpoint
    uint8_t interval;             // bInterval, interrupt and isochronous
    uint8_t setup[USB_SETUP_LEN]; // control only
    uint8_t *data;                // data stage, or the payload
    uint32_t length;              // bytes wanted; control: wLength
    bool zero_packet;             // bulk OUT: end a multiple of packet_bytes with an empty packet
    // Of transfers submitted at one instant the one with the smaller line is first, by its first number that
    // differs; then the one that was submitted first.
    uint32_t line[CABLE_LINE_LEN];
    void (*done)(struct cable_transfer *transfer, void *ctx);
    void *ctx;
    // Results.
    enum cable_status status;
    uint32_t actual; // bytes moved in the data stage or payload
    uint64_t number; // 1 for the first transfer on this cable
    uint64_t naks;   // answers NAK that were seen; a real controller would have had more
    uint64_t nak_ps; // how long the device kept it waiting with them
    // The cable's own.
    struct cable_transfer *next;
    struct cable_progress {
        uint8_t stage;
        uint8_t errors;
        uint8_t toggle;        // control: data PID of the next data or status transaction
        bool is_waiting;       // for the device, after a NAK
        unsigned naks;         // in a row
        uint64_t nak_since_ps; // of the first in a row
        uint64_t ready_ps;     // not before
        uint64_t submitted_ps;
        uint64_t served; // order of its last transaction, for turns
    } at;
};

struct cable; // made by cable_new() or cable_new_on()

// What the other layers want to hear of; all may be NULL.
struct cable_listener {
    void *ctx;
    // The pull-up appeared (and the cable is plugged), or vanished.
    void (*attached)(void *ctx, enum usb_speed speed);
    void (*detached)(void *ctx);
};

// On a bus of its own.
struct cable *cable_new(struct timeline *timeline, struct trace *trace);
// At the next port of a bus; USB_BUS_PORTS_MAX at most.
struct cable *cable_new_on(struct usb_bus *bus, struct trace *trace);
struct usb_bus *cable_bus(struct cable *cable);
void cable_free(struct cable *cable);

// Connects the device end. Returns what the device calls. The cable starts unplugged.
const struct wire_host *cable_connect_device(struct cable *cable, const struct wire_device *device);
// Adds a listener; CABLE_LISTENERS_MAX at most. Calls come in the order of adding, from
// timeline_run(), cable_plug() or cable_unplug().
#define CABLE_LISTENERS_MAX 4
void cable_listen(struct cable *cable, const struct cable_listener *listener);

// Somebody who watches every transfer: when it was submitted, and when it has ended, before done().
// One at a time; NULL takes it out.
struct cable_tap {
    void *ctx;
    void (*submitted)(void *ctx, const struct cable_transfer *transfer);
    void (*ended)(void *ctx, const struct cable_transfer *transfer);
};
void cable_tap(struct cable *cable, const struct cable_tap *tap);

void cable_set_transfer_cost(struct cable *cable, uint64_t ps);

// Plugs and pulls the cable (VBUS with it). Pulling ends all transfers with CABLE_GONE.
void cable_plug(struct cable *cable);
void cable_unplug(struct cable *cable);
bool cable_is_plugged(const struct cable *cable);
bool cable_is_attached(const struct cable *cable);
// What the device last showed; USB_SPEED_NONE while nothing is attached. After a bus reset the
// speed the device came up with.
enum usb_speed cable_speed(const struct cable *cable);

// Starts a transfer; done() is called later, from timeline_run(), never from inside this call.
void cable_submit(struct cable *cable, struct cable_transfer *transfer);
// Ends a transfer with CABLE_CANCELLED (done() is called from inside this call). A control
// transfer that is cut in the middle is cut on the wire too: the next SETUP ends it for the device.
void cable_cancel(struct cable *cable, struct cable_transfer *transfer);
// True while any transfer is outstanding.
bool cable_is_busy(const struct cable *cable);

// Drives a bus reset of 50 ms (what Linux' hub driver asks for; USB 2.0 7.1.7.5 wants at least
// 10); transfers under way end with CABLE_CANCELLED from inside this call; data toggles restart.
// done() may be NULL; it is called from timeline_run(), also when the device vanishes meanwhile.
// Transfers submitted during the reset wait for its end.
void cable_bus_reset(struct cable *cable, void (*done)(void *ctx), void *ctx);
// CLEAR_FEATURE(ENDPOINT_HALT) and SET_INTERFACE restart an endpoint's toggle on the host's side.
void cable_reset_toggle(struct cable *cable, uint8_t endpoint, bool in);

// Suspends (stops SOFs; the device notices after 3 ms) and resumes the bus (20 ms of resume
// signalling, USB 2.0 7.1.7.7, which the device sees at once; then SOFs). Transfers wait meanwhile.
void cable_suspend(struct cable *cable);
void cable_resume(struct cable *cable);

// Names the memory of the cable, of its bus, and of the transfers under way, their data included: all of it must
// still be there when it is put back, wherever the transfers have got to meanwhile.
void cable_visit(struct cable *cable, const struct memory_visitor *visitor);

#endif
