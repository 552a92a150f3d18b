// SPDX-License-Identifier: MIT
//
// The commands: in which order a file, a device and a person's wish are brought together. For write
// everything that can be refused is refused before the device is touched.

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/input.h"

// A device that is open and its memory.
struct target {
    struct redfu *redfu;
    struct redfu_session *session;
    const struct redfu_layout *layout;
};

static enum redfu_result refuse(struct cli *cli, enum redfu_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum redfu_result refuse(struct cli *cli, enum redfu_result result, const char *format,
                                ...) {
    memset(&cli->fault, 0, sizeof cli->fault);
    cli->fault.result = result;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(cli->fault.text, sizeof cli->fault.text, format, args);
    va_end(args);
    return result;
}

static void say(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(const struct cli *cli, const char *format, ...) {
    if (cli->options->quiet) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vfprintf(cli->surroundings->out, format, args);
    va_end(args);
    (void)fflush(cli->surroundings->out);
}

static bool is_cancelled(const struct cli *cli) {
    return cli->surroundings->is_cancelled(cli->surroundings->ctx);
}

// --- Reaching the device -------------------------------------------------------------------------

static enum redfu_result connect_usb(struct cli *cli, struct redfu **redfu) {
    return cli->surroundings->connect(cli->surroundings->ctx, redfu, &cli->fault);
}

static void close_target(struct target *target) {
    redfu_close(target->session);
    redfu_free(target->redfu);
}

static enum redfu_result open_chosen(struct cli *cli, struct target *target) {
    struct redfu_device *devices;
    size_t count;
    size_t chosen = 0;
    enum redfu_result result = redfu_list(target->redfu, &devices, &count, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    result = redfu_choose(devices, count, &cli->options->filter, &chosen, &cli->fault);
    if (result == REDFU_OK) {
        result = redfu_open(target->redfu, &devices[chosen], &target->session, &cli->fault);
    }
    redfu_list_free(devices);
    return result;
}

// Opens the one device that is meant. On failure nothing is left open.
static enum redfu_result open_target(struct cli *cli, struct target *target) {
    memset(target, 0, sizeof *target);
    enum redfu_result result = connect_usb(cli, &target->redfu);
    if (result == REDFU_OK) {
        result = open_chosen(cli, target);
    }
    if (result != REDFU_OK) {
        close_target(target);
        memset(target, 0, sizeof *target);
    }
    return result;
}

// And its memory map.
static enum redfu_result open_memory(struct cli *cli, struct target *target) {
    enum redfu_result result = open_target(cli, target);
    if (result != REDFU_OK) {
        return result;
    }
    result = redfu_layout(target->session, cli->options->alternate, &target->layout, &cli->fault);
    if (result != REDFU_OK) {
        close_target(target);
    }
    return result;
}

static enum redfu_result application_address(struct cli *cli, const struct redfu_layout *layout,
                                             uint32_t *addr) {
    uint32_t bytes;
    return redfu_layout_application(layout, addr, &bytes)
               ? REDFU_OK
               : refuse(cli, REDFU_READ_ONLY,
                        "the memory \"%s\" has no sector that can be erased and written",
                        layout->name);
}

// --- list and info -------------------------------------------------------------------------------

static enum redfu_result command_list(struct cli *cli) {
    struct redfu *redfu;
    enum redfu_result result = connect_usb(cli, &redfu);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfu_device *devices;
    size_t count;
    size_t shown = 0;
    result = redfu_list(redfu, &devices, &count, &cli->fault);
    for (size_t i = 0; i < count; i++) {
        if (redfu_matches(&devices[i], &cli->options->filter)) {
            describe_device(cli->surroundings->out, &devices[i]);
            shown++;
        }
    }
    if (result == REDFU_OK && shown == 0) {
        size_t ignored;
        result = redfu_choose(devices, count, &cli->options->filter, &ignored, &cli->fault);
    }
    redfu_list_free(devices);
    redfu_free(redfu);
    return result;
}

static enum redfu_result command_info(struct cli *cli) {
    struct target target;
    enum redfu_result result = open_target(cli, &target);
    if (result == REDFU_OK) {
        describe_session(cli->surroundings->out, redfu_describe(target.session));
        close_target(&target);
    }
    return result;
}

// --- write and verify ----------------------------------------------------------------------------

static void say_what(const struct cli *cli, const struct target *target,
                     const struct input *input) {
    const struct redfu_device *device = &redfu_describe(target->session)->device;
    const struct redfu_segment *last = &input->segments[input->count - 1];
    uint64_t bytes = 0;
    for (size_t i = 0; i < input->count; i++) {
        bytes += input->segments[i].len;
    }
    say(cli, "%s: %" PRIu64 " bytes at 0x%08" PRIX32 "-0x%08" PRIX32 ", for %s %s at %s\n",
        cli->options->file, bytes, input->segments[0].addr, last->addr + (last->len - 1),
        device->product_name[0] ? device->product_name : "the device", device->serial,
        device->path);
}

static enum redfu_result load_input(struct cli *cli, struct input *input) {
    const struct options *options = cli->options;
    return input_load(input, options->file, options->has_addr ? options->addr : IMAGE_NO_ADDRESS,
                      &cli->fault);
}

static enum redfu_result place_input(struct cli *cli, struct input *input,
                                     const struct redfu_layout *layout) {
    if (!input->needs_address) {
        return REDFU_OK;
    }
    uint32_t addr;
    enum redfu_result result = application_address(cli, layout, &addr);
    return result == REDFU_OK ? input_place(input, addr, &cli->fault) : result;
}

static enum redfu_result check_read_back(struct cli *cli, const struct target *target,
                                         const struct input *input) {
    if (!(redfu_describe(target->session)->device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD)) {
        return refuse(cli, REDFU_BAD_DEVICE,
                      "the device says that it cannot be read back (bitCanUpload is 0); "
                      "nothing was sent. write --no-verify does without");
    }
    return redfu_check_readable(target->layout, input->segments, input->count, &cli->fault);
}

// Everything that can be refused before the device is touched.
static enum redfu_result check_write(struct cli *cli, const struct target *target,
                                     struct input *input, struct redfu_plan *plan) {
    enum redfu_result result = place_input(cli, input, target->layout);
    if (result == REDFU_OK && !cli->options->force_vectors) {
        result = redfu_check_vectors(input->segments, input->count, &cli->fault);
        uint32_t application;
        if (result == REDFU_OK && !cli->options->no_run &&
            application_address(cli, target->layout, &application) == REDFU_OK) {
            result = redfu_check_startable(input->segments, input->count, application, &cli->fault);
        }
    }
    // An image linked for the bootloader's place is told so rather than about its vectors.
    struct redfu_fault vectors = cli->fault;
    if (result == REDFU_OK || result == REDFU_WRONG_VECTORS) {
        enum redfu_result planned =
            redfu_plan_write(target->layout, input->segments, input->count, plan, &cli->fault);
        if (planned != REDFU_OK) {
            return planned;
        }
    }
    if (result == REDFU_WRONG_VECTORS) {
        cli->fault = vectors;
    }
    return result == REDFU_OK && !cli->options->no_verify ? check_read_back(cli, target, input)
                                                          : result;
}

static enum redfu_result start_application(struct cli *cli, struct redfu_session *session,
                                           uint32_t addr) {
    say(cli, "Running           0x%08" PRIX32 " ... ", addr);
    cli->line_is_open = !cli->options->quiet;
    enum redfu_result result =
        is_cancelled(cli)
            ? refuse(cli, REDFU_CANCELLED,
                     "interrupted before the application was started; the device is in DFU mode")
            : redfu_run(session, cli->options->alternate, addr, &cli->fault);
    if (result == REDFU_OK) {
        say(cli, "the board left DFU mode\n");
        cli->line_is_open = false;
    }
    return result;
}

// What holds so far, in front of what went wrong after it.
static void add_success(struct cli *cli, const char *success) {
    char advice[sizeof cli->fault.advice];
    (void)snprintf(advice, sizeof advice, "%s%s%.1900s", success, cli->fault.advice[0] ? "\n" : "",
                   cli->fault.advice);
    memcpy(cli->fault.advice, advice, sizeof advice);
}

static enum redfu_result do_write(struct cli *cli, struct target *target, const struct input *input,
                                  const struct redfu_plan *plan) {
    const struct options *options = cli->options;
    struct redfu_watch watch = progress_watch(cli);
    enum redfu_result result =
        redfu_write(target->session, options->alternate, plan, &watch, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    if (!options->no_verify) {
        result = redfu_verify(target->session, options->alternate, input->segments, input->count,
                              &watch, &cli->fault);
        if (result != REDFU_OK) {
            if (result != REDFU_MISMATCH) {
                add_success(cli, "The image was written, but not compared to its end.");
            }
            return result;
        }
    }
    if (options->no_run && options->no_verify) {
        result = redfu_settle(target->session, &cli->fault);
        if (result != REDFU_OK) {
            return result;
        }
    }
    if (options->no_run) {
        say(cli, "Done: written%s; the board stays in DFU mode\n",
            options->no_verify ? "" : " and verified");
        return REDFU_OK;
    }
    result = start_application(cli, target->session, input->segments[0].addr);
    if (result != REDFU_OK) {
        add_success(cli, options->no_verify ? "The image was written."
                                            : "The image was written and verified.");
    }
    return result;
}

// For commands about a file and a device: the file is read and judged before a device is looked for.
static enum redfu_result with_image(struct cli *cli,
                                    enum redfu_result (*act)(struct cli *cli, struct target *target,
                                                             struct input *input)) {
    struct input input;
    struct target target;
    enum redfu_result result = load_input(cli, &input);
    if (result != REDFU_OK) {
        return result;
    }
    result = open_memory(cli, &target);
    if (result == REDFU_OK) {
        result = act(cli, &target, &input);
        close_target(&target);
    }
    input_free(&input);
    return result;
}

static enum redfu_result check_and_write(struct cli *cli, struct target *target,
                                         struct input *input) {
    struct redfu_plan plan = {0};
    enum redfu_result result = check_write(cli, target, input, &plan);
    if (result == REDFU_OK) {
        say_what(cli, target, input);
        result = do_write(cli, target, input, &plan);
    }
    redfu_plan_free(&plan);
    return result;
}

static enum redfu_result do_verify(struct cli *cli, struct target *target, struct input *input) {
    enum redfu_result result = place_input(cli, input, target->layout);
    if (result == REDFU_OK) {
        result = redfu_check_readable(target->layout, input->segments, input->count, &cli->fault);
    }
    if (result != REDFU_OK) {
        return result;
    }
    say_what(cli, target, input);
    struct redfu_watch watch = progress_watch(cli);
    result = redfu_verify(target->session, cli->options->alternate, input->segments, input->count,
                          &watch, &cli->fault);
    if (result == REDFU_OK) {
        say(cli, "Done: the device holds %s\n", cli->options->file);
    }
    return result;
}

// --- read ----------------------------------------------------------------------------------------

// The file appears under its name only when it is whole; until then under `part`.
static enum redfu_result save(struct cli *cli, FILE *file, const char *part, const uint8_t *bytes) {
    const struct options *options = cli->options;
    bool ok = fwrite(bytes, 1, options->len, file) == options->len;
    ok = fflush(file) == 0 && ok;
    if (!ok || rename(part, options->file) != 0) {
        return refuse(cli, REDFU_CANNOT_SAVE, "%s: %s", options->file, strerror(errno));
    }
    return REDFU_OK;
}

static enum redfu_result do_read(struct cli *cli, struct target *target, uint8_t *bytes) {
    const struct options *options = cli->options;
    struct redfu_segment range = {options->addr, options->len, bytes};
    enum redfu_result result = redfu_check_readable(target->layout, &range, 1, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfu_watch watch = progress_watch(cli);
    return redfu_read(target->session, options->alternate, options->addr, options->len, bytes,
                      &watch, &cli->fault);
}

static enum redfu_result read_to(struct cli *cli, FILE *file, const char *part) {
    struct target target;
    uint8_t *bytes = malloc(cli->options->len);
    if (!bytes) {
        return refuse(cli, REDFU_INTERNAL, "out of memory for %u bytes", cli->options->len);
    }
    enum redfu_result result = open_memory(cli, &target);
    if (result == REDFU_OK) {
        result = do_read(cli, &target, bytes);
        close_target(&target);
    }
    if (result == REDFU_OK) {
        result = save(cli, file, part, bytes);
    }
    free(bytes);
    if (result == REDFU_OK) {
        say(cli, "Done: %u bytes in %s\n", cli->options->len, cli->options->file);
    }
    return result;
}

static enum redfu_result command_read(struct cli *cli) {
    char part[4200];
    int len = snprintf(part, sizeof part, "%s.part", cli->options->file);
    if (len < 0 || (size_t)len >= sizeof part) {
        return refuse(cli, REDFU_CANNOT_SAVE, "the file name is too long");
    }
    // Made first: a device is not read for minutes to find that the folder is not there.
    FILE *file = fopen(part, "wbe");
    if (!file) {
        return refuse(cli, REDFU_CANNOT_SAVE, "%s: %s", part, strerror(errno));
    }
    enum redfu_result result = read_to(cli, file, part);
    (void)fclose(file); // flushed and checked in save()
    if (result != REDFU_OK) {
        (void)unlink(part);
    }
    return result;
}

// --- erase and run -------------------------------------------------------------------------------

static enum redfu_result do_erase(struct cli *cli, struct target *target) {
    const struct options *options = cli->options;
    struct redfu_plan plan;
    enum redfu_result result =
        options->all
            ? redfu_plan_erase_all(target->layout, &plan, &cli->fault)
            : redfu_plan_erase(target->layout, options->addr, options->len, &plan, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfu_watch watch = progress_watch(cli);
    result = redfu_write(target->session, options->alternate, &plan, &watch, &cli->fault);
    if (result == REDFU_OK) {
        char size[32];
        say(cli, "Done: %zu sector%s, %s erased; the board stays in DFU mode\n", plan.sector_count,
            plan.sector_count == 1 ? "" : "s", words_size(plan.erase_bytes, size, sizeof size));
    }
    redfu_plan_free(&plan);
    return result;
}

static enum redfu_result command_erase(struct cli *cli) {
    struct target target;
    enum redfu_result result = open_memory(cli, &target);
    if (result == REDFU_OK) {
        result = do_erase(cli, &target);
        close_target(&target);
    }
    return result;
}

static enum redfu_result command_run(struct cli *cli) {
    struct target target;
    enum redfu_result result = open_memory(cli, &target);
    if (result != REDFU_OK) {
        return result;
    }
    uint32_t addr = cli->options->addr;
    if (!cli->options->has_addr) {
        result = application_address(cli, target.layout, &addr);
    }
    if (result == REDFU_OK) {
        result = start_application(cli, target.session, addr);
    }
    close_target(&target);
    return result;
}

enum redfu_result commands_run(struct cli *cli) {
    switch (cli->options->command) {
    case COMMAND_LIST:
        return command_list(cli);
    case COMMAND_INFO:
        return command_info(cli);
    case COMMAND_WRITE:
        return with_image(cli, check_and_write);
    case COMMAND_VERIFY:
        return with_image(cli, do_verify);
    case COMMAND_READ:
        return command_read(cli);
    case COMMAND_ERASE:
        return command_erase(cli);
    case COMMAND_RUN:
        return command_run(cli);
    case COMMAND_SEAL:
        return seal_file(cli);
    case COMMAND_NONE:
    default:
        return refuse(cli, REDFU_INTERNAL, "no such command");
    }
}
