import { firstLogin } from '../doctor/admin-password.js';
import type { ServiceStatus } from '../engine/service-status.js';
import { forwardCommand, serviceUrl } from '../engine/service-url.js';
import { UserError } from '../errors.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { insideProject } from '../project/paths.js';
import { appService } from '../project/service-roles.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { fetchWithin } from '../system/fetch-within.js';

/** How long to wait for the app to say whether it has a documentation page, in milliseconds. */
const PATIENCE_MS = 1000;

/** Where the app can be reached, and who can log in. */
export interface AppStatus {
  service: string;
  /** Absent: the app is not running, or publishes no port. */
  url?: string;
  /**
   * The command that makes the app reachable from here, when another machine publishes it on its loopback
   * only.
   */
  forward?: string;
  /** Address of the API's documentation. Absent: nothing answers there. */
  docs?: string;
  /** The first user who can log in, and the file with the password, relative to the project. */
  login?: { user: string; password: string };
}

/** Undefined when it is not clear which service is the app. */
export async function appStatus(
  project: ComposeProject,
  settings: ProjectSettings['services'],
  services: readonly ServiceStatus[],
  signal: AbortSignal,
): Promise<AppStatus | undefined> {
  let app: ComposeService;
  try {
    app = appService(project, settings);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
  const status = services.find(({ name }) => name === app.name);
  const url = status && serviceUrl(status);
  const docs = url !== undefined && (await answers(`${url}/docs`, signal)) ? `${url}/docs` : undefined;
  const forward = status && forwardCommand(status);
  const first = firstLogin(project);
  const login = first?.service === app.name ? first : undefined;
  return {
    service: app.name,
    ...(url === undefined ? {} : { url }),
    ...(forward === undefined ? {} : { forward }),
    ...(docs === undefined ? {} : { docs }),
    ...(login
      ? { login: { user: login.user, password: insideProject(project.directory, login.passwordFile) } }
      : {}),
  };
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetchWithin(url, { timeoutMs: PATIENCE_MS, signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
