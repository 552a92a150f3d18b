// SPDX-License-Identifier: MIT
//
// The layout of struct chip, for the peripheral files in this folder only. Each peripheral owns its
// struct here and is reached by the others through the functions named after it below.

#ifndef VBOARD_CHIP_CHIP_STATE_H
#define VBOARD_CHIP_CHIP_STATE_H

#include "vboard/chip/chip.h"
#include "vboard/chip/adc.h"
#include "vboard/chip/dma.h"
#include "vboard/chip/peripheral.h"
#include "vboard/chip/rng.h"
#include "vboard/chip/sdio.h"
#include "vboard/chip/serial_buses.h"
#include "vboard/chip/tim.h"
#include "vboard/chip/usart.h"

// --- RCC: reset and clock control (RM0090 7) ------------------------------------------------------

#define RCC_WORDS (0x98 / 4)
#define LSI_HZ    32000u // DS8626 table 35, typical; 17 to 47 kHz on silicon

struct rcc {
    uint32_t regs[RCC_WORDS];
    uint64_t sysclk_hz, hclk_hz, pclk1_hz, pclk2_hz;
    bool is_used;    // written to since power-on
    uint64_t usb_hz; // the 48 MHz domain; 0 while its PLL is not ready
    struct event hsi_ready, hse_ready, pll_ready, plli2s_ready, pllsai_ready, lsi_ready, lse_ready;
};

extern const struct peripheral rcc_peripheral;
uint64_t rcc_usb_clock_hz(const struct chip *chip);
// A timer's clock: its APB's, or twice or four times that (RM0090 7.2, RCC_DCKCFGR.TIMPRE).
uint64_t rcc_timer_hz(const struct chip *chip, bool is_apb2);
// Chips of this line have this peripheral: its enable bit is there.
bool rcc_has(const struct chip_line *line, const struct peripheral *peripheral);
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
#define RCC_AHB1LPENR    0x50u
#define RCC_AHB2LPENR    0x54u

// --- PWR and the backup domain (RM0090 5, 26) ------------------------------------------------------

struct pwr {
    uint32_t cr, csr;
    bool wkup; // the level at PA0
};

extern const struct peripheral pwr_peripheral;
// PWR_CR.DBP: the backup domain may be written.
bool pwr_backup_is_writable(const struct chip *chip);
// What PWR_CR.VOS and over-drive allow.
uint64_t pwr_hclk_limit_hz(const struct chip *chip);
// PWR_CR.PDDS; and of Stop: 0 regulator on, 1 in low-power mode (LPDS), 2 flash off too (FPDS).
bool pwr_is_standby(const struct chip *chip);
unsigned pwr_stop_depth(const struct chip *chip);
// PWR_CSR.WUF and SBF.
bool pwr_wakeup_flag(const struct chip *chip);
void pwr_set_standby_flag(struct chip *chip);
// The level at WKUP (PA0), and an RTC alarm, wake-up, tamper or time stamp event (RM0090 5.4.2, WUF).
void pwr_wakeup_pin(struct chip *chip, bool level);
void pwr_rtc_event(struct chip *chip);

#define PWR_NEWS_STOP 0x40007010u // for chip_is_news()

// --- Stop and Standby (low_power.c) -------------------------------------------------------------------

struct low_power {
    enum { LOW_POWER_NONE, LOW_POWER_STOP, LOW_POWER_STANDBY } mode;
};

// The processor sleeps with SLEEPDEEP.
void low_power_enter(struct chip *chip);
// True while the processor has no clock; ends Stop where something has come. At the start of a slice.
bool low_power_is_off(struct chip *chip);
void low_power_end_standby(struct chip *chip);
// Power went, or a reset comes.
void low_power_reset(struct chip *chip);
// Stop was entered: HSE and PLL off, HSI the system clock from here on (RM0090 5.3.5, 7.3.1).
void rcc_stop_clocks(struct chip *chip);

#define RTC_WORDS    (0xA0 / 4)
#define BKPSRAM_SIZE 4096u

struct rtc {
    uint32_t regs[RTC_WORDS];
    unsigned key;  // how much of the WPR key came: 2 unlocked
    bool is_alive; // has had power once
    // Seconds since base_ps, of which `counted` are in the calendar.
    uint64_t clock_hz, base_ps, counted;
    uint64_t shadow_ps; // the shadow registers are up to date from then on
    struct event second, wake_up;
    bool rings[3]; // levels: alarm, wake-up, time stamp or tamper
    uint32_t sram[BKPSRAM_SIZE / 4];
};

