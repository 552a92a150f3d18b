// SPDX-License-Identifier: MIT
//
// Two mistakes: the flash is not unlocked for erasing, which the driver notices, and the class keeps it for
// itself.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/register.h"

const struct ward ward = {WARD_HEALTHY, .failure = WARD_FAILS_IN_SILENCE};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    (void)HAL_FLASHEx_Erase(GetSector(addr), 1);
    return REGISTER(addr) == 0xffffffffu ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
