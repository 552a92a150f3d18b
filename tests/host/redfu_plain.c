// SPDX-License-Identifier: MIT
//
// The program redfu and devices that speak plain DFU 1.1: a model of one by DFU 1.1 annex A, whose memory
// is the file it was loaded with, and in which real ones differ.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "host/transport.h"
#include "spec/bytes.h"
#include "spec/crc.h"
#include "spec/dfu.h"
#include "tests/host/folder.h"

#define FILE_BYTES 1000u

static struct device {
    // How it is.
    uint8_t attributes;
    uint16_t transfer_bytes;
    uint32_t poll_ms;
    bool vanishes;          // when it manifests: no answer to that GETSTATUS
    bool stays;             // in DFU mode, whatever one does
    bool is_st;             // with ST's identity
    bool never_ends;        // its upload
    unsigned refuses_block; // with errFILE; counted from 1
    bool refuses_end;       // with a STALL, and no status of its own
    bool falls_silent;      // when it manifests, and is there still
    bool keeps_port;        // the system refuses the reset of its port
    unsigned unconfigured;  // lists after a reset that show it before it is configured
    // What it does.
    enum dfu_state state;
    enum dfu_status status;
    uint8_t memory[4096];
    uint32_t len, read;
    unsigned blocks, after_error;
    bool is_gone, was_reset, is_busy;
    uint64_t now_us;
} device;

static enum transport_result list(void *ctx, struct redfu_device **devices, size_t *count) {
    (void)ctx;
    *count = device.is_gone ? 0 : 1;
    *devices = calloc(1, sizeof **devices);
    assert_non_null(*devices);
    struct redfu_device *one = *devices;
    one->vendor = device.is_st ? 0x0483 : 0xcafe;
    one->product = device.is_st ? 0xdf11 : 0x400b;
    (void)snprintf(one->path, sizeof one->path, "1-1");
    one->alternate_count = 1;
    one->alternate_strings[0] = 4;
    one->attributes = device.attributes;
    one->transfer_bytes = device.transfer_bytes;
    one->dfu_version = 0x0110;
    redfui_decide_kind(one, DFU_PROTOCOL_DFU);
    if (device.was_reset && device.unconfigured > 0) {
        device.unconfigured--;
        one->kind = REDFU_KIND_UNCONFIGURED;
    }
    return TRANSPORT_OK;
}

static enum transport_result open_device(void *ctx, const struct redfu_device *which,
                                         void **handle) {
    (void)which;
    *handle = ctx;
    return TRANSPORT_OK;
}

static void close_device(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
}

static enum transport_result claim(void *ctx, void *handle, uint8_t interface) {
    (void)ctx;
    (void)handle;
    (void)interface;
    return TRANSPORT_OK;
}

static enum transport_result set_alternate(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate) {
    (void)ctx;
    (void)handle;
    (void)interface;
    return alternate == 0 ? TRANSPORT_OK : TRANSPORT_STALL;
}

static enum transport_result stall(void) {
    device.state = DFU_STATE_ERROR;
    device.status = DFU_STATUS_ERR_STALLEDPKT;
    return TRANSPORT_STALL;
}

static enum transport_result download(const struct usb_setup *setup, const uint8_t *data) {
    device.after_error += device.status != DFU_STATUS_OK;
    if (device.state != DFU_STATE_IDLE && device.state != DFU_STATE_DNLOAD_IDLE) {
        return stall();
    }
    if (setup->wLength == 0) { // only after data (DFU 1.1 A.2.3)
        if (device.refuses_end) {
            return TRANSPORT_STALL;
        }
        device.state = DFU_STATE_MANIFEST_SYNC;
        return TRANSPORT_OK;
    }
    if (device.state == DFU_STATE_IDLE) {
        device.len = 0;
        device.blocks = 0;
    }
    assert_true(setup->wLength <= device.transfer_bytes);
    assert_int_equal(setup->wValue, device.blocks);
    device.blocks++;
    if (device.blocks == device.refuses_block) {
        device.state = DFU_STATE_ERROR;
        device.status = DFU_STATUS_ERR_FILE;
        return TRANSPORT_OK;
    }
    assert_true(device.len + setup->wLength <= sizeof device.memory);
    memcpy(device.memory + device.len, data, setup->wLength);
    device.len += setup->wLength;
    device.state = DFU_STATE_DNLOAD_SYNC;
    device.is_busy = true;
    return TRANSPORT_OK;
}

