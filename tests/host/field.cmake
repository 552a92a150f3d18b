# SPDX-License-Identifier: MIT
redfu_test(NAME host/field SOURCES ${CMAKE_CURRENT_LIST_DIR}/field.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 180 LABELS e2e)
redfu_runs(test-host-field NEEDS old_boot_images)
target_compile_definitions(test-host-field PRIVATE
    SOURCE="${CMAKE_SOURCE_DIR}"
    OLD="${CMAKE_BINARY_DIR}/tests/old-boot-0.bin")
