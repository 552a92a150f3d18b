// SPDX-License-Identifier: MIT
//
// The settings store: what is on flash (settings_open), what one step programs (start_step), and
// which steps make an operation (the public functions). docs/settings.md draws all three and says
// for each step what a cut there leaves.
//
// Two rules carry everything. A word that was being programmed when power failed proves that the
// words before it are complete, because programming ascends: so a header and a record each end in
// a seal word, and what has a seal (or any bit of one) is not marginal. And a word that may be
// marginal is only ever programmed to zero, which is stable whatever it was.

#include "settings/settings.h"

#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/crc.h"

#define WORD_ERASED    0xffffffffu
// Bytes read at a time in search of them; on the stack.
#define PIECE          64u

// Page header. The magic's low halfword has bits set that 0x0000 and 0xEEEE lack, so that no state
// of programming it looks like a page of AN3969; for the same reason a header is undone by zeroing
// its check, never its first word.
#define MAGIC          0x544553u // "SET" in memory order; the fourth byte is the format version
#define VERSION        1u
#define MARK_AT        8u
#define MARK_LEN       8u
#define CHECK_AT       16u
#define SEAL_AT        20u
#define MARK_FIRST     0x53415245u // "ERAS"
#define MARK_SECOND    0x454e4f44u // "DONE"

// AN3969 2.3: the status halfword of a page that is valid, or receives data; the halfword after it
// is never written.
#define AN3969_VALID   0xffff0000u
#define AN3969_RECEIVE 0xffffeeeeu

// Last byte of a record's first word. Neither 0x00 nor 0xFF, so that a record cannot be taken for
// a filler or for erased flash.
#define TAG_VALUE      0x56u
#define TAG_DELETED    0x44u

enum step {
    IDLE = 0,
    CONFIRM, // seal the current page's header (again), or claim the page beside a first store
    KILL,    // undo the other page's header
    LAST,    // zero the last word of the log (again)
    FILL,    // zero the word after it
    BODY,    // a record
    SEAL,    // its seal
    ERASE,   // the other page
    MARK,    // as erased
    SPEND,   // zero the mark: the page is in use
    COPY,    // one record of the log
    HEADER,  // of the other page
    COMMIT,  // its seal: the other page is the store
    DEMOTE,  // undo the old page's header
    DONE,
};

enum goal { GOAL_CONFIRM, GOAL_APPEND, GOAL_REBUILD, GOAL_PREPARE };

enum page_state {
    PAGE_BLANK,    // nothing outside the header, and no header
    PAGE_UNKNOWN,  // anything else: half-erased, or never ours
    PAGE_OURS,     // in use once, without a header
    PAGE_SPARE,    // erased, marked
    PAGE_UNSEALED, // with a header that may be marginal
    PAGE_SEALED,   // with a header
    PAGE_FOREIGN,  // somebody else's for certain
};

static uint32_t word_at(const struct settings *s, unsigned page, uint32_t off) {
    if (s->flash->mapped != NULL) {
        return load_le32(s->flash->mapped[page] + off);
    }
    uint32_t word; // read as a word where the user's read() can
    s->flash->read(s->flash->ctx, page, off, (uint8_t *)&word, 4);
    return load_le32((const uint8_t *)&word);
}

// The first word in [off, limit) that is not erased, or limit. Reads in pieces, since this is most of
// what opening a store takes.
static uint32_t skip_erased(const struct settings *s, unsigned page, uint32_t off, uint32_t limit) {
    uint32_t piece[PIECE / 4];
    // Within a log the next word is in use.
    while (off < limit && word_at(s, page, off) == WORD_ERASED) {
        if (s->flash->mapped != NULL) {
            off += 4;
            continue;
        }
        uint32_t len = limit - off < PIECE ? limit - off : PIECE;
        s->flash->read(s->flash->ctx, page, off, (uint8_t *)piece, len);
        uint32_t i = 0;
        while (i < len / 4 && piece[i] == WORD_ERASED) {
            i++;
        }
        off += 4 * i;
    }
    return off;
}

