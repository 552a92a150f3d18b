// SPDX-License-Identifier: MIT
//
// What a debugger may ask (GDB manual, E.2 "Packets" and E.5 "Stop Reply Packets"), one function a group;
// what is not here is answered with an empty packet, which means "not known", as the protocol has it.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/gdb/gdb_internal.h"

// Error numbers are nobody's in particular: gdb shows them as they are.
#define ERROR_FORM   "E01" // the packet is not in its form
#define ERROR_MEMORY "E0e" // nothing answers there (EFAULT)
#define ERROR_ROOM   "E1c" // no more room (ENOSPC)

// Flash and RAM of the largest chip, several times: a longer qCRC is nonsense that would take minutes.
#define CRC_MAX      (16u << 20)

// --- numbers ----------------------------------------------------------------------------------------

static int digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// A hexadecimal number of 32 bits, and the character behind it.
static bool number(const char **at, char behind, uint32_t *value) {
    unsigned digits = 0;
    *value = 0;
    for (; digit(**at) >= 0; ++*at, digits++) {
        if (*value >> 28) {
            return false;
        }
        *value = *value << 4 | (uint32_t)digit(**at);
    }
    if (digits == 0 || **at != behind) {
        return false;
    }
    *at += behind != '\0';
    return true;
}

static void put_hex(char *to, const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
    to[2 * len] = '\0';
}

// How many bytes in hexadecimal there are up to the end; 0: none, or something else.
static size_t take_hex(const char *at, uint8_t *bytes, size_t room) {
    size_t len = strlen(at) / 2;
    if (strlen(at) % 2 != 0 || len > room) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        int high = digit(at[2 * i]), low = digit(at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return len;
}

// Binary contents in place: '}' and a byte stand for that byte ^ 0x20.
static size_t unescape(char *bytes, size_t len) {
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        bytes[to++] = bytes[i] == '}' && i + 1 < len ? (char)(bytes[++i] ^ 0x20) : bytes[i];
    }
    return to;
}

static bool is_word(const char *packet, const char *word) {
    return strncmp(packet, word, strlen(word)) == 0;
}

// --- why it stands ----------------------------------------------------------------------------------

void gdb_stop_reply(struct gdb *gdb, char reply[128]) {
    uint32_t addr;
    enum cpu_watch_kind kind;
    switch (cpu_debug_reason(gdb->cpu, &addr, &kind)) {
    case CPU_DEBUG_BREAKPOINT:
        // Breakpoints of both kinds are the same here.
        (void)snprintf(reply, 128, "T05%sthread:1;", gdb->has_hwbreak ? "hwbreak:;" : "");
        break;
    case CPU_DEBUG_WATCHPOINT:
        (void)snprintf(reply, 128, "T05%s:%" PRIx32 ";thread:1;",
                       kind == CPU_WATCH_WRITE  ? "watch"
                       : kind == CPU_WATCH_READ ? "rwatch"
                                                : "awatch",
                       addr);
        break;
    case CPU_DEBUG_HARD_FAULT:
    case CPU_DEBUG_LOCKUP:
        (void)snprintf(reply, 128, "T0bthread:1;"); // SIGSEGV
        break;
    default:
        (void)snprintf(reply, 128, "T05thread:1;"); // SIGTRAP
        break;
    }
}

// --- registers --------------------------------------------------------------------------------------

static size_t put_register(struct gdb *gdb, unsigned number, char *text) {
    size_t size = gdb_register_size(number);
    uint64_t value = gdb_register(gdb, number);
    uint8_t bytes[8];
    memcpy(bytes, &value, sizeof bytes); // little-endian, as the target's
    put_hex(text, bytes, size);
    return 2 * size;
}

static void read_registers(struct gdb *gdb) {
    char text[GDB_REGISTERS * 16 + 1];
    size_t used = 0;
    for (unsigned i = 0; i < GDB_REGISTERS; i++) {
        used += put_register(gdb, i, text + used);
    }
    gdb_answer(gdb, text);
}

static void write_registers(struct gdb *gdb, const char *text) {
    uint8_t bytes[GDB_REGISTERS * 8];
    size_t len = take_hex(text, bytes, sizeof bytes), total = 0;
    for (unsigned i = 0; i < GDB_REGISTERS; i++) {
        total += gdb_register_size(i);
    }
    if (len != total) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    // What is as it was is left alone: "sp" and msp or psp are two names of one register.
    size_t off = 0;
    for (unsigned i = 0; i < GDB_REGISTERS; i++) {
        uint64_t value = 0;
        memcpy(&value, bytes + off, gdb_register_size(i));
        off += gdb_register_size(i);
        if (gdb_register(gdb, i) != value) {
            gdb_set_register(gdb, i, value);
        }
    }
    gdb_answer(gdb, "OK");
}