static enum transport_result upload(const struct usb_setup *setup, uint8_t *data, uint16_t *moved) {
    if (device.state == DFU_STATE_IDLE) {
        device.read = 0;
    }
    uint32_t left = device.never_ends ? setup->wLength : device.len - device.read;
    *moved = (uint16_t)(left < setup->wLength ? left : setup->wLength);
    if (device.never_ends) {
        memset(data, 0x55, *moved);
    } else {
        memcpy(data, device.memory + device.read, *moved);
        device.read += *moved;
    }
    device.state = *moved < setup->wLength ? DFU_STATE_IDLE : DFU_STATE_UPLOAD_IDLE;
    return TRANSPORT_OK;
}

static enum transport_result getstatus(uint8_t *data, uint16_t *moved) {
    uint32_t poll_ms = 0;
    if (device.state == DFU_STATE_DNLOAD_SYNC) {
        device.state = device.is_busy ? DFU_STATE_DNBUSY : DFU_STATE_DNLOAD_IDLE;
    } else if (device.state == DFU_STATE_DNBUSY) {
        device.state = DFU_STATE_DNLOAD_IDLE;
    } else if (device.state == DFU_STATE_MANIFEST_SYNC) {
        if (device.vanishes) {
            device.is_gone = true;
            return TRANSPORT_FAILED;
        }
        if (device.falls_silent) {
            return TRANSPORT_TIMEOUT;
        }
        device.state = DFU_STATE_MANIFEST;
    } else if (device.state == DFU_STATE_MANIFEST) {
        device.state = device.attributes & DFU_ATTR_MANIFEST_TOLERANT
                           ? DFU_STATE_IDLE
                           : DFU_STATE_MANIFEST_WAIT_RESET;
    }
    if (device.state == DFU_STATE_DNBUSY || device.state == DFU_STATE_MANIFEST) {
        poll_ms = device.poll_ms;
        device.is_busy = false;
    }
    data[0] = (uint8_t)device.status;
    store_le24(data + 1, poll_ms);
    data[4] = (uint8_t)device.state;
    data[5] = 0;
    *moved = DFU_STATUS_LEN;
    return TRANSPORT_OK;
}

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    static const char name[] = "Internal flash";
    (void)ctx;
    (void)handle;
    (void)timeout_ms;
    *moved = 0;
    if (device.is_gone) {
        return TRANSPORT_GONE;
    }
    if ((setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_STANDARD &&
        setup->bRequest == USB_GET_DESCRIPTOR && (setup->wValue & 0xffu) == 4) {
        data[0] = (uint8_t)(2 + 2 * strlen(name));
        data[1] = USB_DT_STRING;
        for (size_t i = 0; i < strlen(name); i++) {
            store_le16(data + 2 + 2 * i, (uint16_t)name[i]);
        }
        *moved = data[0];
        return TRANSPORT_OK;
    }
    if ((setup->bmRequestType & USB_TYPE_MASK) != USB_TYPE_CLASS) {
        assert_int_equal(setup->bmRequestType & USB_TYPE_MASK, USB_TYPE_STANDARD);
        return TRANSPORT_STALL;
    }
    switch (setup->bRequest) {
    case DFU_DNLOAD:
        return download(setup, data);
    case DFU_UPLOAD:
        return upload(setup, data, moved);
    case DFU_GETSTATUS:
        return getstatus(data, moved);
    case DFU_GETSTATE:
        data[0] = (uint8_t)device.state;
        *moved = 1;
        return TRANSPORT_OK;
    case DFU_CLRSTATUS:
        device.status = DFU_STATUS_OK;
        device.state = DFU_STATE_IDLE;
        return TRANSPORT_OK;
    case DFU_ABORT:
        device.state = DFU_STATE_IDLE;
        return TRANSPORT_OK;
    default:
        return stall();
    }
}

