// SPDX-License-Identifier: MIT
//
// doctor/log: logs that users published (tests/vectors/logs) get the causes that their authors found in the end, and
// one session gets the same ones from each format that a capture may have.

#include "doctor/log/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/pcapng.h"
#include "capture/usbmon.h"
#include "spec/dfu.h"

static struct report report;

static int begin(void **state) {
    (void)state;
    report = (struct report){0};
    return 0;
}

static int end(void **state) {
    (void)state;
    report_free(&report);
    return 0;
}

static bool examine(const void *bytes, size_t len, char why[LOG_WHY_MAX]) {
    // Of its own, so that one byte too far is seen.
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    bool ok = log_examine(copy, len, &report, why);
    free(copy);
    report_sort(&report);
    return ok;
}

static const char *fact(const char *name) {
    for (size_t i = 0; i < report.fact_count; i++) {
        if (strcmp(report.facts[i].name, name) == 0) {
            return report.facts[i].value;
        }
    }
    return "";
}

// Above a note, in their order: "F26 F46".
static const char *found(void) {
    static char ids[200];
    ids[0] = '\0';
    for (size_t i = 0; i < report.finding_count; i++) {
        if (report.findings[i].severity != FINDING_NOTE) {
            (void)strcat(strcat(ids, ids[0] ? " " : ""), report.findings[i].finding->id);
        }
    }
    return ids;
}

// -- Logs

static void examine_file(const char *name) {
    char path[400];
    char why[LOG_WHY_MAX];
    static char bytes[65536];
    (void)snprintf(path, sizeof path, LOGS "/%s.log", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    report_free(&report);
    if (!examine(bytes, len, why)) {
        fail_msg("%s: %s", name, why);
    }
}

static void published_logs_get_their_causes(void **state) {
    (void)state;
    static const struct {
        const char *log, *found, *step, *note;
    } logs[] = {
        {"cubeprogrammer-no-erase", "F1 F2 F26 F10", "erase (line 7", NULL},
        {"cubeprogrammer-2.16-no-sector", "F26 F46", "erase (line 21", NULL},
        {"cubeprogrammer-2.15-good", "", "none", NULL},
        {"cubeprogrammer-shifted-layout", "F3", "none", NULL},
        {"cubeprogrammer-stuck-busy", "F8", "", NULL},
        {"cubeprogrammer-sector-38308", "F26", "", NULL},
        {"cubeprogrammer-write-failed", "F2 F27", "write (line 13", NULL},
        {"cubeprogrammer-st-link", "", "", NULL},
        {"dfu-util-0.9-leave", "", "leave (line 19", "F33"},
        {"dfu-util-0.8-erase", "F23 F24", "erase (line 13", "F10"},
        {"dfu-util-0.11-not-writeable", "F7 F2", "erase (line 13", NULL},
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        examine_file(logs[i].log);
        if (strcmp(found(), logs[i].found) != 0 ||
            strncmp(fact("step that failed"), logs[i].step, strlen(logs[i].step)) != 0 ||
            (logs[i].note && !report_has(&report, logs[i].note))) {
            fail_msg("%s: \"%s\" instead of \"%s\", step \"%s\"", logs[i].log, found(),
                     logs[i].found, fact("step that failed"));
        }
    }
}

static void the_evidence_is_the_line(void **state) {
    (void)state;
    examine_file("cubeprogrammer-2.16-no-sector");
    assert_string_equal(fact("version"), "2.16.0");
    const struct report_finding *entry = report_has(&report, "F26");
    assert_non_null(strstr(entry->evidence[0].text, "line 21: \"sector 0000 does not exist\""));
    assert_int_equal(entry->confidence, REPORT_CERTAIN);
    examine_file("cubeprogrammer-st-link");
    assert_non_null(strstr(report.incomplete, "ST-Link"));
}

static void a_version_without_the_fault_is_not_blamed(void **state) {
    (void)state;
    char why[LOG_WHY_MAX];
    static const char log[] = "STM32CubeProgrammer v2.18.0\r\n12:00:00 : Memory Programming ...\r\n"
                              "12:00:00 : Erasing memory corresponding to segment 0:\r\n"
                              "12:00:00 : Error: failed to erase memory\r\n";
    assert_true(examine(log, sizeof log - 1, why));
    assert_string_equal(found(), "F1 F2 F10");
    report_free(&report);
    static const char bad[] = "STM32CubeProgrammer v2.16.0\nMemory Programming ...\n"
                              "Erasing memory corresponding to segment 0:\n"
                              "Error: failed to erase memory\n";
    assert_true(examine(bad, sizeof bad - 1, why));
    assert_memory_equal(found(), "F26 ", 4);
    report_free(&report);
    // The same as a Windows shell writes it, and the other way round; with its mark and cut out of the file.
    for (unsigned low = 0; low < 2; low++) {
        uint8_t wide[2 * sizeof bad] = {0};
        wide[low] = 0xff;
        wide[1 - low] = 0xfe;
        for (size_t i = 0; i + 1 < sizeof bad; i++) {
            wide[2 + 2 * i + low] = (uint8_t)bad[i];
        }
        for (size_t skip = 0; skip <= 2; skip += 2) {
            report_free(&report);
            assert_true(examine(wide + skip, sizeof wide - skip, why));
            assert_memory_equal(found(), "F26 ", 4);
        }
    }
}

// As build servers and terminals put it before each line of any program.
static void a_time_in_front_of_a_line_is_passed_over(void **state) {
    (void)state;
    static const char *const stamps[] = {"[2024-05-05T10:00:00] ", "2024-05-05T10:00:00.1234567Z ",
                                         "[12:10:04] ", "2024-05-05 10:00:00,123 "};
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        char why[LOG_WHY_MAX];
        char log[300];
        (void)snprintf(log, sizeof log,
                       "%sdfu-util 0.11\n%sMemory segment at 0x08000000 4 x 16384 = 65536 (r)\n"
                       "%sdfu-util: Page at 0x08000000 is not writeable\n",
                       stamps[i], stamps[i], stamps[i]);
        report_free(&report);
        assert_true(examine(log, strlen(log), why));
        assert_string_equal(found(), "F2");
    }
}

