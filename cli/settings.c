// SPDX-License-Identifier: MIT
//
// `redfu settings`: what is typed is judged before a device is looked for. The form of keys and values is
// setting_words.c's, `import` is import.c's.

#include "cli/settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/json.h"
#include "cli/target.h"

// Longest backup: the list of a full 128 KB page, generously.
#define BACKUP_BYTES_MAX 0x100000u
#define PAGE_BYTES_MAX   0x20000u // the largest sector of the family
// Erases a flash sector of an STM32F4 stands at least (DS8626, endurance).
#define ERASES_RATED     10000u

// What a page holds that is not redfu's: ST's EEPROM emulation, or nobody knows.
static void print_foreign(FILE *out, struct redfu_session *session, uint32_t addr,
                          uint32_t page_bytes) {
    const struct redfu_description *description = redfu_describe(session);
    struct redfu_an3969 found = {0};
    struct redfu_fault ignored;
    struct redfu_sector sector;
    uint8_t *page = page_bytes <= PAGE_BYTES_MAX ? malloc(page_bytes) : NULL;
    bool is_found = false;
    for (unsigned i = 0; page && i < description->device.alternate_count && !is_found; i++) {
        const struct redfu_alternate *alternate = &description->alternates[i];
        is_found = alternate->has_layout &&
                   redfu_layout_sector_at(&alternate->layout, addr, &sector) &&
                   redfu_read(session, i, addr, page_bytes, page, NULL, &ignored) == REDFU_OK &&
                   redfu_an3969_parse(page, 1, page_bytes, &found, &ignored) == REDFU_OK;
    }
    (void)fprintf(out, "The page at 0x%08" PRIX32 " holds something that is not redfu's", addr);
    if (is_found) {
        (void)fprintf(out, ", %zu variable%s of ST's EEPROM emulation (AN3969)", found.count,
                      found.count == 1 ? "" : "s");
    }
    (void)fprintf(out, ": `redfu settings import FILE`\n");
    redfu_an3969_free(&found);
    free(page);
}

static void print_state(FILE *out, struct redfu_session *session,
                        const struct redfu_settings *settings) {
    char size[32];
    if (settings->turnovers == 0) {
        (void)fprintf(out, "No settings: there is no store in the pages\n");
    } else {
        (void)fprintf(out, "%zu setting%s, room for %s more before the pages are turned over\n",
                      settings->count, settings->count == 1 ? "" : "s",
                      words_size(settings->room, size, sizeof size));
        // Each page is erased at every second turnover (docs/settings.md, wear).
        (void)fprintf(out,
                      "Turnovers so far: %" PRIu32 ", which is %" PRIu32
                      " of the %u erases that each page "
                      "stands\n",
                      settings->turnovers, (settings->turnovers + 1) / 2, ERASES_RATED);
    }
    if (settings->is_receiving) {
        (void)fprintf(out, "A load has begun and has not ended: no application is started\n");
    }
    for (unsigned i = 0; i < 2; i++) {
        if (settings->is_foreign[i]) {
            print_foreign(out, session, settings->pages_addr + i * settings->page_bytes,
                          settings->page_bytes);
        }
    }
    if (redfu_settings_find(settings, REDFU_SETTING_IMPORTING)) {
        (void)fprintf(out, "An import was interrupted: give it again with the same file\n");
    }
}

