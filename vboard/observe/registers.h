// SPDX-License-Identifier: MIT
//
// What a peripheral's registers and their bits are called (RM0090), for a person who reads a report.

#ifndef VBOARD_OBSERVE_REGISTERS_H
#define VBOARD_OBSERVE_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#define REGISTER_NAME_MAX 48u

// "RCC_CR" for peripheral "RCC" and offset 0; "RCC+0x88" where the name is not known. Returns `text`.
const char *register_name(const char *peripheral, uint32_t off, char text[REGISTER_NAME_MAX]);
// "PLLRDY" for bit 25 of RCC_CR; "" where it is not known. Fields of several bits answer with their
// name for each. Returns `text`.
const char *register_bit_name(const char *peripheral, uint32_t off, unsigned bit,
                              char text[REGISTER_NAME_MAX]);

#endif
