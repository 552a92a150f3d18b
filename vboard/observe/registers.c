// SPDX-License-Identifier: MIT
//
// The table: registers that firmware polls or is likely to get wrong, not all there are. Section
// numbers are RM0090's (revision 19), from which names and positions are taken; tests/host/observe
// has some of them in sentences.

#include "vboard/observe/registers.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *peripheral; // a name; with '*' at its end, all that begin so
    uint32_t off;
    const char *name;
    const char *bits; // "25 PLLRDY 2-3 SWS ..."; NULL where they are not told apart
};

static const struct row rows[] = {
    // 7.3 RCC
    {"RCC", 0x00, "CR",
     "0 HSION 1 HSIRDY 3-7 HSITRIM 8-15 HSICAL 16 HSEON 17 HSERDY 18 HSEBYP 19 CSSON 24 PLLON 25 "
     "PLLRDY "
     "26 PLLI2SON 27 PLLI2SRDY 28 PLLSAION 29 PLLSAIRDY"},
    {"RCC", 0x04, "PLLCFGR", "0-5 PLLM 6-14 PLLN 16-17 PLLP 22 PLLSRC 24-27 PLLQ"},
    {"RCC", 0x08, "CFGR",
     "0-1 SW 2-3 SWS 4-7 HPRE 10-12 PPRE1 13-15 PPRE2 16-20 RTCPRE 21-22 MCO1 23 I2SSRC "
     "24-26 MCO1PRE 27-29 MCO2PRE 30-31 MCO2"},
    {"RCC", 0x0C, "CIR", "0 LSIRDYF 1 LSERDYF 2 HSIRDYF 3 HSERDYF 4 PLLRDYF 5 PLLI2SRDYF 7 CSSF"},
    {"RCC", 0x10, "AHB1RSTR", NULL},
    {"RCC", 0x14, "AHB2RSTR", NULL},
    {"RCC", 0x18, "AHB3RSTR", NULL},
    {"RCC", 0x20, "APB1RSTR", NULL},
    {"RCC", 0x24, "APB2RSTR", NULL},
    {"RCC", 0x30, "AHB1ENR", NULL},
    {"RCC", 0x34, "AHB2ENR", "6 RNGEN 7 OTGFSEN"},
    {"RCC", 0x38, "AHB3ENR", "0 FSMCEN"},
    {"RCC", 0x40, "APB1ENR", "28 PWREN"},
    {"RCC", 0x44, "APB2ENR", "14 SYSCFGEN"},
    {"RCC", 0x50, "AHB1LPENR", NULL},
    {"RCC", 0x54, "AHB2LPENR", NULL},
    {"RCC", 0x60, "APB1LPENR", NULL},
    {"RCC", 0x64, "APB2LPENR", NULL},
    {"RCC", 0x70, "BDCR", "0 LSEON 1 LSERDY 2 LSEBYP 8-9 RTCSEL 15 RTCEN 16 BDRST"},
    {"RCC", 0x74, "CSR",
     "0 LSION 1 LSIRDY 24 RMVF 25 BORRSTF 26 PINRSTF 27 PORRSTF 28 SFTRSTF 29 IWDGRSTF "
     "30 WWDGRSTF 31 LPWRRSTF"},
    {"RCC", 0x80, "SSCGR", NULL},
    {"RCC", 0x84, "PLLI2SCFGR", "6-14 PLLI2SN 28-30 PLLI2SR"},
    {"RCC", 0x88, "PLLSAICFGR", "6-14 PLLSAIN 24-27 PLLSAIQ 28-30 PLLSAIR"}, // 6.3.24
    {"RCC", 0x8C, "DCKCFGR", "24 TIMPRE"},
    {"RCC", 0x94, "DCKCFGR2", "27 CK48MSEL 28 SDIOSEL"}, // RM0390 6.3.28
    // 3.9 FLASH
    {"FLASH", 0x00, "ACR", "0-2 LATENCY 8 PRFTEN 9 ICEN 10 DCEN 11 ICRST 12 DCRST"},
    {"FLASH", 0x04, "KEYR", NULL},
    {"FLASH", 0x08, "OPTKEYR", NULL},
    {"FLASH", 0x0C, "SR", "0 EOP 1 OPERR 4 WRPERR 5 PGAERR 6 PGPERR 7 PGSERR 16 BSY"},
    {"FLASH", 0x10, "CR", "0 PG 1 SER 2 MER 3-6 SNB 8-9 PSIZE 16 STRT 24 EOPIE 25 ERRIE 31 LOCK"},
    {"FLASH", 0x14, "OPTCR",
     "0 OPTLOCK 1 OPTSTRT 2-3 BOR_LEV 4 BFB2 8-15 RDP 16-27 nWRP 30 DB1M 31 SPRMOD"},
    {"FLASH", 0x18, "OPTCR1", "16-27 nWRP"},
    // 5.4 PWR
    {"PWR", 0x00, "CR", "0 LPDS 1 PDDS 2 CWUF 3 CSBF 4 PVDE 5-7 PLS 8 DBP 9 FPDS 14 VOS"},
    {"PWR", 0x04, "CSR",
     "0 WUF 1 SBF 2 PVDO 3 BRR 8 EWUP 9 BRE 14 VOSRDY 16 ODRDY 17 ODSWRDY"}, // 16, 17: 5.4.4
    // 8.4 GPIO
    {"GPIO*", 0x00, "MODER", NULL},
    {"GPIO*", 0x04, "OTYPER", NULL},
    {"GPIO*", 0x08, "OSPEEDR", NULL},
    {"GPIO*", 0x0C, "PUPDR", NULL},
    {"GPIO*", 0x10, "IDR", NULL},
    {"GPIO*", 0x14, "ODR", NULL},
    {"GPIO*", 0x18, "BSRR", NULL},
    {"GPIO*", 0x1C, "LCKR", "16 LCKK"},
    {"GPIO*", 0x20, "AFRL", NULL},
    {"GPIO*", 0x24, "AFRH", NULL},
    // 9.2 SYSCFG
    {"SYSCFG", 0x00, "MEMRMP", "0-1 MEM_MODE"},
    {"SYSCFG", 0x04, "PMC", NULL},
    {"SYSCFG", 0x20, "CMPCR", "0 CMP_PD 8 READY"},
    // 12.3 EXTI
    {"EXTI", 0x00, "IMR", NULL},
    {"EXTI", 0x04, "EMR", NULL},
    {"EXTI", 0x08, "RTSR", NULL},
    {"EXTI", 0x0C, "FTSR", NULL},
    {"EXTI", 0x10, "SWIER", NULL},
    {"EXTI", 0x14, "PR", NULL},
    // 4.4 CRC, 21.4 IWDG, 22.6 WWDG
    // 31.9 SDIO
    {"SDIO", 0x00, "POWER", "0-1 PWRCTRL"},
    {"SDIO", 0x04, "CLKCR", "0-7 CLKDIV 8 CLKEN 10 BYPASS"},
    {"SDIO", 0x08, "ARG", NULL},
    {"SDIO", 0x0C, "CMD", "0-5 CMDINDEX 6-7 WAITRESP 10 CPSMEN"},
    {"SDIO", 0x2C, "DCTRL", "0 DTEN 1 DTDIR 3 DMAEN"},
    {"SDIO", 0x34, "STA",
     "0 CCRCFAIL 1 DCRCFAIL 2 CTIMEOUT 3 DTIMEOUT 4 TXUNDERR 5 RXOVERR 6 CMDREND 7 CMDSENT 8 "
     "DATAEND "
     "10 DBCKEND 11 CMDACT 12 TXACT 13 RXACT 14 TXFIFOHE 15 RXFIFOHF 18 TXFIFOE 19 RXFIFOE 21 "
     "RXDAVL"},
    {"SDIO", 0x80, "FIFO", NULL},
    {"CRC", 0x00, "DR", NULL},
    {"CRC", 0x04, "IDR", NULL},
    {"CRC", 0x08, "CR", "0 RESET"},
    {"IWDG", 0x00, "KR", NULL},
    {"IWDG", 0x04, "PR", NULL},
    {"IWDG", 0x08, "RLR", NULL},
    {"IWDG", 0x0C, "SR", "0 PVU 1 RVU"},
    {"WWDG", 0x00, "CR", "0-6 T 7 WDGA"},
    {"WWDG", 0x04, "CFR", "0-6 W 7-8 WDGTB 9 EWI"},
    {"WWDG", 0x08, "SR", "0 EWIF"},
    // 26.6 RTC
    {"RTC", 0x00, "TR", NULL},
    {"RTC", 0x04, "DR", NULL},
    {"RTC", 0x08, "CR", "8 ALRAE 9 ALRBE 10 WUTE 11 TSE 12 ALRAIE 13 ALRBIE 14 WUTIE 15 TSIE"},
    {"RTC", 0x0C, "ISR",
     "0 ALRAWF 1 ALRBWF 2 WUTWF 3 SHPF 4 INITS 5 RSF 6 INITF 7 INIT 8 ALRAF 9 ALRBF 10 WUTF 11 TSF "
     "12 TSOVF 13 TAMP1F 16 RECALPF"},
    {"RTC", 0x10, "PRER", NULL},
    {"RTC", 0x14, "WUTR", NULL},
    {"RTC", 0x24, "WPR", NULL},
    {"RTC", 0x28, "SSR", NULL},
    // 30.6 USART
    {"USART*", 0x00, "SR", "0 PE 1 FE 2 NF 3 ORE 4 IDLE 5 RXNE 6 TC 7 TXE 8 LBD 9 CTS"},
    {"USART*", 0x04, "DR", NULL},
    {"USART*", 0x08, "BRR", NULL},
    {"USART*", 0x0C, "CR1",
     "0 SBK 1 RWU 2 RE 3 TE 4 IDLEIE 5 RXNEIE 6 TCIE 7 TXEIE 8 PEIE 9 PS 10 PCE 11 WAKE 12 M "
     "13 UE 15 OVER8"},
    {"USART*", 0x10, "CR2", NULL},
    {"USART*", 0x14, "CR3", NULL},
    {"UART*", 0x00, "SR", "0 PE 1 FE 2 NF 3 ORE 4 IDLE 5 RXNE 6 TC 7 TXE 8 LBD"},
    {"UART*", 0x04, "DR", NULL},
    {"UART*", 0x08, "BRR", NULL},
    {"UART*", 0x0C, "CR1", "2 RE 3 TE 13 UE"},
    // 28.5 SPI
    {"SPI*", 0x00, "CR1",
     "0 CPHA 1 CPOL 2 MSTR 3-5 BR 6 SPE 7 LSBFIRST 8 SSI 9 SSM 10 RXONLY 11 DFF"},
    {"SPI*", 0x04, "CR2", NULL},
    {"SPI*", 0x08, "SR", "0 RXNE 1 TXE 2 CHSIDE 3 UDR 4 CRCERR 5 MODF 6 OVR 7 BSY 8 FRE"},
    {"SPI*", 0x0C, "DR", NULL},
    // 27.6 I2C
    {"I2C*", 0x00, "CR1", "0 PE 8 START 9 STOP 10 ACK 11 POS 12 PEC 13 ALERT 15 SWRST"},
    {"I2C*", 0x04, "CR2", NULL},
    {"I2C*", 0x10, "DR", NULL},
    {"I2C*", 0x14, "SR1",
     "0 SB 1 ADDR 2 BTF 3 ADD10 4 STOPF 6 RXNE 7 TXE 8 BERR 9 ARLO 10 AF 11 OVR 12 PECERR "
     "14 TIMEOUT 15 SMBALERT"},
    {"I2C*", 0x18, "SR2", "0 MSL 1 BUSY 2 TRA 4 GENCALL 7 DUALF 8-15 PEC"},
    // 17.4, 18.4, 19.4 and 20.4 TIM
    {"TIM*", 0x00, "CR1", "0 CEN 1 UDIS 2 URS 3 OPM 4 DIR 7 ARPE"},
    {"TIM*", 0x0C, "DIER", NULL},
    {"TIM*", 0x10, "SR", "0 UIF 1 CC1IF 2 CC2IF 3 CC3IF 4 CC4IF 6 TIF 7 BIF"},
    {"TIM*", 0x14, "EGR", "0 UG"},
    {"TIM*", 0x24, "CNT", NULL},
    {"TIM*", 0x28, "PSC", NULL},
    {"TIM*", 0x2C, "ARR", NULL},
    // 13.13 ADC (ADC1 to ADC3 lie in one kilobyte, 0x100 apart)
    {"ADC*", 0x00, "SR", "0 AWD 1 EOC 2 JEOC 3 JSTRT 4 STRT 5 OVR"},
    {"ADC*", 0x08, "CR2", "0 ADON 1 CONT 8 DMA 9 DDS 10 EOCS 11 ALIGN 30 SWSTART"},
    {"ADC*", 0x4C, "DR", NULL},
    // 10.5 DMA
    {"DMA*", 0x00, "LISR", "5 TCIF0 11 TCIF1 21 TCIF2 27 TCIF3"},
    {"DMA*", 0x04, "HISR", "5 TCIF4 11 TCIF5 21 TCIF6 27 TCIF7"},
    {"DMA*", 0x10, "S0CR", "0 EN"},
    {"DMA*", 0x28, "S1CR", "0 EN"},
    {"DMA*", 0x40, "S2CR", "0 EN"},
    {"DMA*", 0x58, "S3CR", "0 EN"},
    {"DMA*", 0x70, "S4CR", "0 EN"},
    {"DMA*", 0x88, "S5CR", "0 EN"},
    {"DMA*", 0xA0, "S6CR", "0 EN"},
    {"DMA*", 0xB8, "S7CR", "0 EN"},
    // 24.4 RNG, 31.9 SDIO, 32.9 CAN
    {"RNG", 0x00, "CR", "2 RNGEN 3 IE"},
    {"RNG", 0x04, "SR", "0 DRDY 1 CECS 2 SECS 5 CEIS 6 SEIS"},
    {"RNG", 0x08, "DR", NULL},
    {"SDIO", 0x34, "STA",
     "0 CCRCFAIL 1 DCRCFAIL 2 CTIMEOUT 3 DTIMEOUT 6 CMDREND 7 CMDSENT 8 DATAEND"},
    {"CAN*", 0x00, "MCR", "0 INRQ 1 SLEEP 15 RESET"},
    {"CAN*", 0x04, "MSR", "0 INAK 1 SLAK 2 ERRI"},
    {"CAN*", 0x08, "TSR", "0 RQCP0 26 TME0 27 TME1 28 TME2"},
    // 34.16 and 35.12 OTG
    {"OTG_*", 0x000, "GOTGCTL", "16 CIDSTS 18 ASVLD 19 BSVLD"},
    {"OTG_*", 0x004, "GOTGINT", "2 SEDET"},
    {"OTG_*", 0x008, "GAHBCFG", "0 GINT 5 DMAEN 7 TXFELVL"},
    {"OTG_*", 0x00C, "GUSBCFG", "0-2 TOCAL 6 PHYSEL 10-13 TRDT 29 FHMOD 30 FDMOD"},
    {"OTG_*", 0x010, "GRSTCTL",
     "0 CSRST 1 HSRST 2 FCRST 4 RXFFLSH 5 TXFFLSH 6-10 TXFNUM 31 AHBIDL"},
    {"OTG_*", 0x014, "GINTSTS",
     "0 CMOD 1 MMIS 2 OTGINT 3 SOF 4 RXFLVL 5 NPTXFE 6 GINAKEFF 7 GONAKEFF 10 ESUSP 11 USBSUSP "
     "12 USBRST 13 ENUMDNE 14 ISOODRP 15 EOPF 18 IEPINT 19 OEPINT 20 IISOIXFR 24 HPRTINT 25 HCINT "
     "28 CIDSCHG 29 DISCINT 30 SRQINT 31 WKUPINT"},
    {"OTG_*", 0x018, "GINTMSK", NULL},
    {"OTG_*", 0x01C, "GRXSTSR", NULL},
    {"OTG_*", 0x020, "GRXSTSP", NULL},
    {"OTG_*", 0x024, "GRXFSIZ", NULL},
    {"OTG_*", 0x028, "DIEPTXF0", NULL},
    {"OTG_*", 0x038, "GCCFG", "16 PWRDWN 18 VBUSASEN 19 VBUSBSEN 20 SOFOUTEN 21 NOVBUSSENS"},
    {"OTG_*", 0x03C, "CID", NULL},
    {"OTG_*", 0x800, "DCFG", "0-1 DSPD 2 NZLSOHSK 4-10 DAD"},
    {"OTG_*", 0x804, "DCTL",
     "0 RWUSIG 1 SDIS 2 GINSTS 3 GONSTS 7 SGINAK 8 CGINAK 9 SGONAK 10 CGONAK 11 POPRGDNE"},
    {"OTG_*", 0x808, "DSTS", "0 SUSPSTS 1-2 ENUMSPD 3 EERR 8-21 FNSOF"},
    {"OTG_*", 0x810, "DIEPMSK", NULL},
    {"OTG_*", 0x814, "DOEPMSK", NULL},
    {"OTG_*", 0x818, "DAINT", NULL},
    {"OTG_*", 0x81C, "DAINTMSK", NULL},
    {"OTG_*", 0x834, "DIEPEMPMSK", NULL},
    {"OTG_*", 0xE00, "PCGCCTL", "0 STPPCLK 1 GATEHCLK 4 PHYSUSP"},
};

