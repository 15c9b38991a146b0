import { z } from 'zod';
import {
  barcode,
  decimals,
  id,
  itemName,
  line,
  price,
  reorderPoint,
  sku,
  someOf,
  timestamp,
  unit,
} from '../../fields.js';
import { ITEM_SORTS } from '../../repositories/items.js';
import { CountedPageQuery, countedPage } from '../schemas.js';

const fields = {
  sku,
  name: itemName,
  category_id: id.nullable(),
  supplier_id: id.nullable(),
  unit,
  decimals,
  unit_price: price,
  reorder_point: reorderPoint,
  barcode: barcode.nullable(),
};

export const Item = z
  .object({
    id,
    ...fields,
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
    archived_at: timestamp.nullable(),
  })
  .meta({ id: 'Item' });

const stocked = z.number().optional().meta({ description: 'With stock=true: over all locations.' });

export const ItemPage = countedPage('Item', Item.extend({ on_hand: stocked }));

export const NewItem = z
  .strictObject({
    ...fields,
    category_id: fields.category_id.default(null),
    supplier_id: fields.supplier_id.default(null),
    unit: fields.unit.default('each'),
    decimals: decimals.default(0),
    unit_price: price.default('0'),
    reorder_point: fields.reorder_point.default(0),
    barcode: fields.barcode.default(null),
  })
  .meta({
    id: 'NewItem',
    examples: [{ sku: 'TEAPOT-1', name: 'Blue teapot', unit_price: '12.50', reorder_point: 5 }],
  });

export const ItemPatch = someOf({
  ...fields,
  archived: z.literal(false).meta({ description: 'Brings an archived item back.' }),
}).meta({ id: 'ItemPatch', examples: [{ unit_price: '13.00' }] });

export const ItemQuery = CountedPageQuery.extend({
  sort: z.enum(ITEM_SORTS).default('sku').meta({ description: '`-` for descending.' }),
  search: line(100).optional().meta({
    description:
      'Words of the name, or beginnings of them, whatever their case, accents and width, or a part of a Chinese or Japanese word; or the beginning of a SKU as it is, in capitals or in small letters; or a whole barcode.',
  }),
  // Without an example, which the page would send.
  sku: line(64).optional().meta({ description: 'Exactly this SKU.' }),
  barcode: line(64).optional().meta({ description: 'Exactly this barcode.' }),
  category_id: id.optional(),
  supplier_id: id.optional(),
  archived: z
    .boolean()
    .default(false)
    .meta({ description: 'Only archived items rather than only live ones.' }),
  stock: z.boolean().default(false).meta({ description: 'Lists each item with what is in stock of it.' }),
});

export const ItemStock = z
  .object({
    item_id: id,
    on_hand: z.number(),
    locations: z.array(z.object({ location_id: id, location: z.string(), on_hand: z.number() })),
  })
  .meta({ id: 'ItemStock' });
