// SPDX-License-Identifier: MIT
//
// `--view` on a pseudo-terminal: what stands on the screen, that it follows the board, a new size and NO_COLOR,
// and that the terminal is given back however it ends. Times are the wall clock's, and generous.
//
// With a file's name as its argument it writes the screens there that docs/observing.md shows.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/host/shell.h"
#include "tests/host/vt100.h"

#define PATIENCE_S 60

static struct vt100 vt;
static char screen[16384];
static char all[1u << 20]; // that was written, from the beginning
static size_t all_len;
static int terminal = -1, slave = -1;
static pid_t child;
static int status = -1; // of the child
static FILE *shots;

// Runs a line on a terminal of 80 columns.
static void start(int lines, const char *kind, const char *line) {
    struct winsize size = {.ws_row = (unsigned short)lines, .ws_col = 80};
    vt100_start(&vt, lines, 80);
    all_len = 0;
    screen[0] = '\0';
    status = -1;
    assert_int_equal(openpty(&terminal, &slave, NULL, NULL, &size),
                     0); // ours stays open, to be looked at
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(terminal);
        (void)login_tty(slave);
        (void)setenv("TERM", kind, 1);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(99);
    }
}

static void take(void) {
    struct pollfd on = {.fd = terminal, .events = POLLIN};
    char bytes[4096];
    if (poll(&on, 1, 50) > 0) {
        ssize_t len = read(terminal, bytes, sizeof bytes);
        if (len > 0) {
            assert_true(all_len + (size_t)len < sizeof all);
            memcpy(all + all_len, bytes, (size_t)len);
            all_len += (size_t)len;
            all[all_len] = '\0';
            vt100_write(&vt, bytes, (size_t)len);
            if (vt.is_unknown) {
                fail_msg("this terminal does not know ESC %s", vt.sequence);
            }
        }
    }
    vt100_text(&vt, screen, sizeof screen);
}

static time_t deadline(void) {
    return time(NULL) + PATIENCE_S;
}

// Until the screen has the words.
static void shows(const char *words) {
    for (time_t end = deadline(); !strstr(screen, words); take()) {
        if (time(NULL) > end) {
            fail_msg("no '%s' within %d s on:\n%s", words, PATIENCE_S, screen);
        }
    }
}

// Until a row of the map, which begins with its address, has a piece that changes.
static void shows_a_change(void) {
    for (time_t end = deadline();; take()) {
        for (const char *row = screen; (row = strstr(row, "\n080")); row++) {
            if (memchr(row + 1, '*', strcspn(row + 1, "\n"))) {
                return;
            }
        }
        if (time(NULL) > end) {
            fail_msg("nothing changes within %d s on:\n%s", PATIENCE_S, screen);
        }
    }
}

static void lacks(const char *words) {
    if (strstr(screen, words)) {
        fail_msg("'%s' on:\n%s", words, screen);
    }
}

// Until the child has ended, and everything is read.
static int ends(void) {
    for (time_t end = deadline(); status < 0; take()) {
        int how;
        if (waitpid(child, &how, WNOHANG) == child) {
            status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
        } else if (time(NULL) > end) {
            (void)kill(child, SIGKILL);
            fail_msg("did not end within %d s:\n%s", PATIENCE_S, screen);
        }
    }
    for (int i = 0; i < 3; i++) {
        take();
    }
    return status;
}

static void hang_up(void) {
    (void)close(terminal);
    (void)close(slave);
    terminal = slave = -1;
}

// SGR 30 to 37.
static bool has_colour(const char *text) {
    for (const char *at = text; (at = strstr(at, "\033[")); at += 2) {
        const char *end = at + 2 + strspn(at + 2, "0123456789;");
        for (const char *number = at + 2; *end == 'm' && number < end; number++) {
            bool is_first = number[-1] == '[' || number[-1] == ';';
            if (is_first && *number == '3' && number[1] >= '0' && number[1] <= '7') {
                return true;
            }
        }
    }
    return false;
}

// The line is edited and echoed again.
static void is_given_back(void) {
    struct termios modes;
    assert_int_equal(tcgetattr(slave, &modes), 0);
    assert_true((modes.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO));
}

static void shot(const char *title) {
    if (shots) {
        (void)fprintf(shots, "%s\n\n%s\n", title, screen);
    }
}

