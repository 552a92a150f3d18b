// SPDX-License-Identifier: MIT
//
// `--semihosting`, `--itm` and `--vcd` from outside, on firmware that is not ours. Waveforms are read by a small
// parser of their own (IEEE 1364 clause 18), which takes nothing for granted.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/host/shell.h"

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("P", PROGRAMS, 1) | shell("printf 'in\\nx' > in");
}

// --- semihosting and ITM --------------------------------------------------------------------------

static void a_program_has_its_console_and_ends_with_its_status(void **state) {
    (void)state;
    exits(42,
          "$V run --load $P/consoles_firmware.elf --semihosting -,in=in --itm itm0 --itm 1=itm1 "
          "--limit 10s 2>said",
          "handles=right\nhello\nwrite=right\nread=right\nreadc=right\nend=right\nfile=right\n"
          "unknown=right\ndebugger=right\nC\nit=right\nitm=right\n");
    assert_null(strstr(output, "after the end"));
    exits(0, "cat said", "semihosting-file: SYS_OPEN of /etc/passwd (semihosting, at 0x08000");
    assert_non_null(strstr(output, "semihosting-call: semihosting call 0x77 at 0x08000"));
    exits(0, "printf 'abcdef\\n' | cmp - itm0 && printf z | cmp - itm1", "");
}

static void newlib_prints_reads_and_exits(void **state) {
    (void)state;
    exits(3, "$V run --load $P/consoles_newlib.elf --semihosting -,in=in --limit 10s 2>said",
          "argc=0 pi=3.1416\nread=in\nfile=refused clock=1\nto stderr\nmemory=1\n");
    exits(0, "cat said", "SYS_OPEN of /tmp/vboard-must-not-be-there");
    exits(0, "test ! -e /tmp/vboard-must-not-be-there", "");
    // The end of the program ends the run, not its limit; the same each time.
    exits(0,
          "for i in a b; do $V run --load $P/consoles_newlib.elf --semihosting $i --trace t$i "
          "--limit 9s; "
          "test $? = 3 || exit 1; done 2>/dev/null; cmp a b && cmp ta tb && tail -1 ta",
          "semihosting-exit reason=0x20026 code=3");
}

static void without_the_option_it_is_a_fault_as_on_a_bare_board(void **state) {
    (void)state;
    exits(0, "$V run --load $P/consoles_firmware.elf --limit 10ms", "BKPT 0xab at 0x08000");
    assert_non_null(strstr(output, "--semihosting"));
}

// COMMAND's status counts beside one.
static void with_a_command_the_processor_stands_and_the_run_goes_on(void **state) {
    (void)state;
    exits(0, "$V run --load $P/consoles_firmware.elf --semihosting out --report=r -- sleep 2", "");
    exits(0, "cat r", "at the end the processor stands at");
    assert_non_null(strstr(output, "where the program ended (SYS_EXIT)"));
}

static void bad_consoles_are_refused(void **state) {
    (void)state;
    refuses(125, "$V run --semihosting ,in=x --limit 1ms",
            "--semihosting ,in=x: not FILE[,in=FILE]");
    refuses(125, "$V run --semihosting a --semihosting b --limit 1ms", "it is given already");
    refuses(125, "$V run --semihosting -,in=/nonexistent/x --limit 1ms",
            "--semihosting: cannot read /nonexistent/x: No such file or directory");
    refuses(125, "$V run --semihosting in,in=in --limit 1ms", "the same file");
    refuses(125, "$V run --itm 32=x --limit 1ms", "the stimulus ports are 0 to 31");
    refuses(125, "$V run --itm 1= --limit 1ms", "--itm 1=: not [PORT=]FILE");
    refuses(125, "$V run --itm a --itm 0=b --limit 1ms", "port 0 is given twice");
    refuses(125, "$V run --vcd - --semihosting - --limit 1ms", "standard output is one stream");
    refuses(125, "$V run --vcd - -- true", "--vcd -: COMMAND writes to standard output too");
    refuses(125, "$V run --vcd /nonexistent/x --limit 1ms",
            "--vcd /nonexistent/x: No such file or directory");
    exits(125, "$V run --vcd /dev/full --limit 1ms --flash f", "the waveform could not be written");
}

// --- waveforms ------------------------------------------------------------------------------------

#define WIRES_MAX  256
#define CHANGE_MAX 64

struct wire {
    char id[8], name[32];
    char level;
};

struct dump {
    struct wire wires[WIRES_MAX];
    size_t wire_count;
    uint64_t unit_ps, last_ps;
    // Of the wire asked for.
    struct {
        uint64_t ps;
        char level;
    } changes[CHANGE_MAX];
    size_t change_count;
};

static struct wire *wire_of(struct dump *dump, const char *id) {
    for (size_t i = 0; i < dump->wire_count; i++) {
        if (strcmp(dump->wires[i].id, id) == 0) {
            return &dump->wires[i];
        }
    }
    fail_msg("no wire has the identifier '%s'", id);
    return NULL;
}

static void expect_word(FILE *file, const char *expected) {
    char word[64];
    assert_int_equal(fscanf(file, "%63s", word), 1);
    assert_string_equal(word, expected);
}

