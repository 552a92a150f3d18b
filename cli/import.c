// SPDX-License-Identifier: MIT
//
// `redfu settings import`: variables of ST's EEPROM emulation become settings, and their page becomes
// the store's. Decides the order, so that a cable pulled at any instant loses nothing:
//
//   1 the pages are read, judged and saved to FILE, on the disk
//   2 a store is begun beside the page that stays; the setting "importing" says that values may miss
//   3 the values are set, those that the store has already excepted, and read back
//   4 only now the page is erased
//   5 "importing" goes
//
// Given again with the same FILE, it goes on where it was: from then on the file is what counts.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/settings.h"
#include "cli/target.h"

// The file: a few lines of text in this many bytes, then the pages as they were.
#define HEAD_BYTES       256u
#define HEAD_FORM        "redfu settings import 1\nserial %s\npages 0x%08" PRIX32 " %" PRIu32 " %u\n"
#define HEAD_SCAN        "redfu settings import 1\nserial %95[^\n]\npages 0x%" SCNx32 " %" SCNu32 " %u"
#define SERIAL_CHARS     96u
#define PAGE_BYTES_MAX   0x20000u // the largest sector of the family
#define OWN_PAGES        2u

// What a value takes in the store, beside its bytes, and what a page keeps for itself (docs/settings.md).
#define RECORD_BYTES     12u
#define PAGE_KEEPS_BYTES (24u + 128u)

struct import {
    struct cli *cli;
    struct redfu_session *session;
    struct redfu_settings settings; // as read last
    char serial[SERIAL_CHARS];
    uint32_t addr, page_bytes;
    unsigned page_count;
    uint8_t *file; // HEAD_BYTES, then the pages
    uint32_t file_len;
    struct redfu_an3969 found;
    size_t kept; // variables that the store had already with another value
};

static enum redfu_result read_settings(struct import *import) {
    redfu_settings_free(&import->settings);
    return redfu_settings_read(import->session, &import->settings, &import->cli->fault);
}

static bool has_foreign(const struct import *import) {
    return import->settings.is_foreign[0] || import->settings.is_foreign[1];
}

// --- 1: the pages --------------------------------------------------------------------------------

// The memory in which the pages can be read.
static enum redfu_result find_flash(struct import *import, unsigned *alternate,
                                    const struct redfu_layout **layout) {
    const struct redfu_description *description = redfu_describe(import->session);
    for (*alternate = 0; *alternate < description->device.alternate_count; (*alternate)++) {
        const struct redfu_alternate *candidate = &description->alternates[*alternate];
        struct redfu_sector sector;
        *layout = &candidate->layout;
        if (candidate->has_layout &&
            redfu_layout_sector_at(*layout, import->settings.pages_addr, &sector) &&
            sector.bytes == import->settings.page_bytes && sector.bytes <= PAGE_BYTES_MAX &&
            (sector.can & REDFU_CAN_READ)) {
            return REDFU_OK;
        }
    }
    return cli_refuse(import->cli, REDFU_BAD_DEVICE,
                      "the settings' pages (0x%08" PRIX32
                      ") cannot be read: they lie in none of the "
                      "device's memories",
                      import->settings.pages_addr);
}

// The two pages, and the sector behind them where it is of the same size: AN3969's own addresses are
// 0x08008000 and 0x0800C000, and the second of them is where the application goes.
static enum redfu_result read_pages(struct import *import) {
    unsigned alternate = 0;
    const struct redfu_layout *layout = NULL;
    enum redfu_result result = find_flash(import, &alternate, &layout);
    if (result != REDFU_OK) {
        return result;
    }
    import->addr = import->settings.pages_addr;
    import->page_bytes = import->settings.page_bytes;
    import->page_count = OWN_PAGES;
    struct redfu_sector behind;
    if (redfu_layout_sector_at(layout, import->addr + OWN_PAGES * import->page_bytes, &behind) &&
        behind.bytes == import->page_bytes && (behind.can & REDFU_CAN_READ)) {
        import->page_count++;
    }
    uint32_t len = import->page_count * import->page_bytes;
    import->file_len = HEAD_BYTES + len;
    import->file = malloc(import->file_len);
    if (!import->file) {
        return cli_refuse(import->cli, REDFU_INTERNAL, "out of memory for %" PRIu32 " bytes", len);
    }
    memset(import->file, '\n', HEAD_BYTES);
    char head[HEAD_BYTES];
    int head_len = snprintf(head, sizeof head, HEAD_FORM, import->serial, import->addr,
                            import->page_bytes, import->page_count);
    memcpy(import->file, head, (size_t)head_len);
    struct redfu_watch watch = progress_watch(import->cli);
    return redfu_read(import->session, alternate, import->addr, len, import->file + HEAD_BYTES,
                      &watch, &import->cli->fault);
}

