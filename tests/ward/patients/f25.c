// SPDX-License-Identifier: MIT
//
// Blocks are counted by another size than the one that is advertised: the second of an image goes to a wrong
// place.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .transfer_bytes = 1024, .counted_bytes = 2048};
