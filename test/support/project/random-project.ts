// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import fc from 'fast-check';
import type { ProjectFixture } from './whole-projects.js';

const NAMES = ['A', 'B', 'C', 'LONG_NAME', 'x1', '_U', 'Dotted.name', 'SET_IN_SHELL'];
const VARIABLES = ['A', 'B', 'C', 'LONG_NAME', 'x1', '_U', 'SET_IN_SHELL', 'NOWHERE'];

const name = fc.constantFrom(...NAMES);
const variable = fc.constantFrom(...VARIABLES);

const plainText = fc.constantFrom(
  'a',
  'word',
  'two words',
  '1234#5',
  'a # b',
  '#',
  '5$',
  '$5.00',
  '$$',
  '$$A',
  '=',
  'b=c',
  'http://h:80/p?q=1',
  "it's",
  '"quoted"',
  '\\n',
  '\\\\',
  '\\$A',
  '\\',
  '{"k": [1]}',
  'ü→名',
  ' ',
  '\t',
  '',
  'x}',
  '{',
);

// A requirement that is not met ends the comparison, so there are few of them.
const operator = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(':-', '-', ':+', '+') },
  { weight: 1, arbitrary: fc.constantFrom(':?', '?') },
);

/** A piece of a template, with defaults inside defaults. */
const { piece } = fc.letrec<{ piece: string }>((tie) => ({
  piece: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    plainText,
    variable.map((one) => `$${one}`),
    variable.map((one) => `\${${one}}`),
    fc
      .tuple(variable, operator, fc.array(tie('piece'), { maxLength: 2 }))
      .map(([one, sign, operand]) => `\${${one}${sign}${operand.join('')}}`),
  ),
}));

const value = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));

const envFileLine = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(name, fc.constantFrom('=', ' = ', '=  ', ': '), value).map((parts) => parts.join('')),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(name, value).map(([one, text]) => `${one}="${text.replaceAll('"', '\\"')}"`),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(name, value).map(([one, text]) => `${one}='${text.replaceAll("'", "\\'")}'`),
  },
  { weight: 2, arbitrary: fc.tuple(name, value, value).map(([one, a, b]) => `${one}="${a}\n${b}" # note`) },
  { weight: 2, arbitrary: fc.tuple(name, value).map(([one, text]) => `export ${one}=${text} # note`) },
  { weight: 2, arbitrary: name },
  { weight: 1, arbitrary: value.map((text) => `# ${text}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '   ', '\t') },
);

const envFile = fc
  .record({
    lines: fc.array(envFileLine, { maxLength: 8 }),
    newline: fc.constantFrom('\n', '\r\n'),
    bom: fc.boolean(),
  })
  .map(({ lines, newline, bom }) => `${bom ? '\ufeff' : ''}${lines.map((line) => line + newline).join('')}`);

const yamlScalar = fc.oneof(
  { weight: 5, arbitrary: value.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: value.map((text) => `'${text.replaceAll("'", "''")}'`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('1.50', '010', 'true', 'no', '1e3', '0x1F', '12345678901', '2024-02-03'),
  },
  { weight: 1, arbitrary: fc.constantFrom('', '~', 'null') },
);

const mappingForm = fc
  .uniqueArray(fc.tuple(name, yamlScalar), { selector: ([one]) => one, maxLength: 6 })
  .map((pairs) => pairs.map(([one, text]) => `      ${one}: ${text}`).join('\n'))
  .map((lines) => (lines ? `    environment:\n${lines}\n` : ''));

const listForm = fc
  .uniqueArray(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(name, value).map(([one, text]) => `${one}=${text}`) },
      { weight: 1, arbitrary: name },
      { weight: 1, arbitrary: fc.tuple(variable, value).map(([one, text]) => `\${${one}}=${text}`) },
    ),
    { maxLength: 6 },
  )
  .map((entries) => entries.map((entry) => `      - ${JSON.stringify(entry)}`).join('\n'))
  .map((lines) => (lines ? `    environment:\n${lines}\n` : ''));

/** A service, its env files by number. */
const service = fc
  .tuple(fc.oneof(mappingForm, listForm), fc.subarray([0, 1, 2]), fc.boolean())
  .map(([environment, files, required]) => {
    const entries = files.map((file) =>
      required ? `      - file${file}.env` : `      - {path: ./file${file}.env, required: false}`,
    );
    return `${environment}${entries.length > 0 ? `    env_file:\n${entries.join('\n')}\n` : ''}`;
  });

/** A project in which the environment comes from everywhere that Compose knows. Some of them it refuses. */
export const randomProject: fc.Arbitrary<ProjectFixture> = fc
  .record({
    services: fc.array(service, { minLength: 1, maxLength: 3 }),
    override: fc.option(fc.oneof(mappingForm, listForm), { freq: 3 }),
    envFiles: fc.tuple(envFile, envFile, envFile),
    dotEnv: fc.option(envFile, { freq: 5 }),
    shell: fc.dictionary(fc.constantFrom('A', 'SET_IN_SHELL', 'x1'), value, { noNullPrototype: true }),
  })
  .map(({ services, override, envFiles, dotEnv, shell }) => {
    // To run one without a network takes a quarter of the time.
    const base = '    image: debian:trixie-slim\n    network_mode: none\n';
    const bodies = services.map((body, index) => `  s${index}:\n${base}${body}`);
    return {
      title: 'random',
      files: {
        'compose.yaml': `services:\n${bodies.join('')}`,
        ...(override ? { 'compose.override.yaml': `services:\n  s0:\n${override}` } : {}),
        ...Object.fromEntries(envFiles.map((text, index) => [`file${index}.env`, text])),
        ...(dotEnv === null ? {} : { '.env': dotEnv }),
      },
      env: shell,
    };
  });
