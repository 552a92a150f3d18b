// SPDX-License-Identifier: MIT
//
// Flash is read with the wait states of a slow core: on a chip that goes wrong now and then.

#include "port/stm32f4/registers/flash.h"
#include "tests/ward/ward.h"

#define ACR_LATENCY 0xfu // RM0090 3.9.1

const struct ward ward = {WARD_HEALTHY};

void user_code_loop(void) {
    FLASH_ACR &= ~ACR_LATENCY;
}
