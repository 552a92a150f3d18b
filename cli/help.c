// SPDX-License-Identifier: MIT
//
// What --help prints.

#include "cli/cli.h"

static const char general[] =
    "redfu: programs STM32 boards over USB DFU (DfuSe)\n"
    "\n"
    "usage: redfu COMMAND [OPTIONS]\n"
    "\n"
    "  list                    what is connected\n"
    "  info                    identity, state as found, memory map\n"
    "  write FILE[@ADDRESS]... erase, write, verify, start the application\n"
    "  verify FILE[@ADDRESS]... compare the device with files\n"
    "  read ADDRESS LENGTH FILE  memory to a file; read FILE: all that a plain DFU device gives\n"
    "  erase ADDRESS LENGTH    the sectors of a range; erase --all: every sector that can be\n"
    "  run [ADDRESS]           leave DFU mode and start the application\n"
    "  protect on|off          set or lift write protection of the bootloader's own sectors\n"
    "  seal FILE OUTPUT        put the stamp behind an image by which redfu-boot knows it whole\n"
    "  convert FILE... OUTPUT  between .bin, Intel HEX, ELF, S-records, DfuSe .dfu and UF2\n"
    "  fwupd-package FILE OUTPUT.cab   for fwupd and the Linux Vendor Firmware Service\n"
    "  udev-rules              what lets you open devices on Linux without being root\n"
    "  inspect FILE[@ADDRESS]  what is wrong with an application, before it is loaded\n"
    "  factory OUTPUT ...      bootloader, settings and application as one file for a new board\n"
    "  station FILE            one board after the other: write, verify, settings, PASS or FAIL, "
    "log\n"
    "  doctor                  why updates over USB fail: device, PC, sectors; conformance\n"
    "  settings ...            list, get, set, delete, backup, restore, import\n"
    "\n"
    "Which device, when more than one is connected:\n"
    "  --serial TEXT    by serial number        --path BUS-PORT   by socket, as list shows it\n"
    "  --usb-id VID:PID by USB identity\n"
    "  --all            write, verify, run: every one that matches, at the same time, and a table "
    "at "
    "the\n"
    "                   end (erase: --all-boards)\n"
    "\n"
    "  --alt N          alternate setting, that is, which memory (default 0)\n"
    "  -q, --quiet      no progress, only errors\n"
    "  --json           one object a line instead of words (docs/json.md)\n"
    "  -v, --verbose    each USB transfer, decoded, on standard error\n"
    "  --trace FILE     each USB transfer into a capture for Wireshark (pcapng)\n"
    "  -h, --help       this; after a command, about that command\n"
    "  -V, --version\n"
    "\n"
    "list and info leave a device as they find it. Numbers: 0x0800C000, 4096, 16K, 1M.\n"
    "\n"
    "Exit status:\n";

static const char list[] =
    "usage: redfu list [--serial TEXT] [--path BUS-PORT] [--usb-id VID:PID]\n"
    "\n"
    "Shows every device with a DFU interface: those in DFU mode, and those running an application\n"
    "that says it can enter DFU mode (cameras and Bluetooth adapters often do). Changes nothing.\n"
    "\n"
    "  redfu list\n";

static const char info[] = "usage: redfu info [OPTIONS]\n"
                           "\n"
                           "Shows identity, protocol, state and memory map of a device in DFU "
                           "mode. An error state left by\n"
                           "another program is shown and left as it is. redfu-boot tells "
                           "besides why it is in DFU mode, what\n"
                           "reset the board, failed starts of its application, a fault of "
                           "its own, and what the chip's\n"
                           "option bytes say of protection.\n"
                           "\n"
                           "  redfu info\n"
                           "  redfu info --serial 0123456789AB\n";

