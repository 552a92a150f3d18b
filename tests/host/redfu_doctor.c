// SPDX-License-Identifier: MIT
//
// `redfu doctor` through libusb on the virtual board: what it says of a healthy redfu-boot and of patients of the ward,
// what it leaves behind, and what it refuses.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/shell.h"

#define OURS "--load " FIRMWARE_FOLDER "/stm32f4-discovery/redfu-boot.elf --pin PA0=1@0+500ms "
// Data in the application's first sector, in sector 4 and in sector 8; 0x08020000 stays blank.
#define DATA                                                                                       \
    "--load " FIRMWARE_FOLDER "/stm32f407-hs/blink-0.1.elf --load " FIRMWARE_FOLDER                \
    "/stm32f407-hs/blink-0.1.bin@0x08010000 --load " FIRMWARE_FOLDER                               \
    "/stm32f407-hs/blink-0.1.bin@0x08080000 "

// In a folder of its own; $D is gone afterwards.
#define IN_FOLDER "D=$(mktemp -d) && cd $D && trap \"rm -rf $D\" EXIT && "

// `redfu doctor` with these arguments on a patient: its exit status, and its words in `output`.
static void patient(const char *name, const char *arguments, int status, const char *words) {
    char line[1200];
    (void)snprintf(line, sizeof line,
                   IN_FOLDER "timeout 100 " VBOARD " run --board stm32f407-hs --load " WARD
                             "/%s.elf " DATA "--pin PA0=1 -- " REDFU " doctor %s",
                   name, arguments);
    exits(status, line, words);
}

static void a_healthy_redfu_boot_yields_nothing_above_a_note(void **state) {
    (void)state;
    // No application, and something further up.
    exits(0,
          IN_FOLDER VBOARD " run " OURS "--load " FIRMWARE_FOLDER
                           "/stm32f407-hs/blink-0.1.bin@0x08010000 -- " REDFU " doctor",
          "\nNothing is wrong, as far as was looked.\n");
    assert_null(strstr(output, "at fault"));
    patient("healthy", "--sector 0x08010000 --yes", 0,
            "\nNothing is wrong, as far as was looked.\n");
    assert_null(strstr(output, " fault: "));
    assert_null(strstr(output, " warning: "));
}

// The right cause is first in the list. ward/usb has all patients, by the same examination over the cable, and that flash
// is as it was: here are those whose looks differ through libusb and the kernel.
static void what_can_be_seen_without_a_change_is_seen(void **state) {
    (void)state;
    patient("f02", "", 60, "1 thing needs you: F2, ");
    patient("f09", "", 60, "2 things need you: first F9, ");
    patient("f25-short", "", 60, "1 thing needs you: F25, ");
    patient("f40", "", 60, "1 thing needs you: F40, ");
    patient("f51", "", 60, "1 thing needs you: F51, ");
}

// And by trying a sector; the file has flash as it was. One whose harm is where nobody asked for it, with blocks that count
// right; one of two sectors; one that is read and put back by its own way of counting. Side by side, since each waits.
static void what_a_trial_shows_is_named_and_flash_is_as_it_was(void **state) {
    (void)state;
    exits(0,
          IN_FOLDER
          "t() { n=$1 w=$2; shift 2; mkdir $n && cd $n && V='timeout 200 " VBOARD
          " run --board stm32f407-hs --pin PA0=1 --flash f' && $V --load " WARD "/$n.elf " DATA
          "--limit 300ms && cp f g; $V -- " REDFU
          " doctor \"$@\" --yes >log; s=$?; cat log; cmp f g && test -s redfu-doctor-*.hex && "
          "test $s = 60 && grep -q \"$w\" log && echo well $n >>../well; }; "
          "(t f16 'needs you: F16, ' --sector 0x08080000)& "
          "(t f20 'first F20, ' --sector 0x08010000 --sector 0x08080000)& "
          "(t f25 'needs you: F25, ' --sector 0x08010000)& wait; "
          "test $(grep -c well well) = 3 && echo all three",
          "all three");
}

// redfu-boot keeps records of its own in its settings' pages; all else is as it was, and the application starts.
static void a_board_of_ours_starts_its_application_after_a_trial(void **state) {
    (void)state;
    // The application's own sector, and a blank one behind it.
    static const char *const sectors[] = {"0x0800C000", "0x08020000"};
    for (size_t i = 0; i < sizeof sectors / sizeof sectors[0]; i++) {
        char line[1200];
        (void)snprintf(line, sizeof line,
                       IN_FOLDER
                       "V='timeout 100 " VBOARD
                       " run --flash f'; B='--pin PA0=1@0+500ms'; $V --load " FIRMWARE_FOLDER
                       "/stm32f4-discovery/redfu-boot.elf --load " FIRMWARE_FOLDER
                       "/stm32f4-discovery/blink-0.1.elf $B --limit 1s; cp f g; $V $B -- " REDFU
                       " doctor --sector %s --yes && cmp -i 49152 f g && $V $B -- " REDFU
                       " info && $V --limit 500ms --trace t && grep 'vtor value=0x0800c000' t",
                       sectors[i]);
        exits(0, line, "dfuIDLE");
        assert_null(strstr(output, "not complete"));
        assert_null(strstr(output, "was begun"));
    }
}

