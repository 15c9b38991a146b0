import type { ComponentChildren } from 'preact';
import type { Failure } from '../api/failure';

/** What went wrong, and the way on if there is one. Read out at once. */
export function FailureNotice({
  failure,
  children,
}: {
  readonly failure: Failure | undefined;
  readonly children?: ComponentChildren;
}) {
  return (
    <div role="alert">
      {failure && (
        <div class="notice bad">
          <p>{failure.message}</p>
          {children && <div class="actions">{children}</div>}
        </div>
      )}
    </div>
  );
}

export function Notice({ children }: { readonly children: ComponentChildren }) {
  return (
    <div role="status" class="notice good">
      {children}
    </div>
  );
}
