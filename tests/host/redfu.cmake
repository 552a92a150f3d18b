# SPDX-License-Identifier: MIT
add_library(test_folder STATIC ${CMAKE_CURRENT_SOURCE_DIR}/host/folder.c)
target_link_libraries(test_folder PUBLIC PkgConfig::CMOCKA)
add_library(redfu_bench STATIC ${CMAKE_CURRENT_SOURCE_DIR}/host/redfu_desk.c)
target_link_libraries(redfu_bench PUBLIC redfu_host desk test_folder)
redfu_test(NAME host/redfu_session SOURCES host/redfu_session.c LIBRARIES redfu_bench)
redfu_test(NAME host/redfu_ahead SOURCES host/redfu_ahead.c LIBRARIES redfu_bench)
redfu_test(NAME host/redfu_sentences SOURCES host/redfu_sentences.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli)
redfu_test(NAME host/redfu_rare SOURCES host/redfu_rare.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli)
redfu_test(NAME host/redfu_memory SOURCES host/redfu_memory.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli)
target_link_options(test-host-redfu_memory PRIVATE
    LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc)
redfu_test(NAME host/redfu_cli SOURCES host/redfu_cli.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli)
redfu_test(NAME host/redfu_same SOURCES host/redfu_same.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli TIMEOUT 300)
redfu_test(NAME host/redfu_plain SOURCES host/redfu_plain.c LIBRARIES redfu_cli redfu_host test_folder)
redfu_test(NAME host/redfu_settings SOURCES host/redfu_settings.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli TIMEOUT 300)
redfu_test(NAME host/redfu_vboard SOURCES host/redfu_vboard.c LIBRARIES test_folder LABELS e2e)
redfu_test(NAME host/redfu_hostile SOURCES host/redfu_hostile.c host/hostile.c LIBRARIES redfu_host)
redfu_test(NAME host/settings_vboard SOURCES host/settings_vboard.c LIBRARIES test_folder TIMEOUT 300 LABELS e2e)
redfu_test(NAME host/convert SOURCES host/convert.c host/redfu_run.c LIBRARIES redfu_bench redfu_cli)
redfu_test(NAME host/package SOURCES host/package.c host/redfu_run.c LIBRARIES redfu_bench redfu_cli image)
