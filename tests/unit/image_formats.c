// SPDX-License-Identifier: MIT
//
// S-records, DFU suffixes, DfuSe and UF2 files: what each gives, each sentence with which one is refused, and
// that what is written of an image reads as that image. Intel HEX, ELF and raw binaries: image_test.c.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/contents.h"
#include "image/edit.h"
#include "image/save.h"
#include "spec/bytes.h"
#include "spec/crc.h"

static struct image_contents contents;
static const struct image_how found_out = {.addr = IMAGE_NO_ADDRESS};

static void reads_how(const char *name, const void *bytes, size_t len,
                      const struct image_how *how) {
    struct image_fault fault = {.text = "no sentence"};
    if (!image_contents_parse(&contents, name, bytes, len, how, &fault)) {
        fail_msg("%s", fault.text);
    }
}

static void reads(const void *bytes, size_t len) {
    reads_how("file", bytes, len, &found_out);
}

static void refused_how(const char *name, const void *bytes, size_t len,
                        const struct image_how *how, const char *sentence) {
    struct image_fault fault = {.text = "no sentence"};
    if (image_contents_parse(&contents, name, bytes, len, how, &fault)) {
        fail_msg("taken, though %s", sentence);
    }
    assert_string_equal(fault.text, sentence);
    assert_int_equal(contents.target_count, 0);
}

static void refused(const void *bytes, size_t len, const char *sentence) {
    refused_how("file", bytes, len, &found_out, sentence);
}

static void has_segment(unsigned target, unsigned segment, uint32_t addr, const char *bytes) {
    assert_true(target < contents.target_count);
    assert_true(segment < contents.targets[target].image.segment_count);
    const struct image_segment *is = &contents.targets[target].image.segments[segment];
    assert_int_equal(is->addr, addr);
    assert_int_equal(is->len, strlen(bytes));
    assert_memory_equal(is->bytes, bytes, is->len);
}

// -- S-records

static void srec_of_all_address_widths_is_understood(void **state) {
    (void)state;
    const char *text = "S00600004844521B\r\n" // "HDR"
                       "S1051000616227\r\n"
                       "S206020000636430\r\n"
                       "S30708010000656624\n"
                       "\n"
                       "S5030003F9\n"
                       "S70508010001F0\n";
    reads(text, strlen(text));
    assert_int_equal(contents.format, IMAGE_SREC);
    assert_int_equal(contents.targets[0].image.segment_count, 3);
    has_segment(0, 0, 0x1000, "ab");
    has_segment(0, 1, 0x20000, "cd");
    has_segment(0, 2, 0x08010000, "ef");
    assert_int_equal(contents.targets[0].image.entry, 0x08010001);
    image_contents_free(&contents);
}

static void srec_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"S1051000616228\nS9030000FC\n", "file:1: wrong checksum (28, expected 27)"},
        {"S1051000616227\n", "file:1: no end record (S7, S8 or S9): the file is truncated"},
        {"S1051000616227\nS10510",
         "file:2: the record holds 2 bytes, its count says 6: truncated?"},
        {"S1051000616227\nS9030000FC\nS9030000FC\n", "file:3: data after the end record"},
        {"S1051000616227\nhello\n", "file:2: a record must begin with 'S' and a digit"},
        {"S1051000616227\nS10510xx616227\n", "file:2: not a pair of hexadecimal digits"},
        {"S1051000616227\nS10510006162270\n", "file:2: not a pair of hexadecimal digits"},
        {"S1051000616227\nS4030000FC\n", "file:2: S4 records are reserved"},
        {"S1051000616227\nS10210ED\n",
         "file:2: an S1 record of 2 bytes has no room for its address"},
        {"S1051000616227\nS5030002FA\nS9030000FC\n",
         "file:2: 1 data records were read, this record counts 2: lines are missing or double"},
        {"S1051000616227\nS904000001FA\n", "file:2: an S9 record has 1 data bytes; it has none"},
        {"S1051000616227\nS104100162 88\nS9030000FC\n", "file:2: not a pair of hexadecimal digits"},
        {"S1051000616227\nS10410016288\nS9030000FC\n",
         "file:2: 0x00001001-0x00001001 is given twice, with the same bytes"},
        {"S1051000616227\nS10410016387\nS9030000FC\n",
         "file:2: 0x00001001-0x00001001 is given twice, and differently: 0x00001001 is 0x62 first, "
         "then 0x63"},
        {"S307FFFFFFFF616239\nS9030000FC\n",
         "file:1: 2 bytes at 0xFFFFFFFF pass the end of the address space"},
        {"S9030000FC\n", "file: holds no data"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(cases[i].text, strlen(cases[i].text), cases[i].sentence);
    }
    char text[700] = "S1051000616227\nS1FF";
    memset(text + strlen(text), '0', 600);
    refused(text, strlen(text), "file:2: the record is too long");
    const struct image_how at = {.addr = 0x08000000};
    refused_how("file", cases[0].text, strlen(cases[0].text), &at,
                "file: a file of S-records carries its own addresses; leave out @0x08000000");
}

