// SPDX-License-Identifier: MIT
//
// A firmware that is none of ours for tests of what vboard observes: one source, a program for each
// value of SCENARIO, each wrong (or right) in one way. Registers by address, as in RM0090.

#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(addr))

enum {
    NOTHING_THERE = 0x50060424, // HASH_SR of an F415, F417, F437 or F439
    RCC_OF_AN_F1 = 0x40021000,
    RCC_CR = 0x40023800,
    RCC_PLLCFGR = 0x40023804,
    RCC_AHB1ENR = 0x40023830,
    RCC_APB1ENR = 0x40023840,
    RCC_BDCR = 0x40023870,
    PWR_CR = 0x40007000,
    FLASH_KEYR = 0x40023C04,
    FLASH_SR = 0x40023C0C,
    FLASH_CR = 0x40023C10,
    GPIOA_IDR = 0x40020010,
    GPIOA_ODR = 0x40020014,
    GPIOA_MODER = 0x40020000,
    GPIOA_AFRH = 0x40020024,
    RCC_APB2ENR = 0x40023844,
    USART1_SR = 0x40011000,
    USART1_DR = 0x40011004,
    USART1_BRR = 0x40011008,
    USART1_CR1 = 0x4001100C,
    DWT_CYCCNT = 0xE0001004,
    DEMCR = 0xE000EDFC,
    SYST_CSR = 0xE000E010,
    SYST_RVR = 0xE000E014,
    SYST_CVR = 0xE000E018,
};

extern uint32_t data_begin[], data_end[], data_load[], bss_begin[], bss_end[], stack_top[];
void start(void);
void hard_fault(void);
void systick(void);
static void scenario(void);

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    [0] = (uintptr_t)stack_top,
    [1] = (uintptr_t)start,
    [3] = SCENARIO == 5 ? 0xC0000001u : (uintptr_t)hard_fault, // 5: a fault inside the fault
    [15] = (uintptr_t)systick,
};

volatile uint32_t sink, ticks, message;

__attribute__((noinline)) void hard_fault(void) {
    for (;;) {
    }
}

void systick(void) {
    ticks = ticks + 1;
}

void start(void) {
    uint32_t *from = data_load;
    for (uint32_t *to = data_begin; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_begin; to < bss_end; to++) {
        *to = 0;
    }
    scenario();
    for (;;) {
        __asm__ volatile("wfi");
    }
}

// --- calls ----------------------------------------------------------------------------------------

// 16 MHz out of reset; a turn of the loop is 3 cycles and more, so 16000 are 3 ms or so.
__attribute__((noinline)) void busy(uint32_t turns) {
    while (turns-- > 0) {
        __asm__ volatile("");
    }
}

__attribute__((noinline)) void once(void) {
    busy(16000);
    sink = sink + 1;
}

__attribute__((noinline)) void jumped_to(void) {
    busy(1600);
    sink = sink + 1;
}

// Ends by a jump: jumped_to() returns for it.
__attribute__((noinline)) void jumps(void) {
    sink = sink + 2;
    jumped_to();
}

__attribute__((noinline)) uint32_t depth(uint32_t n) {
    busy(160);
    return n == 0 ? 0 : 1 + depth(n - 1) + sink % 2;
}

// Its first instruction is where its loop begins.
__attribute__((naked, noinline)) void loop_only(uint32_t turns __attribute__((unused))) {
    __asm__ volatile("subs r0, r0, #1\n bne loop_only\n bx lr");
}

__attribute__((section(".ramcode"), noinline, long_call)) void in_sram(void) {
    sink = sink + 3;
}

__attribute__((noinline, used)) void never_called(void) {
    sink = 0;
}

static void calls(void) {
    REG(SYST_RVR) = 1600; // 100 us
    REG(SYST_CVR) = 0;
    REG(SYST_CSR) = 7;
    once();
    for (unsigned i = 0; i < 3; i++) {
        jumps();
        in_sram();
    }
    depth(9);
    loop_only(50);
    loop_only(60);
    REG(SYST_CSR) = 0;
}

// --- hangs ----------------------------------------------------------------------------------------

// A crystal that the board has not.
__attribute__((noinline)) static void wait_for_lse(void) {
    REG(RCC_APB1ENR) |= 1u << 28;
    REG(PWR_CR) |= 1u << 8;
    REG(RCC_BDCR) |= 1;
    while (!(REG(RCC_BDCR) & 2)) {
    }
}

// The same with a time-out that has not come yet, in the style of ST's HAL.
__attribute__((noinline)) static uint32_t now(void) {
    return ticks;
}

__attribute__((noinline)) static void wait_for_lse_or_long(void) {
    REG(SYST_RVR) = 16000;
    REG(SYST_CSR) = 7;
    REG(RCC_APB1ENR) |= 1u << 28;
    REG(PWR_CR) |= 1u << 8;
    REG(RCC_BDCR) |= 1;
    uint32_t since = now();
    while (((REG(RCC_BDCR) >> 1) & 1) == 0 && now() - since < 100000) {
    }
}

// A time-out that is counted, and tried again for ever: 300000 turns of 16 cycles are 300 ms, so then one is
// about to run out.
__attribute__((naked, noinline)) static void wait_for_lse_again(void) {
    __asm__ volatile("ldr r1, =0x40023870\n"
                     "0: ldr r3, =300000\n"
                     "1: ldr.w r2, [r1]\n"
                     "tst.w r2, #2\n"
                     "bne 2f\n"
                     "subs r3, #1\n"
                     "bne 1b\n"
                     "b 0b\n"
                     "2: bx lr\n"
                     ".ltorg");
}

