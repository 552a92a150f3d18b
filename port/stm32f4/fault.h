// SPDX-License-Identifier: MIT
//
// What happens when the bootloader itself faults: a note in RAM (spec/boot.h), and a reset into DFU mode.

#ifndef PORT_STM32F4_FAULT_H
#define PORT_STM32F4_FAULT_H

// Of the boot stage's vector table and DFU mode's alike, for every exception that is none of ours.
void fault_handler(void);

#endif
