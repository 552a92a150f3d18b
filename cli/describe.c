// SPDX-License-Identifier: MIT
//
// Devices, their state and their memory in words, for list and info.

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static const char *or_unknown(const char *text, const char *unknown) {
    return text[0] ? text : unknown;
}

static const char *kind_words(enum redfu_kind kind) {
    switch (kind) {
    case REDFU_KIND_DFUSE:
        return "DFU mode, DfuSe";
    case REDFU_KIND_DFU:
        return "DFU mode, plain DFU (redfu cannot program it)";
    case REDFU_KIND_RUNTIME:
    default:
        return "run-time mode: runs its application, cannot be programmed now";
    }
}

void describe_device(FILE *out, const struct redfu_device *device) {
    (void)fprintf(out, "%04X:%04X  serial %s  path %s  %s", device->vendor, device->product,
                  or_unknown(device->serial, "(none)"), device->path,
                  or_unknown(device->product_name, "(no name)"));
    if (device->manufacturer[0]) {
        (void)fprintf(out, " (%s)", device->manufacturer);
    }
    (void)fprintf(out, "  %s", kind_words(device->kind));
    if (device->access != REDFU_OK) {
        (void)fprintf(out, "  [%s]", redfu_result_text(device->access));
    }
    (void)fputs("\n", out);
}

static const char *can_words(uint8_t can) {
    static const char *const words[8] = {
        "nothing allowed", "read only",   "erase only",   "read, erase",
        "write only",      "read, write", "erase, write", "read, erase, write",
    };
    return words[can & 7];
}

static void describe_layout(FILE *out, unsigned number, const struct redfu_alternate *alternate) {
    if (!alternate->has_layout) {
        (void)fprintf(out, "Alternate %u    %s\n", number,
                      alternate->fault.text[0] ? alternate->fault.text
                                               : or_unknown(alternate->text, "(no name)"));
        return;
    }
    const struct redfu_layout *layout = &alternate->layout;
    (void)fprintf(out, "Alternate %u    %s\n", number, or_unknown(layout->name, "(no name)"));
    unsigned first = 0;
    for (unsigned i = 0; i < layout->group_count; i++) {
        const struct redfu_group *group = &layout->groups[i];
        char size[32];
        uint32_t last = group->addr + (group->count * group->sector_bytes - 1);
        (void)fprintf(out, "  0x%08" PRIX32 "-0x%08" PRIX32 "  %u x %-9s  sector%s %u", group->addr,
                      last, group->count, words_size(group->sector_bytes, size, sizeof size),
                      group->count > 1 ? "s" : " ", first);
        if (group->count > 1) {
            (void)fprintf(out, "-%u", first + group->count - 1);
        }
        (void)fprintf(out, "  %s\n", can_words(group->can));
        first += group->count;
    }
    uint32_t addr;
    uint32_t bytes;
    char size[32];
    if (redfu_layout_application(layout, &addr, &bytes)) {
        (void)fprintf(out, "  Application area: 0x%08" PRIX32 ", %s\n", addr,
                      words_size(bytes, size, sizeof size));
    }
    if (layout->has_garbage) {
        (void)fputs("  Bytes that are no text follow the layout string (some programs give up "
                    "there)\n",
                    out);
    }
}

static void describe_state(FILE *out, const struct redfu_description *description) {
    if (!description->has_state) {
        (void)fputs("State          the device does not answer GETSTATE\n", out);
        return;
    }
    (void)fprintf(out, "State          %s (%u)", redfu_state_text(description->state),
                  description->state);
    if (description->has_status) {
        (void)fprintf(out, ", status %s (%u)", redfu_status_text(description->status),
                      description->status);
    }
    if (description->device_says[0]) {
        (void)fprintf(out, ": \"%s\"", description->device_says);
    }
    (void)fputs(", as found\n", out);
}

void describe_session(FILE *out, const struct redfu_description *description) {
    const struct redfu_device *device = &description->device;
    (void)fprintf(out, "Device         %s", or_unknown(device->product_name, "(no name)"));
    if (device->manufacturer[0]) {
        (void)fprintf(out, " (%s)", device->manufacturer);
    }
    (void)fprintf(out, "\nSerial number  %s\n", or_unknown(device->serial, "(none)"));
    (void)fprintf(out, "USB            %04X:%04X, bcdDevice %x.%02x, path %s, address %u\n",
                  device->vendor, device->product, device->release >> 8, device->release & 0xff,
                  device->path, device->address);
    (void)fprintf(out, "Protocol       %s, bcdDFUVersion %04X, %u bytes a transfer%s\n",
                  device->kind == REDFU_KIND_DFUSE ? "DfuSe" : "plain DFU", device->dfu_version,
                  device->transfer_bytes,
                  device->attributes & REDFU_ATTRIBUTE_CAN_UPLOAD ? "" : ", cannot be read back");
    describe_state(out, description);
    for (unsigned i = 0; i < device->alternate_count; i++) {
        describe_layout(out, i, &description->alternates[i]);
    }
}
