# SPDX-License-Identifier: MIT
redfu_test(NAME unit/inspect SOURCES unit/inspect.c LIBRARIES image spec)
redfu_test(NAME unit/settings_make SOURCES unit/settings_make.c LIBRARIES redfu_host)
