// SPDX-License-Identifier: MIT
//
// A register at an address, for the headers of this folder: registers and bits are named as in
// RM0090 (the chip) and PM0214 (the core), written down from their chapters, only those in use.

#ifndef PORT_STM32F4_REGISTERS_REGISTER_H
#define PORT_STM32F4_REGISTERS_REGISTER_H

#include <stdint.h>

#define REGISTER(addr) (*(volatile uint32_t *)(addr))

#endif
