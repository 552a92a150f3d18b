// SPDX-License-Identifier: MIT
//
// The map of a chip with 2 MB, which CubeMX gives to every family.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY,
                          .layout = "@Internal Flash   /0x08000000/03*016Ka,01*016Kg,01*064Kg,"
                                    "07*128Kg,04*016Kg,01*064Kg,07*128Kg"};
