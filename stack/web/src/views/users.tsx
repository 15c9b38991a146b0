import { useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { Failure } from '../api/failure';
import { type Me, useSession } from '../api/session';
import { Field } from '../parts/field';
import { FailureNotice, Notice } from '../parts/notice';
import { timeText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { View } from '../parts/view';

type User = Schemas['User'];
const ROLES = ['viewer', 'manager', 'admin'] as const satisfies readonly User['role'][];

export default function UsersView() {
  const { me } = useSession();
  const [round, setRound] = useState(0);
  const [failure, setFailure] = useState<Failure>();
  const [said, setSaid] = useState<string>();
  /** What became of users that were changed here, until the list is read anew. */
  const [changed, setChanged] = useState<ReadonlyMap<number, User>>(new Map());

  async function change(user: User, body: Schemas['UserPatch'], what: string) {
    setSaid(undefined);
    setFailure(undefined);
    try {
      const params = { path: { id: user.id }, header: { 'if-match': `"${user.version}"` } };
      const now = await answer(api.PATCH('/api/v1/users/{id}', { params, body }));
      setChanged((before) => new Map(before).set(now.id, now));
      setSaid(`${user.username} ${what}.`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(
        error.status === 412
          ? new Failure(`Somebody else has changed ${user.username}: look, and try again.`)
          : error,
      );
    }
    setRound((before) => before + 1);
  }

  return (
    <View title="Users" about="A viewer reads, a manager also writes, an admin also manages users.">
      <FailureNotice failure={failure} />
      {said && <Notice>{said}</Notice>}
      <Paged
        label="Users"
        inputs={[round]}
        read={(cursor) => answer(api.GET('/api/v1/users', { params: { query: { cursor, limit: 100 } } }))}
        head={
          <tr>
            <th scope="col">User name</th>
            <th scope="col">Role</th>
            <th scope="col">Logs in</th>
            <th scope="col">Changed</th>
            <th scope="col">
              <span class="hidden">Password</span>
            </th>
          </tr>
        }
        row={(listed) => (
          <UserRow key={listed.id} user={newer(listed, changed.get(listed.id))} me={me} change={change} />
        )}
        empty="Nobody."
      />
      <AddUser onAdded={() => setRound((before) => before + 1)} />
    </View>
  );
}

/** A user as the list has them, or as they became since. */
function newer(listed: User, changed: User | undefined): User {
  return changed && changed.version > listed.version ? changed : listed;
}

interface UserRowProps {
  readonly user: User;
  readonly me: Me | undefined;
  readonly change: (user: User, body: Schemas['UserPatch'], what: string) => Promise<void>;
}

function UserRow({ user, me, change }: UserRowProps) {
  return (
    <tr>
      <th scope="row">
        {user.username} {user.id === me?.id && <span class="faint">(you)</span>}
      </th>
      <td>
        <select
          aria-label={`Role of ${user.username}`}
          value={user.role}
          onChange={(event) => {
            const role = event.currentTarget.value as User['role'];
            void change(user, { role }, `is ${role === 'admin' ? 'an' : 'a'} ${role} now`);
          }}
        >
          {ROLES.map((role) => (
            <option key={role}>{role}</option>
          ))}
        </select>
      </td>
      <td>
        <label class="check">
          <input
            type="checkbox"
            checked={user.active}
            onChange={() =>
              change(
                user,
                { active: !user.active },
                user.active ? 'may not log in any more' : 'may log in again',
              )
            }
          />
          <span class="hidden">{user.username} may log in</span>
        </label>
      </td>
      <td class="faint">{timeText(user.updated_at)}</td>
      <td>
        <NewPassword
          user={user}
          onSet={(password) => change(user, { password }, 'has a new password, and has to log in with it')}
        />
      </td>
    </tr>
  );
}

function NewPassword({ user, onSet }: { readonly user: User; readonly onSet: (password: string) => void }) {
  const [open, setOpen] = useState(false);
  if (!open) {
    return (
      <button type="button" class="quiet small" onClick={() => setOpen(true)}>
        New password<span class="hidden"> for {user.username}</span>
      </button>
    );
  }
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault();
        setOpen(false);
        onSet(String(new FormData(event.currentTarget).get('password')));
      }}
    >
      <input
        name="password"
        type="password"
        autocomplete="new-password"
        aria-label={`New password of ${user.username}`}
        minLength={12}
        maxLength={256}
        required
        autofocus
      />
      <button type="submit" class="small">
        Set
      </button>
    </form>
  );
}

function AddUser({ onAdded }: { readonly onAdded: () => void }) {
  const [failure, setFailure] = useState<Failure>();
  const [busy, setBusy] = useState(false);

  async function add(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const values = new FormData(form);
    setBusy(true);
    setFailure(undefined);
    try {
      const body = {
        username: String(values.get('username')),
        password: String(values.get('password')),
        role: String(values.get('role')) as User['role'],
      };
      await answer(api.POST('/api/v1/users', { body }));
      form.reset();
      onAdded();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <section class="panel" aria-label="Add a user">
      <h2>Add a user</h2>
      <form onSubmit={add}>
        <div class="fields">
          <Field label="User name" error={failure?.at('/body/username')}>
            {(own) => (
              <input {...own} name="username" required maxLength={64} autocomplete="off" spellcheck={false} />
            )}
          </Field>
          <Field label="Password" hint="At least 12 characters." error={failure?.at('/body/password')}>
            {(own) => (
              <input
                {...own}
                name="password"
                type="password"
                autocomplete="new-password"
                minLength={12}
                maxLength={256}
                required
              />
            )}
          </Field>
          <Field label="Role">
            {(own) => (
              <select {...own} name="role">
                {ROLES.map((role) => (
                  <option key={role}>{role}</option>
                ))}
              </select>
            )}
          </Field>
        </div>
        <FailureNotice failure={failure} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy}>
            Add user
          </button>
        </div>
      </form>
    </section>
  );
}
