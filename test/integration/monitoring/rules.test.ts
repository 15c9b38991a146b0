import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatBackupMetrics } from '../../../src/backup/backup-metrics.js';
import { PROTECT_SLOT } from '../../../src/services/protection/server-side.js';
import { renderAdditions } from '../../../src/template/additions.js';
import { domainVariables } from '../../../src/template/domain.js';
import { loadTemplate } from '../../../src/template/manifest.js';
import { DEFAULT_OPTIONS } from '../../../src/template/options.js';
import { render } from '../../../src/template/render.js';
import { repository } from '../../support/cli.js';
import { temporaryFolder } from '../../support/folder.js';
import exporters from '../../support/monitoring/exporter-metrics.json' with { type: 'json' };
import { metricsOf } from '../../support/monitoring/metrics.js';

const execute = promisify(execFile);
const ADDITION = join(repository, 'templates/compose-stack/additions/monitoring');
const RULES = join(ADDITION, 'rules.yml');
const NO_PROMTOOL = 'no promtool here (Debian: prometheus)';

interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: { summary: string; description: string };
}

/** The rules of a certificate, for a name that Caddy's own authority signs and for one that Let's Encrypt does. */
async function certificateRules(domain: string): Promise<string> {
  return render(
    await readFile(join(ADDITION, '../certificate/rules.yml'), 'utf8'),
    domainVariables('shop', domain),
  );
}
const [LOCAL, PUBLIC] = [
  await certificateRules('shop.localhost'),
  await certificateRules('shop.example.com'),
];

const rules: Rule[] = [await readFile(RULES, 'utf8'), LOCAL].flatMap((text) =>
  parse(text).groups.flatMap((group: { rules: Rule[] }) => group.rules),
);

async function has(program: string): Promise<boolean> {
  return execute(program, ['--version']).then(
    () => true,
    (error) => error.code !== 'ENOENT',
  );
}

const API = '{job="api",instance="172.20.0.3:5003"}';
const REQUESTS = 'job="api",instance="172.20.0.3:5003",method="GET",route="/api/v1/items"';
const EXT4 = '{job="node",instance="node-exporter:9100",device="/dev/vda",fstype="ext4",mountpoint="/"}';
const SESSIONS = 'job="postgres",datname="shop",state="active",usename="postgres"';

const EXPIRY = 'probe_ssl_earliest_cert_expiry{job="certificate",instance="shop.localhost"}';

const LINES = 'vl_rows_ingested_total{job="logs",instance="log-store:9428",type="jsonline"}';

/** What two hours of a stack look like in which nothing hurts, a sample a minute, as promtool writes series. */
const HEALTHY: Readonly<Record<string, string>> = {
  [`up${API}`]: '1x120',
  'up{job="node",instance="node-exporter:9100"}': '1x120',
  'up{job="postgres",instance="postgres-exporter:9187"}': '1x120',
  [`process_start_time_seconds${API}`]: '1000x120',
  [`http_request_duration_seconds_count{${REQUESTS},status="200"}`]: '0+600x120',
  [`http_request_duration_seconds_count{${REQUESTS},status="500"}`]: '0+3x120',
  [`http_request_duration_seconds_bucket{${REQUESTS},status="200",le="0.1"}`]: '0+600x120',
  [`http_request_duration_seconds_bucket{${REQUESTS},status="200",le="5"}`]: '0+600x120',
  [`http_request_duration_seconds_bucket{${REQUESTS},status="200",le="+Inf"}`]: '0+600x120',
  'inventory_database_connections{job="api",instance="172.20.0.3:5003",state="waiting"}': '0x120',
  'pg_up{job="postgres"}': '1x120',
  'pg_settings_max_connections{job="postgres",server="db:5432"}': '100x120',
  [`pg_stat_activity_count{${SESSIONS},application_name="inventory"}`]: '12x120',
  [`pg_stat_activity_max_tx_duration{${SESSIONS},application_name="inventory"}`]: '2x120',
  // A backup reads in one transaction for hours; that is no fault.
  [`pg_stat_activity_max_tx_duration{${SESSIONS},application_name="invctl-backup-1f"}`]: '60+60x120',
  'invctl_backup_taken_timestamp_seconds{job="node",project="shop"}': '0x120',
  'invctl_backup_max_age_seconds{job="node",project="shop"}': '93600x120',
  'pg_replication_slots_active{job="postgres",slot_name="invctl"}': '1x120',
  'pg_replication_slots_pg_wal_lsn_diff{job="postgres",slot_name="invctl"}': '16384x120',
  // Somebody else's slot is somebody else's.
  'pg_replication_slots_active{job="postgres",slot_name="replica"}': '0x120',
  [`node_filesystem_avail_bytes${EXT4}`]: '50x120',
  [`node_filesystem_size_bytes${EXT4}`]: '100x120',
  [`node_filesystem_readonly${EXT4}`]: '0x120',
  // Images for reading are always full.
  'node_filesystem_avail_bytes{job="node",fstype="squashfs",mountpoint="/snap/core"}': '0x120',
  'node_filesystem_size_bytes{job="node",fstype="squashfs",mountpoint="/snap/core"}': '100x120',
  'node_filesystem_readonly{job="node",fstype="squashfs",mountpoint="/snap/core"}': '1x120',
  // Nothing but log-shipper's own line.
  [LINES]: '0+1x120',
  'alertmanager_notifications_failed_total{job="alertmanager",integration="webhook"}': '0x120',
  'probe_success{job="certificate",instance="shop.localhost"}': '1x120',
  // Four hours left at the end: now Caddy renews it.
  [EXPIRY]: '21600x120',
};

