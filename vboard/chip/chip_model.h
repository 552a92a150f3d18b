// SPDX-License-Identifier: MIT
//
// Which chip: data over shared models. A line is what one section of a reference manual describes (the same
// registers and limits whatever the memory sizes); a chip is a line with sizes. What is where it always is in
// the STM32F4 (addresses, interrupt numbers, enable bits) is not here: a peripheral exists on a line when its
// enable bit in RCC does.

#ifndef VBOARD_CHIP_CHIP_MODEL_H
#define VBOARD_CHIP_CHIP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otg_config;

// HCLK's upper limit in MHz by the number of wait states, a row for each supply of RM0090 table 10 (from 2.7,
// 2.4, 2.1 and 1.8 V); 0 ends a row.
#define WAIT_STATES_MAX 9u
struct wait_limits {
    uint8_t mhz[4][WAIT_STATES_MAX];
};

struct chip_line {
    const char *manual; // whose section numbers hold: "RM0090"
    uint32_t idcode;    // DBGMCU_IDCODE
    unsigned irq_count; // positions in the vector table

    // FLASH. The bits that can be written, and whether flash above 1 MB, or with DB1M, is in two banks.
    uint32_t flash_cr, optcr;
    bool has_two_banks;

    // Clocks. HCLK by PWR_CR.VOS, without and with over-drive; MHz.
    uint8_t hclk_mhz[4], over_drive_mhz[4];
    uint8_t pclk1_mhz, pclk2_mhz;
    uint8_t vco_min_mhz;
    const struct wait_limits *wait_limits;

    // RCC's enable registers: the bits that are there. What follows from them is rcc.c's.
    uint32_t ahb1enr, ahb2enr, ahb3enr, apb1enr, apb2enr;
    bool has_fmc; // AHB3ENR's bit 0 is FMC's, not FSMC's
    uint32_t ahb1lpenr_memories, ahb2lpenr;
    // The other registers that differ; 0: not there. Bits, and values after a reset.
    uint32_t pllcfgr, plli2scfgr, plli2scfgr_reset, pllsaicfgr, pllsaicfgr_reset;
    uint32_t dckcfgr, dckcfgr2, ckgatenr;

    uint32_t pwr_cr, pwr_cr_reset;
    uint32_t memrmp, pmc; // SYSCFG
    uint32_t apb1_fz, apb2_fz;

    // ADC1: the temperature sensor is at channel 18, too, and what divides VBAT there.
    bool has_shared_sensor;
    uint8_t vbat_divider;

    const struct otg_config *otg_fs, *otg_hs; // otg_hs NULL: none
};

struct chip_model {
    const char *name;     // "STM32F407VG"
    uint32_t flash_bytes; // at 0x08000000
    uint32_t sram_bytes;  // at 0x20000000, all of them together
    uint32_t ccm_bytes;   // at 0x10000000; 0: none
    const struct chip_line *line;
};

