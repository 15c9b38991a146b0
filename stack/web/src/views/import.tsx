import { useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { Failure } from '../api/failure';
import { type CsvHead, csvHead } from '../parts/csv-head';
import { Field } from '../parts/field';
import { useLoad } from '../parts/load';
import { useLocations } from '../parts/lookups';
import { FailureNotice, Notice } from '../parts/notice';
import { countText } from '../parts/numbers';
import { View } from '../parts/view';
import { COUNT_TARGETS, Columns, ITEM_TARGETS, type Meanings, meaningsText } from './import-columns';
import { type Flaw, Flaws, flawsOf } from './import-flaws';
import { ImportHead, ImportRow } from './import-table';

type Import = Schemas['Import'];
type Mode = Import['mode'];

interface Source {
  readonly file: File;
  readonly head: CsvHead;
}

type Kind = Import['kind'];

const KINDS = {
  items: {
    title: 'Import',
    about: 'Items from a CSV file. Nothing is written before you have seen what it would do.',
    hint: 'Columns: sku, name, and any of unit, decimals, unit_price, quantity, reorder_point, category, supplier, barcode, location; or a product export of Shopify, WooCommerce or Medusa.',
    targets: ITEM_TARGETS,
  },
  counts: {
    title: 'Count from a file',
    about:
      'A stocktake: each row sets the stock of one item. Nothing is written before you have seen what it would change.',
    hint: 'Columns: sku or barcode, counted, and location if you like. An export of items with a column “counted” added will do.',
    targets: COUNT_TARGETS,
  },
} as const;

export const ImportItemsView = () => <ImportView key="items" kind="items" />;
export const ImportCountsView = () => <ImportView key="counts" kind="counts" />;

function ImportView({ kind }: { readonly kind: Kind }) {
  const { title, about, hint } = KINDS[kind];
  const [source, setSource] = useState<Source>();
  const imports = useLoad(
    () => answer(api.GET('/api/v1/imports', { params: { query: { limit: 10, kind } } })),
    [kind],
  );
  const [over, setOver] = useState(false);

  async function choose(file: File | undefined) {
    if (file) setSource({ file, head: await csvHead(file) });
  }

  return (
    <View title={title} about={about}>
      {source ? (
        <FileImport
          key={source.file}
          kind={kind}
          source={source}
          onApplied={imports.again}
          onOther={() => setSource(undefined)}
        />
      ) : (
        <div
          class={over ? 'drop over' : 'drop'}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            void choose(event.dataTransfer?.files[0]);
          }}
        >
          <p>Drop a CSV file here, or</p>
          <label class="button" for="file">
            Choose a file
          </label>
          <input
            class="hidden"
            id="file"
            type="file"
            accept=".csv,.tsv,.txt,text/csv"
            onChange={(event) => void choose(event.currentTarget.files?.[0])}
          />
          <p class="note">{hint}</p>
        </div>
      )}
      <section class="panel" aria-label="Last files">
        <h2>
          Last files <a href="/imports">All files</a>
        </h2>
        <FailureNotice failure={imports.failure}>
          <button type="button" onClick={imports.again}>
            Try again
          </button>
        </FailureNotice>
        <section class="scroll" tabIndex={0} aria-label="Imports">
          <table>
            <thead>
              <ImportHead />
            </thead>
            <tbody>
              {imports.data?.data.map((file) => (
                <ImportRow key={file.id} file={file} />
              ))}
            </tbody>
          </table>
        </section>
      </section>
    </View>
  );
}

interface FileImportProps {
  readonly kind: Kind;
  readonly source: Source;
  readonly onApplied: () => void;
  readonly onOther: () => void;
}

