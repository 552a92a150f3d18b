// SPDX-License-Identifier: MIT
//
// `redfu ... --all`: several virtual boards on one bus at once, through libusb. What a person sees, the exit
// status, and what is in each flash.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/host/shell.h"

// Flash files are one.bin, two.bin, three.bin: redfu-boot in each, in DFU mode where there is no application or
// the button is held.
#define BUTTON "--pin PA0=1@0+500ms "
#define TWO    "$V run " BUTTON "--flash one.bin --next-board " BUTTON "--flash two.bin "
#define THREE  TWO "--next-board " BUTTON "--flash three.bin "
// Serial numbers as ST's ROM makes them of unique ids (docs/protocol.md).
#define FIRST  "316E52724F42"
#define SECOND "316E52734F42"

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) |
           setenv("F", FIRMWARE_FOLDER "/stm32f4-discovery", 1);
}

static void fresh_flash(void) {
    exits(0,
          "rm -f *.bin; $V run --load $F/redfu-boot.elf --flash one.bin --next-board "
          "--load $F/redfu-boot.elf --flash two.bin --next-board --load $F/redfu-boot.elf "
          "--flash three.bin --limit 1ms",
          "");
}

static void says(const char *words) {
    if (!strstr(output, words)) {
        fail_msg("no '%s' in:\n%s", words, output);
    }
}

static void says_not(const char *words) {
    if (strstr(output, words)) {
        fail_msg("'%s' in:\n%s", words, output);
    }
}

// Whether a flash file holds an image where applications are.
static void holds(const char *file, const char *image) {
    char line[256];
    (void)snprintf(line, sizeof line, "cmp -n $(stat -c %%s %s) -i 0:49152 %s %s && echo equal",
                   image, image, file);
    exits(0, line, "equal");
}

static void is_empty(const char *file) {
    char line[128];
    (void)snprintf(line, sizeof line, "tail -c +49153 %s | tr -d '\\377' | wc -c", file);
    exits(0, line, "0");
}

static void every_board_is_loaded_and_told_in_a_table(void **state) {
    (void)state;
    fresh_flash();
    exits(0, THREE "-- $R write --all $F/blink-0.2.bin",
          "\nSerial         Path     Result   Seconds  Why\n"
          "316E52724F42   1-1      ok          ");
    says("316E52734F42   1-2      ok          ");
    says("\n3 boards: 3 ok, 0 failed\n");
    says("1-3      316E52744F42   programming\n");
    says("1-3      316E52744F42   done after ");
    holds("one.bin", "$F/blink-0.2.bin");
    holds("two.bin", "$F/blink-0.2.bin");
    holds("three.bin", "$F/blink-0.2.bin");
}

static void verify_run_and_erase_go_to_all_too(void **state) {
    (void)state;
    fresh_flash();
    exits(0, TWO "-- $R write --all --no-run $F/blink-0.2.bin", "2 boards: 2 ok, 0 failed");
    exits(0, TWO "-- $R verify --all $F/blink-0.2.bin", "2 boards: 2 ok, 0 failed");
    exits(50, TWO "-- $R verify --all $F/blink-0.1.bin", "2 boards: 0 ok, 2 failed");
    says("FAILED ");
    says("0x0800C0");
    says("in the file: the first difference (44)");
    says("redfu: 2 of 2 boards failed, for the reasons above\n");
    exits(0, TWO "-- $R run --all", "2 boards: 2 ok, 0 failed");
    exits(0, TWO "-- $R erase --all --all-boards", "2 boards: 2 ok, 0 failed");
    says("1-2      316E52734F42   erasing\n");
    says_not("programming");
    is_empty("one.bin");
    is_empty("two.bin");
}

static void a_dry_run_tells_the_plan_of_each_board(void **state) {
    (void)state;
    fresh_flash();
    exits(0, TWO "-- $R write --all --dry-run $F/blink-0.2.bin",
          "for redfu-boot " FIRST " at 1-1\nPlan: erase ");
    says("for redfu-boot " SECOND " at 1-2\nPlan: erase ");
    says("Nothing was written (--dry-run)\n");
    is_empty("one.bin");
    is_empty("two.bin");
}

static void a_filter_leaves_the_others_alone(void **state) {
    (void)state;
    fresh_flash();
    exits(0, TWO "-- $R write --all --serial " SECOND " $F/blink-0.2.bin",
          "1 board: 1 ok, 0 failed");
    is_empty("one.bin");
    holds("two.bin", "$F/blink-0.2.bin");
}

