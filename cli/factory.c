// SPDX-License-Identifier: MIT
//
// `redfu factory`: bootloader, settings and application as one image for a board's first minute, written by
// a debug probe or by ST's bootloader. Needs no device.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/settings.h"
#include "cli/target.h"
#include "image/inspect.h"
#include "image/save.h"
#include "image/seal.h"

#define PAGE_BYTES 0x4000u // sectors 1 and 2 of every STM32F4
#define PAGES      2u

struct factory {
    struct cli *cli;
    const char *boot, *app;
    unsigned set_count;
    struct inspect_map map;
    struct image image; // what becomes the output
    struct image_fault why;
};

static uint64_t end_of(const struct image *image) {
    const struct image_segment *last = &image->segments[image->segment_count - 1];
    return (uint64_t)last->addr + last->len;
}

// One of the two files, raw at `addr`.
static enum redfu_result load(struct factory *factory, const char *path, uint32_t addr,
                              struct input *input) {
    struct options one = {.file = path, .files = {{.path = path}}, .file_count = 1};
    return input_load_at(input, &one, addr, &factory->cli->fault);
}

static enum redfu_result merge(struct factory *factory, const struct image *part) {
    for (size_t i = 0; i < part->segment_count; i++) {
        const struct image_segment *segment = &part->segments[i];
        if (!image_add(&factory->image, segment->addr, segment->bytes, segment->len,
                       &factory->why)) {
            return cli_refuse(factory->cli, file_status(&factory->why, REDFU_BAD_FILE), "%s",
                              factory->why.text);
        }
    }
    return REDFU_OK;
}

// The bootloader starts at the start of flash and ends before the settings.
static enum redfu_result check_boot(struct factory *factory, const struct input *input) {
    const struct inspect_map *map = &factory->map;
    const char *path = factory->boot;
    const struct image *image = &input->image;
    if (image->segments[0].addr != map->flash_addr || end_of(image) > map->settings_addr) {
        return cli_refuse(factory->cli, REDFU_BAD_FILE,
                          "%s takes 0x%08" PRIX32 "-0x%08" PRIX64 "; a bootloader begins at "
                          "0x%08" PRIX32 " and ends before the settings at 0x%08" PRIX32,
                          path, image->segments[0].addr, end_of(image) - 1, map->flash_addr,
                          map->settings_addr);
    }
    // Judged as an application at the start of flash would be.
    struct inspect_map at_start = *map;
    struct inspect_report report;
    at_start.settings_addr = at_start.application_addr = map->flash_addr;
    inspect(image, &at_start, &report);
    return report.errors == 0 ? REDFU_OK
                              : cli_refuse(factory->cli, REDFU_UNFIT, "%s is no bootloader: %s",
                                           path, report.findings[0].text);
}

static enum redfu_result add_boot(struct factory *factory) {
    struct input input;
    enum redfu_result result = load(factory, factory->boot, factory->map.flash_addr, &input);
    if (result != REDFU_OK) {
        return result;
    }
    result = check_boot(factory, &input);
    if (result == REDFU_OK) {
        result = merge(factory, &input.image);
    }
    input_free(&input);
    return result;
}

static enum redfu_result check_application(struct factory *factory, struct input *input) {
    struct inspect_report report;
    inspect(&input->image, &factory->map, &report);
    if (report.errors != 0) {
        (void)cli_refuse(factory->cli, REDFU_UNFIT, "%s: %s", factory->app,
                         report.findings[0].text);
        return cli_advise(factory->cli, "%s\n`redfu inspect` has the details.",
                          report.findings[0].advice);
    }
    struct image_seal seal;
    if (factory->cli->options->seal &&
        !image_seal(&input->image,
                    factory->map.flash_addr + factory->map.flash_bytes -
                        factory->map.application_addr,
                    &seal, &factory->why)) {
        return cli_refuse(factory->cli, file_status(&factory->why, REDFU_TOO_LARGE), "%s: %s",
                          factory->app, factory->why.text);
    }
    return REDFU_OK;
}

static enum redfu_result add_application(struct factory *factory) {
    struct input input;
    enum redfu_result result = load(factory, factory->app, factory->map.application_addr, &input);
    if (result != REDFU_OK) {
        return result;
    }
    result = check_application(factory, &input);
    if (result == REDFU_OK) {
        result = merge(factory, &input.image);
    }
    input_free(&input);
    return result;
}

// "KEY=VALUE", each as `redfu settings set` takes it.
static enum redfu_result read_setting(struct cli *cli, const char *text,
                                      struct redfu_setting *setting) {
    char key[64];
    size_t len = strcspn(text, "=");
    if (text[len] == '\0' || len >= sizeof key) {
        return cli_refuse(cli, REDFU_USAGE, "--set wants KEY=VALUE, not \"%s\"", text);
    }
    memcpy(key, text, len);
    key[len] = '\0';
    struct options one = *cli->options;
    one.settings_action = SETTINGS_ACTION_SET;
    one.key = key;
    one.value = text + len + 1;
    struct cli reader = *cli;
    reader.options = &one;
    memset(setting, 0, sizeof *setting);
    enum redfu_result result = setting_read_key(&reader, &setting->key);
    if (result == REDFU_OK) {
        result = setting_read_value(&reader, setting);
    }
    cli->fault = reader.fault;
    return result;
}

