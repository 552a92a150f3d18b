// SPDX-License-Identifier: MIT
//
// The application is jumped to with the bootloader's vectors in force.

#include "port/stm32f4/registers/core.h"
#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

void start_application(void) {
    STK_CTRL = 0;
    SCB_ICSR = SCB_ICSR_PENDSTCLR;
    jump(REGISTER(WARD_APPLICATION), REGISTER(WARD_APPLICATION + 4u));
}
