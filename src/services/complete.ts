import { readFileSync } from 'node:fs';
import { locateProject } from '../project/locate.js';

/** A command as completion sees it. */
export interface CompletionNode {
  name: string;
  /** Long and short option names. */
  options: string[];
  /** Options that take a value, with the values where they are few and known. */
  values: Record<string, readonly string[]>;
  takesServices: boolean;
  children: CompletionNode[];
}

/**
 * What could stand at the last word of a command line.
 * @param words the words after `invctl`; the last one is what was typed so far, possibly empty.
 */
export function complete(
  root: CompletionNode,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): string[] {
  const typed = words.at(-1) ?? '';
  let node = root;
  let directory = env.INVCTL_DIRECTORY || cwd;
  const options = new Set(root.options);
  const values: CompletionNode['values'] = { ...root.values };
  for (let i = 0; i < words.length - 1; i += 1) {
    const word = words[i] as string;
    if (word === '--') return [];
    if (word in values) {
      if (i === words.length - 2) return startingWith(values[word] ?? [], typed);
      i += 1;
      if (word === '-C' || word === '--directory') directory = words[i] as string;
      continue;
    }
    const child = node.children.find(({ name }) => name === word);
    if (!child) continue;
    node = child;
    for (const option of child.options) options.add(option);
    Object.assign(values, child.values);
  }
  if (typed.startsWith('-')) return startingWith([...options], typed);
  const candidates = node.children.map(({ name }) => name);
  if (node.takesServices) candidates.push(...serviceNames(directory, env));
  return startingWith(candidates, typed);
}

function startingWith(candidates: readonly string[], prefix: string): string[] {
  return candidates.filter((candidate) => candidate.startsWith(prefix));
}

/** Service names by indentation alone: a Tab must not wait for a YAML parser, nor fail on a broken file. */
function serviceNames(directory: string, env: NodeJS.ProcessEnv): string[] {
  const names = new Set<string>();
  try {
    for (const file of locateProject(directory, env).files) {
      const section = /^services:[^\n]*\n((?:[ \t]+[^\n]*\n?|#[^\n]*\n?|\s*\n)*)/m.exec(
        readFileSync(file, 'utf8'),
      );
      const body = section?.[1] ?? '';
      const indent = /^( +)\S/m.exec(body)?.[1] ?? '  ';
      for (const match of body.matchAll(new RegExp(`^${indent}([A-Za-z0-9._-]+):`, 'gm'))) {
        names.add(match[1] as string);
      }
    }
  } catch {
    // No project here: nothing to offer.
  }
  return [...names];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The stub that a shell loads; it asks `invctl completion --candidates` at every Tab. */
export function completionScript(shell: Shell): string {
  if (shell === 'bash') {
    return `_invctl() {
  local IFS=$'\\n'
  COMPREPLY=($(invctl completion --candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _invctl invctl
`;
  }
  if (shell === 'zsh') {
    return `#compdef invctl
_invctl() {
  local -a candidates
  candidates=(\${(f)"$(invctl completion --candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#candidates )); then compadd -- $candidates; else _files; fi
}
compdef _invctl invctl
`;
  }
  return `function __invctl_candidates
  set -l words (commandline -opc) (commandline -ct)
  invctl completion --candidates -- $words[2..-1] 2>/dev/null
end
complete -c invctl -f -a '(__invctl_candidates)'
`;
}
