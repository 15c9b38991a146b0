import { hostname, userInfo } from 'node:os';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, UserError } from '../../errors.js';
import type { SharedLock } from '../state-folder.js';
import { sshCommand } from './address.js';
import type { RemoteHost } from './remote-host.js';

const POLL_MS = 500;
/**
 * The lock is a symbolic link, and its target is its text: it appears with its whole content, and every user
 * of the host can read it.
 */
const LOCK = '/tmp/invctl-';

/**
 * Our process sends a line so often, and the host waits for one so long, both in seconds. ssh gives a connection up
 * before, after 40: a machine that went away without a word is told by nothing else on the host, where sshd asks no
 * client by default, and TCP after two hours.
 */
const [BEAT_S, SILENCE_S] = [15, 120];

/**
 * Takes the lock `$1` with the text `$2`, and holds it until its standard input ends: when our process or the
 * connection ends. Where nothing comes for {@link SILENCE_S}, it ends the connection, and with it what hangs in it:
 * a dump that nobody reads holds locks in the database. The start time distinguishes a holder from a later process
 * with the same id, and the boot's id from one before a reboot. Only one process at a time removes the lock of a
 * holder that has ended.
 */
const HOLD = `
start() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
lock=$1
me="$$ $(start $$)/$boot $2"
tries=0
until ln -s "$me" "$lock" 2>/dev/null; do
  other=$(readlink "$lock") || other=
  if [ -n "$other" ]; then
    set -- $other
    if [ "$2" = "$(start "$1")/$boot" ]; then echo "busy $other"; exit 0; fi
    if mkdir "$lock.evict" 2>/dev/null; then
      [ "$(readlink "$lock")" = "$other" ] && rm -f "$lock" 2>/dev/null
      rmdir "$lock.evict"
    else
      find "$lock.evict" -maxdepth 0 -mmin +1 -exec rmdir {} + 2>/dev/null
    fi
  fi
  tries=$((tries + 1))
  if [ $tries -gt 20 ]; then echo "stuck $other"; exit 0; fi
  [ $tries -lt 3 ] || sleep 0.2
done
listen() {
  timeout 1 true || { cat; return 0; }
  while beat=$(timeout ${SILENCE_S} head -n 1); do [ -n "$beat" ] || return 0; done
  return 1
}
hang_up() {
  parent=$PPID
  while [ "\${parent:-1}" -gt 1 ]; do
    case $(cat "/proc/$parent/comm") in sshd*|dropbear*) kill "$parent"; return;; esac
    parent=$(sed 's/.*) //' "/proc/$parent/stat" | cut -d ' ' -f 2)
  done
}
release() { [ "$(readlink "$lock")" = "$me" ] && rm -f "$lock"; kill "$listener" 2>/dev/null; }
exec 3<&0
# In the background, as a shell that waits for a program in front of it takes no signal.
listen <&3 >/dev/null 2>&1 &
listener=$!
trap release EXIT
trap 'hang_up; exit 0' HUP TERM
echo held
wait "$listener" || hang_up
`;

/**
 * Returns the lock of a project on its host: others who work with that engine, from another machine or as
 * another user, wait for it.
 */
export function hostLock(host: RemoteHost, project: string): SharedLock {
  const path = `${LOCK}${project}.lock`;
  return async ({ command, waitMs = 0, signal }) => {
    const deadline = Date.now() + waitMs;
    for (;;) {
      signal?.throwIfAborted();
      const words = [path, `${userInfo().username}@${hostname()} ${new Date().toISOString()} ${command}`];
      const { answer, release } = await holdOn(host, words);
      if (answer === 'held') return release;
      await release();
      if (!answer.startsWith('busy ') || Date.now() >= deadline) throw refused(host, path, answer);
      await sleep(POLL_MS, undefined, signal ? { signal } : {});
    }
  };
}

async function holdOn(
  host: RemoteHost,
  words: readonly string[],
): Promise<{ answer: string; release: () => Promise<void> }> {
  const input = new PassThrough();
  let said = '';
  let tell: (line: string) => void = () => {};
  const answered = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said += chunk.toString('utf8');
      if (said.includes('\n')) tell(said.split('\n', 1)[0] ?? '');
      done();
    },
  });
  // Ctrl-C does not reach it, because the work that reverts changes afterwards still needs the lock.
  const holding = host.script(HOLD, words, { input, output, allowFailure: true, ownSession: true });
  const ended = holding.then(({ stderr }) => `stuck ${stderr.trim()}`);
  const beats = setInterval(() => input.write('.\n'), BEAT_S * 1000);
  beats.unref();
  ended.catch(() => {}).finally(() => clearInterval(beats));
  const answer = await Promise.race([answered, ended]);
  return {
    answer,
    async release() {
      clearInterval(beats);
      input.end();
      await ended.catch(() => {});
    },
  };
}

function refused(host: RemoteHost, path: string, answer: string): UserError {
  const ssh = sshCommand(host.address);
  const [, kind = '', pid = '', who = '', since = '', command = ''] =
    /^(busy|stuck) (\d+) \S+ (\S+) (\S+) (.*)$/.exec(answer) ?? [];
  if (kind === 'busy') {
    return new UserError({
      code: 'PROJECT_LOCKED',
      message: `\`${command}\` of ${who}, since ${since}, holds this project on ${host.address.host}`,
      hint: `wait for it to end; of a machine that is gone it ends in ${SILENCE_S / 60} minutes, or at once with: ${ssh} kill ${pid}`,
      exitCode: ExitCode.locked,
      details: { holder: { who, since, command, pid: Number(pid), host: host.address.host } },
    });
  }
  return new UserError({
    code: 'PROJECT_LOCKED',
    message: who
      ? `\`${command}\` of ${who}, since ${since}, left its lock on ${host.address.host}, and it is another user's to remove`
      : `the lock ${path} on ${host.address.host} cannot be made${answer.slice('stuck'.length).trim() ? `: ${answer.slice('stuck '.length)}` : ''}`,
    hint: who ? `${ssh} sudo rm ${path}` : `${ssh} "ls -ld /tmp ${path}*; df -h /tmp"`,
    exitCode: ExitCode.locked,
  });
}
