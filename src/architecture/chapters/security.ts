import type { Chapter } from '../chapter.js';
import { code, count, paragraphs, plain, sentence, table } from '../markdown.js';
import type { JudgedCheck, Stack } from '../stack.js';

export const security: Chapter = {
  name: 'security',
  heading: 'Security',
  body: (stack) =>
    paragraphs(table(['Practice', 'How it stands here'], practices(stack)), judged(stack.checks)),
};

function practices(stack: Stack): string[][] {
  const { services, secrets, envFiles, networks, database } = stack;
  const built = services.filter(({ build }) => build);
  const files = [
    ...secrets,
    ...envFiles.filter(({ settings }) => settings.some(({ value }) => typeof value !== 'string')),
  ];
  const inGit = files.flatMap(({ file, ignored }) => (file && ignored === false ? [code(file)] : []));
  const unclear = files.flatMap(({ file, ignored }) => (file && ignored === undefined ? [code(file)] : []));
  const without = (test: (service: (typeof services)[number]) => boolean) =>
    services.filter((service) => !test(service)).map(({ name }) => code(name));
  const internal = networks.filter((network) => network.internal).map(({ key }) => code(key));
  const open = services.flatMap(({ name, ports, networkMode }) =>
    networkMode !== 'host' && ports.some(({ host }) => !/^(127\.|::1)/.test(host ?? '')) ? [code(name)] : [],
  );
  return [
    [
      'Secrets stay out of git',
      files.length === 0
        ? 'there is no file with one'
        : inGit.length > 0
          ? `**not so:** ${sentence(inGit)} ${inGit.length === 1 ? 'is' : 'are'} not ignored`
          : unclear.length > 0
            ? `no ${code('.gitignore')} speaks of ${sentence(unclear)}`
            : `${sentence(files.flatMap(({ file }) => (file ? [code(file)] : [])))} ${files.length === 1 ? 'is' : 'are'} ignored`,
    ],
    ...(built.length > 0
      ? [
          [
            'Programs do not run as root',
            verdict(stack, 'sec.user', `so for ${sentence(built.map(({ name }) => code(name)))}`),
          ],
          ['Images are pinned and small', verdict(stack, 'sec.image', 'so')],
        ]
      : [['Images are pinned', verdict(stack, 'sec.image', 'so')]]),
    [
      'Secrets are mounted read-only',
      secrets.length > 0 ? 'always: Compose does not mount them otherwise' : 'no secret is a file',
    ],
    ['No password is in a file of the repository', verdict(stack, 'sec.literal', 'so')],
    [
      'Networks are apart',
      internal.length > 0
        ? `${sentence(internal)} has no way out and none in`
        : networks.length > 1
          ? `${count(networks.length, 'network')}, none of them internal`
          : 'one network for all, which reaches the internet',
    ],
    [
      'Only what has to be is reached from outside',
      open.length === 0 ? 'no port is open to other machines' : `open to other machines: ${sentence(open)}`,
    ],
    ...(database ? [['The database is not published', verdict(stack, 'db.published', 'so')]] : []),
    [
      'Containers cannot write their own program',
      listed(
        without(({ readOnly }) => readOnly),
        'root file system writable',
      ),
    ],
    [
      'Capabilities are dropped',
      listed(
        without(({ dropsCapabilities }) => dropsCapabilities),
        "Docker's default set",
      ),
    ],
  ];
}

function listed(names: readonly string[], otherwise: string): string {
  if (names.length === 0) return 'so for every service';
  return `${otherwise}: ${names.length > 8 ? count(names.length, 'service') : sentence(names)}`;
}

function verdict({ checks }: Stack, id: string, good: string): string {
  const check = checks.find((one) => one.id === id);
  if (!check || check.findings.length === 0) return good;
  return `**not so:** ${check.findings
    .slice(0, 3)
    .map(({ message }) => plain(message))
    .join('; ')}${check.findings.length > 3 ? ` and ${check.findings.length - 3} more` : ''}`;
}

/**
 * The doctor's findings about the files. Findings about a machine are left out, because they change with the
 * machine.
 */
function judged(checks: readonly JudgedCheck[]): string {
  const open = checks.filter(({ outcome, findings }) => findings.length > 0 && outcome !== 'skip');
  const intro = `Of the doctor's checks, ${checks.length} follow from the files alone, and are judged here; ${code('invctl doctor')} runs all of them, on the machine as it is.`;
  if (open.length === 0) return `${intro} None of them finds anything.`;
  return paragraphs(
    intro,
    table(
      ['Check', 'Finding', 'Weight'],
      open.flatMap(({ id, findings, outcome }) =>
        findings.map(({ message, file }) => [
          code(id),
          `${plain(message)}${file ? ` (${code(file)})` : ''}`,
          WEIGHTS[outcome] ?? outcome,
        ]),
      ),
    ),
  );
}

const WEIGHTS: Partial<Record<JudgedCheck['outcome'], string>> = {
  fail: 'failure',
  warn: 'warning',
  info: 'note',
};
