import { z } from 'zod';
import { decimalsOf, MOST_DECIMALS } from './ledger/quantities.js';

// What values look like, wherever they come in: in a body, a query or a file.

// A field is the same in JSON and in a file: what one takes, the other does. So the definitions say all of it in JSON
// Schema. A file's cells are trimmed and composed (Unicode NFC) before; elsewhere such text is refused.

/** Whether text is composed: there are two ways to write é, and they look the same. */
export const isComposed = (text: string) => text === text.normalize('NFC');

const NOT_SCIENTIFIC = /^(?!\d([.,]\d+)?[Ee]\+\d+$)/;
const IS_SCIENTIFIC =
  'was turned into a number by a spreadsheet, and its last digits are lost: format the column as text, and export it again';

/** What text must be, and what is said of text that is not: a keyword of JSON Schema, and words. */
interface TextRule {
  readonly keyword: 'pattern' | 'format';
  readonly message: string;
  readonly holds: (value: string) => boolean;
}

// Seen or not: spaces and invisible characters at either end, control characters, line separators and half characters
// (surrogates) anywhere. The lookarounds keep it linear.
const LINE = /^(?![\s\p{Cf}])[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+(?<![\s\p{Cf}])$/u;
// In a code, two of which people must be able to tell apart, no invisible character and no other space than the usual.
const CODE = /^(?! )[^\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+(?<! )$/u;

const composed: TextRule = {
  keyword: 'format',
  message: 'must be composed (Unicode NFC)',
  holds: isComposed,
};
const matches = (pattern: RegExp, message: string): TextRule => ({
  keyword: 'pattern',
  message,
  holds: (value) => pattern.test(value),
});

const KINDS_OF_TEXT = {
  line: {
    description: 'One line of text in Unicode NFC, without spaces or invisible characters at its ends.',
    rules: [
      matches(LINE, 'must be one line of text without spaces at its ends or control characters'),
      composed,
    ],
  },
  code: {
    description:
      'One line of text in Unicode NFC, without spaces at its ends, unusual spaces or invisible characters.',
    rules: [
      matches(CODE, 'must be text without spaces at its ends, unusual spaces or invisible characters'),
      // What a spreadsheet makes of a long number is refused: the digits are gone.
      matches(NOT_SCIENTIFIC, IS_SCIENTIFIC),
      composed,
    ],
  },
} satisfies Record<string, { readonly description: string; readonly rules: readonly TextRule[] }>;

type KindOfText = keyof typeof KINDS_OF_TEXT;

/**
 * By which JSON Schema names what no regular expression says that JavaScript, Go (RE2) and Python all read:
 * lookarounds, Unicode properties, composition.
 */
const TEXT_KEYWORD = 'x-text';

/** No control characters: as much of the rules as JavaScript, Go (RE2) and Python all read. */
const PRINTABLE = '^[^\\x00-\\x1f\\x7f-\\x9f]+$';

function text(kind: KindOfText, maximum: number) {
  const { description, rules } = KINDS_OF_TEXT[kind];
  let schema = z
    .string()
    .min(1)
    // Characters, as JSON Schema counts them, rather than UTF-16 units.
    .refine((value) => value.length <= maximum || [...value].length <= maximum, {
      message: `must have at most ${maximum} characters`,
      params: { keyword: 'maxLength' },
      abort: true,
    });
  // The first that is broken is named.
  for (const { holds, message, keyword } of rules) {
    schema = schema.refine(holds, { message, params: { keyword }, abort: true });
  }
  return schema.meta({
    description,
    minLength: 1,
    maxLength: maximum,
    pattern: PRINTABLE,
    [TEXT_KEYWORD]: kind,
  });
}

/**
 * A list whose length is looked at before its entries: to collect the flaws of any number of them costs more than it
 * helps.
 */
export const list = <Entry extends z.ZodType>(entry: Entry, maximum: number) => {
  const bounded = z.array(entry).min(1).max(maximum);
  return z.preprocess((entries, { addIssue }) => {
    if (!Array.isArray(entries) || entries.length <= maximum) return entries;
    addIssue({ code: 'too_big', origin: 'array', maximum, inclusive: true, input: entries });
    return z.NEVER;
  }, bounded);
};

/** Some of the fields of an object, of which at least one has to be there. */
export const someOf = <Shape extends z.core.$ZodLooseShape>(fields: Shape) =>
  z
    .strictObject(fields)
    .partial()
    .refine((given) => Object.keys(given).length > 0, {
      message: 'must name at least one field to change',
      params: { keyword: 'minProperties' },
    })
    .meta({ minProperties: 1 });

/** A secret or a name that somebody types: anything but control characters. */
export const typed = (maximum: number) =>
  z
    .string()
    .max(maximum)
    .regex(/^[^\x00-\x1f\x7f-\x9f]*$/);

/** Text of one line, with something to read in it, and nothing unseen at its ends. */
export const line = (maximum: number) => text('line', maximum);

/** Text that names one thing. */
const code = (maximum: number) => text('code', maximum);

export const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

export const timestamp = z.iso
  .datetime({ offset: true })
  .meta({ examples: ['2026-01-31T09:30:00.125+00:00'] });

/** A time zone of the IANA database. `Etc/GMT+3` is one; `UTC+3`, which PostgreSQL would take as the opposite, is not. */
export const timeZone = z
  .string()
  .max(64)
  .regex(/^[A-Za-z][A-Za-z_]*([/+-][A-Za-z0-9_+-]+)*$/)
  .meta({ examples: ['Europe/Berlin'] });

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** The most that one line may name, and that a reorder point may be. */
export const QUANTITY_LIMIT = 1_000_000_000;

/**
 * A quantity in the item's unit. What the item allows of decimals, the ledger knows. `multipleOf` is not said in the
 * document: a validator that divides doubles would refuse 0.3 for 0.0001.
 */
const quantityFrom = (minimum: number) =>
  z
    .number()
    .refine((value) => decimalsOf(value) !== undefined, {
      message: `must have at most ${MOST_DECIMALS} decimals`,
      params: { keyword: 'decimals' },
      abort: true,
    })
    .min(minimum)
    .max(QUANTITY_LIMIT);
const asItsItem = 'In the unit of the item, with no more decimals than the item has.';

/** How much of an item moves. */
export const quantity = quantityFrom(1 / 10 ** MOST_DECIMALS).meta({ description: asItsItem });
/** How much of an item is there. */
export const counted = quantityFrom(0).meta({ description: asItsItem });
/** How much more of an item there is; negative for less. */
export const difference = quantityFrom(-QUANTITY_LIMIT).meta({
  description: `To add; negative to take. ${asItsItem}`,
});
/** At how much of an item it is time for more. */
export const reorderPoint = quantityFrom(0).meta({ description: asItsItem, examples: [20] });

/** How many decimals the quantities of an item may have. */
export const decimals = z
  .int()
  .min(0)
  .max(MOST_DECIMALS)
  .meta({
    description:
      'How many decimals its quantities may have: 3 for grams of an item in kg. Of an item that has or had stock, it can be raised, not lowered.',
    examples: [3],
  });

/** Money, exact: a JSON number would be binary. At most nine digits before the point and four after. */
export const price = z
  .string()
  .regex(/^(0|[1-9]\d{0,8})(\.\d{1,4})?$/, 'must be a price such as 2.55, with at most four decimals')
  .meta({ examples: ['2.55'] });

export const sku = code(64).meta({ description: 'Upper and lower case differ.', examples: ['85123A'] });
export const itemName = line(200).meta({ examples: ['WHITE HANGING HEART T-LIGHT HOLDER'] });
export const unit = line(20).meta({ examples: ['each'] });
export const barcode = code(64).meta({ examples: ['5012345678900'] });
export const categoryName = line(100).meta({ examples: ['Kitchen'] });
export const supplierName = line(100).meta({ examples: ['Potteries Ltd'] });
export const locationCode = code(32).meta({ examples: ['main'] });