static unsigned other_page(const struct settings *s) {
    return s->page ^ 1u;
}

static bool is_foreign(const struct settings *s, unsigned page) {
    return (s->foreign >> page & 1u) != 0;
}

static enum page_state page_state(const struct settings *s, unsigned page, uint32_t *sequence) {
    uint8_t head[SETTINGS_PAGE_HEAD];
    s->flash->read(s->flash->ctx, page, 0, head, sizeof(head));
    uint32_t first = load_le32(head);
    uint32_t mark = load_le32(head + MARK_AT);
    uint32_t mark_second = load_le32(head + MARK_AT + 4);

    if (first == AN3969_VALID || first == AN3969_RECEIVE) {
        return PAGE_FOREIGN;
    }
    if (load_le24(head) == MAGIC &&
        load_le32(head + CHECK_AT) == crc32_update(CRC32_START, head, CHECK_AT)) {
        if (head[3] != VERSION) {
            return PAGE_FOREIGN;
        }
        *sequence = load_le32(head + 4);
        return load_le32(head + SEAL_AT) == WORD_ERASED ? PAGE_UNSEALED : PAGE_SEALED;
    }
    if (mark == MARK_FIRST && mark_second == MARK_SECOND) {
        return PAGE_SPARE;
    }
    if ((mark | mark_second) == 0) {
        return PAGE_OURS;
    }
    // A reader does not mind; and this takes by far the longest.
    uint32_t bytes = s->flash->page_bytes;
    if (s->flash->program == NULL) {
        return PAGE_UNKNOWN;
    }
    return skip_erased(s, page, SETTINGS_PAGE_HEAD, bytes) == bytes ? PAGE_BLANK : PAGE_UNKNOWN;
}

// Bytes a record with this first word takes, 0 if it is none that fits at `off`.
static uint32_t record_size(const struct settings *s, uint32_t off, uint32_t first) {
    uint32_t tag = first >> 24;
    uint32_t size = SETTINGS_RECORD_HEAD + (((first >> 16 & 0xffu) + 3u) & ~3u);
    if ((tag != TAG_VALUE && tag != TAG_DELETED) || size > s->flash->page_bytes - off) {
        return 0;
    }
    return size;
}

// Brings the record at `off` into s->record; false if it is none or fails its check. Reads each
// word once: a marginal one must not count for two things.
static bool load(struct settings *s, uint32_t off) {
    uint8_t *r = s->record;
    store_le32(r, word_at(s, s->page, off));
    uint32_t size = record_size(s, off, load_le32(r));
    if (size == 0) {
        return false;
    }
    s->flash->read(s->flash->ctx, s->page, off + 4, r + 4, size - 8);
    store_le32(r + size - 4, 0);
    s->size = size;
    return load_le32(r + size - 8) == crc32_update(CRC32_START, r, size - 8);
}

static bool is_value(const struct settings *s) {
    return s->record[3] == TAG_VALUE;
}

// Steps *off past a record or a word that is none. Returns the first word, 0 if it is no record.
static uint32_t step_over(const struct settings *s, uint32_t *off) {
    uint32_t first = word_at(s, s->page, *off);
    uint32_t size = record_size(s, *off, first);
    *off += size != 0 ? size : 4u;
    return size != 0 ? first : 0;
}

// Where the first record with this key begins in [off, limit), `limit` if there is none. With n values in the
// store a turnover, and reading the list, look at n * n / 2 words here.
static uint32_t next_with_key(const struct settings *s, uint32_t key, uint32_t off,
                              uint32_t limit) {
    const uint8_t *page = s->flash->mapped != NULL ? s->flash->mapped[s->page] : NULL;
    while (off < limit) {
        uint32_t first = page != NULL ? load_le32(page + off) : word_at(s, s->page, off);
        uint32_t size = record_size(s, off, first);
        if (size == 0) {
            size = 4;
        } else if ((first & 0xffffu) == key) {
            return off;
        }
        off += size;
    }
    return limit;
}

