# SPDX-License-Identifier: MIT
redfu_test(NAME hosts/traces
    SOURCES hosts/traces.c host/shell.c board/cable_device.c LIBRARIES board_host doctor LABELS e2e)
redfu_runs(test-hosts-traces NEEDS load-tool)
target_compile_definitions(test-hosts-traces PRIVATE LOAD_TOOL="${CMAKE_BINARY_DIR}/tools/load-tool")
