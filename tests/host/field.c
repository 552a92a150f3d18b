// SPDX-License-Identifier: MIT
//
// A product's first minute and its move from another bootloader, with the programs a person types: factory
// images on a board that was never switched on, the updater loaded with dfu-util, `redfu inspect` on what the
// build made. Each test in a folder of its own; $D is the firmware of stm32f4-discovery, $O another
// board's redfu-boot, $OLD a bootloader in the shape of CubeMX's, $S the sources.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/host/shell.h"

static int set_up(void **state) {
    (void)state;
    return enter_folder() == 0 ? setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) |
                                     setenv("D", FIRMWARE_FOLDER "/stm32f4-discovery", 1) |
                                     setenv("O", FIRMWARE_FOLDER "/stm32f4-factory", 1) |
                                     setenv("S", SOURCE, 1) | setenv("OLD", OLD, 1)
                               : -1;
}

#define MAKE                                                                                       \
    "$R factory f.hex --boot $D/redfu-boot.hex --app $D/settings.elf --set 0x0002=u16:100 "        \
    "--set 0x0100=text:SN-0042"

static void a_factory_image_starts_its_application_with_its_settings(void **state) {
    (void)state;
    exits(0, MAKE, "f.hex: bootloader, 2 settings and application");
    // Straight into the application, which finds its setting and says so; nothing was erased.
    exits(0, "$V run --load f.hex --flash chip.bin --limit 1s --trace t 2>&1", "");
    exits(1, "grep ' erase ' t", "");
    exits(0, "grep -c 'usb attach' t; test $? = 1 && grep -m1 'vtor value=0x0800c000' t",
          "vtor value=0x0800c000");
    // 100 ms: twenty edges of the green LED in a second.
    exits(0, "test $(grep -c 'pin PD12' t) -ge 18 && echo blinks", "blinks");
    // And in DFU mode a person finds them.
    exits(0, "$V run --flash chip.bin --pin PA0=1@0+500ms -- $R settings list",
          "0x0100     text:SN-0042");
    exits(0, "$V run --flash chip.bin --pin PA0=1@0+500ms -- $R settings get 0x0003", "u16:0x0064");
    // The next load needs no more than a board that has been in use for years.
    exits(0, "$V run --flash chip.bin --pin PA0=1@0+500ms -- $R write $D/blink-0.2.bin",
          "the board left DFU mode");
}

static void raw_and_hex_are_the_same_to_another_reader(void **state) {
    (void)state;
    exits(0, MAKE, "");
    exits(0,
          "$R factory f.bin --boot $D/redfu-boot.bin --app $D/settings.bin --set 0x0002=u16:100 "
          "--set 0x0100=text:SN-0042",
          "0x08000000");
    exits(0,
          "arm-none-eabi-objcopy -I ihex -O binary --gap-fill 0xff f.hex o.bin && cmp o.bin f.bin",
          "");
    exits(0, "$R factory s.hex --boot $D/redfu-boot.elf --app $D/blink-0.1.elf --seal", "");
    exits(0, "$V run --load s.hex --limit 1s --trace - | grep -m1 vtor", "0x0800c000");
}

