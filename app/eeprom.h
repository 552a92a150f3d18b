// SPDX-License-Identifier: MIT
//
// ST's EEPROM emulation by its own names (AN3969: eeprom.h), on redfu's settings: an application that
// uses it moves over by compiling with this header instead and linking eeprom.c. Values are then what
// `redfu settings` shows as u16, and those written before are taken over by `redfu settings import`.
//
// Differences
// - Every virtual address below 0xF000 may be used at any time; VirtAddVarTab and NB_OF_VAR are not looked
//   at, and may stay. 0xF000 and above is refused: those keys are redfu's.
// - EE_Init() never formats: pages with somebody else's data give NO_VALID_PAGE, so does an import that
//   is not finished.
// - Where the pages lie is redfu-boot's map, not EEPROM_START_ADDRESS.
// - HAL_FLASH_Unlock() before it is not needed, and does no harm.
// Time, supply and threads are as in redfu_settings.h.

#ifndef APP_EEPROM_H
#define APP_EEPROM_H

#include <stdint.h>

#define EE_OK         0u    // HAL_OK, FLASH_COMPLETE
#define EE_ABSENT     1u    // EE_ReadVariable: no such variable
#define EE_ERROR      1u    // EE_Init, EE_WriteVariable: flash failed, or the address is redfu's
#define PAGE_FULL     0x80u // ((uint8_t)0x80) in AN3969
#define NO_VALID_PAGE 0xabu // ((uint16_t)0x00AB) in AN3969

#ifndef NB_OF_VAR
#define NB_OF_VAR 3u // as AN3969 comes; a product defines its own
#endif

// EE_OK, EE_ERROR, NO_VALID_PAGE.
uint16_t EE_Init(void);
// EE_OK; EE_ABSENT, also for a value that is not 16 bits long; NO_VALID_PAGE before EE_Init() or
// after it has failed. *Data is only touched with EE_OK.
uint16_t EE_ReadVariable(uint16_t VirtAddress, uint16_t *Data);
// EE_OK, EE_ERROR, PAGE_FULL, NO_VALID_PAGE.
uint16_t EE_WriteVariable(uint16_t VirtAddress, uint16_t Data);

#endif
