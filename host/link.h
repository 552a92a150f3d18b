// SPDX-License-Identifier: MIT
//
// DFU requests over a transport: one function a request or command, with the waiting, the
// tolerated departures of real devices, and the sentence when it fails. What to send in which order
// is left to session.c.

#ifndef HOST_LINK_H
#define HOST_LINK_H

#include "host/redfu.h"
#include "host/transport.h"

// A claimed DFU interface, and what the faults should speak of.
struct link {
    const struct transport *transport;
    void *handle;
    uint8_t interface;
    enum redfu_phase phase;
    bool has_settings; // and not an image: what is written
    bool has_addr;
    uint32_t addr;
    uint32_t command_ms; // bwPollTimeout told after the last command to set the address; 0: none
    struct redfu_fault *fault; // of the operation under way
};

// GETSTATUS (DFU 1.1 6.1.2).
struct dfu_answer {
    uint8_t status;
    uint32_t poll_ms;
    uint8_t state;
    uint8_t string;
};

// A string descriptor as UTF-8, control characters replaced. False, with `text` as it was, when there is
// none (index 0) or it cannot be read. Changes nothing on the device.
bool redfui_string(const struct link *link, uint8_t index, char text[REDFU_TEXT_MAX]);

// Why a request went wrong, as a fault: unplugged, no answer, STALL.
enum redfu_result redfui_refuse_transfer(const struct link *link, enum transport_result result,
                                         const char *request);

// GETSTATE changes nothing in any state (DFU 1.1 A.2).
enum redfu_result redfui_getstate(struct link *link, uint8_t *state);
enum redfu_result redfui_getstatus(struct link *link, struct dfu_answer *answer);

// GETSTATUS, and a failure it tells as a fault.
enum redfu_result redfui_check(struct link *link);

// Leads the device to dfuIDLE from whatever state it is found in. REDFU_STUCK if it cannot be.
enum redfu_result redfui_make_idle(struct link *link);
// ABORT; leads from dfuDNLOAD-IDLE and dfuUPLOAD-IDLE to dfuIDLE.
enum redfu_result redfui_abort(struct link *link);

// One DNLOAD, and GETSTATUS until the device is done with it: dfuDNLOAD-IDLE.
enum redfu_result redfui_download(struct link *link, uint16_t block, const uint8_t *bytes,
                                  uint16_t len);
enum redfu_result redfui_set_address(struct link *link, uint32_t addr);
enum redfu_result redfui_erase(struct link *link, uint32_t addr);
// One UPLOAD; fewer bytes than asked for are a failure.
enum redfu_result redfui_upload(struct link *link, uint16_t block, uint8_t *bytes, uint16_t len);
// One UPLOAD that may end short: *moved tells.
enum redfu_result redfui_upload_some(struct link *link, uint16_t block, uint8_t *bytes,
                                     uint16_t len, uint16_t *moved);
// UPLOADs one behind the other (transport.h), which not every transport can: `bytes` until it was awaited.
bool redfui_can_queue(const struct link *link);
enum transport_result redfui_queue_upload(const struct link *link, uint16_t block, uint8_t *bytes,
                                          uint16_t len);
// The oldest of them: fewer bytes than `len` are TRANSPORT_FAILED.
enum transport_result redfui_await_upload(const struct link *link, uint16_t len);
void redfui_drop_uploads(const struct link *link);
// The empty DNLOAD, and the wait for the device to go. From dfuIDLE or dfuDNLOAD-IDLE.
enum redfu_result redfui_leave(struct link *link);
// The empty DNLOAD of plain DFU, and GETSTATUS until the device is dfuIDLE again, waits for a reset
// (dfuMANIFEST-WAIT-RESET), or is gone.
enum redfu_result redfui_manifest(struct link *link, uint32_t max_ms, uint32_t poll_max_ms);
enum redfu_result redfui_set_alternate(struct link *link, uint8_t alternate);

#endif
