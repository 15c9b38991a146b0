import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { create, Header, list, Pax } from 'tar';
import { afterAll, describe, expect, it } from 'vitest';
import type { Docker } from '../../../../src/engine/compose/docker.js';
import { shipImages } from '../../../../src/engine/compose/shipped-images.js';
import { withoutEntries } from '../../../../src/engine/compose/tar-filter.js';

const folder = mkdtempSync(join(tmpdir(), 'invctl-tar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digit = (one: string) => one.repeat(64);
/** As `docker image save` writes an image of three layers. */
async function savedImage(): Promise<Buffer> {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  const files = ['a', 'b', 'c'].map((one) => `blobs/sha256/${digit(one)}`);
  // Not a whole number of blocks, empty, and a block exactly.
  writeFileSync(join(folder, files[0] as string), 'x'.repeat(30_001));
  writeFileSync(join(folder, files[1] as string), '');
  writeFileSync(join(folder, files[2] as string), 'y'.repeat(512));
  const long = `${'deep/'.repeat(40)}file`;
  mkdirSync(join(folder, 'deep/'.repeat(40)), { recursive: true });
  writeFileSync(join(folder, long), 'long');
  writeFileSync(join(folder, 'manifest.json'), '[]');
  const file = join(folder, 'saved.tar');
  await create({ cwd: folder, file, portable: false }, [...files, long, 'manifest.json']);
  return readFileSync(file);
}

async function namesIn(archive: Buffer): Promise<string[]> {
  const names: string[] = [];
  const file = join(folder, `read-${Math.random()}.tar`);
  writeFileSync(file, archive);
  await list({ file, strict: true, onReadEntry: ({ path }) => names.push(path) });
  return names;
}

/** In parts of these sizes, over and over. */
async function filtered(
  archive: Buffer,
  names: readonly string[],
  sizes: readonly number[],
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = 0, i = 0; at < archive.length; i += 1) {
    const size = sizes[i % sizes.length] as number;
    parts.push(archive.subarray(at, at + size));
    at += size;
  }
  return buffer(Readable.from(parts).pipe(withoutEntries(new Set(names))));
}

describe('a tar stream without some of its entries', () => {
  it.each([[[1_000_000]], [[1]], [[511, 513, 7]], [[512]]])('in parts of %j', async (sizes) => {
    const archive = await savedImage();
    expect((await filtered(archive, [], sizes)).equals(archive)).toBe(true);
    const all = await namesIn(archive);
    for (const left of [
      [`blobs/sha256/${digit('a')}`],
      [`blobs/sha256/${digit('b')}`, 'manifest.json'],
      all.slice(1),
    ]) {
      const smaller = await filtered(archive, left, sizes);
      expect(await namesIn(smaller)).toEqual(all.filter((name) => !left.includes(name)));
      expect(smaller.length % 512).toBe(0);
    }
  });

  it('takes the records along that belong to an entry, with a size that only they have', async () => {
    const name = `blobs/sha256/${digit('d')}`;
    const header = Buffer.alloc(512);
    const time = new Date(0);
    new Header({ path: name, size: 0, type: 'File', mode: 0o644, mtime: time }).encode(header, 0);
    const body = Buffer.alloc(1024, 'z');
    const entry = Buffer.concat([new Pax({ path: name, size: 1000 }).encode(), header, body]);
    const archive = await savedImage();
    expect((await filtered(Buffer.concat([entry, archive]), [], [777])).length).toBe(
      entry.length + archive.length,
    );
    expect((await filtered(Buffer.concat([entry, archive]), [name], [777])).equals(archive)).toBe(true);
  });

  it('ends where it was cut off', async () => {
    const archive = (await savedImage()).subarray(0, 10_000);
    expect((await filtered(archive, [], [999])).equals(archive)).toBe(true);
    expect(await filtered(archive, [`blobs/sha256/${digit('a')}`], [999])).toHaveLength(0);
  });
});

describe('an image for another engine', () => {
  const layers = ['a', 'b', 'c'].map((one) => `sha256:${digit(one)}`);
  const ship = async (
    there: readonly string[],
    {
      id = 'sha256:old',
      store = '[[Backing Filesystem extfs]]',
      accepts = () => true,
    }: { id?: string | undefined; store?: string; accepts?: (names: string[]) => boolean } = {},
  ) => {
    const saved = await savedImage();
    const loaded: string[][] = [];
    const local = [
      { Id: 'sha256:new', Size: 1, Os: 'linux', Architecture: 'amd64', RootFS: { Layers: layers } },
    ];
    const done = { status: 0, stdout: '', stderr: '' };
    const docker = {
      env: {},
      processes: {
        run: async (_: string, args: readonly string[], { output }: { output?: Writable } = {}) => {
          if (args[1] !== 'save') return { ...done, stdout: JSON.stringify(local) };
          output?.write(saved);
          return done;
        },
      },
      images: async () => new Map(id === undefined ? [] : [['shop', { Id: id }]]),
      list: async () => ['sha256:old'],
      inspect: async () => [{ Id: 'sha256:old', RootFS: { Layers: there } }],
      run: async (args: readonly string[], { input }: { input?: Readable } = {}) => {
        if (args[0] === 'info') return { ...done, stdout: store };
        const names = await namesIn(await buffer((input as Readable).pipe(new PassThrough())));
        loaded.push(names.filter((name) => name.startsWith('blobs')).map((name) => name.at(-1) as string));
        return accepts(loaded.at(-1) as string[])
          ? done
          : { ...done, status: 1, argv: [], stderr: 'no such file' };
      },
    } as unknown as Docker;
    const remote = {
      address: { host: 'shop.example' },
      connect: async () => ({ machine: 'x86_64', system: 'Linux' }),
    };
    const service = { name: 'api', image: 'shop' };
    await shipImages(
      docker,
      { host: { remote } } as never,
      { name: 'shop', services: { api: service } } as never,
      new Set(['api']),
      { builds: true, onShipped: () => {} },
    );
    return loaded;
  };

  it('goes without the layers that are there, from the lowest on', async () => {
    expect(await ship(layers.slice(0, 2))).toEqual([['c']]);
    expect(await ship(layers)).toEqual([[]]);
    expect(await ship([])).toEqual([['a', 'b', 'c']]);
    // Upon another layer it is another one.
    expect(await ship([layers[1] as string, layers[2] as string])).toEqual([['a', 'b', 'c']]);
    expect(await ship(layers.slice(0, 2), { id: undefined })).toEqual([['c']]);
  });

  it('goes whole where the engine does not take it like that', async () => {
    const accepts = (names: string[]) => names.length === 3;
    expect(await ship(layers.slice(0, 2), { accepts })).toEqual([['c'], ['a', 'b', 'c']]);
    await expect(ship(layers.slice(0, 2), { accepts: () => false })).rejects.toThrow('no such file');
  });

  it('goes whole to an engine with the containerd image store', async () => {
    const store = '[[driver-type io.containerd.snapshotter.v1]]';
    expect(await ship(layers.slice(0, 2), { store })).toEqual([['a', 'b', 'c']]);
  });

  it('stays here where that engine has it', async () => {
    expect(await ship(layers, { id: 'sha256:new' })).toEqual([]);
  });
});
