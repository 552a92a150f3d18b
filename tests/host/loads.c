// SPDX-License-Identifier: MIT
//
// A hundred loads into one kept flash: each is a power-up with the button held, one of two programs
// that writes one of two images over the other, and the other program that reads it back. At the
// end the application starts, and no byte of the bootloader has changed.
//
// Images and programs alternate with periods 2 and 4, so that each program writes each image over
// the other image. `test-host-loads N` does N loads instead.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOTLOADER_BYTES 16384u // sector 0

static char folder[] = "/tmp/redfu-loads-XXXXXX";
static unsigned loads_wanted = 100;

static const char *const images[] = {FIRMWARE "/blink-0.1.bin", FIRMWARE "/blink-0.2.bin"};

static const struct {
    const char *name;
    const char *write; // $I: the image
    const char *read;  // $N bytes into $B
} programs[] = {
    {"dfu-util", "dfu-util -a 0 -s 0x0800C000 -D $I", "dfu-util -a 0 -s 0x0800C000:$N -U $B"},
    {"redfu", REDFU " write --no-run $I", REDFU " read 0x0800C000 $N $B"},
};

// A shell line in the folder; its output only when it fails. Names the load for a person.
static void shell(unsigned load, const char *line) {
    char command[2048];
    char output[4096];
    (void)snprintf(command, sizeof command, "cd %s && { %s; } 2>&1 </dev/null", folder, line);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = 0;
    size_t got;
    while ((got = fread(output + len, 1, sizeof output - 1 - len, pipe)) > 0) {
        len += got;
        if (len == sizeof output - 1) { // keep the end
            len -= sizeof output / 2;
            memmove(output, output + sizeof output / 2, len);
        }
    }
    output[len] = '\0';
    int status = pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("load %u: status %d of: %s\n...%s", load, status, line, output);
    }
}

// A whole power-up; the program that did not write reads back.
static void load(unsigned number) {
    const char *image = images[number % 2];
    unsigned writer = number / 2 % 2;
    char line[1024];
    (void)snprintf(line, sizeof line,
                   "rm -f back.bin; export I=%s B=back.bin; export N=$(stat -c %%s $I); " VBOARD
                   " run --flash flash.bin --pin PA0=1@0+500ms --limit "
                   "1ms -- sh -c '%s && %s' && cmp $I back.bin",
                   image, programs[writer].write, programs[!writer].read);
    shell(number, line);
}

static void a_hundred_loads_are_all_read_back(void **state) {
    (void)state;
    unsigned by[2] = {0, 0};
    for (unsigned number = 1; number <= loads_wanted; number++) {
        load(number);
        by[number / 2 % 2]++;
    }
    printf("host.loads: %u loads into one flash (%u by %s, %u by %s), each read back by the other "
           "program and equal\n",
           loads_wanted, by[0], programs[0].name, by[1], programs[1].name);
}

// Loaded once more, this time to the end; then a power-up without the button.
static void then_the_application_starts(void **state) {
    (void)state;
    char line[512];
    (void)snprintf(line, sizeof line,
                   VBOARD " run --flash flash.bin --pin PA0=1@0+500ms --limit 10ms -- " REDFU
                          " write %s && " VBOARD
                          " run --flash flash.bin --trace trace --limit 100ms && "
                          "grep -q 'cpu vtor value=0x0800c000$' trace",
                   images[1]);
    shell(loads_wanted + 1, line);
}

static void and_the_bootloader_is_as_it_was(void **state) {
    (void)state;
    char line[128];
    (void)snprintf(line, sizeof line, "cmp -n %u first.bin flash.bin", BOOTLOADER_BYTES);
    shell(0, line);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder)) {
        return -1;
    }
    shell(0, VBOARD " run --load " FIRMWARE "/redfu-boot.elf "
                    "--flash flash.bin --limit 1ms && cp flash.bin first.bin");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char line[64];
    (void)snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        loads_wanted = (unsigned)strtoul(argv[1], NULL, 10);
        if (argc > 2 || loads_wanted == 0) {
            (void)fprintf(stderr, "usage: %s [NUMBER-OF-LOADS]\n", argv[0]);
            return 2;
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_loads_are_all_read_back),
        cmocka_unit_test(then_the_application_starts),
        cmocka_unit_test(and_the_bootloader_is_as_it_was),
    };
    return cmocka_run_group_tests_name("host/loads", tests, set_up, tear_down);
}
