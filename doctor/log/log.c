// SPDX-License-Identifier: MIT
//
// Which reader a log is for.

#include "doctor/log/log.h"

#include <stdio.h>
#include <string.h>

#include "capture/reader.h"
#include "doctor/log/lines.h"

bool log_examine(const uint8_t *bytes, size_t len, struct report *report, char why[LOG_WHY_MAX]) {
    struct lines lines;
    struct session_log session = {.report = report, .lines = &lines};
    why[0] = '\0';
    if (len == 0) {
        (void)snprintf(why, LOG_WHY_MAX, "it is empty");
        return false;
    }
    if (capture_kind(bytes, len) != CAPTURE_NONE) {
        return log_capture(bytes, len, report, why);
    }
    lines_begin(&lines, bytes, len);
    if (log_is_cubeprogrammer(bytes, len)) {
        log_cubeprogrammer(&session);
        return true;
    }
    if (log_is_dfu_util(bytes, len)) {
        log_dfu_util(&session);
        return true;
    }
    if (log_is_kernel(bytes, len)) {
        log_kernel(&session);
        return true;
    }
    (void)snprintf(why, LOG_WHY_MAX,
                   "it is no log of STM32CubeProgrammer, dfu-util or Linux' kernel and no capture "
                   "(pcapng, pcap, usbmon's text)");
    return false;
}
