// SPDX-License-Identifier: MIT
//
// What `script/bench` needs to measure loads of the whole application area, beside the programs that
// load: images to load, and where the time of a load went, read from a trace of vboard.
//
//   load-tool image SEED FILE        976 KB of random bytes that begin as an application does
//   load-tool dfu ALT FILE OUTPUT    the image as a DfuSe file for 0x0800C000, for programs that want one
//   load-tool split TRACE typical|maximum COST_US
//   load-tool cost COMMAND...        runs it; "cost", processor time in ms, most memory in MB
//
// split prints one line, milliseconds: total; the flash's own, erasing and programming; what is left of the
// total when flash did neither. Beside that, what the host did meanwhile: its transfers on the wire, the time
// the device had it wait in GETSTATUS, its controller's COST_US for each transfer, and its own sleeps.
// The two sides overlap: each adds up to the total, not both.

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/bytes.h"
#include "spec/crc.h"

#define IMAGE_BYTES   (976u * 1024u)
#define APPLICATION   0x0800c000u
#define CODE_OFF      0x200u
// Thumb: a branch to itself. What is loaded here is to be loaded, not to do anything.
#define BRANCH_HERE   0xe7feu
// DS8626 table 40, x32: a word.
#define WORD_US       16.0
#define WORD_MAX_US   100.0
// A GETSTATUS that nobody holds back takes no longer: three packets of a full-speed frame.
#define GETSTATUS_US  60.0
// DfuSe files, UM0391: prefix, target prefix, element header, suffix.
#define PREFIX_BYTES  11u
#define TARGET_BYTES  274u
#define ELEMENT_BYTES 8u
#define SUFFIX_BYTES  16u

static int fail(const char *what, const char *name) {
    (void)fprintf(stderr, "load-tool: %s: %s\n", name, what);
    return 2;
}

static int save(const char *name, const uint8_t *bytes, size_t len) {
    FILE *file = fopen(name, "wb");
    if (!file) {
        return fail(strerror(errno), name);
    }
    bool is_written = fwrite(bytes, 1, len, file) == len;
    return fclose(file) == 0 && is_written ? 0 : fail("cannot be written", name);
}

// Marsaglia's xorshift64: any seed but zero, the same bytes everywhere.
static int make_image(const char *seed_text, const char *name) {
    static uint8_t bytes[IMAGE_BYTES];
    uint64_t x = strtoull(seed_text, NULL, 0) * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < IMAGE_BYTES; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        store_le32(bytes + i, (uint32_t)x);
        store_le32(bytes + i + 4, (uint32_t)(x >> 32));
    }
    store_le32(bytes, 0x20020000u);
    store_le32(bytes + 4, APPLICATION + CODE_OFF + 1);
    store_le16(bytes + CODE_OFF, BRANCH_HERE);
    return save(name, bytes, sizeof bytes);
}

static int make_dfu(const char *alternate, const char *from, const char *to) {
    static uint8_t bytes[PREFIX_BYTES + TARGET_BYTES + ELEMENT_BYTES + IMAGE_BYTES + SUFFIX_BYTES];
    uint8_t *target = bytes + PREFIX_BYTES;
    uint8_t *element = target + TARGET_BYTES;
    FILE *file = fopen(from, "rb");
    if (!file) {
        return fail(strerror(errno), from);
    }
    uint32_t len = (uint32_t)fread(element + ELEMENT_BYTES, 1, IMAGE_BYTES, file);
    (void)fclose(file);
    memcpy(bytes, "DfuSe\1", 6);
    store_le32(bytes + 6, PREFIX_BYTES + TARGET_BYTES + ELEMENT_BYTES + len); // without the suffix
    bytes[10] = 1;                                                            // targets
    memcpy(target, "Target", 6);
    target[6] = (uint8_t)strtoul(alternate, NULL, 0);
    store_le32(target + 266, ELEMENT_BYTES + len);
    store_le32(target + 270, 1); // elements
    store_le32(element, APPLICATION);
    store_le32(element + 4, len);
    uint8_t *suffix = element + ELEMENT_BYTES + len;
    store_le16(suffix, 0x0100);     // bcdDevice
    store_le16(suffix + 2, 0xdf11); // idProduct
    store_le16(suffix + 4, 0x0483); // idVendor
    store_le16(suffix + 6, 0x011a); // bcdDFU
    memcpy(suffix + 8, "UFD", 3);
    suffix[11] = SUFFIX_BYTES;
    uint32_t total = (uint32_t)(suffix + SUFFIX_BYTES - bytes);
    // DFU 1.1 appendix B: the CRC register as it is, not inverted at the end as crc32_update has it.
    store_le32(suffix + 12, ~crc32_update(CRC32_START, bytes, total - 4));
    return save(to, bytes, total);
}

