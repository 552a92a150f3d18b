// SPDX-License-Identifier: MIT
//
// The string of the memory map is refused, as where USBD_SUPPORT_USER_STRING_DESC is not defined. Also patient
// zero by hypothesis H1.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .layout = 0};
