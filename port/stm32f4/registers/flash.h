// SPDX-License-Identifier: MIT
//
// Flash interface (RM0090 3.9).

#ifndef PORT_STM32F4_REGISTERS_FLASH_H
#define PORT_STM32F4_REGISTERS_FLASH_H

#include "port/stm32f4/registers/register.h"

#define FLASH_INTERFACE_BASE   0x40023c00u
#define FLASH_ACR              REGISTER(FLASH_INTERFACE_BASE + 0x00u)
#define FLASH_KEYR             REGISTER(FLASH_INTERFACE_BASE + 0x04u)
#define FLASH_SR               REGISTER(FLASH_INTERFACE_BASE + 0x0cu)
#define FLASH_CR               REGISTER(FLASH_INTERFACE_BASE + 0x10u)

#define FLASH_ACR_LATENCY_MASK 0x7u
// RM0090 3.6.1.
#define FLASH_KEY1             0x45670123u
#define FLASH_KEY2             0xcdef89abu

#define FLASH_SR_EOP           (1u << 0)
#define FLASH_SR_OPERR         (1u << 1)
#define FLASH_SR_WRPERR        (1u << 4)
#define FLASH_SR_PGAERR        (1u << 5)
#define FLASH_SR_PGPERR        (1u << 6)
#define FLASH_SR_PGSERR        (1u << 7)
#define FLASH_SR_BSY           (1u << 16)
#define FLASH_SR_ERRORS                                                                            \
    (FLASH_SR_OPERR | FLASH_SR_WRPERR | FLASH_SR_PGAERR | FLASH_SR_PGPERR | FLASH_SR_PGSERR)

#define FLASH_CR_PG        (1u << 0)
#define FLASH_CR_SER       (1u << 1)
#define FLASH_CR_SNB(n)    ((uint32_t)(n) << 3)
#define FLASH_CR_PSIZE_X32 (2u << 8)
#define FLASH_CR_STRT      (1u << 16)
#define FLASH_CR_LOCK      (1u << 31)

#endif
