import { useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { useLoad } from '../parts/load';
import { FailureNotice } from '../parts/notice';
import { countText, timeText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { View } from '../parts/view';
import { Flaws, flawsOf } from './import-flaws';
import { howOf, ImportHead, ImportRow } from './import-table';

type Import = Schemas['Import'];

/** What became of each file. */
export function ImportsView() {
  const [kind, setKind] = useState<Import['kind']>();
  return (
    <View title="Files taken" about="What became of each file of items or of counts, the newest first.">
      <div class="filters">
        <select
          aria-label="Files of"
          value={kind ?? ''}
          onChange={(event) => {
            const { value } = event.currentTarget;
            setKind(value === '' ? undefined : (value as Import['kind']));
          }}
        >
          <option value="">All files</option>
          <option value="items">Items</option>
          <option value="counts">Counts</option>
        </select>
      </div>
      <Paged
        label="Files"
        inputs={[kind]}
        read={(cursor) =>
          answer(api.GET('/api/v1/imports', { params: { query: { cursor, kind, limit: 50 } } }))
        }
        head={<ImportHead ofKinds />}
        row={(file) => <ImportRow key={file.id} file={file} ofKinds />}
        empty="No file has been taken."
      />
    </View>
  );
}

/** One file, with what was wrong with it. */
export function ImportRecordView({ id }: { readonly id: string }) {
  const { data, failure, again } = useLoad(async () => {
    const record = await answer(api.GET('/api/v1/imports/{id}', { params: { path: { id: Number(id) } } }));
    return { record, flaws: await flawsOf(record) };
  }, [id]);
  const record = data?.record;
  return (
    <View title={`File ${id}`} about={<a href="/imports">All files</a>}>
      <FailureNotice failure={failure}>
        <button type="button" onClick={again}>
          Try again
        </button>
      </FailureNotice>
      {record && (
        <section class="panel" aria-label="The file">
          <dl class="facts">
            {factsOf(record).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {data && (
        <section class="panel" aria-label="What was wrong with it">
          {data.flaws.length > 0 ? (
            <Flaws report={data.record} flaws={data.flaws} />
          ) : (
            <p class="empty">Nothing was wrong with it.</p>
          )}
        </section>
      )}
    </View>
  );
}

const factsOf = (record: Import): readonly (readonly [string, string])[] => [
  ['Of', record.kind],
  ['Mode', howOf(record)],
  ['Outcome', record.status],
  ['Finished', timeText(record.finished_at)],
  ['Rows', countText(record.rows)],
  ['New', countText(record.created)],
  ['Changed', countText(record.updated)],
  ['As they were', countText(record.unchanged)],
  ['Errors', countText(record.errors)],
  ['Read as', [record.layout, record.encoding].filter(Boolean).join(', ')],
  ['Columns left out', record.ignored_columns.join(', ') || 'none'],
];
