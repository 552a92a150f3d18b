// SPDX-License-Identifier: MIT
//
// Printed names of DFU states, statuses and requests.

#include "spec/dfu.h"

const char *dfu_state_name(unsigned state) {
    switch (state) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return text;
        DFU_STATES(X)
#undef X
    default:
        return "?";
    }
}

const char *dfu_status_name(unsigned status) {
    switch (status) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return text;
        DFU_STATUSES(X)
#undef X
    default:
        return "?";
    }
}

const char *dfu_request_name(unsigned request) {
    static const char *const names[DFU_REQUEST_COUNT] = {
        "detach", "dnload", "upload", "getstatus", "clrstatus", "getstate", "abort",
    };
    return request < DFU_REQUEST_COUNT ? names[request] : "?";
}
