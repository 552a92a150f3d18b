// SPDX-License-Identifier: MIT
//
// From the top: a bar with the board and the time; cpu, usb, pins; the flash map; then what is said, by board,
// COMMAND and vboard, in what room is left.

#include "vboard/view/screen.h"

#include <curses.h>
#include <inttypes.h>
#include <string.h>

#include "spec/dfu.h"
#include "vboard/observe/span.h"

enum colour { PLAIN, GREEN, YELLOW, RED, BLUE, CYAN, COLOURS };

#define ADDRESS_COLUMNS 9

void screen_start_colours(void) {
    static const short of[COLOURS] = {-1,        COLOR_GREEN, COLOR_YELLOW,
                                      COLOR_RED, COLOR_BLUE,  COLOR_CYAN};
    (void)start_color();
    (void)use_default_colors();
    for (short i = 1; i < COLOURS; i++) {
        (void)init_pair(i, of[i], -1);
    }
}

static attr_t look_of(const struct screen *screen, enum colour colour) {
    return screen->has_colours && colour != PLAIN ? COLOR_PAIR(colour) : A_NORMAL;
}

static int room(void) {
    return COLS - getcurx(stdscr);
}

static void put(const struct screen *screen, enum colour colour, attr_t attributes,
                const char *text) {
    int columns = room();
    if (getcury(stdscr) < LINES && columns > 0) {
        (void)attrset((int)(attributes | look_of(screen, colour)));
        (void)addnstr(text, columns);
        (void)attrset(A_NORMAL);
    }
}

__attribute__((format(printf, 2, 3))) static void say(const struct screen *screen,
                                                      const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(screen, PLAIN, A_NORMAL, text);
}

static void label(const struct screen *screen, int line, const char *name) {
    (void)move(line, 0);
    put(screen, CYAN, A_BOLD, name);
    (void)move(line, 7);
}

static void draw_bar(const struct screen *screen) {
    const struct board *board = screen->board->board;
    char text[256];
    char end[64];
    (void)snprintf(text, sizeof text, " vboard  %s%s%s (%s)",
                   screen->board->name ? screen->board->name : "", screen->board->name ? "  " : "",
                   board->name, board->chip->name);
    (void)snprintf(end, sizeof end, "  %" PRIu64 ".%03u s   %sq ends ",
                   (uint64_t)(screen->now_ps / PS_PER_S),
                   (unsigned)(screen->now_ps % PS_PER_S / PS_PER_MS),
                   screen->count > 1 ? "Tab: next board   " : "");
    (void)attrset(A_REVERSE);
    for (int i = 0; i < COLS; i++) {
        (void)mvaddch(0, i, ' ');
    }
    (void)mvaddnstr(0, 0, text, COLS);
    int at = COLS - (int)strlen(end);
    if (at > 0) {
        (void)mvaddstr(0, at, end);
    }
    (void)attrset(A_NORMAL);
}

static const char *state_of(struct chip *chip, enum colour *colour) {
    const struct cpu *cpu = chip_cpu(chip);
    *colour = RED;
    if (!chip_is_powered(chip)) {
        return "no power";
    }
    if (!chip_is_running(chip)) {
        return "held in reset";
    }
    if (cpu_is_locked_up(cpu)) {
        return "locked up";
    }
    if (cpu_is_parked(cpu)) {
        return "ended (semihosting)";
    }
    *colour = GREEN;
    return cpu_is_asleep(cpu) ? "asleep" : "running";
}

static void draw_cpu(const struct screen *screen, int line) {
    struct chip *chip = screen->board->chip;
    struct cpu *cpu = chip_cpu(chip);
    enum colour colour;
    const char *state = state_of(chip, &colour);
    label(screen, line, "cpu");
    put(screen, colour, A_NORMAL, state);
    uint32_t pc = cpu_pc(cpu);
    uint32_t offset = 0;
    const char *symbol = loads_symbol((void *)(uintptr_t)screen->board->loads, pc, &offset);
    uint32_t exception = cpu_register(cpu, 16) & 0x1FFu; // IPSR
    say(screen, "  0x%08" PRIX32, pc);
    if (symbol) {
        say(screen, " %.40s+0x%" PRIX32, symbol, offset);
    }
    if (exception) {
        say(screen, " in exception %" PRIu32, exception);
    }
    uint64_t hz = chip_core_hz(chip);
    say(screen, "  %" PRIu64 ".%" PRIu64 " MHz", hz / 1000000, hz % 1000000 / 100000);
    say(screen, "  %" PRIu64 " instructions", cpu_instructions(cpu));
    if (screen->board->trace->complaint_count > 0) {
        char text[48];
        (void)snprintf(text, sizeof text, "  %lu complaints",
                       screen->board->trace->complaint_count);
        put(screen, RED, A_BOLD, text);
    }
}

