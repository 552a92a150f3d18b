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
    "  write FILE[@ADDRESS]    erase, write, verify, start the application\n"
    "  verify FILE[@ADDRESS]   compare the device with a file\n"
    "  read ADDRESS LENGTH FILE\n"
    "  erase ADDRESS LENGTH    the sectors of a range; erase --all: every sector that can be\n"
    "  run [ADDRESS]           leave DFU mode and start the application\n"
    "  seal FILE OUTPUT        put the stamp behind an image by which redfu-boot knows it whole\n"
    "\n"
    "Which device, when more than one is connected:\n"
    "  --serial TEXT    by serial number        --path BUS-PORT   by socket, as list shows it\n"
    "  --usb-id VID:PID by USB identity\n"
    "\n"
    "  --alt N          alternate setting, that is, which memory (default 0)\n"
    "  -q, --quiet      no progress, only errors\n"
    "  -h, --help       this; after a command, about that command\n"
    "  -V, --version\n"
    "\n"
    "list and info change nothing on a device. Numbers: 0x0800C000, 4096, 16K, 1M.\n"
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
                           "another program is shown and left as it is.\n"
                           "\n"
                           "  redfu info\n"
                           "  redfu info --serial 0123456789AB\n";

static const char write[] =
    "usage: redfu write FILE[@ADDRESS] [--no-run] [--no-verify] [--force-vectors] [OPTIONS]\n"
    "\n"
    "Erases the sectors the image touches, writes it, reads it back to compare, and starts it. "
    "The\n"
    "rest of a sector that is only partly covered is erased too. ELF and Intel HEX files carry "
    "their\n"
    "addresses; any other file is raw and goes to the start of the application area, or to "
    "ADDRESS.\n"
    "Everything is checked before anything is sent.\n"
    "\n"
    "  redfu write blink-0.1.bin               to the start of the application area\n"
    "  redfu write blink.elf                   to the addresses it is linked for\n"
    "  redfu write table.bin@0x080E0000 --no-run\n"
    "\n"
    "  --no-run         leave the device in DFU mode at the end\n"
    "  --no-verify      do not read back\n"
    "  --force-vectors  also write an image whose reset vector lies outside it\n"
    "\n"
    "Ctrl-C ends after the block under way and leaves the device ready for the next load.\n";

static const char verify[] = "usage: redfu verify FILE[@ADDRESS] [OPTIONS]\n"
                             "\n"
                             "Reads the device back and compares it with the file; the first "
                             "difference is shown. Leaves the\n"
                             "device in DFU mode.\n"
                             "\n"
                             "  redfu verify blink-0.1.bin\n";

static const char read_help[] =
    "usage: redfu read ADDRESS LENGTH FILE [OPTIONS]\n"
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
    "FILE may be raw, Intel HEX or ELF, linked to start where the application area starts; OUTPUT "
    "is\n"
    "Intel HEX if its name ends in .hex or .ihex, else raw, and may be FILE itself. An image that "
    "is\n"
    "sealed already is written as it is.\n"
    "\n"
    "  redfu seal product.bin product-sealed.bin\n"
    "  redfu seal product.elf product.hex\n";

static void print_statuses(FILE *out) {
#define X(name, number, text) (void)fprintf(out, "  %3d  %s\n", number, text);
    REDFU_RESULTS(X)
#undef X
}

void help_print(FILE *out, enum command command) {
    static const char *const texts[] = {
        [COMMAND_NONE] = general, [COMMAND_LIST] = list,     [COMMAND_INFO] = info,
        [COMMAND_WRITE] = write,  [COMMAND_VERIFY] = verify, [COMMAND_READ] = read_help,
        [COMMAND_ERASE] = erase,  [COMMAND_RUN] = run,       [COMMAND_SEAL] = seal,
    };
    (void)fputs(texts[command], out);
    if (command == COMMAND_NONE) {
        print_statuses(out);
    } else {
        (void)fputs("\nOPTIONS and exit statuses: redfu --help\n", out);
    }
}
