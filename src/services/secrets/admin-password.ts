import { z } from 'zod';
import type { Engine } from '../../engine/engine.js';
import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { outputTail } from '../../system/argv.js';
import { Secret } from '../../system/secret.js';

/** The program beside the API of a scaffold (stack/src/admin-password.ts). */
const PROGRAM = ['node', 'dist/admin-password.js'];

const answerSchema = z.union([
  z.object({
    ok: z.literal(true),
    username: z.string(),
    passwordHash: z.string().optional(),
    accepted: z.boolean().optional(),
  }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string() }),
]);

type Order =
  | { action: 'read' }
  | { action: 'set' | 'try'; password: string }
  | { action: 'restore'; passwordHash: string };

/** The password of the scaffold's admin in the API's database. The API's own program reads and writes it. */
export class AdminPassword {
  readonly #engine: Engine;
  readonly #location: ProjectLocation;
  readonly #service: string;

  /** @param service whose container has the program; it has to run. */
  constructor(engine: Engine, location: ProjectLocation, service: string) {
    this.#engine = engine;
    this.#location = location;
    this.#service = service;
  }

  /**
   * The stored hash, and the admin's name.
   * @throws UserError ADMIN_ABSENT and of {@link set}
   */
  async read(): Promise<{ username: string; hash: Secret }> {
    const { username, passwordHash = '' } = await this.#ask({ action: 'read' });
    return { username, hash: new Secret(passwordHash) };
  }

  /**
   * Gives the admin another password without needing the current one. Ends all sessions of the admin.
   * @throws UserError ADMIN_PASSWORD_WEAK, ADMIN_ABSENT, ADMIN_PROGRAM_ABSENT, PROGRAM_FAILED, and of the
   * engine
   */
  async set(password: Secret): Promise<void> {
    await this.#ask({ action: 'set', password: password.reveal() });
  }

  /** Restores what {@link read} returned. Does nothing when it is unchanged. */
  async restore(hash: Secret): Promise<void> {
    await this.#ask({ action: 'restore', passwordHash: hash.reveal() });
  }

  /**
   * Whether the running API accepts a login with this password.
   * @throws UserError ADMIN_LOGIN_FAILED when the answer is neither yes nor no
   */
  async accepts(password: Secret): Promise<boolean> {
    return (await this.#ask({ action: 'try', password: password.reveal() })).accepted === true;
  }

  async #ask(order: Order) {
    const { status, stdout, stderr } = await this.#engine.pipe(this.#location, this.#service, PROGRAM, {
      input: JSON.stringify(order),
    });
    if (status !== 0) throw this.#failed(stderr);
    const answer = answerSchema.parse(JSON.parse(stdout));
    if (!answer.ok) throw this.#refused(answer.code, answer.message);
    return answer;
  }

  #failed(stderr: string): UserError {
    if (/Cannot find module|MODULE_NOT_FOUND/.test(stderr)) {
      return new UserError({
        code: 'ADMIN_PROGRAM_ABSENT',
        message: `the image of ${this.#service} is older than this, and cannot change the admin's password by itself`,
        hint: `bring its source up to date and build it: invctl upgrade && invctl up ${this.#service}\n       or change the password in the API: POST /api/v1/auth/password`,
      });
    }
    return new UserError({
      code: 'PROGRAM_FAILED',
      message: `the password of the admin could not be changed:\n${outputTail(stderr, 8)}`,
      hint: `invctl logs ${this.#service}`,
    });
  }

  #refused(code: string, message: string): UserError {
    if (code === 'weak_password') {
      return new UserError({
        code: 'ADMIN_PASSWORD_WEAK',
        message,
        hint: 'have its provider give a longer one, then: invctl secrets rotate admin_password',
      });
    }
    if (code === 'no_admin') {
      return new UserError({
        code: 'ADMIN_ABSENT',
        message,
        hint: 'name one of them in ADMIN_USERNAME of stack/.env, then: invctl up && invctl secrets rotate admin_password',
        exitCode: ExitCode.projectInvalid,
      });
    }
    return new UserError({ code: 'ADMIN_LOGIN_FAILED', message, hint: `invctl logs ${this.#service}` });
  }
}