// Only what is not erased: the rest of the sectors is, when they have been erased for it.
static enum redfu_result add_page(struct factory *factory, uint32_t addr, const uint8_t *page) {
    uint32_t len = PAGE_BYTES;
    while (len > 0 && page[len - 1] == 0xff) {
        len--;
    }
    len = (len + 3u) & ~3u;
    return image_add(&factory->image, addr, page, len, &factory->why)
               ? REDFU_OK
               : cli_refuse(factory->cli, file_status(&factory->why, REDFU_BAD_FILE),
                            "the settings: %s", factory->why.text);
}

static enum redfu_result add_settings(struct factory *factory) {
    uint8_t pages[PAGES * PAGE_BYTES];
    struct redfu_setting settings[OPTIONS_GIVEN_MAX];
    const struct options *options = factory->cli->options;
    enum redfu_result result = REDFU_OK;
    for (unsigned i = 0; i < options->given_count && result == REDFU_OK; i++) {
        if (strcmp(options->given[i].name, "--set") == 0) {
            result = read_setting(factory->cli, options->given[i].value,
                                  &settings[factory->set_count++]);
        }
    }
    if (result == REDFU_OK) {
        result = redfu_settings_make(settings, factory->set_count, pages, PAGE_BYTES,
                                     &factory->cli->fault);
    }
    for (unsigned i = 0; i < PAGES && result == REDFU_OK; i++) {
        result =
            add_page(factory, factory->map.settings_addr + i * PAGE_BYTES, pages + i * PAGE_BYTES);
    }
    return result;
}

// A raw file is all of flash up to the end of the application, what is between erased.
static bool flatten(struct factory *factory) {
    struct image flat;
    image_init(&flat);
    uint32_t base = factory->map.flash_addr;
    uint32_t len = (uint32_t)(end_of(&factory->image) - base);
    uint8_t *bytes = malloc(len);
    if (bytes == NULL) {
        (void)snprintf(factory->why.text, sizeof factory->why.text, "out of memory");
        factory->why.no_memory = true;
        return false;
    }
    memset(bytes, 0xff, len);
    for (size_t i = 0; i < factory->image.segment_count; i++) {
        const struct image_segment *segment = &factory->image.segments[i];
        memcpy(bytes + (segment->addr - base), segment->bytes, segment->len);
    }
    bool is_added = image_add(&flat, base, bytes, len, &factory->why);
    free(bytes);
    if (!is_added) {
        return false;
    }
    image_free(&factory->image);
    factory->image = flat;
    return true;
}

static enum redfu_result save(struct factory *factory) {
    const char *path = factory->cli->options->output;
    enum image_format format = output_format(path);
    if ((format == IMAGE_BIN && !flatten(factory)) ||
        !image_save(&factory->image, path, format, &factory->why)) {
        return cli_refuse(factory->cli, file_status(&factory->why, REDFU_CANNOT_SAVE), "%s",
                          factory->why.text);
    }
    cli_say(factory->cli,
            "%s: bootloader, %u setting%s and application, 0x%08" PRIX32 "-0x%08" PRIX64 "%s\n",
            path, factory->set_count, factory->set_count == 1 ? "" : "s", factory->map.flash_addr,
            end_of(&factory->image) - 1,
            format == IMAGE_BIN ? ", to be written to the start of flash" : "");
    json_image_file(factory->cli, path, factory->map.flash_addr,
                    (uint32_t)(end_of(&factory->image) - 1), factory->set_count);
    return REDFU_OK;
}

// The next build would take the output for its bootloader.
static enum redfu_result check_output(const struct factory *factory) {
    const char *output = factory->cli->options->output;
    return file_is_same(output, factory->boot) || file_is_same(output, factory->app)
               ? cli_refuse(factory->cli, REDFU_USAGE,
                            "%s is one of the files it is to be made of: give it another name",
                            output)
               : REDFU_OK;
}

enum redfu_result factory_file(struct cli *cli) {
    struct factory factory = {
        .cli = cli,
        .boot = options_given(cli->options, "--boot"),
        .app = options_given(cli->options, "--app"),
    };
    image_init(&factory.image);
    enum redfu_result result = check_output(&factory);
    if (result == REDFU_OK) {
        result = inspect_map_of(cli, &factory.map);
    }
    if (result == REDFU_OK) {
        result = add_boot(&factory);
    }
    if (result == REDFU_OK) {
        result = add_settings(&factory);
    }
    if (result == REDFU_OK) {
        result = add_application(&factory);
    }
    if (result == REDFU_OK) {
        result = save(&factory);
    }
    image_free(&factory.image);
    return result;
}
