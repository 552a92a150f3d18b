// SPDX-License-Identifier: MIT
//
// The table of chips and their lines. Register bits are those of ST's device headers (CMSIS device F4), which
// agree with the registers' figures in the manuals: RM0368 (F401), RM0383 (F411), RM0090 (F405 to F439), RM0390
// (F446). Where silicon was read (F407), that is what stands here.

#include "vboard/chip/chip_model.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "vboard/chip/otg.h"

// RM0090 tables 10 and 11, RM0390 table 5: one more wait state for each 30, 24, 22, 20 MHz.
static const struct wait_limits limits_rm0090 = {{
    {30, 60, 90, 120, 150, 180},
    {24, 48, 72, 96, 120, 144, 168, 180},
    {22, 44, 66, 88, 110, 132, 154, 176, 180},
    {20, 40, 60, 80, 100, 120, 140, 160, 168},
}};

// RM0368 table 6.
static const struct wait_limits limits_rm0368 = {{
    {30, 60, 84},
    {24, 48, 72, 84},
    {18, 36, 54, 72, 84},
    {16, 32, 48, 64, 80, 84},
}};

// RM0383 table 5.
static const struct wait_limits limits_rm0383 = {{
    {30, 64, 90, 100},
    {24, 48, 72, 96, 100},
    {18, 36, 54, 72, 90, 100},
    {16, 32, 48, 64, 80, 96, 100},
}};

// FLASH_CR: PG SER MER SNB PSIZE EOPIE ERRIE; two banks: MER1 and the fifth bit of SNB too.
#define CR_ONE_BANK   0x0300037Fu
#define CR_TWO_BANKS  0x030083FFu
// FLASH_OPTCR: BOR_LEV and the USER bits, RDP, nWRP; BFB2, DB1M and SPRMOD where they are. RM0368 3.8.7,
// RM0383 3.8.7, RM0390 3.8.7: eight sectors.
#define OPTCR_12      0x0FFFFFECu
#define OPTCR_8       0x80FFFFECu
#define OPTCR_2_BANKS 0xCFFFFFFCu

// RM0368. The datasheets' tables of general operating conditions for the clocks.
#define LINE_F401                                                                                  \
    .manual = "RM0368", .has_shared_sensor = true, .vbat_divider = 4, .irq_count = 85,             \
    .flash_cr = CR_ONE_BANK, .optcr = OPTCR_8, .hclk_mhz = {84, 60, 84, 84}, .pclk1_mhz = 42,      \
    .pclk2_mhz = 84, .vco_min_mhz = 192, .wait_limits = &limits_rm0368, .ahb1enr = 0x0060109Fu,    \
    .ahb2enr = 0x00000080u, .apb1enr = 0x10E2C80Fu, .apb2enr = 0x00077931u,                        \
    .ahb1lpenr_memories = 0x00018000u, .ahb2lpenr = 0x00000080u, .pllcfgr = 0x0F437FFFu,           \
    .plli2scfgr = 0x70007FC0u, .plli2scfgr_reset = 0x24003000u, .dckcfgr = 0x01000000u,            \
    .pwr_cr = 0x0000EFF3u, .pwr_cr_reset = 0x00008000u, .memrmp = 3, .pmc = 1u << 16,              \
    .apb1_fz = 0x00E01C0Fu, .apb2_fz = 0x00070001u, .otg_fs = &otg_fs_config

static const struct chip_line line_f401bc = {.idcode = 0x10016423u, LINE_F401};
static const struct chip_line line_f401de = {.idcode = 0x10016433u, LINE_F401};

