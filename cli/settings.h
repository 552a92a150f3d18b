// SPDX-License-Identifier: MIT
//
// What the files of `redfu settings` ask of each other.

#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/cli.h"

// setting_words.c: keys and values as a person types (options->key, options->value) and reads them.
// REDFU_USAGE.
enum redfu_result setting_read_key(struct cli *cli, uint16_t *key)
    __attribute__((warn_unused_result));
// Whether a person may set or remove it: an application's, or the boot mode.
bool setting_is_changeable(uint16_t key);
enum redfu_result setting_read_value(struct cli *cli, struct redfu_setting *setting)
    __attribute__((warn_unused_result));
// What a change of a part keeps of the value the device has (NULL for none).
void setting_complete(struct redfu_setting *setting, const struct redfu_setting *present);
#define SETTING_KEY_CHARS 8u // "0x5555"
// The key's name, or its number in `out`.
const char *setting_key_words(uint16_t key, char out[SETTING_KEY_CHARS]);
// In a form that set takes.
void setting_print(FILE *out, const struct redfu_setting *setting);

// import.c: `redfu settings import`.
enum redfu_result import_run(struct cli *cli, struct redfu_session *session);

#endif
