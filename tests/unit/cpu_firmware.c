// SPDX-License-Identifier: MIT
//
// Whole programs as gcc compiles them: the same source runs here and on the virtual processor, at
// several optimization levels, with and without the FPU, and both write the same text. Arguments: the firmware's .bin files.

#include <stdlib.h>

#include "tests/unit/cpu_bench.h"

extern char work_text[];
void work(void);

static int image_count;
static char **images;

static void stop(struct bench *bench, uint32_t addr, uint32_t value) {
    (void)addr;
    (void)value;
    cpu_break(bench->cpu);
}

static void firmware_writes_what_the_host_writes(void **state) {
    (void)state;
    static struct bench bench;
    work();
    assert_int_not_equal(work_text[0], 0);
    assert_in_range(image_count, 1, 8);
    for (int i = 0; i < image_count; i++) {
        bench_make(&bench);
        FILE *file = fopen(images[i], "rb");
        assert_non_null(file);
        assert_true(fread(bench.flash, 1, sizeof bench.flash, file) > 1000);
        fclose(file);
        cpu_code_changed(bench.cpu, FLASH, sizeof bench.flash);
        cpu_reset(bench.cpu);
        bench.on_write = stop;
        assert_int_equal(cpu_run(bench.cpu, 10000000), CPU_STOP_BREAK);
        assert_in_range(bench.device[0], SRAM, SRAM + sizeof bench.sram - 1024);
        assert_string_equal((const char *)bench.sram + (bench.device[0] - SRAM), work_text);
        assert_int_equal(bench.complaints, 0);
        bench_free(&bench);
    }
}

int main(int argc, char **argv) {
    image_count = argc - 1;
    images = argv + 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(firmware_writes_what_the_host_writes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