extern const struct peripheral rtc_peripheral;
extern const struct peripheral bkpsram_peripheral;
// PC13, which is RTC_AF1 besides, changed its level (rtc_stamps.c).
void rtc_pin_changed(struct chip *chip);
// Between rtc.c and rtc_stamps.c: the calendar up to date, RTC_SSR, the lines to EXTI; and whether a stamp or a
// tampering asks for its interrupt, what a register's new value asks for, flags cleared, backup registers shut.
void rtc_settle(struct chip *chip);
uint32_t rtc_sub_second(const struct chip *chip);
void rtc_update_lines(struct chip *chip);
bool rtc_stamps_ring(const struct chip *chip);
void rtc_stamps_written(struct chip *chip, uint32_t off, uint32_t before);
void rtc_stamps_cleared(struct chip *chip);
bool rtc_stamps_hold_backup(const struct chip *chip);
// RCC_BDCR.BDRST.
void rtc_backup_reset(struct chip *chip);
// RTCCLK began, ended or is another one.
void rtc_clock_changed(struct chip *chip);
void rtc_free(struct chip *chip);
// What RCC_BDCR gives the RTC; 0: nothing.
uint64_t rcc_rtc_clock_hz(const struct chip *chip);
// As RCC_BDCR.RTCSEL numbers them: 1 LSE, 2 LSI, 3 HSE behind RTCPRE; 0 where it does not run.
uint64_t rcc_slow_clock_hz(const struct chip *chip, unsigned rtcsel);
// PWR_CSR.BRE: backup SRAM lives on the battery.
bool pwr_has_backup_regulator(const struct chip *chip);

// The detector's threshold, PWR_CR.PLS, and whether it is on.
unsigned pwr_pvd_level(const struct chip *chip, bool *is_on);

// --- the supply voltage (supply.c) -----------------------------------------------------------------

struct supply {
    unsigned mv;
    bool is_below_pvd;  // PWR_CSR.PVDO
    bool is_held;       // brown-out: the chip stays in reset
    bool is_power_lost; // so deep that it comes back as from power-on
};

#define SUPPLY_MV 3300u // until somebody sets another

// The highest PSIZE that flash can be programmed and erased with.
unsigned supply_max_psize(const struct chip *chip);
// How many flash needs at this HCLK.
unsigned supply_wait_states(const struct chip *chip, uint64_t hclk_hz);
bool supply_is_below_pvd(const struct chip *chip);
// PWR_CR was written or reset.
void supply_update_pvd(struct chip *chip);
// Power has come up: holds the chip in reset while the supply is too low.
void supply_power_on(struct chip *chip);

// --- FLASH interface (RM0090 3) ---------------------------------------------------------------------

#define FLASH_SECTORS    CHIP_FLASH_SECTORS_MAX
#define FLASH_BASE       0x08000000u
#define FLASH_BANKS      2u

// Snapshots share what did not change between them, by pages.
#define FLASH_PAGE_BYTES 4096u
#define FLASH_PAGES_MAX  512u // 2 MB

struct flash {
    uint8_t *bytes;
    struct flash_pages *pages; // which contents each page has (snapshot.c)
    uint32_t acr, sr, cr, optcr, optcr1;
    uint32_t option, option1; // what the option bytes hold: OPTCR and OPTCR1 after a reset
    unsigned key, option_key;
    bool is_jammed, option_is_jammed; // a wrong key: locked until reset
    bool maximum_times;

    // The operation under way.
    bool is_busy;
    bool is_undersupplied; // the supply is too low for its parallelism
    enum chip_flash_kind kind;
    uint32_t op_addr, op_len; // as the processor sees it
    uint32_t op_off;          // in `bytes`
    unsigned op_banks;        // a bit each
    uint64_t op_value;
    uint64_t busy_until_ps;
    struct event done;

    // x64 programming: the first of the two words (RM0090 3.6.4).
    bool has_first_word;
    uint32_t first_addr, first_value;

