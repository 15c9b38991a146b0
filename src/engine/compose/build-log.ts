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
  /** Steps that have begun and have not ended, oldest first. */
  readonly #open = new Map<string, OpenStep>();

  /** Returns the step that this line completes, if it completes one. */
  read(line: string): BuildStep | undefined {
    const vertex = /^#(\d+) (.*)$/.exec(stripVTControlCharacters(line).trim());
    if (!vertex) return undefined;
    const [, id = '', rest = ''] = vertex;
    const header = /^\[([^\s\]]+)(?: ([^\]]*))?\] (.*)$/.exec(rest);
    if (header) {
      const [, service = '', position = '', text = ''] = header;
      // A step keeps the output that it printed before another step's lines came in between.
      if (!this.#open.has(id) && position !== 'internal') {
        const name = text.replace(/\s+/g, ' ');
        // `FROM` only looks up or pulls an image, and `exporting to image` has no step number: both count as
        // running steps, but not as built instructions.
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

  /**
   * Returns the running steps, one per service. If a service builds several stages at once, it is the one
   * that began last.
   */
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