// Whether a whole record with this key lies in [off, end). Overwrites s->record.
static bool is_superseded(struct settings *s, uint32_t off, uint32_t key) {
    while ((off = next_with_key(s, key, off, s->end)) < s->end) {
        if (load(s, off)) {
            return true;
        }
        (void)step_over(s, &off);
    }
    return false;
}

// Where the last record with this key begins in [.., limit), 0 if there is none.
static uint32_t last_before(const struct settings *s, uint32_t key, uint32_t limit) {
    uint32_t hit = 0;
    uint32_t off = SETTINGS_PAGE_HEAD;
    while ((off = next_with_key(s, key, off, limit)) < limit) {
        hit = off;
        (void)step_over(s, &off);
    }
    return hit;
}

// Brings the record at `hit`, or the last whole one of its key before, into s->record; false if there
// is none, or if it says that the key was deleted.
static bool load_last(struct settings *s, uint32_t key, uint32_t hit) {
    while (hit != 0) {
        if (load(s, hit)) {
            return is_value(s);
        }
        hit = last_before(s, key, hit);
    }
    return false;
}

static bool find(struct settings *s, uint32_t key) {
    return load_last(s, key, last_before(s, key, s->end));
}

// Brings the next live record at or after *off into s->record and steps *off past it.
static bool next_live(struct settings *s, uint32_t *off) {
    while (*off < s->end) {
        uint32_t at = *off;
        uint32_t first = step_over(s, off);
        if (first != 0 && !is_superseded(s, *off, first & 0xffffu) && load(s, at) && is_value(s)) {
            return true;
        }
    }
    return false;
}

// Finds the end of the log, and whether it ends in a record without a seal. A last word that is
// neither record nor filler was the first of its record or filler, so nothing after it was begun:
// the first write of this session zeroes it (LAST). Erased words lie within a record or after the
// last one, so a run of them longer than any record ends the log.
static void scan_log(struct settings *s) {
    uint32_t off = SETTINGS_PAGE_HEAD;
    uint32_t size = 0; // of the last record, 0 if something else comes last
    s->end = off;
    for (;;) {
        uint32_t left = s->flash->page_bytes - off;
        uint32_t limit = off + (left < SETTINGS_RECORD_MAX ? left : SETTINGS_RECORD_MAX);
        uint32_t word = off < limit ? word_at(s, s->page, off) : WORD_ERASED;
        if (word == WORD_ERASED) {
            off = skip_erased(s, s->page, off, limit);
            if (off == limit) {
                break;
            }
            word = word_at(s, s->page, off);
        }
        if (word == WORD_ERASED) {
            off += 4; // seen, and not a moment later
            continue;
        }
        uint32_t at = off;
        uint32_t redfu = (word & 0xffffu) - SETTINGS_KEY_REDFU;
        size = record_size(s, at, word);
        off += size != 0 ? size : 4u;
        s->end = off;
        s->tail = at;
        if (size != 0 && redfu < SETTINGS_KEYS_REDFU) {
            s->latest[redfu] = at;
        }
    }
    s->is_in_doubt = size != 0 && word_at(s, s->page, s->end - 4) == WORD_ERASED;
    s->tail = s->is_in_doubt ? s->tail : 0;
}

static enum settings_result readiness(const struct settings *s) {
    if (s->step != IDLE) {
        return SETTINGS_BUSY;
    }
    if (!s->has_store && s->foreign != 0) {
        return SETTINGS_FOREIGN;
    }
    return s->is_in_doubt || s->is_unconfirmed ? SETTINGS_TURNOVER : SETTINGS_OK;
}

