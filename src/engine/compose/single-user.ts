import { Readable, Writable } from 'node:stream';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeService } from '../../project/model.js';
import type { Engine } from '../engine.js';
import { type LeftVolume, type ServerQuestion, volumeInUse } from '../trials.js';
import * as argv from './argv.js';
import { type Docker, hasVolume } from './docker.js';

const SINGLE_USER = 'exec postgres --single -D "$PGDATA" "$1" 2>&1';

/** See `Trials.askStopped`. */
export async function askStopped(
  engine: Engine,
  location: ProjectLocation,
  service: ComposeService,
  { database, statement }: ServerQuestion,
): Promise<string> {
  let output = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output += chunk;
      done();
    },
  });
  await engine.run(location, service.name, ['sh', '-c', SINGLE_USER, 'sh', database], {
    // PostgreSQL refuses to run as root.
    user: service.user ?? 'postgres',
    stdin: Readable.from([`${statement}\n`]),
    stdout,
  });
  return output;
}

/** See `Trials.askLeft`. */
export async function askLeft(
  docker: Docker,
  signal: AbortSignal,
  service: ComposeService,
  volume: LeftVolume,
  { database, statement }: ServerQuestion,
): Promise<string | undefined> {
  const { image, dataDirectory } = volume;
  const [images, there] = await Promise.all([
    docker.inspect(argv.inspectImages([image])),
    hasVolume(docker, volume.name),
  ]);
  if (images.length === 0 || !there) return undefined;
  const users = await docker.list(argv.containersWithVolume(volume.name));
  if (users.length > 0) throw volumeInUse(volume.name, users);
  const options = { user: service.user ?? 'postgres', environment: { PGDATA: dataDirectory } };
  const words = argv.runOnVolume(image, volume, options, ['sh', '-c', SINGLE_USER, 'sh', database]);
  return (await docker.run(words, { input: `${statement}\n`, signal })).stdout;
}
