import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, freePort } from '../../../support/docker-project.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { temporaryFolder } from '../../../support/folder.js';
import { metricsOf } from '../../../support/monitoring/metrics.js';
import { buildStandIns, STAND_INS, useStandIns } from '../../../support/monitoring/stand-ins.js';

const execute = promisify(execFile);

/** What a stack has only once something went wrong: a request that failed, an alert that fired. */
const NOT_YET = /status=~"5\.\."|^ALERTS/;

it.skipIf(withoutDocker || !atFullSize)(
  'a scaffold with TLS that is watched: proxy, targets, rules, dashboard, logs, alerts, a certificate that ends',
  async ({ skip }) => {
    await buildStandIns().catch((error) => skip(`Debian's packages cannot be had here: ${error.message}`));
    const root = await temporaryFolder();
    const name = `invctl-e2e-${process.pid}-watched`;
    const folder = join(root, name);
    const read = (path: string) => readFile(join(folder, path), 'utf8');
    const edit = async (path: string, change: (text: string) => string) => {
      const before = await read(path);
      const after = change(before);
      expect([path, after === before]).toEqual([path, false]);
      await writeFile(join(folder, path), after);
    };
    const [port, prometheus, alertmanager, logs, http, https] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const run = (...args: string[]) => invctl(['--engine', 'docker', '-C', folder, ...args], { cwd: root });
    const succeed = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(...args);
      expect([args, code, code === 0 ? '' : stderr]).toEqual([args, 0, '']);
      return stdout;
    };
    const init = ['init', folder, '--port', `${port}`, '--domain', 'shop.localhost', '--monitoring'];
    expect((await invctl(init, { cwd: root })).code).toBe(0);
    await writeFile(
      join(folder, '.env'),
      [
        'COMPOSE_PROFILES=monitoring',
        `PROMETHEUS_PORT=${prometheus}`,
        `ALERTMANAGER_PORT=${alertmanager}`,
        `LOGS_PORT=${logs}`,
        `HTTP_PORT=${http}`,
        `HTTPS_PORT=${https}`,
        '',
      ].join('\n'),
    );
    await useStandIns(folder);
    // Seconds in place of minutes, and somebody who is told.
    await edit('monitoring/prometheus/prometheus.yml', (text) =>
      text.replace('_interval: 1m', '_interval: 5s').replace(/_interval: 15s/g, '_interval: 1s'),
    );
    for (const rules of ['rules.yml', 'certificate-rules.yml']) {
      await edit(`monitoring/prometheus/${rules}`, (text) => text.replace(/^( +for:) \w+$/gm, '$1 1s'));
    }
    await edit('monitoring/prometheus/rules.yml', (text) =>
      text.replace('"jsonline"}[10m]', '"jsonline"}[15s]'),
    );
    await edit('monitoring/log-shipper/syslog-ng.conf', (text) => text.replace('freq(60)', 'freq(2)'));
    await edit('monitoring/alertmanager/alertmanager.yml', (text) =>
      text
        .replace('group_wait: 30s', 'group_wait: 0s')
        .replace(/^ {2}# (routes:|- name: phone)$/gm, '  $1')
        .replace(/^ {2}# ( +)(- matchers|receiver|webhook_configs|# The address|- url_file)/gm, '  $1$2'),
    );
    await writeFile(join(folder, 'secrets/alert_webhook.txt'), 'http://log-store:9428/webhook', {
      mode: 0o444,
    });
    await edit('compose.override.yaml', (text) =>
      text
        .replace('  alertmanager:\n', '  alertmanager:\n    secrets: [alert_webhook]\n')
        .concat('\nsecrets:\n  alert_webhook:\n    file: ./secrets/alert_webhook.txt\n'),
    );
    const query = async (expr: string) => {
      const url = `http://127.0.0.1:${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`;
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      return data.result;
    };
    const store = async (path: string) => (await fetch(`http://127.0.0.1:${logs}${path}`)).text();
    const stored = async (text: string): Promise<{ service: string; container: string; _msg: string }[]> =>
      (await store('/lines'))
        .split('\n')
        .filter((line) => line.includes(text))
        .map((line) => JSON.parse(line));
    const print = (text: string) => docker('exec', `${name}-api-1`, 'sh', '-c', `${text} > /proc/1/fd/1`);
    const alerts = async () =>
      JSON.parse(await succeed('--json', 'status')).data.alerts.map((alert: { name: string }) => alert.name);
    const seconds = (timeout: number) => ({ timeout: timeout * 1000, interval: 500 });
    try {
      const up = await run('up');
      expect([up.code, up.code === 0 ? '' : up.stderr]).toEqual([0, '']);
      expect(up.stdout).toContain(`proxy: https://shop.localhost:${https}\n`);

      // Served by HTTPS.
      const authority = '/data/caddy/pki/authorities/local/root.crt';
      await writeFile(join(folder, 'root.crt'), await docker('exec', `${name}-proxy-1`, 'cat', authority));
      const curl = async (...args: string[]) => {
        const resolve = [https, http].flatMap((of) => ['--resolve', `shop.localhost:${of}:127.0.0.1`]);
        const { stdout } = await execute('curl', [
          ...['--silent', '--show-error', '--cacert', join(folder, 'root.crt'), ...resolve],
          ...args,
        ]);
        return stdout;
      };
      const page = `https://shop.localhost:${https}`;
      const health = await curl('--include', `${page}/health`);
      expect(health).toContain('"status":"ok"');
      expect(health).toMatch(/^strict-transport-security: max-age=300/im);
      const sentOn = await curl('--include', `http://shop.localhost:${http}/api/v1/items?q=1`);
      expect(sentOn).toMatch(/^HTTP\/1.1 301 /);
      expect(sentOn).toContain(`Location: ${page}/api/v1/items?q=1\r\n`);
      expect(await curl('--write-out', '%{http_code}', `${page}/metrics`)).toBe('404');
      expect(await docker('port', `${name}-api-1`)).toBe(`5003/tcp -> 127.0.0.1:${port}`);
      // The API counts wrong passwords by address: with each request from "another", it would never refuse.
      const statuses: string[] = [];
      for (let i = 0; i < 11; i++) {
        statuses.push(
          await curl(
            ...['--output', '/dev/null', '--write-out', '%{http_code}'],
            ...['--header', `X-Forwarded-For: 6.6.6.${i}`],
            ...['--json', '{"username":"a","password":"wrong-wrong-wrong"}', `${page}/api/v1/auth/login`],
          ),
        );
      }
      expect(statuses).toEqual([...Array(10).fill('401'), '429']);

      // Each target once, each rule without an error, and nothing that fires but the backup that is missing.
      await expect
        .poll(async () => (await query('up == 1')).map(({ metric }) => metric.job).sort(), seconds(60))
        .toEqual(['alertmanager', 'api', 'certificate', 'logs', 'node', 'postgres', 'prometheus']);
      await expect.poll(alerts, seconds(60)).toEqual(['BackupMissing']);
      expect(await succeed('status')).toContain('critical: There is no verified backup, for');
      await expect
        .poll(() => store('/told'), seconds(30))
        .toMatch(/"receiver":"phone","status":"firing".*"alertname":"BackupMissing"/);

      // With a backup and a protection, each expression is about metrics that are there, and each panel shows something.
      await succeed('db', 'backup');
      await succeed('db', 'psql', '--', '-qc', "SELECT pg_create_physical_replication_slot('invctl', true)");
      const rules = [
        ...parse(await read('monitoring/prometheus/rules.yml')).groups,
        ...parse(await read('monitoring/prometheus/certificate-rules.yml')).groups,
      ].flatMap(({ rules }) => rules as { alert: string; expr: string }[]);
      const metrics = [...new Set(rules.flatMap(({ expr }) => metricsOf(expr)))];
      expect(metrics.length).toBeGreaterThan(15);
      const absent = async (expressions: readonly string[]) => {
        const found = await Promise.all(
          expressions.map(async (expr) => ({ expr, found: await query(expr) })),
        );
        return found.filter((one) => one.found.length === 0).map(({ expr }) => expr);
      };
      await expect.poll(() => absent(metrics), seconds(60)).toEqual([]);
      const { panels } = JSON.parse(await read('monitoring/grafana/dashboard.json'));
      const shown = panels
        .flatMap(({ targets }: { targets: { expr: string }[] }) => targets.map(({ expr }) => expr))
        .map((expr: string) => expr.replaceAll('$__rate_interval', '1m'));
      expect(shown.length).toBeGreaterThan(20);
      await expect
        .poll(async () => (await absent(shown)).filter((expr) => !NOT_YET.test(expr)), seconds(60))
        .toEqual([]);
      await succeed('db', 'psql', '--', '-qc', "SELECT pg_drop_replication_slot('invctl')");

      // The exporter has the database's password, and gets the new one.
      await succeed('secrets', 'rotate', 'db_password');
      await expect.poll(async () => (await query('pg_up'))[0]?.value[1], seconds(60)).toBe('1');

      // Logs: whole, of this project alone, kept past the container, and waiting while nobody takes them.
      await print(`printf 'told "ünï"\\n    at indented\\n'`);
      await docker(
        'run',
        '--rm',
        'debian:trixie-slim',
        'echo',
        `"com.docker.compose.project":"${name}" foreign`,
      );
      await expect
        .poll(async () => (await stored('at indented')).map(({ _msg }) => _msg), seconds(30))
        .toEqual(['    at indented']);
      expect(await stored('told ')).toMatchObject([
        { service: 'api', container: 'api-1', _msg: 'told "ünï"' },
      ]);
      expect(await succeed('logs', 'api')).toContain('told "ünï"');
      await store('/away');
      await print('seq 5000 | sed s/^/counted-/');
      await docker('rm', '--force', `${name}-api-1`);
      await succeed('up', '--no-build', 'api');
      await print('echo told-by-the-next');
      await store('/back');
      await expect.poll(async () => (await stored('told-by-the-next')).length, seconds(60)).toBe(1);
      await expect.poll(async () => (await stored('counted-')).length, seconds(60)).toBe(5000);
      expect(await stored(' foreign')).toEqual([]);
      expect(await succeed('logs', 'api')).not.toContain('counted-');
      await expect.poll(alerts, seconds(60)).toEqual([]);

      // A shipper that runs, and reads none of Docker's files.
      await mkdir(join(folder, 'elsewhere/containers'), { recursive: true });
      await edit('.env', (text) => `${text}DOCKER_ROOT_DIR=${join(folder, 'elsewhere')}\n`);
      await succeed('up', '--no-build', 'log-shipper');
      await expect.poll(alerts, seconds(60)).toEqual(['LogsNotShipped']);
      expect(await succeed('logs', 'log-shipper')).toMatch(/ alive$/m);
      await edit('.env', (text) => text.replace(/^DOCKER_ROOT_DIR=.*\n/m, ''));
      await succeed('up', '--no-build', 'log-shipper');
      await expect.poll(alerts, seconds(60)).toEqual([]);

      // A certificate that Caddy would have renewed.
      await edit('proxy/Caddyfile', (text) =>
        text.replace('\ttls internal\n', '\ttls {\n\t\tissuer internal {\n\t\t\tlifetime 1h\n\t\t}\n\t}\n'),
      );
      await docker('exec', `${name}-proxy-1`, 'rm', '-r', '/data/caddy/certificates');
      await succeed('restart', 'proxy');
      await expect.poll(alerts, seconds(60)).toEqual(['CertificateEnds']);
      const [left] = await query('probe_ssl_earliest_cert_expiry - time()');
      expect(Number(left?.value[1])).toBeGreaterThan(3000);
      expect(Number(left?.value[1])).toBeLessThan(3601);
      expect(await succeed('status')).toContain(
        'critical: The certificate of shop.localhost was not renewed, for',
      );
    } finally {
      await run('down', '--volumes', '--yes', '--confirm', name);
      await docker('image', 'rm', '--force', `${name}-api`, STAND_INS).catch(() => '');
    }
  },
  600_000,
);
