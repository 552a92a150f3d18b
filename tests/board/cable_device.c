// SPDX-License-Identifier: MIT

#include "tests/board/cable_device.h"

static void run(void *ctx, uint64_t ps) {
    bench_run(ctx, ps);
}

struct device cable_device(struct bench *bench) {
    bench->host = (struct cable_device){.ctx = bench,
                                        .timeline = &bench->timeline,
                                        .cable = bench->cable,
                                        .enumerator = bench->enumerator,
                                        .has_ended = &bench->has_ended,
                                        .run = run};
    return cable_device_of(&bench->host);
}
