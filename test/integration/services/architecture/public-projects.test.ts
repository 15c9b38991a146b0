import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawGraph } from '../../../../src/architecture/drawing.js';
import { VIEWS } from '../../../../src/architecture/graph.js';
import { columnsOf } from '../../../../src/architecture/text-width.js';
import { readableGraph, viewGraph } from '../../../../src/architecture/views/view-graph.js';
import { describeStack } from '../../../../src/services/architecture/describe.js';
import { projectDocument } from '../../../../src/services/docs.js';
import { drawnAs } from '../../../../src/services/graph.js';
import { folderContext } from '../../../support/architecture/folder-context.js';
import { diagramsOf, mermaidError } from '../../../support/architecture/mermaid.js';
import { PUBLIC_PROJECTS } from '../../../support/architecture/public-projects.js';
import { bareShell, withProject } from '../../../support/project/project-on-disk.js';

const NO_PAINT = { bold: (text: string) => text, dim: (text: string) => text };

describe('a project of another taste', () => {
  it.each(PUBLIC_PROJECTS)(
    '$title: a document with valid diagrams, the same again',
    async ({ files, env, from }) => {
      await withProject(files, async (root) => {
        const context = folderContext(join(root, from ?? ''), bareShell(env));
        const { file, state } = await projectDocument(context, { check: false });
        expect(state).toBe('created');
        const text = readFileSync(file, 'utf8');
        const errors = await Promise.all(diagramsOf(text).map(mermaidError));
        expect(errors.filter((error) => error !== undefined)).toEqual([]);
        expect(text).not.toContain(join(root, '..'));
        expect(text).not.toContain(`${homedir()}/`);
        expect(text).not.toMatch(/undefined|\[object|NaN|\bnull\b/);
        expect((await projectDocument(context, { check: true })).state).toBe('unchanged');
        expect((await projectDocument(context, { check: false })).state).toBe('unchanged');
      });
    },
  );

  it.each(PUBLIC_PROJECTS)('$title: five views, in every format', async ({ files, env, from }) => {
    await withProject(files, async (root) => {
      const context = folderContext(join(root, from ?? ''), bareShell(env));
      const stack = await describeStack(context);
      for (const view of VIEWS) {
        const [readable, whole] = [readableGraph(stack, view), viewGraph(stack, view)];
        const ids = new Set(whole.nodes.map(({ id }) => id));
        expect(whole.edges.filter(({ from: start, to }) => !ids.has(start) || !ids.has(to))).toEqual([]);
        expect(await mermaidError(await drawnAs(readable, 'mermaid'))).toBeUndefined();
        expect(await drawnAs(readable, 'svg')).toMatch(/^<\?xml[\s\S]*<\/svg>\s*$/);
        for (const columns of [80, 120]) {
          const lines = drawGraph(readable, columns, NO_PAINT).split('\n');
          expect(lines.filter((line) => columnsOf(line) > columns)).toEqual([]);
        }
      }
    });
  });
});
