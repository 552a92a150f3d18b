// SPDX-License-Identifier: MIT
//
// CSV as RFC 4180 has it: commas, quotes around cells that need them, quotes in those doubled. A quoted cell
// does not go over the end of a line.

#include "cli/station_table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/settings.h"
#include "cli/target.h"

#define TABLE_BYTES_MAX (64u * 1024 * 1024)
#define COLUMNS_MAX     64u
#define CELL_CHARS      1024u

struct column {
    bool is_note; // "#..." is for people
    uint16_t key;
    char prefix[8]; // "u16:" in front of each value; empty: the value says it itself
};

struct reading {
    struct cli *cli;
    const char *path;
    unsigned line;
    struct column columns[COLUMNS_MAX];
    unsigned column_count;
};

// Takes the cell at *at apart and goes behind its comma. False at a quote that does not end, or a cell that is
// too long.
static bool take_cell(const char **at, char cell[CELL_CHARS]) {
    const char *from = *at;
    size_t len = 0;
    bool is_quoted = *from == '"';
    from += is_quoted;
    for (;; from++) {
        if (is_quoted && from[0] == '"' && from[1] == '"') {
            from++;
        } else if (is_quoted ? *from == '"' : *from == ',' || *from == '\0') {
            break;
        } else if (*from == '\0') {
            return false;
        }
        if (len + 1 == CELL_CHARS) {
            return false;
        }
        cell[len++] = *from;
    }
    cell[len] = '\0';
    from += is_quoted;
    if (*from != ',' && *from != '\0') {
        return false;
    }
    *at = *from == ',' ? from + 1 : NULL;
    return true;
}

static enum redfu_result refuse_cell(struct reading *reading, unsigned column, const char *why) {
    return cli_refuse(reading->cli, REDFU_BAD_FILE, "%s: line %u, column %u: %.1000s",
                      reading->path, reading->line, column + 1, why);
}

// setting_words.c reads what a person types from the options.
static enum redfu_result read_words(struct reading *reading, unsigned column, const char *key,
                                    const char *value, struct redfu_setting *setting) {
    struct options options = {.settings_action = SETTINGS_ACTION_SET, .key = key, .value = value};
    struct cli reader = {.surroundings = reading->cli->surroundings, .options = &options};
    enum redfu_result result = key ? setting_read_key(&reader, &setting->key) : REDFU_OK;
    if (result == REDFU_OK && value) {
        result = setting_read_value(&reader, setting);
    }
    return result == REDFU_OK ? REDFU_OK : refuse_cell(reading, column, reader.fault.text);
}

// "0x5555", "0x5555:u16", "#batch".
static enum redfu_result take_column(struct reading *reading, char *cell) {
    unsigned number = reading->column_count;
    struct column *column = &reading->columns[number];
    if (cell[0] == '#') {
        column->is_note = true;
        reading->column_count++;
        return REDFU_OK;
    }
    char *type = strchr(cell, ':');
    if (type) {
        static const char *const types[] = {"u8", "u16", "u32", "hex", "text"};
        *type++ = '\0';
        bool is_known = false;
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            is_known |= strcmp(type, types[i]) == 0;
        }
        if (!is_known && strchr(type, ';')) {
            return refuse_cell(reading, number, "columns are parted by ',' and not by ';'");
        }
        if (!is_known) {
            return refuse_cell(reading, number, "the type behind ':' is u8, u16, u32, hex or text");
        }
        (void)snprintf(column->prefix, sizeof column->prefix, "%.5s:", type);
    }
    struct redfu_setting setting = {0};
    enum redfu_result result = read_words(reading, number, cell, NULL, &setting);
    column->key = setting.key;
    for (unsigned i = 0; i < number && result == REDFU_OK; i++) {
        if (!reading->columns[i].is_note && reading->columns[i].key == column->key) {
            result = refuse_cell(reading, number, "this key has a column already");
        }
    }
    reading->column_count++;
    return result;
}

static enum redfu_result take_header(struct reading *reading, const char *line) {
    char cell[CELL_CHARS];
    enum redfu_result result = REDFU_OK;
    while (line && result == REDFU_OK) {
        if (reading->column_count == COLUMNS_MAX || !take_cell(&line, cell)) {
            return refuse_cell(reading, reading->column_count,
                               "the cell does not end, or is one too many");
        }
        result = take_column(reading, cell);
    }
    return result;
}