static void one_cable_pulled_does_not_stop_the_others(void **state) {
    (void)state;
    fresh_flash();
    exits(50,
          "$V run --flash one.bin --unplug 1400ms --next-board --flash two.bin -- "
          "$R write --all --no-retry $F/blink-0.2.bin",
          "316E52724F42   1-1      FAILED ");
    says("the device was unplugged, or lost its power, while ");
    says(" (40)\n316E52734F42   1-2      ok ");
    says("redfu: 1 of 2 boards failed, for the reasons above\n"
         "       The same command with --path PATH in place of --all repeats it for one board");
    holds("two.bin", "$F/blink-0.2.bin");
    exits(50,
          "$V run --flash one.bin --unplug 1400ms --next-board " BUTTON "--flash two.bin -- "
          "$R write -q --all --no-retry $F/blink-0.2.bin",
          "316E52724F42   1-1      FAILED ");
    says_not("1-2"); // -q: errors only
    // One that comes back is loaded to the end.
    fresh_flash();
    exits(0,
          "$V run --flash one.bin --unplug 1400ms+300ms --next-board --flash two.bin -- "
          "$R write --all --no-run $F/blink-0.2.bin",
          "2 boards: 2 ok, 0 failed");
}

// In real time, since the signal comes from outside: the erase of all sectors takes 8 s.
static void ctrl_c_leaves_every_board_ready_for_the_next_load(void **state) {
    (void)state;
    fresh_flash();
    exits(0,
          "$V run --flash one.bin --next-board --flash two.bin -- sh -c '(sleep 2; read pid <pid; "
          "kill -INT $pid) & sh -c \"echo \\$\\$ >pid; exec $R erase --all --all-boards\"; "
          "test $? = 130 && $R info --path 1-1 && $R info --path 1-2 && "
          "$R write --all $F/blink-0.2.bin'",
          "redfu: interrupted: 0 of 2 boards were done\n");
    says("interrupted while erasing 0x08");
    const char *first = strstr(output, "dfuIDLE (2), status OK (0), as found");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "dfuIDLE (2), status OK (0), as found"));
    says("2 boards: 2 ok, 0 failed");
}

static void running_applications_are_detached_first(void **state) {
    (void)state;
    fresh_flash();
    exits(0,
          "$V run --flash one.bin --load $F/runtime-dfu.elf --next-board --flash two.bin "
          "-- $R write --all $F/blink-0.2.bin",
          "runs its application: detaching\n");
    says("2 boards: 2 ok, 0 failed");
}

static void what_is_refused_is_refused_once_and_for_all_boards(void **state) {
    (void)state;
    fresh_flash();
    exits(10, TWO "-- $R write --all none.bin", "redfu: none.bin: No such file or directory\n");
    says_not("Serial");
    exits(50, TWO "-- $R write --all --no-verify $F/redfu-boot.elf",
          "which the device declares read-only");
    says("2 boards: 0 ok, 2 failed");
    is_empty("one.bin");
    exits(30, "$V run --flash one.bin -- $R write --all --serial 1 $F/blink-0.1.bin",
          "redfu: no device in DFU mode matches --serial 1\n");
    exits(2, "$R read --all 0 1 x", "redfu: --all belongs to write, verify, run and erase\n");
    exits(2, "$R list --all-boards",
          "redfu: --all-boards belongs to write, verify, run and erase\n");
}

// One shared clock and one bus: erases of different boards overlap, and transfers fit between them.
static void eight_boards_take_hardly_longer_than_one(void **state) {
    (void)state;
    double span[2];
    exits(0, "head -c 120000 /dev/urandom >image", "");
    for (unsigned i = 0; i < 2; i++) {
        char line[1024];
        (void)snprintf(line, sizeof line,
                       "line=\"$V run --load $F/redfu-boot.elf --trace t\"; for i in %s; do "
                       "line=\"$line --next-board --load $F/redfu-boot.elf\"; done; "
                       "$line --limit 100ms -- $R write --all --no-run --no-verify "
                       "--force-vectors image >/dev/null && "
                       "awk '/ usb dnload / && !from { from = $1 } / usb getstatus / { to = $1 } "
                       "END { printf \"%%.3f\", (to - from) / 1e6 }' t",
                       i == 0 ? "" : "2 3 4 5 6 7 8");
        assert_int_equal(shell(line), 0);
        span[i] = strtod(output, NULL);
    }
    (void)printf("host.fleet: 120 KB into one board %.3f s, into eight %.3f s\n", span[0], span[1]);
    assert_true(span[0] > 1.8); // the erases
    assert_true(span[1] < 1.25 * span[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_board_is_loaded_and_told_in_a_table),
        cmocka_unit_test(verify_run_and_erase_go_to_all_too),
        cmocka_unit_test(a_dry_run_tells_the_plan_of_each_board),
        cmocka_unit_test(a_filter_leaves_the_others_alone),
        cmocka_unit_test(one_cable_pulled_does_not_stop_the_others),
        cmocka_unit_test(ctrl_c_leaves_every_board_ready_for_the_next_load),
        cmocka_unit_test(running_applications_are_detached_first),
        cmocka_unit_test(what_is_refused_is_refused_once_and_for_all_boards),
        cmocka_unit_test(eight_boards_take_hardly_longer_than_one),
    };
    return cmocka_run_group_tests_name("host/fleet", tests, set_up, leave_folder);
}
