import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { exportK8s, type K8sInput } from '../../../src/services/export.js';
import { folderContext } from '../../support/architecture/folder-context.js';
import { projectWithKey, SERVICE_KEYS } from '../../support/export/service-keys.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

const SHELL = bareShell({ DOCKER_HOST: 'unix:///nonexistent', COMPOSE_PROFILES: '*' });

// biome-ignore lint/suspicious/noExplicitAny: YAML of every shape.
type Objects = any[];

async function exported(files: Record<string, string>, input: Partial<K8sInput> = {}) {
  return withProject(files, async (directory) => {
    const result = await exportK8s(folderContext(directory, SHELL), { database: 'statefulset', ...input });
    const base = join(directory, 'k8s/base');
    const texts = readdirSync(base).map((file) => readFileSync(join(base, file), 'utf8'));
    const objects: Objects = texts.flatMap((text) => parseAllDocuments(text).map((one) => one.toJS()));
    const of = (kind: string, name: string) =>
      objects.find((one) => one.kind === kind && one.metadata?.name.startsWith(name));
    return { ...result, objects, of, text: texts.join('\n') };
  });
}

/** What each key leaves in the pod of the service, where nothing is lost. */
const KEPT: Record<string, RegExp> = {
  annotations: /"annotations":\{"a":"b"\}/,
  cap_add: /"add":\["NET_ADMIN"\]/,
  cap_drop: /"drop":\["ALL"\]/,
  command: /"args":\["sh","-c","echo \$HOME"\]/,
  configs: /"mountPath":"\/etc\/settings"/,
  cpus: /"limits":\{"cpu":"500m"\}/,
  deploy: /"replicas":2/,
  dns: /"nameservers":\["8.8.8.8"\]/,
  dns_opt: /"options":\[\{"name":"use-vc"\}\]/,
  dns_search: /"searches":\["example.com"\]/,
  entrypoint: /"command":\["\/bin\/sh","-c"\]/,
  env_file: /"A":"1"/,
  environment: /"PRICE":"5\$","QUOTE":"a \\"b\\"","EMPTY":"","NUMBER":"8"/,
  expose: /"containerPort":3000/,
  extra_hosts: /"hostAliases":\[\{"ip":"162.242.195.82","hostnames":\["somehost"\]/,
  healthcheck: /"startupProbe".*"readinessProbe".*"livenessProbe"/,
  hostname: /"hostname":"other"/,
  ipc: /"hostIPC":true/,
  labels: /"com.example":"a \$ b"/,
  mem_limit: /"limits":\{"memory":"512Mi"\}/,
  mem_reservation: /"requests":\{"memory":"100Mi"\}/,
  network_mode: /"hostNetwork":true/,
  networks: /"invctl.dev\/network-back":"true"/,
  pid: /"hostPID":true/,
  platform: /"kubernetes.io\/arch":"amd64"/,
  privileged: /"privileged":true/,
  pull_policy: /"imagePullPolicy":"Always"/,
  read_only: /"readOnlyRootFilesystem":true/,
  restart: /"kind":"Deployment"/,
  scale: /"replicas":2/,
  secrets: /"mountPath":"\/run\/secrets\/word","subPath":"word".*"mountPath":"\/etc\/word"/,
  security_opt: /"allowPrivilegeEscalation":false/,
  shm_size: /"sizeLimit":"128Mi"/,
  stdin_open: /"stdin":true/,
  stop_grace_period: /"terminationGracePeriodSeconds":90/,
  sysctls: /"sysctls":\[\{"name":"net.core.somaxconn","value":"1024"\}\]/,
  tmpfs: /"sizeLimit":"64Mi"/,
  tty: /"tty":true/,
  user: /"runAsUser":1000,"runAsGroup":1000/,
  volumes: /"mountPath":"\/data".*"claimName":"data"/,
  working_dir: /"workingDir":"\/app"/,
};

describe('a Kustomize base', () => {
  it.each(Object.entries(SERVICE_KEYS))('has the key %s, or says what becomes of it', async (key, yaml) => {
    const { objects, losses } = await exported(projectWithKey(yaml));
    const told = losses.filter((loss) => new RegExp(`^services\\.s\\.${key}(?:$|[.[])`).test(loss.key));
    const text = JSON.stringify(
      objects.filter(({ metadata }) => metadata?.labels?.['app.kubernetes.io/component'] === 's'),
    );
    if (KEPT[key]) expect(text).toMatch(KEPT[key]);
    else expect({ key, told: told.length }).not.toEqual({ key, told: 0 });
    for (const { file, line } of told) expect([file.endsWith('compose.yaml'), line]).toEqual([true, 6]);
  });

  it('has secrets as files at exactly their paths, and no value of one', async () => {
    const files = {
      'compose.yaml': `name: shop
services:
  api:
    image: api
    environment: {URL: "postgres://me:correct-horse-battery@db/x", API_KEY: 0123456789abcdef, PLAIN: "$$(HOME) 5$$"}
    labels: {motto: "we say correct-horse-battery"}
    secrets: [db_password, {source: other, target: Some.Name}]
    volumes: ["./conf:/conf:ro", "./secret.conf:/secret.conf:ro"]
secrets: {db_password: {file: ./password.txt}, other: {environment: OTHER}}
`,
      'password.txt': 'correct-horse-battery\n',
      'conf/a.conf': 'listen 80;\n',
      'secret.conf': 'password = correct-horse-battery\n',
    };
    const { text, of, secrets, losses } = await exported(files);
    for (const value of ['correct-horse', '0123456789abcdef']) expect(text).not.toContain(value);
    const [container] = of('Deployment', 'api').spec.template.spec.containers;
    expect(container.volumeMounts).toMatchObject([
      { mountPath: '/conf' },
      { mountPath: '/run/secrets/db_password', subPath: 'db_password', readOnly: true },
      { mountPath: '/run/secrets/Some.Name', subPath: 'other', readOnly: true },
    ]);
    expect(of('ConfigMap', 'api-env-').data).toEqual({ PLAIN: '$(HOME) 5$' });
    expect(secrets).toMatchObject([
      { name: 'db-password', keys: [{ key: 'db_password' }] },
      { name: 'other', keys: [{ key: 'other', variable: 'OTHER' }] },
      {
        name: 'api-env',
        keys: [
          { key: 'URL', service: 'api' },
          { key: 'API_KEY', service: 'api' },
        ],
      },
    ]);
    expect(losses.filter(({ key }) => key === 'services.api.volumes[1]')).toMatchObject([
      { kind: 'lost', message: expect.stringContaining('a secret is in it') },
    ]);
  });

  it('writes what commands hold literally, where Kubernetes replaces $(NAME)', async () => {
    const { of } = await exported(projectWithKey('command: ["sh", "-c", "echo $$(hostname)"]'));
    expect(of('Deployment', 's').spec.template.spec.containers[0].args).toEqual([
      'sh',
      '-c',
      'echo $$(hostname)',
    ]);
  });

  it('rolls out when a value changes, and names nothing twice', async () => {
    const names = async (value: string) =>
      (await exported(projectWithKey(`environment: {A: "${value}"}`))).objects.map(
        ({ metadata }) => metadata?.name,
      );
    const [one, again, other] = [await names('1'), await names('1'), await names('2')];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('has a Job for what ends, with another name for another content', async () => {
    const project = (command: string) => ({
      'compose.yaml': `name: shop
services:
  migrate: {image: a, command: ${command}}
  api: {image: a, depends_on: {migrate: {condition: service_completed_successfully}}}
`,
    });
    const first = await exported(project('up'));
    const second = await exported(project('down'));
    const job = (result: typeof first) => result.objects.find(({ kind }) => kind === 'Job').metadata.name;
    expect(job(first)).toMatch(/^migrate-[0-9a-f]{8}$/);
    expect(job(second)).not.toBe(job(first));
    expect(first.losses.map(({ key }) => key)).toContain('services.api.depends_on');
  });

  it('names objects as Kubernetes takes them, and says which host is another one now', async () => {
    const { objects, losses } = await exported({
      'compose.yaml': `name: 1_shop
services:
  My_DB.1: {image: "postgres:16", environment: {POSTGRES_PASSWORD: a-long-word}, container_name: 0day}
  ${'x'.repeat(80)}: {image: a, expose: [80]}
`,
    });
    for (const { metadata } of objects)
      if (metadata) expect(metadata.name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
    expect(losses.filter(({ message }) => message.includes('My_DB.1'))).toHaveLength(1);
  });

  it('says that one pod runs of what Swarm would run on each node', async () => {
    const { losses } = await exported(projectWithKey('deploy: {mode: global}'));
    expect(losses.filter(({ key }) => key === 'services.s.deploy.mode')).toHaveLength(1);
    const replicated = await exported(projectWithKey('deploy: {mode: replicated}'));
    expect(replicated.losses.filter(({ key }) => key === 'services.s.deploy.mode')).toEqual([]);
  });

  it('says which variables name a host that is another one now, and no value of them', async () => {
    const { losses } = await exported({
      'compose.yaml': `services:
  my_db: {image: postgres:16, environment: {POSTGRES_PASSWORD: a}}
  api:
    image: api
    environment:
      DATABASE_HOST: my_db
      DATABASE_URL: postgres://me:word-of-mine@my_db:5432/shop
      TABLE: my_db_table
      NOTE: not-my_db
`,
    });
    const told = losses.find(({ key }) => key === 'services.my_db')?.message;
    expect(told).toContain('it is "my-db", and DATABASE_HOST of api, DATABASE_URL of api would not find it');
    expect(told).toContain('aliases: [my-db]');
    expect(told).not.toContain('word-of-mine');
  });

  it('has the size of a volume that the file asks for, and a database in a folder of its volume', async () => {
    const { of } = await exported({
      'compose.yaml': `name: shop
services:
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD_FILE: /run/secrets/p}, volumes: ["pgdata:/var/lib/postgresql/data"], secrets: [p]}
volumes: {pgdata: {x-size: 20Gi}}
secrets: {p: {file: ./p.txt}}
`,
      'p.txt': 'a long secret word\n',
    });
    const { spec } = of('StatefulSet', 'db');
    expect(spec.volumeClaimTemplates[0].spec.resources.requests.storage).toBe('20Gi');
    expect(of('ConfigMap', 'db-env').data.PGDATA).toBe('/var/lib/postgresql/data/pgdata');
    expect(spec.template.spec.securityContext).toMatchObject({ runAsUser: 999, fsGroup: 999 });
  });

  it.each(['cnpg', 'external'] as const)('leaves the database to others: %s', async (database) => {
    const files = {
      'compose.yaml': `name: shop
services:
  db: {image: "postgres:17", environment: {POSTGRES_PASSWORD_FILE: /run/secrets/p, POSTGRES_USER: me, POSTGRES_DB: goods}, volumes: ["pgdata:/var/lib/postgresql/data"], secrets: [p]}
  api: {image: a, depends_on: [db], environment: {DATABASE_HOST: db}}
volumes: {pgdata: }
secrets: {p: {file: ./p.txt}}
`,
      'p.txt': 'a long secret word\n',
    };
    const { objects, of } = await exported(files, { database });
    expect(objects.filter(({ kind }) => ['StatefulSet', 'PersistentVolumeClaim'].includes(kind))).toEqual([]);
    expect(of('Service', 'db').spec.type).toBe('ExternalName');
    expect(of('Cluster', 'db')?.spec.bootstrap.initdb).toEqual(
      database === 'cnpg' ? { database: 'goods', owner: 'me', secret: { name: 'db-login' } } : undefined,
    );
  });

  it('leads a host to the app, and opens its port for that', async () => {
    const files = {
      'compose.yaml':
        'name: shop\nservices:\n  db: {image: "postgres:16"}\n  api: {build: ., depends_on: [db], ports: ["127.0.0.1:8080:80"]}\n',
      Dockerfile: 'FROM a\n',
    };
    const { of } = await exported(files, { ingress: 'shop.example.com' });
    expect(of('Ingress', 'api').spec.rules[0].host).toBe('shop.example.com');
    expect(of('NetworkPolicy', 'published-api').spec.ingress).toEqual([
      { ports: [{ port: 80, protocol: 'TCP' }] },
    ]);
    expect((await exported(files)).of('NetworkPolicy', 'published-api')).toBeUndefined();
  });

  it('keeps the overlay that a person changed, removes what a service left, and no file of somebody else', async () => {
    await withProject(projectWithKey('tty: true'), async (directory) => {
      const context = folderContext(directory, SHELL);
      const first = await exportK8s(context, { database: 'statefulset' });
      const overlay = join(directory, 'k8s/overlays/production/kustomization.yaml');
      writeFileSync(overlay, '# mine\n');
      writeFileSync(join(directory, 'k8s/base/mine.yaml'), 'kind: Secret\n');
      const text = readFileSync(join(directory, 'compose.yaml'), 'utf8');
      writeFileSync(join(directory, 'compose.yaml'), text.replace(/^ {2}t: .*$/m, ''));
      const second = await exportK8s(context, { database: 'statefulset' });
      expect(second.removed).toEqual([join(directory, 'k8s/base/t.yaml')]);
      expect(second.kept).toEqual([overlay]);
      expect(readFileSync(overlay, 'utf8')).toBe('# mine\n');
      expect(readdirSync(join(directory, 'k8s/base'))).toContain('mine.yaml');
      expect(first.written).toContain(overlay);
      mkdirSync(join(directory, 'other/base'), { recursive: true });
      writeFileSync(join(directory, 'other/base/kustomization.yaml'), 'resources: []\n');
      await expect(exportK8s(context, { output: 'other', database: 'statefulset' })).rejects.toMatchObject({
        code: 'EXPORT_FILE_TAKEN',
      });
      expect(readdirSync(join(directory, 'other/base'))).toEqual(['kustomization.yaml']);
    });
  });
});
