// SPDX-License-Identifier: MIT
//
// An application in the shape of an STM32CubeMX project that moved to redfu-boot: docs/app-guide.md quotes
// it line by line, and tests/host/field.c builds it and runs it. What CubeMX would have generated is
// written anew here, by the same names. The marks USER CODE show where a person's lines survive a new
// generation.
//
// It counts its starts in a variable of ST's EEPROM emulation, now kept in redfu's settings; the green LED
// (PD12) blinks, the orange one (PD13) shows a confirmed start, the red one (PD14) that variables are
// missing, the blue one (PD15) that the variable an older firmware kept is there.

/* USER CODE BEGIN Includes */
#include "app/eeprom.h"
#include "app/redfu_app.h"
/* USER CODE END Includes */
#include "examples/cubemx/main.h"

#define RCC_AHB1ENR   REGISTER(0x40023830u)
#define GPIOA_IDR     REGISTER(0x40020010u)
#define GPIOD_MODER   REGISTER(0x40020c00u)
#define GPIOD_ODR     REGISTER(0x40020c14u)
#define GPIOD_BSRR    REGISTER(0x40020c18u)
#define STK_CTRL      REGISTER(0xe000e010u)
#define STK_LOAD      REGISTER(0xe000e014u)
#define STK_VAL       REGISTER(0xe000e018u)
#define LED_GREEN     (1u << 12)
#define LED_ORANGE    (1u << 13)
#define LED_RED       (1u << 14)
#define LED_BLUE      (1u << 15)
#define BUTTON        1u
#define HALF_BLINK_MS 100u

/* USER CODE BEGIN PV */
uint16_t VirtAddVarTab[NB_OF_VAR] = {0x5555, 0x6666, 0x7777};
/* USER CODE END PV */

static void HAL_Init(void) {
    STK_LOAD = SystemCoreClock / 1000u - 1u;
    STK_VAL = 0;
    STK_CTRL = 7;
}

static void HAL_Delay(uint32_t ms) {
    uint32_t start = uwTick;
    while (uwTick - start < ms) {
    }
}

static void MX_GPIO_Init(void) {
    RCC_AHB1ENR |= 1u << 0 | 1u << 3;
    (void)RCC_AHB1ENR;
    GPIOD_MODER |= 0x55u << 24;
}

/* USER CODE BEGIN 0 */
static void count_start(void) {
    uint16_t starts = 0;
    uint16_t serial;
    if (EE_Init() != EE_OK) {
        GPIOD_BSRR = LED_RED;
        return;
    }
    (void)EE_ReadVariable(0x6666, &starts); // 1 where it was never written: starts stays 0
    (void)EE_WriteVariable(0x6666, (uint16_t)(starts + 1));
    if (EE_ReadVariable(0x5555, &serial) == 0) {
        GPIOD_BSRR = LED_BLUE;
    }
}
/* USER CODE END 0 */

_Noreturn int main(void) {
    SystemClock_Config();
    HAL_Init();
    MX_GPIO_Init();
    /* USER CODE BEGIN 2 */
    count_start();
    if (redfu_confirm_start()) {
        GPIOD_BSRR = LED_ORANGE;
    }
    while (GPIOA_IDR & BUTTON) { // held since the start, it was meant for the bootloader
    }
    /* USER CODE END 2 */
    for (;;) {
        GPIOD_ODR ^= LED_GREEN;
        HAL_Delay(HALF_BLINK_MS);
        /* USER CODE BEGIN 3 */
        if (GPIOA_IDR & BUTTON) {
            redfu_request_dfu();
        }
        /* USER CODE END 3 */
    }
}
