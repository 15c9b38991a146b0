import { useState } from 'preact/hooks';

interface SureButtonProps {
  /** What it does: `Remove`. */
  readonly text: string;
  /** Of what, for those who do not see the row. */
  readonly of: string;
  readonly disabled: boolean;
  readonly onSure: () => void;
}

/** A button for what cannot be undone: it is pressed twice. */
export function SureButton({ text, of, disabled, onSure }: SureButtonProps) {
  const [asked, setAsked] = useState(false);
  return (
    <button
      type="button"
      class={asked ? 'small' : 'quiet small'}
      disabled={disabled}
      onBlur={() => setAsked(false)}
      onClick={() => {
        if (asked) onSure();
        setAsked(!asked);
      }}
    >
      {asked ? `Really ${text.toLowerCase()}` : text}
      <span class="hidden"> {of}</span>
    </button>
  );
}