// How the device came onto the bus, of the port that is meant: a mouse that flickers is nobody's fault here.
static void the_kernels_log_tells_why_there_is_no_device(void **state) {
    (void)state;
    static const struct {
        const char *log, *found;
    } logs[] = {
        {"[1.5] usb 1-1: new full-speed USB device number 12 using xhci_hcd\n"
         "[1.6] usb 1-1: device descriptor read/64, error -71\n"
         "[1.7] usb usb1-port1: unable to enumerate USB device\n",
         "F50 F27"},
        {"[1.6] usb 1-1: device descriptor read/64, error -110\n", "F42 F50"},
        {"Mar 12 10:11:12 host kernel: usb 3-2.1: New USB device found, idVendor=0483, "
         "idProduct=df11, bcdDevice= 2.00\n"
         "Mar 12 10:11:12 host kernel: usb 3-2.1: can't set config #1, error -32\n"
         "Mar 12 10:11:13 host kernel: usb 3-4: device descriptor read/64, error -71\n",
         "F51"},
        {"[2.0] usb 1-2: New USB device found, idVendor=046d, idProduct=c077, bcdDevice=72.00\n"
         "[2.1] usb 1-2: device descriptor read/64, error -71\n",
         ""},
        {"[2.0] usb 1-2: New USB device found, idVendor=0483, idProduct=df11, bcdDevice=22.00\n"
         "[2.1] usb 1-2: rejected 1 configuration due to insufficient available bus power\n",
         "F27"},
        {"[2.0] usb 1-2: new full-speed USB device number 3 using xhci_hcd\n"
         "[2.1] usb 1-2: config index 0 descriptor too short (expected 36, got 27)\n",
         "F45"},
        // At a hub, whose port is named by the hub: the board is 3-2.1.
        {"[2.0] usb 3-2.1: New USB device found, idVendor=0483, idProduct=df11, bcdDevice=22.00\n"
         "[2.1] usb 3-2-port1: Cannot enable. Maybe the USB cable is bad?\n"
         "[2.2] usb 3-2-port4: over-current condition\n",
         "F27"},
        // What the line before held is not this one's.
        {"[2.0] usb 1-2: New USB device found, idVendor=0483, idProduct=df11, bcdDevice=22.00\n"
         "[2.1] usb 1-3: can't set config #1, error -32\n"
         "[2.2] usb 1-2:\n",
         ""},
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        char why[LOG_WHY_MAX];
        report_free(&report);
        assert_true(examine(logs[i].log, strlen(logs[i].log), why));
        assert_string_equal(found(), logs[i].found);
        assert_string_equal(fact("name"), "Linux");
    }
    // That it came is no load that went well.
    assert_true(logs[3].found[0] == '\0');
    char why[LOG_WHY_MAX];
    report_free(&report);
    assert_true(examine(logs[3].log, strlen(logs[3].log), why));
    assert_non_null(strstr(report.incomplete, "the log ends before"));
}

