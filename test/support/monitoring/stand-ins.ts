import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { docker } from '../docker-project.js';

/** Name of the image. */
export const STAND_INS = 'invctl-stand-ins';

/** What starts each program in the image of Debian's packages; undefined: as the overlay says. */
const ENTRYPOINTS: Readonly<Record<string, string | undefined>> = {
  caddy: '[caddy, run, --config, /etc/caddy/Caddyfile]',
  'prom/prometheus': '[prometheus]',
  'prom/alertmanager': '[prometheus-alertmanager]',
  'prom/node-exporter': '[prometheus-node-exporter]',
  'quay.io/prometheuscommunity/postgres-exporter': '[prometheus-postgres-exporter]',
  'prom/blackbox-exporter': '[prometheus-blackbox-exporter]',
  'victoriametrics/victoria-logs': '[node, /log-store.mjs]',
  'balabit/syslog-ng': undefined,
};

/** Builds the image; a second build takes what the first one made. Rejects where Debian's packages cannot be had. */
export async function buildStandIns(): Promise<void> {
  await docker('build', '--quiet', '--tag', STAND_INS, fileURLToPath(new URL('stand-ins', import.meta.url)));
}

/** Has the overlay of `--domain` and `--monitoring` name the image instead of those of a registry. */
export async function useStandIns(folder: string): Promise<void> {
  const file = join(folder, 'compose.override.yaml');
  const overlay = (await readFile(file, 'utf8')).replace(
    /^ {4}image: (\S+?):\S+@sha256:[0-9a-f]{64}$/gm,
    (_, name: string) => {
      if (!(name in ENTRYPOINTS)) throw new Error(`no stand-in for ${name}`);
      const entrypoint = ENTRYPOINTS[name];
      return `    image: ${STAND_INS}${entrypoint ? `\n    entrypoint: ${entrypoint}` : ''}`;
    },
  );
  await writeFile(file, overlay);
}
