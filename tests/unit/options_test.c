// SPDX-License-Identifier: MIT
//
// The command line of `vboard run`: what is understood, and what is refused in which words.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "image/image.h"
#include "vboard/options.h"
#include "vboard/timeline.h"

static struct options options;
static struct options_fault fault;

// Arguments in one string, blanks between them.
static enum options_result read_line(const char *line) {
    static char copy[512];
    static char *argv[32];
    int argc = 0;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    memset(&fault, 0, sizeof fault);
    return options_read(&options, argc, argv, &fault);
}

static void accepted(const char *line) {
    if (read_line(line) != OPTIONS_RUN) {
        fail_msg("%s: %s", line, fault.text);
    }
}

static void refused(const char *line, const char *words) {
    assert_int_equal(read_line(line), OPTIONS_WRONG);
    if (!strstr(fault.text, words)) {
        fail_msg("%s: '%s' does not say '%s'", line, fault.text, words);
    }
    options_free(&options);
}

static void times_are_understood(void **state) {
    (void)state;
    const struct {
        const char *text;
        uint64_t ps;
    } cases[] = {{"250ms", 250 * PS_PER_MS},
                 {"1s", PS_PER_S},
                 {"1.5s", 1500 * PS_PER_MS},
                 {"20us", 20 * PS_PER_US},
                 {"3", 3 * PS_PER_S},
                 {"0.25", 250 * PS_PER_MS},
                 {".5ms", 500 * PS_PER_US},
                 {"0", 0},
                 {"7ns", 7 * PS_PER_NS},
                 {"2min", 120 * PS_PER_S},
                 {"1.", PS_PER_S}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ps;
        assert_true(options_time(cases[i].text, &ps));
        assert_int_equal(ps, cases[i].ps);
    }
    const char *wrong[] = {"",     "s",   ".",   "-1s",          "1h",   "1 s",
                           "0x10", "inf", "1e3", "99999999999s", "1,5s", "+1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t ps;
        assert_false(options_time(wrong[i], &ps));
    }
}

static void command_and_its_options_are_left_alone(void **state) {
    (void)state;
    accepted("run --load a.elf -- dfu-util -l --pace");
    assert_string_equal(options.command[0], "dfu-util");
    assert_string_equal(options.command[2], "--pace");
    assert_null(options.command[3]);
    assert_int_equal(options.pace, PACE_FAST);
    options_free(&options);
    accepted("run dfu-util -l");
    assert_string_equal(options.command[1], "-l");
    options_free(&options);
}

static void pace_depends_on_what_ends_the_run(void **state) {
    (void)state;
    accepted("run");
    assert_int_equal(options.pace, PACE_REAL);
    accepted("run --limit 2s");
    assert_int_equal(options.pace, PACE_FAST);
    assert_int_equal(options.limit_ps, 2 * PS_PER_S);
    accepted("run --pace real --limit 2s -- true");
    assert_int_equal(options.pace, PACE_REAL);
    refused("run --pace fast", "needs a --limit");
    refused("run --pace slow", "real or fast");
}

static void loads_take_an_address(void **state) {
    (void)state;
    accepted("run --load a.bin@0x0800C000 --load b@home.elf --load=c.bin@1234");
    assert_int_equal(options.load_count, 3);
    assert_string_equal(options.loads[0].path, "a.bin");
    assert_int_equal(options.loads[0].addr, 0x0800C000);
    assert_string_equal(options.loads[1].path, "b@home.elf");
    assert_true(options.loads[1].addr == IMAGE_NO_ADDRESS);
    assert_int_equal(options.loads[2].addr, 1234);
    options_free(&options);
    refused("run --load a.bin@0x100000000", "no 32-bit address");
    refused("run --load @0x1000", "no file name");
}

static void pins_are_understood(void **state) {
    (void)state;
    accepted("run --pin PA0=1@0+500ms --pin button=0@1.5s --pin pd12=1");
    assert_int_equal(options.pin_count, 3);
    assert_string_equal(options.pins[0].pin, "PA0");
    assert_int_equal(options.pins[0].level, 1);
    assert_int_equal(options.pins[0].duration_ps, 500 * PS_PER_MS);
    assert_string_equal(options.pins[1].pin, "PA0");
    assert_int_equal(options.pins[1].at_ps, 1500 * PS_PER_MS);
    assert_int_equal(options.pins[1].duration_ps, 0);
    assert_string_equal(options.pins[2].pin, "PD12");
    options_free(&options);
    refused("run --pin PA0", "not PIN=LEVEL");
    refused("run --pin PA0=2", "the level is 0 or 1");
    refused("run --pin PA0=1+5ms", "not PIN=LEVEL");
    refused("run --pin PA0=1@soon", "'soon' is no time");
    refused("run --pin PA0=1@0+0", "no duration");
    refused("run --pin PA16=1", "has no pin PA16");
    refused("run --pin PA01=1", "has no pin PA01");
    refused("run --pin lever=1", "has no pin lever");
}

static void a_cut_names_one_operation(void **state) {
    (void)state;
    accepted("run --limit 1s");
    assert_int_equal(options.cut.number, 0);
    accepted("run --cut flash:137");
    assert_int_equal(options.cut.number, 137);
    assert_false(options.cut.is_torn);
    accepted("run --cut flash:1,torn");
    assert_true(options.cut.is_torn);
    assert_int_equal(options.cut.seed, 1);
    accepted("run --cut flash:2,torn=18446744073709551615");
    assert_true(options.cut.seed == UINT64_MAX);
    refused("run --cut flash:0", "count from 1");
    refused("run --cut flash:", "count from 1");
    refused("run --cut flash:-1", "count from 1");
    refused("run --cut flash:1x", "count from 1");
    refused("run --cut flash:18446744073709551616", "count from 1");
    refused("run --cut 100", "not flash:N[,torn[=SEED]]");
    refused("run --cut ram:1", "not flash:N[,torn[=SEED]]");
    refused("run --cut flash:1,", "not flash:N[,torn[=SEED]]");
    refused("run --cut flash:1,tornado", "not flash:N[,torn[=SEED]]");
    refused("run --cut flash:1,torn=", "the seed is a number");
    refused("run --cut flash:1,torn=1,2", "the seed is a number");
    refused("run --cut flash:1 --cut flash:2", "once in a run");
}

static void boards_are_known_by_name(void **state) {
    (void)state;
    accepted("run --board stm32f4-discovery");
    assert_string_equal(options.board->chip->name, "STM32F407VG");
    assert_int_equal(read_line("run --board list"), OPTIONS_BOARDS);
    refused("run --board nucleo", "no board is called 'nucleo'; there is: stm32f4-discovery");
}

static void mistakes_are_named(void **state) {
    (void)state;
    refused("run --lod x", "no such option: --lod");
    refused("run -x", "no such option: -x");
    refused("run --load", "--load needs a value");
    refused("run --help=yes", "takes no value");
    refused("run --limit never", "no time");
    refused("run --", "no COMMAND");
    assert_int_equal(read_line("run --help"), OPTIONS_HELP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_understood),
        cmocka_unit_test(command_and_its_options_are_left_alone),
        cmocka_unit_test(pace_depends_on_what_ends_the_run),
        cmocka_unit_test(loads_take_an_address),
        cmocka_unit_test(pins_are_understood),
        cmocka_unit_test(a_cut_names_one_operation),
        cmocka_unit_test(boards_are_known_by_name),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
