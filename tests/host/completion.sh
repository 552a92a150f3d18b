#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The words of redfu: completion offers every command and, for each, the options that its --help names; each of
# those is one that the program takes; and no option of the program is missing in every --help.
# Usage: completion.sh REDFU SOURCE_FOLDER
set -euo pipefail

redfu=$1 source=$2
failures=0
complain() {
    echo "completion.sh: $*" >&2
    failures=1
}

# shellcheck source=/dev/null # the file under test
. "$source/packaging/completion/redfu.bash"

# offered WORD...: what completion makes of the last word.
offered() {
    COMP_WORDS=("$redfu" "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _redfu
    printf '%s\n' "${COMPREPLY[@]}" | sort
}

# The commands of the source are those of the help and of the completion.
commands=$(sed -n 's/^ *X(COMMAND_[A-Z_]*, "\([a-z-]*\)".*/\1/p' "$source/cli/options.h" | sort)
[ "$(wc -l <<<"$commands")" -gt 10 ] || complain "found only these commands in options.h: $commands"
[ "$(offered '')" = "$commands" ] || complain "commands offered: $(offered '' | tr '\n' ' ')"
[ "$(offered wri)" = write ] || complain "wri is not completed to write"
[ "$(offered write x --format s)" = srec ] || complain "--format s is not completed to srec"
[ "$(offered settings ba)" = backup ] || complain "settings ba is not completed to backup"
[ "$(offered --serial X udev-rules --ou)" = --output ] || complain "--ou is not completed behind options"
cd "$source"
[ "$(offered write READ)" = README.md ] || complain "file names are not completed"

all=''
for command in $commands; do
    for option in $(offered "$command" --); do
        all="$all $option"
        # With --help nothing is done, whatever is plugged in here: only whether the option is known.
        said=$("$redfu" "$command" "$option=1" --help 2>&1) || true
        case $said in
        *'there is no option'*) said=$("$redfu" "$command" "$option" --help 2>&1) || true ;; # it has no value
        esac
        case $said in
        *'there is no option'*) complain "$command --help names $option: ${said%%$'\n'*}" ;;
        esac
    done
done
for option in $(cat cli/options*.c | grep -v '^ *//' | grep -oE '"--[a-z][a-z-]*(=[a-z]+)?"' | tr -d '"' | sort -u); do
    case "$all " in
    *" $option "*) ;;
    *) complain "$option is in no --help" ;;
    esac
done
exit $failures
