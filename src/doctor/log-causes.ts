import type { Facts } from './facts.js';

/** Log lines that show a known cause, and the check that explains it. */
interface LogCause {
  /** Id of the check for this cause; absent: only the log shows it. */
  check?: string;
  /** Searched in the last log lines and the health check's output. */
  pattern: RegExp;
  explain(match: RegExpExecArray, names: ProjectNames): { message: string; next: string };
}

/** The project's names for use in the advice. */
interface ProjectNames {
  /** The service of the database. */
  database: string;
  superuser: string;
  image: string;
  /** What to type where the services run. */
  commands: ServiceCommands;
}

/** What a person types about services, which depends on what runs them. */
export interface ServiceCommands {
  /** Shows a service's last log lines. */
  logs(service: string, lines: number): string;
  /** Runs a command in the container of a service. */
  exec(service: string, command: string): string;
  /** Gives the services what the files say now. */
  start: string;
  /** Builds the images anew and starts the services with them. */
  rebuild: string;
  /** Shows which services share a network. */
  networks: string;
  /** Shows what takes the room. */
  space: string;
}

const COMPOSE: ServiceCommands = {
  logs: (service, lines) => `invctl logs ${service} --tail ${lines}`,
  exec: (service, command) => `invctl exec ${service} -- ${command}`,
  start: 'invctl up',
  rebuild: 'invctl build --no-cache && invctl up',
  networks: 'invctl network ls',
  space: 'docker system df && df -h',
};

export interface FoundCause {
  check?: string;
  message: string;
  next: string;
  /** What the pattern matched. */
  match: RegExpExecArray;
}

/** The first that matches wins, so the more specific ones come first. */
const CAUSES: readonly LogCause[] = [
  {
    check: 'db.uninitialised',
    pattern: /superuser password is not specified|POSTGRES_PASSWORD to a non-empty value/i,
    explain: (_, { commands }) => ({
      message: 'the database has no password to initialise its volume with',
      next: withStart('invctl doctor --fix', commands, 'or set POSTGRES_PASSWORD_FILE'),
    }),
  },
  {
    check: 'db.both-set',
    pattern: /both (\S+) and (\S+_FILE) are set/i,
    explain: ([, name, file], { commands }) => ({
      message: `${name} and ${file} are both set, and exclude each other`,
      next: `remove ${name} from the compose file or its env_file, then: ${commands.start}`,
    }),
  },
  {
    pattern:
      /FATAL: +((?:WAL (?:cannot be summarized|streaming|archival)|configuration file|could not map anonymous shared memory)[^\n]*)/,
    explain: ([, text], { database, commands }) => ({
      message: `the server does not start with its settings: ${text}`,
      next: `correct them under command: of "${database}", or in postgresql.conf or postgresql.auto.conf of its data, then: ${commands.start}`,
    }),
  },
  {
    check: 'db.role-missing',
    pattern: /role "([^"]+)" does not exist/i,
    explain: ([, role], { database }) => ({
      message: `the server has no role "${role}": POSTGRES_USER is read only when the volume is initialised`,
      next: `name the role that "${database}" was initialised with      (invctl doctor --only db.role-missing)`,
    }),
  },
  {
    check: 'db.password-drift',
    pattern: /password authentication failed for user "?([^"\s]+)"?/i,
    explain: ([, user], { database, commands }) => ({
      message: `the database refuses the login of "${user}": the password is wrong, or the role does not exist`,
      next: `${commands.logs(database, 20)}      (the server's log says which of the two)`,
    }),
  },
  {
    check: 'db.major',
    pattern: /initialized by PostgreSQL version (\d+)|database files are incompatible with server/i,
    explain: ([, major], { database, image, commands }) => ({
      message: `the volume holds data files of ${major ? `PostgreSQL ${major}` : 'another PostgreSQL major'}`,
      next: `set the image of "${database}" back from ${image} to ${major ? `PostgreSQL ${major}` : 'that major'}, then: ${commands.start}`,
    }),
  },
  {
    check: 'db.pg18-path',
    pattern: /there appears to be PostgreSQL data in|in 18\+, these Docker images are configured/i,
    explain: () => ({
      message: 'PostgreSQL 18 and later keep their data in /var/lib/postgresql, not in …/data',
      next: 'mount the volume at /var/lib/postgresql',
    }),
  },
  {
    check: 'db.database-missing',
    pattern: /database "([^"]+)" does not exist/i,
    explain: ([, name], { database, superuser, commands }) => ({
      message: `the database "${name}" does not exist: POSTGRES_DB is read only when the volume is initialised`,
      next: `name one that is there, or make an empty one: ${commands.exec(database, `createdb -U ${superuser} ${name}`)}`,
    }),
  },
  {
    check: 'disk.full',
    pattern: /no space left on device|ENOSPC/i,
    explain: (_, { commands }) => ({ message: 'the disk is full', next: commands.space }),
  },
  {
    check: 'env.placeholder',
    pattern: /(\b[A-Z][A-Z0-9_]*(?:KEY|SECRET|TOKEN)[A-Z0-9_]*\b)[^\n]*is the placeholder/,
    explain: ([, name], { commands }) => ({
      message: `${name} is still the placeholder of the example`,
      next: withStart('invctl doctor --fix', commands, 'generates one'),
    }),
  },
  {
    // What the service of `invctl db protect` says.
    pattern: /not protected on this machine, or a disk is missing/,
    explain: (_, { commands }) => ({
      message: 'it does not find its folder: the project was renamed, or a disk is missing',
      next: `${commands.start}      (a missing disk has to be mounted first)`,
    }),
  },
  {
    check: 'secret.unreadable',
    pattern:
      /(?:permission denied|EACCES)[^\n]*?(\/run\/secrets\/[\w.-]+)|(\/run\/secrets\/[\w.-]+)[^\n]*?permission denied/i,
    explain: ([, some, other], { commands }) => ({
      message: `its user cannot read the secret ${some ?? other}`,
      next: withStart('invctl doctor --fix', commands, 'makes the file readable'),
    }),
  },
  {
    pattern: /invalid settings:|\b([A-Z][A-Z0-9_]{2,}) (?:or \w+ )?is required/,
    explain: ([, name]) => ({
      message: name ? `it demands the setting ${name}, which has no value` : 'it refuses its settings',
      next: 'invctl env list      (what it gets, and from where)',
    }),
  },
  {
    check: 'db.localhost',
    pattern: /ECONNREFUSED (?:127\.0\.0\.1|::1|localhost):?5432/i,
    explain: (_, { database, commands }) => ({
      message: 'it looks for the database on localhost, which in a container is the container itself',
      next: `let it look for the host ${database}, under environment of that service, then: ${commands.start}`,
    }),
  },
  {
    check: 'db.network',
    pattern: /(?:getaddrinfo )?(?:ENOTFOUND|EAI_AGAIN) (\S+)|could not translate host name "([^"]+)"/i,
    explain: ([, some, other], { commands }) => ({
      message: `the host name "${some ?? other}" is not known in its network`,
      next: `${commands.networks}      (both must share a network; the host is the service's name)`,
    }),
  },
  {
    check: 'db.unhealthy',
    pattern: /ECONNREFUSED ([\d.]+):5432|could not connect to server|the database system is starting up/i,
    explain: (_, { database, commands }) => ({
      message: 'the database does not accept connections',
      next: commands.logs(database, 50),
    }),
  },
  {
    pattern: /EADDRINUSE[^\n]*?:(\d+)/i,
    explain: ([, port]) => ({
      message: `port ${port} is already in use inside the container`,
      next: 'two programs of the service listen on one port: look at its command',
    }),
  },
  {
    pattern: /exec format error/i,
    explain: (_, { commands }) => ({
      message: 'the image was built for another processor, or its script has no #! line',
      next: commands.rebuild,
    }),
  },
  {
    check: 'app.crlf',
    pattern:
      /(env: '?\S+\\r'?|\^M: bad interpreter|\\r': command not found|exec \S+: no such file or directory)/i,
    explain: (_, { commands }) => ({
      message: 'a script in the image has Windows line ends (CRLF), or its interpreter is not there',
      next: `convert it: sed -i "s/\\r$//" FILE, then: ${commands.rebuild}`,
    }),
  },
  {
    check: 'vol.permission',
    pattern:
      /(?:EACCES|EPERM)[^\n]*'(\/[^']+)'|(?:permission denied|operation not permitted)[^\n/]*?(\/\S+)|(\/[^\s:'"]+)'?: (?:permission denied|operation not permitted)/i,
    explain: ([, some, other, third]) => ({
      message: `its user cannot write ${some ?? other ?? third}`,
      next: 'give the folder to the user of the container, or mount a named volume there',
    }),
  },
  {
    pattern: /Cannot find (?:module|package) '([^']+)'|ModuleNotFoundError: No module named '([^']+)'/i,
    explain: ([, some, other], { commands }) => ({
      message: `the image lacks ${some ?? other}`,
      next: commands.rebuild,
    }),
  },
];

