// SPDX-License-Identifier: MIT
//
// `vboard run` from outside: exit statuses and sentences, the clock it gives to programs, and
// Debian's dfu-util against redfu-boot. Everything happens in a folder of its own, which is also
// $TMPDIR, so that what vboard leaves behind is seen.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/host/shell.h"

static int leftovers(void) {
    DIR *at = opendir(".");
    const struct dirent *entry;
    int count = 0;
    while ((entry = readdir(at))) {
        count +=
            strncmp(entry->d_name, "umockdev", 8) == 0 || strstr(entry->d_name, ".bin.") != NULL;
    }
    closedir(at);
    return count;
}

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("P", CLOCK_PROBE, 1) | setenv("K", FORK_PROBE, 1) |
           setenv("U", UNPLUG_PROBE, 1) | setenv("F", FIRMWARE_FOLDER "/stm32f4-discovery", 1) |
           setenv("H", FIRMWARE_FOLDER "/stm32f407-hs", 1);
}

static void bad_input_gets_one_sentence(void **state) {
    (void)state;
    refuses(125, "$V run --load none.elf --limit 1ms", "none.elf: No such file or directory");
    refuses(125, "$V run --load /bin/sh --limit 1ms", "not for a 32-bit ARM");
    refuses(125, "head -c 100 $F/redfu-boot.elf >cut.elf; $V run --load cut.elf --limit 1ms",
            "truncated");
    refuses(125, "echo hello >a.txt; $V run --load a.txt --limit 1ms", "say where it goes");
    refuses(125,
            "head -c 4096 /dev/zero >z; cp z y; "
            "$V run --load z@0x08000000 --load y@0x08000800 --limit 1ms",
            "z@0x08000000 and y@0x08000800 overlap at 0x08000800-0x08000FFF");
    refuses(125, "$V run --load z@0x080FF800 --limit 1ms",
            "0x080FF800-0x081007FF is outside the memory of the STM32F407VG");
    refuses(125, "$V run --load z@0x40000000 --limit 1ms", "is outside the memory");
    refuses(125, "$V run --flash z --limit 1ms",
            "holds 4096 bytes, but this chip's flash has 1048576");
    refuses(125, "$V run --flash . --limit 1ms", "Is a directory");
    refuses(125, "$V run --board nucleo", "no board is called 'nucleo'; near it: nucleo-f401re");
    refuses(125, "$V run --trace /nonexistent/t --limit 1ms", "/nonexistent/t: No such file");
    refuses(125, "$V runn", "no such command: runn");
    refuses(127, "$V run -- no-such-program", "no-such-program: command not found");
    refuses(127, "$V run -- ./no/such", "cannot run ./no/such: No such file or directory");
    refuses(126, "$V run -- ./a.txt", "cannot run ./a.txt: Permission denied");
    refuses(126, "$V run -- /tmp", "cannot run /tmp: Is a directory");
    // Refused before the board has power: nothing was made.
    refuses(127, "$V run --flash never.bin -- no-such-program", "command not found");
    assert_int_equal(access("never.bin", F_OK), -1);
}

