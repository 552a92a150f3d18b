// SPDX-License-Identifier: MIT
//
// What commands have in common: the one device that is meant, opened, and how they speak.

#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "cli/cli.h"

#define TARGET_DFUSE_VERSION 0x011a // bcdDFUVersion of ST's extension (UM0424)

// A device that is open, and its memory if target_open_memory() opened it.
struct target {
    struct redfu *redfu;
    struct redfu_session *session;
    const struct redfu_layout *layout;
};

// Access to USB, listened to with -v and --trace.
enum redfu_result cli_connect(struct cli *cli, struct redfu **redfu)
    __attribute__((warn_unused_result));

// Opens the one device that is meant. On failure nothing is left open.
enum redfu_result target_open(struct cli *cli, struct target *target)
    __attribute__((warn_unused_result));
// And the layout of --alt.
enum redfu_result target_open_memory(struct cli *cli, struct target *target)
    __attribute__((warn_unused_result));
// The same, but a device that speaks plain DFU will do, too: layout is NULL then.
enum redfu_result target_open_any(struct cli *cli, struct target *target)
    __attribute__((warn_unused_result));
void target_close(struct target *target);
// A new session with the same device, which may have gone: waits for it. On failure nothing is left open but
// what target_close() closes.
enum redfu_result target_reopen(struct cli *cli, struct target *target, uint32_t timeout_ms,
                                const struct redfu_watch *watch)
    __attribute__((warn_unused_result));
// Where the device's application goes; REDFU_READ_ONLY if there is no such place.
enum redfu_result target_application(struct cli *cli, const struct redfu_layout *layout,
                                     uint32_t *addr) __attribute__((warn_unused_result));

// Fills cli->fault; returns the result.
enum redfu_result cli_refuse(struct cli *cli, enum redfu_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// What to do about it.
enum redfu_result cli_advise(struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// What holds so far, in front of the advice.
void cli_add_success(struct cli *cli, const char *success);
// To the surroundings' output, unless --quiet.
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