// For something that nobody says.
__attribute__((noinline)) static void wait_for_message(void) {
    while (message == 0) {
    }
}

// The same by way of a pointer: another pointer would end it too, in a fault.
volatile uint32_t *volatile where = &message;

__attribute__((noinline)) static void wait_by_pointer(void) {
    while (*where == 0) {
    }
}

// A pin that is 0 and should be 1 (PA0, without its clock it would read 0 too).
__attribute__((noinline)) static void wait_for_pin(void) {
    REG(RCC_AHB1ENR) |= 1;
    while ((REG(GPIOA_IDR) & 1) == 0) {
    }
}

// --- complaints -----------------------------------------------------------------------------------

__attribute__((noinline)) static void write_locked(void) {
    for (unsigned i = 0; i < 5; i++) {
        REG(FLASH_CR) = 2;
    }
}

__attribute__((noinline)) static void unclocked(void) {
    sink = REG(GPIOA_IDR);
}

__attribute__((noinline)) static void program(uint32_t addr, uint32_t value) {
    REG(FLASH_CR) = 0x201; // x32, PG
    REG(addr) = value;
    while (REG(FLASH_SR) & 1u << 16) {
    }
}

__attribute__((noinline)) static void complain(void) {
    write_locked();
    unclocked();
    REG(FLASH_KEYR) = 0x45670123;
    REG(FLASH_KEYR) = 0xCDEF89AB;
    REG(FLASH_CR) = 0x200 | 5 << 3 | 2; // sector 5
    REG(FLASH_CR) = 0x200 | 5 << 3 | 2 | 1u << 16;
    while (REG(FLASH_SR) & 1u << 16) {
    }
    program(0x08020000, 0x12345678);
    program(0x08020000, 0x87654321);
}

__attribute__((noinline)) static uint32_t deeper(uint32_t n) {
    volatile uint32_t frame[8];
    frame[n % 8] = n;
    busy(100); // 25 us
    return n == 0 ? 0 : deeper(n - 1) + frame[n % 8];
}

static uint32_t table[700]; // between it and the stack's top there is room for 20 levels or so

static void overflow(void) {
    table[0] = 1;
    sink = deeper(40) + table[sink % 700];
}

__attribute__((noinline)) static void wait_for_what_is_not_there(void) {
    while (!(REG(NOTHING_THERE) & 2)) {
    }
}

// All its time goes into waiting for TXE, a character each 10 ms or so, and yet it gets on.
__attribute__((noinline)) static void print_for_ever(void) {
    REG(RCC_AHB1ENR) |= 1u;
    REG(GPIOA_MODER) |= 2u << 18; // PA9 is USART1's TX
    REG(GPIOA_AFRH) |= 7u << 4;
    REG(RCC_APB2ENR) |= 1u << 4; // USART1
    REG(USART1_BRR) = 0xffff;
    REG(USART1_CR1) = 1u << 13 | 1u << 3; // UE, TE
    for (;;) {
        while (!(REG(USART1_SR) & 1u << 7)) {
        }
        REG(USART1_DR) = '.';
    }
}

// Without DEMCR.TRCENA, which a debugger sets, and DWT_CTRL.CYCCNTENA it never ends.
__attribute__((noinline)) static void delay_by_cycles(void) {
    uint32_t start = REG(DWT_CYCCNT);
    while (REG(DWT_CYCCNT) - start < 16000) {
    }
}

// What an STM32F103's firmware does first; here it is GPIOE.
__attribute__((noinline)) static void wait_as_on_an_f1(void) {
    REG(RCC_OF_AN_F1) |= 1u << 16; // HSEON
    while (!(REG(RCC_OF_AN_F1) & 1u << 17)) {
    }
}

// A loop that writes to a register is waiting all the same.
__attribute__((noinline)) static void wait_and_show_it(void) {
    REG(RCC_AHB1ENR) |= 1u;
    while (!(REG(RCC_BDCR) & 2)) {
        REG(GPIOA_ODR) ^= 0x8000;
    }
}

static void scenario(void) {
    switch (SCENARIO) {
    case 1:
        calls();
        break;
    case 2:
        wait_for_lse();
        break;
    case 3:
        wait_for_lse_or_long();
        break;
    case 4:
    case 5:
        sink = REG(0xC0000000); // nothing is there
        break;
    case 6:
        wait_for_message();
        break;
    case 7:
        wait_for_pin();
        break;
    case 8:
        complain();
        break;
    case 9:
        overflow();
        break;
    case 10:
        wait_by_pointer();
        break;
    case 11:
        wait_for_lse_again();
        break;
    case 13:
        print_for_ever();
        break;
    case 14:
        wait_and_show_it();
        break;
    case 15:
        wait_as_on_an_f1();
        break;
    case 16:
        REG(RCC_AHB1ENR) |= 1u;
        wait_as_on_an_f1();
        break;
    case 18:
        REG(DEMCR) |= 1u << 24; // TRCENA
        delay_by_cycles();
        break;
    case 17:
        delay_by_cycles();
        break;
    case 12:
        wait_for_what_is_not_there();
        break;
    default:
        break;
    }
}
