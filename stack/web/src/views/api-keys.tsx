import { useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { useAction } from '../parts/action';
import { Field } from '../parts/field';
import { FailureNotice, Notice } from '../parts/notice';
import { timeText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { Secret } from '../parts/secret';
import { SureButton } from '../parts/sure-button';
import { View } from '../parts/view';

type ApiKey = Schemas['ApiKey'];
type Scope = ApiKey['scopes'][number];

const SCOPES: readonly (readonly [scope: Scope, text: string])[] = [
  ['items:read', 'Read items, categories, suppliers and locations'],
  ['items:write', 'Read and change them'],
  ['stock:read', 'Read movements'],
  ['stock:write', 'Read movements, move and count stock'],
  ['imports:read', 'Read imports'],
  ['imports:write', 'Read imports, import files'],
  ['reports:read', 'Read reports'],
];

export default function ApiKeysView() {
  const [round, setRound] = useState(0);
  const { busy, failure, said, run } = useAction();
  const refresh = () => setRound((before) => before + 1);

  async function revoke({ id, name }: ApiKey) {
    await run(async () => {
      await answer(api.POST('/api/v1/api-keys/{id}/revoke', { params: { path: { id } } }));
      return `${name} is revoked.`;
    });
    refresh();
  }

  return (
    <View
      title="API keys"
      about="What programs authenticate with. The ledger and the audit log name the key that did it."
    >
      <FailureNotice failure={failure} />
      {said && <Notice>{said}</Notice>}
      <Paged
        label="API keys"
        inputs={[round]}
        read={(cursor) => answer(api.GET('/api/v1/api-keys', { params: { query: { cursor, limit: 100 } } }))}
        head={
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Begins with</th>
            <th scope="col">For</th>
            <th scope="col">Last used</th>
            <th scope="col">Until</th>
            <th scope="col">
              <span class="hidden">Revoke</span>
            </th>
          </tr>
        }
        row={(key) => (
          <tr key={key.id}>
            <th scope="row">{key.name}</th>
            <td>
              <code>{key.key_start}…</code>
            </td>
            <td class="text">{key.scopes.join(', ')}</td>
            <td>{key.last_used_at ? timeText(key.last_used_at) : <span class="faint">never</span>}</td>
            <td>
              <Until apiKey={key} />
            </td>
            <td>
              {!key.revoked_at && (
                <SureButton text="Revoke" of={key.name} disabled={busy} onSure={() => revoke(key)} />
              )}
            </td>
          </tr>
        )}
        empty="No program has a key."
      />
      <AddKey onAdded={refresh} />
    </View>
  );
}

function Until({ apiKey: { revoked_at, expires_at } }: { readonly apiKey: ApiKey }) {
  if (revoked_at) return <span class="mark out">revoked {timeText(revoked_at)}</span>;
  if (!expires_at) return <span class="faint">for ever</span>;
  return Date.parse(expires_at) < Date.now() ? (
    <span class="mark out">expired {timeText(expires_at)}</span>
  ) : (
    timeText(expires_at)
  );
}

function AddKey({ onAdded }: { readonly onAdded: () => void }) {
  const { busy, failure, run } = useAction();
  const [made, setMade] = useState<Schemas['CreatedApiKey']>();

  async function add(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const values = new FormData(form);
    const until = String(values.get('until'));
    const added = await run(async () => {
      const body = {
        name: String(values.get('name')).normalize('NFC').trim(),
        scopes: values.getAll('scope') as Scope[],
        expires_at: until === '' ? null : new Date(`${until}T00:00`).toISOString(),
      };
      setMade(await answer(api.POST('/api/v1/api-keys', { body })));
      return undefined;
    });
    if (!added) return;
    form.reset();
    onAdded();
  }

  return (
    <section class="panel" aria-label="Add an API key">
      <h2>Add an API key</h2>
      {made && <Secret what={`This is the key of ${made.name}.`} secret={made.key} />}
      <form onSubmit={add}>
        <div class="fields">
          <Field label="Name" hint="Of the program that uses it." error={failure?.at('/body/name')}>
            {(own) => <input {...own} name="name" required maxLength={64} autocomplete="off" />}
          </Field>
          <Field label="Until" hint="Empty: until it is revoked." error={failure?.at('/body/expires_at')}>
            {(own) => <input {...own} name="until" type="date" />}
          </Field>
        </div>
        <fieldset class="plain">
          <legend>It may</legend>
          {SCOPES.map(([scope, text]) => (
            <label key={scope} class="check">
              <input type="checkbox" name="scope" value={scope} /> {text}
            </label>
          ))}
        </fieldset>
        <FailureNotice failure={failure} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy}>
            Add key
          </button>
        </div>
      </form>
    </section>
  );
}
