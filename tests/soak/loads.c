// SPDX-License-Identifier: MIT
//
// Loads in a row into one kept flash, by changing programs, of changing images, and something happens to
// many of them: the cable is pulled, power goes at a flash operation or an instruction, the supply dips, the
// program dies. After each, power comes up without the button, and either an application starts that is
// byte for byte one of the two it may be (the one before, the one under way), or the board is in DFU mode.
// A load to which nothing happens has to succeed. The bootloader's sector never changes. The stack stays within what
// script/stack says redfu-boot can need (the application's, which is seen too, is less deep), and the programs of the last
// loads take no more memory than those of the first.
//
// usage: soak-loads [LOADS [SEED]]. A run with the same numbers does the same. Exit status: 0 all held, 1 not,
// 2 it could not run.

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOTLOADER_BYTES 16384u
#define APPLICATION      0xC000u
#define FLASH_BYTES      1048576u
#define IMAGE_MAX        (200u * 1024)
#define DFU_BUTTON       "--pin PA0=1@0+500ms"
#define SESSION_LOADS    40u

enum { NOTHING, UNPLUGGED, CUT_FLASH, CUT_INSTRUCTION, DIP, CRASH, EVENTS };
static const char *const event_names[EVENTS] = {
    "nothing", "cable pulled", "cut, flash", "cut, instruction", "supply dips", "program killed"};
enum { DFU_UTIL, REDFU_WRITE, REDFU_FULL, PROGRAMS };
static const char *const program_names[PROGRAMS] = {"dfu-util", "redfu write",
                                                    "redfu write --full"};
static const char *const program_lines[PROGRAMS] = {"dfu-util -a 0 -s 0x0800C000:leave -D %s",
                                                    REDFU " write %s@0x0800C000",
                                                    REDFU " write --full %s@0x0800C000"};

struct image {
    uint8_t bytes[IMAGE_MAX];
    uint32_t len; // 0: none
};

static char folder[] = "/tmp/redfu-soak-XXXXXX";
static uint8_t flash[FLASH_BYTES], bootloader[BOOTLOADER_BYTES];
static struct image before, now;
static uint64_t noise;

// The deepest stack of the board that a report of vboard told, bytes. The largest program of a load, kB, among the first
// and the last quarter.
static unsigned deepest_stack;
static long largest_kb[2];
static long last_kb; // the largest program that the last shell line ran

static struct {
    unsigned loads, by_event[EVENTS], by_program[PROGRAMS];
    unsigned succeeded, kept, in_dfu, too_late, failed;
} counts;

static uint32_t random_below(uint32_t bound) {
    noise = noise * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((noise >> 33) % bound);
}

// Runs a line in the folder; its output is in out.txt. Its exit status.
static int shell(const char *line) {
    char command[2048];
    (void)snprintf(command, sizeof command, "cd %s && { %s; } >out.txt 2>&1 </dev/null", folder,
                   line);
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        (void)fprintf(stderr, "soak-loads: %s\n", strerror(errno));
        exit(2);
    }
    last_kb = usage.ru_maxrss;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static size_t read_file(const char *name, void *to, size_t room) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rbe");
    size_t got = in ? fread(to, 1, room, in) : 0;
    if (in) {
        (void)fclose(in);
    }
    return got;
}

static void write_file(const char *name, const void *from, size_t len) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wbe");
    if (!out || fwrite(from, 1, len, out) != len || fclose(out) != 0) {
        (void)fprintf(stderr, "soak-loads: %s: %s\n", path, strerror(errno));
        exit(2);
    }
}

// An application of a random length: one of the two examples, and what never runs behind it.
static void make_image(void) {
    static const char *const examples[] = {FIRMWARE "/blink-0.1.bin", FIRMWARE "/blink-0.2.bin"};
    before = now;
    const char *example = examples[random_below(2)];
    FILE *in = fopen(example, "rbe");
    now.len = in ? (uint32_t)fread(now.bytes, 1, IMAGE_MAX, in) : 0;
    if (in) {
        (void)fclose(in);
    }
    if (now.len == 0) {
        (void)fprintf(stderr, "soak-loads: %s: cannot be read\n", example);
        exit(2);
    }
    uint32_t len = now.len + random_below(random_below(4) == 0 ? IMAGE_MAX - now.len : 20u * 1024);
    for (uint32_t blank = random_below(3); now.len < len; now.len++) {
        now.bytes[now.len] = blank == 0 && now.len / 4096 % 2 ? 0xff : (uint8_t)random_below(256);
    }
    now.bytes[now.len - 1] = 0x5a; // blank ends are not told from none
    write_file("image.bin", now.bytes, now.len);
}

static bool holds(const struct image *image) {
    return image->len != 0 && memcmp(flash + APPLICATION, image->bytes, image->len) == 0;
}

