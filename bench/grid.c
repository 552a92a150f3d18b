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
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/plot.h"
#include "bench/timing.h"
#include "host/redfu_plan.h"

#define FLASH_BASE     0x08000000u
#define FLASH_MAX      (2048u * 1024u)
#define COST_US        250.0 // vboard's --transfer-cost, as it is unless told otherwise
#define CHANGED_BYTES  200u  // one function
#define WALL_SECONDS   180   // no load takes that long, however slow the board is in its own time
#define FWUPD_DEVICE   "d787669ee4a103fe0b361fe31c10ea037c72f27c" // of what is plugged in at 1-1
#define REDFU_BOOT     FIRMWARE "/redfu-boot.elf"
#define REDFU_BOOT_PIN "PA0=1@0+500ms"
#define PINS_MAX       8
#define SIZES_MAX      8

enum program { DFU_UTIL, FWUPDTOOL, REDFU_WRITE, PROGRAMS };
static const char *const program_names[PROGRAMS] = {"dfu-util", "fwupdtool", "redfu"};
enum change { ALL, NOTHING, FUNCTION, CHANGES };
static const char *const change_names[CHANGES] = {"full", "unchanged", "function"};

// A bootloader, and how one gets at it.
struct subject {
    const char *name, *elf, *board, *usb_id;
    const char *chip, *hse, *usb; // instead of a board, or what is otherwise on it
    const char *pins[PINS_MAX];
    unsigned pin_count;
    const char *wait_s;  // before the program starts
    int alternate;       // -1: the first with a layout string
    int fwupd_alternate; // 0: the same
    uint32_t addr;       // 0: where its layout string says
    uint32_t room;       // that can be written from there
    uint32_t flash_bytes;
    char vid_pid[16];
    char trouble[256]; // why nothing can be loaded
    char remark[256];
};

static struct {
    const char *json_file, *work, *svg_folder;
    uint32_t sizes[SIZES_MAX];
    unsigned size_count;
    bool has_program[PROGRAMS];
} settings = {.json_file = LOAD_FOLDER "/load.jsonl", .work = LOAD_FOLDER "/grid"};

struct cell {
    struct timing timing;
    double floor_ms;
    char trouble[256]; // empty: it was loaded
    char remark[256];  // though the program says otherwise
};

static bool ours_failed;
static FILE *json_out;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    exit(2);
}

static const char *in_work(const char *name) {
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", settings.work, name);
    return path;
}

static size_t read_whole(const char *path, void *to, size_t room) {
    FILE *in = fopen(path, "rbe");
    size_t got = in ? fread(to, 1, room, in) : 0;
    if (in) {
        (void)fclose(in);
    }
    return got;
}

static void write_whole(const char *path, const void *from, size_t len) {
    FILE *out = fopen(path, "wbe");
    if (!out || fwrite(from, 1, len, out) != len || fclose(out) != 0) {
        fail("%s: %s", path, strerror(errno));
    }
}

// --- programs --------------------------------------------------------------------------------------------------

struct words {
    const char *at[64];
    unsigned count;
};

static void say(struct words *words, const char *word) {
    if (words->count + 1 >= sizeof words->at / sizeof *words->at) {
        fail("a command of too many words");
    }
    words->at[words->count++] = word;
}