/** From a file to what its columns mean, to what it would do, to the import. */
function FileImport({ kind, source: { file, head }, onApplied, onOther }: FileImportProps) {
  const [meanings, setMeanings] = useState<Meanings>({});
  const [others, setOthers] = useState<'refuse' | 'ignore'>('refuse');
  const [checked, setChecked] = useState<{ report: Import; flaws: readonly Flaw[] }>();
  const [applied, setApplied] = useState<Import>();
  const [failure, setFailure] = useState<Failure>();
  const [busy, setBusy] = useState(false);
  const [location, setLocation] = useState(1);
  const locations = useLocations();

  async function send(mode: Mode): Promise<Import> {
    const query = { mode, columns: meaningsText(meanings), other_columns: others };
    const sent = {
      headers: { 'content-type': 'text/csv' },
      body: file as never,
      bodySerializer: (body: unknown) => body as never,
    };
    return answer(
      kind === 'items'
        ? api.POST('/api/v1/imports', { params: { query }, ...sent })
        : api.POST('/api/v1/stock/counts', {
            params: { query: { ...query, location_id: location } },
            ...sent,
          }),
    );
  }

  async function run(mode: Mode) {
    setBusy(true);
    setFailure(undefined);
    try {
      const report = await send(mode);
      if (mode === 'dry-run') setChecked({ report, flaws: await flawsOf(report) });
      else setApplied(report);
      onApplied();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  if (applied) {
    return (
      <Notice>
        <p>
          <b>
            {file.name} is {kind === 'items' ? 'imported' : 'booked'}.
          </b>{' '}
          {outcome(applied)}
        </p>
        <div class="actions">
          {kind === 'items' && (
            <a class="button" href="/items?sort=-id">
              Newest items
            </a>
          )}
          <button type="button" onClick={onOther}>
            Another file
          </button>
        </div>
      </Notice>
    );
  }
  const report = checked?.report;
  return (
    <section class="panel" aria-label={file.name}>
      <h2>
        {file.name} <small class="faint">{countText(Math.ceil(file.size / 1024))} KiB</small>
      </h2>
      <Columns
        head={head}
        targets={KINDS[kind].targets}
        meanings={meanings}
        disabled={busy}
        onChange={(changed) => {
          setMeanings(changed);
          setChecked(undefined);
        }}
      />
      {kind === 'counts' && (
        <Field label="Rows without a location were counted at">
          {(own) => (
            <select
              {...own}
              disabled={busy}
              value={location}
              onChange={(event) => {
                setLocation(Number(event.currentTarget.value));
                setChecked(undefined);
              }}
            >
              {locations.data?.map(({ id, code, name }) => (
                <option key={id} value={id}>
                  {code} · {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={others === 'ignore'}
          disabled={busy}
          onChange={(event) => {
            setOthers(event.currentTarget.checked ? 'ignore' : 'refuse');
            setChecked(undefined);
          }}
        />
        Leave out columns whose names say nothing
      </label>
      <FailureNotice failure={failure} />
      {report && (
        <div role="status">
          <p>
            <b>{report.errors === 0 ? 'Every row is good.' : `${countText(report.errors)} errors.`}</b>{' '}
            {outcome(report)} Nothing has been written yet.
          </p>
        </div>
      )}
      {checked && <Flaws report={checked.report} flaws={checked.flaws} />}
      <div class="actions">
        {report && report.errors === 0 && (
          <button type="button" class="main" disabled={busy} onClick={() => run('atomic')}>
            {kind === 'items' ? 'Import' : 'Book'} {countText(report.rows)} rows
          </button>
        )}
        {report && report.errors > 0 && (
          <button type="button" disabled={busy} onClick={() => run('partial')}>
            {kind === 'items' ? 'Import' : 'Book'} the good rows alone
          </button>
        )}
        <button type="button" class={report ? '' : 'main'} disabled={busy} onClick={() => run('dry-run')}>
          {busy ? 'Working…' : report ? 'Check again' : 'Check the file'}
        </button>
        <button type="button" class="quiet" disabled={busy} onClick={onOther}>
          Another file
        </button>
      </div>
    </section>
  );
}

function outcome({ kind, status, rows, created, updated, unchanged, stocked }: Import): string {
  const verb = status === 'applied' ? '' : 'would be ';
  if (kind === 'counts') {
    return `${countText(rows)} rows: ${countText(updated)} ${verb}changed, ${countText(unchanged)} as counted.`;
  }
  return `${countText(rows)} rows: ${countText(created)} ${verb}new, ${countText(updated)} ${verb}changed, ${countText(unchanged)} ${verb}as they are; ${countText(stocked)} with opening stock.`;
}
