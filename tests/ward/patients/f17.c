// SPDX-License-Identifier: MIT
//
// The pages of the emulated EEPROM where AN3969's header has them: the second is the application's first sector.
// Patient zero, H4.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

const uint32_t ee_pages[2] = {0x08008000u, 0x0800c000u};