static void look(struct settings *s, const struct settings_flash *flash) {
    uint32_t sequences[2] = {0, 0};
    enum page_state states[2];

    // Up to the buffers: the boot stage does this at every reset.
    __builtin_memset(s, 0, __builtin_offsetof(struct settings, words));
    s->flash = flash;
    for (unsigned page = 0; page < 2; page++) {
        states[page] = page_state(s, page, &sequences[page]);
        s->foreign |= (uint8_t)((states[page] == PAGE_FOREIGN) << page);
        if (states[page] == PAGE_SEALED && (!s->has_store || sequences[page] > sequences[0])) {
            s->has_store = true;
            s->page = (uint8_t)page;
        }
    }
    if (s->has_store) {
        enum page_state other = states[other_page(s)];
        s->sequence = sequences[s->page];
        s->is_spare_ready = other == PAGE_SPARE;
        s->is_unconfirmed = other == PAGE_SEALED || other == PAGE_UNSEALED;
        scan_log(s);
        return;
    }
    // No store. Ours to make if the making of one has left its sign on a page, or both are blank.
    bool is_ours = false;
    for (unsigned page = 0; page < 2; page++) {
        is_ours = is_ours || states[page] == PAGE_OURS || states[page] == PAGE_SPARE;
    }
    for (unsigned page = 0; page < 2 && !is_ours; page++) {
        s->foreign |= (uint8_t)((states[page] != PAGE_BLANK) << page);
    }
    s->page = s->foreign == 1 ? 0 : 1;
    s->is_spare_ready = states[other_page(s)] == PAGE_SPARE;
}

enum settings_result settings_open(struct settings *s, const struct settings_flash *flash) {
    look(s, flash);
    return readiness(s);
}

static enum settings_flash_result program(struct settings *s, unsigned page, uint32_t off,
                                          const uint8_t *data, uint32_t len) {
    return s->flash->program(s->flash->ctx, page, off, data, len);
}

static enum settings_flash_result zero(struct settings *s, unsigned page, uint32_t off,
                                       uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        s->words[i] = 0;
    }
    return program(s, page, off, s->words, len);
}

// Takes a page's header back for good. The mark goes first: a marginal one that reads well the
// next time would have the page taken for erased, with its check already programmed.
static enum settings_flash_result undo_header(struct settings *s, unsigned page) {
    return zero(s, page, MARK_AT, CHECK_AT + 4 - MARK_AT);
}

// Takes one record of the log over to the other page, if it is live.
static enum settings_flash_result copy_step(struct settings *s) {
    uint32_t at = s->tail;
    if (at != 0) {
        // The record in doubt comes first: whether it counts is decided here, once.
        s->end = at;
        s->tail = 0;
        if (!load(s, at)) {
            return SETTINGS_FLASH_DONE;
        }
        s->decided_key = load_le16(s->record);
    } else {
        at = s->from;
        if (at >= s->end) {
            s->step = HEADER;
            return SETTINGS_FLASH_DONE;
        }
        uint32_t first = step_over(s, &s->from);
        uint32_t key = first & 0xffffu;
        if (first == 0 || key == s->decided_key || is_superseded(s, s->from, key) || !load(s, at)) {
            return SETTINGS_FLASH_DONE;
        }
    }
    if (!is_value(s)) {
        return SETTINGS_FLASH_DONE;
    }
    // Cannot pass the end: what is copied lies in a page of the same size, each key once.
    s->at += s->size;
    return program(s, other_page(s), s->at - s->size, s->record, s->size);
}

// Starts the operation of s->step and sets the next step. SETTINGS_FLASH_DONE without an operation
// started just goes on to that.
static enum settings_flash_result start_step(struct settings *s) {
    unsigned other = other_page(s);
    uint8_t *words = s->words;

