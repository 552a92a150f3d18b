# SPDX-License-Identifier: MIT
add_library(redfu_bench STATIC ${CMAKE_CURRENT_SOURCE_DIR}/host/redfu_desk.c)
target_link_libraries(redfu_bench PUBLIC redfu_host desk)
redfu_test(NAME host/redfu_session SOURCES host/redfu_session.c LIBRARIES redfu_bench)
redfu_test(NAME host/redfu_cli SOURCES host/redfu_cli.c LIBRARIES redfu_bench redfu_cli)
redfu_test(NAME host/redfu_vboard SOURCES host/redfu_vboard.c LABELS e2e)
redfu_test(NAME host/redfu_hostile SOURCES host/redfu_hostile.c LIBRARIES redfu_host)
