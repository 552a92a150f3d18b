// SPDX-License-Identifier: MIT
//
// `--watch`, `--pcap`, `--report` and what is said of a firmware that hangs, from outside: on a firmware that is not ours (observe_firmware.c), and that watching
// changes nothing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/bytes.h"
#include "tests/host/shell.h"
#include "tests/unit/pcap_read.h"

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("P", PROGRAMS, 1) | setenv("F", FIRMWARE, 1);
}

// The line of the last output that begins so; the test fails without one.
static const char *line_of(const char *beginning) {
    static char line[512];
    const char *at = strstr(output, beginning);
    if (!at) {
        fail_msg("no line '%s' in:\n%s", beginning, output);
        return "";
    }
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

static void says(const char *beginning, const char *words) {
    const char *line = line_of(beginning);
    if (!strstr(line, words)) {
        fail_msg("'%s' does not say '%s'", line, words);
    }
}

static void a_name_that_is_none_is_refused(void **state) {
    (void)state;
    refuses(125, "$V run --load $P/observe-1.elf --flash never.bin --watch no_such --limit 1ms",
            "--watch no_such: no such function in ");
    assert_non_null(strstr(output, "observe-1.elf; it may have been inlined"));
    assert_int_equal(access("never.bin", F_OK), -1);
    refuses(125, "$V run --load $P/observe-1.elf --watch newer_caled --limit 1ms",
            "there is never_called");
    refuses(125, "$V run --load $P/observe-1.elf --watch called_never --limit 1ms",
            "there is never_called");
    refuses(125, "$V run --load $P/observe-1.elf --watch ticks --limit 1ms",
            "this is data, not a function");
    refuses(125, "$V run --load $F/blink-0.1.bin@0x0800C000 --watch main --limit 1ms",
            "no file with symbols is given");
    refuses(125, "$V run --symbols $F/blink-0.1.bin --watch main --limit 1ms",
            "--symbols needs an ELF file that was not stripped");
    refuses(125, "$V run --symbols $F/blink-0.1.hex --limit 1ms", "that was not stripped");
    refuses(125, "head -c 5000 /dev/urandom >rnd; $V run --symbols rnd --limit 1ms",
            "that was not stripped: rnd is a raw binary");
    refuses(125, "$V run --symbols none.elf --limit 1ms",
            "--symbols needs an ELF file that was not stripped");
}

static void names_of_something_else_are_told(void **state) {
    (void)state;
    exits(0, "$V run --flash names.bin --load $P/observe-1.elf --limit 1ms", "");
    exits(0, "$V run --flash names.bin --symbols $P/observe-1.elf --limit 1ms", "");
    assert_null(strstr(output, "do not match"));
    exits(0,
          "$V run --flash names.bin --symbols $P/observe-2.elf --symbols $P/observe-4.elf "
          "--limit 1ms",
          "");
    says("vboard: note: symbols of ", "observe-2.elf do not match what flash holds at 0x0800");
    assert_non_null(strstr(output, "observe-4.elf do not match"));
    exits(0, "$V run --load $P/observe-1.elf --symbols $P/observe-2.elf --limit 1ms",
          "observe-2.elf do not match what flash holds at 0x0800");
    // What is still to be loaded is no mismatch, nor is what was loaded over USB.
    exits(0,
          "$V run --load $F/redfu-boot.elf --flash later.bin --symbols $F/blink-0.1.elf -- "
          "dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.1.bin",
          "");
    assert_null(strstr(output, "do not match"));
    exits(0,
          "$V run --flash later.bin --symbols $F/blink-0.1.elf --symbols $F/redfu-boot.elf "
          "--limit 1ms",
          "");
    assert_null(strstr(output, "do not match"));
}

static void calls_are_counted_and_timed(void **state) {
    (void)state;
    exits(0,
          "$V run --load $P/observe-1.elf --limit 100ms --watch once --watch jumps "
          "--watch jumped_to --watch depth --watch loop_only --watch in_sram "
          "--watch never_called --watch systick --watch start",
          "");
    says("vboard: watch: never_called:", "never_called: 0 calls");
    assert_null(strchr(line_of("vboard: watch: never_called:"), ','));
    // 16000 turns of 4 cycles at 16 MHz are 4 ms; 40 interrupts of about 40 cycles count, too.
    says("vboard: watch: once:", "once: 1 call, first at ");
    says("vboard: watch: once:", " 4.0");
    // A tail call: inside until the other returns, so both take about 0.4 ms a call.
    says("vboard: watch: jumps:", "3 calls");
    says("vboard: watch: jumps:", " 1.2");
    says("vboard: watch: jumped_to:", "3 calls");
    says("vboard: watch: jumped_to:", " 1.2");
    // Ten levels of 40 us and more: the outermost is the longest and all there is.
    says("vboard: watch: depth:", "10 calls");
    says("vboard: watch: depth:", "us inside, the longest 4");
    // 50 and 60 turns of 4 cycles and more, not 110 calls.
    says("vboard: watch: loop_only:", "2 calls");
    says("vboard: watch: in_sram:", "3 calls");
    // Every 100 us for 5.7 ms; returns by exception return.
    says("vboard: watch: systick:", "57 calls");
    says("vboard: watch: systick:", "us inside, the longest 562 ns");
    says("vboard: watch: start:", "1 call, first at 0 ns, 100.0 ms inside; 1 of them still inside");
}

static void two_files_with_one_name_are_both_watched(void **state) {
    (void)state;
    exits(0, "$V run --load $P/observe-1.elf --symbols $P/observe-2.elf --limit 20ms --watch start",
          "");
    says("vboard: watch: start (0x080000", "observe-1.elf): 1 call");
    assert_non_null(strstr(output, "observe-2.elf): "));
}

// Reset in the middle: what was open ends there, and the next start counts again.
static void a_reset_ends_calls(void **state) {
    (void)state;
    exits(0,
          "$V serve --load $P/observe-1.elf --socket s --limit 2s --watch start >log 2>&1 & p=$!; "
          "for i in $(seq 200); do [ -S s ] && break; sleep 0.1; done; "
          "$V ctl s reset && $V ctl s stop; wait $p; cat log",
          "start: 2 calls");
    says("vboard: watch: start:", "1 of them still inside at the end; 1 ended by a reset");
}

// Set back to a snapshot, the firmware calls again; what was open is given up.
static void a_restore_gives_up_open_calls(void **state) {
    (void)state;
    exits(0,
          "$V serve --load $P/observe-1.elf --socket s2 --limit 60s --watch start --watch busy "
          "--watch in_sram >log 2>&1 & p=$!; "
          "for i in $(seq 200); do [ -S s2 ] && break; sleep 0.1; done; "
          "$V ctl s2 reset && $V ctl s2 snapshot a && sleep 0.2 && $V ctl s2 restore a && "
          "sleep 0.2 && $V ctl s2 stop; wait $p; cat log",
          "");
    says("vboard: watch: start:", "2 calls");
    says("vboard: watch: start:", "1 ended by a reset; 1 without a return");
    // The snapshot was taken before start() came to its calls or after: in either case whole ones.
    says("vboard: watch: in_sram:", " inside, the longest ");
}

// What is watched takes the time it always took: the traces differ by the watch lines alone.
static void watching_changes_nothing(void **state) {
    (void)state;
    exits(0,
          "rm -f a b; $V run --load $F/redfu-boot.elf --flash a --trace ta -- "
          "dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.1.bin >/dev/null 2>&1; "
          "$V run --load $F/redfu-boot.elf --flash b --trace tb --symbols $F/blink-0.1.elf "
          "--watch memcpy --watch main -- "
          "dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.1.bin >out 2>&1; "
          "grep -v ' cpu watch ' tb >tc; cmp ta tc && cmp a b && grep -c ' cpu watch ' tb && "
          "cat out",
          "vboard: watch: memcpy: ");
}

// --- --pcap ---------------------------------------------------------------------------------------

#define LOAD " -- dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.1.bin >out 2>&1; "

static void reads(struct pcap_capture *capture, const char *path) {
    const char *reason;
    if (!pcap_read(capture, path, &reason)) {
        fail_msg("%s is no capture: %s", path, reason);
    }
}

static void a_load_is_captured_whole(void **state) {
    (void)state;
    struct pcap_capture capture;
    exits(0,
          "$V run --load $F/redfu-boot.elf --pcap c --trace t" LOAD
          "grep -c -E ' usb (dnload|getstatus|abort) ' t; cat out",
          "");
    unsigned traced = (unsigned)strtoul(output, NULL, 10);
    reads(&capture, "c");
    assert_int_equal(capture.link_type, 220);
    assert_string_equal(capture.interface, "stm32f4-discovery");
    unsigned submitted = 0;
    unsigned ended = 0;
    unsigned dfu = 0;
    bool has_configuration = false;
    for (size_t i = 0; i < capture.count; i++) {
        const struct pcap_packet *packet = &capture.packets[i];
        assert_true(i == 0 || packet->ns >= packet[-1].ns);
        submitted += packet->event == 'S';
        ended += packet->event == 'C';
        dfu += packet->event == 'S' && (packet->setup[0] & 0x7F) == 0x21;
        // The configuration descriptor with the DFU functional descriptor, whole, before any of it.
        has_configuration = has_configuration || (packet->event == 'C' && packet->data_len > 9 &&
                                                  dfu == 0 && packet->data[1] == 2 &&
                                                  packet->data_len == load_le16(packet->data + 2));
    }
    assert_int_equal(submitted, ended);
    assert_true(has_configuration);
    // The last GETSTATUS, which the reset of leaving cuts off, has no DFU line in the trace.
    assert_true(traced > 10);
    assert_true(dfu == traced || dfu == traced + 1);
    pcap_forget(&capture);
}

static void capturing_changes_nothing(void **state) {
    (void)state;
    exits(0,
          "rm -f a b; $V run --load $F/redfu-boot.elf --flash a --trace ta" LOAD
          "$V run --load $F/redfu-boot.elf --flash b --trace tb --pcap c1" LOAD
          "$V run --load $F/redfu-boot.elf --pcap c2" LOAD "cmp ta tb && cmp a b && cmp c1 c2",
          "");
}

static void a_killed_run_leaves_a_capture(void **state) {
    (void)state;
    struct pcap_capture capture;
    exits(137,
          "$V run --load $F/redfu-boot.elf --pcap k --pace real -- sleep 60 >out 2>&1 & p=$!; "
          "for i in $(seq 200); do sleep 0.3; [ -s k ] && "
          "[ $(wc -c <k) -gt 2000 ] && break; done; kill -9 $p; wait $p",
          "");
    reads(&capture, "k");
    assert_true(capture.count > 10);
    pcap_forget(&capture);
}

static void a_capture_that_cannot_be_written_is_refused(void **state) {
    (void)state;
    refuses(125, "$V run --pcap /nonexistent/c --flash never.bin --limit 1ms",
            "--pcap /nonexistent/c: No such file or directory");
    refuses(125, "$V run --pcap . --limit 1ms", "--pcap .: Is a directory");
    refuses(125, "$V run --load $P/observe-1.elf --pcap $P/observe-1.elf --limit 1ms",
            "observe-1.elf is the same file and would be written over");
    refuses(125, "$V run --trace x --pcap x --limit 1ms",
            "--trace x and --pcap x are the same file");
    refuses(125, "$V run --trace - --pcap - --limit 1ms", "standard output is one stream");
    refuses(125, "$V run --pcap - --uart usart2=- --limit 1ms", "standard output is one stream");
    refuses(125, "$V run --pcap - -- true", "COMMAND writes to standard output too");
    exits(125, "$V run --load $F/redfu-boot.elf --pcap /dev/full --limit 1s",
          "--pcap /dev/full: the capture could not be written: No space left on device");
    struct pcap_capture capture;
    exits(0, "$V run --load $F/redfu-boot.elf --pcap - --limit 1s >std", "");
    reads(&capture, "std");
    assert_true(capture.count > 10);
    pcap_forget(&capture);
}

// --- a firmware that hangs ------------------------------------------------------------------------

static void a_wait_for_a_register_is_named(void **state) {
    (void)state;
    exits(0, "$V run --load $P/observe-2.elf --limit 250ms",
          "note: the processor waits in wait_for_lse+0x");
    says("vboard: note:", "a loop of 3 instructions at 0x080");
    says("vboard: note:", "there for 250.0 ms");
    says("vboard: note:",
         "for RCC_BDCR (0x40023870) bit 1 LSERDY to become 1 (it reads 0x00000001)");
    // At -O0, with a time-out: the value takes its way over the stack, which is no reason to name that.
    exits(0, "$V run --load $P/observe-3.elf --limit 250ms", "");
    says("vboard: note:", "RCC_BDCR (0x40023870) bit 1 LSERDY to become 1");
    says("vboard: note:", ", or the variable ticks (0x2000");
    assert_null(strstr(output, "memory at"));
    // A time-out that is about to run out, whatever is turned over, and begins again.
    exits(0, "$V run --load $P/observe-11.elf --limit 300ms", "");
    says("vboard: note:", "a loop of 7 instructions at 0x080");
    says("vboard: note:", "RCC_BDCR (0x40023870) bit 1 LSERDY to become 1");
    exits(0, "$V run --load $P/observe-7.elf --limit 250ms", "");
    says("vboard: note:", "GPIOA_IDR (0x40020010) bit 0 to become 1");
    // One that prints all the time waits, too, but not for long.
    exits(0, "$V run --load $P/observe-13.elf --limit 250ms --uart usart1=printed", "");
    assert_string_equal(output, "");
    exits(0, "grep -c '^[.]*$' printed", "1");
    // One that shows on a pin that it waits, does.
    exits(0, "$V run --load $P/observe-14.elf --limit 250ms", "");
    says("vboard: note: the processor waits in wait_and_show_it+0x",
         "RCC_BDCR (0x40023870) bit 1 LSERDY to become 1");
    says("vboard: note:", "there for 250.0 ms");
    // A delay by a counter that is off.
    exits(0, "$V run --load $P/observe-17.elf --limit 20ms",
          "vboard: cycle-counter-off: DWT_CYCCNT was read 1000 times at 0x080");
    says("vboard: cycle-counter-off:",
         "and does not count: DEMCR.TRCENA is 0 (a debugger may set it; without one the firmware "
         "has to) (in delay_by_cycles+0x");
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1); // once
    exits(0, "$V run --load $P/observe-18.elf --limit 20ms",
          "and does not count: DWT_CTRL.CYCCNTENA is 0");
    // A firmware for another family, by what it does first; a slip later on is none.
    exits(0, "$V run --load $P/observe-15.elf --limit 250ms",
          "unclocked-peripheral: read of GPIOE at 0x080");
    says("vboard: another-family: at 0x080",
         "the firmware reaches for 0x40021000, which is RCC on STM32F0, F1, F3, G0, G4, L0 and L4 "
         "and GPIOE here, before it has written anything to this chip's RCC (0x40023800): is it "
         "for another family?");
    says("vboard: note: the processor waits", "for GPIOE_MODER (0x40021000) bit 17 to become 1");
    exits(0, "$V run --load $P/observe-16.elf --limit 250ms",
          "unclocked-peripheral: read of GPIOE at 0x080");
    assert_null(strstr(output, "another-family"));
    // A firmware for a chip that has more.
    exits(0, "$V run --load $P/observe-12.elf --limit 250ms",
          "unmodelled-access: read of 0x50060424 at 0x080");
    says("unmodelled-access:", "no register is there, it reads 0");
    says(
        "vboard: note: the processor waits in wait_for_what_is_not_there+0x",
        "for 0x50060424, where this chip has no register, bit 1 to become 1 (it reads 0x00000000)");
    exits(0, "$V run --chip stm32f417vg --load $P/observe-12.elf --limit 250ms", "");
    says("vboard: note: the processor waits", "for HASH+0x24 (0x50060424) bit 1 to become 1");
    // The pin that frees it does free it.
    exits(0, "$V run --load $P/observe-7.elf --pin button=1@100ms --limit 250ms --report", "");
    assert_null(strstr(output, "waits"));
    says("    at the end the processor", "sleeps (WFI or WFE) before start+0x");
}