    // Programming of ascending addresses, told in one trace line.
    uint32_t run_addr, run_len;
    uint64_t run_stalls, run_last_ps;
    uint64_t run_from_ps, run_to_ps, run_busy_ps;
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
    uint64_t programmed_bytes[FLASH_SECTORS];
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
// Where an address of flash lies in `bytes`, and the other way (RM0090 9.3.1, FB_MODE: banks change places).
uint32_t flash_off(const struct chip *chip, uint32_t addr);
uint32_t flash_addr(const struct chip *chip, uint32_t off);
// 2 where an operation stalls accesses to its own bank alone (RM0090 3.4, table 6).
unsigned flash_bank_count(const struct chip *chip);
unsigned flash_wait_states(const struct chip *chip);
// The level of read protection that option bytes ask for: 0, 1 or 2 (RM0090 3.6.5, table 17).
static inline unsigned flash_read_level(uint32_t option) {
    uint32_t rdp = option >> 8 & 0xFF;
    return rdp == 0xAA ? 0 : rdp == 0xCC ? 2 : 1;
}
// The supply changed, perhaps in the middle of an operation.
void flash_supply_changed(struct chip *chip);
// Somebody else than firmware wrote these bytes, from the start of flash: they are what they are.
void flash_forget_weak(struct chip *chip, uint32_t off, uint32_t len);
void flash_free(struct chip *chip);

// --- snapshots (snapshot.c) ---------------------------------------------------------------------------

// `weak` is as long as `bytes`.
struct flash_pages *flash_pages_new(void);
// Bytes or weak bits of a range, from the start of flash, are no longer what they were.
void flash_pages_changed(struct flash_pages *pages, uint32_t off, uint32_t len);
void flash_pages_free(struct flash_pages *pages);

// --- ART accelerator (RM0090 3.5.2, art.c) ----------------------------------------------------------

#define ART_LINE_BYTES 16u
#define ART_DATA_LINES 8u

struct art_line {
    uint32_t off; // in flash.bytes
    uint8_t bytes[ART_LINE_BYTES];
    bool is_stale;
};

struct art {
    struct art_line data[ART_DATA_LINES]; // most recently read first
    unsigned data_count;
    // Lines whose instructions were executed before they changed: old contents, and a flag each;
    // NULL until the first.
    uint8_t *old_code, *stale_code;
    uint32_t stale_code_count;
};

// FLASH_ACR or the memory at address 0 changed, or FLASH_CR was locked or unlocked.
void art_configure(struct chip *chip);
void art_reset_instructions(struct chip *chip);
void art_reset_data(struct chip *chip);
// Around every change of flash by its own operations; `off` in its bytes.
void art_before_change(struct chip *chip, uint32_t off, uint32_t len, bool is_erase);
void art_programmed(struct chip *chip, uint32_t off, uint32_t len);
void art_watched_fetch(void *chip, uint32_t addr, uint16_t *halfword);
void art_watched_load(void *chip, uint32_t addr, unsigned size, uint32_t *value);
void art_free(struct chip *chip);

// --- GPIO (RM0090 8) --------------------------------------------------------------------------------

#define GPIO_PORTS 11u
#define GPIO_PINS  16u

struct gpio_port {
    struct chip *chip;
    unsigned index;
    uint32_t moder, otyper, ospeedr, pupdr, odr, lckr, afr[2];
    unsigned lock_step;
    bool is_locked;
    uint16_t idr;
    int8_t outside[GPIO_PINS];  // level driven from outside, -1: none
    int8_t shown[GPIO_PINS];    // last level of a general-purpose output that was traced, -1: none
    int8_t observed[GPIO_PINS]; // last level the observer was told of
};

extern const struct peripheral gpio_peripherals[GPIO_PORTS]; // ctx is filled in by chip.c
// Of those that the chip has.
bool gpio_find_pin(const struct chip *chip, const char *name, unsigned *port, unsigned *pin);
void gpio_drive(struct chip *chip, unsigned port, unsigned pin, int level);
int gpio_level(const struct chip *chip, unsigned port, unsigned pin);
// The pin is in this alternate function, and its port is clocked.
bool gpio_is_alternate(const struct chip *chip, unsigned port, unsigned pin, unsigned function);
// The same, whether its port is clocked or not; if it is in another mode, `mode` names that ("an input").
#define GPIO_MODE_MAX 32u
bool gpio_is_set_to(const struct chip *chip, unsigned port, unsigned pin, unsigned function,
                    char mode[GPIO_MODE_MAX]);
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

// --- IWDG, WWDG, CRC (RM0090 21, 22, 4) ------------------------------------------------------------------

#define IWDG_BASE 0x40003000u

struct iwdg {
    uint32_t pr, rlr;
    bool is_open; // PR and RLR may be written
    bool is_running;
    struct event bite;
};

struct wwdg {
    uint32_t cr, cfr;
    bool ewif;
    uint64_t since_ps, tick_ps; // CR.T was its value then
    struct event event;
    bool is_halted;
    uint64_t halted_ps, left_ps; // since when, and what the event was off
};

struct crc {
    uint32_t dr, idr;
};

extern const struct peripheral iwdg_peripheral, wwdg_peripheral, crc_peripheral;
void watchdogs_free(struct chip *chip);

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
enum reset_cause {
    RESET_NONE,
    RESET_POWER_ON,
    RESET_PIN,
    RESET_SOFTWARE,
    RESET_BROWN_OUT,
    RESET_IWDG,
    RESET_WWDG,
    RESET_LOW_POWER, // instead of Stop or Standby
    RESET_STANDBY,   // out of Standby
    RESET_POWER_OFF
};

#define REPORTED_MAX 4096u

// A snapshot copies this struct whole, and both OTG cores: a member is state unless snapshot.c names
// it. So: no pointers but to what lives as long as the chip and is not state, or is kept by
// snapshot.c; memory of a peripheral's own belongs in its struct. Events are found in it by address.
struct chip {
    const struct chip_model *model;
    struct chip_wiring wiring;
    struct timeline *timeline;
    struct trace *trace;
    struct cpu *cpu;
    chip_symbolizer symbol;
    void *symbol_ctx;
    struct chip_observer observer;
    chip_semihosting_hook semihosting_hook;
    void *semihosting_ctx;
    chip_stimulus_hook stimulus_hook;
    void *stimulus_ctx;