static void read_register(struct gdb *gdb, const char *at) {
    char text[17];
    uint32_t n;
    if (!number(&at, '\0', &n) || gdb_register_size(n) == 0) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    (void)put_register(gdb, n, text);
    gdb_answer(gdb, text);
}

static void write_register(struct gdb *gdb, const char *at) {
    uint8_t bytes[8];
    uint64_t value = 0;
    uint32_t n;
    if (!number(&at, '=', &n) || gdb_register_size(n) == 0 ||
        take_hex(at, bytes, sizeof bytes) != gdb_register_size(n)) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    memcpy(&value, bytes, gdb_register_size(n));
    gdb_set_register(gdb, n, value);
    gdb_answer(gdb, "OK");
}

// --- memory -----------------------------------------------------------------------------------------

static void read_memory(struct gdb *gdb, const char *at) {
    uint8_t bytes[PACKET_MAX / 2];
    char text[PACKET_MAX + 1];
    uint32_t addr, len;
    if (!number(&at, ',', &addr) || !number(&at, '\0', &len)) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    size_t got = gdb_read(gdb, addr, bytes, len < sizeof bytes ? len : sizeof bytes);
    if (got == 0 && len > 0) {
        gdb_answer(gdb, ERROR_MEMORY);
        return;
    }
    put_hex(text, bytes, got);
    gdb_answer(gdb, text);
}

static void write_memory(struct gdb *gdb, const char *at) {
    uint8_t bytes[PACKET_MAX / 2];
    uint32_t addr, len;
    if (!number(&at, ',', &addr) || !number(&at, ':', &len) ||
        take_hex(at, bytes, sizeof bytes) != len) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    gdb_answer(gdb, gdb_write(gdb, addr, bytes, len) ? "OK" : ERROR_MEMORY);
}

static void write_binary(struct gdb *gdb, char *packet, size_t packet_len) {
    const char *at = packet;
    uint32_t addr, len;
    if (!number(&at, ',', &addr) || !number(&at, ':', &len)) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    char *bytes = packet + (at - packet);
    size_t got = unescape(bytes, packet_len - (size_t)(at - packet));
    if (got != len) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    gdb_answer(gdb, gdb_write(gdb, addr, (const uint8_t *)bytes, len) ? "OK" : ERROR_MEMORY);
}

static void flash_erase(struct gdb *gdb, const char *at) {
    uint32_t addr, len;
    if (!number(&at, ',', &addr) || !number(&at, '\0', &len)) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    gdb_answer(gdb, gdb_flash_erase(gdb, addr, len) ? "OK" : ERROR_MEMORY);
}

static void flash_write(struct gdb *gdb, char *packet, size_t packet_len) {
    const char *at = packet;
    uint32_t addr;
    if (!number(&at, ':', &addr)) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    char *bytes = packet + (at - packet);
    size_t len = unescape(bytes, packet_len - (size_t)(at - packet));
    bool is_done = gdb_flash_write(gdb, addr, (const uint8_t *)bytes, len);
    gdb_answer(gdb, is_done ? "OK" : "E.memtype");
}

static void checksum(struct gdb *gdb, const char *at) {
    uint32_t addr, len, crc;
    char text[16];
    if (!number(&at, ',', &addr) || !number(&at, '\0', &len) || len > CRC_MAX) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    (void)snprintf(text, sizeof text, ERROR_MEMORY);
    if (gdb_crc(gdb, addr, len, &crc)) {
        (void)snprintf(text, sizeof text, "C%08" PRIx32, crc);
    }
    gdb_answer(gdb, text);
}

// --- breakpoints ------------------------------------------------------------------------------------

// Z0 software and Z1 hardware breakpoints, which both change no memory here; Z2 write, Z3 read, Z4 access
// watchpoints.
static void set_point(struct gdb *gdb, const char *packet) {
    static const enum cpu_watch_kind kinds[] = {CPU_WATCH_WRITE, CPU_WATCH_READ, CPU_WATCH_ACCESS};
    bool is_set = packet[0] == 'Z';
    char type = packet[1];
    const char *at = packet + 3;
    uint32_t addr, kind;
    if (type < '0' || type > '4') {
        gdb_answer(gdb, "");
        return;
    }
    if (packet[2] != ',' || !number(&at, ',', &addr) ||
        !number(&at, *at == ';' ? ';' : '\0', &kind)) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    bool is_done = true;
    if (type <= '1' && is_set) {
        cpu_breakpoint_add(gdb->cpu, addr & ~1u);
    } else if (type <= '1') {
        is_done = cpu_breakpoint_remove(gdb->cpu, addr & ~1u);
    } else if (is_set) {
        is_done = cpu_watchpoint_add(gdb->cpu, addr, kind, kinds[type - '2']);
    } else {
        is_done = cpu_watchpoint_remove(gdb->cpu, addr, kind, kinds[type - '2']);
    }
    gdb_answer(gdb, is_done ? "OK" : ERROR_ROOM);
}

