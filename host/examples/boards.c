// SPDX-License-Identifier: MIT
//
// What is connected, and what the one board in DFU mode says of itself.
//
//     cc boards.c $(pkg-config --cflags --libs redfu) -o boards

#include <redfu.h>
#include <stdio.h>

static int fail(const struct redfu_fault *fault) {
    (void)fprintf(stderr, "boards: %s\n%s\n", fault->text, fault->advice);
    return fault->result;
}

int main(void) {
    struct redfu_fault fault;
    struct redfu *redfu;
    if (redfu_new(&redfu, &fault) != REDFU_OK) {
        return fail(&fault);
    }
    struct redfu_device *devices;
    size_t count;
    enum redfu_result result = redfu_list(redfu, &devices, &count, &fault);
    for (size_t i = 0; i < count && result == REDFU_OK; i++) {
        (void)printf("%s  %s  %s\n", devices[i].path, devices[i].serial, devices[i].product_name);
    }
    const struct redfu_filter any = {0};
    size_t chosen;
    if (result == REDFU_OK) {
        result = redfu_choose(devices, count, &any, &chosen, &fault);
    }
    struct redfu_session *session = NULL;
    if (result == REDFU_OK) {
        result = redfu_open(redfu, &devices[chosen], &session, &fault);
    }
    const struct redfu_layout *layout;
    if (result == REDFU_OK) {
        result = redfu_layout(session, 0, &layout, &fault);
    }
    uint32_t addr;
    uint32_t bytes;
    if (result == REDFU_OK && redfu_layout_application(layout, &addr, &bytes)) {
        (void)printf("%s: applications at 0x%08X, up to %u bytes\n", layout->name, (unsigned)addr,
                     (unsigned)bytes);
    }
    redfu_close(session);
    redfu_list_free(devices);
    redfu_free(redfu);
    return result == REDFU_OK ? 0 : fail(&fault);
}
