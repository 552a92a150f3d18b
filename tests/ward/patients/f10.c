// SPDX-License-Identifier: MIT
//
// After a load it waits for a reset that nobody sends: the second session is refused. Patient zero, H2.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .abort_waits_for_reset = true};
