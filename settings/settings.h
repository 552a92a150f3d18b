// SPDX-License-Identifier: MIT
//
// The settings store: small values under 16-bit keys in two flash pages, kept through a power cut
// at any instant. One code for the bootloader (flash works while USB stays alive), an application
// (flash may block) and the programmer on the PC (flash is a copy in memory).
//
// Format, steps and their reasons are drawn in docs/settings.md; in short, a page is
//
//   +0   magic and format version, sequence             programmed when the page is whole
//   +8   erase-done mark, two words; zero from the page's first use on
//   +16  CRC-32 of the four words above
//   +20  seal: zero once the words above are complete
//   +24  records, appended: { key16 len8 tag8 | value, padded with 0xFF | CRC-32 | seal }
//
// and every word is programmed once after an erase, except that it may be programmed to zero at
// any time (what ST allows even where flash has ECC: RM0351 3.3.7; RM0090 3.6 is more liberal).
//
// Promises
// - What settings_set() or settings_delete() has completed stays. After a cut in the middle of one
//   the value is the old or the new one, and once it has been read it does not change again,
//   however often power fails afterwards, even if half-programmed bits read differently each time.
// - A page is erased only when the other is whole. Blank flash is not trusted to be erased.
// - Pages in a format that is not this one are never written (SETTINGS_FOREIGN), except by
//   settings_format() and by settings_prepare() with SETTINGS_ERASE_FOREIGN.
//
// Order of calls: settings_open() after each reset; when it or any other call says
// SETTINGS_TURNOVER, settings_turnover() and then the call again. A call that returns SETTINGS_BUSY
// has begun: settings_poll() until it says something else. Nothing else is accepted meanwhile
// (SETTINGS_BUSY), nothing may read flash between polls unless the flash allows it, and `value`
// need not stay. One thread of control; never two handles on one store.

#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

// Keys. An application's own are 0x0000-0xEFFF (virtual addresses of ST's EE_WriteVariable fit,
// AN3969); 0xF000-0xFFFE are redfu's, listed here and never reused.
#define SETTINGS_KEY_REDFU     0xf000u // first of redfu's own
#define SETTINGS_KEY_RECEIVING 0xf000u // present, empty: the application area is being changed
#define SETTINGS_KEY_BOOT_MODE 0xf001u
// Present: an import has begun, values may be missing. One byte, 1: only the page they came from is left.
#define SETTINGS_KEY_IMPORTING 0xf002u
#define SETTINGS_KEYS_REDFU    3u      // in use so far, from SETTINGS_KEY_REDFU on
#define SETTINGS_KEY_NONE      0xffffu // not a key

#define SETTINGS_VALUE_MAX     255u

// Geometry that the format fixes. A record takes the value rounded up to words and 12 bytes.
#define SETTINGS_PAGE_HEAD     24u
#define SETTINGS_RECORD_HEAD   12u
#define SETTINGS_RECORD_MAX    (SETTINGS_RECORD_HEAD + 256u)
// Kept free by settings_set() for receiving records, and half of it by settings_delete(): a page
// filled with values can still delete some, and always takes several rounds of open and close. A boot
// mode with one for the next start leaves half as well, one without a quarter: so what may be set can
// be crossed out, with one turnover at most.
#define SETTINGS_RESERVE       128u

enum settings_flash_result {
    SETTINGS_FLASH_DONE = 0, // started (erase, program), or nothing under way any more (poll)
    SETTINGS_FLASH_BUSY,     // from poll only
    SETTINGS_FLASH_FAILED,   // refused, or ended wrong; what was touched is in doubt
};

