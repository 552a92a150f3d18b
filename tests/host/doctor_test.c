// SPDX-License-Identifier: MIT
//
// `vboard doctor` from outside: the image as built, on both cores, and what it says where there is nothing to ask.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/shell.h"

#define DOCTOR "timeout 100 " VBOARD " doctor --conformance "

static void the_image_fails_no_assertion_on_either_core(void **state) {
    (void)state;
    exits(0, DOCTOR "--pin PA0=1@0+500ms " FIRMWARE_FOLDER "/stm32f4-discovery/redfu-boot.elf",
          " departures by name, 0 failed, ");
    assert_null(strstr(output, "The suite did not come to its end"));
    assert_null(strstr(output, "held     ")); // only with --verbose
    exits(0,
          DOCTOR "--verbose --board stm32f407-hs --pin PA0=1@0+500ms " FIRMWARE_FOLDER
                 "/stm32f407-hs/redfu-boot.elf",
          "held     dfuERROR/CLRSTATUS");
    assert_non_null(strstr(output, " departures by name, 0 failed, "));
}

// dfuMANIFEST is reached by leaving, as often as there are requests: the application has to come back, and does so by DETACH.
// dfuMANIFEST-WAIT-RESET is no state of ours: it detaches by itself.
static void states_of_leaving_are_tried_where_the_device_comes_back(void **state) {
    (void)state;
    exits(0,
          DOCTOR "--verbose --board stm32f407-hs --pin PA0=1@0+500ms --load " FIRMWARE_FOLDER
                 "/stm32f407-hs/runtime-dfu.elf " FIRMWARE_FOLDER "/stm32f407-hs/redfu-boot.elf",
          "departs  dfuMANIFEST/DETACH");
    assert_non_null(strstr(output, "departs  dfuDNBUSY/GETSTATE"));
    assert_non_null(strstr(output, "held     dfuDNBUSY/DETACH"));
    assert_non_null(strstr(output, " 0 failed, 10 untried"));
    assert_null(strstr(output, "untried  dfuMANIFEST/"));
    assert_non_null(strstr(output, "seen: bwPollTimeout later GETSTATE tells another state"));
    // One that is back since its button is held: ST's way of resetting in answer to the last GETSTATUS.
    exits(1, DOCTOR "--verbose --board stm32f407-hs --pin PA0=1 " WARD "/healthy.elf",
          "departs  dfuMANIFEST/GETSTATUS");
    assert_non_null(strstr(output, "seen: it has left by itself"));
}

static void the_flash_is_as_it_was(void **state) {
    (void)state;
    exits(0,
          "d=$(mktemp -d) && cd $d && " VBOARD " run --load " FIRMWARE_FOLDER
          "/stm32f4-discovery/redfu-boot.elf --flash f --pin PA0=1@0+500ms --limit 2s && cp f g "
          "&& " DOCTOR "--flash f --pin PA0=1@0+500ms && cmp f g && rm -r $d",
          "0 failed");
    exits(0,
          "d=$(mktemp -d) && cd $d && " VBOARD " run --load " FIRMWARE_FOLDER
          "/stm32f4-discovery/redfu-boot.elf --flash f --pin PA0=1@0+500ms --limit 2s && cp f g "
          "&& timeout 100 " VBOARD " doctor --flash f --pin PA0=1@0+500ms && cmp f g && rm -r $d",
          "Nothing is wrong");
}

static void from_inside_nothing_is_wrong_with_the_image(void **state) {
    (void)state;
    const char *const boards[] = {"stm32f4-discovery", "stm32f407-hs"};
    for (size_t i = 0; i < sizeof boards / sizeof boards[0]; i++) {
        char line[512];
        (void)snprintf(line, sizeof line,
                       "timeout 100 " VBOARD " doctor " FIRMWARE_FOLDER
                       "/%s/redfu-boot.elf --board %s "
                       "--pin PA0=1@0+500ms --app " FIRMWARE_FOLDER "/%s/blink-0.1.bin@0x0800C000",
                       boards[i], boards[i], boards[i]);
        exits(0, line, "Nothing is wrong");
    }
}

