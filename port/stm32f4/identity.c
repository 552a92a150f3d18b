// SPDX-License-Identifier: MIT
//
// Identity and serial number.

#include "port/stm32f4/identity.h"

#include "board.h"

// ST's vendor number with its DFU product number: what STM32CubeProgrammer, dfu-util's and fwupd's
// rules, and the Windows drivers look for. A product sets its own pair.
#define ID_VENDOR  0x0483
#define ID_PRODUCT 0xdf11
// bcdDevice of our own: Windows remembers what it found per vendor, product and this
// number, and 0x2200 is the ROM's (docs/design.md D7).
#define BCD_DEVICE 0x0100

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
        .vendor = ID_VENDOR,
        .product = ID_PRODUCT,
        .release = BCD_DEVICE,
        .manufacturer = "redfu",
        .product_name = "redfu-boot",
        .serial = serial,
    };
}
