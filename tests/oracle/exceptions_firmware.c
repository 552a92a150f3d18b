// SPDX-License-Identifier: MIT
//
// A program that does with the processor what firmware seldom does, for lockstep.c to hold against
// QEMU: exceptions of every kind and order, masks, faults (in IT blocks too), process stack,
// unprivileged code, exclusives, bit-band, special registers. It judges nothing itself: each register is compared
// before each instruction, and what matters is loaded into one. It ends in place.

#include <stdint.h>

#define REG(addr)  (*(volatile uint32_t *)(addr))
#define REG8(addr) (*(volatile uint8_t *)(addr))

enum {
    NVIC_ISER = 0xe000e100,
    NVIC_ISPR = 0xe000e200,
    NVIC_ICPR = 0xe000e280,
    NVIC_IABR = 0xe000e300,
    NVIC_IPR = 0xe000e400,
    ICSR = 0xe000ed04,
    VTOR = 0xe000ed08,
    AIRCR = 0xe000ed0c,
    CCR = 0xe000ed14,
    SHPR1 = 0xe000ed18,
    SHPR2 = 0xe000ed1c,
    SHPR3 = 0xe000ed20,
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    HFSR = 0xe000ed2c,
    BFAR = 0xe000ed38,
    STIR = 0xe000ef00,
};

#define PENDSV  (1u << 28)
#define STKERR  (1u << 12)
#define NOWHERE 0x60000000u // no memory there on an STM32F405, nor in QEMU's

extern uint32_t stack_top[];
static volatile uint32_t seen[64];
static volatile unsigned seen_count;
static uint32_t process_stack[128] __attribute__((aligned(8)));
static volatile uint32_t resume_address;
static uint32_t ram_vectors[64] __attribute__((aligned(512)));

void svc_handler_c(uint32_t *frame);
void fault_handler_c(uint32_t *frame, uint32_t exc_return);
void reset_handler(void);

static void see(uint32_t value) {
    seen[seen_count++ % 64] = value;
}

static uint32_t ipsr(void) {
    uint32_t value;
    __asm__ volatile("mrs %0, ipsr" : "=r"(value));
    return value;
}

// --- handlers ------------------------------------------------------------------------------------

// SVC 0: notes; 1: thread becomes privileged again.
void svc_handler_c(uint32_t *frame) {
    uint32_t number = ((const uint8_t *)(uintptr_t)frame[6])[-2];
    see(number << 8 | ipsr());
    see(REG(ICSR) & 0x1ff);
    frame[0] += 1;
    if (number == 1) {
        __asm__ volatile("msr control, %0" : : "r"(2));
    }
}

static __attribute__((naked)) void svc_handler(void) {
    __asm__ volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n b svc_handler_c");
}

// Notes everything there is to know, and goes on behind the instruction.
void fault_handler_c(uint32_t *frame, uint32_t exc_return) {
    see(ipsr());
    see(exc_return);
    see(REG(CFSR));
    see(REG(HFSR));
    if (REG(CFSR) & STKERR) { // no frame: one is made, on a better stack
        frame = &process_stack[100];
        frame[6] = resume_address;
        frame[7] = 1u << 24;
        __asm__ volatile("msr psp, %0" : : "r"(frame));
        REG(CFSR) = REG(CFSR);
        REG(HFSR) = REG(HFSR);
        return;
    }
    if (REG(CFSR) & 0x8000) {
        see(REG(BFAR));
    }
    see(REG(SHCSR));
    see(frame[6]);
    see(frame[7]);
    REG(CFSR) = REG(CFSR);
    REG(HFSR) = REG(HFSR);
    see(REG(CFSR));
    uint16_t first = *(const volatile uint16_t *)(uintptr_t)frame[6];
    if (!(frame[7] & 1u << 24)) { // INVSTATE: back to where BLX came from
        frame[6] = frame[5] & ~1u;
        frame[7] |= 1u << 24;
    } else {
        frame[6] += first >= 0xe800 ? 4 : 2;
        // ITSTATE one further (ARM DDI 0403 A7.3.3).
        uint32_t it = (frame[7] >> 25 & 3) | (frame[7] >> 8 & 0xfc);
        it = (it & 7) ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
        frame[7] = (frame[7] & ~0x0600fc00u) | (it & 3) << 25 | (it & 0xfc) << 8;
    }
}