// -- DFU suffix and prefixes

static size_t put_suffix(uint8_t *bytes, size_t len, uint16_t version) {
    store_le16(bytes + len, 0x0123);
    store_le16(bytes + len + 2, 0xdf11);
    store_le16(bytes + len + 4, 0x0483);
    store_le16(bytes + len + 6, version);
    memcpy(bytes + len + 8, "UFD\x10", 4);
    store_le32(bytes + len + 12, ~crc32_update(CRC32_START, bytes, len + 12));
    return len + 16;
}

static void suffix_is_read_checked_and_taken_off(void **state) {
    (void)state;
    uint8_t bytes[64] = "firmware";
    size_t len = put_suffix(bytes, 8, 0x0100);
    const struct image_how at = {.addr = 0x08000000};
    reads_how("f.dfu", bytes, len, &at);
    assert_int_equal(contents.format, IMAGE_DFU);
    assert_true(contents.has_suffix);
    assert_int_equal(contents.vendor, 0x0483);
    assert_int_equal(contents.product, 0xdf11);
    assert_int_equal(contents.release, 0x0123);
    has_segment(0, 0, 0x08000000, "firmware");
    image_contents_free(&contents);
    // By word, a suffix is bytes like others.
    const struct image_how raw = {.addr = 0x08000000, .format = IMAGE_BIN};
    reads_how("f.dfu", bytes, len, &raw);
    assert_int_equal(contents.targets[0].image.segments[0].len, 24);
    image_contents_free(&contents);
    refused(bytes, len,
            "file: a raw binary with a DFU suffix: say where it goes, as in "
            "file@0x08000000");
    bytes[3] ^= 1;
    refused(bytes, len,
            "file: the DFU suffix's CRC is 3AAC67A5, the file's BD0AACE6: damaged, or "
            "changed after the suffix was put on");
}

static void suffix_lies_over_a_format_with_addresses(void **state) {
    (void)state;
    uint8_t bytes[64] = "S1051000616227\nS9030000FC\n";
    size_t len = put_suffix(bytes, strlen((char *)bytes), 0x0100);
    reads(bytes, len);
    assert_int_equal(contents.format, IMAGE_SREC);
    assert_true(contents.has_suffix);
    has_segment(0, 0, 0x1000, "ab");
    image_contents_free(&contents);
}

