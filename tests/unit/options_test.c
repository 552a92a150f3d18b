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
    static char *argv[40];
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
    refused("run --pace slow", "real, fast, or from 1 to 1000");
    refused("run --pace 0", "from 1 to 1000");
    refused("run --pace 10x", "from 1 to 1000");
    refused("run --pace 1001", "from 1 to 1000");
    refused("run --pace -1", "from 1 to 1000");
    accepted("run --pace 10 --limit 2s -- true");
    assert_int_equal(options.pace, PACE_REAL);
    assert_int_equal(options.pace_times, 10);
    accepted("run --pace real");
    assert_int_equal(options.pace_times, 1);
    accepted("run");
    assert_int_equal(options.pace_times, 1);
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

static void two_of_a_kind_at_once_are_refused(void **state) {
    (void)state;
    // One after the other, for different pins, or each for good until the next.
    accepted("run --pin PA0=1@0+1s --pin PA0=1@1s+1s --pin PA1=1@0 --pin PA2=1 --pin PA2=0@2s");
    options_free(&options);
    accepted("run --supply 3V@1s+1s --supply 2.5V@2s --unplug 1s+1s --unplug 2s+1s --unplug 9s");
    options_free(&options);
    refused("run --pin PA0=1@0+1s --pin PA0=0@500ms",
            "--pin PA0=1@0+1s and --pin PA0=0@500ms overlap: give the first");
    refused("run --pin PA0=0@500ms+1ms --pin PA0=1@0+1s", "overlap");
    refused("run --pin PA0=0@1s --pin button=1@1s", "overlap"); // the same pin by another name
    refused("run --pin PA0=1 --pin PA0=0@1s+1s", "overlap");    // what comes after two seconds?
    refused("run --supply 3V@1s+2s --supply 2V@2s",
            "--supply from 1s and --supply from 2s overlap");
    refused("run --unplug 1s --unplug 2s+1s", "--unplug at 1s and --unplug at 2s overlap");
}

static void a_cut_names_one_operation(void **state) {
    (void)state;
    accepted("run --limit 1s");
    assert_int_equal(options.cut.kind, CUT_NONE);
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
    accepted("run --cut insn:1000000");
    assert_int_equal(options.cut.kind, CUT_INSTRUCTION);
    assert_int_equal(options.cut.number, 1000000);
    refused("run --cut insn:0", "count from 1");
    refused("run --cut insn:", "count from 1");
    refused("run --cut insn:7,torn", "count from 1");
    refused("run --cut insn:1 --cut flash:2", "once in a run");
    refused("run --cut 100", "not flash:N[,torn[=SEED]]");
    refused("run --cut ram:1", "not flash:N[,torn[=SEED]]");
    refused("run --cut flash:1,", "not flash:N[,torn[=SEED]]");
    refused("run --cut flash:1,tornado", "not flash:N[,torn[=SEED]]");
    refused("run --cut flash:1,torn=", "the seed is a number");
    refused("run --cut flash:1,torn=1,2", "the seed is a number");
    refused("run --cut flash:1 --cut flash:2", "once in a run");
}

static void unplugs_are_understood(void **state) {
    (void)state;
    accepted("run --unplug 1.5s --unplug 250ms+20us");
    assert_int_equal(options.unplug_count, 2);
    assert_int_equal(options.unplugs[0].at_ps, 1500 * PS_PER_MS);
    assert_int_equal(options.unplugs[0].duration_ps, 0);
    assert_int_equal(options.unplugs[1].at_ps, 250 * PS_PER_MS);
    assert_int_equal(options.unplugs[1].duration_ps, 20 * PS_PER_US);
    options_free(&options);
    refused("run --unplug soon", "--unplug soon: 'soon' is no time");
    refused("run --unplug 1s+", "--unplug 1s+: '' is no duration");
    refused("run --unplug 1s+0", "'0' is no duration");
    refused("run --unplug", "--unplug needs a value");
}

static void boards_are_known_by_name(void **state) {
    (void)state;
    accepted("run --board stm32f4-discovery");
    assert_string_equal(options.board->chip->name, "STM32F407VG");
    options_free(&options);
    assert_int_equal(read_line("run --board list"), OPTIONS_BOARDS);
    accepted("run --board blackpill-f411");
    assert_string_equal(options.board->chip->name, "STM32F411CE");
    assert_int_equal(options.board->wiring.hse_hz, 25000000);
    options_free(&options);
    accepted("run --board stm32f429-discovery");
    assert_string_equal(options.board->chip->name, "STM32F429ZI");
    assert_int_equal(options.board->usb, BOARD_OTG_HS);
    options_free(&options);
    refused("run --board nucleo",
            "no board is called 'nucleo'; near it: nucleo-f401re, nucleo-f411re, nucleo-f446re or "
            "nucleo-f446ze; vboard boards lists them all");
    refused("run --board blackpill_f411ce", "near it: blackpill-f411");
    refused("run --board stm32f407vg", "that is a chip: --chip stm32f407vg");
    refused("run --board ''", "no board is called");
    refused("run --board qqq", "no board is called 'qqq'; vboard boards lists them all");
}

