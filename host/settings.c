// SPDX-License-Identifier: MIT
//
// Settings over USB: the list taken apart and put together (spec/settings_list.h), and in which
// requests it goes over. What a key means is left to others.

#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "host/session.h"
#include "settings/settings.h"
#include "spec/boot.h"
#include "spec/settings_list.h"

#define MEMORY_NAME      "Settings"
#define MEMORY_CAN       (REDFU_CAN_READ | REDFU_CAN_WRITE)
#define RECORD_BYTES_MAX (SETTINGS_LIST_HEAD + SETTINGS_VALUE_MAX)
// A device that goes on for ever is cut off here; a 16 KB page needs less than 32 KB.
#define LIST_BYTES_MAX   0x100000u

_Static_assert(REDFU_SETTING_BYTES_MAX == SETTINGS_VALUE_MAX, "the same limit");
_Static_assert(REDFU_SETTING_KEY_OWN == SETTINGS_KEY_REDFU, "the same range");
_Static_assert(REDFU_SETTING_RECEIVING == SETTINGS_KEY_RECEIVING, "the same key");
_Static_assert(REDFU_SETTING_BOOT_MODE == SETTINGS_KEY_BOOT_MODE, "the same key");
_Static_assert(REDFU_SETTING_IMPORTING == SETTINGS_KEY_IMPORTING, "the same key");
_Static_assert(REDFU_BOOT_APPLICATION == (int)BOOT_MODE_APPLICATION, "the same mode");
_Static_assert(REDFU_BOOT_DFU == (int)BOOT_MODE_DFU, "the same mode");
_Static_assert(REDFU_BOOT_ROM == (int)BOOT_MODE_ROM, "the same mode");
_Static_assert(REDFU_BOOT_FACTORY_RESET == (int)BOOT_MODE_FACTORY_RESET, "the same mode");
_Static_assert(REDFU_BOOT_USER == (int)BOOT_MODE_USER, "the same mode");
_Static_assert(REDFU_BOOT_NONE == (int)BOOT_MODE_NONE, "the same mode");
_Static_assert(BOOT_MODE_STICKY == 0 && BOOT_MODE_ONCE == 1, "the same bytes");
_Static_assert(REDFU_SETTING_KEY_MAX == SETTINGS_LIST_KEYS - 1, "the same range");

// --- The list ------------------------------------------------------------------------------------

void redfu_settings_free(struct redfu_settings *settings) {
    free(settings->all);
    free(settings->list);
    memset(settings, 0, sizeof *settings);
}

const struct redfu_setting *redfu_settings_find(const struct redfu_settings *settings,
                                                uint16_t key) {
    for (size_t i = settings->count; i-- > 0;) {
        if (settings->all[i].key == key) {
            return &settings->all[i];
        }
    }
    return NULL;
}

// False for a version of the list that this program does not know.
static bool take_info(struct redfu_settings *settings, const uint8_t *value, uint8_t len) {
    if (len < SETTINGS_LIST_INFO_LEN || value[0] != SETTINGS_LIST_VERSION) {
        return false;
    }
    settings->has_info = true;
    settings->is_foreign[0] = value[1] & SETTINGS_LIST_FOREIGN_0;
    settings->is_foreign[1] = value[1] & SETTINGS_LIST_FOREIGN_1;
    settings->is_receiving = value[1] & SETTINGS_LIST_RECEIVING;
    settings->pages_addr = load_le32(value + 4);
    settings->page_bytes = load_le32(value + 8);
    settings->turnovers = load_le32(value + 12);
    settings->room = load_le32(value + 16);
    return true;
}

// A later value of a key, or its removal, replaces the earlier one.
static void take_setting(struct redfu_settings *settings, const uint8_t *record) {
    uint16_t key = load_le16(record);
    for (size_t i = 0; i < settings->count; i++) {
        if (settings->all[i].key == key) {
            memmove(&settings->all[i], &settings->all[i + 1],
                    (settings->count - i - 1) * sizeof settings->all[0]);
            settings->count--;
            break;
        }
    }
    if (record[3] == SETTINGS_LIST_VALUE) {
        struct redfu_setting *setting = &settings->all[settings->count++];
        setting->key = key;
        setting->is_removal = false;
        setting->len = record[2];
        memcpy(setting->value, record + SETTINGS_LIST_HEAD, record[2]);
    }
}

