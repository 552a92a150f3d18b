// SPDX-License-Identifier: MIT
//
// `vboard serve` and `vboard ctl` from outside: what they do to a running board, what they refuse and
// in which words, and that nothing is left behind. Everything happens in a folder of its own.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/host/shell.h"

static pid_t served; // 0: none, or its end was seen

// The end of a process that a test waits for, which may be the served one.
static int end_of(pid_t pid) {
    int status = status_of(pid);
    served = pid == served ? 0 : served;
    return status;
}

// One line, beginning with "vboard: ".
static void says_one_sentence(void) {
    assert_int_equal(strncmp(output, "vboard: ", 8), 0);
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
}

static void nap(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

// Starts `vboard serve` with the arguments and waits for its control socket, ctl.
static pid_t serve(const char *arguments) {
    char line[1024];
    if (served > 0) { // by a test that failed
        (void)kill(served, SIGKILL);
        (void)waitpid(served, NULL, 0);
        exits(0, "rm -f ctl usb", "");
    }
    (void)snprintf(line, sizeof line, "exec $V serve --socket ctl %s >log 2>&1", arguments);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves no board running
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(99);
    }
    for (int i = 0; i < 2000 && access("ctl", F_OK) != 0; i++) {
        nap();
    }
    assert_int_equal(access("ctl", F_OK), 0);
    served = pid;
    return pid;
}

static int open_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

// Asks for the status until it has the words; at most 20 s.
static void status_comes_to(const char *words) {
    for (int i = 0; i < 2000; i++) {
        exits(0, "$V ctl ctl status", "");
        if (strstr(output, words)) {
            return;
        }
        nap();
    }
    fail_msg("no '%s' in:\n%s", words, output);
}

static int set_up(void **state) {
    (void)state;
    setenv("V", VBOARD, 1);
    setenv("F", FIRMWARE, 1);
    return enter_folder() == 0 ? 0 : -1;
}

static void board_is_handled_by_word(void **state) {
    (void)state;
    pid_t pid = serve("--load $F/redfu-boot.elf --flash f.bin --trace t");
    status_comes_to("usb full speed");
    assert_non_null(strstr(output, "board stm32f4-discovery\n"));
    assert_non_null(strstr(output, "cable plugged\n"));
    assert_non_null(strstr(output, "guest none\n"));
    assert_non_null(strstr(output, "pin button=0\n"));
    exits(0, "$V ctl ctl unplug", "");
    exits(0, "$V ctl ctl status", "cable unplugged\nusb no device");
    exits(0, "$V ctl ctl plug", "");
    status_comes_to("cable plugged\nusb full speed");
    exits(0, "$V ctl ctl pin button=1 && $V ctl ctl status", "pin button=1");
    exits(0, "$V ctl ctl pin PA0=rest && $V ctl ctl status", "pin button=0");
    exits(0, "$V ctl ctl reset", "");
    exits(0, "$V ctl ctl cut", "");
    status_comes_to("usb no device");
    exits(0, "$V ctl ctl power-cycle", "");
    status_comes_to("usb full speed");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
    exits(0, "cat log; grep -c 'reset .*cause=power-on' t", "2\n");
    exits(0, "grep -c 'reset .*cause=pin' t", "1\n");
    exits(0, "stat -c %s f.bin", "1048576\n"); // --flash was saved
    exits(0, "ls", "f.bin\nlog\nt\n");         // and the socket is gone
}

static void wrong_words_are_refused_in_one_sentence(void **state) {
    (void)state;
    pid_t pid = serve("");
    exits(125, "$V ctl ctl fly", "no such command: fly; there are plug unplug");
    says_one_sentence();
    exits(125, "$V ctl ctl pin lever=1", "has no pin lever");
    says_one_sentence();
    exits(125, "$V ctl ctl pin button=2", "the level is 0, 1 or rest");
    exits(125, "$V ctl ctl pin", "pin needs PIN=LEVEL");
    exits(125, "$V ctl ctl unplug now", "unplug takes no 'now'");
    exits(125, "$V ctl ctl 'two words'", "is not one word");
    exits(125, "$V ctl ctl", "ctl needs a SOCKET and a word");
    exits(125, "$V ctl ctl $(head -c 1200 /dev/zero | tr '\\0' x)", "too long");
    // A client that sends no line, one that sends too much, and the next one is served.
    int quiet = open_socket("ctl");
    int loud = open_socket("ctl");
    char flood[4096];
    memset(flood, 'x', sizeof flood);
    assert_true(send(loud, flood, sizeof flood, MSG_NOSIGNAL) > 0);
    exits(0, "$V ctl ctl status", "board");
    char reply[64] = "";
    assert_true(recv(loud, reply, sizeof reply - 1, 0) > 0);
    assert_string_equal(reply, "error the line is too long\n");
    close(quiet);
    close(loud);
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
    exits(125, "$V ctl ctl status", "no board is served there");
    says_one_sentence();
}

