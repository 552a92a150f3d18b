// SPDX-License-Identifier: MIT
//
// The DfuSe layout parser: strings of real devices are understood, nonsense is refused with its place.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/redfu.h"

static struct redfu_layout layout;
static struct redfu_fault fault;

static void parse(const char *text) {
    if (redfu_layout_parse(text, &layout, &fault) != REDFU_OK) {
        fail_msg("%s", fault.text);
    }
}

static void assert_sector(unsigned number, uint32_t addr, uint32_t bytes, uint8_t can) {
    struct redfu_sector sector;
    assert_true(redfu_layout_sector(&layout, number, &sector));
    assert_int_equal(sector.addr, addr);
    assert_int_equal(sector.bytes, bytes);
    assert_int_equal(sector.can, can);
    assert_true(redfu_layout_sector_at(&layout, addr, &sector));
    assert_int_equal(sector.number, number);
    assert_true(redfu_layout_sector_at(&layout, addr + (bytes - 1), &sector));
    assert_int_equal(sector.number, number);
}

static void assert_application(uint32_t wanted_addr, uint32_t wanted_bytes) {
    uint32_t addr;
    uint32_t bytes;
    assert_true(redfu_layout_application(&layout, &addr, &bytes));
    assert_int_equal(addr, wanted_addr);
    assert_int_equal(bytes, wanted_bytes);
}

static void redfu_boots_own_string(void **unused) {
    (void)unused;
    parse("@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg");
    assert_string_equal(layout.name, "Internal Flash");
    assert_int_equal(redfu_layout_sector_count(&layout), 12);
    assert_sector(2, 0x08008000, 0x4000, REDFU_CAN_READ);
    assert_sector(3, 0x0800c000, 0x4000, REDFU_CAN_READ | REDFU_CAN_ERASE | REDFU_CAN_WRITE);
    assert_sector(4, 0x08010000, 0x10000, 7);
    assert_sector(11, 0x080e0000, 0x20000, 7);
    assert_application(0x0800c000, 976 * 1024);
    struct redfu_sector sector;
    assert_false(redfu_layout_sector(&layout, 12, &sector));
    assert_false(redfu_layout_sector_at(&layout, 0x08100000, &sector));
    assert_false(redfu_layout_sector_at(&layout, 0x07ffffff, &sector));
}

static void the_rom_of_an_f407(void **unused) {
    (void)unused;
    parse("@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg");
    assert_application(0x08000000, 1024 * 1024);
    parse("@Option Bytes  /0x1FFFC000/01*016 e");
    assert_sector(0, 0x1fffc000, 16, REDFU_CAN_READ | REDFU_CAN_WRITE);
    uint32_t addr;
    uint32_t bytes;
    assert_false(redfu_layout_application(&layout, &addr, &bytes));
    parse("@OTP Memory /0x1FFF7800/01*512 e,01*016 e");
    assert_sector(1, 0x1fff7a00, 16, 5);
    parse("@Device Feature/0xFFFF0000/01*004 e");
    assert_sector(0, 0xffff0000, 4, 5);
}

static void cubemx_with_two_banks(void **unused) {
    (void)unused;
    parse("@Internal Flash   /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg,04*016Kg,01*064Kg,"
          "07*128Kg");
    assert_int_equal(redfu_layout_sector_count(&layout), 24);
    assert_sector(12, 0x08100000, 0x4000, 7);
    assert_application(0x0800c000, 2048 * 1024 - 0xc000);
}

static void several_address_blocks(void **unused) {
    (void)unused;
    parse("@Option Bytes /0x1FFF7800/01*048 e/0x1FFFF800/01*048 e"); // STM32G4's ROM
    assert_int_equal(layout.group_count, 2);
    assert_sector(1, 0x1ffff800, 48, 5);
    parse("@Internal Flash  /0x08008000/02*016Kg,01*064Kg,07*128Kg/0x08000000/02*016Ka");
    assert_sector(10, 0x08000000, 0x4000, 1);
    assert_application(0x08008000, 992 * 1024);
}

static void an_application_area_ends_at_the_first_gap(void **unused) {
    (void)unused;
    parse("@Flash/0x08000000/1*16Ka,2*16Kg/0x08020000/1*128Kg");
    assert_application(0x08004000, 0x8000);
}

static void blanks_after_commas_and_around_numbers(void **unused) {
    (void)unused;
    parse("@Internal Flash   /0x08000000/04*016Ka, 01*064Kg,11*128Kg"); // an F413 user's
    assert_sector(4, 0x08010000, 0x10000, 7);
    parse("@x / 0x08000000 / 1 * 16Kg , 2* 4Kg ");
    assert_sector(2, 0x08005000, 0x1000, 7);
}