// No clean bill for a log that ends in an error which no reader knows, or before anything was done.
static void what_is_not_understood_is_not_well(void **state) {
    (void)state;
    static const struct {
        const char *log, *incomplete;
    } logs[] = {
        {"dfu-util 0.11\ndfu-util: Warning: Invalid DFU suffix signature\n"
         "dfu-util: File ID 0483:df11 does not match device (1209:0001)\n",
         "line 3 is an error that the doctor knows no cause of: \"dfu-util: File ID 0483:df11 does "
         "not match device (1209:0001)\""},
        {"dfu-util 0.11\nOpening DFU capable USB device...\n",
         "the log ends before it shows how the load, or what else it is of, went"},
        {"dfu-util 0.11\nFile downloaded successfully\n", ""},
        {"dfu-util 0.11\nUpload done.\n", ""},
        {"STM32CubeProgrammer v2.18.0\nMemory Programming ...\nError: Wrong verify command use\n",
         "line 3 is an error that the doctor knows no cause of: \"Error: Wrong verify command "
         "use\""},
        {"STM32CubeProgrammer v2.18.0\nMemory Programming ...\n",
         "the log ends before it shows how the load, or what else it is of, went"},
        {"STM32CubeProgrammer v2.18.0\nMemory Programming ...\nFile download complete\n", ""},
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        char why[LOG_WHY_MAX];
        report_free(&report);
        assert_true(examine(logs[i].log, strlen(logs[i].log), why));
        assert_string_equal(report.incomplete, logs[i].incomplete);
        assert_string_equal(found(), "");
    }
}

static void what_is_no_log_is_told_so(void **state) {
    (void)state;
    char why[LOG_WHY_MAX];
    assert_false(examine("", 0, why));
    assert_string_equal(why, "it is empty");
    assert_false(examine("hello\n", 6, why));
    assert_memory_equal(why, "it is no log of", 15);
    assert_false(examine("\x0a\x0d\x0d\x0a\x1c\0\0\0zzzz", 12, why));
    assert_string_equal(why, "a section of unknown byte order begins at byte 0");
    assert_int_equal(report.finding_count + report.fact_count + report.request_count, 0);
}

// -- Captures: a session as a list, and the list in each format

struct wired {
    uint64_t at_us, took_us;
    uint8_t setup[8];
    uint8_t data[64];
    uint32_t len; // out: sent; in: received
    int status;   // errno, negative
};

static struct wired session[64];
static unsigned session_count;
static uint64_t now_us;

