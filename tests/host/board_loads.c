// SPDX-License-Identifier: MIT
//
// One board's bootloader on the virtual board of that name, from empty flash: loaded twice by dfu-util and twice
// by redfu, each load over the one before and read back by the other program, the application started each
// time; then the cable pulled in the middle of a load, and loaded again; and the board's updater over an older
// bootloader of two kinds. Compiled once a board, with its
// board.h (board_loads.cmake).

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "board.h"
#include "port/stm32f4/map.h"
#include "spec/usb.h"
#include "tests/host/shell.h"

#define BOOTLOADER_BYTES CHIP_SECTOR_ADDRESS(BOARD_SETTINGS_FIRST) - CHIP_FLASH_BASE

// A power-up with the button held, and a program.
static void power_up(const char *command, const char *words) {
    char line[1024];
    (void)snprintf(line, sizeof line,
                   "$V --flash f.bin --pin P%c%u=%u@0+500ms --trace t --limit 2s -- sh -c '%s'",
                   BOARD_BUTTON_PORT, BOARD_BUTTON_PIN, BOARD_BUTTON_ACTIVE, command);
    exits(0, line, words);
}

// The trace says that the application has begun after all else, and blinks.
static void application_runs(void) {
    char line[256];
    exits(0, "grep -q 'cpu vtor value=0x0800c000$' t", "");
    (void)snprintf(line, sizeof line,
                   "sed '1,/cpu vtor value=0x0800c000$/d' t >app && "
                   "test $(grep -c ' pin P%c%u level=1' app) -ge 2 && "
                   "test $(grep -c ' pin P%c%u level=0' app) -ge 2",
                   BOARD_LED_PORT, BOARD_LED_PIN, BOARD_LED_PORT, BOARD_LED_PIN);
    exits(0, line, "");
}

// Empty flash but for the bootloader: DFU mode without anybody asking.
static void the_layout_is_the_boards(void **state) {
    (void)state;
    char text[USB_STRING_CHARS_MAX + 1];
    assert_true(flash_layout(&board_flash_map, "Internal Flash  ", true, text, sizeof text) > 0);
    exits(0, "$V --load $F/redfu-boot.elf --flash f.bin --limit 1ms -- dfu-util -l", text);
    exits(0, "cp f.bin first.bin", "");
}

static void dfu_util_loads_twice(void **state) {
    (void)state;
    power_up("dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.1.bin",
             "File downloaded successfully");
    application_runs();
    power_up("dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin",
             "File downloaded successfully");
    application_runs();
    power_up("$R verify $F/blink-0.2.bin && echo equal", "equal");
}

static void redfu_loads_twice(void **state) {
    (void)state;
    power_up("$R write $F/blink-0.1.bin && echo written", "written");
    application_runs();
    power_up("$R write $F/blink-0.2.bin && echo written", "written");
    application_runs();
    power_up("n=$(stat -c %s $F/blink-0.2.bin); dfu-util -a 0 -s 0x0800C000:$n -U back && "
             "cmp back $F/blink-0.2.bin && echo equal",
             "equal");
}

// What was half written does not start, needs no button, and is written over.
static void a_pulled_cable_is_survived(void **state) {
    (void)state;
    char line[512];
    // Three sectors are erased by 2.2 s, and the last of it comes 0.4 s later.
    exits(0, "head -c 100000 /dev/urandom >long", "");
    (void)snprintf(line, sizeof line,
                   "$V --flash f.bin --pin P%c%u=%u@0+500ms --unplug 2400ms --trace t -- "
                   "dfu-util -a 0 -s 0x0800C000 -D long; echo status $?",
                   BOARD_BUTTON_PORT, BOARD_BUTTON_PIN, BOARD_BUTTON_ACTIVE);
    exits(0, line, "status 74");                     // EX_IOERR
    exits(0, "grep -c ' usb dnload block=2' t", ""); // data had begun
    exits(0,
          "$V --flash f.bin --limit 2s --trace t -- sh -c '$R write $F/blink-0.1.bin && echo "
          "written'",
          "written");
    application_runs();
    power_up("dfu-util -a 0 -s 0x0800C000:leave -D $F/blink-0.2.bin",
             "File downloaded successfully");
    application_runs();
}

// Whose bootloader came from elsewhere, and whether it is this board's now, with nothing behind it.
static void sector_0_is_the_new_bootloader(void) {
    exits(0,
          "head -c 16384 /dev/zero | tr '\\0' '\\377' >want && "
          "dd if=$F/redfu-boot.bin of=want conv=notrunc status=none && cmp -n 16384 want u.bin",
          "");
}

