// SPDX-License-Identifier: MIT
//
// A firmware for tests of --semihosting, --itm and --vcd, without a C library: it asks, writes and toggles, and
// says by semihosting how it ends. Registers by address, as in RM0090 and ARM DDI 0403.

#include <stdint.h>

#define REG(addr)  (*(volatile uint32_t *)(addr))
#define REG8(addr) (*(volatile uint8_t *)(addr))

enum {
    RCC_AHB1ENR = 0x40023830,
    GPIOD_MODER = 0x40020C00,
    GPIOD_BSRR = 0x40020C18,
    SYST_CSR = 0xE000E010,
    SYST_RVR = 0xE000E014,
    ITM_STIM = 0xE0000000,
    ITM_TER = 0xE0000E00,
    ITM_TCR = 0xE0000E80,
    DHCSR = 0xE000EDF0,
};

enum {
    SYS_OPEN = 0x01,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISTTY = 0x09,
    SYS_EXIT_EXTENDED = 0x20,
};

extern uint32_t stack_top[];
void start(void);
static void trap(void);

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    [0] = (uintptr_t)stack_top,
    [1] = (uintptr_t)start,
    [3] = (uintptr_t)trap,
};

static void trap(void) {
    for (;;) {
    }
}

static __attribute__((noinline)) uint32_t ask(uint32_t call, const void *argument) {
    register uint32_t r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void say(const char *text) {
    (void)ask(SYS_WRITE0, text);
}

static uint32_t open(const char *name, uint32_t mode) {
    uint32_t len = 0;
    while (name[len]) {
        len++;
    }
    const uintptr_t block[3] = {(uintptr_t)name, mode, len};
    return ask(SYS_OPEN, block);
}

static void say_result(const char *what, int is_right) {
    say(what);
    say(is_right ? "=right\n" : "=wrong\n");
}

static void console(void) {
    uint32_t in = open(":tt", 0), out = open(":tt", 4), error = open(":tt", 8);
    say_result("handles", in != out && out != error && ask(SYS_ISTTY, &out) == 1);
    const uintptr_t hello[3] = {out, (uintptr_t) "hello\n", 6};
    say_result("write", ask(SYS_WRITE, hello) == 0);
    static char line[8];
    const uintptr_t read[3] = {in, (uintptr_t)line, sizeof line};
    uint32_t left = ask(SYS_READ, read);
    say_result("read",
               left == sizeof line - 3 && line[0] == 'i' && line[1] == 'n' && line[2] == '\n');
    say_result("readc", ask(SYS_READC, 0) == 'x');
    say_result("end", ask(SYS_READC, 0) == 0xFFFFFFFF);
    say_result("file", open("/etc/passwd", 0) == 0xFFFFFFFF);
    say_result("unknown", ask(0x77, 0) == 0xFFFFFFFF);
    say_result("debugger", (REG(DHCSR) & 1) == 1);
    // The condition of an IT block holds for the instruction behind the call as well.
    uint32_t behind = 0;
    __asm__ volatile("cmp %0, %0\n itte eq\n moveq r0, #3\n moveq r1, %1\n movne %0, #7\n"
                     "it eq\n bkpt 0xab\n it eq\n addeq %0, %0, #1"
                     : "+r"(behind)
                     : "r"("C")
                     : "r0", "r1", "cc", "memory");
    say_result("\nit", behind == 1);
}

static void trace(void) {
    say_result("itm", REG(ITM_TCR) == 1 && REG(ITM_TER) == 3);
    REG8(ITM_STIM) = 'a';
    REG(ITM_STIM) = 'b' | 'c' << 8 | 'd' << 16 | 'e' << 24;
    *(volatile uint16_t *)ITM_STIM = 'f' | '\n' << 8;
    REG8(ITM_STIM + 4) = 'z';
    REG8(ITM_STIM + 8) = '?'; // a port that is off
}

// PD12 up for 1 ms, three times 1 ms apart, by SysTick at 16 MHz; PD13 stays an input.
static void wait_ms(void) {
    while (!(REG(SYST_CSR) & 1u << 16)) {
    }
}

static void toggle(void) {
    REG(RCC_AHB1ENR) |= 1u << 3;
    REG(GPIOD_MODER) = 1u << 24;
    REG(SYST_RVR) = 16000 - 1;
    REG(SYST_CSR) = 5;
    for (int i = 0; i < 3; i++) {
        wait_ms();
        REG(GPIOD_BSRR) = 1u << 12;
        wait_ms();
        REG(GPIOD_BSRR) = 1u << 28;
    }
}

void start(void) {
    console();
    trace();
    toggle();
    const uint32_t end[2] = {0x20026, 42};
    (void)ask(SYS_EXIT_EXTENDED, end);
    say("after the end");
    trap();
}
