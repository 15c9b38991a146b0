// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import type { ProjectFixture } from './whole-projects.js';

export interface EnvironmentCase extends ProjectFixture {
  /** The environment of the service `web`. Null: the name is unset in the container. */
  expected: Record<string, string | null>;
}

/** A case of the env file's format. */
function file(title: string, text: string, expected: Record<string, string>, env = {}): EnvironmentCase {
  return {
    title: `env file: ${title}`,
    files: { 'compose.yaml': 'services: {web: {image: x, env_file: a.env}}\n', 'a.env': text },
    env,
    expected,
  };
}

/** A case of the template language; the variables are the shell's. */
function template(
  title: string,
  text: string,
  variables: Record<string, string>,
  expected: string,
): EnvironmentCase {
  return {
    title: `template: ${title}`,
    files: { 'compose.yaml': `services: {web: {image: x, environment: {X: ${JSON.stringify(text)}}}}\n` },
    env: variables,
    expected: { X: expected },
  };
}

/** Unquoted YAML scalars, and the text that the container gets. */
function scalars(title: string, values: Record<string, string | null>): EnvironmentCase {
  const entries = Object.entries(values);
  const lines = entries.map(([text], index) => `      X${index}: ${text}\n`);
  return {
    title: `scalar: ${title}`,
    files: { 'compose.yaml': `services:\n  web:\n    image: x\n    environment:\n${lines.join('')}` },
    env: {},
    expected: Object.fromEntries(entries.map(([, expected], index) => [`X${index}`, expected])),
  };
}

/** A case of precedence: what else the service says, and which files are there. */
function precedence(
  title: string,
  service: string,
  files: Record<string, string>,
  env: Record<string, string>,
  expected: Record<string, string | null>,
): EnvironmentCase {
  return {
    title: `precedence: ${title}`,
    files: { 'compose.yaml': `services:\n  web:\n    image: x\n${service}`, ...files },
    env,
    expected,
  };
}

