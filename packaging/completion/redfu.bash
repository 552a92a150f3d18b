# SPDX-License-Identifier: MIT
#
# Completion of redfu for bash. Words come from the program's own --help, so that they are those of the version
# that is installed.

# Commands: what begins a line of the general help, two blanks in.
_redfu_commands() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)\( .*\)*$/\1/p'
}

# Options: those of every command, and those that the command's own help names.
_redfu_options() {
    {
        "$1" --help | sed -n '/^  *-/p'
        [ -z "$2" ] || "$1" "$2" --help
    } 2>/dev/null | grep -oE -- '--[a-z][a-z-]*(=[a-z]+)?' | sort -u
}

_redfu() {
    local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local commands command='' word
    commands=$(_redfu_commands "$program")
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [ -z "$command" ] && grep -qxF -- "$word" <<<"$commands"; then
            command=$word
        fi
    done
    COMPREPLY=()
    case $previous in
    --format | --to)
        mapfile -t COMPREPLY < <(compgen -W "bin hex srec elf dfuse dfu uf2" -- "$current")
        return
        ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_redfu_options "$program" "$command")" -- "$current")
    elif [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
    elif [ "$command" = settings ] && [ "$previous" = settings ]; then
        mapfile -t COMPREPLY < <(compgen -W "list get set delete backup restore import" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -o filenames -F _redfu redfu