static const char write[] =
    "usage: redfu write FILE[@ADDRESS]... [OPTIONS]\n"
    "\n"
    "Asks the device what it holds, erases and writes the sectors that differ, verifies, and "
    "starts the\n"
    "application. The rest of a sector that is only partly covered is erased too. ELF, Intel HEX,\n"
    "S-record, DfuSe and UF2 files carry their addresses; any other file is raw and goes to the "
    "start of\n"
    "the application area, or to ADDRESS. Several files are loaded as one image. A DfuSe file "
    "chooses its\n"
    "alternate setting, and a DFU suffix has to name the device's USB identity, or none.\n"
    "Everything is checked before anything is sent. A board that runs its application is sent "
    "into DFU\n"
    "mode first, if its application has a run-time DFU interface (named by --serial, --path or "
    "--usb-id,\n"
    "unless it says DfuSe).\n"
    "\n"
    "  redfu write blink-0.1.bin               to the start of the application area\n"
    "  redfu write blink.elf                   to the addresses it is linked for\n"
    "  redfu write table.bin@0x080E0000 --no-run\n"
    "\n"
    "  --dry-run        tell the plan, write nothing\n"
    "  --full           write everything, also what is there already, and blanks (--no-skip)\n"
    "  --keep           read the rest of partly covered sectors first, and write it back. It lies\n"
    "                   in redfu-kept-SERIAL.hex meanwhile: pulled cables lose nothing\n"
    "  --no-run         leave the device in DFU mode at the end\n"
    "  --no-verify      read nothing: neither before nor after\n"
    "  --verify=read    verify by reading back where the device could tell its CRC-32 "
    "(redfu-boot)\n"
    "  --no-retry       end at once when a transfer stalls, times out, or the board is unplugged;\n"
    "                   else the load is begun anew, twice at most, and the board waited for 10 s\n"
    "  --force-vectors  also write an image whose reset vector lies outside it\n"
    "  --format FORMAT  bin, hex, srec, elf, dfuse, dfu or uf2: what the files are, where their\n"
    "                   contents and names are not to say it\n"
    "  --family FAMILY  UF2 for several families of chips: this one (STM32F4 if it is there)\n"
    "\n"
    "Ctrl-C ends after the block under way and leaves the device ready for the next load.\n";

static const char verify[] = "usage: redfu verify FILE[@ADDRESS]... [OPTIONS]\n"
                             "\n"
                             "Compares the device with the file, by the CRC-32 it tells "
                             "(redfu-boot) or by reading it back\n"
                             "(--verify=read); the first difference is shown. Leaves the device "
                             "in DFU mode. --format and --family as for write.\n"
                             "\n"
                             "  redfu verify blink-0.1.bin\n";

static const char read_help[] =
    "usage: redfu read ADDRESS LENGTH FILE [OPTIONS]\n"
    "       redfu read FILE [OPTIONS]            a plain DFU device, which has no addresses\n"
    "\n"
    "Reads memory into a file, which is only made when everything could be read.\n"
    "\n"
    "  redfu read 0x0800C000 40K application.bin\n"
    "  redfu read 0x08000000 16K bootloader.bin\n";

static const char erase[] =
    "usage: redfu erase ADDRESS LENGTH [OPTIONS]\n"
    "       redfu erase --all [OPTIONS]\n"
    "\n"
    "Erases every sector the range touches, whole; --all erases every sector that can be erased "
    "and\n"
    "written: the application is lost. Read-only sectors are never touched. redfu-boot starts no\n"
    "application after a bare erase, of any sector, until one is loaded again.\n"
    "\n"
    "  --all-boards  at every board that matches, at the same time\n"
    "\n"
    "  redfu erase 0x0800C000 16K\n"
    "  redfu erase --all\n";

static const char run[] = "usage: redfu run [ADDRESS] [OPTIONS]\n"
                          "\n"
                          "Tells the device to leave DFU mode and start the application, at "
                          "ADDRESS or at the start of the\n"
                          "application area, and waits until it is gone.\n"
                          "\n"
                          "  redfu run\n";

