// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import fc from 'fast-check';
import type { ProjectFixture } from './whole-projects.js';

const NAMES = ['A', 'B', 'C', 'LONG_NAME', 'x1', '_U', 'Dotted.name', 'SET_IN_SHELL'];
const VARIABLES = ['A', 'B', 'C', 'LONG_NAME', 'x1', '_U', 'SET_IN_SHELL', 'NOWHERE'];
/** What the docker client gives Compose. The value of `DOCKER_CLI_PLUGIN_SOCKET` is another one at each call. */
const CLIENT_VARIABLES = ['OTEL_RESOURCE_ATTRIBUTES', 'DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND'];

const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.constantFrom(...CLIENT_VARIABLES) },
);
const variable = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...VARIABLES) },
  { weight: 1, arbitrary: fc.constantFrom(...CLIENT_VARIABLES) },
);

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
    fc.constant('${DOCKER_CLI_PLUGIN_SOCKET:+here}'),
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
  {
    weight: 1,
    arbitrary: fc
      .tuple(name, fc.constantFrom('=', '= ', '=\t', ': '), fc.constantFrom('# note', '#fff', '#', 'x\t# y'))
      .map((parts) => parts.join('')),
  },
);

/** The end of the file where it has no line feed: Compose takes a bare name for a value without a name. */
const lastLine = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: envFileLine },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('', 'export ', '  '), name).map((parts) => parts.join('')),
  },
);

const envFile = fc
  .record({
    lines: fc.array(envFileLine, { maxLength: 8 }),
    newline: fc.constantFrom('\n', '\r\n'),
    bom: fc.boolean(),
    end: lastLine,
  })
  .map(
    ({ lines, newline, bom, end }) =>
      `${bom ? '\ufeff' : ''}${lines.map((line) => line + newline).join('')}${end}`,
  );

const digits = fc.nat({ max: 99_999 }).map(String);

/** Unquoted numbers, dates and what looks like one, most of them at an edge of go-yaml's rules. */
const plainScalar = fc.oneof(
  fc.constantFrom(
    '1e400',
    '-1e999',
    '+1',
    '-0',
    '+0.0',
    '1_000',
    '1__0',
    '0o17',
    '0o8',
    '0b101',
    '-0b1',
    '0x1p4',
  ),
  fc.constantFrom(
    '08',
    '0_7',
    '-010',
    '5.',
    '.5',
    '1.e3',
    '1e-400',
    '5e-324',
    '1e21',
    '123456789.0',
    '.5e999',
  ),
  fc.constantFrom(
    '9223372036854775808',
    '18446744073709551616',
    '-9223372036854775809',
    'yes',
    'On',
    'y',
    'NULL',
  ),
  fc.constantFrom(
    '2024-02-30',
    '0099-1-2',
    '2024-2-3 1:2:3,5',
    '2024-02-03T01:02:03.1234567891Z',
    '1:30',
    '12:30:45',
  ),
  fc.constantFrom(
    '2024-02-03T01:02:03-05:30',
    '2024-02-03t01:02:03+01:60',
    '2024-02-03  01:02:03',
    '2024-02-03T1:2:3',
  ),
  fc.constantFrom('!!str 010', '!!int 0o17', '!!float 1', '!!timestamp 2024-02-03', '!!binary aGVsbG8='),
  fc
    .tuple(fc.constantFrom('', '-', '+'), digits, fc.constantFrom('', '.', '_', 'e', 'e-', 'E+'), digits)
    .map((parts) => parts.join('')),
);
/** Compose refuses a project with one of them anywhere. */
const unfit = fc.constantFrom('.inf', '-.Inf', '.nan', '!!float 1e400', '!!binary "%"', '!!timestamp x');

const yamlScalar = fc.oneof(
  { weight: 50, arbitrary: value.map((text) => JSON.stringify(text)) },
  { weight: 20, arbitrary: value.map((text) => `'${text.replaceAll("'", "''")}'`) },
  {
    weight: 10,
    arbitrary: fc.constantFrom('1.50', '010', 'true', 'no', '1e3', '0x1F', '12345678901', '2024-02-03'),
  },
  { weight: 10, arbitrary: fc.constantFrom('', '~', 'null') },
  { weight: 20, arbitrary: plainScalar },
  { weight: 1, arbitrary: unfit },
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
    shell: fc.dictionary(fc.constantFrom('A', 'SET_IN_SHELL', 'x1', 'OTEL_RESOURCE_ATTRIBUTES'), value, {
      noNullPrototype: true,
    }),
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
