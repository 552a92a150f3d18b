// SPDX-License-Identifier: MIT
//
// An application written for ST's EEPROM emulation (AN3969), on redfu's settings: nothing but
// app/eeprom.h is redfu's. It does what ST's own example does, a series of writes to three
// variables that fills pages, and keeps count of its starts in a fourth.

#include "app/eeprom.h"
#include "examples/blink/blink.h"
#include "examples/blink/stm32f407.h"

#define STARTS_ADDRESS 0x8888u
// More than a page holds (16 bytes each of 16 KB), so that pages are turned over.
#define WRITES         1200u

__attribute__((section(".version"), used)) static const char version[] = "redfu eeprom example";

uint16_t VirtAddVarTab[NB_OF_VAR] = {0x5555, 0x6666, 0x7777};

void systick_handler(void) {
}

static uint16_t count_start(void) {
    uint16_t starts = 0;
    uint16_t result = EE_ReadVariable(STARTS_ADDRESS, &starts);
    if (result != EE_OK && result != EE_ABSENT) {
        return result;
    }
    return EE_WriteVariable(STARTS_ADDRESS, (uint16_t)(starts + 1));
}

// Each write is read back, as ST's example does.
static uint16_t write_series(void) {
    for (uint16_t i = 1; i <= WRITES; i++) {
        uint16_t address = VirtAddVarTab[i % NB_OF_VAR];
        uint16_t read = 0;
        uint16_t result = EE_WriteVariable(address, i);
        if (result == EE_OK) {
            result = EE_ReadVariable(address, &read);
        }
        if (result != EE_OK || read != i) {
            return EE_ERROR;
        }
    }
    return EE_OK;
}

_Noreturn void main(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIODEN;
    (void)RCC_AHB1ENR; // ES0182, delay after clock enabling
    GPIOD_MODER |= GPIO_MODE(LED_GREEN, GPIO_OUTPUT) | GPIO_MODE(LED_RED, GPIO_OUTPUT);
    uint16_t result = EE_Init();
    if (result == EE_OK) {
        result = count_start();
    }
    if (result == EE_OK) {
        result = write_series();
    }
    GPIOD_BSRR = GPIO_SET(result == EE_OK ? LED_GREEN : LED_RED);
    for (;;) {
        __asm volatile("wfi");
    }
}
