// SPDX-License-Identifier: MIT
//
// libredfu's promise about threads (redfu.h): two contexts may be used from two threads. Each thread has a
// bench of its own, a context and a session, and loads its board at the same time as the other; the whole
// program is built with the thread sanitizer, which ends it at the first data race.

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "tests/host/redfu_desk.h"

#define IMAGE_BYTES 30000u

struct load {
    struct bench *bench;
    uint8_t image[IMAGE_BYTES];
    unsigned transfers; // told by redfu_listen()
    enum redfu_result result;
    struct redfu_fault fault;
};

static void count(void *ctx, const struct redfu_transfer *transfer) {
    struct load *load = ctx;
    char text[REDFU_TRANSFER_TEXT_MAX];
    load->transfers += transfer->is_over && redfu_transfer_text(transfer, text)[0] != '\0';
}

static enum redfu_result load_and_verify(struct load *load, struct redfu_session *session) {
    struct redfu_fault *fault = &load->fault;
    const struct redfu_segment image = {DESK_APPLICATION, IMAGE_BYTES, load->image};
    const struct redfu_layout *layout;
    struct redfu_plan plan;
    enum redfu_result result = redfu_layout(session, 0, &layout, fault);
    if (result == REDFU_OK) {
        result = redfu_plan_write(layout, &image, 1, &plan, fault);
    }
    if (result == REDFU_OK) {
        result = redfu_write(session, 0, &plan, NULL, fault);
        redfu_plan_free(&plan);
    }
    return result == REDFU_OK ? redfu_verify(session, 0, &image, 1, NULL, fault) : result;
}

// Assertions are the main thread's.
static void *run(void *ctx) {
    struct load *load = ctx;
    struct redfu *redfu = bench_redfu(load->bench);
    struct redfu_device *devices;
    struct redfu_session *session = NULL;
    size_t count_of_devices;
    redfu_listen(redfu, count, load);
    load->result = redfu_list(redfu, &devices, &count_of_devices, &load->fault);
    if (load->result == REDFU_OK) {
        load->result = redfu_open(redfu, &devices[0], &session, &load->fault);
    }
    if (load->result == REDFU_OK) {
        load->result = load_and_verify(load, session);
    }
    redfu_close(session);
    redfu_list_free(devices);
    redfu_free(redfu);
    return NULL;
}

static void two_sessions_in_two_threads_load_their_boards(void **unused) {
    (void)unused;
    static struct load loads[2];
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        loads[i].bench = bench_new();
        for (unsigned at = 0; at < IMAGE_BYTES; at++) {
            loads[i].image[at] = (uint8_t)(at * (7 + i) + at / 251);
        }
        assert_int_equal(pthread_create(&threads[i], NULL, run, &loads[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (loads[i].result != REDFU_OK) {
            fail_msg("thread %u: %s", i, loads[i].fault.text);
        }
        assert_true(loads[i].transfers > IMAGE_BYTES / 2048 * 2);
        // The first words are programmed when the board is told to leave (docs/protocol.md).
        assert_memory_equal(bench_flash(loads[i].bench, DESK_APPLICATION) + 8, loads[i].image + 8,
                            IMAGE_BYTES - 8);
        bench_free(loads[i].bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sessions_in_two_threads_load_their_boards),
    };
    return cmocka_run_group_tests_name("host/redfu_threads", tests, NULL, NULL);
}
