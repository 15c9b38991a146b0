import { describe, expect, it } from 'vitest';
import { BuildLogReader } from '../../../../src/engine/compose/build-log.js';

describe('the build log', () => {
  const read = (lines: string[]) => {
    const reader = new BuildLogReader();
    return lines.flatMap((line) => reader.read(line) ?? []);
  };

  it('shows which steps were cached and which were rebuilt', () => {
    expect(
      read([
        '#1 [api internal] load build definition from Dockerfile',
        '#1 DONE 0.0s',
        '#6 [api build 2/4] WORKDIR /app',
        '#6 CACHED',
        '#7 [api build 3/4] RUN npm ci',
        '#7 1.234 added 80 packages',
        '#7 DONE 3.2s',
      ]),
    ).toEqual([
      { service: 'api', name: 'WORKDIR /app', cached: true },
      { service: 'api', name: 'RUN npm ci', cached: false, seconds: 3.2 },
    ]);
  });

  it('counts a step once, though its first line is printed again', () => {
    expect(
      read([
        '#7 [api 2/2] RUN true',
        '#7 ...',
        '#8 [api 1/2] FROM node:24-slim',
        '#7 [api 2/2] RUN true',
        '#7 DONE 0.1s',
      ]),
    ).toHaveLength(1);
  });

  it('knows what is at work now, with the last line that it printed', () => {
    const reader = new BuildLogReader();
    const workAfter = (...lines: string[]) => {
      for (const line of lines) reader.read(line);
      return reader.running().map(({ service, name, output }) => [service, name, output]);
    };
    expect(workAfter('#1 [api internal] load build definition from Dockerfile')).toEqual([]);
    expect(workAfter('#5 [api 1/3] FROM docker.io/library/node:24-slim@sha256:ab')).toEqual([
      ['api', 'FROM docker.io/library/node:24-slim@sha256:ab', undefined],
    ]);
    expect(workAfter('#5 sha256:ab 1.05MB / 29MB 0.2s', '#5 DONE 3.1s')).toEqual([]);
    expect(workAfter('#6 [api 2/3] WORKDIR /app', '#6 CACHED', '#7 [api 3/3] RUN npm ci')).toEqual([
      ['api', 'RUN npm ci', undefined],
    ]);
    expect(workAfter('#7 1.234 added 80 packages', '#7 2.5 ', '#7 ...')).toEqual([
      ['api', 'RUN npm ci', 'added 80 packages'],
    ]);
    // Another service beside it, then the first again.
    expect(
      workAfter('#8 [web 2/2] RUN \u001b[31mmake', '#8 0.1 cc -o web', '#7 [api 3/3] RUN npm ci'),
    ).toEqual([
      ['api', 'RUN npm ci', 'added 80 packages'],
      ['web', 'RUN make', 'cc -o web'],
    ]);
    expect(
      workAfter('#7 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1'),
    ).toEqual([['web', 'RUN make', 'cc -o web']]);
    expect(workAfter('#8 DONE 4.0s', '#9 [web] exporting to image', '#9 exporting layers 0.5s done')).toEqual(
      [['web', 'exporting to image', undefined]],
    );
    expect(workAfter('#9 DONE 0.6s')).toEqual([]);
  });
});
