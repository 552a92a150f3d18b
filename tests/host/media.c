// SPDX-License-Identifier: MIT
//
// Alternate settings and the commands for a whole medium, by the unmodified dfu-util on the real image
// of each board: mass erase, reading by alternate 1, the settings' backup and restoration, read
// unprotect refused, a second load after it all.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "tests/host/shell.h"

// Powers the board up with the button held and runs a program there.
#define ON_BOARD "$V run --board $B --flash flash.bin --pin PA0=1@0+500ms --limit 700ms -- sh -ec "

static void mass_erase_and_load_by_dfu_util(void) {
    // 0x11 everywhere in the application, so that what was not erased shows.
    exits(0,
          "head -c 16384 /dev/zero | tr '\\0' '\\021' >ones.bin; "
          "$V run --board $B --load $D/$B/redfu-boot.elf --load ones.bin@0x0800C000 "
          "--load ones.bin@0x08020000 --load ones.bin@0x080FC000 --flash flash.bin --limit 1ms",
          "");
    exits(0, ON_BOARD "'dfu-util -a 0 -s 0x0800C000:mass-erase:force:leave -D $D/$B/blink-0.1.bin'",
          "File downloaded successfully");
    exits(0,
          "cp $D/$B/blink-0.1.bin want.bin; n=$(stat -c %s want.bin); "
          "head -c $((0x100000 - 0xC000 - n)) /dev/zero | tr '\\0' '\\377' >>want.bin; "
          "tail -c +49153 flash.bin >got.bin; cmp want.bin got.bin",
          "");
    exits(0,
          "$V run --board $B --flash flash.bin --trace t --limit 100ms; "
          "grep 'cpu vtor value=0x0800c000$' t",
          "vtor");
}

static void reading_by_alternate_1(void) {
    exits(0,
          ON_BOARD "'rm -f back.bin; dfu-util -a 1 -s 0x0800C000:1024000 -U back.bin; "
                   "dfu-util -a 1 -s 0x0800C000:16384 -U first.bin || true'; "
                   "head -c 16384 got.bin | cmp - first.bin",
          "Application");
}

static void settings_by_alternate_2(void) {
    exits(0,
          ON_BOARD "'$R settings set 7 text:turquoise; rm -f a.bin b.bin; "
                   "dfu-util -a 2 -s 0x5E700000 -U a.bin; $R settings delete 7; "
                   "dfu-util -a 2 -s 0x5E700000 -D a.bin; $R settings get 7 >value; echo ended'",
          "");
    exits(0, "cat value", "turquoise"); // apart: dfu-util prints zeros
}

static void unprotect_is_refused_and_the_next_load_works(void) {
    exits(0,
          ON_BOARD "'dfu-util -a 0 -s :unprotect:force -D $D/$B/blink-0.1.bin && exit 1; "
                   "dfu-util -a 0 -s 0x0800C000:leave -D $D/$B/blink-0.2.bin'",
          "File downloaded successfully");
    exits(0,
          "n=$(stat -c %s $D/$B/blink-0.2.bin); "
          "tail -c +49153 flash.bin | cmp -n $n - $D/$B/blink-0.2.bin",
          "");
}

static void on_board(const char *board) {
    (void)setenv("B", board, 1);
    mass_erase_and_load_by_dfu_util();
    reading_by_alternate_1();
    settings_by_alternate_2();
    unprotect_is_refused_and_the_next_load_works();
}

static void media_of_the_otg_fs_board(void **state) {
    (void)state;
    on_board("stm32f4-discovery");
}

static void media_of_the_otg_hs_board(void **state) {
    (void)state;
    on_board("stm32f407-hs");
}

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) | setenv("D", FIRMWARE_FOLDER, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_of_the_otg_fs_board),
        cmocka_unit_test(media_of_the_otg_hs_board),
    };
    return cmocka_run_group_tests_name("host/media", tests, set_up, leave_folder);
}
