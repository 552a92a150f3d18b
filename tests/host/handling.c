// SPDX-License-Identifier: MIT
//
// `vboard run` handled roughly: files given twice, limits and firmware without an end, signals that
// COMMAND ignores, Ctrl-Z, a killed vboard, folders that do not do. Each test in a folder of its own.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/host/shell.h"

static int set_up(void **state) {
    (void)state;
    return enter_folder() == 0 ? setenv("V", VBOARD, 1) | setenv("F", FIRMWARE, 1) : -1;
}

static int tear_down(void **state) {
    return shell("chmod -R u+w .") | leave_folder(state);
}

static double now_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void nap(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

// At most 20 s.
static void wait_for_file(const char *name) {
    for (int i = 0; i < 2000 && access(name, F_OK) != 0; i++) {
        nap();
    }
    assert_int_equal(access(name, F_OK), 0);
}

// A line that runs beside the test, in a process group of its own.
static pid_t start(const char *line) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(99);
    }
    (void)setpgid(pid, pid);
    return pid;
}

static void trace_is_not_written_over_an_input(void **state) {
    (void)state;
    exits(0, "cp $F/redfu-boot.elf boot.elf && head -c 1048576 /dev/zero >f.bin && ln f.bin other",
          "");
    exits(0, "cat boot.elf f.bin | cksum >before", "");
    refuses(125, "$V run --load boot.elf --trace boot.elf --limit 1ms",
            "--trace boot.elf: --load boot.elf is the same file and would be written over");
    refuses(125, "$V run --flash f.bin --trace f.bin --limit 1ms",
            "--trace f.bin: --flash f.bin is the same file");
    refuses(125, "$V run --flash f.bin --trace ./other --limit 1ms",
            "--trace ./other: --flash f.bin is the same file");
    exits(0, "cat boot.elf f.bin | cksum | cmp - before", "");
}

// Each is refused before any file is opened: inputs stay, and nothing is made.
static void no_output_is_an_input_or_another_output(void **state) {
    (void)state;
    exits(0,
          "echo typed >inp; cp $F/redfu-boot.elf boot.elf; ln -s later link; touch list; ls >list",
          "");
    refuses(
        125, "$V run --flash n --uart usart1=inp,in=inp --limit 1ms",
        "--uart USART1=inp: --uart USART1=...,in=inp is the same file and would be written over");
    refuses(125, "$V run --flash n --uart usart1=-,in=inp --trace ./inp --limit 1ms",
            "--trace ./inp: --uart USART1=...,in=inp is the same file");
    refuses(125, "$V run --flash n --symbols boot.elf --pcap boot.elf --limit 1ms",
            "--pcap boot.elf: --symbols boot.elf is the same file");
    refuses(125, "$V run --flash n --trace ./n --limit 1ms", "--trace ./n: --flash n is");
    refuses(125, "$V run --flash n --uart usart1=a --trace a --limit 1ms",
            "--trace a and --uart USART1=a are the same file");
    refuses(125, "$V run --flash n --uart usart1=a --uart usart2=$PWD/a --limit 1ms",
            "are the same file");
    refuses(125, "$V run --flash n --trace a --pcap ./a --limit 1ms",
            "--trace a and --pcap ./a are the same file");
    refuses(125, "$V run --flash n --trace later --report=link --limit 1ms",
            "--trace later and --report=link are the same file");
    refuses(125,
            "$V run --flash n --uart usart1=a --next-board --flash m --uart usart1=a --limit 1ms",
            "are the same file");
    refuses(125,
            "$V run --flash n --next-board --flash m --symbols inp --uart usart1=inp --limit 1ms",
            "--uart USART1=inp: --symbols inp is the same file");
    exits(0, "cat inp; cmp boot.elf $F/redfu-boot.elf; ls | cmp - list", "typed\n");
    // What can be shared may be.
    exits(0,
          "$V run --load boot.elf --trace /dev/null --pcap /dev/null --uart usart1=- "
          "--uart usart2=- --limit 1ms",
          "");
}

static void words_to_a_closed_stream_go_into_no_file(void **state) {
    (void)state;
    exits(0, "$V run --limit 1ms --trace t; grep -c vboard: t; true", "flash is empty");
    exits(0, "$V run --limit 1ms --trace t 2>&-; grep -c vboard: t; true", "0\n");
    exits(0, "$V run --limit 1ms --uart usart1=u --trace t >&- 2>&-; cat u", "");
    assert_string_equal(output, "");
    refuses(125, "$V run --load $F/redfu-boot.elf --limit 1ms --trace - >&-",
            "-: the trace could not be written");
    refuses(125, "$V boards >&-", "cannot write to standard output");
}

