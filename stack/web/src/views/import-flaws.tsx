import { answer, api, type Schemas } from '../api/client';
import { readCsv } from '../parts/csv-head';

const SHOWN = 100;

/** What is wrong with a row of a file. */
export interface Flaw {
  readonly row: string;
  readonly column: string;
  readonly message: string;
  readonly value: string;
  /** error, or warning for what is taken all the same. */
  readonly severity: string;
}

/** A dry run of counts has what would change as warnings. */
const flawCount = ({ kind, status, errors, updated, quantity_ignored }: Omit<Schemas['Import'], 'id'>) =>
  errors + quantity_ignored + (kind === 'counts' && status === 'checked' ? updated : 0);

/** The errors and warnings of an import, as the API has them. */
export async function flawsOf({ id, ...report }: Schemas['Import']): Promise<readonly Flaw[]> {
  if (flawCount(report) === 0) return [];
  const text = await answer(
    api.GET('/api/v1/imports/{id}/errors.csv', { params: { path: { id } }, parseAs: 'text' }),
  );
  const [header = [], ...rows] = readCsv(String(text), ',', SHOWN + 1);
  const cell = (row: readonly string[], name: string) => row[header.indexOf(name)] ?? '';
  return rows.map((row) => ({
    row: cell(row, 'row'),
    column: cell(row, 'column'),
    message: cell(row, 'message'),
    value: cell(row, 'value'),
    severity: cell(row, 'severity'),
  }));
}

export function Flaws({
  report,
  flaws,
}: {
  readonly report: Schemas['Import'];
  readonly flaws: readonly Flaw[];
}) {
  if (flaws.length === 0) return null;
  const more = flawCount(report) - flaws.length;
  return (
    <section class="scroll" tabIndex={0} aria-label="Errors and warnings">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              Row
            </th>
            <th scope="col">Kind</th>
            <th scope="col">Column</th>
            <th scope="col">What is wrong</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {flaws.map((flaw, index) => (
            <tr key={`${index} ${flaw.row}`}>
              <td class="number">{flaw.row}</td>
              <td>
                <span class={flaw.severity === 'error' ? 'mark out' : 'mark low'}>{flaw.severity}</span>
              </td>
              <td>{flaw.column}</td>
              <td class="text">{flaw.message}</td>
              <td class="text faint">{flaw.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p class="note">and {more} more</p>}
    </section>
  );
}