// The flash of two equal pages, filled in by the user and constant while the store is open.
// erase() and program() start an operation and return, or block and have poll() say DONE.
struct settings_flash {
    void *ctx;
    uint32_t page_bytes; // a multiple of 4, at least 512
    // Erases page 0 or 1. NULL here and in program(): only to be read. Then settings_open() does not
    // look whether pages are blank, and nothing that writes may be called.
    enum settings_flash_result (*erase)(void *ctx, unsigned page);
    // Programs len bytes (a multiple of 4) at an offset (a multiple of 4) word by word in
    // ascending order. `data` stays until the end.
    enum settings_flash_result (*program)(void *ctx, unsigned page, uint32_t off,
                                          const uint8_t *data, uint32_t len);
    enum settings_flash_result (*poll)(void *ctx);
    // Copies flash to `out`; called only when no operation is under way.
    void (*read)(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len);
    // Where the pages lie, if they can be read there as well: faster. NULL: they cannot.
    const uint8_t *const *mapped;
};

enum settings_result {
    SETTINGS_OK = 0,
    SETTINGS_BUSY,     // begun, or still working: call settings_poll()
    SETTINGS_ABSENT,   // no such key
    SETTINGS_TURNOVER, // first settings_turnover(): no room, no store yet, or traces of a cut
    SETTINGS_FULL,     // a turnover would not make room either; nothing was touched
    SETTINGS_FOREIGN,  // somebody else's data lies there; nothing was touched
    SETTINGS_FAILED,   // flash reported an error; the value is the old or the new one
    SETTINGS_REFUSED,  // key, length or buffer out of range; nothing was touched
};

enum settings_consent { SETTINGS_KEEP_FOREIGN = 0, SETTINGS_ERASE_FOREIGN };

// All state of one open store; the caller's to place, nobody's to look into.
struct settings {
    // Bytes first: Thumb reaches the first 32 with short instructions.
    uint8_t step;
    uint8_t goal;
    uint8_t page;    // the store; while there is none, the page that is not built first
    uint8_t foreign; // bit 0, 1: pages that are not ours
    bool has_store;
    bool is_spare_ready;  // the other page is erased, marked and unused
    bool is_settled;      // this session has sealed what an earlier one may have left unfinished
    bool is_in_doubt;     // the log ends in something unfinished
    bool is_unconfirmed;  // both pages have a header
    uint16_t decided_key; // turnover: key of the record at `tail`, once taken over
    const struct settings_flash *flash;
    uint32_t sequence;
    uint32_t end;      // where the log ends: first offset not yet programmed
    uint32_t tail;     // last record, if it may be half-programmed; else 0
    uint32_t from;     // turnover: next record to look at
    uint32_t at;       // where the next copy, or the end of the log, goes
    uint32_t size;     // of the record in `record`
    uint32_t old_size; // append: of the record that goes with it, 0 for none
    uint32_t live;     // bytes of records that a turnover keeps; 0: not counted yet
    uint32_t latest[SETTINGS_KEYS_REDFU]; // redfu's keys, when the store was opened: last record
    uint8_t words[20];
    uint8_t record[SETTINGS_RECORD_MAX];
};

// Looks at both pages and writes nothing. A store that does not exist yet reads as empty.
// SETTINGS_OK, SETTINGS_TURNOVER or SETTINGS_FOREIGN.
enum settings_result settings_open(struct settings *s, const struct settings_flash *flash)
    __attribute__((warn_unused_result));

// Moves the operation under way on and reports it; SETTINGS_OK when there is none. Blocks only as
// long as the flash functions do, apart from one pass over the headers of one page.
enum settings_result settings_poll(struct settings *s) __attribute__((warn_unused_result));

// settings_poll() to the end, for users who may block.
enum settings_result settings_wait(struct settings *s, enum settings_result begun)
    __attribute__((warn_unused_result));

// Copies a value to `out` and its length to `len`. SETTINGS_REFUSED when it is longer than `size`:
// then `len` tells, and `out` is untouched. `out` may be NULL when size is 0.
enum settings_result settings_get(struct settings *s, uint16_t key, uint8_t *out, uint32_t size,
                                  uint32_t *len) __attribute__((warn_unused_result));

