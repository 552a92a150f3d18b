// SPDX-License-Identifier: MIT
//
// `redfu doctor --log`: captures of unmodified dfu-util at patients of the ward, and what it says of files that are none.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/shell.h"

#define IN_FOLDER "D=$(mktemp -d) && cd $D && trap \"rm -rf $D\" EXIT && "

// dfu-util loads 16 KB into a board and reads them back: captured, and its words kept. Then the doctor on either.
static void load(const char *elf, const char *more, const char *log, int status,
                 const char *words) {
    char line[2000];
    (void)snprintf(line, sizeof line,
                   IN_FOLDER
                   "head -c 16384 /dev/zero | tr '\\0' 'U' >image.bin && { timeout 100 " VBOARD
                   " run --load %s --pin PA0=1%s --pcap load.pcapng -- sh -c 'dfu-util -v -a 0 -s "
                   "0x0800C000 -D image.bin && dfu-util -a 0 -s 0x0800C000:16384 -U back.bin' "
                   ">load.txt 2>&1 || true; } && " REDFU " doctor --log %s",
                   elf, more, log);
    exits(status, line, words);
}

static void patient(const char *name, const char *log, int status, const char *words) {
    char elf[400];
    (void)snprintf(elf, sizeof elf, WARD "/%s.elf", name);
    load(elf, " --board stm32f407-hs", log, status, words);
}

static void sound_bootloaders_have_nothing_above_a_note(void **state) {
    (void)state;
    load(FIRMWARE_FOLDER "/stm32f4-discovery/redfu-boot.elf", "@0+500ms", "load.pcapng", 0,
         "\nNothing is wrong, as far as was looked.\n");
    assert_null(strstr(output, "F46"));
    patient("healthy", "load.pcapng", 0, "\nNothing is wrong, as far as was looked.\n");
    patient("healthy", "load.txt", 0, "\nNothing is wrong, as far as was looked.\n");
}

static void a_capture_shows_what_dfu_util_does_not(void **state) {
    (void)state;
    patient("f14", "load.txt", 0, "\nNothing is wrong, as far as was looked.\n");
    patient("f14", "load.pcapng", 60, "F14 fault: ");
    assert_non_null(strstr(output, "F46 fault: "));
    patient("f01", "load.txt", 60, "F1 fault: ");
    patient("f01", "load.pcapng", 60, "F1 fault: ");
    patient("f25", "load.pcapng", 60, "F46 fault: ");
}

// The whole suite: wrong lengths, recipients and blocks, states entered on purpose. All of it refused rightly.
static void what_a_host_does_wrong_is_not_the_devices_fault(void **state) {
    (void)state;
    exits(0,
          IN_FOLDER "timeout 100 " VBOARD " doctor --conformance --pcap asked.pcapng --pin "
                    "PA0=1@0+500ms " FIRMWARE_FOLDER
                    "/stm32f4-discovery/redfu-boot.elf >/dev/null && " REDFU
                    " doctor --log asked.pcapng",
          "\nNothing is wrong, as far as was looked.\n");
}

static void published_logs_are_told_in_words(void **state) {
    (void)state;
    exits(60, REDFU " doctor --log " LOGS "/cubeprogrammer-2.16-no-sector.log",
          "line 21: \"sector 0000 does not exist\"");
    assert_non_null(strstr(output, "at fault host tool; certain"));
    exits(0, REDFU " doctor --log " LOGS "/cubeprogrammer-2.15-good.log",
          "\nNothing is wrong, as far as was looked.\n");
    exits(61, REDFU " doctor --quiet --log " LOGS "/cubeprogrammer-st-link.log",
          "not all could be looked at: the log is of an ST-Link");
    exits(60,
          IN_FOLDER REDFU
          " doctor --json --html why.html --log " LOGS
          "/cubeprogrammer-stuck-busy.log; s=$?; grep -q '<svg' why.html && exit $s",
          "{\"type\":\"finding\",\"id\":\"F8\"");
}

// Before anything is looked at: no report, no device.
static void a_page_that_cannot_be_made_is_refused_first(void **state) {
    (void)state;
    exits(13,
          REDFU " doctor --html /nonexistent/why.html --log " LOGS "/cubeprogrammer-stuck-busy.log",
          "/nonexistent/why.html: No such file or directory\n"
          "       That is where --html was to go. Nothing was done.\n");
    assert_null(strstr(output, "F8"));
    exits(13, REDFU " doctor --html /", "Is a directory");
    exits(2, REDFU " doctor --html -",
          "--html -: the findings are on standard output; name a file");
}

static void what_is_no_log_is_refused_in_a_sentence(void **state) {
    (void)state;
    exits(12, REDFU " doctor --log " LOGS "/README.md", "it is no log of");
    exits(10, REDFU " doctor --log /nonexistent", "/nonexistent: ");
    exits(11, REDFU " doctor --log /dev/null", "is empty");
    exits(12, REDFU " doctor --log " FIRMWARE_FOLDER "/stm32f4-discovery/redfu-boot.elf",
          "it is no log of STM32CubeProgrammer, dfu-util or Linux' kernel and no capture");
    exits(2, REDFU " doctor --log x --conformance", "and --yes are about a device: one at a time");
    exits(2, REDFU " list --log x", "--log belongs to station and doctor");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_bootloaders_have_nothing_above_a_note),
        cmocka_unit_test(a_capture_shows_what_dfu_util_does_not),
        cmocka_unit_test(what_a_host_does_wrong_is_not_the_devices_fault),
        cmocka_unit_test(published_logs_are_told_in_words),
        cmocka_unit_test(a_page_that_cannot_be_made_is_refused_first),
        cmocka_unit_test(what_is_no_log_is_refused_in_a_sentence),
    };
    return cmocka_run_group_tests_name("host/doctor_log", tests, NULL, NULL);
}