// Bytes of the record at `at`, 0 if it is none.
static uint32_t record_size(const uint8_t *at, uint32_t left) {
    bool is_record =
        left >= SETTINGS_LIST_HEAD && load_le16(at) != SETTINGS_KEY_NONE &&
        (at[3] == SETTINGS_LIST_VALUE || (at[3] == SETTINGS_LIST_REMOVAL && at[2] == 0));
    return is_record && at[2] <= left - SETTINGS_LIST_HEAD ? SETTINGS_LIST_HEAD + at[2] : 0;
}

static uint32_t padding(const uint8_t *at, uint32_t left) {
    uint32_t len = 0;
    while (len < left && at[len] == 0xff) {
        len++;
    }
    return len;
}

static enum redfu_result take_list(struct redfu_settings *settings, struct redfu_fault *fault) {
    uint32_t at = 0;
    while (at < settings->list_len) {
        const uint8_t *record = settings->list + at;
        uint32_t in_block = SETTINGS_LIST_BLOCK - at % SETTINGS_LIST_BLOCK;
        uint32_t left = settings->list_len - at < in_block ? settings->list_len - at : in_block;
        uint32_t size = record_size(record, left);
        if (size == 0 && padding(record, left) == left) {
            at += left;
            continue;
        }
        if (size == 0) {
            return redfui_fail(
                fault, REDFU_BAD_FILE,
                "what lies at byte %u is no setting: this is not a list of settings, "
                "or it is damaged",
                at);
        }
        if (load_le16(record) == SETTINGS_LIST_INFO) {
            if (!take_info(settings, record + SETTINGS_LIST_HEAD, record[2])) {
                return redfui_fail(fault, REDFU_BAD_FILE,
                                   "the list of settings is of a version that this redfu does not "
                                   "know; a newer one will");
            }
        } else {
            take_setting(settings, record);
        }
        at += size;
    }
    return REDFU_OK;
}

enum redfu_result redfu_settings_parse(const uint8_t *list, uint32_t len,
                                       struct redfu_settings *settings, struct redfu_fault *fault) {
    memset(settings, 0, sizeof *settings);
    settings->list = malloc(len + 1u);
    // More than there can be: each takes its head at least.
    settings->all = calloc(len / SETTINGS_LIST_HEAD + 1u, sizeof settings->all[0]);
    if (!settings->list || !settings->all) {
        redfu_settings_free(settings);
        return redfui_no_memory(fault);
    }
    memcpy(settings->list, list, len);
    settings->list_len = len;
    enum redfu_result result = take_list(settings, fault);
    if (result != REDFU_OK) {
        redfu_settings_free(settings);
    }
    return result;
}

// --- Requests ------------------------------------------------------------------------------------

static enum redfu_result find_memory(const struct redfu_session *session, unsigned *alternate,
                                     uint32_t *addr, struct redfu_fault *fault) {
    *alternate = 0;
    *addr = 0;
    const struct redfu_device *device = &session->description.device;
    for (unsigned i = 0; i < device->alternate_count; i++) {
        const struct redfu_alternate *candidate = &session->description.alternates[i];
        const struct redfu_group *group = &candidate->layout.groups[0];
        if (candidate->has_layout && strcmp(candidate->layout.name, MEMORY_NAME) == 0 &&
            group->can == MEMORY_CAN) {
            *alternate = i;
            *addr = group->addr;
            return device->transfer_bytes >= RECORD_BYTES_MAX
                       ? REDFU_OK
                       : redfui_fail(fault, REDFU_BAD_DEVICE,
                                     "the device takes %u bytes a transfer, and a setting may need "
                                     "%u",
                                     device->transfer_bytes, RECORD_BYTES_MAX);
        }
    }
    return redfui_fail(fault, REDFU_NO_SETTINGS,
                       "%s offers no settings over USB: none of its memories is called "
                       "\"@" MEMORY_NAME "\" (redfu info shows them)",
                       device->product_name[0] ? device->product_name : "the device");
}

