// SPDX-License-Identifier: MIT
//
// `script/bench load` and `plot`, as the program behind them: what it says of a bootloader of somebody else's, that the
// parts of a load's time add up and are not less than physics, and that names in the drawings do not lie on one another.

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/host/shell.h"

static char text[262144];

static void read_file(const char *name) {
    FILE *in = fopen(name, "re");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    (void)fclose(in);
}

static double number(const char *line, const char *name) {
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void another_bootloader_stands_beside_ours_and_times_add_up(void **state) {
    (void)state;
    exits(0,
          GRID " load --size 40 --program redfu --json a.jsonl --svg drawn --against " WARD
               "/healthy.elf --chip stm32f407vg --hse 8MHz --usb hs --pin PA0=1@0+500ms",
          "| redfu-boot | redfu | 40 KB at 0x0800C000 | 0.964 s |");
    assert_non_null(strstr(output, "| healthy.elf | redfu | 40 KB at 0x0800C000 | 0.964 s |"));
    assert_null(strstr(output, " no ["));
    read_file("a.jsonl");
    double full = 0, unchanged = 0;
    unsigned lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        double ms = number(line, "ms");
        double sum = number(line, "erase_ms") + number(line, "program_ms") +
                     number(line, "transfer_ms") + number(line, "controller_ms") +
                     number(line, "sleep_ms");
        assert_true(fabs(ms - sum) < 0.5);
        assert_true(ms > number(line, "flash_ms"));
        bool is_ours = strstr(line, "\"redfu-boot\"");
        full = is_ours && strstr(line, "\"full\"") ? ms : full;
        unchanged = is_ours && strstr(line, "\"unchanged\"") ? ms : unchanged;
    }
    assert_int_equal(lines, 6);
    assert_true(full > 963 && full < 1100);
    assert_true(unchanged > 0 && unchanged < 60);
}

// Of the drawing that the test above left: the names at the lines' ends, one below the other.
static void names_in_a_drawing_do_not_lie_on_one_another(void **state) {
    (void)state;
    read_file("drawn/load-time.svg");
    double last = 0;
    unsigned names = 0;
    for (char *at = text; (at = strstr(at, " x=\"514.0\" y=\"")); at++, names++) {
        double y = strtod(at + 14, NULL);
        assert_true(names == 0 || y - last >= 16.9);
        assert_true(y > 50 && y < 460);
        last = y;
    }
    // Two full loads, two each with less to do, and flash alone.
    assert_int_equal(names, 7);
    assert_non_null(strstr(text, "prefers-color-scheme: dark"));
    assert_non_null(strstr(text, "flash alone"));
    read_file("drawn/load-split.svg");
    assert_non_null(strstr(text, "redfu-boot, redfu, 40 KB"));
    assert_non_null(strstr(text, "healthy.elf, redfu, 40 KB"));
}

static void what_does_not_work_is_told_in_its_cell(void **state) {
    (void)state;
    exits(0,
          GRID " load --size 1000 --size 4 --program dfu-util --json b.jsonl --against " FIRMWARE
               "/blink-0.1.elf || [ $? = 1 ]",
          "| blink-0.1.elf | dfu-util | 4 KB | | no [2] |");
    assert_non_null(strstr(output, "does not fit: 976 KB are announced"));
    // Why, as far as vboard knows.
    assert_non_null(strstr(output, "dfu-util -l finds no DFU device; vboard: "));
    // A load of ours that cannot be done is a failure.
    exits(1, GRID " load --size 1000 --program dfu-util --json b.jsonl",
          "| redfu-boot | dfu-util | 1000 KB at 0x0800C000 |");
    read_file("b.jsonl");
    assert_non_null(strstr(text, "\"trouble\":\"does not fit: 976 KB are announced\""));
}

// ST's class answers the last GETSTATUS by a reset: the image is there, and dfu-util ends with 74.
static void a_load_that_is_there_counts_with_what_its_program_said(void **state) {
    (void)state;
    exits(0,
          GRID " load --size 40 --program dfu-util --json f.jsonl --against " WARD
               "/f33.elf --board stm32f407-hs --pin PA0=1@0+500ms",
          "| f33.elf | dfu-util | 40 KB at 0x0800C000 | 0.964 s | 4.");
    assert_non_null(strstr(output, ") [1] | no [2] | "));
    assert_non_null(strstr(output, "[1] the image is there, though: exit status 74: dfu-util: "));
    assert_non_null(strstr(output, "[2] exit status 74: dfu-util: "));
    read_file("f.jsonl");
    assert_non_null(strstr(text, "\"remark\":\"the image is there, though: exit status 74: "));
}

static void wrong_questions_are_refused(void **state) {
    (void)state;
    exits(2, GRID " load --size 0", "--size: 1 to 1024 KB");
    exits(2, GRID " load --size many", "a number is wanted, not 'many'");
    exits(2, GRID " load --program dfuse", "dfu-util, fwupdtool or redfu, not 'dfuse'");
    exits(2, GRID " load --pin PA0=1", "options of the other bootloader come behind --against");
    exits(2, GRID " load --against nothing.elf --size 4 --program redfu --json c.jsonl",
          "nothing.elf: vboard did not run it (exit status 125): nothing.elf: ");
    assert_null(strstr(output, "| redfu-boot |")); // known before the first load
    exits(2, GRID " load --size 4 --svg not/here", "bench: not/here: No such file or directory");
    assert_null(strstr(output, "| redfu-boot |"));
    exits(2, GRID " load what", "what is 'what'?");
    exits(2, GRID " plot", "usage: script/bench plot FOLDER");
    exits(2, GRID " plot . missing.jsonl", "missing.jsonl: No such file");
    exits(2, "echo nonsense >d.jsonl && " GRID " plot . d.jsonl",
          "d.jsonl:1: this is no line of script/bench load");
    exits(2, "echo '{\"trouble\":\"x\"}' >e.jsonl && " GRID " plot . e.jsonl",
          "e.jsonl: there is no load in it");
    exits(0, GRID " load --help", "usage: script/bench load");
}

static int enter(void **state) {
    (void)state;
    return enter_folder();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_bootloader_stands_beside_ours_and_times_add_up),
        cmocka_unit_test(names_in_a_drawing_do_not_lie_on_one_another),
        cmocka_unit_test(what_does_not_work_is_told_in_its_cell),
        cmocka_unit_test(a_load_that_is_there_counts_with_what_its_program_said),
        cmocka_unit_test(wrong_questions_are_refused),
    };
    return cmocka_run_group_tests(tests, enter, leave_folder);
}
