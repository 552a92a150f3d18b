// SPDX-License-Identifier: MIT
//
// The shape of a DFU bootloader made with CubeMX, as the updater meets it: 32 KB in sectors 0 and 1,
// both needed to start; caches and prefetch on; a test of the application's stack pointer with ST's mask;
// and a jump with SysTick's interrupt on and pending, as examples do it. It has no USB: what it loads lies
// there. With PROTECT it protects its own sectors by option bytes, as some products do.

#include <stdint.h>

#define REGISTER(addr) (*(volatile uint32_t *)(addr))

#define APPLICATION    0x0800c000u
#define SP_MASK        0x2ffe0000u
#define SP_RIGHT       0x20000000u

// RM0090 3.9.
#define FLASH_ACR      REGISTER(0x40023c00u)
#define FLASH_OPTKEYR  REGISTER(0x40023c08u)
#define FLASH_SR       REGISTER(0x40023c0cu)
#define FLASH_OPTCR    REGISTER(0x40023c14u)
#define ACR_ALL_ON     (5u | 1u << 8 | 1u << 9 | 1u << 10)
#define SR_BSY         (1u << 16)
#define OPTCR_NWRP_OWN (3u << 16)

// PM0214 4.4, 4.5.
#define STK_CTRL       REGISTER(0xe000e010u)
#define STK_LOAD       REGISTER(0xe000e014u)
#define STK_VAL        REGISTER(0xe000e018u)
#define SCB_VTOR       REGISTER(0xe000ed08u)

// Linker script: boot.ld.
extern uint32_t stack_top, ram_start[], ram_end[], ram_load[];
static _Noreturn void reset(void);

static void ignore(void) {
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *initial_sp;
    void (*handlers[15])(void);
} vectors = {&stack_top,
             {(void (*)(void))reset, ignore, ignore, ignore, ignore, ignore, 0, 0, 0, 0, ignore,
              ignore, 0, ignore, ignore}};

#if PROTECT
__attribute__((section(".ram"), noinline)) static void protect(void) {
    if (FLASH_OPTCR & OPTCR_NWRP_OWN) {
        FLASH_OPTKEYR = 0x08192a3bu;
        FLASH_OPTKEYR = 0x4c5d6e7fu;
        uint32_t value = FLASH_OPTCR & ~(OPTCR_NWRP_OWN | 3u);
        FLASH_OPTCR = value;
        FLASH_OPTCR = value | 2u;
        while (FLASH_SR & SR_BSY) {
        }
        FLASH_OPTCR |= 1u;
    }
}
#endif

// In sector 1.
__attribute__((section(".second"), noinline)) static void start_application(void) {
    uint32_t stack_pointer = REGISTER(APPLICATION);
    uint32_t entry = REGISTER(APPLICATION + 4u);
    if ((stack_pointer & SP_MASK) == SP_RIGHT) {
        SCB_VTOR = APPLICATION;
        __asm volatile("msr msp, %0\n\tbx %1" : : "r"(stack_pointer), "r"(entry) : "memory");
    }
}

static _Noreturn void reset(void) {
    FLASH_ACR = ACR_ALL_ON;
    SCB_VTOR = (uint32_t)&vectors;
#if PROTECT
    for (uint32_t i = 0; ram_start + i < ram_end; i++) {
        ((volatile uint32_t *)ram_start)[i] = ram_load[i];
    }
    void (*volatile from_sram)(void) = protect;
    from_sram();
#endif
    // Left on, as it is when HAL_Init() has been called and nothing undoes it.
    STK_LOAD = 15999;
    STK_VAL = 0;
    STK_CTRL = 7;
    start_application();
    for (;;) { // its DFU mode would be here
    }
}