// The updater, loaded by the bootloader that it replaces: another redfu-boot, with a setting (where the board
// shows any). docs/migrating.md, as a user does it.
static void the_updater_replaces_an_older_redfu_boot(void **state) {
    (void)state;
    exits(0,
          "rm -f u.bin; head -c 16384 /dev/zero | tr '\\0' '\\377' >old; "
          "dd if=$F/redfu-boot.bin of=old conv=notrunc status=none && "
          "printf OLDER | dd of=old bs=1 seek=16370 conv=notrunc status=none",
          "");
    // Two sectors erased and 32 KB are 1.2 s; the updater takes 0.6 s, and is not to be kept waiting.
    exits(
        0,
        BOARD_ONLY_FLASH
            ? "$V --load old@0x08000000 --flash u.bin --limit 4s -- $R write $F/updater.bin"
            : "$V --load old@0x08000000 --flash u.bin --limit 4s -- sh -c '$R settings set 0x5555 "
              "u16:0x1234 && $R write $F/updater.bin'",
        "");
    sector_0_is_the_new_bootloader();
    exits(0,
          BOARD_ONLY_FLASH ? "$V --flash u.bin -- $R list" : "$V --flash u.bin -- $R settings list",
          BOARD_ONLY_FLASH ? "" : "u16:0x1234");
    exits(0, "$V --flash u.bin --limit 2s --trace t -- $R write $F/blink-0.1.bin", "");
    application_runs();
}

// Put there with a bootloader of 32 KB shaped like CubeMX's and a page of ST's EEPROM emulation.
static void the_updater_replaces_cubemx_and_keeps_its_variables(void **state) {
    (void)state;
    // AN3969 2.3: VALID_PAGE, then { data, virtual address }.
    exits(0,
          "rm u.bin; printf '\\0\\0\\377\\377\\064\\022\\125\\125\\052\\0\\146\\146' >page; "
          "$V --load $O@0x08000000 --load page@0x08008000 --load $F/updater.bin@0x0800C000 --flash "
          "u.bin "
          "--limit 4s",
          "");
    sector_0_is_the_new_bootloader();
    if (!BOARD_ONLY_FLASH) {
        exits(0, "$V --flash u.bin -- $R settings list", "0x6666     u16:0x002A");
        exits(0, "$V --flash u.bin -- $R settings list", "0x5555     u16:0x1234");
    }
    exits(0, "$V --flash u.bin --limit 2s --trace t -- $R write $F/blink-0.2.bin", "");
    application_runs();
}

// The last sector is the one whose number, address and size most depend on the chip's table.
static void the_last_sector_is_written_and_erased(void **state) {
    (void)state;
    char line[512];
    unsigned long addr = (unsigned long)CHIP_SECTOR_ADDRESS(CHIP_FLASH_SECTORS - 1);
    (void)snprintf(line, sizeof line,
                   "tail -c 3000 $F/blink-0.2.bin >part; $R write --no-run part@0x%08lX && "
                   "dfu-util -a 0 -s 0x%08lX:3000 -U same && cmp part same && "
                   "$R erase 0x%08lX 4 && dfu-util -a 0 -s 0x%08lX:4 -U blank && "
                   "od -An -tx1 blank",
                   addr, addr, addr, addr);
    power_up(line, " ff ff ff ff\n");
}

static void the_bootloader_is_as_it_was(void **state) {
    (void)state;
    char line[128];
    (void)snprintf(line, sizeof line, "cmp -n %u first.bin f.bin", (unsigned)(BOOTLOADER_BYTES));
    exits(0, line, "");
}

static int set_up(void **state) {
    (void)state;
    return enter_folder() == 0
               ? setenv("V", VBOARD " run " VBOARD_OPTIONS, 1) | setenv("R", REDFU " -q", 1) |
                     setenv("F", FIRMWARE, 1) | setenv("O", OLD_BOOT, 1)
               : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_the_boards),
        cmocka_unit_test(dfu_util_loads_twice),
        cmocka_unit_test(redfu_loads_twice),
        cmocka_unit_test(a_pulled_cable_is_survived),
        cmocka_unit_test(the_last_sector_is_written_and_erased),
        cmocka_unit_test(the_bootloader_is_as_it_was),
        cmocka_unit_test(the_updater_replaces_an_older_redfu_boot),
        cmocka_unit_test(the_updater_replaces_cubemx_and_keeps_its_variables),
    };
    return cmocka_run_group_tests_name("host/board", tests, set_up, leave_folder);
}
