import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ComposeService } from '../project/model.js';
import { placeOf, type Reading } from './reading.js';

export interface Instruction {
  /** In upper case. */
  keyword: string;
  /** The arguments, continuation lines joined. */
  text: string;
  /** The arguments as words; for the JSON form, its strings. */
  words: string[];
  /** 1-based. */
  line: number;
}

export interface Dockerfile {
  /** Absolute. Undefined: it is in the compose file, under `dockerfile_inline`. */
  file?: string;
  /** Where a line of the Dockerfile is written. */
  place(line: number): { file?: string; line?: number };
  instructions: Instruction[];
  /** The instructions of the last stage, or of the one that the service names. */
  lastStage: Instruction[];
}

/**
 * The Dockerfile of a service that is built from a folder of this machine, or the one in the compose file;
 * undefined when there is none.
 *
 * @param reading tells where a `dockerfile_inline` is written
 */
export function dockerfileOf(
  { name: service, build }: ComposeService,
  reading?: Reading,
): Dockerfile | undefined {
  if (!build || !isAbsolute(build.context)) return undefined;
  if (build.dockerfileInline !== undefined) {
    const instructions = parseDockerfile(build.dockerfileInline);
    const at = reading && placeOf(reading, 'services', service, 'build', 'dockerfile_inline');
    return {
      place: (line) => (at ? placeInBlock(at, line) : {}),
      instructions,
      lastStage: stageOf(instructions, build.target),
    };
  }
  const name = build.dockerfile ?? 'Dockerfile';
  const file = isAbsolute(name) ? name : join(build.context, name);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  const instructions = parseDockerfile(readFileSync(file, 'utf8'));
  return {
    file,
    place: (line) => ({ file, line }),
    instructions,
    lastStage: stageOf(instructions, build.target),
  };
}

/** Lines of a literal block (`key: |`) follow its key; for other styles the key's line is used. */
function placeInBlock(at: { file: string; line?: number }, line: number): { file: string; line?: number } {
  if (at.line === undefined) return at;
  const key = readFileSync(at.file, 'utf8').split('\n')[at.line - 1] ?? '';
  return /:\s*\|[-+\d]*\s*(?:#.*)?$/.test(key) ? { file: at.file, line: at.line + line } : at;
}

/** Reads instructions; skips heredocs and parser directives. */
export function parseDockerfile(text: string): Instruction[] {
  const instructions: Instruction[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const start = index;
    let whole = lines[index] as string;
    if (/^\s*(#|$)/.test(whole)) continue;
    while (/\\\s*$/.test(whole) && index + 1 < lines.length) {
      index += 1;
      const next = lines[index] as string;
      whole = whole.replace(/\\\s*$/, ' ') + (/^\s*#/.test(next) ? '\\' : next);
    }
    const match = /^\s*([A-Za-z]+)\s+([\s\S]*)$/.exec(whole);
    if (!match) continue;
    const [, keyword = '', rest = ''] = match;
    instructions.push({
      keyword: keyword.toUpperCase(),
      text: rest.trim(),
      words: wordsOf(rest.trim()),
      line: start + 1,
    });
    const heredoc = /<<-?\s*["']?(\w+)["']?/.exec(rest)?.[1];
    if (heredoc && /^(RUN|COPY|ADD)$/i.test(keyword)) {
      while (index + 1 < lines.length && lines[index + 1]?.trim() !== heredoc) index += 1;
      index += 1;
    }
  }
  return instructions;
}

function wordsOf(text: string): string[] {
  const withoutFlags = text.replace(/^(?:--\S+\s+)+/, '');
  if (withoutFlags.startsWith('[')) {
    try {
      const parsed: unknown = JSON.parse(withoutFlags);
      if (Array.isArray(parsed)) return parsed.map(String);
    } catch {
      // Docker, too, reads arguments that are not JSON as the shell form.
    }
  }
  return withoutFlags.split(/\s+/).filter((word) => word !== '');
}

function stageOf(instructions: readonly Instruction[], target: string | undefined): Instruction[] {
  const starts = instructions.flatMap(({ keyword }, index) => (keyword === 'FROM' ? [index] : []));
  const named =
    target === undefined
      ? undefined
      : starts.find((start) =>
          new RegExp(`\\sAS\\s+${escaped(target)}$`, 'i').test(instructions[start]?.text ?? ''),
        );
  const start = named ?? starts.at(-1) ?? 0;
  const end = starts.find((other) => other > start) ?? instructions.length;
  return instructions.slice(start, end);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
