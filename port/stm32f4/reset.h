// SPDX-License-Identifier: MIT
//
// Resets on purpose: the only way from one mode to another. What starts next is told in the
// mailbox (spec/mailbox.h), and the system reset returns every peripheral and clock to its
// reset state, so that nothing has to be undone by hand.

#ifndef PORT_STM32F4_RESET_H
#define PORT_STM32F4_RESET_H

#include "spec/mailbox.h"

// Fills the mailbox and resets the system. From anywhere, fault handlers included.
_Noreturn void reset_into(enum mailbox_request request, uint32_t argument);

#endif