bool redfui_has_settings(const struct redfu_session *session) {
    struct redfu_fault ignored;
    unsigned alternate;
    uint32_t addr;
    return find_memory(session, &alternate, &addr, &ignored) == REDFU_OK;
}

// Block numbers count on from 2, in blocks of this length: the device multiplies by it.
static uint16_t block_bytes(const struct redfu_session *session) {
    uint16_t bytes = session->description.device.transfer_bytes;
    return bytes < TRANSFER_BYTES_MAX ? bytes : TRANSFER_BYTES_MAX;
}

// The stream up to its short end, into settings->list (from malloc).
static enum redfu_result read_stream(struct redfu_session *session, struct redfu_settings *settings,
                                     struct redfu_fault *fault) {
    struct link *link = &session->link;
    uint16_t full = block_bytes(session);
    uint16_t moved = full;
    for (uint16_t block = 2; moved == full; block++) {
        uint8_t *longer = realloc(settings->list, settings->list_len + full);
        if (!longer) {
            return redfui_no_memory(fault);
        }
        settings->list = longer;
        enum redfu_result result =
            redfui_upload_some(link, block, longer + settings->list_len, full, &moved);
        if (result != REDFU_OK) {
            return result;
        }
        settings->list_len += moved;
        if (settings->list_len > LIST_BYTES_MAX) {
            return redfui_fail(fault, REDFU_BAD_DEVICE, "the device's list of settings has no end");
        }
    }
    return REDFU_OK;
}

enum redfu_result redfu_settings_read(struct redfu_session *session,
                                      struct redfu_settings *settings, struct redfu_fault *fault) {
    memset(settings, 0, sizeof *settings);
    unsigned alternate;
    uint32_t addr;
    enum redfu_result result = find_memory(session, &alternate, &addr, fault);
    if (result == REDFU_OK) {
        result = redfui_begin_read(session, alternate, fault);
    }
    struct redfu_settings stream = {0};
    if (result == REDFU_OK) {
        session->link.phase = REDFU_PHASE_READ;
        result = redfui_set_address(&session->link, addr);
    }
    if (result == REDFU_OK) {
        result = redfui_abort(&session->link); // UPLOAD wants dfuIDLE
    }
    if (result == REDFU_OK) {
        result = read_stream(session, &stream, fault);
    }
    if (result == REDFU_OK) {
        result = redfui_make_idle(&session->link);
    }
    if (result == REDFU_OK) {
        result = redfu_settings_parse(stream.list, stream.list_len, settings, fault);
        fault->result = result == REDFU_BAD_FILE ? REDFU_BAD_DEVICE : result;
        result = fault->result;
    }
    if (result == REDFU_OK && !settings->has_info) {
        redfu_settings_free(settings);
        result = redfui_fail(fault, REDFU_BAD_DEVICE,
                             "the device's list of settings does not say what it is");
    }
    free(stream.list);
    return result;
}

// By the region hash's flags, which may be asked for without breaking the silence. redfu-boot takes half a
// second, or the time it takes to look at a stamp; 3 s as below.
#define ASK_MS    50u
#define ASK_TRIES 60u

static enum redfu_result await_flag(struct redfu_session *session, bool *is_whole,
                                    struct redfu_fault *fault) {
    enum transport_result asked = TRANSPORT_OK;
    *is_whole = false;
    for (unsigned i = 0; i < ASK_TRIES && asked != TRANSPORT_GONE; i++) {
        asked = redfui_ask_receiving(session);
        if (asked == TRANSPORT_OK && !session->is_receiving) {
            *is_whole = true;
            return REDFU_OK;
        }
        session->link.transport->sleep_ms(session->link.transport->ctx, ASK_MS);
    }
    if (asked == TRANSPORT_OK) {
        return REDFU_OK;
    }
    // What is on the board nobody knows then: it may have been switched off before it closed the load.
    enum redfu_result result = asked == TRANSPORT_GONE ? REDFU_UNPLUGGED : REDFU_TRANSFER;
    (void)redfui_fail(fault, result,
                      asked == TRANSPORT_GONE
                          ? "the device was unplugged, or lost its power, before it said that the "
                            "image is whole"
                          : "the device gave no answer any more, before it said that the image is "
                            "whole");
    fault->phase = session->link.phase;
    return redfui_advise(fault,
                         "Plug the board in and give the command again: what it holds already "
                         "is not written twice.");
}

