import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Failure } from '../api/failure';
import type { Page } from './keyset';
import { FailureNotice } from './notice';

interface PagedProps<Row> {
  readonly label: string;
  /** Filters: the list begins anew when one of them changes. */
  readonly inputs: readonly unknown[];
  readonly read: (cursor: string | undefined) => Promise<Page<Row>>;
  readonly head: JSX.Element;
  readonly row: (row: Row) => JSX.Element;
  readonly empty: ComponentChildren;
}

/** A table of a list's first page, to which a button adds the next. */
export function Paged<Row>({ label, inputs, read, head, row, empty }: PagedProps<Row>) {
  const [rows, setRows] = useState<readonly Row[]>();
  const [next, setNext] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure>();
  const round = useRef(0);

  async function load(cursor: string | undefined) {
    round.current += 1;
    const mine = round.current;
    try {
      const page = await read(cursor);
      if (mine !== round.current) return;
      setRows((before) => (cursor === undefined ? page.data : [...(before ?? []), ...page.data]));
      setNext(page.next_cursor);
      setFailure(undefined);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (mine === round.current) setFailure(error);
    }
  }
  useEffect(() => void load(undefined), inputs);

  return (
    <>
      <FailureNotice failure={failure}>
        <button type="button" onClick={() => load(rows && next ? next : undefined)}>
          Try again
        </button>
      </FailureNotice>
      <section class="panel scroll" tabIndex={0} aria-label={label}>
        <table>
          <thead>{head}</thead>
          <tbody>{rows?.map(row)}</tbody>
        </table>
        {rows?.length === 0 && <p class="empty">{empty}</p>}
      </section>
      {next && (
        <p class="actions">
          <button type="button" onClick={() => load(next)}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}
