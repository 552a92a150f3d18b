// SPDX-License-Identifier: MIT
//
// NVIC, PRIMASK and WFI.

#include "port/stm32f4/sleep.h"

#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/registers/flash.h"

void sleep_init(unsigned usb_irq) {
    __asm volatile("cpsid i" ::: "memory");
    NVIC_ISER(FLASH_IRQ) = NVIC_BIT(FLASH_IRQ);
    NVIC_ISER(usb_irq) = NVIC_BIT(usb_irq);
}

void sleep_forget(unsigned usb_irq) {
    SCB_ICSR = SCB_ICSR_PENDSTCLR;
    NVIC_ICPR(usb_irq) = NVIC_BIT(usb_irq);
    sleep_forget_flash();
}

void sleep_forget_flash(void) {
    NVIC_ICPR(FLASH_IRQ) = NVIC_BIT(FLASH_IRQ);
}

void sleep_now(void) {
    __asm volatile("dsb\n\twfi" ::: "memory"); // stores first (PM0214 2.2.4)
}
