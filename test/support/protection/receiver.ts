import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SEGMENT_BYTES, type WrittenPlace } from './place.js';

/** Runs a part of the receiver, without its server. @returns what it prints. */
export function byReceiver(place: string, { keepSeconds, live }: WrittenPlace, commands: string): string {
  const script = readFileSync(new URL('../../../templates/protection/receiver.sh', import.meta.url), 'utf8');
  const functions = script.slice(0, script.indexOf('\ncase ${1:-} in'));
  const timeline = Number.parseInt(live.at(-1)?.run.slice(0, 8) ?? '1', 16);
  return execFileSync('sh', ['-s'], {
    encoding: 'utf8',
    input: `${functions}\ntimeline=${timeline} segment_bytes=${SEGMENT_BYTES}\n${commands}\n`,
    env: { ...process.env, PLACE: place, KEEP: String(keepSeconds), EVERY: '86400' },
  });
}
