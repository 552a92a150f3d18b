// SPDX-License-Identifier: MIT
//
// Nothing is wrong with it.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};
