// SPDX-License-Identifier: MIT
//
// Files between programs, on the virtual board with redfu-boot: what `redfu convert` makes is loaded by
// Debian's own dfu-util and fwupdtool and read by its dfuse-pack and by objcopy; what dfu-suffix,
// dfu-prefix, dfuse-pack and objcopy make is loaded by redfu.

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

// A shell line, in the folder. Whatever else it says, it ends well.
static void works(const char *line) {
    exits(0, line, "");
}

// One power-up of a board whose flash holds redfu-boot and nothing else; then the application is held
// against blink-0.2.bin, byte for byte, and must start.
static void loads(const char *command) {
    char line[2048];
    (void)snprintf(
        line, sizeof line,
        "rm -f flash.bin && \"$V\" run --flash flash.bin --load \"$F/redfu-boot.elf\" -- "
        "%s",
        command);
    works(line);
    works("cmp -n $(stat -c %s \"$F/blink-0.2.bin\") -i 0:49152 \"$F/blink-0.2.bin\" flash.bin");
    exits(0, "\"$V\" run --flash flash.bin --limit 100ms --trace -", "vtor value=0x0800c000");
}

// -- Ours to them

static void dfu_util_loads_a_converted_file(void **state) {
    (void)state;
    works("\"$R\" convert \"$F/blink-0.2.elf\" out.dfu");
    loads("dfu-util -a 0 -s :leave -D out.dfu");
    works("dfu-suffix -c out.dfu");
    // For alternate 1: dfu-util takes the target's own.
    works("\"$R\" convert \"$F/blink-0.2.hex\" out.dfu --alt 1 --target Application");
    loads("dfu-util -a 1 -s :leave -D out.dfu");
    // Raw bytes with a suffix.
    works("\"$R\" convert \"$F/blink-0.2.bin\" plain.dfu --to dfu --usb-id 0483:DF11");
    loads("dfu-util -a 0 -s 0x0800C000:leave -D plain.dfu");
}

static void fwupdtool_loads_a_converted_file(void **state) {
    (void)state;
    works("\"$R\" convert \"$F/blink-0.2.elf\" out.dfu --alt 1");
    loads("fwupdtool install-blob out.dfu d787669ee4a103fe0b361fe31c10ea037c72f27c "
          "--plugins dfu -y --allow-reinstall --no-reboot-check --force");
}

// fwupd's own parsers have an opinion, too; what they make of the file is written back as they would.
static void fwupd_and_objcopy_read_what_convert_writes(void **state) {
    (void)state;
    works("\"$R\" convert \"$F/blink-0.2.elf\" out.hex && \"$R\" convert out.hex out.srec && "
          "\"$R\" convert out.srec out.uf2 && \"$R\" convert out.uf2 out.dfu && "
          "\"$R\" convert out.dfu out.elf");
    works("arm-none-eabi-objcopy -I ihex -O binary out.hex o1 && cmp o1 \"$F/blink-0.2.bin\"");
    works("arm-none-eabi-objcopy -I srec -O binary out.srec o2 && cmp o2 \"$F/blink-0.2.bin\"");
    works("arm-none-eabi-objcopy -O binary out.elf o3 && cmp o3 \"$F/blink-0.2.bin\"");
    works("dfuse-pack -d out.dfu && cmp out.dfu.target0.image0.bin \"$F/blink-0.2.bin\"");
    works("fwupdtool firmware-parse out.hex ihex && fwupdtool firmware-parse out.srec srec && "
          "fwupdtool firmware-parse out.uf2 uf2 && fwupdtool firmware-parse out.dfu dfuse");
}

// -- Theirs to us

static void redfu_loads_what_the_dfu_tools_make(void **state) {
    (void)state;
    works("cp \"$F/blink-0.2.bin\" s.dfu && dfu-suffix -v 0483 -p df11 -a s.dfu");
    loads("\"$R\" write s.dfu");
    works("cp \"$F/blink-0.2.bin\" p.dfu && dfu-prefix -s 0x0800C000 -a p.dfu && "
          "dfu-suffix -v 0483 -p df11 -a p.dfu");
    loads("\"$R\" write p.dfu");
    exits(0, "\"$R\" convert p.dfu@0x0800C000 p.hex", "0x0800C000-");
    works("cp \"$F/blink-0.2.bin\" l.dfu && dfu-prefix -L -a l.dfu && "
          "dfu-suffix -v 0483 -p df11 -a l.dfu");
    loads("\"$R\" write l.dfu");
    works("dfuse-pack -b 0x0800C000:\"$F/blink-0.2.bin\" d.dfu");
    loads("\"$R\" write d.dfu");
    works("printf table >t.bin && dfuse-pack -b 0x080E0000:t.bin -b "
          "0x0800C000:\"$F/blink-0.2.bin\" -D 0x0483:0xdf11 i.dfu");
    loads("\"$R\" write i.dfu");
    works("cmp -n 5 -i 0:917504 t.bin flash.bin");
    // For another device: nothing is sent.
    works("cp \"$F/blink-0.2.bin\" x.dfu && dfu-suffix -v 1209 -p 0001 -a x.dfu");
    exits(24, "\"$V\" run --flash flash.bin --pin PA0=1@0+500ms -- \"$R\" write x.dfu",
          "x.dfu: its DFU suffix says that it is for 1209:0001, the device at");
}

static void redfu_loads_what_objcopy_makes(void **state) {
    (void)state;
    works("arm-none-eabi-objcopy -O ihex \"$F/blink-0.2.elf\" o.hex");
    loads("\"$R\" write o.hex");
    works("arm-none-eabi-objcopy -O srec \"$F/blink-0.2.elf\" o.s19");
    loads("\"$R\" write o.s19");
    works("arm-none-eabi-objcopy -O srec --srec-forceS3 \"$F/blink-0.2.elf\" o.srec");
    loads("\"$R\" write o.srec");
    works("\"$R\" convert o.s19 o.uf2");
    loads("\"$R\" write o.uf2");
}

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    return setenv("V", VBOARD, 1) | setenv("R", REDFU, 1) |
           setenv("F", FIRMWARE_FOLDER "/stm32f4-discovery", 1) |
           setenv("FWUPD_LOCALSTATEDIR", getenv("TMPDIR"), 1) |
           setenv("FWUPD_SYSCONFDIR", getenv("TMPDIR"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dfu_util_loads_a_converted_file),
        cmocka_unit_test(fwupdtool_loads_a_converted_file),
        cmocka_unit_test(fwupd_and_objcopy_read_what_convert_writes),
        cmocka_unit_test(redfu_loads_what_the_dfu_tools_make),
        cmocka_unit_test(redfu_loads_what_objcopy_makes),
    };
    return cmocka_run_group_tests_name("files between programs", tests, set_up, leave_folder);
}