static void chips_are_known_by_name_and_what_is_around_them_can_be_said(void **state) {
    (void)state;
    accepted("run --chip stm32f411ce");
    assert_string_equal(options.board->chip->name, "STM32F411CE");
    assert_int_equal(options.board->usb, BOARD_OTG_FS);
    assert_int_equal(options.board->wiring.hse_hz, 8000000);
    options_free(&options);
    accepted("run --hse 25MHz --usb ulpi --chip STM32F446RET6");
    assert_string_equal(options.board->chip->name, "STM32F446RE");
    assert_int_equal(options.board->usb, BOARD_OTG_HS);
    assert_true(options.board->wiring.has_ulpi_phy);
    assert_int_equal(options.board->wiring.hse_hz, 25000000);
    options_free(&options);
    accepted("run --hse none --board stm32f4-discovery");
    assert_int_equal(options.board->wiring.hse_hz, 0);
    assert_string_equal(options.board->name, "stm32f4-discovery");
    options_free(&options);
    accepted("run --hse 12000kHz --load a --next-board --load b --chip stm32f401cc");
    assert_int_equal(options.board->wiring.hse_hz, 12000000);
    assert_int_equal(options.next->board->wiring.hse_hz, 8000000);
    // Serial lines are the chip's, wherever it is named.
    options_free(&options);
    accepted("run --uart uart8=- --chip stm32f429zi");
    options_free(&options);
    refused("run --uart usart3=- --chip stm32f411ce",
            "the STM32F411CE has no usart3; it has USART1, USART2, USART6");
    refused("run --chip stm32f411c", "no chip is called 'stm32f411c'; near it: STM32F411C");
    refused("run --chip stm32f103c8", "no chip is called 'stm32f103c8'");
    refused("run --chip blackpill-f411", "that is a board: --board blackpill-f411");
    refused("run --chip stm32f411ce --board blackpill-f411", "--chip stm32f411ce says already");
    refused("run --board blackpill-f411 --chip stm32f411ce", "--board blackpill-f411 says already");
    refused("run --chip stm32f411ce --usb hs", "the STM32F411CE has no OTG_HS, only fs");
    refused("run --usb usb2", "--usb usb2: the connector is wired to fs");
    refused("run --hse 8", "--hse 8: what is on HSE is 1MHz to 50MHz");
    refused("run --hse 8GHz", "--hse 8GHz: what is on HSE");
    refused("run --hse 60MHz", "--hse 60MHz: what is on HSE");
    refused("run --hse -8MHz", "--hse -8MHz: what is on HSE");
}

static void consoles_of_other_kinds_are_understood(void **state) {
    (void)state;
    accepted("run --semihosting - --itm - --itm 31=x.bin --vcd pins.vcd --uart usart2=-");
    assert_true(options.has_semihosting);
    assert_string_equal(options.semihosting.out_path, "-");
    assert_null(options.semihosting.in_path);
    assert_int_equal(options.itm_count, 2);
    assert_int_equal(options.itms[1].port, 31);
    assert_string_equal(options.itms[1].path, "x.bin");
    assert_string_equal(options.vcd_path, "pins.vcd");
    options_free(&options);
    accepted("run --semihosting a,b,in=c --itm 1x=y");
    assert_string_equal(options.semihosting.out_path, "a,b");
    assert_string_equal(options.semihosting.in_path, "c");
    assert_string_equal(options.itms[0].path, "1x=y"); // a file's name
    options_free(&options);
    refused("run --semihosting a,in=b,in=c", "in= is given twice");
    refused("run --semihosting ,in=b", "not FILE[,in=FILE]");
    refused("run --itm 99=x", "the stimulus ports are 0 to 31");
    refused("run --itm -1=x", "the stimulus ports are 0 to 31");
    refused("run --itm =x", "the stimulus ports are 0 to 31");
    refused("run --itm x=-", "--itm x=-: the stimulus ports are 0 to 31");
    refused("run --itm 1x=-", "the stimulus ports are 0 to 31");
    refused("run --itm - --pcap -", "standard output is one stream");
}

