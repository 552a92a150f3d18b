// SPDX-License-Identifier: MIT
//
// The program redfu through libusb on the virtual board with the real redfu-boot image, beside
// unmodified dfu-util. What the desk cannot show: transport_usb.c, main.c's Ctrl-C, and that redfu and a
// program we did not write see the same board.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/host/folder.h"

#define FIRMWARE "firmware/stm32f4-discovery"
#define BUTTON   "--pin PA0=1@0+500ms"

static char folder[] = "/tmp/redfu-vboard-XXXXXX";
static char output[65536];

// One power-up of the board with `options`, running `script`; returns its exit status. The flash
// is kept from run to run; tests start in the build folder.
static int board(const char *options, const char *script) {
    char command[2048];
    (void)snprintf(command, sizeof command,
                   "D=%s F=" FIRMWARE "; export D F; ./vboard run --board stm32f4-discovery "
                   "--flash $D/flash.bin %s -- sh -c '%s' 2>&1 </dev/null",
                   folder, options, script);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, sizeof output - 1, pipe);
    output[len] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_status(int status, int wanted) {
    if (status != wanted) {
        fail_msg("exit status %d instead of %d:\n%s", status, wanted, output);
    }
}

static void assert_says(const char *wanted) {
    if (!strstr(output, wanted)) {
        fail_msg("\"%s\" is not in:\n%s", wanted, output);
    }
}

static int set_up(void **unused) {
    (void)unused;
    return mkdtemp(folder) ? board("--load " FIRMWARE "/redfu-boot.elf", "true") : -1;
}

static int tear_down(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

static void list_and_info_name_the_board(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu list && ./redfu info"), 0);
    assert_says("0483:DF11  serial ");
    assert_says("redfu-boot (redfu)  DFU mode, DfuSe");
    assert_says("Application area: 0x0800C000, 976 KB");
}

static void the_bootloader_is_protected_and_laid_open_again(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu info && ./redfu protect on && ./redfu info"), 0);
    const char *before =
        strstr(output, "reading: level 0, open; the bootloader is not write protected");
    const char *behind = strstr(output, "the bootloader is write protected; brown-out reset: off");
    assert_true(before && behind && before < behind);
    assert_says("Done: the bootloader\'s sectors are write protected\n");
    assert_status(board(BUTTON, "./redfu protect on && ./redfu protect off && ./redfu info"), 0);
    assert_says("the bootloader is not write protected");
    assert_status(board(BUTTON, "./redfu protect on --json && ./redfu protect off --json"), 0);
    assert_says("{\"type\":\"protection\",\"option_bytes\":");
    assert_says("\"boot_protected\":true,");
    assert_says("\"boot_protected\":false,");
    assert_status(board(BUTTON, "./redfu protect"), 2);
    assert_says("the form is: redfu protect on | off");
}

static void the_second_load_over_the_first(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu write $F/blink-0.1.bin"), 0);
    assert_says("the board left DFU mode");
    assert_status(board(BUTTON, "./redfu write $F/blink-0.2.bin"), 0);
    assert_says("Erasing sector 4  0x08010000  64 KB ... 5"); // 550 ms typical
    assert_status(board(BUTTON, "dfu-util -a 0 -s 0x0800C000:$(stat -c %s $F/blink-0.2.bin) "
                                "-U $D/back.bin && cmp $D/back.bin $F/blink-0.2.bin"),
                  0);
}

static void what_dfu_util_wrote_redfu_verifies(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "dfu-util -a 0 -s 0x0800C000 -D $F/blink-0.1.bin && "
                                "./redfu verify $F/blink-0.1.bin && "
                                "! ./redfu verify $F/blink-0.2.bin"),
                  0);
    assert_says("Done: the device holds");
    assert_says("the first difference");
}

static void an_elf_goes_where_it_is_linked(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu write --no-run $F/blink-0.1.elf && "
                                "./redfu verify $F/blink-0.1.bin && ./redfu run"),
                  0);
    assert_says("the board left DFU mode");
}