static void a_board_that_a_debugger_holds_waits_for_nothing(void **state) {
    (void)state;
    exits(130,
          "timeout --preserve-status -s INT 3 $V run --load $F/redfu-boot.elf --gdb 0,wait "
          "--report -- true",
          "at the end the processor stands before its first instruction, at boot_reset+0x0");
    exits(130,
          "timeout --preserve-status -s INT 3 $V run --load $F/redfu-boot.elf --gdb 0,wait -- true",
          "and the board waits for it");
    assert_null(strstr(output, "the processor"));
}

static void a_wait_for_a_variable_is_named(void **state) {
    (void)state;
    exits(0, "$V run --load $P/observe-6.elf --limit 250ms --report",
          "the processor waits in wait_for_message+0x");
    says("    at the end", "for the variable message (0x2000");
    exits(0, "$V run --load $P/observe-10.elf --limit 250ms --report",
          "waits in wait_by_pointer+0x");
    says("    at the end", "for the variable message (0x2000");
    assert_null(strstr(output, "variable where"));
    // It may be what a healthy program does, so nothing is said unasked,
    exits(0, "$V run --load $P/observe-6.elf --limit 250ms", "");
    assert_string_equal(output, "");
    // but with a program that waits for a device.
    exits(0, "$V run --load $P/observe-6.elf -- true", "note: no USB device attached within 1 s");
    says("vboard: note: the processor", "waits in wait_for_message+0x");
}

