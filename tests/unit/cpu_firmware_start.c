// SPDX-License-Identifier: MIT
//
// The smallest firmware around cpu_firmware_work.c: vectors, .data and .bss, the C library's
// outside. It says that it is done by a write to 0x40000000 of work_text's address.

#include <stddef.h>
#include <stdint.h>

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_start[], bss_end[];
extern char work_text[];
void work(void);

static void reset(void) {
#ifdef __ARM_FP // compiled for the FPU: full access (PM0214 4.6.1)
    *(volatile uint32_t *)0xe000ed88 = 0x00f00000;
    __asm__ volatile("dsb\n isb" : : : "memory");
#endif
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    work();
    *(volatile uint32_t *)0x40000000 = (uint32_t)(uintptr_t)work_text;
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top, (const void *)reset};

static char heap[4096];
static size_t heap_used;

void *_sbrk(int increment);
void *_sbrk(int increment) {
    if (heap_used + (size_t)increment > sizeof heap) {
        return (void *)-1;
    }
    heap_used += (size_t)increment;
    return heap + heap_used - (size_t)increment;
}
