// SPDX-License-Identifier: MIT
//
// `redfu station` on virtual boards: rows of settings given once, the same board not done twice, the log, PASS and
// FAIL; and what is refused before a board is looked for.

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

#define BUTTON "--pin PA0=1@0+500ms "
#define ONE    "$V run " BUTTON "--flash one.bin "
#define TWO    ONE "--next-board " BUTTON "--flash two.bin "
#define IMAGE  "$F/blink-0.1.bin "

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) |
           setenv("F", FIRMWARE_FOLDER "/stm32f4-discovery", 1);
}

static void fresh(const char *table) {
    exits(0,
          "rm -f *; $V run --load $F/redfu-boot.elf --flash one.bin --next-board "
          "--load $F/redfu-boot.elf --flash two.bin --limit 1ms",
          "");
    FILE *file = fopen("units.csv", "w");
    assert_non_null(file);
    (void)fputs(table, file);
    assert_int_equal(fclose(file), 0);
}

static void says(const char *words) {
    if (!strstr(output, words)) {
        fail_msg("no '%s' in:\n%s", words, output);
    }
}

static void each_board_gets_the_image_a_row_and_a_line(void **state) {
    (void)state;
    fresh("0x0001:text,0x0002:u16,#note,0x0003\nSN-0001,1234,first,u32:7\n\"SN,02\",4321,,hex:"
          "0011\n");
    exits(0, TWO "-- $R station " IMAGE "--settings units.csv --log log.csv --count 2",
          "Board 1: 316E52724F42 at 1-1\n");
    says("\n    PASS\n");
    says("2 boards: 2 passed, 0 failed\n");
    exits(0, "cat log.csv", "time,serial,path,file,hash,row,result,exit_status,seconds,why\n20");
    says("Z,316E52724F42,1-1,");
    says(",2,PASS,0,");
    says("Z,316E52734F42,1-2,");
    says(",3,PASS,0,");
    exits(0,
          "crc=$(gzip -c " IMAGE "| tail -c8 | head -c4 | od -An -tx4 | tr -d ' '); "
          "grep -c \",$crc,\" log.csv",
          "2");
    exits(0,
          TWO "-- sh -c '$R settings list --path 1-1; $R settings list --path 1-2; "
              "$R verify --all " IMAGE "'",
          "0x0001     text:SN-0001\n0x0002     u16:0x04D2\n0x0003     u32:0x00000007\n");
    says("0x0001     text:SN,02\n0x0002     u16:0x10E1\n");
    says("2 boards: 2 ok, 0 failed");
}

static void a_row_is_given_once_and_its_board_gets_it_again(void **state) {
    (void)state;
    fresh("0x0001:text\nA\n");
    exits(0, ONE "-- $R station -q " IMAGE "--settings units.csv --count 1", "");
    exits(0, "sed 's/,.*,/,CRC,/' units.csv.used", "2,CRC,316E52724F42\n");
    // The station was ended and begun again; the board is the same.
    exits(0, ONE "-- $R station -q " IMAGE "--settings units.csv --count 1", "");
    exits(0, "wc -l <units.csv.used", "1\n");
    // Another board finds no row; nothing is written to it.
    exits(51,
          "$V run --flash one.bin --cut flash:1 --limit 0 >/dev/null 2>&1; "
          "$V run --uid 020000000000AAAA03000000 " BUTTON "--flash two.bin -- "
          "$R station " IMAGE "--settings units.csv --count 1",
          "redfu: units.csv: each of its 1 rows belongs to a board\n");
    exits(0, "tail -c +49153 two.bin | tr -d '\\377' | wc -c", "0");
    // What the power's going left of a line gave nobody a row.
    exits(0, "printf '0x0001:text\\nA\\nB\\n' >units.csv; printf 3,1234 >>units.csv.used", "");
    exits(0,
          "$V run --uid 020000000000AAAA03000000 " BUTTON "--flash two.bin -- "
          "$R station -q " IMAGE "--settings units.csv --count 1",
          "");
    exits(0, "sed 's/,.*,/,CRC,/' units.csv.used", "2,CRC,316E52724F42\n3,CRC,00000005AAAA\n");
    // Used rows stay as they are.
    exits(12,
          "printf '0x0001:text\\nC\\nB\\n' >units.csv; $R station " IMAGE "--settings units.csv",
          "redfu: units.csv: line 2 was changed after the board 316E52724F42 had got it\n");
    exits(
        12, "printf '0x0001:text\\nA\\n' >units.csv; $R station " IMAGE "--settings units.csv",
        "redfu: units.csv: line 3, which the board 00000005AAAA has got, is not there any more\n");
    exits(12, "echo x >units.csv.used; $R station " IMAGE "--settings units.csv",
          "redfu: units.csv.used: \"x\" is no line of it\n");
}

