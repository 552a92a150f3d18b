// SPDX-License-Identifier: MIT
//
// Several boards at once: `vboard run ... --next-board ...` from outside, with Debian's dfu-util and lsusb
// and with redfu, which find them as anybody finds two devices on one bus.

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

// Two boards with redfu-boot and nothing else, in DFU mode.
#define TWO    "$V run --load $F/redfu-boot.elf --next-board --load $F/redfu-boot.elf "
// The same, with flash that is kept in one.bin and two.bin.
#define KEPT   "$V run --flash one.bin --next-board --flash two.bin "
// Serial numbers as ST's ROM makes them of unique ids (docs/protocol.md).
#define FIRST  "316E52724F42"
#define SECOND "316E52734F42"

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) |
           setenv("F", FIRMWARE_FOLDER "/stm32f4-discovery", 1) |
           setenv("H", FIRMWARE_FOLDER "/stm32f407-hs", 1);
}

static void fresh_flash(void) {
    exits(0,
          "rm -f one.bin two.bin; $V run --load $F/redfu-boot.elf --flash one.bin --next-board "
          "--load $F/redfu-boot.elf --flash two.bin --limit 1ms",
          "");
}

static void says(const char *words) {
    if (!strstr(output, words)) {
        fail_msg("no '%s' in:\n%s", words, output);
    }
}

// A number that a shell line prints.
static double number(const char *line) {
    assert_int_equal(shell(line), 0);
    char *end;
    double value = strtod(output, &end);
    if (end == output) {
        fail_msg("%s: no number in:\n%s", line, output);
    }
    return value;
}

static void both_are_listed_with_paths_and_serial_numbers_of_their_own(void **state) {
    (void)state;
    exits(0, TWO "-- sh -c 'dfu-util -l; lsusb; lsusb -t'",
          "devnum=2, cfg=1, intf=0, path=\"1-1\", alt=0");
    says("devnum=3, cfg=1, intf=0, path=\"1-2\", alt=0");
    says("serial=\"" FIRST "\"");
    says("serial=\"" SECOND "\"");
    says("Bus 001 Device 002: ID 0483:df11");
    says("Bus 001 Device 003: ID 0483:df11");
    says("Driver=/2p, 480M");
    says("|__ Port 2: Dev 3, If 0");
    assert_null(strstr(output, "vboard: "));
}

static void redfu_lists_both_and_asks_which_one_is_meant(void **state) {
    (void)state;
    exits(0, TWO "-- $R list", "serial " FIRST "  path 1-1");
    says("serial " SECOND "  path 1-2");
    exits(31, TWO "-- $R write $F/blink-0.1.bin", "which one is meant?");
    exits(0, TWO "-- $R info --serial " SECOND, SECOND);
    assert_null(strstr(output, FIRST));
}

// Whether a flash file holds an image where applications are. redfu-boot programs the first two words when it
// is told to leave, and not before.
static void holds(const char *file, const char *image) {
    char line[256];
    (void)snprintf(line, sizeof line,
                   "n=$(($(stat -c %%s %s) - 8)); cmp -n $n -i 49160:8 %s %s && echo equal", image,
                   file, image);
    exits(0, line, "equal");
}

static void a_load_by_serial_number_or_path_goes_to_that_board_alone(void **state) {
    (void)state;
    fresh_flash();
    exits(0, KEPT "--limit 1ms -- dfu-util -S " SECOND " -a 0 -s 0x0800C000 -D $F/blink-0.2.bin",
          "File downloaded successfully");
    holds("two.bin", "$F/blink-0.2.bin");
    exits(0, "tail -c +49153 one.bin | tr -d '\\377' | wc -c", "0"); // still erased
    exits(0, KEPT "--limit 1ms -- dfu-util -p 1-1 -a 0 -s 0x0800C000 -D $F/blink-0.1.bin",
          "File downloaded successfully");
    holds("one.bin", "$F/blink-0.1.bin");
    holds("two.bin", "$F/blink-0.2.bin");
    exits(0, KEPT "--limit 1ms -- $R write --serial " FIRST " --no-run $F/blink-0.2.bin", FIRST);
    holds("one.bin", "$F/blink-0.2.bin");
}

// Three sectors to erase: 1.8 s.
static void make_big_image(void) {
    exits(0, "{ cat $F/blink-0.2.bin; head -c 90000 /dev/zero | tr '\\0' '\\132'; } >big.bin", "");
}

#define LOAD(board, image)                                                                         \
    "dfu-util -p 1-" board " -a 0 -s 0x0800C000:leave -D " image " >log" board " 2>&1"
// From the first command to the moment the last board leaves DFU mode, in microseconds.
#define SPAN                                                                                       \
    "awk '/ usb dnload / && !from { from = $1 } / usb detach / { to = $1 } "                       \
    "END { if (!to) exit 1; printf \"%.3f\", to - from }' "

