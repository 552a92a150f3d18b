// SPDX-License-Identifier: MIT
//
// libFuzzer: bytes as a log or a capture. What is taken gives a report that can be written in any form; what is not
// is told in words, and leaves the report as it was.

#include <stdlib.h>

#include "doctor/log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    char why[LOG_WHY_MAX];
    struct report report = {0};
    if (!nowhere && !(nowhere = fopen("/dev/null", "w"))) {
        abort();
    }
    if (log_examine(data, size, &report, why)) {
        report_sort(&report);
        // One form an input, by its length: all three are most of the time.
        switch (size % 4) {
        case 0:
            report_text(&report, nowhere, true);
            break;
        case 1:
            report_json(&report, nowhere);
            break;
        case 2:
            report_html(&report, nowhere);
            break;
        default:
            break;
        }
    } else if (!why[0] || report.finding_count + report.fact_count + report.request_count != 0) {
        abort();
    }
    report_free(&report);
    return 0;
}