static void board_is_on_the_screen(void **state) {
    (void)state;
    start(24, "vt100",
          "exec $V run --load $F/redfu-boot.elf --flash f.bin --view --uart usart2=u.txt");
    shows("vboard  stm32f4-discovery (STM32F407VG)");
    shows("full speed");
    shows("cpu    "); // and a state behind it
    shows("button=0");
    shows("(*) green"); // lit in DFU mode
    shows("q ends");
    assert_true(strstr(screen, "asleep  0x2") || strstr(screen, "running  0x"));
    // Sectors of 16, 16, 16, 16, 64 and 128 KB, 4 KB a character; the bootloader in the first.
    assert_non_null(strstr(screen, "08000000 ####|"));
    assert_non_null(strstr(screen, "|................|......"));
    assert_non_null(strstr(screen, "080C0000 ................................|......"));
    shows("idle, 1 erases"); // the settings' first page
    shot("A bootloader, nobody at the cable");
    (void)!write(terminal, "q", 1);
    assert_int_equal(ends(), 0);
    is_given_back();
    hang_up();
}

static void ctrl_c_ends_it_and_gives_the_terminal_back(void **state) {
    (void)state;
    start(24, "xterm", "exec $V run --load $F/redfu-boot.elf --view");
    // This terminal says more than a VT100 knows, so it is read as it comes.
    char *seen = NULL;
    for (time_t end = deadline(); !seen && time(NULL) <= end;) {
        char bytes[4096];
        ssize_t len = read(terminal, bytes, sizeof bytes - 1);
        assert_true(len > 0 && all_len + (size_t)len < sizeof all);
        memcpy(all + all_len, bytes, (size_t)len);
        all[all_len += (size_t)len] = '\0';
        seen = strstr(all, "full speed");
    }
    assert_non_null(seen);
    assert_non_null(strstr(all, "\033[?1049h"));
    assert_true(has_colour(all));
    (void)!write(terminal, "\003", 1);
    int how;
    char bytes[65536];
    size_t len = 0;
    while (waitpid(child, &how, WNOHANG) == 0 && len < sizeof bytes - 1) {
        struct pollfd on = {.fd = terminal, .events = POLLIN};
        if (poll(&on, 1, 50) > 0) {
            len += (size_t)read(terminal, bytes + len, sizeof bytes - 1 - len);
        }
    }
    assert_int_equal(WEXITSTATUS(how), 0);
    struct pollfd on = {.fd = terminal, .events = POLLIN};
    while (poll(&on, 1, 50) > 0 && len < sizeof bytes - 1) {
        len += (size_t)read(terminal, bytes + len, sizeof bytes - 1 - len);
    }
    bytes[len] = '\0';
    assert_non_null(strstr(bytes, "\033[?1049l"));
    is_given_back();
    hang_up();
}

static void crash_gives_the_terminal_back(void **state) {
    (void)state;
    start(24, "vt100", "ulimit -c 0; exec $V run --load $F/redfu-boot.elf --view");
    shows("full speed");
    struct termios modes;
    assert_int_equal(tcgetattr(slave, &modes), 0);
    assert_int_equal(modes.c_lflag & (ICANON | ECHO), 0); // which is what has to be undone
    (void)kill(child, SIGABRT);
    assert_int_equal(ends(), 128 + SIGABRT);
    is_given_back();
    hang_up();
}

// What the firmware prints is shown, and was meant for standard output: it comes there. (The program ends by itself, so
// how much of it is drawn before is a matter of luck.)
static void consoles_are_shown_and_come_out(void **state) {
    (void)state;
    start(24, "vt100", "exec $V run --load $T/consoles_firmware.elf --semihosting - --view");
    (void)ends();
    assert_non_null(strstr(all, "console"));
    assert_non_null(strstr(all, "hello"));
    is_given_back();
    hang_up();
}

// Though no --uart names the port.
static void serial_ports_are_shown(void **state) {
    (void)state;
    start(24, "vt100", "exec $V run --load $T/view_firmware.elf --view");
    shows("console\ngreetings from USART2\n");
    (void)!write(terminal, "q", 1);
    assert_int_equal(ends(), 0);
    hang_up();
}

static void load_is_seen_and_the_commands_words_come_out(void **state) {
    (void)state;
    // Four sectors: 2.8 s of erasing and 1.2 s of programming, so that some of each is seen on a busy machine too.
    start(30, "vt100",
          "head -c 300000 $V >big.bin; exec $V run --load $F/redfu-boot.elf --flash g.bin --view "
          "--limit 200ms -- dfu-util -a 0 -s 0x0800C000 -D big.bin");
    shows("dfu-util says");
    shows("erasing sector ");
    shows("0483:df11  configured");
    shows("dfuDNLOAD-IDLE");
    shot("dfu-util loads it");
    shows_a_change();
    shows("File downloaded successfully");
    assert_int_equal(ends(), 0);
    // Afterwards, on the terminal as it was before: all that COMMAND said.
    assert_non_null(strstr(all, "dfu-util 0.11"));
    is_given_back();
    hang_up();
}

