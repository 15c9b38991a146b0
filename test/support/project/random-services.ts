// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import fc from 'fast-check';
import type { ProjectFixture } from './whole-projects.js';

const some = (values: readonly string[], maxLength = 4) => fc.subarray([...values], { maxLength });
const one = (...values: string[]) => fc.constantFrom(...values);
const flow = (values: readonly string[]) => `[${values.join(', ')}]`;

const port = one(
  '"80"',
  '8080',
  '"80:80"',
  '"81:80"',
  '"127.0.0.1:80:80"',
  '"0.0.0.0:80:80"',
  '"80:80/udp"',
  '"80-82:80-82"',
  '"81:81"',
  '"3000-3005:80"',
  '"[::1]:80:80"',
  '":80"',
  '"${PORT:-90}:90"',
  '{target: 80}',
  '{target: 80, published: 80}',
  '{target: "80", published: "80", protocol: udp, host_ip: 127.0.0.1}',
  '{target: 81, published: "81-85"}',
);
const fitMount = one(
  '"/anon"',
  '".hidden:/hidden"',
  '*mount',
  '"data:/data"',
  '"data:/data/"',
  '"other:/data:ro"',
  '"./x:/data"',
  '"./x/../y:/y:rw"',
  '"/abs:/abs:ro,z"',
  '"~/home:/home"',
  '"${DIR:-./dir}:/dir"',
  '{type: volume, source: data, target: /data, read_only: true}',
  '{type: bind, source: ./z, target: /z}',
  '{type: tmpfs, target: /t}',
  '{type: volume, target: /anon}',
);
/** A folder without `./` is a volume to Compose, which none is called so; an alias of a list is a list in the list. */
const unfitMount = one(
  '"data/pg:/pg"',
  '"da.ta:/d"',
  '*mounts',
  '{type: volume, source: data/pg, target: /pg}',
);
const mount = fc.oneof({ weight: 60, arbitrary: fitMount }, { weight: 1, arbitrary: unfitMount });
const commandLine = one(
  'run it now',
  '"run \\"it\\" now"',
  `"sh -c 'echo $$HOME'"`,
  '[run, "it now"]',
  '[]',
  '""',
  'null',
  '"a\\\\ b c"',
  '"x > y"',
);
// No empty `test`: with an override file, compose-go 2.4 takes an empty list of the first file for a null.
const healthcheck = one(
  '{test: curl x}',
  '{test: [CMD, a], interval: 1m30s}',
  '{test: [CMD-SHELL, "a b"], timeout: 1h2m3.5s, retries: 3}',
  '{interval: 500ms, start_period: 0s}',
  '{disable: true}',
  '{test: [NONE]}',
  '{retries: "${N:-4}", start_interval: 100us}',
);
const dependsOn = one(
  '[b]',
  '[b, c]',
  '{b: {condition: service_healthy}}',
  '{c: {condition: service_completed_successfully, required: false}}',
  '{c: {condition: service_started, restart: true}}',
);
const networks = one(
  '[n]',
  '[n, default]',
  '{n: , m: {aliases: [x, y]}}',
  '{default: {priority: 1}}',
  '{}',
  '[m]',
);
const secrets = some([
  's',
  't',
  '{source: s, target: /x}',
  '{source: t, target: s}',
  '{source: s, mode: 0400}',
]);
const build = one(
  '.',
  './sub/',
  'https://example.org/x.git#main',
  '{context: .., dockerfile: D, target: t}',
  '{args: [A=1, B]}',
  '{context: ., args: {A: 1, C: 2.50, PORT: }}',
  '{dockerfile_inline: "FROM x"}',
  '{context: ./sub, dockerfile_inline: "FROM x\\nRUN echo $$HOME ${PORT}"}',
  '{args: {A: 1e400, B: 0x1F, C: 1_000, D: 2024-02-03}, dockerfile_inline: ""}',
);

const attributes = fc.record(
  {
    image: one('x', '"x:${TAG-1}"', 'localhost:5000/x@sha256:aa'),
    build,
    command: commandLine,
    entrypoint: commandLine,
    ports: fc.uniqueArray(port, { maxLength: 4 }).map(flow),
    volumes: fc.uniqueArray(mount, { maxLength: 4 }).map(flow),
    healthcheck,
    depends_on: dependsOn,
    networks,
    secrets: secrets.map(flow),
    environment: one('{A: 1, B: }', '[A=2, C=$PORT]', '{}', '["D=x=y"]'),
    restart: one('always', '"no"', 'on-failure:3'),
    user: one('"1000"', 'root', '"${UID_:-7}:8"'),
    working_dir: one('/a', '/a/../b/'),
    profiles: fc.constantFrom('[p]', '[q, p]', '[]'),
    container_name: one('named', '"named-${TAG-1}"'),
    links: one('[b]', '["c:see"]'),
    tmpfs: one('/run', '[/run, /tmp]'),
    labels: one('{a: 1}', '[a=2, b]'),
    cap_drop: one('[ALL]', '[A, B]'),
    expose: one('["1"]', '[1, 2]'),
    logging: one('{driver: json-file, options: {max-size: 1m}}', '{driver: local}', '{options: {tag: x}}'),
    deploy: one('{replicas: 2}', '{resources: {limits: {memory: 1g}}}'),
    extends: one('b', '{service: c}'),
  },
  { requiredKeys: [] },
);

function body(values: Record<string, string | undefined>): string {
  const lines = Object.entries(values).map(([key, value]) => `    ${key}: ${value}\n`);
  return lines.length > 0 ? `\n${lines.join('')}` : ' {}\n';
}

/** Services in every form of their attributes, with an override file. Compose refuses some of them. */
export const randomServices: fc.Arbitrary<ProjectFixture> = fc
  .record({
    base: attributes,
    override: fc.option(attributes),
    others: fc.tuple(
      fc.record(
        { profiles: one('[p]', '[]'), volumes: fc.uniqueArray(mount, { maxLength: 2 }).map(flow) },
        { requiredKeys: [] },
      ),
      fc.record(
        { ports: fc.uniqueArray(port, { maxLength: 2 }).map(flow), command: commandLine, healthcheck },
        { requiredKeys: [] },
      ),
    ),
    profiles: fc.constantFrom(undefined, 'p', '*', 'none'),
  })
  .map(({ base, override, others: [b, c], profiles }) => ({
    title: 'random',
    files: {
      'compose.yaml': `x-mounts: &mounts ["/m:/m", &mount {type: bind, source: m, target: /n}]\nservices:\n  a:${body({ image: 'x', ...base })}  b:${body({ image: 'b', ...b })}  c:${body({ image: 'c', ...c })}volumes: {data: , other: {external: true}}\nnetworks: {n: , m: {internal: true}}\nsecrets: {s: {file: ./s}, t: {environment: T}}\n`,
      ...(override ? { 'compose.override.yaml': `services:\n  a:${body(override)}` } : {}),
    },
    env: { PORT: '1234', ...(profiles === undefined ? {} : { COMPOSE_PROFILES: profiles }) },
  }));