static void prefixes_of_dfu_prefix_are_understood(void **state) {
    (void)state;
    // TI: 01 00, address / 1024 (of 16 bits, so none of an STM32's), length, which must fit.
    const struct image_how at = {.addr = 0x08000000};
    uint8_t ti[64] = {1, 0, 0x30, 0, 8, 0, 0, 0, 'f', 'i', 'r', 'm', 'w', 'a', 'r', 'e'};
    size_t len = put_suffix(ti, 16, 0x0100);
    reads_how("file", ti, len, &at);
    has_segment(0, 0, 0x08000000, "firmware");
    image_contents_free(&contents);
    ti[4] = 9;
    put_suffix(ti, 16, 0x0100);
    reads_how("file", ti, len, &at);
    assert_int_equal(contents.targets[0].image.segments[0].len, 16);
    image_contents_free(&contents);
    // NXP: 1A 3F, blocks of 512.
    uint8_t nxp[64] = {0x1a, 0x3f, 1, 0};
    memcpy(nxp + 16, "firmware", 8);
    reads_how("file", nxp, put_suffix(nxp, 24, 0x0100), &at);
    has_segment(0, 0, 0x08000000, "firmware");
    image_contents_free(&contents);
}

// -- DfuSe

static uint8_t dfuse[2048];
static size_t dfuse_len;

static void begin(unsigned targets) {
    memset(dfuse, 0, sizeof dfuse);
    memcpy(dfuse, "DfuSe\1", 6);
    dfuse[10] = (uint8_t)targets;
    dfuse_len = 11;
}

static uint8_t *put_target(unsigned alternate, const char *name, uint32_t elements) {
    uint8_t *target = dfuse + dfuse_len;
    memcpy(target, "Target", 6);
    target[6] = (uint8_t)alternate;
    target[7] = name[0] != '\0';
    memcpy(target + 11, name, strlen(name));
    store_le32(target + 270, elements);
    dfuse_len += 274;
    return target;
}

static void put_element(uint8_t *target, uint32_t addr, const char *bytes) {
    uint32_t len = (uint32_t)strlen(bytes);
    store_le32(dfuse + dfuse_len, addr);
    store_le32(dfuse + dfuse_len + 4, len);
    memcpy(dfuse + dfuse_len + 8, bytes, len);
    dfuse_len += 8 + len;
    store_le32(target + 266, load_le32(target + 266) + 8 + len);
}

// `more` is what the size counts beyond what is right: without the suffix.
static void finish(int more) {
    store_le32(dfuse + 6, (uint32_t)((int)dfuse_len + more));
    dfuse_len = put_suffix(dfuse, dfuse_len, 0x011a);
}

static void two_targets(int more) {
    begin(3);
    uint8_t *target = put_target(2, "Settings", 1);
    put_element(target, 0x5e700000, "key");
    target = put_target(0, "", 2);
    put_element(target, 0x08010000, "later");
    put_element(target, 0x0800c000, "first");
    target = put_target(0, "", 1); // targets may share an alternate
    put_element(target, 0x0800c005, "second");
    finish(more);
}

static void dfuse_has_targets_and_elements(void **state) {
    (void)state;
    // dfuse-pack counts the suffix; others leave the prefix out.
    static const int counted[] = {0, 16, -11, 5};
    for (unsigned i = 0; i < 4; i++) {
        two_targets(counted[i]);
        reads(dfuse, dfuse_len);
        assert_int_equal(contents.format, IMAGE_DFUSE);
        assert_true(contents.has_alternates);
        assert_int_equal(contents.vendor, 0x0483);
        assert_int_equal(contents.target_count, 2);
        assert_int_equal(contents.targets[0].alternate, 0);
        assert_int_equal(contents.targets[1].alternate, 2);
        assert_string_equal(contents.targets[0].name, "");
        assert_string_equal(contents.targets[1].name, "Settings");
        assert_int_equal(contents.targets[0].image.segment_count, 2);
        has_segment(0, 0, 0x0800c000, "firstsecond");
        has_segment(0, 1, 0x08010000, "later");
        has_segment(1, 0, 0x5e700000, "key");
        image_contents_free(&contents);
    }
    // dwTargetSize with its own header.
    begin(1);
    uint8_t *target = put_target(1, "", 1);
    put_element(target, 0x0800c000, "abc");
    store_le32(target + 266, 11 + 274);
    finish(0);
    reads(dfuse, dfuse_len);
    has_segment(0, 0, 0x0800c000, "abc");
    image_contents_free(&contents);
}