// 51,200 bytes in dash's blocks of 512 (ulimit -f), a twentieth of the flash.
static void a_flash_file_that_cannot_be_filled_is_not_left_behind(void **state) {
    (void)state;
    refuses(125, "ulimit -f 100; $V run --flash f.bin --limit 1ms", "f.bin: File too large");
    exits(0, "ls", "");
    assert_string_equal(output, "");
    exits(0, "ln -s far.bin link; touch empty.bin", "");
    refuses(125, "ulimit -f 100; $V run --flash link --limit 1ms", "link: File too large");
    refuses(125, "ulimit -f 100; $V run --flash empty.bin --limit 1ms", "File too large");
    exits(0, "ls; wc -c <empty.bin", "empty.bin\nlink\n0\n");
    // COMMAND is not kept from being ended so.
    exits(128 + SIGXFSZ,
          "ulimit -f 100; $V run --load $F/redfu-boot.elf -- sh -c "
          "'exec head -c 100000 /dev/zero >big'",
          "");
}

static void what_was_meant_is_told(void **state) {
    (void)state;
    refuses(125, "$V run --uart usart1=u,in=/tmp --limit 1ms", "cannot read /tmp: Is a directory");
    refuses(127, "$V run --load $F/redfu-boot.elf --report out.txt",
            "out.txt: command not found; a report goes to a file by --report=out.txt");
    refuses(127, "$V run --load $F/redfu-boot.elf --report -- out.txt",
            "out.txt: command not found\n");
    exits(0,
          "printf 'int main(void) { return 0; }' >s.c && ${CC:-cc} -static s.c -o s && "
          "$V run --load $F/redfu-boot.elf -- ./s",
          "note: ./s is linked statically, and cannot see the board");
    exits(0, "${CC:-cc} s.c -o d && $V run --load $F/redfu-boot.elf -- ./d", "");
    assert_null(strstr(output, "statically"));
    exits(0, "$V run --load $F/redfu-boot.elf --pin boot0=1 --limit 1ms",
          "BOOT0 is high, so the chip started ST's ROM bootloader");
}

static void huge_limit_has_no_end_instead_of_none_at_all(void **state) {
    (void)state;
    // 2^64 ps are 18446744.07 s: anything added to this wraps around. 124: timeout had to end it.
    exits(124, "timeout -s INT 2 $V run --load $F/redfu-boot.elf --limit 18446744 -- true", "");
    exits(124, "timeout -s INT 2 $V run --load $F/redfu-boot.elf --limit 18446744", "");
    refuses(125, "$V run --limit 18446745", "--limit 18446745: no time");
}

// ldr r0, =0xE000ED0C (AIRCR)   ldr r1, =0x05FA0004 (SYSRESETREQ)   str r1, [r0]   b .
#define RESET_LOOP                                                                                 \
    "printf '\\000\\020\\000\\040\\011\\000\\000\\010\\001\\110\\002\\111\\001\\140\\376\\347"     \
    "\\014\\355\\000\\340\\004\\000\\372\\005' >loop.bin"

static void firmware_that_resets_for_ever_comes_to_the_limit(void **state) {
    (void)state;
    exits(0, RESET_LOOP "; timeout 60 $V run --load loop.bin@0x08000000 --limit 500ms --trace t",
          "");
    exits(0, "grep -c 'reset reset cause=software' t", "24");
    // 20 us of reset pulse and a few cycles each
    assert_in_range(atoi(output), 24000, 25000);
}

static void command_that_ignores_signals_is_killed_after_its_grace(void **state) {
    (void)state;
    pid_t pid = start("exec $V run --load $F/redfu-boot.elf -- "
                      "sh -c 'trap \"\" TERM; touch up; while :; do :; done'");
    wait_for_file("up");
    double began = now_s();
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(status_of(pid), 128 + SIGKILL);
    double took = now_s() - began;
    assert_true(took > 4.5 && took < 20);
    exits(2, "ls -d umockdev*", "");
}

static void stop_and_go_on_together(void **state) {
    (void)state;
    pid_t pid = start("exec $V run --load $F/redfu-boot.elf -- "
                      "sh -c 'kill -TSTP $$; echo went on >out'");
    int status = 0;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(access("out", F_OK), -1);
    assert_int_equal(kill(pid, SIGCONT), 0); // the shell's fg
    assert_int_equal(status_of(pid), 0);
    exits(0, "cat out", "went on\n");
    // Where no shell watches nobody could start it again: it does not stop.
    exits(0,
          "timeout 20 setsid -w $V run --load $F/redfu-boot.elf -- "
          "sh -c 'kill -TSTP $$; echo went on'",
          "went on\n");
}

