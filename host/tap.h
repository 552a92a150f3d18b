// SPDX-License-Identifier: MIT
//
// A transport in front of another one, which tells of each transfer (redfu_tap.h).

#ifndef HOST_TAP_H
#define HOST_TAP_H

#include "host/redfu_tap.h"
#include "host/transport.h"

// How a transfer ended, in the public words.
enum redfu_transfer_end redfui_transfer_end(enum transport_result result);

struct tap {
    struct transport below;
    uint64_t count;
    void (*tell)(void *ctx, const struct redfu_transfer *transfer);
    void *ctx;
};

// Takes `below` over and fills `above`, whose context is the tap: it has to stay where it is.
void redfui_tap(struct tap *tap, const struct transport *below, struct transport *above);

#endif
