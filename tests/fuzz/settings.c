// SPDX-License-Identifier: MIT
//
// libFuzzer: bytes as two pages of a settings store, and as what an application, the bootloader and the mains do to
// them: settings/ on the flash of tests/power/flash_model.c, which is strict (a word is programmed once after an erase,
// or to zero) and whose half-done words read differently each time.
//
// The first byte says what the pages are: erased, or the input's bytes, as they are or with the checks over heads and
// records put right (behind a wrong one there would be nothing to find). The rest are operations. Held:
//
// - flash is used as settings.h says, and every loop ends;
// - what is read is consistent: the iteration and settings_get() agree, no key comes twice;
// - an operation changes the value it is for and no other; what it has said is there, or gone, is so;
// - after a cut a value is the old or the new one, the others are what they were, and a turnover changes none; what is
//   refused meanwhile, because a foreign page keeps the store from deciding which, settles nothing;
// - a page of AN3969's emulation is not written but by settings_format() and by consent. (Beside a store any other page that
//   is not understood counts as one of ours that a cut has left.)

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/bytes.h"
#include "spec/crc.h"
#include "settings/settings.h"
#include "tests/power/flash_model.h"

#define PAGE_BYTES     512u
#define PAGES_AT       512u // behind the bootloader's sector
#define HEAD_CHECK     16u
#define KEYS           8u
#define STEPS_MAX      64u
// A page's status (AN3969 table 2).
#define AN3969_VALID   0xffff0000u
#define AN3969_RECEIVE 0xffffeeeeu

static const struct flash_run runs[] = {{1, 512}, {2, PAGE_BYTES}, {1, 512}};
static const struct flash_map map = {
    .base = 0x08000000, .runs = runs, .run_count = 3, .settings_first = 1, .application_first = 3};

enum operation {
    SET,
    DELETE,
    TURNOVER,
    PREPARE,
    FORMAT,
    OPEN,
    CLOSE,
    CUT,
    REOPEN,
    OPERATION_COUNT
};

