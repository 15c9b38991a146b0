import { describe, expect, it } from 'vitest';
import type { ComposeProject, ComposeService } from '../../../../src/project/model.js';
import { withoutReceiver, withReceiver } from '../../../../src/services/protection/receiver-service.js';

const BASE =
  'services:\n  db:\n    image: ${IMAGE:-postgres:16}\n    volumes: [pgdata:/data]\nvolumes: {pgdata: {}}\n';
const OWN = 'services:\n  app:\n    image: node\n    ports: ["80:80"]\n';
const database = { name: 'db', image: 'postgres:16', networks: [], profiles: [], environment: {} };

function edit(texts: readonly string[], lastFile: boolean) {
  return withReceiver({
    project: { services: { db: database } } as unknown as ComposeProject,
    database: database as unknown as ComposeService,
    files: texts.map((text, i) => ({ file: `${i}.yaml`, text })),
    lastFile,
    place: './backups/protection',
    user: { uid: 1, gid: 1 },
    everySeconds: 60,
    keepSeconds: 60,
  });
}

describe("the receiver's service", () => {
  it('comes behind the database, with the image as it is written', () => {
    const { file, before, after } = edit([BASE, OWN], false);
    expect(file).toBe('0.yaml');
    expect(after).toContain('db-protect:\n    image: ${IMAGE:-postgres:16}\n');
    expect(withoutReceiver(after)).toBe(before);
  });

  it('is found, too, where a person has written it as it was shown: with the flags of an environment', () => {
    const { before, after } = edit([BASE, OWN], true);
    const shown = after.replaceAll('invctl db', 'invctl --environment staging --engine docker db');
    expect(shown).toContain('# invctl --environment staging --engine docker db protect: from here');
    expect(withoutReceiver(shown)).toBe(before);
  });

  it('of an environment comes into its last file, which no other environment has to have', () => {
    const { file, before, after } = edit([BASE, OWN], true);
    expect(file).toBe('1.yaml');
    expect(after.indexOf('db-protect:')).toBeGreaterThan(after.indexOf('app:'));
    expect(after).toContain('image: ${IMAGE:-postgres:16}');
    expect(withoutReceiver(after)).toBe(before);
  });

  it('of an environment takes the place of its lists where a file before has one, too: Compose refuses doubles', () => {
    const shared = edit([BASE], false).after;
    const { before, after } = edit([shared, OWN], true);
    for (const list of ['tmpfs', 'cap_drop', 'security_opt']) {
      expect(after).toMatch(new RegExp(`^ +${list}: !override \\[`, 'm'));
      expect(shared).toMatch(new RegExp(`^ +${list}: \\[`, 'm'));
    }
    expect(withoutReceiver(after)).toBe(before);
    const overlay = OWN.replace('["80:80"]', '!override ["80:80"]');
    expect(edit([BASE, overlay], true).after).toContain('cap_drop: !override [ALL]');
    // Again, it is the same.
    expect(edit([shared, after], true).after).toBe(after);
  });

  it('is not written into a file that has no services', () => {
    expect(edit([BASE, 'volumes: {pgdata: {}}\n'], true).file).toBe('0.yaml');
  });
});