// OTG's endpoint registers, 0x20 apart: 34.16.4.
static const struct row endpoint_rows[] = {
    {"OTG_*", 0x00, "CTL", "15 USBAEP 17 NAKSTS 21 STALL 26 CNAK 27 SNAK 30 EPDIS 31 EPENA"},
    {"OTG_*", 0x08, "INT", "0 XFRC 1 EPDISD 3 STUP_TOC 4 ITTXFE_OTEPDIS 6 INEPNE 7 TXFE"},
    {"OTG_*", 0x10, "TSIZ", NULL},
    {"OTG_*", 0x14, "DMA", NULL},
    {"OTG_*", 0x18, "TXFSTS", NULL},
};

static bool is_of(const struct row *row, const char *peripheral) {
    size_t len = strlen(row->peripheral);
    return row->peripheral[len - 1] == '*' ? strncmp(row->peripheral, peripheral, len - 1) == 0
                                           : strcmp(row->peripheral, peripheral) == 0;
}

static const struct row *find_in(const struct row *table, size_t count, const char *peripheral,
                                 uint32_t off) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].off == off && is_of(&table[i], peripheral)) {
            return &table[i];
        }
    }
    return NULL;
}

// `prefix` is what the row's name begins with besides.
static const struct row *find(const char *peripheral, uint32_t off, char prefix[8]) {
    prefix[0] = '\0';
    if (strncmp(peripheral, "OTG_", 4) == 0 && off >= 0x900 && off < 0xD00) {
        // "DIEP", "DOEP" and the endpoint's number stand around the row's name.
        (void)snprintf(prefix, 8, "%s%u", off < 0xB00 ? "DIEP" : "DOEP",
                       (unsigned)((off - 0x900) % 0x200 / 0x20));
        return find_in(endpoint_rows, sizeof endpoint_rows / sizeof endpoint_rows[0], peripheral,
                       off % 0x20);
    }
    return find_in(rows, sizeof rows / sizeof rows[0], peripheral, off);
}

