import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Failure } from '../api/failure';
import type { KeysetList } from './keyset';
import { FailureNotice } from './notice';

/** Rows drawn beyond the edges of what is seen. */
const OVERSCAN = 8;
/** Browsers draw nothing beyond some 17 million pixels: from here on, the rows move instead. */
const TALLEST_PX = 8_000_000;

interface VirtualRowsProps<Row> {
  readonly list: KeysetList<Row>;
  /** What it is a list of. */
  readonly label: string;
  readonly columns: number;
  readonly head: ComponentChildren;
  /** Cells of a row; nothing for one that is still on its way. */
  readonly row: (row: Row | undefined, index: number) => ComponentChildren;
  readonly empty: ComponentChildren;
  /** Row at the top, where the list was left. */
  readonly start: number;
  readonly onTop: (index: number) => void;
}

/** A table that draws only the rows that are seen. Arrow keys go from row to row. */
export function VirtualRows<Row>(props: VirtualRowsProps<Row>) {
  const { list, label, columns, head, row, empty, start, onTop } = props;
  const [, setDrawings] = useState(0);
  const redraw = () => setDrawings((count) => count + 1);
  const [failure, setFailure] = useState<Failure>();
  const box = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(36);
  const [span, setSpan] = useState({ first: start, last: start + 40 });
  /** The row at the top of the scrolled area; not 0 in a list that is too tall for a browser. */
  const [base, setBase] = useState(0);
  const rowsFit = Math.floor(TALLEST_PX / height);
  const known = list.complete ? list.rows : list.rows + 20;
  const focus = useRef<number | undefined>(undefined);

  const measure = () => {
    const element = box.current;
    if (!element) return;
    const headHeight = (element.firstElementChild as HTMLElement).offsetHeight;
    const first = base + Math.floor(element.scrollTop / height);
    const last = first + Math.ceil((element.clientHeight - headHeight) / height);
    onTop(first);
    if (first - base > rowsFit - 1000) {
      const moved = Math.floor(rowsFit / 2);
      setBase(base + moved);
      element.scrollTop -= moved * height;
    } else if (base > 0 && first - base < 500) {
      const moved = Math.min(base, Math.floor(rowsFit / 2));
      setBase(base - moved);
      element.scrollTop += moved * height;
    }
    setSpan((before) => (before.first === first && before.last === last ? before : { first, last }));
  };

  const show = () => {
    const { first, last } = span;
    list.show(first - OVERSCAN, last + OVERSCAN).then(
      () => {
        setFailure(undefined);
        redraw();
      },
      (error) => {
        if (!(error instanceof Failure)) throw error;
        setFailure(error);
      },
    );
  };
  useEffect(show, [list, span]);
  useEffect(() => setBase(0), [list]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    // As tall as the style sheet says for this width.
    const size = () => {
      setHeight(Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36);
      measure();
    };
    size();
    const observer = new ResizeObserver(size);
    observer.observe(element);
    return () => observer.disconnect();
  }, [list, height, base]);
  // Once the rows are there that it was left at.
  const restored = useRef<KeysetList<Row> | undefined>(undefined);
  useLayoutEffect(() => {
    if (restored.current === list || list.rows < start) return;
    restored.current = list;
    if (box.current) box.current.scrollTop = start * height;
  });
  useLayoutEffect(() => {
    if (focus.current === undefined) return;
    const link = body.current?.querySelector<HTMLElement>(`[data-row="${focus.current}"] a`);
    if (link && link !== document.activeElement) link.focus({ preventScroll: true });
    if (link) focus.current = undefined;
  });

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
    // The row of a key before this one may not be drawn yet.
    const current =
      focus.current ?? (event.target as Element).closest<HTMLElement>('[data-row]')?.dataset.row;
    const element = box.current;
    if (step === undefined || !element) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(list.rows - 1, current === undefined ? 0 : Number(current) + step));
    const drawn = body.current?.querySelector<HTMLElement>(`[data-row="${next}"] a`);
    focus.current = drawn ? undefined : next;
    // A row that goes out of sight is not drawn any more, and would take the focus with it.
    (drawn ?? element).focus({ preventScroll: true });
    const top = (next - base) * height;
    const room = element.clientHeight - (element.firstElementChild as HTMLElement).offsetHeight - height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + room) element.scrollTop = top - room;
    redraw();
  }

  const from = Math.max(base, span.first - OVERSCAN);
  const to = Math.min(known, span.last + OVERSCAN, base + rowsFit);
  const drawn = [];
  for (let index = from; index < to; index += 1) drawn.push(index);
  const nothing = list.complete && list.rows === 0;
  return (
    <>
      <FailureNotice failure={failure}>
        <button type="button" onClick={show}>
          Try again
        </button>
      </FailureNotice>
      <div
        class="rows"
        ref={box}
        role="table"
        aria-label={label}
        aria-rowcount={list.complete ? list.rows + 1 : -1}
        aria-colcount={columns}
        onScroll={measure}
        onKeyDown={onKeyDown}
        tabIndex={0}
      >
        <div class="rows-head" role="rowgroup">
          {head}
        </div>
        <div
          ref={body}
          role="rowgroup"
          class="rows-body"
          style={{ height: `${Math.min(known - base, rowsFit) * height}px` }}
        >
          {drawn.map((index) => (
            <div
              key={index}
              class={index % 2 ? 'row odd' : 'row'}
              role="row"
              aria-rowindex={index + 2}
              data-row={index}
              style={{ top: `${(index - base) * height}px` }}
            >
              {row(list.row(index), index)}
            </div>
          ))}
        </div>
        {nothing && <div class="empty">{empty}</div>}
      </div>
    </>
  );
}
