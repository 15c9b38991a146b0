import type { Chapter } from '../chapter.js';
import { diagram } from '../chapter.js';
import { code, duration, fence, paragraphs, table } from '../markdown.js';
import { mermaidText, quoted } from '../mermaid.js';
import type { StackService } from '../stack.js';
import { HEALTH_DEFAULTS, patienceMs } from '../told.js';
import { conditionText } from '../views/nodes.js';
import { startStages } from '../views/start.js';

export const start: Chapter = {
  name: 'start',
  heading: 'Start order and life of a container',
  body(stack) {
    const [first] = stack.services.filter(({ health, oneShot }) => health && !oneShot).reverse();
    return paragraphs(
      startStages(stack).length > 1
        ? 'Services of one stage start together; a stage waits for what it needs of those before.'
        : 'No service waits for another: all start together.',
      diagram(stack, 'start'),
      table(
        ['Stage', 'Service', 'Waits for', 'Ready', 'When it ends by itself'],
        startStages(stack).flatMap((stage, index) =>
          stage.map((service) => [
            String(index + 1),
            code(service.name),
            service.dependsOn
              .map(
                (one) =>
                  `${code(one.service)}, ${conditionText(one.condition)}${one.required ? '' : ', if it is there'}`,
              )
              .join('\n'),
            readiness(service),
            restartText(service),
          ]),
        ),
      ),
      first && `The life of a container, with the numbers of ${code(first.name)}:`,
      first && fence('mermaid', lifecycle(first)),
      `${code('invctl ps')} shows the state and the health of each service, ${code('invctl up')} how long each took. ${code('invctl stop')} keeps the containers, ${code('invctl down')} removes them and keeps the volumes.`,
    );
  },
};

function readiness({ oneShot, health }: StackService): string {
  if (oneShot) return 'when it has ended with 0';
  return health ? 'when its check passes' : 'as soon as it runs';
}

function restartText({ restart, oneShot }: StackService): string {
  if (restart === undefined || restart === 'no') return oneShot ? 'it is done' : 'it stays down';
  if (restart === 'always') return 'it is started again, also after `stop` and a reboot of the engine';
  if (restart === 'unless-stopped')
    return 'it is started again, also after a reboot, unless somebody stopped it';
  return 'it is started again after a failure';
}

function lifecycle({ health, restart, stopGrace }: StackService): string {
  if (!health) return '';
  const interval = duration(health.intervalMs ?? HEALTH_DEFAULTS.intervalMs);
  const again = restart !== undefined && restart !== 'no';
  return [
    'stateDiagram-v2',
    `  state ${quoted([`Healthy, checked every ${interval}`])} as Healthy`,
    '  [*] --> Created: up',
    '  Created --> Starting: what it waits for is there',
    '  Starting --> Healthy: check passes',
    `  Healthy --> Unhealthy: ${health.retries ?? HEALTH_DEFAULTS.retries} failures, ${duration(patienceMs(health))}`,
    '  Unhealthy --> Healthy',
    `  Healthy --> Stopped: stop, down (${mermaidText(stopGrace ?? '10s')} to finish)`,
    '  Starting --> Exited: program ends',
    '  Healthy --> Exited: program ends',
    again ? `  Exited --> Starting: restart ${mermaidText(restart)}` : '  Exited --> [*]',
    '  Stopped --> [*]',
  ].join('\n');
}
