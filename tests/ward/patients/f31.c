// SPDX-License-Identifier: MIT
//
// The application is jumped to with everything on: ticks, interrupts, PLL, and the bootloader's vectors.

#include "tests/ward/ward.h"
#include "port/stm32f4/clock.h"
#include "port/stm32f4/registers/core.h"

const struct ward ward = {WARD_HEALTHY};

void start_application(void) {
    static struct clock ticks;
    if (clock_speed_up(&ticks)) {
        usb_init();
    }
    jump(REGISTER(WARD_APPLICATION), REGISTER(WARD_APPLICATION + 4u));
}
