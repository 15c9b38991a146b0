import { describe, expect, test } from 'vitest';
import {
  choose,
  chooseMove,
  installationNotices,
  missingError,
} from '../../../../src/engine/embedded/find-postgres.js';
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

describe('what moves data from 15 to 16', () => {
  test.each([
    ['both servers, and the programs of the earlier', [complete(15), complete(16)], complete(16), 15],
    ['a bare later one', [complete(15), bare(16)], bare(16), 15],
    ['a bare earlier one, and the programs of the later', [bare(15), complete(16)], complete(16), 16],
    ['the complete one of two of a major', [bare(15), complete(15), bare(16)], bare(16), 15],
  ])('is %s', (_, candidates, server, clients) => {
    expect(chooseMove(candidates, 15, 16)).toEqual({ server, clientPrograms: complete(clients).programs });
  });

  test.each([
    ['the later server alone', [complete(16)]],
    ['another major in its place', [complete(15), complete(17)]],
    // What pg_dump 17 writes sets what a server of 16 does not know.
    ['servers alone, beside client programs of a later major', [bare(15), bare(16), complete(17)]],
  ])('is not %s', (_, candidates) => {
    expect(chooseMove(candidates, 15, 16)).toBeUndefined();
  });
});

test('another major and missing client programs are told, the wanted one is not', () => {
  expect(installationNotices(complete(16), 16)).toEqual([]);
  expect(installationNotices(complete(15), 16)).toEqual([
    expect.stringMatching(/names PostgreSQL 16.*15\.3/),
  ]);
  expect(installationNotices(bare(16), 16)).toEqual([expect.stringContaining('without client programs')]);
});

test('where no server is found at all, not even the one of the package, the hint names it', () => {
  expect(missingError({ major: 16 }, []).hint).toContain('--include=optional');
  expect(missingError({ major: 17 }, [bare(16)]).hint).not.toContain('--include=optional');
});