// Where it stands in for the return that bad_return_handler() failed to make, it makes a valid one.
static __attribute__((naked)) void fault_handler(void) {
    __asm__ volatile("mvn r2, #12\n cmp lr, r2\n it eq\n mvneq lr, #6\n"
                     "tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n mov r1, lr\n"
                     "b fault_handler_c");
}

static void pendsv_handler(void) {
    see(ipsr());
    see(REG(ICSR) & 0x0fffffff);
}

// Interrupt 5 pends 6 (more urgent: at once) and 7 (less: behind it); the others note.
static void irq_handler(void) {
    uint32_t number = ipsr();
    see(number);
    see(REG(NVIC_IABR));
    see(REG(NVIC_ISPR));
    if (number == 16 + 5) {
        REG(NVIC_ISPR) = 1u << 6 | 1u << 7;
        see(REG(NVIC_ISPR));
        REG(ICSR) = PENDSV;
    }
    see(REG(NVIC_IABR));
}

// Returns by no valid EXC_RETURN: a UsageFault (INVPC) instead.
static __attribute__((naked)) void bad_return_handler(void) {
    __asm__ volatile("mvn lr, #12\n bx lr"); // 0xfffffff3
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16 + 10] = {
    stack_top,
    reset_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    0,
    0,
    0,
    0,
    svc_handler,
    0,
    0,
    pendsv_handler,
    0,
    irq_handler,
    irq_handler,
    irq_handler,
    irq_handler,
    irq_handler,
    irq_handler,
    irq_handler,
    irq_handler,
    irq_handler,
    bad_return_handler,
};

// --- what is done --------------------------------------------------------------------------------

static void calls(void) {
    register uint32_t r0 __asm__("r0") = 41;
    __asm__ volatile("svc #0" : "+r"(r0) : : "memory");
    see(r0);
    // With the stack at 4 bytes beside 8: the frame is aligned and marked so.
    __asm__ volatile("sub sp, #4\n svc #0\n add sp, #4" : "+r"(r0) : : "memory");
    see(r0);
    __asm__ volatile("cmp %0, %0\n itt eq\n svceq #0\n addeq %0, #1" : "+r"(r0) : : "memory", "cc");
    see(r0);
}

static void interrupts(void) {
    REG(NVIC_ISER) = 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8;
    REG8(NVIC_IPR + 5) = 0x80;
    REG8(NVIC_IPR + 6) = 0x40;
    REG8(NVIC_IPR + 7) = 0xc0;
    REG8(NVIC_IPR + 8) = 0x80;
    REG(SHPR3) = 0x00ff0000; // PendSV last
    see(REG(NVIC_IPR + 4));
    REG(NVIC_ISPR) = 1u << 5;
    see(seen_count);
    REG(STIR) = 5;
    see(seen_count);
    // Held back, and let go in the order of priority.
    __asm__ volatile("cpsid i" : : : "memory");
    REG(NVIC_ISPR) = 1u << 5 | 1u << 7 | 1u << 8;
    REG(ICSR) = PENDSV;
    see(REG(ICSR));
    REG(NVIC_ICPR) = 1u << 8;
    see(REG(NVIC_ISPR));
    __asm__ volatile("wfi" : : : "memory");
    __asm__ volatile("cpsie i" : : : "memory");
    // By BASEPRI.
    __asm__ volatile("msr basepri, %0" : : "r"(0x60) : "memory");
    REG(NVIC_ISPR) = 1u << 8 | 1u << 6;
    see(REG(NVIC_ISPR));
    __asm__ volatile("msr basepri_max, %0" : : "r"(0x90) : "memory");
    __asm__ volatile("msr basepri_max, %0" : : "r"(0x20) : "memory");
    uint32_t value;
    __asm__ volatile("mrs %0, basepri" : "=r"(value));
    see(value);
    __asm__ volatile("msr basepri, %0" : : "r"(0) : "memory");
    // By FAULTMASK, which PRIMASK's end does not lift.
    __asm__ volatile("cpsid f" : : : "memory");
    REG(NVIC_ISPR) = 1u << 5;
    __asm__ volatile("cpsie i" : : : "memory");
    __asm__ volatile("mrs %0, faultmask" : "=r"(value));
    see(value);
    __asm__ volatile("cpsie f" : : : "memory");
    // Grouped: 6 and 5 with the same group do not pre-empt one another.
    REG(AIRCR) = 0x05fa0000 | 7 << 8;
    see(REG(AIRCR));
    REG(NVIC_ISPR) = 1u << 5;
    REG(AIRCR) = 0x05fa0000;
}

