// SPDX-License-Identifier: MIT
//
// Part of libredfu (redfu.h): a device taken as it is, transfer by transfer, for programs that examine. Nothing
// is waited for, healed, or tried again here; whoever uses it knows the specifications.

#ifndef HOST_REDFU_RAW_H
#define HOST_REDFU_RAW_H

#include "host/redfu.h"

#ifdef __cplusplus
extern "C" {
#endif

struct redfu_raw;

// Opens a device, in run-time or in DFU mode, and takes its DFU interface for this program alone. Sends nothing.
// REDFU_DENIED, REDFU_BUSY, REDFU_UNPLUGGED.
enum redfu_result redfu_raw_open(struct redfu *redfu, const struct redfu_device *device,
                                 struct redfu_raw **raw, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Sends nothing. NULL is allowed.
void redfu_raw_close(struct redfu_raw *raw);

// One control transfer: `setup` as on the wire (USB 2.0 9.3), wLength bytes from or into `data` (NULL when 0);
// *moved becomes the number that went over. At most timeout_ms pass, which is at least 1. SET_INTERFACE to the DFU
// interface goes through the system, which wants to know of it.
enum redfu_transfer_end redfu_raw_control(struct redfu_raw *raw, const uint8_t setup[8],
                                          uint8_t *data, uint16_t *moved, uint32_t timeout_ms);
// Resets the bus, waits until a device in DFU mode is back in the same socket, opens and claims it. Where the device
// has gone already it is only waited for. False if there is none after timeout_ms; only redfu_raw_reset() and
// redfu_raw_close() may follow.
bool redfu_raw_reset(struct redfu_raw *raw, uint32_t timeout_ms);

// The context's time: a steady clock of any origin, and waiting.
uint64_t redfu_raw_now_us(const struct redfu_raw *raw);
void redfu_raw_sleep(const struct redfu_raw *raw, uint32_t ms);

#ifdef __cplusplus
}
#endif

#endif
