// SPDX-License-Identifier: MIT
//
// The watchdog bites after half a second, which an erase of 64 KB takes longer than.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/iwdg.h"

#define COUNTS_500_MS 62u // LSI 32 kHz / 256

const struct ward ward = {WARD_HEALTHY};

void user_code_begin(void) {
    IWDG_KR = IWDG_KR_START;
    IWDG_KR = IWDG_KR_ACCESS;
    IWDG_PR = IWDG_PR_DIV256;
    IWDG_RLR = COUNTS_500_MS;
    while (IWDG_SR != 0) {
    }
    IWDG_KR = IWDG_KR_RELOAD;
}

void user_code_loop(void) {
    IWDG_KR = IWDG_KR_RELOAD;
}
