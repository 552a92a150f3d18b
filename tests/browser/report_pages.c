// SPDX-License-Identifier: MIT
//
// Reports to look at in a browser: report-pages FOLDER writes session.html, hostile.html and empty.html.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/report.h"

static void write_page(const char *folder, const char *name, struct report *report) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "we");
    report_sort(report);
    if (out) {
        report_html(report, out);
    }
    if (!out || ferror(out) || fclose(out) != 0) {
        (void)fprintf(stderr, "report-pages: %s: cannot be written\n", path);
        exit(1);
    }
    report_free(report);
}

// A load of 40 KB, 2 KB a block, whose second erase hangs: what a session with ST's class looks like.
static void session(const char *folder) {
    struct report report = {0};
    (void)snprintf(report.subject, sizeof report.subject, "DFU in HS Mode, 0483:df11 at 1-2");
    static const struct report_area areas[] = {
        {0, 0x08000000, 16384, 3, 1, "Internal Flash"},
        {0, 0x0800C000, 16384, 1, 7, "Internal Flash"},
        {0, 0x08010000, 65536, 1, 7, "Internal Flash"},
        {0, 0x08020000, 131072, 7, 7, "Internal Flash"},
        {1, 0x08020000, 131072, 7, 7, "Internal Flash again"},
    };
    for (unsigned i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        report_area(&report, &areas[i]);
    }
    report_fact(&report, "device", "product", "%s", "STM32 DownLoad Firmware Update");
    report_fact(&report, "device", "serial number", "%s", "316E52724F42");
    report_fact(&report, "descriptors", "wTransferSize", "2048 bytes");
    report_fact(&report, "layout", "interface string", "%s",
                "@Internal Flash   /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg");
    uint64_t now = 1000;
    for (unsigned block = 0; block < 400; block++) {
        bool is_erase = block % 200 == 0;
        struct report_request request = {.at_us = now,
                                         .duration_us = is_erase ? 250000 : 900,
                                         .state = is_erase ? 4 : 5,
                                         .status = 0,
                                         .poll_ms = is_erase ? 250 : 0};
        (void)snprintf(request.words, sizeof request.words,
                       "DNLOAD block %u, 2048 bytes, then GETSTATUS", block + 2);
        if (block == 200) {
            request.result = REPORT_STALLED;
            request.state = 10;
            request.status = 14;
        }
        report_request(&report, &request);
        now += request.duration_us + 1000;
        if (block < 20) {
            report_touch(&report, now, REPORT_WRITTEN, 0x0800C000 + 2048 * block, 2048);
        }
    }
    report_touch(&report, 1000, REPORT_READ, 0x08000000, 1024);
    report_touch(&report, 1000, REPORT_ERASED, 0x0800C000, 16384);
    report_touch(&report, 2000, REPORT_UNCHANGED, 0x08010000, 65536);
    report_touch(&report, 3000, REPORT_HARMED, 0x08008000, 8192);
    report_touch(&report, now, REPORT_RESTORED, 0x0800C000, 16384);
    report_add(&report, "F8", REPORT_CERTAIN, 520000,
               "erase of 0x%08X: dfuDNBUSY with status OK for %u ms", 0x08010000u, 5000u);
    report_add(&report, "F17", REPORT_LIKELY, 700000, "0x08008000 changed, which nobody asked for");
    report_add(&report, "F34", REPORT_POSSIBLE, REPORT_NO_TIME, "a note");
    write_page(folder, "session.html", &report);
}

#define ATTACK                                                                                     \
    "</style></title><script>document.title='broken'</script><img src=http://127.0.0.1:9/x "       \
    "onerror="                                                                                     \
    "\"document.title='broken'\"><a "                                                              \
    "href='javascript:1'>x</a>&lt;\"'`\xff\xc0\xaf\x01\x1b[31m\xe2\x80\xae"                        \
    "gnp.exe"

static void hostile(const char *folder) {
    struct report report = {0};
    char long_word[300];
    memset(long_word, 'W', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    (void)snprintf(report.subject, sizeof report.subject, "%.150s", ATTACK);
    report_fact(&report, ATTACK, ATTACK, "%s", ATTACK);
    report_fact(&report, "device", "product", "%s", long_word);
    report_incomplete(&report, "%s", ATTACK);
    static const struct report_area wide = {0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFF, "<b>"};
    report_area(&report, &wide);
    static const struct report_area none = {0, 0, 0, 0, 0, ""};
    report_area(&report, &none);
    report_touch(&report, UINT64_MAX, REPORT_HARMED, 0xFFFFFFFF, 0xFFFFFFFF);
    struct report_request request = {.at_us = UINT64_MAX - 5,
                                     .duration_us = 3,
                                     .result = REPORT_GONE,
                                     .state = 255,
                                     .status = 255,
                                     .poll_ms = 16777215};
    (void)snprintf(request.words, sizeof request.words, "%.100s", ATTACK);
    report_request(&report, &request);
    request.state = -1;
    request.at_us = 0;
    report_request(&report, &request);
    report_add(&report, "F1", REPORT_CERTAIN, UINT64_MAX - 1, "%s", ATTACK);
    report_add(&report, "F2", REPORT_CERTAIN, 0, "%s", long_word);
    write_page(folder, "hostile.html", &report);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: report-pages FOLDER\n");
        return 2;
    }
    session(argv[1]);
    hostile(argv[1]);
    struct report empty = {0};
    write_page(argv[1], "empty.html", &empty);
    return 0;
}
