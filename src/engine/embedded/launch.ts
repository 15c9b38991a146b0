import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrorCode, UserError } from '../../errors.js';
import type { ProcessRunner } from '../../system/process.js';
import { identifyProcess, isAlive, type ProcessIdentity } from '../../system/process-identity.js';
import { type FoundProcess, findProcesses } from '../../system/process-table.js';
import { openLog } from './log-files.js';
import type { ServiceRecord, StateFolders, StateStore } from './state.js';

const POLL_MS = 25;

/** Everything that defines a process. Two equal plans give the same process. */
export interface LaunchPlan {
  program: string;
  args: readonly string[];
  cwd: string;
  env: Record<string, string>;
  ids: { uid: number; gid: number } | Record<string, never>;
  /** Other values whose change requires a new process: secrets, the built files, the program's version. */
  fingerprint: readonly string[];
}

/** How to end a launch: signals in order, each with its time limit in milliseconds. */
export interface StopSequence {
  steps: readonly { signal: NodeJS.Signals; waitMs: number }[];
  /**
   * Receivers of the signals before SIGKILL: every process, or only those that no other process of the
   * service started.
   */
  to: 'all' | 'parents';
}

/** Docker's own sequence. */
export const STOP_SERVICE: StopSequence = {
  steps: [
    { signal: 'SIGTERM', waitMs: 10_000 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ],
  to: 'all',
};

/**
 * Fast shutdown, then immediate (no checkpoint; the next start replays the log). Only the postmaster gets the
 * signals; it ends its children.
 */
export const STOP_POSTGRES: StopSequence = {
  steps: [
    { signal: 'SIGINT', waitMs: 60_000 },
    { signal: 'SIGQUIT', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ],
  to: 'parents',
};

export function configHash(plan: LaunchPlan): string {
  const { program, args, cwd, env, ids, fingerprint } = plan;
  const text = JSON.stringify([program, args, cwd, Object.entries(env).sort(), ids, fingerprint]);
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Variable in the environment of every process that runs for a service. If invctl is killed right after a
 * start, the process id is not recorded; the next invctl finds the process by this mark.
 */
export function serviceMark(folders: StateFolders, service: string): { INVCTL_SERVICE: string } {
  return { INVCTL_SERVICE: join(folders.project, service) };
}

/** Returns {@link serviceMark} as an environment entry. */
export function markOf(folders: StateFolders, service: string): string {
  return `INVCTL_SERVICE=${serviceMark(folders, service).INVCTL_SERVICE}`;
}

/** Starts the process of a service, appends its output to the service's log, and records it in the state. */
export async function startLaunch(
  store: StateStore,
  service: string,
  plan: LaunchPlan,
  processes: ProcessRunner,
): Promise<void> {
  const record = store.state.services[service] as ServiceRecord;
  let exitCode: number | undefined;
  const log = await openLog(store.folders.logs, service);
  try {
    const pid = await processes.detach(plan.program, plan.args, {
      cwd: plan.cwd,
      env: { ...plan.env, ...serviceMark(store.folders, service) },
      ...plan.ids,
      outputFd: log.fd,
      onExit: (status) => {
        exitCode = status;
        if (record.launch?.process.pid === pid) record.launch.exitCode = status;
      },
    });
    record.launch = {
      // A process that ended at once has no identity any more; an empty start time matches no process.
      process: identifyProcess(pid) ?? { pid, start: '' },
      configHash: configHash(plan),
      startedAt: new Date().toISOString(),
      ...(exitCode === undefined ? {} : { exitCode }),
    };
  } finally {
    await log.close();
  }
  await store.save();
}

export function isRunning(record: ServiceRecord | undefined): boolean {
  return record?.launch !== undefined && isAlive(record.launch.process);
}

/**
 * The processes of a service: those in the state and those with its mark; for PostgreSQL also its backends.
 */
export interface ServiceProcesses {
  folders: StateFolders;
  service: string;
  record: ServiceRecord | undefined;
  /**
   * PostgreSQL's data folder: an argument of the server, and the working directory of each of its processes.
   */
  dataFolder?: string;
}

/** Ends all processes of a service with its sequence of signals. */
export async function endService(service: ServiceProcesses, sequence: StopSequence): Promise<void> {
  await endProcesses(() => processesOf(service), sequence);
}

/** Ends one process that does not have our mark. */
export async function endProcess(pid: number, sequence: StopSequence): Promise<void> {
  const identity = identifyProcess(pid);
  if (!identity) return;
  await endProcesses(() => (isAlive(identity) ? [{ pid, parent: 0, group: 0 }] : []), sequence);
}

/** Ends processes of a service that a killed invctl left, except the one in the state. */
export async function endStrays(service: ServiceProcesses, sequence: StopSequence): Promise<void> {
  const known = isRunning(service.record) ? service.record?.launch?.process.pid : undefined;
  await endProcesses(() => {
    const all = processesOf(service);
    return all.filter((found) => known === undefined || !belongsTo(found, known, all));
  }, sequence);
}

function processesOf({ folders, service, record, dataFolder }: ServiceProcesses): FoundProcess[] {
  const found = findProcesses({
    environment: markOf(folders, service),
    ...(dataFolder ? { argument: dataFolder, workingDirectory: dataFolder } : {}),
  });
  const pid = isRunning(record) ? record?.launch?.process.pid : undefined;
  if (pid === undefined || found.some((other) => other.pid === pid)) return found;
  return [...found, { pid, parent: 0, group: pid }];
}

function belongsTo(found: FoundProcess, pid: number, all: readonly FoundProcess[]): boolean {
  if (found.pid === pid || found.group === pid) return true;
  const parent = all.find((other) => other.pid === found.parent);
  return parent !== undefined && belongsTo(parent, pid, all);
}

async function endProcesses(find: () => FoundProcess[], { steps, to }: StopSequence): Promise<void> {
  for (const { signal, waitMs } of steps) {
    const found = find();
    if (found.length === 0) return;
    const living = found.flatMap(({ pid }) => identifyProcess(pid) ?? []);
    const all = to === 'all' || signal === 'SIGKILL';
    // Each process gets the signal once: many programs stop at once at a second SIGTERM.
    const receivers = found.filter(({ pid, parent, group }) =>
      found.every((other) => other.pid === pid || other.pid !== (all ? group : parent)),
    );
    for (const receiver of receivers) send(receiver, signal, all);
    await untilGone(living, waitMs);
  }
  const left = find();
  if (left.length === 0) return;
  throw new UserError({
    code: 'PROCESS_NOT_ENDED',
    message: `these processes do not end, not even by SIGKILL: ${left.map(({ pid }) => pid).join(', ')}`,
    hint: `ps -p ${left.map(({ pid }) => pid).join(',')} -o pid,stat,wchan,args      (state D waits for a disk)`,
  });
}

function send({ pid, group }: FoundProcess, signal: NodeJS.Signals, all: boolean): void {
  try {
    // A group that the process leads was made by us for it, and may contain children without the mark. Any
    // other group may be that of the shell or CI job that started us.
    process.kill(all && group === pid ? -pid : pid, signal);
  } catch (error) {
    if (!hasErrorCode(error, 'ESRCH')) throw error;
  }
}

async function untilGone(processes: readonly ProcessIdentity[], waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  while (processes.some((identity) => isAlive(identity)) && Date.now() < deadline) await sleep(POLL_MS);
}
