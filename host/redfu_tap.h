// SPDX-License-Identifier: MIT
//
// Part of libredfu (redfu.h): the log. Every USB transfer as it goes over, for traces, captures and the
// question "what did it really send?".

#ifndef HOST_REDFU_TAP_H
#define HOST_REDFU_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct redfu;

enum redfu_transfer_end {
    REDFU_TRANSFER_DONE,
    REDFU_TRANSFER_STALL,     // the device refused
    REDFU_TRANSFER_NO_ANSWER, // not in the time given
    REDFU_TRANSFER_GONE,      // the device is not connected any more
    REDFU_TRANSFER_BROKEN,    // anything else
};

// A control transfer begins, or is over.
struct redfu_transfer {
    uint64_t number; // the same at begin and end; counted from 1 in each context
    bool is_over;
    enum redfu_transfer_end end; // when it is over
    uint8_t bus, address;        // of the device
    uint8_t setup[8];            // as on the wire (USB 2.0 9.3)
    // Out: what is sent, at begin and end. In: what came, at the end. NULL where there are none; valid during
    // the call only.
    const uint8_t *data;
    uint16_t len; // at begin: wanted or to be sent (wLength); at the end: moved
};

// Calls `tell` twice for every transfer of this context and its sessions, from inside the function that makes
// it. NULL: nobody listens any more. Changes nothing that is sent. To be set before sessions are opened.
void redfu_listen(struct redfu *redfu,
                  void (*tell)(void *ctx, const struct redfu_transfer *transfer), void *ctx);

#define REDFU_TRANSFER_TEXT_MAX 512u
// The transfer in the words of DFU 1.1 and DfuSe, without a newline: "DNLOAD erase 0x0800C000", and behind it,
// when it is over, ": done", ": OK, poll 1 ms, dfuDNBUSY", ": STALL". Returns `out`.
const char *redfu_transfer_text(const struct redfu_transfer *transfer,
                                char out[REDFU_TRANSFER_TEXT_MAX]);

#ifdef __cplusplus
}
#endif

#endif
