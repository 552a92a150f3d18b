// SPDX-License-Identifier: MIT
//
// Opening what is meant, and the words of a command.

#include "cli/target.h"

#include <stdarg.h>
#include <string.h>

#include "cli/trace.h"

enum redfu_result cli_refuse(struct cli *cli, enum redfu_result result, const char *format, ...) {
    memset(&cli->fault, 0, sizeof cli->fault);
    cli->fault.result = result;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(cli->fault.text, sizeof cli->fault.text, format, args);
    va_end(args);
    return result;
}

enum redfu_result cli_advise(struct cli *cli, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(cli->fault.advice, sizeof cli->fault.advice, format, args);
    va_end(args);
    return cli->fault.result;
}

void cli_add_success(struct cli *cli, const char *success) {
    char advice[sizeof cli->fault.advice];
    (void)snprintf(advice, sizeof advice, "%s%s%.1900s", success, cli->fault.advice[0] ? "\n" : "",
                   cli->fault.advice);
    memcpy(cli->fault.advice, advice, sizeof advice);
}

void cli_say(const struct cli *cli, const char *format, ...) {
    if (cli->options->quiet || cli->options->json) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vfprintf(cli->surroundings->out, format, args);
    va_end(args);
    (void)fflush(cli->surroundings->out);
}

// The only device in run-time mode that may be meant; NULL if there is none, or several. Cameras and
// Bluetooth adapters have such interfaces, too: one that does not say DfuSe has to be named.
static const struct redfu_device *only_runtime(const struct cli *cli,
                                               const struct redfu_device *devices, size_t count) {
    const struct redfu_filter *filter = &cli->options->filter;
    bool is_named = filter->serial || filter->path || filter->has_usb_id;
    const struct redfu_device *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (devices[i].kind == REDFU_KIND_RUNTIME && redfu_matches(&devices[i], filter) &&
            (is_named || devices[i].dfu_version == TARGET_DFUSE_VERSION)) {
            if (found) {
                return NULL;
            }
            found = &devices[i];
        }
    }
    return found;
}

// For write, which changes the device anyway: no other command ends an application.
static enum redfu_result detach_and_open(struct cli *cli, struct target *target,
                                         const struct redfu_device *device) {
    struct redfu_device found;
    cli_say(cli, "%s at %s runs its application: detaching\n",
            device->product_name[0] ? device->product_name : "The device", device->path);
    enum redfu_result result = redfu_detach(target->redfu, device, &found, &cli->fault);
    return result == REDFU_OK ? redfu_open(target->redfu, &found, &target->session, &cli->fault)
                              : result;
}

static enum redfu_result open_chosen(struct cli *cli, struct target *target) {
    struct redfu_device *devices;
    size_t count;
    size_t chosen = 0;
    if (cli->device) {
        return redfu_open(target->redfu, cli->device, &target->session, &cli->fault);
    }
    enum redfu_result result = redfu_list(target->redfu, &devices, &count, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    result = redfu_choose(devices, count, &cli->options->filter, &chosen, &cli->fault);
    if (result == REDFU_OK) {
        result = redfu_open(target->redfu, &devices[chosen], &target->session, &cli->fault);
    } else if (result == REDFU_NO_DEVICE && cli->options->command == COMMAND_WRITE) {
        const struct redfu_device *device = only_runtime(cli, devices, count);
        result = device ? detach_and_open(cli, target, device) : result;
    }
    redfu_list_free(devices);
    return result;
}

enum redfu_result cli_connect(struct cli *cli, struct redfu **redfu) {
    enum redfu_result result =
        cli->surroundings->connect(cli->surroundings->ctx, redfu, &cli->fault);
    if (result == REDFU_OK) {
        trace_listen(cli->trace, *redfu);
    }
    return result;
}

enum redfu_result target_open(struct cli *cli, struct target *target) {
    memset(target, 0, sizeof *target);
    enum redfu_result result = cli_connect(cli, &target->redfu);
    if (result == REDFU_OK) {
        result = open_chosen(cli, target);
    }
    if (result != REDFU_OK) {
        target_close(target);
        memset(target, 0, sizeof *target);
    }
    return result;
}

static enum redfu_result take_layout(struct cli *cli, struct target *target) {
    enum redfu_result result =
        redfu_layout(target->session, cli->options->alternate, &target->layout, &cli->fault);
    if (result != REDFU_OK) {
        target_close(target);
    }
    return result;
}

enum redfu_result target_open_any(struct cli *cli, struct target *target) {
    enum redfu_result result = target_open(cli, target);
    if (result != REDFU_OK || redfu_describe(target->session)->device.kind == REDFU_KIND_DFU) {
        return result;
    }
    return take_layout(cli, target);
}

enum redfu_result target_open_memory(struct cli *cli, struct target *target) {
    enum redfu_result result = target_open(cli, target);
    return result == REDFU_OK ? take_layout(cli, target) : result;
}

enum redfu_result target_reopen(struct cli *cli, struct target *target, uint32_t timeout_ms,
                                const struct redfu_watch *watch) {
    struct redfu_device like = redfu_describe(target->session)->device;
    struct redfu_device found;
    redfu_close(target->session);
    target->session = NULL;
    target->layout = NULL;
    enum redfu_result result =
        redfu_await(target->redfu, &like, timeout_ms, watch, &found, &cli->fault);
    if (result == REDFU_OK) {
        result = redfu_open(target->redfu, &found, &target->session, &cli->fault);
    }
    return result == REDFU_OK ? redfu_layout(target->session, cli->options->alternate,
                                             &target->layout, &cli->fault)
                              : result;
}

enum redfu_result target_application(struct cli *cli, const struct redfu_layout *layout,
                                     uint32_t *addr) {
    uint32_t bytes;
    return redfu_layout_application(layout, addr, &bytes)
               ? REDFU_OK
               : cli_refuse(cli, REDFU_READ_ONLY,
                            "the memory \"%s\" has no sector that can be erased and written",
                            layout->name);
}

void target_close(struct target *target) {
    redfu_close(target->session);
    redfu_free(target->redfu);
}
