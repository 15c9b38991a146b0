import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAPTERS } from '../../../src/doctor/check.js';
import { guidePages } from '../../../src/doctor/guide.js';
import { CHECKS } from '../../../src/doctor/registry.js';
import { PREFLIGHT_CHECKS } from '../../../src/services/preflight.js';
import { repository } from '../../support/cli.js';

describe('the registry', () => {
  it('has each id once, in a file of its name and chapter', () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const folder = join(repository, 'src/doctor/checks');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    expect(CHECKS.map(({ chapter, id }) => `${chapter}/${id}.ts`).sort()).toEqual(files.sort());
  });

  it('names only ids that exist as causes, and no circle', () => {
    const byId = new Map(CHECKS.map((check) => [check.id, check]));
    const visit = (id: string, trail: readonly string[]) => {
      expect(byId.has(id), `${trail.join(' → ')} → ${id}`).toBe(true);
      expect(trail).not.toContain(id);
      for (const required of byId.get(id)?.requires ?? []) visit(required, [...trail, id]);
    };
    for (const { id } of CHECKS) visit(id, []);
  });

  it('is what `up` asks before it starts, but for what the engine itself tells of', () => {
    const told = CHECKS.filter(
      ({ blocksUp, chapter }) => blocksUp && !['before-all', 'environment'].includes(chapter),
    );
    expect(new Set(PREFLIGHT_CHECKS)).toEqual(new Set(told));
  });
});

describe('docs/guide', () => {
  const pages = guidePages(CHECKS);

  it('is what `npm run guide` writes', () => {
    const folder = join(repository, 'docs/guide');
    expect(readdirSync(folder).sort()).toEqual([...pages.keys()].sort());
    for (const [name, text] of pages) expect(readFileSync(join(folder, name), 'utf8')).toBe(text);
  });

  it('has a page for each chapter and a section for each check', () => {
    expect(pages.size).toBe(Object.keys(CHAPTERS).length + 1);
    for (const { id, chapter } of CHECKS) expect(pages.get(`${chapter}.md`)).toContain(`\n## ${id}\n`);
  });

  it('knows no command that loses data', () => {
    for (const { id, docs } of CHECKS) {
      // Named where a person is warned of it.
      const text = docs.replace(/Never [^.]*\./g, '');
      expect(text, id).not.toMatch(/down -v|down --volumes|volume prune|volume rm|pg_resetwal|system prune/);
    }
  });
});
