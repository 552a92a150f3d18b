// SPDX-License-Identifier: MIT
//
// `redfu fwupd-package` as a product uses it: Debian's fwupdtool installs the cabinet, with the quirk, on a virtual
// board whose bootloader has an identity of its own (boards/stm32f4-factory, 1209:0003): from DFU mode, and from
// a running application that it detaches and waits for (examples/runtime-dfu, 1209:0001).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/host/shell.h"

#define BOOT    "--load \"$F/stm32f4-factory/redfu-boot.elf\" "
#define INSTALL "--plugins dfu -y --allow-reinstall --no-reboot-check --force"

static void holds(const char *name) {
    char line[256];
    (void)snprintf(line, sizeof line,
                   "f=\"$F/stm32f4-discovery/%s\" && cmp -n $(stat -c %%s $f) "
                   "-i 0:49152 $f flash.bin",
                   name);
    exits(0, line, "");
}

static void from_dfu_mode(void **state) {
    (void)state;
    exits(
        0,
        "\"$R\" fwupd-package \"$F/stm32f4-discovery/blink-0.2.elf\" blink.cab --usb-id 1209:0003 "
        "--release 2.0 --name 'Blink & more' --vendor Example --quirk quirks.d/blink.quirk",
        "blink.cab: version 2.0 for 1209:0003");
    exits(0, "fwupdtool firmware-parse blink.cab cabinet", "<id>firmware.metainfo.xml</id>");
    exits(0,
          "rm -f flash.bin && \"$V\" run --flash flash.bin " BOOT
          "-- fwupdtool install blink.cab " INSTALL,
          "");
    holds("blink-0.2.bin");
    exits(0, "\"$V\" run --flash flash.bin --limit 100ms --trace -", "vtor value=0x0800c000");
    exits(0, "rm quirks.d/blink.quirk", "");
}

static void from_the_application_and_back(void **state) {
    (void)state;
    exits(0,
          "\"$R\" fwupd-package \"$F/stm32f4-discovery/runtime-dfu.hex\" widget.cab --usb-id "
          "1209:0003 --runtime-usb-id 1209:0001 --release 1.0",
          "widget.cab: version 1.0 for 1209:0003");
    exits(0, "cp widget.quirk quirks.d/", "");
    exits(0,
          "rm -f flash.bin && \"$V\" run --flash flash.bin " BOOT
          "--load \"$F/stm32f4-discovery/runtime-dfu.bin@0x0800C000\" --trace trace -- sh -c '"
          "fwupdtool install widget.cab " INSTALL " && lsusb -d 1209:0001'",
          "ID 1209:0001");
    exits(0, "grep -c ' usb dfu-detach ' trace", "1");
    exits(0, "grep -q ' usb dnload ' trace", "");
    holds("runtime-dfu.bin");
}

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0 || shell("mkdir quirks.d") != 0) {
        return -1;
    }
    char quirks[80];
    (void)snprintf(quirks, sizeof quirks, "%s/quirks.d", getenv("TMPDIR"));
    return setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) | setenv("F", FIRMWARE_FOLDER, 1) |
           setenv("FWUPD_LOCALSTATEDIR", getenv("TMPDIR"), 1) |
           setenv("FWUPD_SYSCONFDIR", getenv("TMPDIR"), 1) |
           setenv("FWUPD_LOCALSTATEDIR_QUIRKS", quirks, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_dfu_mode),
        cmocka_unit_test(from_the_application_and_back),
    };
    return cmocka_run_group_tests_name("fwupd package", tests, set_up, leave_folder);
}