static void a_fault_and_a_lockup_are_told(void **state) {
    (void)state;
    exits(0, "$V run --load $P/observe-4.elf --limit 20ms",
          "is in the handler of a HardFault, in hard_fault+0x0");
    says("vboard: hardfault:", "BusFault at 0x080");
    says("vboard: hardfault:", "BFAR 0xc0000000");
    exits(0, "$V run --load $P/observe-5.elf --limit 20ms",
          "the processor is locked up at 0xc0000000");
    says("vboard: lockup:", "lockup: a fault at 0xc0000000 inside HardFault or NMI");
}

static void an_empty_chip_is_told_to_be_empty(void **state) {
    (void)state;
    exits(0, "$V run --limit 20ms",
          "vboard: empty-flash: there is nothing to run: flash is empty at its start");
    assert_null(strstr(output, "fault"));
    assert_null(strstr(output, "lock"));
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1); // one line
    exits(0, "$V run --load $F/blink-0.1.hex --limit 20ms --report", "has nothing to run");
    says("vboard: empty-flash: there is nothing to run:",
         "what it holds begins at 0x0800c000: an application without its bootloader?");
}

static void what_is_no_vector_table_is_told_in_one_line(void **state) {
    (void)state;
    exits(0,
          "printf '\\000\\000\\002\\040\\000\\001\\000\\010' >even.bin; "
          "$V run --load even.bin@0x08000000 --limit 20ms",
          "vboard: no-vector-table: nothing starts: flash begins with 0x20020000 and 0x08000100, "
          "where a stack pointer and a reset vector should be, and the vector is even, so not "
          "Thumb code; an image for another chip or address?");
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
    // An image for 0x90000000, and one that begins in the middle.
    exits(0,
          "printf '\\000\\000\\002\\040\\001\\001\\000\\220' >far.bin; "
          "$V run --load far.bin@0x08000000 --limit 20ms --report",
          "flash begins with 0x20020000 and 0x90000101, where a stack pointer and a reset vector "
          "should be, and the vector leads to no memory");
    says("    at the end the processor", "has nothing to run: flash begins with no vector table");
    exits(0, "$V run --load $F/redfu-boot.bin@0x08000002 --limit 20ms", "no-vector-table");
    assert_null(strstr(output, "hardfault"));
    // Linked for 0, where the boot pins show the same flash: that starts.
    exits(0,
          "printf '\\000\\000\\002\\040\\011\\000\\000\\000\\376\\347' >zero.bin; "
          "$V run --load zero.bin@0x08000000 --limit 20ms --report",
          "goes round in 0x00000008, which jumps to itself");
    assert_null(strstr(output, "no-vector-table"));
}

