// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { describe, expect, it } from 'vitest';
import { diagnosisText } from '../../../src/commands/doctor/text.js';
import { createStyle } from '../../../src/output/style.js';
import { NO_ENGINE, type SickProject, writtenProject } from '../../support/doctor/project.js';

const DATABASE = '  db:\n    image: postgres:16\n    environment: { POSTGRES_PASSWORD: "${PW:-x}" }\n';
const app = (name: string, variables: string) =>
  `  ${name}:\n    image: example/app:1\n    depends_on: [db]\n    environment: { ${variables} }\n`;

interface Case {
  title: string;
  id: string;
  files: Record<string, string>;
  env?: Record<string, string>;
  prepare?: (project: SickProject) => void;
  /** By the service or the file of the finding: whether it is said to be fixable. */
  fixable: Record<string, boolean>;
  left: string[];
  /** A file in which the edit would have no effect. */
  untouched?: string;
}

const CASES: Case[] = [
  {
    title: 'the host in a variable is set, the one in a URL with a password is not',
    id: 'db.localhost',
    files: {
      'compose.yaml': `name: NAME\nservices:\n${app('one', 'DB_HOST: localhost')}${app('two', 'DATABASE_URL: "postgres://a:b@localhost/c"')}${DATABASE}`,
    },
    fixable: { one: true, two: false },
    left: ['two'],
  },
  {
    title: 'of several compose files the one is edited in which the edit has an effect',
    id: 'hc.command',
    env: { COMPOSE_FILE: 'a.yaml:b.yaml:c.yaml' },
    files: {
      'a.yaml':
        'name: NAME\nservices:\n  db: { image: x, healthcheck: { test: [CMD, "pg_isready -h a"] } }\n',
      'b.yaml': 'services:\n  db: { healthcheck: { test: [CMD, "pg_isready -h b"] } }\n',
      'c.yaml': 'services:\n  db: { restart: always }\n',
    },
    fixable: { db: true },
    left: [],
    untouched: 'a.yaml',
  },
  {
    title: 'a folder in the place of a secret goes if it is empty',
    id: 'secret.directory',
    files: {
      'compose.yaml':
        'name: NAME\nservices:\n  one: { image: x, secrets: [a] }\n  two: { image: x, secrets: [b] }\nsecrets: { a: { file: ./a }, b: { file: ./b } }\n',
      'a/kept': 'x',
      'b/kept': 'x',
    },
    prepare: (project) => project.remove('b/kept'),
    fixable: { one: false, two: true },
    left: ['one'],
  },
  {
    title: 'an exception in a deeper .gitignore wins over the rule of the project',
    id: 'sec.gitignore',
    files: {
      'compose.yaml':
        'name: NAME\nservices:\n  one: { image: x, env_file: [api/.env, web/.env, "a[1].env"] }\n',
      'api/.env': 'API_PASSWORD=hidden-from-you\n',
      'api/.gitignore': '!.env\n',
      'web/.env': 'WEB_PASSWORD=hidden-from-you\n',
      'a[1].env': 'ODD_PASSWORD=hidden-from-you\n',
    },
    prepare: (project) => project.run('git', 'init', '-q'),
    fixable: { 'api/.env': false, 'web/.env': true, 'a[1].env': true },
    left: ['api/.env'],
  },
];

const where = (project: SickProject, { service, file = '' }: { service?: string; file?: string }) =>
  service ?? file.slice(project.folder.length + 1);

describe('--fix mends what is said to be fixable, and nothing else is said to be', () => {
  it.each(CASES)('$title', async ({ id, files, env, prepare, fixable, left, untouched }) => {
    const project = await writtenProject(files, { ...NO_ENGINE, ...env });
    try {
      prepare?.(project);
      const before = await project.doctor({ only: [id] });
      const findings = before.checks.flatMap((check) => check.findings);
      expect(Object.fromEntries(findings.map((one) => [where(project, one), one.fixable]))).toEqual(fixable);
      const text = diagnosisText(before, createStyle(false), Number.POSITIVE_INFINITY);
      const all = Object.values(fixable).every(Boolean);
      const mended = Object.values(fixable).filter(Boolean).length;
      expect(text).toContain(`(fixes ${all ? id : `${mended} of ${findings.length} of ${id}`})`);
      const after = await project.fix({ only: [id] });
      expect(after.checks.flatMap((check) => check.findings).map((one) => where(project, one))).toEqual(left);
      if (untouched) expect(project.read(untouched)).toBe(files[untouched]?.replaceAll('NAME', project.name));
    } finally {
      await project.dispose();
    }
  });
});
