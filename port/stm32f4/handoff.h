// SPDX-License-Identifier: MIT
//
// Leaving the boot stage, for the application or for DFU mode.

#ifndef PORT_STM32F4_HANDOFF_H
#define PORT_STM32F4_HANDOFF_H

#include <stdint.h>

// Gives the processor to the program whose vector table is at `vectors`: VTOR, MSP, first
// instruction, as a reset would with that table. Thread mode, privileged, main stack, nothing
// enabled or pending: that is how a reset left it and the boot stage keeps it. `vectors` must be a
// multiple of 512 and hold a sane table.
_Noreturn void handoff(const uint32_t *vectors);

#endif
