// SPDX-License-Identifier: MIT
//
// The boot decision, and arithmetic over the flash map.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/boot.h"
#include "tests/unit/desk.h"

static const struct boot_ram rams[] = {{0x20000000, 0x20000}, {0x10000000, 0x10000}};

static void the_decision_is_this_table(void **state) {
    (void)state;
    static const struct {
        bool valid;
        enum mailbox_request request;
        bool button;
        bool receiving;
        enum boot_choice choice;
        enum boot_reason reason;
    } rows[] = {
        {false, MAILBOX_NONE, false, false, BOOT_DFU, BOOT_REASON_NO_APPLICATION},
        {false, MAILBOX_RUN, false, false, BOOT_DFU, BOOT_REASON_NO_APPLICATION},
        {false, MAILBOX_DFU, true, false, BOOT_DFU, BOOT_REASON_NO_APPLICATION},
        {true, MAILBOX_NONE, false, false, BOOT_APPLICATION, BOOT_REASON_DEFAULT},
        {true, MAILBOX_NONE, true, false, BOOT_DFU, BOOT_REASON_BUTTON},
        {true, MAILBOX_DFU, false, false, BOOT_DFU, BOOT_REASON_MAILBOX},
        {true, MAILBOX_DFU, true, false, BOOT_DFU, BOOT_REASON_MAILBOX},
        {true, MAILBOX_RUN, false, false, BOOT_APPLICATION, BOOT_REASON_MAILBOX},
        {true, MAILBOX_RUN, true, false, BOOT_APPLICATION, BOOT_REASON_MAILBOX},
        {true, MAILBOX_NONE, false, true, BOOT_DFU, BOOT_REASON_RECEIVING},
        {true, MAILBOX_RUN, false, true, BOOT_DFU, BOOT_REASON_RECEIVING},
        {false, MAILBOX_NONE, false, true, BOOT_DFU, BOOT_REASON_NO_APPLICATION},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct boot_facts facts = {
            .request = rows[i].request,
            .button = rows[i].button,
            .receiving = rows[i].receiving,
            .application_valid = rows[i].valid,
        };
        struct boot_decision decision = boot_decide(&facts);
        assert_int_equal(decision.choice, rows[i].choice);
        assert_int_equal(decision.reason, rows[i].reason);
    }
}

static bool sane(uint32_t stack_pointer, uint32_t reset_vector) {
    return boot_vectors_are_sane(&desk_map, rams, 2, stack_pointer, reset_vector);
}

static void vector_tables_of_real_applications_are_sane(void **state) {
    (void)state;
    assert_true(sane(0x20020000, 0x0800c1a9)); // stack at the top of SRAM: the usual one
    assert_true(sane(0x10010000, 0x0800c1a9)); // stack in CCM, which ST's mask refuses
    assert_true(sane(0x20000400, 0x0800c1a9)); // at the bottom, as some start-up codes do
    assert_true(sane(0x2001fffc, 0x080fffff));
}

static void what_is_no_vector_table_is_not_sane(void **state) {
    (void)state;
    assert_false(sane(0xffffffff, 0xffffffff)); // blank flash
    assert_false(sane(0, 0));
    assert_false(sane(0x20020000, 0xffffffff)); // only the first word was written
    assert_false(sane(0x20020004, 0x0800c1a9)); // past the end
    assert_false(sane(0x20000000, 0x0800c1a9)); // no room at all
    assert_false(sane(0x20010002, 0x0800c1a9)); // not a multiple of 4
    assert_false(sane(0x20020000, 0x0800c1a8)); // not Thumb
    assert_false(sane(0x20020000, 0x080001a9)); // linked for 0x08000000
    assert_false(sane(0x20020000, 0x08100001));
    assert_false(sane(0x20020000, 0x20000001));
}

static void a_mailbox_is_valid_only_as_written(void **state) {
    (void)state;
    struct mailbox box;
    memset(&box, 0, sizeof box);
    assert_false(mailbox_is_valid(&box));
    memset(&box, 0xff, sizeof box);
    assert_false(mailbox_is_valid(&box));
    mailbox_fill(&box, MAILBOX_DFU);
    assert_true(mailbox_is_valid(&box));
    for (unsigned bit = 0; bit < 8 * sizeof box; bit++) {
        struct mailbox damaged = box;
        ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(mailbox_is_valid(&damaged));
    }
}

static void sectors_tile_the_flash_without_a_gap(void **state) {
    (void)state;
    assert_int_equal(flash_sector_count(&desk_map), 12);
    uint32_t addr = DESK_FLASH_BASE;
    for (unsigned sector = 0; sector < 12; sector++) {
        assert_int_equal(flash_sector_address(&desk_map, sector), addr);
        uint32_t bytes = flash_sector_bytes(&desk_map, sector);
        assert_int_equal(flash_sector_at(&desk_map, addr), sector);
        assert_int_equal(flash_sector_at(&desk_map, addr + bytes - 1), sector);
        addr += bytes;
    }
    assert_int_equal(addr, 0x08100000);
    assert_int_equal(flash_end(&desk_map), addr);
    assert_int_equal(flash_sector_at(&desk_map, addr), FLASH_NO_SECTOR);
    assert_int_equal(flash_sector_at(&desk_map, DESK_FLASH_BASE - 1), FLASH_NO_SECTOR);
    assert_int_equal(flash_application_address(&desk_map), DESK_APPLICATION);
}

static void ranges_cannot_wrap(void **state) {
    (void)state;
    assert_true(flash_holds(&desk_map, 0x08000000, 0x100000));
    assert_false(flash_holds(&desk_map, 0x08000000, 0x100001));
    assert_false(flash_holds(&desk_map, 0x080fffff, 0xffffffff));
    assert_false(flash_holds(&desk_map, 0x08000001, 0xffffffff));
    assert_false(flash_application_holds(&desk_map, 0x0800bfff, 2));
    assert_true(flash_application_holds(&desk_map, 0x0800c000, 0xf4000));
    assert_false(flash_application_holds(&desk_map, 0x0800c000, 0xf4001));
}

static void layouts_are_cut_where_the_application_begins(void **state) {
    (void)state;
    char text[USB_STRING_CHARS_MAX + 1];
    const char *whole = "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg";
    assert_int_equal(flash_layout(&desk_map, "Internal Flash  ", true, text, sizeof text),
                     strlen(whole));
    assert_string_equal(text, whole);
    flash_layout(&desk_map, "Application  ", false, text, sizeof text);
    assert_string_equal(text, "@Application  /0x0800C000/01*016Kg,01*064Kg,07*128Kg");
    assert_int_equal(flash_layout(&desk_map, "Internal Flash  ", true, text, 20), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_decision_is_this_table),
        cmocka_unit_test(vector_tables_of_real_applications_are_sane),
        cmocka_unit_test(what_is_no_vector_table_is_not_sane),
        cmocka_unit_test(a_mailbox_is_valid_only_as_written),
        cmocka_unit_test(sectors_tile_the_flash_without_a_gap),
        cmocka_unit_test(ranges_cannot_wrap),
        cmocka_unit_test(layouts_are_cut_where_the_application_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
