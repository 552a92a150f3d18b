// SPDX-License-Identifier: MIT
//
// Erases byte by byte (VOLTAGE_RANGE_1) where the supply would bear words: twice as long.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .psize = 0};