static enum redfu_result load_pages(struct import *import) {
    struct cli *cli = import->cli;
    const char *path = cli->options->file;
    enum redfu_result result =
        file_load(cli, path, HEAD_BYTES + REDFU_AN3969_PAGES_MAX * PAGE_BYTES_MAX, &import->file,
                  &import->file_len);
    if (result != REDFU_OK) {
        return result;
    }
    char head[HEAD_BYTES + 1] = "";
    memcpy(head, import->file, import->file_len < HEAD_BYTES ? import->file_len : HEAD_BYTES);
    char serial[SERIAL_CHARS];
    if (sscanf(head, HEAD_SCAN, serial, &import->addr, &import->page_bytes, &import->page_count) !=
            4 ||
        import->page_bytes > PAGE_BYTES_MAX || import->page_count > REDFU_AN3969_PAGES_MAX ||
        import->page_count < OWN_PAGES ||
        import->file_len != HEAD_BYTES + import->page_count * import->page_bytes) {
        return cli_refuse(
            cli, REDFU_BAD_FILE,
            "%s exists and is not the file of an interrupted import; say another name, "
            "and the pages are saved there",
            path);
    }
    if (strcmp(serial, import->serial) != 0) {
        return cli_refuse(cli, REDFU_BAD_FILE,
                          "%s holds the pages of the board with serial number %s, this is %s", path,
                          serial, import->serial);
    }
    cli_say(cli, "%s: the pages as an earlier import found them\n", path);
    return REDFU_OK;
}

// --- What was found ------------------------------------------------------------------------------

static void say_found(const struct import *import) {
    static const char *const words[] = {"something else", "erased", "receiving (0xEEEE)",
                                        "valid (0x0000)"};
    for (unsigned i = 0; i < import->page_count; i++) {
        cli_say(import->cli, "0x%08" PRIX32 "  %s%s\n", import->addr + i * import->page_bytes,
                words[import->found.status[i]], i >= OWN_PAGES ? ", in the application area" : "");
    }
    if (import->found.first >= OWN_PAGES || import->found.second >= OWN_PAGES) {
        cli_say(
            import->cli,
            "A page of the emulation lies where the application goes: the next load erases it. Its "
            "variables are imported now.\n");
    }
    if (import->found.may_miss) {
        cli_say(import->cli,
                "Some variables may be missing: power failed while a page was being filled from "
                "another, and that other page is not there any more.\n");
    }
}

static enum redfu_result refuse_unknown(struct import *import) {
    if (!has_foreign(import)) {
        return cli_advise(import->cli, "The settings can be used as they are.");
    }
    return cli_advise(import->cli,
                      "If what lies there is not needed any more, `redfu settings import --discard "
                      "FILE` saves the pages to FILE and gives them up.");
}

// Everything that can be refused before anything is changed.
static enum redfu_result judge(struct import *import) {
    struct cli *cli = import->cli;
    if (cli->options->discard) {
        return REDFU_OK;
    }
    enum redfu_result result = redfu_an3969_parse(import->file + HEAD_BYTES, import->page_count,
                                                  import->page_bytes, &import->found, &cli->fault);
    if (result != REDFU_OK) {
        return result == REDFU_NO_SUCH_SETTING ? refuse_unknown(import) : result;
    }
    say_found(import);
    const struct redfu_setting *last = &import->found.all[import->found.count - 1];
    if (last->key >= REDFU_SETTING_KEY_OWN) {
        return cli_refuse(
            cli, REDFU_BAD_FILE,
            "a variable has the virtual address 0x%04X: from 0x%04X on keys are redfu's "
            "own, so it cannot be imported; nothing was changed",
            last->key, REDFU_SETTING_KEY_OWN);
    }
    uint32_t needed = RECORD_BYTES; // "importing"
    for (size_t i = 0; i < import->settings.count; i++) {
        needed += RECORD_BYTES + ((import->settings.all[i].len + 3u) & ~3u);
    }
    needed += (uint32_t)import->found.count * (RECORD_BYTES + 4u);
    if (needed > import->settings.page_bytes - PAGE_KEEPS_BYTES) {
        return cli_refuse(cli, REDFU_TOO_LARGE,
                          "%zu variables do not fit: they would take %" PRIu32
                          " bytes of a page of "
                          "%" PRIu32 "; nothing was changed",
                          import->found.count, needed, import->settings.page_bytes);
    }
    return REDFU_OK;
}

// --- 2 to 5 --------------------------------------------------------------------------------------

static enum redfu_result mark(struct import *import, bool is_removal) {
    struct redfu_setting setting = {.key = REDFU_SETTING_IMPORTING, .is_removal = is_removal};
    return redfu_settings_change(import->session, &setting, 1, &import->cli->fault);
}