static void command_dies_with_a_killed_vboard(void **state) {
    (void)state;
    pid_t pid = start("exec $V run --load $F/redfu-boot.elf -- "
                      "sh -c 'echo $$ >pid.new; mv pid.new pid; while :; do :; done'");
    wait_for_file("pid");
    exits(0, "kill -0 $(cat pid)", "");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(status_of(pid), 128 + SIGKILL);
    exits(0,
          "for i in $(seq 200); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep 0.05; done; "
          "kill -KILL $(cat pid); exit 1",
          "");
    exits(0, "rm -rf umockdev*", ""); // what a killed vboard cannot take away
}

static void temporary_folder_with_a_blank_or_colon_is_refused(void **state) {
    (void)state;
    exits(0, "mkdir 'a b' a:b", "");
    refuses(125, "TMPDIR=\"$PWD/a b\" $V run --load $F/redfu-boot.elf -- touch ran",
            "with a blank or a colon in its name; set TMPDIR to another");
    refuses(125, "TMPDIR=\"$PWD/a:b\" $V run --load $F/redfu-boot.elf -- touch ran",
            "with a blank or a colon in its name");
    exits(0, "test ! -e ran && rmdir 'a b' a:b", ""); // nothing left in them
}

static void flash_in_a_folder_that_takes_no_file_is_refused_before_power(void **state) {
    (void)state;
    exits(0,
          "mkdir shut && head -c 1048576 /dev/zero >shut/f.bin && chmod 666 shut/f.bin && "
          "chmod 555 shut && chmod 755 .",
          "");
    // root may write anywhere: go on as nobody.
    refuses(125,
            "as=; [ $(id -u) != 0 ] || as='setpriv --reuid 65534 --regid 65534 --clear-groups'; "
            "$as $V run --flash shut/f.bin --limit 1ms",
            "shut/f.bin: its folder takes no new file (Permission denied)");
    exits(0, "head -c 1048576 /dev/zero | cmp - shut/f.bin && ls shut", "f.bin\n");
}

static void boards_takes_nothing(void **state) {
    (void)state;
    refuses(125, "$V boards extra", "boards takes no 'extra'");
    exits(0, "$V boards --help", "Lists the boards");
    exits(0, "$V ctl --help", "vboard ctl SOCKET WORD");
    exits(0, "$V ctl none.sock --help", "vboard ctl SOCKET WORD");
    exits(0, "$V boards", "stm32f4-discovery");
}

static void driven_inputs_are_traced(void **state) {
    (void)state;
    exits(0,
          "$V run --pin PA0=1@1ms+1ms --supply 3V@3ms+1ms --unplug 5ms+1ms --limit 10ms --trace t; "
          "grep -v cause= t",
          "1000.000 pin PA0 driven=1\n2000.000 pin PA0 driven=0\n3000.000 reset supply mv=3000\n"
          "4000.000 reset supply mv=3300\n5000.000 usb unplug\n6000.000 usb plug\n");
    // The end of one is the beginning of the next: no level between.
    exits(0, "$V run --pin PA1=1@1ms+1ms --pin PA1=0@2ms+1ms --limit 5ms --trace t; grep PA1 t",
          "1000.000 pin PA1 driven=1\n2000.000 pin PA1 driven=0\n3000.000 pin PA1 driven=none\n");
}

static void blocks_of_odd_length_program_nothing_twice(void **state) {
    (void)state;
    exits(0,
          "$V run --load $F/redfu-boot.elf --flash f.bin --trace t -- "
          "dfu-util -t 1023 -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin",
          "");
    exits(0, "cmp -n $(stat -c %s $F/blink-0.2.bin) -i 0:49152 $F/blink-0.2.bin f.bin", "");
    exits(0, "grep -c 'usb dnload block=.* len=1023 ' t", ""); // it really did
    exits(1, "grep complaint t", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(trace_is_not_written_over_an_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_output_is_an_input_or_another_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_to_a_closed_stream_go_into_no_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flash_file_that_cannot_be_filled_is_not_left_behind,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_meant_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(huge_limit_has_no_end_instead_of_none_at_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(firmware_that_resets_for_ever_comes_to_the_limit, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(command_that_ignores_signals_is_killed_after_its_grace,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_and_go_on_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(command_dies_with_a_killed_vboard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(temporary_folder_with_a_blank_or_colon_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            flash_in_a_folder_that_takes_no_file_is_refused_before_power, set_up, tear_down),
        cmocka_unit_test_setup_teardown(boards_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(driven_inputs_are_traced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blocks_of_odd_length_program_nothing_twice, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("host/handling", tests, NULL, NULL);
}
