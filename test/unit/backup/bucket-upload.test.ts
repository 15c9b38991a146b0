import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BucketStore } from '../../../src/backup/bucket-store.js';

const PART = 5 * 1024 * 1024;
/** Seven parts, the last of them short. */
const content = randomBytes(6 * PART + 1000);

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'invctl upload '));
  file = join(folder, 'shop.dump');
  writeFileSync(file, content);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A server that speaks as much of S3 as an upload needs. `answer` may hold a part up, and returns its status. */
async function startBucket(answer: (part: number) => Promise<number> | number) {
  const parts = new Map<number, Buffer>();
  const calls: string[] = [];
  let underWay = 0;
  let most = 0;

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    if (request.method === 'PUT') {
      underWay += 1;
      most = Math.max(most, underWay);
      response.once('close', () => {
        underWay -= 1;
      });
      const part = Number(query.get('partNumber'));
      parts.set(part, await buffer(request));
      response
        .setHeader('ETag', `"part-${part}"`)
        .writeHead(await answer(part))
        .end();
    } else if (request.method === 'DELETE') {
      while (underWay > 0) await new Promise(setImmediate);
      calls.push('taken back');
      response.writeHead(204).end();
    } else if (query.has('uploads')) {
      response.end('<R><UploadId>u</UploadId></R>');
    } else {
      const numbers = [...(await text(request)).matchAll(/part-(\d+)/g)].map(([, number]) => number);
      calls.push(`completed of ${numbers.join(' ')}`);
      response.end('<R><ETag>e</ETag></R>');
    }
  }

  const server = createServer((request, response) => void respond(request, response).catch(() => {}));
  // In place of Node's own answer: a server that does not know the header says nothing.
  server.on('checkContinue', () => calls.push('asked to expect'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'seeded-marker');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { port } = server.address() as AddressInfo;
  const store = await BucketStore.open({ bucket: 'backups', endpoint: `http://127.0.0.1:${port}` });
  return { store, parts, calls, most: () => most };
}

describe('an upload to a bucket', () => {
  it('has four parts under way at once, and puts them together in order', async () => {
    const bucket = await startBucket(async (part) => {
      // The first of four is the last to arrive.
      while (bucket.parts.size < (part === 1 ? 7 : 4)) await new Promise(setImmediate);
      return 200;
    });
    const totals: number[] = [];
    const sent = await bucket.store.write('shop.dump', file, {
      bytes: content.length,
      signal: new AbortController().signal,
      onBytes: (total) => totals.push(total),
    });
    expect(sent).toEqual({
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    expect(bucket.calls).toEqual(['completed of 1 2 3 4 5 6 7']);
    const arrived = [...bucket.parts].sort(([a], [b]) => a - b).map(([, part]) => part);
    expect(Buffer.concat(arrived).equals(content)).toBe(true);
    expect(bucket.most()).toBe(4);
    expect(totals.at(-1)).toBe(content.length);
  });

  it('is taken back when a part is refused, and the others are let go of', async () => {
    const bucket = await startBucket((part) => (part === 3 ? 403 : new Promise(() => {})));
    await expect(
      bucket.store.write('shop.dump', file, { bytes: content.length, signal: new AbortController().signal }),
    ).rejects.toMatchObject({ code: 'COPIES_UNREACHABLE', message: expect.stringContaining('403') });
    expect(bucket.calls).toEqual(['taken back']);
  });

  it('is taken back on Ctrl-C', async () => {
    const interruption = new AbortController();
    const bucket = await startBucket((part) => {
      if (part === 2) interruption.abort();
      return 200;
    });
    await expect(
      bucket.store.write('shop.dump', file, { bytes: content.length, signal: interruption.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(bucket.calls).toEqual(['taken back']);
  });
});
