// SPDX-License-Identifier: MIT
//
// Told to leave, it does nothing of the kind.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

void leave_dfu(void) {
}
