# SPDX-License-Identifier: MIT
#
# vboard as a program, with real programs beside it. The firmware is redfu-boot as the build makes it.

redfu_test(NAME host/run SOURCES ${CMAKE_CURRENT_LIST_DIR}/run_test.c ${CMAKE_CURRENT_LIST_DIR}/shell.c TIMEOUT 180)
redfu_runs(test-host-run NEEDS clock-probe fork-probe unplug-probe)
target_compile_definitions(test-host-run PRIVATE
    CLOCK_PROBE="${CMAKE_BINARY_DIR}/tests/clock-probe"
    FORK_PROBE="${CMAKE_BINARY_DIR}/tests/fork-probe"
    UNPLUG_PROBE="${CMAKE_BINARY_DIR}/tests/unplug-probe")

pkg_check_modules(LIBUSB REQUIRED IMPORTED_TARGET libusb-1.0)
add_executable(unplug-probe ${CMAKE_CURRENT_LIST_DIR}/unplug_probe.c)
set_target_properties(unplug-probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_compile_options(unplug-probe PRIVATE -fno-sanitize=all)
target_link_options(unplug-probe PRIVATE -fno-sanitize=all)
target_link_libraries(unplug-probe PRIVATE PkgConfig::LIBUSB spec)

find_package(Threads REQUIRED)
add_executable(clock-probe ${CMAKE_CURRENT_LIST_DIR}/clock_probe.c)
set_target_properties(clock-probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_compile_options(clock-probe PRIVATE -fno-sanitize=all)
target_link_options(clock-probe PRIVATE -fno-sanitize=all)
target_link_libraries(clock-probe PRIVATE Threads::Threads)

add_executable(fork-probe ${CMAKE_CURRENT_LIST_DIR}/fork_probe.c)
set_target_properties(fork-probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_compile_options(fork-probe PRIVATE -fno-sanitize=all)
target_link_options(fork-probe PRIVATE -fno-sanitize=all)
target_link_libraries(fork-probe PRIVATE Threads::Threads)
