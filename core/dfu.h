// SPDX-License-Identifier: MIT
//
// The DFU device in DFU mode: DFU 1.1 with ST's DfuSe commands, as one table of state x request
// (dfu.c) and the work behind it. docs/protocol.md states it for hosts, with every deviation from
// DFU 1.1 by name.

#ifndef CORE_DFU_H
#define CORE_DFU_H

#include <stdbool.h>
#include <stdint.h>

#include "core/gate.h"
#include "core/media.h"
#include "core/port.h"
#include "core/update.h"
#include "core/usbd.h"
#include "spec/dfu.h"

// How long a GETSTATUS is held back for work to end (design D3), the first one after a DNLOAD in its
// status stage, one that comes while the work goes on in its data stage: below the 5 s that USB 2.0
// 9.2.6.4 and dfu-util allow a control transfer.
#define DFU_HOLD_MS             4000u
// Least bwPollTimeout while work goes on past that.
#define DFU_BUSY_POLL_MS        250u
// From the end of the transfer that reported dfuMANIFEST to hiding the pull-up, and from there to
// the reset: the host gets its answer, then sees a disconnect (facts: ST's stack resets too soon).
#define DFU_LEAVE_GRACE_MS      50u
#define DFU_LEAVE_DISCONNECT_MS 50u
// If that transfer never ends: the host has read dfuMANIFEST and not acknowledged it.
#define DFU_LEAVE_BOUND_MS      1000u

// A host that has been silent for longer than this in the middle of a load, and then sends ABORT or CLRSTATUS
// before any data, is taken for another one: tools begin with these where they find a session that is none of theirs.
// Longer than a busy machine keeps one waiting, shorter than a person takes to try again.
#define DFU_SILENCE_MS          2000u

enum dfu_work { DFU_WORK_NONE = 0, DFU_WORK_SET_ADDRESS, DFU_WORK_UNPROTECT, DFU_WORK_JOB };

struct dfu {
    // Bytes first, what is large last: Thumb reaches the first 32 bytes with short instructions.
    enum dfu_state state;
    enum dfu_state reported; // by the GETSTATUS being answered; becomes `state` when it is read
    enum dfu_status status;
    uint8_t reason;     // iString, where there is more to say than the status does; else 0
    bool was_block;     // the last work was a data block
    enum dfu_work work; // asked for by the last DNLOAD, not finished
    bool work_started;
    bool block_due;   // a data block's bytes are coming in
    bool was_silent;  // the host, for DFU_SILENCE_MS, since the last data block
    bool leaving;     // to the application, or to be wiped if the work is DFU_WORK_UNPROTECT
    bool told_to_end; // the transfer that said so has ended
    bool disconnected;
    uint8_t answer[DFU_STATUS_LEN];
    uint8_t command[DFUSE_CMD_WITH_ADDRESS_LEN]; // data of a DNLOAD with wBlockNum 0
    uint16_t block_len;                          // length latched from block 2; 0: wTransferSize
    uint32_t pointer;                            // DfuSe address pointer
    struct media_job job;
    uint32_t held_since;
    uint32_t leave_since;
    uint32_t heard_at; // when the host last began or ended a request
    const struct port *port;
    struct usbd *usbd;
    bool (*application_is_valid)(void *ctx);
    void *application_ctx;
    struct media media;
    struct gate gate;
    struct update update;
};

// `application_is_valid` is asked when a host says leave. `only_flash`: as media_init().
void dfu_init(struct dfu *dfu, const struct port *port, struct usbd *usbd, bool only_flash,
              bool (*application_is_valid)(void *ctx), void *application_ctx);

// What usbd's handler passes on (core/bootloader.c).
enum usbd_answer dfu_request(struct dfu *dfu, const struct usb_setup *setup,
                             struct usbd_data *data);
enum usbd_answer dfu_received(struct dfu *dfu, const struct usb_setup *setup, unsigned len);
void dfu_sent(struct dfu *dfu, const struct usb_setup *setup);
void dfu_finished(struct dfu *dfu, const struct usb_setup *setup);
void dfu_reset(struct dfu *dfu);
bool dfu_set_alternate(struct dfu *dfu, unsigned alternate);

// Moves flash work, put-off answers and leaving on. False when there is nothing left to move on but
// leaving, which goes by milliseconds.
bool dfu_poll(struct dfu *dfu);

#endif
