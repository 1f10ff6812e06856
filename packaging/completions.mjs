// Completion for bash, zsh and fish: each asks the program itself, so that it is never out of date.

const bash = `# bash completion for vipd
_vipd() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(vipd --get-yargs-completions "\${COMP_WORDS[@]}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _vipd vipd
`

const zsh = `#compdef vipd
_vipd() {
  local -a found
  found=(\${(f)"$(SHELL=/bin/bash vipd --get-yargs-completions "\${words[@]}" 2>/dev/null)"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
_vipd "$@"
`

const fish = `# fish completion for vipd
complete -c vipd -a '(env SHELL=/bin/bash vipd --get-yargs-completions (commandline -opc) (commandline -ct) 2>/dev/null)'
`

/** @param put what takes a path below / and its text */
export function writeCompletions(put) {
  put('usr/share/bash-completion/completions/vipd', bash)
  put('usr/share/zsh/vendor-completions/_vipd', zsh)
  put('usr/share/fish/vendor_completions.d/vipd.fish', fish)
}
