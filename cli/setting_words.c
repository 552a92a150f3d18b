// SPDX-License-Identifier: MIT
//
// Settings as a person types and reads them: keys by number or name, values by their kind.

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cli/settings.h"
#include "cli/target.h"

// Keys that have a name.
static const struct {
    const char *name;
    uint16_t key;
} named_keys[] = {
    {"receiving", REDFU_SETTING_RECEIVING},
    {"boot-mode", REDFU_SETTING_BOOT_MODE},
    {"importing", REDFU_SETTING_IMPORTING},
};
#define NAMED_KEYS (sizeof named_keys / sizeof named_keys[0])

const char *setting_key_words(uint16_t key, char out[SETTING_KEY_CHARS]) {
    for (unsigned i = 0; i < NAMED_KEYS; i++) {
        if (named_keys[i].key == key) {
            return named_keys[i].name;
        }
    }
    (void)snprintf(out, SETTING_KEY_CHARS, "0x%04X", key);
    return out;
}

// --- What is typed -------------------------------------------------------------------------------

static enum redfu_result find_key(struct cli *cli, uint16_t *key) {
    const char *word = cli->options->key;
    for (unsigned i = 0; i < NAMED_KEYS; i++) {
        if (strcmp(named_keys[i].name, word) == 0) {
            *key = named_keys[i].key;
            return REDFU_OK;
        }
    }
    uint32_t number;
    if (!options_number(word, &number)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "\"%s\" is no key: a number such as 0x5555 or 17 is wanted, or boot-mode",
                          word);
    }
    if (number > REDFU_SETTING_KEY_MAX) {
        return cli_refuse(cli, REDFU_USAGE, "%s is no key: they end at 0x%04X", word,
                          REDFU_SETTING_KEY_OWN - 1);
    }
    *key = (uint16_t)number;
    return REDFU_OK;
}

enum redfu_result setting_read_key(struct cli *cli, uint16_t *key) {
    enum redfu_result result = find_key(cli, key);
    if (result == REDFU_OK && cli->options->settings_action != SETTINGS_ACTION_GET &&
        !setting_is_changeable(*key)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "key 0x%04X cannot be changed: those from 0x%04X on are redfu's own, "
                          "boot-mode apart",
                          *key, REDFU_SETTING_KEY_OWN);
    }
    return result;
}

bool setting_is_changeable(uint16_t key) {
    return key < REDFU_SETTING_KEY_OWN || key == REDFU_SETTING_BOOT_MODE;
}

