import { fillBlocks, findBlocks } from './blocks.js';
import type { Chapter, Paths } from './chapter.js';
import { commands } from './chapters/commands.js';
import { data } from './chapters/data.js';
import { environment } from './chapters/environment.js';
import { flow } from './chapters/flow.js';
import { images } from './chapters/images.js';
import { network } from './chapters/network.js';
import { overview } from './chapters/overview.js';
import { production } from './chapters/production.js';
import { reading } from './chapters/reading.js';
import { secrets } from './chapters/secrets.js';
import { security } from './chapters/security.js';
import { services } from './chapters/services.js';
import { start } from './chapters/start.js';
import { structure } from './chapters/structure.js';
import { troubleshooting } from './chapters/troubleshooting.js';
import { anchor, code } from './markdown.js';
import type { Stack } from './stack.js';

const CHAPTERS: readonly Chapter[] = [
  overview,
  structure,
  services,
  flow,
  images,
  start,
  secrets,
  environment,
  network,
  data,
  troubleshooting,
  commands,
  security,
  production,
  reading,
];
const CONTENTS = 'contents';
/** Every possible block of a document, in the order of a new one. */
const BLOCKS: readonly string[] = [CONTENTS, ...CHAPTERS.map(({ name }) => name)];

export interface WrittenDocument {
  text: string;
  /** Its blocks, in its own order. */
  blocks: string[];
  /** Blocks that the user removed. */
  leftOut: string[];
}

/**
 * Writes the architecture document of a stack.
 * @param existing its present text: the user's text stays, and a removed block is not added again
 * @param file name of the document for messages
 * @param typed changes the commands in a text to those that have to be typed for this stack
 * @throws UserError DOCS_MARKER
 */
export function writeDocument(
  stack: Stack,
  existing: string | undefined,
  file: string,
  paths: Paths,
  typed: (text: string) => string = (text) => text,
): WrittenDocument {
  const before = existing === undefined || existing.trim() === '' ? typed(opening(stack)) : existing;
  const marked = findBlocks(before, file, BLOCKS);
  const present = marked.parts.flatMap((part) => (part.kind === 'block' ? [part.name] : []));
  const blocks = present.length > 0 ? present : [...BLOCKS];
  const text = fillBlocks(marked, BLOCKS, (name, all) =>
    name === CONTENTS ? contents(all) : typed(chapterText(name, stack, paths)),
  );
  return { text, blocks, leftOut: BLOCKS.filter((name) => !blocks.includes(name)) };
}

function opening({ name, named }: Stack): string {
  return `# Architecture${named ? ` of ${name}` : ''}

What is between two markers (comments that only the source of this page shows) is written by ${code('invctl docs')} from the files of the project, and is the same on every machine. Everything else is yours: write between the blocks, move them, or remove one, and it stays so. ${code('invctl docs --check')} in CI says when a block is out of date.

`;
}

function contents(present: readonly string[]): string {
  const lines = CHAPTERS.filter(({ name }) => present.includes(name))
    .sort((a, b) => present.indexOf(a.name) - present.indexOf(b.name))
    .map(({ heading }, index) => `${index + 1}. [${heading}](#${anchor(heading)})`);
  return ['## Contents', '', ...lines].join('\n');
}

function chapterText(name: string, stack: Stack, paths: Paths): string {
  const chapter = CHAPTERS.find((one) => one.name === name) as Chapter;
  return `## ${chapter.heading}\n\n${chapter.body(stack, paths)}`;
}
