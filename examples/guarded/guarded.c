// SPDX-License-Identifier: MIT
//
// An application that confirms its starts. Its vector table promises so; it starts the watchdog, tests
// itself, and confirms when that went well. When it did not, it does what broken firmware does: it hangs,
// the watchdog resets it, and after the third such start the board stays in DFU mode.
//
// The self test here is a pin: PB0 with its pull-up on; low says that the test fails. The green LED shows a
// confirmed start, the red one a start after a watchdog reset.

#include <stdint.h>

#include "app/redfu_app.h"
#include "examples/blink/blink.h"
#include "examples/blink/stm32f407.h"

#define FAILED_MAX          3u

// RM0090 8.4: port B.
#define RCC_AHB1ENR_GPIOBEN (1u << 1)
#define GPIOB_PUPDR         REGISTER(0x4002040cu)
#define GPIOB_IDR           REGISTER(0x40020410u)
#define GPIO_PULL_UP        1u

// RM0090 21.4: 4096 counts of LSI / 4: half a second, as after a reset.
#define IWDG_KR             REGISTER(0x40003000u)
#define IWDG_KR_START       0xccccu
#define IWDG_KR_RELOAD      0xaaaau

#define TICKS_A_SEC         100u
#define SELF_TEST_TICKS     10u

// Linker script: examples/application.ld.
extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;

__attribute__((section(".version"), used)) static const char version[] = "redfu guarded";

_Noreturn void reset_handler(void);

static volatile uint32_t ticks;

void systick_handler(void) {
    ticks++;
}

static _Noreturn void stop_handler(void) {
    for (;;) {
        // The watchdog ends this.
    }
}

// PM0214 table 17. The promise lies in the first of the four reserved words.
typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *initial_sp;
    vector handlers[6];
    uint32_t promise;
    vector more_handlers[8];
} vectors = {
    &stack_top,
    {reset_handler, stop_handler, stop_handler, stop_handler, stop_handler, stop_handler},
    START_PROMISE(FAILED_MAX),
    {0, 0, 0, stop_handler, stop_handler, 0, stop_handler, systick_handler},
};

_Static_assert(__builtin_offsetof(__typeof__(vectors), promise) == 4 * START_PROMISE_WORD,
               "the promise is not where the bootloader looks for it");

static void wait(uint32_t count) {
    uint32_t start = ticks;
    while (ticks - start < count) {
        __asm volatile("wfi");
    }
}

static int self_test(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOBEN;
    (void)RCC_AHB1ENR;
    GPIOB_PUPDR |= GPIO_MODE(0, GPIO_PULL_UP);
    wait(SELF_TEST_TICKS);
    return (GPIOB_IDR & 1u) != 0;
}

_Noreturn void main(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIODEN;
    (void)RCC_AHB1ENR;
    GPIOD_MODER |= GPIO_MODE(LED_GREEN, GPIO_OUTPUT) | GPIO_MODE(LED_RED, GPIO_OUTPUT);
    GPIOD_BSRR =
        (redfu_reset_cause() & START_CAUSE_WATCHDOG) != 0 ? GPIO_SET(LED_RED) : GPIO_RESET(LED_RED);
    STK_LOAD = HSI_HZ / TICKS_A_SEC - 1u;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;
    IWDG_KR = IWDG_KR_START;

    if (!self_test()) {
        stop_handler();
    }
    if (redfu_confirm_start()) {
        GPIOD_BSRR = GPIO_SET(LED_GREEN);
    }
    // From here a hang ends in a reset, too, but no longer counts as a failed start: try with PB0.
    for (;;) {
        if ((GPIOB_IDR & 1u) != 0) {
            IWDG_KR = IWDG_KR_RELOAD;
        }
        wait(1);
    }
}

_Noreturn void reset_handler(void) {
    SCB_VTOR = (uint32_t)&vectors;
    const volatile uint32_t *from = &data_load;
    for (volatile uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *at = &bss_start; at < &bss_end; at++) {
        *at = 0;
    }
    main();
}