static enum redfu_result begin_store(struct import *import) {
    enum redfu_result result = REDFU_OK;
    if (has_foreign(import) && import->settings.turnovers == 0) {
        result = redfu_settings_consent(import->session, REDFU_BEGIN_STORE, &import->cli->fault);
    } else if (has_foreign(import) && import->settings.room == 0) {
        // A store that has no place to turn over to, with traces of a cut or full. The file has the page.
        result = redfu_settings_consent(import->session, REDFU_GIVE_UP_PAGE, &import->cli->fault);
    }
    if (result == REDFU_OK) {
        result = mark(import, false);
    }
    return result == REDFU_OK ? read_settings(import) : result;
}

// What the store has already stays: it is the value of an earlier attempt, or newer.
static enum redfu_result set_values(struct import *import) {
    struct redfu_setting *missing = calloc(import->found.count + 1, sizeof *missing);
    if (!missing) {
        return cli_refuse(import->cli, REDFU_INTERNAL, "out of memory");
    }
    size_t count = 0;
    for (size_t i = 0; i < import->found.count; i++) {
        const struct redfu_setting *wanted = &import->found.all[i];
        const struct redfu_setting *has = redfu_settings_find(&import->settings, wanted->key);
        if (!has) {
            missing[count++] = *wanted;
        } else if (has->len != wanted->len || memcmp(has->value, wanted->value, has->len) != 0) {
            import->kept++;
        }
    }
    enum redfu_result result =
        redfu_settings_change(import->session, missing, count, &import->cli->fault);
    free(missing);
    return result == REDFU_OK ? read_settings(import) : result;
}

// Nothing is given up unless every variable is in the store.
static enum redfu_result give_page_up(struct import *import) {
    for (size_t i = 0; i < import->found.count; i++) {
        if (!redfu_settings_find(&import->settings, import->found.all[i].key)) {
            return cli_refuse(
                import->cli, REDFU_MISMATCH,
                "variable 0x%04X is not in the store after it was set; its page was left "
                "alone",
                import->found.all[i].key);
        }
    }
    if (!has_foreign(import)) {
        return REDFU_OK;
    }
    enum redfu_result result =
        redfu_settings_consent(import->session, REDFU_GIVE_UP_PAGE, &import->cli->fault);
    return result == REDFU_OK ? read_settings(import) : result;
}

static enum redfu_result take_over(struct import *import) {
    enum redfu_result result = begin_store(import);
    if (result == REDFU_OK) {
        result = set_values(import);
    }
    if (result == REDFU_OK) {
        result = give_page_up(import);
    }
    if (result == REDFU_OK && has_foreign(import)) {
        return cli_refuse(import->cli, REDFU_MISMATCH,
                          "the device still finds something foreign in its settings' pages");
    }
    if (result == REDFU_OK) {
        result = mark(import, true);
    }
    if (result != REDFU_OK) {
        char advice[sizeof import->cli->fault.advice];
        (void)snprintf(advice, sizeof advice,
                       "%.1800s%sNothing is lost: %.100s has it all. Give the same command again.",
                       import->cli->fault.advice, import->cli->fault.advice[0] ? "\n" : "",
                       import->cli->options->file);
        memcpy(import->cli->fault.advice, advice, sizeof advice);
    }
    return result;
}

static void say_done(const struct import *import) {
    const char *file = import->cli->options->file;
    if (import->cli->options->discard) {
        cli_say(import->cli, "Done: the pages are redfu's; what they held is in %s\n", file);
        return;
    }
    cli_say(import->cli,
            "Done: %zu variable%s in the settings, read back; the pages as they were "
            "are in %s\n",
            import->found.count, import->found.count == 1 ? "" : "s", file);
    if (import->kept > 0) {
        cli_say(import->cli,
                "%zu of them had another value in the settings already, which was kept\n",
                import->kept);
    }
}

static enum redfu_result run(struct import *import) {
    bool is_resumed = file_exists(import->cli->options->file);
    enum redfu_result result = read_settings(import);
    if (result == REDFU_OK) {
        result = is_resumed ? load_pages(import) : read_pages(import);
    }
    if (result == REDFU_OK) {
        result = judge(import);
    }
    if (result == REDFU_OK && !is_resumed) {
        result =
            file_save_new(import->cli, import->cli->options->file, import->file, import->file_len);
    }
    if (result == REDFU_OK) {
        result = take_over(import);
    }
    if (result == REDFU_OK) {
        say_done(import);
    }
    return result;
}

enum redfu_result import_run(struct cli *cli, struct redfu_session *session) {
    struct import import = {.cli = cli, .session = session};
    const struct redfu_device *device = &redfu_describe(session)->device;
    (void)snprintf(import.serial, sizeof import.serial, "%.80s",
                   device->serial[0] ? device->serial : "none");
    enum redfu_result result = run(&import);
    redfu_an3969_free(&import.found);
    redfu_settings_free(&import.settings);
    free(import.file);
    return result;
}