static void a_healthy_firmware_is_left_alone(void **state) {
    (void)state;
    exits(0, "$V run --load $F/redfu-boot.elf --limit 1s", "");
    assert_string_equal(output, "");
    exits(0, "$V run --load $P/observe-1.elf --limit 1s", "");
    assert_string_equal(output, "");
}

// --- --report -------------------------------------------------------------------------------------

static void a_report_tells_of_a_load(void **state) {
    (void)state;
    exits(0,
          "$V run --load $F/redfu-boot.elf --report=r --symbols $F/blink-0.1.elf --watch main" LOAD
          "cat r; [ -s r ]",
          "vboard report");
    says("    at the end the processor", "processor ");
    says("          0 ns", "reset: power-on");
    assert_non_null(strstr(output, "reset: software, at 0x2000"));
    assert_non_null(strstr(output, "vector table moved to 0x0800c000, at 0x080"));
    // Sector 3 erased once and programmed with the file; five DNLOAD carry it and three commands.
    struct stat blink;
    char words[64];
    assert_int_equal(stat(FIRMWARE "/blink-0.1.bin", &blink), 0);
    (void)snprintf(words, sizeof words, "16K       1  %10u           0", (unsigned)blink.st_size);
    says("     3  0x0800c000", words);
    says("     3  0x0800c000", "changed");
    says("     4  0x08010000", "64K       0           0           0           0");
    assert_null(strstr(line_of("     4  0x08010000"), "changed"));
    // SET_ADDRESS_POINTER twice and ERASE are 5 bytes each (UM0424).
    (void)snprintf(words, sizeof words, "       5       0       0 %9u",
                   (unsigned)blink.st_size + 15);
    says("    DFU_DNLOAD", words);
    // The erase is served by keeping the host's GETSTATUS waiting: 250 ms.
    says("    DFU_GETSTATUS", "(250.0 ms)");
    says("    GET_DESCRIPTOR device qualifier", "       0       3       0");
    says("    main:", "1 call, first at ");
    assert_non_null(strstr(output, "complaints\n    none\n"));
}

