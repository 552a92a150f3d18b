// SPDX-License-Identifier: MIT
//
// `script/bench load`: how long a load takes, in the board's time, by size, by what has changed since the last
// load, and by host program; beside it what flash takes by itself, and, if one is given, another bootloader.
//
// Each load begins with the same board: the bootloader at its place and an image of random bytes behind it, laid into
// the flash. It ends in a look at the flash: a load whose image is not there is no load. What a program cannot do with a
// bootloader stands in its cell, in the words of the program; it is not left out. Where the image is there though the
// program says that it failed, the time stands with a note.
//
// Exit status: 0 every load of redfu-boot came to its end, 1 one did not, 2 it could not be measured.

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/cell.h"
#include "bench/plot.h"

#define REDFU_BOOT     FIRMWARE "/redfu-boot.elf"
#define REDFU_BOOT_PIN "PA0=1@0+500ms"
#define SIZES_MAX      8

static const char *const program_names[PROGRAMS] = {"dfu-util", "fwupdtool", "redfu"};
static const char *const change_names[CHANGES] = {"full", "unchanged", "function"};

static struct {
    const char *json_file, *svg_folder;
    uint32_t sizes[SIZES_MAX];
    unsigned size_count;
    bool has_program[PROGRAMS];
} settings = {.json_file = LOAD_FOLDER "/load.jsonl"};

static bool ours_failed;
static FILE *json_out;

static void add_ms(struct json_object *line, const char *name, double ms) {
    char text[32];
    (void)snprintf(text, sizeof text, "%.1f", ms);
    json_object_object_add(line, name, json_object_new_double_s(ms, text));
}

