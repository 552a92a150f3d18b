// SPDX-License-Identifier: MIT
//
// The memory interface: what may be erased and written, and in which order. The application's first two words go
// last (finish_image()), so that an image that was cut off does not look like one.

#include "port/stm32f4/registers/register.h"
#include "tests/ward/ward.h"

#define VECTOR_BYTES 8u

// What is held back; all ones: nothing.
static uint32_t first[VECTOR_BYTES / 4] = {0xffffffffu, 0xffffffffu};

bool is_application_range(uint32_t addr, uint32_t len) {
    return addr >= WARD_APPLICATION && addr < WARD_FLASH_END && len <= WARD_FLASH_END - addr;
}

__attribute__((weak)) uint32_t GetSector(uint32_t addr) {
    uint32_t off = addr - WARD_FLASH;
    return off < 0x10000u ? off / 0x4000u : off < 0x20000u ? 4u : 4u + off / 0x20000u;
}

__attribute__((weak)) enum dfu_status MEM_If_Init_HS(void) {
    return DFU_STATUS_OK; // the flash is unlocked for each operation
}

__attribute__((weak)) enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    bool is_unlocked = HAL_FLASH_Unlock();
    bool is_done = is_unlocked && HAL_FLASHEx_Erase(GetSector(addr), 1);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}

__attribute__((weak)) enum dfu_status MEM_If_MassErase_HS(void) {
    return DFU_STATUS_ERR_TARGET; // there is none: hosts erase by sectors
}

static uint32_t word_at(const uint8_t *data, uint32_t len) {
    uint32_t word = 0xffffffffu;
    for (uint32_t i = 0; i < 4 && i < len; i++) {
        word = (word & ~(0xffu << 8 * i)) | (uint32_t)data[i] << 8 * i;
    }
    return word;
}

__attribute__((weak)) enum dfu_status MEM_If_Write_HS(const uint8_t *data, uint32_t addr,
                                                      uint32_t len) {
    if (!is_application_range(addr, len) || addr % 4u != 0) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    bool is_done = HAL_FLASH_Unlock();
    for (uint32_t off = 0; off < len && is_done; off += 4) {
        uint32_t word = word_at(data + off, len - off);
        uint32_t at = addr + off - WARD_APPLICATION;
        if (at < VECTOR_BYTES && !ward.writes_vectors_first) {
            first[at / 4] = word;
        } else {
            is_done = HAL_FLASH_Program(addr + off, word);
        }
    }
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_PROG;
}

bool finish_image(void) {
    bool is_done = true;
    if (first[0] != 0xffffffffu) {
        is_done = HAL_FLASH_Unlock() && HAL_FLASH_Program(WARD_APPLICATION + 4u, first[1]) &&
                  HAL_FLASH_Program(WARD_APPLICATION, first[0]);
        HAL_FLASH_Lock();
        first[0] = first[1] = 0xffffffffu;
    }
    return is_done;
}

__attribute__((weak)) const uint8_t *MEM_If_Read_HS(uint32_t addr, uint32_t len) {
    if (addr < WARD_FLASH || addr >= WARD_FLASH_END || len > WARD_FLASH_END - addr) {
        return 0;
    }
    return (const uint8_t *)addr;
}