static struct wired *put(uint8_t type, uint8_t request, uint16_t value, uint16_t wanted,
                         const void *data, uint32_t len, uint64_t took_us) {
    struct wired *w = &session[session_count++];
    assert_true(session_count <= 64 && len <= 64);
    *w = (struct wired){.at_us = now_us, .took_us = took_us, .len = len};
    const struct usb_setup setup = {type, request, value, 0, wanted};
    usb_setup_store(&setup, w->setup);
    if (len != 0) {
        memcpy(w->data, data, len);
    }
    now_us += took_us + 100;
    return w;
}

static struct wired *status(uint8_t code, uint32_t poll_ms, uint8_t state, uint64_t took_us) {
    uint8_t data[6] = {code, 0, 0, 0, state, 0};
    store_le24(data + 1, poll_ms);
    return put(0xa1, DFU_GETSTATUS, 0, 6, data, 6, took_us);
}

static struct wired *dnload(uint16_t block, const void *data, uint32_t len) {
    return put(0x21, DFU_DNLOAD, block, (uint16_t)len, data, len, 300);
}

static struct wired *command(uint8_t code, uint32_t addr) {
    uint8_t data[5] = {code};
    store_le32(data + 1, addr);
    return dnload(0, data, 5);
}

static void request(uint8_t code) {
    (void)put(0x21, code, 0, 0, NULL, 0, 200);
}

static void start(void) {
    session_count = 0;
    now_us = 5000000;
}

// usbmon's events, as capture/ writes them, in pcapng or by hand in pcap.
static size_t event(const struct wired *w, unsigned number, bool is_end,
                    uint8_t header[USBMON_HEADER_MAX], uint64_t *at_us) {
    *at_us = w->at_us + (is_end ? w->took_us : 0);
    const struct usbmon_event event = {
        .id = number + 1,
        .is_end = is_end,
        .ns = *at_us * 1000,
        .type = USB_XFER_CONTROL,
        .bus = 1,
        .address = 5,
        .in = (w->setup[0] & USB_DIR_IN) != 0,
        .status = is_end ? (enum usbmon_status)w->status : USBMON_SUBMITTED,
        .setup = is_end ? NULL : w->setup,
        .len = is_end && w->status != 0 ? 0 : w->len,
    };
    return usbmon_header(&event, header);
}

static bool has_data(const struct wired *w, bool is_end) {
    return ((w->setup[0] & USB_DIR_IN) != 0) == is_end && w->len != 0 &&
           (!is_end || w->status == 0);
}

static FILE *as_pcapng(void) {
    struct pcapng pcapng;
    FILE *file = tmpfile();
    assert_non_null(file);
    pcapng_begin(&pcapng, fileno(file), USBMON_LINK_TYPE, "test", "bus");
    for (unsigned i = 0; i < 2 * session_count; i++) {
        const struct wired *w = &session[i / 2];
        uint8_t header[USBMON_HEADER_MAX];
        uint64_t at_us;
        size_t len = event(w, i / 2, i % 2, header, &at_us);
        pcapng_packet(&pcapng, at_us * 1000, header, len, w->data, has_data(w, i % 2) ? w->len : 0);
    }
    assert_true(pcapng_end(&pcapng));
    return file;
}

static void put32(FILE *file, uint32_t value, bool is_big) {
    uint8_t bytes[4];
    store_le32(bytes, is_big ? __builtin_bswap32(value) : value);
    (void)fwrite(bytes, 1, 4, file);
}

static void turn(uint8_t *at, size_t len) {
    for (size_t i = 0; i < len / 2; i++) {
        uint8_t byte = at[i];
        at[i] = at[len - 1 - i];
        at[len - 1 - i] = byte;
    }
}

static void pcap_header(FILE *file, uint32_t magic, unsigned link_type, bool is_big) {
    put32(file, magic, is_big);
    put32(file, is_big ? 0x00020004 : 0x00040002, is_big);
    put32(file, 0, is_big);
    put32(file, 0, is_big);
    put32(file, 65535, is_big);
    put32(file, link_type, is_big);
}