static void dfuse_is_refused(void **state) {
    (void)state;
    two_targets(0);
    for (size_t len = 5; len < dfuse_len; len++) {
        // Cut anywhere: the headers, or the suffix, are not there.
        struct image_fault fault;
        assert_false(image_contents_parse(&contents, "file", dfuse, len, &found_out, &fault));
        assert_non_null(strstr(fault.text, "truncated"));
    }
    two_targets(1);
    refused(dfuse, dfuse_len,
            "file: says that it has 885 bytes, but has 884 (and a suffix of 16): truncated, or "
            "something was put behind it");
    two_targets(0);
    dfuse[5] = 2;
    put_suffix(dfuse, dfuse_len - 16, 0x011a);
    refused(dfuse, dfuse_len, "file: DfuSe format version 2; only version 1 is known");
    two_targets(0);
    dfuse[10] = 2;
    put_suffix(dfuse, dfuse_len - 16, 0x011a);
    refused(dfuse, dfuse_len, "file: 288 bytes follow the last of 2 targets");
    two_targets(0);
    dfuse[10] = 4;
    put_suffix(dfuse, dfuse_len - 16, 0x011a);
    refused(dfuse, dfuse_len, "file: no target prefix at byte 884, where target 4 begins");

    begin(1);
    uint8_t *target = put_target(3, "", 2);
    put_element(target, 0x0800c000, "abcd");
    put_element(target, 0x0800c002, "cx");
    finish(0);
    refused(dfuse, dfuse_len,
            "file: target 1 (alternate 3), element 2: 0x0800C002-0x0800C003 is given twice, and "
            "differently: 0x0800C003 is 0x64 first, then 0x78");
    begin(1);
    target = put_target(3, "", 1);
    put_element(target, 0x0800c000, "abcd");
    store_le32(dfuse + dfuse_len - 8, 5);
    finish(0);
    refused(dfuse, dfuse_len,
            "file: target 1 (alternate 3), element 1 at byte 285 passes the end of the file: 12 "
            "bytes are left, 13 are wanted");
    begin(1);
    target = put_target(3, "", 2);
    put_element(target, 0x0800c000, "abcd");
    finish(0);
    refused(dfuse, dfuse_len,
            "file: target 1 (alternate 3), element 2 at byte 297 passes the end of the file: 0 "
            "bytes are left, 8 are wanted");
    begin(1);
    target = put_target(3, "", 1);
    put_element(target, 0x0800c000, "abcd");
    store_le32(target + 266, 13);
    finish(0);
    refused(dfuse, dfuse_len,
            "file: target 1 (alternate 3) says that its elements have 13 bytes, but they have 12");
    begin(1);
    target = put_target(3, "", 1);
    put_element(target, 0x0800c000, "");
    finish(0);
    refused(dfuse, dfuse_len, "file: holds no data");
    dfuse[dfuse_len - 1] ^= 1;
    struct image_fault fault;
    assert_false(image_contents_parse(&contents, "file", dfuse, dfuse_len, &found_out, &fault));
    assert_non_null(strstr(fault.text, "the DFU suffix's CRC is"));
}

static void image_load_wants_one_image(void **state) {
    (void)state;
    two_targets(0);
    char path[] = "/tmp/redfu-formats-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, dfuse, dfuse_len), (ssize_t)dfuse_len);
    close(fd);
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_false(image_load(&image, path, IMAGE_NO_ADDRESS, &fault));
    unlink(path);
    char sentence[200];
    (void)snprintf(sentence, sizeof sentence,
                   "%s: holds images for several alternate settings (0, 2); `redfu convert "
                   "--from-alt N` takes one out",
                   path);
    assert_string_equal(fault.text, sentence);
}

// -- UF2

static uint8_t uf2[16 * 512];

