// SPDX-License-Identifier: MIT
//
// What stands behind the map in memory goes out with it.

#include "tests/ward/ward.h"

const struct ward ward = {
    WARD_HEALTHY,
    .layout = "@Internal Flash   /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg \x7f\x15 v"};