static const struct chip_line line_f411 = {
    .manual = "RM0383",
    .has_shared_sensor = true,
    .vbat_divider = 4,
    .idcode = 0x10006431u,
    .irq_count = 86,
    .flash_cr = CR_ONE_BANK,
    .optcr = OPTCR_8,
    .hclk_mhz = {64, 64, 84, 100},
    .pclk1_mhz = 50,
    .pclk2_mhz = 100,
    .vco_min_mhz = 100,
    .wait_limits = &limits_rm0383,
    .ahb1enr = 0x0060109Fu,
    .ahb2enr = 0x00000080u,
    .apb1enr = 0x10E2C80Fu,
    .apb2enr = 0x00177931u,
    .ahb1lpenr_memories = 0x00018000u,
    .ahb2lpenr = 0x00000080u,
    .pllcfgr = 0x0F437FFFu,
    .plli2scfgr = 0x70007FFFu,
    .plli2scfgr_reset = 0x24003010u,
    .dckcfgr = 0x01000000u,
    .pwr_cr = 0x0030EFF3u,
    .pwr_cr_reset = 0x00008000u,
    .memrmp = 3,
    .pmc = 1u << 16,
    .apb1_fz = 0x00E01C0Fu,
    .apb2_fz = 0x00070001u,
    .otg_fs = &otg_fs_config,
};

// RM0090, the sections that say STM32F405xx/07xx and STM32F415xx/17xx. Device 0x413, revision 0x1001 (38.6.1;
// read from silicon); the enable bits of AHB1, APB1 and APB2 of an F407 were read from silicon too.
#define LINE_F405                                                                                  \
    .manual = "RM0090", .vbat_divider = 2, .idcode = 0x10016413u, .irq_count = 82,                 \
    .flash_cr = CR_ONE_BANK, .optcr = OPTCR_12, .hclk_mhz = {144, 168}, .pclk1_mhz = 42,           \
    .pclk2_mhz = 84, .vco_min_mhz = 100, .wait_limits = &limits_rm0090, .ahb3enr = 0x00000001u,    \
    .apb1enr = 0x36FEC9FFu, .apb2enr = 0x00075F33u, .ahb1lpenr_memories = 0x00038000u,             \
    .ahb2lpenr = 0x000000F1u, .pllcfgr = 0x0F437FFFu, .plli2scfgr = 0x70007FC0u,                   \
    .plli2scfgr_reset = 0x20003000u, .pwr_cr = 0x000043F3u, .pwr_cr_reset = 0x00004000u,           \
    .memrmp = 3, .pmc = 1u << 23, .apb1_fz = 0x06E01DFFu, .apb2_fz = 0x00070003u,                  \
    .otg_fs = &otg_fs_config, .otg_hs = &otg_hs_config

// Without Ethernet and camera (AHB1 25-28, AHB2 0); with the cryptographic processors (AHB2 4, 5) or not.
static const struct chip_line line_f405 = {LINE_F405, .ahb1enr = 0x607411FFu,
                                           .ahb2enr = 0x000000C0u};
static const struct chip_line line_f407 = {LINE_F405, .ahb1enr = 0x7E7411FFu,
                                           .ahb2enr = 0x000000C1u};
static const struct chip_line line_f415 = {LINE_F405, .ahb1enr = 0x607411FFu,
                                           .ahb2enr = 0x000000F0u};
static const struct chip_line line_f417 = {LINE_F405, .ahb1enr = 0x7E7411FFu,
                                           .ahb2enr = 0x000000F1u};

// RM0090, the sections that say STM32F42xxx and STM32F43xxx. Device 0x419, revision 0x2003 ("5 and B", 38.6.1).
#define LINE_F42                                                                                   \
    .manual = "RM0090", .has_shared_sensor = true, .vbat_divider = 4, .idcode = 0x20036419u,       \
    .irq_count = 91, .flash_cr = CR_TWO_BANKS, .optcr = OPTCR_2_BANKS, .has_two_banks = true,      \
    .has_fmc = true, .hclk_mhz = {120, 120, 144, 168}, .over_drive_mhz = {120, 120, 168, 180},     \
    .pclk1_mhz = 45, .pclk2_mhz = 90, .vco_min_mhz = 100, .wait_limits = &limits_rm0090,           \
    .ahb1enr = 0x7EF417FFu, .ahb3enr = 0x00000001u, .apb1enr = 0xF6FEC9FFu,                        \
    .ahb1lpenr_memories = 0x000B8000u, .pllcfgr = 0x0F437FFFu, .plli2scfgr = 0x7F007FC0u,          \
    .plli2scfgr_reset = 0x24003000u, .pllsaicfgr = 0x7F007FC0u, .pllsaicfgr_reset = 0x24003000u,   \
    .dckcfgr = 0x01F31F1Fu, .pwr_cr = 0x000FEFF3u, .pwr_cr_reset = 0x0000C000u,                    \
    .memrmp = 0x00000D07u, .pmc = 0x00870000u, .apb1_fz = 0x06E01DFFu, .apb2_fz = 0x00070003u,     \
    .otg_fs = &otg_fs_config, .otg_hs = &otg_hs_config

