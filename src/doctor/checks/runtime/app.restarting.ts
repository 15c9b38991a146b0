import { APP_CAUSES, placeOfService } from '../../app-causes.js';
import { defineCheck, type Finding } from '../../check.js';
import { causeInLogs } from '../../log-causes.js';
import { stateInWords } from '../../states.js';

/** More restarts by policy than this count as a loop, if the last one was recent. */
const TOLERATED_RESTARTS = 2;
const RECENT_MS = 60_000;

export const check = defineCheck({
  id: 'app.restarting',
  chapter: 'runtime',
  title: 'a service crashes and is started again, over and over',
  severity: 'fail',
  needs: ['config', 'docker'],
  requires: [...APP_CAUSES, 'app.oom'],
  why: 'Its restart policy hides the crash: it looks as if it was about to start.',
  docs: `\`invctl ps\` counts the restarts. \`invctl logs SERVICE --tail 50\` shows what it says each time. \`invctl stop SERVICE\` ends the loop while you mend it.`,
  async probe(facts) {
    const findings: Finding[] = [];
    for (const status of await facts.status()) {
      const { name, state, restarts, startedAt } = status;
      if (name === facts.database?.name || !(name in facts.project.services)) continue;
      const recent = startedAt !== undefined && Date.now() - Date.parse(startedAt) < RECENT_MS;
      const looping =
        state === 'restarting' || (restarts > TOLERATED_RESTARTS && recent && status.health !== 'healthy');
      if (!looping) continue;
      const lines = await facts.logs(name);
      const cause = causeInLogs(facts, lines);
      const last = lines.filter((line) => line.trim() !== '').at(-1);
      findings.push({
        message: `${stateInWords({ ...status, state: 'restarting' })}${cause ? `: ${cause.message}` : ''}`,
        ...(cause || !last ? {} : { why: `Its last words: ${last.slice(0, 200)}` }),
        next: cause?.next ?? `invctl logs ${name} --tail 50`,
        service: name,
        ...placeOfService(facts, name),
      });
    }
    return findings;
  },
});
