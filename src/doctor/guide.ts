import { CHAPTERS, type Check, type CheckChapter } from './check.js';

const OPENINGS: Record<CheckChapter, string> = {
  'before-all': 'What has to be right before anything else can be judged.',
  connection:
    'The app says `connection refused`, or waits for ever. Is the database healthy? Is its host name right? Do both share a network?',
  secrets:
    'The app, or the database, says that a secret is not found. Is the file there? Is it mounted into that container? Does the program look in that place?',
  environment:
    'A variable has not the value that a file says. Is the file there? Is it listed? Does the container see it? `invctl env explain NAME` shows every source.',
  ports: '`bind: address already in use`, or a connection that is reset.',
  volumes: '`permission denied` on a mounted folder, and data files that do not fit the server.',
  runtime: 'A service that was started and does not stay.',
  health:
    'What hurts inside of a PostgreSQL that runs: a little today, all at once one day. Found as `invctl db inspect` finds it, which shows the figures behind it. A replica is looked at for what is its own.',
  host: 'The machine and the engine under the project.',
  security: 'What works, and should not be so.',
  production:
    "The production checklist's twelve items, judged by `invctl doctor --production`. What lies outside of the project is `unknown`, never a guess.",
};

const WEIGHTS = { fail: 'failure', warn: 'warning', info: 'information' } as const;

/** The pages of the troubleshooting guide by file name: one per chapter, and a table of contents. */
export function guidePages(checks: readonly Check[]): Map<string, string> {
  const chapters = Object.keys(CHAPTERS) as CheckChapter[];
  const pages = new Map<string, string>([['README.md', contents(checks, chapters)]]);
  for (const chapter of chapters) {
    const own = checks.filter((check) => check.chapter === chapter);
    pages.set(
      `${chapter}.md`,
      `${[`# ${CHAPTERS[chapter]}`, OPENINGS[chapter], ...own.map(section)].join('\n\n')}\n`,
    );
  }
  return pages;
}

function contents(checks: readonly Check[], chapters: readonly CheckChapter[]): string {
  const lines = chapters.flatMap((chapter) => [
    `\n## [${CHAPTERS[chapter]}](${chapter}.md)\n`,
    ...checks
      .filter((check) => check.chapter === chapter)
      .map(({ id, title }) => `- [\`${id}\`](${chapter}.md#${anchor(id)}): ${title}`),
  ]);
  return [
    '# Troubleshooting guide',
    '',
    'Each entry is a check of `invctl doctor`, which walks this guide by itself: it names the first cause and mutes what',
    'follows from it. `invctl doctor --fix` mends what it can without touching data, shows what it changed, and probes',
    'again. This guide is generated from the checks (`npm run guide`).',
    ...lines,
    '',
  ].join('\n');
}

function section({ id, title, severity, why, docs, fix, requires }: Check): string {
  const facts = [
    `Weight: ${WEIGHTS[severity]}.`,
    fix ? `\`--fix\` mends it${fix.safety === 'ask' ? ', after a question (`--yes` answers it)' : ''}.` : '',
    requires.length > 0 && requires.length <= 6
      ? `Muted while one of these fails: ${requires.map((other) => `\`${other}\``).join(', ')}.`
      : '',
  ];
  return [`## ${id}`, `**${title}.** ${why}`, docs, facts.filter((fact) => fact !== '').join(' ')].join(
    '\n\n',
  );
}

/** The anchor that GitHub gives a heading. */
function anchor(id: string): string {
  return id.toLowerCase().replaceAll('.', '');
}