static uint8_t *put_block(unsigned at, uint32_t family, unsigned number, unsigned count,
                          uint32_t addr, const char *bytes) {
    uint8_t *block = uf2 + 512 * (size_t)at;
    memset(block, 0, 512);
    store_le32(block, 0x0a324655);
    store_le32(block + 4, 0x9e5d5157);
    store_le32(block + 8, family ? 0x2000 : 0);
    store_le32(block + 12, addr);
    store_le32(block + 16, (uint32_t)strlen(bytes));
    store_le32(block + 20, number);
    store_le32(block + 24, count);
    store_le32(block + 28, family);
    memcpy(block + 32, bytes, strlen(bytes));
    store_le32(block + 508, 0x0ab16f30);
    return block;
}

#define F4     0x57755a57u
#define RP2040 0xe48bff56u

static void uf2_blocks_come_in_any_order_with_tags(void **state) {
    (void)state;
    put_block(0, F4, 2, 3, 0x08010000, "far");
    uint8_t *block = put_block(1, F4, 0, 3, 0x0800c000, "near");
    store_le32(block + 8, 0x2000 | 0x4000 | 0x8000); // MD5 and extension tags behind the payload
    memset(block + 36, 0xee, 472);
    put_block(2, F4, 1, 3, 0x0800c004, "by");
    store_le32(uf2 + 512 * 1 + 508, 0x0ab16f30);
    reads(uf2, 3 * 512);
    assert_int_equal(contents.format, IMAGE_UF2);
    assert_true(contents.has_family);
    assert_int_equal(contents.family, F4);
    has_segment(0, 0, 0x0800c000, "nearby");
    has_segment(0, 1, 0x08010000, "far");
    image_contents_free(&contents);
    // Without a family, and with a block that is not for flash.
    put_block(0, 0, 0, 2, 0x0800c000, "flash");
    block = put_block(1, 0, 1, 2, 0, "other");
    store_le32(block + 8, 1);
    reads(uf2, 2 * 512);
    assert_false(contents.has_family);
    assert_int_equal(contents.skipped_blocks, 1);
    has_segment(0, 0, 0x0800c000, "flash");
    image_contents_free(&contents);
}

static void uf2_of_several_families_gives_one(void **state) {
    (void)state;
    put_block(0, RP2040, 0, 1, 0x10000000, "pico");
    put_block(1, F4, 0, 1, 0x0800c000, "four");
    reads(uf2, 2 * 512);
    has_segment(0, 0, 0x0800c000, "four");
    image_contents_free(&contents);
    const struct image_how pico = {.addr = IMAGE_NO_ADDRESS, .has_family = true, .family = RP2040};
    reads_how("file", uf2, 2 * 512, &pico);
    has_segment(0, 0, 0x10000000, "pico");
    assert_int_equal(contents.family, RP2040);
    image_contents_free(&contents);
    const struct image_how seven = {
        .addr = IMAGE_NO_ADDRESS, .has_family = true, .family = 0x53b80f00};
    refused_how("file", uf2, 2 * 512, &seven,
                "file: has no blocks for STM32F7, but for: RP2040, STM32F4; --family chooses one");
    put_block(1, 0x12345678, 0, 1, 0x0800c000, "four");
    refused(uf2, 2 * 512,
            "file: has no blocks for STM32F4, but for: RP2040, 0x12345678; --family chooses one");
}

static void uf2_of_one_family_must_be_an_stm32f4s_or_be_asked_for(void **state) {
    (void)state;
    put_block(0, RP2040, 0, 1, 0x10000000, "pico");
    refused(uf2, 512, "file: has no blocks for STM32F4, but for: RP2040; --family chooses one");
    const struct image_how pico = {.addr = IMAGE_NO_ADDRESS, .has_family = true, .family = RP2040};
    reads_how("file", uf2, 512, &pico);
    image_contents_free(&contents);
    put_block(0, 0x06d1097b, 0, 1, 0x08000000, "four"); // STM32F411xC
    reads(uf2, 512);
    assert_int_equal(contents.family, 0x06d1097b);
    image_contents_free(&contents);
}

