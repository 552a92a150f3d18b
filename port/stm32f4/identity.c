// SPDX-License-Identifier: MIT
//
// Identity and serial number.

#include "port/stm32f4/identity.h"

#include "board.h"

#define CHARS(text) (sizeof(text) - 1u)
_Static_assert(CHARS(BOARD_USB_GUID) == 38u, "BOARD_USB_GUID is no GUID with braces");
_Static_assert(CHARS(BOARD_LANDING_PAGE) <= DESCRIPTORS_LANDING_PAGE_MAX,
               "BOARD_LANDING_PAGE is too long");
_Static_assert(CHARS(BOARD_USB_MANUFACTURER) <= USB_STRING_CHARS_MAX &&
                   CHARS(BOARD_USB_NAME) <= USB_STRING_CHARS_MAX,
               "a USB string is too long");

static void hex(uint32_t value, unsigned digits, char *out) {
    for (unsigned i = 0; i < digits; i++) {
        unsigned digit = value >> 28;
        out[i] = (char)(digit < 10u ? '0' + digit : 'A' + digit - 10u);
        value <<= 4;
    }
}

// As the ROM forms it, by libopencm3's desig_get_unique_id_as_dfu() and MicroPython's mboot, both made
// after what ROMs show: bytes 11, 10 + 2, 9, 8 + 0, 7, 6 of the unique ID, each sum without carry.
// (ST's USB examples add whole words: the same as long as a wafer coordinate fits one byte and no
// sum overflows.)
void identity_serial(const uint32_t uid[3], char serial[IDENTITY_SERIAL_CHARS + 1u]) {
    const uint32_t summed = 0x00ff00ffu;
    uint32_t sum = (uid[2] & summed) + (uid[0] & summed);
    hex((uid[2] & ~summed) | (sum & summed), 8, serial);
    hex(uid[1], 4, serial + 8);
    serial[IDENTITY_SERIAL_CHARS] = '\0';
}

void identity_init(struct identity *identity, char serial[IDENTITY_SERIAL_CHARS + 1u]) {
    const volatile uint32_t *at = (const volatile uint32_t *)CHIP_UID_BASE;
    const uint32_t uid[3] = {at[0], at[1], at[2]};
    identity_serial(uid, serial);
    *identity = (struct identity){
        .vendor = BOARD_USB_VENDOR,
        .product = BOARD_USB_PRODUCT,
        .release = BOARD_USB_RELEASE,
        .manufacturer = BOARD_USB_MANUFACTURER,
        .product_name = BOARD_USB_NAME,
        .serial = serial,
        .interface_guid = BOARD_USB_GUID,
        .landing_page = BOARD_LANDING_PAGE,
        .is_webusb = BOARD_WEBUSB,
        .is_high_speed = BOARD_USB_HIGH_SPEED,
        .only_flash = BOARD_ONLY_FLASH,
    };
}
