// SPDX-License-Identifier: MIT
//
// What the opaque types of redfu.h are.

#ifndef HOST_SESSION_H
#define HOST_SESSION_H

#include "host/link.h"
#include "host/redfu.h"
#include "host/transport.h"

struct redfu {
    struct transport transport;
};

struct redfu_session {
    struct link link;
    struct redfu_description description;
    bool has_begun;    // SET_INTERFACE of a write was sent,
    uint8_t alternate; // to this one
};

#endif
