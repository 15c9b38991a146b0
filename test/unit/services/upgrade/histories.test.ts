import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { abortUpgrade } from '../../../../src/services/upgrade/abort.js';
import { upgradeProject } from '../../../../src/services/upgrade/upgrade.js';
import { unresolvedConflicts } from '../../../../src/template/upgrade-folder.js';
import { snapshot, temporaryFolder } from '../../../support/folder.js';
import {
  contextIn,
  filesBelow,
  makeTemplate,
  put,
  scaffold,
  type TemplateFiles,
} from '../../../support/template-history.js';

/** Every file of the template in its first version: one for each edit. */
const OLD = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n';

/** What becomes of each file of the template. */
interface History {
  name: string;
  /** Default: there, and {@link OLD}. */
  before?: 'absent';
  after(file: string): TemplateFiles;
  renamed?: (file: string) => string;
}

const moved = (file: string) => file.replace('src/', 'lib/');
const HISTORIES: History[] = [
  { name: 'nothing changes', after: (file) => ({ [file]: OLD }) },
  { name: 'the first line changes', after: (file) => ({ [file]: OLD.replace('one', 'ONE') }) },
  { name: 'the last line changes', after: (file) => ({ [file]: OLD.replace('seven', 'SEVEN') }) },
  { name: 'a line is added at the end', after: (file) => ({ [file]: `${OLD}eight\n` }) },
  { name: 'there is no final newline any more', after: (file) => ({ [file]: OLD.trimEnd() }) },
  { name: 'it goes', after: () => ({}) },
  { name: 'it is renamed', after: (file) => ({ [moved(file)]: OLD }), renamed: moved },
  {
    name: 'it is renamed, and its last line changes',
    after: (file) => ({ [moved(file)]: OLD.replace('seven', 'SEVEN') }),
    renamed: moved,
  },
  { name: 'it becomes a folder', after: (file) => ({ [`${file}/main.ts`]: 'main\n' }) },
  { name: 'it is new', before: 'absent', after: (file) => ({ [file]: OLD }) },
];

interface Edit {
  name: string;
  /** Text that must be somewhere in the project afterwards. */
  mine?: string;
  edit(file: string): Promise<void>;
}

const write = (text: string | Buffer) => (file: string) => put(file, text);
const EDITS: Edit[] = [
  { name: 'left alone', edit: async () => {} },
  { name: 'first line edited', mine: 'FIRST', edit: write(OLD.replace('one', 'FIRST')) },
  { name: 'last line edited', mine: 'LAST', edit: write(OLD.replace('seven', 'LAST')) },
  { name: 'deleted', edit: (file) => rm(file, { force: true }) },
  { name: 'checked out with CRLF', edit: write(OLD.replaceAll('\n', '\r\n')) },
  {
    name: 'CRLF and first line edited',
    mine: 'WINDOWS\r\n',
    edit: write(OLD.replace('one', 'WINDOWS').replaceAll('\n', '\r\n')),
  },
  { name: 'no final newline', edit: write(OLD.trimEnd()) },
  {
    name: 'bytes that are no UTF-8',
    mine: '\xe9\xff',
    edit: write(Buffer.from(OLD.replace('one', '\xe9\xff'), 'latin1')),
  },
  { name: 'binary', mine: 'BINARY\0', edit: write('BINARY\0\n') },
  {
    name: 'a folder in its place',
    mine: 'FOLDER',
    edit: async (file) => {
      await rm(file, { force: true });
      await put(join(file, 'mine.txt'), 'FOLDER\n');
    },
  },
];

/**
 * What becomes of the file, a row a history, a letter an edit:
 * - untouched · U as the template has it · M both · R removed · N created · K kept, with a word · C conflict.
 */
const EXPECTED = [
  // left first last del crlf crlf+ eof latin bin folder
  '- - - - - - - - - -', // nothing changes
  'U C M K U C M C C C', // its first line
  'U M C K U M M M C C', // its last line
  'U M C K U M M M C C', // a line is added
  'U M M K U M - M C C', // no final newline
  'R K K - R K K K K -', // it goes
  'U U U - U U U U U C', // renamed
  'U M C K U M M M C C', // renamed and changes
  'RN KC KC N RN KC KC KC KC N', // becomes a folder
  'N C C N - C - C C C', // new
].map((row) => row.split(' '));

const LETTERS: Record<string, string> = {
  created: 'N',
  updated: 'U',
  merged: 'M',
  removed: 'R',
  kept: 'K',
  conflict: 'C',
};

const fileOf = (edit: Edit) => `src/${edit.name.replace(/\W+/g, '-')}.ts`;

function template(folder: string, version: string, files: TemplateFiles, renamed?: History['renamed']) {
  const renames = EDITS.map(fileOf).map((file) => ({
    from: `stack/${file}`,
    to: `stack/${renamed?.(file) ?? file}`,
  }));
  return makeTemplate(
    join(folder, 'package'),
    version,
    { 'other.ts': 'other\n', ...files },
    renamed ? renames : [],
  );
}

it.each(HISTORIES.map((history, row) => ({ ...history, row })))(
  'ten edits where $name in the template',
  async ({ before, after, renamed, row }) => {
    const folder = await temporaryFolder();
    const root = join(folder, 'shop');
    const files = EDITS.map(fileOf);
    const old = before === 'absent' ? {} : Object.fromEntries(files.map((file) => [file, OLD]));
    await scaffold(root, await template(folder, '0.1.0', old));
    for (const edit of EDITS) await edit.edit(join(root, 'stack', fileOf(edit)));
    const next = await template(folder, '0.2.0', Object.assign({}, ...files.map(after)), renamed);
    const shot = await snapshot(root);
    const context = contextIn(root);
    const upgrade = (diff: boolean) => upgradeProject(context, { to: undefined, diff, template: next });

    const shown = await upgrade(true);
    expect(await snapshot(root)).toEqual(shot);
    const result = await upgrade(false);
    const told = EDITS.map((edit) => {
      const stem = fileOf(edit).replace('src/', '');
      return (
        result.files
          .filter(({ path }) => path.includes(`/${stem}`))
          .map(({ status }) => LETTERS[status])
          .join('') || '-'
      );
    });
    expect(told).toEqual(EXPECTED[row]);
    expect(shown.files.map(({ path, status }) => ({ path, status }))).toEqual(
      result.files.map(({ path, status }) => ({ path, status })),
    );
    const now = await everything(root);
    for (const { mine } of EDITS) if (mine) expect(now).toContain(mine);

    if ((await unresolvedConflicts(root)).length === 0) {
      expect(await upgrade(false)).toMatchObject({ applied: false, files: [] });
    } else {
      await expect(upgrade(false)).rejects.toMatchObject({ code: 'UPGRADE_IN_CONFLICT' });
    }
    await abortUpgrade(context);
    expect(withoutTimes(await snapshot(root))).toEqual(withoutTimes(shot));
  },
);

async function everything(root: string): Promise<string> {
  const texts = await Promise.all(
    (await filesBelow(root)).map((path) => readFile(join(root, path), 'latin1')),
  );
  return texts.join('\n');
}

/** A file that was written back is the same file at another time. */
function withoutTimes(shot: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(shot).map(([path, text]) => [path, text.replace(/ [\d.]+$/, '')]));
}