static enum transport_result reset(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
    if (device.keeps_port) {
        return TRANSPORT_DENIED;
    }
    device.was_reset = true;
    device.is_gone = !device.stays;
    return TRANSPORT_GONE;
}

static bool present(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
    return !device.is_gone;
}

static uint64_t now_us(void *ctx) {
    (void)ctx;
    return device.now_us;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    (void)ctx;
    device.now_us += 1000ull * ms;
}

static void end(void *ctx) {
    (void)ctx;
}

static enum redfu_result connect_device(void *ctx, struct redfu **redfu,
                                        struct redfu_fault *fault) {
    const struct transport transport = {
        .ctx = &device,
        .list = list,
        .open = open_device,
        .close = close_device,
        .claim = claim,
        .set_alternate = set_alternate,
        .control = control,
        .reset = reset,
        .present = present,
        .wait_change = sleep_ms,
        .now_us = now_us,
        .sleep_ms = sleep_ms,
        .free = end,
    };
    (void)ctx;
    (void)fault;
    *redfu = redfui_new(&transport);
    assert_non_null(*redfu);
    return REDFU_OK;
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}

static char folder[] = "/tmp/redfu-plain-XXXXXX";
static uint8_t file[FILE_BYTES + 16];
static char *out;
static char *err;

// Runs "redfu COMMAND folder/NAME OPTION"; NULL for none.
static int run(const char *command, const char *name, const char *option) {
    char path[256];
    char copy[3][32];
    char *argv[4];
    int argc = 0;
    size_t len;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name ? name : "");
    (void)snprintf(copy[0], sizeof copy[0], "redfu");
    (void)snprintf(copy[1], sizeof copy[1], "%s", command);
    argv[argc++] = copy[0];
    argv[argc++] = copy[1];
    if (name) {
        argv[argc++] = path;
    }
    if (option) {
        (void)snprintf(copy[2], sizeof copy[2], "%s", option);
        argv[argc++] = copy[2];
    }
    free(out);
    free(err);
    struct surroundings surroundings = {
        .out = open_memstream(&out, &len),
        .err = open_memstream(&err, &len),
        .connect = connect_device,
        .is_cancelled = never,
    };
    int status = cli_main(argc, argv, &surroundings);
    (void)fclose(surroundings.out);
    (void)fclose(surroundings.err);
    return status;
}

static void assert_run(const char *command, const char *name, const char *option, int status,
                       const char *says) {
    int got = run(command, name, option);
    const char *text = status == 0 ? out : err;
    if (got != status || !strstr(text, says)) {
        fail_msg("%s: status %d, not %d with \"%s\":\n%s%s", command, got, status, says, out, err);
    }
}

static void plug_in(uint8_t attributes, uint16_t transfer_bytes) {
    memset(&device, 0, sizeof device);
    device.attributes = attributes | DFU_ATTR_CAN_DNLOAD | DFU_ATTR_CAN_UPLOAD;
    device.transfer_bytes = transfer_bytes;
    device.state = DFU_STATE_IDLE;
    device.poll_ms = 20;
}

static int set_up(void **unused) {
    (void)unused;
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < FILE_BYTES; i++) {
        file[i] = (uint8_t)(i * 13 + 1);
    }
    folder_put(folder, "raw.bin", file, FILE_BYTES);
    folder_put(folder, "odd.bin", file, FILE_BYTES + 3);
    static const uint8_t suffix[12] = {0, 1, 0x0b, 0x40, 0xfe, 0xca, 0x10, 1, 'U', 'F', 'D', 16};
    memcpy(file + FILE_BYTES, suffix, sizeof suffix);
    store_le32(file + FILE_BYTES + 12, ~crc32_update(CRC32_START, file, FILE_BYTES + 12));
    folder_put(folder, "ours.dfu", file, sizeof file);
    file[FILE_BYTES + 2] = 0x0c;
    store_le32(file + FILE_BYTES + 12, ~crc32_update(CRC32_START, file, FILE_BYTES + 12));
    folder_put(folder, "theirs.dfu", file, sizeof file);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    free(out);
    free(err);
    return folder_remove(folder);
}