    switch (s->step++) {
    case CONFIRM:
        s->step = s->goal == GOAL_APPEND ? LAST : KILL;
        if (s->has_store) {
            return zero(s, s->page, SEAL_AT, 4);
        }
        return is_foreign(s, s->page) ? SETTINGS_FLASH_DONE : zero(s, s->page, MARK_AT, MARK_LEN);
    case KILL:
        s->step = s->goal == GOAL_CONFIRM ? DONE : ERASE;
        return undo_header(s, other);
    case LAST:
        return zero(s, s->page, s->end - 4, 4);
    case FILL:
        s->is_settled = true;
        s->end += 4;
        return zero(s, s->page, s->end - 4, 4);
    case BODY:
        return program(s, s->page, s->end, s->record, s->size - 4);
    case SEAL:
        s->step = DONE;
        s->at = s->end + s->size;
        return zero(s, s->page, s->at - 4, 4);
    case ERASE:
        s->foreign &= (uint8_t) ~(1u << other);
        s->step = s->goal == GOAL_PREPARE ? MARK : SPEND;
        return s->flash->erase(s->flash->ctx, other);
    case MARK:
        s->step = DONE;
        store_le32(words, MARK_FIRST);
        store_le32(words + 4, MARK_SECOND);
        return program(s, other, MARK_AT, words, MARK_LEN);
    case SPEND:
        s->is_spare_ready = false;
        s->from = SETTINGS_PAGE_HEAD;
        s->at = SETTINGS_PAGE_HEAD;
        s->decided_key = SETTINGS_KEY_NONE;
        return zero(s, other, MARK_AT, MARK_LEN);
    case COPY:
        s->step = COPY;
        return copy_step(s);
    case HEADER:
        s->sequence++;
        store_le32(words, MAGIC | VERSION << 24);
        store_le32(words + 4, s->sequence);
        store_le32(words + MARK_AT, 0);
        store_le32(words + MARK_AT + 4, 0);
        store_le32(words + CHECK_AT, crc32_update(CRC32_START, words, CHECK_AT));
        return program(s, other, 0, words, SEAL_AT);
    case COMMIT:
        return zero(s, other, SEAL_AT, 4);
    case DEMOTE:
        return s->has_store ? undo_header(s, s->page) : SETTINGS_FLASH_DONE;
    default:
        return SETTINGS_FLASH_DONE;
    }
}

static void finish(struct settings *s) {
    s->step = IDLE;
    s->is_unconfirmed = false;
    switch (s->goal) {
    case GOAL_REBUILD:
        s->page = (uint8_t)other_page(s);
        s->has_store = true;
        s->is_settled = true;
        s->is_in_doubt = false;
        s->end = s->at;
        s->live = s->end - SETTINGS_PAGE_HEAD;
        break;
    case GOAL_APPEND:
        s->end = s->at;
        if (s->live != 0) {
            s->live += (is_value(s) ? s->size : 0) - s->old_size;
        }
        break;
    case GOAL_PREPARE:
        s->is_spare_ready = true;
        break;
    default:
        break;
    }
}

enum settings_result settings_poll(struct settings *s) {
    enum settings_flash_result result = s->flash->poll(s->flash->ctx);
    if (result == SETTINGS_FLASH_BUSY) {
        return SETTINGS_BUSY;
    }
    if (s->step == IDLE) {
        return SETTINGS_OK;
    }
    if (result == SETTINGS_FLASH_DONE && s->step == DONE) {
        finish(s);
        return SETTINGS_OK;
    }
    if (result == SETTINGS_FLASH_DONE) {
        result = start_step(s);
    }
    if (result == SETTINGS_FLASH_DONE) {
        return SETTINGS_BUSY;
    }
    // What is on flash now says what can be done next, as after a cut.
    look(s, s->flash);
    return SETTINGS_FAILED;
}

enum settings_result settings_wait(struct settings *s, enum settings_result begun) {
    while (begun == SETTINGS_BUSY) {
        begun = settings_poll(s);
    }
    return begun;
}

static enum settings_result begin(struct settings *s, enum goal goal, enum step step) {
    s->goal = (uint8_t)goal;
    s->step = (uint8_t)step;
    return SETTINGS_BUSY;
}