static enum redfu_result take_row(struct reading *reading, const char *line,
                                  struct station_row *row) {
    char cell[CELL_CHARS];
    char value[CELL_CHARS + 8];
    *row = (struct station_row){
        .line = reading->line,
        .crc = redfu_crc32(0, (const uint8_t *)line, (uint32_t)strlen(line)),
        .settings = calloc(reading->column_count, sizeof *row->settings),
    };
    if (!row->settings) {
        return cli_refuse(reading->cli, REDFU_INTERNAL, "out of memory");
    }
    for (unsigned i = 0; i < reading->column_count; i++) {
        const struct column *column = &reading->columns[i];
        if (!line || !take_cell(&line, cell)) {
            return refuse_cell(reading, i, line ? "the cell does not end" : "the cell is missing");
        }
        if (column->is_note || cell[0] == '\0') {
            continue;
        }
        struct redfu_setting *setting = &row->settings[row->count];
        setting->key = column->key;
        (void)snprintf(value, sizeof value, "%s%s", column->prefix, cell);
        // boot-mode is read by its own rules.
        const char *key = column->key == REDFU_SETTING_BOOT_MODE ? "boot-mode" : NULL;
        enum redfu_result result = read_words(reading, i, key, value, setting);
        if (result != REDFU_OK) {
            return result;
        }
        row->count++;
    }
    return line ? refuse_cell(reading, reading->column_count, "there are more cells than columns")
                : REDFU_OK;
}

static enum redfu_result take_line(struct reading *reading, char *line,
                                   struct station_table *table) {
    line[strcspn(line, "\r")] = '\0';
    if (line[0] == '\0' || (reading->column_count > 0 && line[0] == '#')) {
        return REDFU_OK;
    }
    if (reading->column_count == 0) {
        return take_header(reading, line);
    }
    struct station_row *grown = realloc(table->rows, (table->count + 1) * sizeof *grown);
    if (!grown) {
        return cli_refuse(reading->cli, REDFU_INTERNAL, "out of memory");
    }
    table->rows = grown;
    return take_row(reading, line, &grown[table->count++]);
}

static enum redfu_result take_lines(struct cli *cli, char *text, struct station_table *table) {
    struct reading reading = {.cli = cli, .path = table->path};
    enum redfu_result result = REDFU_OK;
    for (char *line = text; line && result == REDFU_OK;) {
        char *next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        reading.line++;
        result = take_line(&reading, line, table);
        line = next;
    }
    if (result == REDFU_OK && table->count == 0) {
        result = cli_refuse(cli, REDFU_EMPTY_FILE, "%s: no row of settings in it", table->path);
    }
    return result;
}

// --- Which row is whose --------------------------------------------------------------------------

static enum redfu_result refuse_used(struct cli *cli, const struct station_table *table,
                                     const char *why) {
    return cli_refuse(cli, REDFU_CANNOT_SAVE, "%s.used: %s", table->path, why);
}

// "LINE,CRC,SERIAL"
static enum redfu_result take_used(struct cli *cli, struct station_table *table, char *line) {
    unsigned number;
    uint32_t crc;
    int end = 0;
    if (sscanf(line, "%u,%" SCNx32 ",%n", &number, &crc, &end) != 2 || end == 0) {
        return cli_refuse(cli, REDFU_BAD_FILE, "%s.used: \"%.100s\" is no line of it", table->path,
                          line);
    }
    for (size_t i = 0; i < table->count; i++) {
        struct station_row *row = &table->rows[i];
        if (row->line != number) {
            continue;
        }
        if (row->crc != crc) {
            (void)cli_refuse(cli, REDFU_BAD_FILE,
                             "%s: line %u was changed after the board %.64s had got it",
                             table->path, number, line + end);
            return cli_advise(cli, "Append rows, and leave used ones as they are. To begin anew "
                                   "with another table, give it another name.");
        }
        free(row->serial);
        row->serial = strdup(line + end);
        return row->serial ? REDFU_OK : cli_refuse(cli, REDFU_INTERNAL, "out of memory");
    }
    return cli_refuse(cli, REDFU_BAD_FILE,
                      "%s: line %u, which the board %.64s has got, is not there any more",
                      table->path, number, line + end);
}