static void pcap_packet(FILE *file, uint64_t at_us, unsigned per_us, const void *head,
                        size_t head_len, const void *data, size_t len, bool is_big) {
    put32(file, (uint32_t)(at_us / 1000000), is_big);
    put32(file, (uint32_t)(at_us % 1000000) * per_us, is_big);
    put32(file, (uint32_t)(head_len + len), is_big);
    put32(file, (uint32_t)(head_len + len), is_big);
    (void)fwrite(head, 1, head_len, file);
    (void)fwrite(data, 1, len, file);
}

// Link type 189 (48 bytes of the header), as a big-endian machine writes it.
static FILE *as_pcap_big(void) {
    FILE *file = tmpfile();
    assert_non_null(file);
    pcap_header(file, 0xa1b23c4d, 189, true);
    for (unsigned i = 0; i < 2 * session_count; i++) {
        const struct wired *w = &session[i / 2];
        uint8_t header[USBMON_HEADER_MAX];
        uint64_t at_us;
        (void)event(w, i / 2, i % 2, header, &at_us);
        turn(header, 8);
        turn(header + 12, 2);
        turn(header + 16, 8);
        for (unsigned at = 24; at < 40; at += 4) {
            turn(header + at, 4);
        }
        pcap_packet(file, at_us, 1000, header, 48, w->data, has_data(w, i % 2) ? w->len : 0, true);
    }
    return file;
}

static FILE *as_usbpcap(void) {
    FILE *file = tmpfile();
    assert_non_null(file);
    pcap_header(file, 0xa1b2c3d4, 249, false);
    for (unsigned i = 0; i < 2 * session_count; i++) {
        const struct wired *w = &session[i / 2];
        bool is_end = i % 2;
        uint8_t header[28 + 8] = {28};
        uint32_t usbd = w->status == 0 ? 0 : w->status == -32 ? 0xC0000004u : 0xC0010000u;
        store_le32(header + 2, i / 2 + 1);
        store_le32(header + 10, is_end ? usbd : 0);
        header[16] = is_end;
        header[17] = 1;
        header[19] = 5;
        header[21] = w->setup[0] & USB_DIR_IN;
        header[22] = 2;
        header[27] = is_end ? 3 : 0;
        memcpy(header + 28, w->setup, 8);
        pcap_packet(file, w->at_us + (is_end ? w->took_us : 0), 1, header, is_end ? 28 : 36,
                    w->data, has_data(w, is_end) ? w->len : 0, false);
    }
    return file;
}

static FILE *as_text(void) {
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fputs("# cat /sys/kernel/debug/usb/usbmon/1u\n", file);
    for (unsigned i = 0; i < 2 * session_count; i++) {
        const struct wired *w = &session[i / 2];
        bool is_end = i % 2;
        char direction = w->setup[0] & USB_DIR_IN ? 'i' : 'o';
        // Microseconds turn over at 32 bits in the middle of the session.
        (void)fprintf(file, "ffff8f%02x %u %c C%c:1:005:0 ", i / 2,
                      (uint32_t)(w->at_us + (is_end ? w->took_us : 0) + 4289900000u),
                      is_end ? 'C' : 'S', direction);
        if (is_end) {
            (void)fprintf(file, "%d %u", w->status, w->status ? 0 : w->len);
        } else {
            (void)fprintf(file, "s %02x %02x %04x 0000 %04x %u", w->setup[0], w->setup[1],
                          load_le16(w->setup + 2), load_le16(w->setup + 6),
                          load_le16(w->setup + 6));
        }
        if (has_data(w, is_end)) {
            (void)fputs(" =", file);
            for (unsigned at = 0; at < w->len && at < 32; at++) {
                (void)fprintf(file, at % 4 == 0 ? " %02x" : "%02x", w->data[at]);
            }
        } else {
            (void)fputs(direction == 'i' ? " <" : " >", file);
        }
        (void)fputc('\n', file);
    }
    return file;
}

