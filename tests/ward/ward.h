// SPDX-License-Identifier: MIT
//
// The ward: small USB bootloaders for an STM32F407 with one mistake each, for the doctor to find. They share one healthy
// core (tests/ward/core), which goes about things as a bootloader made with STM32CubeMX does: erase and write
// run in the USB interrupt while the host waits for the status stage of GETSTATUS; the memory interface has ST's
// names, since people and the doctor look for those. Nothing of it is ST's text.
//
// A patient is a file of tests/ward/patients: `const struct ward ward`, and a function of its own in place of any
// of the weak ones below.
//
//   0x08000000 16 KB  the bootloader
//   0x08004000 16 KB  emulated EEPROM, page 1
//   0x08008000 16 KB  emulated EEPROM, page 0
//   0x0800C000        the application
//
// USB is on OTG_HS at full speed (board stm32f407-hs). The button PA0, held at reset, means DFU mode.

#ifndef TESTS_WARD_WARD_H
#define TESTS_WARD_WARD_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/dfu.h"

#define WARD_FLASH       0x08000000u
#define WARD_EE_PAGE0    0x08008000u
#define WARD_EE_PAGE1    0x08004000u
#define WARD_APPLICATION 0x0800c000u
#define WARD_FLASH_END   0x08100000u

#define WARD_LAYOUT      "@Internal Flash   /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg"

// What becomes of a failed Erase or Write (usbd_dfu.c has done all three).
enum ward_failure {
    WARD_FAILS_BY_NAME = 0, // dfuERROR with the status the memory interface gave
    WARD_FAILS_AS_VENDOR,   // dfuERROR, errVENDOR whatever it was
    WARD_FAILS_IN_SILENCE,  // dfuDNBUSY stays, and the next GETSTATUS does it all again
};

struct ward {
    const char *layout;      // name of alternate setting 0; NULL: its string is refused
    const char *second;      // of alternate setting 1; NULL: there is none
    uint16_t dfu_version;    // bcdDFUVersion
    uint16_t transfer_bytes; // wTransferSize
    uint16_t counted_bytes;  // what block numbers are multiplied by
    uint16_t taken_bytes;    // of a block at most, wTransferSize or not; 0: all of it
    uint16_t erase_poll_ms;
    uint8_t configuration; // bConfigurationValue; the firmware takes 1
    enum ward_failure failure;
    bool aborts_in_vain;         // ABORT is taken, and that is all
    bool reads_into_stray_state; // a refused UPLOAD leaves the number of a status as the state
    bool
        abort_waits_for_reset; // after blocks, ABORT leads to dfuMANIFEST-WAIT-RESET, not to dfuIDLE
    uint8_t
        busy_answers; // dfuDNBUSY so often more, each with its poll time, before the work is done
    bool resets_before_answer; // leave: in the middle of the GETSTATUS
    bool writes_vectors_first; // the application's first words are not held back until the end
    uint8_t psize;             // FLASH_CR.PSIZE: 0 x8, 1 x16, 2 x32
};

// Begins the initializer; what a patient names behind it wins.
#define WARD_HEALTHY                                                                               \
    .layout = WARD_LAYOUT, .dfu_version = DFUSE_VERSION, .transfer_bytes = 1024,                   \
    .counted_bytes = 1024, .erase_poll_ms = 500, .configuration = 1, .psize = 2

extern const struct ward ward;

// --- A patient may have its own of each of these ----------------------------------------------------------

// The memory interface (memory.c). DFU_STATUS_OK, or what went wrong.
enum dfu_status MEM_If_Init_HS(void);
enum dfu_status MEM_If_Erase_HS(uint32_t addr);
enum dfu_status MEM_If_MassErase_HS(void);
enum dfu_status MEM_If_Write_HS(const uint8_t *data, uint32_t addr, uint32_t len);
const uint8_t *MEM_If_Read_HS(uint32_t addr, uint32_t len); // NULL: refused
// Number of the sector that holds an address.
uint32_t GetSector(uint32_t addr);

// The flash driver (flash.c): true for success.
bool HAL_FLASH_Unlock(void);
void HAL_FLASH_Lock(void);
bool HAL_FLASHEx_Erase(uint32_t sector, uint32_t count);
bool HAL_FLASH_Program(uint32_t addr, uint32_t word);
void FLASH_Erase_Sector(uint32_t sector);
bool FLASH_WaitForLastOperation(void);

// Emulated EEPROM (eeprom.c).
extern const uint32_t ee_pages[2];
void EE_Init(void);

// The start (main.c).
bool is_dfu_wanted(void);
bool is_application_there(void);
void start_application(void); // in place of a return, the application
void user_code_begin(void);   // what a product adds before USB starts: nothing
void user_code_loop(void);    // and in the main loop, behind each sleep
void leave_dfu(void);         // after the answer to the last GETSTATUS

// --- Nobody has his own of these --------------------------------------------------------------------------

void usb_init(void);
void usb_deinit(void);
_Noreturn void system_reset(void);
_Noreturn void jump(uint32_t stack, uint32_t entry);
void dfu_work(void); // of GETSTATUS, between its data and its status stage
bool is_application_range(uint32_t addr, uint32_t len);
// Programs what MEM_If_Write_HS held back: the application's first words.
bool finish_image(void);

#endif
