// SPDX-License-Identifier: MIT
//
// The test of the application's stack pointer has an old mask: one at the end of SRAM, which is the linker's
// default, does not pass.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/register.h"

const struct ward ward = {WARD_HEALTHY};

bool is_application_there(void) {
    return (REGISTER(WARD_APPLICATION) & 0x2ffe0000u) == 0x20000000u;
}