static void serial_ports_are_understood(void **state) {
    (void)state;
    refused("run --uart uart4=x,foo=bar", "no such setting as 'foo=bar'");
    refused("run --uart uart4=x,foo=bar,in=y", "no such setting as 'foo=bar,in=y'");
    refused("run --uart uart4=x,in=y,in=z", "in= is given twice");
    accepted("run --uart usart2=- --uart UART4=a.txt,in=b.txt");
    assert_string_equal(options.uarts[0].name, "USART2");
    assert_string_equal(options.uarts[1].out_path, "a.txt");
    assert_string_equal(options.uarts[1].in_path, "b.txt");
    options_free(&options);
    refused("run --uart usart2", "not NAME=FILE");
    refused("run --uart =x", "not NAME=FILE");
    refused("run --uart usart2=", "not NAME=FILE");
    refused("run --uart usart2=x,in=", "not NAME=FILE");
    refused("run --uart usart4=x", "has no usart4");
    refused("run --uart usart2=x --uart USART2=y", "given twice");
}

static void supplies_are_understood(void **state) {
    (void)state;
    accepted("run --supply 2.65V@1s+5ms --supply 1800mV@2s");
    assert_int_equal(options.supply_count, 2);
    assert_int_equal(options.supplies[0].mv, 2650);
    assert_int_equal(options.supplies[0].at_ps, PS_PER_S);
    assert_int_equal(options.supplies[0].duration_ps, 5 * PS_PER_MS);
    assert_int_equal(options.supplies[1].mv, 1800);
    options_free(&options);
    refused("run --supply 3.3", "not VOLTAGE");
    refused("run --supply 5V", "at most 3.6V");
    refused("run --supply 99999999999999999999V", "at most 3.6V");
    refused("run --supply V", "not VOLTAGE");
    refused("run --supply 2.5mV", "not VOLTAGE");
    refused("run --supply 3V+5ms", "not VOLTAGE");
    refused("run --supply 3V@soon", "no such time");
}

static void the_model_s_times_are_chosen(void **state) {
    (void)state;
    accepted("run --limit 1s");
    assert_false(options.maximum_flash_times);
    assert_false(options.has_transfer_cost);
    accepted("run --limit 1s --flash-times maximum --transfer-cost 100us");
    assert_true(options.maximum_flash_times);
    assert_int_equal(options.transfer_cost_ps, 100 * PS_PER_US);
    accepted("run --limit 1s --flash-times typical --transfer-cost 0");
    assert_false(options.maximum_flash_times);
    assert_true(options.has_transfer_cost);
    assert_int_equal(options.transfer_cost_ps, 0);
    refused("run --flash-times slow", "typical or maximum");
    refused("run --transfer-cost much", "no time");
    refused("run --transfer-cost 101ms", "no time up to 100 ms");
}

static void mistakes_are_named(void **state) {
    (void)state;
    refused("run --lod x", "no such option: --lod");
    refused("run -x", "no such option: -x");
    refused("run --load", "--load needs a value");
    refused("run --help=yes", "takes no value");
    refused("run --limit never", "no time");
    refused("run --limit 1s --limit 2s", "--limit 2s: a run has one limit");
    refused("run --flash a --flash b", "--flash b: this board's flash is kept in a already");
    refused("run --", "no COMMAND");
    assert_int_equal(read_line("run --help"), OPTIONS_HELP);
}

static void each_next_board_has_options_of_its_own(void **state) {
    (void)state;
    accepted("run --load a.elf --pin button=1 --flash a --trace t --next-board --load b.elf "
             "--board stm32f407-hs --unplug 1s --limit 2s --pace 3 --transfer-cost 1ms -- true");
    const struct options *second = options.next;
    assert_non_null(second);
    assert_null(second->next);
    assert_string_equal(options.loads[0].path, "a.elf");
    assert_string_equal(second->loads[0].path, "b.elf");
    assert_int_equal(options.pin_count, 1);
    assert_int_equal(second->pin_count, 0);
    assert_int_equal(options.unplug_count, 0);
    assert_int_equal(second->unplug_count, 1);
    assert_null(second->flash_path);
    assert_string_equal(options.board->name, "stm32f4-discovery");
    assert_string_equal(second->board->name, "stm32f407-hs");
    // Of the whole run, wherever they stand.
    assert_string_equal(second->trace_path, "t");
    for (const struct options *each = &options; each; each = each->next) {
        assert_int_equal(each->limit_ps, 2 * PS_PER_S);
        assert_int_equal(each->pace_times, 3);
        assert_int_equal(each->transfer_cost_ps, PS_PER_MS);
        assert_string_equal(each->command[0], "true");
    }
    options_free(&options);
}