// Runs it in a process group of its own, its output into work/output.txt. What $? would be; 124 when it took too long.
static int run(struct words *words) {
    words->at[words->count] = NULL;
    pid_t child = fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        int out = open(in_work("output.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        int in = open("/dev/null", O_RDONLY);
        if (out < 0 || in < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || dup2(in, 0) < 0) {
            _exit(127);
        }
        (void)execvp(words->at[0], (char *const *)words->at);
        _exit(127);
    }
    if (child < 0) {
        fail("fork: %s", strerror(errno));
    }
    for (unsigned tenths = 0;; tenths++) {
        int status;
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (tenths == WALL_SECONDS * 10) {
            (void)kill(-child, SIGKILL);
            (void)waitpid(child, &status, 0);
            return 124;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

// What the program said last that is no progress: its reason, if it failed.
static void last_line(char *to, size_t room) {
    static char text[65536];
    text[read_whole(in_work("output.txt"), text, sizeof text - 1)] = '\0';
    to[0] = '\0';
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        line += strspn(line, " \t");
        if (*line && strncmp(line, "vboard: ", 8) != 0 && strncmp(line, "--", 2) != 0) {
            (void)snprintf(to, room, "%s", line);
        }
    }
    for (char *c = to; *c; c++) {
        *c = *c == '|' || (unsigned char)*c < ' ' ? ' ' : *c;
    }
}

// What vboard said last, or of its notes: why it did not begin, or where the firmware is.
static void vboard_line(char *to, size_t room, bool wants_note) {
    static char text[65536];
    static const char prefix[] = "vboard: ", note[] = "vboard: note: ";
    text[read_whole(in_work("output.txt"), text, sizeof text - 1)] = '\0';
    to[0] = '\0';
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        if (strncmp(line, note, sizeof note - 1) == 0) {
            (void)snprintf(to, room, "%s", line + sizeof note - 1);
        } else if (!wants_note && strncmp(line, prefix, sizeof prefix - 1) == 0) {
            (void)snprintf(to, room, "%s", line + sizeof prefix - 1);
        }
    }
}

static void say_board(struct words *words, const struct subject *subject, const char *flash) {
    say(words, VBOARD);
    say(words, "run");
    say(words, subject->chip ? "--chip" : "--board");
    say(words, subject->chip ? subject->chip : subject->board);
    if (subject->hse) {
        say(words, "--hse");
        say(words, subject->hse);
    }
    if (subject->usb) {
        say(words, "--usb");
        say(words, subject->usb);
    }
    for (unsigned i = 0; i < subject->pin_count; i++) {
        say(words, "--pin");
        say(words, subject->pins[i]);
    }
    say(words, "--flash");
    say(words, flash);
}

// The command behind --, perhaps after a while.
static void say_command(struct words *words, const struct subject *subject) {
    say(words, "--");
    if (subject->wait_s) {
        say(words, "sh");
        say(words, "-c");
        say(words, "sleep \"$0\"; exec \"$@\"");
        say(words, subject->wait_s);
    }
}

// --- where a bootloader takes images -----------------------------------------------------------------------------

// The writable bytes from an address on, without a gap, as the layout string announces them.
static uint32_t writable_from(const struct redfu_layout *layout, uint32_t addr) {
    struct redfu_sector sector;
    uint32_t end = addr;
    while (redfu_layout_sector_at(layout, end, &sector) && (sector.can & REDFU_CAN_WRITE)) {
        end = sector.addr + sector.bytes;
    }
    return end - addr;
}

// Takes alt and layout of a line of dfu-util -l: Found DFU: [0483:df11] ..., alt=0, name="@...", serial="...".
static bool take_device(struct subject *subject, const char *line, struct redfu_layout *layout) {
    const char *id = strstr(line, "Found DFU: ["), *alt = strstr(line, ", alt="),
               *name = strstr(line, "name=\"");
    struct redfu_fault fault;
    char text[256];
    if (!id || !alt || !name || sscanf(name + 6, "%255[^\"]", text) != 1 ||
        (subject->usb_id && strncasecmp(id + 12, subject->usb_id, 9) != 0)) {
        return false;
    }
    int number = (int)strtol(alt + 6, NULL, 10);
    if (subject->alternate >= 0 && number != subject->alternate) {
        return false;
    }
    (void)snprintf(subject->vid_pid, sizeof subject->vid_pid, "%.9s", id + 12);
    uint32_t addr, bytes;
    if (redfu_layout_parse(text, layout, &fault) != REDFU_OK) {
        (void)snprintf(subject->trouble, sizeof subject->trouble,
                       "alternate setting %d is no DfuSe memory: \"%.180s\"", number, text);
        return false;
    }
    if (!redfu_layout_application(layout, &addr, &bytes)) {
        (void)snprintf(subject->trouble, sizeof subject->trouble,
                       "alternate setting %d announces nothing that can be erased and written",
                       number);
        return false;
    }
    subject->alternate = number;
    subject->trouble[0] = '\0';
    if (subject->addr == 0) {
        subject->addr = addr;
    }
    return true;
}

static uint32_t end_of_bytes(const uint8_t *flash, uint32_t end) {
    while (end > 0 && flash[end - 1] == 0xff) {
        end--;
    }
    return FLASH_BASE + end;
}

// Brings the bootloader up once, for its layout string and for what it makes of its own flash.
static void find_room(struct subject *subject, const char *flash_file) {
    static uint8_t flash[FLASH_MAX];
    static char text[65536];
    struct words words = {0};
    say_board(&words, subject, flash_file);
    say(&words, "--load");
    say(&words, subject->elf);
    say_command(&words, subject);
    say(&words, "dfu-util");
    say(&words, "-l");
    (void)remove(flash_file);
    int status = run(&words);
    // As long as the chip's flash is, once vboard has begun.
    subject->flash_bytes = (uint32_t)read_whole(flash_file, flash, sizeof flash);
    if (subject->flash_bytes == 0) {
        vboard_line(text, sizeof text, false);
        fail("%s: vboard did not run it (exit status %d): %s", subject->elf, status, text);
    }
    char why[200];
    vboard_line(why, sizeof why, true);
    text[read_whole(in_work("output.txt"), text, sizeof text - 1)] = '\0';
    const uint32_t given = subject->addr;
    struct redfu_layout layout;
    struct subject found = *subject;
    bool is_found = false;
    (void)snprintf(found.trouble, sizeof found.trouble, "dfu-util -l finds no DFU device%s%s%s%s",
                   subject->usb_id ? " " : "", subject->usb_id ? subject->usb_id : "",
                   why[0] ? "; vboard: " : "", why);
    // The lowest alternate setting with a layout is meant, if none is named.
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        struct subject copy = *subject;
        struct redfu_layout candidate;
        bool is_one = take_device(&copy, line, &candidate);
        if (is_one && (!is_found || copy.alternate < found.alternate)) {
            found = copy;
            layout = candidate;
            is_found = true;
        } else if (!is_one && !is_found && copy.trouble[0]) {
            found = copy;
        }
    }
    *subject = found;
    if (!is_found) {
        return;
    }
    // Some announce their own sectors as writable. They are not measured by what destroys them.
    uint32_t end = end_of_bytes(flash, subject->flash_bytes);
    if (given == 0 && subject->addr < end) {
        uint32_t named = subject->addr;
        struct redfu_sector sector;
        while (subject->addr < end && redfu_layout_sector_at(&layout, subject->addr, &sector)) {
            subject->addr = sector.addr + sector.bytes;
        }
        (void)snprintf(subject->remark, sizeof subject->remark,
                       "announces its own sectors as writable (from 0x%08X); images go behind its "
                       "last byte",
                       named);
    }
    subject->room = writable_from(&layout, subject->addr);
    if (subject->room == 0) {
        (void)snprintf(subject->trouble, sizeof subject->trouble,
                       "0x%08X is not announced as writable", subject->addr);
        return;
    }
    const uint32_t off = subject->addr - FLASH_BASE;
    if (subject->addr < FLASH_BASE || off >= subject->flash_bytes) {
        (void)snprintf(
            subject->trouble, sizeof subject->trouble,
            "0x%08X is outside the chip's %u KB of flash, the memory that is measured here",
            subject->addr, subject->flash_bytes / 1024);
    } else if (subject->room > subject->flash_bytes - off) {
        subject->room = subject->flash_bytes - off; // it announces more than there is
    }
}

// --- what flash takes by itself -----------------------------------------------------------------------------------

// DS8626 table 40, x32, typical: the sectors that bytes [addr, addr + len) touch, and a word each 16 us.
static double floor_ms(uint32_t addr, uint32_t len) {
    uint32_t start = FLASH_BASE;
    double ms = (double)((len + 3) / 4) * 0.016;
    while (start < addr + len) {
        uint32_t off = start - FLASH_BASE;
        uint32_t bytes = off < 0x10000 ? 0x4000 : off < 0x20000 ? 0x10000 : 0x20000;
        if (start + bytes > addr) {
            ms += bytes == 0x4000 ? 250 : bytes == 0x10000 ? 550 : 1000;
        }
        start += bytes;
    }
    return ms;
}

// The one sector that a changed function lies in, and the words of the image there.
static double one_sector_ms(uint32_t addr, uint32_t len, uint32_t changed) {
    uint32_t off = changed - FLASH_BASE;
    uint32_t bytes = off < 0x10000 ? 0x4000 : off < 0x20000 ? 0x10000 : 0x20000;
    uint32_t start = changed & ~(bytes - 1);
    uint32_t from = start < addr ? addr : start;
    uint32_t to = start + bytes < addr + len ? start + bytes : addr + len;
    return floor_ms(from, to - from);
}

// --- loads ----------------------------------------------------------------------------------------------------------

static uint8_t before[FLASH_MAX], after[FLASH_MAX];

// Random bytes that begin as an application does; what it does is nothing.
static void make_image(uint8_t *bytes, uint32_t len, uint64_t seed, uint32_t addr) {
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (uint8_t)x;
    }
    uint32_t vectors[2] = {0x20020000u, addr + 0x201u};
    (void)memcpy(bytes, vectors, sizeof vectors);
    bytes[0x200] = 0xfe; // a branch to itself
    bytes[0x201] = 0xe7;
    bytes[len - 1] = 0x5a; // blank ends are not told from none
}

