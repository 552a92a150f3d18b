// SPDX-License-Identifier: MIT
//
// What is known, as JSON objects. Numbers of USB and addresses are numbers; texts are UTF-8, with what is no
// UTF-8 replaced, since they come from devices.

#include "cli/json.h"

#include <json-c/json.h>
#include <string.h>

#include "doctor/utf8.h"
#include "image/inspect.h"

bool json_is_on(const struct cli *cli) {
    return cli->options->json;
}

// Bytes above 0x7F are kept only in well-formed sequences: a device or a file name may hold anything.
static struct json_object *text_of(const char *text) {
    char clean[2 * sizeof((struct redfu_fault *)0)->text];
    size_t used = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at && used + 4 < sizeof clean;) {
        size_t len = utf8_len(at);
        if (len == 0) {
            clean[used++] = '?';
            at++;
            continue;
        }
        memcpy(clean + used, at, len);
        used += len;
        at += len;
    }
    return json_object_new_string_len(clean, (int)used);
}

static struct json_object *begin(const char *type) {
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "type", json_object_new_string(type));
    return object;
}

static void add_text(struct json_object *object, const char *name, const char *text) {
    json_object_object_add(object, name, text_of(text));
}

static void add_number(struct json_object *object, const char *name, uint64_t number) {
    json_object_object_add(object, name, json_object_new_int64((int64_t)number));
}

static void add_seconds(struct json_object *object, const char *name, uint64_t us) {
    json_object_object_add(object, name, json_object_new_double((double)us / 1e6));
}

// Takes the object over. One write a line, so that threads do not mix.
static void end(const struct cli *cli, struct json_object *object) {
    FILE *out = cli->surroundings->out;
    const char *line = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE);
    (void)fprintf(out, "%s\n", line);
    (void)fflush(out);
    (void)json_object_put(object);
}

static const char *kind_word(enum redfu_kind kind) {
    return kind == REDFU_KIND_DFUSE     ? "dfuse"
           : kind == REDFU_KIND_DFU     ? "dfu"
           : kind == REDFU_KIND_RUNTIME ? "runtime"
                                        : "unconfigured";
}

static void add_device(struct json_object *object, const struct redfu_device *device) {
    add_text(object, "path", device->path);
    add_text(object, "serial", device->serial);
    add_number(object, "vendor", device->vendor);
    add_number(object, "product", device->product);
    add_number(object, "release", device->release);
    add_text(object, "manufacturer", device->manufacturer);
    add_text(object, "product_name", device->product_name);
    add_text(object, "kind", kind_word(device->kind));
    add_number(object, "access", device->access);
}

void json_device(const struct cli *cli, const struct redfu_device *device) {
    if (json_is_on(cli)) {
        struct json_object *object = begin("device");
        add_device(object, device);
        end(cli, object);
    }
}

static struct json_object *layout_of(const struct redfu_layout *layout) {
    struct json_object *groups = json_object_new_array();
    for (unsigned i = 0; i < layout->group_count; i++) {
        const struct redfu_group *group = &layout->groups[i];
        struct json_object *object = json_object_new_object();
        add_number(object, "address", group->addr);
        add_number(object, "sectors", group->count);
        add_number(object, "sector_bytes", group->sector_bytes);
        json_object_object_add(object, "read",
                               json_object_new_boolean((group->can & REDFU_CAN_READ) != 0));
        json_object_object_add(object, "erase",
                               json_object_new_boolean((group->can & REDFU_CAN_ERASE) != 0));
        json_object_object_add(object, "write",
                               json_object_new_boolean((group->can & REDFU_CAN_WRITE) != 0));
        json_object_array_add(groups, object);
    }
    return groups;
}