static void uf2_is_refused(void **state) {
    (void)state;
    put_block(0, F4, 0, 2, 0x0800c000, "abcd");
    put_block(1, F4, 1, 2, 0x0800c004, "efgh");
    refused(uf2, 700, "file: a truncated UF2 file: 700 bytes are no multiple of 512");
    refused(uf2, 512,
            "file: the block at byte 0 says that there are 2 blocks, the file has 1: "
            "truncated?");
    uf2[512 + 508] ^= 1;
    refused(uf2, 1024, "file: no UF2 block at byte 512: its magic numbers are wrong");
    put_block(1, F4, 0, 2, 0x0800c004, "efgh");
    refused(uf2, 1024, "file: block 0 is there twice, again at byte 512");
    put_block(1, F4, 2, 2, 0x0800c004, "efgh");
    refused(uf2, 1024,
            "file: the block at byte 512 is number 2 of 2, others of its family are of 2");
    put_block(1, F4, 1, 2, 0x0800c003, "dx");
    refused(uf2, 1024, "file: block 1: 0x0800C003-0x0800C003 is given twice, with the same bytes");
    uint8_t *block = put_block(1, F4, 1, 2, 0x0800c004, "efgh");
    store_le32(block + 16, 477);
    refused(uf2, 1024, "file: block 1 says that it has 477 bytes; a block has room for 476");
    store_le32(block + 8, 0x6000);
    store_le32(block + 16, 453);
    refused(uf2, 1024, "file: block 1 says that it has 453 bytes; a block has room for 452");
    store_le32(block + 8, 0x3000);
    refused(uf2, 1024, "file: block 1 carries a file for a disk, not bytes for flash");
    put_block(0, RP2040, 0, 1, 0, "x");
    block = put_block(1, F4, 1, 2, 0x0800c004, "efgh");
    refused(uf2, 1024, "file: block 0 of 2 is missing, 1 are there");
    put_block(1, F4, 0, 1, 0x0800c004, "");
    refused(uf2, 1024, "file: holds no data for flash");
    for (unsigned i = 0; i < 17; i++) {
        static uint8_t many[17 * 512];
        memcpy(many + 512 * (size_t)i, put_block(0, 100 + i, 0, 1, i, "x"), 512);
        if (i == 16) {
            refused(many, sizeof many, "file: blocks for more than 16 families of chips");
        }
    }
}

// -- By name and by word

static void a_name_that_promises_more_than_the_contents_hold_is_refused(void **state) {
    (void)state;
    const struct image_how at = {.addr = 0x08000000};
    refused_how(
        "a.hex", "garbage", 7, &at,
        "a.hex: named like an Intel HEX file, but its first bytes are not (--format bin takes "
        "it as raw bytes)");
    refused_how("a.s19", "garbage", 7, &at,
                "a.s19: named like a file of S-records, but its first bytes are not (--format bin "
                "takes it as raw bytes)");
    refused_how(
        "a.dfu", "garbage", 7, &at,
        "a.dfu: named like a DFU file, but neither a DFU suffix at its end nor \"DfuSe\" at "
        "its start: cut off? (--format bin takes it as raw bytes)");
    const struct image_how raw = {.addr = 0x08000000, .format = IMAGE_BIN};
    reads_how("a.hex", "garbage", 7, &raw);
    has_segment(0, 0, 0x08000000, "garbage");
    image_contents_free(&contents);
    // The contents go before the name.
    const char *text = "S1051000616227\nS9030000FC\n";
    reads_how("a.bin", text, strlen(text), &found_out);
    assert_int_equal(contents.format, IMAGE_SREC);
    image_contents_free(&contents);
    reads_how("a.hex", text, strlen(text), &found_out);
    assert_int_equal(contents.format, IMAGE_SREC);
    image_contents_free(&contents);
}

