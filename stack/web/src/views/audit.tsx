import { useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { timeText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { View } from '../parts/view';

const ENTITIES = [
  'item',
  'category',
  'supplier',
  'location',
  'user',
  'import',
  'api_key',
  'webhook',
] as const;

export default function AuditView() {
  const [entity, setEntity] = useState<(typeof ENTITIES)[number]>();
  return (
    <View title="Audit log" about="Who changed what, the newest first. Stock has its own record, the ledger.">
      <div class="filters">
        <select
          aria-label="Changes of"
          value={entity ?? ''}
          onChange={(event) => setEntity(ENTITIES.find((one) => one === event.currentTarget.value))}
        >
          <option value="">All changes</option>
          {ENTITIES.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </div>
      <Paged
        label="Changes"
        inputs={[entity]}
        read={(cursor) =>
          answer(api.GET('/api/v1/audit', { params: { query: { cursor, entity, limit: 50 } } }))
        }
        head={
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col">Became</th>
          </tr>
        }
        row={(entry) => (
          <tr key={entry.id}>
            <td>{timeText(entry.at)}</td>
            <td>
              {entry.actor_id === null ? (
                <span class="faint">the API</span>
              ) : (
                (entry.actor ?? `user ${entry.actor_id}`)
              )}
            </td>
            <td>
              {entry.action} {entry.entity.replace('_', ' ')}{' '}
              {entry.entity === 'item' ? (
                <a href={`/items/${entry.entity_id}`}>{nameOf(entry)}</a>
              ) : entry.entity === 'import' ? (
                <a href={`/import/${entry.entity_id}`}>{entry.entity_id}</a>
              ) : (
                nameOf(entry)
              )}
            </td>
            <td class="text">
              <State state={entry.state} />
            </td>
          </tr>
        )}
        empty="Nothing has been changed."
      />
    </View>
  );
}

/** By what people know it; its number where the log has no more. */
function nameOf({ state, entity_id }: Schemas['AuditEntry']): string {
  return String(state?.sku ?? state?.username ?? state?.code ?? state?.name ?? state?.url ?? entity_id);
}

function State({ state }: { readonly state: Schemas['AuditEntry']['state'] }) {
  if (!state) return <span class="faint">by an import</span>;
  return (
    <details>
      <summary>{String(state.name ?? state.username ?? state.url ?? 'details')}</summary>
      <pre>{JSON.stringify(state, null, 2)}</pre>
    </details>
  );
}
