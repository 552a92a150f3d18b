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
#include "core/port.h"
#include "core/update.h"
#include "core/usbd.h"
#include "spec/dfu.h"

// How long the status stage of a GETSTATUS is held back for work to end (design D3): below the
// 5 s that USB 2.0 9.2.6.4 and dfu-util allow a control transfer.
#define DFU_HOLD_MS             4000u
// bwPollTimeout while work goes on past that. Not 100, which dfu-util replaces by 35 s.
#define DFU_BUSY_POLL_MS        250u
// From the end of the transfer that reported dfuMANIFEST to hiding the pull-up, and from there to
// the reset: the host gets its answer, then sees a disconnect (facts: ST's stack resets too soon).
#define DFU_LEAVE_GRACE_MS      50u
#define DFU_LEAVE_DISCONNECT_MS 50u

enum dfu_work { DFU_WORK_NONE = 0, DFU_WORK_SET_ADDRESS, DFU_WORK_ERASE, DFU_WORK_BLOCK };

struct dfu {
    const struct port *port;
    struct usbd *usbd;
    struct update update;
    struct gate gate;
    enum dfu_state state;
    enum dfu_state reported; // by the GETSTATUS being answered; becomes `state` when it is read
    enum dfu_status status;
    uint8_t reason;     // iString, where there is more to say than the status does; else 0
    bool was_block;     // the last work was a data block
    uint32_t pointer;   // DfuSe address pointer
    uint16_t block_len; // length latched from block 2; 0: wTransferSize
    enum dfu_work work; // asked for by the last DNLOAD, not finished
    bool work_started;
    uint32_t work_addr;
    uint32_t work_len;
    uint32_t held_since;
    bool leaving;
    bool disconnected;
    uint32_t leave_since;
    uint8_t answer[DFU_STATUS_LEN];
    uint8_t command[DFUSE_CMD_WITH_ADDRESS_LEN]; // data of a DNLOAD with wBlockNum 0
    bool (*application_is_valid)(void *ctx);
    void *application_ctx;
};

// `application_is_valid` is asked when a host says leave.
void dfu_init(struct dfu *dfu, const struct port *port, struct usbd *usbd,
              bool (*application_is_valid)(void *ctx), void *application_ctx);

// What usbd's handler passes on (core/bootloader.c).
enum usbd_answer dfu_request(struct dfu *dfu, const struct usb_setup *setup,
                             struct usbd_data *data);
enum usbd_answer dfu_received(struct dfu *dfu, const struct usb_setup *setup, unsigned len);
void dfu_sent(struct dfu *dfu, const struct usb_setup *setup);
void dfu_finished(struct dfu *dfu, const struct usb_setup *setup);
void dfu_reset(struct dfu *dfu);
void dfu_set_alternate(struct dfu *dfu, unsigned alternate);

// Moves flash work, put-off answers and leaving on. Call continuously.
void dfu_poll(struct dfu *dfu);

#endif