    // Time of the processor: base_ps + (cycles - base_cycles) at core_hz.
    uint64_t core_hz, base_ps, base_cycles;
    bool is_powered;
    uint32_t power_ups;
    bool is_running; // inside the runner's run()
    bool is_interrupted;
    enum reset_cause pending_reset;

    uint32_t stuck_addr, stuck_mask, stuck_value; // chip_stick()
    uint64_t hook_number;                         // of the instruction; 0: none
    chip_instruction_hook instruction_hook;
    void *instruction_ctx;
    chip_debug_hook debug_hook;
    void *debug_ctx;

    uint8_t *sram, *ccm, *system;
    // Memory in two halves where there may be two banks, in the order of addresses; the same at address 0.
    unsigned flash_region[FLASH_BANKS], boot_region[FLASH_BANKS], flash_regions;
    unsigned system_region;
    bool is_bank_swapped; // SYSCFG_MEMRMP.FB_MODE: bank 2 comes first
    bool boot0;           // the pin's level
    bool is_system_boot;  // the pins chose ST's bootloader at the last reset
    bool is_flash_shut;   // read protection, and not booted from flash
    enum { BOOT_FLASH, BOOT_SYSTEM, BOOT_FSMC, BOOT_SRAM } boot; // what is at address 0

    const struct peripheral *slots[2][SLOTS_A_REGION];
    const struct peripheral *dbgmcu_slot;     // 0xE0042000, on the private peripheral bus
    const struct peripheral *memory_slots[2]; // 0xA0000000: FSMC or FMC, and QUADSPI, by 4 KB
    struct peripheral *peripherals;           // all of them, with their ctx
    size_t peripheral_count;
    bool bus_error; // set by a peripheral's write: the access ends in a bus error

    // Unmodelled accesses already told, by address and place in the code.
    struct reported {
        uint64_t key;
        size_t grievance; // in the trace; 0: none
    } reported[REPORTED_MAX];
    size_t reported_count;
    struct reported *news[2]; // whose grievance the complaint under way makes
    unsigned long complaints_before;
    uint32_t program_writes;
    bool is_empty;     // the last reset found nothing to start from,
    bool has_no_start; // or something that is no vector table

