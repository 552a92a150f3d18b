// SPDX-License-Identifier: MIT
//
// `redfu info`: what can be known of a device without changing it, found out in an order in which nothing
// falsifies what comes after. The words are describe.c's.

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/target.h"

static const char *why_no_image(const struct redfu_description *description) {
    const struct redfu_device *device = &description->device;
    if (device->kind != REDFU_KIND_DFUSE) {
        return "plain DFU has no addresses, and what is read need not be what was loaded";
    }
    if (!(device->attributes & REDFU_ATTRIBUTE_CAN_UPLOAD)) {
        return "the device cannot be read back";
    }
    return "the device was not found ready to be read, and is left as it is";
}

static void find_out(struct redfu_session *session, struct info *info) {
    info->description = redfu_describe(session);
    info->image_unknown =
        redfu_image(session, &info->image) ? NULL : why_no_image(info->description);
    info->has_gate = redfu_sums_up(session);
    info->is_receiving = redfu_is_receiving(session);
    info->stamp_unknown = redfu_stamp(session, &info->stamp);
    info->has_start = redfu_start(session, &info->start);
    info->has_protection = redfu_protection(session, &info->protection);
    // Last, since it asks for another alternate setting.
    info->settings_unknown = redfu_settings_look(session, &info->settings);
}

enum redfu_result info_command(struct cli *cli) {
    struct target target;
    enum redfu_result result = target_open(cli, &target);
    if (result != REDFU_OK) {
        return result;
    }
    unsigned count = redfu_describe(target.session)->device.alternate_count;
    if (cli->options->alternate != 0 && cli->options->alternate >= count) {
        result =
            cli_refuse(cli, REDFU_BAD_DEVICE, "the device has no alternate setting %u: %u in all",
                       cli->options->alternate, count);
    } else {
        struct info info = {0};
        find_out(target.session, &info);
        if (!cli->options->json) {
            describe_info(cli->surroundings->out, &info);
        }
        json_info(cli, &info);
        redfu_settings_free(&info.settings);
    }
    target_close(&target);
    return result;
}
