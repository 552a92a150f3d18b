// SPDX-License-Identifier: MIT
//
// `redfu doctor --log FILE`: another program's session, from what is left of it. No device, no USB.

#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/target.h"
#include "doctor/log/log.h"

static enum redfu_result refuse_company(struct cli *cli) {
    const struct options *options = cli->options;
    if (options_given(options, "--sector") || options->conformance || options->yes) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--log looks at a file and --sector, --conformance and --yes are about a "
                          "device: one at a time");
    }
    return REDFU_OK;
}

enum redfu_result doctor_log(struct cli *cli, const char *path) {
    uint8_t *bytes;
    uint32_t len;
    char why[LOG_WHY_MAX];
    struct report report = {0};
    enum redfu_result result = refuse_company(cli);
    if (result == REDFU_OK) {
        result = file_load(cli, path, LOG_BYTES_MAX, &bytes, &len);
    }
    if (result != REDFU_OK) {
        return result;
    }
    const char *slash = strrchr(path, '/');
    (void)snprintf(report.subject, sizeof report.subject, "%.150s", slash ? slash + 1 : path);
    bool is_log = log_examine(bytes, len, &report, why);
    free(bytes);
    if (is_log) {
        result = doctor_finish(cli, &report);
    } else {
        result = cli_refuse(cli, REDFU_BAD_FILE, "%s: %s", path, why);
    }
    report_free(&report);
    return result;
}