static FILE *(*const formats[])(void) = {as_pcapng, as_pcap_big, as_usbpcap, as_text};
static const char *const format_names[] = {"pcapng", "pcap, big-endian", "USBPcap", "text"};

// The session in each format has these findings above a note.
static void means(const char *expected) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        static uint8_t bytes[65536];
        char why[LOG_WHY_MAX];
        FILE *file = formats[i]();
        rewind(file);
        size_t len = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        report_free(&report);
        if (!examine(bytes, len, why)) {
            fail_msg("%s: %s", format_names[i], why);
        }
        if (strcmp(found(), expected) != 0) {
            fail_msg("%s: \"%s\" instead of \"%s\"", format_names[i], found(), expected);
        }
        assert_int_equal(report.request_count, session_count);
        for (unsigned j = 0; j < session_count; j++) {
            assert_int_equal(report.requests[j].at_us, session[j].at_us - session[0].at_us);
            assert_int_equal(report.requests[j].duration_us, session[j].took_us);
        }
    }
}

static const char image[] = "0123456789abcdef0123456789abcdef"; // 32: usbmon's text has no more

static void erase_well(void) {
    (void)command(DFUSE_CMD_ERASE, 0x0800C000);
    (void)status(0, 50, 4, 251000);
    (void)status(0, 0, 5, 300);
}

static void write_well(void) {
    (void)command(DFUSE_CMD_SET_ADDRESS, 0x0800C000);
    (void)status(0, 0, 4, 300);
    (void)status(0, 0, 5, 300);
    (void)dnload(2, image, 32);
    (void)status(0, 0, 4, 300);
    (void)status(0, 0, 5, 300);
    request(DFU_ABORT);
    (void)status(0, 0, 2, 300);
}

static void read_back(const char *bytes) {
    (void)command(DFUSE_CMD_SET_ADDRESS, 0x0800C000);
    (void)status(0, 0, 4, 300);
    (void)status(0, 0, 5, 300);
    request(DFU_ABORT);
    (void)status(0, 0, 2, 300);
    (void)put(0xa1, DFU_UPLOAD, 2, 32, bytes, 32, 400);
    (void)status(0, 0, 9, 300);
}

static void a_sound_session_has_nothing_above_a_note(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    erase_well();
    write_well();
    read_back(image);
    means("");
    assert_non_null(report_has(&report, "F34"));
    assert_non_null(report_has(&report, "F23")); // held for 251 ms where 50 were promised: a note
    assert_non_null(strstr(fact("DFU 1.1 annex A"), " 0 departed"));
}

static void what_reads_otherwise_than_written_is_found(void **state) {
    (void)state;
    char other[33];
    memcpy(other, image, sizeof other);
    other[7] = 'x';
    start();
    (void)status(0, 0, 2, 300);
    erase_well();
    write_well();
    read_back(other);
    means("F46");
    assert_non_null(
        strstr(report_has(&report, "F46")->evidence[0].text, "0x0800C007 holds 0x78, and packet"));
    assert_memory_equal(fact("step that failed"), "verify", 6);
}

static void an_erase_that_was_too_quick_and_changed_nothing_is_a_lock(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    (void)command(DFUSE_CMD_ERASE, 0x0800C000);
    (void)status(0, 0, 4, 300);
    (void)status(0, 0, 5, 300);
    write_well();
    read_back("................................");
    means("F46 F13");
}

static void dfuDNBUSY_that_clrstatus_ends_is_a_hidden_failure(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    (void)command(DFUSE_CMD_ERASE, 0x0800C000);
    (void)status(0, 0, 4, 300000);
    (void)status(0, 0, 4, 300000);
    request(DFU_CLRSTATUS);
    (void)status(14, 0, 10, 300);
    request(DFU_CLRSTATUS);
    (void)status(0, 0, 2, 300);
    means("F8");
}