static void the_report_is_a_page_too(void **state) {
    (void)state;
    exits(0,
          "d=$(mktemp -d) && cd $d && timeout 100 " VBOARD " doctor --html p.html " FIRMWARE_FOLDER
          "/stm32f4-discovery/redfu-boot.elf --pin PA0=1@0+500ms >/dev/null && tail -1 p.html; rm "
          "-r $d",
          "</html>");
    refuses(125,
            "timeout 100 " VBOARD " doctor --html /nonexistent/p.html " FIRMWARE_FOLDER
            "/stm32f4-discovery/redfu-boot.elf",
            "/nonexistent/p.html: No such file");
}

static void what_cannot_be_asked_is_told_in_a_sentence(void **state) {
    (void)state;
    refuses(125, DOCTOR, "doctor needs a firmware: vboard doctor my-bootloader.elf");
    refuses(125, DOCTOR "a.elf b.elf", "doctor takes one firmware, and no 'b.elf'");
    refuses(125, DOCTOR "/nonexistent.elf", "/nonexistent.elf");
    refuses(125, VBOARD " run --verbose --limit 1s", "--verbose belongs to vboard doctor");
    refuses(125, VBOARD " run --app a.bin --limit 1s", "--app belongs to vboard doctor");
    refuses(125, VBOARD " doctor a.elf --limit 1s",
            "--limit belongs to vboard run and vboard serve");
    refuses(125, VBOARD " doctor a.elf --html -",
            "--html -: the findings are on standard output; name a file");
    refuses(125, DOCTOR "a.elf --json",
            "--conformance loads nothing and speaks plainly: no --json");
    refuses(125,
            "timeout 100 " VBOARD " doctor " FIRMWARE_FOLDER
            "/stm32f4-discovery/redfu-boot.elf --app " FIRMWARE_FOLDER
            "/stm32f4-discovery/blink-0.1.bin@0x20000000",
            "are not in the flash of the STM32F407VG");
    exits(125, DOCTOR FIRMWARE_FOLDER "/stm32f4-discovery/blink-0.1.elf", "no USB device attached");
    exits(0, DOCTOR "--help", "vboard doctor [OPTION]... FIRMWARE[@ADDRESS]");
}

// A device that is in no DFU mode is told so, and nothing is asked of it beyond its descriptors.
static void a_device_without_dfu_mode_is_told_so(void **state) {
    (void)state;
    exits(125,
          DOCTOR "--load " FIRMWARE_FOLDER "/stm32f4-discovery/redfu-boot.elf " FIRMWARE_FOLDER
                 "/stm32f4-discovery/runtime-dfu.bin@0x0800C000",
          "it has no interface in DFU mode");
}

// At whatever moment: it ends at once, says how far it came, and its status is the signal's.
static void ctrl_c_ends_it(void **state) {
    (void)state;
    exits(0,
          "for t in 0.01 0.02 0.03 0.05 0.1 0.2; do timeout --preserve-status -s INT $t " VBOARD
          " doctor --conformance --pin PA0=1@0+500ms " FIRMWARE_FOLDER
          "/stm32f4-discovery/redfu-boot.elf >/dev/null; s=$?; [ $s = 0 ] || [ $s = 130 ] || exit "
          "1; done; echo fine",
          "fine");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_fails_no_assertion_on_either_core),
        cmocka_unit_test(states_of_leaving_are_tried_where_the_device_comes_back),
        cmocka_unit_test(the_flash_is_as_it_was),
        cmocka_unit_test(from_inside_nothing_is_wrong_with_the_image),
        cmocka_unit_test(the_report_is_a_page_too),
        cmocka_unit_test(what_cannot_be_asked_is_told_in_a_sentence),
        cmocka_unit_test(a_device_without_dfu_mode_is_told_so),
        cmocka_unit_test(ctrl_c_ends_it),
    };
    return cmocka_run_group_tests_name("host/doctor", tests, NULL, NULL);
}