// --- running ----------------------------------------------------------------------------------------

static void go_on(struct gdb *gdb) {
    cpu_debug_halt(gdb->cpu); // so that it goes on where it stands
    gdb_resume(gdb);
}

static void step(struct gdb *gdb) {
    cpu_debug_halt(gdb->cpu);
    cpu_debug_step(gdb->cpu, !gdb->keeps_interrupts);
    gdb_resume(gdb);
}

// "c", "s" with an address, "C", "S" with a signal that a board cannot take, and an address.
static void run(struct gdb *gdb, const char *packet) {
    const char *at = packet + 1;
    uint32_t value;
    bool has_signal = packet[0] == 'C' || packet[0] == 'S';
    if (has_signal) {
        at += strcspn(at, ";");
        at += *at == ';';
    }
    if (*at != '\0') {
        if (!number(&at, '\0', &value)) {
            gdb_answer(gdb, ERROR_FORM);
            return;
        }
        cpu_set_register(gdb->cpu, 15, value);
    }
    if (packet[0] == 's' || packet[0] == 'S') {
        step(gdb);
    } else {
        go_on(gdb);
    }
}

// One thread, so the first action is its own.
static void run_action(struct gdb *gdb, const char *at) {
    switch (*at) {
    case 's':
    case 'S':
        step(gdb);
        break;
    case 'c':
    case 'C':
        go_on(gdb);
        break;
    case 't':
        gdb_answer(gdb, gdb->stop);
        break;
    default:
        gdb_answer(gdb, ERROR_FORM);
        break;
    }
}

static bool reset(struct gdb *gdb) {
    if (!chip_is_powered(gdb->chip)) {
        return false;
    }
    chip_reset_pin(gdb->chip);
    gdb_halt(gdb, "T05thread:1;");
    return true;
}

// --- monitor ----------------------------------------------------------------------------------------

static const char monitor_words[] =
    "reset [halt]           resets the board, which stays stopped before its first instruction\n"
    "catch hardfault on|off whether HardFault stops it (on until said otherwise)\n"
    "maskisr on|off         whether interrupts wait while you step (on until said otherwise)\n";

// gdb takes nothing from the answer to a monitor command but its text: it is the person who can let it ask again.
static const char reset_words[] =
    "reset; gdb shows the registers of before until 'maintenance flush register-cache' "
    "(docs/debugging.md)\n";

static void monitor(struct gdb *gdb, const char *hex) {
    char line[128] = "", text[1024];
    const char *words = "no such word; there are:\n";
    size_t len = take_hex(hex, (uint8_t *)line, sizeof line - 1);
    line[len] = '\0';
    bool is_on = strstr(line, " on") != NULL;
    if (strcmp(line, "reset") == 0 || strcmp(line, "reset halt") == 0) {
        words = reset(gdb) ? reset_words : "the board has no power\n";
    } else if (strcmp(line, "catch hardfault on") == 0 ||
               strcmp(line, "catch hardfault off") == 0) {
        cpu_debug_catch(gdb->cpu, is_on);
        words = "";
    } else if (strcmp(line, "maskisr on") == 0 || strcmp(line, "maskisr off") == 0) {
        gdb->keeps_interrupts = !is_on;
        words = "";
    } else if (strcmp(line, "help") == 0) {
        words = "monitor knows:\n";
    }
    if (words[0] == '\0') {
        gdb_answer(gdb, "OK");
        return;
    }
    bool has_list = strchr(words, ':') != NULL;
    (void)snprintf(line, sizeof line, "%s", words);
    (void)snprintf(text, sizeof text / 2, "%s%s", line, has_list ? monitor_words : "");
    char answer[2 * sizeof text + 2] = "";
    put_hex(answer, (const uint8_t *)text, strlen(text));
    gdb_answer(gdb, answer);
}

// --- queries ----------------------------------------------------------------------------------------

// "OFFSET,LEN" of a document: 'm' and a part, 'l' and the last.
static void document(struct gdb *gdb, const char *text, const char *at) {
    char answer[PACKET_MAX];
    uint32_t off, len;
    size_t total = strlen(text);
    if (!number(&at, ',', &off) || !number(&at, '\0', &len) || off > total) {
        gdb_answer(gdb, ERROR_FORM);
        return;
    }
    size_t part = total - off;
    part = part < len ? part : len;
    part = part < sizeof answer - 1 ? part : sizeof answer - 1;
    // None of '#', '$', '}' and '*' is in these, so nothing is escaped.
    answer[0] = off + part == total ? 'l' : 'm';
    memcpy(answer + 1, text + off, part);
    gdb_answer_bytes(gdb, answer, part + 1);
}

