// SPDX-License-Identifier: MIT
//
// The examination over USB (doctor/exam.h) at the far end of the cable: what `redfu doctor` would make of the board.

#include <stdio.h>

#include "doctor/exam.h"
#include "vboard/clinic_internal.h"
#include "vboard/host/command.h"

static bool is_cancelled(void *ctx) {
    (void)ctx;
    return clinic_is_interrupted();
}

// The flash is the board's own, and nobody's: --flash keeps what it was only if it is put back, as on a device.
static bool save(void *ctx, const struct exam_memory *memory, unsigned count) {
    (void)ctx, (void)memory, (void)count;
    return true;
}

int clinic_look_outside(struct clinic *clinic) {
    const struct options *options = clinic->board->options;
    struct exam_options exam = {.is_cancelled = is_cancelled,
                                .save = save,
                                .sector_count = options->sector_count,
                                .must_leave = options->must_leave};
    for (unsigned i = 0; i < options->sector_count; i++) {
        exam.sectors[i] = options->sectors[i];
    }
    struct report report = {0};
    (void)snprintf(report.subject, sizeof report.subject, "%s, over USB",
                   options->load_count ? options->loads[0].text : options->flash_path);
    struct exam_result result = exam_run(&clinic->device, &exam, &report);
    int status = clinic_say(clinic, &report);
    if (result.is_refused && status == 0) {
        status = EXIT_VBOARD_FAILED;
    }
    report_free(&report);
    return status;
}