static void every_unit_and_type_letter(void **unused) {
    (void)unused;
    static const struct {
        const char *group;
        uint32_t bytes;
    } units[] = {
        {"1*512 g", 512}, {"1*512Bg", 512}, {"1*512g", 512}, {"1*2Kg", 2048}, {"1*8Mg", 8388608}};
    for (unsigned i = 0; i < 5; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "@m/0x90000000/%s", units[i].group);
        parse(text);
        assert_sector(0, 0x90000000, units[i].bytes, 7);
    }
    for (char type = 'a'; type <= 'g'; type++) {
        char text[64];
        (void)snprintf(text, sizeof text, "@m/0x90000000/1*2K%c", type);
        parse(text);
        assert_sector(0, 0x90000000, 2048, (uint8_t)(type - 'a' + 1));
    }
}

static void bytes_that_are_no_text_after_the_layout_are_noted_and_ignored(void **unused) {
    (void)unused;
    parse("@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg\xec\xb1\x90\xc6\xa8");
    assert_true(layout.has_garbage);
    assert_int_equal(redfu_layout_sector_count(&layout), 12);
    parse("@Internal Flash  /0x08000000/04*016Kg");
    assert_false(layout.has_garbage);
}

static void the_last_sector_may_end_the_address_space(void **unused) {
    (void)unused;
    parse("@m/0xFFFFF000/2*2Kg");
    assert_sector(1, 0xfffff800, 2048, 7);
}

static void nonsense_is_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no '@'"},
        {"UNKNOWN", "no '@' at character 1"},
        {"@name", "no '/' after the name"},
        {"@name/", "no address"},
        {"@name/08000000/1*1Kg", "no address"},
        {"@name/0x/1*1Kg", "no address of eight"},
        {"@name/0x123456789/1*1Kg", "no address of eight"},
        {"@name/0x08000000", "no '/' after the address"},
        {"@name/0x08000000/", "no number of sectors"},
        {"@name/0x08000000/*1Kg", "no number of sectors"},
        {"@name/0x08000000/0*1Kg", "no number of sectors"},
        {"@name/0x08000000/-1*1Kg", "no number of sectors"},
        {"@name/0x08000000/99999*1Kg", "no number of sectors"},
        {"@name/0x08000000/1,1Kg", "no '*'"},
        {"@name/0x08000000/1*Kg", "no sector size"},
        {"@name/0x08000000/1*0Kg", "no sector size"},
        {"@name/0x08000000/1*99999999999Kg", "no sector size"},
        {"@name/0x08000000/1*1K", "no unit"},
        {"@name/0x08000000/1*1Kh", "no unit"},
        {"@name/0x08000000/1*1kg", "no unit"},
        {"@name/0x08000000/1*1Gg", "no unit"},
        {"@name/0x08000000/1*1Kg,", "no number of sectors"},
        {"@name/0x08000000/1*1Kgg", "belongs to no sector at character 23"},
        {"@name/0x08000000/1*1Kg;1*1Kg", "belongs to no sector"},
        {"@name/0xFFFFF000/3*2Kg", "pass the end of the address space"},
        {"@name/0x08000000/60000*4095Mg", "pass the end of the address space"},
        {"@name/0x08000000/4*1Kg/0x08000400/1*1Kg", "lie over others"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(redfu_layout_parse(cases[i].text, &layout, &fault), REDFU_BAD_DEVICE);
        if (!strstr(fault.text, cases[i].why)) {
            fail_msg("\"%s\" gives: %s", cases[i].text, fault.text);
        }
        assert_int_equal(redfu_layout_sector_count(&layout), 0);
    }
}

static void no_prefix_of_a_good_string_is_misread(void **unused) {
    (void)unused;
    static const char whole[] = "@Flash/0x08000000/03*016Ka,01*016Kg/0x1FFF7800/01*512 e,01*016 e";
    char text[sizeof whole];
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        memcpy(text, whole, len);
        text[len] = '\0';
        if (redfu_layout_parse(text, &layout, &fault) == REDFU_OK) {
            assert_non_null(strchr("age", text[len - 1])); // cut behind a whole group
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redfu_boots_own_string),
        cmocka_unit_test(the_rom_of_an_f407),
        cmocka_unit_test(cubemx_with_two_banks),
        cmocka_unit_test(several_address_blocks),
        cmocka_unit_test(an_application_area_ends_at_the_first_gap),
        cmocka_unit_test(blanks_after_commas_and_around_numbers),
        cmocka_unit_test(every_unit_and_type_letter),
        cmocka_unit_test(bytes_that_are_no_text_after_the_layout_are_noted_and_ignored),
        cmocka_unit_test(the_last_sector_may_end_the_address_space),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(no_prefix_of_a_good_string_is_misread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