// Every chip: name, KB of flash, SRAM and CCM, line. Sizes from the datasheets' tables "features and
// peripheral counts": DS9716 (F401xB, xC), DS10086 (F401xD, xE), DS8626 (F405, F407), DS8597 (F415, F417),
// DS10314 (F411), DS9405 (F427, F429), DS9484 (F437, F439), DS10693 (F446).
#define CHIP_MODELS(CHIP)                                                                          \
    CHIP(STM32F401CB, 128, 64, 0, line_f401bc)                                                     \
    CHIP(STM32F401RB, 128, 64, 0, line_f401bc)                                                     \
    CHIP(STM32F401VB, 128, 64, 0, line_f401bc)                                                     \
    CHIP(STM32F401CC, 256, 64, 0, line_f401bc)                                                     \
    CHIP(STM32F401RC, 256, 64, 0, line_f401bc)                                                     \
    CHIP(STM32F401VC, 256, 64, 0, line_f401bc)                                                     \
    CHIP(STM32F401CD, 384, 96, 0, line_f401de)                                                     \
    CHIP(STM32F401RD, 384, 96, 0, line_f401de)                                                     \
    CHIP(STM32F401VD, 384, 96, 0, line_f401de)                                                     \
    CHIP(STM32F401CE, 512, 96, 0, line_f401de)                                                     \
    CHIP(STM32F401RE, 512, 96, 0, line_f401de)                                                     \
    CHIP(STM32F401VE, 512, 96, 0, line_f401de)                                                     \
    CHIP(STM32F405OE, 512, 128, 64, line_f405)                                                     \
    CHIP(STM32F405OG, 1024, 128, 64, line_f405)                                                    \
    CHIP(STM32F405RG, 1024, 128, 64, line_f405)                                                    \
    CHIP(STM32F405VG, 1024, 128, 64, line_f405)                                                    \
    CHIP(STM32F405ZG, 1024, 128, 64, line_f405)                                                    \
    CHIP(STM32F407VE, 512, 128, 64, line_f407)                                                     \
    CHIP(STM32F407ZE, 512, 128, 64, line_f407)                                                     \
    CHIP(STM32F407IE, 512, 128, 64, line_f407)                                                     \
    CHIP(STM32F407VG, 1024, 128, 64, line_f407)                                                    \
    CHIP(STM32F407ZG, 1024, 128, 64, line_f407)                                                    \
    CHIP(STM32F407IG, 1024, 128, 64, line_f407)                                                    \
    CHIP(STM32F411CC, 256, 128, 0, line_f411)                                                      \
    CHIP(STM32F411RC, 256, 128, 0, line_f411)                                                      \
    CHIP(STM32F411VC, 256, 128, 0, line_f411)                                                      \
    CHIP(STM32F411CE, 512, 128, 0, line_f411)                                                      \
    CHIP(STM32F411RE, 512, 128, 0, line_f411)                                                      \
    CHIP(STM32F411VE, 512, 128, 0, line_f411)                                                      \
    CHIP(STM32F415OG, 1024, 128, 64, line_f415)                                                    \
    CHIP(STM32F415RG, 1024, 128, 64, line_f415)                                                    \
    CHIP(STM32F415VG, 1024, 128, 64, line_f415)                                                    \
    CHIP(STM32F415ZG, 1024, 128, 64, line_f415)                                                    \
    CHIP(STM32F417VE, 512, 128, 64, line_f417)                                                     \
    CHIP(STM32F417ZE, 512, 128, 64, line_f417)                                                     \
    CHIP(STM32F417IE, 512, 128, 64, line_f417)                                                     \
    CHIP(STM32F417VG, 1024, 128, 64, line_f417)                                                    \
    CHIP(STM32F417ZG, 1024, 128, 64, line_f417)                                                    \
    CHIP(STM32F417IG, 1024, 128, 64, line_f417)                                                    \
    CHIP(STM32F427VG, 1024, 192, 64, line_f427)                                                    \
    CHIP(STM32F427ZG, 1024, 192, 64, line_f427)                                                    \
    CHIP(STM32F427AG, 1024, 192, 64, line_f427)                                                    \
    CHIP(STM32F427IG, 1024, 192, 64, line_f427)                                                    \
    CHIP(STM32F427VI, 2048, 192, 64, line_f427)                                                    \
    CHIP(STM32F427ZI, 2048, 192, 64, line_f427)                                                    \
    CHIP(STM32F427AI, 2048, 192, 64, line_f427)                                                    \
    CHIP(STM32F427II, 2048, 192, 64, line_f427)                                                    \
    CHIP(STM32F429VE, 512, 192, 64, line_f429)                                                     \
    CHIP(STM32F429ZE, 512, 192, 64, line_f429)                                                     \
    CHIP(STM32F429IE, 512, 192, 64, line_f429)                                                     \
    CHIP(STM32F429BE, 512, 192, 64, line_f429)                                                     \
    CHIP(STM32F429NE, 512, 192, 64, line_f429)                                                     \
    CHIP(STM32F429VG, 1024, 192, 64, line_f429)                                                    \
    CHIP(STM32F429ZG, 1024, 192, 64, line_f429)                                                    \
    CHIP(STM32F429AG, 1024, 192, 64, line_f429)                                                    \
    CHIP(STM32F429IG, 1024, 192, 64, line_f429)                                                    \
    CHIP(STM32F429BG, 1024, 192, 64, line_f429)                                                    \
    CHIP(STM32F429NG, 1024, 192, 64, line_f429)                                                    \
    CHIP(STM32F429VI, 2048, 192, 64, line_f429)                                                    \
    CHIP(STM32F429ZI, 2048, 192, 64, line_f429)                                                    \
    CHIP(STM32F429AI, 2048, 192, 64, line_f429)                                                    \
    CHIP(STM32F429II, 2048, 192, 64, line_f429)                                                    \
    CHIP(STM32F429BI, 2048, 192, 64, line_f429)                                                    \
    CHIP(STM32F429NI, 2048, 192, 64, line_f429)                                                    \
    CHIP(STM32F437VG, 1024, 192, 64, line_f437)                                                    \
    CHIP(STM32F437ZG, 1024, 192, 64, line_f437)                                                    \
    CHIP(STM32F437IG, 1024, 192, 64, line_f437)                                                    \
    CHIP(STM32F437VI, 2048, 192, 64, line_f437)                                                    \
    CHIP(STM32F437ZI, 2048, 192, 64, line_f437)                                                    \
    CHIP(STM32F437AI, 2048, 192, 64, line_f437)                                                    \
    CHIP(STM32F437II, 2048, 192, 64, line_f437)                                                    \
    CHIP(STM32F439VG, 1024, 192, 64, line_f439)                                                    \
    CHIP(STM32F439ZG, 1024, 192, 64, line_f439)                                                    \
    CHIP(STM32F439IG, 1024, 192, 64, line_f439)                                                    \
    CHIP(STM32F439BG, 1024, 192, 64, line_f439)                                                    \
    CHIP(STM32F439NG, 1024, 192, 64, line_f439)                                                    \
    CHIP(STM32F439VI, 2048, 192, 64, line_f439)                                                    \
    CHIP(STM32F439ZI, 2048, 192, 64, line_f439)                                                    \
    CHIP(STM32F439AI, 2048, 192, 64, line_f439)                                                    \
    CHIP(STM32F439II, 2048, 192, 64, line_f439)                                                    \
    CHIP(STM32F439BI, 2048, 192, 64, line_f439)                                                    \
    CHIP(STM32F439NI, 2048, 192, 64, line_f439)                                                    \
    CHIP(STM32F446MC, 256, 128, 0, line_f446)                                                      \
    CHIP(STM32F446RC, 256, 128, 0, line_f446)                                                      \
    CHIP(STM32F446VC, 256, 128, 0, line_f446)                                                      \
    CHIP(STM32F446ZC, 256, 128, 0, line_f446)                                                      \
    CHIP(STM32F446ME, 512, 128, 0, line_f446)                                                      \
    CHIP(STM32F446RE, 512, 128, 0, line_f446)                                                      \
    CHIP(STM32F446VE, 512, 128, 0, line_f446)                                                      \
    CHIP(STM32F446ZE, 512, 128, 0, line_f446)

#define CHIP_MODEL_ID(chip, flash_kb, sram_kb, ccm_kb, line) chip,
enum chip_id { CHIP_MODELS(CHIP_MODEL_ID) CHIP_MODEL_COUNT };

extern const struct chip_model chip_models[CHIP_MODEL_COUNT]; // by enum chip_id

// A chip by its name in any case, or by what is printed on its package, which says more ("STM32F411CEU6").
// NULL for what is none of them.
const struct chip_model *chip_model_find(const char *name);

#endif