static enum redfu_result take_number(struct cli *cli, const char *text, uint8_t bytes,
                                     struct redfu_setting *setting) {
    uint32_t number;
    if (!options_number(text, &number) || (bytes < 4 && number >> (8 * bytes) != 0)) {
        return cli_refuse(cli, REDFU_USAGE, "\"%s\" is no number of %u bits", text, 8u * bytes);
    }
    setting->len = bytes;
    for (uint8_t i = 0; i < bytes; i++) {
        setting->value[i] = (uint8_t)(number >> (8 * i));
    }
    return REDFU_OK;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static enum redfu_result take_hex(struct cli *cli, const char *text,
                                  struct redfu_setting *setting) {
    size_t len = strlen(text);
    if (len % 2 != 0 || len / 2 > REDFU_SETTING_BYTES_MAX) {
        return cli_refuse(cli, REDFU_USAGE,
                          "hex: wants two digits a byte, at most %u bytes, not %zu digits",
                          REDFU_SETTING_BYTES_MAX, len);
    }
    for (size_t i = 0; i < len; i += 2) {
        int high = digit_of(text[i]);
        int low = digit_of(text[i + 1]);
        if (high < 0 || low < 0) {
            return cli_refuse(cli, REDFU_USAGE, "\"%.2s\" is no byte in hexadecimal", text + i);
        }
        setting->value[i / 2] = (uint8_t)(high << 4 | low);
    }
    setting->len = (uint8_t)(len / 2);
    return REDFU_OK;
}

static enum redfu_result take_text(struct cli *cli, const char *text,
                                   struct redfu_setting *setting) {
    size_t len = strlen(text);
    if (len > REDFU_SETTING_BYTES_MAX) {
        return cli_refuse(cli, REDFU_USAGE, "a setting has at most %u bytes, not %zu",
                          REDFU_SETTING_BYTES_MAX, len);
    }
    memcpy(setting->value, text, len);
    setting->len = (uint8_t)len;
    return REDFU_OK;
}

// "dfu", "20", "once:dfu". What goes for the other byte is settled when the device's is known.
static enum redfu_result take_boot_mode(struct cli *cli, const char *word,
                                        struct redfu_setting *setting) {
    bool is_once = strncmp(word, "once:", 5) == 0;
    const char *name = is_once ? word + 5 : word;
    uint32_t mode = REDFU_BOOT_NONE;
    if (!options_number(name, &mode)) {
#define X(number, value, text) mode = strcmp(name, text) == 0 ? (uint32_t)(value) : mode;
        REDFU_BOOT_MODES(X)
#undef X
    } else if (mode < REDFU_BOOT_USER) {
        mode = REDFU_BOOT_NONE; // these have names
    }
    if (mode >= REDFU_BOOT_NONE) {
        return cli_refuse(
            cli, REDFU_USAGE,
            "\"%s\" is no boot mode: application, dfu, rom, factory-reset, or a number "
            "from %d to %d for a product's own; once:MODE for the next start alone",
            word, REDFU_BOOT_USER, REDFU_BOOT_NONE - 1);
    }
    setting->len = is_once ? 2 : 1;
    setting->value[0] = is_once ? REDFU_BOOT_APPLICATION : (uint8_t)mode;
    setting->value[1] = is_once ? (uint8_t)mode : REDFU_BOOT_NONE;
    return REDFU_OK;
}

void setting_complete(struct redfu_setting *setting, const struct redfu_setting *present) {
    if (setting->key == REDFU_SETTING_BOOT_MODE && setting->len == 2 && present &&
        present->len > 0) {
        setting->value[0] = present->value[0];
    }
}

// "u64:1", "U8:1", "i16:-3": a number was meant, and would be kept as characters.
static bool names_a_type(const char *word) {
    size_t digits = word[0] != '\0' ? strspn(word + 1, "0123456789") : 0;
    return digits > 0 && strchr("uUiIsS", word[0]) && word[1 + digits] == ':';
}

enum redfu_result setting_read_value(struct cli *cli, struct redfu_setting *setting) {
    const char *word = cli->options->value;
    if (setting->key == REDFU_SETTING_BOOT_MODE) {
        return take_boot_mode(cli, word, setting);
    }
    if (strncmp(word, "u8:", 3) == 0) {
        return take_number(cli, word + 3, 1, setting);
    }
    if (strncmp(word, "u16:", 4) == 0) {
        return take_number(cli, word + 4, 2, setting);
    }
    if (strncmp(word, "u32:", 4) == 0) {
        return take_number(cli, word + 4, 4, setting);
    }
    if (strncmp(word, "hex:", 4) == 0) {
        return take_hex(cli, word + 4, setting);
    }
    if (strncmp(word, "text:", 5) == 0) {
        return take_text(cli, word + 5, setting);
    }
    if (names_a_type(word)) {
        return cli_refuse(
            cli, REDFU_USAGE,
            "\"%s\" is of no type there is: u8:, u16: and u32: are numbers, hex: is bytes; "
            "text:%s is its characters",
            word, word);
    }
    uint32_t number;
    if (options_number(word, &number)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "how is %s to be kept? u8:%s, u16:%s or u32:%s is a number, text:%s its "
                          "characters",
                          word, word, word, word, word);
    }
    return take_text(cli, word, setting);
}

// --- What is shown -------------------------------------------------------------------------------

static bool is_text(const struct redfu_setting *setting) {
    for (unsigned i = 0; i < setting->len; i++) {
        if (!isprint(setting->value[i])) {
            return false;
        }
    }
    return setting->len > 0;
}

static void print_boot_mode(FILE *out, uint8_t mode) {
    switch (mode) {
#define X(number, value, text)                                                                     \
    case value:                                                                                    \
        (void)fputs(text, out);                                                                    \
        break;
        REDFU_BOOT_MODES(X)
#undef X
    default:
        (void)fprintf(out, "%u", mode);
        break;
    }
}

void setting_print(FILE *out, const struct redfu_setting *setting) {
    const uint8_t *value = setting->value;
    uint32_t number = 0;
    if (setting->key == REDFU_SETTING_BOOT_MODE && setting->len > 0 && setting->len <= 2) {
        print_boot_mode(out, value[0]);
        if (setting->len == 2 && value[1] != REDFU_BOOT_NONE) {
            (void)fputs("  once:", out);
            print_boot_mode(out, value[1]);
        }
        return;
    }
    for (unsigned i = setting->len; i-- > 0 && setting->len <= 4;) {
        number = number << 8 | value[i];
    }
    if (setting->len == 1 || setting->len == 2 || setting->len == 4) {
        (void)fprintf(out, "u%u:0x%0*" PRIX32, 8u * setting->len, 2 * setting->len, number);
    } else if (is_text(setting)) {
        (void)fprintf(out, "text:%.*s", setting->len, (const char *)value);
    } else {
        (void)fputs("hex:", out);
        for (unsigned i = 0; i < setting->len; i++) {
            (void)fprintf(out, "%02X", value[i]);
        }
    }
}
