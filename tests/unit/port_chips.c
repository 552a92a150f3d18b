// SPDX-License-Identifier: MIT
//
// The chips' tables against the manuals, written down here a second time: sectors, clocks, wait states; and
// the layout string of each against what hosts make of it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/hosts/layout.h"
#include "host/redfu.h"
#include "spec/usb.h"
#include "tests/unit/port_chips.h"

// Name, KB, SRAM and CCM in KB, the core's MHz and its maximum, wait states, layout string behind the name.
// Sizes: DS9716, DS10086 (F401), DS10314 (F411), DS8626 (F405, F407), DS9405 (F427, F429). Wait states at 2.7
// to 3.6 V: RM0368 table 6, RM0383 table 5, RM0090 tables 10 and 11.
#define CHIPS(X)                                                                                   \
    X(f401, 128, 64, 0, 84, 84, 2, "03*016Ka,01*016Kg,01*064Kg")                                   \
    X(f401, 256, 64, 0, 84, 84, 2, "03*016Ka,01*016Kg,01*064Kg,01*128Kg")                          \
    X(f401, 384, 96, 0, 84, 84, 2, "03*016Ka,01*016Kg,01*064Kg,02*128Kg")                          \
    X(f401, 512, 96, 0, 84, 84, 2, "03*016Ka,01*016Kg,01*064Kg,03*128Kg")                          \
    X(f411, 256, 128, 0, 96, 100, 3, "03*016Ka,01*016Kg,01*064Kg,01*128Kg")                        \
    X(f411, 512, 128, 0, 96, 100, 3, "03*016Ka,01*016Kg,01*064Kg,03*128Kg")                        \
    X(f40x, 512, 128, 64, 168, 168, 5, "03*016Ka,01*016Kg,01*064Kg,03*128Kg")                      \
    X(f40x, 1024, 128, 64, 168, 168, 5, "03*016Ka,01*016Kg,01*064Kg,07*128Kg")                     \
    X(f42x, 512, 192, 64, 168, 168, 5, "03*016Ka,01*016Kg,01*064Kg,03*128Kg")                      \
    X(f42x, 1024, 192, 64, 168, 168, 5, "03*016Ka,01*016Kg,01*064Kg,07*128Kg")                     \
    X(f42x, 2048, 192, 64, 168, 168, 5,                                                            \
      "03*016Ka,01*016Kg,01*064Kg,07*128Kg,04*016Kg,01*064Kg,07*128Kg")

#define DECLARE(line, kb, ...) extern const struct chip_row chip_##line##_##kb;
CHIPS(DECLARE)

static const struct {
    const char *name;
    const struct chip_row *row;
    unsigned kb, sram_kb, ccm_kb, core_mhz, core_mhz_max, wait_states;
    const char *runs;
} chips[] = {
#define ROW(line, kb, ...) {#line "/" #kb, &chip_##line##_##kb, kb, __VA_ARGS__},
    CHIPS(ROW)};
#define CHIP_COUNT (sizeof chips / sizeof chips[0])

// RM0090 table 6: the sectors of a chip of 2 Mbyte; a smaller one has the first of them.
static const uint32_t manual[] = {
    0x08000000, 0x08004000, 0x08008000, 0x0800c000, 0x08010000, 0x08020000, 0x08040000,
    0x08060000, 0x08080000, 0x080a0000, 0x080c0000, 0x080e0000, 0x08100000, 0x08104000,
    0x08108000, 0x0810c000, 0x08110000, 0x08120000, 0x08140000, 0x08160000, 0x08180000,
    0x081a0000, 0x081c0000, 0x081e0000, 0x08200000,
};