static void flash_file_in_use_is_refused(void **state) {
    (void)state;
    exits(0, "$V run --flash lock.bin --limit 1ms 2>/dev/null", "");
    int fd = open("lock.bin", O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    refuses(125, "$V run --flash lock.bin --limit 1ms", "in use by another vboard");
    close(fd);
    exits(0, "$V run --flash lock.bin --limit 1ms 2>/dev/null", "");
}

static void status_is_the_commands(void **state) {
    (void)state;
    exits(0, "$V run -- true 2>/dev/null", "");
    exits(42, "$V run -- sh -c 'exit 42' 2>/dev/null", "");
    exits(137, "$V run -- sh -c 'kill -9 $$' 2>/dev/null", "");
    exits(0, "$V run -- true", "note: no USB device attached within 1 s");
    exits(0, "$V run --pace fast -- true 2>/dev/null", ""); // which is the default, and may be said
    exits(0, "$V run --pace fast --limit 1ms 2>/dev/null", "");
}

static void nothing_is_left_after_a_signal(void **state) {
    (void)state;
    exits(143,
          "$V run --flash sig.bin --pace real -- sleep 60 2>/dev/null & p=$!; sleep 2; "
          "kill -TERM $p; wait $p",
          "");
    struct stat about;
    assert_int_equal(stat("sig.bin", &about), 0);
    assert_int_equal(about.st_size, 1048576);
    assert_int_equal(leftovers(), 0);
}

// COMMAND does not listen: it has five seconds, and not for ever.
static void a_command_that_ignores_sigterm_is_killed(void **state) {
    (void)state;
    exits(0,
          "$V run --load $F/redfu-boot.elf --limit 1ms -- sh -c 'trap \"\" TERM; echo $$ >pid; "
          "while :; do sleep 1; done' & v=$!; "
          "until [ -s pid ]; do sleep 0.1; done; kill -TERM $v; "
          "for i in $(seq 300); do kill -0 $v 2>/dev/null || exit 0; sleep 0.1; done; "
          "kill -KILL $v $(cat pid); exit 1",
          "");
    exits(1, "kill -0 $(cat pid)", "");
}

static void what_the_command_left_in_the_background_is_ended(void **state) {
    (void)state;
    exits(0,
          "$V run --load $F/redfu-boot.elf --limit 1ms -- sh -c 'sleep 1000 >/dev/null 2>&1 & "
          "echo $! >left'",
          "");
    exits(1, "kill -0 $(cat left)", "");
}

// Power leaves SRAM undefined, so what --load puts there is put there after it. The mailbox (spec/mailbox.h)
// asks for DFU mode, which an application that starts would not give.
static void load_into_sram_is_there_when_the_chip_starts(void **state) {
    (void)state;
    exits(0,
          "printf '\\125\\106\\104\\122\\1\\0\\0\\0\\0\\0\\0\\0"
          "\\251\\271\\273\\255' >box; "
          "$V run --load $F/redfu-boot.elf --load $F/blink-0.1.bin@0x0800C000 "
          "--load box@0x20000000 --limit 1ms -- dfu-util -l",
          "@Internal Flash");
}

// What --load says is there, whatever the file of --flash held at that place.
static void load_wins_over_the_flash_file(void **state) {
    (void)state;
    exits(0,
          "rm -f w.bin; echo older >older; echo newer >newer; "
          "for i in older newer; do $V run --load $i@0x08020000 --flash w.bin --limit 1ms 2>log || "
          "{ cat log; exit 2; }; tail -c +131073 w.bin | head -c 5; echo; done",
          "older\nnewer\n");
}

static void fast_clock_is_virtual(void **state) {
    (void)state;
    struct timespec start;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const char *checks[] = {"sleeps",  "polls",     "timerfd",      "conditions", "signals",
                            "threads", "processes", "interruption", "busy"};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "$V run -- $P %s 2>/dev/null", checks[i]);
        exits(0, line, "");
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    // 50 s of virtual time; alone on a machine it takes 2 s.
    assert_true(end.tv_sec - start.tv_sec < 25);
}

// Every descriptor, the BOS and its WebUSB part included, and no doubt about any of them. (lsusb says so
// when it cannot read something, and puts what is wrong in brackets.)
static void lsusb_reads_all(const char *rest) {
    char line[512];
    (void)snprintf(line, sizeof line, "$V run %s >lsusb.txt 2>&1; cat lsusb.txt", rest);
    exits(0, line, "WebUSB:");
    exits(0, line, "{d8dd60df-4589-4cc7-9cd2-659d9e648a9f}");
    exits(0, line, "bNumDeviceCaps          2");
    exits(1,
          "grep -iE \"can't|cannot|couldn't|unable|warning|invalid|missing|unexpected|junk|error|"
          "unrecognized\" lsusb.txt",
          "");
}

static void dfu_util_loads_and_reads_back(void **state) {
    (void)state;
    exits(0, "$V run --load $F/redfu-boot.elf --flash b.bin -- dfu-util -l",
          "Found DFU: [0483:df11]");
    assert_non_null(
        strstr(output, "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg"));
    exits(0,
          "$V run --flash b.bin --trace t -- dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.1.bin",
          "File downloaded successfully");
    exits(0, "grep -c 'pin PD12' t", "");
    // A second load over the first, and both read back; the button asks for DFU.
    exits(0,
          "$V run --flash b.bin --pin button=1@0+500ms -- dfu-util -a 0 -s 0x0800C000 -D "
          "$F/blink-0.2.bin",
          "File downloaded successfully");
    exits(0,
          "n=$(stat -c %s $F/blink-0.2.bin); $V run --flash b.bin --pin button=1@0+500ms -- "
          "dfu-util -a 0 -s 0x0800C000:$n -U up && cmp up $F/blink-0.2.bin && echo same",
          "same");
    exits(0, "$V run --flash b.bin --pin button=1@0+500ms -- lsusb -v", "Device Firmware Upgrade");
    lsusb_reads_all("--flash b.bin --pin button=1@0+500ms -- lsusb -v -d 0483:df11");
    assert_int_equal(leftovers(), 0);
}

