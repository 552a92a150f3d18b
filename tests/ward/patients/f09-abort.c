// SPDX-License-Identifier: MIT
//
// ABORT is acknowledged and does nothing.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .aborts_in_vain = true};
