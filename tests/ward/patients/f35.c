// SPDX-License-Identifier: MIT
//
// The first words of an image are programmed first: one that was cut off is started.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .writes_vectors_first = true};