// A product's own identity: lsusb follows the landing page, dfu-util needs no numbers to find it.
static void a_product_is_listed_under_its_own_name(void **state) {
    (void)state;
    lsusb_reads_all("--load $F/../stm32f4-product/redfu-boot.elf -- lsusb -v -d 1209:0002");
    exits(0, "cat lsusb.txt", "https://example.com/widget/update");
    exits(0, "cat lsusb.txt", "Widget (update mode)");
    exits(0, "$V run --load $F/../stm32f4-product/redfu-boot.elf -- dfu-util -l",
          "Found DFU: [1209:0002]");
}

// The same on the other core; blink of that board is the discovery's, built again.
static void dfu_util_loads_and_reads_back_on_otg_hs(void **state) {
    (void)state;
    exits(0, "$V run --board stm32f407-hs --load $H/redfu-boot.elf --flash h.bin -- dfu-util -l",
          "Found DFU: [0483:df11]");
    lsusb_reads_all("--board stm32f407-hs --load $H/redfu-boot.elf -- lsusb -v -d 0483:df11");
    exits(0,
          "$V run --board stm32f407-hs --flash h.bin --trace t -- "
          "dfu-util -a 0 -s 0x0800C000:leave -D $H/blink-0.1.bin",
          "File downloaded successfully");
    exits(0, "grep -c 'pin PD12' t", "");
    exits(0,
          "$V run --board stm32f407-hs --flash h.bin --pin button=1@0+500ms -- "
          "dfu-util -a 0 -s 0x0800C000 -D $H/blink-0.2.bin",
          "File downloaded successfully");
    exits(0,
          "n=$(stat -c %s $H/blink-0.2.bin); "
          "$V run --board stm32f407-hs --flash h.bin --pin button=1@0+500ms -- "
          "dfu-util -a 0 -s 0x0800C000:$n -U up2 && cmp up2 $H/blink-0.2.bin && echo same",
          "same");
    // The connector of this board is on the other core: the discovery's image shows nothing there.
    exits(0, "$V run --board stm32f407-hs --load $F/redfu-boot.elf -- true",
          "no USB device attached");
}

static void same_command_takes_the_same_virtual_time(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        char line[256];
        (void)snprintf(line, sizeof line,
                       "rm -f d.bin; $V run --load $F/redfu-boot.elf --flash d.bin --trace t%d -- "
                       "dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin",
                       i);
        exits(0, line, "File downloaded successfully");
    }
    exits(0, "cmp t0 t1 && cmp t0 t2 && echo same", "same");
}

static void several_tools_in_a_row(void **state) {
    (void)state;
    exits(0,
          "$V run --load $F/redfu-boot.elf -- sh -c 'dfu-util -l | grep -c Found; sleep 1; "
          "lsusb -d 0483:df11 && dfu-util -l | grep -c Found; echo end'",
          "end");
    assert_non_null(strstr(output, "ID 0483:df11"));
}

static void device_that_leaves_is_seen_to_leave(void **state) {
    (void)state;
    exits(0,
          "$V run --load $F/redfu-boot.elf --flash u.bin -- dfu-util -a 0 -s 0x0800C000:leave -D "
          "$F/blink-0.1.bin",
          "File downloaded successfully");
    exits(0, "$V run --flash u.bin --pin button=1@0+500ms -- $U", "left");
    exits(0, "$V run --pace real --flash u.bin --pin button=1@0+500ms -- $U", "left");
}