const char *register_name(const char *peripheral, uint32_t off, char text[REGISTER_NAME_MAX]) {
    char prefix[8];
    const struct row *row = find(peripheral, off, prefix);
    if (!row) {
        (void)snprintf(text, REGISTER_NAME_MAX, "%s+0x%02X", peripheral, (unsigned)off);
    } else if (prefix[0] != '\0') {
        // DIEP0 and CTL: DIEPCTL0.
        (void)snprintf(text, REGISTER_NAME_MAX, "%s_%.4s%s%s", peripheral, prefix, row->name,
                       prefix + 4);
    } else {
        (void)snprintf(text, REGISTER_NAME_MAX, "%s_%s", peripheral, row->name);
    }
    return text;
}

const char *register_bit_name(const char *peripheral, uint32_t off, unsigned bit,
                              char text[REGISTER_NAME_MAX]) {
    char prefix[8];
    const struct row *row = find(peripheral, off, prefix);
    text[0] = '\0';
    for (const char *at = row ? row->bits : NULL; at && *at;) {
        char *end;
        unsigned long first = strtoul(at, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        const char *name = end + 1;
        size_t len = strcspn(name, " ");
        if (bit >= first && bit <= last) {
            (void)snprintf(text, REGISTER_NAME_MAX, "%.*s", (int)len, name);
        }
        at = name + len + (name[len] == ' ');
    }
    return text;
}