static struct json_object *alternates_of(const struct redfu_description *description) {
    struct json_object *all = json_object_new_array();
    for (unsigned i = 0; i < description->device.alternate_count; i++) {
        const struct redfu_alternate *alternate = &description->alternates[i];
        struct json_object *object = json_object_new_object();
        add_number(object, "number", i);
        add_text(object, "text", alternate->text);
        if (alternate->has_layout) {
            uint32_t addr;
            uint32_t bytes;
            add_text(object, "name", alternate->layout.name);
            json_object_object_add(object, "layout", layout_of(&alternate->layout));
            if (redfu_layout_application(&alternate->layout, &addr, &bytes)) {
                add_number(object, "application_address", addr);
                add_number(object, "application_bytes", bytes);
            }
        }
        json_object_array_add(all, object);
    }
    return all;
}

static void add_flag(struct json_object *object, const char *name, bool flag) {
    json_object_object_add(object, name, json_object_new_boolean(flag));
}

static struct json_object *image_of(const struct info *info) {
    struct json_object *object = json_object_new_object();
    add_number(object, "address", info->image.addr);
    add_flag(object, "blank", info->image.is_blank);
    add_flag(object, "startable", info->image.is_startable);
    add_number(object, "stack", info->image.stack);
    add_number(object, "reset", info->image.reset);
    if (info->has_gate) {
        add_flag(object, "receiving", info->is_receiving);
    }
    return object;
}

static struct json_object *stamp_of(const struct redfu_stamp *stamp) {
    static const char *const seals[] = {
        [REDFU_SEAL_NONE] = "none", [REDFU_SEAL_WRONG] = "wrong", [REDFU_SEAL_RIGHT] = "right"};
    struct json_object *object = json_object_new_object();
    add_text(object, "seal", seals[stamp->seal]);
    if (stamp->seal != REDFU_SEAL_NONE) {
        add_number(object, "bytes", stamp->len);
        add_number(object, "crc", stamp->crc);
    }
    return object;
}

static struct json_object *settings_of(const struct redfu_settings *settings) {
    struct json_object *object = json_object_new_object();
    const struct redfu_setting *mode = redfu_settings_find(settings, REDFU_SETTING_BOOT_MODE);
    add_number(object, "count", settings->count);
    add_number(object, "page_bytes", settings->page_bytes);
    add_number(object, "room", settings->room);
    add_number(object, "turnovers", settings->turnovers);
    add_flag(object, "foreign", settings->is_foreign[0] || settings->is_foreign[1]);
    if (mode && mode->len > 0) {
        add_number(object, "boot_mode", mode->value[0]);
    }
    if (mode && mode->len > 1 && mode->value[1] != REDFU_BOOT_NONE) {
        add_number(object, "boot_mode_once", mode->value[1]);
    }
    return object;
}

static void add_protection(struct json_object *object, const struct redfu_protection *protection) {
    add_number(object, "option_bytes", protection->option);
    add_number(object, "read_level", protection->read_level);
    add_number(object, "brown_out_level", protection->brown_out_level);
    add_flag(object, "boot_protected", protection->is_boot_protected);
    add_flag(object, "boot_partly_protected", protection->is_partly);
}

static struct json_object *start_of(const struct redfu_start *start) {
    struct json_object *object = json_object_new_object();
    add_number(object, "mode", start->mode);
    add_text(object, "reason", start->reason);
    add_text(object, "reset_cause", start->cause);
    add_number(object, "failed_starts", start->failed);
    add_number(object, "faults", start->faults);
    return object;
}

// What is known under its name, or why it is not.
static void add_known(struct json_object *object, const char *name, const char *unknown,
                      struct json_object *known) {
    if (!unknown) {
        json_object_object_add(object, name, known);
        return;
    }
    char name_unknown[32];
    (void)snprintf(name_unknown, sizeof name_unknown, "%s_unknown", name);
    add_text(object, name_unknown, unknown);
    (void)json_object_put(known);
}

