import { replaceItem } from '../../../project/compose-text.js';
import { defineCheck } from '../../check.js';
import { editService } from '../../fix/compose-edit.js';
import { wantedPorts } from '../../published-ports.js';

export const check = defineCheck({
  id: 'db.published',
  chapter: 'security',
  title: 'the database is published beyond this machine',
  severity: 'warn',
  why: "Docker opens the port past the host's firewall: everybody who reaches the machine may try passwords.",
  docs: `\`"5432:5432"\` listens on all addresses. Services of the same project need no published port at all; for a client of this machine write \`"127.0.0.1:5432:5432"\`, or use \`invctl db psql\`.`,
  async probe(facts) {
    return (await wantedPorts(facts))
      .filter(
        ({ service, host }) => facts.databases.some(({ name }) => name === service) && !isLoopback(host),
      )
      .map(({ service, port, target, place }) => ({
        message: `"${service}" publishes port ${port} on all addresses of this machine`,
        next: `write "127.0.0.1:${port}:…" under ports of ${service}, or remove it`,
        service,
        ...place,
        mend: () =>
          editService(facts, service, `publish ${port} of ${service} on 127.0.0.1 only`, (text, path) =>
            replaceItem(
              text,
              [...path, 'ports'],
              (item) => item === `${port}:${target}` || item === `0.0.0.0:${port}:${target}`,
              `"127.0.0.1:${port}:${target}"`,
            ),
          ),
      }));
  },
  fix: { safety: 'ask' },
});

function isLoopback(host: string): boolean {
  return /^(127\.|\[?::1\]?$|localhost$)/.test(host);
}