// redfu-boot's GATE_QUIET_MS, and what it takes to program two words and a record behind it.
#define QUIET_MS    600u
// A sealed image is checked first, and a transfer of ours begins the silence anew.
#define QUIET_TRIES 5u

enum redfu_result redfui_read_receiving(struct redfu_session *session, struct redfu_fault *fault) {
    unsigned alternate;
    uint32_t addr;
    struct redfu_settings settings;
    session->is_receiving = false;
    if (find_memory(session, &alternate, &addr, fault) != REDFU_OK) {
        *fault = (struct redfu_fault){0}; // no redfu-boot
        return REDFU_OK;
    }
    enum redfu_result result = redfu_settings_read(session, &settings, fault);
    if (result == REDFU_OK) {
        session->is_receiving = settings.is_receiving;
        redfu_settings_free(&settings);
    }
    return result;
}

enum redfu_result redfu_await_whole(struct redfu_session *session, bool *is_whole,
                                    struct redfu_fault *fault) {
    unsigned alternate;
    uint32_t addr;
    *is_whole = true;
    if (redfu_sums_up(session)) {
        return await_flag(session, is_whole, fault);
    }
    if (find_memory(session, &alternate, &addr, fault) != REDFU_OK) {
        *fault = (struct redfu_fault){0}; // no redfu-boot: nothing to wait for
        return REDFU_OK;
    }
    for (unsigned i = 0; i < QUIET_TRIES; i++) {
        struct redfu_settings settings;
        session->link.transport->sleep_ms(session->link.transport->ctx, QUIET_MS);
        enum redfu_result result = redfu_settings_read(session, &settings, fault);
        if (result != REDFU_OK) {
            return result;
        }
        *is_whole = !settings.is_receiving;
        redfu_settings_free(&settings);
        if (*is_whole) {
            break;
        }
    }
    return REDFU_OK;
}

// Sends blocks of records, each block whole in itself.
static enum redfu_result send_list(struct redfu_session *session, const uint8_t *list, uint32_t len,
                                   struct redfu_fault *fault) {
    unsigned alternate;
    uint32_t addr;
    uint32_t full = block_bytes(session);
    enum redfu_result result = find_memory(session, &alternate, &addr, fault);
    if (result == REDFU_OK) {
        result = redfui_begin_write(session, alternate, fault);
    }
    session->link.phase = REDFU_PHASE_WRITE;
    session->link.has_settings = true;
    for (uint32_t at = 0; at < len && result == REDFU_OK;) {
        uint32_t end = at;
        for (uint32_t size; end < len; end += size) {
            size = record_size(list + end, len - end);
            if (end + size - at > full) {
                break;
            }
        }
        result = redfui_set_address(&session->link, addr);
        if (result == REDFU_OK) {
            result = redfui_download(&session->link, 2, list + at, (uint16_t)(end - at));
        }
        at = end;
    }
    // A failure may be told only now.
    if (result == REDFU_OK) {
        result = redfui_check(&session->link);
    }
    return result == REDFU_OK ? redfui_make_idle(&session->link) : result;
}

static uint32_t put_record(uint8_t *at, const struct redfu_setting *setting) {
    uint8_t len = setting->is_removal ? 0 : setting->len;
    store_le16(at, setting->key);
    at[2] = len;
    at[3] = setting->is_removal ? SETTINGS_LIST_REMOVAL : SETTINGS_LIST_VALUE;
    memcpy(at + SETTINGS_LIST_HEAD, setting->value, len);
    return SETTINGS_LIST_HEAD + len;
}

static enum redfu_result check_changes(const struct redfu_setting *changes, size_t count,
                                       struct redfu_fault *fault) {
    for (size_t i = 0; i < count; i++) {
        if (changes[i].key == SETTINGS_KEY_RECEIVING) {
            return redfui_fail(
                fault, REDFU_USAGE,
                "key 0xF000 cannot be changed: it says that a load has begun, and only "
                "a whole load ends it");
        }
        if (changes[i].key > REDFU_SETTING_KEY_MAX) {
            return redfui_fail(fault, REDFU_USAGE, "0x%04X cannot be a key: the last one is 0x%04X",
                               changes[i].key, REDFU_SETTING_KEY_MAX);
        }
    }
    return REDFU_OK;
}

