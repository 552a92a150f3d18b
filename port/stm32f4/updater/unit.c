// SPDX-License-Identifier: MIT
//
// Flash operations that are waited for.

#include "port/stm32f4/updater/unit.h"

#include "board.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/registers/flash.h"
#include "port/stm32f4/registers/rcc.h"
#include "port/stm32f4/supply.h"
#include "port/stm32f4/watchdog.h"

// A tick is 1 ms at HSI's 16 MHz and 95 us at 168 MHz: short of any watchdog that survives an erase of
// its own application.
#define TICK_CYCLES       16000u
// 4 s, and twice what the longest operation here takes at most (an erase of 16 KB at x8, 800 ms;
// DS8626 table 40), when ticks are shortest.
#define WAIT_TICKS_MAX    42000u
// Between 10 and 100 ms: longer than the ripple of a plug that is being pulled out or pushed in.
#define SUPPLY_TICKS      100u

// RM0090 7.3.5, 7.3.6: what may write to SRAM by itself, or hold USB's pull-up: DMA1, DMA2, Ethernet,
// OTG_HS; OTG_FS. A part that lacks one ignores its bit.
#define RCC_AHB1RSTR      REGISTER(RCC_BASE + 0x10u)
#define RCC_AHB2RSTR      REGISTER(RCC_BASE + 0x14u)
#define RCC_AHB1RST_BUSY  (1u << 21 | 1u << 22 | 1u << 25 | 1u << 29)
#define RCC_AHB2RST_BUSY  (1u << 7)

// PM0214 4.3.3, 4.3.5: all of 240 interrupts.
#define NVIC_WORDS        8u
#define NVIC_ICER(word)   REGISTER(0xe000e180u + 4u * (word))
#define NVIC_ICPR_WORD(n) REGISTER(0xe000e280u + 4u * (n))

// RM0090 3.9.10: a bit a sector, 0: protected. With SPRMOD (F42x; reserved elsewhere) 1 means PCROP.
#define OPTCR_NWRP_SHIFT  16u
#define OPTCR_SPRMOD      (1u << 31)

static void sleep_until_tick(void) {
    __asm volatile("dsb\n\twfi" ::: "memory");
}

static void forget_tick(void) {
    watchdog_feed();
    SCB_ICSR = SCB_ICSR_PENDSTCLR;
    NVIC_ICPR(FLASH_IRQ) = NVIC_BIT(FLASH_IRQ);
}

void unit_init(void) {
    // The bootloader before may have left USB and its interrupts running.
    RCC_AHB1RSTR = RCC_AHB1RST_BUSY;
    RCC_AHB2RSTR = RCC_AHB2RST_BUSY;
    (void)RCC_AHB2RSTR;
    RCC_AHB1RSTR = 0;
    RCC_AHB2RSTR = 0;
    for (unsigned word = 0; word < NVIC_WORDS; word++) {
        NVIC_ICER(word) = 0xffffffffu;
        NVIC_ICPR_WORD(word) = 0xffffffffu;
    }
    NVIC_ISER(FLASH_IRQ) = NVIC_BIT(FLASH_IRQ);
    STK_CTRL = 0;
    STK_LOAD = TICK_CYCLES - 1u;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;
    // What is read back is to come from flash: caches and prefetch off, the wait states kept.
    FLASH_ACR = FLASH_ACR & FLASH_ACR_LATENCY_MASK;
    supply_init();
}

static bool wait(void) {
    for (uint32_t ticks = 0; ticks < WAIT_TICKS_MAX; ticks++) {
        forget_tick();
        if (!(FLASH_SR & FLASH_SR_BSY)) {
            return true;
        }
        sleep_until_tick();
    }
    return false;
}

// Flags of an earlier operation would pass for this one's (RM0090 3.9.5).
static bool unlock(void) {
    bool is_idle = wait();
    FLASH_SR = FLASH_SR_EOP | FLASH_SR_ERRORS;
    if (FLASH_CR & FLASH_CR_LOCK) {
        FLASH_KEYR = FLASH_KEY1;
        FLASH_KEYR = FLASH_KEY2;
    }
    return is_idle && !(FLASH_CR & FLASH_CR_LOCK);
}

static bool finish(void) {
    bool is_done = wait() && !(FLASH_SR & FLASH_SR_ERRORS);
    FLASH_SR = FLASH_SR_EOP | FLASH_SR_ERRORS;
    FLASH_CR = FLASH_CR_LOCK;
    return is_done;
}

bool unit_erase(unsigned sector) {
    if (!unlock()) {
        return false;
    }
    uint32_t cr =
        FLASH_CR_PSIZE_X32 | FLASH_CR_EOPIE | FLASH_CR_ERRIE | FLASH_CR_SER | FLASH_CR_SNB(sector);
    FLASH_CR = cr;
    FLASH_CR = cr | FLASH_CR_STRT;
    __asm volatile("dsb" ::: "memory"); // BSY is to be seen by the next read of SR
    return finish();
}

bool unit_program(uint32_t addr, uint32_t word) {
    if (!unlock()) {
        return false;
    }
    if (supply_is_safe()) {
        FLASH_CR = FLASH_CR_PSIZE_X32 | FLASH_CR_EOPIE | FLASH_CR_ERRIE | FLASH_CR_PG;
        REGISTER(addr) = word;
        __asm volatile("dsb" ::: "memory");
        return finish();
    }
    FLASH_CR = FLASH_CR_EOPIE | FLASH_CR_ERRIE | FLASH_CR_PG;
    bool is_done = true;
    for (unsigned i = 0; i < 4 && is_done; i++) {
        *(volatile uint8_t *)(uintptr_t)(addr + i) = (uint8_t)(word >> 8 * i);
        __asm volatile("dsb" ::: "memory");
        is_done = wait();
    }
    return finish() && is_done;
}

void unit_await_supply(void) {
    for (unsigned ticks = 0; ticks < SUPPLY_TICKS; ticks = supply_is_safe() ? ticks + 1 : 0) {
        forget_tick();
        sleep_until_tick();
    }
}

void unit_check_supply(void) {
    if (!supply_is_safe()) {
        unit_await_supply();
    }
}

static uint32_t all_sectors(void) {
    return (1u << (CHIP_FLASH_SECTORS < 12 ? CHIP_FLASH_SECTORS : 12)) - 1u;
}

uint32_t unit_protected(void) {
    uint32_t value = FLASH_OPTCR;
    return value & OPTCR_SPRMOD ? 0 : ~(value >> OPTCR_NWRP_SHIFT) & all_sectors();
}

// RM0090 3.7.2.
bool unit_set_protected(uint32_t sectors, bool is_protected) {
    if (!wait()) {
        return false;
    }
    FLASH_OPTKEYR = FLASH_OPTKEY1;
    FLASH_OPTKEYR = FLASH_OPTKEY2;
    uint32_t value = FLASH_OPTCR & ~(FLASH_OPTCR_OPTLOCK | FLASH_OPTCR_OPTSTRT);
    uint32_t bits = sectors << OPTCR_NWRP_SHIFT;
    value = is_protected ? value & ~bits : value | bits;
    FLASH_OPTCR = value;
    FLASH_OPTCR = value | FLASH_OPTCR_OPTSTRT;
    __asm volatile("dsb" ::: "memory");
    bool is_done = wait();
    FLASH_OPTCR |= FLASH_OPTCR_OPTLOCK;
    return is_done && (unit_protected() & sectors) == (is_protected ? sectors : 0);
}