static void a_byte_order_mark_before_records_is_passed_over(void **state) {
    (void)state;
    static const char srec[] = "\xef\xbb\xbfS1051000616227\nS9030000FC\n";
    static const char hex[] = "\xef\xbb\xbf:0210000061622B\r\n:00000001FF\r\n";
    reads_how("a.s19", srec, sizeof srec - 1, &found_out);
    assert_int_equal(contents.format, IMAGE_SREC);
    has_segment(0, 0, 0x1000, "ab");
    image_contents_free(&contents);
    reads_how("a.hex", hex, sizeof hex - 1, &found_out);
    assert_int_equal(contents.format, IMAGE_HEX);
    has_segment(0, 0, 0x1000, "ab");
    image_contents_free(&contents);
    const struct image_how by_word = {.addr = IMAGE_NO_ADDRESS, .format = IMAGE_HEX};
    reads_how("file", hex, sizeof hex - 1, &by_word);
    has_segment(0, 0, 0x1000, "ab");
    image_contents_free(&contents);
    // Raw bytes are every byte, and a mark alone makes no format.
    const struct image_how raw = {.addr = 0x08000000, .format = IMAGE_BIN};
    reads_how("a.hex", hex, sizeof hex - 1, &raw);
    assert_int_equal(contents.targets[0].image.segments[0].len, sizeof hex - 1);
    image_contents_free(&contents);
    const struct image_how at = {.addr = 0x08000000};
    reads_how("a.bin", "\xef\xbb\xbfgarbage", 10, &at);
    has_segment(0, 0, 0x08000000, "\xef\xbb\xbfgarbage");
    image_contents_free(&contents);
    refused_how("a.hex", "\xef\xbb\xbf", 3, &at,
                "a.hex: named like an Intel HEX file, but its first bytes are not (--format bin "
                "takes it as raw bytes)");
}

static void a_format_by_word_must_be_the_file_s(void **state) {
    (void)state;
    const struct image_how hex = {.addr = IMAGE_NO_ADDRESS, .format = IMAGE_HEX};
    refused_how("file", "S1051000616227\n", 15, &hex,
                "file: is not an Intel HEX file: its first bytes are other ones");
    const struct image_how dfu = {.addr = IMAGE_NO_ADDRESS, .format = IMAGE_DFU};
    refused_how("file", "S1051000616227\n", 15, &dfu, "file: has no DFU suffix at its end");
    assert_int_equal(image_format_named("UF2"), IMAGE_UF2);
    assert_int_equal(image_format_named("elephant"), IMAGE_ANY);
    assert_int_equal(image_format_of_path("a/b.S37"), IMAGE_SREC);
    assert_int_equal(image_format_of_path("a.hex/b"), IMAGE_ANY);
    assert_int_equal(image_format_of_path("a.he"), IMAGE_ANY);
    assert_int_equal(image_format_of_path("plain"), IMAGE_ANY);
}

static void more_pieces_than_firmware_has_are_refused(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    for (uint32_t i = 0; i < 16384; i++) {
        assert_true(image_add(&image, 2 * (16384 - i), (const uint8_t *)"x", 1, &fault));
    }
    assert_false(image_add(&image, 0x10000, (const uint8_t *)"x", 1, &fault));
    assert_string_equal(fault.text, "more than 16384 separate pieces: this is no firmware image");
    image_free(&image);
}

// -- Cutting and filling