static void the_board_just_done_is_not_done_again(void **state) {
    (void)state;
    fresh("");
    // An image that cannot be started: the board stays in DFU mode, and is there again after its cable was
    // pulled.
    exits(0, "head -c 512 /dev/zero >zero.bin", "");
#define AGAIN(seconds, options)                                                                    \
    "$V run --flash one.bin --unplug 2500ms+300ms -- sh -c '(sleep " seconds "; "                  \
    "read pid <pid; kill -INT $pid) & sh -c \"echo \\$\\$ >pid; exec $R station zero.bin "         \
    "--force-vectors " options "\"'"
    exits(
        50, AGAIN("5", ""),
        "316E52724F42 at 1-1 was done just now: the next board, please (--again does it again)\n");
    says("1 board: 0 passed, 1 failed\n");
    exits(50, AGAIN("9", "--again --count 2"), "2 boards: 0 passed, 2 failed\n");
}

static void a_failure_is_told_and_the_next_board_is_waited_for(void **state) {
    (void)state;
    fresh("0x0001:text\nA\nB\n");
    exits(50,
          "$V run --flash one.bin --unplug 1150ms --next-board --flash two.bin -- "
          "$R station --no-retry $F/blink-0.2.bin --log log.csv --count 2",
          "\n    FAIL\n");
    says("redfu: the device was unplugged, or lost its power, while ");
    says("\n    PASS\n");
    says("redfu: 1 of 2 boards failed\n");
    exits(0, "cat log.csv", ",,FAIL,40,");
    says(",,PASS,0,");
}

static void what_is_wrong_is_refused_before_a_board_is_looked_for(void **state) {
    (void)state;
    static const struct {
        const char *table, *sentence;
        int status;
    } bad[] = {
        {"", "units.csv is empty\n", 11},
        {"0x0001:text\n", "units.csv: no row of settings in it\n", 11},
        {"serial\nA\n", "units.csv: line 1, column 1: \"serial\" is no key: ", 12},
        {"0x0001:u64\n1\n",
         "units.csv: line 1, column 1: the type behind ':' is u8, u16, u32, hex or text\n", 12},
        {"1:u8,0x0001\n1,u8:1\n", "units.csv: line 1, column 2: this key has a column already\n",
         12},
        {"0xF000:hex\n00\n", "units.csv: line 1, column 1: ", 12},
        {"1:u8,2:u8\n1\n", "units.csv: line 2, column 2: the cell is missing\n", 12},
        {"1:u8\n1,2\n", "units.csv: line 2, column 2: there are more cells than columns\n", 12},
        {"1:u8\n1\n256\n", "units.csv: line 3, column 1: \"256\" is no number of 8 bits\n", 12},
        {"1:text\n\"A\n", "units.csv: line 2, column 1: the cell does not end\n", 12},
        {"1\n7\n", "units.csv: line 2, column 1: how is 7 to be kept? ", 12},
        {"1:u8;2:u8\n1;2\n",
         "units.csv: line 1, column 1: columns are parted by ',' and not by ';'\n", 12},
        // As a spreadsheet has it, in a table that is well but for its last line.
        {"\xef\xbb\xbf"
         "1:u8\r\n1\r\n256\r\n",
         "units.csv: line 3, column 1: \"256\" is no number of 8 bits\n", 12},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char sentence[256];
        fresh(bad[i].table);
        (void)snprintf(sentence, sizeof sentence, "redfu: %s", bad[i].sentence);
        exits(bad[i].status, "$R station " IMAGE "--settings units.csv", sentence);
        exits(1, "test -e units.csv.used", "");
    }
    exits(10, "$R station none.bin", "redfu: none.bin: No such file or directory\n");
    exits(10, "$R station " IMAGE "--settings none.csv", "redfu: none.csv: ");
    exits(13, "$R station " IMAGE "--log none/log.csv",
          "redfu: --log none/log.csv: No such file or directory\n");
    exits(2, "$R station " IMAGE "--count 0",
          "redfu: --count wants a number of boards, not \"0\"\n");
    exits(2, "$R station " IMAGE "--no-run",
          "redfu: --no-run, --dry-run and --keep belong to write\n");
    exits(2, "$R write " IMAGE "--again", "redfu: --again belongs to station\n");
    exits(2, "$R write " IMAGE "--log x", "redfu: --log belongs to station and doctor\n");
    exits(2, "$R station", "redfu: the form is: redfu station FILE");
    // Lines are put behind what is there: no image and no table.
    fresh("1:u8\n1\n");
    exits(2, "$R station " IMAGE "--settings units.csv --log units.csv",
          "redfu: --log units.csv is also what --settings names\n");
    exits(13,
          "echo text >other; "
          "$R station " IMAGE "--log other; s=$?; cat other; exit $s",
          "redfu: --log other: this is a file already, and no log of a station");
    exits(0, "cat other units.csv", "text\n1:u8\n1\n");
    fresh("1:u8\n1\n");
    exits(33, "flock units.csv.used $R station " IMAGE "--settings units.csv",
          "redfu: units.csv: another station gives its rows to boards\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_board_gets_the_image_a_row_and_a_line),
        cmocka_unit_test(a_row_is_given_once_and_its_board_gets_it_again),
        cmocka_unit_test(the_board_just_done_is_not_done_again),
        cmocka_unit_test(a_failure_is_told_and_the_next_board_is_waited_for),
        cmocka_unit_test(what_is_wrong_is_refused_before_a_board_is_looked_for),
    };
    return cmocka_run_group_tests_name("host/station", tests, set_up, leave_folder);
}
