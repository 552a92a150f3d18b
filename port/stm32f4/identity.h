// SPDX-License-Identifier: MIT
//
// Who the device says it is on USB. A product says so in its board.h; board_defaults.h has the names.

#ifndef PORT_STM32F4_IDENTITY_H
#define PORT_STM32F4_IDENTITY_H

#include "core/descriptors.h"

// 12 hexadecimal digits.
#define IDENTITY_SERIAL_CHARS 12u

// Fills in the identity, and its serial number into `serial`, which must stay.
void identity_init(struct identity *identity, char serial[IDENTITY_SERIAL_CHARS + 1u]);

// The serial number that ST's ROM bootloader shows for these three words of unique identifier, so
// that a board keeps its name whichever bootloader is asked.
void identity_serial(const uint32_t uid[3], char serial[IDENTITY_SERIAL_CHARS + 1u]);

#endif
