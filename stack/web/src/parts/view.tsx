import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface ViewProps {
  readonly title: string;
  /** Under the title: what it is, in a line. */
  readonly about?: ComponentChildren;
  /** Beside the title. */
  readonly actions?: ComponentChildren;
  readonly children?: ComponentChildren;
  /** Whether the view fills the window and scrolls inside. */
  readonly filling?: boolean;
}

/** One view of the page, which names the window too. */
export function View({ title, about, actions, children, filling = false }: ViewProps) {
  useEffect(() => {
    document.title = `${title} · Inventory`;
  }, [title]);
  return (
    <div class={filling ? 'view filling' : 'view'}>
      <div class="head">
        <div>
          <h1>{title}</h1>
          {about && <p class="about">{about}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}
