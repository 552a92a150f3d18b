// SPDX-License-Identifier: MIT
//
// What people build with --specs=rdimon.specs: newlib's own semihosting, untouched.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern uint32_t stack_top[], data_begin[], data_end[], data_load[];
extern void _start(void);

void reset(void);
void reset(void) { // the linker script names it
    memcpy(data_begin, data_load, (size_t)((uintptr_t)data_end - (uintptr_t)data_begin));
    _start();
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    [0] = (uintptr_t)stack_top,
    [1] = (uintptr_t)reset,
};

int main(int argc, char **argv) {
    char line[32] = "";
    (void)argv;
    printf("argc=%d pi=%.4f\n", argc, 3.14159);
    if (!fgets(line, sizeof line, stdin)) {
        printf("nothing to read\n");
    }
    printf("read=%s", line);
    FILE *file = fopen("/tmp/vboard-must-not-be-there", "w");
    printf("file=%s clock=%d\n", file ? "open" : "refused", clock() < 100);
    fprintf(stderr, "to stderr\n");
    char *memory = malloc(1000);
    printf("memory=%d\n", memory != NULL);
    free(memory);
    exit(3);
}