static void ranges_are_cut_and_gaps_filled(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_true(image_add(&image, 10, (const uint8_t *)"abcd", 4, &fault));
    assert_true(image_add(&image, 20, (const uint8_t *)"efgh", 4, &fault));
    image.entry = 7;
    assert_true(image_cut(&image, 12, 21, &fault));
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].addr, 12);
    assert_memory_equal(image.segments[0].bytes, "cd", 2);
    assert_int_equal(image.segments[1].len, 2);
    assert_int_equal(image.entry, 7);
    assert_true(image_fill(&image, 11, 24, '.', &fault));
    assert_int_equal(image.segment_count, 1);
    assert_int_equal(image.segments[0].addr, 11);
    assert_int_equal(image.segments[0].len, 14);
    assert_memory_equal(image.segments[0].bytes, ".cd......ef...", 14);
    assert_true(image_cut(&image, 100, 200, &fault));
    assert_int_equal(image.segment_count, 0);
    assert_true(image_fill(&image, 0xfffffffe, 0xffffffff, 'x', &fault));
    assert_int_equal(image.segments[0].len, 2);
    assert_false(image_fill(&image, 0, 0x1000000, 'x', &fault));
    assert_string_equal(
        fault.text, "0x00000000-0x01000000, 16777217 bytes, is more to fill than any flash has");
    image_free(&image);
}

// -- Every format written reads as it was

static void what_is_written_reads_the_same(void **state) {
    (void)state;
    static const enum image_format formats[] = {IMAGE_HEX, IMAGE_SREC, IMAGE_ELF, IMAGE_DFUSE,
                                                IMAGE_UF2};
    static uint8_t bytes[70000];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    struct image image;
    struct image_fault fault = {.text = ""};
    image_init(&image);
    // From an odd address across 64 KB, a single byte, the last bytes there are.
    assert_true(image_add(&image, 0x0800ff83, bytes, sizeof bytes, &fault));
    assert_true(image_add(&image, 0x08100000, bytes, 1, &fault));
    assert_true(image_add(&image, 0xfffffff0, bytes, 16, &fault));
    image.entry = 0x08010001;
    for (unsigned f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        char path[] = "/tmp/redfu-formats-XXXXXX";
        int fd = mkstemp(path);
        close(fd);
        assert_true(image_save(&image, path, formats[f], &fault));
        assert_true(image_contents_load(&contents, path, &found_out, &fault));
        unlink(path);
        assert_int_equal(contents.format, formats[f]);
        assert_int_equal(contents.target_count, 1);
        const struct image *again = &contents.targets[0].image;
        assert_int_equal(again->segment_count, image.segment_count);
        for (size_t i = 0; i < image.segment_count; i++) {
            assert_int_equal(again->segments[i].addr, image.segments[i].addr);
            assert_int_equal(again->segments[i].len, image.segments[i].len);
            assert_memory_equal(again->segments[i].bytes, image.segments[i].bytes,
                                image.segments[i].len);
        }
        if (formats[f] != IMAGE_DFUSE && formats[f] != IMAGE_UF2) {
            assert_int_equal(again->entry, image.entry);
        }
        image_contents_free(&contents);
    }
    image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(srec_of_all_address_widths_is_understood),
        cmocka_unit_test(srec_is_refused),
        cmocka_unit_test(suffix_is_read_checked_and_taken_off),
        cmocka_unit_test(suffix_lies_over_a_format_with_addresses),
        cmocka_unit_test(prefixes_of_dfu_prefix_are_understood),
        cmocka_unit_test(dfuse_has_targets_and_elements),
        cmocka_unit_test(dfuse_is_refused),
        cmocka_unit_test(image_load_wants_one_image),
        cmocka_unit_test(uf2_blocks_come_in_any_order_with_tags),
        cmocka_unit_test(uf2_of_several_families_gives_one),
        cmocka_unit_test(uf2_of_one_family_must_be_an_stm32f4s_or_be_asked_for),
        cmocka_unit_test(uf2_is_refused),
        cmocka_unit_test(a_name_that_promises_more_than_the_contents_hold_is_refused),
        cmocka_unit_test(a_byte_order_mark_before_records_is_passed_over),
        cmocka_unit_test(a_format_by_word_must_be_the_file_s),
        cmocka_unit_test(more_pieces_than_firmware_has_are_refused),
        cmocka_unit_test(ranges_are_cut_and_gaps_filled),
        cmocka_unit_test(what_is_written_reads_the_same),
    };
    return cmocka_run_group_tests_name("image formats", tests, NULL, NULL);
}
