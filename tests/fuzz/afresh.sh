#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A libFuzzer program on an empty folder, which takes what it finds: with that of the last time it would not run as then.
# Usage: afresh.sh FOLDER PROGRAM OPTION... [SEEDS...]

set -eu

folder=$1 program=$2
shift 2
rm -rf "$folder"
mkdir -p "$folder"
exec "$program" "$folder" "$@"