uint32_t settings_dead(struct settings *s) {
    for (uint32_t off = s->live != 0 ? s->end : SETTINGS_PAGE_HEAD; next_live(s, &off);) {
        s->live += s->size;
    }
    return s->end - SETTINGS_PAGE_HEAD - s->live;
}

// Bytes free for records, all reserves included.
static uint32_t bytes_free(const struct settings *s) {
    uint32_t used = s->end + (s->is_settled ? 0 : 4u);
    return s->has_store && used < s->flash->page_bytes ? s->flash->page_bytes - used : 0;
}

// Appends a record if that leaves `reserve` bytes free.
static enum settings_result append(struct settings *s, uint32_t key, uint32_t tag,
                                   const uint8_t *value, uint32_t len, uint32_t reserve) {
    uint32_t size = SETTINGS_RECORD_HEAD + ((len + 3) & ~3u);
    if (size + reserve > bytes_free(s)) {
        uint32_t live = s->end - settings_dead(s);
        return live + size + reserve > s->flash->page_bytes ? SETTINGS_FULL : SETTINGS_TURNOVER;
    }
    uint8_t *r = s->record;
    store_le32(r, key | len << 16 | tag << 24);
    for (uint32_t i = 0; i < size - SETTINGS_RECORD_HEAD; i++) {
        r[4 + i] = i < len ? value[i] : 0xff;
    }
    store_le32(r + size - 8, crc32_update(CRC32_START, r, size - 8));
    s->size = size;
    return begin(s, GOAL_APPEND, s->is_settled ? BODY : CONFIRM);
}

enum settings_result settings_get(struct settings *s, uint16_t key, uint8_t *out, uint32_t size,
                                  uint32_t *len) {
    enum settings_result result = readiness(s);
    if (result != SETTINGS_OK) {
        return result;
    }
    if (!find(s, key)) {
        return SETTINGS_ABSENT;
    }
    *len = s->record[2];
    if (*len > size) {
        return SETTINGS_REFUSED;
    }
    for (uint32_t i = 0; i < *len; i++) {
        out[i] = s->record[4 + i];
    }
    return SETTINGS_OK;
}

// Whether s->record, just found, holds this value.
static bool holds(const struct settings *s, const uint8_t *value, uint32_t len) {
    bool same = s->record[2] == len;
    for (uint32_t i = 0; same && i < len; i++) {
        same = s->record[4 + i] == value[i];
    }
    return same;
}

static enum settings_result store(struct settings *s, uint16_t key, const uint8_t *value,
                                  uint32_t len, uint32_t reserve) {
    enum settings_result result = readiness(s);
    if (result != SETTINGS_OK) {
        return result;
    }
    s->old_size = 0;
    if (find(s, key)) {
        if (holds(s, value, len)) {
            return SETTINGS_OK;
        }
        s->old_size = s->size;
    }
    return append(s, key, TAG_VALUE, value, len, reserve);
}

static enum settings_result remove_key(struct settings *s, uint16_t key, uint32_t reserve) {
    enum settings_result result = readiness(s);
    if (result != SETTINGS_OK) {
        return result;
    }
    if (!find(s, key)) {
        return SETTINGS_ABSENT;
    }
    s->old_size = s->size;
    return append(s, key, TAG_DELETED, NULL, 0, reserve);
}

enum settings_result settings_set(struct settings *s, uint16_t key, const uint8_t *value,
                                  uint32_t len) {
    if (key == SETTINGS_KEY_NONE || len > SETTINGS_VALUE_MAX) {
        return SETTINGS_REFUSED;
    }
    uint32_t reserve = SETTINGS_RESERVE;
    if (key == SETTINGS_KEY_BOOT_MODE && len <= BOOT_MODE_VALUE_LEN) {
        reserve = len == BOOT_MODE_VALUE_LEN ? SETTINGS_RESERVE / 2 : SETTINGS_RESERVE / 4;
    }
    return store(s, key, value, len, reserve);
}

