// SPDX-License-Identifier: MIT
//
// `redfu fwupd-package` and `redfu udev-rules` in this process: what they write, to the byte where a reader is
// that particular, and every sentence and exit status. What fwupd makes of a package: tests/hosts/package.c.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "image/cab.h"
#include "image/guid.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_desk.h"
#include "tests/host/redfu_run.h"

static char folder[] = "/tmp/redfu-package-XXXXXX";
static struct bench *bench;
static char text[65536];

static size_t read_file(const char *name) {
    FILE *file = fopen(folder_path(folder, name), "rb");
    if (!file) {
        fail_msg("%s is not there", name);
        return 0;
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return len;
}

static struct outcome run(const char *words, int status) {
    struct outcome outcome = cli_run(bench, folder, words, false);
    if (outcome.status != status) {
        fail_msg("redfu %s: status %d instead of %d:\n%s%s", words, outcome.status, status,
                 outcome.out, outcome.err);
    }
    return outcome;
}

static void refuses(const char *words, int status, const char *sentence) {
    struct outcome outcome = run(words, status);
    if (!strstr(outcome.err, sentence) || strncmp(outcome.err, "redfu: ", 7) != 0) {
        fail_msg("redfu %s: not \"%s\" but:\n%s", words, sentence, outcome.err);
    }
    outcome_free(&outcome);
    assert_int_not_equal(access(folder_path(folder, "o.cab"), F_OK), 0);
    assert_int_not_equal(access(folder_path(folder, "o.quirk"), F_OK), 0);
}

static void has(const char *wanted) {
    if (!strstr(text, wanted)) {
        fail_msg("\"%s\" is not in:\n%s", wanted, text);
    }
}

static void a_guid_is_fwupds(void **unused) {
    (void)unused;
    char guid[GUID_TEXT_BYTES];
    guid_of("USB\\VID_0483&PID_DF11", guid); // as fwupd 2.0.20 shows it
    assert_string_equal(guid, "5aea1200-2286-5819-93e6-3b5548b6c88a");
    // One that fills its last block but for the length, so that another block holds that.
    guid_of("0123456789012345678901234567890123456789", guid);
    assert_string_equal(guid, "145078fe-b833-5436-962b-68058bcd2299");
}

static void a_cabinet_is_stored_in_blocks(void **unused) {
    (void)unused;
    static uint8_t large[40000];
    memset(large, 0x5a, sizeof large);
    const struct cab_file files[] = {{"a", large, sizeof large}, {"bc", (const uint8_t *)"xyz", 3}};
    size_t len;
    uint8_t *cab = cab_make(files, 2, cab_date(2026, 11, 28), 0, &len);
    assert_non_null(cab);
    assert_int_equal(len, 36 + 8 + (16 + 2) + (16 + 3) + 2 * 8 + 40003);
    assert_memory_equal(cab, "MSCF", 4);
    assert_int_equal(load_le32(cab + 8), len);
    assert_int_equal(load_le16(cab + 36 + 4), 2); // blocks
    assert_int_equal(load_le16(cab + 44 + 10), 46 << 9 | 11 << 5 | 28);
    // Words that are all the same cancel each other; the length is left.
    const uint8_t *block = cab + 36 + 8 + 18 + 19;
    assert_int_equal(load_le32(block), 0x80008000);
    assert_int_equal(load_le16(block + 4), 32768);
    free(cab);
}

static void a_package_says_whose_it_is(void **unused) {
    (void)unused;
    folder_put_text(folder, "f.bin", "firmware bytes");
    struct outcome outcome = run(
        "fwupd-package %/f.bin@0x0800C000 %/p.cab --usb-id 1209:0003 --runtime-usb-id 1209:0001 "
        "--release 1.2 --name=A&B<C>\" --id com.example.p --vendor Example --license MIT "
        "--date 2026-11-28",
        0);
    assert_non_null(strstr(outcome.out, "p.cab: version 1.2 for 1209:0003; try it with `fwupdtool "
                                        "install"));
    outcome_free(&outcome);
    size_t len = read_file("p.cab");
    // Stored: the texts can be read as they are, behind the first block's head.
    assert_memory_equal(text, "MSCF", 4);
    char *xml = memmem(text, len, "<?xml", 5);
    assert_non_null(xml);
    char *suffix = memmem(text, len, "UFD\x10", 4);
    assert_non_null(suffix);
    assert_memory_equal(suffix - 8, "\x02\x01\x03\x00\x09\x12\x1a\x01", 8);
    memmove(text, xml, (size_t)(text + len - xml) + 1);
    has("<id>com.example.p</id>");
    has("<name>A&amp;B&lt;C&gt;&quot;</name>");
    has("<!-- USB\\VID_1209&amp;PID_0003 -->");
    has("<firmware type=\"flashed\">4dd7e9f7-7f9b-5874-83aa-aa6b9e63bbbc</firmware>");
    has("<release version=\"1.2\" date=\"2026-11-28\">");
    has("<project_license>MIT</project_license>");
    read_file("p.quirk");
    has("[USB\\VID_1209&PID_0001]\nPlugin = dfu\nCounterpartGuid = USB\\VID_1209&PID_0003\n");
    has("[USB\\VID_1209&PID_0003]\nPlugin = dfu\nCounterpartGuid = USB\\VID_1209&PID_0001\n");
    // Without an application that detaches, nothing comes back.
    outcome =
        run("fwupd-package %/f.bin@0x0800C000 %/q.cab --usb-id 1209:0003 --release 1.2 --quirk "
            "%/other --guid USB\\VID_1209&PID_0009 --guid 5aea1200-2286-5819-93e6-3b5548b6c88a",
            0);
    outcome_free(&outcome);
    read_file("other");
    has("[USB\\VID_1209&PID_0003]\nPlugin = dfu\n");
    has("Flags = will-disappear\n");
    len = read_file("q.cab");
    assert_non_null(memmem(text, len, "<!-- USB\\VID_1209&amp;PID_0009 -->", 34));
    assert_non_null(memmem(text, len, ">5aea1200-2286-5819-93e6-3b5548b6c88a<", 38));
}

static void the_same_command_makes_the_same_package(void **unused) {
    (void)unused;
    folder_put_text(folder, "f.bin", "firmware bytes");
    setenv("SOURCE_DATE_EPOCH", "86400", 1);
    refuses("fwupd-package %/f.bin@0 %/o.cab --usb-id 1209:0003 --release 1.2", 2,
            "--date wants a day such as 2026-11-28, not \"1970-01-02\"");
    setenv("SOURCE_DATE_EPOCH", "1764288000", 1);
    struct outcome outcome =
        run("fwupd-package %/f.bin@0 %/d.cab --usb-id 1209:0003 --release 1.2", 0);
    unsetenv("SOURCE_DATE_EPOCH");
    outcome_free(&outcome);
    size_t len = read_file("d.cab");
    assert_non_null(memmem(text, len, "date=\"2025-11-28\"", 17));
}

static void packages_that_cannot_be_are_refused(void **unused) {
    (void)unused;
    folder_put_text(folder, "f.bin", "firmware bytes");
    static const char *const shared =
        "0483:DF11 is no identity for fwupd: every STM32 in its ROM bootloader has it, so an "
        "update "
        "would be offered to, and written into, other makers' devices";
#define PACK "fwupd-package %/f.bin@0x0800C000 %/o.cab "
    refuses(PACK "--usb-id 0483:DF11 --release 1.2", 2, shared);
    refuses(PACK "--usb-id 1209:1 --runtime-usb-id 0483:df11 --release 1.2", 2, shared);
    refuses(
        PACK "--usb-id 1209:1 --runtime-usb-id 1209:0001 --release 1.2", 2,
        "--runtime-usb-id and --usb-id are both 1209:0001: fwupd could not tell the application "
        "from the bootloader");
    refuses(PACK "--release 1.2", 2,
            "--usb-id is missing: the product's VID:PID in DFU mode, by which fwupd finds it");
    refuses(PACK "--usb-id 1209:1 --runtime-usb-id no --release 1.2", 2,
            "--runtime-usb-id wants VID:PID such as 1209:0001, not \"no\"");
    refuses(
        PACK "--usb-id 1209:1", 2,
        "--release is missing: the version that the device has after the update, as its bcdDevice "
        "says it: such as 1.2");
    refuses(PACK "--usb-id 1209:1 --release one", 2, "--release one: the version that");
    refuses(PACK "--usb-id 1209:1 --release 1.2 --date 2026-13-01", 2,
            "--date wants a day such as 2026-11-28, not \"2026-13-01\"");
    refuses("fwupd-package %/f.bin@0x0800C000 %/o.zip --usb-id 1209:1 --release 1.2", 2,
            "o.zip: the output is a cabinet, its name ends in .cab");
    refuses("fwupd-package %/f.bin %/o.cab --usb-id 1209:1 --release 1.2", 2,
            "f.bin: a raw binary has no address, and the package wants one: say it, as in ");
#define PACKAGE "fwupd-package %/f.bin@0x0800C000 %/o.cab --usb-id 1209:1 --release 1.2 "
    refuses(PACKAGE "--date 2026-02-30", 2,
            "--date wants a day such as 2026-11-28, not \"2026-02-30\"");
    refuses(PACKAGE "--date 2100-02-29", 2, "not \"2100-02-29\"");
    refuses(PACKAGE "--id x/y", 2,
            "--id wants a name such as org.example.Widget (letters, digits, ");
    refuses(PACKAGE "--id org.4example", 2,
            "each part begins with a letter), not \"org.4example\"");
    refuses(PACKAGE "--id=", 2, "not \"\"");
    refuses(PACKAGE "--homepage javascript:alert(1)", 2,
            "--homepage wants an address of the Web such as https://example.com/widget, not "
            "\"javascript:alert(1)\"");
    static const char *const homepages[] = {
        PACKAGE "--homepage file:///etc/passwd", PACKAGE "--homepage https:",
        PACKAGE "--homepage https://",           PACKAGE "--homepage https:///widget",
        PACKAGE "--homepage httpx://a",          PACKAGE "--homepage example.com"};
    for (size_t i = 0; i < sizeof homepages / sizeof homepages[0]; i++) {
        refuses(homepages[i], 2, "--homepage wants an address of the Web");
    }
    refuses("fwupd-package %/none.bin %/o.cab --usb-id 1209:1 --release 1.2", 10,
            "none.bin: No such file or directory");
    refuses("fwupd-package %/f.bin@0 %/no/o.cab --usb-id 1209:1 --release 1.2", 13, "no/o.cab");
    struct outcome outcome = run("convert %/f.bin@0x0800C000 %/f.dfu --usb-id 1209:0009", 0);
    outcome_free(&outcome);
    refuses("fwupd-package %/f.dfu %/o.cab --usb-id 1209:1 --release 1.2", 24,
            "f.dfu: its DFU suffix says that it is for 1209:0009, not for 1209:0001");
}

static void a_homepage_is_an_address_of_the_web(void **unused) {
    (void)unused;
    static const char *const lines[] = {
        "fwupd-package %/f.bin@0x0800C000 %/web.cab --usb-id 1209:1 --release 1.2 "
        "--homepage http://example.com",
        "fwupd-package %/f.bin@0x0800C000 %/web.cab --usb-id 1209:1 --release 1.2 "
        "--homepage HTTPS://example.com/a?b=c&d"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct outcome outcome = run(lines[i], 0);
        outcome_free(&outcome);
    }
}

static void udev_rules_are_printed_and_written(void **unused) {
    (void)unused;
    struct outcome outcome = run("udev-rules", 0);
    assert_non_null(strstr(outcome.out, "\nSUBSYSTEM==\"usb\", ATTR{idVendor}==\"0483\", "
                                        "ATTR{idProduct}==\"df11\", MODE=\"0660\", "
                                        "TAG+=\"uaccess\"\n"));
    assert_non_null(strstr(outcome.out, "ENV{ID_USB_INTERFACES}==\"*:fe0102:*\""));
    outcome_free(&outcome);
    outcome = run("udev-rules --usb-id 1209:0001 --usb-id=1209:BEEF -o %/70-redfu.rules", 0);
    assert_non_null(strstr(outcome.out, "70-redfu.rules: written; now `udevadm control --reload`"));
    outcome_free(&outcome);
    read_file("70-redfu.rules");
    char rule[128];
    has(redfu_udev_rule(0x1209, 0x0001, rule, sizeof rule));
    has(redfu_udev_rule(0x1209, 0xbeef, rule, sizeof rule));
    assert_null(strstr(text, "0483"));
    refuses("udev-rules -o %/missing/70-redfu.rules", 13, "missing/70-redfu.rules");
    refuses("udev-rules extra", 2, "the form is: redfu udev-rules");
    refuses("udev-rules --usb-id 12", 2, "--usb-id wants VID:PID such as 0483:DF11, not \"12\"");
    refuses("list --output f", 2, "--output belongs to udev-rules");
}

static int set_up(void **unused) {
    (void)unused;
    bench = bench_new();
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **unused) {
    (void)unused;
    bench_free(bench);
    return folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guid_is_fwupds),
        cmocka_unit_test(a_cabinet_is_stored_in_blocks),
        cmocka_unit_test(a_package_says_whose_it_is),
        cmocka_unit_test(the_same_command_makes_the_same_package),
        cmocka_unit_test(packages_that_cannot_be_are_refused),
        cmocka_unit_test(a_homepage_is_an_address_of_the_web),
        cmocka_unit_test(udev_rules_are_printed_and_written),
    };
    return cmocka_run_group_tests_name("redfu fwupd-package, udev-rules", tests, set_up, tear_down);
}