static void unique_ids_differ_and_are_the_same_each_time(void **state) {
    (void)state;
    accepted("run --load a --next-board --load a --next-board --load a "
             "--uid 00112233445566778899aaBB");
    static const uint8_t given[12] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
                                      0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb};
    uint8_t second[12];
    memcpy(second, options.next->uid, 12);
    assert_memory_not_equal(options.uid, second, 12);
    assert_memory_equal(options.next->next->uid, given, 12);
    options_free(&options);
    accepted("run --load b --next-board --load c");
    assert_memory_equal(options.next->uid, second, 12);
    options_free(&options);
    refused("run --uid 0011", "24 hexadecimal digits");
    refused("run --uid 00112233445566778899aabg", "24 hexadecimal digits");
    refused("run --uid 00112233445566778899aabbcc", "24 hexadecimal digits");
    refused("run --load a --uid 00112233445566778899aabb --next-board --load b --uid "
            "00112233445566778899AABB",
            "boards 1 and 2 have the same unique id");
}

static void boards_without_firmware_or_room_are_refused(void **state) {
    (void)state;
    refused("run --next-board --load a", "board 1 has neither --load nor --flash");
    refused("run --load a --next-board", "board 2 has neither --load nor --flash");
    refused("run --load a --next-board --symbols a --next-board --flash b",
            "board 2 has neither --load nor --flash");
    refused("serve --socket s --load a --next-board --load b", "serve runs one board");
    refused("run --socket s --load a --next-board --load b", "--socket is for one board");
    refused("run --load a --pcap - --next-board --load b --pcap -", "--pcap - and --pcap -");
    refused("run --load a --uart usart1=- --next-board --load b --report=-",
            "standard output is one stream");
    refused("run --load a --next-board --load a --pin button=1 --pin button=0", "overlap");
    accepted("run --load a --next-board --load a --next-board --load a --next-board --load a "
             "--next-board --load a --next-board --load a --next-board --load a --next-board "
             "--load a --next-board --load a --next-board --load a");
    options_free(&options);
    char line[512] = "run --flash a";
    for (unsigned i = 1; i < 17; i++) {
        strcat(line, " --next-board --flash=b");
    }
    refused(line, "--next-board: there is room for 16 boards");
}

static void debugger_has_a_port_of_the_loopback_unless_told(void **state) {
    (void)state;
    accepted("run --load a --gdb 3333");
    assert_true(options.has_gdb);
    assert_false(options.gdb.waits);
    assert_string_equal(options.gdb.place.address, "127.0.0.1");
    assert_int_equal(options.gdb.place.port, 3333);
    options_free(&options);
    accepted("serve --socket s --gdb [::1]:0,wait");
    assert_true(options.gdb.waits);
    assert_string_equal(options.gdb.place.address, "::1");
    options_free(&options);
    accepted("run --load a --gdb 1 --next-board --load b --gdb 2");
    assert_int_equal(options.next->gdb.place.port, 2);
    options_free(&options);
    refused("run --load a --gdb 65536", "--gdb 65536: not [ADDRESS:]PORT");
    refused("run --load a --gdb localhost:1", "not [ADDRESS:]PORT");
    refused("run --load a --gdb 1,halt", "with ,wait behind it");
    refused("run --load a --gdb 1 --gdb 2", "has a debugger's port already");
}

static void usbip_is_for_serve_alone(void **state) {
    (void)state;
    accepted("serve --load a --usbip 0.0.0.0:3240");
    assert_true(options.has_usbip);
    assert_string_equal(options.usbip.address, "0.0.0.0");
    assert_int_equal(options.usbip.port, 3240);
    options_free(&options);
    refused("run --load a --usbip 3240", "belong to vboard serve");
    refused("serve --usbip x", "--usbip x: not [ADDRESS:]PORT");
    refused("serve --usbip 1 --usbredir s", "the cable has one other end");
    refused("serve --load a", "serve needs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_understood),
        cmocka_unit_test(command_and_its_options_are_left_alone),
        cmocka_unit_test(pace_depends_on_what_ends_the_run),
        cmocka_unit_test(loads_take_an_address),
        cmocka_unit_test(usbip_is_for_serve_alone),
        cmocka_unit_test(debugger_has_a_port_of_the_loopback_unless_told),
        cmocka_unit_test(pins_are_understood),
        cmocka_unit_test(two_of_a_kind_at_once_are_refused),
        cmocka_unit_test(a_cut_names_one_operation),
        cmocka_unit_test(unplugs_are_understood),
        cmocka_unit_test(boards_are_known_by_name),
        cmocka_unit_test(chips_are_known_by_name_and_what_is_around_them_can_be_said),
        cmocka_unit_test(serial_ports_are_understood),
        cmocka_unit_test(consoles_of_other_kinds_are_understood),
        cmocka_unit_test(supplies_are_understood),
        cmocka_unit_test(the_model_s_times_are_chosen),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(each_next_board_has_options_of_its_own),
        cmocka_unit_test(unique_ids_differ_and_are_the_same_each_time),
        cmocka_unit_test(boards_without_firmware_or_room_are_refused),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
