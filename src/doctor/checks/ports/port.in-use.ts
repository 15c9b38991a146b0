import { sshCommand } from '../../../system/ssh/address.js';
import { defineCheck, type Finding } from '../../check.js';
import { movePort } from '../../fix/move-port.js';
import { freePortAbove, type WantedPort, wantedPorts } from '../../published-ports.js';

export const check = defineCheck({
  id: 'port.in-use',
  chapter: 'ports',
  title: 'a process of this machine holds a port',
  severity: 'fail',
  needs: ['config', 'host'],
  blocksUp: 'PORT_IN_USE',
  why: 'The engine cannot bind it: the service does not start (bind: address already in use).',
  docs: `\`ss -ltnp 'sport = :5003'\` shows who listens. Stop that program, or publish another port of this machine: in \`"127.0.0.1:5003:5003"\` the middle number is the machine's, the last the container's. Where it is this project itself, started on the other engine: \`invctl --engine embedded down\`, or \`--engine docker\`.`,
  async probe(facts) {
    const findings = (await wantedPorts(facts)).map(async (wanted) => {
      const { service, host, port, place, holder } = wanted;
      if (holder.kind === 'other-engine') return [heldByOtherEngine(wanted, holder)];
      if (holder.kind !== 'process') return [];
      const address = facts.location.host?.remote?.address;
      const who = address
        ? `a process of ${address.host}`
        : holder.pid === undefined
          ? 'a process that you cannot look into'
          : `the process ${holder.pid} (${holder.name})`;
      const look =
        holder.pid === undefined
          ? `${address ? `${sshCommand(address)} ` : ''}sudo ss -ltnp ${address ? 'sport' : "'sport"} = :${port}${address ? '' : "'"}`
          : `ps -p ${holder.pid} -o pid,user,etime,args`;
      const free = await freePortAbove(facts, host, port);
      return [
        {
          message: `port ${port} of "${service}" is held by ${who}`,
          next: `${look}      (stop it, or publish another: ${port} → ${free}, which is free)`,
          service,
          ...place,
          details: {
            port,
            freePort: free,
            ...(holder.pid === undefined ? {} : { pid: holder.pid, process: holder.name ?? '' }),
          },
          mend: () => movePort(facts, wanted),
        },
      ];
    });
    return (await Promise.all(findings)).flat();
  },
  fix: { safety: 'ask' },
});

const ENGINES = { docker: 'Docker', embedded: 'the embedded engine' };

function heldByOtherEngine(
  { service, port, place }: WantedPort,
  { engine, service: held }: Extract<WantedPort['holder'], { kind: 'other-engine' }>,
): Finding {
  return {
    message: `port ${port} of "${service}" is held by this project's own "${held}" on ${ENGINES[engine]}`,
    next: `invctl --engine ${engine} down      (its data stays; each engine has a database of its own)`,
    service,
    ...place,
    details: { port, engine },
  };
}
