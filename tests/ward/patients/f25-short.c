// SPDX-License-Identifier: MIT
//
// The descriptor promises blocks of 2 KB, and the buffer takes one.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .transfer_bytes = 2048, .counted_bytes = 2048,
                          .taken_bytes = 1024};