static const char seal[] =
    "usage: redfu seal FILE[@ADDRESS] OUTPUT\n"
    "\n"
    "Puts a stamp (length and CRC-32, 16 bytes) behind an image. redfu-boot then starts it only if "
    "it\n"
    "is whole, whichever program loaded it and however that program ended. Without a stamp\n"
    "redfu-boot judges by how the load ended. The application needs no change. No device is "
    "needed.\n"
    "\n"
    "FILE may have any format that write takes, linked to start where the application area "
    "starts;\n"
    "OUTPUT gets the format that its name says (as for convert), else it is raw, and may be FILE\n"
    "itself. An image that is sealed already is written as it is. --format and --family as for "
    "write.\n"
    "\n"
    "  redfu seal product.bin product-sealed.bin\n"
    "  redfu seal product.elf product.hex\n";

static const char convert[] =
    "usage: redfu convert FILE[@ADDRESS]... OUTPUT [OPTIONS]\n"
    "\n"
    "Puts the images of all FILEs into one OUTPUT. OUTPUT's name says its format: .bin raw, .hex "
    "Intel\n"
    "HEX, .srec S-records, .elf ELF, .dfu DfuSe (taken by dfu-util and fwupd), .uf2 UF2. The "
    "formats of "
    "FILEs\n"
    "are found by their contents. Bytes that two files have, gaps in a raw OUTPUT, and several "
    "alternate\n"
    "settings where OUTPUT has one are refused; what else does not come along is told. No device "
    "is "
    "needed.\n"
    "\n"
    "  redfu convert product.elf product.hex\n"
    "  redfu convert product.bin@0x0800C000 product.dfu --alt 1 --usb-id 1209:0001\n"
    "  redfu convert boot.hex product.elf factory.bin --fill 0xFF\n"
    "  redfu convert factory.bin@0x08000000 product.bin --range 0x0800C000+256K\n"
    "\n"
    "  --to FORMAT      bin, hex, srec, elf, dfuse, dfu (raw with a DFU suffix) or uf2, whatever "
    "OUTPUT's\n"
    "                   name is\n"
    "  --format FORMAT  the same of the FILEs, whatever their contents are\n"
    "  --range RANGE    only what lies in FIRST-LAST or FIRST+LENGTH\n"
    "  --fill BYTE      fill gaps, and with --range the whole range\n"
    "  --from-alt N     of a DfuSe FILE only the image for this alternate setting\n"
    "  --alt N          DfuSe: for this alternate setting (as FILE says; else 0). fwupd wants 1 at "
    "redfu-boot\n"
    "  --target NAME    DfuSe: the target's name\n"
    "  --usb-id VID:PID for the DFU suffix (as FILE says; else 0483:DF11 in DfuSe, any in dfu)\n"
    "  --release N      bcdDevice for the DFU suffix: 1.2 or 0x0120 (as FILE says; else any)\n"
    "  --family FAMILY  UF2: this family of chips (STM32F4), in and out; a name or a number\n";

