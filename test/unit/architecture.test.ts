import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const src = join(root, 'src');

interface Import {
  from: string;
  to: string;
}

/** Which rooms a room may import from. Anyone may import `errors`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  cli: [
    'cli',
    'commands',
    'services',
    'doctor',
    'backup',
    'engine',
    'project',
    'template',
    'output',
    'system',
  ],
  // A command defines itself with `cli/command` and `cli/parameters`, and gets its world as the type `cli/context`; nothing else of cli.
  commands: [
    'commands',
    'services',
    'architecture',
    'export',
    'doctor',
    'backup',
    'engine',
    'project',
    'template',
    'output',
    'system',
  ],
  services: [
    'services',
    'architecture',
    'export',
    'doctor',
    'backup',
    'postgres',
    'engine',
    'project',
    'template',
    'system',
  ],
  // What a stack is for an orchestrator, from its files alone.
  export: ['export', 'doctor', 'postgres', 'project', 'system'],
  // What a stack is told and drawn as: pure, from facts that services gather.
  architecture: ['architecture', 'system'],
  doctor: ['doctor', 'backup', 'postgres', 'engine', 'project', 'template', 'system'],
  backup: ['backup', 'postgres', 'engine', 'project', 'system'],
  postgres: ['postgres', 'engine', 'project', 'system'],
  engine: ['engine', 'project', 'system'],
  template: ['template', 'project', 'system'],
  project: ['project', 'system'],
  output: ['output', 'engine', 'system'],
  system: ['system'],
};
const CLI_FOR_COMMANDS = ['cli/command.ts', 'cli/parameters.ts', 'cli/context.ts'];
/** What an image's name and variables mean: read from text alone, and needed by whoever reads a project. */
const IMAGE_FACTS = ['postgres/image.ts', 'postgres/image-variables.ts'];
const READ_IMAGES = ['project', 'engine'];
/** What a session is started with and refused by, as text: needed by whoever opens one. */
const SESSION_TEXTS = ['postgres/session-settings.ts', 'postgres/session-errors.ts'];

/** What an engine is made of. */
const ENGINES = /^engine\/(?:compose|embedded|swarm|kubernetes)\//;
/** A deployment is of one orchestrator, and hands things to it that no other takes. */
const OWN_ENGINES = /^services\/deploy\//;

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1] as string,
  );
  return specifiers.map((specifier) => ({
    from: relative(src, file),
    to: specifier.startsWith('.')
      ? relative(src, resolve(dirname(file), specifier)).replace(/\.js$/, '.ts')
      : specifier,
  }));
}

const imports = sourceFiles(src).flatMap(importsOf);

function isAllowed({ from, to }: Import): boolean {
  if (to === 'errors.ts' || !to.endsWith('.ts')) return true;
  const [room = ''] = from.split('/');
  const [target = ''] = to.split('/');
  if (READ_IMAGES.includes(room) && IMAGE_FACTS.includes(to)) return true;
  if (room === 'engine' && SESSION_TEXTS.includes(to)) return true;
  if (room === 'commands' && CLI_FOR_COMMANDS.includes(to)) return true;
  return MAY_IMPORT[room]?.includes(target) ?? false;
}

/** Of a wrong import: what it is, and the way that it would go. */
function complaint({ from, to }: Import): string {
  const [room = ''] = from.split('/');
  const allowed = MAY_IMPORT[room] ?? [];
  return `${from} imports ${to}: ${room} may import ${allowed.join(', ')}; move what it takes to one of these, or itself up`;
}

/**
 * The shortest circle of files that each file is in, every circle once, as `a → b → a`. An import of a type counts: the
 * two files cannot be read one after the other.
 */
function circles(all: readonly Import[]): string[] {
  const graph = new Map<string, string[]>();
  for (const { from, to } of all) {
    if (to.endsWith('.ts')) graph.set(from, [...(graph.get(from) ?? []), to]);
  }
  const found = new Set<string>();
  for (const start of graph.keys()) {
    const circle = shortestWay(graph, start);
    if (!circle) continue;
    const first = circle.indexOf([...circle].sort()[0] as string);
    const turned = [...circle.slice(first), ...circle.slice(0, first)];
    found.add([...turned, turned[0]].join(' → '));
  }
  return [...found];
}

