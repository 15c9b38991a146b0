import { expect, it } from 'vitest';
import { projectDocument } from '../../../../src/services/docs.js';
import { folderContext } from '../../../support/architecture/folder-context.js';
import { bareShell, withProject } from '../../../support/project/project-on-disk.js';

const FILES = {
  'compose.yaml':
    'name: shop\nservices:\n  web:\n    build: .\n    env_file: own.env\n    secrets: [key]\nsecrets: {key: {file: ./secrets/key.txt}}\n',
  Dockerfile: 'FROM a:1\nCOPY . .\n',
  'own.env': 'LEVEL=info\n',
};

async function documentWith(dockerignore: string | undefined): Promise<string> {
  const files = { ...FILES, ...(dockerignore === undefined ? {} : { '.dockerignore': dockerignore }) };
  return withProject(files, async (root) => {
    const { text } = await projectDocument(folderContext(root, bareShell()), { output: '-', check: false });
    return text as string;
  });
}

it.each([
  ['no .dockerignore', undefined, ['`own.env` and `secrets/key.txt`']],
  ['one that leaves out half', 'secrets\n', ['`own.env`']],
  ['one that takes one back', '*\n!own.env\n', ['`own.env`']],
])('with %s, the document claims no more than is so', async (_title, dockerignore, [exposed]) => {
  const text = await documentWith(dockerignore);
  expect(text).toContain(`**Sent to the builder as well:** ${exposed}.`);
  expect(text).toContain('but nothing keeps `own.env` out of a build context.');
  expect(text.includes('in no image and in no variable')).toBe(dockerignore !== undefined);
});

it('with a .dockerignore that keeps all of it out, they are in no image', async () => {
  const text = await documentWith('*\n!src\n');
  expect(text).not.toContain('Sent to the builder as well');
  expect(text).toContain('it is in no image.');
  expect(text).toContain('it is in no image and in no variable.');
});

it('follows an argument that chooses a stage, and shows the value of no other', async () => {
  const Dockerfile = [
    'ARG TAG=1 CHECKS="before"',
    'FROM a:$TAG AS checked-after',
    'FROM checked-after AS checked-before',
    'RUN check',
    'FROM checked-$CHECKS',
  ];
  await withProject({ ...FILES, Dockerfile: Dockerfile.join('\n') }, async (root) => {
    const { text } = await projectDocument(folderContext(root, bareShell()), { output: '-', check: false });
    expect(text).toContain('`FROM checked-before`');
    expect(text).toContain('`RUN check`');
    expect(text).toContain('`FROM a:$TAG`');
  });
});
