import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../../../src/errors.js';
import { applyEdits, inverse } from '../../../../../src/project/compose-text.js';
import { locateProject } from '../../../../../src/project/locate.js';
import { readProject } from '../../../../../src/project/read.js';
import { planMajorChange } from '../../../../../src/services/database/upgrade/compose-edit.js';
import { withProject } from '../../../../support/project/project-on-disk.js';

const SCAFFOLD = `# The shop
name: shop
services:
  db:
    image: postgres:16 # the server
    volumes:
      # its data
      - pgdata:/var/lib/postgresql/data
    environment: { POSTGRES_PASSWORD: x }
volumes:
  # The data. pgdata is kept by down.
  pgdata: {}
`;

async function plan(
  compose: string,
  to: number,
  dataDirectory = '/var/lib/postgresql/data',
  { from = 16, imageMajor = 16, override = '' } = {},
) {
  const texts = { 'compose.yaml': compose, ...(override ? { 'compose.override.yaml': override } : {}) };
  return withProject(texts, async (folder) => {
    const { project } = await readProject(locateProject(folder, {}), {});
    const service = project.services.db;
    if (!service) throw new Error('the test has no service db');
    const files = Object.entries(texts).map(([name, text]) => ({ file: join(folder, name), text }));
    return planMajorChange({ project, service, files, from, imageMajor, to, dataDirectory });
  });
}