static void two_loads_at_once_take_the_time_of_one_and_are_right(void **state) {
    (void)state;
    make_big_image();
    fresh_flash();
    exits(0, KEPT "--limit 200ms --trace alone -- " LOAD("1", "big.bin"), "");
    double alone = number(SPAN "alone");
    fresh_flash();
    exits(0,
          KEPT "--limit 200ms --trace both -- sh -c '" LOAD("1", "big.bin") " & " LOAD(
              "2", "big.bin") " & wait; cat log1 log2'",
          "File downloaded successfully");
    double both = number(SPAN "both");
    (void)printf("host.boards: a load of 130 KB takes %.1f ms, two at once %.1f ms\n", alone / 1e3,
                 both / 1e3);
    assert_true(alone > 1.8e6); // the erases
    assert_true(both < 1.1 * alone);
    holds("one.bin", "big.bin");
    holds("two.bin", "big.bin");
    // One is erasing while the other is.
    exits(0,
          "awk '/flash erase board=1-1 sector=4/ { a = $1 } /flash erase board=1-2 sector=4/ "
          "{ b = $1 } END { d = a - b; exit !(a && b && d * d < 1e10) }' both && echo overlap",
          "overlap");
    // Both applications run now.
    exits(0,
          "grep -c 'pin PD12 board=1-1 level=1' both; "
          "grep 'cpu vtor board=1-2 value=0x0800c000' both",
          "board=1-2");
}

// Both programs ask both boards for their names at one instant of virtual time; two go through subshells, so
// that neither the scheduler nor process numbers order them.
static void two_runs_of_two_loads_give_one_trace(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        char line[512];
        fresh_flash();
        (void)snprintf(line, sizeof line,
                       KEPT "--limit 100ms --trace t%u -- sh -c '"
                            "(sh -c \"dfu-util -S " FIRST
                            " -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin\"; true) & "
                            "(dfu-util -S " SECOND
                            " -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin; true) & wait'",
                       i);
        exits(0, line, "File downloaded successfully");
    }
    exits(0, "cmp t0 t1 && cmp t0 t2 && cmp t0 t3 && echo same", "same");
    exits(0, "grep -c ' usb detach board=' t0", "2");
    exits(1, "grep -v ' board=1-[12]' t0", ""); // each line names its board
}

static void one_cable_pulled_ends_one_load(void **state) {
    (void)state;
    fresh_flash();
    exits(0,
          "$V run --flash one.bin --unplug 1300ms --next-board --flash two.bin --limit 100ms "
          "--trace t -- sh -c '" LOAD("1", "$F/blink-0.2.bin") " & one=$!; " LOAD(
              "2", "$F/blink-0.2.bin") " & two=$!; wait $one; echo one $?; wait $two; echo two $?; "
                                       "dfu-util -l'; tail -n3 log2",
          "two 0");
    assert_null(strstr(output, "one 0"));
    says("one 74"); // EX_IOERR
    exits(0, "grep ' usb unplug' t; grep -c ' usb dnload board=1-1' t",
          "1300000.000 usb unplug board=1-1");
    holds("two.bin", "$F/blink-0.2.bin");
    // It comes back, at the same port with another address, while the other stays.
    fresh_flash();
    exits(0,
          "$V run --flash one.bin --unplug 1s+500ms --next-board --flash two.bin -- sh -c "
          "'sleep 2; dfu-util -l'",
          "devnum=4, cfg=1, intf=0, path=\"1-1\", alt=0");
    says("devnum=3, cfg=1, intf=0, path=\"1-2\", alt=0");
}

// Each program's hot-plug monitor is its own: the second to come does not keep the first from coming up. These
// programs meet within microseconds, as they do not in the loads above.
static void programs_that_start_together_all_come_up(void **state) {
    (void)state;
    exits(0,
          TWO "-- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do for b in 1 2 1 2 1 2 1 2; do "
              "dfu-util -p 1-$b -l >>log 2>&1 & done; wait; done'; grep -c alt=0 log; rm log",
          "80\n");
}

static void boards_may_be_of_different_kinds_and_speeds_of_life(void **state) {
    (void)state;
    // One on OTG_HS, one with an application that has no USB, one that is unplugged later.
    exits(0,
          "$V run --board stm32f407-hs --load $H/redfu-boot.elf --next-board "
          "--load $F/redfu-boot.elf --load $F/blink-0.1.bin@0x0800C000 --next-board "
          "--load $F/redfu-boot.elf --unplug 1500ms -- sh -c 'dfu-util -l; sleep 1; "
          "echo then; dfu-util -l | grep -o path=.*alt=0'",
          "path=\"1-1\", alt=0");
    says("path=\"1-3\", alt=0");
    says("vboard: note: 1-2: no USB device attached within 1 s of power-on; where the firmware "
         "takes longer");
    assert_null(strstr(output, "path=\"1-2\""));
    const char *then = strstr(output, "then\n");
    assert_non_null(then);
    assert_string_equal(then, "then\npath=\"1-1\", alt=0\n");
}