interface Fault {
  /** What has other samples than a healthy stack; null: there is no such series. */
  series: Record<string, string | null>;
  /** What fires with it. */
  also?: string[];
}

/** One fault for each alert. */
const FAULTS: Readonly<Record<string, Fault>> = {
  ApiDown: { series: { [`up${API}`]: '1x90 0x30' } },
  ApiRestarting: { series: { [`process_start_time_seconds${API}`]: '1000x100 1100+120x20' } },
  ApiReplaced: {
    // One that answers, and another one each two minutes.
    series: Object.fromEntries(
      [0, 1, 2, 3, 4, 5, 6, 7].map((index) => [
        `up{job="api",instance="10.0.1.${index}:5003"}`,
        `_x${105 + index * 2} 1x1 stale`,
      ]),
    ),
  },
  ApiErrors: {
    series: { [`http_request_duration_seconds_count{${REQUESTS},status="500"}`]: '0+3x90 273+60x30' },
  },
  ApiSlow: {
    series: {
      [`http_request_duration_seconds_bucket{${REQUESTS},status="200",le="0.1"}`]: '0+500x120',
    },
  },
  ApiWaitsForDatabase: {
    series: {
      'inventory_database_connections{job="api",instance="172.20.0.3:5003",state="waiting"}': '0x90 4x30',
    },
  },
  DatabaseDown: { series: { 'pg_up{job="postgres"}': '1x90 0x30' } },
  DatabaseConnectionsNearlyUsedUp: {
    series: { [`pg_stat_activity_count{${SESSIONS},application_name="inventory"}`]: '12x90 85x30' },
  },
  DatabaseSlowTransaction: {
    series: {
      [`pg_stat_activity_max_tx_duration{${SESSIONS},application_name="inventory"}`]: '2x90 60+60x30',
    },
  },
  BackupTooOld: { series: { 'invctl_backup_max_age_seconds{job="node",project="shop"}': '3600x120' } },
  BackupMissing: {
    series: {
      'invctl_backup_taken_timestamp_seconds{job="node",project="shop"}': null,
      'invctl_backup_max_age_seconds{job="node",project="shop"}': null,
      'pg_replication_slots_active{job="postgres",slot_name="invctl"}': null,
    },
  },
  ProtectionAway: {
    series: { 'pg_replication_slots_active{job="postgres",slot_name="invctl"}': '1x90 0x30' },
  },
  ProtectionLagging: {
    series: {
      'pg_replication_slots_pg_wal_lsn_diff{job="postgres",slot_name="invctl"}': '16384x90 400000000x30',
    },
  },
  DiskNearlyFull: { series: { [`node_filesystem_avail_bytes${EXT4}`]: '50x90 6x30' } },
  TargetDown: { series: { 'up{job="postgres",instance="postgres-exporter:9187"}': '1x90 0x30' } },
  // A node of a Swarm that is away: its address is no target any more.
  MachineNotMeasured: { series: { 'up{job="node",instance="10.0.1.9:9100"}': '1x100 stale' } },
  AlertsNotDelivered: {
    series: {
      'alertmanager_notifications_failed_total{job="alertmanager",integration="webhook"}': '0x80 0+1x40',
    },
  },
  LogsNotShipped: { series: { [LINES]: '0+20x100 2000x20' } },
  // An hour left at the end.
  CertificateEnds: { series: { [EXPIRY]: '10800x120' } },
  CertificateMissing: {
    series: {
      'probe_success{job="certificate",instance="shop.localhost"}': '1x90 0x30',
      [EXPIRY]: '43200x90',
    },
  },
};

const FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})';

function scenario(name: string, series: Record<string, string | null>, firing: readonly string[]) {
  const merged = Object.entries({ ...HEALTHY, ...series });
  return {
    name,
    interval: '1m',
    input_series: merged.flatMap(([series, values]) => (values === null ? [] : [{ series, values }])),
    promql_expr_test: [
      {
        expr: FIRING,
        eval_time: '2h',
        exp_samples: [...firing].sort().map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
      },
    ],
  };
}

/** @returns what promtool prints; empty where every scenario goes as it says. */
async function judge(
  scenarios: readonly object[],
  { rulesFile = RULES, certificate = LOCAL } = {},
): Promise<string> {
  const folder = await temporaryFolder();
  await copyFile(rulesFile, join(folder, 'rules.yml'));
  await writeFile(join(folder, 'certificate-rules.yml'), certificate);
  const file = join(folder, 'test.json');
  await writeFile(
    file,
    JSON.stringify({
      rule_files: ['rules.yml', 'certificate-rules.yml'],
      evaluation_interval: '1m',
      tests: scenarios,
    }),
  );
  return execute('promtool', ['test', 'rules', file]).then(
    () => '',
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  );
}

describe('the alerts of --monitoring', () => {
  it('have a fault each here, a severity, and a command to type that is there', async () => {
    expect(rules.map(({ alert }) => alert).sort()).toEqual(Object.keys(FAULTS).sort());
    const { stdout } = await execute(process.execPath, [join(repository, 'bin/invctl.js'), '--help']);
    for (const rule of rules) {
      expect([rule.alert, rule.for]).toEqual([rule.alert, expect.stringMatching(/^\d+[mh]$/)]);
      expect(['critical', 'warning']).toContain(rule.labels.severity);
      expect([rule.alert, rule.annotations.summary]).toEqual([
        rule.alert,
        expect.stringMatching(/^[A-Z]|^shop\./),
      ]);
      const [, command] = /\binvctl ([a-z]+)/.exec(rule.annotations.description) ?? [];
      expect([rule.alert, command]).toEqual([rule.alert, expect.any(String)]);
      expect(stdout).toMatch(new RegExp(`^ +${command}\\b`, 'm'));
    }
  });

  it('are silent while nothing hurts, and fire each on its own fault and on no other', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const scenarios = Object.entries(FAULTS).map(([alert, { series, also = [] }]) =>
      scenario(alert, series, [alert, ...also]),
    );
    expect(await judge([scenario('nothing hurts', {}, []), ...scenarios])).toBe('');
    // What is no fault: no protection, two replicas that each started once, a stack without a request.
    const quiet = Object.fromEntries(
      Object.keys(HEALTHY)
        .filter((name) => /^(http_|pg_replication_slots)/.test(name))
        .map((name) => [name, null]),
    );
    const replica = {
      'up{job="api",instance="172.20.0.9:5003"}': '1x120',
      'process_start_time_seconds{job="api",instance="172.20.0.9:5003"}': '2000x120',
    };
    const replaced = Object.fromEntries([
      [`up${API}`, '1x110 stale'],
      ...[1, 2, 3].map((index) => [`up{job="api",instance="10.0.1.${index}:5003"}`, '1x110 stale']),
      ...[5, 6, 7, 8].map((index) => [`up{job="api",instance="10.0.1.${index}:5003"}`, '_x111 1x8']),
    ]);
    const protectedAlone = {
      'invctl_backup_taken_timestamp_seconds{job="node",project="shop"}': null,
    };
    expect(
      await judge([
        scenario('a quiet stack', { ...quiet, ...replica }, []),
        scenario('protection in place of backups', protectedAlone, []),
        scenario('a project that started four minutes ago', { [LINES]: '_x116 0x4' }, []),
        scenario('a store that starts anew', { [LINES]: '0+1x110 0+1x9' }, []),
        scenario('a store that is away', { [LINES]: '0+1x60 _x60' }, []),
        scenario('a deployment of four replicas in a Swarm', replaced, []),
        scenario('a node that was removed long ago', { 'up{job="node",instance="gone"}': '1x5 stale' }, []),
      ]),
    ).toBe('');
  });

  it('say what to do about it, with the numbers in words', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const labels = { severity: 'critical', job: 'node', project: 'shop' };
    const { promql_expr_test: _, ...series } = scenario(
      'too old',
      FAULTS.BackupTooOld?.series as Record<string, string>,
      [],
    );
    const said = (description: string) => ({
      ...series,
      alert_rule_test: [
        {
          eval_time: '2h',
          alertname: 'BackupTooOld',
          exp_alerts: [
            {
              exp_labels: labels,
              exp_annotations: {
                summary: 'The newest verified backup is too old',
                description,
              },
            },
          ],
        },
      ],
    });
    const right =
      'The one of shop is 2h 0m 0s old. Take one: invctl db backup; every night: invctl db schedule --install';
    expect(await judge([said(right)])).toBe('');
    expect(await judge([said(right.replace('2h', '3h'))])).toContain('FAILED');
  });

  it('name the machine whose disk is full where several are measured', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const said = async (more: Record<string, string>, where: string) => {
      const series = { ...FAULTS.DiskNearlyFull?.series, ...more };
      const { promql_expr_test: _, ...full } = scenario('a full disk', series, []);
      const exp_labels = { severity: 'critical', job: 'node', instance: 'node-exporter:9100' };
      const exp_annotations = {
        summary: 'A disk is nearly full',
        description: `${where} has 6% left. See what is large: invctl doctor; old backups: invctl db prune`,
      };
      const of = { device: '/dev/vda', fstype: 'ext4', mountpoint: '/' };
      const exp_alerts = [{ exp_labels: { ...exp_labels, ...of }, exp_annotations }];
      return judge([
        { ...full, alert_rule_test: [{ eval_time: '2h', alertname: 'DiskNearlyFull', exp_alerts }] },
      ]);
    };
    expect(await said({}, '/')).toBe('');
    const other = { 'up{job="node",instance="10.0.1.9:9100"}': '1x120' };
    expect(await said(other, '/ of node-exporter:9100')).toBe('');
    const name = { 'node_uname_info{job="node",instance="node-exporter:9100",nodename="db-1"}': '1x120' };
    expect(await said({ ...other, ...name }, '/ of db-1')).toBe('');
  });

  it('judge a certificate by how long such a one lives', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const DAY = 24 * 3600;
    const left = (seconds: number, firing: readonly string[]) =>
      scenario(`${seconds} s left`, { [EXPIRY]: `${7200 + seconds}x120` }, firing);
    const ends = ['CertificateEnds'];
    expect(await judge([left(12 * 3600, []), left(3 * 3600, []), left(3600, ends), left(-60, ends)])).toBe(
      '',
    );
    const publicOnes = [left(90 * DAY, []), left(15 * DAY, []), left(6 * DAY, ends), left(-60, ends)];
    expect(await judge(publicOnes, { certificate: PUBLIC })).toBe('');

    const { promql_expr_test: _, ...series } = left(-60, ends);
    const said = (description: string) => ({
      ...series,
      alert_rule_test: [
        {
          eval_time: '2h',
          alertname: 'CertificateEnds',
          exp_alerts: [
            {
              exp_labels: { severity: 'critical', job: 'certificate', instance: 'shop.localhost' },
              exp_annotations: {
                summary: 'The certificate of shop.localhost was not renewed',
                description: `${description}. See why the proxy did not renew it: invctl logs proxy`,
              },
            },
          ],
        },
      ],
    });
    expect(await judge([said('It has ended, and browsers refuse it')])).toBe('');
    const { promql_expr_test: __, ...hour } = left(3600, ends);
    expect(await judge([{ ...said('It ends in 1h 0m 0s'), ...hour }])).toBe('');
  });

  it('are judged by a test that sees a rule that no longer fires', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const folder = await temporaryFolder();
    const broken = join(folder, 'broken.yml');
    await writeFile(broken, (await readFile(RULES, 'utf8')).replace('pg_up == 0', 'pg_up == 2'));
    const { series } = FAULTS.DatabaseDown as Fault;
    expect(
      await judge([scenario('DatabaseDown', series, ['DatabaseDown'])], { rulesFile: broken }),
    ).toContain('FAILED');
  });
});

