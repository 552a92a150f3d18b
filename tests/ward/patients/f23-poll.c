// SPDX-License-Identifier: MIT
//
// The time of an erase is given in something else than milliseconds.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .erase_poll_ms = 60000};
