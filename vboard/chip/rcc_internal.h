// SPDX-License-Identifier: MIT
//
// RCC's registers, and what its files share: rcc.c (who reads and writes them), rcc_oscillators.c (what starts, stops and is
// switched), rcc_clocks.c (which frequencies come of it). Nobody else includes this. Section numbers are RM0090's
// section 7, STM32F405/407, unless they say otherwise.

#ifndef VBOARD_CHIP_RCC_INTERNAL_H
#define VBOARD_CHIP_RCC_INTERNAL_H

#include "vboard/chip/chip_state.h"

// Register offsets (RM0090 7.3.24).
#define CR           0x00u
#define PLLCFGR      0x04u
#define CFGR         0x08u
#define CIR          0x0Cu
#define AHB1RSTR     0x10u
#define AHB2RSTR     0x14u
#define AHB3RSTR     0x18u
#define APB1RSTR     0x20u
#define APB2RSTR     0x24u
#define AHB3LPENR    0x58u
#define APB1LPENR    0x60u
#define APB2LPENR    0x64u
#define BDCR         0x70u
#define CSR          0x74u
#define SSCGR        0x80u
#define PLLI2SCFGR   0x84u
// RM0090 6.3.24, 6.3.25; RM0390 6.3.25 to 6.3.28: where the line has them.
#define PLLSAICFGR   0x88u
#define DCKCFGR      0x8Cu
#define CKGATENR     0x90u
#define DCKCFGR2     0x94u

#define CR_HSION     (1u << 0)
#define CR_HSIRDY    (1u << 1)
#define CR_HSEON     (1u << 16)
#define CR_HSERDY    (1u << 17)
#define CR_HSEBYP    (1u << 18)
#define CR_CSSON     (1u << 19)
#define CR_PLLON     (1u << 24)
#define CR_PLLRDY    (1u << 25)
#define CR_PLLI2SON  (1u << 26)
#define CR_PLLI2SRDY (1u << 27)
#define CR_PLLSAION  (1u << 28)
#define CR_PLLSAIRDY (1u << 29)
#define CR_HSITRIM   (0x1Fu << 3)
#define CR_WRITABLE                                                                                \
    (CR_HSION | CR_HSITRIM | CR_HSEON | CR_HSEBYP | CR_CSSON | CR_PLLON | CR_PLLI2SON)
#define CR_ONS         (CR_HSION | CR_HSEON | CR_PLLON | CR_PLLI2SON | CR_PLLSAION)

#define PLLCFGR_PLLSRC (1u << 22)
#define PLLCFGR_PLLR   (7u << 28) // RM0390 6.3.2
#define PLLCFGR_RESET  0x24003010u

#define CFGR_MASK      0xFFFFFCF3u // all but SWS and the reserved bits 9:8
#define DCKCFGR_TIMPRE (1u << 24)
#define DCKCFGR2_CK48  (1u << 27) // CK48MSEL: from PLLSAI

#define CSR_LSION      (1u << 0)
#define CSR_LSIRDY     (1u << 1)
#define CSR_RMVF       (1u << 24)
#define BDCR_LSEON     (1u << 0)
#define BDCR_LSERDY    (1u << 1)
#define BDCR_LSEBYP    (1u << 2)
#define BDCR_RTCSEL    (3u << 8)
#define BDCR_RTCEN     (1u << 15)
#define BDCR_BDRST     (1u << 16)
#define BDCR_MASK      0x00018305u

#define HSI_HZ         16000000u

enum { SYSCLK_HSI, SYSCLK_HSE, SYSCLK_PLL, SYSCLK_PLL_R };

#define REG(chip, off) ((chip)->rcc.regs[(off) / 4])

// --- rcc_clocks.c ---------------------------------------------------------------------------------

// What drives the PLLs, and the factors of a PLL's register.
uint64_t rcc_pll_input_hz(const struct chip *chip);
unsigned rcc_pll_m(uint32_t cfgr);
unsigned rcc_pll_n(uint32_t cfgr);
unsigned rcc_pll_q(uint32_t cfgr);
// Works out every clock from the registers and tells who depends on it.
void rcc_update_clocks(struct chip *chip);

// --- rcc_oscillators.c: writes to the registers that control them ---------------------------------

void rcc_write_cr(struct chip *chip, uint32_t value, uint32_t mask);
void rcc_write_pllcfgr(struct chip *chip, uint32_t value, uint32_t mask);
void rcc_write_cfgr(struct chip *chip, uint32_t value, uint32_t mask);
void rcc_write_bdcr(struct chip *chip, uint32_t value, uint32_t mask);
void rcc_write_csr(struct chip *chip, uint32_t value, uint32_t mask);

#endif