void json_info(const struct cli *cli, const struct info *info) {
    if (!json_is_on(cli)) {
        return;
    }
    const struct redfu_description *description = info->description;
    struct json_object *object = begin("info");
    add_device(object, &description->device);
    add_number(object, "dfu_version", description->device.dfu_version);
    add_number(object, "transfer_bytes", description->device.transfer_bytes);
    if (description->has_state) {
        add_text(object, "state", redfu_state_text(description->state));
    }
    if (description->has_status) {
        add_text(object, "status", redfu_status_text(description->status));
    }
    if (description->device_says[0]) {
        add_text(object, "device_says", description->device_says);
    }
    json_object_object_add(object, "alternates", alternates_of(description));
    add_known(object, "image", info->image_unknown, image_of(info));
    add_known(object, "stamp", info->stamp_unknown, stamp_of(&info->stamp));
    add_known(object, "settings", info->settings_unknown, settings_of(&info->settings));
    if (info->has_start) {
        json_object_object_add(object, "start", start_of(&info->start));
    }
    if (info->has_protection) {
        struct json_object *protection = json_object_new_object();
        add_protection(protection, &info->protection);
        json_object_object_add(object, "protection", protection);
    }
    end(cli, object);
}

void json_protection(const struct cli *cli, const struct redfu_protection *protection) {
    if (json_is_on(cli)) {
        struct json_object *object = begin("protection");
        add_protection(object, protection);
        end(cli, object);
    }
}

// --- Files ---------------------------------------------------------------------------------------

static void put_finding(const struct cli *cli, const struct inspect_finding *finding) {
    static const char *const words[] = {
        [INSPECT_NOTE] = "note", [INSPECT_WARNING] = "warning", [INSPECT_ERROR] = "error"};
    struct json_object *object = begin("remark");
    add_text(object, "word", inspect_word(finding->id));
    add_text(object, "severity", words[inspect_severity(finding->id)]);
    add_number(object, "address", finding->addr);
    add_text(object, "text", finding->text);
    add_text(object, "advice", finding->advice);
    end(cli, object);
}

void json_inspection(const struct cli *cli, const struct image *image,
                     const struct inspect_map *map, const struct inspect_report *report) {
    if (!json_is_on(cli)) {
        return;
    }
    const struct image_segment *last = &image->segments[image->segment_count - 1];
    uint64_t bytes = 0;
    for (size_t i = 0; i < image->segment_count; i++) {
        bytes += image->segments[i].len;
    }
    struct json_object *object = begin("inspection");
    add_text(object, "path", cli->options->file);
    add_text(object, "chip", map->chip);
    add_number(object, "application_address", map->application_addr);
    add_number(object, "address", image->segments[0].addr);
    add_number(object, "last_address", last->addr + (last->len - 1));
    add_number(object, "bytes", bytes);
    add_flag(object, "vectors", report->has_vectors);
    if (report->has_vectors) {
        add_number(object, "vector_count", report->vector_count);
        add_number(object, "stack", report->stack_pointer);
        add_number(object, "reset", report->reset_vector);
        add_number(object, "promised_starts", report->promised);
        add_flag(object, "stamp", report->has_stamp);
    }
    add_number(object, "errors", report->errors);
    end(cli, object);
    for (size_t i = 0; i < report->count; i++) {
        put_finding(cli, &report->findings[i]);
    }
}

void json_file(const struct cli *cli, const char *path) {
    if (json_is_on(cli)) {
        struct json_object *object = begin("file");
        add_text(object, "path", path);
        end(cli, object);
    }
}

void json_image_file(const struct cli *cli, const char *path, uint32_t addr, uint32_t last,
                     unsigned settings) {
    if (json_is_on(cli)) {
        struct json_object *object = begin("file");
        add_text(object, "path", path);
        add_number(object, "address", addr);
        add_number(object, "last_address", last);
        add_number(object, "settings", settings);
        end(cli, object);
    }
}

void json_rules(const struct cli *cli, const char *text) {
    if (json_is_on(cli)) {
        struct json_object *object = begin("rules");
        json_object_object_add(object, "text", json_object_new_string(text)); // our own words
        end(cli, object);
    }
}

// --- Work ----------------------------------------------------------------------------------------

