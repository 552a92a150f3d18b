// SPDX-License-Identifier: MIT
//
// The application belongs to 0x0800C000, and the layout counts that sector among the bootloader's.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY,
                          .layout = "@Internal Flash   /0x08000000/04*016Ka,01*064Kg,07*128Kg"};
