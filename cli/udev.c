// SPDX-License-Identifier: MIT
//
// `redfu udev-rules`: the file that lets people open devices without being root.

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/target.h"

#define TEXT_BYTES 8192u

static const char head[] =
    "# Lets whoever is logged in at this computer program these devices over USB DFU.\n"
    "# Made by redfu udev-rules. It belongs into /etc/udev/rules.d/ under a name below 73, such "
    "as\n"
    "# 70-redfu.rules; then `udevadm control --reload`, and plug the device in again.\n";

// What is the same for every maker: an interface of class FE, subclass 01, protocol 02 (DFU 1.1 4.2.3).
static const char any_dfu_mode[] =
    "# Any device in DFU mode:\n"
    "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", ENV{ID_USB_INTERFACES}==\"*:fe0102:*\", "
    "MODE=\"0660\", TAG+=\"uaccess\"\n";

static size_t put_rules(const struct options *options, char *text, size_t size) {
    size_t len = (size_t)snprintf(text, size, "%s", head);
    char rule[128];
    unsigned named = 0;
    for (unsigned i = 0; i < options->given_count; i++) {
        struct redfu_filter id;
        if (strcmp(options->given[i].name, "--usb-id") == 0 &&
            options_usb_id(options->given[i].value, &id)) {
            len += (size_t)snprintf(text + len, size - len, "%s\n",
                                    redfu_udev_rule(id.vendor, id.product, rule, sizeof rule));
            named++;
        }
    }
    if (named == 0) {
        len += (size_t)snprintf(text + len, size - len,
                                "# ST's ROM bootloader, and redfu-boot as it comes:\n%s\n%s",
                                redfu_udev_rule(0x0483, 0xdf11, rule, sizeof rule), any_dfu_mode);
    }
    return len;
}

enum redfu_result udev_rules(struct cli *cli) {
    const struct options *options = cli->options;
    char text[TEXT_BYTES]; // OPTIONS_GIVEN_MAX rules of 128 bytes, and the head
    size_t len = put_rules(options, text, sizeof text);
    const char *output = options_given(options, "--output");
    if (!output) {
        json_rules(cli, text);
        (void)fputs(cli->options->json ? "" : text, cli->surroundings->out);
        return REDFU_OK;
    }
    enum redfu_result result = file_save(cli, output, (const uint8_t *)text, (uint32_t)len);
    if (result == REDFU_OK) {
        cli_say(cli, "%s: written; now `udevadm control --reload`, and plug the device in again\n",
                output);
        json_file(cli, output);
    }
    return result;
}
