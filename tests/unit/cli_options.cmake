# SPDX-License-Identifier: MIT
redfu_test(NAME unit/cli_options SOURCES unit/cli_options.c LIBRARIES redfu_cli)
