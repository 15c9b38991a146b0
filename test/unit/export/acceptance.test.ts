import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseDuration } from '../../../src/project/duration.js';
import { loadProject } from '../../../src/project/loaded-project.js';
import { locateProject } from '../../../src/project/locate.js';
import type { ComposeProject } from '../../../src/project/model.js';
import { modelProject } from '../../../src/project/read.js';
import { plain } from '../../../src/project/tree.js';
import { exportK8s, type K8sExport } from '../../../src/services/export.js';
import { folderContext } from '../../support/architecture/folder-context.js';
import { PUBLIC_PROJECTS } from '../../support/architecture/public-projects.js';
import { scaffoldFiles } from '../../support/export/scaffold-files.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

// biome-ignore lint/suspicious/noExplicitAny: YAML of every shape.
type Json = any;

interface Exported {
  result: K8sExport;
  project: ComposeProject;
  /** Services as their files have them, in the long forms. */
  written: Record<string, Json>;
  objects: Json[];
  text: string;
  pods: { service: string; spec: Json; container: Json }[];
}

async function exported(files: Record<string, string>, env: NodeJS.ProcessEnv, from = ''): Promise<Exported> {
  return withProject(files, async (root) => {
    const directory = join(root, from);
    const result = await exportK8s(folderContext(directory, env), { database: 'statefulset' });
    const location = locateProject(directory, env);
    const loaded = loadProject(location, env);
    const base = join(result.folder, 'base');
    const text = readdirSync(base)
      .map((file) => readFileSync(join(base, file), 'utf8'))
      .join('---\n');
    const objects = parseAllDocuments(text).flatMap((one) => one.toJS() ?? []);
    const pods = objects
      .filter(({ spec }) => spec?.template?.spec)
      .map(({ metadata, spec }) => ({
        service: metadata.labels['app.kubernetes.io/component'],
        spec: spec.template.spec,
        container: spec.template.spec.containers[0],
      }));
    const tree = plain(loaded.tree) as Json;
    return {
      result,
      project: modelProject(loaded, location).project,
      written: tree.services,
      objects,
      text,
      pods,
    };
  });
}

const NAME = (service: string) => service.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
const QUANTITY = /^\d+(m|Mi)?$/;
const bytes = (text: string) => Number.parseInt(text, 10) * (text.endsWith('Mi') ? 1024 ** 2 : 1);
const cpus = (text: string) => Number.parseInt(text, 10) / (text.endsWith('m') ? 1000 : 1);

/** Ten public projects of different taste. */
const TEN = PUBLIC_PROJECTS.filter(
  (_, index) => index % Math.max(1, Math.floor(PUBLIC_PROJECTS.length / 10)) === 0,
).slice(0, 10);

