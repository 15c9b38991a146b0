import { useEffect, useRef, useState } from 'preact/hooks';
import { Failure } from '../api/failure';
import { logIn, logOut } from '../api/session';
import { Field } from '../parts/field';
import { FailureNotice } from '../parts/notice';

/** @param again who was logged in until now: over the view, which stays as it is. */
export function LogIn({ again }: { readonly again?: string }) {
  const [failure, setFailure] = useState<Failure>();
  const [busy, setBusy] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (again === undefined) document.title = 'Log in · Inventory';
    else dialog.current?.showModal();
  }, [again]);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setFailure(undefined);
    try {
      await logIn(again ?? String(form.get('username')), String(form.get('password')));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  const form = (
    <form class="card" onSubmit={submit} aria-labelledby="log-in">
      <h1 id="log-in">{again === undefined ? 'Inventory' : 'Log in again'}</h1>
      {again !== undefined && <p>Your session has ended. What you typed is still there.</p>}
      <Field label="User name">
        {(attributes) => (
          <input
            {...attributes}
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            autofocus={again === undefined}
            readOnly={again !== undefined}
            defaultValue={again ?? ''}
          />
        )}
      </Field>
      <Field label="Password">
        {(attributes) => (
          <input
            {...attributes}
            name="password"
            type="password"
            autocomplete="current-password"
            required
            autofocus={again !== undefined}
          />
        )}
      </Field>
      <FailureNotice failure={failure} />
      <button type="submit" class="main" disabled={busy}>
        Log in
      </button>
      {again !== undefined && (
        <button type="button" class="quiet" onClick={logOut}>
          Log in as somebody else
        </button>
      )}
    </form>
  );
  if (again === undefined) return <main class="log-in">{form}</main>;
  return (
    <dialog ref={dialog} onCancel={(event) => event.preventDefault()} aria-labelledby="log-in">
      {form}
    </dialog>
  );
}
