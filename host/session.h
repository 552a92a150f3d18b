// SPDX-License-Identifier: MIT
//
// What the opaque types of redfu.h are.

#ifndef HOST_SESSION_H
#define HOST_SESSION_H

#include "host/link.h"
#include "host/redfu.h"
#include "host/tap.h"
#include "host/transport.h"

struct redfu {
    struct transport transport; // the tap's face
    struct tap tap;
};

struct redfu_session {
    struct link link;
    struct redfu_description description;
    bool has_begun;    // SET_INTERFACE of a write was sent,
    uint8_t alternate; // to this one
    bool has_set;      // SET_INTERFACE was sent, whatever for,
    uint8_t in_force;  // to this one last
    bool was_asked;    // whether it sums regions up,
    bool sums_up;      // and it does
    bool is_receiving; // what it said of its load then
    bool reads_singly; // UPLOADs close behind each other went wrong, or it is not redfu-boot
};

// In DFU mode, of either kind, and configured.
bool redfui_is_programmable(const struct redfu_device *device);

// Linux' usbfs takes control transfers up to this (libusb's limit as well); dfu-util caps there too.
#define TRANSFER_BYTES_MAX 4096u
_Static_assert(TRANSFER_BYTES_MAX <= TRANSPORT_QUEUE_BYTES_MAX, "a block cannot be queued");

// How an operation begins: the alternate setting is in force, the device in dfuIDLE, and the session's
// faults go to `fault`. See session.c for when SET_INTERFACE is sent.
enum redfu_result redfui_begin_write(struct redfu_session *session, unsigned alternate,
                                     struct redfu_fault *fault);
// SET_INTERFACE alone, for devices without a memory layout.
enum redfu_result redfui_begin_alternate(struct redfu_session *session, unsigned alternate);
enum redfu_result redfui_begin_read(struct redfu_session *session, unsigned alternate,
                                    struct redfu_fault *fault);

// What faults speak of from here on.
void redfui_speak_of(struct redfu_session *session, enum redfu_phase phase,
                     struct redfu_fault *fault);
void redfui_speak_of_addr(struct redfu_session *session, uint32_t addr);

bool redfui_is_cancelled(const struct redfu_watch *watch);
// Leaves the device in dfuIDLE, ready for the next load, and returns REDFU_CANCELLED.
enum redfu_result redfui_cancel(struct redfu_session *session, bool is_write);

// One sector or run under way, for the watcher.
struct redfui_item {
    const struct redfu_watch *watch;
    struct redfu_progress progress;
    uint64_t start_us;
};
void redfui_begin_item(struct redfu_session *session, struct redfui_item *item, uint32_t addr,
                       uint32_t len);
void redfui_advance(struct redfu_session *session, struct redfui_item *item, uint32_t len);

// Where the next block goes: block numbers count on from 2 while blocks are of full length.
struct redfui_cursor {
    uint16_t block; // 0: the address has to be set first
    uint32_t full;  // bytes of a full block
    bool counts;    // the device multiplies block numbers by `full`
};
struct redfui_cursor redfui_first_block(const struct redfu_session *session);
enum redfu_result redfui_place_block(struct redfu_session *session, struct redfui_cursor *cursor,
                                     uint32_t addr, uint32_t len, bool is_read);

// Reading (reading.c). What to do with bytes read; any other result than REDFU_OK ends the reading.
typedef enum redfu_result (*redfui_take_fn)(void *ctx, uint32_t addr, const uint8_t *bytes,
                                            uint32_t len);
enum redfu_result redfui_begin_reading(struct redfu_session *session, unsigned alternate,
                                       enum redfu_phase phase, struct redfu_fault *fault);
enum redfu_result redfui_read_range(struct redfu_session *session, uint32_t addr, uint32_t len,
                                    struct redfui_item *item, redfui_take_fn take, void *ctx);
// After reading, whatever it found: dfuIDLE. A failure of the transfers themselves is left alone.
enum redfu_result redfui_end_reading(struct redfu_session *session, enum redfu_result result);

// The region hash (region_hash.c), only where redfu_sums_up(). Asks for session->is_receiving anew, which an
// answer that failed leaves as it was.
enum transport_result redfui_ask_receiving(struct redfu_session *session);
// The CRC-32 of each range, of which only address and length are looked at.
enum redfu_result redfui_sum_up(struct redfu_session *session, const struct redfu_segment *ranges,
                                size_t count, uint32_t *crcs, struct redfu_fault *fault);

// The same from the list of settings, of a device without the region hash (settings.c); "no" of one without
// settings.
enum redfu_result redfui_read_receiving(struct redfu_session *session, struct redfu_fault *fault);
// Whether one of the device's memories is its settings.
bool redfui_has_settings(const struct redfu_session *session);

#endif
