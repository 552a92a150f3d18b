// SPDX-License-Identifier: MIT
//
// redfu whose words nobody takes: streams that are closed, a reader who goes, a terminal that is closed, a file that
// may not grow. What is on the board and in files is whole all the same. Each test in a folder of its own.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/shell.h"

#define BOARD                                                                                      \
    "timeout 100 " VBOARD " run --load " FIRMWARE_FOLDER "/stm32f4-discovery/redfu-boot.elf "      \
    "--flash flash --pin PA0=1@0+500ms -- "
#define REDFU_WITH_SIGNALS "env --default-signal=HUP,PIPE,XFSZ " REDFU
#define BLINK              FIRMWARE_FOLDER "/stm32f4-discovery/blink-0.2.bin"

static int set_up(void **state) {
    (void)state;
    return enter_folder();
}

// One stream at a time: what is loaded into redfu here has files of its own, which take the numbers of others.
static void words_to_a_closed_stream_go_into_no_file(void **state) {
    (void)state;
    exits(0,
          "printf '0x0001:u8\\n7\\n' >units.csv; " BOARD "sh -c '" REDFU " station " BLINK
          " --count 1 --settings units.csv --log log.csv --trace t >&-; echo status $?'",
          "status 13"); // it could not be written
    exits(1, "grep -ac -e Erasing -e PASS t", "0\n");
    exits(0, "wc -l <units.csv.used; head -c 2 units.csv.used", "1\n2,");
    exits(0, "wc -l <log.csv; grep -c ,PASS,0, log.csv", "2\n1\n");
    exits(0, BOARD REDFU " write " BLINK " --full --no-run -v --trace u 2>&-", "Done: ");
    exits(1, "grep -ac GETSTATUS u", "0\n");
}

static void a_load_whose_reader_goes_is_finished(void **state) {
    (void)state;
    exits(0,
          BOARD "bash -c '" REDFU_WITH_SIGNALS " write " BLINK
                " --no-run | true; echo status ${PIPESTATUS[0]}'",
          "status 13");
    exits(0, BOARD REDFU " verify " BLINK, "Done: the device holds ");
    // What touches no device ends in silence, as others do.
    exits(0,
          "bash -c '" REDFU_WITH_SIGNALS " udev-rules >p; " REDFU_WITH_SIGNALS
          " --help | true; echo status ${PIPESTATUS[0]}'",
          "status ");
    assert_null(strstr(output, "redfu:"));
}

// As Ctrl-C: dfuIDLE, and no half image is taken for a whole one.
static void a_terminal_that_is_closed_ends_a_load_in_order(void **state) {
    (void)state;
    exits(0,
          "head -c 900000 /dev/zero | tr '\\0' 'x' >big; " BOARD "bash -c '" REDFU_WITH_SIGNALS
          " write big@0x0800C000 --no-run --trace t >log 2>&1 & p=$!; "
          "until grep -q Writing log; do sleep 0.01; done; kill -HUP $p; wait $p; echo status "
          "$?; " REDFU " info'",
          "status 130");
    assert_non_null(strstr(output, "State          dfuIDLE (2)"));
    assert_non_null(strstr(output, "a load was begun and has not ended"));
    // Not one that was told to go on without its terminal.
    exits(0,
          BOARD "bash -c 'trap \"\" HUP; " REDFU " write " BLINK
                " --no-run >log & p=$!; sleep 0.1; kill -HUP $p; wait $p; echo status $?'",
          "status 0");
}

static void a_pipe_without_another_end_is_not_waited_for(void **state) {
    (void)state;
    exits(13, "mkfifo p; timeout 20 " REDFU " list --trace p", "redfu: --trace p: No such device");
    exits(11, "timeout 20 " REDFU " doctor --log p", "p is empty");
    exits(10, "timeout 20 " REDFU " inspect p", "p: not a regular file");
    // One that has an end is read to its end.
    exits(12,
          "(echo a log; sleep 0.2; echo of something) | timeout 20 " REDFU
          " doctor --log /dev/stdin",
          "/dev/stdin: it is no log of");
    // One that has another end is written into. (The shell's own: a program started beside could come too late.)
    exits(30,
          "exec 3<>p; timeout 20 " REDFU " list --trace p; s=$?; "
          "test $(timeout 20 head -c 4 <&3 | wc -c) = 4 && exit $s",
          "no device in DFU mode");
}

// 1,024 bytes. What is on the board is whole; that the capture is not is told.
static void a_capture_that_may_not_grow_ends_no_load(void **state) {
    (void)state;
    exits(0,
          BOARD "bash -c 'ulimit -f 1; " REDFU_WITH_SIGNALS " write " BLINK
                " --no-run --trace t 2>&1 | cat; echo status ${PIPESTATUS[0]}'",
          "redfu: --trace t: File too large");
    assert_non_null(strstr(output, "status 13"));
    exits(0, BOARD REDFU " verify " BLINK, "Done: the device holds ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_to_a_closed_stream_go_into_no_file, set_up,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_load_whose_reader_goes_is_finished, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(a_terminal_that_is_closed_ends_a_load_in_order, set_up,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_pipe_without_another_end_is_not_waited_for, set_up,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_capture_that_may_not_grow_ends_no_load, set_up,
                                        leave_folder),
    };
    return cmocka_run_group_tests_name("host/redfu_ends", tests, NULL, NULL);
}
