// SPDX-License-Identifier: MIT
//
// `redfu settings` against the bootloader's own logic on the desk: what it says, its exit status, what is
// then in the settings; and the import of AN3969 pages with the cable pulled, and the power cut, at
// every transfer: in the end every variable must be there, and until then in the file or on the board.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "spec/bytes.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_run.h"

#define PAGE0 0x08004000u
#define PAGE1 0x08008000u
#define VALID 0xffff0000u
#define PAGE  0x4000u

static char folder[] = "/tmp/redfu-settings-XXXXXX";
static struct bench *bench;

static int set_up_all(void **unused) {
    (void)unused;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down_all(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

// A board fresh from the factory.
static void new_board(void) {
    if (bench) {
        bench_free(bench);
    }
    bench = bench_new();
}

// Until the settings pages are ready. Coarse turns of the main loop: nothing here is about microseconds.
static void prepare(void) {
    bench->desk->poll_us = 20;
    desk_wait_ms(bench->desk, DESK_PREPARED_MS);
}

static int set_up(void **unused) {
    (void)unused;
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf %s; mkdir %s", folder, folder);
    new_board();
    prepare();
    return system(command);
}

static int tear_down(void **unused) {
    (void)unused;
    bench_free(bench);
    bench = NULL;
    return 0;
}

// The status, and words in what is said on either stream (NULL: whatever).
static void runs(int status, const char *words, const char *says) {
    struct outcome outcome = cli_run(bench, folder, words, false);
    if (outcome.status != status) {
        fail_msg("\"%s\" ends with %d instead of %d:\n%s%s", words, outcome.status, status,
                 outcome.out, outcome.err);
    }
    if (says && !strstr(outcome.out, says) && !strstr(outcome.err, says)) {
        fail_msg("\"%s\" does not say \"%s\":\n%s%s", words, says, outcome.out, outcome.err);
    }
    if (status != 0) {
        assert_int_equal(strncmp(outcome.err, "redfu: ", 7), 0);
    }
    outcome_free(&outcome);
}

static void values_of_each_kind_are_kept_and_shown(void **unused) {
    (void)unused;
    runs(0, "settings list", "0 settings");
    runs(0, "settings set 0x5555 u16:4660", "Done");
    runs(0, "settings set 1 u8:7", NULL);
    runs(0, "settings set 2 u32:0x12345678", NULL);
    runs(0, "settings set 3 hello", NULL);
    runs(0, "settings set 3 text:u64:1", NULL);
    runs(0, "settings get 3", "text:u64:1\n");
    runs(0, "settings set 3 hello", NULL);
    runs(0, "settings set 4 text:17", NULL);
    runs(0, "settings set 5 hex:00FF10", NULL);
    runs(0, "settings set 6 hex:", NULL);
    runs(0, "settings get 0x5555", "u16:0x1234\n");
    runs(0, "settings get 1", "u8:0x07\n");
    runs(0, "settings get 2", "u32:0x12345678\n");
    runs(0, "settings get 3", "text:hello\n");
    runs(0, "settings get 4",
         "u16:0x3731\n"); // two characters are shown as EE_ReadVariable sees them
    runs(0, "settings get 5", "hex:00FF10\n");
    runs(0, "settings get 6", "hex:\n");
    bench_power_cycle(bench);
    prepare();
    runs(0, "settings list", "7 settings, room for ");
    runs(0, "settings list", "0x5555     u16:0x1234\n");
    runs(0, "settings delete 0x5555", "is gone");
    runs(REDFU_NO_SUCH_SETTING, "settings get 0x5555", "no setting 0x5555");
    runs(REDFU_NO_SUCH_SETTING, "settings delete 0x5555", "no setting 0x5555");
}

// At each transfer, so in the middle of the writing too: the image has nothing to do with it.
static void a_cable_pulled_while_settings_are_written_is_not_put_on_the_image(void **unused) {
    (void)unused;
    bool was_written = false;
    for (unsigned at = 1;; at++) {
        bench->gone_at = at;
        struct outcome outcome = cli_run(bench, folder, "settings set 9 text:x", false);
        if (outcome.status == 0) {
            outcome_free(&outcome);
            break;
        }
        assert_int_equal(outcome.status, REDFU_UNPLUGGED);
        was_written |= strstr(outcome.err, "while writing") != NULL;
        assert_null(strstr(outcome.err, "The image"));
        outcome_free(&outcome);
        bench->gone_at = 0;
        bench_power_cycle(bench);
        prepare();
        runs(0, "settings set 9 text:y", NULL);
    }
    assert_true(was_written);
}

static void boot_modes_have_names(void **unused) {
    (void)unused;
    runs(0, "settings set boot-mode dfu", NULL);
    runs(0, "settings get boot-mode", "dfu\n");
    runs(0, "settings set boot-mode once:rom", NULL);
    runs(0, "settings get boot-mode", "dfu  once:rom\n"); // what holds for every start stays
    runs(0, "settings set boot-mode 20", NULL);
    runs(0, "settings get boot-mode", "20\n");
    runs(0, "settings set boot-mode application", NULL);
    runs(REDFU_USAGE, "settings set boot-mode u8:1", "is no boot mode");
    runs(REDFU_USAGE, "settings set boot-mode 7", "is no boot mode");
    runs(REDFU_USAGE, "settings set boot-mode 255", "is no boot mode");
    runs(0, "settings get boot-mode", "application\n");
}

static void what_cannot_be_is_refused_before_the_device_is_touched(void **unused) {
    (void)unused;
    static const char *const bad[] = {
        "settings set here u8:1",   "settings set 0xFF00 u8:1", "settings set 0x10000 u8:1",
        "settings set 1 17",        "settings set 1 u8:256",    "settings set 1 u16:0x10000",
        "settings set 1 u32:",      "settings set 1 hex:123",   "settings set 1 hex:0G",
        "settings get 0x100000000",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        runs(REDFU_USAGE, bad[i], NULL);
        assert_int_equal(bench->log_count, 0);
    }
    runs(REDFU_USAGE, "settings set 0x10000 u8:1", "they end at 0xEFFF");
    static const char *const own[] = {
        "settings set 0xF000 hex:",  "settings set 0xF002 hex:", "settings set importing hex:",
        "settings set 0xF003 u8:1",  "settings set 0xFEFF u8:1", "settings delete 0xF002",
        "settings delete receiving",
    };
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++) {
        runs(REDFU_USAGE, own[i], "cannot be changed");
        assert_int_equal(bench->log_count, 0);
    }
    runs(REDFU_NO_FILE, "settings restore %/none", "No such file");
    assert_int_equal(bench->log_count, 0);
}

static void a_backup_is_restored_on_another_board(void **unused) {
    (void)unused;
    char words[600];
    for (unsigned i = 0; i < 20; i++) { // more than one block of the list
        int len = snprintf(words, sizeof words, "settings set %u text:", 100 + i);
        memset(words + len, 'a' + (int)i, 200);
        words[len + 200] = '\0';
        runs(0, words, NULL);
    }
    runs(0, "settings backup %/b", "20 settings in");
    runs(REDFU_CANNOT_SAVE, "settings backup %/b", "exists");
    runs(0, "settings backup --force %/b", "20 settings in");
    runs(REDFU_USAGE, "settings restore --force %/b", "belongs to settings backup");
    new_board();
    prepare();
    runs(0, "settings set 7 u8:1", NULL);
    runs(0, "settings restore %/b", "20 settings of");
    runs(0, "settings get 119", "text:tttttttt");
    runs(0, "settings get 7", "u8:0x01"); // what is not in it stays
    (void)snprintf(words, sizeof words, "printf x >%s/x; : >%s/e", folder, folder);
    assert_int_equal(system(words), 0);
    runs(REDFU_BAD_FILE, "settings restore %/x", "/x: what lies at byte 0 is no setting");
    runs(REDFU_EMPTY_FILE, "settings restore %/e", "is empty");
    runs(REDFU_CANNOT_SAVE, "settings backup %/none/b", NULL);
    // What is redfu's own in a backup is not taken: 0xF002, importing, and 0xF003.
    (void)snprintf(words, sizeof words,
                   "printf \"\\002\\360\\000V\\003\\360\\001V1\\010\\000\\001V2\" >%s/own", folder);
    assert_int_equal(system(words), 0);
    runs(0, "settings restore %/own", "1 setting of");
    runs(0, "settings get 8", "u8:0x32");
    runs(REDFU_NO_SUCH_SETTING, "settings get 0xF002", NULL);
    runs(REDFU_NO_SUCH_SETTING, "settings get 0xF003", NULL);
}

static void a_device_without_settings_is_told_so(void **unused) {
    (void)unused;
    bench->no_settings = true;
    runs(REDFU_NO_SETTINGS, "settings list", "none of its memories is called \"@Settings\"");
    runs(REDFU_NO_SETTINGS, "settings set 1 u8:1", NULL);
    runs(REDFU_NO_SETTINGS, "settings import %/f", NULL);
    assert_int_not_equal(access(folder, W_OK), -1);
}

static void small_transfers_do_and_too_small_ones_are_refused(void **unused) {
    (void)unused;
    char words[300] = "settings set 5 text:";
    memset(words + 20, 'x', 255);
    words[275] = '\0';
    bench->transfer_bytes = 259;
    runs(0, words, "Done");
    runs(0, "settings set 6 u8:6", "Done");
    runs(0, "settings list", "2 settings");
    bench->transfer_bytes = 258;
    runs(REDFU_BAD_DEVICE, "settings set 6 u8:7", "258 bytes a transfer");
    bench->transfer_bytes = 0;
    runs(0, "settings get 6", "u8:0x06");
}

// --- AN3969 --------------------------------------------------------------------------------------

static void put_variable(uint32_t page, unsigned at, uint16_t address, uint16_t data) {
    store_le32(bench_flash(bench, page + 4 + 4 * at), data | (uint32_t)address << 16);
}

// A board whose application kept 40 variables of AN3969, 0x5500 and on, some written more than once.
static void make_eeprom(uint32_t page, uint32_t status) {
    new_board();
    memset(bench_flash(bench, PAGE0), 0xff, 2 * PAGE);
    store_le32(bench_flash(bench, page), status);
    for (unsigned i = 0; i < 60; i++) {
        put_variable(page, i, (uint16_t)(0x5500 + i % 40), (uint16_t)(1000 + i));
    }
    bench_power_cycle(bench);
    prepare();
}

static struct redfu_settings settings_now(void) {
    struct redfu *redfu = bench_redfu(bench);
    struct redfu_device *devices;
    struct redfu_session *session;
    struct redfu_settings settings;
    struct redfu_fault fault;
    size_t count;
    assert_int_equal(redfu_list(redfu, &devices, &count, &fault), REDFU_OK);
    assert_int_equal(redfu_open(redfu, &devices[0], &session, &fault), REDFU_OK);
    assert_int_equal(redfu_settings_read(session, &settings, &fault), REDFU_OK);
    redfu_close(session);
    redfu_list_free(devices);
    redfu_free(redfu);
    return settings;
}

static bool has_all(const struct redfu_settings *settings) {
    for (unsigned i = 0; i < 40; i++) {
        const struct redfu_setting *setting = redfu_settings_find(settings, (uint16_t)(0x5500 + i));
        if (!setting || setting->len != 2 ||
            load_le16(setting->value) != 1000 + i + (i < 20 ? 40 : 0)) {
            return false;
        }
    }
    return true;
}

static bool may_be_used(const struct redfu_settings *settings) {
    return !settings->is_foreign[0] && !settings->is_foreign[1] &&
           !redfu_settings_find(settings, REDFU_SETTING_IMPORTING);
}

static void assert_imported(void) {
    struct redfu_settings settings = settings_now();
    assert_true(may_be_used(&settings));
    assert_true(has_all(&settings));
    redfu_settings_free(&settings);
}

static void an_eeprom_is_imported_from_either_page(void **unused) {
    (void)unused;
    static const uint32_t pages[] = {PAGE0, PAGE1};
    for (unsigned i = 0; i < 2; i++) {
        set_up(NULL);
        make_eeprom(pages[i], VALID);
        runs(REDFU_FOREIGN, "settings set 1 u8:1", "redfu settings import");
        runs(0, "settings list", "No settings: there is no store in the pages\n");
        runs(0, "settings list",
             "holds something that is not redfu's, 40 variables of ST's EEPROM emulation "
             "(AN3969): `redfu settings import FILE`\n");
        runs(0, "info", "Settings       no store: what its pages hold is not redfu's (`redfu");
        runs(0, "settings import %/pages", "40 variables in the settings");
        assert_imported();
        runs(0, "settings get 0x5500", "u16:0x0410");
    }
}

// Its own addresses: 0x08008000, and 0x0800C000, where the application goes.
static void an_eeprom_at_an3969s_own_addresses_is_explained_and_imported(void **unused) {
    (void)unused;
    make_eeprom(PAGE1 + PAGE, VALID);
    runs(0, "settings import %/pages", "lies where the application goes");
    assert_imported();
}

static void what_cannot_be_imported_is_left_alone(void **unused) {
    (void)unused;
    make_eeprom(PAGE1, VALID);
    put_variable(PAGE1, 60, 0xf123, 1);
    runs(REDFU_BAD_FILE, "settings import %/pages", "virtual address 0xF123");
    put_variable(PAGE1, 60, 0x0001, 1);
    for (unsigned i = 0; i < 1200; i++) {
        put_variable(PAGE1, 61 + i, (uint16_t)(0x1000 + i), 1);
    }
    runs(REDFU_TOO_LARGE, "settings import %/pages", "do not fit");
    make_eeprom(PAGE1, VALID);
    store_le32(bench_flash(bench, PAGE0), VALID);
    runs(REDFU_BAD_FILE, "settings import %/pages", "both say valid");
    char path[64];
    (void)snprintf(path, sizeof path, "%s/pages", folder);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(load_le32(bench_flash(bench, PAGE1)), VALID);
}

static void unknown_pages_are_given_up_only_when_asked(void **unused) {
    (void)unused;
    make_eeprom(PAGE1, 0x12345678);
    runs(REDFU_NO_SUCH_SETTING, "settings import %/pages", "--discard");
    assert_int_equal(load_le32(bench_flash(bench, PAGE1)), 0x12345678);
    runs(0, "settings import --discard %/pages", "what they held is in");
    runs(0, "settings set 1 u8:1", NULL);
}

static void the_file_of_another_board_is_refused(void **unused) {
    (void)unused;
    make_eeprom(PAGE1, VALID);
    runs(0, "settings import %/pages", NULL);
    char command[128];
    (void)snprintf(command, sizeof command, "sed -i '2s/.*/serial ANOTHERBOARD/' %s/pages", folder);
    // Same length, or it is no such file any more.
    assert_int_equal(system(command), 0);
    runs(REDFU_BAD_FILE, "settings import %/pages", NULL);
    (void)snprintf(command, sizeof command, "echo hello >%s/other", folder);
    assert_int_equal(system(command), 0);
    runs(REDFU_BAD_FILE, "settings import %/other", "say another name");
}

static void what_the_settings_have_already_is_kept(void **unused) {
    (void)unused;
    make_eeprom(PAGE1 + PAGE, VALID);
    runs(0, "settings set 0x5501 u16:5", NULL);
    runs(0, "settings import %/pages", "1 of them had another value");
    runs(0, "settings get 0x5501", "u16:0x0005");
}

// What must hold wherever an import was interrupted.
static void assert_nothing_lost(uint32_t page) {
    char path[64];
    (void)snprintf(path, sizeof path, "%s/pages", folder);
    bool is_page_whole =
        load_le32(bench_flash(bench, page)) == VALID &&
        load_le32(bench_flash(bench, page + 4 + 4 * 59)) == (1059u | 0x5513u << 16);
    bool is_saved = access(path, F_OK) == 0;
    struct redfu_settings settings = settings_now();
    assert_true(is_page_whole || has_all(&settings)); // on the board, always
    assert_true(is_page_whole || is_saved);
    assert_true(has_all(&settings) || !may_be_used(&settings)); // nobody takes a half for the whole
    redfu_settings_free(&settings);
}

static void pull_at_every_transfer(bool is_power_cut) {
    unsigned cuts = 0;
    for (unsigned at = 1;; at++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/pages", folder);
        (void)unlink(path);
        make_eeprom(PAGE1, VALID);
        bench->gone_at = at;
        struct outcome outcome = cli_run(bench, folder, "settings import %/pages", false);
        int status = outcome.status;
        outcome_free(&outcome);
        if (status == 0) {
            assert_true(at > 1);
            break;
        }
        cuts++;
        assert_int_equal(status, REDFU_UNPLUGGED);
        bench->gone_at = 0;
        if (is_power_cut) {
            bench_power_cycle(bench);
        }
        prepare();
        assert_nothing_lost(PAGE1);
        runs(0, "settings import %/pages", "Done");
        assert_imported();
    }
    printf("import: %s at %u transfers\n", is_power_cut ? "power cut" : "cable pulled", cuts);
    assert_true(cuts > 60);
}

static void a_cable_pulled_at_any_transfer_of_an_import_loses_nothing(void **unused) {
    (void)unused;
    pull_at_every_transfer(false);
}

static void power_cut_at_any_transfer_of_an_import_loses_nothing(void **unused) {
    (void)unused;
    pull_at_every_transfer(true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_of_each_kind_are_kept_and_shown),
        TEST(a_cable_pulled_while_settings_are_written_is_not_put_on_the_image),
        TEST(boot_modes_have_names),
        TEST(what_cannot_be_is_refused_before_the_device_is_touched),
        TEST(a_backup_is_restored_on_another_board),
        TEST(a_device_without_settings_is_told_so),
        TEST(small_transfers_do_and_too_small_ones_are_refused),
        TEST(an_eeprom_is_imported_from_either_page),
        TEST(an_eeprom_at_an3969s_own_addresses_is_explained_and_imported),
        TEST(what_cannot_be_imported_is_left_alone),
        TEST(unknown_pages_are_given_up_only_when_asked),
        TEST(the_file_of_another_board_is_refused),
        TEST(what_the_settings_have_already_is_kept),
        TEST(a_cable_pulled_at_any_transfer_of_an_import_loses_nothing),
        TEST(power_cut_at_any_transfer_of_an_import_loses_nothing),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