static const char fwupd[] =
    "usage: redfu fwupd-package FILE[@ADDRESS]... OUTPUT.cab --usb-id VID:PID --release VERSION "
    "[OPTIONS]\n"
    "\n"
    "Packs firmware for fwupd and the Linux Vendor Firmware Service: a cabinet with the image as a "
    "DfuSe\n"
    "file and firmware.metainfo.xml, and OUTPUT.quirk, which tells fwupd that the application and "
    "its\n"
    "bootloader are one device. FILE may have any format that write takes. No device is needed.\n"
    "\n"
    "fwupd knows a device by its VID:PID, so the product needs its own, another one in DFU mode "
    "than in\n"
    "its application. 0483:DF11 is refused: every STM32 in its ROM bootloader has it. After an "
    "update\n"
    "fwupd wants to read VERSION in the device's bcdDevice.\n"
    "\n"
    "  redfu fwupd-package product.elf product-1.2.cab --usb-id 1209:0003 --runtime-usb-id "
    "1209:0001 \\\n"
    "      --release 1.2 --id com.example.product.firmware --name Product --vendor Example\n"
    "  fwupdtool install product-1.2.cab\n"
    "\n"
    "  --usb-id VID:PID   in DFU mode\n"
    "  --runtime-usb-id VID:PID\n"
    "                     of the application, if it has a DFU interface (DETACH)\n"
    "  --release VERSION  such as 1.2, which is bcdDevice 0x0102\n"
    "  --id TEXT          the component, in the vendor's domain backwards\n"
    "  --name, --vendor, --summary, --description, --changes, --license, --homepage TEXT\n"
    "                     what people read; the licence by its SPDX name (LicenseRef-proprietary)\n"
    "  --guid TEXT        one more GUID, or an instance ID such as USB\\VID_1209&PID_0004\n"
    "  --date YYYY-MM-DD  of the release (today, or SOURCE_DATE_EPOCH)\n"
    "  --alt N            the alternate setting (as FILE says; else 1, which is redfu-boot's for "
    "fwupd)\n"
    "  --quirk FILE       where the quirk goes\n"
    "  --format, --family as for write\n";

static const char udev[] =
    "usage: redfu udev-rules [--usb-id VID:PID]... [-o FILE]\n"
    "\n"
    "Prints the rule by which Linux lets whoever is logged in at the computer open a device, or "
    "writes it\n"
    "to FILE. Without --usb-id: for 0483:DF11, and for every device in DFU mode.\n"
    "\n"
    "  sudo redfu udev-rules -o /etc/udev/rules.d/70-redfu.rules && sudo udevadm control "
    "-R\n"
    "  redfu udev-rules --usb-id 1209:0001 --usb-id 1209:0003\n"
    "\n"
    "  -o, --output FILE\n";
static const char inspect_help[] =
    "usage: redfu inspect FILE[@ADDRESS] [--chip NAME]\n"
    "\n"
    "Says what is wrong with an application before it is loaded: linked for another address, bytes "
    "in\n"
    "the bootloader's or the settings' sectors or in RAM, stack pointer, reset vector, handlers, a "
    "stamp\n"
    "that does not fit; for each finding what to change. No device is needed.\n"
    "\n"
    "A raw file is taken for the start of the application area, 0x0800C000, unless ADDRESS says "
    "else.\n"
    "\n"
    "  --chip NAME  whose memories: STM32F407VG if not given; STM32F411 is the largest of its "
    "line\n"
    "\n"
    "  redfu inspect Debug/product.elf\n"
    "  redfu inspect product.bin --chip STM32F411CE\n"
    "\n"
    "Exit status: 0 it would run (perhaps with warnings), 25 it would not.\n";

static const char factory[] =
    "usage: redfu factory OUTPUT --boot FILE --app FILE [--set KEY=VALUE]... [--seal] [--chip "
    "NAME]\n"
    "\n"
    "Makes one file for a board's first minute: redfu-boot, a settings store and the application, "
    "for a\n"
    "debug probe (SWD) or ST's bootloader. The board then starts its application at the first "
    "power-up.\n"
    "No device is needed. OUTPUT is Intel HEX, or what else its name says as with convert; raw is "
    "to be "
    "written\n"
    "to 0x08000000.\n"
    "\n"
    "  --boot FILE      redfu-boot: raw, Intel HEX, ELF or any other that convert reads\n"
    "  --app FILE       the application, the same; refused where `redfu inspect` finds an error\n"
    "  --set KEY=VALUE  a setting, as `redfu settings set` has keys and values; as often as you "
    "like\n"
    "  --seal           put the stamp behind the application, as `redfu seal` does\n"
    "  --chip NAME      whose memories: STM32F407VG if not given\n"
    "\n"
    "  redfu factory product.hex --boot redfu-boot.hex --app app.elf --set 0x0001=u16:1200\n"
    "  openocd -f board/stm32f4discovery.cfg -c \"program product.hex verify reset exit\"\n";