static void a_factory_image_with_something_wrong_is_not_made(void **state) {
    (void)state;
    exits(2, "$R factory f.hex --boot $D/redfu-boot.hex", "the form is");
    exits(2, "$R factory f.hex --boot $D/redfu-boot.hex --app $D/settings.elf --set 0x0002",
          "--set wants KEY=VALUE, not \"0x0002\"");
    exits(2, MAKE " --set 0x0002=5", "how is 5 to be kept");
    exits(2, MAKE " --set 0x0002=u8:5", "given twice");
    exits(2, MAKE " --set receiving=u8:5", "cannot be changed");
    exits(2, MAKE " --set 5", "KEY=VALUE");
    exits(2, MAKE " --chip STM32F103", "--chip wants");
    exits(2, "$R inspect x --seal", "belongs to factory");
    exits(12, "$R factory f.hex --boot $D/blink-0.1.hex --app $D/blink-0.1.hex",
          "a bootloader begins");
    exits(25, "$R factory f.hex --boot $D/redfu-boot.hex --app $D/redfu-boot.hex",
          "in the bootloader's sector");
    exits(25, "$R factory f.hex --boot $D/redfu-boot.hex --app $D/redfu-boot.bin",
          "linked for another address");
    exits(25, "head -c 8192 /dev/zero > z; $R factory f.hex --boot z --app $D/blink-0.1.bin",
          "is no bootloader");
    exits(10, "$R factory f.hex --boot none --app $D/blink-0.1.hex", "none");
    exits(2,
          "cp $D/blink-0.1.hex a.hex; ln -sf a.hex b.hex; "
          "$R factory b.hex --boot $D/redfu-boot.hex --app ./a.hex",
          "b.hex is one of the files it is to be made of: give it another name");
    exits(0, "cmp a.hex $D/blink-0.1.hex", "");
    exits(13, "$R factory no/f.hex --boot $D/redfu-boot.hex --app $D/blink-0.1.hex", "no/f.hex");
    exits(2, "ls f.hex", "");
}

static void inspect_passes_what_is_right(void **state) {
    (void)state;
    exits(0,
          "for f in blink-0.1 blink-0.2 settings eeprom guarded runtime-dfu; do for t in elf bin "
          "hex; do "
          "$R inspect $D/$f.$t || exit 1; done; done",
          "Done: no error");
    exits(0, "$R inspect $D/blink-0.1.elf", "(reset_handler)");
    exits(0, "$R inspect $D/updater.bin && $R inspect $D/updater.hex", "stamp          yes");
    exits(0, "$R inspect $D/guarded.elf", "DFU mode after 3 that fail");
}

static void inspect_refuses_what_is_not(void **state) {
    (void)state;
    exits(25, "$R inspect $D/redfu-boot.elf", "error wrong-base, at 0x08000000");
    exits(25, "$R inspect $D/redfu-boot.bin", "error reset-vector");
    exits(25, "$R inspect $D/blink-0.1.bin@0x08010000", "error no-start");
    exits(25, "$R inspect -q $D/redfu-boot.elf", "1 error; it would not run as it is");
    exits(12, "$R inspect /bin/sh", "not for a 32-bit ARM");
    exits(2, "$R inspect $D/blink-0.1.bin --chip F4", "--chip wants");
}

// An older redfu-boot in the field: the updater goes in as any application does, by dfu-util, and what comes up
// is the new bootloader with the settings as they were, asking for the application.
static void dfu_util_loads_the_updater_and_then_the_application(void **state) {
    (void)state;
    exits(0,
          "$V run --load $O/redfu-boot.hex --flash chip.bin -- $R settings set 0x0100 text:stays",
          "");
    exits(0, "cmp -n 14000 chip.bin $D/redfu-boot.bin > cmp; test $? = 1", "");
    exits(
        0,
        "$V run --flash chip.bin -- sh -c 'dfu-util -a 0 -s 0x0800C000:leave -D $D/updater.bin && "
        "sleep 3 && $R info && $R settings get 0x0100 && $R write $D/blink-0.1.bin'",
        "the board left DFU mode");
    assert_non_null(strstr(output, "asked for through the mailbox"));
    assert_non_null(strstr(output, "text:stays"));
    exits(0, "cmp -n $(stat -c %s $D/redfu-boot.bin) chip.bin $D/redfu-boot.bin", "");
    exits(0, "$V run --flash chip.bin --limit 1s --trace - | grep -m1 vtor", "0x0800c000");
}

// docs/app-guide.md: a line in a block that names a file stands in that file.
static void the_guide_quotes_the_example(void **state) {
    (void)state;
    exits(0,
          "awk '/^```[a-z]+ examples/ { file = $2; next } /^```/ { file = \"\" } "
          "file { print file \"\\t\" $0 }' $S/docs/app-guide.md > quotes && "
          "test $(wc -l < quotes) -ge 20 && "
          "while IFS=\"$(printf '\\t')\" read -r file line; do "
          "sed 's/^ *//' $S/$file | grep -qxF -- \"$line\" || echo \"$file: $line\"; done < quotes "
          "> missing; "
          "cat missing; test ! -s missing",
          "");
}

