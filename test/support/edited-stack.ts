import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TinyStack } from './tiny-stack.js';

/** A build that refuses what is no JavaScript, as a compiler does. */
const STRICT_BUILD = `const { cpSync, readdirSync, readFileSync } = require('node:fs');
const { Script } = require('node:vm');

for (const name of readdirSync('src')) {
  if (name.endsWith('.cjs')) new Script(readFileSync('src/' + name, 'utf8'), { filename: process.cwd() + '/src/' + name });
}
cpSync('src', 'dist', { recursive: true });
`;

/** The source of a tiny stack's API in the hands of somebody who edits it. */
export class EditedStack {
  readonly #stack: TinyStack;

  constructor(stack: TinyStack) {
    this.#stack = stack;
  }

  get source(): string {
    return join(this.#stack.directory, 'api/src/server.cjs');
  }

  async prepare(): Promise<void> {
    await writeFile(join(this.#stack.directory, 'api/build.cjs'), STRICT_BUILD);
    await writeFile(join(this.#stack.directory, 'api/.dockerignore'), 'dist\nnode_modules\nnotes\n');
  }

  /** Makes the API answer with this word, written as editors do: beside it, then renamed over it. */
  async answer(word: string): Promise<void> {
    const text = (await readFile(this.source, 'utf8')).replace(
      /writeHead\(404\)\.end\(.*?\)/,
      `writeHead(404).end('${word}')`,
    );
    await writeFile(`${this.source}.swp`, text);
    await rename(`${this.source}.swp`, this.source);
  }

  /** @returns the line that cannot be read. */
  async breakSource(): Promise<number> {
    const text = await readFile(this.source, 'utf8');
    await writeFile(this.source, `${text}const = ;\n`);
    return text.split('\n').length;
  }

  async mendSource(): Promise<void> {
    const text = await readFile(this.source, 'utf8');
    await writeFile(this.source, text.replace('const = ;\n', ''));
  }

  /** As many files at once as another branch may bring. */
  async bringFiles(count: number): Promise<void> {
    const folder = join(this.#stack.directory, 'api/src/many');
    await mkdir(folder, { recursive: true });
    await Promise.all(Array.from({ length: count }, (_, n) => writeFile(join(folder, `${n}.txt`), `${n}`)));
  }

  async says(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#stack.port}/any`);
    return response.text();
  }

  /** Process id in the container, or on this machine. */
  async process(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#stack.port}/facts`);
    const { pid } = (await response.json()) as { pid: number };
    return String(pid);
  }
}