/** What users of kompose complain about: each criterion, on the scaffold and on ten public projects. */
describe.each([{ title: 'the scaffold', files: undefined, env: {}, from: '' }, ...TEN])(
  'the export of $title',
  ({ files, env, from }) => {
    let all: Exported;
    beforeAll(async () => {
      all = await exported(
        files ?? (await scaffoldFiles()),
        bareShell({ COMPOSE_PROFILES: '*', ...env }),
        from,
      );
    });
    afterAll(() => expect(all.pods.length).toBeGreaterThan(0));
    const each = (
      visit: (
        pod: Exported['pods'][number],
        service: ComposeProject['services'][string],
        written: Json,
      ) => void,
    ) => {
      for (const pod of all.pods) {
        const service = Object.values(all.project.services).find(({ name }) => NAME(name) === pod.service);
        if (service) visit(pod, service, all.written[service.name]);
      }
    };
    const told = (key: string) => all.result.losses.some((loss) => loss.key.startsWith(key));

    it('1: has each secret as a file at exactly its path, and no value of one', () => {
      each(({ container, spec }, service) => {
        for (const { target } of service.secrets) {
          const mounted = container.volumeMounts.find(({ mountPath }: Json) => mountPath === target);
          expect(mounted).toMatchObject({ readOnly: true, subPath: expect.any(String) });
          expect(spec.volumes.find(({ name }: Json) => name === mounted.name).secret.secretName).toBeTruthy();
        }
      });
      for (const { file } of Object.values(all.project.secrets)) {
        if (file === undefined) continue;
        const name = all.result.secrets.flatMap(({ keys }) => keys).map((key) => key.file);
        expect(name).toContain(file);
      }
      expect(all.objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    });

    it('2 and 3: has the probes of a health check, and waits under the first of them alone', () => {
      each(({ container, spec }, service) => {
        if (service.healthcheck?.test && !service.healthcheck.disabled) {
          for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
            expect(container[probe]).toBeDefined();
          }
          const { periodSeconds, failureThreshold } = container.startupProbe;
          expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(120);
        }
        expect(spec.initContainers).toBeUndefined();
      });
    });

    it('4: has the resolved environment in a hashed, immutable ConfigMap, and secret variables apart', () => {
      each(({ container }, service) => {
        const maps = (container.envFrom ?? []).flatMap(({ configMapRef }: Json) => configMapRef?.name ?? []);
        const data = Object.assign(
          {},
          ...maps.map((name: string) => {
            const map = all.objects.find((one) => one.kind === 'ConfigMap' && one.metadata.name === name);
            expect([map.immutable, name]).toEqual([
              true,
              expect.stringMatching(/^[a-z0-9-]{1,54}-[0-9a-f]{8}$/),
            ]);
            return map.data;
          }),
        );
        const keys = all.result.secrets.flatMap((secret) => secret.keys);
        for (const [name, value] of Object.entries(service.environment)) {
          if (value === null) continue;
          const apart = keys.some((key) => key.service === service.name && key.key === name);
          if (!apart && data[name] !== undefined) expect(data[name]).toBe(value);
          else expect(apart || told(`services.${service.name}.environment`)).toBe(true);
        }
        expect(container.env).toBeUndefined();
      });
    });

    it('5: has quantities that Kubernetes takes, and requests below the limits', () => {
      each(({ container: { resources = {} } }) => {
        for (const part of ['limits', 'requests']) {
          for (const quantity of Object.values(resources[part] ?? {})) expect(quantity).toMatch(QUANTITY);
        }
        const { limits = {}, requests = {} } = resources;
        if (limits.memory) expect(bytes(requests.memory)).toBeLessThanOrEqual(bytes(limits.memory));
        if (limits.cpu) expect(cpus(requests.cpu)).toBeLessThanOrEqual(cpus(limits.cpu));
      });
    });

    it('6: has a claim of a stated size for each named volume', () => {
      const claims = all.objects.flatMap((one) => [
        ...(one.kind === 'PersistentVolumeClaim' ? [one] : []),
        ...(one.spec?.volumeClaimTemplates ?? []),
      ]);
      for (const volume of Object.keys(all.project.volumes)) {
        const claim = claims.find(({ metadata }) => metadata.name === NAME(volume));
        expect(claim?.spec.resources.requests.storage).toMatch(/^\d+(?:Gi|Mi)$/);
      }
    });

    it('7: opens no port of a node, and has a Service for each port', () => {
      expect(all.text).not.toMatch(/hostPort|NodePort|LoadBalancer/);
      each(({ container, service: name }, service) => {
        for (const { target, protocol } of service.ports) {
          expect(container.ports).toContainEqual({ containerPort: target, protocol: protocol.toUpperCase() });
        }
        const own = all.objects.find((one) => one.kind === 'Service' && one.metadata.name === name);
        for (const { containerPort, protocol } of container.ports ?? []) {
          expect(own.spec.ports).toContainEqual(expect.objectContaining({ port: containerPort, protocol }));
        }
      });
    });

    it('8 and 9: has the grace period, the read-only root and every memory file system', () => {
      each(({ container, spec }, _, written) => {
        const grace = written.stop_grace_period;
        const seconds = grace === undefined ? 10 : Math.ceil((parseDuration(String(grace)) ?? 0) / 1000);
        expect(spec.terminationGracePeriodSeconds).toBe(seconds);
        if (written.read_only === true) expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
        for (const text of [written.tmpfs ?? []].flat()) {
          const mount = container.volumeMounts.find(
            ({ mountPath }: Json) => mountPath === String(text).split(':')[0],
          );
          expect(spec.volumes.find(({ name }: Json) => name === mount.name).emptyDir.medium).toBe('Memory');
        }
      });
    });

    it('10: names each service, volume and mount that is in no object', () => {
      for (const [name, service] of Object.entries(all.project.services)) {
        const pod = all.pods.find((one) => one.service === NAME(name));
        expect(pod === undefined ? told(`services.${name}`) : true).toBe(true);
        for (const [index, { target }] of service.mounts.entries()) {
          const mounted = pod?.container.volumeMounts?.some(({ mountPath }: Json) => mountPath === target);
          expect(mounted || told(`services.${name}.volumes[${index}]`)).toBe(true);
        }
        for (const key of ['depends_on', 'build', 'links', 'devices']) {
          if (all.written[name][key] !== undefined) expect(told(`services.${name}.${key}`)).toBe(true);
        }
      }
    });
  },
);
