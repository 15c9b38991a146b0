// How much there is of an item. A quantity is a number of the item's unit, such as 1.5 kg, with at most as many decimals
// as the item has. The database holds it in steps: whole numbers of the smallest quantity that the item is counted in, so
// that 1.5 kg of an item with three decimals are 1500 steps. Between them, and in sums, it is a whole number of
// ten-thousandths, whatever the item.

/** The most decimals that an item may have. */
export const MOST_DECIMALS = 4;
const TEN_THOUSAND = 10 ** MOST_DECIMALS;

/**
 * How many decimals a quantity is written with, at least; nothing where that is more than any item has. A JSON number
 * arrives as the double next to it, so that is what is compared: 0.30000000000000004 is not 0.3.
 *
 * @param quantity less than 10^11, up to which different numbers of four decimals are different doubles.
 */
export function decimalsOf(quantity: number): number | undefined {
  for (let decimals = 0; decimals <= MOST_DECIMALS; decimals += 1) {
    // toFixed rounds the double's exact value, unlike a multiplication.
    if (Number(quantity.toFixed(decimals)) === quantity) return decimals;
  }
  return undefined;
}

/** @param quantity with at most `MOST_DECIMALS` decimals. */
export const tenThousandthsOf = (quantity: number): number => Math.round(quantity * TEN_THOUSAND);

/** @param tenThousandths with no more decimals than that. */
export const stepsOf = (tenThousandths: number, decimals: number): number =>
  tenThousandths / 10 ** (MOST_DECIMALS - decimals);

export const quantityOf = (steps: number, decimals: number): number => steps / 10 ** decimals;

/** What is wrong with a quantity that is finer than its item. */
export const tooFine = (decimals: number): string =>
  decimals === 0
    ? 'must be a whole number: the item has no decimals'
    : `has more decimals than the item, which has ${decimals}`;

// The same in SQL, where each argument is an expression: of a column `decimals`, if nothing else is said.

/** SQL for 10^decimals. */
const POWERS = 'ARRAY[1, 10, 100, 1000, 10000]';
const STEP_SIZES = 'ARRAY[10000, 1000, 100, 10, 1]';
const at = (array: string, type: string, decimals: string) => `(${array}::${type}[])[${decimals} + 1]`;

/** SQL for steps as a number for JSON. A double is exact in up to 15 digits, and prints no more than it needs. */
export const quantitySql = (steps: string, decimals = 'decimals') =>
  `(${steps} / ${at(POWERS, 'float8', decimals)})`;

/** SQL for steps as a numeric that has the decimals of the item. */
export const exactQuantitySql = (steps: string, decimals = 'decimals') =>
  `(${steps} * ${at('ARRAY[1, 0.1, 0.01, 0.001, 0.0001]', 'numeric', decimals)})`;

/** SQL for steps in ten-thousandths: what can be compared and summed over items of one unit. */
export const tenThousandthsSql = (steps: string, decimals = 'decimals') =>
  `(${steps} * ${at(STEP_SIZES, 'bigint', decimals)})`;

/** SQL for a sum of ten-thousandths as a number for JSON. */
export const sumSql = (tenThousandths: string) => `(${tenThousandths} / ${TEN_THOUSAND}::float8)`;

/** SQL for the steps of ten-thousandths (bigint) that have no more decimals. */
export const stepsOfTenThousandthsSql = (tenThousandths: string, decimals = 'decimals') =>
  `(${tenThousandths} / ${at(STEP_SIZES, 'bigint', decimals)})`;

/** SQL for the steps of a numeric; a numeric that has more decimals becomes one that is no whole number. */
export const stepsSql = (quantity: string, decimals = 'decimals') =>
  `(${quantity} * ${at(POWERS, 'bigint', decimals)})`;

/**
 * SQL for whether a numeric that somebody wrote is finer than the decimals allow. Zeros at its end are no decimals, but
 * for an item without any: there, 1.000 may as well be a thousand.
 */
export const isTooFineSql = (quantity: string, decimals: string) =>
  `(scale(${quantity}) > 0 AND (${decimals} = 0 OR scale(trim_scale(${quantity})) > ${decimals}))`;

/** SQL for `tooFine`. */
export const tooFineSql = (decimals: string) =>
  `CASE ${decimals} WHEN 0 THEN '${tooFine(0)}' ELSE 'has more decimals than the item, which has ' || ${decimals} END`;
