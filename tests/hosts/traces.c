// SPDX-License-Identifier: MIT
//
// The scripts against the programs they stand for: Debian's own dfu-util and fwupdtool load redfu-boot
// under `vboard run --trace`, the script does the same job at the end of the cable, and the two
// traces must have the same DFU requests and answers, byte for byte but for the time. What cannot be had
// as a program here (webdfu, pydfu, Betaflight, ST's) is not held against anything but its source.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/hosts/host.h"
#include "tests/board/cable_device.h"
#include "tests/host/shell.h"

#define LINES_MAX 8000u

struct requests {
    char *lines[LINES_MAX];
    unsigned count;
};

// DFU requests and SET_INTERFACE, without their time.
static bool is_request(const char *line) {
    static const char *const words[] = {
        "dnload ",   "upload ", "getstatus ", "clrstatus ",
        "getstate ", "abort ",  "detach ",    "setup type=0x01 req=11 "};
    if (strncmp(line, "usb ", 4) != 0) {
        return false;
    }
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(line + 4, words[i], strlen(words[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void read_requests(const char *name, struct requests *requests) {
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    char line[512];
    requests->count = 0;
    while (fgets(line, sizeof line, file)) {
        const char *behind_time = strchr(line, ' ');
        if (behind_time && is_request(behind_time + 1)) {
            assert_true(requests->count < LINES_MAX);
            requests->lines[requests->count++] = strdup(behind_time + 1);
        }
    }
    fclose(file);
}

static void assert_same(const char *theirs_name, const char *ours_name) {
    static struct requests theirs, ours;
    read_requests(theirs_name, &theirs);
    read_requests(ours_name, &ours);
    for (unsigned i = 0; i < theirs.count || i < ours.count; i++) {
        const char *their = i < theirs.count ? theirs.lines[i] : "(nothing)\n";
        const char *our = i < ours.count ? ours.lines[i] : "(nothing)\n";
        if (strcmp(their, our) != 0) {
            fail_msg("request %u: the program: %sthe script: %s", i, their, our);
        }
    }
    assert_true(theirs.count > 0);
    for (unsigned i = 0; i < theirs.count; i++) {
        free(theirs.lines[i]);
        free(ours.lines[i]);
    }
}

// A load over redfu-boot as the build makes it, button held, blink 0.1 in flash.
static void program_does(const char *command) {
    char line[1024];
    (void)snprintf(line, sizeof line,
                   "\"$V\" run --pin PA0=1@0+500ms --load \"$F/redfu-boot.elf\" "
                   "--load \"$F/blink-0.1.bin@0x0800C000\" --trace theirs -- %s",
                   command);
    int status = shell(line);
    // fwupdtool's refusal is what one test wants.
    if (status != 0 && strstr(command, "fwupdtool") == NULL) {
        fail_msg("%s: status %d: %s", command, status, output);
    }
}

static struct bench *script_bench(void) {
    struct bench *bench = bench_new(8000000);
    bench->trace.file = fopen("ours", "w");
    assert_non_null(bench->trace.file);
    bench_place_application(bench, "blink-0.1.bin");
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    chip_set_pin(bench->chip, "PA0", 0);
    return bench;
}

static void script_ends(struct bench *bench) {
    fclose(bench->trace.file);
    bench->trace.file = NULL;
    bench_free(bench);
}

static struct host_outcome script_loads(const char *host, struct host_job job) {
    static struct image image;
    bench_image(&image, "blink-0.2.bin");
    const struct host_element element = {APPLICATION, image.len, image.bytes};
    job.elements = &element;
    job.element_count = 1;
    struct bench *bench = script_bench();
    struct device device = cable_device(bench);
    struct host_outcome outcome = host_find(host)->load(&device, &job);
    bench_run_ms(bench, 500);
    script_ends(bench);
    return outcome;
}

static void dfu_util_loads_and_leaves(void **state) {
    (void)state;
    program_does("dfu-util -a 0 -s 0x0800C000:leave -D \"$F/blink-0.2.bin\"");
    assert_int_equal(script_loads("dfu-util", (struct host_job){.leaves = true}).end, HOST_DONE);
    assert_same("theirs", "ours");
}

static void dfu_util_stays_and_takes_another_block_size(void **state) {
    (void)state;
    program_does("dfu-util -a 0 -t 1000 -s 0x0800C000 -D \"$F/blink-0.2.bin\"");
    assert_int_equal(script_loads("dfu-util", (struct host_job){.block_bytes = 1000}).end,
                     HOST_DONE);
    assert_same("theirs", "ours");
}

static void dfu_util_reads_back(void **state) {
    (void)state;
    program_does("dfu-util -a 0 -s 0x0800C000:5000 -U read");
    static uint8_t bytes[5000];
    struct bench *bench = script_bench();
    struct device device = cable_device(bench);
    const struct host_job job = {.alternate = 0};
    assert_int_equal(
        host_find("dfu-util")->read(&device, &job, APPLICATION, bytes, sizeof bytes).end,
        HOST_DONE);
    script_ends(bench);
    assert_same("theirs", "ours");
}

static bool has_fwupdtool(void) {
    return shell("command -v fwupdtool") == 0;
}

#define FWUPDTOOL                                                                                  \
    "sh -c 'fwupdtool install-blob image.dfu d787669ee4a103fe0b361fe31c10ea037c72f27c "            \
    "--plugins dfu -y --allow-reinstall --no-reboot-check --force'"

// On the layout of the whole flash it writes nothing, and says leave all the same.
static void fwupdtool_refuses_the_whole_flash_and_leaves(void **state) {
    (void)state;
    if (!has_fwupdtool()) {
        skip();
    }
    exits(0, "\"$T\" dfu 0 \"$F/blink-0.2.bin\" image.dfu", "");
    program_does(FWUPDTOOL);
    if (strstr(output, "memory sector at 0x800c000 is not writable") == NULL) {
        fail_msg("fwupdtool: %s", output);
    }
    struct host_outcome outcome = script_loads("fwupd", (struct host_job){.leaves = true});
    assert_int_equal(outcome.end, HOST_GAVE_UP);
    assert_string_equal(outcome.why, "memory sector is not writable");
    assert_same("theirs", "ours");
}

// Two targets more than the one it writes: the settings are none of its business.
static void fwupdtool_loads_the_application(void **state) {
    (void)state;
    if (!has_fwupdtool()) {
        skip();
    }
    exits(0, "\"$T\" dfu 1 \"$F/blink-0.2.bin\" image.dfu", "");
    program_does(FWUPDTOOL);
    struct host_outcome outcome = script_loads("fwupd", (struct host_job){.alternate = 1});
    assert_int_equal(outcome.end, HOST_DONE);
    assert_same("theirs", "ours");
}

// The way of the Linux Vendor Firmware Service: a cabinet with a metainfo file, chosen by GUID and version.
// The release is newer than bcdDevice 1.00, and signatures are not asked for: the file is local.
static void fwupdtool_installs_a_cabinet(void **state) {
    (void)state;
    if (!has_fwupdtool()) {
        skip();
    }
    exits(0, "\"$T\" dfu 1 \"$F/blink-0.2.bin\" firmware.dfu", "");
    FILE *file = fopen("org.example.redfu.metainfo.xml", "w");
    assert_non_null(file);
    // The GUID is that of USB\\VID_0483&PID_DF11; a product has its own VID:PID and so its own GUID.
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<component type=\"firmware\">\n"
          "  <id>org.example.redfu</id>\n"
          "  <name>Blink</name>\n"
          "  <summary>Blinks</summary>\n"
          "  <provides><firmware type=\"flashed\">5aea1200-2286-5819-93e6-3b5548b6c88a</firmware>"
          "</provides>\n"
          "  <metadata_license>CC0-1.0</metadata_license>\n"
          "  <project_license>MIT</project_license>\n"
          "  <releases><release version=\"2.0\" date=\"2026-01-01\">\n"
          "    <checksum target=\"content\" filename=\"firmware.dfu\"/>\n"
          "    <description><p>Blinks more</p></description>\n"
          "  </release></releases>\n"
          "  <custom>\n"
          "    <value key=\"LVFS::VersionFormat\">bcd</value>\n"
          "    <value key=\"LVFS::UpdateProtocol\">com.st.dfuse</value>\n"
          "  </custom>\n"
          "</component>\n",
          file);
    fclose(file);
    exits(0,
          "fwupdtool build-cabinet blink.cab firmware.dfu org.example.redfu.metainfo.xml "
          "--plugins dfu",
          "");
    exits(
        0,
        "\"$V\" run --flash board.bin --load \"$F/redfu-boot.elf\" --trace theirs -- "
        "fwupdtool install blink.cab --plugins dfu -y --allow-reinstall --no-reboot-check --force",
        "");
    // What it wrote is in flash and runs.
    exits(0,
          "cmp -n $(stat -c %s \"$F/blink-0.2.bin\") -i 0:49152 \"$F/blink-0.2.bin\" board.bin && "
          "\"$V\" run --flash board.bin --limit 100ms --trace - | grep -c 'vtor value=0x0800c000'",
          "");
}

static int set_up(void **state) {
    (void)state;
    if (enter_folder() != 0) {
        return -1;
    }
    // What fwupdtool writes beside its output.
    return setenv("V", VBOARD, 1) | setenv("T", LOAD_TOOL, 1) |
           setenv("F", FIRMWARE_FOLDER "/stm32f4-discovery", 1) |
           setenv("FWUPD_LOCALSTATEDIR", getenv("TMPDIR"), 1) |
           setenv("FWUPD_SYSCONFDIR", getenv("TMPDIR"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dfu_util_loads_and_leaves),
        cmocka_unit_test(dfu_util_stays_and_takes_another_block_size),
        cmocka_unit_test(dfu_util_reads_back),
        cmocka_unit_test(fwupdtool_refuses_the_whole_flash_and_leaves),
        cmocka_unit_test(fwupdtool_loads_the_application),
        cmocka_unit_test(fwupdtool_installs_a_cabinet),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
