// SPDX-License-Identifier: MIT
//
// The configuration has a number that the firmware does not take.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .configuration = 2};
