import type { CsvHead } from '../parts/csv-head';

/** What a column may mean. */
export type Targets = readonly (readonly [column: string, text: string])[];

export const ITEM_TARGETS: Targets = [
  ['sku', 'SKU'],
  ['name', 'Name'],
  ['unit', 'Unit'],
  ['decimals', 'Decimals'],
  ['unit_price', 'Price'],
  ['quantity', 'Opening stock'],
  ['reorder_point', 'Reorder at'],
  ['category', 'Category'],
  ['supplier', 'Supplier'],
  ['barcode', 'Barcode'],
  ['location', 'Location'],
];

export const COUNT_TARGETS: Targets = [
  ['sku', 'SKU'],
  ['barcode', 'Barcode'],
  ['location', 'Location'],
  ['counted', 'Counted'],
];

/** What columns mean where somebody has said so: a field, or null for one that is left out. */
export type Meanings = Readonly<Record<string, string | null>>;

/** For the query; nothing where each column means what its name says. */
export function meaningsText(meanings: Meanings): string | undefined {
  return Object.keys(meanings).length === 0 ? undefined : JSON.stringify(meanings);
}

interface ColumnsProps {
  readonly head: CsvHead;
  readonly targets: Targets;
  readonly meanings: Meanings;
  readonly disabled: boolean;
  readonly onChange: (meanings: Meanings) => void;
}

/** What each column of a file means, with its first values. */
export function Columns({ head: { columns, rows }, targets, meanings, disabled, onChange }: ColumnsProps) {
  const choose = (column: string, value: string) => {
    const { [column]: _, ...others } = meanings;
    onChange(value === '' ? others : { ...others, [column]: value === 'none' ? null : value });
  };
  return (
    <section class="scroll" tabIndex={0} aria-label="Columns of the file">
      <table>
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Means</th>
            <th scope="col">For example</th>
          </tr>
        </thead>
        <tbody>
          {columns.map((column, index) => (
            <tr key={`${index} ${column}`}>
              <th scope="row">{column === '' ? <span class="faint">no name</span> : column}</th>
              <td>
                <select
                  aria-label={`Meaning of ${column}`}
                  disabled={disabled || column === ''}
                  value={meanings[column] === null ? 'none' : (meanings[column] ?? '')}
                  onChange={(event) => choose(column, event.currentTarget.value)}
                >
                  <option value="">what its name says</option>
                  <option value="none">nothing: leave it out</option>
                  {targets.map(([value, text]) => (
                    <option key={value} value={value}>
                      {text}
                    </option>
                  ))}
                </select>
              </td>
              <td class="text faint">
                {rows
                  .map((cells) => cells[index])
                  .filter(Boolean)
                  .join(' · ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