static void what_is_said_of_a_board_names_it(void **state) {
    (void)state;
    refuses(125, TWO "--cut flash:9999999 --limit 1s",
            "vboard: 1-2: --cut flash:9999999 did not happen");
    exits(0, TWO "--report --watch bootloader_poll --limit 1s",
          "    board 1-2: stm32f4-discovery (");
    exits(0,
          "$V run --load $F/redfu-boot.elf --watch bootloader_poll --next-board --load "
          "$F/redfu-boot.elf "
          "--watch bootloader_poll --limit 100ms",
          "vboard: watch: 1-1: bootloader_poll: ");
    says("vboard: watch: 1-2: bootloader_poll: ");
    exits(0,
          "head -c 1024 /dev/zero >z; $V run --load $F/redfu-boot.elf --next-board "
          "--load z@0x08000000 --limit 10ms",
          "vboard: 1-2: ");
}

static void a_status_is_the_commands_with_two_boards_too(void **state) {
    (void)state;
    exits(7, TWO "-- sh -c 'exit 7'", "");
    exits(127, TWO "-- no-such-command", "command not found");
    exits(143, TWO "-- sh -c 'kill -TERM $$'", "");
}

static void bad_input_gets_one_sentence(void **state) {
    (void)state;
    fresh_flash();
    refuses(125, "$V run --flash one.bin --next-board --flash one.bin -- true",
            "--flash one.bin: this is board 1's flash already");
    refuses(125,
            "ln one.bin three.bin; $V run --flash one.bin --next-board --flash three.bin "
            "-- true",
            "this is board 1's flash already");
    refuses(125, "$V run --flash new --next-board --flash ./new -- true",
            "this is board 1's flash already");
    refuses(125,
            "rm -f new; $V run --flash one.bin --pcap new --next-board --flash two.bin "
            "--report=./new -- true",
            "--pcap new and --report=./new are the same file");
    refuses(125, "$V run --flash one.bin --next-board --flash two.bin --pcap one.bin -- true",
            "would be written over");
    refuses(125, "$V run --flash one.bin --next-board --flash none/x -- true", "1-2: none/x: ");
    refuses(125, "$V run --flash one.bin --next-board -- true",
            "board 2 has neither --load nor --flash");
    refuses(125, "$V run --flash one.bin --next-board --load none.elf -- true", "1-2: none.elf");
    exits(0, "ls | grep -c new; true", "0");
    // Nothing of it touched the flash files, and neither is locked.
    exits(0, KEPT "-- dfu-util -l", "path=\"1-2\"");
}

static void a_unique_id_can_be_given(void **state) {
    (void)state;
    // 0x00000002 + 0x00000003 and the upper half of 0xAAAA0000.
    exits(0, "$V run --load $F/redfu-boot.elf --uid 020000000000AAAA03000000 -- dfu-util -l",
          "serial=\"00000005AAAA\"");
}

static void sixteen_boards_fit(void **state) {
    (void)state;
    exits(0,
          "line=\"$V run --load $F/redfu-boot.elf\"; for i in 2 3 4 5 6 7 8 9 10 11 12 13 14 15 "
          "16; do line=\"$line --next-board --load $F/redfu-boot.elf\"; done; "
          "$line -- sh -c 'dfu-util -l >list; grep -c alt=0 list; grep -o serial=.* list | sort -u "
          "| wc -l; grep -o 1-16.*alt=0 list'",
          "16\n16\n");
    says("1-16\", alt=0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_listed_with_paths_and_serial_numbers_of_their_own),
        cmocka_unit_test(redfu_lists_both_and_asks_which_one_is_meant),
        cmocka_unit_test(a_load_by_serial_number_or_path_goes_to_that_board_alone),
        cmocka_unit_test(two_loads_at_once_take_the_time_of_one_and_are_right),
        cmocka_unit_test(two_runs_of_two_loads_give_one_trace),
        cmocka_unit_test(one_cable_pulled_ends_one_load),
        cmocka_unit_test(programs_that_start_together_all_come_up),
        cmocka_unit_test(boards_may_be_of_different_kinds_and_speeds_of_life),
        cmocka_unit_test(what_is_said_of_a_board_names_it),
        cmocka_unit_test(a_status_is_the_commands_with_two_boards_too),
        cmocka_unit_test(bad_input_gets_one_sentence),
        cmocka_unit_test(a_unique_id_can_be_given),
        cmocka_unit_test(sixteen_boards_fit),
    };
    return cmocka_run_group_tests_name("host/boards", tests, set_up, leave_folder);
}
