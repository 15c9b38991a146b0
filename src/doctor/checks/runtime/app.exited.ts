import { APP_CAUSES, placeOfService } from '../../app-causes.js';
import { defineCheck, type Finding } from '../../check.js';
import { causeInLogs } from '../../log-causes.js';
import { stateInWords } from '../../states.js';

export const check = defineCheck({
  id: 'app.exited',
  chapter: 'runtime',
  title: 'a service ended with an error, or is unhealthy',
  severity: 'fail',
  needs: ['config', 'engine'],
  requires: [...APP_CAUSES, 'app.oom', 'app.restarting'],
  why: 'It answers no request.',
  docs: `The exit code tells a part: 126 not executable, 127 not found, 137 killed (memory, or it did not stop in time), 139 crashed, 143 ended by SIGTERM; others are the program's own. \`invctl logs SERVICE --tail 50\` tells the rest.`,
  async probe(facts) {
    const findings: Finding[] = [];
    for (const status of await facts.status()) {
      const { name, state, health, exitCode } = status;
      if (name === facts.database?.name || !(name in facts.project.services)) continue;
      const ended = (state === 'exited' || state === 'dead') && exitCode !== 0 && !stoppedBySignal(exitCode);
      const unhealthy = state === 'running' && health === 'unhealthy';
      if (!ended && !unhealthy) continue;
      const lines = await facts.logs(name);
      const health_ = facts.mask(status.healthOutput ?? '');
      const cause = causeInLogs(facts, lines, unhealthy ? health_ : '');
      const last = lines.filter((line) => line.trim() !== '').at(-1) || health_;
      findings.push({
        message: `${stateInWords(status)}${cause ? `: ${cause.message}` : ''}`,
        ...(cause || !last ? {} : { why: `Its last words: ${last.slice(0, 200)}` }),
        next: cause?.next ?? `invctl logs ${name} --tail 50`,
        service: name,
        ...placeOfService(facts, name),
      });
    }
    return findings;
  },
});

/** `docker stop` and a shutdown of the machine end a service with these; that is not a failure. */
function stoppedBySignal(exitCode: number | undefined): boolean {
  return exitCode === 143 || exitCode === 137 || exitCode === 130;
}
