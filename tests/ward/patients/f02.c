// SPDX-License-Identifier: MIT
//
// The application's sectors may be written, not erased, by the map: the first load meets blank sectors and works,
// every later one fails. Patient zero, H1.

#include "tests/ward/ward.h"

const struct ward ward = {
    WARD_HEALTHY, .layout = "@Internal Flash   /0x08000000/03*016Ka,01*016Ke,01*064Ke,07*128Ke"};
