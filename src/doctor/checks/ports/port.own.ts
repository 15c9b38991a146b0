import { defineCheck } from '../../check.js';
import { wantedPorts } from '../../published-ports.js';

export const check = defineCheck({
  id: 'port.own',
  chapter: 'ports',
  title: 'our own stack holds its port',
  severity: 'info',
  needs: ['config', 'engine'],
  why: 'The stack is up: this is not a conflict.',
  docs: `A port that is in use by this very service of this very project is where it belongs.`,
  async probe(facts) {
    return (await wantedPorts(facts)).flatMap(({ service, port, place, holder }) =>
      holder.kind === 'own'
        ? [
            {
              message: `port ${port} is held by ${holder.instance}, this project's own "${service}"`,
              service,
              ...place,
            },
          ]
        : [],
    );
  },
});
