import type { Finding } from '../doctor/check.js';
import { check as secretProvider } from '../doctor/checks/secrets/secret.provider.js';
import { CHECKS } from '../doctor/registry.js';
import { type CheckResult, runChecks } from '../doctor/run.js';
import type { Engine } from '../engine/engine.js';
import type { ServiceContext } from './context.js';
import { engineFacts } from './engine-facts.js';

/** Why a service failed, according to the doctor. */
export interface Cause {
  /** Id of the check. */
  check: string;
  message: string;
  next: string;
}

/**
 * The doctor's verdict on services that did not become healthy; services without a known cause are left out.
 */
export async function verdict(
  context: ServiceContext,
  engine: Engine,
  services: readonly string[],
): Promise<Map<string, Cause>> {
  const facts = await engineFacts(context, engine);
  const checks = CHECKS.filter(
    // What a provider gives now explains nothing, and asking it may interrupt a person.
    (check) => check !== secretProvider && check.chapter !== 'production' && check.chapter !== 'security',
  );
  const results = await runChecks(checks, facts);
  return new Map(
    services.flatMap((service) => {
      const cause = causeOf(service, results);
      return cause ? [[service, cause]] : [];
    }),
  );
}

/** The root cause of the service's own finding, else that finding. */
function causeOf(service: string, results: readonly CheckResult[]): Cause | undefined {
  const about = (one: CheckResult) => one.findings.find((finding) => finding.service === service);
  const muted = results.find((one) => one.followsFrom.length > 0 && about(one));
  const root = muted && results.find(({ check }) => check.id === muted.followsFrom[0]);
  if (root) return told(root, about(root) ?? root.findings[0]);
  const own = results.find((one) => one.outcome === 'fail' && about(one));
  return own && told(own, about(own));
}

function told({ check }: CheckResult, finding: Finding | undefined): Cause | undefined {
  if (!finding) return undefined;
  return {
    check: check.id,
    message: finding.message,
    next: finding.next ?? `invctl doctor --only ${check.id}`,
  };
}