static void complain(unsigned load, const char *what, const char *line) {
    char output[4096];
    size_t len = read_file("out.txt", output, sizeof output - 1);
    output[len] = '\0';
    counts.failed++;
    (void)printf("soak.loads: load %u: %s\n  %s\n  ...%s\n", load, what, line,
                 len > 600 ? output + len - 600 : output);
}

// What happens to the load, as options of vboard, and around its command.
static void arrange(unsigned event, char options[128], char command[512]) {
    char inner[320];
    (void)snprintf(inner, sizeof inner, "%.300s", command);
    options[0] = '\0';
    uint32_t at_ms = 300 + random_below(1200);
    switch (event) {
    case UNPLUGGED:
        (void)snprintf(options, 128, "--unplug %" PRIu32 "ms+%" PRIu32 "ms", at_ms,
                       50 + random_below(3000));
        break;
    case CUT_FLASH:
        (void)snprintf(options, 128, "--cut flash:%" PRIu32 "%s",
                       1 + random_below(now.len / 4 + 20), random_below(2) ? ",torn" : "");
        if (options[strlen(options) - 1] == 'n') {
            (void)snprintf(options + strlen(options), 64, "=%" PRIu32, 1 + random_below(1000));
        }
        break;
    case CUT_INSTRUCTION:
        (void)snprintf(options, 128, "--cut insn:%" PRIu32, 1 + random_below(6000000));
        break;
    case DIP:
        (void)snprintf(options, 128, "--supply %s@%" PRIu32 "ms+%" PRIu32 "ms",
                       random_below(2) ? "1.2V" : "0V", at_ms, 1 + random_below(200));
        break;
    case CRASH:
        (void)snprintf(command, 512, "%s & sleep 0.%03" PRIu32 "; kill -9 $!; wait; true", inner,
                       random_below(1000));
        break;
    default:
        break;
    }
}

// What the run's report says of the stack; a run without is a fault of ours.
static void take_stack(unsigned load, const char *line) {
    static const char words[] = " was used to a depth of ";
    char text[8192];
    text[read_file("report.txt", text, sizeof text - 1)] = '\0';
    const char *at = strstr(text, words);
    unsigned bytes = at ? (unsigned)strtoul(at + strlen(words), NULL, 10) : 0;
    if (bytes == 0) {
        complain(load, "the report does not tell of a stack", line);
    }
    deepest_stack = bytes > deepest_stack ? bytes : deepest_stack;
}

// What redfu-boot's stack can need at most.
static unsigned stack_bound(void) {
    char text[64] = "";
    (void)shell(STACK_SCRIPT " --bytes " FIRMWARE "/redfu-boot.ci");
    text[read_file("out.txt", text, sizeof text - 1)] = '\0';
    return (unsigned)strtoul(text, NULL, 10);
}

// Power comes up without the button. What is the case then: after a second, since settling the store after a cut takes
// an erase and another start (docs/boot.md), and attaching some 80 ms more.
static void look(unsigned load, const char *line) {
    (void)shell(VBOARD " run --flash flash.bin --limit 1s --trace trace.txt --report=report.txt; "
                       "grep -q 'cpu vtor value=0x0800c000' trace.txt && echo started; "
                       "grep -q 'usb attach' trace.txt && echo attached");
    char output[1024];
    output[read_file("out.txt", output, sizeof output - 1)] = '\0';
    take_stack(load, line);
    bool has_started = strstr(output, "started");
    if (read_file("flash.bin", flash, sizeof flash) != sizeof flash ||
        memcmp(flash, bootloader, sizeof bootloader) != 0) {
        complain(load, "the bootloader's sector has changed", line);
    } else if (has_started && holds(&now)) {
        counts.succeeded++;
    } else if (has_started && holds(&before)) {
        counts.kept++;
        now = before;
    } else if (has_started) {
        complain(load, "an application started that is neither", line);
    } else if (strstr(output, "attached")) {
        counts.in_dfu++;
        now.len = 0; // nothing may start until something is loaded
    } else {
        complain(load, "neither an application nor DFU mode", line);
    }
}

