// SPDX-License-Identifier: MIT
//
// The flash jobs by themselves, without a host: one at a time, what a flash that refuses to begin
// makes of them, and the words that are held back.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/update.h"
#include "tests/unit/desk.h"

#define SECTOR_4 0x08010000u
#define BLOCK    2048u

// The desk is there for its port: its own bootloader is not polled.
struct bench {
    struct desk *desk;
    struct update update;
};

static struct bench bench;

static int setup(void **state) {
    bench.desk = desk_new();
    update_init(&bench.update, &bench.desk->port);
    *state = &bench;
    return 0;
}

static int teardown(void **state) {
    desk_free(((struct bench *)*state)->desk);
    return 0;
}

static void run(struct bench *b) {
    for (unsigned polls = 0; !update_is_idle(&b->update); polls++) {
        assert_true(polls < 1000000);
        b->desk->now_us += 100;
        update_poll(&b->update);
    }
}

static bool begin(struct bench *b, uint32_t addr, const void *bytes, uint32_t len) {
    memcpy(update_buffer(&b->update, addr), bytes, len);
    return update_program(&b->update, addr, len);
}

static enum dfu_status program(struct bench *b, uint32_t addr, const void *bytes, uint32_t len) {
    assert_true(begin(b, addr, bytes, len));
    run(b);
    return update_take_failure(&b->update);
}

static enum dfu_status finish_vectors(struct bench *b) {
    assert_true(update_program_vectors(&b->update));
    run(b);
    return update_take_failure(&b->update);
}

static uint8_t *flash_at(const struct bench *b, uint32_t addr) {
    return b->desk->flash + (addr - DESK_FLASH_BASE);
}

