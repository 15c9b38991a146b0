import { useMemo, useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { Failure } from '../api/failure';
import { Chart } from '../parts/chart';
import { useLoad } from '../parts/load';
import { FailureNotice } from '../parts/notice';
import { countText, moneyText, quantityText, sumText, tidy, unitText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { StockMark } from '../parts/stock-mark';
import { View } from '../parts/view';

export default function ReportsView({ report }: { readonly report?: string }) {
  if (report === 'valuation') return <ValuationView />;
  if (report === 'movements') return <MovementsView />;
  return <LowStockView />;
}

function LowStockView() {
  return (
    <View title="Low stock" about="Items at or below their reorder point.">
      <Paged
        label="Low stock"
        inputs={[]}
        read={(cursor) =>
          answer(api.GET('/api/v1/reports/low-stock', { params: { query: { cursor, limit: 100 } } }))
        }
        head={
          <tr>
            <th scope="col">Item</th>
            <th scope="col" class="number">
              On hand
            </th>
            <th scope="col" class="number">
              Reorder at
            </th>
            <th scope="col" class="number wide">
              Missing
            </th>
          </tr>
        }
        row={(item) => (
          <tr key={item.item_id}>
            <th scope="row">
              <a href={`/items/${item.item_id}`}>{item.name}</a> <code>{item.sku}</code>
            </th>
            <td class="number">
              <StockMark onHand={item.on_hand} reorderPoint={item.reorder_point} />{' '}
              {quantityText(item.on_hand, item)} {unitText(item.unit)}
            </td>
            <td class="number">{quantityText(item.reorder_point, item)}</td>
            <td class="number wide">{quantityText(tidy(item.reorder_point - item.on_hand), item)}</td>
          </tr>
        )}
        empty="Nothing is low. An item has its reorder point among its facts."
      />
    </View>
  );
}

function ValuationView() {
  const { data, failure, again } = useLoad(() => answer(api.GET('/api/v1/reports/valuation')), []);
  const most = Math.max(1, ...(data?.categories.map(({ value }) => Number(value)) ?? []));
  return (
    <View title="Valuation" about="What is on hand, times its price.">
      <FailureNotice failure={failure}>
        <button type="button" onClick={again}>
          Try again
        </button>
      </FailureNotice>
      <dl class="figures">
        {(
          [
            ['Value', data && moneyText(data.value)],
            ['On hand', data && quantitiesText(data)],
            ['Items', data && countText(data.items)],
          ] as const
        ).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value ?? '…'}</dd>
          </div>
        ))}
      </dl>
      <section class="panel scroll" tabIndex={0} aria-label="By category">
        <table>
          <thead>
            <tr>
              <th scope="col">Category</th>
              <th scope="col" class="number">
                Items
              </th>
              <th scope="col" class="number">
                On hand
              </th>
              <th scope="col" class="number">
                Value
              </th>
              <th scope="col" class="wide">
                <span class="hidden">Share</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data?.categories.map(({ category_id, category, items, value, ...held }) => (
              <tr key={category_id}>
                <th scope="row">
                  {category === null ? (
                    <span class="faint">without a category</span>
                  ) : (
                    <a href={`/items?category=${category_id}`}>{category}</a>
                  )}
                </th>
                <td class="number">{countText(items)}</td>
                <td class="number">{quantitiesText(held)}</td>
                <td class="number">{moneyText(value)}</td>
                <td class="wide">
                  <meter
                    class="bar"
                    min={0}
                    max={most}
                    value={Number(value)}
                    aria-label={`Value of ${category ?? 'the rest'}`}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </View>
  );
}

/** What there is, unit by unit: kilograms and pieces have no sum. */
function quantitiesText({ quantities }: Pick<Schemas['Valuation'], 'quantities'>): string {
  const texts = quantities.map(({ unit, on_hand }) => `${sumText(on_hand)} ${unitText(unit)}`.trim());
  return texts.join(' · ') || '0';
}

type Day = Schemas['MovementsDaily']['days'][number];

function MovementsView() {
  const [range, setRange] = useState({ from: '', to: '' });
  const { data, failure, again } = useLoad(
    () =>
      answer(
        api.GET('/api/v1/reports/movements-daily', {
          params: { query: { from: range.from || undefined, to: range.to || undefined } },
        }),
      ),
    [range.from, range.to],
  );
  const units = useMemo(() => [...new Set(data?.days.map(({ unit }) => unit))].sort(), [data]);
  const [chosen, setChosen] = useState<string>();
  const unit = units.find((one) => one === chosen) ?? units[0];
  const { times, series } = useMemo(() => unitsByDay(data, unit), [data, unit]);
  return (
    <View
      title="Movements"
      about={`What came in (above) and went out (below), by day${data ? ` in ${data.tz}` : ''}.`}
    >
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        {(['from', 'to'] as const).map((end) => (
          <label key={end} class="inline">
            {end === 'from' ? 'From' : 'To'}
            <input
              type="date"
              value={range[end] || data?.[end] || ''}
              onChange={(event) => setRange({ ...range, [end]: event.currentTarget.value })}
            />
          </label>
        ))}
        {units.length > 1 && (
          <label class="inline">
            Chart of
            <select value={unit} onChange={(event) => setChosen(event.currentTarget.value)}>
              {units.map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          </label>
        )}
      </form>
      <FailureNotice failure={failure instanceof Failure ? failure : undefined}>
        <button type="button" onClick={again}>
          Try again
        </button>
      </FailureNotice>
      <section class="panel" aria-label="Chart">
        <div class="chart-room">
          {times.length > 0 && (
            <Chart
              label={`In and out by day, ${unit}; the table has the same`}
              times={times}
              series={series}
            />
          )}
          {data?.days.length === 0 && <p class="faint">Nothing moved in these days.</p>}
        </div>
      </section>
      <section class="panel scroll" tabIndex={0} aria-label="By day and kind">
        <table>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">What</th>
              <th scope="col" class="number">
                Movements
              </th>
              <th scope="col" class="number">
                In
              </th>
              <th scope="col" class="number">
                Out
              </th>
              <th scope="col">Unit</th>
            </tr>
          </thead>
          <tbody>
            {data?.days.toReversed().map((day: Day) => (
              <tr key={`${day.day} ${day.kind} ${day.unit}`}>
                <td>{day.day}</td>
                <td>{day.kind}</td>
                <td class="number">{countText(day.movements)}</td>
                <td class="number">{sumText(day.units_in)}</td>
                <td class="number">{sumText(day.units_out)}</td>
                <td>{day.unit}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </View>
  );
}

const DAY_S = 86_400;

function unitsByDay(report: Schemas['MovementsDaily'] | undefined, unit: string | undefined) {
  if (!report || report.days.length === 0) return { times: [], series: [] };
  const times: number[] = [];
  const start = Date.parse(report.from) / 1000;
  for (let time = start; time <= Date.parse(report.to) / 1000; time += DAY_S) times.push(time);
  const sum = (units: 'units_in' | 'units_out') => {
    const values = times.map(() => 0);
    for (const day of report.days) {
      if (day.unit !== unit) continue;
      const index = Math.round((Date.parse(day.day) / 1000 - start) / DAY_S);
      values[index] = (values[index] ?? 0) + day[units];
    }
    return values;
  };
  return {
    times,
    series: [
      { name: 'In', values: sum('units_in').map((units) => units || null), shape: 'bars' as const },
      {
        name: 'Out',
        values: sum('units_out').map((units) => -units || null),
        shape: 'bars' as const,
        colour: '--warm',
      },
    ],
  };
}
