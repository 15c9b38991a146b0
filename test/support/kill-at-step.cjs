// Preloaded into the CLI: sends it a signal right before or right after a step is noted in the journal,
// or ends it right after a rename.
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const { KILL_AT_STEP: step, KILL_WHEN: when, KILL_SIGNAL: signal, KILL_AFTER_RENAME: part } = process.env;
// For the CLI alone, not for what it starts.
delete process.env.NODE_OPTIONS;

const { rename } = fs.promises;
fs.promises.rename = async (from, to) => {
  const hit =
    /\.invctl\/(?:hosts\/[^/]+\/)?journal\/[^/]+\.json$/.test(to) &&
    JSON.parse(fs.readFileSync(from, 'utf8')).step === step;
  if (hit && when === 'before') process.kill(process.pid, signal);
  await rename(from, to);
  if (part && `${from} ${to}`.includes(part)) process.kill(process.pid, 'SIGKILL');
  if (hit && when === 'after') process.kill(process.pid, signal);
};
syncBuiltinESMExports();
