import type { ServiceStatus, UpOutcome } from '../engine/engine.js';

interface Cause {
  message: string;
  next: string;
}

interface KnownFailure {
  /** Looked for in the last log lines and the health check's output. */
  pattern: RegExp;
  explain: (match: RegExpExecArray, service: string) => Cause;
}

/** What logs say when a known thing is wrong. The first match wins, so the more exact come first. */
const KNOWN: readonly KnownFailure[] = [
  {
    pattern: /superuser password is not specified|POSTGRES_PASSWORD to a non-empty value/i,
    explain: () => ({
      message: 'the database has no password to initialise its volume with',
      next: 'invctl init      (makes secrets/db_password.txt), then: invctl up',
    }),
  },
  {
    pattern: /both (\S+) and (\S+_FILE) are set/i,
    explain: ([, name, file]) => ({
      message: `${name} and ${file} are both set, and exclude each other`,
      next: `remove ${name} from the compose file or its env_file, then: invctl up`,
    }),
  },
  {
    pattern: /password authentication failed for user "?([^"\s]+)"?/i,
    explain: ([, user]) => ({
      message: `the database refuses the password of "${user}": its volume was initialised with another one`,
      next: `invctl exec db -- psql -U ${user} -c '\\password ${user}'      (type what the secret file holds)`,
    }),
  },
  {
    pattern: /database files are incompatible with server|initialized by PostgreSQL version (\d+)/i,
    explain: ([, major]) => ({
      message: `the volume holds data files of ${major ? `PostgreSQL ${major}` : 'another PostgreSQL major'}`,
      next: `set the image of the database service back to postgres:${major ?? 'that major'}, then: invctl up`,
    }),
  },
  {
    pattern: /database "([^"]+)" does not exist/i,
    explain: ([, database]) => ({
      message: `the database "${database}" does not exist: POSTGRES_DB is read only when the volume is initialised`,
      next: `invctl exec db -- createdb -U postgres ${database}`,
    }),
  },
  {
    pattern: /could not write.*no space left|no space left on device|ENOSPC/i,
    explain: () => ({ message: 'the disk is full', next: 'docker system df && df -h' }),
  },
  {
    pattern: /JWT_SECRET_KEY[^\n]*(required|placeholder|missing|at least|too short|bytes)/i,
    explain: () => ({
      message: 'JWT_SECRET_KEY is missing, too short or still the placeholder',
      next: 'invctl init      (generates it in stack/.env), then: invctl up',
    }),
  },
  {
    pattern: /ENOTFOUND (\S+)|getaddrinfo (?:EAI_AGAIN|ENOTFOUND) (\S+)/i,
    explain: ([, some, other]) => ({
      message: `the host name "${some ?? other}" is not known in the service's network`,
      next: "invctl network ls      (both services must share a network; the host is the service's name)",
    }),
  },
  {
    pattern: /ECONNREFUSED (?:127\.0\.0\.1|::1|localhost):?5432/i,
    explain: (_, service) => ({
      message: `"${service}" looks for the database on localhost, which inside a container is the container itself`,
      next: 'set DATABASE_HOST: db under environment of that service, then: invctl up',
    }),
  },
  {
    pattern: /ECONNREFUSED ([\d.]+):5432|could not connect to server|the database system is starting up/i,
    explain: () => ({
      message: 'the database does not accept connections',
      next: 'invctl logs db --tail 50',
    }),
  },
  {
    pattern: /EADDRINUSE[^\n]*?:(\d+)/i,
    explain: ([, port]) => ({
      message: `port ${port} is already in use inside the service`,
      next: `ss -ltnp 'sport = :${port}'`,
    }),
  },
  {
    pattern: /exec format error/i,
    explain: () => ({
      message: 'the image was built for another processor',
      next: 'invctl build --no-cache && invctl up',
    }),
  },
  {
    pattern: /(env: '?\S+\\r'?|\/bin\/(?:ba)?sh\^M|no such file or directory[^\n]*entrypoint)/i,
    explain: () => ({
      message: 'a script in the image has Windows line ends (CRLF)',
      next: "git ls-files --eol | grep crlf      (convert them: sed -i 's/\\r$//' FILE)",
    }),
  },
  {
    pattern: /EACCES[^\n]*'([^']+)'|permission denied[^\n]*?(\/\S+)/i,
    explain: ([, some, other], service) => ({
      message: `the user of "${service}" may not use ${some ?? other}`,
      next: `invctl exec ${service} -- ls -ln ${some ?? other}`,
    }),
  },
  {
    pattern: /Cannot find (?:module|package) '([^']+)'/i,
    explain: ([, module]) => ({
      message: `the image lacks ${module}`,
      next: 'invctl build --no-cache && invctl up',
    }),
  },
];

/** The cause that a failed service's evidence names, or undefined where it names none that is known. */
export function explainFailure(
  status: ServiceStatus,
  reason: UpOutcome['failed'][number]['reason'],
  lastLines: readonly string[],
): Cause | undefined {
  if (reason === 'dependency') {
    return { message: 'it waits for a service that failed', next: 'mend that one, then: invctl up' };
  }
  if (status.oomKilled) {
    return {
      message: 'the kernel ended it: it used more memory than its limit',
      next: `invctl inspect ${status.name}      (raise mem_limit in the compose file)`,
    };
  }
  const evidence = [...lastLines, status.healthOutput ?? ''].join('\n');
  for (const { pattern, explain } of KNOWN) {
    const match = pattern.exec(evidence);
    if (match) return explain(match, status.name);
  }
  if (reason === 'unhealthy' && /not found|no such file|executable file/i.test(status.healthOutput ?? '')) {
    return {
      message: 'the program of the health check is not in the image',
      next: `invctl inspect ${status.name}`,
    };
  }
  if (status.exitCode === 127 || status.exitCode === 126) {
    return {
      message: `its command ${status.exitCode === 127 ? 'was not found in the image' : 'is not executable'}`,
      next: `invctl inspect ${status.name}`,
    };
  }
  return undefined;
}
