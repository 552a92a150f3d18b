// SPDX-License-Identifier: MIT
//
// Settings from end to end on the virtual board: the real redfu-boot, the examples built on the application
// kit, redfu, and unmodified dfu-util beside it. What an application writes a host reads, and the
// other way round; an application of AN3969 moves over with its variables.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "spec/bytes.h"
#include "tests/host/folder.h"

#define FIRMWARE "firmware/stm32f4-discovery"
#define BUTTON   "--pin PA0=1@0+500ms"
#define DFU_MODE "--load " FIRMWARE "/redfu-boot.elf " BUTTON

static char folder[] = "/tmp/settings-vboard-XXXXXX";
static char output[1 << 21]; // a trace of 10 s

// One power-up of the board with `options`, then `script` if there is one. The flash is kept within a
// test; tests start in the build folder.
static int board(const char *options, const char *script) {
    char command[2048];
    (void)snprintf(command, sizeof command,
                   "D=%s F=" FIRMWARE "; export D F; ./vboard run --board stm32f4-discovery "
                   "--flash $D/flash.bin %s %s%s%s 2>&1 </dev/null",
                   folder, options, script ? "-- sh -c '" : "", script ? script : "",
                   script ? "'" : "");
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, sizeof output - 1, pipe);
    output[len] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void runs(int status, const char *options, const char *script, const char *says) {
    int ended = board(options, script);
    if (ended != status || (says && !strstr(output, says))) {
        fail_msg("exit status %d, wanted %d and \"%s\":\n%s", ended, status, says ? says : "",
                 output);
    }
}

