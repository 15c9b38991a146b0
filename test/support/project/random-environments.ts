// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import fc from 'fast-check';

/** A project that has more than one way to be read, and how it is asked to be. */
export interface RandomEnvironment {
  files: Record<string, string>;
  /** Of the shell, beside the means of Compose that `chosen` has. */
  shell: Record<string, string>;
  chosen: {
    /** In merge order; undefined: what Compose takes by itself. */
    files: readonly string[] | undefined;
    envFiles: readonly string[] | undefined;
  };
}

const value = fc.constantFrom('1', 'two words', 'a$$b', '"q"', '');
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const profiles = fc.constantFrom('', 'debug', 'debug,jobs', '*', 'none');
const X = fc.constantFrom('${X}', '${X:-d}', '${Y-}', '${X:+set}', 'plain', '${COMPOSE_PROJECT_NAME}');

const service = fc
  .record({
    profiles: optional(fc.constantFrom('[debug]', '[jobs]', '[debug, jobs]')),
    variable: X,
    envFile: optional(fc.constantFrom('.env.one', '.env.two', '{path: .env.gone, required: false}')),
    extends: fc.boolean(),
    port: optional(fc.constantFrom('"127.0.0.1:${PORT:-18080}:80"', '"80"')),
  })
  .map((one) => [
    one.extends ? 'extends: {file: common.yaml, service: common}' : 'image: postgres:16',
    `environment: {A: "${one.variable}", BARE: }`,
    ...(one.profiles ? [`profiles: ${one.profiles}`] : []),
    ...(one.envFile ? [`env_file: [${one.envFile}]`] : []),
    ...(one.port ? [`ports: [${one.port}]`] : []),
  ]);

const laid = fc
  .record({
    variable: X,
    reset: fc.constantFrom(
      '',
      'ports: !reset []',
      'ports: !override ["18081:81"]',
      'env_file: !override [.env.two]',
    ),
    fresh: fc.boolean(),
  })
  .map(({ variable, reset, fresh }) =>
    [
      'services:',
      '  s0:',
      `    environment: {B: "${variable}"}`,
      ...(reset === '' ? [] : [`    ${reset}`]),
      ...(fresh ? ['  s9: {image: postgres:17, profiles: [jobs]}'] : []),
      '',
    ].join('\n'),
  );

function composeText(name: string | undefined, services: readonly string[][], include: boolean): string {
  return [
    ...(name === undefined ? [] : [`name: ${name}`]),
    ...(include ? ['include: [{path: deep/more.yaml}]'] : []),
    'services:',
    ...services.flatMap((lines, index) => [`  s${index}:`, ...lines.map((line) => `    ${line}`)]),
    '',
  ].join('\n');
}

const envText = (variables: Record<string, string | undefined>) =>
  Object.entries(variables)
    .flatMap(([name, text]) => (text === undefined ? [] : [`${name}='${text}'\n`]))
    .join('');

/** Projects with `include`, `extends`, `profiles`, files over files and more than one env file. */
export const randomEnvironment: fc.Arbitrary<RandomEnvironment> = fc
  .record({
    name: optional(fc.constantFrom('shop', '"shop-${X:-d}"')),
    services: fc.array(service, { minLength: 1, maxLength: 3 }),
    include: fc.boolean(),
    override: optional(laid),
    one: laid,
    two: laid,
    dotEnv: fc.record({ X: optional(value), COMPOSE_PROFILES: optional(profiles) }),
    envOne: fc.record({ X: optional(value), Y: optional(value), COMPOSE_PROFILES: optional(profiles) }),
    envTwo: fc.record({ X: optional(value), PORT: optional(fc.constantFrom('18090')) }),
    shell: fc.record({ X: optional(value), COMPOSE_PROFILES: optional(profiles) }),
    files: optional(fc.constantFrom(['one.yaml'], ['one.yaml', 'two.yaml'], ['two.yaml'], [] as string[])),
    envFiles: optional(
      fc.constantFrom(['.env.one'], ['.env.one', '.env.two'], ['.env', '.env.one'], ['.env.two']),
    ),
  })
  .map(({ name, services, include, shell, ...rest }) => ({
    files: {
      'compose.yaml': composeText(name, services, include),
      'common.yaml': 'services: {common: {image: postgres:15, environment: {C: "${X:-c}"}}}\n',
      'deep/more.yaml': 'services: {more: {image: postgres:16, environment: {M: "${X:-m}", N: "${N}"}}}\n',
      'deep/.env': 'N=included\n',
      ...(rest.override === undefined ? {} : { 'compose.override.yaml': rest.override }),
      'one.yaml': rest.one,
      'two.yaml': rest.two,
      '.env': envText(rest.dotEnv),
      '.env.one': envText(rest.envOne),
      '.env.two': envText(rest.envTwo),
    },
    shell: Object.fromEntries(
      Object.entries(shell).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])),
    ),
    chosen: {
      files: rest.files === undefined ? undefined : ['compose.yaml', ...rest.files],
      envFiles: rest.envFiles,
    },
  }));