static const struct chip_line line_f427 = {LINE_F42, .ahb2enr = 0x000000C1u,
                                           .ahb2lpenr = 0x000000F1u, .apb2enr = 0x00777F33u};
static const struct chip_line line_f429 = {LINE_F42, .ahb2enr = 0x000000C1u,
                                           .ahb2lpenr = 0x000000F1u, .apb2enr = 0x04777F33u};
static const struct chip_line line_f437 = {LINE_F42, .ahb2enr = 0x000000F1u,
                                           .ahb2lpenr = 0x000000F1u, .apb2enr = 0x00777F33u};
static const struct chip_line line_f439 = {LINE_F42, .ahb2enr = 0x000000F1u,
                                           .ahb2lpenr = 0x000000F1u, .apb2enr = 0x04777F33u};

static const struct chip_line line_f446 = {
    .manual = "RM0390",
    .has_shared_sensor = true,
    .vbat_divider = 4,
    .has_fmc = true,
    .idcode = 0x10006421u,
    .irq_count = 97,
    .flash_cr = CR_ONE_BANK,
    .optcr = OPTCR_8,
    .hclk_mhz = {120, 120, 144, 168},
    .over_drive_mhz = {120, 120, 168, 180},
    .pclk1_mhz = 45,
    .pclk2_mhz = 90,
    .vco_min_mhz = 100,
    .wait_limits = &limits_rm0090,
    .ahb1enr = 0x606410FFu,
    .ahb2enr = 0x00000081u,
    .ahb3enr = 0x00000003u,
    .apb1enr = 0x3FFFC9FFu,
    .apb2enr = 0x00C77F33u,
    .ahb1lpenr_memories = 0x00038000u,
    .ahb2lpenr = 0x00000081u,
    .pllcfgr = 0x7F437FFFu,
    .plli2scfgr = 0x7F037FFFu,
    .plli2scfgr_reset = 0x24003010u,
    .pllsaicfgr = 0x0F037FFFu,
    .pllsaicfgr_reset = 0x04003010u,
    .dckcfgr = 0x1FF01F1Fu,
    .dckcfgr2 = 0x3CC00000u,
    .ckgatenr = 0x0000007Fu,
    .pwr_cr = 0x003FEFF3u,
    .pwr_cr_reset = 0x0000C000u,
    .memrmp = 0x00000C07u, // 8.2.1: FMC may change places; there is one bank
    .pmc = 0,
    .apb1_fz = 0x07E01DFFu,
    .apb2_fz = 0x00070003u,
    .otg_fs = &otg_fs_config_f446,
    .otg_hs = &otg_hs_config_f446,
};

#define CHIP_MODEL_ROW(chip, flash_kb, sram_kb, ccm_kb, its_line)                                  \
    [chip] = {.name = #chip,                                                                       \
              .flash_bytes = (flash_kb)*1024,                                                      \
              .sram_bytes = (sram_kb)*1024,                                                        \
              .ccm_bytes = (ccm_kb)*1024,                                                          \
              .line = &(its_line)},

const struct chip_model chip_models[CHIP_MODEL_COUNT] = {CHIP_MODELS(CHIP_MODEL_ROW)};

// What follows the name on a package: case, temperature range, and perhaps how it is packed ("T6", "U6TR").
static bool is_order_code(const char *rest) {
    size_t len = strlen(rest);
    return len == 0 || (len >= 2 && len <= 4 && isalpha((unsigned char)rest[0]) &&
                        isdigit((unsigned char)rest[1]));
}

const struct chip_model *chip_model_find(const char *name) {
    for (size_t i = 0; i < CHIP_MODEL_COUNT; i++) {
        size_t len = strlen(chip_models[i].name);
        if (strncasecmp(chip_models[i].name, name, len) == 0 && is_order_code(name + len)) {
            return &chip_models[i];
        }
    }
    return NULL;
}