describe('the edit of a compose file', () => {
  it('changes the tag and the volume, and nothing else', async () => {
    const { text, volume, edits } = await plan(SCAFFOLD, 17);
    expect(text).toBe(
      SCAFFOLD.replace('postgres:16 ', 'postgres:17 ')
        .replace('- pgdata:', '- pgdata_17:')
        .replace('  pgdata: {}', '  pgdata_17: {}'),
    );
    expect(volume).toEqual({
      before: { key: 'pgdata', name: 'shop_pgdata', target: '/var/lib/postgresql/data' },
      after: { key: 'pgdata_17', name: 'shop_pgdata_17', target: '/var/lib/postgresql/data' },
    });
    expect(applyEdits(text, inverse(edits))).toBe(SCAFFOLD);
    expect(applyEdits(text, edits)).toBeUndefined();
  });

  it('gives the receiver of a protection the same image, and is refused where it cannot', async () => {
    const receiver = '  db-protect:\n    image: postgres:16\n';
    const compose = SCAFFOLD.replace('volumes:\n  # The', `${receiver}volumes:\n  # The`);
    const { text, edits } = await plan(compose, 17);
    expect(text).toContain('  db-protect:\n    image: postgres:17\n');
    expect(applyEdits(text, inverse(edits))).toBe(compose);
    const pinned = compose.replace(receiver, receiver.replace('16', '16.4'));
    await expect(plan(pinned, 17)).rejects.toMatchObject({
      code: 'COMPOSE_NOT_EDITABLE',
      message: expect.stringContaining('"db-protect" has to get the same image'),
    });
  });

  it('gives a receiver in another file the same image there, and leaves one that has it', async () => {
    const override = (major: number) => `services:\n  db-protect:\n    image: postgres:${major} # receives\n`;
    const { text, receiver, edits } = await plan(SCAFFOLD, 17, undefined, { override: override(16) });
    expect(text).toBe((await plan(SCAFFOLD, 17)).text);
    expect(receiver).toMatchObject({ before: override(16), text: override(17) });
    expect(receiver?.file).toMatch(/compose\.override\.yaml$/);
    expect(edits).not.toContainEqual(receiver?.edits[0]);
    const later = await plan(SCAFFOLD, 17, undefined, { override: override(17) });
    expect([later.text, later.receiver]).toEqual([text, undefined]);
    await expect(plan(SCAFFOLD, 18, undefined, { override: override(17) })).rejects.toMatchObject({
      code: 'COMPOSE_NOT_EDITABLE',
      message: expect.stringContaining('its image is not written as postgres:16'),
      hint: expect.stringContaining('image: postgres:18'),
    });
  });

  it('leaves a tag that names the major already, or a later one', async () => {
    for (const [imageMajor, path] of [
      [16, '/var/lib/postgresql/data'],
      [18, '/var/lib/postgresql'],
    ] as const) {
      const compose = SCAFFOLD.replace('postgres:16', `postgres:${imageMajor}`).replace(
        '/var/lib/postgresql/data',
        path,
      );
      const { text, image } = await plan(compose, 16, path, { from: 15, imageMajor });
      expect(image).toEqual({ before: `postgres:${imageMajor}`, after: `postgres:${imageMajor}` });
      expect(text).toBe(
        compose.replace('- pgdata:', '- pgdata_16:').replace('  pgdata: {}', '  pgdata_16: {}'),
      );
    }
  });

  it('mounts the volume of 18 and later one folder higher', async () => {
    const { text } = await plan(SCAFFOLD, 18);
    expect(text).toContain('- pgdata_18:/var/lib/postgresql\n');
    const again = text.replaceAll('18', '16');
    expect((await plan(again, 18, '/var/lib/postgresql/16/docker')).text).toBe(text);
  });

  it('keeps the mount where PGDATA says where the data is', async () => {
    const compose = SCAFFOLD.replace('{ POSTGRES', '{ PGDATA: /data/pg, POSTGRES').replace(
      ':/var/lib/postgresql/data',
      ':/data',
    );
    expect((await plan(compose, 18, '/data/pg')).text).toContain('- pgdata_18:/data\n');
  });

  it('keeps quotes, options, the long form and a name of its own', async () => {
    const short = SCAFFOLD.replace('postgres:16 ', "'postgres:16' ").replace(
      '- pgdata:/var/lib/postgresql/data',
      '- "pgdata:/var/lib/postgresql/data:rw"',
    );
    expect((await plan(short, 18)).text).toContain('- "pgdata_18:/var/lib/postgresql:rw"');
    expect((await plan(short, 18)).text).toContain("image: 'postgres:18' # the server");
    const long = SCAFFOLD.replace(
      '- pgdata:/var/lib/postgresql/data',
      '- {type: volume, source: pgdata, target: /var/lib/postgresql/data} # long',
    ).replace('pgdata: {}', 'pgdata: {name: shop-data}');
    const { text, volume } = await plan(long, 18);
    expect(text).toContain('- {type: volume, source: pgdata_18, target: /var/lib/postgresql} # long');
    expect(text).toContain('pgdata_18: {name: shop-data_18}');
    expect(volume.after.name).toBe('shop-data_18');
  });

  it('counts on where a volume has a number', async () => {
    const compose = SCAFFOLD.replaceAll('pgdata', 'pg16');
    expect((await plan(compose, 17)).volume.after.key).toBe('pg17');
  });

  it.each([
    ['an image with a variable', 'postgres:16 #', '${DB_IMAGE:-postgres:16} #', '${…}'],
    ['a tag without a major', 'postgres:16 #', 'postgres:latest #', 'does not name PostgreSQL'],
    ['another image', 'postgres:16 #', 'bitnami/postgresql:16 #', 'is not the official PostgreSQL image'],
    ['an anchored service', '  db:\n', '  db: &db\n', 'an anchor'],
    ['an anchored value', 'image: postgres:16', 'image: &image postgres:16', 'an anchor'],
    [
      'a merged service',
      'name: shop\nservices:\n  db:\n    image: postgres:16 # the server',
      'name: shop\nx-db: &db {image: "postgres:16"}\nservices:\n  db:\n    <<: *db',
      'a merge key',
    ],
    ['a volume with a variable', '- pgdata:', '- ${DATA:-pgdata}:', '${…}'],
    ['a bind mount', '- pgdata:', '- ./data:', 'a folder of this machine'],
    ['no mount there', ':/var/lib/postgresql/data', ':/elsewhere', 'no named volume'],
    ['a volume that is not ours', 'pgdata: {}', 'pgdata: {external: true}', '`external`'],
    ['a volume on a device', 'pgdata: {}', 'pgdata: {driver_opts: {device: /dev/x}}', '`driver_opts`'],
    ['the name being taken', '  pgdata: {}', '  pgdata: {}\n  pgdata_17: {}', 'in the project already'],
  ])('is refused for %s, with what to write by hand', async (_, before, after, reason) => {
    expect(SCAFFOLD).toContain(before);
    const error = await plan(
      SCAFFOLD.replace(before, () => after),
      17,
    ).catch((one) => one);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: 'COMPOSE_NOT_EDITABLE', hint: expect.stringContaining('by hand') });
    expect(error.message).toContain(reason);
  });
});
