import { useCallback, useEffect, useState } from 'preact/hooks';
import { Failure } from '../api/failure';

export interface Loaded<Data> {
  /** The newest that came; it stays while newer is asked for. */
  readonly data: Data | undefined;
  readonly failure: Failure | undefined;
  readonly again: () => void;
}

/** Asks when it is first shown and whenever `inputs` change; an answer that is not wanted any more is dropped. */
export function useLoad<Data>(ask: () => Promise<Data>, inputs: readonly unknown[]): Loaded<Data> {
  const [data, setData] = useState<Data>();
  const [failure, setFailure] = useState<Failure>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let wanted = true;
    ask().then(
      (found) => {
        if (!wanted) return;
        setData(() => found);
        setFailure(undefined);
      },
      (error) => {
        if (!wanted) return;
        if (!(error instanceof Failure)) throw error;
        setFailure(error);
      },
    );
    return () => {
      wanted = false;
    };
  }, [...inputs, round]);
  const again = useCallback(() => setRound((before) => before + 1), []);
  return { data, failure, again };
}
