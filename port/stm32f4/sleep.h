// SPDX-License-Identifier: MIT
//
// Sleeping until something happens. Interrupts wake the processor up and are never taken: PRIMASK is
// set for good, and WFI ends at a pending interrupt all the same (PM0214 2.5.3). So there is one
// thread of control, and whoever polls finds the event.
//
// Order of calls: sleep_init(), then in each turn of the main loop sleep_forget() before the polls;
// sleep_now() anywhere behind. What comes in between ends the sleep at once, and so does whatever was
// not dealt with, since an interrupt stays pending while its cause does (PM0214 4.3.9).

#ifndef PORT_STM32F4_SLEEP_H
#define PORT_STM32F4_SLEEP_H

// From here on the flash interface, this interrupt of the USB core and SysTick (once a millisecond,
// clock.h) wake the processor up.
void sleep_init(unsigned usb_irq);
void sleep_forget(unsigned usb_irq);
// The end of one flash operation, to be told from the next one's.
void sleep_forget_flash(void);
void sleep_now(void);

#endif