// redfu-boot's own, from a start alone, and deeper by a load. script/soak holds it against what script/stack says.
static void a_report_tells_how_deep_the_stack_got(void **state) {
    (void)state;
    unsigned depth[2] = {0, 0};
    static const char *const lines[] = {
        "$V run --load $F/redfu-boot.elf --limit 200ms --report 2>&1",
        "$V run --load $F/redfu-boot.elf --report=r" LOAD "cat r"};
    for (unsigned i = 0; i < 2; i++) {
        exits(0, lines[i], "the stack below 0x20020000 was used to a depth of ");
        depth[i] = (unsigned)strtoul(strstr(output, "to a depth of ") + 14, NULL, 10);
    }
    assert_in_range(depth[0], 100, 4096);
    assert_in_range(depth[1], depth[0] + 1, 4096);
}

static void a_report_counts_complaints(void **state) {
    (void)state;
    exits(0,
          "$V run --load $P/observe-8.elf --limit 3s --report 2>&1 >/dev/null | "
          "sed -n '/^complaints/,$p'",
          "");
    says("    flash-write-while-locked", "first at 5.");
    says("    flash-write-while-locked", " us, 5 times, last at ");
    says("        FLASH_CR written at 0x080", "(write_locked+0x");
    says("    unclocked-peripheral, at ", "unclocked-peripheral, at ");
    says("        read of GPIOA", "(unclocked+0x");
    says("    flash-fetch-while-busy", "flash-fetch-while-busy, at ");
    says("    program-over-non-blank, at 1.000 s", "1.000 s");
    exits(0, "$V run --load $P/observe-8.elf --limit 3s --report 2>&1", "");
    says("     5  0x08020000", "128K       1           8           0           4  changed");
    says("    the processor stood still", "1.000 s in all");
}

