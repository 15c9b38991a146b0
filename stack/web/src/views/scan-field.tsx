import { useEffect, useRef, useState } from 'preact/hooks';
import { Failure } from '../api/failure';
import { itemsOf, type Scan, scanOf } from '../parts/scanner';
import type { Line } from './stock-draft';

interface ScanFieldProps {
  readonly onItem: (item: Line['item'], count: number) => void;
  readonly disabled: boolean;
}

/** What became of a scan that has no item yet. */
interface Open {
  readonly scan: Scan;
  readonly items: readonly Line['item'][];
  readonly failure?: Failure;
}

/**
 * A field for a barcode scanner, which is a keyboard that ends with Enter. It is free for the next code at once: codes
 * are looked up one after the other, and none is lost.
 */
export function ScanField({ onItem, disabled }: ScanFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  const queue = useRef<Promise<void>>(Promise.resolve());
  const [looking, setLooking] = useState(0);
  const [open, setOpen] = useState<readonly Open[]>([]);
  const [said, setSaid] = useState('');

  async function look(scan: Scan) {
    try {
      const items = await itemsOf(scan.code);
      const [item] = items;
      if (item && items.length === 1) {
        onItem(item, scan.count);
        setSaid(`${item.name}, ${scan.count} more`);
      } else {
        setOpen((before) => [...before, { scan, items }]);
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setOpen((before) => [...before, { scan, items: [], failure: error }]);
    }
  }

  function enqueue(scan: Scan) {
    setLooking((count) => count + 1);
    queue.current = queue.current.then(() => look(scan)).finally(() => setLooking((count) => count - 1));
  }

  function close(entry: Open) {
    setOpen((before) => before.filter((other) => other !== entry));
    field.current?.focus();
  }

  useEffect(() => {
    if (open[0] && open[0].items.length > 0) document.querySelector<HTMLElement>('.choices button')?.focus();
  }, [open[0]]);

  return (
    <div class="scan">
      <label for="scan">Scan or type a barcode, SKU or name</label>
      <input
        id="scan"
        ref={field}
        data-search
        autofocus
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        disabled={disabled}
        aria-describedby="scan-hint"
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          const scan = scanOf(event.currentTarget.value);
          event.currentTarget.value = '';
          if (scan) enqueue(scan);
        }}
      />
      <p id="scan-hint" class="note">
        {looking > 0
          ? 'Looking it up…'
          : 'Enter adds one; 12*CODE adds twelve, 1.5*CODE one and a half. Ctrl+Enter sends the list.'}
      </p>
      <p class="hidden" role="status">
        {said}
      </p>
      <div role="alert">
        {open.map((entry) => (
          <div class="notice" key={entry}>
            {entry.items.length > 0 ? (
              <>
                <p>Several items match “{entry.scan.code}”. Which one?</p>
                <div
                  class="choices"
                  onKeyDown={(event) => {
                    const step = {
                      ArrowDown: 'nextElementSibling',
                      ArrowUp: 'previousElementSibling',
                    } as const;
                    const way = step[event.key as keyof typeof step];
                    if (event.key === 'Escape') close(entry);
                    if (!way) return;
                    event.preventDefault();
                    (document.activeElement?.[way] as HTMLElement | null)?.focus();
                  }}
                >
                  {entry.items.map((item) => (
                    <button
                      type="button"
                      key={item.id}
                      onClick={() => {
                        onItem(item, entry.scan.count);
                        close(entry);
                      }}
                    >
                      <code>{item.sku}</code> {item.name}
                    </button>
                  ))}
                  <button type="button" class="quiet" onClick={() => close(entry)}>
                    None of them
                  </button>
                </div>
              </>
            ) : (
              <>
                <p>
                  {entry.failure?.message ?? 'No item has this code or name.'} <code>{entry.scan.code}</code>
                </p>
                <div class="actions">
                  <button
                    type="button"
                    onClick={() => {
                      close(entry);
                      enqueue(entry.scan);
                    }}
                  >
                    Look again
                  </button>
                  <button type="button" class="quiet" onClick={() => close(entry)}>
                    Leave it out
                  </button>
                </div>
              </>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}