static void nothing_begins_while_a_job_is_under_way(void **state) {
    struct bench *b = *state;
    uint8_t first[BLOCK], other[BLOCK], vectors[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    memset(first, 0x5a, sizeof first);
    memset(other, 0xa5, sizeof other);
    // Words that wait, so that there would be something to program.
    assert_int_equal(program(b, DESK_APPLICATION, vectors, 8), DFU_STATUS_OK);
    assert_true(begin(b, SECTOR_4, first, sizeof first));
    assert_true(b->desk->busy);
    struct update before = b->update;
    // The desk fails a second operation by itself.
    assert_false(update_program(&b->update, SECTOR_4 + BLOCK, BLOCK));
    assert_false(update_erase(&b->update, 5, 6));
    assert_false(update_program_vectors(&b->update));
    assert_memory_equal(&b->update, &before, sizeof before);
    run(b);
    assert_int_equal(update_take_failure(&b->update), DFU_STATUS_OK);
    assert_memory_equal(flash_at(b, SECTOR_4), first, sizeof first);
    assert_int_equal(*flash_at(b, SECTOR_4 + BLOCK), 0xff);
    assert_int_equal(b->desk->erases[5], 0);
    assert_int_equal(*flash_at(b, DESK_APPLICATION), 0xff);
    assert_true(begin(b, SECTOR_4 + BLOCK, other, sizeof other)); // and now it does
    run(b);
    assert_memory_equal(flash_at(b, SECTOR_4 + BLOCK), other, sizeof other);
}

// --- Flash that refuses to begin (core/port.h: nothing is touched then) --------------------------

static enum flash_result refusal;

static enum flash_result refuse_erase(void *ctx, unsigned sector) {
    (void)ctx, (void)sector;
    return refusal;
}

static enum flash_result refuse_program(void *ctx, uint32_t addr, const uint8_t *data,
                                        uint32_t len) {
    (void)ctx, (void)addr, (void)data, (void)len;
    return refusal;
}

static const struct {
    enum flash_result result;
    enum dfu_status of_erase, of_program;
} refusals[] = {
    {FLASH_PROTECTED, DFU_STATUS_ERR_WRITE, DFU_STATUS_ERR_WRITE},
    {FLASH_UNSAFE, DFU_STATUS_ERR_WRITE, DFU_STATUS_ERR_WRITE},
    {FLASH_FAILED, DFU_STATUS_ERR_ERASE, DFU_STATUS_ERR_PROG},
};
#define REFUSALS (sizeof refusals / sizeof refusals[0])

static void an_erase_that_flash_refuses_ends_at_once_and_says_why(void **state) {
    struct bench *b = *state;
    for (unsigned i = 0; i < REFUSALS; i++) {
        enum flash_result (*erase)(void *, unsigned) = b->desk->port.flash_erase;
        memset(flash_at(b, SECTOR_4), 0, 16);
        refusal = refusals[i].result;
        b->desk->port.flash_erase = refuse_erase;
        assert_true(update_erase(&b->update, 4, 6));
        assert_true(update_is_idle(&b->update));
        assert_int_equal(update_take_failure(&b->update), refusals[i].of_erase);
        assert_int_equal(update_take_failure(&b->update), DFU_STATUS_OK); // once
        b->desk->port.flash_erase = erase;
        // The sector does not pass for erased: a block brings its erase with it.
        unsigned erases = b->desk->erases[4];
        assert_int_equal(program(b, SECTOR_4, "\1\2\3\4", 4), DFU_STATUS_OK);
        assert_int_equal(b->desk->erases[4], erases + 1);
        assert_memory_equal(flash_at(b, SECTOR_4), "\1\2\3\4", 4);
        update_init(&b->update, &b->desk->port);
    }
}

static void a_block_that_flash_refuses_ends_at_once_and_says_why(void **state) {
    struct bench *b = *state;
    for (unsigned i = 0; i < REFUSALS; i++) {
        enum flash_result (*program_)(void *, uint32_t, const uint8_t *, uint32_t) =
            b->desk->port.flash_program;
        refusal = refusals[i].result;
        b->desk->port.flash_program = refuse_program;
        assert_true(begin(b, SECTOR_4 + 4 * i, "\1\2\3\4", 4));
        assert_true(update_is_idle(&b->update));
        assert_int_equal(update_take_failure(&b->update), refusals[i].of_program);
        b->desk->port.flash_program = program_;
        assert_int_equal(load_le32(flash_at(b, SECTOR_4 + 4 * i)), UINT32_MAX);
        // Sent again, once flash is willing.
        assert_int_equal(program(b, SECTOR_4 + 4 * i, "\1\2\3\4", 4), DFU_STATUS_OK);
        assert_memory_equal(flash_at(b, SECTOR_4 + 4 * i), "\1\2\3\4", 4);
    }
}

static void first_words_that_flash_refuses_go_on_waiting(void **state) {
    struct bench *b = *state;
    const uint8_t vectors[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(program(b, DESK_APPLICATION, vectors, 8), DFU_STATUS_OK);
    for (unsigned i = 0; i < REFUSALS; i++) {
        enum flash_result (*program_)(void *, uint32_t, const uint8_t *, uint32_t) =
            b->desk->port.flash_program;
        refusal = refusals[i].result;
        b->desk->port.flash_program = refuse_program;
        assert_int_equal(finish_vectors(b), refusals[i].of_program);
        b->desk->port.flash_program = program_;
        assert_int_equal(load_le32(flash_at(b, DESK_APPLICATION)), UINT32_MAX);
    }
    assert_int_equal(finish_vectors(b), DFU_STATUS_OK);
    assert_memory_equal(flash_at(b, DESK_APPLICATION), vectors, 8);
    assert_false(update_program_vectors(&b->update)); // none are left
}

// --- The words held back -------------------------------------------------------------------------

// A word that no host has sent any of is not programmed: it could not be any more, without an erase.
static void of_the_first_words_only_those_sent_are_programmed(void **state) {
    struct bench *b = *state;
    static const struct {
        uint8_t off, len, words;
    } pieces[] = {{0, 4, 1}, {4, 4, 1}, {0, 1, 1}, {5, 2, 1}, {3, 2, 2}, {0, 8, 2}};
    for (unsigned i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        uint8_t expected[8];
        memset(expected, 0xff, sizeof expected);
        memset(expected + pieces[i].off, 0x21, pieces[i].len);
        assert_true(update_erase(&b->update, 3, 3));
        run(b);
        assert_int_equal(
            program(b, DESK_APPLICATION + pieces[i].off, expected + pieces[i].off, pieces[i].len),
            DFU_STATUS_OK);
        b->desk->words_programmed = 0;
        assert_int_equal(finish_vectors(b), DFU_STATUS_OK);
        assert_memory_equal(flash_at(b, DESK_APPLICATION), expected, sizeof expected);
        assert_int_equal(b->desk->words_programmed, pieces[i].words);
    }
}

// One of them is there already: it is not looked at again when the other one comes.
static void first_words_may_be_finished_one_after_the_other(void **state) {
    struct bench *b = *state;
    const uint8_t vectors[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned second = 0; second < 2; second++) {
        assert_true(update_erase(&b->update, 3, 3));
        run(b);
        for (unsigned i = 0; i < 2; i++) {
            unsigned off = 4 * (i ^ second);
            assert_int_equal(program(b, DESK_APPLICATION + off, vectors + off, 4), DFU_STATUS_OK);
            assert_int_equal(finish_vectors(b), DFU_STATUS_OK);
        }
        assert_memory_equal(flash_at(b, DESK_APPLICATION), vectors, sizeof vectors);
    }
}

static void first_words_over_others_that_were_not_erased_are_errVERIFY(void **state) {
    struct bench *b = *state;
    const uint8_t one[8] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
    const uint8_t two[8] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x22}; // in the last byte
    assert_int_equal(program(b, DESK_APPLICATION, one, 8), DFU_STATUS_OK);
    assert_int_equal(finish_vectors(b), DFU_STATUS_OK);
    // Out of sight while the block is programmed, which reads them back.
    memset(flash_at(b, DESK_APPLICATION), 0xff, 8);
    assert_int_equal(program(b, DESK_APPLICATION, two, 8), DFU_STATUS_OK);
    memcpy(flash_at(b, DESK_APPLICATION), one, 8);
    assert_int_equal(finish_vectors(b), DFU_STATUS_ERR_VERIFY);
}

// --- Bytes beside the block ----------------------------------------------------------------------

static enum flash_result (*desk_poll_flash)(void *ctx);
static void (*desk_read)(void *ctx, uint32_t addr, uint8_t *out, uint32_t len);
static uint32_t weak_addr; // reads differently once the block is programmed
static bool is_changed;

static enum flash_result poll_and_change(void *ctx) {
    enum flash_result result = desk_poll_flash(ctx);
    is_changed |= result == FLASH_OK;
    return result;
}

static void weak_read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    desk_read(ctx, addr, out, len);
    if (is_changed && weak_addr - addr < len) {
        out[weak_addr - addr] ^= 1;
    }
}