// What is known of a key: one value, or during a change two.
struct value {
    bool is_there;
    uint8_t len;
    uint8_t bytes[SETTINGS_VALUE_MAX];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct flash_model m; // jmp_buf inside: it must stay where it is
static bool is_made;
static struct settings store;
static struct settings_flash flash;
static struct value old[KEYS + 1],
    new[KEYS + 1];     // by index of keys[]; the last: the receiving record
static bool is_format; // under way: all old values, or none
static const uint8_t *input;
static size_t left;
static bool is_ended;
static bool is_known; // the store was readable once, so old and new say what it holds

static const uint16_t keys[KEYS + 1] = {0,
                                        1,
                                        2,
                                        0x100,
                                        0x5555,
                                        0xefff,
                                        SETTINGS_KEY_BOOT_MODE,
                                        SETTINGS_KEY_IMPORTING,
                                        SETTINGS_KEY_RECEIVING};

// A claim that the store keeps, and this program is there to break.
#define claim(is_so) claim_that(is_so, #is_so, __LINE__)

static void claim_that(bool is_so, const char *what, int line) {
    if (!is_so) {
        (void)fprintf(stderr, "tests/fuzz/settings.c:%d: %s\n", line, what);
        abort();
    }
}

static uint8_t byte(void) {
    if (left == 0) {
        return 0;
    }
    left--;
    return *input++;
}

static enum settings_result to_the_end(enum settings_result begun) {
    for (unsigned i = 0; begun == SETTINGS_BUSY; i++) {
        claim(i < 20000);
        begun = settings_poll(&store);
    }
    return begun;
}

// --- What is there -------------------------------------------------------------------------------

static struct value read_value(uint16_t key) {
    struct value value = {0};
    uint32_t len = 0;
    enum settings_result result = settings_get(&store, key, value.bytes, sizeof value.bytes, &len);
    claim(result == SETTINGS_OK || result == SETTINGS_ABSENT);
    claim(len <= SETTINGS_VALUE_MAX);
    value.is_there = result == SETTINGS_OK;
    value.len = value.is_there ? (uint8_t)len : 0;
    return value;
}

static bool is_same(const struct value *a, const struct value *b) {
    return a->is_there == b->is_there &&
           (!a->is_there || (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0));
}

// An iteration finds each key once, with the value that settings_get() gives.
static void check_iteration(void) {
    static uint16_t found[2 * PAGE_BYTES / SETTINGS_RECORD_HEAD];
    unsigned count = 0;
    uint32_t cursor = 0, len;
    uint16_t key;
    while (settings_next(&store, &cursor, &key, &len) == SETTINGS_OK) {
        claim(count < sizeof found / sizeof found[0]);
        for (unsigned i = 0; i < count; i++) {
            claim(found[i] != key);
        }
        found[count++] = key;
    }
    for (unsigned i = 0; i < count; i++) {
        claim(read_value(found[i]).is_there);
    }
    for (unsigned k = 0; k <= KEYS; k++) {
        bool is_found = false;
        for (unsigned i = 0; i < count; i++) {
            is_found = is_found || found[i] == keys[k];
        }
        claim(is_found == read_value(keys[k]).is_there);
    }
}

static void look_first(void) {
    for (unsigned k = 0; k <= KEYS; k++) {
        old[k] = new[k] = read_value(keys[k]);
    }
    is_known = true;
    is_format = false;
}

// False where a foreign page, or flash that has failed, keeps the store from being read.
static bool is_readable(void) {
    uint32_t cursor = 0, len;
    uint16_t key;
    enum settings_result result = settings_next(&store, &cursor, &key, &len);
    if (result == SETTINGS_TURNOVER) {
        (void)to_the_end(settings_turnover(&store));
        cursor = 0;
        result = settings_next(&store, &cursor, &key, &len);
    }
    return result == SETTINGS_OK || result == SETTINGS_ABSENT;
}

// Everything is what it may be; what is read is what it stays.
static void check(void) {
    if (!is_readable()) {
        return;
    }
    if (!is_known) {
        look_first();
        return;
    }
    bool is_empty = is_format;
    for (unsigned k = 0; k <= KEYS && is_empty; k++) {
        is_empty = !read_value(keys[k]).is_there;
    }
    for (unsigned k = 0; k <= KEYS; k++) {
        struct value now = read_value(keys[k]);
        claim(is_empty || is_same(&now, &old[k]) || is_same(&now, &new[k]));
        old[k] = new[k] = now;
    }
    is_format = false;
    (void)settings_room(&store);
}

static const struct flash_word *words_of(unsigned page) {
    return &m.words[(PAGES_AT + page * PAGE_BYTES) / 4];
}

static bool is_emulation(unsigned page) {
    uint32_t status = words_of(page)->bits;
    return status == AN3969_VALID || status == AN3969_RECEIVE;
}

// --- Operations ----------------------------------------------------------------------------------

// What the operation has left of key k: the new value, one of two, or, refused, what was there. That may itself be
// one of two: beside a foreign page the store cannot decide what a cut left, and says SETTINGS_TURNOVER to everything
// until consent to erase that page is given; then it is still the old or the new one of the operation that was cut.
static enum settings_result change(unsigned k, const struct value *to,
                                   const struct value *undecided, enum settings_result result) {
    if (result == SETTINGS_OK || (result == SETTINGS_ABSENT && !to->is_there)) {
        old[k] = *to;
    } else if (result != SETTINGS_FAILED) {
        new[k] = *undecided; // nothing was touched
    }
    check();
    return result;
}

static enum settings_result set_value(unsigned k, const struct value *to) {
    const struct value undecided = new[k];
    new[k] = *to;
    return change(k, to, &undecided, to_the_end(settings_set(&store, keys[k], to->bytes, to->len)));
}

static void set(uint8_t how) {
    unsigned k = how % KEYS;
    struct value to = {.is_there = true, .len = byte()};
    to.len = to.len < 200 ? to.len % 24u : to.len;
    memset(to.bytes, byte(), to.len);
    if (set_value(k, &to) == SETTINGS_TURNOVER &&
        to_the_end(settings_turnover(&store)) == SETTINGS_OK) {
        check();
        claim(set_value(k, &to) != SETTINGS_TURNOVER);
    }
}

static void remove_value(uint8_t how) {
    unsigned k = how % KEYS;
    const struct value none = {0}, undecided = new[k];
    new[k] = none;
    (void)change(k, &none, &undecided, to_the_end(settings_delete(&store, keys[k])));
}

static void receiving(bool opens) {
    const struct value to = {.is_there = opens}, undecided = new[KEYS];
    new[KEYS] = to;
    enum settings_result result = change(
        KEYS, &to, &undecided,
        to_the_end(opens ? settings_receiving_open(&store) : settings_receiving_close(&store)));
    claim(result != SETTINGS_OK || settings_is_receiving(&store) == opens);
}

static void format(void) {
    is_format = true;
    if (to_the_end(settings_format(&store)) == SETTINGS_OK) {
        memset(old, 0, sizeof old);
        memset(new, 0, sizeof new);
        is_known = true;
        is_format = false;
    }
    check();
}

static void reopen(void) {
    enum settings_result result = settings_open(&store, &flash);
    claim(result == SETTINGS_OK || result == SETTINGS_TURNOVER || result == SETTINGS_FOREIGN);
    claim(result != SETTINGS_FOREIGN || settings_foreign(&store) != 0);
}

static void operate(void) {
    uint8_t what = byte();
    uint8_t how = what / OPERATION_COUNT;
    static struct flash_word before[2][PAGE_BYTES / 4];
    bool is_kept[2] = {is_emulation(0), is_emulation(1)};
    bool is_consent = false;
    for (unsigned i = 0; i < 2; i++) {
        if (is_kept[i]) {
            memcpy(before[i], words_of(i), sizeof before[i]);
        }
    }
    switch ((enum operation)(what % OPERATION_COUNT)) {
    case SET:
        set(how);
        break;
    case DELETE:
        remove_value(how);
        break;
    case TURNOVER:
        (void)to_the_end(settings_turnover(&store));
        check();
        break;
    case PREPARE:
        is_consent = how % 2u != 0;
        (void)to_the_end(
            settings_prepare(&store, is_consent ? SETTINGS_ERASE_FOREIGN : SETTINGS_KEEP_FOREIGN));
        check();
        break;
    case FORMAT:
        is_consent = true;
        format();
        break;
    case OPEN:
    case CLOSE:
        receiving(what % OPERATION_COUNT == OPEN);
        break;
    case CUT:
        flash_model_cut(&m, 1u + byte(), (enum flash_cut)(how % 4u));
        break;
    case REOPEN:
        flash_model_power_on(&m);
        reopen();
        check();
        break;
    case OPERATION_COUNT:
    default:
        break;
    }
    for (unsigned i = 0; i < 2 && !is_consent; i++) {
        claim(!is_kept[i] || memcmp(before[i], words_of(i), sizeof before[i]) == 0);
    }
}

static void operations(void) {
    for (unsigned i = 0; i < STEPS_MAX && left != 0; i++) {
        operate();
    }
    if (is_readable()) {
        check_iteration();
    }
    is_ended = true;
}

static void after_cut(void) {
    reopen();
    check();
}

static void first(void) {
    reopen();
    check();
}

// --- The input -----------------------------------------------------------------------------------

// Puts the checks over a page's head and its records right, as far as lengths lead from one to the next.
static void put_right(uint8_t *page) {
    store_le32(page + HEAD_CHECK, crc32_update(CRC32_START, page, HEAD_CHECK));
    for (uint32_t at = SETTINGS_PAGE_HEAD; at + SETTINGS_RECORD_HEAD <= PAGE_BYTES;) {
        uint32_t size = SETTINGS_RECORD_HEAD + ((page[at + 2] + 3u) & ~3u);
        if (load_le32(page + at) == 0xffffffffu || at + size > PAGE_BYTES) {
            return;
        }
        store_le32(page + at + size - 8, crc32_update(CRC32_START, page + at, size - 8));
        at += size;
    }
}

static void place_pages(uint8_t what) {
    uint8_t page[PAGE_BYTES];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t len = what & 2u << i ? byte() | (uint32_t)byte() << 8 : 0;
        len = len > PAGE_BYTES ? PAGE_BYTES : len;
        memset(page, 0xff, sizeof page);
        for (uint32_t k = 0; k < len && left != 0; k++) {
            page[k] = byte();
        }
        if (len != 0 && what & 8u << i) {
            put_right(page);
        }
        flash_model_load(&m, map.base + PAGES_AT + i * PAGE_BYTES, page, sizeof page);
    }
}

// False where power went.
static bool guarded(void (*run)(void)) {
    int how = setjmp(m.exit);
    if (how == 0) {
        m.has_exit = true;
        run();
    }
    m.has_exit = false;
    claim(how != FLASH_EXIT_MISUSE);
    return how == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (is_made) {
        flash_model_free(&m);
    }
    input = data;
    left = size;
    is_ended = is_format = is_known = false;
    uint8_t what = byte();
    flash_model_init(&m, &map, what);
    is_made = true;
    flash = flash_model_settings(&m);
    flash_model_power_on(&m);
    place_pages(what);
    claim(guarded(first));
    while (!is_ended && !guarded(operations)) {
        flash_model_power_on(&m);
        claim(guarded(after_cut));
    }
    return 0;
}
