// SPDX-License-Identifier: MIT
//
// What a board may say and need not (docs/porting.md). A board.h includes its chip first and this header
// last; here stands what it has left out. Plain numbers: linker scripts read this.

#ifndef PORT_STM32F4_BOARD_DEFAULTS_H
#define PORT_STM32F4_BOARD_DEFAULTS_H

// Not to be guessed.
#if !defined CHIP_FLASH_KB || !defined CHIP_CORE_HZ_MAX
#error "board.h: define CHIP_FLASH_KB, then include the chip's header of port/stm32f4/chips"
#endif
#ifndef BOARD_HSE_HZ
#error "board.h: define BOARD_HSE_HZ, the frequency of crystal or oscillator (USB needs one)"
#endif
#ifndef BOARD_USB_CORE
#error "board.h: define BOARD_USB_CORE: otg_fs, otg_hs, otg_hs_ulpi or otg_hs_ulpi_large"
#endif
// The cores by number, so that #if can tell what the board said.
#define BOARD_CORE_otg_fs            1
#define BOARD_CORE_otg_hs            2
#define BOARD_CORE_otg_hs_ulpi       3
#define BOARD_CORE_otg_hs_ulpi_large 4
#define BOARD_PASTED(a, b)           a##b
#define BOARD_CORE_OF(core)          BOARD_PASTED(BOARD_CORE_, core)
#define BOARD_CORE                   BOARD_CORE_OF(BOARD_USB_CORE)
#if BOARD_CORE == 0
#error "board.h: BOARD_USB_CORE is otg_fs, otg_hs, otg_hs_ulpi or otg_hs_ulpi_large"
#endif
#if BOARD_CORE > 1 && !CHIP_HAS_OTG_HS
#error "board.h: this chip has no OTG_HS; BOARD_USB_CORE can be otg_fs only"
#endif

// Bootloader in sector 0, settings in 1 and 2, application from 3 (docs/design.md, memory map).
#ifndef BOARD_SETTINGS_FIRST
#define BOARD_SETTINGS_FIRST 1
#endif
#ifndef BOARD_APPLICATION_FIRST
#define BOARD_APPLICATION_FIRST 3
#endif
#if BOARD_SETTINGS_FIRST < 1 || BOARD_APPLICATION_FIRST < BOARD_SETTINGS_FIRST + 2 ||              \
    BOARD_APPLICATION_FIRST >= CHIP_FLASH_SECTORS
#error                                                                                             \
    "board.h: in this order: bootloader, BOARD_SETTINGS_FIRST and one more sector, BOARD_APPLICATION_FIRST"
#endif
#if CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST + 2) -                                                \
        CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST + 1) !=                                           \
    CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST + 1) - CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST)
#error "board.h: BOARD_SETTINGS_FIRST and the sector behind it have to be of one size"
#endif

// 1: OSC_IN gets a clock from outside (an oscillator, a debugger's MCO) instead of a crystal.
#ifndef BOARD_HSE_BYPASS
#define BOARD_HSE_BYPASS 0
#endif

// Button: port by letter, pin, level when pressed. Without a port there is no button.
#ifdef BOARD_BUTTON_PORT
#define BOARD_HAS_BUTTON 1
#else
#define BOARD_HAS_BUTTON    0
#define BOARD_BUTTON_PORT   'A'
#define BOARD_BUTTON_PIN    0
#define BOARD_BUTTON_ACTIVE 1
#endif
#if BOARD_BUTTON_PORT < 0x41 || BOARD_BUTTON_PORT > 0x49 || BOARD_BUTTON_PIN < 0 ||                \
    BOARD_BUTTON_PIN > 15
#error "board.h: the button is at a port from 'A' to 'I', in quotes, and a pin from 0 to 15"
#endif
// The chip's own resistor at the button's pin: 0 none (the board has one), 1 to VDD, 2 to GND.
#ifndef BOARD_BUTTON_PULL
#define BOARD_BUTTON_PULL 0
#endif

