export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * The script that a shell loads. It runs `invctl completion --candidates` at every Tab. When the first line
 * of the output is `:files` or `:folders`, the shell completes file names itself, because it knows `~` and
 * its own quoting.
 */
export const SCRIPTS: Record<Shell, string> = {
  bash: `_invctl() {
  local IFS=$'\\n' typed="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(invctl completion --candidates --directives -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  case "\${COMPREPLY[0]}" in
    :files) compopt -o filenames 2>/dev/null; COMPREPLY=("\${COMPREPLY[@]:1}" $(compgen -f -- "$typed")) ;;
    :folders) compopt -o filenames 2>/dev/null; COMPREPLY=("\${COMPREPLY[@]:1}" $(compgen -d -- "$typed")) ;;
  esac
}
complete -F _invctl invctl
`,
  zsh: `#compdef invctl
_invctl() {
  local -a found
  found=(\${(f)"$(invctl completion --candidates --directives -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  case "$found[1]" in
    :files) shift found; _files ;;
    :folders) shift found; _files -/ ;;
  esac
  (( $#found )) && compadd -- $found
}
compdef _invctl invctl
`,
  fish: `function __invctl_candidates
  set -l words (commandline -opc) (commandline -ct)
  set -l found (invctl completion --candidates --directives -- $words[2..-1] 2>/dev/null)
  switch "$found[1]"
    case :files
      set -e found[1]
      __fish_complete_path (commandline -ct)
    case :folders
      set -e found[1]
      __fish_complete_directories (commandline -ct)
  end
  for one in $found
    echo $one
  end
end
complete -c invctl -f -a '(__invctl_candidates)'
`,
};
