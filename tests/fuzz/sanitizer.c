// SPDX-License-Identifier: MIT
//
// The address sanitizer in a libFuzzer program. Its defaults keep 256 MB of what was freed out of use, to find a use long
// after: page faults for most of the time, where an input is done with in microseconds. Everything an input had
// is freed at its end, so a few MB find the same.

const char *
__asan_default_options(void); // NOLINT(bugprone-reserved-identifier): the sanitizer's name

const char *__asan_default_options(void) { // NOLINT(bugprone-reserved-identifier)
    return "quarantine_size_mb=4:malloc_context_size=8:allocator_release_to_os_interval_ms=-1";
}
