// SPDX-License-Identifier: MIT
//
// The layout of struct chip, for the peripheral files in this folder only. Each peripheral owns its
// struct here and is reached by the others through the functions named after it below.

#ifndef VBOARD_CHIP_CHIP_STATE_H
#define VBOARD_CHIP_CHIP_STATE_H

#include "vboard/chip/chip.h"
#include "vboard/chip/peripheral.h"

// --- RCC: reset and clock control (RM0090 7) ------------------------------------------------------

#define RCC_WORDS (0x88 / 4)

struct rcc {
    uint32_t regs[RCC_WORDS];
    uint64_t sysclk_hz, hclk_hz, pclk1_hz, pclk2_hz;
    uint64_t usb_hz; // PLL output Q: 48 MHz domain; 0 while the PLL is not ready
    struct event hsi_ready, hse_ready, pll_ready, plli2s_ready, lsi_ready, lse_ready;
};

extern const struct peripheral rcc_peripheral;
uint64_t rcc_usb_clock_hz(const struct chip *chip);
void rcc_free(struct chip *chip);
void rcc_set_reset_flags(struct chip *chip, uint32_t flags);
// Complains where the flash wait states are too few for HCLK (RM0090 table 10).
void rcc_check_wait_states(struct chip *chip);

#define RCC_CSR_BORRSTF  (1u << 25)
#define RCC_CSR_PINRSTF  (1u << 26)
#define RCC_CSR_PORRSTF  (1u << 27)
#define RCC_CSR_SFTRSTF  (1u << 28)
#define RCC_CSR_IWDGRSTF (1u << 29)
#define RCC_CSR_WWDGRSTF (1u << 30)
#define RCC_CSR_LPWRRSTF (1u << 31)

// Offsets of the enable registers, for peripheral tables.
#define RCC_AHB1ENR      0x30u
#define RCC_AHB2ENR      0x34u
#define RCC_AHB3ENR      0x38u
#define RCC_APB1ENR      0x40u
#define RCC_APB2ENR      0x44u

// --- PWR and the backup domain (RM0090 5, 26) ------------------------------------------------------

struct pwr {
    uint32_t cr, csr;
};

extern const struct peripheral pwr_peripheral;
// PWR_CR.DBP: the backup domain may be written.
bool pwr_backup_is_writable(const struct chip *chip);
bool pwr_is_scale_1(const struct chip *chip);

#define RTC_WORDS    (0xA0 / 4)
#define BKPSRAM_SIZE 4096u

struct rtc {
    uint32_t regs[RTC_WORDS];
    unsigned key; // how much of the WPR key came: 2 unlocked
    uint32_t sram[BKPSRAM_SIZE / 4];
};

extern const struct peripheral rtc_peripheral;
extern const struct peripheral bkpsram_peripheral;
// RCC_BDCR.BDRST.
void rtc_backup_reset(struct chip *chip);

// --- FLASH interface (RM0090 3) ---------------------------------------------------------------------

#define FLASH_SECTORS 12u
#define FLASH_BASE    0x08000000u

struct flash {
    uint8_t *bytes;
    uint32_t acr, sr, cr, optcr;
    uint32_t option; // what the option bytes hold: OPTCR after a reset
    unsigned key, option_key;
    bool is_jammed, option_is_jammed; // a wrong key: locked until reset
    bool maximum_times;

    // The operation under way.
    bool is_busy;
    enum chip_flash_kind kind;
    uint32_t op_addr, op_len;
    uint64_t op_value;
    uint64_t busy_until_ps;
    struct event done;

    // x64 programming: the first of the two words (RM0090 3.6.4).
    bool has_first_word;
    uint32_t first_addr, first_value;

    // Programming of ascending addresses, told in one trace line.
    uint32_t run_addr, run_len;
    uint64_t run_stalls, run_last_ps;
    struct event run_idle;

    // What cuts left behind (flash_fault.c).
    uint8_t *weak; // bits that are neither 0 nor 1 for sure, beside `bytes`
    bool has_weak[FLASH_SECTORS];
    bool is_half_erased[FLASH_SECTORS];
    uint64_t tear_seed;
    uint64_t draws;     // how often weak bits were drawn
    bool is_cut_inside; // chip_power_off_inside()

