// SPDX-License-Identifier: MIT
//
// OTG_FS, and OTG_HS alike, in device mode (RM0090 34.16; 35.12 for OTG_HS): offsets from the
// core's base, and the bits that endpoint zero needs.

#ifndef PORT_STM32F4_REGISTERS_OTG_H
#define PORT_STM32F4_REGISTERS_OTG_H

#include "port/stm32f4/registers/register.h"

// Global, RM0090 34.16.2.
#define OTG_GAHBCFG               0x008u
#define OTG_GUSBCFG               0x00cu
#define OTG_GRSTCTL               0x010u
#define OTG_GINTSTS               0x014u
#define OTG_GINTMSK               0x018u
#define OTG_GRXSTSR               0x01cu // peeks
#define OTG_GRXSTSP               0x020u // pops
#define OTG_GRXFSIZ               0x024u
#define OTG_DIEPTXF0              0x028u
#define OTG_GCCFG                 0x038u

#define OTG_GAHBCFG_GINT          (1u << 0)
#define OTG_GUSBCFG_PHYSEL        (1u << 6) // the core's own transceiver
#define OTG_GUSBCFG_TRDT(n)       ((uint32_t)(n) << 10)
#define OTG_GUSBCFG_FDMOD         (1u << 30)

#define OTG_GRSTCTL_CSRST         (1u << 0)
#define OTG_GRSTCTL_RXFFLSH       (1u << 4)
#define OTG_GRSTCTL_TXFFLSH       (1u << 5)
#define OTG_GRSTCTL_AHBIDL        (1u << 31)

#define OTG_GINTSTS_CMOD          (1u << 0) // 1: host mode
#define OTG_GINTSTS_RXFLVL        (1u << 4)
#define OTG_GINTSTS_USBRST        (1u << 12)
#define OTG_GINTSTS_ENUMDNE       (1u << 13)
#define OTG_GINTSTS_IEPINT        (1u << 18)

// Receive status in device mode, RM0090 34.16.2 (OTG_FS_GRXSTSR/GRXSTSP).
#define OTG_GRXSTS_EPNUM(status)  ((status)&0xfu)
#define OTG_GRXSTS_BCNT(status)   (((status) >> 4) & 0x7ffu)
#define OTG_GRXSTS_PKTSTS(status) (((status) >> 17) & 0xfu)
#define OTG_PKTSTS_OUT_DATA       2u
#define OTG_PKTSTS_OUT_COMPLETE   3u
#define OTG_PKTSTS_SETUP_COMPLETE 4u
#define OTG_PKTSTS_SETUP_DATA     6u

#define OTG_GCCFG_PWRDWN          (1u << 16) // 1: transceiver on
#define OTG_GCCFG_VBUSBSEN        (1u << 19)
#define OTG_GCCFG_NOVBUSSENS      (1u << 21)

// Device, RM0090 34.16.4.
#define OTG_DCFG                  0x800u
#define OTG_DCTL                  0x804u
#define OTG_DSTS                  0x808u
#define OTG_DIEPMSK               0x810u
#define OTG_DAINTMSK              0x81cu
#define OTG_DIEPCTL0              0x900u
#define OTG_DIEPINT0              0x908u
#define OTG_DIEPTSIZ0             0x910u
#define OTG_DOEPCTL0              0xb00u
#define OTG_DOEPINT0              0xb08u
#define OTG_DOEPTSIZ0             0xb10u
#define OTG_PCGCCTL               0xe00u
#define OTG_FIFO0                 0x1000u

#define OTG_DCFG_DSPD_HIGH        (0u << 0) // OTG_HS
#define OTG_DCFG_DSPD_FS_INTERNAL (3u << 0)
#define OTG_DCFG_DAD(address)     ((uint32_t)(address) << 4)
#define OTG_DCFG_DAD_MASK         (0x7fu << 4)
#define OTG_DCTL_SDIS             (1u << 1)
#define OTG_DSTS_ENUMSPD_MASK     (3u << 1)
#define OTG_DSTS_ENUMSPD_HIGH     (0u << 1)
#define OTG_DAINTMSK_IEPM_0       (1u << 0)

// DIEPCTL0 and DOEPCTL0. MPSIZ 0 is 64 bytes; OUT takes it from IN.
#define OTG_EPCTL_STALL           (1u << 21)
#define OTG_EPCTL_CNAK            (1u << 26)
#define OTG_EPCTL_SNAK            (1u << 27)
#define OTG_EPCTL_EPDIS           (1u << 30)
#define OTG_EPCTL_EPENA           (1u << 31)

#define OTG_EPINT_XFRC            (1u << 0)
#define OTG_EPINT_EPDISD          (1u << 1)
#define OTG_DIEPINT_INEPNE        (1u << 6)
#define OTG_EPINT_ALL             0xffffffffu

#define OTG_EPTSIZ_XFRSIZ(bytes)  ((uint32_t)(bytes) << 0)
#define OTG_EPTSIZ_PKTCNT_1       (1u << 19)
#define OTG_DOEPTSIZ_STUPCNT_3    (3u << 29)

#endif
