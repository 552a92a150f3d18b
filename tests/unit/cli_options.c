// SPDX-License-Identifier: MIT
//
// The command line of redfu, read.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/options.h"

static struct options options;
static struct redfu_fault fault;

// Words separated by blanks, after the program's name.
static enum redfu_result parse(const char *words) {
    static char text[512];
    static char name[] = "redfu";
    static char *argv[32];
    int argc = 1;
    argv[0] = name;
    (void)strncpy(text, words, sizeof text - 1);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return options_parse(argc, argv, &options, &fault);
}

static void numbers(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        uint32_t value;
    } good[] = {{"0", 0},
                {"4096", 4096},
                {"0x0800C000", 0x0800c000},
                {"0xffffffff", ~0u},
                {"4294967295", ~0u},
                {"16K", 16384},
                {"1M", 1048576},
                {"0x10k", 16384}};
    for (unsigned i = 0; i < 8; i++) {
        uint32_t value = 1;
        assert_true(options_number(good[i].text, &value));
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {"",      "0x", "-1",  "+1", " 1",       "1 ", "4294967296",
                                      "4096M", "K",  "1KK", "1G", "0800C000", "12a"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t value;
        assert_false(options_number(bad[i], &value));
    }
}

static void an_address_is_cut_off_a_file_name(void **unused) {
    (void)unused;
    assert_int_equal(parse("write a@b/fw.bin@0x08010000"), REDFU_OK);
    assert_string_equal(options.file, "a@b/fw.bin");
    assert_true(options.has_addr);
    assert_int_equal(options.addr, 0x08010000);
    assert_int_equal(parse("write me@home.bin"), REDFU_OK);
    assert_string_equal(options.file, "me@home.bin");
    assert_false(options.has_addr);
    assert_int_equal(parse("write @0x1000"), REDFU_USAGE);
}

static void options_stand_anywhere_in_two_forms(void **unused) {
    (void)unused;
    assert_int_equal(parse("--serial X write --usb-id=0483:df11 f.bin --path 1-2.3 --no-run -q"),
                     REDFU_OK);
    assert_int_equal(options.command, COMMAND_WRITE);
    assert_string_equal(options.filter.serial, "X");
    assert_string_equal(options.filter.path, "1-2.3");
    assert_int_equal(options.filter.vendor, 0x0483);
    assert_int_equal(options.filter.product, 0xdf11);
    assert_true(options.no_run && options.quiet && !options.no_verify);
    assert_int_equal(parse("verify -- --odd-name"), REDFU_OK);
    assert_string_equal(options.file, "--odd-name");
}

static void ranges(void **unused) {
    (void)unused;
    assert_int_equal(parse("read 0x08000000 16K out.bin"), REDFU_OK);
    assert_int_equal(options.len, 16384);
    assert_int_equal(parse("erase 0x0800C000 1"), REDFU_OK);
    assert_int_equal(parse("erase --all"), REDFU_OK);
    assert_int_equal(parse("run"), REDFU_OK);
    assert_false(options.has_addr);
    assert_int_equal(parse("run 0x08000000"), REDFU_OK);
    assert_true(options.has_addr);
}

static void settings_have_words_of_their_own(void **unused) {
    (void)unused;
    assert_int_equal(parse("settings list"), REDFU_OK);
    assert_int_equal(options.settings_action, SETTINGS_ACTION_LIST);
    assert_int_equal(parse("settings set 0x5555 u16:7"), REDFU_OK);
    assert_int_equal(options.settings_action, SETTINGS_ACTION_SET);
    assert_string_equal(options.key, "0x5555");
    assert_string_equal(options.value, "u16:7");
    assert_int_equal(parse("settings import --discard pages.bin"), REDFU_OK);
    assert_int_equal(options.settings_action, SETTINGS_ACTION_IMPORT);
    assert_string_equal(options.file, "pages.bin");
    assert_true(options.discard);
}

static void what_makes_no_sense_is_refused(void **unused) {
    (void)unused;
    static const char *const bad[] = {
        "",
        "flash f.bin",
        "list extra",
        "write",
        "write a b c d e f g h i j k l m n o p q",
        "convert a",
        "read 0x08000000 16K",
        "read here 16K f",
        "erase",
        "erase --all 0x0800C000 1",
        "erase 0x0800C000",
        "run 1 2",
        "list --all",
        "verify --no-verify f",
        "write f --serial",
        "write f --usb-id 0483",
        "write f --usb-id 0483:df11x",
        "write f --usb-id -1:-1",
        "write f --usb-id 0x48:df11",
        "write f --usb-id 0483:0xdf",
        "write f --usb-id :df11",
        "write f --usb-id 0483:",
        "write f --alt 16",
        "write f --alt x",
        "write f --fast",
        "write f -x",
        "settings",
        "settings show",
        "settings list 5",
        "settings get",
        "settings set 5",
        "settings set 5 u8:1 u8:2",
        "settings delete",
        "settings backup",
        "settings import",
        "settings restore --discard f",
        "write --discard f",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i]) != REDFU_USAGE) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
        assert_true(fault.text[0]);
    }
}

static void help_needs_no_operands(void **unused) {
    (void)unused;
    assert_int_equal(parse("write --help"), REDFU_OK);
    assert_true(options.help);
    assert_int_equal(parse("--version"), REDFU_OK);
    assert_true(options.version);
}

static void sizes_and_times_in_words(void **unused) {
    (void)unused;
    char text[32];
    assert_string_equal(words_size(1, text, sizeof text), "1 byte");
    assert_string_equal(words_size(5000, text, sizeof text), "5000 bytes");
    assert_string_equal(words_size(16384, text, sizeof text), "16 KB");
    assert_string_equal(words_size(41508, text, sizeof text), "40.5 KB");
    assert_string_equal(words_time(251999, text, sizeof text), "251 ms");
    assert_string_equal(words_time(12340000, text, sizeof text), "12.3 s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(an_address_is_cut_off_a_file_name),
        cmocka_unit_test(options_stand_anywhere_in_two_forms),
        cmocka_unit_test(ranges),
        cmocka_unit_test(settings_have_words_of_their_own),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(sizes_and_times_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
