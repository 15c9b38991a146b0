import { type Command, type Group, isGroup, loadEntry } from './command.js';
import { GLOBAL_FLAGS } from './settings.js';

/** Every command, in the order of `--help`. A module is imported when its command is typed. */
export const COMMANDS: Group = {
  summary: 'Takes a Compose + PostgreSQL stack to healthy, says what is wrong with it, keeps its data safe.',
  examples: ['invctl init shop && cd shop && invctl up'],
  flags: GLOBAL_FLAGS,
  commands: {
    init: () => import('../commands/init.js'),
    up: () => import('../commands/up.js'),
    down: () => import('../commands/down.js'),
    stop: () => import('../commands/stop.js'),
    start: () => import('../commands/start.js'),
    restart: () => import('../commands/restart.js'),
    rm: () => import('../commands/rm.js'),
    watch: () => import('../commands/watch.js'),
    build: () => import('../commands/build.js'),
    ps: () => import('../commands/ps.js'),
    status: () => import('../commands/status.js'),
    list: () => import('../commands/list.js'),
    open: () => import('../commands/open.js'),
    logs: () => import('../commands/logs.js'),
    exec: () => import('../commands/exec.js'),
    shell: () => import('../commands/shell.js'),
    run: () => import('../commands/run.js'),
    compose: () => import('../commands/compose.js'),
    config: () => import('../commands/config.js'),
    env: () => import('../commands/env.js'),
    doctor: () => import('../commands/doctor.js'),
    secrets: () => import('../commands/secrets.js'),
    db: () => import('../commands/db.js'),
    volume: () => import('../commands/volume.js'),
    network: () => import('../commands/network.js'),
    inspect: () => import('../commands/inspect.js'),
    docs: () => import('../commands/docs.js'),
    graph: () => import('../commands/graph.js'),
    upgrade: () => import('../commands/upgrade.js'),
    export: () => import('../commands/export.js'),
    deploy: () => import('../commands/deploy.js'),
    recover: () => import('../commands/recover.js'),
    completion: () => import('../commands/completion.js'),
    help: () => import('../commands/help.js'),
    version: () => import('../commands/version.js'),
  },
};

/** Every command that can be typed, by its full name such as `volume ls`. */
export async function allCommands(group = COMMANDS, before = ''): Promise<Map<string, Command>> {
  const found = new Map<string, Command>();
  for (const [name, entry] of Object.entries(group.commands)) {
    const loaded = await loadEntry(entry);
    if (!isGroup(loaded)) found.set(`${before}${name}`, loaded);
    else for (const one of await allCommands(loaded, `${before}${name} `)) found.set(...one);
  }
  return found;
}