static void one_of_each_fault(void) {
    uint32_t value = 7, zero = 0, odd = (uint32_t)(uintptr_t)process_stack + 1;
    __asm__ volatile("udiv.w %0, %0, %1" : "+r"(value) : "r"(zero)); // gives 0
    see(value);
    REG(CCR) |= 1 << 4 | 1 << 3; // DIV_0_TRP, UNALIGN_TRP
    see(REG(CCR));
    __asm__ volatile("udiv %0, %0, %1" : "+r"(value) : "r"(zero));
    __asm__ volatile("sdiv %0, %0, %1" : "+r"(value) : "r"(zero));
    __asm__ volatile("ldr.w %0, [%1]" : "+r"(value) : "r"(odd) : "memory");
    __asm__ volatile("strh.w %0, [%1]" : "+r"(value) : "r"(odd) : "memory");
    REG(CCR) &= ~(1u << 4 | 1u << 3);
    __asm__ volatile("ldr.w %0, [%1]" : "+r"(value) : "r"(odd) : "memory");
    __asm__ volatile("ldrd r4, r5, [%0]" : : "r"(odd) : "r4", "r5", "memory");
    __asm__ volatile("ldmia %0, {r4, r5}" : : "r"(odd) : "r4", "r5", "memory");
    __asm__ volatile("ldrex r4, [%0]" : : "r"(odd) : "r4", "memory");
    __asm__ volatile("udf #1");
    __asm__ volatile("udf.w #1");
    __asm__ volatile("mrc p3, 0, r4, c0, c0, 0" : : : "r4"); // NOCP
    __asm__ volatile("ldr.w %0, [%1]" : "+r"(value) : "r"(NOWHERE) : "memory");
    __asm__ volatile("str.w %0, [%1, #4]!" : "+r"(value) : "r"(NOWHERE) : "memory");
    __asm__ volatile("movs r4, #1\n movs r5, #0\n cmp r4, r5\n"
                     "itete ne\n movne r5, #3\n moveq r5, #4\n ldrne.w r4, [%0]\n moveq r5, #5\n"
                     "mov r4, r5"
                     :
                     : "r"(NOWHERE)
                     : "r4", "r5", "cc", "memory");
    __asm__ volatile("movs r4, #0\n blx r4\n nop" : : : "r4", "lr", "memory"); // INVSTATE
}

static void faults(void) {
    REG(SHCSR) = 7u << 16;
    see(REG(SHCSR));
    one_of_each_fault();
    REG(SHCSR) = 0; // all become HardFaults
    one_of_each_fault();
    REG(SHCSR) = 7u << 16;
}

static void unprivileged(void) {
    uint32_t value;
    __asm__ volatile("msr psp, %0" : : "r"(process_stack + 128));
    __asm__ volatile("mrs r4, msp\n" // this function's variables stay on the main stack
                     "msr control, %1\n isb\n"
                     "mrs r5, control\n mrs r6, msp\n mrs r7, psp\n mrs %0, primask\n"
                     "cpsid i\n mrs r5, primask\n"
                     "msr msp, r7\n msr basepri, r7\n mrs r6, basepri\n"
                     "push {r4, r5}\n svc #0\n pop {r4, r5}\n"
                     "ldr.w r5, [%2]\n" // ICSR: BusFault
                     "str.w r5, [%2]\n"
                     "svc #1\n"
                     "mrs r5, control\n ldr.w r5, [%2]\n"
                     "movs r5, #0\n msr control, r5\n isb\n mrs r5, psp"
                     : "=&r"(value)
                     : "r"(3), "r"(ICSR)
                     : "r4", "r5", "r6", "r7", "memory");
    see(value);
}

