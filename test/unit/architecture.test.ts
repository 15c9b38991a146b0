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
  cli: ['cli', 'commands', 'services', 'doctor', 'engine', 'project', 'template', 'output', 'system'],
  // A command defines itself with `cli/command` and `cli/parameters`, and gets its world as the type `cli/context`; nothing else of cli.
  commands: [
    'commands',
    'services',
    'architecture',
    'doctor',
    'engine',
    'project',
    'template',
    'output',
    'system',
  ],
  services: [
    'services',
    'architecture',
    'doctor',
    'backup',
    'postgres',
    'engine',
    'project',
    'template',
    'system',
  ],
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
  if (room === 'commands' && CLI_FOR_COMMANDS.includes(to)) return true;
  return MAY_IMPORT[room]?.includes(target) ?? false;
}

describe('imports', () => {
  it('reads something', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  it('go one way: cli → commands → services → doctor → backup → postgres → engine, template, project → system', () => {
    expect(imports.filter((one) => !isAllowed(one))).toEqual([]);
  });

  it('knows a wrong direction when it sees one', () => {
    expect(isAllowed({ from: 'system/files.ts', to: 'engine/engine.ts' })).toBe(false);
    expect(isAllowed({ from: 'services/up.ts', to: 'output/output.ts' })).toBe(false);
    expect(isAllowed({ from: 'commands/up.ts', to: 'cli/run.ts' })).toBe(false);
    expect(isAllowed({ from: 'engine/select.ts', to: 'services/up.ts' })).toBe(false);
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