// Power goes inside a word half way through a load: dfu-util sees its device go, vboard exits with its
// status, and the file holds the damage and nothing else.
static void a_power_cut_is_seen_by_the_command_and_kept_in_the_flash_file(void **state) {
    (void)state;
    exits(0,
          "head -c 65536 /dev/zero >old; $V run --load $F/redfu-boot.elf --load old@0x08010000 "
          "--flash p.bin --limit 1ms",
          "");
    exits(0,
          "cp p.bin q.bin; $V run --flash q.bin --trace t --cut flash:5000,torn -- sh -c '"
          "dfu-util -a 0 -s 0x0800C000 -D $F/blink-0.2.bin; echo dfu-util says $?; "
          "dfu-util -l | grep -c Found; true'",
          "dfu-util says 74"); // EX_IOERR
    assert_null(strstr(output, "File downloaded successfully"));
    assert_non_null(strstr(output, "\n0\n"));
    assert_null(strstr(output, "vboard: "));
    exits(0, "grep 'flash cut' t", " flash cut number=5000 kind=program addr=0x080");
    exits(1, "sed '1,/flash cut/d' t | grep -E ' (flash|cpu|pin) '", "");
    // The file holds the damage, and nothing beside it but what was loaded before.
    exits(0, "cmp -n 16384 p.bin q.bin && cmp -i 131072 p.bin q.bin && echo same", "same");
    exits(1, "cmp -s p.bin q.bin", "");
    // The board comes back as a DFU device and takes the load.
    exits(0, "$V run --flash q.bin -- dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin",
          "File downloaded successfully");
}

static void a_cut_that_does_not_come_is_a_failure(void **state) {
    (void)state;
    refuses(125, "$V run --load $F/redfu-boot.elf --cut flash:9999999 --limit 1s",
            "--cut flash:9999999 did not happen: the run ended after ");
    refuses(125, "$V run --load $F/redfu-boot.elf --cut flash:9999999 -- true",
            "--cut flash:9999999 did not happen");
}

static void a_command_with_threads_may_fork(void **state) {
    (void)state;
    exits(0, "timeout 120 $V run --load $F/redfu-boot.elf --pace real --limit 10ms -- $K",
          "200 children");
}

static void pulled_cable_ends_a_load_and_comes_back(void **state) {
    (void)state;
    // In the middle of the second program's load: it fails, and what it was connected to is gone.
    exits(0, "$V run --load $F/redfu-boot.elf --flash p.bin --limit 1ms", "");
    exits(0,
          "$V run --flash p.bin --unplug 1300ms --trace t -- sh -c "
          "'dfu-util -a 0 -s 0x0800C000 -D $F/blink-0.2.bin; echo status $?; dfu-util -l'; "
          "grep -c ' usb dnload ' t; grep ' usb unplug' t",
          "1300000.000 usb unplug");
    assert_null(strstr(output, "status 0\n"));
    assert_null(strstr(output, "File downloaded successfully"));
    assert_null(strstr(output, "Found DFU"));
    exits(0, "grep ' usb dnload ' t | grep -v block=0", "block=2"); // data had begun
    exits(1, "sed '1,/usb unplug/d' t | grep ' usb dnload '", "");
    // It comes back after a second, for a program that waits for it.
    exits(0,
          "$V run --flash p.bin --pin button=1@0+500ms --unplug 800ms+1s --trace t -- sh -c "
          "'dfu-util -l | grep -c Found; sleep 1; dfu-util -l; sleep 1; dfu-util -l'; "
          "grep ' usb .*plug' t; grep -c ' usb enumerated ' t",
          "1800000.000 usb plug\n2\n");
    assert_non_null(strstr(output, "Found DFU"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_input_gets_one_sentence),
        cmocka_unit_test(flash_file_in_use_is_refused),
        cmocka_unit_test(status_is_the_commands),
        cmocka_unit_test(nothing_is_left_after_a_signal),
        cmocka_unit_test(a_command_that_ignores_sigterm_is_killed),
        cmocka_unit_test(what_the_command_left_in_the_background_is_ended),
        cmocka_unit_test(load_into_sram_is_there_when_the_chip_starts),
        cmocka_unit_test(load_wins_over_the_flash_file),
        cmocka_unit_test(fast_clock_is_virtual),
        cmocka_unit_test(dfu_util_loads_and_reads_back),
        cmocka_unit_test(a_product_is_listed_under_its_own_name),
        cmocka_unit_test(dfu_util_loads_and_reads_back_on_otg_hs),
        cmocka_unit_test(same_command_takes_the_same_virtual_time),
        cmocka_unit_test(several_tools_in_a_row),
        cmocka_unit_test(device_that_leaves_is_seen_to_leave),
        cmocka_unit_test(a_power_cut_is_seen_by_the_command_and_kept_in_the_flash_file),
        cmocka_unit_test(a_cut_that_does_not_come_is_a_failure),
        cmocka_unit_test(pulled_cable_ends_a_load_and_comes_back),
        cmocka_unit_test(a_command_with_threads_may_fork),
    };
    return cmocka_run_group_tests_name("host/run", tests, set_up, leave_folder);
}