static void exclusives(void) {
    uint32_t *word = &process_stack[3];
    __asm__ volatile("ldrex r4, [%0]\n strex r5, r4, [%0]\n strex r6, r4, [%0]\n"
                     "ldrex r4, [%0]\n clrex\n strex r5, r4, [%0]\n"
                     "ldrexb r4, [%0]\n strexb r5, r4, [%0]\n"
                     "ldrexh r4, [%0]\n adds r4, #1\n strexh r5, r4, [%0]\n ldr r4, [%0]\n"
                     "ldrex r4, [%0]\n svc #0\n strex r5, r4, [%0]" // an exception clears it
                     :
                     : "r"(word)
                     : "r0", "r4", "r5", "r6", "cc", "memory");
}

static void bit_band(void) {
    uint32_t addr = (uint32_t)(uintptr_t)&process_stack[5];
    uint32_t alias = 0x22000000 + (addr - 0x20000000) * 32;
    process_stack[5] = 0xa5a5a5a5;
    for (unsigned bit = 0; bit < 32; bit += 5) {
        see(REG(alias + bit * 4));
        REG(alias + bit * 4) = bit & 1 ? 0xfffffffe : 1;
        see(process_stack[5]);
    }
    see(REG8(alias + 2 * 4));
}

static void flags(void) {
    uint32_t value;
    for (uint32_t apsr = 0; apsr < 32; apsr++) {
        __asm__ volatile("msr apsr_nzcvqg, %1\n mrs %0, apsr\n"
                         "sadd8 r4, %0, %0\n sel r5, %0, %1\n"
                         "adcs r4, r5\n sbcs r5, r4\n rors r4, r5\n"
                         "ite hi\n movhi r4, #1\n movls r4, #2\n it ge\n addge r4, #8\n"
                         "ssat r4, #4, %1\n mrs %0, xpsr"
                         : "=&r"(value)
                         : "r"(apsr << 27 | apsr << 16)
                         : "r4", "r5", "cc");
        see(value);
    }
}

static void moved_vectors(void) {
    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        ram_vectors[i] = (uint32_t)(uintptr_t)vectors[i];
    }
    ram_vectors[11] = (uint32_t)(uintptr_t)pendsv_handler;
    REG(VTOR) = (uint32_t)(uintptr_t)ram_vectors;
    see(REG(VTOR));
    __asm__ volatile("svc #0" : : : "memory");
    REG(ICSR) = 1u << 31; // NMI, whose handler steps over the next instruction
    __asm__ volatile("nop\n nop\n nop");
    REG(VTOR) = 0x08000000;
}

static void bad_returns(void) {
    REG(NVIC_ISER) = 1u << 9;
    REG(NVIC_ISPR) = 1u << 9;
    __asm__ volatile("nop\n nop\n nop");
    see(REG(NVIC_IABR));
}

// The frame cannot be stacked: a BusFault (STKERR), behind which SVC is still to come.
static void bad_stack(void) {
    __asm__ volatile("adr.w r5, 1f\n str r5, [%1]\n"
                     "msr psp, %0\n movs r5, #2\n msr control, r5\n isb\n"
                     "svc #0\n nop\n nop\n"
                     ".balign 4\n 1: movs r5, #0\n msr control, r5\n isb\n mrs r5, psp"
                     :
                     : "r"(NOWHERE + 64), "r"(&resume_address)
                     : "r0", "r1", "r2", "r3", "r5", "r12", "lr", "cc", "memory");
}

void reset_handler(void) {
    seen_count = 0; // .bss is what RAM is at power-on: 0 in both
    calls();
    interrupts();
    faults();
    unprivileged();
    exclusives();
    bit_band();
    flags();
    moved_vectors();
    bad_returns();
    bad_stack();
    REG(SHCSR) = 0;
    bad_stack();
    __asm__ volatile("wfe\n sev\n wfe\n dsb\n dmb\n isb");
    for (;;) {
    }
}