static bool is_same(const struct redfu_setting *a, const struct redfu_setting *b) {
    return a->len == b->len && memcmp(a->value, b->value, a->len) == 0;
}

// The last change of each key must be what the device now says.
static enum redfu_result compare(const struct redfu_settings *have,
                                 const struct redfu_settings *wanted,
                                 const struct redfu_setting *changes, size_t count,
                                 struct redfu_fault *fault) {
    for (size_t i = 0; i < count; i++) {
        const struct redfu_setting *now = redfu_settings_find(have, changes[i].key);
        const struct redfu_setting *then = redfu_settings_find(wanted, changes[i].key);
        if ((now == NULL) != (then == NULL) || (now && !is_same(now, then))) {
            (void)redfui_fail(fault, REDFU_MISMATCH,
                              "setting 0x%04X does not read back as it was written",
                              changes[i].key);
            return redfui_advise(fault,
                                 "Give the command again; if that does not help, the flash of "
                                 "the settings pages is worn.");
        }
    }
    return REDFU_OK;
}

static enum redfu_result refuse_foreign(struct redfu_fault *fault) {
    (void)redfui_fail(
        fault, REDFU_FOREIGN,
        "the settings pages hold data that is not redfu's, such as an emulated EEPROM "
        "of AN3969; nothing was changed");
    return redfui_advise(fault, "`redfu settings import FILE` saves it to FILE and takes it over.");
}

// Whether the device takes changes at all.
static enum redfu_result check_device(struct redfu_session *session, struct redfu_fault *fault) {
    struct redfu_settings settings;
    enum redfu_result result = redfu_settings_read(session, &settings, fault);
    if (result != REDFU_OK) {
        return result;
    }
    bool is_foreign = settings.is_foreign[0] || settings.is_foreign[1];
    bool is_stuck = is_foreign && settings.room == 0;
    redfu_settings_free(&settings);
    return is_stuck ? refuse_foreign(fault) : REDFU_OK;
}

// Reads back what `list` has set and removed.
static enum redfu_result verify(struct redfu_session *session, const uint8_t *list, uint32_t len,
                                const struct redfu_setting *changes, size_t count,
                                struct redfu_fault *fault) {
    struct redfu_settings have;
    struct redfu_settings wanted = {.all = calloc(count, sizeof wanted.all[0])};
    if (!wanted.all) {
        return redfui_no_memory(fault);
    }
    for (uint32_t at = 0; at < len; at += SETTINGS_LIST_HEAD + list[at + 2]) {
        take_setting(&wanted, list + at);
    }
    enum redfu_result result = redfu_settings_read(session, &have, fault);
    if (result == REDFU_OK) {
        result = compare(&have, &wanted, changes, count, fault);
        redfu_settings_free(&have);
    }
    redfu_settings_free(&wanted);
    return result;
}

enum redfu_result redfu_settings_change(struct redfu_session *session,
                                        const struct redfu_setting *changes, size_t count,
                                        struct redfu_fault *fault) {
    enum redfu_result result = check_changes(changes, count, fault);
    if (result == REDFU_OK) {
        result = check_device(session, fault);
    }
    if (result != REDFU_OK || count == 0) {
        return result;
    }
    uint8_t *list = malloc(count * RECORD_BYTES_MAX);
    if (!list) {
        return redfui_no_memory(fault);
    }
    uint32_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += put_record(list + len, &changes[i]);
    }
    result = send_list(session, list, len, fault);
    if (result == REDFU_OK) {
        result = verify(session, list, len, changes, count, fault);
    }
    free(list);
    return result;
}

enum redfu_result redfu_settings_consent(struct redfu_session *session, enum redfu_consent consent,
                                         struct redfu_fault *fault) {
    struct redfu_setting record = {
        .key = consent == REDFU_BEGIN_STORE ? SETTINGS_LIST_BEGIN : SETTINGS_LIST_GIVE_UP,
    };
    uint8_t bytes[SETTINGS_LIST_HEAD];
    return send_list(session, bytes, put_record(bytes, &record), fault);
}