// Over libusb and the kernel, after a trial: the device has gone, or is back, or does not answer; flash is as it was.
static void leaving_is_told_and_looked_at(void **state) {
    (void)state;
    static const struct {
        const char *name, *pin, *words;
        int status;
    } cases[] = {
        {"healthy", "PA0=1@0+500ms", "told to leave DFU mode, and is not in it any more.", 0},
        {"f32", "PA0=1@0+500ms", "1 thing needs you: F32, ", 60},
        {"f33", "PA0=1@0+500ms", "F33 note: ", 0},
        {"f34", "PA0=1@0+500ms", "told to leave DFU mode, and is in dfuIDLE", 60},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[1200];
        (void)snprintf(line, sizeof line,
                       IN_FOLDER "V='timeout 100 " VBOARD
                                 " run --board stm32f407-hs --flash f --pin %s'; $V --load " WARD
                                 "/%s.elf " DATA "--limit 300ms; cp f g; $V -- " REDFU
                                 " doctor --sector 0x08010000 --leave --yes; s=$?; cmp f g && exit "
                                 "$s",
                       cases[i].pin, cases[i].name);
        exits(cases[i].status, line, cases[i].words);
    }
    // Ours, with an application that has to be started as before.
    exits(0,
          IN_FOLDER VBOARD " run " OURS "--load " FIRMWARE_FOLDER
                           "/stm32f4-discovery/blink-0.1.elf -- " REDFU
                           " doctor --sector 0x0800C000 --leave --yes",
          "told to leave DFU mode, and is not in it any more.");
    patient("healthy", "--sector 0x08010000 --yes", 0,
            "Leaving DFU mode was not tried: with --leave it is, last of all.");
}

// The device says itself why it stays: a host began a load and did not end it.
static void a_load_broken_off_is_not_held_against_the_device(void **state) {
    (void)state;
    exits(0,
          IN_FOLDER "V='timeout 100 " VBOARD
                    " run --flash f --pin PA0=1@0+500ms'; $V --load " FIRMWARE_FOLDER
                    "/stm32f4-discovery/redfu-boot.elf --load " FIRMWARE_FOLDER
                    "/stm32f4-discovery/blink-0.1.elf --limit 1s; $V -- " REDFU
                    " erase 0x08020000 0x20000 && $V -- " REDFU " doctor --leave --yes",
          "told to leave, it answers errNOTDONE");
    assert_non_null(strstr(output, "F34 note: "));
    assert_non_null(strstr(output, "A host erased or wrote, and broke off"));
    assert_non_null(strstr(output, "Load the application again, whole: redfu write FILE"));
    assert_null(strstr(output, "clear the flag before the jump"));
}

static void consent_and_a_sensible_sector_are_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *words;
    } wrong[] = {
        {"--sector 0x08010000", "takes --yes, too"},
        {"--yes", "--yes belongs to --sector, --leave and --conformance"},
        {"--sector 64x --yes", "--sector wants the address of a sector"},
        {"--sector 0x08011000 --yes", "is no sector's beginning: that one begins at 0x08010000"},
        {"--sector 0x08000000 --yes", "is the flash's first sector"},
        {"--sector 0x08004000 --yes", "is marked 'a'"},
        {"--sector 0x20000000 --yes", "lies outside of the device's map"},
        {"--sector 0x080E0000 --yes --conformance",
         "--conformance and --sector are two things: one at a time"},
        {"--leave", "--leave would start the application: that takes --yes, too"},
        {"--conformance --html f.html", "--conformance makes no page: leave --html out"},
        {"--yes --sector 1 --sector 2 --sector 3 --sector 4 --sector 5", "--sector: 4 at most"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[600];
        (void)snprintf(line, sizeof line,
                       IN_FOLDER VBOARD
                       " run " OURS "--flash f -- sh -c '" REDFU
                       " doctor %s; s=$?; ls redfu-doctor* 2>/dev/null && exit 1; exit $s'",
                       wrong[i].arguments);
        exits(2, line, wrong[i].words);
    }
    exits(30, IN_FOLDER VBOARD " run " OURS "-- " REDFU " doctor --serial nobody", "serial");
    // A watchdog that bites in the middle of each erase leaves nothing to put back with.
    exits(62,
          IN_FOLDER "timeout 100 " VBOARD " run --board stm32f407-hs --load " WARD "/f24.elf " DATA
                    "--pin PA0=1 -- " REDFU " doctor --quiet --sector 0x08010000 --yes",
          "flash is not as it was: 0x08010000 could not be put back");
    exits(2, REDFU " list --yes", "--yes, --leave and --conformance belong to doctor");
}

