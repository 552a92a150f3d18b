// SPDX-License-Identifier: MIT
//
// OTG_HS sends its descriptor by DMA, from the table in flash.

#include "port/stm32f4/registers/register.h"
#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

// RM0090 35.12.2 to 35.12.4.
#define OTG_HS_GAHBCFG  REGISTER(0x40040008u)
#define GAHBCFG_DMAEN   (1u << 5)
#define OTG_HS_DIEPCTL0 REGISTER(0x40040900u)
#define DIEPCTL_ARM     (1u << 31 | 1u << 26) // EPENA, CNAK
#define OTG_HS_DIEPSIZ0 REGISTER(0x40040910u)
#define OTG_HS_DIEPDMA0 REGISTER(0x40040914u)
#define OTG_HS_DOEPDMA0 REGISTER(0x40040b14u)

static const uint8_t table[18] __attribute__((aligned(4))) = {18, 1, 0, 2, 0, 0, 0, 64};
static uint32_t setup[6];

void user_code_loop(void) {
    OTG_HS_GAHBCFG |= GAHBCFG_DMAEN;
    OTG_HS_DOEPDMA0 = (uint32_t)setup;
    OTG_HS_DIEPDMA0 = (uint32_t)table;
    OTG_HS_DIEPSIZ0 = 1u << 19 | sizeof table;
    OTG_HS_DIEPCTL0 |= DIEPCTL_ARM;
}