// Half way through the image.
static uint32_t changed_off(uint32_t len) {
    return len / 2;
}

static void make_images(const struct subject *subject, uint32_t len, enum change change) {
    make_image(before, len, 1, subject->addr);
    make_image(after, len, change == ALL ? 2 : 1, subject->addr);
    if (change == FUNCTION) {
        (void)memset(after + changed_off(len), 0x33, CHANGED_BYTES);
    }
}

static void make_flash(const struct subject *subject, const char *from, uint32_t len) {
    static uint8_t flash[FLASH_MAX];
    if (read_whole(from, flash, sizeof flash) != subject->flash_bytes) {
        fail("%s: cannot be read", from);
    }
    (void)memcpy(flash + (subject->addr - FLASH_BASE), before, len);
    write_whole(in_work("flash.bin"), flash, subject->flash_bytes);
}

static void say_program(struct words *words, const struct subject *subject, enum program program) {
    static char place[64], file[600], alternate[16];
    (void)snprintf(alternate, sizeof alternate, "%d", subject->alternate);
    switch (program) {
    case DFU_UTIL:
        (void)snprintf(place, sizeof place, "0x%08X:leave", subject->addr);
        say(words, "dfu-util");
        say(words, "-d");
        say(words, subject->vid_pid);
        say(words, "-a");
        say(words, alternate);
        say(words, "-s");
        say(words, place);
        say(words, "-D");
        say(words, in_work("image.bin"));
        break;
    case FWUPDTOOL: {
        struct words pack = {0};
        static char from[600];
        (void)snprintf(place, sizeof place, "0x%08X", subject->addr);
        (void)snprintf(from, sizeof from, "%s@%s", in_work("image.bin"), place);
        (void)snprintf(file, sizeof file, "%s", in_work("image.dfu"));
        say(&pack, REDFU);
        say(&pack, "convert");
        say(&pack, from);
        say(&pack, file);
        say(&pack, "--usb-id");
        say(&pack, subject->vid_pid);
        // fwupd's search for a sector is off by one where read-only ones come first, so redfu-boot has a second
        // setting without them.
        (void)snprintf(alternate, sizeof alternate, "%d",
                       subject->fwupd_alternate ? subject->fwupd_alternate : subject->alternate);
        say(&pack, "--alt");
        say(&pack, alternate);
        (void)remove(file);
        if (run(&pack) != 0) {
            char text[256];
            last_line(text, sizeof text);
            fail("redfu convert made no DfuSe file: %s", text);
        }
        say(words, "fwupdtool");
        say(words, "install-blob");
        say(words, file);
        say(words, FWUPD_DEVICE);
        say(words, "--plugins");
        say(words, "dfu");
        say(words, "-y");
        say(words, "--allow-reinstall");
        say(words, "--no-reboot-check");
        say(words, "--force");
        break;
    }
    case REDFU_WRITE:
    default:
        (void)snprintf(file, sizeof file, "%s@0x%08X", in_work("image.bin"), subject->addr);
        say(words, REDFU);
        say(words, "write");
        say(words, file);
        say(words, "--usb-id");
        say(words, subject->vid_pid);
        break;
    }
}