// The project as CubeMX leaves it, then with the guide's lines in.
#define LINK                                                                                       \
    "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -Os -ffreestanding -nostartfiles -I $S "            \
    "-Wl,--gc-sections -T "
#define LINK_SOURCES                                                                               \
    " $S/examples/cubemx/*.c $S/app/redfu_app.c $S/app/eeprom.c $S/app/redfu_settings.c "          \
    "$S/app/redfu_flash.c $S/settings/settings.c $S/spec/crc.c -o "

static void the_guides_lines_make_a_project_fit(void **state) {
    (void)state;
    exits(0,
          "sed -e 's/0x0800C000,   LENGTH = 976K/0x8000000,   LENGTH = 1024K/' "
          "$S/examples/cubemx/STM32F407VGTX_FLASH.ld > before.ld && " LINK "before.ld" LINK_SOURCES
          "before.elf",
          "");
    exits(25, "$R inspect before.elf", "FLASH (rx) : ORIGIN = 0x0800C000, LENGTH = 976K");
    exits(25, "arm-none-eabi-objcopy -O binary before.elf before.bin && $R inspect before.bin",
          "linked for another address");
    exits(0, LINK "$S/examples/cubemx/STM32F407VGTX_FLASH.ld" LINK_SOURCES "after.elf", "");
    exits(0, "$R inspect after.elf", "vectors        98 words");
    exits(0, "$R seal after.elf after.bin && $R inspect after.bin", "stamp          yes");
    // VTOR left at the start of flash: only a note, since it is a guess.
    exits(0,
          "cp -r $S/examples $S/app $S/spec $S/settings . && "
          "sed -i 's/0x0000C000U/0x00000000U/' examples/cubemx/system.c && S=. && " LINK
          "examples/cubemx/STM32F407VGTX_FLASH.ld" LINK_SOURCES "vtor.elf && $R inspect vtor.elf",
          "warning vtor");
    exits(1, "$R inspect after.elf | grep vtor", "");
}

// All of docs/migrating.md, but for the old bootloader's own part, which is not ours: the updater lies there
// as that has loaded it.
static void a_device_with_a_cubemx_bootloader_moves_over(void **state) {
    (void)state;
    // AN3969: valid page; 0x5555 is 41, then 42.
    exits(0, "printf '\\0\\0\\377\\377\\051\\0UU\\052\\0UU' > eeprom.bin", "");
    exits(0,
          "$V run --load $OLD@0x08000000 --load eeprom.bin@0x08008000 --load "
          "$D/updater.bin@0x0800C000 "
          "--flash chip.bin -- sh -c 'sleep 2; $R settings get 0x5555 && $R write $D/cubemx.elf'",
          "the board left DFU mode");
    assert_non_null(strstr(output, "u16:0x002A"));
    // Orange: confirmed; blue: the old variable is there; not red. And it has written one of its own.
    exits(0, "$V run --flash chip.bin --limit 1s --trace t", "");
    exits(0, "grep -m1 'pin PD13 level=1' t && grep -m1 'pin PD15 level=1' t", "PD15");
    exits(1, "grep 'pin PD14 level=1' t", "");
    exits(0, "test $(grep -c 'pin PD12' t) -ge 6 && echo blinks", "blinks");
    // Its button leads to DFU mode, where the count of starts is found: after the load, above, here.
    exits(0, "$V run --flash chip.bin --pin PA0=1@500ms+200ms -- $R settings get 0x6666",
          "u16:0x0003");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_factory_image_starts_its_application_with_its_settings),
        T(raw_and_hex_are_the_same_to_another_reader),
        T(a_factory_image_with_something_wrong_is_not_made),
        T(inspect_passes_what_is_right),
        T(inspect_refuses_what_is_not),
        T(dfu_util_loads_the_updater_and_then_the_application),
        T(the_guide_quotes_the_example),
        T(the_guides_lines_make_a_project_fit),
        T(a_device_with_a_cubemx_bootloader_moves_over),
    };
    return cmocka_run_group_tests_name("host/field", tests, NULL, NULL);
}