static const char doctor[] =
    "usage: redfu doctor [--sector ADDRESS --yes]\n"
    "       redfu doctor --conformance [--yes]\n"
    "       redfu doctor --log FILE\n"
    "\n"
    "Says why an update over USB fails: with the evidence, who is at fault, and what to do. Looks "
    "at\n"
    "descriptors, strings, the memory layout as each program reads it, the state as found, "
    "reading, and at\n"
    "this PC. That changes nothing in flash, and leaves the device in dfuIDLE.\n"
    "\n"
    "  --sector ADDRESS  try this sector, too: erase it, write two blocks, look at all flash. May "
    "be given\n"
    "                    up to four times: a second sector tells more. All flash that can be read "
    "is saved to\n"
    "                    redfu-doctor-SERIAL.hex first, and what changed is put back, after Ctrl-C "
    "as well.\n"
    "                    Name one that holds data, and rather not the application's first: if it "
    "could not be\n"
    "                    put back, nothing would start. The flash's first is refused\n"
    "  --yes             consent: without it no sector is touched\n"
    "  --conformance     the DFU conformance suite instead: some 240 assertions, those that hold "
    "with -v.\n"
    "                    With --yes also those that may upset an unsound device (bus resets, a "
    "long block)\n"
    "  --log FILE        looks at what another program left of its session, without a device: "
    "STM32CubeProgrammer's\n"
    "                    console or log, dfu-util's output, a capture (pcapng, pcap, usbmon's "
    "text, "
    "USBPcap)\n"
    "  --html FILE       the report as a page, too, with the memory map and the time line\n"
    "  -v, --verbose     all that was looked at, and each request with its time\n"
    "\n"
    "It never sends a mass erase or a read unprotect, and no address outside of the device's own "
    "map.\n"
    "\n"
    "  redfu doctor\n"
    "  redfu doctor --sector 0x080E0000 --yes\n"
    "  redfu doctor --log cubeprogrammer.log --html why.html\n"
    "\n"
    "Exit status: 0 nothing above a note, 60 a fault or a warning, 61 not all could be looked at, "
    "62 flash is\n"
    "not as it was (the file has it).\n";

static const char station[] =
    "usage: redfu station FILE[@ADDRESS]... [--settings FILE.csv] [--log FILE.csv] [--count N]\n"
    "\n"
    "Waits for a board in DFU mode, writes, verifies, puts in its settings, starts it, and says "
    "PASS "
    "or\n"
    "FAIL; then waits for the next, until Ctrl-C. The board just done is not done again.\n"
    "\n"
    "  --settings FILE.csv  a row of settings for each board. The first line names the columns: "
    "KEY or\n"
    "                       KEY:TYPE (u8, u16, u32, hex, text), or #NAME, a note. FILE.csv.used "
    "keeps\n"
    "                       which board has which row: a row is given once, and the same board "
    "gets "
    "its\n"
    "                       own again\n"
    "  --log FILE.csv       a line a board: time, serial number, path, file, CRC-32 of the image, "
    "row,\n"
    "                       PASS or FAIL, exit status, seconds, why\n"
    "  --count N            end after N boards\n"
    "  --again              the same board once more, when it was unplugged meanwhile\n"
    "  --full, --no-verify, --verify=read, --no-retry, --force-vectors: as write has them\n"
    "\n"
    "  redfu station product.hex --settings units.csv --log log.csv\n";