static void measure(const struct subject *subject, const char *base, uint32_t len,
                    enum program program, enum change change, struct cell *cell) {
    static uint8_t flash[FLASH_MAX];
    *cell = (struct cell){
        .floor_ms = change == ALL ? floor_ms(subject->addr, len)
                    : change == NOTHING
                        ? 0
                        : one_sector_ms(subject->addr, len, subject->addr + changed_off(len))};
    if (subject->trouble[0]) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "%s", subject->trouble);
        return;
    }
    if (len > subject->room) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "does not fit: %u KB are announced",
                       subject->room / 1024);
        return;
    }
    make_images(subject, len, change);
    make_flash(subject, base, len);
    write_whole(in_work("image.bin"), after, len);
    struct words command = {0};
    say_board(&command, subject, in_work("flash.bin"));
    say(&command, "--limit");
    say(&command, "100ms");
    static char trace[600];
    (void)snprintf(trace, sizeof trace, "%s", in_work("trace.txt"));
    say(&command, "--trace");
    say(&command, trace);
    say_command(&command, subject);
    say_program(&command, subject, program);
    int status = run(&command);
    char said[200];
    last_line(said, sizeof said);
    bool is_there = read_whole(in_work("flash.bin"), flash, sizeof flash) == subject->flash_bytes &&
                    memcmp(flash + (subject->addr - FLASH_BASE), after, len) == 0;
    if (status != 0 &&
        (!is_there || change == NOTHING || !timing_read(trace, COST_US, &cell->timing))) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "exit status %d: %.180s", status, said);
    } else if (status != 0) {
        // A bootloader that resets before its last answer, for one. An image that was there before proves nothing.
        (void)snprintf(cell->remark, sizeof cell->remark,
                       "the image is there, though: exit status %d: %.180s", status, said);
    } else if (!is_there) {
        (void)snprintf(cell->trouble, sizeof cell->trouble,
                       "said to be loaded, and the flash holds something else");
    } else if (!timing_read(trace, COST_US, &cell->timing)) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "no request of a load on the trace");
    }
}

// --- what comes of it ---------------------------------------------------------------------------------------------

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
    return in_work(is_ours ? "ours.bin" : "other.bin");
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
    (void)snprintf(folder, sizeof folder, "%s-XXXXXX", settings.work);
    if (!mkdtemp(folder)) {
        fail("%s: %s", folder, strerror(errno));
    }
    settings.work = folder;
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
    settings.work = LOAD_FOLDER; // run() keeps the output of what it runs
    return run(&clean) != 0 ? 2 : ours_failed;
}
