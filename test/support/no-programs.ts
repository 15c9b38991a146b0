import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

const STARTERS = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const;

/** A unit test starts no program: what does is slow, and belongs in `test/integration`. */
for (const name of STARTERS) {
  Object.assign(childProcess, {
    [name]: (program: unknown) => {
      throw new Error(`a unit test started ${String(program)}: move it to test/integration`);
    },
  });
}
syncBuiltinESMExports();