    struct rcc rcc;
    struct pwr pwr;
    struct supply supply;
    struct low_power low_power;
    struct rtc rtc;
    struct flash flash;
    struct art art;
    struct gpio_port gpio[GPIO_PORTS];
    struct syscfg syscfg;
    struct exti exti;
    struct dbgmcu dbgmcu;
    struct iwdg iwdg;
    struct wwdg wwdg;
    struct crc crc;
    struct usart usart[USARTS];
    struct tim tim[TIMS];
    struct rng rng;
    struct sdio sdio;
    struct dac dac;
    struct adc adc[ADCS];
    uint32_t adc_ccr;
    struct spi spi[SPIS];
    struct i2c i2c[I2CS];
    struct can can[CANS];
    struct dma dma[DMAS];
    struct otg *otg_fs, *otg_hs; // otg_hs NULL where the chip has none
    bool was_stopped_asleep[2];  // told of by otg_wiring.c: OTG_FS, OTG_HS
    uint32_t dma_missed;         // where OTG_HS's DMA last found no memory to send from
    bool has_dma_missed;
};

#define WHERE_MAX 96u

// "0x08001234 (main+0x12)", the place in the code being executed; returns `text`.
const char *chip_where(const struct chip *chip, char text[WHERE_MAX]);
// The function being executed, "?" where there is no symbol.
const char *chip_symbol(const struct chip *chip);
// The second word of flash, where the reset vector is.
uint32_t chip_reset_vector(const struct chip *chip);
// True the first time something happens at this place in the code (symbol, or PC without one): the
// caller complains of it at once. Later times are counted for that complaint.
bool chip_is_news(struct chip *chip, uint32_t addr);
// The same for what is no complaint, such as a line of the trace.
bool chip_is_first(struct chip *chip, uint32_t addr);
// Lets time pass for the processor in the middle of an access; everything else goes on.
void chip_stand_still(struct chip *chip, uint64_t until_ps);
// Resets now, or after the instruction under way.
void chip_request_reset(struct chip *chip, enum reset_cause cause);
// The processor goes on from the present instant: it had no time while it was held in reset.
void chip_rebase(struct chip *chip);
// So much time passes for the processor before its next instruction.
void chip_take_time(struct chip *chip, uint64_t ps);
// The 1.2 V domain loses its power: every peripheral is reset but IWDG and the backup domain.
void chip_lose_registers(struct chip *chip);
// HCLK is now this; the time passed so far stays what it was.
void chip_set_core_hz(struct chip *chip, uint64_t hz);
// What a pin of this port (0 = A) is used for may have changed.
void chip_usb_pins_changed(struct chip *chip, unsigned port);
// PLL48CK may have changed.
void chip_usb_clock_changed(struct chip *chip);
// False from chip_power_off() on, also while the instruction under way ends.
bool chip_has_power(const struct chip *chip);
// Puts flash, system memory or SRAM at address 0, and its banks in order (SYSCFG_MEMRMP).
void chip_remap(struct chip *chip, uint32_t memrmp);
// Guards banks of flash while they are busy, and no others.
void chip_guard_flash(struct chip *chip, unsigned banks);
// Resets the peripherals of an enable register whose RSTR bits went high.
void chip_reset_peripherals(struct chip *chip, uint32_t enable_register, uint32_t bits);
// Puts a peripheral at its addresses; a later one takes the place of an earlier one. The struct
// stays the caller's.
void chip_place(struct chip *chip, const struct peripheral *peripheral);
// The same for a copy of it that is reset with the chip, with its context. A chip that has no such
// peripheral gets none.
void chip_add_peripheral(struct chip *chip, const struct peripheral *peripheral, void *ctx);

// The bus as the processor meets it; also what tests of peripherals use.
bool chip_bus_read(void *chip, uint32_t addr, unsigned size, uint32_t *value);
bool chip_bus_write(void *chip, uint32_t addr, unsigned size, uint32_t value);
void chip_bus_guarded(void *chip, uint32_t addr, enum cpu_access access);

// Memory as a bus master other than the processor reaches it (RM0090 2.1: SRAM, and flash for
// reading; not CCM). False for anything else.
bool chip_master_load(void *chip, uint32_t addr, uint8_t *data, uint32_t len);
bool chip_master_store(void *chip, uint32_t addr, const uint8_t *data, uint32_t len);

// Peripherals that exist and are not modelled, for complaints (address_map.c).
extern const struct peripheral unmodelled_peripherals[];
extern const size_t unmodelled_count;
#define FSMC_BASE 0xA0000000u // RM0090 table 1, RM0390 table 1

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
