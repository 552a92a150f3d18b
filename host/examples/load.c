// SPDX-License-Identifier: MIT
//
// Loads a raw image to where applications go, shows how far it is, verifies and starts it. With -v every USB
// transfer is shown as well.
//
//     cc load.c $(pkg-config --cflags --libs redfu) -o load && ./load [-v] image.bin

#include <redfu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const struct redfu_fault *fault) {
    (void)fprintf(stderr, "load: %s\n%s\n", fault->text, fault->advice);
    return fault->result;
}

static void on_progress(void *ctx, const struct redfu_progress *progress) {
    (void)ctx;
    if (progress->done == progress->len) {
        (void)printf("%s 0x%08X, %u bytes\n", redfu_phase_text(progress->phase),
                     (unsigned)progress->addr, (unsigned)progress->len);
    }
}

static void on_transfer(void *ctx, const struct redfu_transfer *transfer) {
    (void)ctx;
    char text[REDFU_TRANSFER_TEXT_MAX];
    if (transfer->is_over) {
        (void)fprintf(stderr, "%s\n", redfu_transfer_text(transfer, text));
    }
}

static enum redfu_result load(struct redfu_session *session, struct redfu_segment image,
                              struct redfu_fault *fault) {
    const struct redfu_layout *layout;
    enum redfu_result result = redfu_layout(session, 0, &layout, fault);
    if (result != REDFU_OK) {
        return result;
    }
    uint32_t room;
    if (!redfu_layout_application(layout, &image.addr, &room)) {
        (void)snprintf(fault->text, sizeof fault->text, "there is no place for an application");
        return fault->result = REDFU_READ_ONLY;
    }
    struct redfu_plan plan;
    result = redfu_plan_write(layout, &image, 1, &plan, fault); // refuses what cannot be
    if (result != REDFU_OK) {
        return result;
    }
    const struct redfu_watch watch = {.progress = on_progress};
    result = redfu_write(session, 0, &plan, &watch, fault);
    redfu_plan_free(&plan);
    if (result == REDFU_OK) {
        result = redfu_verify(session, 0, &image, 1, &watch, fault);
    }
    return result == REDFU_OK ? redfu_run(session, 0, image.addr, fault) : result;
}

static enum redfu_result open_only(struct redfu *redfu, struct redfu_session **session,
                                   struct redfu_fault *fault) {
    struct redfu_device *devices;
    size_t count;
    size_t chosen;
    const struct redfu_filter any = {0};
    enum redfu_result result = redfu_list(redfu, &devices, &count, fault);
    if (result == REDFU_OK) {
        result = redfu_choose(devices, count, &any, &chosen, fault);
    }
    if (result == REDFU_OK) {
        result = redfu_open(redfu, &devices[chosen], session, fault);
    }
    redfu_list_free(devices);
    return result;
}

int main(int argc, char **argv) {
    static uint8_t bytes[0x200000];
    struct redfu_fault fault;
    struct redfu *redfu;
    struct redfu_session *session = NULL;
    FILE *file = argc > 1 ? fopen(argv[argc - 1], "rb") : NULL;
    if (!file) {
        (void)fprintf(stderr, "usage: load [-v] FILE\n");
        return EXIT_FAILURE;
    }
    const struct redfu_segment image = {.len = (uint32_t)fread(bytes, 1, sizeof bytes, file),
                                        .bytes = bytes};
    (void)fclose(file);
    if (redfu_new(&redfu, &fault) != REDFU_OK) {
        return fail(&fault);
    }
    if (strcmp(argv[1], "-v") == 0) {
        redfu_listen(redfu, on_transfer, NULL);
    }
    enum redfu_result result = open_only(redfu, &session, &fault);
    if (result == REDFU_OK) {
        result = load(session, image, &fault);
    }
    redfu_close(session);
    redfu_free(redfu);
    return result == REDFU_OK ? 0 : fail(&fault);
}