    uint64_t op_count;
    uint32_t erase_count[FLASH_SECTORS];
    struct chip_flash_stalls stalls;
    chip_flash_hook hook;
    void *hook_ctx;
};

extern const struct peripheral flash_peripheral;
// A store to the flash address space, `addr` from 0x08000000.
void flash_store(struct chip *chip, uint32_t addr, unsigned size, uint32_t value);
// An access to flash memory or to FLASH_CR that has to wait for the operation under way: time
// passes until it ends.
void flash_wait(struct chip *chip, uint32_t addr, enum cpu_access access);
unsigned flash_wait_states(const struct chip *chip);
// Somebody else than firmware wrote these bytes, from the start of flash: they are what they are.
void flash_forget_weak(struct chip *chip, uint32_t off, uint32_t len);
void flash_free(struct chip *chip);

// --- GPIO (RM0090 8) --------------------------------------------------------------------------------

#define GPIO_PORTS 9u
#define GPIO_PINS  16u

struct gpio_port {
    struct chip *chip;
    unsigned index;
    uint32_t moder, otyper, ospeedr, pupdr, odr, lckr, afr[2];
    unsigned lock_step;
    bool is_locked;
    uint16_t idr;
    int8_t outside[GPIO_PINS]; // level driven from outside, -1: none
    int8_t shown[GPIO_PINS];   // last level of a general-purpose output that was traced, -1: none
};

extern const struct peripheral gpio_peripherals[GPIO_PORTS]; // ctx is filled in by chip.c
bool gpio_find_pin(const char *name, unsigned *port, unsigned *pin);
void gpio_drive(struct chip *chip, unsigned port, unsigned pin, int level);
int gpio_level(const struct chip *chip, unsigned port, unsigned pin);
bool gpio_input(const struct chip *chip, unsigned port, unsigned pin);

// --- SYSCFG, EXTI (RM0090 9, 12) ----------------------------------------------------------------------

struct syscfg {
    uint32_t memrmp, pmc, exticr[4];
};

extern const struct peripheral syscfg_peripheral;
// The port (0 = A) that feeds EXTI line `pin`.
unsigned syscfg_exti_port(const struct chip *chip, unsigned pin);

#define EXTI_LINES 23u

struct exti {
    uint32_t imr, emr, rtsr, ftsr, swier, pr;
    uint32_t levels; // at the inputs
};

extern const struct peripheral exti_peripheral;
// The level at an EXTI line's input: 0-15 pins, 16 PVD, 17 RTC alarm, 18 OTG_FS wake-up ...
void exti_set_line(struct chip *chip, unsigned line, bool level);

// --- DBGMCU (RM0090 38.16) and what else answers at fixed addresses -------------------------------------

struct dbgmcu {
    uint32_t cr, apb1_fz, apb2_fz;
};

extern const struct peripheral dbgmcu_peripheral;

// System memory, OTP, unique id, flash size, option bytes: 0x1FFF0000-0x1FFFFFFF (RM0090 table 5).
#define SYSTEM_BASE 0x1FFF0000u
#define SYSTEM_SIZE 0x10000u
void system_memory_fill(struct chip *chip);
// The option bytes as memory, from flash.option.
void system_memory_show_option(struct chip *chip);

// --- the chip ---------------------------------------------------------------------------------------------

// Peripherals are found by 1 KB slot: 0x40000000-0x4007FFFF, then 0x50000000-0x5007FFFF.
#define SLOT_SIZE      0x400u
#define SLOTS_A_REGION 512u

// The last is none of a chip's reset causes: power goes.
enum reset_cause { RESET_NONE, RESET_POWER_ON, RESET_PIN, RESET_SOFTWARE, RESET_POWER_OFF };

#define REPORTED_MAX 4096u

struct chip {
    const struct chip_model *model;
    struct chip_wiring wiring;
    struct timeline *timeline;
    struct trace *trace;
    struct cpu *cpu;
    chip_symbolizer symbol;
    void *symbol_ctx;