static enum redfu_result open_used(struct cli *cli, struct station_table *table) {
    char path[4200];
    if ((size_t)snprintf(path, sizeof path, "%s.used", table->path) >= sizeof path) {
        return refuse_used(cli, table, "the name is too long");
    }
    table->used_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (table->used_fd < 0) {
        return refuse_used(cli, table, strerror(errno));
    }
    if (flock(table->used_fd, LOCK_EX | LOCK_NB) != 0) {
        return cli_refuse(cli, REDFU_BUSY, "%s: another station gives its rows to boards",
                          table->path);
    }
    int copy = dup(table->used_fd);
    FILE *file = copy >= 0 ? fdopen(copy, "r") : NULL;
    if (!file) {
        return refuse_used(cli, table, strerror(errno));
    }
    char line[512];
    enum redfu_result result = REDFU_OK;
    while (result == REDFU_OK && fgets(line, sizeof line, file)) {
        size_t len = strcspn(line, "\n");
        // Without its end: the power went while it was written, so no board has got that row.
        if (line[len] == '\n') {
            line[len] = '\0';
            result = take_used(cli, table, line);
        }
    }
    (void)fclose(file);
    return result;
}

// On the disk before the board is touched. What a cut write left of a line is ended first.
static enum redfu_result remember(struct cli *cli, struct station_table *table,
                                  struct station_row *row, const char *serial) {
    char line[REDFU_TEXT_MAX + 64];
    off_t end = lseek(table->used_fd, 0, SEEK_END);
    char last = '\n';
    if (end > 0 && pread(table->used_fd, &last, 1, end - 1) == 1 && last != '\n') {
        if (ftruncate(table->used_fd, 0) != 0) {
            return refuse_used(cli, table, strerror(errno));
        }
        for (size_t i = 0; i < table->count; i++) {
            const struct station_row *used = &table->rows[i];
            if (used->serial && dprintf(table->used_fd, "%u,%08" PRIx32 ",%s\n", used->line,
                                        used->crc, used->serial) < 0) {
                return refuse_used(cli, table, strerror(errno));
            }
        }
    }
    int len = snprintf(line, sizeof line, "%u,%08" PRIx32 ",%s\n", row->line, row->crc, serial);
    if (write(table->used_fd, line, (size_t)len) != len || fsync(table->used_fd) != 0) {
        return refuse_used(cli, table, strerror(errno));
    }
    row->serial = strdup(serial);
    return row->serial ? REDFU_OK : cli_refuse(cli, REDFU_INTERNAL, "out of memory");
}

enum redfu_result station_table_take(struct cli *cli, struct station_table *table,
                                     const char *serial, const struct station_row **row) {
    struct station_row *free_row = NULL;
    for (size_t i = 0; i < table->count; i++) {
        struct station_row *at = &table->rows[i];
        if (at->serial && serial[0] && strcmp(at->serial, serial) == 0) {
            *row = at;
            return REDFU_OK;
        }
        if (!at->serial && !free_row) {
            free_row = at;
        }
    }
    *row = free_row;
    return free_row ? remember(cli, table, free_row, serial)
                    : cli_refuse(cli, REDFU_NO_ROW, "%s: each of its %zu rows belongs to a board",
                                 table->path, table->count);
}

// --- Life ----------------------------------------------------------------------------------------

enum redfu_result station_table_load(struct cli *cli, const char *path,
                                     struct station_table *table) {
    uint8_t *bytes;
    uint32_t len;
    *table = (struct station_table){.path = path, .used_fd = -1};
    enum redfu_result result = file_load(cli, path, TABLE_BYTES_MAX, &bytes, &len);
    if (result != REDFU_OK) {
        return result;
    }
    char *text = malloc((size_t)len + 1);
    if (text) {
        memcpy(text, bytes, len);
        text[len] = '\0';
        // Spreadsheets put a byte order mark before UTF-8.
        size_t mark = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        result = strlen(text) == len ? take_lines(cli, text + mark, table)
                                     : cli_refuse(cli, REDFU_BAD_FILE, "%s: no text", path);
    } else {
        result = cli_refuse(cli, REDFU_INTERNAL, "out of memory");
    }
    free(text);
    free(bytes);
    return result == REDFU_OK ? open_used(cli, table) : result;
}

void station_table_free(struct station_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        free(table->rows[i].settings);
        free(table->rows[i].serial);
    }
    free(table->rows);
    if (table->used_fd >= 0) {
        (void)close(table->used_fd);
    }
    *table = (struct station_table){.used_fd = -1};
}