static void an_old_state_that_refuses_is_found(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 9, 300);
    command(DFUSE_CMD_ERASE, 0x0800C000)->status = -32;
    means("F10");
}

static void errVENDOR_while_reading_works_is_no_protection(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    read_back(image);
    request(DFU_ABORT);
    (void)status(0, 0, 2, 300);
    (void)command(DFUSE_CMD_ERASE, 0x0800C000);
    (void)status(0, 0, 4, 300);
    (void)status(11, 0, 10, 300);
    means("F11");
    assert_int_equal(report_has(&report, "F11")->confidence, REPORT_LIKELY);
}

// DFU 1.1 A.2.4: the host's mistake, and the device is right.
static void a_dnload_before_the_status_is_refused_rightly(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    (void)command(DFUSE_CMD_SET_ADDRESS, 0x0800C000);
    command(DFUSE_CMD_ERASE, 0x0800C000)->status = -32;
    (void)status(15, 0, 10, 300);
    means("");
}

static void mass_erase_in_a_moment_is_none(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    (void)dnload(0, "\x41", 1);
    (void)status(0, 0, 4, 300);
    (void)status(0, 0, 2, 300);
    means("F6");
}

static void a_state_that_dfu_does_not_have_is_found(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    (void)put(0xa1, DFU_UPLOAD, 1, 32, image, 32, 300);
    (void)status(0, 0, 15, 300);
    means("F9");
    assert_non_null(report_has(&report, "F44"));
}

static void an_erase_that_the_host_takes_back_is_found(void **state) {
    (void)state;
    start();
    (void)status(0, 0, 2, 300);
    (void)command(DFUSE_CMD_ERASE, 0x0800C000);
    status(0, 0, 4, 1500000)->status = -2;
    means("F23");
}

static void a_broken_capture_is_examined_up_to_there(void **state) {
    (void)state;
    static uint8_t bytes[65536];
    char why[LOG_WHY_MAX];
    start();
    (void)status(0, 0, 2, 300);
    erase_well();
    FILE *file = as_pcapng();
    rewind(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_true(examine(bytes, len - 10, why));
    assert_non_null(strstr(report.incomplete, "it ends in the middle of a block"));
    // And at each length there is: no crash, and a sentence or a report.
    for (size_t cut = 0; cut < len; cut++) {
        report_free(&report);
        assert_true(examine(bytes, cut, why) || why[0] != '\0');
    }
    start();
    (void)put(0x80, USB_GET_DESCRIPTOR, 0x100, 18, image, 18, 300);
    file = as_pcapng();
    rewind(file);
    len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    report_free(&report);
    assert_false(examine(bytes, len, why));
    assert_non_null(strstr(why, "it holds no request of DFU (1 control transfers"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(published_logs_get_their_causes),
        TEST(the_evidence_is_the_line),
        TEST(a_version_without_the_fault_is_not_blamed),
        TEST(a_time_in_front_of_a_line_is_passed_over),
        TEST(the_kernels_log_tells_why_there_is_no_device),
        TEST(what_is_not_understood_is_not_well),
        TEST(what_is_no_log_is_told_so),
        TEST(a_sound_session_has_nothing_above_a_note),
        TEST(what_reads_otherwise_than_written_is_found),
        TEST(an_erase_that_was_too_quick_and_changed_nothing_is_a_lock),
        TEST(dfuDNBUSY_that_clrstatus_ends_is_a_hidden_failure),
        TEST(an_old_state_that_refuses_is_found),
        TEST(errVENDOR_while_reading_works_is_no_protection),
        TEST(a_dnload_before_the_status_is_refused_rightly),
        TEST(mass_erase_in_a_moment_is_none),
        TEST(a_state_that_dfu_does_not_have_is_found),
        TEST(an_erase_that_the_host_takes_back_is_found),
        TEST(a_broken_capture_is_examined_up_to_there),
    };
    return cmocka_run_group_tests_name("unit/log", tests, NULL, NULL);
}
