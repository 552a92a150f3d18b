// SPDX-License-Identifier: MIT
//
// Words for a person: registers and bits as RM0090 has them, times, and names somebody may have meant.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/image.h"
#include "vboard/observe/registers.h"
#include "vboard/observe/span.h"

static void registers_are_called_as_in_the_manual(void **state) {
    (void)state;
    static const struct {
        const char *peripheral;
        uint32_t off;
        const char *name;
    } cases[] = {
        {"RCC", 0x00, "RCC_CR"},
        {"FLASH", 0x0C, "FLASH_SR"},
        {"FLASH", 0x18, "FLASH_OPTCR1"},
        {"SDIO", 0x34, "SDIO_STA"},
        {"GPIOA", 0x10, "GPIOA_IDR"},
        {"GPIOI", 0x14, "GPIOI_ODR"},
        {"USART6", 0x00, "USART6_SR"},
        {"UART4", 0x00, "UART4_SR"},
        {"OTG_FS", 0x014, "OTG_FS_GINTSTS"},
        {"OTG_HS", 0xE00, "OTG_HS_PCGCCTL"},
        {"OTG_FS", 0x900, "OTG_FS_DIEPCTL0"},
        {"OTG_FS", 0x928, "OTG_FS_DIEPINT1"},
        {"OTG_HS", 0xB50, "OTG_HS_DOEPTSIZ2"},
        // Nothing is made up.
        {"RCC", 0x98, "RCC+0x98"},
        {"OTG_FS", 0x904, "OTG_FS+0x904"},
        {"FOO", 0, "FOO+0x00"},
    };
    char text[REGISTER_NAME_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(register_name(cases[i].peripheral, cases[i].off, text), cases[i].name);
    }
}

static void bits_are_called_as_in_the_manual(void **state) {
    (void)state;
    static const struct {
        const char *peripheral;
        uint32_t off;
        unsigned bit;
        const char *name;
    } cases[] = {
        {"RCC", 0x00, 25, "PLLRDY"},      {"RCC", 0x00, 0, "HSION"},
        {"RCC", 0x00, 27, "PLLI2SRDY"},   {"RCC", 0x00, 2, ""},
        {"RCC", 0x08, 3, "SWS"},          {"RCC", 0x08, 2, "SWS"},
        {"RCC", 0x08, 4, "HPRE"},         {"RCC", 0x30, 0, ""},
        {"FLASH", 0x0C, 16, "BSY"},       {"SDIO", 0x34, 2, "CTIMEOUT"},
        {"PWR", 0x04, 16, "ODRDY"},       {"OTG_FS", 0x010, 31, "AHBIDL"},
        {"OTG_HS", 0x900, 31, "EPENA"},   {"I2C3", 0x14, 0, "SB"},
        {"OTG_FS", 0x014, 31, "WKUPINT"}, {"FOO", 0, 0, ""},
    };
    char text[REGISTER_NAME_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(
            register_bit_name(cases[i].peripheral, cases[i].off, cases[i].bit, text),
            cases[i].name);
    }
}

static void times_have_four_digits(void **state) {
    (void)state;
    static const struct {
        uint64_t ps;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {999, "0 ns"},
        {1999, "1 ns"},
        {999999, "999 ns"},
        {1000000, "1.000 us"},
        {12345678, "12.34 us"},
        {123456789, "123.4 us"},
        {999999999, "999.9 us"},
        {1000000000, "1.000 ms"},
        {250100000000, "250.1 ms"},
        {1204999999999, "1.204 s"},
        {1234000000000000, "1234 s"},
    };
    char text[SPAN_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(span_text(cases[i].ps, text), cases[i].text);
    }
}

static struct image_symbol symbols[] = {
    {0x08000100, 4, IMAGE_FUNCTION, (char *)(uintptr_t) "HAL_FLASHEx_Erase", false},
    {0x08000200, 4, IMAGE_FUNCTION, (char *)(uintptr_t) "MEM_If_Erase_FS", false},
    {0x08000300, 4, IMAGE_FUNCTION, (char *)(uintptr_t) "MEM_If_Write_FS", false},
    {0x08000400, 4, IMAGE_FUNCTION, (char *)(uintptr_t) "main", false},
    {0x08000500, 4, IMAGE_FUNCTION, (char *)(uintptr_t) "receive.part.0", false},
    {0x20000000, 4, IMAGE_OBJECT, (char *)(uintptr_t) "MEM_If_Erase_GS", false},
};
static const struct image image = {.symbols = symbols, .symbol_count = 6};

static void the_nearest_names_come_first(void **state) {
    (void)state;
    struct image_near near = {0};
    image_symbol_near(&image, "MEM_If_Erase_HS", &near);
    assert_true(near.count >= 1);
    assert_string_equal(near.names[0], "MEM_If_Erase_FS"); // and not the variable
    near = (struct image_near){0};
    image_symbol_near(&image, "hal_flash_erase", &near);
    assert_string_equal(near.names[0], "HAL_FLASHEx_Erase");
    near = (struct image_near){0};
    image_symbol_near(&image, "zzzzzz", &near);
    assert_int_equal(near.count, 0);
    // The same file twice brings no name twice.
    image_symbol_near(&image, "mian", &near);
    image_symbol_near(&image, "mian", &near);
    assert_int_equal(near.count, 1);
    assert_string_equal(near.names[0], "main");
}

static void a_name_stands_for_the_compilers_variants(void **state) {
    (void)state;
    assert_true(image_symbol_matches(&symbols[4], "receive"));
    assert_true(image_symbol_matches(&symbols[4], "receive.part.0"));
    assert_false(image_symbol_matches(&symbols[4], "rec"));
    assert_false(image_symbol_matches(&symbols[3], "mai"));
    assert_true(image_symbol_matches(&symbols[3], "main"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_called_as_in_the_manual),
        cmocka_unit_test(bits_are_called_as_in_the_manual),
        cmocka_unit_test(times_have_four_digits),
        cmocka_unit_test(the_nearest_names_come_first),
        cmocka_unit_test(a_name_stands_for_the_compilers_variants),
    };
    return cmocka_run_group_tests_name("observe_names", tests, NULL, NULL);
}
