import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';

/**
 * Tells a script's output from what the login shell of a host prints before it: bash reads `~/.bashrc` for each command
 * that comes through sshd, and a banner printed there would be taken for the script's answer.
 */
export interface OwnOutput {
  /** The script, which first prints a line that nothing else prints. */
  script: string;
  /** Returns what comes after that line; all of it where the script did not get so far. */
  of(stdout: string): string;
  /** Writes to `output` what comes after that line. `output` is not ended. */
  through(output: Writable): Writable;
}

export function ownOutput(script: string): OwnOutput {
  const line = `invctl-${randomBytes(12).toString('hex')}\n`;
  return {
    script: `printf '%s\\n' ${line.trimEnd()}\n${script}`,
    of(stdout) {
      const start = stdout.indexOf(line);
      return start < 0 ? stdout : stdout.slice(start + line.length);
    },
    through(output) {
      let before: Buffer | undefined = Buffer.alloc(0);
      const pass = (chunk: Buffer, done: (error?: Error | null) => void) =>
        chunk.length === 0 || output.write(chunk) ? done() : output.once('drain', done);
      return new Writable({
        write(chunk: Buffer, _encoding, done) {
          if (before === undefined) return pass(chunk, done);
          before = Buffer.concat([before, chunk]);
          const start = before.indexOf(line);
          if (start < 0) return done();
          const own = before.subarray(start + line.length);
          before = undefined;
          pass(own, done);
        },
      });
    },
  };
}