static void new_size_is_followed(void **state) {
    (void)state;
    start(24, "vt100", "exec $V run --load $F/redfu-boot.elf --view");
    shows("080C0000 ");
    struct winsize size = {.ws_row = 30, .ws_col = 50};
    vt100_start(&vt, 30, 50);
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    shows("|..|........|"); // 8 KB a character now
    size = (struct winsize){.ws_row = 6, .ws_col = 30};
    vt100_start(&vt, 6, 30);
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    shows("--view: 12 lines, 40 columns a");
    (void)!write(terminal, "q", 1);
    assert_int_equal(ends(), 0);
    hang_up();
}

static void no_color_is_honoured(void **state) {
    (void)state;
    start(24, "xterm-color",
          "NO_COLOR=1 exec $V run --load $F/redfu-boot.elf --view --limit 300ms");
    int how;
    while (waitpid(child, &how, WNOHANG) == 0) {
        struct pollfd on = {.fd = terminal, .events = POLLIN};
        if (poll(&on, 1, 50) > 0) {
            ssize_t len = read(terminal, all + all_len, sizeof all - 1 - all_len);
            all_len += len > 0 ? (size_t)len : 0;
        }
    }
    all[all_len] = '\0';
    assert_non_null(strstr(all, "stm32f4-discovery"));
    assert_false(has_colour(all));
    hang_up();
}

static void boards_take_turns(void **state) {
    (void)state;
    start(24, "vt100",
          "exec $V run --load $F/redfu-boot.elf --view --next-board --load $F/redfu-boot.elf "
          "--board blackpill-f411");
    shows("1-1  stm32f4-discovery");
    (void)!write(terminal, "\t", 1);
    shows("1-2  blackpill-f411 (STM32F411CE)");
    lacks("stm32f4-discovery");
    (void)!write(terminal, "q", 1);
    assert_int_equal(ends(), 0);
    hang_up();
}

static void served_board_is_shown(void **state) {
    (void)state;
    start(24, "vt100", "exec $V serve --load $F/redfu-boot.elf --socket ctl --view");
    shows("full speed");
    exits(0, "$V ctl ctl unplug", "");
    shows("unplugged");
    exits(0, "$V ctl ctl pin button=1", "");
    shows("button=1");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(ends(), 0);
    is_given_back();
    hang_up();
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    refuses(125, "$V run --load $F/redfu-boot.elf --view --limit 1ms",
            "--view: standard output is no terminal");
    refuses(125, "$V run --load $F/redfu-boot.elf --view --trace - --limit 1ms",
            "--view and --trace -: standard output is the view's");
    refuses(125, "$V doctor --view $F/redfu-boot.elf",
            "--view belongs to vboard run and vboard serve");
    start(24, "nonsense", "exec $V run --load $F/redfu-boot.elf --view");
    assert_int_equal(ends(), 125);
    assert_non_null(strstr(all, "no terminal of the kind 'nonsense' is known"));
    hang_up();
    start(24, "dumb", "exec $V run --load $F/redfu-boot.elf --view --limit 1s");
    assert_int_equal(ends(), 125);
    assert_non_null(
        strstr(all, "a terminal of the kind 'dumb' cannot move its cursor; set TERM to"));
    hang_up();
}

// Observing changes nothing: the traces are the same.
static void view_changes_nothing(void **state) {
    (void)state;
    exits(0, "$V run --load $F/redfu-boot.elf --trace without.txt --limit 300ms", "");
    start(24, "vt100",
          "exec $V run --load $F/redfu-boot.elf --trace with.txt --limit 300ms --view --pace fast");
    assert_int_equal(ends(), 0);
    exits(0, "test -s with.txt && cmp without.txt with.txt", "");
    hang_up();
}

static int set_up(void **state) {
    (void)state;
    setenv("V", VBOARD, 1);
    setenv("F", FIRMWARE, 1);
    setenv("T", PROGRAMS, 1);
    unsetenv("NO_COLOR");
    return enter_folder() == 0 ? 0 : -1;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(board_is_on_the_screen),
        cmocka_unit_test(ctrl_c_ends_it_and_gives_the_terminal_back),
        cmocka_unit_test(crash_gives_the_terminal_back),
        cmocka_unit_test(consoles_are_shown_and_come_out),
        cmocka_unit_test(serial_ports_are_shown),
        cmocka_unit_test(load_is_seen_and_the_commands_words_come_out),
        cmocka_unit_test(new_size_is_followed),
        cmocka_unit_test(no_color_is_honoured),
        cmocka_unit_test(boards_take_turns),
        cmocka_unit_test(served_board_is_shown),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(view_changes_nothing),
    };
    shots = argc > 1 ? fopen(argv[1], "we") : NULL;
    int failed = cmocka_run_group_tests(tests, set_up, leave_folder);
    if (shots) {
        (void)fclose(shots);
    }
    return failed;
}
