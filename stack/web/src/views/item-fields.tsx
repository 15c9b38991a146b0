import type { Item, Schemas } from '../api/client';
import type { Failure } from '../api/failure';
import { Field } from '../parts/field';
import { useNames } from '../parts/lookups';
import { stepOf, sumText } from '../parts/numbers';

export const ITEM_FIELDS = [
  'sku',
  'name',
  'category_id',
  'supplier_id',
  'unit',
  'decimals',
  'unit_price',
  'reorder_point',
  'barcode',
] as const satisfies readonly (keyof Schemas['NewItem'] & keyof Item)[];
export type ItemField = (typeof ITEM_FIELDS)[number];
/** An item as a form has it: what somebody types is text. */
export type ItemDraft = Readonly<Record<ItemField, string>>;

export const FIELD_NAMES: Readonly<Record<ItemField, string>> = {
  sku: 'SKU',
  name: 'Name',
  category_id: 'Category',
  supplier_id: 'Supplier',
  unit: 'Unit',
  decimals: 'Decimals',
  unit_price: 'Price',
  reorder_point: 'Reorder at',
  barcode: 'Barcode',
};

export function draftOf(item: Item): ItemDraft {
  return Object.fromEntries(ITEM_FIELDS.map((field) => [field, String(item[field] ?? '')])) as ItemDraft;
}

export const NEW_ITEM: ItemDraft = {
  sku: '',
  name: '',
  category_id: '',
  supplier_id: '',
  unit: 'each',
  decimals: '0',
  unit_price: '0.00',
  reorder_point: '0',
  barcode: '',
};

/** What the API takes for the text of a form. Text is composed here: who types é does not choose how. */
export function sentOf(field: ItemField, text: string): string | number | null {
  const value = text.normalize('NFC').trim();
  if (field === 'category_id' || field === 'supplier_id') return value === '' ? null : Number(value);
  if (field === 'reorder_point' || field === 'decimals') return Number(value || '0');
  if (field === 'barcode') return value === '' ? null : value;
  return value;
}

interface ItemFieldsProps {
  readonly draft: ItemDraft;
  readonly onChange: (draft: ItemDraft) => void;
  readonly failure: Failure | undefined;
}

/** The controls of an item, for a new one and for one that changes. */
export function ItemFields({ draft, onChange, failure }: ItemFieldsProps) {
  const names = { category_id: useNames('categories').list, supplier_id: useNames('suppliers').list };
  const change = (field: ItemField) => (event: Event) =>
    onChange({ ...draft, [field]: (event.currentTarget as HTMLInputElement).value });
  const text = (field: ItemField, attributes: Readonly<Record<string, unknown>> = {}) => (
    <Field label={FIELD_NAMES[field]} error={failure?.at(`/body/${field}`)}>
      {(own) => <input {...own} {...attributes} value={draft[field]} onInput={change(field)} />}
    </Field>
  );
  const choice = (field: 'category_id' | 'supplier_id') => (
    <Field label={FIELD_NAMES[field]} error={failure?.at(`/body/${field}`)}>
      {(own) => (
        <select {...own} value={draft[field]} onChange={change(field)}>
          <option value="">–</option>
          {names[field].map(({ id, name }) => (
            <option key={id} value={String(id)}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
  return (
    <div class="fields">
      {text('name', { required: true, maxLength: 200 })}
      {text('sku', { required: true, maxLength: 64, spellcheck: false })}
      {text('barcode', { maxLength: 64, spellcheck: false })}
      {choice('category_id')}
      {choice('supplier_id')}
      {text('unit', { required: true, maxLength: 20 })}
      <Field
        label={FIELD_NAMES.decimals}
        hint="Of quantities. With stock, they can be raised, not lowered."
        error={failure?.at('/body/decimals')}
      >
        {(own) => (
          <select {...own} value={draft.decimals} onChange={change('decimals')}>
            <option value="0">none: whole numbers</option>
            {['1', '2', '3', '4'].map((decimals) => (
              <option key={decimals} value={decimals}>
                {decimals}: {sumText(stepOf({ decimals: Number(decimals) }))}
              </option>
            ))}
          </select>
        )}
      </Field>
      {text('unit_price', { required: true, inputMode: 'decimal', pattern: '[0-9]+([.][0-9]{1,4})?' })}
      {text('reorder_point', {
        type: 'number',
        min: 0,
        max: 1_000_000_000,
        step: stepOf({ decimals: Number(draft.decimals) }),
      })}
    </div>
  );
}