    // Time of the processor: base_ps + (cycles - base_cycles) at core_hz.
    uint64_t core_hz, base_ps, base_cycles;
    bool is_powered;
    uint32_t power_ups;
    bool is_running; // inside the runner's run()
    bool is_interrupted;
    enum reset_cause pending_reset;

    uint8_t *sram, *ccm, *system;
    unsigned flash_region, boot_region, system_region;
    enum { BOOT_FLASH, BOOT_SYSTEM, BOOT_FSMC, BOOT_SRAM } boot; // what is at address 0

    const struct peripheral *slots[2][SLOTS_A_REGION];
    const struct peripheral *dbgmcu_slot; // 0xE0042000, on the private peripheral bus
    struct peripheral *peripherals;       // all of them, with their ctx
    size_t peripheral_count;
    bool bus_error; // set by a peripheral's write: the access ends in a bus error

    // Unmodelled accesses already told, by address and place in the code.
    uint64_t reported[REPORTED_MAX];
    size_t reported_count;

    struct rcc rcc;
    struct pwr pwr;
    struct rtc rtc;
    struct flash flash;
    struct gpio_port gpio[GPIO_PORTS];
    struct syscfg syscfg;
    struct exti exti;
    struct dbgmcu dbgmcu;
    struct otg *otg_fs;
};

#define WHERE_MAX 96u

// "0x08001234 (main+0x12)", the place in the code being executed; returns `text`.
const char *chip_where(const struct chip *chip, char text[WHERE_MAX]);
// The function being executed, "?" where there is no symbol.
const char *chip_symbol(const struct chip *chip);
// True the first time something happens at this place in the code (symbol, or PC without one).
bool chip_is_news(struct chip *chip, uint32_t addr);
// Lets time pass for the processor in the middle of an access; everything else goes on.
void chip_stand_still(struct chip *chip, uint64_t until_ps);
// HCLK is now this; the time passed so far stays what it was.
void chip_set_core_hz(struct chip *chip, uint64_t hz);
// PLL48CK may have changed.
void chip_usb_clock_changed(struct chip *chip);
// False from chip_power_off() on, also while the instruction under way ends.
bool chip_has_power(const struct chip *chip);
// Puts flash, system memory or SRAM at address 0 (SYSCFG_MEMRMP).
void chip_remap(struct chip *chip, unsigned mode);
// Guards flash while it is busy.
void chip_guard_flash(struct chip *chip, bool is_guarded);
// Resets the peripherals of an enable register whose RSTR bits went high.
void chip_reset_peripherals(struct chip *chip, uint32_t enable_register, uint32_t bits);
// Puts a peripheral at its addresses; a later one takes the place of an earlier one. The struct
// stays the caller's.
void chip_place(struct chip *chip, const struct peripheral *peripheral);
// The same for a copy of it that is reset with the chip, with its context.
void chip_add_peripheral(struct chip *chip, const struct peripheral *peripheral, void *ctx);

// The bus as the processor meets it; also what tests of peripherals use.
bool chip_bus_read(void *chip, uint32_t addr, unsigned size, uint32_t *value);
bool chip_bus_write(void *chip, uint32_t addr, unsigned size, uint32_t value);
void chip_bus_guarded(void *chip, uint32_t addr, enum cpu_access access);

// Peripherals that exist and are not modelled, for complaints (address_map.c).
extern const struct peripheral unmodelled_peripherals[];
extern const size_t unmodelled_count;

// On every access to a peripheral, so inline.
static inline bool rcc_is_clocked(const struct chip *chip, const struct peripheral *peripheral) {
    return !peripheral->enable_register ||
           (chip->rcc.regs[peripheral->enable_register / 4] & peripheral->enable_bit);
}

// Each RSTR register lies 0x20 below its ENR (RM0090 7.3.24).
static inline bool rcc_is_in_reset(const struct chip *chip, const struct peripheral *peripheral) {
    return peripheral->enable_register &&
           (chip->rcc.regs[(peripheral->enable_register - 0x20) / 4] & peripheral->enable_bit);
}

// Merges a write into a register.
static inline void merge(uint32_t *reg, uint32_t value, uint32_t mask) {
    *reg = (*reg & ~mask) | (value & mask);
}

#endif