void json_progress(const struct cli *cli, const struct redfu_progress *progress) {
    if (!json_is_on(cli)) {
        return;
    }
    struct json_object *object = begin("progress");
    if (cli->device) {
        add_text(object, "path", cli->device->path);
    }
    add_text(object, "phase", redfu_phase_text(progress->phase));
    add_number(object, "address", progress->addr);
    add_number(object, "bytes", progress->len);
    add_number(object, "done", progress->done);
    add_number(object, "total", progress->total);
    add_number(object, "total_done", progress->total_done);
    add_seconds(object, "seconds", progress->elapsed_us);
    end(cli, object);
}

void json_plan(const struct cli *cli, const struct redfu_plan *plan, uint64_t us) {
    if (!json_is_on(cli)) {
        return;
    }
    struct json_object *object = begin("plan");
    struct json_object *sectors = json_object_new_array();
    if (cli->device) {
        add_text(object, "path", cli->device->path);
    }
    for (size_t i = 0; i < plan->sector_count; i++) {
        json_object_array_add(sectors, json_object_new_int64(plan->sectors[i].number));
    }
    json_object_object_add(object, "erase_sectors", sectors);
    add_number(object, "erase_bytes", plan->erase_bytes);
    add_number(object, "write_bytes", plan->write_bytes);
    add_number(object, "same_bytes", plan->same_bytes);
    add_number(object, "blank_bytes", plan->blank_bytes);
    add_seconds(object, "seconds", plan->run_count > 0 ? us : 0);
    end(cli, object);
}

void json_setting(const struct cli *cli, const struct redfu_setting *setting) {
    if (!json_is_on(cli)) {
        return;
    }
    char hex[2 * REDFU_SETTING_BYTES_MAX + 1] = "";
    for (unsigned i = 0; i < setting->len; i++) {
        (void)snprintf(hex + (size_t)2 * i, 3, "%02X", setting->value[i]);
    }
    struct json_object *object = begin("setting");
    add_number(object, "key", setting->key);
    add_text(object, "hex", hex);
    end(cli, object);
}

static void add_fault(struct json_object *object, const struct redfu_fault *fault) {
    add_text(object, "text", fault->text[0] ? fault->text : redfu_result_text(fault->result));
    if (fault->advice[0]) {
        add_text(object, "advice", fault->advice);
    }
    add_text(object, "phase", redfu_phase_text(fault->phase));
    if (fault->has_addr) {
        add_number(object, "address", fault->addr);
    }
    if (fault->has_status) {
        add_text(object, "status", redfu_status_text(fault->status));
        add_text(object, "state", redfu_state_text(fault->state));
    }
    if (fault->device_says[0]) {
        add_text(object, "device_says", fault->device_says);
    }
}

void json_board(const struct cli *cli, const struct redfu_device *device, uint64_t us,
                const struct redfu_fault *fault) {
    if (!json_is_on(cli)) {
        return;
    }
    struct json_object *object = begin("board");
    add_text(object, "path", device->path);
    add_text(object, "serial", device->serial);
    add_number(object, "exit_status", fault ? fault->result : REDFU_OK);
    add_seconds(object, "seconds", us);
    if (fault) {
        add_fault(object, fault);
    }
    end(cli, object);
}

void json_assertion(const struct cli *cli, const char *id, const char *verdict, const char *clause,
                    const char *expected, const char *seen) {
    if (!json_is_on(cli)) {
        return;
    }
    struct json_object *object = begin("assertion");
    add_text(object, "id", id);
    add_text(object, "verdict", verdict);
    add_text(object, "clause", clause);
    add_text(object, "expected", expected);
    add_text(object, "seen", seen);
    end(cli, object);
}

void json_end(const struct cli *cli, enum redfu_result result) {
    if (!json_is_on(cli)) {
        return;
    }
    struct json_object *object = begin(result == REDFU_OK ? "done" : "error");
    add_number(object, "exit_status", result);
    if (result != REDFU_OK) {
        add_text(object, "means", redfu_result_text(result));
        add_fault(object, &cli->fault);
    }
    end(cli, object);
}
