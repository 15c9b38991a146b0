import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ServiceContext } from '../../../../src/services/context.js';
import { renderSchedule } from '../../../../src/services/database/schedule.js';
import { withProject } from '../../../support/project/project-on-disk.js';
import { writePlace } from '../../../support/protection/place.js';

const directory = `/srv/my "shop" 100%/it's $HOME`;
const context = {
  env: { PATH: '/usr/bin:/my tools' },
  project: () => ({ name: 'shop', directory }),
} as unknown as ServiceContext;
const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudl5rxkqyyr5ys';
const at = { hour: 2, minute: 5 };

function hasSystemdAnalyze(): boolean {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('renderSchedule', () => {
  it.each([
    [{}, ['db backup --level 2 --quiet', 'db prune --quiet']],
    [{ copyTo: '/mnt' }, ['db backup --level 2 --quiet', 'db copy --quiet', 'db prune --quiet']],
    [{ encryptTo: [RECIPIENT] }, ['db backup --level 1 --quiet', 'db prune --quiet']],
    [{ encryptTo: [RECIPIENT], identity: '~/key' }, ['db backup --level 2 --quiet', 'db prune --quiet']],
  ])('does what the settings %j make possible', async (backup, expected) => {
    const folder = mkdtempSync(join(tmpdir(), 'invctl-schedule-'));
    try {
      writeFileSync(join(folder, 'invctl.yaml'), JSON.stringify({ backup }));
      const here = { ...context, project: () => ({ name: 'shop', directory: folder }) } as ServiceContext;
      const [service] = await renderSchedule(here, { at, format: 'systemd', program: ['x'] });
      const steps = [...(service?.content ?? '').matchAll(/^ExecStart=x -C \S+ (.*)$/gm)].map(
        ([, words]) => words,
      );
      expect(steps).toEqual(expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    [{ bucket: 'b' }, { AWS_PROFILE: 'shop' }, [expect.stringContaining('AWS_PROFILE is set in this shell')]],
    [{ bucket: 'b' }, {}, []],
    ['/mnt', { AWS_PROFILE: 'shop' }, []],
  ])('warns for copies to %j and the environment %j: %j', async (copyTo, env, expected) => {
    await withProject({ 'invctl.yaml': JSON.stringify({ backup: { copyTo } }) }, async (folder) => {
      const warnings: string[] = [];
      await renderSchedule(
        {
          env,
          warn: (text: string) => warnings.push(text),
          project: () => ({ name: 'shop', directory: folder }),
        } as unknown as ServiceContext,
        { at, format: 'cron', program: ['x'] },
      );
      expect(warnings).toEqual(expected);
    });
  });

  it('writes a crontab line that the shell reads as the words that were meant', async () => {
    const [line] = await renderSchedule(context, { at, format: 'cron', program: ['echo', 'x'] });
    expect(line?.content).toMatch(/^5 2 \* \* \* /);
    const command = (line?.content ?? '').slice('5 2 * * * '.length).replaceAll('\\%', '%');
    const printed = execFileSync('sh', ['-c', command.replaceAll('>/dev/null', '')], { encoding: 'utf8' });
    expect(printed).toBe(
      `x -C ${directory} db backup --level 2 --quiet\nx -C ${directory} db prune --quiet\n`,
    );
  });

  it('writes a timer for every day at that time, also after the machine was off', async () => {
    const [service, timer] = await renderSchedule(context, {
      at,
      format: 'systemd',
      program: ['/usr/bin/invctl'],
    });
    expect(timer?.name).toBe('invctl-backup-shop.timer');
    expect(timer?.content).toContain('OnCalendar=*-*-* 02:05:00\nPersistent=true\n');
    expect(service?.content).toContain(
      `ExecStart=/usr/bin/invctl -C "/srv/my \\"shop\\" 100%%/it's $$HOME" db backup --level 2 --quiet\n`,
    );
    expect(service?.content).toContain('Environment="PATH=/usr/bin:/my tools"\n');
  });

  describe('of a project that is protected', () => {
    const now = new Date();
    const inProtected = async (backup: object, body: (here: ServiceContext) => Promise<void>) =>
      withProject({ 'invctl.yaml': JSON.stringify({ backup }) }, async (folder) => {
        await writePlace(join(folder, 'backups', 'protection'), {
          bases: [],
          runs: {},
          live: [],
          keepSeconds: 60,
          covered: now,
        });
        await body({ ...context, project: () => ({ name: 'shop', directory: folder }) } as ServiceContext);
      });

    it('has a drill at the end, and a service that ships what is received', async () => {
      await inProtected({ copyTo: '/mnt' }, async (here) => {
        const files = await renderSchedule(here, { at, format: 'systemd', program: ['x'] });
        expect(files.map(({ name }) => name)).toEqual([
          'invctl-backup-shop.service',
          'invctl-backup-shop.timer',
          'invctl-copy-shop.service',
        ]);
        const steps = [...(files[0]?.content ?? '').matchAll(/^ExecStart=x -C \S+ (.*)$/gm)];
        expect(steps.at(-1)?.[1]).toBe('db verify --to latest --quiet');
        expect(files[2]?.content).toMatch(/^ExecStart=x -C \S+ db copy --follow --quiet$/m);
        expect(files[2]?.content).toContain('Restart=always\n');
      });
      await inProtected({}, async (here) => {
        const files = await renderSchedule(here, { at, format: 'systemd', program: ['x'] });
        expect(files.length).toBe(2);
      });
    });

    it('has a second line of cron, each minute', async () => {
      await inProtected({ copyTo: '/mnt' }, async (here) => {
        const [crontab] = await renderSchedule(here, { at, format: 'cron', program: ['x'] });
        const lines = (crontab?.content ?? '').trimEnd().split('\n');
        expect(lines.length).toBe(2);
        expect(lines[1]).toMatch(
          /^\* \* \* \* \* .* db copy --follow --quiet >\/dev\/null 2>&1 # invctl shop$/,
        );
      });
    });
  });

  it('is about the database that is deployed, in all that it does, and knows of no protection', async () => {
    await withProject({ 'invctl.yaml': '{backup: {copyTo: /mnt}}' }, async (folder) => {
      await writePlace(join(folder, 'backups', 'protection'), {
        bases: [],
        runs: {},
        live: [],
        keepSeconds: 60,
        covered: new Date(),
      });
      const here = { ...context, project: () => ({ name: 'shop', directory: folder }) } as ServiceContext;
      const files = await renderSchedule(here, { at, format: 'systemd', program: ['x'], deployed: true });
      const steps = [...(files[0]?.content ?? '').matchAll(/^ExecStart=x -C \S+ (.*)$/gm)];
      expect(steps.map(([, words]) => words)).toEqual([
        'db backup --level 2 --deployed --quiet',
        'db copy --deployed --quiet',
        'db prune --deployed --quiet',
      ]);
      expect(files.map(({ name }) => name)).toEqual([
        'invctl-backup-shop.service',
        'invctl-backup-shop.timer',
      ]);
    });
  });

  it.each([
    [{ host: { stateName: 'k8s-prod-shop' } }, 'shop-k8s-prod-shop'],
    [{ host: { stateName: 'me@there+run+docker.sock' } }, 'shop-me_there_run_docker.sock'],
    [{ environment: { name: 'production' }, host: {} }, 'shop-production'],
    [{ environment: { name: 'production' } }, 'shop'],
  ])('does not replace the job of the database here by that of another: %j', async (more, job) => {
    const there = {
      ...context,
      project: () => ({ name: 'shop', directory, ...more }),
    } as unknown as ServiceContext;
    const [service] = await renderSchedule(there, { at, format: 'systemd', program: ['x'] });
    expect(service?.name).toBe(`invctl-backup-${job}.service`);
    const [crontab] = await renderSchedule(there, { at, format: 'cron', program: ['x'] });
    expect(crontab?.content).toMatch(new RegExp(` # invctl ${job}\n$`));
  });

  it('warns of a key that an agent keeps, on a machine by SSH', async () => {
    const warnings: string[] = [];
    const there = {
      env: { SSH_AUTH_SOCK: '/run/agent' },
      warn: (text: string) => warnings.push(text),
      project: () => ({ name: 'shop', directory, host: { remote: {}, stateName: 'me@there' } }),
    } as unknown as ServiceContext;
    await renderSchedule(there, { at, format: 'cron', program: ['x'] });
    expect(warnings).toEqual([expect.stringContaining('ssh agent')]);
  });

  it.skipIf(!hasSystemdAnalyze())('writes units that systemd accepts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'invctl-units-'));
    try {
      const files = await renderSchedule(context, { at, format: 'systemd', program: ['/bin/true'] });
      for (const { name, content } of files) writeFileSync(join(folder, name), content);
      const paths = files.map(({ name }) => join(folder, name));
      const verify = () =>
        execFileSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8', stdio: 'pipe' });
      expect(verify).not.toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
