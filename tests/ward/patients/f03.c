// SPDX-License-Identifier: MIT
//
// The map has one sector of 16 KB too many: everything above it is named 16 KB too high.

#include "tests/ward/ward.h"

const struct ward ward = {
    WARD_HEALTHY,
    .layout =
        "@Internal Flash   /0x08000000/03*016Ka,02*016Kg,01*064Kg,06*128Kg,01*064Kg,01*048Kg"};
