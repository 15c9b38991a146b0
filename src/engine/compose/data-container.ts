import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { posix, relative } from 'node:path';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { PLACE_IN_CONTAINER } from '../../project/receiver.js';
import { allEnded } from '../../system/all-ended.js';
import type { RunResult } from '../../system/process.js';
import type { DataInput } from '../trials.js';
import * as argv from './argv.js';
import { type ComposeTrial, removeOneOffs } from './open-trial.js';

const READY = 'invctl: the data is mounted';

// The first process of a container heeds no signal that it does not ask for, and who stops it waits out the
// service's stop_grace_period. A program in the background has no input but the one that it is given.
const HOLD = 'trap exit TERM INT QUIT; exec 3<&0; echo "$1"; cat <&3 >/dev/null & wait';

interface Outcome {
  status: number;
  output: string;
}

/** A container with the database's mounts, in which programs are run. */
export interface DataContainer {
  run(command: readonly string[], input: DataInput): Promise<Outcome>;
}

/**
 * Starts a container with the database's mounts, for programs that are run in it one after the other: to start
 * one for each takes six times as long. It ends with our process, because its program reads what we keep open.
 *
 * @param options.user runs the programs.
 * @param options.files see `BesideInput.files`
 */
export async function openDataContainer(
  { docker, location }: ComposeTrial,
  service: string,
  { user, files }: { user: string; files: string | undefined },
): Promise<DataContainer> {
  // What a restore that was killed left may still be at its work.
  await removeOneOffs(docker, location.name);
  // The short syntax of a mount has no quotes.
  const mounted = files !== undefined && !files.includes(':');
  const failed = await new Promise<Outcome | undefined>((resolve, reject) => {
    let said = '';
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        said += chunk;
        if (said.includes(READY)) resolve(undefined);
        done();
      },
    });
    const words = ['sh', '-c', HOLD, 'sh', READY];
    const volumes = mounted ? [`${files}:${PLACE_IN_CONTAINER}:ro`] : [];
    docker
      .run(argv.run(location, service, words, { user, volumes }), {
        cwd: location.directory,
        input: new PassThrough(),
        output,
        allowFailure: true,
        ownSession: true,
      })
      .then((result) => resolve(outcome({ ...result, stdout: said })), reject);
  });
  if (failed) return { run: async () => failed };
  const [id] = await docker.list(argv.oneOffIds(location.name));
  if (id === undefined) {
    return { run: async () => ({ status: 1, output: 'the container beside it has ended' }) };
  }
  const execute: Execute = async (as, command, input) => {
    const words = argv.exec(id, ['sh', '-c', '"$@" 2>&1', 'sh', ...command], { user: as });
    return outcome(
      await docker.run(words, {
        ...(input ? { input } : {}),
        allowFailure: true,
        ownSession: true,
      }),
    );
  };
  let pipes = 0;
  return {
    async run(command, input) {
      if (!('file' in input)) return execute(user, command, input);
      const inside = mounted ? inContainer(input.file, files) : undefined;
      if (inside !== undefined) {
        pipes += 1;
        const pipe = `/dev/shm/invctl-${pipes}`;
        const owner = await ownerOf(input.file);
        const done = await runOnFile(execute, { user, command, pipe, inside, owner });
        if (done) return done;
      }
      return execute(user, command, createReadStream(input.file, { highWaterMark: CHUNK_BYTES }));
    },
  };
}

const CHUNK_BYTES = 1024 * 1024;

type Execute = (as: string, command: readonly string[], input?: Readable) => Promise<Outcome>;

function inContainer(file: string, files: string): string | undefined {
  const path = relative(files, file);
  return path.startsWith('..') ? undefined : posix.join(PLACE_IN_CONTAINER, path);
}

async function ownerOf(file: string): Promise<string> {
  const { uid, gid } = await stat(file);
  return `${uid}:${gid}`;
}

const MAKE_PIPE = '[ -r "$2" ] && mkfifo -m 644 "$1"';
const WRITE_PIPE = 'cat "$2" >"$1"; status=$?; rm -f "$1"; exit $status';
const READ_PIPE = 'exec <"$1"; shift; exec "$@"';

/**
 * Runs a program on a file that only its owner may read. The way through the client and the engine takes as long
 * again as unpacking: so a second program, of the file's owner, reads it there.
 *
 * @returns undefined: the file cannot be read in the container, or there is no place for a pipe.
 */
async function runOnFile(
  execute: Execute,
  input: { user: string; command: readonly string[]; pipe: string; inside: string; owner: string },
): Promise<Outcome | undefined> {
  const { user, command, pipe, inside, owner } = input;
  const words = (script: string) => ['sh', '-c', script, 'sh', pipe, inside];
  if ((await execute(owner, words(MAKE_PIPE))).status !== 0) return undefined;
  const [written, read] = await allEnded([
    execute(owner, words(WRITE_PIPE)),
    execute(user, ['sh', '-c', READ_PIPE, 'sh', pipe, ...command]),
  ]);
  return read.status === 0 && written.status !== 0 ? written : read;
}

function outcome({ status, stdout, stderr }: RunResult): Outcome {
  return { status: status ?? 1, output: stdout + stderr };
}
