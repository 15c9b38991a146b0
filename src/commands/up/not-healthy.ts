import { logExcerpt } from '../../doctor/log-excerpt.js';
import { ExitCode, UserError } from '../../errors.js';
import { serviceRow } from '../../output/service-table.js';
import { count } from '../../output/units.js';
import type { FailedService, UpResult } from '../../services/up.js';
import { redact } from '../../system/secret.js';

const REASONS: Record<FailedService['reason'], string> = {
  exited: 'ended',
  unhealthy: 'is unhealthy',
  restarting: 'keeps crashing and is started again',
  timeout: 'was not healthy in time',
  dependency: 'was not started',
};

/** The error of an `up` that ended with failed services. */
export function notHealthy(result: UpResult): UserError {
  const roots = result.failed.filter(({ reason }) => reason !== 'dependency');
  const shown = roots.length > 0 ? roots : result.failed;
  const blocks = shown.map((failed) => {
    const { status } = failed;
    const how = `${REASONS[failed.reason]}${status.exitCode === undefined ? '' : ` with exit code ${status.exitCode}`}`;
    return [
      `"${status.name}" ${how}${failed.cause ? `: ${failed.cause.message}` : ''}`,
      ...(failed.healthOutput
        ? [`  health check: ${redact(failed.healthOutput).split('\n').slice(-3).join('\n    ')}`]
        : []),
      ...(failed.lastLines.length > 0
        ? ['  last log lines:', ...logExcerpt(failed.lastLines.map(redact)).map((line) => `    ${line}`)]
        : []),
    ].join('\n');
  });
  const first = shown[0];
  return new UserError({
    code: 'NOT_HEALTHY',
    message: `${count(shown.length, 'service')} of "${result.project}" did not become healthy\n${blocks.join('\n')}`,
    hint: first?.cause?.next ?? `invctl logs ${first?.status.name ?? ''} --tail 100`,
    exitCode: ExitCode.unhealthy,
    details: {
      engine: result.engine.kind,
      services: result.services.map((status) => serviceRow(status, result.seconds[status.name])),
      failed: result.failed.map(({ status, reason, cause, healthOutput, lastLines }) => ({
        service: status.name,
        reason,
        ...(cause ? { check: cause.check, cause: cause.message, next: cause.next } : {}),
        ...(healthOutput ? { healthOutput: redact(healthOutput) } : {}),
        lastLines: lastLines.map(redact),
      })),
    },
  });
}
