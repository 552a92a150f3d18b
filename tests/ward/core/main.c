// SPDX-License-Identifier: MIT
//
// The way of a start: clocks, settings, application or DFU mode.

#include "port/stm32f4/clock.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/rcc.h"
#include "tests/ward/core/core.h"
#include "tests/ward/ward.h"

#define NVIC_ICER(n)  REGISTER(0xe000e180u + 4u * (n)) // PM0214 4.3.3
#define NVIC_ICPRS(n) REGISTER(0xe000e280u + 4u * (n))
#define NVIC_WORDS    3u // 82 interrupts
#define SRAM_BASE     0x20000000u
#define SRAM_END      0x20020000u

static struct clock ticks;

void SysTick_Handler(void) {
}

_Noreturn void system_reset(void) {
    __asm volatile("dsb" ::: "memory");
    SCB_AIRCR = SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

_Noreturn void jump(uint32_t stack, uint32_t entry) {
    __asm volatile("msr msp, %0\n\tbx %1" ::"r"(stack), "r"(entry));
    __builtin_unreachable();
}

__attribute__((weak)) bool is_dfu_wanted(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO('A');
    (void)RCC_AHB1ENR;
    return (GPIO_IDR('A') & 1u) != 0;
}

// The stack pointer may be the first address behind SRAM.
__attribute__((weak)) bool is_application_there(void) {
    uint32_t stack = REGISTER(WARD_APPLICATION);
    uint32_t entry = REGISTER(WARD_APPLICATION + 4u);
    return stack > SRAM_BASE && stack <= SRAM_END && stack % 4u == 0 && (entry & 1u) &&
           entry >= WARD_APPLICATION && entry < WARD_FLASH_END;
}

// As it would be after a reset, but for VTOR.
__attribute__((weak)) void start_application(void) {
    STK_CTRL = 0;
    SCB_ICSR = SCB_ICSR_PENDSTCLR;
    for (unsigned i = 0; i < NVIC_WORDS; i++) {
        NVIC_ICER(i) = 0xffffffffu;
        NVIC_ICPRS(i) = 0xffffffffu;
    }
    SCB_VTOR = WARD_APPLICATION;
    jump(REGISTER(WARD_APPLICATION), REGISTER(WARD_APPLICATION + 4u));
}

__attribute__((weak)) void user_code_begin(void) {
}

__attribute__((weak)) void user_code_loop(void) {
}

__attribute__((weak)) void leave_dfu(void) {
    usb_deinit();
    system_reset();
}

_Noreturn void main(void) {
    clock_start(&ticks);
    EE_Init();
    bool is_wanted = is_dfu_wanted();
    user_code_begin();
    if (!is_wanted && is_application_there()) {
        start_application();
    }
    if (!clock_speed_up(&ticks)) {
        for (;;) { // no crystal: nothing to be done, and a debugger finds it here
        }
    }
    usb_init();
    for (;;) {
        __asm volatile("dsb\n\twfi" ::: "memory");
        user_code_loop();
    }
}