static void a_stack_that_runs_into_data_is_told(void **state) {
    (void)state;
    exits(0, "$V run --load $P/observe-9.elf --limit 20ms --report", "stack-into-data");
    says("        the stack pointer is 0x2000", ", inside table (0x2000");
    says("        the stack pointer is 0x2000", "2800 bytes), which it writes over");
    // Forty levels do not reach it where there is room.
    exits(0, "$V run --load $P/observe-1.elf --limit 20ms --report", "complaints\n    none");
}

static void reporting_changes_nothing(void **state) {
    (void)state;
    exits(0,
          "rm -f a b; $V run --load $F/redfu-boot.elf --flash a --trace ta" LOAD
          "$V run --load $F/redfu-boot.elf --flash b --trace tb --report=r1" LOAD
          "$V run --load $F/redfu-boot.elf --report=r2" LOAD "cmp ta tb && cmp a b && cmp r1 r2",
          "");
}

static void a_report_that_cannot_be_written_is_refused(void **state) {
    (void)state;
    refuses(125, "$V run --report=/nonexistent/r --flash none.bin --limit 1ms",
            "--report=/nonexistent/r: No such file or directory");
    exits(125, "$V run --load $P/observe-1.elf --report=/dev/full --limit 1ms",
          "--report=/dev/full: the report could not be written");
    refuses(125, "$V run --trace - --report=- --limit 1ms", "standard output is one stream");
    exits(0, "$V run --load $P/observe-1.elf --report=- --limit 1ms 2>/dev/null", "vboard report");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_none_is_refused),
        cmocka_unit_test(names_of_something_else_are_told),
        cmocka_unit_test(calls_are_counted_and_timed),
        cmocka_unit_test(two_files_with_one_name_are_both_watched),
        cmocka_unit_test(a_reset_ends_calls),
        cmocka_unit_test(a_restore_gives_up_open_calls),
        cmocka_unit_test(watching_changes_nothing),
        cmocka_unit_test(a_load_is_captured_whole),
        cmocka_unit_test(capturing_changes_nothing),
        cmocka_unit_test(a_killed_run_leaves_a_capture),
        cmocka_unit_test(a_capture_that_cannot_be_written_is_refused),
        cmocka_unit_test(a_wait_for_a_register_is_named),
        cmocka_unit_test(a_board_that_a_debugger_holds_waits_for_nothing),
        cmocka_unit_test(a_wait_for_a_variable_is_named),
        cmocka_unit_test(a_fault_and_a_lockup_are_told),
        cmocka_unit_test(an_empty_chip_is_told_to_be_empty),
        cmocka_unit_test(what_is_no_vector_table_is_told_in_one_line),
        cmocka_unit_test(a_healthy_firmware_is_left_alone),
        cmocka_unit_test(a_report_tells_of_a_load),
        cmocka_unit_test(a_report_tells_how_deep_the_stack_got),
        cmocka_unit_test(a_report_counts_complaints),
        cmocka_unit_test(a_stack_that_runs_into_data_is_told),
        cmocka_unit_test(reporting_changes_nothing),
        cmocka_unit_test(a_report_that_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
