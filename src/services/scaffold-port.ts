import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { COMPOSE_FILE_NAMES } from '../project/locate.js';
import { findFreePort, findListener, isPortFree } from '../system/ports.js';
import { readIfPresent } from '../template/compare.js';
import { DEFAULT_OPTIONS } from '../template/options.js';

/** The address of this machine that a scaffold publishes its API on. */
const HOST = '127.0.0.1';
/** How often to look: another invctl that checks the port holds it for a moment. */
const LOOKS = 4;
const PAUSE_MS = 50;

export interface FirstPort {
  port: number;
  /** Why it is not the default port. */
  note?: string;
}

/**
 * The port for a scaffold when none was given: the default, or the next free one. A compose file that an
 * interrupted init left keeps its port: its own stack may hold it.
 */
export async function firstPort(directory: string, usual: number = DEFAULT_OPTIONS.port): Promise<FirstPort> {
  for (const name of COMPOSE_FILE_NAMES) {
    const text = (await readIfPresent(join(directory, name)))?.toString('utf8');
    if (text === undefined) continue;
    const published = /"127\.0\.0\.1:(\d+):5003"/.exec(text);
    return { port: published ? Number(published[1]) : usual };
  }
  const held = await portInUse(usual);
  if (!held) return { port: usual };
  const port = await findFreePort(HOST, usual);
  return { port, note: `${held}; the API of this project gets port ${port}` };
}

/** Describes what holds a port of this machine now; undefined when it is free. */
export async function portInUse(port: number): Promise<string | undefined> {
  for (let look = 1; look <= LOOKS; look += 1) {
    if (await isPortFree(HOST, port)) return undefined;
    if (look < LOOKS) await setTimeout(PAUSE_MS);
  }
  const listener = await findListener(port);
  return `port ${port} is in use${listener ? ` by the process ${listener.pid} (${listener.name})` : ''}`;
}