static enum redfu_result do_list(struct cli *cli, struct redfu_session *session) {
    struct redfu_settings settings;
    enum redfu_result result = redfu_settings_read(session, &settings, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    FILE *out = cli->surroundings->out;
    for (size_t i = 0; i < settings.count; i++) {
        json_setting(cli, &settings.all[i]);
        if (cli->options->json) {
            continue;
        }
        char key[SETTING_KEY_CHARS];
        (void)fprintf(out, "%-9s  ", setting_key_words(settings.all[i].key, key));
        setting_print(out, &settings.all[i]);
        (void)fputc('\n', out);
    }
    if (!cli->options->json) {
        print_state(out, session, &settings);
    }
    redfu_settings_free(&settings);
    return REDFU_OK;
}

// --- One key -------------------------------------------------------------------------------------

static enum redfu_result refuse_absent(struct cli *cli, uint16_t key) {
    char words[SETTING_KEY_CHARS];
    return cli_refuse(cli, REDFU_NO_SUCH_SETTING, "the device has no setting %s",
                      setting_key_words(key, words));
}

static enum redfu_result do_get(struct cli *cli, struct redfu_session *session, uint16_t key) {
    struct redfu_settings settings;
    enum redfu_result result = redfu_settings_read(session, &settings, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    const struct redfu_setting *setting = redfu_settings_find(&settings, key);
    if (setting && cli->options->json) {
        json_setting(cli, setting);
    } else if (setting) {
        setting_print(cli->surroundings->out, setting);
        (void)fputc('\n', cli->surroundings->out);
    } else {
        result = refuse_absent(cli, key);
    }
    redfu_settings_free(&settings);
    return result;
}

static enum redfu_result do_set(struct cli *cli, struct redfu_session *session,
                                struct redfu_setting *setting) {
    struct redfu_settings settings;
    enum redfu_result result = redfu_settings_read(session, &settings, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    setting_complete(setting, redfu_settings_find(&settings, setting->key));
    redfu_settings_free(&settings);
    result = redfu_settings_change(session, setting, 1, &cli->fault);
    if (result == REDFU_OK) {
        char key[SETTING_KEY_CHARS];
        cli_say(cli, "Done: %s is set, and reads back so\n", setting_key_words(setting->key, key));
    }
    return result;
}

static enum redfu_result do_delete(struct cli *cli, struct redfu_session *session, uint16_t key) {
    struct redfu_settings settings;
    struct redfu_setting removal = {.key = key, .is_removal = true};
    enum redfu_result result = redfu_settings_read(session, &settings, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    if (!redfu_settings_find(&settings, key)) {
        result = refuse_absent(cli, key);
    }
    redfu_settings_free(&settings);
    if (result == REDFU_OK) {
        result = redfu_settings_change(session, &removal, 1, &cli->fault);
    }
    if (result == REDFU_OK) {
        char words[SETTING_KEY_CHARS];
        cli_say(cli, "Done: %s is gone\n", setting_key_words(key, words));
    }
    return result;
}

// --- Backups -------------------------------------------------------------------------------------

static enum redfu_result do_backup(struct cli *cli, struct redfu_session *session) {
    struct redfu_settings settings;
    enum redfu_result result = redfu_settings_read(session, &settings, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    result = cli->options->force
                 ? file_save(cli, cli->options->file, settings.list, settings.list_len)
                 : file_save_new(cli, cli->options->file, settings.list, settings.list_len);
    if (result == REDFU_OK) {
        cli_say(cli, "Done: %zu setting%s in %s\n", settings.count, settings.count == 1 ? "" : "s",
                cli->options->file);
    }
    redfu_settings_free(&settings);
    return result;
}

static enum redfu_result load_backup(struct cli *cli, struct redfu_settings *backup) {
    uint8_t *bytes;
    uint32_t len;
    enum redfu_result result = file_load(cli, cli->options->file, BACKUP_BYTES_MAX, &bytes, &len);
    if (result != REDFU_OK) {
        return result;
    }
    result = redfu_settings_parse(bytes, len, backup, &cli->fault);
    free(bytes);
    if (result != REDFU_OK) {
        struct redfu_fault why = cli->fault;
        return cli_refuse(cli, result, "%s: %.1900s", cli->options->file, why.text);
    }
    return REDFU_OK;
}

static enum redfu_result do_restore(struct cli *cli, struct redfu_session *session,
                                    struct redfu_settings *backup) {
    // How far an import had come belongs to the board it was of, and what else is redfu's own to redfu.
    size_t count = 0;
    for (size_t i = 0; i < backup->count; i++) {
        if (setting_is_changeable(backup->all[i].key)) {
            backup->all[count++] = backup->all[i];
        }
    }
    enum redfu_result result = redfu_settings_change(session, backup->all, count, &cli->fault);
    if (result == REDFU_OK) {
        cli_say(cli, "Done: %zu setting%s of %s restored, and read back so\n", count,
                count == 1 ? "" : "s", cli->options->file);
    }
    return result;
}

// --- The command ---------------------------------------------------------------------------------

static enum redfu_result act(struct cli *cli, struct redfu_session *session,
                             struct redfu_setting *setting, struct redfu_settings *backup) {
    switch (cli->options->settings_action) {
    case SETTINGS_ACTION_GET:
        return do_get(cli, session, setting->key);
    case SETTINGS_ACTION_SET:
        return do_set(cli, session, setting);
    case SETTINGS_ACTION_DELETE:
        return do_delete(cli, session, setting->key);
    case SETTINGS_ACTION_BACKUP:
        return do_backup(cli, session);
    case SETTINGS_ACTION_RESTORE:
        return do_restore(cli, session, backup);
    case SETTINGS_ACTION_IMPORT:
        return import_run(cli, session);
    case SETTINGS_ACTION_LIST:
    default:
        return do_list(cli, session);
    }
}

enum redfu_result settings_command(struct cli *cli) {
    const struct options *options = cli->options;
    struct redfu_setting setting = {0};
    struct redfu_settings backup = {0};
    enum redfu_result result = options->key ? setting_read_key(cli, &setting.key) : REDFU_OK;
    if (result == REDFU_OK && options->settings_action == SETTINGS_ACTION_SET) {
        result = setting_read_value(cli, &setting);
    }
    if (result == REDFU_OK && options->settings_action == SETTINGS_ACTION_RESTORE) {
        result = load_backup(cli, &backup);
    }
    struct target target;
    if (result == REDFU_OK) {
        result = target_open(cli, &target);
        if (result == REDFU_OK) {
            result = act(cli, target.session, &setting, &backup);
            target_close(&target);
        }
    }
    redfu_settings_free(&backup);
    return result;
}
