import { describe, expect, test } from 'vitest';
import { choose, installationNotices } from '../../../../src/engine/embedded/find-postgres.js';
import type { Installation } from '../../../../src/engine/embedded/installation.js';

const installation = (major: number, complete: boolean): Installation => ({
  programs: `/opt/${major}/${complete ? 'complete' : 'bare'}`,
  version: `${major}.3`,
  major,
  complete,
});
const complete = (major: number) => installation(major, true);
const bare = (major: number) => installation(major, false);

describe('the PostgreSQL to run', () => {
  test.each([
    ['a complete one of the major', [complete(15), complete(16), bare(16)], { major: 16 }, complete(16)],
    [
      'a complete one of another major before a bare one',
      [complete(15), bare(16)],
      { major: 16 },
      complete(15),
    ],
    ['the nearest of other majors', [complete(15), complete(18)], { major: 17 }, complete(18)],
    ['none below 15', [complete(14), bare(16)], { major: 16 }, bare(16)],
    ['nothing, where a bare one is of another major', [bare(16)], { major: 17 }, undefined],
    [
      'the newest complete one, where the image names no major',
      [complete(15), complete(17), bare(16)],
      {},
      complete(17),
    ],
    ['a bare one, where there is nothing else and no major is named', [bare(16)], {}, bare(16)],
    ['the one that wrote the data', [complete(15), complete(16)], { major: 16, dataMajor: 15 }, complete(15)],
    [
      'a bare one, where that wrote the data',
      [complete(15), bare(16)],
      { major: 16, dataMajor: 16 },
      bare(16),
    ],
    [
      'one that cannot open the data, for the refusal to name',
      [bare(16)],
      { major: 16, dataMajor: 12 },
      bare(16),
    ],
  ])('is %s', (_, candidates, needs, expected) => {
    expect(choose(candidates, needs)).toEqual(expected);
  });

  test('is the one that the person names, whatever it is', () => {
    expect(choose([bare(13)], { major: 16 }, true)).toEqual(bare(13));
  });
});

test('another major and missing client programs are told, the wanted one is not', () => {
  expect(installationNotices(complete(16), 16)).toEqual([]);
  expect(installationNotices(complete(15), 16)).toEqual([
    expect.stringMatching(/names PostgreSQL 16.*15\.3/),
  ]);
  expect(installationNotices(bare(16), 16)).toEqual([expect.stringContaining('without client programs')]);
});