// On the PC as in a log: by what doctor/versions.c knows, and by the whole number.
static void an_installed_program_with_a_known_fault_is_named(void **state) {
    (void)state;
    static const char with[] = IN_FOLDER
        "printf '#!/bin/sh\\necho \"STM32CubeProgrammer version: %s\"\\n' "
        ">STM32_Programmer_CLI; chmod +x STM32_Programmer_CLI; "
        "timeout 100 " VBOARD " run " OURS "-- sh -c 'PATH=$PWD:$PATH " REDFU " doctor -v'";
    char line[900];
    (void)snprintf(line, sizeof line, with, "2.16.0");
    exits(60, line, "1 thing needs you: F26, ");
    assert_non_null(strstr(output, "STM32_Programmer_CLI is installed"));
    (void)snprintf(line, sizeof line, with, "2.16.01");
    exits(0, line, "STM32CubeProgrammer version: 2.16.01");
}

// At whatever moment: flash is as it was, and the device in dfuIDLE; also of one that says dfuDNBUSY several times for
// each command. (unit/exam has every request of it.)
static void ctrl_c_leaves_the_device_as_it_was_found(void **state) {
    (void)state;
    static const struct {
        const char *name, *moment;
    } cases[] = {{"healthy", "0.05"}, {"healthy", "0.8"}, {"healthy", "1.6"}, {"healthy", "2.4"},
                 {"healthy", "4"},    {"f49", "3"},       {"f49", "9"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[1200];
        (void)snprintf(line, sizeof line,
                       IN_FOLDER
                       "V='timeout 100 " VBOARD
                       " run --board stm32f407-hs --pin PA0=1 --flash f'; $V --load " WARD
                       "/%s.elf " DATA "--limit 300ms; cp f g; $V -- sh -c '" REDFU
                       " doctor --sector 0x08010000 --yes & p=$!; sleep %s; kill -INT $p; wait $p; "
                       "s=$?; " REDFU " info; exit $s'; s=$?; cmp f g && test $s = 130 -o $s = 0",
                       cases[i].name, cases[i].moment);
        exits(0, line, "dfuIDLE");
    }
}

static void the_suite_runs_over_libusb(void **state) {
    (void)state;
    exits(0, IN_FOLDER VBOARD " run " OURS "-- " REDFU " doctor --conformance", " 0 failed, ");
    assert_non_null(strstr(output, "not consented to"));
    exits(0, IN_FOLDER VBOARD " run " OURS "-- " REDFU " doctor --conformance --yes",
          " 0 failed, ");
    // The other core, and an application to leave for.
    exits(0,
          IN_FOLDER VBOARD
          " run --board stm32f407-hs --load " FIRMWARE_FOLDER
          "/stm32f407-hs/redfu-boot.elf --pin PA0=1@0+500ms " DATA "-- " REDFU
          " doctor --conformance --leave --yes -v >log 2>err; s=$?; grep 'MANIFEST-SYNC/"
          "GETSTATUS\\|has not come back\\|come to its end\\| assertions: ' log; "
          "exit $s",
          " 0 failed, ");
    assert_non_null(strstr(output, "held     dfuMANIFEST-SYNC/GETSTATUS"));
    assert_non_null(strstr(output, "seen: the device left DFU mode and has not come back"));
    assert_null(strstr(output, "The suite did not come to its end"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_redfu_boot_yields_nothing_above_a_note),
        cmocka_unit_test(what_can_be_seen_without_a_change_is_seen),
        cmocka_unit_test(what_a_trial_shows_is_named_and_flash_is_as_it_was),
        cmocka_unit_test(a_board_of_ours_starts_its_application_after_a_trial),
        cmocka_unit_test(leaving_is_told_and_looked_at),
        cmocka_unit_test(a_load_broken_off_is_not_held_against_the_device),
        cmocka_unit_test(consent_and_a_sensible_sector_are_asked_for),
        cmocka_unit_test(an_installed_program_with_a_known_fault_is_named),
        cmocka_unit_test(ctrl_c_leaves_the_device_as_it_was_found),
        cmocka_unit_test(the_suite_runs_over_libusb),
    };
    return cmocka_run_group_tests_name("host/redfu_doctor", tests, NULL, NULL);
}
