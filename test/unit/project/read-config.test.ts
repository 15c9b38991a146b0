import { join } from 'node:path';
import { expect, test } from 'vitest';
import { locateProject } from '../../../src/project/locate.js';
import { readConfig } from '../../../src/project/read.js';
import { withProject } from '../../support/project/project-on-disk.js';

const COMPOSE = `name: shop
services:
  db:
    image: postgres:16
    volumes: ["pgdata:/var/lib/postgresql/data"]
volumes: {pgdata: {}}
`;

test('another text stands in for that of a file, included or not', async () => {
  const files = { 'compose.yaml': COMPOSE, 'outer.yaml': 'name: shop\ninclude: [compose.yaml]\n' };
  await withProject(files, async (folder) => {
    const texts = new Map([
      [
        join(folder, 'compose.yaml'),
        COMPOSE.replace('postgres:16', 'postgres:17').replaceAll('pgdata', 'pgdata_17'),
      ],
    ]);
    for (const file of ['compose.yaml', 'outer.yaml']) {
      const location = locateProject(folder, { COMPOSE_FILE: file });
      expect(readConfig(location, {}, texts)).toMatchObject({
        name: 'shop',
        services: {
          db: {
            image: 'postgres:17',
            volumes: [{ type: 'volume', source: 'pgdata_17', target: '/var/lib/postgresql/data' }],
          },
        },
        volumes: { pgdata_17: { name: 'shop_pgdata_17' } },
      });
      expect(readConfig(location, {}, new Map()).services.db?.image).toBe('postgres:16');
    }
  });
});
