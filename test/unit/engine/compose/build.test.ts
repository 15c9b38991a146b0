import { describe, expect, it } from 'vitest';
import {
  baseImages,
  declaresArgument,
  lastBaseImage,
  unreachedAddress,
} from '../../../../src/engine/compose/build.js';

describe('the base of an image', () => {
  it.each([
    ['FROM node:24-slim\nRUN true\n', undefined, 'node:24-slim'],
    ['FROM a AS build\nFROM b\nCOPY --from=build /x /x\n', undefined, 'b'],
    ['FROM a AS base\nFROM base AS build\nFROM base\n', undefined, 'a'],
    ['FROM a AS base\nFROM b AS Test\nFROM c\n', 'test', 'b'],
    ['FROM --platform=linux/amd64 a@sha256:00 as x\n', undefined, 'a@sha256:00'],
    ['ARG TAG=1\nFROM node:${TAG}\n', undefined, undefined],
    ['# only a comment\n', undefined, undefined],
  ])('%j, stage %s: %s', (dockerfile, target, base) => {
    expect(lastBaseImage(dockerfile, target)).toBe(base);
  });
});

describe('the images that a Dockerfile needs', () => {
  it('are those of every stage and copy, and no stage of its own', () => {
    const dockerfile = `# FROM comment
ARG TAG=1
FROM --platform=linux/amd64 node:24-slim AS Build
COPY --from=ghcr.io/tools:2 /bin/tool /bin
from build as check
FROM scratch
FROM node:24-slim
COPY --chown=1:1 --from=build /app /app
COPY --from=0 /app /more
COPY . .
FROM other:$TAG
`;
    expect(baseImages(dockerfile)).toEqual(['node:24-slim', 'ghcr.io/tools:2']);
    expect(baseImages('')).toEqual([]);
  });
});

describe('an argument that a FROM can use', () => {
  it.each([
    ['ARG INVCTL_CHECKS=before\nFROM a\n', true],
    ['# syntax=docker/dockerfile:1\n\n  arg A=1 INVCTL_CHECKS\r\nFROM a\r\n', true],
    ['FROM a\nARG INVCTL_CHECKS=before\n', false],
    ['ARG INVCTL_CHECKS_TOO=before\nFROM a\n', false],
    ['ARG OTHER=INVCTL_CHECKS\nFROM a\n', false],
    ['# ARG INVCTL_CHECKS\nFROM a\n', false],
    ['', false],
  ])('%j: %s', (dockerfile, declared) => {
    expect(declaresArgument(dockerfile, 'INVCTL_CHECKS')).toBe(declared);
  });
});

describe('a build that gets nothing from the network', () => {
  it.each([
    [
      'npm error request to https://registry.example/x failed, reason: getaddrinfo EAI_AGAIN registry.example',
      'getaddrinfo EAI_AGAIN registry.example',
    ],
    [
      "W: Failed to fetch http://deb.example/InRelease  Temporary failure resolving 'deb.example'",
      "Temporary failure resolving 'deb.example'",
    ],
    ['curl: (6) Could not resolve host: example.com', 'Could not resolve host: example.com'],
    [
      'ERROR: failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example: i/o timeout',
      'dial tcp: lookup r.example: i/o timeout',
    ],
    ["wget: bad address 'dl.example'", "bad address 'dl.example'"],
  ])('%s', (line, said) => {
    expect(unreachedAddress(['#5 RUN get it', `#5 2.1 ${line}`, '#5 ERROR: exit code: 1'])).toBe(
      `the machine that builds does not reach the network (${said})`,
    );
  });

  it('is none that has an error of its own', () => {
    const log = ['#5 1.2 src/network.ts(3,1): error TS2304: Cannot find name', '#5 1.3 connect ECONNREFUSED'];
    expect(unreachedAddress(log)).toBeUndefined();
  });
});
