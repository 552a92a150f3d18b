// SPDX-License-Identifier: MIT
//
// In which order a file, a device and a person's wish are brought together. For write everything that can
// be refused is refused before the device is touched; then the device is asked what it holds, the plan
// told, carried out, verified, and the application started.

#include "cli/write.h"

#include <inttypes.h>
#include <string.h>

#include "cli/input.h"
#include "cli/json.h"
#include "cli/keep.h"
#include "cli/plain.h"
#include "cli/target.h"

// A load that broke off is begun again this often (docs/redfu.md says after what).
#define RETRIES_MAX 2u
// And an unplugged device is waited for this long.
#define REPLUG_MS   10000u

static bool is_cancelled(const struct cli *cli) {
    return cli->surroundings->is_cancelled(cli->surroundings->ctx);
}

static void say_what(const struct cli *cli, const struct target *target,
                     const struct input *input) {
    const struct redfu_device *device = &redfu_describe(target->session)->device;
    const struct redfu_segment *last = &input->segments[input->count - 1];
    uint64_t bytes = 0;
    for (size_t i = 0; i < input->count; i++) {
        bytes += input->segments[i].len;
    }
    cli_say(cli, "%s%s: %" PRIu64 " bytes at 0x%08" PRIX32 "-0x%08" PRIX32 ", for %s %s at %s\n",
            cli->options->file, cli->options->file_count > 1 ? " and others" : "", bytes,
            input->segments[0].addr, last->addr + (last->len - 1),
            device->product_name[0] ? device->product_name : "the device", device->serial,
            device->path);
}

enum redfu_result write_load(struct cli *cli, struct input *input) {
    if (cli->input) {
        return input_copy(input, cli->input, &cli->fault);
    }
    return input_load(input, cli->options, &cli->fault);
}

static enum redfu_result place_input(struct cli *cli, struct input *input,
                                     const struct redfu_layout *layout) {
    if (!input->needs_address) {
        return REDFU_OK;
    }
    uint32_t addr;
    enum redfu_result result = target_application(cli, layout, &addr);
    return result == REDFU_OK ? input_place(input, addr, &cli->fault) : result;
}