static const char settings[] =
    "usage: redfu settings list\n"
    "       redfu settings get KEY\n"
    "       redfu settings set KEY VALUE\n"
    "       redfu settings delete KEY\n"
    "       redfu settings backup FILE [--force]\n"
    "       redfu settings restore FILE\n"
    "       redfu settings import FILE\n"
    "\n"
    "The settings are small values that redfu-boot and its applications keep through updates and\n"
    "power cuts. What is written is read back and compared. The device stays in DFU mode.\n"
    "\n"
    "KEY is a number from 0 to 0xEFFF, an application's (a virtual address, where the application\n"
    "comes from ST's EEPROM emulation), or boot-mode. VALUE is up to 255 bytes:\n"
    "\n"
    "  u8:200  u16:0x1234  u32:100000    a number, as EE_ReadVariable would see it (u16)\n"
    "  text:hello  hello                 its characters; text: where it looks like a number (17, "
    "u64:1)\n"
    "  hex:00FF10                        bytes\n"
    "  for boot-mode: application, dfu, rom, factory-reset, or a product's own from 16 to 254: "
    "the\n"
    "  mode of every start; once:dfu is that of the next one alone\n"
    "\n"
    "  list     every setting in the form that set takes, the pages' wear, and what is amiss\n"
    "  backup   every setting to a file; dfu-util -U of the same memory makes the same file\n"
    "           A file that exists is kept, unless with --force\n"
    "  restore  sets what a backup holds; settings that are not in it stay\n"
    "  import   takes over the variables of ST's EEPROM emulation (AN3969, AN2594), which lie in\n"
    "           the settings' pages and keep redfu-boot from using them. They are saved to FILE "
    "first,\n"
    "           and their page is only erased when every value has been read back. Interrupted, "
    "it\n"
    "           goes on where it was when it is given again with the same FILE.\n"
    "           With --discard nothing is taken over: for pages that hold something else\n"
    "\n"
    "  redfu settings list\n"
    "  redfu settings set 0x5555 u16:1234\n"
    "  redfu settings get 0x5555\n"
    "  redfu settings set boot-mode once:dfu\n"
    "  redfu settings backup board-7.settings\n";

static const char protect[] =
    "usage: redfu protect on | off [OPTIONS]\n"
    "\n"
    "Sets or lifts write protection of the bootloader's own flash sectors, in the chip's option "
    "bytes.\n"
    "redfu-boot never writes there and an application seldom means to; protected, not even a "
    "stray\n"
    "write can. To replace the bootloader lift it first: debuggers refuse to erase protected "
    "sectors.\n"
    "The supply has to hold meanwhile: without it for this third of a second the chip may come up\n"
    "with its read protection at level 1. redfu info shows what is set.\n"
    "\n"
    "  redfu protect on\n"
    "  redfu protect off --serial 0123456789AB\n";

static void print_statuses(FILE *out) {
#define X(name, number, text) (void)fprintf(out, "  %3d  %s\n", number, text);
    REDFU_RESULTS(X)
#undef X
}

void help_print(FILE *out, enum command command) {
    static const char *const texts[] = {
        [COMMAND_NONE] = general,
        [COMMAND_LIST] = list,
        [COMMAND_INFO] = info,
        [COMMAND_WRITE] = write,
        [COMMAND_VERIFY] = verify,
        [COMMAND_READ] = read_help,
        [COMMAND_ERASE] = erase,
        [COMMAND_RUN] = run,
        [COMMAND_SEAL] = seal,
        [COMMAND_CONVERT] = convert,
        [COMMAND_FWUPD] = fwupd,
        [COMMAND_UDEV] = udev,
        [COMMAND_STATION] = station,
        [COMMAND_SETTINGS] = settings,
        [COMMAND_INSPECT] = inspect_help,
        [COMMAND_FACTORY] = factory,
        [COMMAND_PROTECT] = protect,
        [COMMAND_DOCTOR] = doctor,
    };
    (void)fputs(texts[command], out);
    if (command == COMMAND_NONE) {
        print_statuses(out);
    } else {
        (void)fputs("\nOPTIONS and exit statuses: redfu --help\n", out);
    }
}