static void the_bootloader_is_refused_and_untouched(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu read -q 0x08000000 48K $D/before.bin; "
                                "./redfu write $F/blink-0.1.bin@0x08000000; test $? = 21 && "
                                "./redfu write $F/redfu-boot.elf; test $? = 21 && "
                                "./redfu read -q 0x08000000 48K $D/after.bin && "
                                "cmp $D/before.bin $D/after.bin"),
                  0);
    assert_says("which the device declares read-only");
}

// The button brings DFU mode, or the application in flash runs and is detached.
static void info_says_why_the_board_is_in_dfu_mode(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu info"), 0);
    assert_says("Started        in DFU mode: the button was held; reset cause: power came");
    assert_says("bytes of the page used; boot mode: not set, application\n");
    // The stamp that the board went by.
    assert_status(board(BUTTON, "./redfu seal $F/blink-0.2.bin $D/sealed.bin && "
                                "./redfu write --no-run $D/sealed.bin && ./redfu info"),
                  0);
    assert_says("  Whole        yes; its stamp is right: ");
}

static void write_detaches_an_application_that_runs(void **unused) {
    (void)unused;
    assert_status(board(BUTTON, "./redfu write $F/runtime-dfu.bin"), 0);
    assert_status(board("", "./redfu list && ./redfu write $F/runtime-dfu.bin"), 0);
    assert_says("1209:0001");
    assert_says("runs its application: detaching");
    assert_says("the board left DFU mode");
    // No other command does that.
    assert_status(board("", "./redfu erase --all; test $? = 30"), 0);
    assert_says("(running an application)");
    // Unmodified dfu-util detaches as well, and loads what follows.
    assert_status(board("", "dfu-util -d 1209:0001,0483:df11 -a 0 -s 0x0800C000:leave "
                            "-D $F/blink-0.1.bin"),
                  0);
    assert_says("send DFU detach request");
    assert_says("File downloaded successfully");
    assert_status(board(BUTTON, "./redfu verify $F/blink-0.1.bin && ./redfu info"), 0);
}

// In real time, since the signal comes from outside: the erase of all sectors takes 8 s.
static void a_cable_pulled_and_put_back_costs_time_and_nothing_else(void **unused) {
    (void)unused;
    // In the erase of sector 4: the board is in DFU mode 0.4 s after power came.
    assert_status(board(BUTTON " --unplug 900ms+2s",
                        "./redfu write --full --no-run $F/blink-0.2.bin && "
                        "./redfu verify --verify=read $F/blink-0.2.bin && "
                        "./redfu write $F/blink-0.2.bin"),
                  0);
    assert_says("Trying again: waiting up to 10 s for the device to come back");
    assert_says("Done: written and verified; the board stays in DFU mode\n");
    assert_says("Plan: nothing to write, the device holds it already\n");
    assert_says("the board left DFU mode");
}

static void ctrl_c_ends_with_130_and_the_next_load_works(void **unused) {
    (void)unused;
    // A second of the board's time into the erase; in the foreground, since a shell makes what it puts
    // into the background deaf to SIGINT.
    assert_status(board(BUTTON " --limit 0.1s",
                        "(sleep 1; read pid <$D/pid; kill -INT $pid) & "
                        "sh -c \"echo \\$\\$ >$D/pid; exec ./redfu erase --all\"; "
                        "test $? = 130 && ./redfu info && ./redfu write $F/blink-0.1.bin"),
                  0);
    assert_says("interrupted while erasing 0x08");
    assert_says("dfuIDLE (2), status OK (0), as found");
    assert_says("the board left DFU mode");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_and_info_name_the_board),
        cmocka_unit_test(the_bootloader_is_protected_and_laid_open_again),
        cmocka_unit_test(the_second_load_over_the_first),
        cmocka_unit_test(what_dfu_util_wrote_redfu_verifies),
        cmocka_unit_test(an_elf_goes_where_it_is_linked),
        cmocka_unit_test(the_bootloader_is_refused_and_untouched),
        cmocka_unit_test(info_says_why_the_board_is_in_dfu_mode),
        cmocka_unit_test(write_detaches_an_application_that_runs),
        cmocka_unit_test(a_cable_pulled_and_put_back_costs_time_and_nothing_else),
        cmocka_unit_test(ctrl_c_ends_with_130_and_the_next_load_works),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
