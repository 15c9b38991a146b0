import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  Engine,
  LogEntry,
  LogOptions,
  PipeOptions,
  ServiceEvent,
  UpOptions,
} from '../../src/engine/engine.js';
import { Secret } from '../../src/system/secret.js';
import type { TinyStack } from '../support/tiny-stack.js';

/** One engine with a project of its own, for one test. */
export interface EngineUnderTest {
  stack: TinyStack;
  engine: Engine;
  /** Runs SQL in the project's database and returns its values. */
  query(sql: string): Promise<string[]>;
  /** Removes all of it, and tells what the engine left behind after `down` with volumes. */
  dispose(): Promise<string[]>;
}

interface Facts {
  greeting: string;
  pid: number;
  secret: string;
  names: string[];
}

/** What every engine keeps. Each test has a project of its own, and fails if the engine leaves anything of it. */
export function describeEngine(name: string, setUp: () => Promise<EngineUnderTest>): void {
  describe(`the ${name} engine`, () => {
    let subject: EngineUnderTest;

    beforeEach(async () => {
      subject = await setUp();
    });

    afterEach(async () => {
      expect(await subject.dispose()).toEqual([]);
    });

    const up = (options: Partial<UpOptions> = {}, onEvent: (event: ServiceEvent) => void = () => {}) =>
      subject.engine.up(
        subject.stack.location(),
        { services: [], wait: true, timeoutMs: 60_000, ...options },
        onEvent,
      );
    const facts = async (): Promise<Facts> => {
      const response = await fetch(`http://127.0.0.1:${subject.stack.port}/facts`);
      return (await response.json()) as Facts;
    };
    const states = async () => {
      const found = await subject.engine.status(subject.stack.location());
      return Object.fromEntries(found.map(({ name, state, health }) => [name, `${state} ${health}`]));
    };
    const logs = async (options: Partial<LogOptions> = {}) => {
      const entries: LogEntry[] = [];
      for await (const entry of subject.engine.logs(subject.stack.location(), { services: [], ...options })) {
        entries.push(entry);
      }
      return entries;
    };
    const inService = async (how: 'exec' | 'run', command: string[], env: Record<string, string> = {}) => {
      let stdout = '';
      const sink = new Writable({
        write(chunk, _encoding, done) {
          stdout += chunk;
          done();
        },
      });
      const options = { stdin: 'ignore', stdout: sink, env } as const;
      const status = await subject.engine[how](subject.stack.location(), 'api', command, options);
      return { status, stdout };
    };

    test('knows nothing of a project that never ran, and takes it down all the same', async () => {
      expect(await states()).toEqual({});
      expect(await subject.engine.volumes(subject.stack.location())).toEqual([]);
      expect(await logs()).toEqual([]);
      await subject.engine.down(subject.stack.location(), { volumes: false });
    });

    test('brings a project to healthy, and a second up leaves it alone', async () => {
      const events: ServiceEvent[] = [];
      const first = await up({}, (event) => events.push(event));
      expect(first.failed).toEqual([]);
      expect(first.unchanged).toEqual([]);
      expect(Object.keys(first.seconds).sort()).toEqual(['api', 'db']);
      expect(first.services.map(({ name, health }) => `${name} ${health}`)).toEqual([
        'api healthy',
        'db healthy',
      ]);
      const healthy = events.filter(({ phase }) => phase === 'healthy').map(({ service }) => service);
      expect(healthy).toEqual(['db', 'api']);
      expect(events.some(({ phase }) => phase === 'running')).toBe(false);

      const before = await facts();
      const secret = await readFile(join(subject.stack.directory, 'secrets', 'db_password.txt'));
      expect(before.greeting).toBe('hello');
      expect(before.secret).toBe(createHash('sha256').update(secret).digest('hex'));

      const quiet: ServiceEvent[] = [];
      const second = await up({}, (event) => quiet.push(event));
      expect(second.failed).toEqual([]);
      expect(second.unchanged.sort()).toEqual(['api', 'db']);
      expect(quiet).toEqual([]);
      expect(second.seconds).toEqual({});
      expect((await facts()).pid).toBe(before.pid);
    });

    test('tells what each running service has in its environment, and what it would get now', async () => {
      const { stack } = subject;
      const api = async () => (await subject.engine.environments(stack.location(), ['api'])).get('api') ?? [];
      const different = async () =>
        (await api()).map(({ actual, expected }) =>
          [...new Set([...expected.keys(), ...(actual?.keys() ?? [])])].filter(
            (name) => actual?.get(name)?.reveal() !== expected.get(name)?.reveal(),
          ),
        );
      expect(await api()).toEqual([]);
      await up();
      expect(await different()).toEqual([[]]);
      expect((await api())[0]?.actual?.get('GREETING')?.reveal()).toBe('hello');
      await stack.configure({ GREETING: 'good evening', LATE: '1' });
      expect((await different())[0]?.sort()).toEqual(['GREETING', 'LATE']);
      expect((await api())[0]?.expected.get('GREETING')?.reveal()).toBe('good evening');
      await up({ services: ['api'] });
      expect(await different()).toEqual([[]]);
    });

    describe('a program whose streams are data', () => {
      const pipe = (command: string[], options: PipeOptions = {}) =>
        subject.engine.pipe(subject.stack.location(), 'db', command, options);

      /** Every byte there is, more of them than any buffer on the way holds. */
      const BYTES = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));

      test('gets every byte and gives every byte back, to a reader that is slow', async () => {
        await up();
        const taken = createHash('sha256');
        const output = new Writable({
          async write(chunk: Buffer, _encoding, done) {
            await sleep(1);
            taken.update(chunk);
            done();
          },
        });
        const result = await pipe(['cat'], { input: Readable.from([BYTES]), output });
        expect(result).toMatchObject({ status: 0, stdout: '', stderr: '' });
        expect(taken.digest('hex')).toBe(createHash('sha256').update(BYTES).digest('hex'));
        expect(output.writableEnded).toBe(false);
        // It may end before it has read everything.
        const first = await pipe(['head', '-c', '3'], { input: Readable.from([BYTES]) });
        expect(first).toMatchObject({ status: 0, stdout: '\0\x01\x02' });
      });

      test('has its variables, tells its status and its complaint, and ends when it is told to', async () => {
        await up();
        const script = 'echo "$GREETING"; echo no good >&2; exit 7';
        expect(await pipe(['sh', '-c', script], { env: { GREETING: 'a "b" $c' } })).toMatchObject({
          status: 7,
          stdout: 'a "b" $c\n',
          stderr: expect.stringContaining('no good'),
        });
        const stop = new AbortController();
        const endless = pipe(['sh', '-c', 'cat; sleep 3600'], {
          input: Readable.from(['begun\n']),
          output: new Writable({
            write(_chunk, _encoding, done) {
              stop.abort();
              done();
            },
          }),
          signal: stop.signal,
        });
        await expect(endless).rejects.toMatchObject({ name: 'AbortError' });
        const full = new Writable({
          write: (_chunk, _encoding, done) => done(new Error('the disk is full')),
        });
        await expect(pipe(['cat'], { input: Readable.from([BYTES]), output: full })).rejects.toThrow(
          'the disk is full',
        );
      });

      test('is refused where the service does not run', async () => {
        await expect(pipe(['true'])).rejects.toMatchObject({ code: 'SERVICE_NOT_RUNNING' });
      });
    });

    test('tells the status of each service with its published port', async () => {
      await up();
      expect(await states()).toEqual({ api: 'running healthy', db: 'running healthy' });
      const status = await subject.engine.status(subject.stack.location());
      const api = status.find(({ name }) => name === 'api');
      expect(api?.ports).toEqual([
        { host: '127.0.0.1', published: subject.stack.port, target: 5003, protocol: 'tcp' },
      ]);
      expect(Date.parse(api?.startedAt ?? '')).toBeLessThanOrEqual(Date.now());
    });

    test('reads logs: all, the last lines, those since a time, and on as they come', async () => {
      await up();
      const all = await logs();
      expect(all.some(({ service, line }) => service === 'api' && line.includes('"listening"'))).toBe(true);
      expect(all.some(({ service, line }) => service === 'db' && line.includes('ready to accept'))).toBe(
        true,
      );
      expect(all.every(({ time }) => time === undefined || !Number.isNaN(Date.parse(time)))).toBe(true);

      const last = await logs({ tail: 1, services: ['db'] });
      expect(last).toHaveLength(1);
      expect((await logs({ since: new Date(Date.now() + 3_600_000).toISOString() })).length).toBe(0);
      expect((await logs({ since: new Date(Date.now() - 3_600_000).toISOString() })).length).toBeGreaterThan(
        2,
      );

      const stop = new AbortController();
      const followed: string[] = [];
      const follow = async () => {
        const options = { services: ['api'], follow: true, tail: 0, signal: stop.signal };
        try {
          for await (const { line } of subject.engine.logs(subject.stack.location(), options)) {
            followed.push(line);
            if (line.includes('/facts')) stop.abort();
          }
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        }
      };
      const asking = setInterval(() => void facts(), 200);
      await follow().finally(() => clearInterval(asking));
      expect(followed.some((line) => line.includes('/facts'))).toBe(true);
      expect(followed.some((line) => line.includes('"listening"'))).toBe(false);
    });

    test('runs a program in a service, and in one made for it, and returns its exit status', async () => {
      await up();
      const script = 'console.log(process.env.GREETING, process.env.EXTRA); process.exit(7)';
      expect(await inService('exec', ['node', '-e', script], { EXTRA: 'and more' })).toEqual({
        status: 7,
        stdout: 'hello and more\n',
      });
      await subject.engine.stop(subject.stack.location(), []);
      expect(await inService('run', ['node', '-e', script], { EXTRA: 'once' })).toEqual({
        status: 7,
        stdout: 'hello once\n',
      });
      expect(await states()).toMatchObject({ db: 'running healthy' });
    });

    test('stops, starts and restarts services', async () => {
      await up();
      await subject.engine.stop(subject.stack.location(), ['api']);
      expect(await states()).toEqual({ api: 'exited none', db: 'running healthy' });
      await subject.engine.start(subject.stack.location(), ['api']);
      await expect
        .poll(states, { timeout: 20_000 })
        .toEqual({ api: 'running healthy', db: 'running healthy' });
      const startedAt = async () =>
        (await subject.engine.status(subject.stack.location())).find(({ name }) => name === 'api')?.startedAt;
      const before = await startedAt();
      await subject.engine.restart(subject.stack.location(), ['api']);
      expect(await startedAt()).not.toBe(before);
      await expect
        .poll(states, { timeout: 20_000 })
        .toEqual({ api: 'running healthy', db: 'running healthy' });
    });

    test('reports a service that dies on the way, with its last words', async () => {
      await subject.stack.configure({ MOOD: 'dies' });
      const outcome = await up();
      expect(outcome.failed).toEqual([{ service: 'api', reason: 'exited' }]);
      expect(outcome.services.find(({ name }) => name === 'api')).toMatchObject({
        state: 'exited',
        exitCode: 3,
      });
      expect((await logs({ services: ['api'] })).map(({ line }) => line).join('\n')).toContain(
        'the mood is bad',
      );
    });

    test('gives up on a service that does not become healthy in time', async () => {
      await subject.stack.configure({ MOOD: 'ill' });
      await up({ services: ['db'] });
      const { failed, services } = await up({ timeoutMs: 4_000 });
      expect(failed).toEqual([{ service: 'api', reason: expect.stringMatching(/^(timeout|unhealthy)$/) }]);
      expect(services.find(({ name }) => name === 'api')?.health).not.toBe('healthy');
    });

    test('replaces what changed, and nothing else', async () => {
      await up();
      const before = await facts();
      await subject.stack.configure({ GREETING: 'good evening' });
      const outcome = await up();
      expect(outcome.failed).toEqual([]);
      expect(outcome.unchanged).toEqual(['db']);
      expect((await facts()).greeting).toBe('good evening');
      expect(before.greeting).toBe('hello');
    });

    test('keeps the data over a down, and removes it when told to', async () => {
      await up();
      await subject.query('CREATE TABLE kept (n int)');
      await subject.query('INSERT INTO kept VALUES (42)');
      await reachesItsDatabase();
      const [volume] = await subject.engine.volumes(subject.stack.location());
      expect(volume).toMatchObject({ key: 'pgdata', services: ['db'], unused: false });
      await expect(
        subject.engine.removeVolume(subject.stack.location(), volume?.name as string),
      ).rejects.toThrow();

      await subject.engine.down(subject.stack.location(), { volumes: false });
      expect(await states()).toEqual({});
      expect(await subject.engine.volumes(subject.stack.location())).toMatchObject([
        { key: 'pgdata', unused: true },
      ]);
      await up();
      expect(await subject.query('SELECT n FROM kept')).toEqual(['42']);

      await subject.engine.down(subject.stack.location(), { volumes: true });
      expect(await subject.engine.volumes(subject.stack.location())).toEqual([]);
      await up();
      expect(await subject.query("SELECT count(*) FROM pg_class WHERE relname = 'kept'")).toEqual(['0']);
      await subject.engine.down(subject.stack.location(), { volumes: false });
      await subject.engine.removeVolume(subject.stack.location(), volume?.name as string);
      expect(await subject.engine.volumes(subject.stack.location())).toEqual([]);
    });

    /** By sessions that last, and by password as the app does. */
    async function reachesItsDatabase(): Promise<void> {
      const access = subject.engine.database(subject.stack.location(), 'db');
      const login = { user: 'tiny', database: 'tiny', applicationName: 'the contract' };
      const session = await access.session(login);
      await session.run('BEGIN; CREATE TEMP TABLE seen AS SELECT n FROM public.kept;');
      const read = `SELECT n, current_setting('application_name') AS name, 'Ä "\\' AS text FROM seen`;
      expect(await session.rows(read)).toEqual([{ n: 42, name: 'the contract', text: 'Ä "\\' }]);
      await expect(session.rows('SELECT * FROM nowhere')).rejects.toMatchObject({ code: 'SQL_FAILED' });
      await session.close();
      const elsewhere = async () => {
        const other = await access.session({ ...login, database: 'nowhere' });
        await other.rows('SELECT 1').finally(() => other.close());
      };
      await expect(elsewhere()).rejects.toMatchObject({ code: 'DATABASE_MISSING' });
      const secret = await readFile(join(subject.stack.directory, 'secrets', 'db_password.txt'), 'utf8');
      expect(await access.accepts(login, new Secret(secret))).toMatchObject({ accepted: true });
      expect(await access.accepts(login, new Secret(`${secret}?`))).toMatchObject({ accepted: false });
      const stranger = await access.accepts({ ...login, role: 'stranger' }, new Secret(secret));
      expect(stranger).toMatchObject({ accepted: false, said: expect.stringContaining('stranger') });
      expect((await access.listens(new AbortController().signal)).listening).toBe(true);
      expect((await access.dataFolder()) !== undefined).toBe(access.sharesFiles);
    }

    test('removes a stopped service, and a running one only when told to', async () => {
      await up();
      await subject.engine.remove(subject.stack.location(), ['api'], { stop: false });
      expect(await states()).toMatchObject({ api: 'running healthy' });
      await subject.engine.remove(subject.stack.location(), ['api'], { stop: true });
      expect(await states()).toEqual({ db: 'running healthy' });
    });

    test('an interrupted up takes back what it started', async () => {
      const stop = new AbortController();
      const interrupted = up({ signal: stop.signal }, ({ service, phase }) => {
        if (service === 'db' && phase === 'healthy') stop.abort();
      });
      await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' });
      expect(await states()).toEqual({});
    });
  });
}
