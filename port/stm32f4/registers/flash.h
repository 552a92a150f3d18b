// SPDX-License-Identifier: MIT
//
// Flash interface (RM0090 3.9).

#ifndef PORT_STM32F4_REGISTERS_FLASH_H
#define PORT_STM32F4_REGISTERS_FLASH_H

#include "port/stm32f4/registers/register.h"

#define FLASH_INTERFACE_BASE   0x40023c00u
#define FLASH_ACR              REGISTER(FLASH_INTERFACE_BASE + 0x00u)
#define FLASH_KEYR             REGISTER(FLASH_INTERFACE_BASE + 0x04u)
#define FLASH_OPTKEYR          REGISTER(FLASH_INTERFACE_BASE + 0x08u)
#define FLASH_SR               REGISTER(FLASH_INTERFACE_BASE + 0x0cu)
#define FLASH_CR               REGISTER(FLASH_INTERFACE_BASE + 0x10u)

#define FLASH_OPTCR            REGISTER(FLASH_INTERFACE_BASE + 0x14u)

#define FLASH_ACR_LATENCY_MASK 0x7u
#define FLASH_IRQ              4u // RM0090 table 62
// RM0090 3.6.1.
#define FLASH_KEY1             0x45670123u
#define FLASH_KEY2             0xcdef89abu

// RM0090 3.7.1 (unlocking the option bytes).
#define FLASH_OPTKEY1          0x08192a3bu
#define FLASH_OPTKEY2          0x4c5d6e7fu

#define FLASH_SR_EOP           (1u << 0)
#define FLASH_SR_OPERR         (1u << 1)
#define FLASH_SR_WRPERR        (1u << 4)
#define FLASH_SR_PGAERR        (1u << 5)
#define FLASH_SR_PGPERR        (1u << 6)
#define FLASH_SR_PGSERR        (1u << 7)
#define FLASH_SR_BSY           (1u << 16)
#define FLASH_SR_ERRORS                                                                            \
    (FLASH_SR_OPERR | FLASH_SR_WRPERR | FLASH_SR_PGAERR | FLASH_SR_PGPERR | FLASH_SR_PGSERR)

#define FLASH_CR_PG            (1u << 0)
#define FLASH_CR_SER           (1u << 1)
#define FLASH_CR_SNB(n)        ((uint32_t)(n) << 3)
#define FLASH_CR_PSIZE_X32     (2u << 8)
#define FLASH_CR_STRT          (1u << 16)
#define FLASH_CR_EOPIE         (1u << 24)
#define FLASH_CR_ERRIE         (1u << 25)
#define FLASH_CR_LOCK          (1u << 31)

// RM0090 3.9.10. RDP: 0xAA level 0, 0xCC level 2 (for ever), anything else level 1 (3.7.3).
#define FLASH_OPTCR_OPTLOCK    (1u << 0)
#define FLASH_OPTCR_OPTSTRT    (1u << 1)
#define FLASH_OPTCR_RDP_MASK   (0xffu << 8)
#define FLASH_OPTCR_RDP(level) ((uint32_t)(level) << 8)
#define FLASH_OPTCR_DB1M       (1u << 30) // STM32F42x and F43x
#define FLASH_RDP_LEVEL_0      0xaau
#define FLASH_RDP_LEVEL_2      0xccu
// Bit 16 + n: sector n, 0 protected. With SPRMOD (F42x, F43x) they mean protection against reading.
#define FLASH_OPTCR_NWRP_SHIFT 16u
#define FLASH_OPTCR_SPRMOD     (1u << 31)

#endif