static void draw_usb(const struct screen *screen, int line) {
    static const char *const speeds[] = {"no device", "low speed", "full speed", "high speed"};
    const struct cable *cable = screen->board->cable;
    const struct usb_count *usb = observe_usb(screen->board->observe);
    enum usb_speed speed = cable_is_plugged(cable) ? cable_speed(cable) : USB_SPEED_NONE;
    bool has_device = speed != USB_SPEED_NONE;
    uint64_t bytes[2] = {0, 0}; // out, in
    for (unsigned i = 0; i < usb->row_count; i++) {
        bytes[usb->rows[i].type >> 7] += usb->rows[i].bytes;
    }
    label(screen, line, "usb");
    if (!cable_is_plugged(cable)) {
        put(screen, RED, A_NORMAL, "unplugged");
    } else {
        put(screen, has_device ? GREEN : YELLOW, A_NORMAL, speeds[speed]);
    }
    if (has_device && usb->vendor | usb->product) {
        say(screen, "  %04x:%04x", usb->vendor, usb->product);
    }
    if (has_device) {
        say(screen, "  %s", usb->is_configured ? "configured" : "not configured");
    }
    if (has_device && usb->has_dfu_state && dfu_state_name(usb->dfu_state)) {
        say(screen, "  %s", dfu_state_name(usb->dfu_state));
    }
    say(screen, "  %" PRIu64 " B in, %" PRIu64 " B out", bytes[1], bytes[0]);
}

static enum colour colour_of(const char *name) {
    static const struct {
        const char *name;
        enum colour colour;
    } of[] = {{"green", GREEN}, {"orange", YELLOW}, {"red", RED}, {"blue", BLUE}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        if (strcmp(of[i].name, name) == 0) {
            return of[i].colour;
        }
    }
    return PLAIN;
}

static void draw_pins(const struct screen *screen, int line) {
    const struct board *board = screen->board->board;
    char text[48];
    label(screen, line, "pins");
    if (board->pin_count == 0) {
        say(screen, "no names are known of this board's");
    }
    for (size_t i = 0; i < board->pin_count; i++) {
        const struct board_pin *pin = &board->pins[i];
        int level = chip_pin(screen->board->chip, pin->pin);
        if (pin->part == BOARD_INPUT) {
            say(screen, "%s=%s  ", pin->name, level < 0 ? "z" : level ? "1" : "0");
            continue;
        }
        bool is_lit = level == (pin->part == BOARD_LED_AT_1);
        (void)snprintf(text, sizeof text, "%s %s", is_lit ? "(*)" : "( )", pin->name);
        put(screen, is_lit ? colour_of(pin->name) : PLAIN, is_lit ? A_BOLD : A_NORMAL, text);
        say(screen, "  ");
    }
}

static bool begins_sector(const struct chip *chip, uint32_t off) {
    for (unsigned sector = 0; sector < CHIP_FLASH_SECTORS_MAX; sector++) {
        uint32_t addr;
        uint32_t len;
        if (chip_flash_sector(chip, sector, &addr, &len) && addr - 0x08000000u == off) {
            return true;
        }
    }
    return false;
}

// As many kilobytes a character as make a row fit: with a bar before each sector but the first of the row.
static uint32_t bytes_a_cell(void) {
    uint32_t cell = MAP_PIECE_BYTES;
    while (cell < 16384 && ADDRESS_COLUMNS + (int)(MAP_ROW_BYTES / cell) + 5 > COLS) {
        cell *= 2;
    }
    return cell;
}

