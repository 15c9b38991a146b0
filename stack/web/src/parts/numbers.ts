import type { Item } from '../api/client';

// Numbers are written as the user's browser writes them, times as the words around them.

/** The most decimals that an item may have. */
const MOST_DECIMALS = 4;

const count = new Intl.NumberFormat();
const signed = new Intl.NumberFormat(undefined, { signDisplay: 'exceptZero' });
const sum = new Intl.NumberFormat(undefined, { maximumFractionDigits: MOST_DECIMALS });
const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 20 });
const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

export const countText = (value: number) => count.format(value);
export const timeText = (value: string) => time.format(new Date(value));

/** A price as it is stored: exact, with at least two decimals. */
export const moneyText = (price: string) => money.format(price as Intl.StringNumericLiteral);

type Measured = Pick<Item, 'decimals'>;
const decimalsOf = ({ decimals }: Measured) => ({
  minimumFractionDigits: decimals,
  maximumFractionDigits: decimals,
});

/** How much of an item, with as many decimals as the item has. */
export const quantityText = (value: number, item: Measured) =>
  item.decimals === 0 ? count.format(value) : value.toLocaleString(undefined, decimalsOf(item));

/** How much more of an item. */
export const changeText = (value: number, item: Measured) =>
  (item.decimals === 0
    ? signed.format(value)
    : value.toLocaleString(undefined, { ...decimalsOf(item), signDisplay: 'exceptZero' })
  ).replace('-', '−');

/** How much of several items that have one unit. */
export const sumText = (value: number) => sum.format(value);

/** The unit where there is more to it than a count. */
export const unitText = (unit: string) => (unit === 'each' ? '' : unit);

/** The smallest quantity of an item, as a field's step. */
export const stepOf = ({ decimals = 0 }: Partial<Measured>) => 1 / 10 ** decimals;

/** A sum of quantities without what the computer's doubles add to it: 0.1 + 0.2 is 0.3. */
export const tidy = (value: number) => Number(value.toFixed(MOST_DECIMALS));
