import type { Readable } from 'node:stream';
import { parse } from 'csv-parse';

/** The columns that a file of order lines must have, as the Online Retail data set names them. */
const COLUMNS = ['InvoiceNo', 'StockCode', 'Quantity'] as const;
type OrderColumn = (typeof COLUMNS)[number];

export interface OrderLine {
  readonly invoice: string;
  readonly sku: string;
  /** Units sold; negative for a return. */
  readonly quantity: number;
}

/** Why a row of the file is no movement of stock. */
export interface Refusal {
  readonly column: OrderColumn;
  readonly reason: string;
  /** The cell as it is in the file. */
  readonly value: string;
}

export interface OrderRow {
  /** The header is row 1. */
  readonly number: number;
  /** Where the row ends in the file. */
  readonly endByte: number;
  /** The cells as they came. */
  readonly record: readonly string[];
  readonly content: { readonly line: OrderLine } | { readonly refusal: Refusal };
}

/**
 * Reads a CSV file of order lines as a stream.
 *
 * @throws {Error} for a file that is no CSV or lacks a column.
 */
export async function* readOrderRows(file: Readable): AsyncGenerator<OrderRow> {
  const parser = file.pipe(parse({ bom: true, info: true, relax_column_count: true }));
  file.once('error', (error) => parser.destroy(error));
  let columns: Record<OrderColumn, number> | undefined;
  let number = 0;
  for await (const { record, info } of parser as AsyncIterable<{
    record: string[];
    info: { bytes: number };
  }>) {
    number += 1;
    if (columns) yield { number, endByte: info.bytes, record, content: readRow(record, columns) };
    else columns = findColumns(record);
  }
  if (!columns) throw new Error('the file is empty');
}

function findColumns(header: readonly string[]): Record<OrderColumn, number> {
  const missing = COLUMNS.filter((column) => !header.includes(column));
  if (missing.length > 0) throw new Error(`the file has no column ${missing.join(', ')}`);
  return {
    InvoiceNo: header.indexOf('InvoiceNo'),
    StockCode: header.indexOf('StockCode'),
    Quantity: header.indexOf('Quantity'),
  };
}

function readRow(record: readonly string[], columns: Record<OrderColumn, number>): OrderRow['content'] {
  const cell = (column: OrderColumn) => (record[columns[column]] ?? '').trim();
  for (const column of COLUMNS) {
    if (cell(column) === '') return { refusal: { column, reason: 'is missing', value: '' } };
  }
  const value = cell('Quantity');
  const quantity = /^-?\d{1,9}$/.test(value) ? Number(value) : 0;
  if (quantity === 0) {
    return { refusal: { column: 'Quantity', reason: 'is no whole number other than zero', value } };
  }
  return { line: { invoice: cell('InvoiceNo'), sku: cell('StockCode'), quantity } };
}