static void board_is_set_aside_and_put_back(void **state) {
    (void)state;
    pid_t pid = serve("--load $F/redfu-boot.elf --trace t");
    status_comes_to("usb full speed");
    exits(0, "$V ctl ctl snapshot dfu && $V ctl ctl status", "snapshot dfu ");
    exits(0, "$V ctl ctl pin button=1 && $V ctl ctl cut && $V ctl ctl status", "power off");
    status_comes_to("usb no device");
    // Its host cannot be set back: it sees the device go and come.
    exits(0, "$V ctl ctl restore dfu && $V ctl ctl status", "power on\n");
    assert_non_null(strstr(output, "pin button=0\n"));
    status_comes_to("cable plugged\nusb full speed");
    // Again, and over a snapshot of the same name, and back from the future.
    exits(0, "$V ctl ctl unplug && $V ctl ctl snapshot dfu", "");
    exits(0, "$V ctl ctl snapshot later && $V ctl ctl restore dfu && $V ctl ctl restore later", "");
    exits(0, "$V ctl ctl status", "cable unplugged");
    exits(0, "$V ctl ctl plug", "");
    status_comes_to("usb full speed");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
    exits(0, "grep -c 'bench restore name=' t", "3\n");
    exits(0,
          "awk '/bench restore/ { n++ }"
          "     n == 1 && / usb (unplug|plug|attach)/ { printf \"%s \", $3 }' t",
          "plug unplug plug attach ");
    exits(0, "cat log", "");
    assert_string_equal(output, "");
}

// What a running application did after the snapshot, against what it did after the restore.
static void board_that_was_not_attached_goes_on_to_the_byte(void **state) {
    (void)state;
    pid_t pid = serve("--load $F/redfu-boot.elf --load $F/blink-0.2.elf --trace t");
    exits(0, "sleep 0.4; $V ctl ctl snapshot here && sleep 1.5 && $V ctl ctl restore here", "");
    exits(0, "sleep 1.5; $V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
    exits(0,
          "awk '/bench snapshot/ { n = 1; next } /bench restore/ { n = 2; next }"
          "     / usb / { next } n { print >(\"part\" n) }' t;"
          "n=$(cat part1 | wc -l); m=$(cat part2 | wc -l); [ $n -lt $m ] || n=$m;"
          "head -$n part1 >first; head -$n part2 | cmp - first && echo $n | grep .. && cat first",
          " pin PD15 level=");
}

static void power_is_cut_where_the_words_say(void **state) {
    (void)state;
    pid_t pid = serve("--load $F/redfu-boot.elf --trace t");
    status_comes_to("usb full speed");
    exits(0, "$V ctl ctl cut insn:1000", "");
    status_comes_to("power off");
    exits(0, "$V ctl ctl power-cycle", "");
    status_comes_to("usb full speed");
    exits(0, "$V ctl ctl cut insn:18446744073709551615 && $V ctl ctl status",
          "cut at instruction 18446744073709551615, after ");
    exits(0, "$V ctl ctl cut flash:100000,torn=7 && $V ctl ctl status",
          "cut at flash operation 100000, after ");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0); // what never came was not asked for with --cut
    exits(0, "grep 'cpu cut' t", "cpu cut number=1000 pc=0x");

    pid = serve("--load $F/redfu-boot.elf --cut flash:1 --limit 5s --trace t");
    (void)end_of(pid);
    exits(0, "cat t log", "");
    assert_true(strstr(output, "flash cut number=1 kind=") || strstr(output, "did not happen"));
    pid = serve("--load $F/redfu-boot.elf --cut insn:5000 --trace t");
    status_comes_to("power off");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
    pid = serve("--cut insn:1000000000000 --load $F/redfu-boot.elf");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 125);
    exits(0, "cat log", "vboard: --cut insn:1000000000000 did not happen: the run ended after ");
    assert_non_null(strstr(output, " instructions\n"));
}