static enum colour colour_of_state(char state) {
    return state == MAP_CHANGED ? YELLOW : state == MAP_PROGRAMMED ? GREEN : PLAIN;
}

static int draw_map(const struct screen *screen, int line) {
    struct chip *chip = screen->board->chip;
    uint32_t bytes = screen->board->board->chip->flash_bytes;
    uint32_t cell = bytes_a_cell();
    uint64_t erases = 0;
    char busy[MAP_BUSY_MAX];
    for (unsigned sector = 0; sector < CHIP_FLASH_SECTORS_MAX; sector++) {
        erases += chip_flash_erase_count(chip, sector);
    }
    map_busy(chip, busy);
    label(screen, line++, "flash");
    put(screen, strcmp(busy, "idle") == 0 ? PLAIN : YELLOW, A_NORMAL, busy);
    say(screen, ", %" PRIu64 " erases   %cerased %cprogrammed %cchanging  %" PRIu32 " KB each",
        erases, MAP_ERASED, MAP_PROGRAMMED, MAP_CHANGED, cell / 1024);
    for (uint32_t row = 0; row < bytes && line < LINES - 2; row += MAP_ROW_BYTES, line++) {
        (void)move(line, 0);
        say(screen, "%08" PRIX32 " ", 0x08000000u + row);
        for (uint32_t off = row; off < row + MAP_ROW_BYTES && off < bytes; off += cell) {
            if (off != row && begins_sector(chip, off)) {
                say(screen, "|");
            }
            char text[2] = {map_state(screen->map, off, cell), '\0'};
            put(screen, colour_of_state(text[0]), text[0] == MAP_ERASED ? A_DIM : A_NORMAL, text);
        }
    }
    return line;
}

static int draw_pane(const struct screen *screen, int line, int lines, const char *title,
                     const struct pane *pane) {
    (void)move(line, 0);
    put(screen, CYAN, A_BOLD, title);
    for (int i = 1; i < lines; i++) {
        const char *text = pane_line(pane, (unsigned)(lines - 1 - i));
        // What there is stands at the top.
        unsigned count = pane_count(pane);
        if (count < (unsigned)(lines - 1)) {
            text = (unsigned)i <= count ? pane_line(pane, count - (unsigned)i) : NULL;
        }
        if (text) {
            (void)move(line + i, 0);
            put(screen, PLAIN, A_NORMAL, text);
        }
    }
    return line + lines;
}

// A pane of nothing gets one line, its title, so that it is seen to be empty.
static void draw_panes(const struct screen *screen, int line) {
    char title[80];
    const struct {
        const char *title;
        const struct pane *pane;
    } all[] = {{"console", screen->console},
               {title, screen->command_name ? screen->command : NULL},
               {"vboard says", screen->notes}};
    (void)snprintf(title, sizeof title, "%s says",
                   screen->command_name ? screen->command_name : "");
    int left = LINES - line;
    int full = 0;
    for (size_t i = 0; i < 3; i++) {
        full += all[i].pane && pane_count(all[i].pane) > 0;
        left -= all[i].pane && pane_count(all[i].pane) == 0;
    }
    for (size_t i = 0; i < 3 && line < LINES; i++) {
        if (!all[i].pane) {
            continue;
        }
        int lines = 1;
        if (pane_count(all[i].pane) > 0) {
            lines = left / full; // what is left is shared among those that have something
            left -= lines;
            full--;
        }
        lines = lines < 1 ? 1 : lines > LINES - line ? LINES - line : lines;
        line = draw_pane(screen, line, lines, all[i].title, all[i].pane);
    }
}

void screen_draw(const struct screen *screen) {
    (void)erase();
    if (LINES < SCREEN_LINES_MIN || COLS < SCREEN_COLUMNS_MIN) {
        (void)move(0, 0);
        say(screen, "--view: %d lines, %d columns at least", SCREEN_LINES_MIN, SCREEN_COLUMNS_MIN);
        (void)refresh();
        return;
    }
    draw_bar(screen);
    draw_cpu(screen, 1);
    draw_usb(screen, 2);
    draw_pins(screen, 3);
    draw_panes(screen, draw_map(screen, 4));
    (void)refresh();
}
