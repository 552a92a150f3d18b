// SPDX-License-Identifier: MIT
//
// Plain DFU 1.1: no commands, no map, blocks from 0.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .layout = "Internal flash", .dfu_version = 0x0110};
