// SPDX-License-Identifier: MIT
//
// Leaving DFU mode is a jump inside the interrupt, with the device still on the bus: the host sees nobody go.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/core.h"

const struct ward ward = {WARD_HEALTHY};

void leave_dfu(void) {
    SCB_VTOR = WARD_APPLICATION;
    jump(REGISTER(WARD_APPLICATION), REGISTER(WARD_APPLICATION + 4u));
}