/**
 * The known cause that log lines and the output of a health check show; undefined when there is none.
 *
 * @param commands of what runs the services
 */
export function causeInLogs(
  facts: Facts,
  lines: readonly string[],
  healthOutput = '',
  commands = COMPOSE,
): FoundCause | undefined {
  const evidence = [...lines.slice(lastStart(lines)), healthOutput].join('\n');
  for (const { check, pattern, explain } of CAUSES) {
    const match = pattern.exec(evidence);
    if (match) return { ...(check ? { check } : {}), ...explain(match, namesOf(facts, commands)), match };
  }
  return undefined;
}

/** What the official image, and PostgreSQL itself, print first at each start. */
const SERVER_STARTS = /PostgreSQL Database directory appears to contain a database|starting PostgreSQL \d/;

/** Index of the line from which on a database's log is about its last start: what it said before is over. */
function lastStart(lines: readonly string[]): number {
  return Math.max(
    0,
    lines.findLastIndex((line) => SERVER_STARTS.test(line)),
  );
}

/** The match of the causes that belong to one check, in any of the lines. */
export function causeOfCheck(
  check: string,
  facts: Facts,
  lines: readonly string[],
  healthOutput = '',
): FoundCause | undefined {
  const evidence = [...lines, healthOutput].join('\n');
  for (const cause of CAUSES) {
    const match = cause.check === check ? cause.pattern.exec(evidence) : null;
    if (match) return { check, ...cause.explain(match, namesOf(facts, COMPOSE)), match };
  }
  return undefined;
}

/** Compose reads what a fix changed at its next start by itself; what is deployed has to be told. */
function withStart(fix: string, { start }: ServiceCommands, note: string): string {
  return start === COMPOSE.start ? `${fix}      (${note})` : `${fix} && ${start}      (${note})`;
}

function namesOf(facts: Facts, commands: ServiceCommands): ProjectNames {
  return {
    commands,
    database: facts.database?.name ?? 'the database',
    superuser: facts.databaseSettings()?.superuser ?? 'postgres',
    image: facts.database?.image ?? 'this one',
  };
}