static void one_load(unsigned load, unsigned loads) {
    make_image();
    unsigned event = random_below(2) ? NOTHING : random_below(EVENTS);
    unsigned program = random_below(PROGRAMS);
    char options[128], command[512], line[1024];
    (void)snprintf(command, sizeof command, program_lines[program], "image.bin");
    arrange(event, options, command);
    (void)snprintf(line, sizeof line,
                   VBOARD " run --flash flash.bin " DFU_BUTTON
                          " --report=report.txt %s --limit 20ms -- sh -c '%s'",
                   options, command);
    counts.loads++;
    counts.by_event[event]++;
    counts.by_program[program]++;
    int status = shell(line);
    unsigned quarter = (load - 1) * 4 / loads;
    if (quarter == 0 || quarter == 3) {
        long *largest = &largest_kb[quarter == 3];
        *largest = last_kb > *largest ? last_kb : *largest;
    }
    take_stack(load, line);
    if (event == NOTHING && status != 0) {
        complain(load, "nothing happened to this load, and it failed", line);
    }
    unsigned succeeded = counts.succeeded;
    look(load, line);
    if (event == NOTHING && counts.succeeded == succeeded) {
        complain(load, "this load was reported as done, and its image does not start", line);
    }
    // A crash or a pulled cable that came after the end.
    counts.too_late += event != NOTHING && counts.succeeded != succeeded;
}

// Many loads in one session of one vboard: its memory, in kB, after the first and after the last.
static void long_session(long memory[2]) {
    char line[1024];
    make_image();
    (void)snprintf(line, sizeof line,
                   VBOARD
                   " run --flash flash.bin " DFU_BUTTON
                   " --limit 1ms -- sh -c 'for i in $(seq %u); do dfu-util -a 0 -s 0x0800C000 -D "
                   "image.bin && grep VmRSS: /proc/$PPID/status >>memory.txt; done'",
                   SESSION_LOADS);
    (void)shell(line);
    char text[8192];
    text[read_file("memory.txt", text, sizeof text - 1)] = '\0';
    unsigned lines = 0;
    for (char *at = text; (at = strstr(at, "VmRSS:")); at++) {
        memory[lines++ != 0] = strtol(at + 6, NULL, 10);
    }
    if (lines != SESSION_LOADS) {
        complain(0, "a load of the long session failed", line);
    } else if (memory[1] > memory[0] + 512) {
        complain(0, "vboard grew by more than 512 kB in the long session", line);
    }
}

int main(int argc, char **argv) {
    unsigned loads = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
    noise = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t seed = noise;
    if (loads == 0 || !mkdtemp(folder)) {
        (void)fprintf(stderr, "usage: soak-loads [LOADS [SEED]]\n");
        return 2;
    }
    if (shell(VBOARD " run --load " FIRMWARE "/redfu-boot.elf --flash flash.bin --limit 1ms") !=
            0 ||
        read_file("flash.bin", bootloader, sizeof bootloader) != sizeof bootloader) {
        (void)fprintf(stderr, "soak-loads: no flash to begin with\n");
        return 2;
    }
    for (unsigned load = 1; load <= loads; load++) {
        one_load(load, loads);
        if (load % 50 == 0) {
            (void)fprintf(stderr, "soak.loads: %u of %u, %u failed\n", load, loads, counts.failed);
        }
    }
    long memory[2] = {0, 0};
    long_session(memory);
    unsigned bound = stack_bound();
    // Far less than it can need was not looked at.
    if (deepest_stack < bound / 2 || deepest_stack > bound) {
        counts.failed++;
        (void)printf("soak.loads: the stack was %u bytes deep, and script/stack says %u at most\n",
                     deepest_stack, bound);
    }
    if (largest_kb[1] > largest_kb[0] + 1024) {
        counts.failed++;
        (void)printf("soak.loads: a program of the last loads took %ld kB, of the first %ld\n",
                     largest_kb[1], largest_kb[0]);
    }
    for (unsigned i = 0; i < EVENTS; i++) {
        (void)printf("soak.loads: %-17s %5u loads\n", event_names[i], counts.by_event[i]);
    }
    for (unsigned i = 0; i < PROGRAMS; i++) {
        (void)printf("soak.loads: %-18s %4u loads\n", program_names[i], counts.by_program[i]);
    }
    (void)printf("soak.loads: stack at most %u bytes deep, of %u that it can need\n", deepest_stack,
                 bound);
    (void)printf("soak.loads: largest program %ld kB in the first quarter, %ld kB in the last\n",
                 largest_kb[0], largest_kb[1]);
    (void)printf("evidence: soak-loads seed=%" PRIu64
                 " loads=%u disturbed=%u new_image=%u (late=%u) old_image=%u dfu_mode=%u failed=%u "
                 "session_loads=%u vboard_kb_first=%ld vboard_kb_last=%ld stack_bytes=%u "
                 "stack_bound=%u program_kb_first=%ld program_kb_last=%ld\n",
                 seed, counts.loads, counts.loads - counts.by_event[NOTHING], counts.succeeded,
                 counts.too_late, counts.kept, counts.in_dfu, counts.failed, SESSION_LOADS,
                 memory[0], memory[1], deepest_stack, bound, largest_kb[0], largest_kb[1]);
    char line[64];
    (void)snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line) != 0 || counts.failed != 0;
}