enum settings_result settings_delete(struct settings *s, uint16_t key) {
    return remove_key(s, key, SETTINGS_RESERVE / 2);
}

enum settings_result settings_next(struct settings *s, uint32_t *cursor, uint16_t *key,
                                   uint32_t *len) {
    enum settings_result result = readiness(s);
    if (result != SETTINGS_OK) {
        return result;
    }
    if (*cursor == 0) {
        *cursor = SETTINGS_PAGE_HEAD;
    }
    if (!next_live(s, cursor)) {
        return SETTINGS_ABSENT;
    }
    *key = load_le16(s->record);
    *len = s->record[2];
    return SETTINGS_OK;
}

uint32_t settings_room(const struct settings *s) {
    uint32_t left = readiness(s) == SETTINGS_OK ? bytes_free(s) : 0;
    return left > SETTINGS_RESERVE ? left - SETTINGS_RESERVE : 0;
}

enum settings_result settings_turnover(struct settings *s) {
    if (s->step != IDLE) {
        return SETTINGS_BUSY;
    }
    if (s->has_store && s->is_unconfirmed && !s->is_in_doubt) {
        return begin(s, GOAL_CONFIRM, CONFIRM);
    }
    if (s->has_store ? is_foreign(s, other_page(s)) : s->foreign != 0) {
        return SETTINGS_FOREIGN;
    }
    return begin(s, GOAL_REBUILD, s->is_spare_ready ? SPEND : CONFIRM);
}

bool settings_is_prepared(const struct settings *s) {
    return s->is_spare_ready;
}

enum settings_result settings_prepare(struct settings *s, enum settings_consent consent) {
    bool may_erase = consent == SETTINGS_ERASE_FOREIGN || !is_foreign(s, other_page(s));
    enum settings_result result = readiness(s);
    if (s->step == IDLE && s->has_store && s->is_in_doubt && is_foreign(s, other_page(s)) &&
        may_erase) {
        // The turnover that would remove the traces of a cut had nowhere to go.
        return begin(s, GOAL_REBUILD, CONFIRM);
    }
    if (result != SETTINGS_OK || s->is_spare_ready) {
        return result;
    }
    if (!s->has_store) {
        return SETTINGS_TURNOVER;
    }
    return may_erase ? begin(s, GOAL_PREPARE, CONFIRM) : SETTINGS_FOREIGN;
}

enum settings_result settings_format(struct settings *s) {
    if (s->step != IDLE) {
        return SETTINGS_BUSY;
    }
    // A log without records, so that nothing is copied.
    s->end = 0;
    s->tail = 0;
    return begin(s, GOAL_REBUILD, s->is_spare_ready ? SPEND : CONFIRM);
}

enum settings_result settings_receiving_open(struct settings *s) {
    // Leaves room for closing it, and for the filler of the session in which that happens.
    return store(s, SETTINGS_KEY_RECEIVING, NULL, 0, SETTINGS_RECORD_HEAD + 4);
}

enum settings_result settings_receiving_close(struct settings *s) {
    enum settings_result result = remove_key(s, SETTINGS_KEY_RECEIVING, 0);
    return result == SETTINGS_ABSENT ? SETTINGS_OK : result;
}

bool settings_is_receiving(struct settings *s) {
    // Doubts are harmless here. Two headers: either page has the same values. A last record that may be
    // marginal: if it is another key's, it does not matter.
    return s->step == IDLE && s->has_store && find(s, SETTINGS_KEY_RECEIVING);
}

const uint8_t *settings_peek(struct settings *s, uint16_t key, uint32_t *len) {
    if (s->step != IDLE || !s->has_store ||
        !load_last(s, key, s->latest[key - SETTINGS_KEY_REDFU])) {
        return NULL;
    }
    *len = s->record[2];
    return s->record + 4;
}
