import { stripVTControlCharacters } from 'node:util';
import type { BuildStep, RunningStep } from '../engine.js';

interface OpenStep {
  service: string;
  name: string;
  instruction: boolean;
  output?: string;
}

/**
 * Reads BuildKit's plain progress, as `docker compose build` prints it:
 *
 *     #7 [api build 3/5] RUN npm ci
 *     #7 1.234 added 80 packages
 *     #7 CACHED            (or)  #7 DONE 3.2s
 */
export class BuildLogReader {
  /** Steps that have begun and not ended, oldest first. */
  readonly #open = new Map<string, OpenStep>();

  /** The step that this line completes, if it does. */
  read(line: string): BuildStep | undefined {
    const vertex = /^#(\d+) (.*)$/.exec(stripVTControlCharacters(line).trim());
    if (!vertex) return undefined;
    const [, id = '', rest = ''] = vertex;
    const header = /^\[([^\s\]]+)(?: ([^\]]*))?\] (.*)$/.exec(rest);
    if (header) {
      const [, service = '', position = '', text = ''] = header;
      // What is at work again after another had its say keeps what it printed.
      if (!this.#open.has(id) && position !== 'internal') {
        const name = text.replace(/\s+/g, ' ');
        // FROM is looked up or pulled, and `exporting to image` has no number: at work, and no instruction that is built.
        const instruction = /\d+\/\d+$/.test(position) && !/^FROM /i.test(name);
        this.#open.set(id, { service, name, instruction });
      }
      return undefined;
    }
    const step = this.#open.get(id);
    if (!step) return undefined;
    const done = /^DONE ([\d.]+)s$/.exec(rest);
    if (rest === 'CACHED' || done || /^(?:ERROR|CANCELED)\b/.test(rest)) {
      this.#open.delete(id);
      if (!step.instruction || !(rest === 'CACHED' || done)) return undefined;
      const { service, name } = step;
      return { service, name, cached: rest === 'CACHED', ...(done ? { seconds: Number(done[1]) } : {}) };
    }
    const output = /^\d+\.\d+ (.*\S)/.exec(rest)?.[1];
    if (output !== undefined) step.output = output;
    return undefined;
  }

  /** What is at work now, one a service: of several stages at once, the one that began last. */
  running(): RunningStep[] {
    const byService = new Map([...this.#open.values()].map((step) => [step.service, step]));
    return [...byService.values()].map(({ service, name, output, instruction }) => ({
      service,
      name,
      instruction,
      ...(output === undefined ? {} : { output }),
    }));
  }
}
