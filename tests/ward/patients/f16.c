// SPDX-License-Identifier: MIT
//
// Every address above sector 7 is taken for sector 7, as in some of ST's examples: the second load of a big image
// fails.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

uint32_t GetSector(uint32_t addr) {
    uint32_t off = addr - WARD_FLASH;
    uint32_t sector = off < 0x10000u ? off / 0x4000u : off < 0x20000u ? 4u : 4u + off / 0x20000u;
    return sector < 7u ? sector : 7u;
}