static void put_json(const struct subject *subject, uint32_t len, enum program program,
                     enum change change, const struct cell *cell) {
    struct json_object *line = json_object_new_object();
    json_object_object_add(line, "bootloader", json_object_new_string(subject->name));
    json_object_object_add(line, "program", json_object_new_string(program_names[program]));
    json_object_object_add(line, "change", json_object_new_string(change_names[change]));
    json_object_object_add(line, "address", json_object_new_int64(subject->addr));
    json_object_object_add(line, "bytes", json_object_new_int64(len));
    add_ms(line, "flash_ms", cell->floor_ms);
    if (cell->trouble[0]) {
        json_object_object_add(line, "trouble", json_object_new_string(cell->trouble));
    } else {
        if (cell->remark[0]) {
            json_object_object_add(line, "remark", json_object_new_string(cell->remark));
        }
        add_ms(line, "ms", cell->timing.total_ms);
        add_ms(line, "erase_ms", cell->timing.erase_ms);
        add_ms(line, "program_ms", cell->timing.program_ms);
        add_ms(line, "transfer_ms", cell->timing.transfer_ms);
        add_ms(line, "controller_ms", cell->timing.controller_ms);
        add_ms(line, "sleep_ms", cell->timing.sleep_ms);
        json_object_object_add(line, "transfers", json_object_new_int64(cell->timing.transfers));
    }
    (void)fprintf(json_out, "%s\n",
                  json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN |
                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
    (void)json_object_put(line);
}

// What went wrong is told once, below the table.
static char notes[128][sizeof((struct cell *)0)->trouble];
static unsigned note_count;

static unsigned note_of(const char *trouble) {
    unsigned i = 0;
    while (i < note_count && strcmp(notes[i], trouble) != 0) {
        i++;
    }
    if (i == note_count && note_count < sizeof notes / sizeof *notes) {
        (void)snprintf(notes[note_count++], sizeof *notes, "%s", trouble);
    }
    return i + 1;
}

static void put_cell(const struct cell *cell) {
    if (cell->trouble[0]) {
        (void)printf(" no [%u] |", note_of(cell->trouble));
        return;
    }
    (void)printf(" %.3f s", cell->timing.total_ms / 1000);
    if (cell->floor_ms > 0) {
        (void)printf(" (%.3f)", cell->timing.total_ms / cell->floor_ms);
    }
    if (cell->remark[0]) {
        (void)printf(" [%u]", note_of(cell->remark));
    }
    (void)printf(" |");
}

static const char *base_file(bool is_ours) {
    return work_path(is_ours ? "ours.bin" : "other.bin");
}

static void look_at(struct subject *subject, bool is_ours) {
    char base[600];
    (void)snprintf(base, sizeof base, "%s", base_file(is_ours));
    find_room(subject, base);
    if (is_ours && subject->trouble[0]) {
        fail("%s: %s", subject->name, subject->trouble);
    }
    if (subject->remark[0]) {
        (void)fprintf(stderr, "bench: %s %s\n", subject->name, subject->remark);
    }
}

static void one_subject(struct subject *subject, bool is_ours, char *splits, size_t splits_room) {
    char base[600];
    (void)snprintf(base, sizeof base, "%s", base_file(is_ours));
    for (int program = 0; program < PROGRAMS; program++) {
        for (unsigned i = 0; settings.has_program[program] && i < settings.size_count; i++) {
            uint32_t len = settings.sizes[i];
            (void)printf("| %s | %s | %u KB", subject->name, program_names[program], len / 1024);
            if (subject->addr != 0) {
                (void)printf(" at 0x%08X | %.3f s |", subject->addr,
                             floor_ms(subject->addr, len) / 1000);
            } else {
                (void)printf(" | |"); // it was not found
            }
            for (int change = 0; change < CHANGES; change++) {
                struct cell cell;
                measure(subject, base, len, (enum program)program, (enum change)change, &cell);
                put_json(subject, len, (enum program)program, (enum change)change, &cell);
                put_cell(&cell);
                (void)fflush(stdout);
                ours_failed = ours_failed || (is_ours && (cell.trouble[0] || cell.remark[0]));
                if (change == ALL && !cell.trouble[0]) {
                    size_t used = strlen(splits);
                    const struct timing *t = &cell.timing;
                    (void)snprintf(splits + used, splits_room - used,
                                   "| %s | %s | %u KB | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | "
                                   "%u |\n",
                                   subject->name, program_names[program], len / 1024, t->total_ms,
                                   t->erase_ms, t->program_ms, t->transfer_ms, t->controller_ms,
                                   t->sleep_ms, t->transfers);
                }
            }
            (void)putchar('\n');
        }
    }
}

static void usage(FILE *to) {
    (void)fputs(
        "usage: script/bench load [--size KB]... [--program NAME]... [--json FILE] [--svg FOLDER]\n"
        "                         [--against ELF [--board NAME | --chip NAME] [--hse FREQUENCY] "
        "[--usb fs|hs|ulpi]\n"
        "                          [--pin PIN=LEVEL[@TIME[+DURATION]]]... [--wait SECONDS]\n"
        "                          [--usb-id VID:PID] [--alternate N] [--address ADDRESS]]\n"
        "\n"
        "Loads images of 40, 256, 700 and 976 KB into redfu-boot on the virtual STM32F4-Discovery "
        "with dfu-util,\n"
        "fwupdtool and redfu, each over an image that differs everywhere, over itself, and over "
        "itself with\n"
        "200 bytes changed in the middle. Prints a table: the board's time in seconds from the "
        "program's first\n"
        "request that is not chapter 9's to its last, and in brackets how many times what erasing "
        "and programming\n"
        "take by themselves, by the datasheet's typical values (for a changed function: of its "
        "sector).\n"
        "Then a table of where the time of the full loads went, in milliseconds: flash first, then "
        "transfers (the\n"
        "wire, or a device that makes the host wait), the host's controller (0.25 ms a transfer), "
        "its sleeps.\n"
        "\n"
        "  --size KB         this size alone; may be given several times\n"
        "  --program NAME    this program alone; may be given several times\n"
        "  --json FILE       a line a load goes there (build/load/load.jsonl)\n"
        "  --svg FOLDER      draws both tables there, as script/bench plot does; made if it is "
        "missing\n"
        "  --against ELF     another bootloader beside it. Options behind it say how one gets at "
        "it:\n"
        "    --board, --chip, --hse, --usb, --pin   as for vboard run (--board stm32f4-discovery)\n"
        "    --wait SECONDS  the board's seconds before the program is started, where it attaches "
        "late\n"
        "    --usb-id VID:PID, --alternate N   the device and its setting; default: the first one "
        "found\n"
        "    --address ADDRESS   where images go. Default: the first sector that its layout string "
        "says can\n"
        "                    be erased and written, behind its own last byte. Images stay inside "
        "what it\n"
        "                    announces.\n"
        "\n"
        "What a program cannot do with a bootloader stands in its cell; an image that is there "
        "though its program\n"
        "failed has a note. Exit status: 0 every load of redfu-boot came to its end, 1 one did "
        "not, 2 it could not be\n"
        "measured.\n",
        to);
}

static uint32_t number(const char *text, const char *what) {
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (end == text || *end || value > 0xffffffff) {
        fail("%s: a number is wanted, not '%s'", what, text);
    }
    return (uint32_t)value;
}

static void take_size(const char *text) {
    uint32_t kb = number(text, "--size");
    if (kb < 1 || kb > 1024 || settings.size_count == SIZES_MAX) {
        fail("--size: 1 to 1024 KB, %d sizes at most", SIZES_MAX);
    }
    settings.sizes[settings.size_count++] = kb * 1024;
}

static void take_program(const char *text) {
    for (int i = 0; i < PROGRAMS; i++) {
        if (strcmp(text, program_names[i]) == 0) {
            settings.has_program[i] = true;
            return;
        }
    }
    fail("--program: dfu-util, fwupdtool or redfu, not '%s'", text);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void take_options(int argc, char **argv, struct subject *other) {
    enum { BOARD = 1, CHIP, HSE, USB, PIN, WAIT, USB_ID, ALTERNATE, ADDRESS };
    static const struct option options[] = {{"size", required_argument, NULL, 's'},
                                            {"program", required_argument, NULL, 'p'},
                                            {"json", required_argument, NULL, 'j'},
                                            {"svg", required_argument, NULL, 'g'},
                                            {"against", required_argument, NULL, 'a'},
                                            {"board", required_argument, NULL, BOARD},
                                            {"chip", required_argument, NULL, CHIP},
                                            {"hse", required_argument, NULL, HSE},
                                            {"usb", required_argument, NULL, USB},
                                            {"pin", required_argument, NULL, PIN},
                                            {"wait", required_argument, NULL, WAIT},
                                            {"usb-id", required_argument, NULL, USB_ID},
                                            {"address", required_argument, NULL, ADDRESS},
                                            {"alternate", required_argument, NULL, ALTERNATE},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option > 0 && option <= ADDRESS && !other->elf) {
            fail("options of the other bootloader come behind --against");
        }
        switch (option) {
        case 's':
            take_size(optarg);
            break;
        case 'p':
            take_program(optarg);
            break;
        case 'j':
            settings.json_file = optarg;
            break;
        case 'g':
            settings.svg_folder = optarg;
            break;
        case 'a':
            other->elf = optarg;
            other->name = base_name(optarg);
            break;
        case BOARD:
            other->board = optarg;
            break;
        case CHIP:
            other->chip = optarg;
            break;
        case HSE:
            other->hse = optarg;
            break;
        case USB:
            other->usb = optarg;
            break;
        case PIN:
            if (other->pin_count == PINS_MAX) {
                fail("--pin: %d at most", PINS_MAX);
            }
            other->pins[other->pin_count++] = optarg;
            break;
        case WAIT:
            other->wait_s = optarg;
            break;
        case USB_ID:
            other->usb_id = optarg;
            break;
        case ALTERNATE:
            other->alternate = (int)number(optarg, "--alternate");
            break;
        case ADDRESS:
            other->addr = number(optarg, "--address");
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fail("what is '%s'? See --help", argv[optind]);
    }
}

int main(int argc, char **argv) {
    static const uint32_t all_sizes[] = {40, 256, 700, 976};
    if (argc >= 2 && strcmp(argv[1], "plot") == 0) {
        if (argc < 3 || argc > 4 || argv[2][0] == '-') {
            (void)fputs(plot_usage, stderr);
            return 2;
        }
        return plot_write(argc == 4 ? argv[3] : settings.json_file, argv[2]) ? 0 : 2;
    }
    struct subject ours = {.name = "redfu-boot",
                           .elf = REDFU_BOOT,
                           .board = "stm32f4-discovery",
                           .pins = {REDFU_BOOT_PIN},
                           .pin_count = 1,
                           .alternate = 0,
                           .fwupd_alternate = 1};
    struct subject other = {.board = "stm32f4-discovery", .alternate = -1};
    if (argc < 2 || strcmp(argv[1], "load") != 0) {
        usage(stderr);
        return 2;
    }
    take_options(argc - 1, argv + 1, &other);
    for (size_t i = 0; settings.size_count == 0 && i < sizeof all_sizes / sizeof *all_sizes; i++) {
        settings.sizes[i] = all_sizes[i] * 1024;
    }
    settings.size_count = settings.size_count ? settings.size_count : 4;
    bool has_any = false;
    for (int i = 0; i < PROGRAMS; i++) {
        has_any = has_any || settings.has_program[i];
    }
    for (int i = 0; !has_any && i < PROGRAMS; i++) {
        settings.has_program[i] = true;
    }
    char folder[600];
    (void)snprintf(folder, sizeof folder, "%s/grid-XXXXXX", LOAD_FOLDER);
    if (!mkdtemp(folder)) {
        fail("%s: %s", folder, strerror(errno));
    }
    work_in(folder);
    // fwupdtool keeps what it keeps there.
    char absolute[4096];
    if (!realpath(folder, absolute) || setenv("FWUPD_LOCALSTATEDIR", absolute, 1) != 0 ||
        setenv("FWUPD_SYSCONFDIR", absolute, 1) != 0) {
        fail("%s: %s", folder, strerror(errno));
    }
    // What would be in the way at the end is better known before the first load.
    if (settings.svg_folder && mkdir(settings.svg_folder, 0777) != 0 && errno != EEXIST) {
        fail("%s: %s", settings.svg_folder, strerror(errno));
    }
    look_at(&ours, true);
    if (other.elf) {
        look_at(&other, false);
    }
    json_out = fopen(settings.json_file, "we");
    if (!json_out) {
        fail("%s: %s", settings.json_file, strerror(errno));
    }
    static char splits[16384];
    (void)printf(
        "| bootloader | program | image | flash alone | all of it changed | nothing changed | "
        "200 bytes changed |\n|---|---|---|---|---|---|---|\n");
    one_subject(&ours, true, splits, sizeof splits);
    if (other.elf) {
        one_subject(&other, false, splits, sizeof splits);
    }
    for (unsigned i = 0; i < note_count; i++) {
        (void)printf("%s[%u] %s\n", i ? "" : "\n", i + 1, notes[i]);
    }
    (void)printf(
        "\n| bootloader | program | full load | ms | erase | program | transfers | controller "
        "| sleep | requests |\n|---|---|---|---|---|---|---|---|---|---|\n%s",
        splits);
    if (fclose(json_out) != 0) {
        fail("%s: %s", settings.json_file, strerror(errno));
    }
    if (settings.svg_folder && !plot_write(settings.json_file, settings.svg_folder)) {
        return 2;
    }
    struct words clean = {.at = {"rm", "-rf", folder}, .count = 3};
    work_in(LOAD_FOLDER); // run() keeps the output of what it runs
    return run(&clean) != 0 ? 2 : ours_failed;
}
