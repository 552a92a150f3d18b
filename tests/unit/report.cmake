# SPDX-License-Identifier: MIT
redfu_test(NAME unit/report SOURCES unit/report.c LIBRARIES doctor)
add_test(NAME unit/findings_page COMMAND sh -c
    "\"$<TARGET_FILE:findings-page>\" | diff -u - \"${CMAKE_SOURCE_DIR}/docs/faults.md\" || { echo 'run: build/findings-page > docs/faults.md'; exit 1; }")
set_tests_properties(unit/findings_page PROPERTIES TIMEOUT 30)
