// SPDX-License-Identifier: MIT
//
// The commands: in which order a file, a device and a person's wish are brought together. For write
// everything that can be refused is refused before the device is touched.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/file.h"
#include "cli/fleet.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "cli/station.h"
#include "cli/target.h"
#include "cli/write.h"

// --- list ----------------------------------------------------------------------------------------

static enum redfu_result command_list(struct cli *cli) {
    struct redfu *redfu;
    enum redfu_result result = cli_connect(cli, &redfu);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfu_device *devices;
    size_t count;
    size_t shown = 0;
    result = redfu_list(redfu, &devices, &count, &cli->fault);
    for (size_t i = 0; i < count; i++) {
        if (redfu_matches(&devices[i], &cli->options->filter)) {
            if (!cli->options->json) {
                describe_device(cli->surroundings->out, &devices[i]);
            }
            json_device(cli, &devices[i]);
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

// --- read ----------------------------------------------------------------------------------------

static enum redfu_result do_read(struct cli *cli, struct target *target, uint8_t **bytes,
                                 uint32_t *len) {
    const struct options *options = cli->options;
    if (plain_is(target)) {
        return plain_read(cli, target, bytes, len);
    }
    if (!options->has_addr) {
        return cli_refuse(cli, REDFU_USAGE,
                          "this device has addresses: redfu read ADDRESS LENGTH FILE");
    }
    struct redfu_segment range = {options->addr, options->len, NULL};
    enum redfu_result result = redfu_check_readable(target->layout, &range, 1, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct redfu_watch watch = progress_watch(cli);
    *len = options->len;
    *bytes = malloc(*len);
    return *bytes ? redfu_read(target->session, options->alternate, options->addr, *len, *bytes,
                               &watch, &cli->fault)
                  : cli_refuse(cli, REDFU_INTERNAL, "out of memory for %u bytes", *len);
}

static enum redfu_result command_read(struct cli *cli) {
    struct target target;
    struct file_part part;
    uint8_t *bytes = NULL;
    uint32_t len = 0;
    // Made first: a device is not read for minutes to find that the folder is not there.
    enum redfu_result result = file_begin(cli, cli->options->file, &part);
    if (result != REDFU_OK) {
        return result;
    }
    result = target_open_any(cli, &target);
    if (result == REDFU_OK) {
        result = do_read(cli, &target, &bytes, &len);
        target_close(&target);
    }
    if (result == REDFU_OK) {
        result = file_finish(cli, &part, bytes, len);
    } else {
        file_drop(&part);
    }
    free(bytes);
    if (result == REDFU_OK) {
        cli_say(cli, "Done: %u bytes in %s\n", len, cli->options->file);
    }
    return result;
}

// --- erase and run -------------------------------------------------------------------------------

// Bootloaders that guard their own sectors need not say so in their map (MicroPython's mboot, ST's example).
static void advise_range(struct cli *cli, const struct redfu_plan *plan) {
    const struct redfu_fault *fault = &cli->fault;
    const struct redfu_sector *last = &plan->sectors[plan->sector_count - 1];
    for (size_t i = 0; i + 1 < plan->sector_count; i++) {
        uint32_t next = plan->sectors[i + 1].addr;
        if (fault->has_status && fault->has_addr && fault->addr == plan->sectors[i].addr) {
            (void)cli_advise(
                cli,
                "The device refuses this sector, though its map lets it be erased: it is "
                "the bootloader's own, or write-protected. Erase what is behind it: "
                "`redfu erase 0x%08X 0x%X`.",
                next, last->addr + last->bytes - next);
        }
    }
}

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
        cli_say(cli, "Done: %zu sector%s, %s erased; the board stays in DFU mode\n",
                plan.sector_count, plan.sector_count == 1 ? "" : "s",
                words_size(plan.erase_bytes, size, sizeof size));
    } else if (result == REDFU_DEVICE_ERROR) {
        advise_range(cli, &plan);
    }
    redfu_plan_free(&plan);
    return result;
}

// Elsewhere --all is every board.
static void advise_all_boards(struct cli *cli) {
    size_t used = strlen(cli->fault.advice);
    (void)snprintf(cli->fault.advice + used, sizeof cli->fault.advice - used,
                   "\nTo erase --all is every sector of one board; --all-boards is every board.");
}

static enum redfu_result command_erase(struct cli *cli) {
    struct target target;
    enum redfu_result result = target_open_memory(cli, &target);
    if (result == REDFU_MANY_DEVICES && cli->options->all) {
        advise_all_boards(cli);
    }
    if (result == REDFU_OK) {
        result = do_erase(cli, &target);
        target_close(&target);
    }
    return result;
}

static enum redfu_result do_run(struct cli *cli, struct target *target) {
    uint32_t addr = cli->options->addr;
    if (plain_is(target)) {
        return plain_run(cli, target);
    }
    uint32_t start;
    enum redfu_result result = target_application(cli, target->layout, &start);
    if (!cli->options->has_addr) {
        addr = start;
    } else if (result == REDFU_OK && addr != start && redfu_sums_up(target->session)) {
        (void)cli_refuse(cli, REDFU_OUTSIDE,
                         "0x%08X cannot be started: redfu-boot starts its application, at "
                         "0x%08X, and nothing else",
                         addr, start);
        return cli_advise(cli, "`redfu run` starts it. Nothing was sent.");
    } else {
        result = REDFU_OK;
    }
    return result == REDFU_OK ? write_start(cli, target->session, addr) : result;
}

static enum redfu_result command_run(struct cli *cli) {
    struct target target;
    enum redfu_result result = target_open_any(cli, &target);
    if (result != REDFU_OK) {
        return result;
    }
    result = do_run(cli, &target);
    target_close(&target);
    return result;
}

// --- protect -------------------------------------------------------------------------------------

static enum redfu_result command_protect(struct cli *cli) {
    struct target target;
    bool is_wanted = cli->options->protect;
    enum redfu_result result = target_open(cli, &target);
    if (result != REDFU_OK) {
        return result;
    }
    result = redfu_protect(target.session, is_wanted, &cli->fault);
    if (result == REDFU_OK) {
        cli_say(cli, "Done: the bootloader's sectors are %s\n",
                is_wanted ? "write protected" : "not write protected");
        struct redfu_protection protection;
        if (redfu_protection(target.session, &protection)) {
            json_protection(cli, &protection);
        }
    }
    target_close(&target);
    return result;
}

enum redfu_result commands_run(struct cli *cli) {
    if (cli->options->all_boards) {
        return fleet_run(cli);
    }
    switch (cli->options->command) {
    case COMMAND_LIST:
        return command_list(cli);
    case COMMAND_INFO:
        return info_command(cli);
    case COMMAND_WRITE:
        return write_command(cli);
    case COMMAND_VERIFY:
        return verify_command(cli);
    case COMMAND_READ:
        return command_read(cli);
    case COMMAND_ERASE:
        return command_erase(cli);
    case COMMAND_RUN:
        return command_run(cli);
    case COMMAND_PROTECT:
        return command_protect(cli);
    case COMMAND_SEAL:
        return seal_file(cli);
    case COMMAND_CONVERT:
        return convert_files(cli);
    case COMMAND_FWUPD:
        return fwupd_package(cli);
    case COMMAND_UDEV:
        return udev_rules(cli);
    case COMMAND_INSPECT:
        return inspect_file(cli);
    case COMMAND_FACTORY:
        return factory_file(cli);
    case COMMAND_STATION:
        return station_run(cli);
    case COMMAND_DOCTOR:
        return doctor_command(cli);
    case COMMAND_SETTINGS:
        return settings_command(cli);
    case COMMAND_NONE:
    default:
        return cli_refuse(cli, REDFU_INTERNAL, "no such command");
    }
}