static void wrong_snapshots_and_cuts_are_refused_in_one_sentence(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        {"snapshot", "snapshot needs NAME"},
        {"snapshot ../x", "snapshot ../x: a name is 1 to 32 letters"},
        {"snapshot x/y.bin", "lives in the running vboard, not in a file"},
        {"snapshot 123456789012345678901234567890123", "a name is 1 to 32"},
        {"snapshot a b", "a name is 1 to 32"},
        {"restore", "restore needs NAME"},
        {"restore never", "restore never: there is no snapshot of that name"},
        {"cut now", "cut now: not flash:N[,torn[=SEED]] or insn:N"},
        {"cut flash:0", "they count from 1"},
        {"cut flash:x", "they count from 1"},
        {"cut flash:3,tornado", "not flash:N"},
        {"cut insn:", "they count from 1"},
        {"cut insn:1000000000000000000000", "count from 1 to 18446744073709551615"},
        {"cut flash:18446744073709551616", "count from 1 to 18446744073709551615"},
        {"cut flash:1,torn=99999999999999999999", "at most 18446744073709551615"},
        {"cut insn:5,torn", "they count from 1"},
        {"cut flash:1 now", "they count from 1"},
    };
    pid_t pid = serve("");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "$V ctl ctl %s", lines[i][0]);
        exits(125, line, lines[i][1]);
        says_one_sentence();
    }
    exits(0, "for i in $(seq 64); do $V ctl ctl snapshot s$i || exit 1; done", "");
    exits(125, "$V ctl ctl snapshot s65", "there are 64 already");
    exits(0, "$V ctl ctl snapshot s64 && $V ctl ctl restore s1 && $V ctl ctl restore s64", "");
    exits(0, "$V ctl ctl status", "power on"); // no word above did anything
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
}

static void sockets_in_use_are_refused_and_dead_ones_replaced(void **state) {
    (void)state;
    pid_t pid = serve("--usbredir usb");
    exits(125, "timeout 20 $V serve --socket ctl", "ctl: another program listens at this socket");
    says_one_sentence();
    exits(125, "timeout 20 $V serve --socket other --usbredir usb", "usb: another program listens");
    exits(1, "test -e other", "");
    exits(125, "touch file; timeout 20 $V serve --usbredir file",
          "file: this exists and is no socket");
    exits(0, "test -f file && rm file", "");
    exits(125, "timeout 20 $V serve --usbredir nowhere/usb", "nowhere/usb: cannot listen there");
    exits(125, "timeout 20 $V serve --usbredir $(head -c 200 /dev/zero | tr '\\0' x)",
          "characters");
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)end_of(pid);
    exits(0, "test -S ctl && test -S usb", ""); // left behind, dead
    exits(0, "$V serve --socket ctl --usbredir usb --limit 10ms", "");
    exits(1, "test -e ctl || test -e usb", "");
}

static void signals_end_it(void **state) {
    (void)state;
    pid_t pid = serve("--usbredir usb");
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(end_of(pid), 0);
    pid = serve("--usbredir usb");
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(end_of(pid), 128 + SIGTERM);
    exits(1, "test -e ctl || test -e usb", "");
}

static void client_that_speaks_no_usbredir_is_told_off_and_the_board_runs_on(void **state) {
    (void)state;
    pid_t pid = serve("--load $F/redfu-boot.elf --usbredir usb");
    int fd = open_socket("usb");
    status_comes_to("guest connected");
    static const char nonsense[] = "GET / HTTP/1.1\r\nHost: board\r\n\r\n";
    assert_true(send(fd, nonsense, sizeof nonsense, MSG_NOSIGNAL) > 0);
    status_comes_to("guest none");
    close(fd);
    fd = open_socket("usb"); // the next may come, and a second beside it is turned away
    status_comes_to("guest connected");
    int second = open_socket("usb");
    char byte;
    assert_int_equal(recv(second, &byte, 1, 0), 0);
    close(second);
    close(fd);
    status_comes_to("guest none");
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 125);
    exits(0, "cat log", "vboard: the usbredir client sent what is not usbredir (");
    assert_non_null(strstr(output, "\nvboard: note: a second usbredir client was turned away\n"));
}

