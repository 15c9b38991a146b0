import { useState } from 'preact/hooks';
import { Failure } from '../api/failure';

export interface Action {
  readonly busy: boolean;
  readonly failure: Failure | undefined;
  /** What was done, to be said. */
  readonly said: string | undefined;
  /** @param work gives what is to be said of it, if anything. @returns whether it was done. */
  readonly run: (work: () => Promise<string | undefined>) => Promise<boolean>;
}

/** Something that a person has done, and what came of it. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const [said, setSaid] = useState<string>();
  async function run(work: () => Promise<string | undefined>): Promise<boolean> {
    setBusy(true);
    setFailure(undefined);
    setSaid(undefined);
    try {
      setSaid(await work());
      return true;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(
        error.status === 412 ? new Failure('Somebody else has changed it: look, and try again.') : error,
      );
      return false;
    } finally {
      setBusy(false);
    }
  }
  return { busy, failure, said, run };
}
