// SPDX-License-Identifier: MIT
//
// Devices, their state and their memory in words, for list and info.

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/settings.h"

static const char *or_unknown(const char *text, const char *unknown) {
    return text[0] ? text : unknown;
}

static const char *kind_words(enum redfu_kind kind) {
    switch (kind) {
    case REDFU_KIND_DFUSE:
        return "DFU mode, DfuSe";
    case REDFU_KIND_DFU:
        return "DFU mode, plain DFU";
    case REDFU_KIND_UNCONFIGURED:
        return "DFU mode, but not configured by the system: cannot be used";
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
    if (device->is_camera || device->is_bluetooth) {
        (void)fprintf(out, "  (%s)", device->is_camera ? "a camera" : "a Bluetooth adapter");
    }
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

static void describe_image(FILE *out, const struct info *info) {
    const struct redfu_image *image = &info->image;
    if (info->image_unknown) {
        (void)fprintf(out, "Image          not known: %s\n", info->image_unknown);
        return;
    }
    (void)fprintf(out, "Image          at 0x%08" PRIX32 ": ", image->addr);
    if (image->is_blank) {
        (void)fputs("none, blank", out);
    } else {
        (void)fprintf(out, "%sstack 0x%08" PRIX32 ", reset vector 0x%08" PRIX32,
                      image->is_startable ? "" : "no vector table: ", image->stack, image->reset);
    }
    (void)fputs(info->is_receiving ? "; a load was begun and has not ended\n" : "\n", out);
}

// Whether the image is whole: by its stamp, or by how its load ended.
static void describe_stamp(FILE *out, const struct info *info) {
    const struct redfu_stamp *stamp = &info->stamp;
    if (info->image_unknown || info->image.is_blank) {
        return;
    }
    if (info->stamp_unknown) {
        (void)fprintf(out, "  Whole        not known: %s\n", info->stamp_unknown);
        return;
    }
    (void)fprintf(out, "  Whole        %s; ",
                  info->is_receiving                ? "no"
                  : stamp->seal == REDFU_SEAL_RIGHT ? "yes"
                                                    : "taken for it, its load has ended");
    if (stamp->seal == REDFU_SEAL_NONE) {
        (void)fputs("no stamp (not sealed)\n", out);
        return;
    }
    (void)fprintf(out, "%s: %" PRIu32 " bytes, CRC-32 %08" PRIX32 "\n",
                  stamp->seal == REDFU_SEAL_RIGHT ? "its stamp is right"
                                                  : "a stamp that does not fit it",
                  stamp->len, stamp->crc);
}

static void describe_settings(FILE *out, const struct info *info) {
    const struct redfu_settings *settings = &info->settings;
    if (info->settings_unknown) {
        (void)fprintf(out, "Settings       not known: %s\n", info->settings_unknown);
        return;
    }
    const struct redfu_setting *mode = redfu_settings_find(settings, REDFU_SETTING_BOOT_MODE);
    bool is_foreign = settings->is_foreign[0] || settings->is_foreign[1];
    if (settings->turnovers == 0) {
        (void)fprintf(out, "Settings       no store%s\n",
                      is_foreign ? ": what its pages hold is not redfu's (`redfu settings list`)"
                                 : "");
        return;
    }
    (void)fprintf(out, "Settings       %zu, %" PRIu32 " of %" PRIu32 " bytes of the page used",
                  settings->count, settings->page_bytes - settings->room, settings->page_bytes);
    (void)fputs("; boot mode: ", out);
    if (mode) {
        setting_print(out, mode);
    } else {
        (void)fputs("not set, application", out);
    }
    (void)fputs(is_foreign
                    ? "; a page holds something that is not redfu's (`redfu settings list`)\n"
                    : "\n",
                out);
}

static void describe_start(FILE *out, const struct redfu_start *start) {
    (void)fprintf(out, "Started        %s%s; reset cause: %s\n",
                  start->mode == 1 ? "in DFU mode: " : "", start->reason, start->cause);
    if (start->mode != 1) {
        (void)fprintf(out, "  Boot mode %u was asked for and could not be carried out\n",
                      start->mode);
    }
    if (start->failed > 0) {
        (void)fprintf(out, "  The application has failed to confirm %u start%s\n", start->failed,
                      start->failed > 1 ? "s" : "");
    }
    if (start->faults > 0) {
        (void)fprintf(out,
                      "  The bootloader has faulted %" PRIu32 " time%s, last at 0x%08" PRIX32
                      " (LR 0x%08" PRIX32 ", CFSR 0x%08" PRIX32 ", HFSR 0x%08" PRIX32
                      ", MMFAR 0x%08" PRIX32 ", BFAR 0x%08" PRIX32 ")\n",
                      start->faults, start->faults > 1 ? "s" : "", start->fault_pc, start->fault_lr,
                      start->fault_cfsr, start->fault_hfsr, start->fault_mmfar, start->fault_bfar);
    }
}

static void describe_protection(FILE *out, const struct redfu_protection *protection) {
    static const char *const levels[] = {"level 0, open", "level 1", "level 2, for ever"};
    (void)fprintf(
        out, "Protection     reading: %s; the bootloader is %swrite protected; brown-out reset: ",
        levels[protection->read_level],
        protection->is_boot_protected ? ""
        : protection->is_partly       ? "partly "
                                      : "not ");
    if (protection->brown_out_level == 0) {
        (void)fputs("off", out);
    } else {
        (void)fprintf(out, "level %u", protection->brown_out_level);
    }
    (void)fprintf(out, " (option bytes 0x%08" PRIX32 ")\n", protection->option);
}

static void describe_session(FILE *out, const struct redfu_description *description) {
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

void describe_info(FILE *out, const struct info *info) {
    describe_session(out, info->description);
    describe_image(out, info);
    describe_stamp(out, info);
    describe_settings(out, info);
    if (info->has_start) {
        describe_start(out, &info->start);
    }
    if (info->has_protection) {
        describe_protection(out, &info->protection);
    } else {
        (void)fputs("Protection     not known: the device does not tell its option bytes\n", out);
    }
}