// Stores a value of 0 to 255 bytes. SETTINGS_OK at once if it is already there, else
// SETTINGS_BUSY: committed when settings_poll() says SETTINGS_OK. Programs the value's words and 3
// more, and 3 more than that the first time after settings_open(). Where there is no room, telling
// SETTINGS_FULL from SETTINGS_TURNOVER reads n * n / 2 record heads for n different keys, once after
// settings_open().
enum settings_result settings_set(struct settings *s, uint16_t key, const uint8_t *value,
                                  uint32_t len) __attribute__((warn_unused_result));

// Removes a value. As settings_set(); SETTINGS_ABSENT when there is nothing to remove.
enum settings_result settings_delete(struct settings *s, uint16_t key)
    __attribute__((warn_unused_result));

// Iterates over the keys in use: start with *cursor = 0; SETTINGS_ABSENT after the last one. Any
// change to the store ends an iteration.
enum settings_result settings_next(struct settings *s, uint32_t *cursor, uint16_t *key,
                                   uint32_t *len) __attribute__((warn_unused_result));

// Bytes left for settings_set() before a turnover is needed, each record with its head and the
// first of a session 4 bytes more; 0 while the store cannot be written.
uint32_t settings_room(const struct settings *s);

// Bytes of the log that a turnover would win. Once settings_open() has said SETTINGS_OK; reads n * n / 2
// record heads, and ends an iteration.
uint32_t settings_dead(struct settings *s);

// What settings_next() has just found, as on flash: { key16, len8, 0x56, value }. Until the next call.
static inline const uint8_t *settings_found(const struct settings *s) {
    return s->record;
}

// Copies what is live to the other page and goes on there; makes the store if there is none;
// removes the traces of a cut. Erases the other page first unless it is ready. A cut leaves the
// old page or the new one, with the same values.
enum settings_result settings_turnover(struct settings *s) __attribute__((warn_unused_result));

// Whether a turnover can start without an erase, and the erase that makes it so. With
// SETTINGS_KEEP_FOREIGN a foreign page is refused. With SETTINGS_ERASE_FOREIGN it goes, and where
// traces of a cut could not be removed because of it, that is done at once, by turning over to its place.
bool settings_is_prepared(const struct settings *s);
enum settings_result settings_prepare(struct settings *s, enum settings_consent consent)
    __attribute__((warn_unused_result));

// Starts an empty store, whatever was there. A cut leaves all the old values or none. A foreign
// page that is not needed stays until settings_prepare(), so that its contents can be imported.
enum settings_result settings_format(struct settings *s) __attribute__((warn_unused_result));

// Opens and closes the record that says "the application area is being changed": committed when
// settings_poll() says SETTINGS_OK, nothing written when it is so already. While it is open,
// closing finds room without a turnover, in this session or a later one; only sessions cut short
// as they begin to write (4 bytes each) can use that up, and then SETTINGS_TURNOVER says so.
enum settings_result settings_receiving_open(struct settings *s)
    __attribute__((warn_unused_result));
enum settings_result settings_receiving_close(struct settings *s)
    __attribute__((warn_unused_result));

// Whether that record is open: for whoever decides at reset, straight after settings_open(), whatever
// that said. A cut while the record was being opened or closed leaves one or the other answer; both
// are right then, since the application area is whole.
bool settings_is_receiving(struct settings *s);

// Which pages hold something foreign: bit 0 and bit 1.
static inline unsigned settings_foreign(const struct settings *s) {
    return s->foreign;
}

// The value of one of redfu's keys and its length, under the same conditions as
// settings_is_receiving() and faster than it: NULL if there is none. After a cut in the middle of a
// change the old value or the new one, and perhaps the other one the next time: who acts on it has the
// traces of the cut removed before, where settings_open() said SETTINGS_TURNOVER. Valid until the next call.
const uint8_t *settings_peek(struct settings *s, uint16_t key, uint32_t *len);

// Wear: turnovers since the store was made. Each page has been erased half as often, rounded up;
// erases repeated because of a cut are not counted. 0 while there is no store.
static inline uint32_t settings_turnovers(const struct settings *s) {
    return s->sequence;
}

#endif