// It is parted from before the trace is closed, which has it as its last line.
static void guest_that_is_there_at_the_end_is_in_the_trace(void **state) {
    (void)state;
    // usb_redir_hello (usbredir-protocol.md): type 0, length, id 0; the version's 64 bytes, 4 of capabilities.
    uint8_t hello[12 + 64 + 4] = {[4] = 68, [12] = 'g'};
    pid_t pid = serve("--load $F/redfu-boot.elf --usbredir usb --trace t");
    int fd = open_socket("usb");
    assert_int_equal(send(fd, hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
    status_comes_to("guest connected");
    uint8_t told[12 + 64 + 4 + 12]; // vboard's hello, and the header of what comes first after it
    assert_int_equal(recv(fd, told, sizeof told, MSG_WAITALL), sizeof told);
    exits(0, "$V ctl ctl stop", "");
    assert_int_equal(end_of(pid), 0);
    (void)close(fd);
    exits(0, "cat log; tail -n 2 t", "usb guest-gone");
}

// COMMAND itself has the board's cable in its hand, at either pace.
static void a_run_takes_commands(void **state) {
    (void)state;
    // A sanitized vboard does not bear what is preloaded into a COMMAND.
    setenv("C", "env -u LD_PRELOAD " VBOARD " ctl", 1);
    static const char *const paces[] = {"fast", "real"};
    for (int i = 0; i < 2; i++) {
        char line[512];
        (void)snprintf(
            line, sizeof line,
            "$V run --load $F/redfu-boot.elf --socket ctl --pace %s --limit 10ms -- sh -c '"
            "lsusb -d 0483:df11 && $C ctl unplug && ! lsusb -d 0483:df11 && $C ctl plug "
            "&& sleep 1 && lsusb -d 0483:df11 && $C ctl status'",
            paces[i]);
        exits(0, line, "\ncable plugged\nusb full speed\nerases");
    }
    exits(125, "$V run --load $F/redfu-boot.elf --socket ctl -- $C ctl stop",
          "stop: only vboard serve has that");
    exits(125, "$V run --load $F/redfu-boot.elf --socket ctl -- $C ctl restore a",
          "restore: only vboard serve has that");
    // Without a COMMAND: from beside it.
    exits(0,
          "$V run --load $F/redfu-boot.elf --socket ctl --pace real --limit 60s & p=$!; "
          "until $V ctl ctl pin PA0=1 2>/dev/null; do sleep 0.1; done; $V ctl ctl status | grep "
          "guest; "
          "kill -INT $p; wait $p; test ! -e ctl && echo gone",
          "gone");
}

static void options_of_serve_are_its_own(void **state) {
    (void)state;
    exits(125, "timeout 20 $V serve", "serve needs --usbredir SOCKET or --usbip PORT");
    exits(125, "timeout 20 $V serve --socket a --usbredir a", "two sockets");
    exits(125, "timeout 20 $V serve --socket a --trace a", "--socket a is the same file");
    exits(125, "timeout 20 $V serve --usbredir a --pcap ./a", "--usbredir a is the same file");
    exits(0, "test ! -e a && echo none", "none");
    exits(125, "timeout 20 $V serve --socket a -- true", "serve takes no COMMAND");
    exits(125, "timeout 20 $V serve --socket a --pace fast", "serve goes by the wall clock");
    exits(125, "$V run --usbredir a", "--usbredir and --usbip belong to vboard serve");
    exits(125, "$V doctor --load $F/redfu-boot.elf --socket a",
          "--socket belongs to vboard run and");
    exits(125, "timeout 20 $V serve --soket a", "no such option: --soket; there are --board");
    exits(125, "timeout 20 $V serve --socket", "needs a value; see vboard serve --help");
    exits(0, "$V serve --help", "vboard serve OPTION...");
    exits(0, "$V ctl --help", "power-cycle");
    exits(1, "test -e a", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(board_is_handled_by_word),
        cmocka_unit_test(wrong_words_are_refused_in_one_sentence),
        cmocka_unit_test(board_is_set_aside_and_put_back),
        cmocka_unit_test(board_that_was_not_attached_goes_on_to_the_byte),
        cmocka_unit_test(power_is_cut_where_the_words_say),
        cmocka_unit_test(wrong_snapshots_and_cuts_are_refused_in_one_sentence),
        cmocka_unit_test(sockets_in_use_are_refused_and_dead_ones_replaced),
        cmocka_unit_test(signals_end_it),
        cmocka_unit_test(client_that_speaks_no_usbredir_is_told_off_and_the_board_runs_on),
        cmocka_unit_test(guest_that_is_there_at_the_end_is_in_the_trace),
        cmocka_unit_test(a_run_takes_commands),
        cmocka_unit_test(options_of_serve_are_its_own),
    };
    return cmocka_run_group_tests_name("host/serve", tests, set_up, leave_folder);
}
