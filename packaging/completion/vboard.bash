# SPDX-License-Identifier: MIT
#
# Completion of vboard for bash. Words come from the program's own --help.

_vboard() {
    local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "run doctor serve ctl boards --help --version" -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
            grep -oE -- '--[a-z][a-z-]*(=[a-z]+)?' | sort -u)" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -o filenames -F _vboard vboard