struct split {
    double start, end; // of the load: its first DNLOAD, its last DFU request
    double erase, program;
    double wire, held, gaps;
    unsigned transfers;
    double setup, done; // of the transfer under way, of the one before
};

static double number_behind(const char *line, const char *word) {
    const char *at = strstr(line, word);
    return at ? strtod(at + strlen(word), NULL) : 0;
}

// A transfer's SETUP opens it; the line of its end closes it.
static void take_usb(struct split *s, double us, const char *what) {
    if (strncmp(what, "setup ", 6) == 0) {
        s->setup = us;
        return;
    }
    bool is_dnload = strncmp(what, "dnload ", 7) == 0;
    if (is_dnload && s->start == 0) {
        s->start = s->setup;
        s->done = s->setup;
    }
    if (s->start == 0 || s->setup == 0) {
        return;
    }
    if (is_dnload || strncmp(what, "getstatus ", 10) == 0 || strncmp(what, "upload ", 7) == 0 ||
        strncmp(what, "abort ", 6) == 0) {
        s->end = us;
        s->transfers++;
        double took = us - s->setup;
        bool is_held = strncmp(what, "getstatus ", 10) == 0 && took > GETSTATUS_US;
        s->wire += is_held ? GETSTATUS_US : took;
        s->held += is_held ? took - GETSTATUS_US : 0;
        s->gaps += s->setup - s->done;
        s->done = us;
        s->setup = 0;
    }
}

static void take_line(struct split *s, const char *line, double word_us) {
    char *rest;
    double us = strtod(line, &rest);
    if (strncmp(rest, " usb ", 5) == 0) {
        take_usb(s, us, rest + 5);
    } else if (strncmp(rest, " flash erase ", 13) == 0 && s->start != 0) {
        s->erase += number_behind(rest, " us=");
    } else if (strncmp(rest, " flash program ", 15) == 0 && s->start != 0) {
        s->program += number_behind(rest, " len=") / 4 * word_us;
    }
}

static int print_split(const char *name, const char *times, const char *cost) {
    bool is_maximum = strcmp(times, "maximum") == 0;
    FILE *file = fopen(name, "r");
    if (!file) {
        return fail(strerror(errno), name);
    }
    struct split s = {0};
    char line[512];
    while (fgets(line, sizeof line, file)) {
        take_line(&s, line, is_maximum ? WORD_MAX_US : WORD_US);
    }
    (void)fclose(file);
    if (s.end <= s.start || s.erase == 0 || s.program == 0) {
        return fail("has no load on it", name);
    }
    double total = s.end - s.start;
    double controller = s.transfers * strtod(cost, NULL);
    (void)printf(
        "%.1f ms: erase %.1f, program %.1f, neither %.1f; meanwhile the host: %u transfers, "
        "wire %.1f, held %.1f, controller %.1f, sleep %.1f\n",
        total / 1000, s.erase / 1000, s.program / 1000, (total - s.erase - s.program) / 1000,
        s.transfers, s.wire / 1000, s.held / 1000, controller / 1000, (s.gaps - controller) / 1000);
    return 0;
}

static int print_cost(char **command) {
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        (void)execvp(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        return fail("did not run to success", command[0]);
    }
    (void)printf("cost %.1f %.1f\n",
                 (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000,
                 (double)usage.ru_maxrss / 1024);
    return 0;
}

int main(int argc, char **argv) {
    if (argc >= 3 && strcmp(argv[1], "cost") == 0) {
        return print_cost(argv + 2);
    }
    if (argc == 4 && strcmp(argv[1], "image") == 0) {
        return make_image(argv[2], argv[3]);
    }
    if (argc == 5 && strcmp(argv[1], "dfu") == 0) {
        return make_dfu(argv[2], argv[3], argv[4]);
    }
    if (argc == 5 && strcmp(argv[1], "split") == 0) {
        return print_split(argv[2], argv[3], argv[4]);
    }
    (void)fprintf(stderr, "usage: load-tool image SEED FILE | dfu ALT FILE OUTPUT |\n"
                          "       split TRACE typical|maximum COST_US | cost COMMAND...\n");
    return 2;
}