static void read_declaration(struct dump *dump, FILE *file, const char *keyword) {
    char word[64];
    if (strcmp(keyword, "$timescale") == 0) {
        assert_int_equal(fscanf(file, "%63s", word), 1);
        assert_string_equal(word, "1");
        expect_word(file, "ps");
        dump->unit_ps = 1;
        expect_word(file, "$end");
    } else if (strcmp(keyword, "$var") == 0) {
        struct wire *wire = &dump->wires[dump->wire_count];
        assert_in_range(dump->wire_count, 0, WIRES_MAX - 1);
        expect_word(file, "wire");
        expect_word(file, "1");
        assert_int_equal(fscanf(file, "%7s %31s", wire->id, wire->name), 2);
        expect_word(file, "$end");
        for (const char *c = wire->id; *c; c++) {
            assert_in_range(*c, '!', '~');
        }
        for (size_t i = 0; i < dump->wire_count; i++) {
            assert_string_not_equal(dump->wires[i].id, wire->id);
            assert_string_not_equal(dump->wires[i].name, wire->name);
        }
        wire->level = 'x';
        dump->wire_count++;
    } else {
        do {
            assert_int_equal(fscanf(file, "%63s", word), 1);
        } while (strcmp(word, "$end") != 0);
    }
}

static void change(struct dump *dump, const char *token, const char *name) {
    struct wire *wire = wire_of(dump, token + 1);
    assert_non_null(strchr("01zx", token[0]));
    assert_true(wire->level != token[0] || dump->last_ps == 0); // changes alone
    wire->level = token[0];
    if (strcmp(wire->name, name) == 0) {
        assert_in_range(dump->change_count, 0, CHANGE_MAX - 1);
        dump->changes[dump->change_count].ps = dump->last_ps;
        dump->changes[dump->change_count++].level = token[0];
    }
}

// What became of the wire `name`.
static struct dump *read_dump(const char *path, const char *name) {
    struct dump *dump = calloc(1, sizeof *dump);
    FILE *file = fopen(path, "r");
    char token[64];
    bool is_declared = false, has_time = false;
    assert_non_null(file);
    while (fscanf(file, "%63s", token) == 1) {
        if (!is_declared) {
            assert_int_equal(token[0], '$');
            read_declaration(dump, file, token);
            is_declared = strcmp(token, "$enddefinitions") == 0;
        } else if (token[0] == '#') {
            uint64_t ps = strtoull(token + 1, NULL, 10) * dump->unit_ps;
            assert_true(!has_time || ps > dump->last_ps);
            has_time = true;
            dump->last_ps = ps;
        } else if (token[0] == '$') {
            assert_true(strcmp(token, "$dumpvars") == 0 || strcmp(token, "$end") == 0);
        } else {
            assert_true(has_time);
            change(dump, token, name);
        }
    }
    assert_true(is_declared);
    assert_true(feof(file));
    (void)fclose(file);
    return dump;
}

static void pins_are_drawn_at_their_instants(void **state) {
    (void)state;
    exits(42,
          "$V run --load $P/consoles_firmware.elf --semihosting out,in=in --vcd pins.vcd "
          "--pin pd13=1@2ms+1ms --trace trace --limit 1s 2>/dev/null",
          "");
    struct dump *dump = read_dump("pins.vcd", "PD12_green");
    // z, low as an output, then up and down three times, 1 ms apart to the cycle of 62.5 ns.
    assert_int_equal(dump->change_count, 8);
    assert_int_equal(dump->changes[0].level, 'z');
    assert_int_equal(dump->changes[0].ps, 0);
    for (size_t i = 1; i < 8; i++) {
        assert_int_equal(dump->changes[i].level, i % 2 ? '0' : '1');
    }
    for (size_t i = 3; i < 8; i++) {
        uint64_t apart = dump->changes[i].ps - dump->changes[i - 1].ps;
        assert_in_range(apart, 999000000, 1001000000);
    }
    assert_int_equal(dump->wire_count, 8 * 16 + 12); // ports A to H, and I to PI11
    free(dump);
    dump = read_dump("pins.vcd", "PD13_orange");
    assert_int_equal(dump->change_count, 3);
    assert_int_equal(dump->changes[1].level, '1');
    assert_int_equal(dump->changes[1].ps, 2000000000);
    assert_int_equal(dump->changes[2].level, 'z');
    assert_int_equal(dump->changes[2].ps, 3000000000);
    free(dump);
    // The trace has the same instants, to the thousandth of a microsecond.
    exits(0, "grep -c 'pin PD12 level=1' trace", "3");
}

static void drawing_changes_nothing(void **state) {
    (void)state;
    exits(0,
          "set -- run --load $P/consoles_firmware.elf --limit 1s; "
          "$V \"$@\" --semihosting oa,in=in --trace ta 2>/dev/null; "
          "$V \"$@\" --semihosting ob,in=in --trace tb --vcd v 2>/dev/null; cmp ta tb && cmp oa ob",
          "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_has_its_console_and_ends_with_its_status),
        cmocka_unit_test(newlib_prints_reads_and_exits),
        cmocka_unit_test(without_the_option_it_is_a_fault_as_on_a_bare_board),
        cmocka_unit_test(with_a_command_the_processor_stands_and_the_run_goes_on),
        cmocka_unit_test(bad_consoles_are_refused),
        cmocka_unit_test(pins_are_drawn_at_their_instants),
        cmocka_unit_test(drawing_changes_nothing),
    };
    return cmocka_run_group_tests_name("consoles", tests, set_up, leave_folder);
}
