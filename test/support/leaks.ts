import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Processes that know a text: in their arguments, environment or working directory. Ours are left out. */
export function processesNaming(text: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) =>
      [
        () => readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
        () => readFileSync(`/proc/${pid}/environ`, 'utf8'),
        () => readlinkSync(`/proc/${pid}/cwd`),
      ].some((look) => {
        try {
          return look().includes(text);
        } catch {
          return false;
        }
      }),
    );
}

/** What Docker still has of a Compose project, as `kind name`. */
export function dockerLeavings(project: string): string[] {
  const label = `label=com.docker.compose.project=${project}`;
  const list = (kind: string, args: string[]) =>
    execFileSync('docker', [...args, '--filter', label, '--quiet'], { encoding: 'utf8' })
      .split('\n')
      .filter((id) => id !== '')
      .map((id) => `${kind} ${id}`);
  return [
    ...list('container', ['ps', '--all']),
    ...list('volume', ['volume', 'ls']),
    ...list('network', ['network', 'ls']),
  ];
}

/** Every file and folder below a folder. */
export function leavings(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)));
}