static void sectors_lie_where_the_manual_says(void **state) {
    (void)state;
    for (size_t i = 0; i < CHIP_COUNT; i++) {
        const struct chip_row *row = chips[i].row;
        uint32_t end = 0x08000000u + chips[i].kb * 1024u;
        assert_int_equal(flash_sector_count(&row->map), row->sectors);
        for (unsigned n = 0; n <= row->sectors; n++) {
            assert_int_equal(row->sector_address(n), manual[n]);
            assert_int_equal(flash_sector_address(&row->map, n), manual[n]);
        }
        assert_int_equal(manual[row->sectors], end);
        assert_int_equal(flash_end(&row->map), end);
        for (unsigned n = 0; n < row->sectors; n++) {
            assert_int_equal(flash_sector_at(&row->map, manual[n]), n);
            assert_int_equal(flash_sector_at(&row->map, manual[n + 1] - 1), n);
        }
        assert_int_equal(flash_sector_at(&row->map, end), FLASH_NO_SECTOR);
    }
}

static void memories_and_clocks_are_the_datasheets(void **state) {
    (void)state;
    for (size_t i = 0; i < CHIP_COUNT; i++) {
        const struct chip_row *row = chips[i].row;
        assert_int_equal(row->sram_bytes, chips[i].sram_kb * 1024);
        assert_int_equal(row->ccm_bytes, chips[i].ccm_kb * 1024);
        assert_int_equal(row->core_mhz, chips[i].core_mhz);
        assert_int_equal(row->core_mhz_max, chips[i].core_mhz_max);
        assert_true(row->core_mhz <= row->core_mhz_max);
        assert_int_equal(row->usb_mhz, 48);
        assert_true(row->vco_mhz >= 192 && row->vco_mhz <= 432); // every revision of the datasheets
        assert_int_equal(row->wait_states, chips[i].wait_states);
        // Only there do option bytes choose between two divisions (RM0090 table 6 and 3.9.10).
        assert_int_equal(row->has_db1m, strcmp(chips[i].name, "f42x/1024") == 0);
    }
}

// dfu-util and libusb take what a string descriptor can carry; what the programs themselves make of the
// longest string is host/board/stm32f429-discovery's.
static void layout_strings_are_what_hosts_read(void **state) {
    (void)state;
    for (size_t i = 0; i < CHIP_COUNT; i++) {
        const struct chip_row *row = chips[i].row;
        char wanted[USB_STRING_CHARS_MAX + 1];
        char text[USB_STRING_CHARS_MAX + 1];
        (void)snprintf(wanted, sizeof wanted, "@Internal Flash  /0x08000000/%s", chips[i].runs);
        unsigned len = flash_layout(&row->map, "Internal Flash  ", true, text, sizeof text);
        assert_string_equal(text, wanted);
        assert_int_equal(len, strlen(wanted));

        struct host_layout hosts;
        struct redfu_layout ours;
        struct redfu_fault fault;
        assert_true(layout_parse(text, &hosts));
        assert_int_equal(redfu_layout_parse(text, &ours, &fault), REDFU_OK);
        assert_int_equal(redfu_layout_sector_count(&ours), row->sectors);
        for (unsigned n = 0; n < row->sectors; n++) {
            struct redfu_sector sector;
            const struct layout_run *run = layout_run_at(&hosts, manual[n]);
            assert_non_null(run);
            assert_int_equal((manual[n] - run->addr) % run->sector_bytes, 0);
            assert_int_equal(run->sector_bytes, manual[n + 1] - manual[n]);
            assert_int_equal(run->type, n < 3 ? 1 : 7);
            assert_true(redfu_layout_sector(&ours, n, &sector));
            assert_int_equal(sector.addr, manual[n]);
            assert_int_equal(sector.bytes, manual[n + 1] - manual[n]);
        }
        assert_null(layout_run_at(&hosts, manual[row->sectors]));
        // The application alone: the same runs without what is read only.
        assert_true(flash_layout(&row->map, "Application  ", false, text, sizeof text) > 0);
        assert_string_equal(strchr(text, '/') + 12, strchr(chips[i].runs, ',') + 1);
        assert_true(layout_parse(text, &hosts));
        assert_int_equal(hosts.runs[0].addr, 0x0800c000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_lie_where_the_manual_says),
        cmocka_unit_test(memories_and_clocks_are_the_datasheets),
        cmocka_unit_test(layout_strings_are_what_hosts_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
