import { Notice } from './notice';

/** A secret that is shown this once. */
export function Secret({ what, secret }: { readonly what: string; readonly secret: string }) {
  return (
    <Notice>
      <p>
        <b>{what}</b> Keep it now: it is never shown again.
      </p>
      <input
        class="secret"
        aria-label="Secret"
        readOnly
        value={secret}
        onFocus={(event) => event.currentTarget.select()}
      />
    </Notice>
  );
}
