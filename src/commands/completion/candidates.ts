import { resolve } from 'node:path';
import { type Command, type Group, isGroup, loadEntry } from '../../cli/command.js';
import { type Flags, longFlag, type Offered, type Value } from '../../cli/parameters.js';
import { type ProjectWords, projectWords } from '../../services/project-words.js';

export interface Candidates {
  words: string[];
  /** Names of files fit as well; the shell completes them. */
  paths?: 'files' | 'folders';
}

const NONE: Candidates = { words: [] };

/**
 * The words that fit as the last word of a command line. Loads only the typed command.
 * @param words the words after `invctl`; the last one is what was typed so far, possibly empty.
 * @param directory absolute; the project's folder unless `-C` is among the words
 */
export async function candidates(
  all: Group,
  words: readonly string[],
  { env, directory: initial }: { env: NodeJS.ProcessEnv; directory: string },
): Promise<Candidates> {
  const typed = words.at(-1) ?? '';
  let node: Command | Group = all;
  let flags: Flags = { ...all.flags };
  let directory = initial;
  let position = 0;
  const offer = (value: Value<unknown>, word: string, before = '') =>
    offered(value, word, before, (what) => projectWords(what, directory, env));

  for (let i = 0; i < words.length - 1; i += 1) {
    const word = words[i] as string;
    if (word === '--') return NONE;
    const value = valueFlag(flags, word);
    if (value) {
      if (i === words.length - 2) return offer(value, typed);
      i += 1;
      if (word === '-C' || word === '--directory') directory = resolve(words[i] as string);
    } else if (!word.startsWith('-')) {
      if (!isGroup(node)) position += 1;
      else if (Object.hasOwn(node.commands, word)) {
        node = await loadEntry(node.commands[word] as Group['commands'][string]);
        flags = { ...flags, ...node.flags };
      } else return NONE;
    }
  }

  const [, name = '', sign, text = ''] = /^(--[\w-]+)(=)(.*)$/.exec(typed) ?? [];
  if (sign) {
    const value = valueFlag(flags, name);
    return value ? offer(value, text, `${name}=`) : NONE;
  }
  if (typed.startsWith('-')) return { words: startingWith(flagNames(flags), typed) };
  if (isGroup(node)) return { words: startingWith(Object.keys(node.commands), typed) };
  const declared = Object.values(node.args ?? {});
  const last = declared.at(-1);
  const argument = declared[position] ?? (last?.several ? last : undefined);
  return argument ? offer(argument, typed) : NONE;
}

async function offered(
  { offers, commas }: Value<unknown>,
  typed: string,
  before: string,
  ofProject: (what: ProjectWords) => Promise<string[]>,
): Promise<Candidates> {
  const list = commas ? typed.slice(0, typed.lastIndexOf(',') + 1) : '';
  const known = await wordsOf(offers, ofProject);
  const words = startingWith(known, typed.slice(list.length)).map((word) => `${before}${list}${word}`);
  if (offers === 'folders') return { words, paths: 'folders' };
  // An argument that takes a backup's name also takes the path of an archive.
  return offers === 'files' || offers === 'backups' ? { words, paths: 'files' } : { words };
}

async function wordsOf(
  offers: Offered,
  ofProject: (what: ProjectWords) => Promise<string[]>,
): Promise<readonly string[]> {
  if (offers === 'files' || offers === 'folders') return [];
  if (typeof offers === 'function') return offers();
  return typeof offers === 'string' ? ofProject(offers) : offers;
}

function valueFlag(flags: Flags, word: string): Value<unknown> | undefined {
  const [, found] = Object.entries(flags).find(([key, { short }]) => isCalled(word, key, short)) ?? [];
  return found?.kind === 'value' ? found : undefined;
}

function isCalled(word: string, key: string, short: string | undefined): boolean {
  return word === longFlag(key) || (short !== undefined && word === `-${short}`);
}

function flagNames(flags: Flags): string[] {
  const names = Object.entries(flags).flatMap(([key, { short }]) => [
    ...(short ? [`-${short}`] : []),
    longFlag(key),
  ]);
  return [...names, '--help'];
}

function startingWith(words: readonly string[], prefix: string): string[] {
  return words.filter((word) => word.startsWith(prefix));
}