static void assert_loaded(void) {
    assert_int_equal(device.len, FILE_BYTES);
    assert_memory_equal(device.memory, file, FILE_BYTES);
}

// --- Tests ---------------------------------------------------------------------------------------

static void a_file_is_written_whatever_the_transfer_size(void **unused) {
    (void)unused;
    static const uint16_t sizes[] = {1, 37, 64, 999, 1000, 1001, 4096, 8192, 65535};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        plug_in(i % 2 ? DFU_ATTR_MANIFEST_TOLERANT : 0, sizes[i]);
        assert_run("write", "raw.bin", NULL, 0, "the device left DFU mode");
        assert_loaded();
        assert_true(device.was_reset);
    }
}

static void the_suffix_is_no_part_of_it_and_has_to_name_the_device(void **unused) {
    (void)unused;
    plug_in(0, 64);
    assert_run("write", "ours.dfu", "--no-run", 0, "the device waits for a reset");
    assert_loaded();
    assert_false(device.was_reset);
    plug_in(0, 64);
    assert_run("write", "theirs.dfu", NULL, REDFU_WRONG_DEVICE, "is for CAFE:400C");
    assert_int_equal(device.blocks, 0);
}

static void a_tolerant_device_stays_and_can_be_read(void **unused) {
    (void)unused;
    plug_in(DFU_ATTR_MANIFEST_TOLERANT, 64);
    assert_run("write", "raw.bin", "--no-run", 0,
               "Done: written, and the device has taken it; the device stays in DFU mode");
    assert_run("verify", "raw.bin", NULL, 0, "Done: the device holds ");
    assert_run("read", "back.bin", NULL, 0, "Done: 1000 bytes in ");
    assert_run("verify", "back.bin", NULL, 0, "Done: the device holds ");
    device.memory[999] ^= 1;
    assert_run("verify", "raw.bin", NULL, REDFU_MISMATCH, "byte 999 is 0x");
    device.len = 900;
    assert_run("verify", "raw.bin", NULL, REDFU_MISMATCH,
               "the device gives 900 bytes, the file has");
    assert_run("write", "raw.bin", "--verify=read", 0, "the device left DFU mode");
    plug_in(DFU_ATTR_MANIFEST_TOLERANT, 64);
    assert_run("write", "odd.bin", "--no-run", 0, "Done: ");
    device.memory[999] ^= 1;
    assert_run("verify", "odd.bin", NULL, REDFU_MISMATCH, "Some devices give something else");
    device.memory[999] ^= 1;
    device.memory[1001] ^= 1; // what fills no block of 8
    assert_run("verify", "odd.bin", NULL, REDFU_MISMATCH, "Pad the file with bytes FF");
}

static void a_device_that_vanishes_while_it_manifests_has_been_loaded(void **unused) {
    (void)unused;
    plug_in(0, 64);
    device.vanishes = true;
    assert_run("write", "raw.bin", NULL, 0, "the device left DFU mode");
    assert_loaded();
}

static void a_dry_run_sends_nothing_and_all_of_it_is_full(void **unused) {
    (void)unused;
    plug_in(0, 64);
    assert_run("write", "raw.bin", "--dry-run", 0, "Nothing was written (--dry-run)\n");
    assert_int_equal(device.blocks, 0);
    assert_false(device.was_reset);
    assert_run("write", "raw.bin", "--full", 0, "the device left DFU mode");
    assert_loaded();
}

