import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { mapAt, plain, textAt } from '../../project/tree.js';
import { type ExportSource, keysOf, serviceTree } from '../source.js';

/** What a Prometheus asks in a Swarm that it does not ask under Compose, or has to. */
export interface ScrapeChange {
  /** `left`: it cannot be translated. */
  kind: 'translated' | 'left';
  /** 1-based. */
  line: number;
  message: string;
}

/** Names by which services of the project are reached. */
export interface ServiceNames {
  all: ReadonlySet<string>;
  /** Those of services with more than one task. */
  several: ReadonlySet<string>;
}

/** Returns the services' names and aliases. */
export function serviceNames(source: ExportSource): ServiceNames {
  const all = new Set<string>();
  const several = new Set<string>();
  for (const service of Object.keys(source.project.services)) {
    const tree = serviceTree(source, service);
    const aliases = keysOf(mapAt(tree, 'networks')).flatMap(([, network]) => {
      const own = network.kind === 'map' ? network.entries.get('aliases') : undefined;
      return own ? (plain(own) as unknown[]).map(String) : [];
    });
    const deploy = mapAt(tree, 'deploy');
    const replicas = deploy?.entries.get('replicas') ?? tree.entries.get('scale');
    const hasSeveral =
      textAt(deploy, 'mode') === 'global' || (replicas !== undefined && Number(plain(replicas)) > 1);
    for (const name of [service, ...aliases]) {
      all.add(name);
      if (hasSeveral) several.add(name);
    }
  }
  return { all, several };
}

/**
 * Translates a configuration of Prometheus: in a Swarm the name of a service is one address, behind which any of
 * its tasks answers, and `tasks.NAME` has the addresses of all. Each task becomes a target.
 * Source: libnetwork, `service_common.go` (`tasks.`); Prometheus, `dns_sd_config`.
 *
 * @returns undefined for a file that is something else, or in which nothing changes
 */
export function scrapedByTask(
  text: string,
  names: ServiceNames,
): { text: string; changes: ScrapeChange[] } | undefined {
  // A quick look, as every small file that is mounted comes along here.
  if (!/^scrape_configs:/m.test(text)) return undefined;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const jobs = document.errors.length === 0 ? document.get('scrape_configs') : undefined;
  if (!isSeq(jobs)) return undefined;
  const changes: ScrapeChange[] = [];
  const tell = (node: Node, kind: ScrapeChange['kind'], message: string) =>
    changes.push({ kind, line: lines.linePos(node.range?.[0] ?? 0).line, message });
  for (const job of jobs.items.filter(isMap)) {
    discovered(job, names, tell);
    fixed(document, job, names, tell);
  }
  return changes.length === 0 ? undefined : { text: document.toString({ lineWidth: 0 }), changes };
}

type Tell = (node: Node, kind: ScrapeChange['kind'], message: string) => void;

/** Names that Prometheus asks the DNS for. */
function discovered(job: YAMLMap, { all }: ServiceNames, tell: Tell): void {
  for (const lookup of mapsOf(job, 'dns_sd_configs')) {
    if (!['A', 'AAAA'].includes(String(lookup.get('type')))) continue;
    const asked = lookup.get('names');
    for (const name of isSeq(asked) ? asked.items.filter(isScalar) : []) {
      if (!all.has(String(name.value))) continue;
      name.value = `tasks.${name.value}`;
      tell(name, 'translated', `Prometheus asks for ${name.value}, and has each task as a target`);
    }
  }
}

/** Targets by the name of a service with several tasks. */
function fixed(document: Document, job: YAMLMap, { several }: ServiceNames, tell: Tell): void {
  for (const group of mapsOf(job, 'static_configs')) {
    const targets = group.get('targets');
    if (!isSeq(targets)) continue;
    for (const target of targets.items.filter(isScalar)) {
      const [, name = '', port] = /^([^:/]+):(\d+)$/.exec(String(target.value)) ?? [];
      if (!several.has(name)) continue;
      if (group.has('labels') || job.has('relabel_configs')) {
        const message = `${target.value} is one address in a Swarm, and Prometheus reads now one task, now another. Write dns_sd_configs with names: [${name}], type: A, port: ${port}`;
        tell(target, 'left', message);
        continue;
      }
      remove(job, group, targets, target);
      const lookup = document.createNode({ names: [`tasks.${name}`], type: 'A', port: Number(port) });
      const lookups = job.get('dns_sd_configs');
      if (isSeq(lookups)) lookups.add(lookup);
      else job.set('dns_sd_configs', document.createNode([lookup]));
      tell(target, 'translated', `Prometheus asks for tasks.${name}, and has each task as a target`);
    }
  }
}

/** Removes a target, and what is empty without it. */
function remove(job: YAMLMap, group: YAMLMap, targets: YAMLSeq, target: Scalar): void {
  targets.items = targets.items.filter((one) => one !== target);
  if (targets.items.length > 0) return;
  const groups = job.get('static_configs') as YAMLSeq;
  groups.items = groups.items.filter((one) => one !== group);
  if (groups.items.length === 0) job.delete('static_configs');
}

function mapsOf(job: YAMLMap, key: string): YAMLMap[] {
  const list = job.get(key);
  return isSeq(list) ? list.items.filter(isMap) : [];
}