static enum redfu_result check_read_back(struct cli *cli, const struct target *target,
                                         const struct input *input) {
    if (!(redfu_describe(target->session)->device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD)) {
        return cli_refuse(cli, REDFU_BAD_DEVICE,
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
            target_application(cli, target->layout, &application) == REDFU_OK) {
            result = redfu_check_startable(input->segments, input->count, application, &cli->fault);
            if (result == REDFU_OK) {
                result =
                    redfu_check_start(target->session, target->layout, input->segments,
                                      input->count, application, cli->options->keep, &cli->fault);
            }
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

enum redfu_result write_start(struct cli *cli, struct redfu_session *session, uint32_t addr) {
    cli_say(cli, "Running           0x%08" PRIX32 " ... ", addr);
    cli->line_is_open = !cli->options->quiet;
    enum redfu_result result =
        is_cancelled(cli)
            ? cli_refuse(
                  cli, REDFU_CANCELLED,
                  "interrupted before the application was started; the device is in DFU mode")
            : redfu_run(session, cli->options->alternate, addr, &cli->fault);
    if (result == REDFU_OK) {
        cli_say(cli, "the board left DFU mode\n");
        cli->line_is_open = false;
    }
    return result;
}

static bool is_verified(const struct cli *cli) {
    return !cli->options->no_verify;
}

// What is known of the device by now, in front of what went wrong after it.
static const char *success_so_far(const struct cli *cli, const struct redfu_plan *plan) {
    return plan->run_count == 0 ? "The device holds the image."
           : is_verified(cli)   ? "The image was written and verified."
                                : "The image was written.";
}

static enum redfu_result end_without_start(struct cli *cli, struct redfu_session *session,
                                           const struct redfu_plan *plan) {
    bool is_whole = true;
    enum redfu_result result = REDFU_OK;
    if (plan->run_count == 0) {
        cli_say(cli, "Done: the device holds it; the board stays in DFU mode\n");
        return REDFU_OK;
    }
    if (!is_verified(cli) || redfu_sums_up(session)) {
        result = redfu_settle(session, &cli->fault);
    }
    if (result == REDFU_OK) {
        result = redfu_await_whole(session, &is_whole, &cli->fault);
        if (result != REDFU_OK) {
            cli_add_success(cli, success_so_far(cli, plan));
        }
    }
    if (result == REDFU_OK) {
        cli_say(cli, "Done: written%s; the board stays in DFU mode%s\n",
                is_verified(cli) ? " and verified" : "",
                is_whole ? "" : ", and will until a whole application is loaded");
    }
    return result;
}

static enum redfu_result verify_written(struct cli *cli, struct target *target,
                                        const struct redfu_plan *plan,
                                        const struct redfu_watch *watch) {
    bool by_sums = redfu_sums_up(target->session) && !cli->options->verify_read;
    enum redfu_result result =
        by_sums ? redfu_verify_sums(target->session, cli->options->alternate, plan->image,
                                    plan->image_count, watch, &cli->fault)
                : redfu_verify(target->session, cli->options->alternate, plan->image,
                               plan->image_count, watch, &cli->fault);
    if (result != REDFU_OK && result != REDFU_MISMATCH && result != REDFU_DEVICE_ERROR) {
        cli_add_success(cli, "The image was written, but not compared to its end.");
    }
    return result;
}

static enum redfu_result carry_out(struct cli *cli, struct target *target,
                                   struct redfu_plan *plan) {
    struct redfu_watch watch = progress_watch(cli);
    if (plan->run_count == 0) {
        return REDFU_OK;
    }
    plan->lead = cli->lead;
    enum redfu_result result =
        redfu_write(target->session, cli->options->alternate, plan, &watch, &cli->fault);
    return result == REDFU_OK && is_verified(cli) ? verify_written(cli, target, plan, &watch)
                                                  : result;
}

// --- The plan in words ---------------------------------------------------------------------------

static void say_sectors(const struct cli *cli, const struct redfu_plan *plan) {
    char size[32];
    for (size_t i = 0; i < plan->sector_count; i++) {
        const struct redfu_sector *sector = &plan->sectors[i];
        cli_say(cli, "  erase sector %-2u  0x%08" PRIX32 "  %s\n", sector->number, sector->addr,
                words_size(sector->bytes, size, sizeof size));
    }
    for (size_t i = 0; i < plan->run_count; i++) {
        const struct redfu_segment *run = &plan->runs[i];
        cli_say(cli, "  write            0x%08" PRIX32 "  %s\n", run->addr,
                words_size(run->len, size, sizeof size));
    }
}

static void say_plan(const struct cli *cli, struct target *target, const struct redfu_plan *plan) {
    char size[32];
    char more[32];
    json_plan(cli, plan, redfu_plan_time_us(target->session, plan, is_verified(cli)));
    if (plan->run_count == 0) {
        cli_say(cli, "Plan: nothing to write, the device holds it already\n");
        return;
    }
    uint64_t us = redfu_plan_time_us(target->session, plan, is_verified(cli)) + 50000; // rounded
    cli_say(cli, "Plan: erase %zu sector%s (%s), write %s", plan->sector_count,
            plan->sector_count == 1 ? "" : "s", words_size(plan->erase_bytes, size, sizeof size),
            words_size(plan->write_bytes, more, sizeof more));
    if (plan->same_count > 0) {
        cli_say(cli, "; %zu sector%s (%s of the image) hold%s it already", plan->same_count,
                plan->same_count == 1 ? "" : "s", words_size(plan->same_bytes, size, sizeof size),
                plan->same_count == 1 ? "s" : "");
    }
    if (plan->blank_bytes > 0) {
        cli_say(cli, "; %s blank", words_size(plan->blank_bytes, size, sizeof size));
    }
    if (plan->kept_count > 0) {
        uint64_t kept = 0;
        for (size_t i = 0; i < plan->kept_count; i++) {
            kept += plan->kept[i].len;
        }
        cli_say(cli, "; %s kept", words_size(kept, size, sizeof size));
    }
    cli_say(cli, "; about %" PRIu64 ".%" PRIu64 " s\n", us / 1000000, us / 100000 % 10);
    if (cli->options->dry_run) {
        say_sectors(cli, plan);
        cli_say(cli, "Nothing was written (--dry-run)\n");
    }
}

// --- write ---------------------------------------------------------------------------------------

// Once: from what the device holds to what it shall hold.
static enum redfu_result load_once(struct cli *cli, struct target *target,
                                   const struct input *input, struct redfu_plan *plan,
                                   bool *is_kept) {
    const struct options *options = cli->options;
    const struct redfu_prepare how = {
        .full = options->full, .keep = options->keep, .no_reading = options->no_verify};
    struct redfu_watch watch = progress_watch(cli);
    enum redfu_result result =
        redfu_plan_write(target->layout, input->segments, input->count, plan, &cli->fault);
    if (result == REDFU_OK) {
        result =
            redfu_prepare(target->session, options->alternate, &how, plan, &watch, &cli->fault);
    }
    if (result != REDFU_OK) {
        return result;
    }
    say_plan(cli, target, plan);
    if (options->dry_run) {
        return REDFU_OK;
    }
    if (options->keep && plan->run_count > 0 && !*is_kept) {
        result = keep_save(cli, target, plan);
        *is_kept = result == REDFU_OK && plan->kept_count > 0;
    }
    return result == REDFU_OK ? carry_out(cli, target, plan) : result;
}

// A transfer that stalled, timed out or broke off, and a cable that was pulled: nothing was written after
// it, and what was written before is compared again. Everything else stops at once.
static bool is_worth_a_retry(const struct cli *cli, enum redfu_result result) {
    return result == REDFU_TRANSFER || result == REDFU_UNPLUGGED ||
           (result == REDFU_DEVICE_ERROR && redfu_fault_is_stall(&cli->fault));
}

static enum redfu_result load(struct cli *cli, struct target *target, const struct input *input,
                              struct redfu_plan *plan) {
    // With --keep what was read is in a file, not on the device any more.
    unsigned retries = cli->options->no_retry || cli->options->keep ? 0 : RETRIES_MAX;
    bool is_kept = false;
    for (;;) {
        enum redfu_result result = load_once(cli, target, input, plan, &is_kept);
        if (is_kept) {
            return keep_end(cli, target, result);
        }
        if (retries == 0 || !is_worth_a_retry(cli, result)) {
            return result;
        }
        retries--;
        progress_break(cli);
        cli_say(cli, "%s\nTrying again: %s\n", cli->fault.text,
                result == REDFU_UNPLUGGED ? "waiting up to 10 s for the device to come back"
                                          : "the load begins anew");
        struct redfu_fault first = cli->fault;
        struct redfu_watch watch = progress_watch(cli);
        redfu_plan_free(plan);
        if (target_reopen(cli, target, REPLUG_MS, &watch) != REDFU_OK) {
            if (cli->fault.result != REDFU_CANCELLED) {
                cli->fault = first; // the reason; that it did not come back is the consequence
            }
            return cli->fault.result;
        }
    }
}

// A raw file went where the map says that an application can go, and the device has its bootloader there
// (MicroPython's mboot).
static void advise_address(struct cli *cli, const struct redfu_plan *plan) {
    const struct redfu_fault *fault = &cli->fault;
    if (fault->result == REDFU_DEVICE_ERROR && fault->phase == REDFU_PHASE_ERASE &&
        fault->has_addr && plan->sector_count > 0 && fault->addr == plan->sectors[0].addr &&
        !redfu_fault_is_stall(fault)) {
        (void)cli_advise(
            cli,
            "The file has no address, so it was meant for the first sector that the map lets be "
            "erased, and the device refuses that one: its bootloader is there, or it is "
            "write-protected. Nothing was changed. Say where the application belongs, behind it: "
            "FILE@0x%08X, say.",
            plan->sectors[0].addr + plan->sectors[0].bytes);
    }
}

static enum redfu_result check_and_write(struct cli *cli, struct target *target,
                                         struct input *input) {
    const struct options *options = cli->options;
    if (plain_is(target)) {
        return plain_write(cli, target, input);
    }
    struct redfu_plan plan = {0};
    bool has_address = !input->needs_address;
    enum redfu_result result = check_write(cli, target, input, &plan);
    redfu_plan_free(&plan);
    if (result != REDFU_OK) {
        return result;
    }
    say_what(cli, target, input);
    result = load(cli, target, input, &plan);
    if (result != REDFU_OK && !has_address) {
        advise_address(cli, &plan);
    }
    if (result == REDFU_OK && !options->dry_run) {
        if (options->no_run) {
            result = end_without_start(cli, target->session, &plan);
        } else {
            result = write_start(cli, target->session, input->segments[0].addr);
            if (result != REDFU_OK) {
                cli_add_success(cli, success_so_far(cli, &plan));
            }
        }
    }
    redfu_plan_free(&plan);
    return result;
}

// --- verify --------------------------------------------------------------------------------------

// Sums are of flash. What is written without being erased (redfu-boot's list of settings) is something else.
static bool is_flash(const struct redfu_layout *layout, const struct input *input) {
    struct redfu_sector sector;
    for (size_t i = 0; i < input->count; i++) {
        if (redfu_layout_sector_at(layout, input->segments[i].addr, &sector) &&
            (sector.can & (REDFU_CAN_ERASE | REDFU_CAN_WRITE)) == REDFU_CAN_WRITE) {
            return false;
        }
    }
    return true;
}

static enum redfu_result do_verify(struct cli *cli, struct target *target, struct input *input) {
    const struct options *options = cli->options;
    if (plain_is(target)) {
        return plain_verify(cli, target, input);
    }
    enum redfu_result result = place_input(cli, input, target->layout);
    if (result == REDFU_OK) {
        result = redfu_check_readable(target->layout, input->segments, input->count, &cli->fault);
    }
    if (result != REDFU_OK) {
        return result;
    }
    say_what(cli, target, input);
    struct redfu_watch watch = progress_watch(cli);
    result =
        !options->verify_read && is_flash(target->layout, input) && redfu_sums_up(target->session)
            ? redfu_verify_sums(target->session, options->alternate, input->segments, input->count,
                                &watch, &cli->fault)
            : redfu_verify(target->session, options->alternate, input->segments, input->count,
                           &watch, &cli->fault);
    if (result == REDFU_OK) {
        cli_say(cli, "Done: the device holds %s\n", options->file);
    }
    return result;
}

// --- The commands --------------------------------------------------------------------------------

// The file is read and judged before a device is looked for.
static enum redfu_result with_image(struct cli *cli,
                                    enum redfu_result (*act)(struct cli *cli, struct target *target,
                                                             struct input *input)) {
    struct input input;
    struct target target;
    enum redfu_result result = write_load(cli, &input);
    if (result != REDFU_OK) {
        return result;
    }
    // A DfuSe file says which memory it is for.
    const struct options *as_typed = cli->options;
    struct options adopted = *as_typed;
    if (input.has_alternate && as_typed->has_alternate && input.alternate != as_typed->alternate) {
        (void)cli_refuse(cli, REDFU_USAGE, "%s: is for alternate setting %u, and --alt says %u",
                         as_typed->file, input.alternate, as_typed->alternate);
        input_free(&input);
        return cli_advise(cli,
                          "`redfu convert --alt %u` makes a file for that one of it. Nothing "
                          "was sent.",
                          as_typed->alternate);
    }
    if (input.has_alternate && !as_typed->has_alternate) {
        adopted.alternate = input.alternate;
        cli->options = &adopted;
    }
    result = target_open_any(cli, &target);
    if (result == REDFU_OK) {
        result = input_check_device(&input, &redfu_describe(target.session)->device, &cli->fault);
        if (result == REDFU_OK) {
            result = act(cli, &target, &input);
        }
        target_close(&target);
    }
    cli->options = as_typed;
    input_free(&input);
    return result;
}

enum redfu_result write_command(struct cli *cli) {
    return with_image(cli, check_and_write);
}

enum redfu_result verify_command(struct cli *cli) {
    return with_image(cli, do_verify);
}