export const environmentCases: EnvironmentCase[] = [
  file('a plain value', 'A=b\n', { A: 'b' }),
  file('no line feed at the end', 'A=b', { A: 'b' }),
  file('an empty value', 'A=\nB=2\n', { A: '', B: '2' }),
  file('an empty value at the end of the file', 'A=', { A: '' }),
  file('spaces around the sign', 'A = b\nB= c\nC =d\n', { A: 'b', B: 'c', C: 'd' }),
  file('spaces around the line', '  A=b  \n\tB=c\t\n', { A: 'b', B: 'c' }),
  file('spaces within a value', 'A=b  c\td\n', { A: 'b  c\td' }),
  file('a colon for the sign', 'A: b\nB:c\nC : d\n', { A: 'b', B: 'c', C: 'd' }),
  file('a colon in a value', 'A=http://x:80/y\nB: a:b=c\n', { A: 'http://x:80/y', B: 'a:b=c' }),
  file('a sign in a value', 'A=b=c==\n', { A: 'b=c==' }),
  file('export before the name', 'export A=b\nexport\tB=c\nexport   C: d\n', { A: 'b', B: 'c', C: 'd' }),
  file('a name that begins with export', 'exported=1\nexport_it=2\n', { exported: '1', export_it: '2' }),
  file('export with a name to inherit', 'export GIVEN\nexport NOT_GIVEN\n', { GIVEN: 'g' }, { GIVEN: 'g' }),
  file('empty lines and lines of spaces', '\n\n  \nA=b\n\t\n\nB=c\n\n', { A: 'b', B: 'c' }),
  file('comments on their own lines', '# one\nA=b\n  # two\n#three\nB=c\n# end', { A: 'b', B: 'c' }),
  file('a comment behind a value', 'A=b # note\nB=c\t# kept\nC=d  #x\n', { A: 'b', B: 'c\t# kept', C: 'd' }),
  file('a hash without a space before it', 'A=1234#5\nB=#colour\nC= #x\n', {
    A: '1234#5',
    B: '#colour',
    C: '#x',
  }),
  file('a comment that is all of an empty value', 'A=  # x\n', { A: '# x' }),
  file('a comment behind a tab', 'A=b\t# x\nB=\t# y\n', { A: 'b\t# x', B: '# y' }),
  file('a bare name with export and without a line feed', 'A=1\nexport B', { A: '1', '': 'B' }),
  file('a value without a name', '=x\nA="1"=y\n', { '': 'y', A: '1' }),
  file(
    'what the docker client gives',
    'OTEL_RESOURCE_ATTRIBUTES\nA=${DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND}\n',
    {
      OTEL_RESOURCE_ATTRIBUTES: 'docker.cli.cobra.command_path=docker%20compose',
      A: 'docker',
    },
  ),
  file('names with dots, dashes, digits and brackets', 'a.b-c_1=x\n9X=y\nL[0]=z\n', {
    'a.b-c_1': 'x',
    '9X': 'y',
    'L[0]': 'z',
  }),
  file('names beyond ASCII', 'GRÖSSE=groß\n名前=値\n', { GRÖSSE: 'groß', 名前: '値' }),
  file('a tab within a name', 'A\tB=1\n', { 'A\tB': '1' }),
  file('a name twice', 'A=1\nB=${A}\nA=2\nC=${A}\n', { A: '2', B: '1', C: '2' }),
  file('a bare name that is set', 'GIVEN\nA=b\n', { GIVEN: 'shell', A: 'b' }, { GIVEN: 'shell' }),
  file('a bare name that is not set', 'NOT_GIVEN\nA=b\n', { A: 'b' }),
  file('a bare name with spaces behind it', 'GIVEN  \nA=b\n', { GIVEN: 'g', A: 'b' }, { GIVEN: 'g' }),
  file('a bare name after its own assignment', 'A=1\nA\n', { A: '1' }),
  file('a bare name without a line feed', 'A=1\nB', { A: '1', '': 'B' }),
  file('single quotes', "A='b c'\nB='$X ${Y} # \\n \"'\n", { A: 'b c', B: '$X ${Y} # \\n "' }),
  file('an escaped single quote', "A='it\\'s'\nB='back\\\\slash'\n", { A: "it's", B: 'back\\\\slash' }),
  file('single quotes over lines', "A='one\ntwo # no comment\n\n'\nB=c\n", {
    A: 'one\ntwo # no comment\n\n',
    B: 'c',
  }),
  file('double quotes', 'A="b c"\nB="x # y"\nC=""\n', { A: 'b c', B: 'x # y', C: '' }),
  file('escapes in double quotes', 'A="a\\nb\\tc\\rd"\nB="\\\\ \\" \\a\\b\\f\\v"\n', {
    A: 'a\nb\tc\rd',
    B: '\\ " \x07\b\f\v',
  }),
  file('an escaped dollar in double quotes', 'A="\\$X \\${X}"\nB="$$X"\n', { A: '$X ${X}', B: '$X' }),
  file('escapes that are none', 'A="\\c \\d \\x41 \\u0041 \\\'"\n', { A: "\\c \\d \\x41 \\u0041 \\'" }),
  file('octal escapes', 'A="\\0101\\0777\\012\\0"\n', { A: 'A\\777\\12\\' }),
  file('escapes in an unquoted value', 'A=a\\nb\\\\c\\"d\n', { A: 'a\\nb\\\\c\\"d' }),
  file('double quotes over lines', 'A="one\ntwo"\nB="x\\\ny"\n', { A: 'one\ntwo', B: 'x\\\ny' }),
  file('a comment behind a quoted value', 'A="b" # c\nB=\'d\' # e\nC=f\n', { A: 'b', B: 'd', C: 'f' }),
  file('quotes within a value', 'A=b"c"d\nB=it\'s\nC={"k": "v"}\n', {
    A: 'b"c"d',
    B: "it's",
    C: '{"k": "v"}',
  }),
  file('more behind a closing quote', 'A="b"B=c\n', { A: 'b', B: 'c' }),
  file('quotes of the other kind', 'A="it\'s"\nB=\'say "hi"\'\n', { A: "it's", B: 'say "hi"' }),
  file('CRLF', 'A=b\r\n# c\r\nB="d"\r\nC=\r\nD=\'e\'\r\n', { A: 'b', B: 'd', C: '', D: 'e' }),
  file('CRLF within quotes', 'A="b\r\nc"\r\n', { A: 'b\r\nc' }),
  file('a BOM', '\ufeffA=b\nB=c\n', { A: 'b', B: 'c' }),
  file('a non-breaking space', 'A=\u00a0b\u00a0\nB=c\u00a0d\n', { A: 'b', B: 'c\u00a0d' }),
  file('interpolation of an earlier name', 'A=1\nB=x${A}y$A-z\n', { A: '1', B: 'x1y1-z' }),
  file('interpolation of a later name', 'B=x${A}y\nA=1\n', { B: 'xy', A: '1' }),
  file('the shell over an earlier name', 'A=1\nB=${A}\n', { A: '1', B: 'shell' }, { A: 'shell' }),
  file('interpolation in double quotes only', 'A=1\nB="${A}"\nC=\'${A}\'\n', { A: '1', B: '1', C: '${A}' }),
  file('a default in an env file', 'A=${NO:-x y}\nB=${NO-}\nC="${NO:-\\"q\\"}"\n', {
    A: 'x y',
    B: '',
    C: '"q"',
  }),
  file('dollar signs that mean nothing', 'A=5$\nB=$1.50\nC=a$ b\n', { A: '5$', B: '$1.50', C: 'a$ b' }),
  file('a doubled dollar', 'A=a$$b\nB=$$$$\nC=$${X}\n', { A: 'a$b', B: '$$', C: '${X}' }),
  file('a hash in a default', 'A=${NO:-a#b}\nB="${NO:-a # b}"\n', { A: 'a#b', B: 'a # b' }),

  scalars('numbers that no float64 can hold are text', {
    '1e400': '1e400',
    '-1e999': '-1e999',
    '9e9999': '9e9999',
    '.5e999': '.5e999',
    '1.8e308': '1.8e308',
    '1e-400': '0',
    '5e-324': '5e-324',
  }),
  scalars('integers in every base, signs and separators', {
    '0o17': '15',
    '0o8': '0o8',
    '0x1F': '31',
    '0b101': '5',
    '010': '8',
    '08': '8',
    '-010': '-8',
    '1_000': '1000',
    '1__0': '10',
    '+1': '1',
    '-0': '0',
    '9223372036854775808': '9223372036854775808',
    '18446744073709551616': '1.8446744073709552e+19',
  }),
  scalars('floats as Go prints them', {
    '1e3': '1000',
    '1.50': '1.5',
    '1000000.0': '1e+06',
    '0.00001': '1e-05',
    '.5': '0.5',
    '5.': '5',
    '0x1p4': '0x1p4',
    '1_0.5': '10.5',
  }),
  scalars('nulls and booleans', {
    '~': null,
    null: null,
    yes: 'yes',
    no: 'no',
    on: 'on',
    Off: 'Off',
    y: 'y',
    True: 'true',
  }),
  scalars('dates', {
    '2024-02-03': '2024-02-03 00:00:00 +0000 UTC',
    '0099-1-2': '0099-01-02 00:00:00 +0000 UTC',
    '2024-02-30': '2024-02-30',
    '2024-2-3 1:2:3,5': '2024-02-03 01:02:03.5 +0000 UTC',
    '2024-02-03  01:02:03': '2024-02-03 01:02:03 +0000 UTC',
    '2024-02-03T01:02:03': '2024-02-03T01:02:03',
    '2024-02-03T01:02:03.1234567891Z': '2024-02-03 01:02:03.123456789 +0000 UTC',
    '2024-02-03t01:02:03-05:30': '2024-02-03 01:02:03 -0530 -0530',
    '2024-02-03T01:02:03+01:60': '2024-02-03 01:02:03 +0200 +0200',
    '2024-02-03T01:02:03+25:00': '2024-02-03T01:02:03+25:00',
    '1:30': '1:30',
    '!!timestamp "2024-02-03"': '2024-02-03 00:00:00 +0000 UTC',
  }),

  template(
    'a name of the docker client',
    '${OTEL_RESOURCE_ATTRIBUTES:-no}',
    {},
    'docker.cli.cobra.command_path=docker%20compose',
  ),
  template(
    'a name of the docker client that the shell has too',
    '$OTEL_RESOURCE_ATTRIBUTES',
    { OTEL_RESOURCE_ATTRIBUTES: ' a=b ' },
    'a=b,docker.cli.cobra.command_path=docker%20compose',
  ),
  template(
    'another that the shell has too',
    '$DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND',
    { DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: 'me' },
    'docker',
  ),
  template('a name without braces', 'a-$A-b', { A: '1' }, 'a-1-b'),
  template('a name with braces', 'a${A}b', { A: '1' }, 'a1b'),
  template('a name ends where its letters end', '$A.$A_B/$AB', { A: '1', A_B: '2', AB: '3' }, '1.2/3'),
  template('an unset name', '[${NO}$NO]', {}, '[]'),
  template('an empty name', '[${A}]', { A: '' }, '[]'),
  template('names know case', '${a}${A}', { a: '1', A: '2' }, '12'),
  template(':- on unset, empty and set', '${NO:-d} ${E:-d} ${A:-d}', { E: '', A: '1' }, 'd d 1'),
  template('- on unset, empty and set', '${NO-d} [${E-d}] ${A-d}', { E: '', A: '1' }, 'd [] 1'),
  template(':+ on unset, empty and set', '[${NO:+d}] [${E:+d}] ${A:+d}', { E: '', A: '1' }, '[] [] d'),
  template('+ on unset, empty and set', '[${NO+d}] ${E+d} ${A+d}', { E: '', A: '1' }, '[] d d'),
  template(':? and ? that are met', '${A:?no} ${E?no}', { E: '', A: '1' }, '1 '),
  template('an empty default', '[${NO:-}] [${NO-}]', {}, '[] []'),
  template('a default with signs of its own', '${NO:-a:-b?c+d=e}', {}, 'a:-b?c+d=e'),
  template('a default with spaces and quotes', `\${NO:-a "b" 'c'}`, {}, `a "b" 'c'`),
  template('a nested default', '${NO:-${NO2:-${NO3:-deep}}}', {}, 'deep'),
  template('a nested default in the middle', '${NO:-a${A}b}-${NO2:-c}', { A: '1' }, 'a1b-c'),
  template('a default that is a name', '${NO:-$A}', { A: '1' }, '1'),
  template('an alternative that is a template', '${A:+<${A}>}', { A: '1' }, '<1>'),
  template('a brace in a default', '${NO:-{"a":1}} b', {}, '{"a":1} b'),
  template(
    'braces without a word between them, which Compose closes too late',
    '${NO:-{}} ${NO:-{"a":1}}',
    {},
    '{}} {"a":1',
  ),
  template('a brace behind an expression', '${NO:-a}} ${A}}', { A: '1' }, 'a} 1}'),
  template('text behind a nested default', '${NO:-${NO2:-x}}/y/${A}', { A: '1' }, 'x/y/1'),
  template('several lines', '${NO:-a}\n${NO:-b}\n$A', { A: '1' }, 'a\nb\n1'),
  template('a doubled dollar', '$$A $${A} $$$A', { A: '1' }, '$A ${A} $1'),
  template('a lone dollar', '$ 5$ $1 $-', {}, '$ 5$ $1 $-'),
  template('a dollar in a value is not read again', '${A}', { A: '${B} $C $$' }, '${B} $C $$'),
  template('a dollar in a default', '${NO:-$$5}', {}, '$5'),
  template('a message that is a template', '${A:?needs ${B}}', { A: '1' }, '1'),
  template('COMPOSE_PROJECT_NAME', '${COMPOSE_PROJECT_NAME}', {}, 'shop'),

  precedence(
    'environment over env_file',
    '    environment: {A: e}\n    env_file: a.env\n',
    { 'a.env': 'A=f\nB=f\n' },
    {},
    {
      A: 'e',
      B: 'f',
    },
  ),
  precedence(
    'the later of two env files',
    '    env_file: [a.env, b.env]\n',
    { 'a.env': 'A=1\nB=1\n', 'b.env': 'B=2\n' },
    {},
    {
      A: '1',
      B: '2',
    },
  ),
  precedence(
    '.env reaches no container by itself',
    '    environment: {A: 1}\n',
    { '.env': 'B=2\n' },
    {},
    { A: '1' },
  ),
  precedence(
    'the shell reaches no container by itself',
    '    environment: {A: 1}\n',
    {},
    { B: '2' },
    { A: '1' },
  ),
  precedence(
    'the shell over .env in a template',
    '    environment: {A: "${A}"}\n',
    { '.env': 'A=dot\n' },
    { A: 'shell' },
    {
      A: 'shell',
    },
  ),
  precedence(
    'an empty shell variable over .env',
    '    environment: {A: "${A-none}"}\n',
    { '.env': 'A=dot\n' },
    { A: '' },
    {
      A: '',
    },
  ),
  precedence(
    'a bare name from the shell',
    '    environment: [A]\n',
    { '.env': 'A=dot\n' },
    { A: 'shell' },
    { A: 'shell' },
  ),
  precedence('a bare name from .env', '    environment: {A: }\n', { '.env': 'A=dot\n' }, {}, { A: 'dot' }),
  precedence(
    'a bare name without a value unsets',
    '    environment: [A, B]\n    env_file: a.env\n',
    { 'a.env': 'A=f\n' },
    {},
    {
      A: null,
      B: null,
    },
  ),
  precedence(
    'a null without a value unsets',
    '    environment: {A: , B: null, C: ~}\n    env_file: a.env\n',
    { 'a.env': 'A=f\n' },
    {},
    {
      A: null,
      B: null,
      C: null,
    },
  ),
  precedence(
    'an empty value shadows',
    '    environment: ["A=", B=]\n    env_file: a.env\n',
    { 'a.env': 'A=f\nB=f\n' },
    {},
    {
      A: '',
      B: '',
    },
  ),
  precedence(
    'the later of two list entries',
    '    environment: [A=1, B=2, A=3]\n',
    {},
    {},
    { A: '3', B: '2' },
  ),
  precedence(
    'a bare name after its value',
    '    environment: [A=1, A]\n',
    {},
    { A: 'shell' },
    { A: 'shell' },
  ),
  precedence(
    'a list entry with an equals sign in its value',
    '    environment: ["A=b=c", "=x", "D= e "]\n',
    {},
    {},
    {
      A: 'b=c',
      '': 'x',
      D: ' e ',
    },
  ),
  precedence(
    'a name made by a template',
    '    environment: ["${K}=v", "$L"]\n',
    {},
    { K: 'NAME', L: 'K' },
    {
      NAME: 'v',
      K: 'NAME',
    },
  ),
  precedence(
    'an env file sees .env before its own names',
    '    env_file: a.env\n',
    { '.env': 'A=dot\n', 'a.env': 'A=own\nB=${A}\n' },
    {},
    {
      A: 'own',
      B: 'dot',
    },
  ),
  precedence(
    'an env file sees earlier env files first',
    '    env_file: [a.env, b.env]\n',
    { '.env': 'A=dot\n', 'a.env': 'A=first\n', 'b.env': 'B=${A}\n' },
    { A: 'shell' },
    {
      A: 'first',
      B: 'first',
    },
  ),
  precedence(
    'an env file does not see environment',
    '    environment: {A: e}\n    env_file: a.env\n',
    { 'a.env': 'B=${A:-unset}\n' },
    {},
    {
      A: 'e',
      B: 'unset',
    },
  ),
  precedence(
    'environment does not see env files',
    '    environment: {A: "${B:-unset}"}\n    env_file: a.env\n',
    { 'a.env': 'B=f\n' },
    {},
    {
      A: 'unset',
      B: 'f',
    },
  ),
  precedence(
    '.env sees the shell before its own names',
    '    environment: {B: "${B}"}\n',
    { '.env': 'A=dot\nB=${A}\n' },
    { A: 'shell' },
    {
      B: 'shell',
    },
  ),
  precedence(
    'an optional env file that is not there',
    '    env_file: [{path: no.env, required: false}, a.env]\n',
    { 'a.env': 'A=1\n' },
    {},
    {
      A: '1',
    },
  ),
  precedence(
    'the same env file twice',
    '    env_file: [a.env, b.env, a.env]\n',
    { 'a.env': 'A=1\n', 'b.env': 'A=2\n' },
    {},
    {
      A: '2',
    },
  ),
  precedence(
    'numbers and booleans',
    '    environment: {A: 1.0, B: true, C: 0x10, D: 1e3, E: 010}\n',
    {},
    {},
    {
      A: '1',
      B: 'true',
      C: '16',
      D: '1000',
      E: '8',
    },
  ),
  precedence(
    'COMPOSE_ENV_FILES in place of .env',
    '    environment: {A: "${A}", B: "${B}"}\n',
    { '.env': 'A=dot\nB=dot\n', 'one.env': 'A=1\nB=1\n', 'two.env': 'B=2\n' },
    { COMPOSE_ENV_FILES: 'one.env,two.env' },
    {
      A: '1',
      B: '2',
    },
  ),
  precedence(
    'COMPOSE_DISABLE_ENV_FILE',
    '    environment: {A: "${A:-none}"}\n',
    { '.env': 'A=dot\n' },
    { COMPOSE_DISABLE_ENV_FILE: '1' },
    {
      A: 'none',
    },
  ),
  {
    title: 'precedence: a bare name in the list of an included file',
    files: {
      'compose.yaml': 'include: [sub/list.yaml]\nservices: {x: {image: x}}\n',
      'sub/list.yaml': 'services: {web: {image: x, environment: [A, B]}}\n',
      'sub/.env': 'A=sub\nB=sub\n',
      '.env': 'B=main\n',
    },
    expected: { A: 'sub', B: 'main' },
  },
  {
    title: 'precedence: a bare name in the mapping of an included file',
    files: {
      'compose.yaml': 'include: [sub/map.yaml]\nservices: {x: {image: x}}\n',
      'sub/map.yaml': 'services: {web: {image: x, environment: {A: , B: }}}\n',
      'sub/.env': 'A=sub\nB=sub\n',
      '.env': 'B=main\n',
    },
    expected: { A: null, B: 'main' },
  },
];