// Bits that an earlier cut has left weak, in a word that the block shares with them: what the host has sent is right,
// and it could do nothing about the rest.
static void weak_bytes_beside_a_block_fail_nothing_and_weak_bytes_of_it_do(void **state) {
    struct bench *b = *state;
    desk_poll_flash = b->desk->port.flash_poll;
    desk_read = b->desk->port.flash_read;
    b->desk->port.flash_poll = poll_and_change;
    b->desk->port.flash_read = weak_read;
    for (uint32_t lead = 0; lead < 4; lead++) {
        for (uint32_t len = 1; len < 9; len++) {
            uint32_t start = SECTOR_4 + 16 * (8 * lead + len);
            uint32_t words_end = (lead + len + 3) / 4 * 4;
            for (uint32_t at = 0; at < words_end; at++) {
                bool is_sent = at >= lead && at < lead + len;
                is_changed = false;
                weak_addr = start + at;
                assert_int_equal(program(b, start + lead, "\1\2\3\4\5\6\7\10", len),
                                 is_sent ? DFU_STATUS_ERR_VERIFY : DFU_STATUS_OK);
            }
            assert_memory_equal(flash_at(b, start + lead), "\1\2\3\4\5\6\7\10", len);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(nothing_begins_while_a_job_is_under_way),
        TEST(an_erase_that_flash_refuses_ends_at_once_and_says_why),
        TEST(a_block_that_flash_refuses_ends_at_once_and_says_why),
        TEST(first_words_that_flash_refuses_go_on_waiting),
        TEST(of_the_first_words_only_those_sent_are_programmed),
        TEST(first_words_may_be_finished_one_after_the_other),
        TEST(first_words_over_others_that_were_not_erased_are_errVERIFY),
        TEST(weak_bytes_beside_a_block_fail_nothing_and_weak_bytes_of_it_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