static void what_goes_wrong_is_told(void **unused) {
    (void)unused;
    plug_in(0, 64);
    device.refuses_block = 3;
    assert_run("write", "raw.bin", NULL, REDFU_DEVICE_ERROR, "the device reports errFILE (2)");
    assert_int_equal(device.blocks, 3);
    assert_int_equal(device.after_error, 0);
    plug_in(DFU_ATTR_MANIFEST_TOLERANT, 64);
    device.stays = true;
    assert_run("write", "raw.bin", NULL, REDFU_STAYED, "still in DFU mode after a reset");
    assert_non_null(strstr(err, "The file was written"));
    assert_run("run", NULL, NULL, REDFU_STAYED, "still in DFU mode after a reset");
    // It comes back as it was, and is seen before the system has configured it.
    plug_in(DFU_ATTR_MANIFEST_TOLERANT, 64);
    device.stays = true;
    device.unconfigured = 2;
    assert_run("run", NULL, NULL, REDFU_STAYED, "still in DFU mode after a reset");
    assert_int_equal(device.unconfigured, 0);
    plug_in(0, 0);
    assert_run("write", "raw.bin", NULL, REDFU_BAD_DEVICE, "0 bytes a transfer");
    plug_in(0, 64);
    device.attributes = 0;
    assert_run("write", "raw.bin", NULL, REDFU_BAD_DEVICE, "cannot be loaded (bitCanDnload is 0)");
    assert_run("read", "back.bin", NULL, REDFU_BAD_DEVICE, "cannot be read (bitCanUpload is 0)");
    plug_in(0, 64);
    assert_run("write", "raw.bin@0x08000000", NULL, REDFU_USAGE, "which has no addresses");
    assert_run("write", "raw.bin", "--keep", REDFU_NOT_DFUSE, "for devices with a memory layout");
    assert_run("write", "raw.bin", "--verify=read", REDFU_BAD_DEVICE, "not manifestation tolerant");
    assert_run("write", "raw.bin", "--alt=3", REDFU_BAD_DEVICE, "no alternate setting 3");
    assert_run("erase", NULL, "--all", REDFU_NOT_DFUSE, "it has no addresses and no memory layout");
    assert_int_equal(device.blocks, 0);
}

static void what_goes_wrong_at_the_end_is_told(void **unused) {
    (void)unused;
    plug_in(0, 64);
    device.refuses_end = true;
    assert_run("write", "raw.bin", NULL, REDFU_TRANSFER,
               "the device answered STALL to the empty DNLOAD that ends the file");
    assert_false(device.was_reset);
    plug_in(0, 64);
    device.falls_silent = true;
    assert_run("write", "raw.bin", NULL, REDFU_TRANSFER,
               "the device gave no answer in time to GETSTATUS while it manifests");
    assert_false(device.was_reset);
    plug_in(0, 64);
    device.keeps_port = true;
    assert_run("write", "raw.bin", NULL, REDFU_TRANSFER,
               "the USB transfer broke off in the answer to the reset of its port");
    assert_loaded();
}

static void an_upload_without_an_end_is_given_up(void **unused) {
    (void)unused;
    plug_in(0, 4096);
    device.never_ends = true;
    assert_run("read", "back.bin", NULL, REDFU_STUCK, "still does not end");
}

static void sts_identity_alone_makes_no_dfuse(void **unused) {
    (void)unused;
    plug_in(0, 128);
    device.is_st = true;
    assert_run("list", NULL, NULL, 0, "0483:DF11");
    assert_non_null(strstr(out, "plain DFU"));
    assert_run("write", "raw.bin", NULL, 0, "the device left DFU mode");
    assert_loaded();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written_whatever_the_transfer_size),
        cmocka_unit_test(the_suffix_is_no_part_of_it_and_has_to_name_the_device),
        cmocka_unit_test(a_tolerant_device_stays_and_can_be_read),
        cmocka_unit_test(a_device_that_vanishes_while_it_manifests_has_been_loaded),
        cmocka_unit_test(a_dry_run_sends_nothing_and_all_of_it_is_full),
        cmocka_unit_test(what_goes_wrong_is_told),
        cmocka_unit_test(what_goes_wrong_at_the_end_is_told),
        cmocka_unit_test(an_upload_without_an_end_is_given_up),
        cmocka_unit_test(sts_identity_alone_makes_no_dfuse),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