/** The files of the shortest way from a file back to itself. */
function shortestWay(graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const before = new Map<string, string>();
  let edge = [start];
  while (edge.length > 0) {
    const next: string[] = [];
    for (const from of edge) {
      for (const to of graph.get(from) ?? []) {
        if (to === start) {
          const way = [from];
          for (let at = from; at !== start; way.unshift(at)) at = before.get(at) as string;
          return way;
        }
        if (before.has(to)) continue;
        before.set(to, from);
        next.push(to);
      }
    }
    edge = next;
  }
  return undefined;
}

describe('imports', () => {
  it('reads something', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  it('go one way: cli → commands → services → doctor → backup → postgres → engine, template, project → system', () => {
    expect(imports.filter((one) => !isAllowed(one)).map(complaint)).toEqual([]);
  });

  it('go in no circle of files', () => {
    expect(circles(imports)).toEqual([]);
  });

  it('are a circle where they come back, over however many files', () => {
    const way = (...files: string[]) =>
      files.slice(1).map((to, i): Import => ({ from: files[i] as string, to }));
    expect(circles(way('b.ts', 'c.ts', 'a.ts', 'b.ts'))).toEqual(['a.ts → b.ts → c.ts → a.ts']);
    expect(circles([...way('a.ts', 'b.ts', 'd.ts'), ...way('a.ts', 'c.ts', 'd.ts')])).toEqual([]);
    expect(circles([...way('a.ts', 'b.ts', 'a.ts'), ...way('b.ts', 'c.ts', 'b.ts')])).toEqual([
      'a.ts → b.ts → a.ts',
      'b.ts → c.ts → b.ts',
    ]);
  });

  it('knows a wrong direction when it sees one', () => {
    expect(isAllowed({ from: 'system/files.ts', to: 'engine/engine.ts' })).toBe(false);
    expect(isAllowed({ from: 'services/up.ts', to: 'output/output.ts' })).toBe(false);
    expect(isAllowed({ from: 'commands/up.ts', to: 'cli/run.ts' })).toBe(false);
    expect(isAllowed({ from: 'engine/select.ts', to: 'services/up.ts' })).toBe(false);
    expect(complaint({ from: 'postgres/session.ts', to: 'backup/archive.ts' })).toMatch(
      /postgres may import postgres, engine, project, system/,
    );
  });

  it('reach into no engine: what only one can say is asked of `Engine`', () => {
    const inside = imports.filter(
      ({ from, to }) => ENGINES.test(to) && !from.startsWith('engine/') && !OWN_ENGINES.test(from),
    );
    expect(inside.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('start programs in system/process.ts only', () => {
    const starters = imports.filter(({ to }) =>
      ['node:child_process', 'child_process', 'execa'].includes(to),
    );
    expect(starters.map(({ from }) => from).sort()).toEqual([
      'system/process-identity.ts',
      'system/process-table.ts',
      'system/process.ts',
    ]);
  });

  it('never cross between src/ and stack/', () => {
    const outside = imports.filter(({ to }) => to.startsWith('..') || to.includes('stack/'));
    expect(outside).toEqual([]);
    const stack = join(root, 'stack/src');
    for (const file of sourceFiles(stack))
      expect(readFileSync(file, 'utf8')).not.toMatch(/from '(\.\.\/)+src\//);
  });
});

describe('folders', () => {
  const folders = readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

  it('have no room without a name', () => {
    expect(folders.filter((name) => /^(utils?|helpers?|common|shared|misc|lib)$/.test(name))).toEqual([]);
  });

  it('have no barrel', () => {
    expect(sourceFiles(src).filter((file) => file.endsWith('/index.ts'))).toEqual([]);
  });
});