static int set_up(void **unused) {
    (void)unused;
    (void)strcpy(folder, "/tmp/settings-vboard-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

// examples/settings: starts under 1, the period that a person sets under 2, the one in use under 3.
static void what_an_application_writes_a_host_reads_and_back(void **unused) {
    (void)unused;
    runs(0, DFU_MODE,
         "./redfu write -q --no-run $F/settings.bin && ./redfu settings list && ./redfu run",
         "0 settings");
    runs(0, BUTTON, "./redfu settings list && ./redfu settings set 2 u16:100", "u32:0x00000001");
    assert_non_null(strstr(output, "0x0003     u16:0x01F4"));
    runs(0, "--limit 1s --trace -", NULL, "pin PD12 level=1");
    runs(0, BUTTON, "./redfu settings get 1 && ./redfu settings get 3", "u32:0x00000002");
    assert_non_null(strstr(output, "u16:0x0064"));
    // A load leaves them alone.
    runs(0, BUTTON, "./redfu write -q --no-run $F/blink-0.2.bin && ./redfu settings get 1",
         "u32:0x00000002");
}

static void dfu_util_backs_up_and_restores_what_redfu_does(void **unused) {
    (void)unused;
    runs(0, DFU_MODE,
         "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ./redfu settings set -q $((4096 + i)) "
         "text:$(head -c 230 /dev/zero | tr \"\\0\" $((i % 10))) || exit 1; done; "
         "./redfu settings backup $D/redfu.bin && "
         "dfu-util -a 2 -s 0x5E700000 -U $D/util.bin && cmp $D/redfu.bin $D/util.bin && "
         "./redfu verify $D/util.bin@0x5E700000 --alt 2 && "
         "test $(stat -c %s $D/util.bin) -gt 2048 && "
         "./redfu settings set 0x1001 u8:0 && ./redfu settings delete 0x100C && "
         "dfu-util -a 2 -s 0x5E700000 -D $D/util.bin && ./redfu settings get 0x1001 && "
         "./redfu settings get 0x100C",
         "text:1111");
    assert_non_null(strstr(output, "text:2222"));
}

// A page as AN3969's application leaves it: `starts` under 0x8888, as examples/settings/eeprom.c counts.
static void put_eeprom(uint16_t starts) {
    uint8_t page[64];
    char path[64];
    memset(page, 0xff, sizeof page);
    store_le32(page, 0xffff0000u);
    for (unsigned i = 1; i < 8; i++) {
        store_le32(page + 4 * i, (0x8888u << 16) | (uint16_t)(starts - 7 + i));
    }
    (void)snprintf(path, sizeof path, "%s/eeprom.bin", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(page, 1, sizeof page, file), sizeof page);
    assert_int_equal(fclose(file), 0);
}

static void an_application_of_an3969_moves_over_with_its_variables(void **unused) {
    (void)unused;
    put_eeprom(41);
    runs(42, DFU_MODE " --load $D/eeprom.bin@0x08008000", "./redfu write $F/eeprom.bin",
         "settings import");
    runs(0, BUTTON,
         "./redfu settings import $D/pages && ./redfu settings get 0x8888 && "
         "./redfu write -q $F/eeprom.bin",
         "u16:0x0029");
    runs(0, "--limit 10s --trace -", NULL, "pin PD12 level=1");
    // Both starts have counted: the one after the load, and this one, turnovers and all.
    runs(0, BUTTON, "./redfu settings list", "0x8888     u16:0x002B");
    assert_non_null(strstr(output, "0x5555     u16:0x04B0")); // 1200, the last of its series
}

static void an_application_leaves_a_foreign_page_alone(void **unused) {
    (void)unused;
    put_eeprom(41);
    runs(0,
         "--load " FIRMWARE "/redfu-boot.elf --load " FIRMWARE
         "/eeprom.bin@0x0800C000 --load $D/eeprom.bin@0x08008000 --limit 1s --trace -",
         NULL, "pin PD14 level=1");
    assert_null(strstr(output, "flash erase"));
    assert_null(strstr(output, "flash program"));
}

// Power goes inside each flash operation of a change over USB, and comes back: the value is the old or the
// new one, and the next change works.
static void power_cut_inside_any_operation_of_a_change_leaves_old_or_new(void **unused) {
    (void)unused;
    char options[96];
    char command[128];
    unsigned cuts = 0;
    unsigned old = 0;
    unsigned new = 0;
    runs(0, DFU_MODE, "./redfu settings set 0x5555 u16:1 && ./redfu settings set 1 text:beside",
         NULL);
    (void)snprintf(command, sizeof command, "cp %s/flash.bin %s/before.bin", folder, folder);
    assert_int_equal(system(command), 0);
    for (unsigned at = 1;; at++) {
        (void)snprintf(command, sizeof command, "cp %s/before.bin %s/flash.bin", folder, folder);
        assert_int_equal(system(command), 0);
        (void)snprintf(options, sizeof options, BUTTON " --cut flash:%u,torn=%u", at, at);
        if (board(options, "./redfu settings set 0x5555 u16:2; true") == 125) {
            break;
        }
        cuts++;
        runs(0, BUTTON,
             "./redfu settings get 0x5555 && ./redfu settings get 1 && "
             "./redfu settings set -q 0x5555 u16:3 && ./redfu settings get 0x5555",
             "text:beside");
        bool is_old = strstr(output, "u16:0x0001") != NULL;
        bool is_new = strstr(output, "u16:0x0002") != NULL;
        assert_true(is_old != is_new);
        assert_non_null(strstr(output, "u16:0x0003"));
        old += is_old;
        new += is_new;
    }
    // Sealing what was there (3 words), the record (3) and its seal.
    printf("settings: %u cuts, %u old, %u new\n", cuts, old, new);
    assert_in_range(cuts, 7, 20);
    assert_true(old > 0 && new > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_an_application_writes_a_host_reads_and_back),
        TEST(dfu_util_backs_up_and_restores_what_redfu_does),
        TEST(an_application_of_an3969_moves_over_with_its_variables),
        TEST(an_application_leaves_a_foreign_page_alone),
        TEST(power_cut_inside_any_operation_of_a_change_leaves_old_or_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
