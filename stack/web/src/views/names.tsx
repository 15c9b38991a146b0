import { useState } from 'preact/hooks';
import { answer, api } from '../api/client';
import { useSession } from '../api/session';
import { type Action, useAction } from '../parts/action';
import { Field } from '../parts/field';
import { FailureNotice, Notice } from '../parts/notice';
import { timeText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { SureButton } from '../parts/sure-button';
import { View } from '../parts/view';

interface Entry {
  readonly id: number;
  readonly version: number;
  readonly updated_at: string;
  readonly [field: string]: unknown;
}

interface FieldKind {
  readonly name: string;
  readonly label: string;
  readonly maximum: number;
  readonly optional?: true;
  readonly type?: 'email' | 'tel';
}

interface Kind {
  readonly title: string;
  readonly one: string;
  readonly about: string;
  readonly fields: readonly FieldKind[];
}

const KINDS = {
  locations: {
    title: 'Locations',
    one: 'location',
    about: 'Where stock is. One that holds or held stock stays.',
    fields: [
      { name: 'code', label: 'Code', maximum: 32 },
      { name: 'name', label: 'Name', maximum: 100 },
    ],
  },
  categories: {
    title: 'Categories',
    one: 'category',
    about: 'What items are grouped by. One that has items stays.',
    fields: [{ name: 'name', label: 'Name', maximum: 100 }],
  },
  suppliers: {
    title: 'Suppliers',
    one: 'supplier',
    about: 'Whom items come from. One that has items stays.',
    fields: [
      { name: 'name', label: 'Name', maximum: 100 },
      { name: 'email', label: 'Email', maximum: 254, optional: true, type: 'email' },
      { name: 'phone', label: 'Phone', maximum: 40, optional: true, type: 'tel' },
    ],
  },
} satisfies Record<string, Kind>;

type Path = keyof typeof KINDS;
/** The three have the same operations; the types of one stand for those of all. */
const collection = (path: Path) => `/api/v1/${path}` as '/api/v1/categories';
const member = (path: Path) => `/api/v1/${path}/{id}` as '/api/v1/categories/{id}';

/** Locations, categories or suppliers: resources that are no more than their names. */
function NamesView({ path }: { readonly path: Path }) {
  const kind: Kind = KINDS[path];
  const { me } = useSession();
  const writer = me?.role !== 'viewer';
  const [round, setRound] = useState(0);
  const action = useAction();
  const refresh = () => setRound((before) => before + 1);
  return (
    <View title={kind.title} about={kind.about}>
      <FailureNotice failure={action.failure} />
      {action.said && <Notice>{action.said}</Notice>}
      <Paged<Entry>
        label={kind.title}
        inputs={[round]}
        read={async (cursor) => {
          const page = await answer(api.GET(collection(path), { params: { query: { cursor, limit: 100 } } }));
          return page as unknown as { data: Entry[]; next_cursor: string | null };
        }}
        head={
          <tr>
            {kind.fields.map(({ name, label }) => (
              <th key={name} scope="col">
                {label}
              </th>
            ))}
            <th scope="col">Changed</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        }
        row={(entry) => (
          <Row
            key={`${entry.id} ${entry.version}`}
            path={path}
            entry={entry}
            writer={writer}
            action={action}
            onChanged={refresh}
          />
        )}
        empty={`There is no ${kind.one}.`}
      />
      {writer && <Add path={path} onAdded={refresh} />}
    </View>
  );
}

interface RowProps {
  readonly path: Path;
  readonly entry: Entry;
  readonly writer: boolean;
  readonly action: Action;
  readonly onChanged: () => void;
}

function Row({ path, entry, writer, action: { busy, run }, onChanged }: RowProps) {
  const { fields }: Kind = KINDS[path];
  const [draft, setDraft] = useState<Readonly<Record<string, string>>>();
  const [first] = fields as [FieldKind];
  const name = String(entry[first.name]);
  const params = { path: { id: entry.id }, header: { 'if-match': `"${entry.version}"` } };
  const save = async () => {
    const saved = await run(async () => {
      const body = Object.fromEntries(
        fields.map((field) => [field.name, sentOf(field, draft?.[field.name])]),
      );
      await answer(api.PATCH(member(path), { params, body: body as never }));
      return `${name} is changed.`;
    });
    if (saved) setDraft(undefined);
    onChanged();
  };
  const remove = async () => {
    await run(async () => {
      await answer(api.DELETE(member(path), { params }));
      return `${name} is removed.`;
    });
    onChanged();
  };
  return (
    <tr>
      {fields.map((field) => (
        <td key={field.name} class="text">
          {draft ? (
            <input
              aria-label={`${field.label} of ${name}`}
              inputMode={field.type ?? 'text'}
              required={!field.optional}
              maxLength={field.maximum}
              value={draft[field.name] ?? ''}
              onInput={(event) => setDraft({ ...draft, [field.name]: event.currentTarget.value })}
              onKeyDown={(event) => {
                if (event.key === 'Enter') void save();
                if (event.key === 'Escape') setDraft(undefined);
              }}
            />
          ) : (
            String(entry[field.name] ?? '')
          )}
        </td>
      ))}
      <td class="faint">{timeText(entry.updated_at)}</td>
      <td>
        {writer && (
          <div class="buttons">
            {draft ? (
              <>
                <button type="button" class="small" disabled={busy} onClick={save}>
                  Save<span class="hidden"> {name}</span>
                </button>
                <button type="button" class="quiet small" onClick={() => setDraft(undefined)}>
                  Leave it
                </button>
              </>
            ) : (
              <>
                <button
                  type="button"
                  class="quiet small"
                  onClick={() =>
                    setDraft(
                      Object.fromEntries(
                        fields.map((field) => [field.name, String(entry[field.name] ?? '')]),
                      ),
                    )
                  }
                >
                  Edit<span class="hidden"> {name}</span>
                </button>
                <SureButton text="Remove" of={name} disabled={busy} onSure={remove} />
              </>
            )}
          </div>
        )}
      </td>
    </tr>
  );
}

function Add({ path, onAdded }: { readonly path: Path; readonly onAdded: () => void }) {
  const { one, fields }: Kind = KINDS[path];
  const { busy, failure, run } = useAction();
  async function add(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const values = new FormData(form);
    const added = await run(async () => {
      const body = Object.fromEntries(
        fields.map((field) => [field.name, sentOf(field, String(values.get(field.name)))]),
      );
      await answer(api.POST(collection(path), { body: body as never }));
      return undefined;
    });
    if (!added) return;
    form.reset();
    form.querySelector('input')?.focus();
    onAdded();
  }
  return (
    <section class="panel" aria-label={`Add a ${one}`}>
      <h2>Add a {one}</h2>
      <form onSubmit={add}>
        <div class="fields">
          {fields.map((field) => (
            <Field key={field.name} label={field.label} error={failure?.at(`/body/${field.name}`)}>
              {(own) => (
                <input
                  {...own}
                  name={field.name}
                  inputMode={field.type ?? 'text'}
                  required={!field.optional}
                  maxLength={field.maximum}
                  autocomplete="off"
                />
              )}
            </Field>
          ))}
        </div>
        <FailureNotice failure={failure} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy}>
            Add {one}
          </button>
        </div>
      </form>
    </section>
  );
}

function sentOf({ optional }: FieldKind, typed = ''): string | null {
  const value = typed.normalize('NFC').trim();
  return optional && value === '' ? null : value;
}

export const LocationsView = () => <NamesView key="locations" path="locations" />;
export const CategoriesView = () => <NamesView key="categories" path="categories" />;
export const SuppliersView = () => <NamesView key="suppliers" path="suppliers" />;
