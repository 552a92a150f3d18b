// SPDX-License-Identifier: MIT
//
// The board's numbers: the linker scripts' arithmetic against core's flash map and against RM0090
// table 5; the serial number against values worked out by hand.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "board.h"
#include "core/flash_map.h"
#include "port/stm32f4/identity.h"
#include "port/stm32f4/map.h"

// RM0090 table 5, sectors 0 to 11, and the end of main memory.
static const uint32_t manual[] = {
    0x08000000, 0x08004000, 0x08008000, 0x0800c000, 0x08010000, 0x08020000, 0x08040000,
    0x08060000, 0x08080000, 0x080a0000, 0x080c0000, 0x080e0000, 0x08100000,
};

static void linker_and_core_place_sectors_as_the_manual(void **state) {
    (void)state;
    assert_int_equal(flash_sector_count(&board_flash_map), 12);
    assert_int_equal(CHIP_FLASH_SECTORS, 12);
    for (unsigned n = 0; n < 12; n++) {
        assert_int_equal(CHIP_SECTOR_ADDRESS((int)n), manual[n]);
        assert_int_equal(flash_sector_address(&board_flash_map, n), manual[n]);
    }
    assert_int_equal(CHIP_SECTOR_ADDRESS(12), manual[12]);
    assert_int_equal(flash_end(&board_flash_map), manual[12]);
}

static void application_is_where_the_design_says(void **state) {
    (void)state;
    assert_int_equal(flash_application_address(&board_flash_map), 0x0800c000);
    assert_int_equal(CHIP_SECTOR_ADDRESS(BOARD_APPLICATION_FIRST), 0x0800c000);
    assert_int_equal(CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST), 0x08004000);
}

static void serial_adds_four_bytes_without_carry_and_takes_the_upper_half(void **state) {
    (void)state;
    char serial[IDENTITY_SERIAL_CHARS + 1];
    // Word 0 + word 2 = 0x20604D85; upper half of word 1 = 0x3137.
    identity_serial((const uint32_t[3]){0x00290048, 0x31375102, 0x20374d3d}, serial);
    assert_string_equal(serial, "20604D853137");
    // The sum wraps, and leading zeros are shown.
    identity_serial((const uint32_t[3]){0xffffffff, 0x000a0000, 0x00000002}, serial);
    assert_string_equal(serial, "00FF0001000A");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linker_and_core_place_sectors_as_the_manual),
        cmocka_unit_test(application_is_where_the_design_says),
        cmocka_unit_test(serial_adds_four_bytes_without_carry_and_takes_the_upper_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
