// SPDX-License-Identifier: MIT
//
// Resets in the middle of the GETSTATUS that would have said dfuMANIFEST.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .resets_before_answer = true};
