// Preloaded into the CLI: ends it by SIGKILL right before or right after a step is noted in the journal.
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const { KILL_AT_STEP: step, KILL_WHEN: when } = process.env;
// For the CLI alone, not for what it starts.
delete process.env.NODE_OPTIONS;

const { rename } = fs.promises;
fs.promises.rename = async (from, to) => {
  const hit =
    /\.invctl\/journal\/[^/]+\.json$/.test(to) && JSON.parse(fs.readFileSync(from, 'utf8')).step === step;
  if (hit && when === 'before') process.kill(process.pid, 'SIGKILL');
  await rename(from, to);
  if (hit && when === 'after') process.kill(process.pid, 'SIGKILL');
};
syncBuiltinESMExports();
