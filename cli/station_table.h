// SPDX-License-Identifier: MIT
//
// The table of a station: one row of settings for each board, from a CSV file (docs/station.md).
//
// A row belongs to the first board that was given it, for ever: FILE.csv.used remembers, written and on the
// disk before the board is. The same board gets its row again.

#ifndef CLI_STATION_TABLE_H
#define CLI_STATION_TABLE_H

#include "cli/cli.h"

struct station_row {
    unsigned line; // of the file, from 1
    uint32_t crc;  // of its text
    struct redfu_setting *settings;
    size_t count;
    char *serial; // of the board that has it; NULL: nobody's yet
};

struct station_table {
    const char *path;
    struct station_row *rows;
    size_t count;
    int used_fd; // FILE.csv.used, locked; -1: none
};

// Reads and judges the whole file: REDFU_NO_FILE, EMPTY_FILE; REDFU_BAD_FILE with line and column for anything
// that is no setting; REDFU_BUSY when another station works with it; REDFU_CANNOT_SAVE.
enum redfu_result station_table_load(struct cli *cli, const char *path, struct station_table *table)
    __attribute__((warn_unused_result));
// The board's row. REDFU_NO_ROW when all are others'; REDFU_CANNOT_SAVE.
enum redfu_result station_table_take(struct cli *cli, struct station_table *table,
                                     const char *serial, const struct station_row **row)
    __attribute__((warn_unused_result));
void station_table_free(struct station_table *table);

#endif