static void query(struct gdb *gdb, const char *packet) {
    static const char features[] = "qXfer:features:read:target.xml:";
    static const char map[] = "qXfer:memory-map:read::";
    char text[GDB_MEMORY_MAP_MAX];
    if (is_word(packet, "qSupported")) {
        gdb->has_hwbreak = strstr(packet, "hwbreak+") != NULL;
        (void)snprintf(text, sizeof text,
                       "PacketSize=%x;qXfer:features:read+;qXfer:memory-map:read+;"
                       "QStartNoAckMode+;hwbreak+;vContSupported+",
                       PACKET_MAX);
        gdb_answer(gdb, text);
    } else if (is_word(packet, features)) {
        document(gdb, gdb_target_xml, packet + strlen(features));
    } else if (is_word(packet, map)) {
        gdb_memory_map(gdb, text);
        document(gdb, text, packet + strlen(map));
    } else if (is_word(packet, "qRcmd,")) {
        monitor(gdb, packet + strlen("qRcmd,"));
    } else if (is_word(packet, "qCRC:")) {
        checksum(gdb, packet + strlen("qCRC:"));
    } else if (strcmp(packet, "qC") == 0) {
        gdb_answer(gdb, "QC1");
    } else if (strcmp(packet, "qfThreadInfo") == 0) {
        gdb_answer(gdb, "m1");
    } else if (strcmp(packet, "qsThreadInfo") == 0) {
        gdb_answer(gdb, "l");
    } else if (is_word(packet, "qAttached")) {
        gdb_answer(gdb, "1"); // ending gdb leaves the board running
    } else {
        gdb_answer(gdb, "");
    }
}

static void verbose(struct gdb *gdb, char *packet, size_t len) {
    if (strcmp(packet, "vCont?") == 0) {
        gdb_answer(gdb, "vCont;c;C;s;S;t");
    } else if (is_word(packet, "vCont;")) {
        run_action(gdb, packet + 6);
    } else if (is_word(packet, "vFlashErase:")) {
        flash_erase(gdb, packet + 12);
    } else if (is_word(packet, "vFlashWrite:")) {
        flash_write(gdb, packet + 12, len - 12);
    } else if (strcmp(packet, "vFlashDone") == 0) {
        gdb_answer(gdb, gdb_flash_done(gdb) ? "OK" : ERROR_MEMORY);
    } else if (is_word(packet, "vRun")) { // "run" of target extended-remote
        (void)reset(gdb);
        gdb_answer(gdb, gdb->stop);
    } else if (is_word(packet, "vKill")) {
        gdb_answer(gdb, "OK");
        gdb->is_leaving = !gdb->is_extended;
    } else {
        gdb_answer(gdb, "");
    }
}

void gdb_do(struct gdb *gdb, char *packet, size_t len) {
    switch (packet[0]) {
    case '?':
        gdb_answer(gdb, gdb->stop);
        break;
    case 'g':
        read_registers(gdb);
        break;
    case 'G':
        write_registers(gdb, packet + 1);
        break;
    case 'p':
        read_register(gdb, packet + 1);
        break;
    case 'P':
        write_register(gdb, packet + 1);
        break;
    case 'm':
        read_memory(gdb, packet + 1);
        break;
    case 'M':
        write_memory(gdb, packet + 1);
        break;
    case 'X':
        write_binary(gdb, packet + 1, len - 1);
        break;
    case 'z':
    case 'Z':
        set_point(gdb, packet);
        break;
    case 'c':
    case 'C':
    case 's':
    case 'S':
        run(gdb, packet);
        break;
    case 'H':
    case 'T':
        gdb_answer(gdb, "OK");
        break;
    case 'D':
        gdb_answer(gdb, "OK");
        gdb->is_leaving = true;
        break;
    case '!':
        gdb->is_extended = true;
        gdb_answer(gdb, "OK");
        break;
    case 'k':
        gdb->is_leaving = !gdb->is_extended;
        break;
    case 'R':
        (void)reset(gdb);
        break;
    case 'q':
        query(gdb, packet);
        break;
    case 'Q':
        if (strcmp(packet, "QStartNoAckMode") == 0) {
            gdb_answer(gdb, "OK");
            gdb->has_no_ack = true;
        } else {
            gdb_answer(gdb, "");
        }
        break;
    case 'v':
        verbose(gdb, packet, len);
        break;
    default:
        gdb_answer(gdb, "");
        break;
    }
}