// LED, lit while in DFU mode: port by letter, pin, level that lights it. Without a port there is none. A
// second one, BOARD_LED2_..., is for examples/blink.
#ifdef BOARD_LED_PORT
#define BOARD_HAS_LED 1
#else
#define BOARD_HAS_LED  0
#define BOARD_LED_PORT 'A'
#define BOARD_LED_PIN  0
#endif
#ifndef BOARD_LED_ACTIVE
#define BOARD_LED_ACTIVE 1
#endif
#if BOARD_LED_PORT < 0x41 || BOARD_LED_PORT > 0x49 || BOARD_LED_PIN < 0 || BOARD_LED_PIN > 15
#error "board.h: the LED is at a port from 'A' to 'I', in quotes, and a pin from 0 to 15"
#endif
#ifdef BOARD_LED2_PORT
#define BOARD_HAS_LED2 1
#else
#define BOARD_HAS_LED2  0
#define BOARD_LED2_PORT 'A'
#define BOARD_LED2_PIN  0
#endif

// 1: the pull-up follows the VBUS pin (PA9 on OTG_FS, PB13 on OTG_HS; a ULPI transceiver has its own).
// 0: always on when connected; right for boards fed from the USB cable, and for those whose VBUS is not
// wired to the pin.
#ifndef BOARD_VBUS_SENSING
#define BOARD_VBUS_SENSING 0
#endif

// The product's own boot modes (struct boot_entry of core/boot.h, each with a comma), and the prototypes
// of functions they name: none. boards/stm32f4-factory has some.
#ifndef BOARD_MODES
#define BOARD_MODES
#define BOARD_MODE_FUNCTIONS
#endif

// Milliseconds of the independent watchdog that the bootloader starts for the application; 0: not at
// all. At most 32768.
#ifndef BOARD_WATCHDOG_MS
#define BOARD_WATCHDOG_MS 0
#endif

// 1: alternate setting 0 (@Internal Flash) alone; 0: @Application and @Settings besides
// (docs/protocol.md).
#ifndef BOARD_ONLY_FLASH
#define BOARD_ONLY_FLASH 0
#endif

// 1: a host may take the chip's read protection (level 1) away by DfuSe's Read Unprotect, which erases
// all of flash, redfu-boot included. 0: refused.
#ifndef BOARD_READ_UNPROTECT
#define BOARD_READ_UNPROTECT 0
#endif

// 1: a host may have the bootloader's sectors write protected, and that lifted (docs/protection.md). Not by
// itself where a power cut at that moment may leave a chip that does not start.
#ifndef BOARD_PROTECT
#define BOARD_PROTECT (!CHIP_HAS_PCROP)
#endif

// USB identity (docs/protocol.md). ST's numbers, with which STM32CubeProgrammer, dfu-util's and fwupd's rules and
// the Windows drivers find the board; a product sets its own pair.
#ifndef BOARD_USB_VENDOR
#define BOARD_USB_VENDOR  0x0483
#define BOARD_USB_PRODUCT 0xdf11
#endif
// bcdDevice. Windows remembers what it found per vendor, product and this number: raise it when anything
// below changes. 0x2200 is the ROM's (docs/design.md D7).
#ifndef BOARD_USB_RELEASE
#define BOARD_USB_RELEASE 0x0110
#endif
#ifndef BOARD_USB_MANUFACTURER
#define BOARD_USB_MANUFACTURER "redfu"
#endif
#ifndef BOARD_USB_NAME
#define BOARD_USB_NAME "redfu-boot"
#endif
// DeviceInterfaceGUIDs, by which a Windows program finds the interface: a product of its own makes its own.
#ifndef BOARD_USB_GUID
#define BOARD_USB_GUID "{FA1CB883-ED02-476E-A05B-62AB4335D8E1}"
#endif
// 1: WebUSB in the BOS, with this page for the browser to offer, without https://; "": none.
#ifndef BOARD_WEBUSB
#define BOARD_WEBUSB 1
#endif
#ifndef BOARD_LANDING_PAGE
#define BOARD_LANDING_PAGE ""
#endif
// 1: the transceiver can do high speed.
#ifndef BOARD_USB_HIGH_SPEED
#define BOARD_USB_HIGH_SPEED 0
#endif
#if BOARD_USB_HIGH_SPEED && BOARD_CORE < 3
#error                                                                                             \
    "board.h: BOARD_USB_HIGH_SPEED needs an external transceiver, otg_hs_ulpi or otg_hs_ulpi_large"
#endif

#endif