describe('the configuration of --monitoring', () => {
  it('is one that promtool and amtool accept', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'prometheus'));
    for (const name of ['prometheus.yml', 'rules.yml']) {
      await copyFile(join(ADDITION, name), join(folder, 'prometheus', name));
    }
    const certificate = await renderAdditions(
      await loadTemplate(),
      { ...DEFAULT_OPTIONS, name: 'shop' },
      { domain: 'shop.localhost', monitoring: true },
    );
    for (const { path, content } of certificate.filter(({ path }) => path.includes('/certificate-'))) {
      await writeFile(join(folder, 'prometheus', basename(path)), content);
    }
    await execute('promtool', ['check', 'config', join(folder, 'prometheus/prometheus.yml')]);
    if (await has('amtool')) {
      await execute('amtool', ['check-config', join(ADDITION, 'alertmanager.yml')]);
    }
    const text = await readFile(join(ADDITION, 'alertmanager.yml'), 'utf8');
    // Every alert that is silenced by another is one that there is.
    const named = parse(text).inhibit_rules.flatMap(
      (rule: { source_matchers: string[]; target_matchers: string[] }) =>
        [...rule.source_matchers, ...rule.target_matchers].flatMap((matcher) =>
          (/"(.*)"/.exec(matcher)?.[1] ?? '').split('|'),
        ),
    );
    expect(named.length).toBeGreaterThan(2);
    for (const name of named) expect(rules.map(({ alert }) => alert)).toContain(name);
    expect(text).toContain('receiver: nobody');
  });

  it('is one that syslog-ng accepts', async ({ skip }) => {
    const version = await execute('syslog-ng', ['--version']).then(
      ({ stdout }) => Number(/^syslog-ng \d+ \((\d+\.\d+)/m.exec(stdout)?.[1]),
      () => undefined,
    );
    skip(version === undefined, 'no syslog-ng here (Debian: syslog-ng-core and syslog-ng-mod-http)');
    skip(Number(version) < 4.2, `syslog-ng ${version} is older than the configuration`);
    const text = await readFile(join(ADDITION, 'syslog-ng.conf'), 'utf8');
    const refused = async (conf: string) => {
      const file = join(await temporaryFolder(), 'syslog-ng.conf');
      await writeFile(file, conf);
      const env = { ...process.env, PROJECT: 'shop' };
      return execute('syslog-ng', ['--syntax-only', '--cfgfile', file], { env }).then(
        () => '',
        ({ stderr }) => String(stderr),
      );
    };
    expect(await refused(text)).toBe('');
    expect(await refused(text.replace('batch-lines', 'batch-lanes'))).toContain('batch-lanes');
  });

  it('is about metrics that are there: the API, the exporters, the backups', async ({ skip }) => {
    const fromStack = createRequire(join(repository, 'stack/package.json'));
    skip(
      !existsSync(join(repository, 'stack/node_modules/prom-client')),
      'stack/ has no dependencies here: npm ci there',
    );
    const { collectDefaultMetrics, Registry } = fromStack('prom-client');
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const source = await readFile(join(repository, 'stack/src/plugins/app/metrics.ts'), 'utf8');
    const backup = formatBackupMetrics('shop', { takenAt: '2026-01-01T00:00:00Z', level: 1, bytes: 1 }, 26);
    const known = new Set<string>([
      ...registry.getMetricsAsArray().map(({ name }: { name: string }) => name),
      ...[...source.matchAll(/^ {6}name: '(\w+)'/gm)].map(([, name]) => name as string),
      ...[...backup.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name as string),
      ...Object.values(exporters).flat(),
    ]);
    for (const suffix of ['bucket', 'count', 'sum']) known.add(`http_request_duration_seconds_${suffix}`);

    const dashboard = JSON.parse(await readFile(join(ADDITION, 'dashboard.json'), 'utf8'));
    const ids = dashboard.panels.map(({ id }: { id: number }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const asked: [string, string][] = dashboard.panels.flatMap(
      ({ title, targets }: { title: string; targets: { expr: string }[] }) =>
        targets.map(({ expr }) => [title, expr]),
    );
    expect(asked.length).toBeGreaterThan(20);
    const expressions = [...asked, ...rules.map(({ alert, expr }): [string, string] => [alert, expr])];
    for (const [place, expr] of expressions) {
      const names = metricsOf(expr);
      expect([place, names.length > 0]).toEqual([place, true]);
      for (const name of names) expect([place, name, known.has(name)]).toEqual([place, name, true]);
    }
    // What the rules call the slot of the protection is what it is called.
    expect(rules.filter(({ expr }) => expr.includes(`slot_name="${PROTECT_SLOT}"`))).toHaveLength(3);
  });

  it('has panels that PromQL can be read from', async ({ skip }) => {
    skip(!(await has('promtool')), NO_PROMTOOL);
    const { panels } = JSON.parse(await readFile(join(ADDITION, 'dashboard.json'), 'utf8'));
    const expressions: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
    );
    const file = join(await temporaryFolder(), 'panels.json');
    const recorded = expressions.map((expr, index) => ({ record: `panel_${index}`, expr }));
    await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules: recorded }] }));
    await execute('promtool', ['check', 'rules', file]);
  });
});
